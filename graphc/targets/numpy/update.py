"""The optimizer's update in Python: one rule in a loop for each group of parameters.

In readable style a loop over the names of the parameters that follow a rule, as a
textbook writes it. In fast style the loop of an elementwise rule goes over tiles of the
arrays that parameters, gradients and state are views of.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Sequence

from ...ir.node import Node
from ...program.function import Compute
from ...program.groups import ParameterUpdate
from ...program.update import Copies, Group, LoweredUpdate
from ...pysource.expression_text import format_expression
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import (
    assign,
    call,
    dtype_expression,
    name,
    one_or_tuple,
    parse,
    subscript,
)
from .names import Names
from .rates import Rates
from .values import Values

ARGUMENTS = ("parameters", "gradients", "state")
"""Those of `update`."""


def update_name(step: str) -> str:
    """The function that updates the parameters of a step of this name."""
    name = f"update_{step}" if step else "update"
    # Functions of these names are there already, and do something else.
    return f"{name}_loss" if name in ("update_plateau", "update_scratch") else name


def write_update(
    writer: Writer,
    lowered: LoweredUpdate,
    names: Names,
    constants: Constants,
    rates: Rates,
    step: str = "",
    *,
    flushes: bool = True,
) -> None:
    """Write `update(parameters, gradients, state)`, which works in place.

    Args:
        writer: to write to.
        lowered: the update.
        names, constants, rates: of the module.
        step: the name of the step where a program has several, which counts them.
        flushes: True where state that has nearly decayed is set to zero.
    """
    update = lowered.update
    tiled = [group for group in lowered.groups if group.is_tiled]
    with writer.function(update_name(step), [*ARGUMENTS]):
        what = f"the {step} loss" if step else "parameters and state"
        whole = (
            f"Apply one step of {update.title} {'for' if step else 'to'} {what}, in "
        )
        writer.docstring("\n".join(textwrap.wrap(f"{whole}place.", 80)))
        if not step:
            count = ast.Subscript(name("state"), ast.Constant("step"), ast.Store())
            writer.statement(ast.AugAssign(count, ast.Add(), ast.Constant(1)))
        if lowered.is_random:
            started = call("random_streams", subscript(name("state"), "rng"))
            writer.statement(assign("rng", started))
        times = {k: n for k, n in lowered.clock.items() if n not in rates}
        for key, node in times.items():
            names.alias(node, key)
            with writer.about(node):
                writer.statement(assign(key, subscript(name("state"), key)))
        for node in lowered.clock.values():
            if node in rates:
                writer.statement(rates.assign(node, names, times))
        if lowered.reads_slots:
            writer.statement(assign("slots", subscript(name("state"), "slots")))
        stored = {node: key for key, (node, _) in update.shared.items()}
        for node, key in stored.items():
            names.assign([node])
            with writer.about(node):
                writer.statement(assign(names[node], subscript(name("slots"), key)))
        _write_shared(writer, lowered, names, constants)
        if tiled:
            given = [name(argument) for argument in ARGUMENTS]
            tiles = call("update_tiles", *given)
            if step:
                tiles = call("tiles_of_step", *given, ast.Constant(step))
            writer.statement(assign("tiles", tiles))
        for group in lowered.groups:
            loop = _Loop(group, names, constants)
            if group.is_tiled:
                loop.write_over_tiles(writer, tiled.index(group))
            else:
                loop.write_over_names(writer)
        _write_copies(
            writer,
            lowered.copies,
            lambda value: name(names[value]),
            lambda slot: subscript(name("slots"), stored[slot]),
        )
        if update.decaying and flushes:
            write_flush(writer, update.decaying)


def write_flush(writer: Writer, decaying: Sequence[str]) -> None:
    """Write the statements that set state which has nearly decayed to zero."""
    writer.blank()
    endings = ast.Tuple([ast.Constant(f".{slot}") for slot in decaying], ast.Load())
    slots = subscript(name("state"), "slots")
    with writer.block('if state["step"] % 256 == 0:'):
        writer.statement(ast.Expr(call("flush_denormals", slots, endings)))


def _write_shared(
    writer: Writer, lowered: LoweredUpdate, names: Names, constants: Constants
) -> None:
    values = Values(names, constants, lowered.forms)
    names.assign(lowered.named)
    for rule, node, is_overwritten in lowered.fetched:
        stored = _stored(rule, node)
        if is_overwritten:
            stored = call("np.copy", stored)
        with writer.about(node):
            writer.statement(assign(names[node], stored))
    for step in lowered.shared:
        target = names[step.node]
        with writer.about(step.node):
            for statement in values.computed(step, target, target):
                writer.statement(statement)


def _stored(rule: ParameterUpdate, node: Node) -> ast.expr:
    key = str(rule.parameter.name)
    if node is rule.parameter:
        return subscript(name("parameters"), key)
    if node is rule.gradient:
        return subscript(name("gradients"), key)
    slot = next(label for label, slot in rule.slots.items() if slot is node)
    return subscript(name("slots"), f"{key}.{slot}")


class _Loop:
    """The rule of a group, and the loop around it."""

    def __init__(self, group: Group, names: Names, constants: Constants) -> None:
        self.group, self.rule = group, group.rule
        self.scope = scope = names.function_scope()
        for label, node in self.rule.placeholders():
            scope.alias(node, scope.reserve(label))
        self.values = Values(scope, constants, group.forms)
        self.plain = Values(scope, constants, group.plain)
        self._name_values()
        count = len(group.scratch)
        wishes = (
            [f"scratch_{i + 1}" for i in range(count)] if count > 1 else ["scratch"]
        )
        self.scratch = [scope.reserve(wish) for wish in wishes[:count]]
        variables = dict(zip(group.scratch, self.scratch, strict=True))
        self.arrays = {
            node: variables.get(array) or scope[array]
            for node, array in group.arrays.items()
        }
        for node in group.unnamed:
            scope.alias(node, self.arrays[node])

    def _name_values(self) -> None:
        """Name values; one on the way goes by the name of its array."""
        labels = {node: label for label, node in self.rule.placeholders()}
        nodes = [step.node for formula in self.group.formulas for step in formula]
        known = set(nodes)
        new = {
            value: f"new_{labels[replaced]}"
            for value, replaced in self.rule.outputs()
            if value.name is None and value in known
        }
        unnamed = self.group.unnamed
        self.scope.assign(n for n in nodes if n not in unnamed and n not in new)
        for value, wish in new.items():
            self.scope.alias(value, self.scope.reserve(wish))

    def write_over_tiles(self, writer: Writer, position: int) -> None:
        """Write a loop over tiles of the arrays that those of the group are part of."""
        columns = [self.scope[node] for _, node in self.rule.placeholders()]
        stored = [ast.Name(column, ast.Store()) for column in (*columns, *self.scratch)]
        target = ast.Tuple(list(stored), ast.Store())
        every = subscript(name("tiles"), position)
        loop = ast.For(ast.Name("tile", ast.Store()), every, [], [])
        unpacked = ast.Assign([target], name("tile"))
        self._write(writer, loop, [(self.rule.parameter, unpacked)])

    def write_over_names(self, writer: Writer) -> None:
        """Write a loop over the names of the group's parameters."""
        every = ast.Tuple([ast.Constant(n) for n in self.group.names], ast.Load())
        loop = ast.For(ast.Name("name", ast.Store()), every, [], [])
        beginning = [
            (node, assign(self.scope[node], _slot_expression(label)))
            for label, node in self.rule.placeholders()
        ]
        parameter = name(self.scope[self.rule.parameter])
        shape = ast.Attribute(parameter, "shape", ast.Load())
        pairs = zip(self.scratch, self.group.scratch, strict=True)
        for position, (variable, node) in enumerate(pairs):
            dtype = dtype_expression(node.dtype)
            if node.dtype == self.rule.parameter.dtype:
                dtype = ast.Attribute(parameter, "dtype", ast.Load())
            arguments = [ast.Constant(position), shape, dtype, call("get_ident")]
            beginning.append(
                (node, assign(variable, call("update_scratch", *arguments)))
            )
        self._write(writer, loop, beginning)

    def _write(
        self, writer: Writer, loop: ast.For, beginning: Sequence[tuple[Node, ast.stmt]]
    ) -> None:
        writer.blank()
        with writer.block(loop):
            for node, statement in beginning:
                with writer.about(node):
                    writer.statement(statement)
            for formula in self.group.formulas:
                self._write_formula(writer, formula)
            _write_copies(
                writer,
                self.group.copies,
                self.values.value,
                lambda node: name(self.scope[node]),
            )

    def _write_formula(self, writer: Writer, formula: Sequence[Compute]) -> None:
        """Write the steps of a formula, and say what several statements compute."""
        statements = [
            (step.node, statement)
            for step in formula
            for statement in self._statements(step)
        ]
        if len(statements) > 1:
            node = formula[-1].node
            whole = format_expression(self.plain.expression(self.plain.forms[node]))
            writer.comment(f"{self.scope[node]} = {whole}")
        for node, statement in statements:
            with writer.about(node):
                writer.statement(statement)

    def _statements(self, step: Compute) -> list[ast.stmt]:
        target = self.scope[step.node]
        return self.values.computed(step, target, self.arrays.get(step.node, target))


