"""Carries that a loop stacks twice: as each step begins, and as it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...ir.graph import Graph
from ...ir.node import Node
from ...ops.control import RESULT
from ...ops.indexing import slice_axis
from ...ops.joining import CONCATENATE
from ...ops.shape import expand_dims
from .parts import Carry, Changed, LoopParts, change_loops

_RULE = "carries before all steps -> the first, and those after all steps but the last"
_SOUND = "a step begins with what the one before it has ended with"


@dataclass(frozen=True)
class StackOnce:
    """Let loops stack a carry once, where both are wanted before and after each step.

    Before: primitives. After: no loop stacks a carry before and after its steps.
    Sound when a carry is what the step before returns, which is how a loop is defined.
    """

    name: str = "stack carries once"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with loops that stack less."""
        return change_loops(graph, _once)


def _once(parts: LoopParts, read: frozenset[int]) -> Changed | None:
    stacked, kept = {*parts.values}, set[Node]()
    twice: dict[Node, Carry] = {}
    for each in parts.carries:
        is_stacked = each.variable in stacked - kept
        if is_stacked and each.next in stacked - {each.variable}:
            twice[each.variable] = each
            # What another one is read from stays.
            stacked -= {each.variable}
            kept |= {each.next}
    if not twice:
        return None
    values = [value for value in parts.values if value not in twice]
    count = len(parts.carries)
    loop = replace(parts, values=tuple(values)).build()
    places = {value: count + place for place, value in enumerate(values)}
    results: dict[int, int | Node] = {i: i for i in range(count)}
    for index, value in enumerate(parts.values, count):
        if value in places:
            results[index] = places[value]
            continue
        each = twice[value]
        after = RESULT.build((loop,), {"index": places[each.next]})
        name = value.name and f"{value.name}_states"
        first, last = expand_dims(each.start, 0), after.shape[0]
        if parts.node.attributes["reverse"]:
            joined = CONCATENATE.build((after, first), {"axis": 0}, name=name)
            results[index] = slice_axis(joined, 0, 1, last + 1)
        else:
            joined = CONCATENATE.build((first, after), {"axis": 0}, name=name)
            results[index] = slice_axis(joined, 0, 0, last)
    return Changed(loop, results, {_RULE: _SOUND})
