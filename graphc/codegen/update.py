"""The optimizer's update: the graph of all new values, emitted as one rule in a loop.

The graph holds the rule once for each parameter. Parameters whose rules are equal but
for the shape are one group: the rule is emitted once, in a loop over their names, as a
textbook writes it. What does not depend on a parameter (a bias correction, a step size)
is computed once before the loops.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Shape
from ..ir.graph import Graph, ancestors
from ..ir.node import Node, attributes_key
from .expressions import assign, call, dtype_expression, name, parse, subscript
from .function import Style
from .memory import MemoryPlan, plan_memory, storage_of
from .names import Names
from .operands import Constants, Operands
from .writer import Writer

__all__ = ["ParameterUpdate", "Update", "write_update"]


@dataclass(frozen=True)
class ParameterUpdate:
    """The rule of one parameter: placeholders that are read, and new values."""

    parameter: Node
    """Placeholder for the parameter, under its name."""
    gradient: Node
    slots: Mapping[str, Node]
    """Placeholders of optimizer state by the name within the parameter: `exp_avg`."""
    new_parameter: Node
    new_slots: Mapping[str, Node]

    def placeholders(self) -> Iterator[tuple[str, Node]]:
        """Placeholders by what they are called inside the loop."""
        yield "parameter", self.parameter
        yield "gradient", self.gradient
        yield from self.slots.items()

    def outputs(self) -> list[tuple[Node, Node]]:
        """New values with the placeholder that each replaces."""
        pairs = [(self.new_slots[key], self.slots[key]) for key in self.slots]
        return [(self.new_parameter, self.parameter), *pairs]


@dataclass(frozen=True)
class Update:
    """All rules, with the placeholders that they share."""

    rules: tuple[ParameterUpdate, ...]
    clock: Mapping[str, Node]
    """Placeholders `step`, `epoch` and `scale`: scalars of the training state."""
    shared: Mapping[str, tuple[Node, Node]]
    """State that belongs to no parameter: placeholder and new value by name."""
    title: str
    """The optimizer in words, for the docstring."""
    hash: str
    """The fingerprint of the rules with all their settings."""


class _Structures:
    """Numbers for the rules' values that are equal where the rules are.

    Values are equal if they apply the same op to equal values. Their shapes don't
    count, but whether they are scalars or of the parameter's own shape does.
    """

    def __init__(self, shared: set[Node]) -> None:
        self._shared = shared
        self._numbers: dict[object, int] = {}

    def __call__(self, rule: ParameterUpdate) -> tuple[int, ...]:
        own = rule.parameter.shape
        numbers: dict[Node, int] = {}
        for label, node in rule.placeholders():
            numbers[node] = self._number((label, *_kind(node, own)))
        outputs = [value for value, _ in rule.outputs()]
        for node in Graph(tuple(outputs)).nodes:
            if node in numbers:
                continue
            if node in self._shared:
                numbers[node] = self._number(node)
                continue
            inputs = tuple(numbers[parent] for parent in node.inputs)
            attributes = attributes_key(node.attributes)
            key = (node.op.name, inputs, attributes, *_kind(node, own))
            numbers[node] = self._number(key)
        return tuple(numbers[output] for output in outputs)

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _kind(node: Node, own: Shape) -> tuple[str, bool, bool]:
    return (str(node.dtype), node.ndim == 0, node.shape == own)


def _groups(update: Update, shared: set[Node]) -> list[list[ParameterUpdate]]:
    structure = _Structures(shared)
    groups: dict[object, list[ParameterUpdate]] = {}
    for rule in update.rules:
        groups.setdefault(structure(rule), []).append(rule)
    return list(groups.values())


def _shared_nodes(update: Update) -> list[Node]:
    """What is computed before the loops: what several rules use, or none owns."""
    everything = Graph(
        (
            *(value for rule in update.rules for value, _ in rule.outputs()),
            *(value for _, value in update.shared.values()),
        )
    )
    users = dict.fromkeys(everything.nodes, 0)
    foreign: set[Node] = set()
    owners = _owners(update)
    for rule in update.rules:
        for node in _rule_nodes(rule):
            users[node] += 1
            if owners.get(node, rule) is not rule:
                foreign.add(node)
    owned = set(owners)
    for node in everything.nodes:
        if not node.op.pure or any(parent in owned for parent in node.inputs):
            owned.add(node)
    common = [
        node
        for node in everything.nodes
        if users[node] != 1 or node not in owned or node in foreign
    ]
    needed = set(ancestors([*common, *(v for _, v in update.shared.values())]))
    return [node for node in everything.nodes if node in needed]


def _owners(update: Update) -> dict[Node, ParameterUpdate]:
    return {node: rule for rule in update.rules for _, node in rule.placeholders()}


def _overwritten(update: Update, shared: set[Node]) -> set[Node]:
    """Placeholders that are read when the loop of the rule that owns them has run.

    A rule may read what belongs to another, in its own loop, or the new value of shared
    state may be such an array itself. Gradients stay as they are.
    """
    owners = _owners(update)
    read: list[tuple[ParameterUpdate | None, Node]] = []
    for rule in update.rules:
        nodes = [node for node in _rule_nodes(rule) if node not in shared]
        read += [(rule, parent) for node in nodes for parent in node.inputs]
        read += [(rule, value) for value, _ in rule.outputs()]
    read += [(None, value) for _, value in update.shared.values()]
    found: set[Node] = set()
    for rule, node in read:
        stored = storage_of(node)
        owner = owners.get(stored)
        if owner is not None and owner is not rule and stored is not owner.gradient:
            found.add(stored)
    return found


def write_update(
    writer: Writer,
    update: Update,
    names: Names,
    constants: Constants,
    style: Style,
) -> None:
    """Write `update(parameters, gradients, state)`, which works in place."""
    shared = _shared_nodes(update)
    if style == "fast":
        _write_scratch(writer)
    with writer.function("update", ["parameters", "gradients", "state"]):
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
        if any(not node.op.pure for rule in update.rules for node in _rule_nodes(rule)):
            writer.statement(assign("rng", subscript(name("state"), "rng")))
        for key, node in update.clock.items():
            if node in used:
                names.alias(node, key)
                writer.statement(assign(key, subscript(name("state"), key)))
        if any(rule.slots for rule in update.rules) or update.shared:
            writer.statement(assign("slots", subscript(name("state"), "slots")))
        for key, (placeholder, _) in update.shared.items():
            names.assign([placeholder])
            stored = subscript(name("slots"), key)
            writer.statement(assign(names[placeholder], stored))
        _write_shared(writer, update, shared, names, constants)
        known = set(shared)
        for group in _groups(update, known):
            _write_group(writer, group, known, names, constants, style)
        for key, (_, value) in update.shared.items():
            slot = ast.Subscript(subscript(name("slots"), key), ast.Constant(...))
            writer.statement(ast.Assign([slot], name(names[value])))


def _rule_nodes(rule: ParameterUpdate) -> list[Node]:
    return ancestors([value for value, _ in rule.outputs()])


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
    inline = {n for n in _parts_of_formulas(everything.nodes) if n in known}
    inline -= {
        node for user in everything.nodes if user not in known for node in user.inputs
    }
    inline -= {value for _, value in update.shared.values()}
    inline -= {value for rule in update.rules for value, _ in rule.outputs()}
    graph = Graph(tuple(node for node in shared if node not in inline))
    operands = Operands(graph, names, constants, inline=inline)
    read = {node for rule in update.rules for _, node in rule.placeholders()}
    names.assign(n for n in shared if n in read or not operands.is_inline(n))
    overwritten = _overwritten(update, known)
    for rule in update.rules:
        for _, node in rule.placeholders():
            if node in known:
                stored = _stored(rule, node)
                if node in overwritten:
                    stored = call("np.copy", stored)
                writer.statement(assign(names[node], stored))
    for node in shared:
        if node not in clock and not operands.is_inline(node):
            for statement in operands.statements(node, names[node]):
                writer.statement(statement)


def _parts_of_formulas(nodes: Iterable[Node]) -> set[Node]:
    """Values without a name that one formula uses, and that read better inside it."""
    uses: dict[Node, int] = {}
    for node in nodes:
        for parent in node.inputs:
            uses[parent] = uses.get(parent, 0) + (1 if _is_formula(node) else 2)
    return {n for n in uses if uses[n] == 1 and n.name is None and _is_formula(n)}


def _is_formula(node: Node) -> bool:
    return node.op.kind == "elementwise" and node.op.pure and bool(node.inputs)


def _stored(rule: ParameterUpdate, node: Node) -> ast.expr:
    key = str(rule.parameter.name)
    if node is rule.parameter:
        return subscript(name("parameters"), key)
    if node is rule.gradient:
        return subscript(name("gradients"), key)
    slot = next(label for label, slot in rule.slots.items() if slot is node)
    return subscript(name("slots"), f"{key}.{slot}")


def _write_group(
    writer: Writer,
    group: Sequence[ParameterUpdate],
    shared: set[Node],
    names: Names,
    constants: Constants,
    style: Style,
) -> None:
    rule = group[0]
    scope = names.function_scope()
    for label, node in rule.placeholders():
        scope.alias(node, scope.reserve(label))
    outputs = rule.outputs()
    graph = Graph(tuple(value for value, _ in outputs))
    placeholders = {node for _, node in rule.placeholders()}
    reached = set(
        ancestors(
            graph.outputs, lambda n: () if n in shared | placeholders else n.inputs
        )
    )
    own = [n for n in graph.nodes if n in reached and n not in shared]
    formulas = _parts_of_formulas(own) & set(own)
    formulas -= {value for value, _ in outputs}
    operands = Operands(
        graph,
        scope,
        constants,
        fast=style == "fast",
        inline=formulas if style == "readable" else (),
    )
    nodes = [n for n in own if not operands.is_inline(n)]
    scope.assign(n for n in nodes if n not in placeholders)
    memory = MemoryPlan()
    if style == "fast":
        destinations = {
            value: placeholder
            for value, placeholder in outputs
            if value not in shared and value not in placeholders
        }
        same = [n for n in nodes if n.type == rule.parameter.type]
        inline = {n for n in graph.nodes if operands.is_inline(n)}
        others = set(nodes) - set(same)
        memory = plan_memory(
            nodes, inline, [v for v, _ in outputs], others, destinations
        )
    scratch = [f"scratch_{number + 1}" for number in range(len(memory.allocated))]
    variables = dict(zip(memory.allocated, scratch, strict=True))
    writer.blank()
    every = ast.Tuple([ast.Constant(str(r.parameter.name)) for r in group], ast.Load())
    loop = ast.For(ast.Name("name", ast.Store()), every, [ast.Pass()], [])
    with writer.block(loop):
        for label, node in rule.placeholders():
            writer.statement(assign(scope[node], _slot_expression(label)))
        if scratch:
            shape = ast.Attribute(name(scope[rule.parameter]), "shape", ast.Load())
            dtype = dtype_expression(rule.parameter.dtype)
            count = ast.Constant(len(scratch))
            targets = [ast.Name(target, ast.Store()) for target in scratch]
            target = ast.Tuple(list(targets), ast.Store())
            value = call("update_scratch", count, shape, dtype)
            writer.statement(ast.Assign([target], value))
        arrays = {
            node: variables.get(array) or scope[array]
            for node, array in memory.arrays.items()
        }
        _write_rule(writer, outputs, nodes, arrays, operands, scope)


def _slot_expression(label: str) -> ast.expr:
    if label in ("parameter", "gradient"):
        return ast.Subscript(name(f"{label}s"), name("name"), ast.Load())
    key = ast.BinOp(name("name"), ast.Add(), ast.Constant(f".{label}"))
    return ast.Subscript(name("slots"), key, ast.Load())


def _write_scratch(writer: Writer) -> None:
    writer.from_import("functools", "cache")
    parameters = ["count", "shape", "dtype"]
    with writer.function("update_scratch", parameters, decorators=["cache"]):
        writer.docstring("Allocate the arrays that `update` works in, for one shape.")
        writer.statement(ast.Return(parse("tuple(np.empty((count, *shape), dtype))")))


def _write_rule(
    writer: Writer,
    outputs: Sequence[tuple[Node, Node]],
    nodes: Sequence[Node],
    arrays: Mapping[Node, str],
    operands: Operands,
    scope: Names,
) -> None:
    read = {parent for node in nodes for parent in node.inputs}
    for node in nodes:
        target = scope[node]
        if node in arrays:
            statements = operands.statements_into(node, target, arrays[node])
        else:
            statements = operands.statements(node, target)
        for statement in statements:
            # The result of the last op on a stored array is that array.
            if (
                node in arrays
                and node not in read
                and isinstance(statement, ast.Assign)
            ):
                statement = ast.Expr(statement.value)
            writer.statement(statement)
    for value, placeholder in outputs:
        stored = scope[placeholder]
        if value is not placeholder and arrays.get(value) != stored:
            whole = ast.Subscript(name(stored), ast.Constant(...), ast.Store())
            writer.statement(ast.Assign([whole], operands.value(value)))
