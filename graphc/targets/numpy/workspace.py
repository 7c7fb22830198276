"""The memory of one emitted function: allocated once for given sizes, then kept."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.dims import Dimension, symbols_of
from ...ir.facts import Role
from ...ir.node import Node
from ...ir.types import DType, TensorType, is_floating
from ...program.footprint import (
    CACHE_LINE,
    Footprint,
    TileScratch,
    bytes_text,
    flat_bytes,
)
from ...program.memory import MemoryPlan
from ...program.storage import is_written
from ...pysource.writer import Writer
from .expressions import (
    assign,
    call,
    dtype_expression,
    literal,
    name,
    names_read,
    parse,
    subscript,
)
from .names import Names
from .operands import Operands


@dataclass(frozen=True)
class Held:
    """Outputs in arrays that are allocated once, side by side, and kept."""

    variable: str
    """What the function calls them all."""
    allocation: str
    """The function that allocates them."""
    nodes: Mapping[str, Node]
    order: tuple[str, ...]
    """In which they stand in memory."""
    is_shared: bool = False
    """Whether they are those of another function, which allocates them."""

    def written(self) -> dict[Node, str]:
        """Those that are computed in place, with their names; others are copied."""
        nodes: dict[Node, str] = {}
        for key, node in self.nodes.items():
            if is_written(node):
                nodes.setdefault(node, key)
        return nodes

    def copied(self) -> dict[str, Node]:
        """Those that are computed elsewhere."""
        written = self.written()
        return {k: node for k, node in self.nodes.items() if written.get(node) != k}


_THREAD = call("get_ident")


class Workspace:
    """The arrays that a function writes to, and the code that allocates them."""

    def __init__(
        self,
        function: str,
        memory: MemoryPlan,
        held: Held | None,
        *,
        typed_by: Sequence[Node],
        hoisted: Iterable[Node],
        names: Names,
        operands: Operands,
    ) -> None:
        self._function = function
        self._memory = memory
        self._held = held
        self._names = names
        self._operands = operands
        self._allocation = f"{function}_workspace"
        self._typed = self._typed_parameter(typed_by)
        self._entries: list[tuple[str, ast.expr]] = []
        """The variables of the workspace, and what makes each."""
        self.bytes: Dimension = 0
        """What is allocated once for given sizes, besides the tiles of chains."""
        self._inside = operands.with_leaves(())
        for node in memory.allocated:
            shape = literal(node.shape, self._inside.dimension)
            array = call("empty_aligned", shape, self._dtype_inside(node.dtype))
            self._add(names[node], array, node.type.size * node.dtype.itemsize)
            self.bytes = self.bytes + CACHE_LINE
        for node in hoisted:
            size = 0 if node.op.is_view(node) else node.type.size * node.dtype.itemsize
            self._add(names[node], self._inside.expression(node), size)
        for variable, kind in operands.arrays.values():
            self._add(variable, *self._made(kind))
        for (_, dtype), (variable, size) in operands.sizes.items():
            array = call("np.array", size, self._dtype_inside(dtype))
            self._add(variable, array, dtype.itemsize)
            for symbol in operands.dimensions:
                if names.symbol(symbol) in names_read([size]):
                    self._inside.dimension(symbol)

    def _made(self, kind: Node | TensorType) -> tuple[ast.expr, Dimension]:
        """How an array that a statement asks for is made, and its bytes."""
        if isinstance(kind, TensorType):
            shape = literal(kind.shape, self._inside.dimension)
            # Positions are 32 bits wide on some machines, whatever wrote the program.
            is_position = kind.dtype == np.dtype(np.intp)
            dtype = parse("np.intp") if is_position else dtype_expression(kind.dtype)
            array = call("empty_aligned", shape, dtype)
            return array, kind.size * kind.dtype.itemsize + CACHE_LINE
        if kind.op.role is not Role.CONSTANT:
            size = kind.type.size * kind.dtype.itemsize
            return self._inside.expression(kind), size
        # NumPy takes rows of a table into an array of its dtype only.
        table = self._inside.value(kind)
        if self._typed is None or kind.dtype != self._typed.dtype:
            return table, 0
        convert = ast.Attribute(table, "astype", ast.Load())
        no_copy = ast.keyword("copy", ast.Constant(False))
        return ast.Call(convert, [name("dtype")], [no_copy]), 0

    def _add(self, variable: str, array: ast.expr, size: Dimension) -> None:
        self._entries.append((variable, array))
        self.bytes = self.bytes + size

    def footprint(self, tile: int) -> Footprint:
        """What the function's arrays take, besides parameters, inputs and results."""
        held = self._held.nodes.values() if self._held is not None else ()
        scratch = {
            (chain.shape, tuple(str(node.dtype) for node in nodes))
            for chain, nodes in self._memory.scratch.items()
        }
        tiles = tuple(TileScratch(*kind, tile) for kind in sorted(scratch, key=str))
        shapes = (size for scratch in tiles for size in scratch.shape)
        return Footprint(
            workspace=self.bytes,
            tiles=tiles,
            gradients=flat_bytes(node.type for node in held),
            sizes=tuple(sorted({*self.symbols, *symbols_of(shapes)})),
        )

    @property
    def is_used(self) -> bool:
        """Whether there is anything to allocate."""
        return bool(self._entries) or self._held is not None

    @property
    def is_typed(self) -> bool:
        """Whether its floating arrays have the dtype of the parameters it is given."""
        return self._typed is not None

    def write_allocations(self, writer: Writer) -> None:
        """Write the functions that allocate, each once for given sizes."""
        if self._entries:
            self._write_workspace(writer)
        if self._held is not None and not self._held.is_shared:
            self._write_held(writer, self._held)
        if self.is_used:
            writer.from_import("functools", "lru_cache")
            writer.from_import("threading", "get_ident")

    def write_unpacking(self, writer: Writer) -> None:
        """Write the statements that fetch the arrays."""
        held = self._held
        if held is not None:
            arrays = call(held.allocation, *self._dtype_argument(), _THREAD)
            writer.statement(assign(held.variable, arrays))
            for node, key in held.written().items():
                array = subscript(name(held.variable), key)
                with writer.about(node):
                    writer.statement(assign(self._names[node], array))
        if self._entries:
            targets = [ast.Name(variable, ast.Store()) for variable, _ in self._entries]
            sizes = [self._operands.dimension(symbol) for symbol in self.symbols]
            arrays = call(self._allocation, *sizes, *self._dtype_argument(), _THREAD)
            writer.statement(ast.Assign([one_or_tuple(list(targets))], arrays))

    def dtype(self, node: Node) -> ast.expr:
        """The dtype of a value: that of the parameters, where those are one."""
        if self._typed is None or node.dtype != self._typed.dtype:
            return dtype_expression(node.dtype)
        return ast.Attribute(name(self._names[self._typed]), "dtype", ast.Load())

    def _write_workspace(self, writer: Writer) -> None:
        arguments = [self._names.symbol(symbol) for symbol in self.symbols]
        arguments += [*["dtype"] * len(self._dtype_argument()), "thread"]
        decorators = ["lru_cache(maxsize=16)"]
        with writer.function(self._allocation, arguments, decorators=decorators):
            count = len(self._entries)
            arrays = f"{count} array{'' if count == 1 else 's'}"
            writer.docstring(
                f"Make, once for each size and thread, the {arrays} "
                f"({bytes_text(self.bytes)} bytes)\n"
                f"that `{self._function}` works with."
            )
            if self.symbols:
                size = literal(self.bytes, self._inside.dimension)
                room = call("make_room", name(self._allocation), size)
                writer.statement(ast.Expr(room))
            for variable, array in self._entries:
                writer.statement(assign(variable, array))
            variables = [name(variable) for variable, _ in self._entries]
            writer.statement(ast.Return(one_or_tuple(variables)))

    def _write_held(self, writer: Writer, held: Held) -> None:
        arguments = [*["dtype"] * len(self._dtype_argument()), "thread"]
        decorators = ["lru_cache(maxsize=16)"]
        with writer.function(held.allocation, arguments, decorators=decorators):
            writer.docstring(
                f"Allocate, once for each thread, the {held.variable} that "
                f"`{self._function}`\nwrites to."
            )
            arrays = [
                call(
                    "np.empty",
                    literal(node.shape, self._operands.dimension),
                    self._dtype_inside(node.dtype),
                )
                for node in held.nodes.values()
            ]
            keys: list[ast.expr] = [ast.Constant(key) for key in held.nodes]
            views = side_by_side(ast.Dict(list(keys), arrays), held.order, held.nodes)
            writer.statement(ast.Return(views))

    @property
    def symbols(self) -> list[str]:
        """The named sizes that its arrays depend on."""
        return sorted(self._inside.dimensions)

    def _typed_parameter(self, parameters: Sequence[Node]) -> Node | None:
        """A parameter whose dtype the workspace takes, so that float64 ones are
        computed with in float64, as a check of gradients wants."""
        values = [*self._memory.arrays]
        values += self._held.nodes.values() if self._held is not None else ()
        dtypes = {node.dtype for node in values if is_floating(node.dtype)}
        if len(dtypes) != 1:
            return None
        return next((node for node in parameters if node.dtype in dtypes), None)

    def _dtype_argument(self) -> list[ast.expr]:
        return [] if self._typed is None else [self.dtype(self._typed)]

    def _dtype_inside(self, dtype: DType) -> ast.expr:
        """A dtype inside a function that has that of the parameters as an argument."""
        if self._typed is None or dtype != self._typed.dtype:
            return dtype_expression(dtype)
        return name("dtype")


def side_by_side(
    arrays: ast.expr, order: Sequence[str], names: Mapping[str, object]
) -> ast.expr:
    """A call that moves arrays into one, in an order told if it is not theirs."""
    if list(order) == list(names):
        return call("side_by_side", arrays)
    in_order = ast.Tuple([ast.Constant(key) for key in order], ast.Load())
    return call("side_by_side", arrays, in_order)


def one_or_tuple(items: list[ast.expr]) -> ast.expr:
    """The only item, or a tuple of all."""
    return items[0] if len(items) == 1 else ast.Tuple(items, ast.Load())
