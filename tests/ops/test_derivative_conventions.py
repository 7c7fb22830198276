"""Derivatives where a function has none, is extreme, or is given NaN.

What is expected is written down here, or computed by mpmath in 60 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as gc

WAYS = [
    (style, simplify) for style in ("readable", "fast") for simplify in (True, False)
]

NAN, INF = math.nan, math.inf


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    results = [gc.evaluate(nodes, feeds)]
    for style, simplify in WAYS:
        results.append(gc.compile(nodes, style=style, simplify=simplify)(**feeds))
    return results


@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (gc.arctan2, (0.0, 0.0), (0.0, 0.0)),
        (gc.hypot, (0.0, 0.0), (0.0, 0.0)),
        (gc.power, (0.0, -1.0), (-INF, -INF)),
        (gc.power, (0.0, -2.5), (-INF, -INF)),
        (gc.power, (0.0, 0.0), (0.0, 0.0)),
        (gc.power, (0.0, 0.5), (INF, 0.0)),
        (gc.power, (0.0, 2.0), (0.0, 0.0)),
        (lambda x: x**-1, (0.0,), (-INF,)),
        (gc.reciprocal, (0.0,), (-INF,)),
        (gc.sqrt, (0.0,), (INF,)),
        (gc.abs, (0.0,), (0.0,)),
        (gc.nn.relu, (0.0,), (0.0,)),
        (gc.nn.relu6, (6.0,), (0.0,)),
        (lambda x: gc.clip(x, 0.0, 6.0), (6.0,), (1.0,)),
        (gc.maximum, (1.0, 1.0), (0.5, 0.5)),
        (gc.logaddexp, (INF, 1.0), (1.0, 0.0)),
        (gc.logaddexp, (-INF, 1.0), (0.0, 1.0)),
        (gc.logaddexp, (INF, INF), (0.5, 0.5)),
        (gc.logaddexp, (-INF, -INF), (0.5, 0.5)),
        (gc.logaddexp, (INF, -INF), (1.0, 0.0)),
    ],
)
def test_one_convention(
    function: Callable[..., gc.Node],
    point: tuple[float, ...],
    expected: tuple[float, ...],
) -> None:
    nodes = [gc.input(f"x{i}", (), "float64") for i in range(len(point))]
    gradients = gc.grad(function(*nodes), nodes)
    for found in _everywhere(
        [gradients, nodes], **{f"x{i}": x for i, x in enumerate(point)}
    ):
        assert tuple(found[0]) == expected


@pytest.mark.parametrize("shape", [("n",), (5,)])
@pytest.mark.parametrize("ddof", [0, 1])
def test_a_spread_of_nothing_has_slope_zero(shape: Any, ddof: int) -> None:
    x = gc.input("x", shape, "float64")
    y = gc.std(x, ddof=ddof)
    first = gc.grad(y, x)
    second = gc.grad(gc.sum(first * gc.stop_gradient(x**2)), x)
    for found in _everywhere([y, first, second], x=np.full(5, 0.7)):
        assert not any(array.any() for array in found)


ZEROS = [
    (gc.nn.relu, lambda x: x > 0),
    (gc.nn.relu6, lambda x: (x > 0) & (x < 6)),
    (gc.nn.hardtanh, lambda x: (x > -1) & (x < 1)),
    (lambda x: gc.maximum(x, 0.5), lambda x: x > 0.5),
    (lambda x: gc.maximum(0.5, x), lambda x: x > 0.5),
    (lambda x: gc.minimum(x, 0.5), lambda x: x < 0.5),
    (lambda x: gc.clip(x, -0.5, 0.5), lambda x: (x >= -0.5) & (x <= 0.5)),
    (lambda x: gc.clip(x, None, 0.5), lambda x: x <= 0.5),
    (lambda x: gc.clip(x, -0.5, None), lambda x: x >= -0.5),
]


@pytest.mark.parametrize("number", range(len(ZEROS)))
def test_nan_lets_the_gradient_through(number: int) -> None:
    function, inside = ZEROS[number]
    x = np.array([NAN, -2.0, -0.25, 0.25, 2.0, 8.0, INF, -INF])
    node = gc.input("x", ("n",), "float64")
    weights = np.arange(1.0, 9.0)
    w = gc.input("w", ("n",), "float64")
    gradient = gc.grad(gc.sum(function(node) * w), node)
    expected = np.where(inside(x) | np.isnan(x), weights, 0.0)
    for found in _everywhere([gradient, node, w], x=x, w=weights):
        np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize("function", [gc.maximum, gc.minimum])
def test_nan_in_either_operand(function: Callable[..., gc.Node]) -> None:
    nodes = [gc.input(name, (), "float64") for name in "ab"]
    gradients = gc.grad(function(*nodes), nodes)
    for point in ({"a": NAN, "b": 1.0}, {"a": 1.0, "b": NAN}):
        for found in _everywhere([gradients, nodes], **point):
            assert found[0] == [1.0, 1.0]


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


LOGADDEXP = [
    (0.0, 0.0),
    (1e12, 1e12),
    (1e16, 1e16),
    (1e16, 1e16 + 2.0),
    (-1e16, -1e16 - 4.0),
    (50.0, 0.0),
    (0.0, 50.0),
    (-700.0, 0.0),
    (800.0, 0.0),
    (3.0, 2.5),
    (-1e300, 1e300),
]


@pytest.mark.parametrize("point", LOGADDEXP)
def test_logaddexp_keeps_its_digits(point: tuple[float, float]) -> None:
    nodes = [gc.input(name, (), "float64") for name in "ab"]
    first = gc.grad(gc.logaddexp(*nodes), nodes)
    second = gc.grad(first[0], nodes)
    with mpmath.workdps(60):
        difference = mpmath.mpf(point[0]) - mpmath.mpf(point[1])
        left, right = _sigmoid(difference), _sigmoid(-difference)
        exact = [left, right, left * right, -left * right]
        expected = [float(value) for value in exact]
    for found in _everywhere([*first, *second], a=point[0], b=point[1]):
        np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-307)


ARCTAN2 = [
    (1e-200, 1e-200),
    (1e200, -1e200),
    (1e-160, 1e-150),
    (-1e200, 0.0),
    (1e300, 1e-300),
    (3.0, -4.0),
]


@pytest.mark.parametrize("point", ARCTAN2)
@pytest.mark.parametrize("function", ["arctan2", "hypot"])
def test_lengths_neither_over_nor_underflow(
    function: str, point: tuple[float, float]
) -> None:
    nodes = [gc.input(name, (), "float64") for name in "ab"]
    gradients = gc.grad(getattr(gc, function)(*nodes), nodes)
    with mpmath.workdps(60):
        a, b = (mpmath.mpf(x) for x in point)
        square = a * a + b * b
        slopes = {
            "arctan2": (b / square, -a / square),
            "hypot": (a / mpmath.sqrt(square), b / mpmath.sqrt(square)),
        }
        expected = [float(slope) for slope in slopes[function]]
    for found in _everywhere(gradients, a=point[0], b=point[1]):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def _pairs(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The second derivatives of a product: the product of all but two factors."""
    count = range(len(x))
    return np.array(
        [
            [
                np.prod([x[k] for k in count if k not in (i, j)]) * (i != j)
                for j in count
            ]
            for i in count
        ]
    )


