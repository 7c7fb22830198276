"""The code that allocates the arrays of a function, and that fetches them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import numpy as np

from ...ir.node import Node
from ...ir.types import DType
from ...program.footprint import bytes_text
from ...program.forms import Entry
from ...program.workspace import Persistent, Workspace
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import (
    assign,
    call,
    dtype_expression,
    literal,
    name,
    one_or_tuple,
    parse,
    subscript,
)
from .names import Names
from .values import Values

_THREAD = call("get_ident")


def names_of_entries(workspace: Workspace, names: Names) -> dict[Entry, str]:
    """The variables of the arrays of a workspace."""
    return {
        entry: names[entry.node]
        if entry.node is not None and entry.node in names
        else names.reserve(entry.wish)
        for entry in workspace.entries
    }


class Allocation:
    """The arrays of a function in its code."""

    def __init__(
        self,
        function: str,
        workspace: Workspace,
        names: Names,
        constants: Constants,
        variables: Mapping[Entry, str],
    ) -> None:
        self._function = function
        self._workspace = workspace
        self._names = names
        self._variables = variables
        self._inside = Values(names, constants, workspace.forms, variables)

    @property
    def _allocation(self) -> str:
        """The name of the function that allocates."""
        return f"{self._function}_workspace"

    @property
    def _read(self) -> list[str]:
        """The variables of arrays that the function itself uses."""
        return [v for entry, v in self._variables.items() if entry.is_read]

    def write_functions(self, writer: Writer) -> None:
        """Write the functions that allocate, each once for given sizes."""
        persistent = self._workspace.persistent
        if self._workspace.entries:
            self._write_workspace(writer)
        if persistent is not None and not persistent.is_shared:
            self._write_persistent(writer, persistent)
        if self._workspace.is_used:
            writer.from_import("functools", "lru_cache")
            writer.from_import("threading", "get_ident")

    def write_unpacking(self, writer: Writer) -> None:
        """Write the statements that fetch the arrays."""
        persistent = self._workspace.persistent
        if persistent is not None:
            arrays = call(persistent.allocation, *self._dtype_argument(), _THREAD)
            writer.statement(assign(persistent.variable, arrays))
            for node, key in persistent.written().items():
                array = subscript(name(persistent.variable), key)
                with writer.about(node):
                    writer.statement(assign(self._names[node], array))
        if self._variables:
            targets = [ast.Name(variable, ast.Store()) for variable in self._read]
            sizes = [name(self._names.symbol(s)) for s in self._workspace.symbols]
            arguments = [*sizes, *self._dtype_argument(), _THREAD]
            arrays = call(self._allocation, *arguments)
            writer.statement(ast.Assign([one_or_tuple(targets)], arrays))

    def dtype(self, node: Node) -> ast.expr:
        """The dtype of a value: that of the parameters, where those are one."""
        typed = self._workspace.typed_by
        if typed is None or not self._workspace.follows(node.dtype):
            return dtype_expression(node.dtype)
        return ast.Attribute(name(self._names[typed]), "dtype", ast.Load())

    def _write_workspace(self, writer: Writer) -> None:
        workspace = self._workspace
        arguments = [self._names.symbol(symbol) for symbol in workspace.symbols]
        arguments += [*["dtype"] * len(self._dtype_argument()), "thread"]
        decorators = ["lru_cache(maxsize=16)"]
        with writer.function(self._allocation, arguments, decorators=decorators):
            count = len(workspace.entries)
            arrays = f"{count} array{'' if count == 1 else 's'}"
            writer.docstring(
                f"Make, once for each size and thread, the {arrays} "
                f"({bytes_text(workspace.bytes)} bytes)\n"
                f"that `{self._function}` works with."
            )
            if workspace.symbols:
                size = literal(workspace.bytes, self._inside.size)
                room = call("make_room", name(self._allocation), size)
                writer.statement(ast.Expr(room))
            for entry, variable in self._variables.items():
                with writer.about(entry.node):
                    writer.statement(assign(variable, self._made(entry)))
            read = [name(variable) for variable in self._read]
            writer.statement(ast.Return(one_or_tuple(read)))

    def _made(self, entry: Entry) -> ast.expr:
        """The expression that makes an array."""
        node, dtype = entry.node, entry.type.dtype
        if entry.kind == "size":
            size = literal(entry.size, self._inside.size)
            return call("np.array", size, self._dtype_inside(dtype))
        if entry.kind == "empty":
            shape = literal(entry.type.shape, self._inside.size)
            if node is not None:
                return call("empty_aligned", shape, self._dtype_inside(dtype))
            # Positions are 32 bits wide on some machines, whatever wrote the program.
            is_position = dtype == np.dtype(np.intp)
            own = parse("np.intp") if is_position else self._dtype_inside(dtype)
            if entry.is_drawn:
                own = dtype_expression(dtype)
            return call("empty_aligned", shape, own)
        assert node is not None
        if entry.kind == "value":
            return self._inside.expression(self._inside.forms[node])
        # NumPy takes rows of a table into an array of its dtype only.
        table = self._inside.value(node)
        if not self._workspace.follows(dtype):
            return table
        convert = ast.Attribute(table, "astype", ast.Load())
        no_copy = ast.keyword("copy", ast.Constant(False))
        return ast.Call(convert, [name("dtype")], [no_copy])

    def _write_persistent(self, writer: Writer, persistent: Persistent) -> None:
        arguments = [*["dtype"] * len(self._dtype_argument()), "thread"]
        decorators = ["lru_cache(maxsize=16)"]
        with writer.function(persistent.allocation, arguments, decorators=decorators):
            writer.docstring(
                f"Allocate, once for each thread, the {persistent.variable} that "
                f"`{self._function}`\nwrites to."
            )
            arrays = [
                call(
                    "np.empty",
                    literal(node.shape, self._inside.size),
                    self._dtype_inside(node.dtype),
                )
                for node in persistent.nodes.values()
            ]
            keys: list[ast.expr] = [ast.Constant(key) for key in persistent.nodes]
            table = ast.Dict(list(keys), arrays)
            views = side_by_side(table, persistent.order, persistent.nodes)
            writer.statement(ast.Return(views))

    def _dtype_argument(self) -> list[ast.expr]:
        typed = self._workspace.typed_by
        return [] if typed is None else [self.dtype(typed)]

    def _dtype_inside(self, dtype: DType) -> ast.expr:
        """A dtype inside a function that has that of the parameters as an argument."""
        if self._workspace.follows(dtype):
            return name("dtype")
        return dtype_expression(dtype)


def side_by_side(
    arrays: ast.expr, order: Sequence[str], names: Mapping[str, object]
) -> ast.expr:
    """A call that moves arrays into one, in an order told if it is not theirs."""
    if list(order) == list(names):
        return call("side_by_side", arrays)
    in_order = ast.Tuple([ast.Constant(key) for key in order], ast.Load())
    return call("side_by_side", arrays, in_order)
