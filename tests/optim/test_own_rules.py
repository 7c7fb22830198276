"""Optimizers of one's own: what `Rule` and `Transformation` do for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc import optim
from graphc.errors import OptionError
from graphc.optim.options import Decay, NonNegative
from graphc.training.assemble import training_program

from .stepping import random_gradients, random_start, run


@dataclass(frozen=True)
class Momentum(optim.Rule):
    """Descent along a running sum of gradients."""

    beta: Decay = 0.9
    weight_decay: NonNegative = 0.0
    maximize: bool = False

    decaying = ("sum",)

    def slots(self, parameter: gc.Node) -> optim.base.State:
        return {"sum": gc.zeros_like(parameter)}

    def update(
        self, parameter: Any, gradient: Any, state: Any, clock: Any
    ) -> tuple[Any, Any]:
        total = (self.beta * state["sum"] + gradient).named("total")
        return parameter - self.lr * total, {"sum": total}


@dataclass(frozen=True)
class ItsOwnDecay(Momentum):
    """The same with a decay that its formula has to apply."""

    decays_itself = True


@dataclass(frozen=True)
class Decoupled(Momentum):
    """The same with a decay of the weights themselves."""

    decoupled_weight_decay: bool = True


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("rule", [Momentum, ItsOwnDecay, Decoupled])
def test_the_gradient_to_descend(rule: Any, maximize: bool) -> None:
    gradients = random_gradients(5)
    ours, _ = run(rule(0.1, weight_decay=0.2, maximize=maximize), gradients)
    for name, w in random_start().items():
        total = np.zeros_like(w)
        for gradient in gradients:
            g = -gradient[name] if maximize else gradient[name]
            if rule is Momentum:
                g = g + 0.2 * w
            if rule is Decoupled:
                w = (1 - 0.1 * 0.2) * w
            total = 0.9 * total + g
            w = w - 0.1 * total
        np.testing.assert_allclose(ours[-1][name], w, rtol=1e-12)


def _flushed(optimizer: optim.Optimizer) -> bool:
    w, b = (gc.parameter(name, (2,)) for name in ("w", "b"))
    source = training_program(gc.sum(w * b), optimizer).source
    return 'flush_denormals(state["slots"], (".sum",))' in source


def test_slots_are_flushed_because_a_rule_says_so() -> None:
    """And not because of what they are called."""

    @dataclass(frozen=True)
    class Kept(Momentum):
        decaying = ()

    @dataclass(frozen=True)
    class Named(Momentum):
        decaying = ("exp_avg",)

    assert _flushed(Momentum())
    assert not _flushed(Kept())
    assert not _flushed(Named())
    assert _flushed(optim.EMA(Momentum()))
    assert _flushed(optim.ParameterGroups({"b": Momentum()}, default=optim.SGD()))


@dataclass(frozen=True)
class Halfway(optim.Transformation):
    """Parameters that go half of the way, and a slot that counts updates."""

    slot = "count"

    def start(self, parameter: gc.Node) -> gc.Node:
        return gc.zeros((), "float64")

    def gradient(self, parameter: Any, gradient: Any, clock: Any) -> Any:
        return 2.0 * gradient

    def after(self, parameter: Any, state: Any, clock: Any) -> tuple[Any, Any]:
        return 0.5 * parameter, {"count": state["count"] + 1.0}


def test_a_transformation_says_what_comes_before_and_after() -> None:
    gradients = random_gradients(3)
    ours, state = run(Halfway(optim.SGD(0.1, momentum=0.5)), gradients)
    for name, w in random_start().items():
        velocity = np.zeros_like(w)
        for gradient in gradients:
            velocity = 0.5 * velocity + 2.0 * gradient[name]
            w = 0.5 * (w - 0.1 * velocity)
        np.testing.assert_allclose(ours[-1][name], w, rtol=1e-12)
        assert state[f"{name}.count"] == 3.0


@dataclass(frozen=True)
class Clipped(optim.Rule):
    """Descent by a bounded step, by default none."""

    clip: float = math.inf

    def update(
        self, parameter: Any, gradient: Any, state: Any, clock: Any
    ) -> tuple[Any, Any]:
        return parameter - self.lr * gc.clip(gradient, -self.clip, self.clip), {}


def test_a_plain_number_may_be_infinite_but_not_nan() -> None:
    assert Clipped(0.1).clip == math.inf
    assert Clipped(0.1, clip=-math.inf).clip == -math.inf
    for wrong in (math.nan, "large"):
        with pytest.raises(OptionError, match="clip to be a number, got "):
            Clipped(0.1, clip=wrong)
