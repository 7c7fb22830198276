"""Stochastic gradient descent: with momentum in its conventions, and averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ..ir.node import Node
from ..ops.arithmetic import maximum, where
from .base import Clock, Rule, State, StepSize
from .formulas import complement, decayed, in_dtype_of, zero_slots
from .options import Finite, NonNegative


@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent with momentum, dampening and weight decay.

        g = gradient + weight_decay * w
        v = momentum * v + (1 - dampening) * g        (v = g in the first step)
        w = w - lr * v
        w = w - lr * (g + momentum * v)               (with nesterov)

    Args:
        lr: the step size, or a schedule.
        momentum: how much of the last direction is kept; 0 keeps none.
        dampening: how much of the new gradient is left out, from the second step on.
        nesterov: look ahead along the momentum.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        maximize: ascend instead.
        dialect: `"torch"`, and `"optax"` which agrees with it, scale the velocity by
            `lr` when it is used. `"keras"` and `"paper"` scale the gradient when it
            enters (`v = momentum * v - lr * g; w = w + v`), which differs only where
            `lr` changes from step to step; they have no dampening.

    Raises:
        OptionError: an option out of range; nesterov without momentum or with
            dampening.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0])
    >>> gradient = gc.constant([1.0, 0.5], "float32")
    >>> new, state = SGD(lr=0.5).apply([w], [gradient], {}, Clock.constant(step=1))
    >>> gc.evaluate(new, {})
    [array([0.5 , 1.75], dtype=float32)]

    Sources: Robbins and Monro 1951, "A stochastic approximation method"; Polyak 1964,
    "Some methods of speeding up the convergence of iteration methods"; Sutskever et
    al. 2013, "On the importance of initialization and momentum in deep learning".
    """

    lr: StepSize = 1e-3
    momentum: NonNegative = 0.0
    dampening: Finite = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "keras", "optax", "paper"] = "torch"

    decaying = ("momentum_buffer",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and (not self.momentum or self.dampening):
            raise self._failure(
                f"momentum > 0 and dampening = 0 for nesterov=True, got momentum="
                f"{self.momentum} and dampening={self.dampening}",
                hint="SGD(lr, momentum=0.9, nesterov=True)",
            )
        if self.dampening and self.dialect != "torch":
            raise self._failure(f"dampening = 0 in the {self.dialect} dialect")

    def slots(self, parameter: Node) -> State:
        """The velocity, where there is momentum."""
        return zero_slots(parameter, *["momentum_buffer"] * bool(self.momentum))

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        step_size = in_dtype_of(parameter, self.step_size(clock))
        if not self.momentum:
            return parameter - step_size * gradient, {}
        if self.dialect in ("keras", "paper"):
            step = (step_size * gradient).named("scaled_gradient")
            return self._scaled_on_entry(parameter, step, state)
        velocity = self.momentum * state["momentum_buffer"]
        velocity = (velocity + self._share(gradient, clock)).named("velocity")
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - step_size * direction, {"momentum_buffer": velocity}

    def _share(self, gradient: Node, clock: Clock) -> Node:
        """The gradient that enters the velocity: all of the first, then a part."""
        if not self.dampening:
            return gradient
        share = where(clock.step == 1.0, 1.0, complement(self.dampening))
        return in_dtype_of(gradient, share.named("gradient_share")) * gradient

    def _scaled_on_entry(
        self, parameter: Node, step: Node, state: Mapping[str, Node]
    ) -> tuple[Node, State]:
        velocity = self.momentum * state["momentum_buffer"] - step
        velocity = velocity.named("velocity")
        change = self.momentum * velocity - step if self.nesterov else velocity
        return parameter + change, {"momentum_buffer": velocity}


@dataclass(frozen=True)
class ASGD(Rule):
    """Averaged stochastic gradient descent.

        eta = lr / (1 + lambd * lr * (t - 1))**alpha
        w = (1 - lambd * eta) * w - eta * g
        average = average + (w - average) / max(1, t - 1 - t0)

    The gradient is taken at `w`; evaluation uses the average.

    Args:
        lr: the first step size, or a schedule.
        lambd: strength of the decay of weights and of the step size.
        alpha: the power with which the step size falls.
        t0: the number of steps before averaging starts.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = ASGD(lr=0.1, lambd=0.0)
    >>> new, _ = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([0.9, 1.8])

    Source: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by
    averaging", in the form of Bottou's SGD programs.
    """

    lr: StepSize = 1e-2
    lambd: NonNegative = 1e-4
    alpha: NonNegative = 0.75
    t0: NonNegative = 1e6
    weight_decay: NonNegative = 0.0
    _: KW_ONLY
    maximize: bool = False

    def slots(self, parameter: Node) -> State:
        """The average."""
        return zero_slots(parameter, "ax")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        past = (clock.step - 1.0).named("past_steps")
        step_size = self.step_size(clock)
        slowdown = (1.0 + self.lambd * step_size * past) ** self.alpha
        eta = (step_size / slowdown.named("slowdown")).named("falling_step_size")
        new = decayed(parameter, eta, self.lambd)
        new = new - in_dtype_of(parameter, eta) * gradient
        share = (1.0 / maximum(past - self.t0, 1.0)).named("average_share")
        average = state["ax"] + in_dtype_of(parameter, share) * (new - state["ax"])
        return new, {"ax": average.named("average")}

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """The averages."""
        return [state[f"{parameter.name}.ax"] for parameter in parameters]
