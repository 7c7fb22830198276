"""Named sizes in emitted functions: where they are read, what has to hold of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ...ir.dims import Dim
from ...ir.node import Node
from ...ir.sizes import SizeBound
from ...pysource.writer import Writer
from .expressions import assign, call, literal, name, subscript
from .names import Names


def write_sizes(
    writer: Writer, symbols: Sequence[str], inputs: Sequence[Node], names: Names
) -> None:
    """Write `batch = x.shape[0]` for each named size in use."""
    for symbol in symbols:
        node, axis = next(size_sources(symbol, inputs))
        value = size_of_axis(names[node], axis)
        with writer.about(node):
            writer.statement(assign(names.symbol(symbol), value))


def write_size_check(
    writer: Writer, bound: SizeBound, error: str, names: Names
) -> None:
    """Raise where a size that the data has is not one that the graph allows for."""

    def size(symbol: str) -> ast.expr:
        return name(names.symbol(symbol))

    high, low = (literal(side, size) for side in (bound.high, bound.low))
    order: ast.cmpop = ast.Lt()
    if isinstance(bound.high, int):
        high, low, order = low, high, ast.Gt()
    given: list[ast.expr] = [ast.Constant(f"{bound.message}, got ")]
    for position, symbol in enumerate(bound.symbols):
        start = ", " if position else ""
        given += [
            ast.Constant(f"{start}{symbol} = "),
            ast.FormattedValue(size(symbol), -1),
        ]
    with (
        writer.about(bound.node),
        writer.block(ast.If(ast.Compare(high, [order], [low]), [], [])),
    ):
        writer.statement(ast.Raise(call(error, ast.JoinedStr(given))))


def size_sources(symbol: str, inputs: Sequence[Node]) -> Iterator[tuple[Node, int]]:
    """The inputs, each with its axis, that tell a named size."""
    for node in inputs:
        for axis, size in enumerate(node.shape):
            if isinstance(size, Dim) and size.text == symbol:
                yield node, axis


def size_of_axis(variable: str, axis: int) -> ast.expr:
    """`x.shape[0]`."""
    return subscript(ast.Attribute(name(variable), "shape", ast.Load()), axis)
