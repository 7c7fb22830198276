"""The error functions against mpmath, over their whole range."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError
from graphc.ops.special import erf, erfc


def _exact(function: Any, points: Any) -> Any:
    with mpmath.workdps(40):
        return np.array([float(function(mpmath.mpf(p))) for p in points.tolist()])


def test_erfc_keeps_its_digits_in_both_tails() -> None:
    points = np.concatenate([np.linspace(-6, 6, 601), [-30.0, 10.0, 20.0, 26.0]])
    x = gc.input("x", ("n",), "float64")
    value = gc.evaluate(erfc(x), {"x": points})
    exact = _exact(mpmath.erfc, points)
    near = np.abs(points) <= 6
    np.testing.assert_allclose(value[near], exact[near], rtol=1e-14)
    np.testing.assert_allclose(value, exact, rtol=2e-13)


def test_erf_is_exact_to_the_last_places() -> None:
    points = np.linspace(-7, 7, 701)
    x = gc.input("x", ("n",), "float64")
    value = gc.evaluate(erf(x), {"x": points})
    np.testing.assert_allclose(value, _exact(mpmath.erf, points), rtol=0, atol=1e-15)


def test_erfc_in_float32() -> None:
    points = np.linspace(-4, 4, 401).astype("float32")
    x = gc.input("x", ("n",))
    value = gc.evaluate(erfc(x), {"x": points})
    assert value.dtype == np.float32
    exact = _exact(mpmath.erfc, points.astype("float64"))
    np.testing.assert_allclose(value, exact, rtol=5e-6)


def test_erfc_at_infinity() -> None:
    value = gc.evaluate(erfc(np.array([-np.inf, np.inf, np.nan])), {})
    np.testing.assert_array_equal(value, [2.0, 0.0, np.nan])


def test_integers_are_refused_at_the_users_line() -> None:
    with pytest.raises(DTypeError, match="floating") as caught:
        erfc(gc.input("x", (2,), "int64"))
    assert __file__ in str(caught.value)
