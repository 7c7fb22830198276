"""Losses of more rows than float16 can count, held against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc

ROWS = 70_000
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(ROWS, 3)).astype("float16")
LABELS = RNG.integers(0, 3, ROWS)
LABELS[:10] = -100
WEIGHT = np.array([1.0, 2.0, 0.5], "float16")


def _expected(weight: Any) -> tuple[Any, Any]:
    kept = LABELS != -100
    labels = np.where(kept, LABELS, 0)
    exponentials = np.exp(SCORES.astype("float64"))
    probabilities = exponentials / exponentials.sum(1, keepdims=True)
    shares = kept * np.float64(weight)[labels]
    losses = -np.log(probabilities[np.arange(ROWS), labels])
    slopes = (probabilities - np.eye(3)[labels]) * shares[:, None]
    return (losses * shares).sum() / shares.sum(), slopes / shares.sum()


@pytest.mark.parametrize("style", ["interpreter", "readable", "fast"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_many_rows_in_float16(weighted: bool, style: str) -> None:
    x, y = gc.input("x", ("n", 3), "float16"), gc.input("y", ("n",), "int64")
    weight = WEIGHT if weighted else None
    loss = gc.nn.cross_entropy(x, y, weight=weight, ignore_index=-100)
    nodes, feeds = [loss, gc.grad(loss, x)], {"x": SCORES, "y": LABELS}
    if style == "interpreter":
        found = gc.evaluate(nodes, feeds)
    else:
        found = gc.compile(nodes, style=style)(**feeds)
    value, slopes = _expected(WEIGHT if weighted else np.ones(3))
    assert [array.dtype for array in found] == ["float16", "float16"]
    np.testing.assert_allclose(found[0], value, rtol=2e-3)
    np.testing.assert_allclose(found[1], slopes, atol=1e-2 * abs(slopes).max())


@pytest.mark.parametrize(
    "name", ["l1_loss", "mse_loss", "huber_loss", "binary_cross_entropy_with_logits"]
)
def test_slopes_of_many_rows_in_float16(name: str) -> None:
    z, t = (gc.input(key, ("n",), "float16") for key in "zt")
    feeds = {"z": np.full(ROWS, 0.5, "float16"), "t": np.zeros(ROWS, "float16")}
    slope = {
        "l1_loss": 1.0,
        "mse_loss": 1.0,
        "huber_loss": 0.5,
        "binary_cross_entropy_with_logits": 1 / (1 + np.exp(-0.5)),
    }[name]
    gradient = gc.grad(getattr(gc.nn, name)(z, t), z)
    found = gc.compile(gradient + 0 * (z + t))(**feeds)
    np.testing.assert_allclose(found, slope / ROWS, rtol=5e-3)
