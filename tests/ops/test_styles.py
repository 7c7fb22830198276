"""Generated tests: every op compiled in each style, against the interpreter.

What that computes is held against NumPy elsewhere, by the declarations.
A value is returned, or stored where another value reads it, for a fast program writes
the one into an array of its own and the other into its workspace; and it is computed
for one row, where a fast program works on vectors, and for several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

import graphc as gc
from graphc.ir import Dim, Graph, Node
from graphc.ir.graph import OneRow
from graphc.ops.source import arange
from graphc.passes.one_row import one_row
from graphc.runtime import compiler
from tests.op_cases import Application, Array, accepts_named_size, applications, feeds
from tests.styles import STYLES, assert_styles_agree


def _id(application: Application) -> str:
    return application.id


def _outputs(application: Application, nodes: Sequence[Node]) -> list[Node]:
    """A value that is returned, and one of its own that is stored and read twice."""
    returned, stored = application.apply(nodes), application.apply(nodes)
    return [returned, gc.stack([stored, stored])]


def _hold(
    application: Application,
    nodes: Sequence[Node],
    drawn: Sequence[Sequence[Array]],
    *styles: str,
) -> None:
    outputs = _outputs(application, nodes)
    names = {node.name for node in Graph(tuple(outputs)).inputs}
    for style in styles:
        compiled = gc.compile(outputs, style=style, simplify=False)
        for arrays in drawn if application.op.pure else drawn[:1]:
            values = {k: v for k, v in feeds(arrays).items() if k in names}
            expected = gc.evaluate(outputs, values)
            note = f"{application.id} in {style}"
            assert_styles_agree(compiled(**values), expected, note=note)


def _counting(application: Application, nodes: Sequence[Node]) -> list[Node] | None:
    """The nodes with the first index array counting the rows, as `arange` does.

    Then each position is known to be named once, for which an op may have a form.
    """
    maxima = application.case.maximum or (None,) * len(nodes)
    for place, (node, maximum) in enumerate(zip(nodes, maxima, strict=True)):
        if maximum is not None:
            if node.ndim != 1 or not isinstance(size := node.shape[0], int):
                return None
            if size > maximum:
                return None
            return [*nodes[:place], arange(size), *nodes[place + 1 :]]
    return None


def check(application: Application, *styles: str) -> None:
    """Hold the compiled value of an application against the interpreter's."""
    nodes = application.nodes("float32")
    drawn = [application.draw("float32", seed=seed) for seed in (0, 1, 0)]
    _hold(application, nodes, drawn, *styles)
    if (counting := _counting(application, nodes)) is not None:
        _hold(application, counting, drawn, *styles)


def check_rows(application: Application, *styles: str) -> None:
    """The same for a named leading size, of which there is one row, or several."""

    def always(graph: Graph, inputs: Any) -> OneRow | None:
        found = one_row(graph, "batch")
        return None if found is None else OneRow("batch", found)

    nodes = application.nodes("float32", batch=Dim("batch"))
    drawn = [application.draw("float32", batch=rows) for rows in (1, 5, 1)]
    with mock.patch.object(compiler, "for_one_row", always):
        _hold(application, nodes, drawn, *styles)


WITH_ROWS = [a for a in applications() if accepts_named_size(a)]


@pytest.mark.parametrize("application", applications(), ids=_id)
def test_each_style_computes_what_the_interpreter_does(
    application: Application,
) -> None:
    check(application, *STYLES)


@pytest.mark.parametrize("application", WITH_ROWS, ids=_id)
def test_one_row_and_several(application: Application) -> None:
    check_rows(application, *STYLES)
