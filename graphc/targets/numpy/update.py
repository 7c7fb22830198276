"""The optimizer's update: the graph of all new values, emitted as one rule in a loop.

In readable style a loop over the names of the parameters that follow a rule, as a
textbook writes it. In fast style the loop of an elementwise rule goes over tiles of the
arrays that parameters, gradients and state are views of.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.types import TensorType
from ...ir.walk import ancestors
from ...program.memory import MemoryPlan, plan_memory
from ...program.plan import Style
from ...program.storage import is_written, storage_of
from ...program.update import (
    ParameterUpdate,
    Update,
    groups_of,
    is_elementwise,
    overwritten_nodes,
    parts_of_formulas,
    rule_nodes,
    shared_nodes,
)
from ...pysource.expression_text import format_expression
from ...pysource.writer import Writer
from .expressions import assign, call, dtype_expression, name, parse, subscript
from .names import Names
from .operands import Constants, Operands
from .workspace import one_or_tuple


@dataclass(frozen=True)
class TiledRule:
    """What the loop of an elementwise rule goes through, tile by tile."""

    names: tuple[str, ...]
    """The parameters that follow the rule."""
    slots: tuple[str, ...]
    """What the optimizer keeps of each."""
    scratch: tuple[str, ...]
    """The dtypes of the arrays to work in."""


@dataclass(frozen=True)
class WrittenUpdate:
    """What other code needs to know of an emitted update."""

    tiled: tuple[TiledRule, ...]
    """What `update_tiles` of the program goes through."""
    scratch: frozenset[tuple[int, TensorType]]
    """What `update_scratch` of the program is asked for: numbers and types."""


def update_order(update: Update) -> list[ParameterUpdate]:
    """The rules in an order in which those of a group follow one another."""
    groups = groups_of(update, set(shared_nodes(update)))
    return [rule for group in groups for rule in group]


_ARGUMENTS = ["parameters", "gradients", "state"]


def write_update(
    writer: Writer,
    update: Update,
    names: Names,
    constants: Constants,
    style: Style,
) -> WrittenUpdate:
    """Write `update(parameters, gradients, state)`, which works in place."""
    shared = shared_nodes(update)
    known = set(shared)
    groups = groups_of(update, known)
    tiled = [style == "fast" and is_elementwise(group[0], known) for group in groups]
    rules: list[TiledRule] = []
    scratch: set[tuple[int, TensorType]] = set()
    if style == "fast" and not all(tiled):
        _write_scratch(writer)
    with writer.function("update", _ARGUMENTS):
        writer.docstring(
            f"Apply one step of {update.title} to parameters and state, in place."
        )
        writer.statement(
            ast.AugAssign(
                ast.Subscript(name("state"), ast.Constant("step"), ast.Store()),
                ast.Add(),
                ast.Constant(1),
            )
        )
        used = set(shared)
        if any(not node.op.pure for rule in update.rules for node in rule_nodes(rule)):
            writer.statement(assign("rng", subscript(name("state"), "rng")))
        for key, node in update.clock.items():
            if node in used:
                names.alias(node, key)
                with writer.about(node):
                    writer.statement(assign(key, subscript(name("state"), key)))
        if _reads_slots(update, known, groups, tiled):
            writer.statement(assign("slots", subscript(name("state"), "slots")))
        for key, (placeholder, _) in update.shared.items():
            names.assign([placeholder])
            stored = subscript(name("slots"), key)
            with writer.about(placeholder):
                writer.statement(assign(names[placeholder], stored))
        _write_shared(writer, update, shared, names, constants)
        if any(tiled):
            tiles = call("update_tiles", *map(name, _ARGUMENTS))
            writer.statement(assign("tiles", tiles))
        for group, cut in zip(groups, tiled, strict=True):
            loop = _Loop(group, known, names, constants, style)
            if cut:
                rules.append(loop.write_over_tiles(writer, len(rules)))
            else:
                scratch |= loop.write_over_names(writer)
        slots = {
            slot: subscript(name("slots"), k) for k, (slot, _) in update.shared.items()
        }
        _write_copies(
            writer,
            [(value, slot) for slot, value in update.shared.values()],
            lambda value: name(names[value]),
            lambda slot: slots[slot],
        )
        if update.decaying:
            _write_flush(writer, update.decaying)
    return WrittenUpdate(tuple(rules), frozenset(scratch))


def _write_flush(writer: Writer, decaying: Sequence[str]) -> None:
    writer.blank()
    endings = ast.Tuple([ast.Constant(f".{slot}") for slot in decaying], ast.Load())
    slots = subscript(name("state"), "slots")
    with writer.block('if state["step"] % FLUSH_EVERY == 0:'):
        writer.statement(ast.Expr(call("flush_denormals", slots, endings)))


def _reads_slots(
    update: Update,
    shared: set[Node],
    groups: Sequence[Sequence[ParameterUpdate]],
    tiled: Sequence[bool],
) -> bool:
    """Whether state is looked up by name, and not only gone through in tiles."""
    slots = {node for rule in update.rules for node in rule.slots.values()}
    by_name = any(
        group[0].slots and not cut for group, cut in zip(groups, tiled, strict=True)
    )
    return bool(update.shared) or by_name or not slots.isdisjoint(shared)


def _write_shared(
    writer: Writer,
    update: Update,
    shared: Sequence[Node],
    names: Names,
    constants: Constants,
) -> None:
    clock = set(update.clock.values())
    known = set(shared)
    everything = Graph((*(v for r in update.rules for v, _ in r.outputs()), *shared))
    inline = {n for n in parts_of_formulas(everything.nodes) if n in known}
    inline -= {
        node for user in everything.nodes if user not in known for node in user.inputs
    }
    inline -= {value for _, value in update.shared.values()}
    inline -= {value for rule in update.rules for value, _ in rule.outputs()}
    graph = Graph(tuple(node for node in shared if node not in inline))
    operands = Operands(graph, names, constants, inline=inline)
    read = {node for rule in update.rules for _, node in rule.placeholders()}
    names.assign(n for n in shared if n in read or not operands.is_inline(n))
    overwritten = overwritten_nodes(update, known)
    for rule in update.rules:
        for _, node in rule.placeholders():
            if node in known:
                stored = _stored(rule, node)
                if node in overwritten:
                    stored = call("np.copy", stored)
                with writer.about(node):
                    writer.statement(assign(names[node], stored))
    for node in shared:
        if node not in clock and not operands.is_inline(node):
            with writer.about(node):
                for statement in operands.statements(node, names[node]):
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

    def __init__(
        self,
        group: Sequence[ParameterUpdate],
        shared: set[Node],
        names: Names,
        constants: Constants,
        style: Style,
    ) -> None:
        self.group = group
        # What is written for all axes of a matrix is right for those of a vector.
        self.rule = rule = max(group, key=lambda rule: rule.parameter.ndim)
        self.scope = scope = names.function_scope()
        for label, node in rule.placeholders():
            scope.alias(node, scope.reserve(label))
        self.placeholders = {node: label for label, node in rule.placeholders()}
        known = shared | set(self.placeholders)
        self.graph = graph = Graph(tuple(value for value, _ in rule.outputs()))
        reached = ancestors(graph.outputs, lambda n: () if n in known else n.inputs)
        inside = set(reached) - shared
        own = [node for node in graph.nodes if node in inside]
        parts = (parts_of_formulas(own) & set(own)) - set(graph.outputs)
        self.formulas = self.operands = Operands(graph, scope, constants, inline=parts)
        parts = {node for node in parts if self.formulas.is_inline(node)}
        self.steps: set[Node] = set()
        """Parts of formulas that have a statement of their own, and no name."""
        if style == "fast":
            self.steps = {node for node in parts if self._has_array(node)}
            inline = parts - self.steps
            self.operands = Operands(graph, scope, constants, fast=True, inline=inline)
        self.computed = [
            [part for part in formula if not self.operands.is_inline(part)]
            for formula in _formulas(own, parts)
        ]
        """Values in the order of their statements, each after the steps to it."""
        self.read = {parent for node in own for parent in node.inputs}
        self._name_values()
        self.memory = self._plan(known) if style == "fast" else MemoryPlan()
        count = len(self.memory.allocated)
        wishes = (
            [f"scratch_{i + 1}" for i in range(count)] if count > 1 else ["scratch"]
        )
        self.scratch = [scope.reserve(wish) for wish in wishes[:count]]
        variables = dict(zip(self.memory.allocated, self.scratch, strict=True))
        self.arrays = {
            node: variables.get(array) or scope[array]
            for node, array in self.memory.arrays.items()
        }
        for node in self.steps:
            scope.alias(node, self.arrays[node])

    def _has_array(self, node: Node) -> bool:
        return is_written(node) and node.shape == self.rule.parameter.shape

    def _name_values(self) -> None:
        """What is only a step on the way goes by the name of its array."""
        values = [n for formula in self.computed for n in formula]
        new = {
            value: f"new_{self.placeholders[replaced]}"
            for value, replaced in self.rule.outputs()
            if value.name is None and value in set(values)
        }
        self.scope.assign(n for n in values if n not in self.steps and n not in new)
        for value, wish in new.items():
            self.scope.alias(value, self.scope.reserve(wish))

    def _plan(self, known: set[Node]) -> MemoryPlan:
        nodes = [node for formula in self.computed for node in formula]
        outputs = self.rule.outputs()
        inline = {n for n in self.graph.nodes if self.operands.is_inline(n)}
        return plan_memory(
            nodes,
            inline - set(self.placeholders),
            self.graph.outputs,
            fresh={n for n in nodes if n.shape != self.rule.parameter.shape},
            destinations={v: replaced for v, replaced in outputs if v not in known},
        )

    def write_over_tiles(self, writer: Writer, position: int) -> TiledRule:
        """A loop over tiles of the arrays that the group's arrays are part of."""
        columns = [self.scope[node] for _, node in self.rule.placeholders()]
        target = ast.Tuple(
            [ast.Name(column, ast.Store()) for column in (*columns, *self.scratch)],
            ast.Store(),
        )
        every = subscript(name("tiles"), position)
        loop = ast.For(ast.Name("tile", ast.Store()), every, [], [])
        unpacked = ast.Assign([target], name("tile"))
        self._write(writer, loop, [(self.rule.parameter, unpacked)])
        return TiledRule(
            tuple(str(rule.parameter.name) for rule in self.group),
            tuple(self.rule.slots),
            tuple(str(node.dtype) for node in self.memory.allocated),
        )

    def write_over_names(self, writer: Writer) -> set[tuple[int, TensorType]]:
        """A loop over the names of the group's parameters; returns its scratch."""
        parameters = [ast.Constant(str(rule.parameter.name)) for rule in self.group]
        every = ast.Tuple(list(parameters), ast.Load())
        loop = ast.For(ast.Name("name", ast.Store()), every, [], [])
        beginning = [
            (node, assign(self.scope[node], _slot_expression(label)))
            for label, node in self.rule.placeholders()
        ]
        shape = ast.Attribute(
            name(self.scope[self.rule.parameter]), "shape", ast.Load()
        )
        for variable, node in zip(self.scratch, self.memory.allocated, strict=True):
            position = ast.Constant(self.scratch.index(variable))
            dtype = dtype_expression(node.dtype)
            if node.dtype == self.rule.parameter.dtype:
                dtype = ast.Attribute(shape.value, "dtype", ast.Load())
            thread = call("get_ident")
            array = call("update_scratch", position, shape, dtype, thread)
            beginning.append((node, assign(variable, array)))
        self._write(writer, loop, beginning)
        shapes = {rule.parameter.shape for rule in self.group}
        return {
            (position, TensorType(node.dtype, shape))
            for position, node in enumerate(self.memory.allocated)
            for shape in shapes
        }

    def _write(
        self,
        writer: Writer,
        loop: ast.For,
        beginning: Sequence[tuple[Node, ast.stmt]] = (),
    ) -> None:
        writer.blank()
        with writer.block(loop):
            for node, statement in beginning:
                with writer.about(node):
                    writer.statement(statement)
            self._write_rule(writer)

    def _write_rule(self, writer: Writer) -> None:
        copied = [
            (value, placeholder)
            for value, placeholder in self.rule.outputs()
            if value is not placeholder
            and self.arrays.get(value) != self.scope[placeholder]
        ]
        read = self.read | {value for value, _ in copied}
        for formula in self.computed:
            statements = [
                (node, statement)
                for node in formula
                for statement in self._statements(node, is_read=node in read)
            ]
            if len(statements) > 1:
                self._write_formula(writer, formula[-1])
            for node, statement in statements:
                with writer.about(node):
                    writer.statement(statement)
        _write_copies(
            writer,
            copied,
            self.operands.value,
            lambda node: name(self.scope[node]),
        )

    def _write_formula(self, writer: Writer, node: Node) -> None:
        """Say what the next statements compute together."""
        formula = format_expression(self.formulas.expression(node))
        writer.comment(f"{self.scope[node]} = {formula}")

    def _statements(self, node: Node, *, is_read: bool) -> Iterator[ast.stmt]:
        target = self.scope[node]
        if node not in self.arrays:
            yield from self.operands.statements(node, target)
            return
        for statement in self.operands.statements_into(node, target, self.arrays[node]):
            # The result of the last op on a stored array is that array.
            match statement:
                case ast.Assign([ast.Name()], ast.Name()) if not is_read:
                    continue
                case ast.Assign([ast.Name()], value) if not is_read:
                    yield ast.Expr(value)
                case _:
                    yield statement


