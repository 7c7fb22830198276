"""Convolution and correlation of vectors, against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphcError

MODES = ("full", "same", "valid")


@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_values_are_numpys(name: str) -> None:
    rng = np.random.default_rng(0)
    for long, short, mode in itertools.product(range(1, 6), range(1, 6), MODES):
        a, v = rng.normal(size=long), rng.normal(size=short).astype("float32")
        found = gc.evaluate(getattr(gc, name)(a, v, mode), {})
        expected = getattr(np, name)(a, v, mode)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, 1e-12, 1e-14)


def test_a_size_may_have_a_name() -> None:
    a, v = np.arange(6.0) ** 2, np.array([1.0, -2.0, 0.5])
    x, w = gc.input("x", ("n",), "float64"), gc.input("w", (3,), "float64")
    for mode in MODES:
        y = gc.convolve(x, w, mode)
        for style in ("readable", "fast"):
            run = gc.compile([y, gc.grad(gc.sum(y**2), w)], style=style)
            value, slope = run(x=a, w=v)
            np.testing.assert_allclose(value, np.convolve(a, v, mode))
            for place in range(3):
                moved = np.eye(3)[place]
                change = (np.convolve(a, moved, mode) * 2 * value).sum()
                np.testing.assert_allclose(slope[place], change)
    with pytest.raises(FeedError):
        gc.evaluate(gc.convolve(x, w, "valid"), {"x": a[:2], "w": v})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.convolve(x, x), "requires two vectors"),
        (lambda x: gc.correlate(x[0, 0], x[0]), "requires two vectors"),
        (lambda x: gc.convolve(x[0], x[0][:0]), "requires two vectors with elements"),
        (lambda x: gc.convolve(x[0], x[:, 0], "same"), "depends on which one is long"),
        (lambda x: gc.convolve(x[0], x[0], "both"), "mode must be one of"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", ("n", 4)))
    assert "test_convolution.py" in str(error.value)
