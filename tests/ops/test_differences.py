"""Finite differences and the trapezoid rule, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphcError

X = np.random.default_rng(0).normal(size=(3, 4, 5))
GRID = np.array([0.0, 0.5, 2.0, 2.5])

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *(("diff", (), options) for options in ({}, {"n": 2, "axis": 0}, {"n": 0})),
    ("diff", (), {"n": 9}),
    ("diff", (), {"axis": 1, "prepend": 0, "append": X[:, :2]}),
    ("ediff1d", (), {}),
    ("ediff1d", (), {"to_begin": [1, 2], "to_end": 0}),
    *(("trapezoid", (), options) for options in ({}, {"dx": 0.5, "axis": 1})),
    ("trapezoid", (), {"x": GRID, "axis": 1}),
    ("trapezoid", (), {"x": X**2, "axis": 0}),
    *(("gradient", (), {"edge_order": order}) for order in (1, 2)),
    *(("gradient", (0.5,), {"axis": axis}) for axis in (1, (0, -1))),
    *(("gradient", (GRID,), {"axis": 1, "edge_order": order}) for order in (1, 2)),
    ("gradient", (0.5, GRID, 2), {}),
    *(("unwrap", (), options) for options in ({}, {"axis": 0}, {"discont": 4.0})),
    ("unwrap", (), {"period": 0.5, "axis": 1}),
]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, *_ in CALLS))
def test_values_are_numpys(name: str) -> None:
    if not hasattr(np, name):
        pytest.skip("new in NumPy 2")
    for called, arguments, options in CALLS:
        for array in (X, X.astype("float32"), (10 * X).astype("int32")):
            if called != name:
                continue
            x = gc.input("x", array.shape, array.dtype)
            node = getattr(gc, name)(x, *arguments, **options)
            found = gc.evaluate([node, x], {"x": array})[0]
            expected = getattr(np, name)(array, *arguments, **options)
            for ours, theirs in zip(
                found if isinstance(found, tuple) else [found],
                expected if isinstance(expected, tuple) else [expected],
                strict=True,
            ):
                note = f"{name} {arguments} {options} {array.dtype}"
                assert ours.shape == theirs.shape, note
                np.testing.assert_allclose(ours, theirs, 2e-5, 1e-6, err_msg=note)
                if array.dtype != np.float32:
                    assert ours.dtype == theirs.dtype, note
    truth = gc.input("truth", (4,), "bool")
    feeds = {"truth": np.array([True, True, False, True])}
    np.testing.assert_array_equal(
        gc.evaluate(gc.diff(truth), feeds), np.diff(feeds["truth"])
    )


def test_differences_at_points_keep_the_dtype() -> None:
    for dtype in ("float16", "float32", "float64"):
        array = X[0].astype(dtype)
        node = gc.gradient(gc.input("x", array.shape, dtype), GRID, axis=0)
        found = gc.evaluate(node, {"x": array})
        assert found.dtype == np.gradient(array, GRID, axis=0).dtype == dtype


def test_sizes_may_have_names() -> None:
    x = gc.input("x", ("n", "m"), "float64")
    nodes = [gc.diff(x, axis=0), gc.trapezoid(x), *gc.gradient(x, edge_order=2)]
    expected = [np.diff(X[0], axis=0), *np.gradient(X[0], edge_order=2)]
    for style in ("readable", "fast"):
        found = gc.compile(nodes, style=style)(x=X[0])
        np.testing.assert_allclose(found[0], expected[0])
        for ours, theirs in zip(found[2:], expected[1:], strict=True):
            np.testing.assert_allclose(ours, theirs)
    with pytest.raises(FeedError):
        gc.evaluate(nodes[2], {"x": np.ones((1, 4))})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.diff(x, -1), "n must not be negative"),
        (lambda x: gc.diff(x, axis=2), "axis 2 is out of range"),
        (lambda x: gc.gradient(x, 1.0, 2.0, 3.0), "one distance or one for each"),
        (lambda x: gc.gradient(x, edge_order=3), "edge_order must be 1 or 2"),
        (lambda x: gc.gradient(x[:2], edge_order=2), "more than 2 points along axis 0"),
        (lambda x: gc.gradient(x, [1.0, 2.0], axis=0), "the 3 points of axis 0"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", (3, 4)))
    assert "test_differences.py" in str(error.value)
