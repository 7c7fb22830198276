"""Loops in emitted code: a `for` with the steps of the body inside."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.types import TupleType
from ...program.forms import Entry
from ...program.function import Carried, Loop, Step, Tiled
from ...pysource.writer import Writer
from .expressions import assign, call, literal, name, one_or_tuple
from .names import Names
from .steps import Run, shape_comment, write_steps
from .values import Values

_COUNTERS = ("t", "s", "r", "q")
"""Variables that count the turns of a loop, of one in it, and so on."""


def name_values(
    graph: Graph, steps: Sequence[Step], names: Names, counters: Sequence[str] = ()
) -> dict[Loop, str]:
    """Name the values of a graph, and those of the loops in it.

    Args:
        graph: the values.
        steps: the steps that compute them.
        names: the scope.
        counters: variables that count the turns of loops around it.

    Returns:
        The variable that counts the turns of each loop.
    """
    loops = [step for step in steps if isinstance(step, Loop)]
    carried = [each for loop in loops for each in loop.carried]
    last = {each.last for each in carried if not each.is_fresh}
    names.assign(
        node
        for node in graph.nodes
        if node not in last and not isinstance(node.type, TupleType)
    )
    found: dict[Loop, str] = {}
    if loops:
        wish = _COUNTERS[len(counters) % len(_COUNTERS)]
        counters = (*counters, names.reserve(wish))
    for loop in loops:
        found[loop] = counters[-1]
        for argument, value in loop.shared:
            if not _is_literal(value):
                names.alias(argument, names[value])
        # Those of a function may go by names from outside, of which it knows none.
        arguments = [each.variable for each in loop.carried]
        arguments += [argument for argument, _ in (*loop.items, *loop.shared)]
        for argument in arguments:
            if argument not in names:
                wish = argument.name or argument.op.name
                names.alias(argument, names.reserve(wish))
        found |= name_values(loop.block.graph, loop.block.steps, names, counters)
        for each in loop.carried:
            if _is_first(each, graph, loop):
                names.alias(each.start, names[each.variable])
            if each.last is not None and not each.is_fresh:
                names.alias(each.last, names[each.variable])
    for step in steps:
        if not isinstance(step, Tiled) and step.results:
            # Nodes that read the same result go by one name.
            for node in graph.users[step.node]:
                index: int = node.attributes["index"]
                read = step.results[index]
                if read is not None:
                    names.alias(node, names[read])
    return found


def _is_first(carried: Carried, graph: Graph, loop: Loop) -> bool:
    """True where a loop begins with a value that nothing else needs a name for."""
    start = carried.start
    return (
        not carried.has_array
        and start.name is None
        and start.op.kind not in ("source", "control")
        and set(graph.users[start]) == {loop.node}
        and sum(given is start for given in loop.node.inputs) == 1
        and start not in {*graph.outputs}
    )


def _number(node: Node, value: ast.expr) -> ast.expr:
    """A number that is to stay, though it may look into an array that does not."""
    if node.ndim or not node.op.is_view(node):
        return value
    return ast.Subscript(value, ast.Tuple([], ast.Load()), ast.Load())


def _is_literal(node: Node) -> bool:
    """True for a value that is a number, or an array of the module."""
    return node.op.role in (Role.CONSTANT, Role.SIZE)


class LoopText:
    """The statements of a loop."""

    def __init__(
        self,
        loop: Loop,
        counter: str,
        outside: Values,
        inside: Values,
        entries: Mapping[Entry, str],
        dtype: Callable[[Node], ast.expr],
    ) -> None:
        self._loop = loop
        self._counter = counter
        self._outside = outside
        self._inside = inside
        self._entries = entries
        self._names = outside.names
        self._dtype = dtype

    def write(self, writer: Writer, run: Run) -> None:
        """Write them; `run` is for steps that compute several values."""
        loop, names = self._loop, self._names
        for node, statement in self._before():
            with writer.about(node):
                writer.statement(statement, shape_comment(node))
        turns = call("range", literal(loop.length, self._outside.size))
        if loop.reverse:
            turns = call("reversed", turns)
        counter = ast.Name(self._counter, ast.Store())
        with writer.block(ast.For(counter, turns, [], [])):
            for argument, value in loop.items:
                item = self._item(self._sequence(value))
                with writer.about(argument):
                    writer.statement(
                        assign(names[argument], item), shape_comment(argument)
                    )
            for each in loop.stacked:
                if each.is_direct:
                    item = self._item(name(names[each.result]))
                    with writer.about(each.value):
                        writer.statement(assign(names[each.value], item))
            write_steps(writer, loop.block.steps, self._inside, run, headings=False)
            for node, statement in self._after_turn():
                with writer.about(node):
                    writer.statement(statement)
        for each in loop.carried:
            if each.last is not None and each.is_fresh:
                copied = call("np.copy", name(names[each.variable]))
                with writer.about(each.last):
                    writer.statement(assign(names[each.last], copied))

    def _sequence(self, value: Node) -> ast.expr:
        """A value outside, which has a name where it is more than that."""
        if self._outside.forms.is_inside(value):
            return name(self._names[value])
        return self._outside.value(value)

    def _item(self, array: ast.expr) -> ast.expr:
        return ast.Subscript(array, name(self._counter), ast.Load())

    def _before(self) -> Iterator[tuple[Node, ast.stmt]]:
        """The statements before the first turn."""
        loop, names, outside = self._loop, self._names, self._outside
        items = {names[argument] for argument, _ in loop.items}
        for argument, value in (*loop.items, *loop.shared):
            if outside.forms.is_inside(value):
                yield value, assign(names[value], outside.value(value))
            elif _is_literal(value) and names[argument] not in items:
                yield argument, assign(names[argument], outside.value(value))
        for each in loop.stacked:
            if each.is_fresh:
                shape = literal(each.result.shape, outside.size)
                array = call("np.empty", shape, self._dtype(each.result))
                yield each.result, assign(names[each.result], array)
        for each in loop.carried:
            start = _number(each.start, outside.value(each.start))
            variable = names[each.variable]
            if each.has_array:
                copy = call("np.copyto", name(variable), start)
                yield each.variable, ast.Expr(copy)
            elif ast.unparse(start) != variable:
                yield each.variable, assign(variable, start)

    def _after_turn(self) -> Iterator[tuple[Node, ast.stmt]]:
        """The statements at the end of each turn."""
        loop, names, inside = self._loop, self._names, self._inside
        for each in loop.stacked:
            if not each.is_direct:
                array, place = name(names[each.result]), name(self._counter)
                item = ast.Subscript(array, place, ast.Store())
                yield each.result, ast.Assign([item], inside.value(each.value))
        targets: list[str] = []
        values: list[ast.expr] = []
        for each in loop.carried:
            variable = names[each.variable]
            value = _number(each.next, inside.value(each.next))
            if each.is_replaced:
                pass
            elif each.spare is not None:
                spare = self._entries[each.spare]
                yield each.next, ast.Expr(call("np.copyto", name(spare), value))
                targets += [variable, spare]
                values += [name(spare), name(variable)]
            elif each.has_array:
                targets += [variable, names[each.next]]
                values += [value, name(variable)]
            elif ast.unparse(value) != variable:
                targets.append(variable)
                values.append(value)
        if targets:
            stored = [ast.Name(target, ast.Store()) for target in targets]
            pair = ast.Assign([one_or_tuple(stored)], one_or_tuple(values))
            yield loop.node, pair
