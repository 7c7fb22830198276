"""Integer positions in both styles: NumPy's values, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError
from graphc.ir import Graph, Node
from graphc.ops.indexing import ADD_AT, SCATTER_ADD
from graphc.ops.slices import ARRAY
from graphc.ops.source import arange

ROWS, COLUMNS = 6, 4
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(ROWS, COLUMNS)).astype("float32")
WEIGHTS = RNG.normal(size=COLUMNS).astype("float32")


def _rows_of(m: Any, x: Any) -> Any:
    return arange(x.shape[0]) if m is gc else np.arange(ROWS)


def _added(m: Any, x: Any, i: Any) -> Any:
    """`x` with a column of it added at one element of each row."""
    if m is gc:
        return ADD_AT(x, x[:, 1], arange(x.shape[0]), i, index=(ARRAY, ARRAY))
    out = x.copy()
    out[np.arange(ROWS), i] += x[:, 1]
    return out


def _scattered(m: Any, x: Any, i: Any) -> Any:
    """Zeros with a column of `x` at one element of each row."""
    if m is gc:
        at = {"index": (ARRAY, ARRAY), "shape": x.shape}
        return SCATTER_ADD(x[:, 1], arange(x.shape[0]), i, **at)
    out = np.zeros_like(x)
    out[np.arange(ROWS), i] = x[:, 1]
    return out


FORMS: dict[str, tuple[Callable[..., Any], int]] = {
    "rows": (lambda m, x, i: m.take(x, i, axis=0), ROWS),
    "columns": (lambda m, x, i: m.take(x, i, axis=1), COLUMNS),
    "rows of a constant": (lambda m, x, i: m.take(MATRIX, i, axis=0), ROWS),
    "one of each row": (lambda m, x, i: x[_rows_of(m, x), i], COLUMNS),
    "one of each row of a view": (lambda m, x, i: x[::-1][_rows_of(m, x), i], COLUMNS),
    "adding": (_added, COLUMNS),
    "scattering": (_scattered, COLUMNS),
}


def compiled(form: str, dtype: str, style: Any) -> Callable[[Any], Any]:
    """A function of positions, whose value is no result, so that it is stored."""
    function, _ = FORMS[form]
    x, i = gc.input("x", ("n", COLUMNS)), gc.input("i", ("n",), dtype)
    value: Node = function(gc, x, i)
    run = gc.compile(gc.concatenate([value, value], axis=-1), style=style)
    fixed = {"x": MATRIX} if len(Graph((value,)).inputs) == 2 else {}
    return lambda chosen: np.split(run(**fixed, i=chosen), 2, axis=-1)[0]


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("form", FORMS)
def test_positions_mean_what_they_mean_to_numpy(
    form: str, dtype: str, style: str
) -> None:
    function, size = FORMS[form]
    run = compiled(form, dtype, style)
    for seed in range(3):
        chosen = np.random.default_rng(seed).integers(0, size, ROWS).astype(dtype)
        chosen[:2] = 0, size - 1
        expected = function(np, MATRIX, chosen)
        np.testing.assert_array_equal(run(chosen), expected, strict=True)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("form", FORMS)
def test_positions_that_do_not_exist_are_errors(form: str, style: str) -> None:
    """Negative ones, too, of which NumPy would count some from the end."""
    _, size = FORMS[form]
    run = compiled(form, "int64", style)
    for outside in (size, -1, -size, -size - 1, 2**40, -(2**62)):
        chosen = np.zeros(ROWS, "int64")
        chosen[-1] = outside
        with pytest.raises(FeedError) as caught:
            run(chosen)
        assert "input 'i'" in str(caught.value) or "'i' has the value" in str(
            caught.value
        )
        assert f" {outside} " in str(caught.value)
        assert str(ROWS - 1) in str(caught.value)
        assert f"{Path(__file__).name}:" in str(caught.value)
    run(np.zeros(ROWS, "int64"))


def test_what_is_checked_once_is_not_checked_again() -> None:
    x, i = gc.input("x", ("n", COLUMNS)), gc.input("i", ("n",), "int64")
    table = gc.parameter("table", (COLUMNS, 3), gc.init.ones())
    longer = gc.parameter("longer", (COLUMNS + 1, 3), gc.init.ones())
    picked = gc.expand_dims(x[arange(x.shape[0]), i], 1)
    rows = [gc.take(table, i, 0), gc.take(longer, i, 0), gc.take(table, i + 1, 0)]
    source = gc.compile(picked * gc.concatenate(rows, axis=1)).source
    assert source.count(f'check_positions(i, 0, {COLUMNS - 1}, "i")') == 1
    assert source.count(f'check_positions(i, 0, {COLUMNS}, "i")') == 1
    assert source.count("    check_positions(") == 3


def test_tables_have_the_dtype_of_the_parameters() -> None:
    """A constant is float32, and rows of it go to an array of the parameters' dtype."""
    w = gc.parameter("w", (COLUMNS,), WEIGHTS)
    i = gc.input("i", ("n",), "int64")
    function = gc.compile(gc.sum(gc.take(MATRIX, i, axis=0) * w, axis=1))
    chosen = np.array([5, 1, 0])
    expected = (MATRIX[chosen] * WEIGHTS).sum(axis=1)
    np.testing.assert_array_equal(function(i=chosen), expected)
    namespace: dict[str, Any] = {}
    exec(function.source, namespace)
    weights = WEIGHTS.astype("float64")
    (found,) = namespace["compute"]({"w": weights}, chosen)
    np.testing.assert_allclose(found, MATRIX[chosen] @ weights, rtol=1e-14)
    assert found.dtype == "float64"


def test_views_of_numbers_are_made_with_the_workspace() -> None:
    """`np.broadcast_to` takes as long as three operations on a small batch."""
    x, i = gc.input("x", ("n", COLUMNS)), gc.input("i", ("n",), "int64")
    ones = gc.broadcast_to(gc.constant(-1.0, "float32"), i.shape)
    value = ADD_AT(x, ones, arange(x.shape[0]), i, index=(ARRAY, ARRAY))
    function = gc.compile(gc.concatenate([value, value]))
    before, _, after = function.source.partition("def compute(")
    assert "np.broadcast_to(" in before
    assert "np.broadcast_to(" not in after.partition("\ndef ")[0]
    chosen = np.array([1, 3, 0, 3, 2, 2])
    expected = MATRIX.copy()
    expected[np.arange(ROWS), chosen] -= 1
    found = function(x=MATRIX, i=chosen)
    np.testing.assert_array_equal(found, np.concatenate([expected, expected]))


def test_positions_in_matrices_of_two_widths_are_not_confused() -> None:
    labels = gc.input("labels", ("batch",), "int64")
    rows = arange(labels.type.shape[0])
    values = {"labels": np.array([0, 3, 4, 1])}
    picked: list[gc.Node] = []
    for name, width in (("a", 5), ("b", 7), ("c", 5)):
        matrix = gc.input(name, ("batch", width))
        picked.append(gc.exp(matrix)[rows, labels] * 2.0)
        values[name] = np.linspace(0, 1 + len(picked), 4 * width).reshape(4, width)
    results = gc.compile(picked, style="fast")(**values)
    for result, name in zip(results, "abc", strict=True):
        expected = 2.0 * np.exp(values[name])[np.arange(4), values["labels"]]
        np.testing.assert_allclose(result, expected, rtol=1e-6)
