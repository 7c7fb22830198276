"""The graph of a page: vertices inside vertices, edges, and what flows back.

It is the view that drawings have of a graph (`viz.scene`), with the inside of every
block and body at hand, for a reader to open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DifferentiationError
from ..ir.bodies import argument_of
from ..ir.called import shown
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.origin import label_of
from ..ir.types import TupleType
from ..ir.walk import reading_order
from ..viz.bodies import result_names
from ..viz.drawing import forward_scene
from ..viz.gradient import Outputs, Trained, backward_scene, overlay_scene
from ..viz.layers import Group, layers_of, members_of
from ..viz.repeats import Repeat, equal_layers
from ..viz.scene import Scene, VertexRole, build_scene, shape_text
from ..viz.text import place, printable

_MOST = 3000
"""Vertices beyond which blocks and bodies have no inside on a page."""


Arrow = tuple[int, int, str]
"""An edge: the vertices that it goes from and to, and its text."""


@dataclass(eq=False)
class Shape:
    """A vertex of a page, which may have others inside."""

    number: int
    role: VertexRole
    lines: tuple[str, ...]
    about: tuple[str, ...]
    node: Node
    parent: int | None
    is_backward: bool
    refers: int | None = None
    """The vertex whose value it marks, or stands for in the backward graph."""
    is_in_body: bool = False
    """True where it has a value at each run of a body, and so none to show."""

    @property
    def has_bodies(self) -> bool:
        """True for a loop, a branch or a call of a function."""
        return bool(shown(self.node).bodies)


@dataclass(frozen=True, eq=False)
class Flow:
    """The gradients that flow back from one vertex to another."""

    tail: int
    head: int
    lines: tuple[str, ...]
    values: tuple[Node, ...]


@dataclass(eq=False)
class PageGraph:
    """All vertices, edges and flows, found by the nodes that they show."""

    shapes: list[Shape] = field(default_factory=list[Shape])
    edges: list[Arrow] = field(default_factory=list[Arrow])
    flows: list[Flow] = field(default_factory=list[Flow])
    gradients: dict[int, list[tuple[str, Node]]] = field(
        default_factory=dict[int, list[tuple[str, Node]]]
    )
    """The gradients of the value of a vertex, with what each is called."""
    forward: dict[Node, int] = field(default_factory=dict[Node, int])
    backward: dict[Node, int] = field(default_factory=dict[Node, int])
    exits: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """Inside of a vertex, those that its results are."""
    layers: dict[int, tuple[Group, ...]] = field(
        default_factory=dict[int, tuple[Group, ...]]
    )
    """The layers of layers that a vertex is in, the outermost first."""
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """The class of each of these layers, by its name."""
    repeats: list[Repeat] = field(default_factory=list[Repeat])
    _references: dict[Node, int] = field(default_factory=dict[Node, int])
    """Forward values in the backward graph."""
    _orders: dict[tuple[int, ...], int] = field(
        default_factory=dict[tuple[int, ...], int]
    )

    def find(self, node: Node) -> int | None:
        """The vertex of a node of the forward graph, or of what it was made from.

        A node that a pass made stands at the place of the one it replaced, in the
        order of declaration.
        """
        if node in self.forward:
            return self.forward[node]
        for length in range(len(node.order), 0, -1):
            found = self._orders.get(node.order[:length])
            if found is not None:
                return found
        return None

    def ends(self, node: Node) -> tuple[int | None, int | None]:
        """The vertices that a gradient flows from and to: None for neither."""
        derivative = node.origin.derivative
        if derivative is None:
            return None, None
        of = derivative.of
        return self.find(derivative.through), None if of is None else self.find(of)

    @property
    def nodes(self) -> list[Node]:
        """All nodes that have a value for inputs that are fed."""
        found = [shape.node for shape in self.shapes if not shape.is_in_body]
        found += [node for pairs in self.gradients.values() for _, node in pairs]
        found += [node for flow in self.flows for node in flow.values]
        return [n for n in dict.fromkeys(found) if not isinstance(n.type, TupleType)]

    def data(self) -> Mapping[str, Any]:
        """The graph as JSON has it."""
        return {
            "vertices": [self._vertex(shape) for shape in self.shapes],
            "edges": [[tail, head, printable(text)] for tail, head, text in self.edges],
            "flows": [
                [flow.tail, flow.head, [*map(printable, flow.lines)]]
                for flow in self.flows
            ],
            "exits": self.exits,
        }

    def _vertex(self, shape: Shape) -> Mapping[str, Any]:
        node = shown(shape.node)
        location = node.origin.location
        found: dict[str, Any] = {
            "role": shape.role,
            "lines": [*map(printable, shape.lines)],
            "about": [*map(printable, shape.about)],
            "op": node.op.name,
            "name": printable(label_of(node) or ""),
            "type": str(shape.node.type),
            "shape": shape_text(shape.node),
            "line": printable(place(location)),
            "rules": [*map(printable, node.origin.rules[-6:])],
            "parent": shape.parent,
            "backward": shape.is_backward,
            "refers": shape.refers,
        }
        if node.op.role is Role.RESULT:
            found["place"] = node.attributes["index"]
        through, of = self.ends(node)
        found |= {"through": through, "of": of}
        return {k: v for k, v in found.items() if v not in (None, "", False, [])}

    # Construction

    def add(self, scene: Scene, *, backward: bool) -> dict[str, int]:
        """Add a whole drawing, with all that is inside of its vertices.

        Returns:
            The numbers of its vertices by their keys.
        """
        first = len(self.shapes)
        places = self._add(scene, None, backward)
        inside = layers_of(scene)
        self.layers |= {places[key]: groups for key, groups in inside.around.items()}
        self.kinds |= inside.kinds
        # A gradient that is a result stands in the layer that computes it.
        for edge in scene.edges if backward else ():
            if edge.head.startswith("out") and edge.tail in inside.around:
                self.layers[places[edge.head]] = inside.around[edge.tail]
        if not backward:
            members = members_of(scene, inside)
            self.repeats = [repeat for repeat, _ in equal_layers(scene, members)]
        pending = deque(range(first, len(self.shapes)))
        while pending and len(self.shapes) < _MOST:
            pending.extend(self._open(self.shapes[pending.popleft()]))
        return places

    def _add(
        self,
        scene: Scene,
        parent: Shape | None,
        backward: bool,
        outside: Mapping[Node, int] | None = None,
    ) -> dict[str, int]:
        """Add the vertices of a drawing but for those that are there already."""
        places: dict[str, int] = {}
        for vertex in scene.vertices:
            node = vertex.node
            assert node is not None
            if outside is not None and node in outside:
                places[vertex.key] = outside[node]
                continue
            number = len(self.shapes)
            places[vertex.key] = number
            is_end = vertex.key.startswith("out")
            refers = self._known(backward).get(node) if is_end else None
            if backward and not is_end and node in self.forward:
                refers = self.forward[node]
                self._references[node] = number
            elif not is_end:
                self._known(backward).setdefault(node, number)
                if not backward:
                    self._orders.setdefault(node.order, number)
            # With several losses, gradients are called by theirs, too.
            told = {name.rpartition(": ")[2] for name, _ in vertex.gradients}
            is_inside = parent is not None and (parent.is_in_body or parent.has_bodies)
            self.shapes.append(
                Shape(
                    number,
                    vertex.role,
                    tuple(line for line in vertex.lines if line not in told),
                    vertex.tooltip,
                    node,
                    None if parent is None else parent.number,
                    backward,
                    refers,
                    is_in_body=is_inside,
                )
            )
        for edge in scene.edges:
            if edge.is_gradient:
                continue
            tail, head = places[edge.tail], places[edge.head]
            if self.shapes[tail].is_backward == self.shapes[head].is_backward:
                self.edges.append((tail, head, " ".join(edge.lines)))
        return places

    def _known(self, backward: bool) -> dict[Node, int]:
        return self.backward if backward else self.forward

    def _open(self, shape: Shape) -> list[int]:
        """Add what is inside of a vertex; the numbers of what is."""
        if shape.refers is not None:
            return []
        node, first = shown(shape.node), len(self.shapes)
        if node.op.is_block:
            self._open_block(shape, node)
        elif node.bodies:
            self._open_bodies(shape, node)
        return [*range(first, len(self.shapes))]

    def _open_block(self, shape: Shape, block: Node) -> None:
        backward = shape.is_backward
        known = self._known(backward)
        outside = {**self.forward, **self._references, **known}
        inside = reading_order(
            [block.expansion], lambda n: () if n in outside else shown(n).inputs
        )
        new = [node for node in inside if node not in outside]
        if block.expansion in outside or len(new) < 2:
            return
        leaves = {node: label_of(node) or "" for node in inside if node in outside}
        scene = build_scene("inside", [("", block.expansion)], leaves=leaves)
        scene = replace(
            scene,
            vertices=tuple(v for v in scene.vertices if v.key != "out0"),
            edges=tuple(e for e in scene.edges if e.head != "out0"),
        )
        self._add(scene, shape, backward, outside)
        self.exits[shape.number] = [known[block.expansion]]

    def _open_bodies(self, shape: Shape, node: Node) -> None:
        known = {**self.forward, **self._references, **self._known(shape.is_backward)}
        for number, body in enumerate(node.bodies):
            outputs = [*zip(result_names(node, number), body.outputs, strict=True)]
            scene = build_scene("inside", outputs)
            places = self._add(scene, shape, shape.is_backward)
            keys = {v.node: v.key for v in scene.vertices if v.key[:3] != "out"}
            for index, argument in argument_of(body).items():
                given = known.get(node.inputs[index])
                if argument in keys and given is not None:
                    text = shape_text(argument)
                    self.edges.append((given, places[keys[argument]], text))
            # Of the bodies of a while loop the last one makes results.
            if node.op.role is not Role.WHILE or number:
                ends = [places[f"out{place}"] for place in range(len(outputs))]
                self.exits.setdefault(shape.number, ends)


def page_graph(outputs: Outputs, trained: Trained | None) -> PageGraph:
    """The forward graph of named outputs, and the backward graph where there is one."""
    graph = PageGraph()
    try:
        scene = overlay_scene(outputs, trained, primitive=False)
    except DifferentiationError:
        graph.add(forward_scene([*outputs], primitive=False), backward=False)
        return graph
    places = graph.add(scene, backward=False)
    for vertex in scene.vertices:
        if vertex.gradients:
            graph.gradients[places[vertex.key]] = [*vertex.gradients]
    rank = {vertex.key: n for n, vertex in enumerate(scene.vertices)}
    flows = [edge for edge in scene.edges if edge.is_gradient]
    for edge in sorted(flows, key=lambda edge: rank[edge.tail], reverse=True):
        ends = places[edge.tail], places[edge.head]
        graph.flows.append(Flow(*ends, edge.lines, edge.values))
    graph.add(backward_scene(outputs, trained, primitive=False), backward=True)
    return graph
