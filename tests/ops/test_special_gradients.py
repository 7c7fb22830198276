"""Gradients at 0, infinities, NaN and ties, held against torch's conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.peer

VALUES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, np.inf, -np.inf, np.nan])
FINITE = VALUES[np.isfinite(VALUES)]

UNARY = [
    "abs",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "negative",
    "reciprocal",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
]


def _compare(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any
) -> None:
    """Value and gradients of the sum are torch's, infinities included.

    Where a value is NaN its slope means nothing, and torch's differs from op to op.
    """
    nodes = [gc.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    output = ours(*nodes)
    gradients = gc.grad(gc.sum(output), nodes, unused="zeros")
    value, actual, _ = gc.evaluate(
        [output, gradients, nodes], {f"x{i}": a for i, a in enumerate(arrays)}
    )
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    result = theirs(*tensors)
    result.sum().backward()
    np.testing.assert_allclose(value, result.detach().numpy(), rtol=1e-14, atol=1e-15)
    for gradient, tensor in zip(actual, tensors, strict=True):
        expected = tensor.grad.numpy()
        if gradient.shape == value.shape:
            gradient, expected = gradient[~np.isnan(value)], expected[~np.isnan(value)]
        np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str) -> None:
    with np.errstate(all="ignore"):
        _compare(getattr(gc, name), getattr(torch, name), VALUES)


def _pairs(values: Any) -> list[Any]:
    return [grid.ravel() for grid in np.meshgrid(values, values)]


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum"])
def test_binary_at_ties_and_zeros(name: str) -> None:
    _compare(getattr(gc, name), getattr(torch, name), *_pairs(FINITE))


@pytest.mark.parametrize("name", ["divide", "hypot", "arctan2"])
def test_binary_away_from_poles(name: str) -> None:
    left, right = _pairs(FINITE)
    keep = right != 0
    _compare(getattr(gc, name), getattr(torch, name), left[keep], right[keep])


def test_power_of_a_variable_exponent_at_zero_base() -> None:
    """0**0 is flat in both arguments; 0**2 and 0**0.5 have torch's slopes."""
    base = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 1.0])
    exponent = np.array([0.0, 1.0, 2.0, 0.5, 0.0, 3.0])
    _compare(gc.power, torch.pow, base, exponent)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.5, -1, -0.5, 2.5])
def test_power_of_a_number(exponent: float) -> None:
    values = VALUES if float(exponent).is_integer() else np.array([0.0, 1.0, 4.0])
    _compare(lambda x: x**exponent, lambda x: x**exponent, values)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (None, 0.5), (0.0, None), (1.0, -1.0)])
def test_clip_at_its_bounds(bounds: tuple[Any, Any]) -> None:
    _compare(
        lambda x: gc.clip(x, *bounds), lambda x: torch.clamp(x, *bounds), VALUES[:7]
    )


@pytest.mark.parametrize("name", ["max", "min"])
def test_tied_extrema_share_the_gradient(name: str) -> None:
    tied = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [5.0, 4.0, -1.0]])
    _compare(
        lambda x: getattr(gc, name)(x, axis=1),
        lambda x: getattr(torch, "a" + name)(x, dim=1),
        tied,
    )


def test_product_with_zeros() -> None:
    rows = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]])
    _compare(lambda x: gc.prod(x, axis=1), lambda x: torch.prod(x, dim=1), rows)


def test_where_lets_no_nan_through() -> None:
    """The branch not taken contributes nothing to a value; its slope is torch's."""
    _compare(
        lambda x: gc.where(x > 0, gc.log(x), 0.0),
        lambda x: torch.where(x > 0, torch.log(x), 0.0),
        np.array([1.0, 2.0, 0.5]),
    )


MATMULS = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((1, 3, 4), (5, 4, 2)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)),
    ((2, 2, 3, 4), (4,)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
]


@pytest.mark.parametrize("shapes", MATMULS, ids=str)
def test_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    nodes = [gc.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    output = nodes[0] @ nodes[1]
    weight = rng.normal(size=output.shape)
    gradients = gc.vjp(output, nodes, weight)
    value, actual = gc.evaluate(
        [output, gradients], {f"x{i}": a for i, a in enumerate(arrays)}
    )
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    result = tensors[0] @ tensors[1]
    (result * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(value, result.detach().numpy(), rtol=1e-13, atol=1e-14)
    for gradient, tensor in zip(actual, tensors, strict=True):
        np.testing.assert_allclose(
            gradient, tensor.grad.numpy(), rtol=1e-12, atol=1e-14
        )
