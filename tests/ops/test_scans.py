"""Running sums, products and extrema, against NumPy, torch and mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

X = np.array([[1.5, 0.0, -2.0, 3.0], [0.0, 2.0, 0.0, -1.0], [4.0, 0.5, 0.25, 2.0]])


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_arguments_are_numpys(name: str) -> None:
    for array in (X, X.astype("int8"), X > 0, X.astype("float32")):
        x = gc.input("x", array.shape, array.dtype)
        for options in ({}, {"axis": -1}, {"axis": 0, "dtype": "float32"}):
            expected = getattr(np, name)(array, **options)
            for node in (getattr(gc, name)(x, **options), getattr(x, name)(**options)):
                found = gc.evaluate(node, {"x": array})
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)


def test_a_running_sum_of_float16_does_not_stand_still() -> None:
    x = gc.input("x", ("n",), "float16")
    for style in ("readable", "fast"):
        found = gc.compile(gc.cumsum(x), style=style)(x=np.ones(5000, "float16"))
        assert found[-1] == 5000


def test_running_products_have_all_derivatives_at_zeros() -> None:
    """A Hessian, entry by entry, is the product without two of the factors."""
    values = [2.0, 0.0, 3.0, 0.0, 5.0]
    x = gc.input("x", (5,), "float64")
    hessian = gc.hessian(gc.sum(gc.cumprod(x)), x)
    expected = np.zeros((5, 5))
    for i in range(5):
        for j in range(5):
            for end in range(max(i, j), 5):
                rest = [v for k, v in enumerate(values[: end + 1]) if k not in (i, j)]
                expected[i, j] += np.prod(rest) if i != j else 0.0
    np.testing.assert_allclose(gc.evaluate(hessian, {"x": values}), expected)


def test_what_is_minus_infinity_so_far_has_no_gradient() -> None:
    x = gc.input("x", (4,), "float64")
    array = np.array([-np.inf, -np.inf, 1.0, 1.0])
    value = gc.logcumsumexp(x, 0)
    found = gc.evaluate([value, gc.grad(value[3], x)], {"x": array})
    np.testing.assert_allclose(found[0], [-np.inf, -np.inf, 1.0, 1.0 + np.log(2.0)])
    np.testing.assert_allclose(found[1], [0.0, 0.0, 0.5, 0.5])


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "logcumsumexp"])
def test_an_axis_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(GraphcError, match="axis 2 is out of range") as error:
        getattr(gc, name)(gc.input("x", (3, 4)), 2)
    assert "test_scans.py" in str(error.value)


@pytest.mark.peer
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_values_positions_and_gradients_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    ties = np.array([[2.0, 1.0, 2.0, 2.0], [0.0, np.nan, 3.0, 0.0], [0.0, 0, -1, 1]])
    for array in (X, ties, X[0], np.zeros((0, 2))):
        if name == "cumprod":
            # A product is linear in a factor that is NaN; torch's slope there is NaN.
            array = np.nan_to_num(array)
        for axis in range(array.ndim):
            x = gc.input("x", array.shape, "float64")
            theirs = torch.tensor(array, requires_grad=True)
            ours: Any = getattr(gc, name)(x, axis)
            result = getattr(torch, name)(theirs, axis)
            pair = isinstance(ours, tuple)
            values, found = (ours.values, result.values) if pair else (ours, result)
            weight = np.arange(1.0, array.size + 1).reshape(array.shape)
            slope = gc.grad(gc.sum(values * weight), x, unused="zeros")
            (found * torch.tensor(weight)).sum().backward()
            outputs = [*ours] if pair else [ours]
            for actual, expected in zip(
                gc.evaluate([slope, *outputs, x], {"x": array}),
                [theirs.grad, *(result if pair else [result])],
                strict=False,
            ):
                np.testing.assert_allclose(actual, expected.detach().numpy())
