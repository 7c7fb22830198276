"""Bodies in emitted code: a `for`, a `while` or an `if` with their steps inside."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...ir.facts import NAMED
from ...ir.node import Node
from ...program.forms import Entry
from ...program.function import Block, Branch, Loop
from ...pysource.writer import Writer
from .expressions import assign, call, literal, name, one_or_tuple
from .names import Names
from .naming import is_literal
from .steps import Run, shape_comment, write_steps
from .values import Values

_NOTHING = ast.Tuple([], ast.Load())
"""The index of the only number in an array without axes."""

Pairs = Sequence[tuple[Node, Node]]
"""Arguments of bodies, and their values outside."""


@dataclass(frozen=True, kw_only=True)
class _BodyText:
    """The way to write statements with bodies inside."""

    outside: Values
    """Values where the step stands."""
    inside: Callable[[Block], Values]
    """Values in a body."""
    dtype: Callable[[Node], ast.expr]
    """The dtype of a new array."""
    run: Run
    """The way to write a step that computes several values."""

    @property
    def names(self) -> Names:
        """The names of all values."""
        return self.outside.names

    def write_passed(self, writer: Writer, items: Pairs, shared: Pairs) -> None:
        """Write what has no name outside as a variable, once."""
        sequences = {argument for argument, _ in items}
        written: set[Node] = set()
        for argument, value in (*items, *shared):
            if value in written:
                continue
            if self.outside.forms.is_inside(value):
                target = self.names[value]
                written.add(value)
            elif is_literal(value) and argument not in sequences:
                target = self.names[argument]
            else:
                continue
            with writer.about(value):
                statement = assign(target, self.outside.value(value))
                writer.statement(statement, beside=shape_comment(value))

    def write_empty(self, writer: Writer, result: Node) -> None:
        """Write the allocation of a result."""
        shape = literal(result.shape, self.outside.size)
        array = call("np.empty", shape, self.dtype(result))
        with writer.about(result):
            statement = assign(self.names[result], array)
            writer.statement(statement, beside=shape_comment(result))

    def write_steps(self, writer: Writer, block: Block) -> Values:
        """Write the steps of a body; return its values."""
        values = self.inside(block)
        write_steps(writer, block.steps, values, self.run, headings=False)
        return values


@dataclass(frozen=True, kw_only=True)
class BranchText(_BodyText):
    """An `if` with two bodies."""

    def write(self, writer: Writer, branch: Branch) -> None:
        """Write it."""
        self.write_passed(writer, (), branch.shared)
        for each in branch.chosen:
            if each.is_fresh:
                self.write_empty(writer, each.result)
        test = ast.If(self.outside.value(branch.decides), [], [])
        with writer.block(test):
            self._write_side(writer, branch, 0)
        with writer.block("else:"):
            self._write_side(writer, branch, 1)

    def _write_side(self, writer: Writer, branch: Branch, side: int) -> None:
        names = self.names
        values = self.write_steps(writer, branch.blocks[side])
        for each in branch.chosen:
            if each.is_direct[side]:
                continue
            value = values.value(each.values[side])
            if each.has_array:
                copy = call("np.copyto", name(names[each.result]), value)
                statement: ast.stmt = ast.Expr(copy)
            else:
                value = _that_stays(each.values[side], value)
                statement = assign(names[each.result], value)
            with writer.about(each.result):
                writer.statement(statement, beside=shape_comment(each.result))


@dataclass(frozen=True, kw_only=True)
class LoopText(_BodyText):
    """A `for` along sequences, or a `while`."""

    counter: str
    """The variable that counts the turns."""
    entries: Mapping[Entry, str]
    """The variables of the arrays of the workspace."""
    numbers: set[Node]
    """Values outside that are numbers by now, and no arrays of no axes: NumPy computes
    with those some times slower."""

    def write(self, writer: Writer, loop: Loop) -> None:
        """Write it."""
        names = self.names
        self.write_passed(writer, loop.items, loop.shared)
        for _, value in loop.shared:
            is_stored = value.op.role in NAMED and not value.ndim
            if is_stored and value not in self.numbers:
                self.numbers.add(value)
                number = ast.Subscript(name(names[value]), _NOTHING, ast.Load())
                with writer.about(value):
                    writer.statement(assign(names[value], number))
        for each in loop.stacked:
            if each.is_fresh:
                self.write_empty(writer, each.result)
        for node, statement in self._starts(loop):
            with writer.about(node):
                writer.statement(statement, beside=shape_comment(node))
        if loop.test is None:
            self._write_for(writer, loop)
        else:
            self._write_while(writer, loop, loop.test)
        for each in loop.carried:
            if each.last is not None and each.is_fresh:
                copied = call("np.copy", name(names[each.variable]))
                with writer.about(each.last):
                    writer.statement(assign(names[each.last], copied))

    def _starts(self, loop: Loop) -> Iterator[tuple[Node, ast.stmt]]:
        """The statements that give carried values what they start as."""
        for each in loop.carried:
            start = _that_stays(each.start, self.outside.value(each.start))
            variable = self.names[each.variable]
            if each.has_array:
                copy = call("np.copyto", name(variable), start)
                yield each.variable, ast.Expr(copy)
            elif ast.unparse(start) != variable:
                yield each.variable, assign(variable, start)

    def _write_for(self, writer: Writer, loop: Loop) -> None:
        names = self.names
        turns = call("range", literal(loop.length, self.outside.size))
        if loop.reverse:
            turns = call("reversed", turns)
        counter = ast.Name(self.counter, ast.Store())
        with writer.block(ast.For(counter, turns, [], [])):
            for argument, value in loop.items:
                item = assign(names[argument], self._item(self._sequence(value)))
                with writer.about(argument):
                    writer.statement(item, beside=shape_comment(argument))
            for each in loop.stacked:
                if each.is_direct:
                    item = self._item(name(names[each.result]))
                    with writer.about(each.value):
                        writer.statement(assign(names[each.value], item))
            self._write_turn(writer, loop)

    def _write_while(self, writer: Writer, loop: Loop, test: Block) -> None:
        (running,) = test.graph.outputs
        if not test.steps:
            goes_on = self.inside(test).value(running)
            with writer.block(ast.While(goes_on, [], [])):
                self._write_turn(writer, loop)
            return
        with writer.block("while True:"):
            values = self.write_steps(writer, test)
            ends = ast.UnaryOp(ast.Not(), values.value(running))
            with writer.about(running), writer.block(ast.If(ends, [], [])):
                writer.statement(ast.Break())
            self._write_turn(writer, loop)

    def _write_turn(self, writer: Writer, loop: Loop) -> None:
        """Write the steps of a turn, and what the next one takes from it."""
        values = self.write_steps(writer, loop.block)
        for node, statement in self._ends(loop, values):
            with writer.about(node):
                writer.statement(statement)

    def _ends(self, loop: Loop, inside: Values) -> Iterator[tuple[Node, ast.stmt]]:
        """The statements at the end of each turn."""
        names = self.names
        for each in loop.stacked:
            if not each.is_direct:
                array, place = name(names[each.result]), name(self.counter)
                item = ast.Subscript(array, place, ast.Store())
                yield each.result, ast.Assign([item], inside.value(each.value))
        targets: list[str] = []
        values: list[ast.expr] = []
        for each in loop.carried:
            variable = names[each.variable]
            value = _that_stays(each.next, inside.value(each.next))
            if each.is_replaced:
                pass
            elif each.spare is not None:
                spare = self.entries[each.spare]
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

    def _sequence(self, value: Node) -> ast.expr:
        """A value outside, which has a name where it is more than that."""
        if self.outside.forms.is_inside(value):
            return name(self.names[value])
        return self.outside.value(value)

    def _item(self, array: ast.expr) -> ast.expr:
        return ast.Subscript(array, name(self.counter), ast.Load())


def _that_stays(node: Node, value: ast.expr) -> ast.expr:
    """A value, of a number a copy where it looks into an array that does not stay."""
    if node.ndim or not node.op.is_view(node):
        return value
    return ast.Subscript(value, _NOTHING, ast.Load())
