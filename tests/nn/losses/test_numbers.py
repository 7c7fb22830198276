"""Losses of numbers, and of yes and no, against their formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from tests.nn.support import no_floating_point_warning

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4)) * 2
Y = RNG.normal(size=(3, 4)) * 2


def _huber(delta: float) -> Any:
    distance = np.abs(X - Y)
    return np.where(distance < delta, distance**2 / 2, delta * (distance - delta / 2))


def _binary(x: Any, y: Any) -> Any:
    return -(y * np.log(x) + (1 - y) * np.log(1 - x))


NUMBERS: dict[str, tuple[Any, Any]] = {
    "mse_loss": (gc.nn.mse_loss, (X - Y) ** 2),
    "l1_loss": (gc.nn.l1_loss, np.abs(X - Y)),
    "huber_loss": (
        lambda x, y, **k: gc.nn.huber_loss(x, y, delta=0.7, **k),
        _huber(0.7),
    ),
    "smooth_l1_loss": (
        lambda x, y, **k: gc.nn.smooth_l1_loss(x, y, beta=0.7, **k),
        _huber(0.7) / 0.7,
    ),
    "smooth_l1_loss_0": (
        lambda x, y, **k: gc.nn.smooth_l1_loss(x, y, beta=0, **k),
        np.abs(X - Y),
    ),
    "binary_cross_entropy": (
        lambda x, y, **k: gc.nn.binary_cross_entropy(
            gc.nn.sigmoid(x), gc.nn.sigmoid(y), **k
        ),
        _binary(1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, y, **k: gc.nn.binary_cross_entropy_with_logits(
            x, gc.nn.sigmoid(y), **k
        ),
        _binary(1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))),
    ),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", NUMBERS)
def test_losses_of_numbers(name: str, reduction: str) -> None:
    function, losses = NUMBERS[name]
    x, y = gc.input("x", (3, 4), "float64"), gc.input("y", (3, 4), "float64")
    value = gc.evaluate(function(x, y, reduction=reduction), {"x": X, "y": Y})
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}
    np.testing.assert_allclose(value, expected[reduction], rtol=1e-12)


def test_targets_may_be_numbers_or_integers() -> None:
    x = gc.input("x", ("batch", 2))
    labels = gc.input("labels", ("batch", 2), "int64")
    for target in (0, 1.0, labels, np.ones(2, "int64")):
        assert gc.nn.mse_loss(x, target).dtype == np.float32
    value = gc.evaluate(gc.nn.mse_loss(x, 0), {"x": np.array([[3.0, 4.0]], "f4")})
    assert value == 12.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_certainty(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = gc.input("x", (4,), dtype)
    y = np.array([0.0, 1.0, 0.0, 1.0], dtype)
    loss = gc.nn.binary_cross_entropy_with_logits(x, y, reduction="none")
    points = np.array([-1e4, -1e4, 1e4, 1e4], dtype)
    with no_floating_point_warning(monkeypatch):
        value, slope = gc.evaluate([loss, gc.grad(gc.sum(loss), x)], {"x": points})
    np.testing.assert_array_equal(value, [0, 1e4, 1e4, 0])
    np.testing.assert_array_equal(slope, [0, -1, 1, 0])


def test_small_losses_of_logits_keep_their_digits() -> None:
    x = gc.input("x", (2,))
    y = np.array([1.0, 0.0], "float32")
    loss = gc.nn.binary_cross_entropy_with_logits(x, y, reduction="none")
    value = gc.evaluate(loss, {"x": np.array([30.0, -30.0], "f4")})
    np.testing.assert_allclose(value, np.exp(-30.0), rtol=1e-6)


def test_probabilities_of_certainty_are_bounded_as_in_torch() -> None:
    x = gc.input("x", (2,), "float64")
    loss = gc.nn.binary_cross_entropy(x, [0.0, 0.0], reduction="none")
    value, slope = gc.evaluate(
        [loss, gc.grad(gc.sum(loss), x)], {"x": np.array([0.0, 1.0])}
    )
    np.testing.assert_array_equal(value, [0, 100])
    np.testing.assert_array_equal(slope, [0, 1e12])
