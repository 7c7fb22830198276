"""Equal layers in a row, of which a drawing shows one with their number.

Layers are equal where their nodes are the same ops, of the same shapes and options,
put together in the same way, and each takes what the one before it gives. The values of
parameters don't count.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..ir.facts import NAMED, Role
from ..ir.node import Node
from .scene import Edge, Scene, Vertex

Group = tuple[str, bool]


@dataclass(frozen=True)
class Repeat:
    """Several equal layers in a row."""

    names: tuple[str, ...]

    @property
    def first(self) -> str:
        """The name of the first one."""
        return self.names[0]

    @property
    def span(self) -> str:
        """The first and the last name."""
        return f"{self.first} … {self.names[-1]}"

    @property
    def title(self) -> str:
        """The names and the number."""
        return f"{self.span}   × {len(self.names)}"


@dataclass(frozen=True)
class _Layer:
    """The nodes of one layer in their order, and what they take from outside."""

    name: str
    vertices: tuple[Vertex, ...]
    structure: Hashable
    taken: tuple[Node, ...]


def equal_layers(
    scene: Scene, members: Mapping[Group, Sequence[Vertex]]
) -> Iterator[tuple[Repeat, list[tuple[Vertex, ...]]]]:
    """Several equal layers in a row, each with its vertices, outer layers first.

    Args:
        scene: the drawing.
        members: the vertices in each layer, outer layers first.
    """
    siblings: dict[str, list[_Layer]] = {}
    users = _users(scene)
    for (name, derivative), vertices in members.items():
        if not derivative:
            outer = name.rpartition(".")[0]
            siblings.setdefault(outer, []).append(_layer(name, vertices))
    for layers in siblings.values():
        for run in _runs(layers, users):
            names = tuple(layer.name for layer in run)
            yield Repeat(names), [layer.vertices for layer in run]


def without_repeats(
    scene: Scene, members: Mapping[Group, Sequence[Vertex]]
) -> tuple[Scene, dict[str, Repeat]]:
    """A drawing without all but the first of equal layers in a row.

    Args:
        scene: the drawing.
        members: the vertices in each layer, outer layers first.

    Returns:
        The drawing, and the number of the layers that one stands for, by its name.
    """
    repeats: dict[str, Repeat] = {}
    gone: set[str] = set()
    same: dict[str, str] = {}
    apart: dict[str, str] = {}
    for repeat, layers in equal_layers(scene, members):
        first = layers[0]
        if any(vertex.key in gone for vertex in first):
            continue
        repeats[repeat.first] = repeat
        for place, layer in enumerate(layers):
            for vertex, kept in zip(layer, first, strict=True):
                apart[vertex.key] = f"{repeat.first} {place}"
                if place:
                    same[vertex.key] = kept.key
                    gone.add(vertex.key)
    edges = _rerouted(scene.edges, same, apart)
    vertices = tuple(vertex for vertex in scene.vertices if vertex.key not in gone)
    return replace(scene, vertices=vertices, edges=tuple(edges)), repeats


def _users(scene: Scene) -> dict[Node, set[Node]]:
    """The nodes that use the value of each."""
    nodes = {vertex.key: vertex.node for vertex in scene.vertices}
    found: dict[Node, set[Node]] = {}
    for edge in scene.edges:
        tail, head = nodes[edge.tail], nodes[edge.head]
        if not edge.is_gradient and tail is not None and head is not None:
            found.setdefault(tail, set()).add(head)
    return found


def _layer(name: str, vertices: Sequence[Vertex]) -> _Layer:
    nodes = [vertex.node for vertex in vertices if vertex.node is not None]
    places: dict[Node, int] = {node: place for place, node in enumerate(nodes)}
    taken: dict[Node, int] = {}
    structure = [
        (
            node.op.name,
            str(node.type),
            _options(node),
            tuple(
                ("inside", places[p])
                if p in places
                else ("outside", taken.setdefault(p, len(taken)))
                if p.inputs or p.op.role in NAMED
                else ("literal", _options(p))
                for p in node.inputs
            ),
        )
        for node in nodes
    ]
    return _Layer(name, tuple(vertices), tuple(structure), tuple(taken))


def _options(node: Node) -> Hashable:
    """The options of a node; the start of a parameter is none of them."""
    if node.op.role in NAMED:
        return ()
    if node.op.role is Role.CONSTANT:
        array: Any = node.attributes["value"].array
        return (str(array.dtype), array.shape, array.tobytes())
    return tuple(
        (name, repr(value))
        for name, value in node.attributes.items()
        if name not in ("name", *node.op.bodies)
    )


def _runs(
    layers: Sequence[_Layer], users: Mapping[Node, set[Node]]
) -> Iterator[list[_Layer]]:
    """Several layers that are equal and follow each other."""
    run: list[_Layer] = []
    for layer in layers:
        if run and _follows(layer, run[-1], users):
            run.append(layer)
            continue
        if len(run) > 1:
            yield run
        run = [layer]
    if len(run) > 1:
        yield run


def _follows(layer: _Layer, before: _Layer, users: Mapping[Node, set[Node]]) -> bool:
    """True of a layer that is equal to the one before, and alone takes its result."""
    if layer.structure != before.structure:
        return False
    own = {vertex.node for vertex in layer.vertices}
    earlier = {vertex.node for vertex in before.vertices}
    passed = [
        (one, other)
        for one, other in zip(layer.taken, before.taken, strict=True)
        if one is not other
    ]
    given = {
        node
        for node in earlier
        if node is not None and not users.get(node, set()) <= earlier
    }
    return (
        len(passed) == 1
        and given == {passed[0][0]}
        and passed[0][1] not in earlier
        and users[passed[0][0]] <= own | earlier
    )


def _rerouted(
    edges: Sequence[Edge], same: Mapping[str, str], apart: Mapping[str, str]
) -> Iterator[Edge]:
    """The edges of what is kept; those from one layer to the next are gone."""
    seen: set[Any] = set()
    for edge in edges:
        ends = apart.get(edge.tail), apart.get(edge.head)
        if None not in ends and ends[0] != ends[1] and _stem(ends[0]) == _stem(ends[1]):
            continue
        tail, head = same.get(edge.tail, edge.tail), same.get(edge.head, edge.head)
        is_moved = (tail, head) != (edge.tail, edge.head)
        if edge.tail in same and edge.head in same:
            continue
        if is_moved and (tail, head, edge.is_gradient) in seen:
            continue
        seen.add((tail, head, edge.is_gradient))
        yield replace(edge, tail=tail, head=head)


def _stem(text: str | None) -> str:
    return (text or "").rpartition(" ")[0]
