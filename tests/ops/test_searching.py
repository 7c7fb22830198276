"""Places in sorted arrays, sets, bins and masks, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

STYLES = ("readable", "fast")
VALUES = np.array([[0.0, 1.0, 1.5, 4.0], [np.nan, 9.0, -2.0, 2.0]])
EDGES = np.array([0.0, 1.0, 2.0, 2.0, 4.0])


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    compiled = [gc.compile(nodes, style=style)(**feeds) for style in STYLES]
    return [gc.evaluate(nodes, feeds), *compiled]


def test_searches_are_numpys() -> None:
    x = gc.input("x", ("n", 4), "float64")
    shuffled, order = EDGES[[2, 0, 4, 1, 3]], np.array([1, 3, 0, 4, 2])
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        *(("searchsorted", (EDGES, VALUES), {"side": s}) for s in ("left", "right")),
        ("searchsorted", (shuffled, VALUES), {"sorter": order}),
        *(("digitize", (VALUES, EDGES), {"right": right}) for right in (0 > 1, 1 > 0)),
        *(
            ("digitize", (VALUES, EDGES[::-1]), {"right": right})
            for right in (False, True)
        ),
        *(("isin", (VALUES, [1, 4, np.nan]), {"invert": i}) for i in (False, True)),
    ]
    for name, arguments, options in calls:
        given = [x if each is VALUES else each for each in arguments]
        node = getattr(gc, name)(*given, **options)
        expected = getattr(np, name)(*arguments, **options)
        for found in _everywhere(node, x=VALUES):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_counts_are_numpys() -> None:
    labels = np.array([3, 0, 3, 1])
    x = gc.input("x", ("n",), "int64")
    w = gc.input("w", ("n",), "float64")
    weights = np.array([0.5, 1.0, 2.0, 4.0])
    counts = gc.bincount(x, minlength=5)
    sums = gc.bincount(x, w, minlength=5)
    slope = gc.grad(gc.sum(sums * np.arange(5.0)), w)
    for found in _everywhere([counts, sums, slope], x=labels, w=weights):
        np.testing.assert_array_equal(found[0], np.bincount(labels, minlength=5))
        np.testing.assert_array_equal(found[1], np.bincount(labels, weights, 5))
        np.testing.assert_array_equal(found[2], labels)
    for style in STYLES:
        with pytest.raises(ValueError, match="5"):
            gc.compile(counts, style=style)(x=np.array([1, 5]))


def test_histograms_are_numpys() -> None:
    rng = np.random.default_rng(0)
    a = gc.input("a", ("n", 3), "float64")
    for array in (rng.normal(size=(9, 3)), np.full((2, 3), 2.0), np.arange(12.0)):
        array = array.reshape(-1, 3)
        calls: list[dict[str, Any]] = [
            *({"bins": bins, "density": bins == 4} for bins in (1, 4, 10)),
            {"bins": 5, "range": (-1, 1.5)},
            {"bins": EDGES - 1.0, "density": True},
        ]
        for options in calls:
            with np.errstate(all="ignore"):
                expected = np.histogram(array, **options)
            for found in _everywhere([*gc.histogram(a, **options), a], a=array):
                if not np.isnan(expected[0]).any():
                    np.testing.assert_allclose(found[0], expected[0], 1e-12)
                np.testing.assert_allclose(found[1], expected[1], 1e-12, 1e-15)


def test_weights_of_histograms_are_added_up() -> None:
    x = gc.input("x", ("n", 4), "float64")
    w = gc.input("w", ("n", 4), "float64")
    values = np.array([[0.0, 1.0, 1.5, 4.0], [7.0, 9.0, -2.0, 2.0]])
    weights = np.arange(8.0).reshape(2, 4)
    for bins, limits, density in (
        (3, None, None),
        (4, (0.0, 4.0), True),
        (EDGES, None, False),
    ):
        options = {"range": limits, "density": density}
        found, edges = gc.histogram(x, bins, weights=w, **options)
        slope = gc.grad(gc.sum(found), w)
        expected = np.histogram(values, bins, weights=weights, **options)
        for each in _everywhere([found, edges, slope], x=values, w=weights):
            np.testing.assert_allclose(each[0], expected[0])
            np.testing.assert_allclose(each[1], expected[1])
        if not density:
            inside = (values >= expected[1][0]) & (values <= expected[1][-1])
            np.testing.assert_array_equal(each[2], inside)


def test_each_row_is_searched_for_its_values() -> None:
    rows = np.sort(VALUES[:1].repeat(3, 0) * [[1.0], [2.0], [-1.0]], axis=1)
    values = np.array([[0.0, 1.0], [3.0, 99.0], [-1.5, -9.0]])
    a, v = gc.input("a", (3, 4), "float64"), gc.input("v", (3, 2), "float64")
    for side in ("left", "right"):
        expected = [
            np.searchsorted(r, w, side) for r, w in zip(rows, values, strict=True)
        ]
        for found in _everywhere(gc.searchsorted(a, v, side), a=rows, v=values):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(2, 4), ("n", 4)])
def test_positions_of_what_is_not_zero(shape: Any) -> None:
    array = np.array([[0.0, 2.0, 0.0, np.nan], [3.0, 0.0, 0.0, 4.0]])
    x = gc.input("x", shape, "float64")
    for size in (2, 4, 6, 9):
        nodes = [
            gc.flatnonzero(x, size=size, fill_value=-1),
            gc.argwhere(x, size=size, fill_value=7),
            *gc.nonzero(x, size=size),
        ]
        count = min(size, 4)
        for flat, where, *axes in _everywhere(nodes, x=array):
            assert flat.shape == (size,)
            np.testing.assert_array_equal(flat[:count], np.flatnonzero(array)[:size])
            np.testing.assert_array_equal(where[:count], np.argwhere(array)[:size])
            assert (flat[count:] == -1).all()
            assert (where[count:] == 7).all()
            for ours, theirs in zip(axes, np.nonzero(array), strict=True):
                np.testing.assert_array_equal(ours[:count], theirs[:size])
                assert not ours[count:].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.searchsorted(x[0, 0], 1.0), "requires a sorted vector"),
        (lambda x: gc.searchsorted(x, x[0]), "requires values for each sorted row"),
        (lambda x: gc.histogram(x, 3, weights=x[0]), "requires weights of the shape"),
        (lambda x: gc.digitize(x, [0.0, 2.0, 1.0]), "ascending or descending"),
        (lambda x: gc.bincount(x), "the size of bincount depends on the data"),
        (lambda x: gc.bincount(x[0], minlength=3), "requires integers"),
        (lambda x: gc.bincount(x, minlength=3), "requires a vector of integers"),
        (lambda x: gc.nonzero(x), "the size of nonzero depends on the data"),
        (lambda x: gc.argwhere(x), "size=, the number of positions"),
        (lambda x: gc.histogram(x, 0), "requires from 1 to 16777216 bins, got 0"),
        (lambda x: gc.histogram(x, 3, (2.0, 1.0)), "range must be two numbers"),
        (lambda x: gc.histogram(x, [1.0]), "at least two edges"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", (3, 4)))
    assert "test_searching.py" in str(error.value)
