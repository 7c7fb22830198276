"""State that has decayed to denormal numbers becomes zero, in both styles."""

import numpy as np
import pytest

import graphc as gc

from .support import load

DENORMAL = np.float32(1e-39)


def program(optimizer, style):
    x = gc.input("x", ("batch", 3))
    w = gc.parameter("w", (3,), [1.0, 2.0, 3.0])
    return load(gc.Trainer(gc.mean(x @ w), optimizer, style=style).source)


def steps(module, count, **slots):
    """The state after some updates with gradients of zero."""
    parameters = module.init_parameters(0)
    state = module.init_state(parameters, 0)
    for name, value in slots.items():
        state["slots"][f"w.{name}"][...] = value
    for _ in range(count):
        module.train_step(parameters, state, np.zeros((2, 3), np.float32))
    return state["slots"]


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_decayed_average_becomes_zero_at_every_256th_update(style):
    module = program(gc.optim.Adam(), style)
    before = steps(module, 255, exp_avg=DENORMAL)
    assert (before["w.exp_avg"] > 0).all()
    assert (before["w.exp_avg"] < np.finfo(np.float32).smallest_normal).all()
    after = steps(module, 256, exp_avg=DENORMAL)
    np.testing.assert_array_equal(after["w.exp_avg"], 0.0)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_other_numbers_and_averages_of_squares_stay(style):
    module = program(gc.optim.Adam(betas=(0.999, 0.999)), style)
    slots = steps(module, 256, exp_avg=1e-30, exp_avg_sq=DENORMAL)
    assert (slots["w.exp_avg"] > 7e-31).all()
    assert (slots["w.exp_avg_sq"] > 0).all()


def test_a_rule_without_averages_has_nothing_to_flush():
    source = gc.Trainer(gc.sum(gc.parameter("w", (3,))), gc.optim.SGD(0.1)).source
    assert "flush_denormals" not in source
    assert (
        "flush_denormals"
        in gc.Trainer(
            gc.sum(gc.parameter("w", (3,))), gc.optim.SGD(0.1, momentum=0.9)
        ).source
    )
