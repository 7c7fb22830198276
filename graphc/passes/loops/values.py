"""Values of a loop, kept for the loop of its derivative, which computes them anew."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.types import TupleType
from ...ir.walk import structural_key
from ...ops.control import RESULT, argument
from ..base import note
from .parts import (
    Changed,
    LoopParts,
    is_result_of_loop,
    item_name,
    outputs_of,
    result_of,
    substituted,
)

_RULE = "value that a loop computes anew -> item of what another one stacks"
_SOUND = "both loops have the same steps, and compute the value of the same values"


@dataclass(frozen=True)
class KeepLoopValues:
    """Let loops stack what loops of their derivatives need.

    Before: primitives; a derivative of a loop goes along the carries that each step
    began with, and computes the other values anew. After: it goes along these as well,
    and computes none that the other loop has computed, but for views. Sound when both
    go along the same sequences: bodies are pure.
    """

    name: str = "keep values of loops"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph in which no loop computes what another one has computed."""
        loops = [node for node in graph.nodes if node.op.role is Role.LOOP]
        if len(loops) < 2:
            return graph
        parts = {node: LoopParts.of(node) for node in loops}
        stacked: dict[Node, dict[Node, None]] = {node: {} for node in loops}
        needs: dict[Node, list[_Needed]] = {}
        for node in loops:
            needs[node] = []
            for other in _earlier(parts[node], parts):
                found = _needed(parts[node], parts[other])
                taken = {value for known in needs[node] for value in known.images}
                images = {n: v for n, v in found.items() if n not in taken}
                if images:
                    stacked[other].update(dict.fromkeys(images.values()))
                    needs[node].append(_Needed(other, images))
        if not any(needs.values()):
            return graph
        return _rebuilt(graph, parts, stacked, needs)


@dataclass(frozen=True)
class _Needed:
    """Values of one loop that another one computes anew."""

    source: Node
    images: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """By the value in the other body, that in the body of the source."""


def _earlier(parts: LoopParts, loops: Mapping[Node, LoopParts]) -> list[Node]:
    """The loops of as many steps whose stacked values a loop goes along."""
    sources = {
        value.inputs[0]: None
        for _, value in parts.items
        if is_result_of_loop(value)
        and value.attributes["index"] >= len(loops[value.inputs[0]].carries)
    }
    return [node for node in sources if loops[node].length == parts.length]


def _needed(later: LoopParts, earlier: LoopParts) -> dict[Node, Node]:
    """The values of a step that the later loop computes though the earlier one has.

    Returns:
        Those that others need, with the values in the earlier loop.
    """
    images: dict[Node, Node] = {}
    items, shared = _first_by_value(earlier.items), _first_by_value(earlier.shared)
    for variable, value in later.items:
        if value in items:
            images[variable] = items[value]
        elif is_result_of_loop(value) and value.inputs[0] is earlier.node:
            place = value.attributes["index"] - len(earlier.carries)
            if place >= 0:
                images[variable] = earlier.values[place]
    for variable, value in later.shared:
        if value in shared:
            images[variable] = shared[value]
    # Arguments that are passed the same value are the same.
    same = {variable: items[value] for variable, value in earlier.items}
    same |= {variable: shared[value] for variable, value in earlier.shared}
    numbers: dict[Node, int] = {}
    known: dict[Hashable, Node] = {}

    def number(node: Node) -> int:
        return numbers[same.get(node, node)]

    for place, node in enumerate(Graph(outputs_of(earlier)).nodes):
        numbers[node] = place
        if node.op.role is not Role.ARGUMENT:
            key = structural_key(node, tuple(number(p) for p in node.inputs))
            known.setdefault(key, node)
    order = Graph(outputs_of(later)).nodes
    for node in order:
        if node.op.role is Role.ARGUMENT or any(p not in images for p in node.inputs):
            continue
        inputs = tuple(number(images[parent]) for parent in node.inputs)
        image = known.get(structural_key(node, inputs))
        if image is not None:
            images[node] = image
    kept = {
        node
        for node in images
        if node.inputs
        and not node.op.is_view(node)
        and not isinstance(node.type, TupleType)
    }
    reading = [node for node in order if node not in kept and node.inputs]
    needed = {parent for node in reading for parent in node.inputs}
    needed |= set(outputs_of(later))
    return {node: images[node] for node in order if node in kept and node in needed}


def _first_by_value(pairs: Iterable[tuple[Node, Node]]) -> dict[Node, Node]:
    """The first argument that is passed each value."""
    found: dict[Node, Node] = {}
    for variable, value in pairs:
        found.setdefault(value, variable)
    return found


def _rebuilt(
    graph: Graph,
    parts: Mapping[Node, LoopParts],
    stacked: Mapping[Node, Mapping[Node, None]],
    needs: Mapping[Node, list[_Needed]],
) -> Graph:
    """The graph with loops that stack more, and loops that go along more."""
    images: dict[Node, Node] = {}
    changed: dict[Node, Changed] = {}
    places: dict[tuple[Node, Node], int] = {}
    for node in graph.nodes:
        inputs = tuple(images[parent] for parent in node.inputs)
        if node.op.role is Role.LOOP:
            own = parts[node]
            values = dict.fromkeys(own.values)
            values.update(stacked[node])
            for place, value in enumerate(values):
                places[node, value] = len(own.carries) + place
            new = replace(LoopParts.of(node, inputs), values=(*values,))
            items = list(new.items)
            variables: dict[Node, Node] = {}
            for each in needs[node]:
                loop = changed[each.source].loop
                for mine, theirs in each.images.items():
                    index = {"index": places[each.source, theirs]}
                    sequence = RESULT.build((loop,), index)
                    variable = argument(len(items), mine.type, item_name(mine))
                    variables[mine] = variable
                    items.append((variable, sequence))
            new = substituted(replace(new, items=tuple(items)), variables)
            results: dict[int, int | Node] = {i: i for i in range(len(own.carries))}
            for place, value in enumerate(own.values, len(own.carries)):
                results[place] = places[node, value]
            rules = {_RULE: _SOUND} if needs[node] else dict[str, str]()
            changed[node] = Changed(new.build(), results, rules)
            images[node] = changed[node].loop
        elif is_result_of_loop(node):
            images[node] = result_of(changed, node)
            for name, sound_when in changed[node.inputs[0]].rules.items():
                note(name, sound_when, node, images[node])
        else:
            images[node] = node.with_inputs(inputs)
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))
