"""Loops taken apart, and put together again with other parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...ir.bodies import as_result
from ...ir.dims import Dimension
from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.origin import label_of, replacing
from ...ops.control import RESULT, argument
from ..base import note

FIXED = frozenset({Role.CONSTANT, Role.SIZE, Role.FULL})
"""Roles of values that stand in bodies, where rules see what they are."""


@dataclass(frozen=True)
class Carry:
    """A value that each step takes from the one before."""

    variable: Node
    """The argument of the body; a new one where no step reads it."""
    start: Node
    """The first value, outside."""
    next: Node
    """The value after a step, in the body."""


@dataclass(frozen=True)
class LoopParts:
    """A scan: arguments of its body with what is passed for them, and its results."""

    node: Node
    carries: tuple[Carry, ...]
    items: tuple[tuple[Node, Node], ...]
    """Arguments, and the sequences of which they are items."""
    shared: tuple[tuple[Node, Node], ...]
    """Arguments that are the same in all steps, and their values."""
    values: tuple[Node, ...]
    """The values of a step that are stacked, in the body."""

    @staticmethod
    def of(node: Node, inputs: Sequence[Node] | None = None) -> LoopParts:
        """The parts of a scan, perhaps of other inputs of the same types."""
        inputs = node.inputs if inputs is None else inputs
        body, count = node.bodies[0], node.attributes["carries"]
        after: int = count + node.attributes["sequences"]
        known: dict[int, Node] = {
            each.attributes["index"]: each for each in body.arguments
        }
        return LoopParts(
            node,
            tuple(
                Carry(
                    known[index] if index in known else argument(index, start.type),
                    start,
                    value,
                )
                for index, (start, value) in enumerate(
                    zip(inputs[:count], body.outputs[:count], strict=True)
                )
            ),
            tuple((known[i], inputs[i]) for i in sorted(known) if count <= i < after),
            tuple((known[i], inputs[i]) for i in sorted(known) if i >= after),
            body.outputs[count:],
        )

    @property
    def length(self) -> Dimension:
        """The number of steps."""
        return self.node.attributes["length"]

    @property
    def variables(self) -> tuple[Node, ...]:
        """All arguments in order."""
        items = (each for each, _ in (*self.items, *self.shared))
        return (*(each.variable for each in self.carries), *items)

    def build(self) -> Node:
        """The scan of these parts: the node itself, if they are its own."""
        inputs = (
            *(each.start for each in self.carries),
            *(value for _, value in (*self.items, *self.shared)),
        )
        outputs = (*(each.next for each in self.carries), *self.values)
        places = {node: place for place, node in enumerate(self.variables)}
        body = self.node.bodies[0]
        if any(node.attributes["index"] != place for node, place in places.items()):
            moved = {
                node: node.copy(attributes={**node.attributes, "index": place})
                for node, place in places.items()
            }
            body = Graph(replaced(outputs, moved))
        elif [*map(id, outputs)] != [*map(id, body.outputs)]:
            body = Graph(outputs)
        node = self.node
        counts = {"carries": len(self.carries), "sequences": len(self.items)}
        if body is node.bodies[0] and [*map(id, inputs)] == [*map(id, node.inputs)]:
            return node
        attributes = {**node.attributes, **counts, "body": body}
        return Node(
            node.op,
            inputs,
            attributes,
            node.op.infer(*(each.type for each in inputs), **attributes),
            name=node.name,
            origin=node.origin,
            order=node.order,
        )


@dataclass(frozen=True)
class Changed:
    """The loop in another one's place, or values in the place of its results."""

    loop: Node
    results: Mapping[int, int | Node]
    """For each result of the old one, that of the new one or what is equal to it."""
    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    """The rules by which it has changed, and when each is sound."""


def result_of(loops: Mapping[Node, Changed], old: Node) -> Node:
    """The value in the place of a result of a loop, which may have changed."""
    changed = loops[old.inputs[0]]
    found = changed.results[old.attributes["index"]]
    if isinstance(found, Node):
        return as_result(found, old)
    if changed.loop is old.inputs[0] and found == old.attributes["index"]:
        return old
    return Node(
        RESULT,
        (changed.loop,),
        {"index": found},
        old.type,
        name=old.name,
        origin=old.origin,
        order=old.order,
    ).told(old.source_name)


def change_loops(
    graph: Graph, rule: Callable[[LoopParts, frozenset[int]], Changed | None]
) -> Graph:
    """The graph with loops changed, inputs first.

    Args:
        graph: any graph.
        rule: what stands in the place of a loop, from its parts and the positions of
            the results that are read; None for the loop as it is.
    """
    read: dict[Node, set[int]] = {}
    for node in graph.nodes:
        if is_result_of_loop(node):
            read.setdefault(node.inputs[0], set()).add(node.attributes["index"])
    if not read:
        return graph
    images: dict[Node, Node] = {}
    loops: dict[Node, Changed] = {}
    for node in graph.nodes:
        inputs = tuple(images[parent] for parent in node.inputs)
        if node in read:
            with replacing(node, "smaller loop"):
                changed = rule(LoopParts.of(node, inputs), frozenset(read[node]))
            if changed is None:
                every = range(len(node.bodies[0].outputs))
                changed = Changed(node.with_inputs(inputs), {i: i for i in every})
            loops[node] = changed
            images[node] = changed.loop
        elif is_result_of_loop(node):
            images[node] = result_of(loops, node)
            for name, sound_when in loops[node.inputs[0]].rules.items():
                note(name, sound_when, node, images[node])
        else:
            images[node] = node.with_inputs(inputs)
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def is_result_of_loop(node: Node) -> bool:
    """True for a node that reads a result of a loop."""
    return node.op.role is Role.RESULT and node.inputs[0].op.role is Role.LOOP


def item_name(node: Node) -> str:
    """The name of an item of a sequence of values of a node."""
    name = label_of(node) or node.op.name
    return name if name.endswith("_t") else f"{name}_t"


def moved_out(node: Node, inputs: tuple[Node, ...], loop: Node) -> Node:
    """A node of a body outside of its loop, at the place of the loop in the order.

    Loops that are written alike share a body, whose nodes are as old as the first. A
    view, such as the transpose of a weight, is called after what it shows.
    """
    name = node.name
    if name is None and node.op.is_view(node) and inputs[0].name is not None:
        name = f"{inputs[0].name}_{node.op.name}"
    return Node(
        node.op,
        inputs,
        node.attributes,
        node.type,
        name=name,
        origin=node.origin,
        order=(*loop.order, *node.order),
    ).told(node.source_name)


def outputs_of(parts: LoopParts) -> tuple[Node, ...]:
    """The results of the body."""
    return (*(each.next for each in parts.carries), *parts.values)


def replaced(outputs: Sequence[Node], images: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The results of a body with other nodes in the place of some."""
    known = dict(images)
    for node in Graph(tuple(outputs)).nodes:
        if node not in known:
            known[node] = node.with_inputs(tuple(known[p] for p in node.inputs))
    return tuple(known[output] for output in outputs)


def substituted(parts: LoopParts, images: Mapping[Node, Node]) -> LoopParts:
    """The parts with other nodes in the place of some of the body."""
    outputs = replaced(outputs_of(parts), images)
    carries = zip(parts.carries, outputs, strict=False)
    return replace(
        parts,
        carries=tuple(replace(each, next=node) for each, node in carries),
        values=outputs[len(parts.carries) :],
    )