def _formulas(nodes: Sequence[Node], parts: set[Node]) -> list[list[Node]]:
    """The nodes that are no parts, in their order, each after the parts of it."""

    def parts_and(node: Node) -> Iterator[Node]:
        for parent in node.inputs:
            if parent in parts:
                yield from parts_and(parent)
        yield node

    return [list(parts_and(node)) for node in nodes if node not in parts]


def _slot_expression(label: str) -> ast.expr:
    if label in ("parameter", "gradient"):
        return ast.Subscript(name(f"{label}s"), name("name"), ast.Load())
    key = ast.BinOp(name("name"), ast.Add(), ast.Constant(f".{label}"))
    return ast.Subscript(name("slots"), key, ast.Load())


def _write_scratch(writer: Writer) -> None:
    writer.from_import("functools", "cache")
    writer.from_import("threading", "get_ident")
    parameters = ["number", "shape", "dtype", "thread"]
    with writer.function("update_scratch", parameters, decorators=["cache"]):
        writer.docstring("Allocate an array that `update` works in.")
        writer.statement(ast.Return(parse("empty_aligned(shape, dtype)")))


def _write_copies(
    writer: Writer,
    copied: Sequence[tuple[Node, Node]],
    expression: Callable[[Node], ast.expr],
    array: Callable[[Node], ast.expr],
) -> None:
    """Put new values into the stored arrays that they replace."""
    for copies in _in_order(copied):
        targets: list[ast.expr] = [
            ast.Subscript(array(placeholder), ast.Constant(...), ast.Store())
            for _, placeholder in copies
        ]
        values = [expression(value) for value, _ in copies]
        if len(copies) > 1:
            values = [call("np.copy", value) for value in values]
        with writer.about(copies[0][0]):
            writer.statement(ast.Assign([one_or_tuple(targets)], one_or_tuple(values)))


def _in_order(
    copied: Sequence[tuple[Node, Node]],
) -> Iterator[Sequence[tuple[Node, Node]]]:
    """Values with what they replace, such that nothing is replaced before it is read.

    Arrays that are exchanged have to be replaced together.
    """
    waiting = list(copied)
    while waiting:
        read = {
            storage_of(value)
            for value, placeholder in waiting
            if storage_of(value) is not placeholder
        }
        ready = [pair for pair in waiting if pair[1] not in read]
        if not ready:
            yield waiting
            return
        waiting = [pair for pair in waiting if pair[1] in read]
        yield from ([pair] for pair in ready)
