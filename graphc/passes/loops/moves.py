"""Work of loops that needs no order: done for all steps at once, before or after."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ...ir.dims import Shape, evaluate_shape, symbols_of
from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.literal import is_uniform
from ...ir.node import Node
from ...ir.origin import replacing, within
from ...ir.walk import ancestors
from ...ops.arithmetic import add
from ...ops.batching import batched, stacked
from ...ops.control import RESULT, argument
from .parts import (
    Changed,
    LoopParts,
    change_loops,
    item_name,
    outputs_of,
    substituted,
)
from .totals import leaves_of_total, total_of

_BEFORE = "value of an item of a loop -> item of a value of all items"
_AFTER = "value that no later step needs -> value of all steps, after the loop"
_TOTAL = "sum that a loop carries -> sum over all steps, after the loop"
_SOUND = "it depends on no carry, or no carry depends on it; sums are regrouped"

_GROWTH = 8
"""The number of times by which arrays may become larger by a move."""

_NAMED_SIZE = 64
"""The number that a named size is taken for, when sizes are compared."""


@dataclass(frozen=True)
class MoveOutOfLoops:
    """Compute before and after loops what needs not be computed step by step.

    Before: primitives. After: a loop computes what depends on its carries and what
    they depend on, and values whose arrays for all steps would be much larger than
    what the loop takes and returns. Sound when bodies are pure, as all are: each value
    is computed of the same numbers, for all steps at once.
    """

    name: str = "move out of loops"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_BEFORE: _SOUND, _AFTER: _SOUND, _TOTAL: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with loops that do less."""
        return change_loops(graph, _moved)


def _moved(parts: LoopParts, read: frozenset[int]) -> Changed | None:
    rules: dict[str, str] = {}
    before = _move_before(parts, rules)
    after = _After(before)
    if not after.wanted or not after.is_worth_it():
        if before is parts:
            return None
        count = len(parts.carries) + len(parts.values)
        return Changed(before.build(), {i: i for i in range(count)}, rules)
    return after.changed(rules)


def _elements(shape: Shape) -> int:
    """The number of elements, with a guess at named sizes."""
    guess = dict.fromkeys(symbols_of(shape), _NAMED_SIZE)
    return math.prod(evaluate_shape(shape, guess))


def _limit(parts: LoopParts) -> int:
    """The most elements that a value may have of which there is one for each step."""
    known = [variable for variable, _ in parts.items]
    known += [each.variable for each in parts.carries]
    known += parts.values
    return _GROWTH * max((_elements(node.shape) for node in known), default=1)


def _may_move(node: Node, limit: int) -> bool:
    """True for an op that is known for several examples at once, unless too large."""
    if node.op.role is Role.RESULT:
        return _may_move(node.inputs[0], limit)
    has_rule = not node.op.bodies or node.op.batch is not None
    return has_rule and not node.op.is_block and _elements(node.shape) <= limit


# Before -------------------------------------------------------------------------------


def _move_before(parts: LoopParts, rules: dict[str, str]) -> LoopParts:
    """The parts with what depends on items alone computed before the loop."""
    outputs = outputs_of(parts)
    order, limit = Graph(outputs).nodes, _limit(parts)
    items = {variable for variable, _ in parts.items}
    shared = {variable for variable, _ in parts.shared}
    ahead: dict[Node, None] = {}
    for node in order:
        is_known = node.inputs and all(
            p in ahead or p in items or p in shared or not _depends(p)
            for p in node.inputs
        )
        if is_known and _may_move(node, limit):
            ahead[node] = None
    # A view of an item costs nothing in the loop.
    users = Graph(outputs).users
    for node in reversed([*ahead]):
        if node.op.is_view(node) and not any(user in ahead for user in users[node]):
            del ahead[node]
    read = {p for node in order if node not in ahead for p in node.inputs}
    read |= set(outputs)
    needed = [node for node in ahead if node in read]
    if not needed:
        return parts
    rules[_BEFORE] = _SOUND
    known = dict((*parts.items, *parts.shared))
    values = _for_all_steps(needed, known, parts)
    variables: dict[Node, Node] = {}
    more = list(parts.items)
    for place, (node, value) in enumerate(zip(needed, values, strict=True)):
        variable = argument(len(order) + place, node.type, item_name(node))
        variables[node] = variable
        more.append((variable, value))
    return substituted(replace(parts, items=tuple(more)), variables)


def _depends(node: Node) -> bool:
    """False for constants, sizes and what else has no inputs."""
    return bool(node.inputs) or node.op.role is Role.ARGUMENT


def _for_all_steps(
    nodes: Iterable[Node], known: Mapping[Node, Node], parts: LoopParts
) -> list[Node]:
    """Values of all steps along a first axis.

    Args:
        nodes: values of one step.
        known: what is there for values of one step.
        parts: the loop.
    """
    nodes = list(nodes)
    with within(parts.node):
        found = batched(nodes, known, parts.length, since=None)
        return [
            stacked(value, node, parts.length)
            for node, value in zip(nodes, found, strict=True)
        ]


# After --------------------------------------------------------------------------------


