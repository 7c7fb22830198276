"""Values in emitted code: variables, literals, and expressions written in place."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...ir.evaluate import stream_name
from ...ir.facts import Role
from ...ir.hyperparameters import Hyperparameter
from ...ir.labels import row_axis
from ...ir.literal import Literal
from ...ir.node import Node
from ...ir.template import Template
from ...ir.walk import reading_order
from ...program.forms import Check, Entry, Form, Forms, Operand
from ...program.function import Compute
from .constants import Constants
from .expressions import (
    assign,
    call,
    dtype_expression,
    literal,
    name,
    number,
    subscript,
    substituted,
)
from .names import Names
from .reductions import reduced
from .reshaping import copied_once


class Values:
    """The values of one function's graph as Python."""

    def __init__(
        self,
        names: Names,
        constants: Constants,
        forms: Forms,
        entries: Mapping[Entry, str] | None = None,
    ) -> None:
        """Print in a scope.

        Args:
            names: the scope.
            constants: where array constants stand.
            forms: those of the values.
            entries: the variables of the arrays of the workspace.
        """
        self.names = names
        self.forms = forms
        self._constants = constants
        self._entries = entries or {}

    def size(self, symbol: str) -> ast.expr:
        """The variable of a named size."""
        return name(self.names.symbol(symbol))

    def value(self, node: Node) -> ast.expr:
        """A node where any expression of its dtype may stand."""
        return self._operand(Operand(node))

    def number(self, node: Node) -> ast.expr:
        """A number where its dtype does not matter."""
        return self._operand(Operand(node, bare=True))

    def _operand(self, operand: Operand | tuple[Operand, ...]) -> ast.expr:
        if isinstance(operand, tuple):
            return ast.Tuple([self._operand(each) for each in operand], ast.Load())
        node = operand.node
        if node in self.forms.leaves:
            return name(self.names[node])
        if operand.entry is not None:
            return name(self._entries[operand.entry])
        if node.op.role is Role.CONSTANT:
            if node.shape:
                return self._constants.reference(node)
            known: Literal = node.attributes["value"]
            value = number(known.array, operand.read_as or node.dtype)
            if known.term is not None:
                value = self._constants.settings.expression(known.term)
            # What is computed from hyperparameters has to follow them.
            if operand.stored and known.term is None:
                return self._constants.scalar(value, node.dtype)
        elif node.op.role is Role.SIZE:
            value = literal(node.attributes["size"], self.size)
        elif self.forms.is_inside(node):
            return self.expression(self.forms[node])
        else:
            return name(self.names[node])
        if operand.bare:
            return value
        return ast.Call(dtype_expression(node.dtype), [value], [])

    def _bindings(self, form: Form, out: str = "") -> dict[str, ast.expr]:
        """The trees that stand for the names of a template."""
        values = {key: self._operand(each) for key, each in form.operands.items()}
        for key, value in form.attributes.items():
            values[key] = self._attribute(value)
        if "dtype" in form.attributes and (like := self._moved(form.node)) is not None:
            values["dtype"] = ast.Attribute(name(self.names[like]), "dtype", ast.Load())
        for symbol in form.symbols:
            values[f"dim_{symbol}"] = self.size(symbol)
        for key, entry in form.arrays.items():
            values[key] = name(self._entries[entry])
        if "rng" in form.template.reads:
            values["rng"] = subscript(name("rng"), stream_name(form.node))
        for own in sorted(form.template.own):
            values[own] = name(self.names.temporary(own))
        if out:
            values["out"] = name(out)
        return values

    def _attribute(self, value: Any) -> ast.expr:
        if isinstance(value, Hyperparameter):
            return self._constants.settings.expression(value.term)
        return literal(value, self.size)

    def _moved(self, node: Node) -> Node | None:
        """A variable of the dtype of the elements that a node has elsewhere.

        Gradients are checked in float64, in which an array of its own must be, too.
        """
        if node.op.kind != "movement":
            return None
        waiting = [*node.inputs[:1]]
        for source in waiting:
            if source.dtype != node.dtype or not source.op.pure:
                continue
            if source not in self.forms.leaves and self.forms.is_inside(source):
                waiting += source.inputs
            elif source.op.role not in (Role.CONSTANT, Role.SIZE):
                return source
        return None

    def expression(self, form: Form) -> ast.expr:
        """A form as one expression."""
        (body,) = form.template.body
        assert isinstance(body, ast.Expr)
        value = substituted(body.value, self._bindings(form))
        if isinstance(value, ast.Compare) and len(set(form.node.inputs)) == 1:
            # `x != x` finds NaN, but reads, to a linter too, like a mistake.
            return call(f"np.{form.node.op.name}", value.left, *value.comparators)
        value = reduced(value, form.node)
        if self.forms.is_plain and _merges(form.node):
            return copied_once(value)
        return value

    def statements(self, form: Form, out: str = "") -> list[ast.stmt]:
        """A form as statements that assign `out`, or write to it."""
        values = self._bindings(form, out)
        return [substituted(each, values) for each in form.template.body]

    def computed(self, compute: Compute, target: str, array: str) -> list[ast.stmt]:
        """The statements of a step, whose value goes by `target`."""
        if compute.array is None:
            if compute.node.op.is_statements(compute.node):
                first, *others = self.statements(compute.form, target)
                return others if _is_copy_of_itself(first) else [first, *others]
            return [assign(target, self.expression(compute.form))]
        statements = self.statements(compute.form, array)
        if not compute.is_named or target == array:
            return statements
        *others, last = statements
        if compute.form.template.returns_out and isinstance(last, ast.Expr):
            return [*others, assign(target, last.value)]
        return [*statements, assign(target, name(array))]

    def check(self, check: Check) -> ast.stmt:
        """The statement that raises unless positions are in bounds."""
        value = self.value(check.positions)
        bounds = [literal(size, self.size) for size in (check.low, check.high)]
        text = _known_as(check.positions) or ast.unparse(value)
        told: list[ast.expr] = [value, *bounds, ast.Constant(text)]
        axis = row_axis(check.positions)
        if axis != 0 and check.positions.ndim:
            told.append(ast.Constant(axis))
        return ast.Expr(call("check_positions", *told))


def updates_copy(template: Template) -> bool:
    """True for statements that change a copy of an array."""
    match template.body[0]:
        case ast.Assign(
            [ast.Name("out")], ast.Call(ast.Attribute(ast.Name("x"), "copy"), [], [])
        ):
            return True
        case _:
            return False


def _is_copy_of_itself(statement: ast.stmt) -> bool:
    """True for `x = x.copy()`, of an array that nothing else reads."""
    match statement:
        case ast.Assign(
            [ast.Name(target)], ast.Call(ast.Attribute(ast.Name(x), "copy"), [], [])
        ):
            return target == x
        case _:
            return False


def _merges(node: Node) -> bool:
    """True where a value has the elements of another one, on fewer axes."""
    return node.op.rearranges and node.ndim < node.inputs[0].ndim


def _known_as(positions: Node) -> str | None:
    """The name by which a user knows positions, or the op and what it is of."""
    while positions.name is None and positions.op.rearranges and positions.inputs:
        positions = positions.inputs[0]
    if positions.name is not None:
        return positions.name
    behind = reading_order([positions])
    named = [node.name for node in behind if node.name is not None]
    return f"{positions.op.name} of {', '.join(named)}" if len(named) == 1 else None
