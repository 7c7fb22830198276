"""Values that loops carry and return in vain, or that are the same in all steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.walk import ancestors
from ...ops.control import argument
from .parts import (
    FIXED,
    Changed,
    LoopParts,
    change_loops,
    moved_out,
    outputs_of,
    substituted,
)

_UNREAD = "unread results, carries and inputs of a loop -> none"
_UNREAD_SOUND = "nothing that is read depends on them"
_SAME = "carry that no step changes -> input that all steps share"
_SAME_SOUND = "the body returns the carry as it is"
_ONCE = "value that a loop is passed or stacks twice -> once"
_ONCE_SOUND = "both are one value"
_INSIDE = "constant that is passed to a loop -> constant in its body"
_INSIDE_SOUND = "always"
_OUTSIDE = "value that is the same in all steps of a loop -> value outside"
_OUTSIDE_SOUND = "it depends on nothing that a step changes, and draws nothing"


@dataclass(frozen=True)
class TidyLoops:
    """Remove what loops compute in vain, and compute outside what no step changes.

    Before: any graph of primitives. After: every carry and value of a loop is read, or
    something is that depends on it; what a body is passed, it reads; and a body
    computes nothing of constants and shared inputs alone. Sound when bodies are pure,
    as all are.
    """

    name: str = "tidy loops"
    whole: bool = False
    """True to make arrays of one number outside. Until the end of the pipeline they
    stay where rules see what they are."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {
            _UNREAD: _UNREAD_SOUND,
            _SAME: _SAME_SOUND,
            _ONCE: _ONCE_SOUND,
            _INSIDE: _INSIDE_SOUND,
            _OUTSIDE: _OUTSIDE_SOUND,
        }

    def run(self, graph: Graph) -> Graph:
        """The graph with smaller loops."""
        return change_loops(graph, partial(_tidy, whole=self.whole))


def _tidy(parts: LoopParts, read: frozenset[int], *, whole: bool) -> Changed | None:
    node, count = parts.node, len(parts.carries)
    live = _live(parts, read)
    carries = {i: each for i, each in enumerate(parts.carries) if i in live}
    same = {i for i, each in carries.items() if each.next is each.variable}
    rules = {_SAME: _SAME_SOUND} if same else dict[str, str]()
    stacking = [parts.values[i - count] for i in sorted(read) if i >= count]
    values = dict.fromkeys(stacking)
    if len(values) < len(stacking):
        rules[_ONCE] = _ONCE_SOUND
    smaller = replace(
        parts,
        carries=tuple(each for i, each in carries.items() if i not in same),
        shared=(
            *((carries[i].variable, carries[i].start) for i in sorted(same)),
            *parts.shared,
        ),
        values=tuple(values),
    )
    smaller = _each_once(smaller, rules)
    smaller = _used(_without_invariants(smaller, rules, whole=whole))
    built = smaller.build()
    if built is node:
        return None
    if not rules or len(smaller.carries) + len(stacking) < len(node.bodies[0].outputs):
        rules[_UNREAD] = _UNREAD_SOUND
    moving = [i for i in carries if i not in same]
    places = {index: place for place, index in enumerate(moving)}
    stacked = {value: len(moving) + place for place, value in enumerate(values)}
    results: dict[int, int | Node] = {
        index: carries[index].start
        if index in same
        else places[index]
        if index < count
        else stacked[parts.values[index - count]]
        for index in read
    }
    return Changed(built, results, rules)


def _live(parts: LoopParts, read: frozenset[int]) -> set[int]:
    """The carries that are read after the loop, or by what is read."""
    count = len(parts.carries)
    by_variable = {each.variable: i for i, each in enumerate(parts.carries)}
    live = {index for index in read if index < count}
    waiting = [parts.values[index - count] for index in read if index >= count]
    waiting += [parts.carries[index].next for index in live]
    while waiting:
        found = {
            by_variable[node] for node in ancestors(waiting) if node in by_variable
        }
        waiting = [parts.carries[index].next for index in found - live]
        live |= found
    return live


def _used(parts: LoopParts) -> LoopParts:
    """The parts without inputs that no step reads."""
    used = set(ancestors(outputs_of(parts)))
    return replace(
        parts,
        items=tuple(pair for pair in parts.items if pair[0] in used),
        shared=tuple(pair for pair in parts.shared if pair[0] in used),
    )


def _each_once(parts: LoopParts, rules: dict[str, str]) -> LoopParts:
    """The parts with each input once, and constants in the body."""
    images: dict[Node, Node] = {}
    kept: list[list[tuple[Node, Node]]] = []
    for pairs in (parts.items, parts.shared):
        first: dict[Node, Node] = {}
        kept.append([])
        for variable, value in pairs:
            if value.op.role in FIXED and pairs is parts.shared:
                rules[_INSIDE] = _INSIDE_SOUND
                images[variable] = value
            elif value in first:
                rules[_ONCE] = _ONCE_SOUND
                images[variable] = first[value]
            else:
                first[value] = variable
                kept[-1].append((variable, value))
    items, shared = map(tuple, kept)
    if not images:
        return parts
    return substituted(replace(parts, items=items, shared=shared), images)


def _without_invariants(
    parts: LoopParts, rules: dict[str, str], *, whole: bool
) -> LoopParts:
    """The parts with a body of what steps change.

    Args:
        parts: a loop.
        rules: those that change it, to which it is added.
        whole: True to make arrays of one number outside, too.
    """
    outside = dict(parts.shared)
    is_run = isinstance(parts.length, int) and parts.length > 0
    order = Graph(outputs_of(parts)).nodes
    moved: list[Node] = []
    for node in order:
        if node in outside or node.op.role is Role.ARGUMENT:
            continue
        if not node.inputs:
            if whole and node.op.role is Role.FULL and node.ndim:
                outside[node] = moved_out(node, (), parts.node)
                moved.append(node)
            continue
        is_same = all(p in outside or p.op.role in FIXED for p in node.inputs)
        if is_same and (is_run or node.op.positions is None):
            inputs = tuple(outside.get(parent, parent) for parent in node.inputs)
            outside[node] = moved_out(node, inputs, parts.node)
            moved.append(node)
    if not moved:
        return parts
    # Those that what stays in the body reads.
    passed = {p for n in order if n not in outside for p in n.inputs}
    passed |= set(outputs_of(parts))
    images = {
        node: argument(len(order) + place, node.type, node.name)
        for place, node in enumerate(moved)
        if node in passed
    }
    rules[_OUTSIDE] = _OUTSIDE_SOUND
    shared = (*parts.shared, *((images[node], outside[node]) for node in images))
    return substituted(replace(parts, shared=shared), images)
