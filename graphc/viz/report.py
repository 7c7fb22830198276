"""The table that `graphc show` prints: every node with its type and its costs.

The rows are data first, so that a test or a program can use the numbers that a person
reads. As text a report is the same in every process; on a terminal it is a table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TextIO

from ..arguments import public
from ..errors import OptionError
from ..ir.bodies import primitives
from ..ir.called import shown, value_names
from ..ir.dims import Dim, Dimension, Shape, format_shape, symbols_of
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.types import TupleType
from ..runtime.html import aligned, html_table
from .costs import evaluated, multiply_adds, size_of, total
from .drawing import named_outputs
from .notation import label, scalar_text
from .scene import drawn_order
from .text import place, printable, shortened

if TYPE_CHECKING:
    from rich.table import Table

_NUMERIC = frozenset(["parameters", "multiply-adds", "bytes"])


@dataclass(frozen=True, slots=True)
class Row:
    """One node of a report."""

    name: str
    """The user's name, or the op with a count."""
    op: str
    """The op as drawings write it."""
    shape: Shape
    dtype: str
    parameters: int
    """The count of its trained numbers."""
    multiply_adds: Dimension
    """The arithmetic of computing it once; symbolic in the named sizes."""
    bytes: Dimension
    """The size of its value."""
    line: str
    """The user's `file:line`; empty where there is none."""

    def cells(self) -> tuple[str, ...]:
        """The row as text, one entry for each column."""
        return (
            shortened(printable(self.name), 40),
            shortened(printable(self.op), 40),
            format_shape(self.shape),
            self.dtype,
            f"{self.parameters:,}" if self.parameters else "",
            _count(self.multiply_adds) if self.multiply_adds != 0 else "",
            _count(self.bytes),
            printable(self.line),
        )


_HEADINGS = tuple(field.name.replace("_", "-") for field in fields(Row))


@dataclass(frozen=True)
class Report:
    """The rows of a graph, inputs first, and their totals."""

    rows: tuple[Row, ...]
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """The named sizes that the numbers were evaluated for."""

    @property
    def parameters(self) -> int:
        """The count of numbers that are trained."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> Dimension:
        """The arithmetic of computing every node once."""
        return total(row.multiply_adds for row in self.rows)

    @property
    def bytes(self) -> Dimension:
        """The size of all values together; a program that reuses memory needs less."""
        return total(row.bytes for row in self.rows)

    def summary(self) -> tuple[str, ...]:
        """The totals, one line each."""
        given = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        return (
            f"{len(self.rows)} nodes" + (f", with {given}" if given else ""),
            f"parameters: {self.parameters:,}",
            f"multiply-adds: {_count(self.multiply_adds)}",
            f"bytes of all values: {_count(self.bytes)}",
        )

    def __str__(self) -> str:
        lines = aligned(_HEADINGS, (row.cells() for row in self.rows), _NUMERIC)
        return "\n".join([*lines, "", *self.summary()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table, by which notebooks show it."""
        rows = [row.cells() for row in self.rows]
        return html_table(_HEADINGS, rows, _NUMERIC, self.summary())

    def __rich__(self) -> Table:
        """The report as a table of the `rich` package."""
        from rich.table import Table
        from rich.text import Text

        table = Table(caption="\n".join(self.summary()), caption_justify="left")
        for heading in _HEADINGS:
            numeric = heading in _NUMERIC
            table.add_column(
                heading,
                justify="right" if numeric else "left",
                overflow="fold",
            )
        for row in self.rows:
            # Text and not str: a name in brackets is not markup.
            table.add_row(*(Text(cell) for cell in row.cells()))
        return table

    def print(self, file: TextIO | None = None) -> None:
        """Print a table to a terminal, or plain text to anything else.

        Args:
            file: a text stream; standard output where None.

        >>> import graphc as gc
        >>> whole = report(gc.input("x", (3,)).sum().named("total"))
        >>> whole.print()  # doctest: +ELLIPSIS
        name   op     shape  dtype    parameters  multiply-adds  bytes  line
        -----  -----  -----  -------  ----------  -------------  -----  ...
        x      input  (3,)   float32                                12  ...
        total  sum    ()     float32                          3      4  ...
        <BLANKLINE>
        2 nodes
        parameters: 0
        multiply-adds: 3
        bytes of all values: 16
        """
        stream = sys.stdout if file is None else file
        if stream is None:  # The console is closed.
            return
        if not stream.isatty():
            stream.write(f"{self}\n")
            return
        from rich.console import Console

        Console(file=stream).print(self)


def report(
    target: Any, *, level: Literal["block", "primitive"] = "block", **sizes: int
) -> Report:
    """A table of the nodes of a graph, with their types and costs.

    Numbers and sizes that stand alone have no row; they are part of the op that uses
    them, as in drawings.

    Args:
        target: a node, a list, tuple or dict of nodes, a graph, or a `Trainer`.
        level: `"block"` for one row a block, `"primitive"` for what blocks expand to.
        sizes: named sizes to evaluate the numbers for: `batch=32`.

    Returns:
        A report, to print or to read.

    Raises:
        OptionError: for a target that is none of these, an unknown level, or a size
            that the graph does not have or that is not a count.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 64)), gc.parameter("w", (64, 10))
    >>> whole = report(x @ w)
    >>> whole.parameters, whole.multiply_adds, report(x @ w, batch=32).multiply_adds
    (640, 640*batch, 20480)
    """
    outputs = tuple(node for _, node in named_outputs(target, "report"))
    graph = Graph(outputs)
    if level == "primitive":
        graph = primitives(graph)
    order = drawn_order(graph.outputs)
    _check_sizes(sizes, symbols_of(size for node in order for size in node.shape))
    names = value_names(order)
    rows: list[Row] = []
    results = set(graph.outputs)
    for node in order:
        if scalar_text(node) is not None and node not in results:
            continue
        whole = shown(node)
        is_parameter = node.op.role is Role.PARAMETER
        size = size_of(node.shape)
        rows.append(
            Row(
                name=names[node],
                op=label(whole, [scalar_text(parent) for parent in whole.inputs]),
                shape=tuple(evaluated(d, sizes) for d in node.shape),
                dtype="" if isinstance(node.type, TupleType) else str(node.dtype),
                parameters=int(size) if is_parameter else 0,
                multiply_adds=evaluated(multiply_adds(whole), sizes),
                bytes=evaluated(size * node.dtype.itemsize, sizes),
                line=place(node.origin.location),
            )
        )
    return Report(tuple(rows), dict(sorted(sizes.items())))


def _check_sizes(sizes: Mapping[str, int], known: tuple[str, ...]) -> None:
    for name, size in sizes.items():
        if name not in known:
            raise OptionError(
                f"the graph has no size {name!r}",
                hint=", ".join(known) or "no sizes: all dimensions are integers",
            )
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise OptionError(f"size {name} must be an int from 0, got {size!r}")


def _count(value: Dimension) -> str:
    return str(value) if isinstance(value, Dim) else f"{value:,}"


public(globals(), ["report"])