@pytest.mark.parametrize(
    "x", [[0, 2, 3], [0, 0, 3], [0, 0, 0], [0, 0, 0, 5], [1, -2, 3, 4], [-0.0, 2], [3]]
)
def test_second_derivatives_of_a_product(x: list[float]) -> None:
    node = gc.input("x", (len(x),), "float64")
    hessian = gc.hessian(gc.prod(node), node)
    for found in _everywhere([hessian, node], x=np.array(x, float)):
        np.testing.assert_array_equal(found[0], _pairs(np.array(x, float)))


def test_third_derivative_of_a_product() -> None:
    node = gc.input("x", (4,), "float64")
    direction = np.array([1.0, 2.0, 3.0, 4.0])
    value = gc.prod(node)
    for _ in range(3):
        value = gc.sum(gc.grad(value, node) * direction)
    # 3! times the coefficient of t**3 in prod(x + t*direction), for x = [0, 0, 0, 5].
    expected = 6 * 1.0 * 2.0 * 3.0 * 5.0
    for found in _everywhere([value, node], x=[0.0, 0.0, 0.0, 5.0]):
        assert found[0] == expected


@pytest.mark.parametrize("axis", [(0, 2), (1,), (0, 1, 2), ()])
def test_products_along_axes_of_named_sizes(axis: tuple[int, ...]) -> None:
    x = gc.input("x", ("n", 3, "m"), "float64")
    v = gc.input("v", ("n", 3, "m"), "float64")
    rng = np.random.default_rng(0)
    array = rng.integers(-1, 3, (2, 3, 2)).astype(float)
    direction = rng.integers(-2, 3, (2, 3, 2)).astype(float)
    product = gc.hvp(gc.sum(gc.prod(x, axis=axis)), x, v)
    # Along each line the Hessian times the direction, by the products of pairs.
    expected = np.zeros_like(array)
    kept = [a for a in range(3) if a not in axis]
    for place in np.ndindex(*(array.shape[a] for a in kept)):
        line: Any = [slice(None)] * 3
        for a, position in zip(kept, place, strict=True):
            line[a] = position
        x_line, v_line = array[tuple(line)], direction[tuple(line)]
        result = _pairs(x_line.ravel()) @ v_line.ravel()
        expected[tuple(line)] = result.reshape(x_line.shape)
    for found in _everywhere([product, x, v], x=array, v=direction):
        np.testing.assert_array_equal(found[0], expected)
