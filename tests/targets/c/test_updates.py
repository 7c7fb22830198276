"""Updates of optimizers in C, and steps of training in one call."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.optim import Optimizer
from tests.optim.cases import MATRICES_ONLY, examples
from tests.styles import assert_styles_agree
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

ULPS = 16
"""Units in the last place by which two styles differ after a few steps: sums have
another order, and a power of the step's number is rounded otherwise."""

EVERY = {
    name.replace("-", "_").lower(): optimizer
    for name, optimizer in examples(but=("GradientAccumulation",)).items()
}

TELLING = {
    *("sgd_2", "adam_0", "rprop_0", "clipbyglobalnorm_0", "lookahead_0"),
    "adafactor_0",
}
"""Optimizers whose rules differ in kind."""

IN_NUMPY = {
    *("nadam_0", "lamb_0", "lars_0", "adafactor_0", "muon_0", "clipbynorm_0"),
    *("gradientnoise_0", "maxnorm_0"),
}
"""Those whose rules are not the same for each number, or draw."""


def _side_by_side(optimizers: dict[str, Optimizer], style: Any) -> gc.Trainer:
    """One program, and one compilation, for many optimizers."""
    x = gc.input("x", (4, 3))
    losses: dict[str, Any] = {}
    for key in optimizers:
        kind = key.partition("_")[0]
        weight = gc.parameter(f"{key}.weight", (4, 3), gc.init.uniform(-1.0, 1.0))
        total = gc.sum(weight * x)
        if kind not in {name.lower() for name in MATRICES_ONLY}:
            scale = gc.parameter(f"{key}.scale", (3,), 0.5)
            total = total + gc.parameter(f"{key}.shift", (), 0.7) * gc.sum(scale * x)
        losses[key] = total
    return gc.Trainer(losses, optimizers, style=style, seed=3)


def _check_optimizers(names: set[str]) -> gc.Trainer:
    chosen = {key: EVERY[key] for key in sorted(names)}
    # Of one sign, so that no sum cancels.
    x = np.random.default_rng(0).uniform(0.5, 2, (4, 3)).astype("float32")
    trainers = [_side_by_side(chosen, style) for style in ("native", "fast")]
    for step in range(3):
        for trainer in trainers:
            trainer.step(x=x * (1 - step))
        native, fast = trainers
        for key, value in fast.parameters.items():
            assert_styles_agree(native.parameters[key], value, ulps=ULPS, note=key)
        slots = native._state["slots"]
        for key, value in fast._state["slots"].items():
            assert_styles_agree(slots[key], value, ulps=4 * ULPS, note=key)
    return trainers[0]


def test_telling_optimizers() -> None:
    source = _check_optimizers(TELLING).source
    assert "update_adafactor_0_numbers" not in source
    assert "update_adam_0_numbers" in source


@pytest.mark.slow
def test_all_optimizers() -> None:
    source = _check_optimizers({*EVERY} - {"parametergroups_0"}).source
    calls = set(re.findall(r"def update_(\w+)_numbers", source))
    assert {*EVERY} - calls == IN_NUMPY | {"parametergroups_0"}
