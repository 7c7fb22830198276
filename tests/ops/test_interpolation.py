"""Interpolation against NumPy, and its derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError
from tests.styles import STYLES, assert_styles_agree

RNG = np.random.default_rng(2)
FEEDS = {
    "x": np.append(RNG.uniform(-1.0, 6.0, 9), np.nan),
    "xp": np.sort(RNG.uniform(0.0, 5.0, 5)),
    "fp": RNG.normal(size=5),
}
INPUTS = [
    gc.input("x", ("n",), "float64"),
    gc.input("xp", ("points",), "float64"),
    gc.input("fp", ("points",), "float64"),
]


@pytest.mark.parametrize(
    "options", [{}, {"left": -7.0, "right": 8.0}, {"left": 0}, {"period": 2.5}], ids=str
)
def test_values_are_numpys(options: dict[str, Any]) -> None:
    node = gc.interp(*INPUTS, **options)
    expected = np.interp(*FEEDS.values(), **options)
    np.testing.assert_allclose(gc.evaluate(node, FEEDS), expected, rtol=1e-14)
    for style in STYLES:
        found = gc.compile(node, style=style)(**FEEDS)
        assert_styles_agree(found, expected, note=style)
    exact = gc.interp([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [5.0, 6.0, 8.0], **options)
    at_points = np.interp([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [5.0, 6.0, 8.0], **options)
    np.testing.assert_array_equal(gc.evaluate(exact, {}), at_points)


def test_derivatives_are_slopes() -> None:
    feeds = {**FEEDS, "x": FEEDS["x"][:-1]}
    weight = np.arange(1.0, 10.0)
    inputs = [gc.input("x", (9,), "float64"), *INPUTS[1:]]
    loss = gc.sum(gc.interp(*inputs) * weight)
    gradients, _ = gc.evaluate([gc.grad(loss, inputs), inputs], feeds)
    for name, gradient in zip(feeds, gradients, strict=True):
        for place in range(len(gradient)):
            sides = []
            for step in (-1e-6, 1e-6):
                moved = {**feeds, name: feeds[name].copy()}
                moved[name][place] += step
                sides.append(float(np.interp(*moved.values()) @ weight))
            slope = (sides[1] - sides[0]) / 2e-6
            assert gradient[place] == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("points", "values", "options", "says"),
    [
        ([0.0, 1.0], [1.0, 2.0, 3.0], {}, "xp and fp of one shape"),
        ([[0.0, 1.0]], [[1.0, 2.0]], {}, "one axis"),
        ([0.0], [1.0], {}, "at least two points"),
        ([0.0, 1.0], [1.0, 2.0], {"period": 0}, "period must not be 0"),
    ],
)
def test_bad_input(points: Any, values: Any, options: Any, says: str) -> None:
    with pytest.raises(GraphcError, match=says) as caught:
        gc.interp([0.5], points, values, **options)
    assert str(caught.value.location).startswith(__file__)