def _slot_expression(label: str) -> ast.expr:
    if label in ("parameter", "gradient"):
        return ast.Subscript(name(f"{label}s"), name("name"), ast.Load())
    key = ast.BinOp(name("name"), ast.Add(), ast.Constant(f".{label}"))
    return ast.Subscript(name("slots"), key, ast.Load())


def write_scratch(writer: Writer) -> None:
    """Write the function that allocates what updates work in."""
    writer.from_import("functools", "cache")
    writer.from_import("threading", "get_ident")
    parameters = ["number", "shape", "dtype", "thread"]
    with writer.function("update_scratch", parameters, decorators=["cache"]):
        writer.docstring("Allocate an array that `update` works in.")
        writer.statement(ast.Return(parse("empty_aligned(shape, dtype)")))


def _write_copies(
    writer: Writer,
    copied: Sequence[Copies],
    expression: Callable[[Node], ast.expr],
    array: Callable[[Node], ast.expr],
) -> None:
    """Put new values into the stored arrays that they replace."""
    for copies in copied:
        first, _ = copies[0]
        targets: list[ast.expr] = [
            ast.Subscript(array(placeholder), ast.Constant(...), ast.Store())
            for _, placeholder in copies
        ]
        values = [expression(value) for value, _ in copies]
        if len(copies) > 1:
            values = [call("np.copy", value) for value in values]
        with writer.about(first):
            writer.statement(ast.Assign([one_or_tuple(targets)], one_or_tuple(values)))
