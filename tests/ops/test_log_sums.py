"""Logarithms of sums of exponentials, against SciPy and at infinities."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

X = np.array([[0.5, -1.0, 900.0], [-np.inf, 2.0, -900.0], [-np.inf] * 3])
FACTORS = np.array([[1.0, 0.0, 2.0], [3.0, 0.5, 1.0], [1.0, 1.0, 0.0]])


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    compiled = [gc.compile(nodes, style=s)(**feeds) for s in ("readable", "fast")]
    return [gc.evaluate(nodes, feeds), *compiled]


@pytest.mark.parametrize("with_factors", [False, True])
def test_nothing_flows_to_minus_infinity(with_factors: bool) -> None:
    x = gc.input("x", X.shape, "float64")
    value = gc.logsumexp(x, 1, FACTORS if with_factors else None)
    slope = gc.grad(gc.sum(value[:2]) + value[2], x)
    weights = FACTORS if with_factors else np.ones(X.shape)
    expected = np.zeros(X.shape)
    for row in range(2):
        shares = weights[row] * np.exp(X[row] - X[row].max())
        expected[row] = shares / shares.sum()
    for found in _everywhere(slope, x=X):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    curvature = gc.grad(gc.sum(slope * np.arange(9.0).reshape(3, 3)), x)
    assert np.isfinite(gc.evaluate(curvature, {"x": X})).all()


def test_what_is_infinite_or_not_there() -> None:
    array = np.array([[np.inf, 1.0], [np.nan, 1.0], [-np.inf, -np.inf]])
    x = gc.input("x", ("n", 2), "float64")
    for found in _everywhere(gc.logsumexp(x, 1), x=array):
        np.testing.assert_array_equal(found, [np.inf, np.nan, -np.inf])
    for found in _everywhere(gc.logsumexp(x, 0), x=np.zeros((0, 2))):
        np.testing.assert_array_equal(found, [-np.inf, -np.inf])


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(GraphcError, match="axis 2 is out of range") as error:
        gc.logsumexp(gc.input("x", (3, 4)), 2)
    assert "test_log_sums.py" in str(error.value)


@pytest.mark.peer
def test_values_are_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    x = gc.input("x", X.shape, "float64")
    for axis, b, keepdims, signs in itertools.product(
        (None, 0, -1, (0, 1)),
        (None, FACTORS, FACTORS - 1.0, np.array([1.0, 2.0, 0.5])),
        (False, True),
        (False, True),
    ):
        options = {"axis": axis, "b": b, "keepdims": keepdims, "return_sign": signs}
        expected = special.logsumexp(X, **options)
        found = gc.evaluate([gc.logsumexp(x, **options), x], {"x": X})[0]
        np.testing.assert_allclose(found, expected, 1e-12, err_msg=f"{options}")
    for array in (X.astype("float32"), np.arange(4)):
        y = gc.input("y", array.shape, array.dtype)
        found = gc.evaluate(gc.logsumexp(y), {"y": array})
        np.testing.assert_allclose(found, special.logsumexp(array), 1e-6)
        assert found.dtype == special.logsumexp(array).dtype
