"""Bodies as loop nests: turns of a loop, branches and calls.

A body works on memory that it is given: an item of a sequence is a part of its array, a
stacked value is written where it belongs, and a carried array is no more than another
place from turn to turn. Values without axes are variables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from ...ir.bodies import argument_of, copied_for
from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.labels import counts_from_end
from ...ir.node import Node
from ...ir.scalar import Counter, Index, Load, Number, Scalar, without_ones
from .arena import arena_of
from .elements import is_outside, known
from .replacing import may_replace
from .tree import (
    Arena,
    Body,
    CarriedArray,
    CarriedNumber,
    Choice,
    Item,
    Local,
    Loop,
    Nests,
    Passed,
    Store,
    Turns,
    bodies_of,
    has_total,
    read_by,
    targets,
)


class Outside(Protocol):
    """The statements among which a body stands."""

    def at(self, node: Node, index: Index, /) -> Scalar:
        """An element of a value."""
        ...

    def array(self, node: Node, /) -> Node:
        """The array in which the elements of a value lie in their order."""
        ...

    def fill(self, array: Node, value: Node, /) -> None:
        """Copy the elements of a value to an array."""
        ...

    def keep(self, array: Node, /) -> None:
        """Let an array have a place in memory."""
        ...


Lower = Callable[[Sequence[Node], Collection[Node]], Nests]
"""The way from values to loop nests of some of them."""


def item_of(
    node: Node, results: Sequence[Node], outside: Outside, lower: Lower
) -> Item:
    """The statement that computes the results of a node by its bodies.

    Args:
        node: a loop, a branch or a call.
        results: those of its results that are read.
        outside: what it stands among.
        lower: the way to the loop nests of a body.
    """
    by_place: dict[int, list[Node]] = {}
    for result in results:
        by_place.setdefault(result.attributes["index"], []).append(result)
    if node.op.role in (Role.LOOP, Role.WHILE):
        return _Turns(node, by_place, outside, lower).build()
    return _choice(node, by_place, outside, lower)


def _choice(
    node: Node, results: Mapping[int, list[Node]], outside: Outside, lower: Lower
) -> Choice:
    passed, bodies = Passed(), list[Body]()
    graphs: list[Graph] = []
    arguments: dict[int, Node] = {}
    for place in range(len(node.bodies)):
        graphs.append(copied_for(node, place, arguments))
        arguments |= argument_of(graphs[-1])
    _pass(passed, arguments, node, 0, outside)
    for graph in graphs:
        wanted = [graph.outputs[index] for index in results]
        nests = _nests(graph, wanted, lower)
        free = _computed(wanted)
        for index, found in results.items():
            value = graph.outputs[index]
            for result in found:
                passed.written[result] = None
                if value.ndim and value in free:
                    free.remove(value)
                    passed.same[value] = result
                else:
                    nests.items.append(_copy(result, (), value))
        bodies.append(_body(graph, nests, passed))
    test = None
    if node.op.role is Role.BRANCH:
        test = outside.at(node.inputs[0], ())
    return Choice(node, test, bodies, passed)


class _Turns:
    """A loop that is being built."""

    def __init__(
        self,
        node: Node,
        results: Mapping[int, list[Node]],
        outside: Outside,
        lower: Lower,
    ) -> None:
        self.node, self.results, self.outside = node, results, outside
        self.lower = lower
        self.count: int = node.attributes["carries"]
        self.is_scan = node.op.role is Role.LOOP
        self.graph = copied_for(node, 0 if self.is_scan else 1)
        self.first: list[Item] = []
        """Statements of a turn before all others."""
        self.last: list[Item] = []
        """Those after all others."""

    def build(self) -> Turns:
        """Decide about all values that a turn takes and leaves."""
        node, graph, passed = self.node, self.graph, Passed()
        variables = argument_of(graph)
        test = None
        if not self.is_scan:
            test = copied_for(node, 0, {i: variables[i] for i in variables})
            variables = {**argument_of(test), **variables}
        wanted = [
            value
            for place, value in enumerate(graph.outputs)
            if place in self.results or (place < self.count and place in variables)
        ]
        nests = _nests(graph, wanted, self.lower)
        length = node.attributes["length"] if self.is_scan else 0
        turns = Turns(node, Counter(length), Body(nests, Arena()), passed)
        if self.is_scan:
            turns.reverse = node.attributes["reverse"]
        self._sequences(turns, variables)
        free = _computed(wanted)
        self._stack(turns, free)
        self._carry(turns, variables, free)
        nests.items[:] = [*self.first, *nests.items, *self.last]
        turns.body = _body(graph, nests, passed)
        if test is not None:
            tested = _nests(test, test.outputs, self.lower)
            turns.goes_on = _value(test.outputs[0], ())
            turns.test = _body(test, tested, passed)
        return turns

    def _sequences(self, turns: Turns, variables: Mapping[int, Node]) -> None:
        """Pass sequences, and what is the same in all turns."""
        after = self.count
        if self.is_scan:
            after += self.node.attributes["sequences"]
        for place in range(self.count, after):
            if place in variables:
                array = self.outside.array(self.node.inputs[place])
                turns.passed.read[array] = None
                turns.items.append((variables[place], array))
        _pass(turns.passed, variables, self.node, after, self.outside)

    def _stack(self, turns: Turns, free: set[Node]) -> None:
        """Write values of all turns to their places."""
        for place, found in self.results.items():
            if place < self.count:
                continue
            value = self.graph.outputs[place]
            for result in found:
                turns.passed.written[result] = None
                if value.ndim and value in free:
                    free.remove(value)
                    turns.slots.append((value, result))
                    continue
                copy = _copy(result, (turns.counter,), value)
                is_given = is_outside(value) and value.ndim
                (self.first if is_given else self.last).append(copy)

    def _carry(
        self, turns: Turns, variables: Mapping[int, Node], free: set[Node]
    ) -> None:
        """Carry values from turn to turn."""
        stacked = {value for value, _ in turns.slots}
        for place in range(self.count):
            results = self.results.get(place, [])
            if place not in variables and not results:
                continue
            value = self.graph.outputs[place]
            # Where no turn reads it, it is what is read after the last one.
            variable = (
                variables[place] if place in variables else _like(results[0], "carry")
            )
            turns.passed.written.update(dict.fromkeys(results))
            if variable.ndim:
                self._carry_array(turns, place, variable, value, free, stacked)
            else:
                after = _value(value, ())
                if isinstance(after, Load) and is_outside(value):
                    kept = _like(variable, "next")
                    turns.body.nests.names.add(kept)
                    self.last.append(Local(kept, after))
                    after = Load(kept, (), ())
                start = self.outside.at(self.node.inputs[place], ())
                turns.numbers.append(CarriedNumber(variable, start, after))
                turns.after += [_copy(each, (), variable) for each in results]

    def _carry_array(
        self,
        turns: Turns,
        place: int,
        variable: Node,
        value: Node,
        free: set[Node],
        stacked: set[Node],
    ) -> None:
        given, results = self.node.inputs[place], self.results.get(place, [])
        read = turns.passed.read
        if value in stacked:
            start = self.outside.array(given)
            read[start] = None
            turns.arrays.append(CarriedArray(variable, start, value))
        elif value in free and may_replace(turns.body.nests.items, variable, value):
            free.remove(value)
            array, *results = results or [_like(variable, "carry")]
            if not self.results.get(place):
                self.outside.keep(array)
                turns.passed.written[array] = None
            self.outside.fill(array, given)
            turns.passed.same |= {variable: array, value: array}
        else:
            start = self.outside.array(given)
            read[start] = None
            if value in free:
                free.remove(value)
            else:
                after = _like(variable, "next")
                copy = _copy(after, (), value)
                (self.first if is_outside(value) else self.last).append(copy)
                value = after
            turns.arrays.append(
                CarriedArray(variable, start, value, _like(variable, "buffers"))
            )
        turns.after += [_copy(each, (), variable) for each in results]


def _pass(
    passed: Passed,
    arguments: Mapping[int, Node],
    node: Node,
    first: int,
    outside: Outside,
) -> None:
    """Pass inputs from some position on."""
    for place, argument in sorted(arguments.items()):
        if place < first:
            continue
        if argument.ndim:
            array = outside.array(node.inputs[place])
            passed.read[array] = None
            passed.same[argument] = array
        else:
            passed.numbers.append((argument, outside.at(node.inputs[place], ())))


def _computed(values: Sequence[Node]) -> set[Node]:
    """Those of some results that a body computes."""
    return {each for each in values if not is_outside(each) and known(each) is None}


def _nests(graph: Graph, wanted: Sequence[Node], lower: Lower) -> Nests:
    """The loop nests of a body, of which values without axes are variables."""
    computed = _computed(wanted)
    nests = lower(graph.nodes, [n for n in graph.nodes if n in computed])
    for place, item in enumerate(nests.items):
        if not isinstance(item, Store):
            if bodies_of(item):
                nests.names.update(n for n in targets(item) if not n.ndim)
            continue
        if not item.node.ndim and not has_total(item):
            nests.items[place] = Local(item.node, item.value)
            nests.names.add(item.node)
    kept = [node for node in nests.arrays if node not in nests.names]
    kept += [n for n in computed if not n.ndim and n not in nests.names]
    nests.arrays[:] = kept
    return nests


def _body(graph: Graph, nests: Nests, passed: Passed) -> Body:
    """A body with its memory; constants that it reads are passed to it."""
    for item in nests.items:
        for node in read_by(item):
            if node.op.role is Role.CONSTANT:
                if node.ndim:
                    passed.read[node] = None
                elif all(node is not each for each, _ in passed.numbers):
                    passed.numbers.append((node, Load(node, (), ())))
    from_end = any(map(counts_from_end, graph.nodes))
    return Body(nests, arena_of(nests), from_end)


def _value(node: Node, index: Index) -> Scalar:
    """An element of a value of a body."""
    number = known(node)
    return Load(node, index, node.shape) if number is None else number


def _copy(target: Node, before: Index, value: Node) -> Item:
    """A statement that copies a value into an array, or a part of one."""
    counters = [Counter(size) for size in without_ones(value.shape)]
    rest = iter(counters)
    index: Index = tuple(Number(0) if n == 1 else next(rest) for n in value.shape)
    item: Item = Store(target, (*before, *index), _value(value, index))
    for counter in reversed(counters):
        item = Loop(counter, [item])
    return item


def _like(node: Node, name: str) -> Node:
    """A value of the same type under a name of its own."""
    return node.copy(name=f"{name}_{node.name}" if node.name else name)