@dataclass
class _After:
    """Values that a loop need not compute itself, since no later step needs them."""

    parts: LoopParts
    totals: dict[int, Node] = field(default_factory=dict[int, Node])
    """Carries that are sums, with what each step adds."""
    wanted: dict[Node, None] = field(default_factory=dict[Node, None])
    """Values of steps that are to be known for all of them."""
    cut: dict[Node, None] = field(default_factory=dict[Node, None])
    """Values that the loop has to stack for them."""

    def __post_init__(self) -> None:
        parts = self.parts
        outputs = outputs_of(parts)
        self._users = Graph(outputs).users
        self._limit = _limit(parts)
        self._known = dict((*parts.items, *parts.shared))
        terms = (self._term(i, set(outputs)) for i in range(len(parts.carries)))
        self.totals = {
            index: term
            for index, term in enumerate(terms)
            if term is not None and self._is_small(term)
        }
        while True:
            self._core = self._ancestors_of_carries()
            # What the loop computes itself, it also adds up.
            own = [i for i, term in self.totals.items() if self._is_own(term)]
            if not own:
                break
            for index in own:
                del self.totals[index]
        for term in self.totals.values():
            self.wanted.update(dict.fromkeys(leaves_of_total(term, self._is_same)))
        for value in parts.values:
            if not self._is_in_loop(value):
                self.wanted[value] = None
        self.cut = dict.fromkeys(self._cuts(self.wanted))

    def _is_same(self, node: Node) -> bool:
        """True for a value that is the same in all steps."""
        shared = {variable for variable, _ in self.parts.shared}
        if node.op.role is Role.ARGUMENT:
            return node in shared
        return not node.inputs

    def _term(self, index: int, outputs: Collection[Node]) -> Node | None:
        """The term that each step adds to a carry that is nothing but a sum."""
        each = self.parts.carries[index]
        variable, total = each.variable, each.next
        if total.op is not add.op or total.dtype.kind != "f":
            return None
        others = [node for node in total.inputs if node is not variable]
        is_sum = (
            len(others) == 1
            and others[0].type == total.type
            and set(self._users.get(variable, ())) == {total}
            and not self._users[total]
            and variable not in outputs
            and total not in set(self.parts.values)
        )
        return others[0] if is_sum else None

    def _ancestors_of_carries(self) -> set[Node]:
        """All that a carry depends on which is no sum."""
        carries = enumerate(self.parts.carries)
        rest = [each.next for i, each in carries if i not in self.totals]
        return set(ancestors(rest)) if rest else set[Node]()

    def _is_own(self, term: Node) -> bool:
        """True for a term that the loop computes as it stands."""
        is_whole = leaves_of_total(term, self._is_same)[0] is term
        return is_whole and self._is_in_loop(term)

    def _is_small(self, term: Node) -> bool:
        """True where no array of all steps has to be much larger than the loop's."""
        leaves = leaves_of_total(term, self._is_same)
        most = self._limit
        if leaves[0] is term:
            # A sum in the loop needs one array, and of all terms as many as steps.
            most //= _GROWTH
        return all(_elements(leaf.shape) <= most for leaf in leaves)

    def _is_in_loop(self, node: Node) -> bool:
        """True for a value that is there in the loop anyway, or has to be."""
        if node in self._known:
            return False
        if node.op.role is Role.RESULT:
            return self._is_in_loop(node.inputs[0])
        is_moved = node.inputs and node not in self._core
        return not (is_moved and _may_move(node, self._limit))

    def _cuts(self, nodes: Iterable[Node]) -> list[Node]:
        """The values in the loop of which others are computed after it."""
        found: list[Node] = []
        seen: set[Node] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node in seen or node in self._known or not _depends(node):
                continue
            seen.add(node)
            if self._is_in_loop(node):
                found.append(node)
            else:
                waiting += node.inputs
        return sorted(found, key=lambda node: node.order)

    def is_worth_it(self) -> bool:
        """True where the loop need not stack much more than it takes and returns."""
        stacked = set(self.parts.values)
        more = sum(_elements(n.shape) for n in self.cut if n not in stacked)
        known = sum(_elements(n.shape) for n in stacked)
        known += sum(_elements(variable.shape) for variable, _ in self.parts.items)
        return more <= _GROWTH * max(known, 1)

    def changed(self, rules: dict[str, str]) -> Changed:
        """The smaller loop, and what follows it."""
        parts, count = self.parts, len(self.parts.carries)
        kept = [index for index in range(count) if index not in self.totals]
        values = [value for value in parts.values if self._is_in_loop(value)]
        values = [*dict.fromkeys((*values, *self.cut))]
        smaller = replace(
            parts,
            carries=tuple(parts.carries[index] for index in kept),
            values=tuple(values),
        )
        loop = smaller.build()
        places = {value: len(kept) + place for place, value in enumerate(values)}
        known = dict(self._known)
        for node in self.cut:
            known[node] = RESULT.build((loop,), {"index": places[node]})
        wanted = [*self.wanted]
        stacks = dict(zip(wanted, _for_all_steps(wanted, known, parts), strict=True))
        results: dict[int, int | Node] = {
            index: place for place, index in enumerate(kept)
        }
        for index, term in self.totals.items():
            start = parts.carries[index].start
            with replacing(term, _TOTAL), within(parts.node):
                total = total_of(term, stacks, self._known, self._is_same)
                total = total if is_uniform(start, 0.0) else start + total
            rules[_TOTAL] = _SOUND
            results[index] = total
        for place, value in enumerate(parts.values, count):
            if value in stacks:
                rules[_AFTER] = _SOUND
                results[place] = stacks[value]
            else:
                results[place] = places[value]
        return Changed(loop, results, rules)
