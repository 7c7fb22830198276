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

from ..ir.dims import Dim, Dimension, format_shape, symbols_of
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import is_floating
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
    source: str = "parameters"
    """The first argument: a mapping that holds parameters, and placeholders that are no
    arguments, by name."""


def sizes_prologue(
    symbols: set[str], inputs: Sequence[Node], names: Names
) -> list[ast.stmt]:
    """`batch = x.shape[0]` for each named size in use."""
    lines: list[ast.stmt] = []
    for symbol in sorted(symbols):
        node, axis = size_source(symbol, inputs)
        value = subscript(ast.Attribute(name(names[node]), "shape", ast.Load()), axis)
        lines.append(assign(names.symbol(symbol), value))
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
        self.operands = Operands(graph, names, constants, fast=fast)
        self.nodes = [n for n in graph.nodes if not self.operands.is_inline(n)]
        stored = {*graph.inputs, *graph.parameters} - set(function.inputs)
        self.stored = [n for n in graph.nodes if n in stored]
        self.memory = MemoryPlan()
        if fast:
            inline = {n for n in graph.nodes if self.operands.is_inline(n)}
            stays = {storage_of(node) for node in function.kept}
            results = {storage_of(node) for node in graph.outputs}
            self.memory = plan_memory(
                self.nodes, inline, graph.outputs, results - stays
            )
            for node in self.memory.allocated:
                literal(node.shape, self.operands.dimension)
        self.statements = [self._statements(node) for node in self.nodes]
        results = [self.operands.value(node) for node in graph.outputs]
        self.ending = function.ending(results)

    def _statements(self, node: Node) -> list[ast.stmt]:
        target = self.names[node]
        array = self.memory.arrays.get(node)
        if array is None:
            return self.operands.statements(node, target)
        return self.operands.statements_into(node, target, self.names[array])

    def variables(self) -> dict[str, Node]:
        """What each variable stands for."""
        return {self.names[node]: node for node in self.nodes}

    def write_stored(self, writer: Writer) -> None:
        """Fetch the parameters."""
        for node in self.stored:
            stored = subscript(name(self.function.source), node.name)
            writer.statement(assign(self.names[node], stored))

    def write(self, writer: Writer) -> None:
        """Write the statements of the values, and the ending."""
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
    arguments = [function.source, *(names[node] for node in function.inputs)]
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
    arguments = signature(function, names)
    quick = function.name
    if style == "fast" and function.kept:
        quick = f"{function.name}_in_place"
    workspace = f"{function.name}_workspace"
    if body.memory.allocated:
        writer.from_import("functools", "lru_cache")
        _write_workspace(writer, body, workspace)
    with writer.function(quick, arguments):
        writer.docstring(function.docstring)
        if quick != function.name:
            writer.comment("The next call writes to the same arrays.")
        symbols = body.operands.dimensions
        for statement in sizes_prologue(symbols, function.inputs, names):
            writer.statement(statement)
        body.write_stored(writer)
        if body.memory.allocated:
            writer.statement(_unpack_workspace(body, workspace))
        body.write(writer)
    passed = [name(argument.partition("=")[0]) for argument in arguments]
    quick_call = call(quick, *passed)
    if quick != function.name:
        writer.from_import("copy", "deepcopy")
        with writer.function(function.name, arguments):
            writer.docstring(function.docstring)
            writer.statement(ast.Return(call("deepcopy", quick_call)))
    return Written(quick_call, body.variables())


def _workspace_symbols(body: _Body) -> list[str]:
    shapes = (node.shape for node in body.memory.allocated)
    return list(symbols_of(size for shape in shapes for size in shape))


def _write_workspace(writer: Writer, body: _Body, function: str) -> None:
    names = body.names
    arguments = [names.symbol(symbol) for symbol in _workspace_symbols(body)]
    typed = _typed_parameter(body)
    if typed is not None:
        arguments.append("dtype")
    with writer.function(function, arguments, decorators=["lru_cache(maxsize=8)"]):
        count = len(body.memory.allocated)
        arrays = f"{count} array{'' if count == 1 else 's'}"
        writer.docstring(
            f"Allocate, once for each size, the {arrays} "
            f"({_bytes_text(body.memory.bytes)} bytes) that\n"
            f"`{body.function.name}` writes to."
        )
        for node in body.memory.allocated:
            shape = literal(node.shape, body.operands.dimension)
            dtype = dtype_expression(node.dtype)
            if typed is not None and node.dtype == typed.dtype:
                dtype = name("dtype")
            writer.statement(assign(names[node], call("np.empty", shape, dtype)))
        variables = [name(names[node]) for node in body.memory.allocated]
        writer.statement(ast.Return(one_or_tuple(variables)))


def _unpack_workspace(body: _Body, function: str) -> ast.stmt:
    names = body.names
    sizes = [body.operands.dimension(symbol) for symbol in _workspace_symbols(body)]
    typed = _typed_parameter(body)
    if typed is not None:
        sizes.append(ast.Attribute(name(names[typed]), "dtype", ast.Load()))
    targets = [ast.Name(names[node], ast.Store()) for node in body.memory.allocated]
    return ast.Assign([one_or_tuple(list(targets))], call(function, *sizes))


def _typed_parameter(body: _Body) -> Node | None:
    """A parameter whose dtype the workspace takes, so that float64 ones are computed
    with in float64, as a check of gradients wants."""
    floating = [n for n in body.memory.allocated if is_floating(n.dtype)]
    if body.function.source != "parameters" or len({n.dtype for n in floating}) != 1:
        return None
    return next((n for n in body.stored if n.dtype == floating[0].dtype), None)


def one_or_tuple(items: list[ast.expr]) -> ast.expr:
    """The only item, or a tuple of all."""
    return items[0] if len(items) == 1 else ast.Tuple(items, ast.Load())


def _bytes_text(size: Dimension) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)
