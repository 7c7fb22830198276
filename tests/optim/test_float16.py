"""Parameters of float16: updates that float16 itself has no numbers for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.optim import SGD, Adam, ClipByGlobalNorm, ClipByNorm, MaxNorm, Optimizer

from .cases import RULES as CLASSES


def without_decay(rule: Any) -> Optimizer:
    """The rule with its defaults, but for weight decay."""
    has_decay = "weight_decay" in rule.__dataclass_fields__
    return rule(weight_decay=0.0) if has_decay else rule()


RULES: list[Optimizer] = [
    *map(without_decay, CLASSES.values()),
    SGD(0.1, momentum=0.9),
    Adam(amsgrad=True),
    gc.optim.RMSprop(centered=True, momentum=0.9),
    ClipByNorm(Adam(), max_norm=1.0),
    ClipByGlobalNorm(Adam(), max_norm=1.0),
]

START = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def _trainer(rule: Optimizer, style: str, dtype: str = "float16") -> gc.Trainer:
    w = gc.parameter("w", (2, 3), START, dtype)
    g = gc.input("g", ("n", 2, 3), dtype)
    # The gradient is the mean of what is fed.
    return gc.Trainer(gc.sum(gc.mean(g, axis=0) * w), rule, style=style)


def _name(rule: Any) -> str:
    return type(rule).__name__


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_without_a_gradient_nothing_moves(rule: Optimizer, style: str) -> None:
    trainer = _trainer(rule, style)
    for _ in range(3):
        trainer.step(g=np.zeros((1, 2, 3), "float16"))
    np.testing.assert_array_equal(trainer.parameters["w"], START)
    assert trainer.parameters["w"].dtype == "float16"


@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("style", ["readable", "fast"])
def test_adam_in_float16_is_that_of_float64_rounded(style: str, size: float) -> None:
    trainer = _trainer(Adam(lr=0.01), style)
    gradients = np.random.default_rng(0).normal(size=(5, 2, 3)) * size
    w, m, v = START.copy(), np.zeros((2, 3)), np.zeros((2, 3))
    for t, g in enumerate(gradients.astype("float16"), 1):
        trainer.step(g=g[None])
        g = g.astype("float64")
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        w = (w - step).astype("float16").astype("float64")
    np.testing.assert_allclose(trainer.parameters["w"], w, rtol=2e-3)


def test_norms_of_float16_do_not_overflow() -> None:
    for clipped in (
        ClipByNorm(SGD(1.0), max_norm=1.0),
        ClipByGlobalNorm(SGD(1.0), max_norm=1.0),
    ):
        trainer = _trainer(clipped, "fast")
        trainer.step(g=np.full((1, 2, 3), 1000.0, "float16"))
        moved = START - trainer.parameters["w"]
        np.testing.assert_allclose(moved, 1 / np.sqrt(6), rtol=5e-3)
    w = gc.parameter("w", (2, 3), np.full((2, 3), 1000.0), "float16")
    trainer = gc.Trainer(gc.sum(0.0 * w), MaxNorm(SGD(1.0), max_norm=1.0))
    trainer.step()
    np.testing.assert_allclose(trainer.parameters["w"], 1 / np.sqrt(3), rtol=2e-3)
