"""One emitted function, in either style, from one graph.

`readable` computes each node in a named statement. `fast` makes the same statements
write into arrays that are allocated once for given sizes of the named dimensions, and
kept by `functools.lru_cache`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..ir.dims import Dim, Dimension, format_shape
from ..ir.graph import Graph
from ..ir.node import Node
from .expressions import assign, call, dtype_expression, literal, name, subscript
from .memory import MemoryPlan, plan_memory, storage_of
from .names import Names
from .operands import Constants, Operands
from .writer import Writer

__all__ = ["Function", "Style", "write_function"]

Style = Literal["readable", "fast"]

Ending = Callable[[Sequence[ast.expr]], list[ast.stmt]]
"""The last statements of a function, from the values of its outputs."""


@dataclass(frozen=True)
class Function:
    """What to emit: a graph as `name(parameters, *inputs)`."""

    name: str
    graph: Graph
    inputs: tuple[Node, ...]
    """The placeholders that the function takes, used or not, in order."""
    ending: Ending
    docstring: str
    random: bool = False
    """Whether it takes a generator `rng`."""
    kept: tuple[Node, ...] = ()
    """In fast style, outputs that stay in the workspace; others are new arrays."""
    reserved: tuple[str, ...] = ()
    """Variables that `ending` uses for itself."""


def sizes_prologue(
    symbols: set[str], inputs: Sequence[Node], names: Names
) -> list[tuple[ast.stmt, None]]:
    """`batch = x.shape[0]` for each named size in use."""
    lines: list[tuple[ast.stmt, None]] = []
    for symbol in sorted(symbols):
        node, axis = size_source(symbol, inputs)
        value = subscript(ast.Attribute(name(names[node]), "shape", ast.Load()), axis)
        lines.append((assign(names.symbol(symbol), value), None))
    return lines


def size_source(symbol: str, inputs: Sequence[Node]) -> tuple[Node, int]:
    """The input, and its axis, that tells a named size."""
    for node in inputs:
        for axis, size in enumerate(node.shape):
            if isinstance(size, Dim) and size.text == symbol:
                return node, axis
    raise KeyError(symbol)


def phase_of(node: Node) -> str:
    """Whether a node belongs to the forward or the backward pass."""
    backward = any(
        rule.startswith("vjp of") or rule == "accumulation"
        for rule in node.origin.rules
    )
    return "Backward" if backward or node.origin.gradient_of is not None else "Forward"


def shape_comment(node: Node) -> str:
    """The shape as a comment says it."""
    return format_shape(node.shape) if node.shape else "scalar"


@dataclass(frozen=True)
class Written:
    """What other code needs to know of an emitted function."""

    quick_call: ast.expr
    """A call on the function's own arguments; in fast style its result may be arrays
    of the workspace, which the next call overwrites."""
    variables: Mapping[str, Node]
    """What its variables stand for."""


class _Body:
    """The statements of a function and what they turned out to need."""

    def __init__(
        self, function: Function, names: Names, constants: Constants, *, fast: bool
    ) -> None:
        self.function = function
        self.names = names
        graph = function.graph
        names.assign(graph.nodes)
        self.operands = Operands(graph, names, constants)
        self.nodes = [n for n in graph.nodes if not self.operands.is_inline(n)]
        self.parameters = [n for n in graph.nodes if n.op.name == "parameter"]
        self.memory = MemoryPlan()
        if fast:
            inline = {n for n in graph.nodes if self.operands.is_inline(n)}
            stays = {storage_of(node) for node in function.kept}
            results = {storage_of(node) for node in graph.outputs}
            self.memory = plan_memory(
                self.nodes, inline, graph.outputs, results - stays
            )
        self.statements = [self._statements(node) for node in self.nodes]
        results = [self.operands.value(node) for node in graph.outputs]
        self.ending = function.ending(results)

    def _statements(self, node: Node) -> list[ast.stmt]:
        target = self.names[node]
        if node in self.memory.written:
            statements = self.operands.statements_into(node, target)
            if statements is not None:
                return statements
        return self.operands.statements(node, target)

    def variables(self) -> dict[str, Node]:
        """What each variable stands for."""
        return {self.names[node]: node for node in self.nodes}

    def write(self, writer: Writer) -> None:
        for parameter in self.parameters:
            stored = subscript(name("parameters"), parameter.name)
            writer.statement(assign(self.names[parameter], stored))
        phases = {phase_of(node) for node in self.nodes}
        current = ""
        for node, statements in zip(self.nodes, self.statements, strict=True):
            phase = phase_of(node)
            if len(phases) > 1 and phase != current and current != "Backward":
                writer.heading(phase)
                current = phase
            for position, statement in enumerate(statements):
                comment = None if position else shape_comment(node)
                writer.statement(statement, comment)
        if len(phases) > 1:
            writer.blank()
        for statement in self.ending:
            writer.statement(statement)


def signature(function: Function, names: Names) -> list[str]:
    """The parameters of the emitted function."""
    arguments = ["parameters", *(names[node] for node in function.inputs)]
    return [*arguments, "rng=None"] if function.random else arguments


def write_function(
    writer: Writer,
    function: Function,
    names: Names,
    constants: Constants,
    style: Style,
) -> Written:
    """Write `function` in the given style."""
    names = names.function_scope(function.reserved)
    body = _Body(function, names, constants, fast=style == "fast")
    if style == "fast" and (body.memory.allocated or function.kept):
        return _write_fast(writer, body)
    with writer.function(function.name, signature(function, names)):
        writer.docstring(function.docstring)
        prologue = sizes_prologue(body.operands.dimensions, function.inputs, names)
        for statement, comment in prologue:
            writer.statement(statement, comment)
        body.write(writer)
    passed = [name(a.partition("=")[0]) for a in signature(function, names)]
    return Written(call(function.name, *passed), body.variables())


def _write_fast(writer: Writer, body: _Body) -> Written:
    function, names = body.function, body.names
    shapes = _shapes(body, names)
    symbols = sorted(body.operands.dimensions)
    factory = f"{function.name}_workspace"
    writer.from_import("functools", "lru_cache")
    arguments = signature(function, names)
    variables = [names.symbol(symbol) for symbol in symbols]
    with writer.function(factory, variables, decorators=["lru_cache(maxsize=8)"]):
        size = _bytes_text(body.memory.bytes)
        count = len(body.memory.allocated)
        arrays = f"{count} array{'' if count == 1 else 's'}"
        writer.docstring(
            f"Return `{function.name}` with a workspace of {arrays}, {size} bytes."
        )
        for statement, comment in shapes:
            writer.statement(statement, comment)
        writer.blank()
        with writer.function("run", arguments):
            body.write(writer)
        writer.blank()
        writer.statement(ast.Return(name("run")))
    with writer.function(function.name, arguments):
        writer.docstring(function.docstring)
        quick = _workspace_call(function, names, symbols)
        result = quick
        if function.kept:
            writer.from_import("copy", "deepcopy")
            writer.comment("The next call writes to the same arrays.")
            result = call("deepcopy", quick)
        writer.statement(ast.Return(result))
    return Written(quick, body.variables())


def _workspace_call(
    function: Function, names: Names, symbols: Sequence[str]
) -> ast.expr:
    """A call of the function that runs in the workspace for the inputs' sizes."""
    sizes: list[ast.expr] = []
    for symbol in symbols:
        node, axis = size_source(symbol, function.inputs)
        shape = ast.Attribute(name(names[node]), "shape", ast.Load())
        sizes.append(subscript(shape, axis))
    run = call(f"{function.name}_workspace", *sizes)
    passed = [name(a.partition("=")[0]) for a in signature(function, names)]
    return ast.Call(run, passed, [])


def _shapes(body: _Body, names: Names) -> list[tuple[ast.stmt, str | None]]:
    """The statements that allocate the workspace."""
    lines: list[tuple[ast.stmt, str | None]] = []
    for node in body.memory.allocated:
        shape = literal(node.shape, body.operands.dimension)
        empty = call("np.empty", shape, dtype_expression(node.dtype))
        lines.append((assign(names[node], empty), None))
    for alias in body.memory.aliases:
        comment = "in place" if alias.in_place else "shared, in turn"
        value = name(names[alias.owner])
        lines.append((assign(names[alias.node], value), comment))
    return lines


def _bytes_text(size: Dimension) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)


