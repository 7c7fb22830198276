"""Step sizes per element from past gradients: Adagrad, Adadelta, RMSprop, Rprop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from ..arguments import Within
from ..ir.literal import scalar_value
from ..ir.node import Node
from ..ops.arithmetic import maximum, sign, sqrt, square, where
from ..ops.clipping import clip
from ..ops.source import constant
from .base import Clock, Rule, State, StepSize
from .formulas import filled_like, in_dtype_of, running_mean, zero_slots
from .options import NonNegative, Positive, Share


@dataclass(frozen=True)
class Adagrad(Rule):
    """Steps divided by the root of the sum of all squared gradients.

        g = gradient + weight_decay * w
        s = s + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        lr: the step size, or a schedule.
        lr_decay: how fast the step size decays with the number of the step.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        initial_accumulator_value: the number that `s` starts from.
        eps: keeps the quotient finite.
        maximize: ascend instead.
        dialect: `"keras"` divides by `sqrt(s + eps)`; so does `"optax"`, except that
            an element whose `s` is zero stays where it is. `"paper"` is `"torch"`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = Adagrad(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(6)
    array([0.9, 1.9])

    Source: Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online
    learning and stochastic optimization", figure 1, with diagonal matrices.
    """

    lr: StepSize = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "keras", "optax", "paper"] = "torch"

    def slots(self, parameter: Node) -> State:
        """The sum of squared gradients."""
        initial = self.initial_accumulator_value
        return {"sum": filled_like(parameter, initial)}

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        step_size = self.step_size(clock)
        if self.lr_decay:
            step_size = step_size / (1.0 + (clock.step - 1.0) * self.lr_decay)
            step_size = step_size.named("decayed_step_size")
        total = (state["sum"] + square(gradient)).named("sum_of_squares")
        if self.dialect in ("torch", "paper"):
            denominator = sqrt(total) + self.eps
        else:
            denominator = sqrt(total + self.eps)
        if self.dialect == "optax":
            has_moved = (total > 0.0).named("has_moved")
            denominator = where(has_moved, denominator, 1.0)
            gradient = where(has_moved, gradient, 0.0)
        direction = gradient / denominator.named("denominator")
        step_size = in_dtype_of(parameter, step_size)
        return parameter - step_size * direction, {"sum": total}


@dataclass(frozen=True)
class Adadelta(Rule):
    """Steps in the units of the parameter, from running means of past steps.

        g = gradient + weight_decay * w
        s = rho * s + (1 - rho) * g**2
        d = sqrt(u + eps) / sqrt(s + eps) * g
        u = rho * u + (1 - rho) * d**2
        w = w - lr * d

    Args:
        lr: a factor on the step, or a schedule; the paper has none.
        rho: decay of the running means.
        eps: starts the first step and keeps the quotient finite.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        maximize: ascend instead.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = Adadelta()
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(6)
    array([0.996838, 1.996838])

    Source: Zeiler 2012, "ADADELTA: an adaptive learning rate method", algorithm 1.
    Keras and optax agree.
    """

    lr: StepSize = 1.0
    rho: Share = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    _: KW_ONLY
    maximize: bool = False

    def slots(self, parameter: Node) -> State:
        """Running means of squared gradients and of squared steps."""
        return zero_slots(parameter, "square_avg", "acc_delta")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        squares = running_mean(state["square_avg"], gradient, self.rho, square)
        squares = squares.named("mean_square")
        scale = sqrt(state["acc_delta"] + self.eps) / sqrt(squares + self.eps)
        delta = (scale.named("step_sizes") * gradient).named("delta")
        deltas = running_mean(state["acc_delta"], delta, self.rho, square)
        new_state = {"square_avg": squares, "acc_delta": deltas.named("mean_delta")}
        step_size = in_dtype_of(parameter, self.step_size(clock))
        return parameter - step_size * delta, new_state


@dataclass(frozen=True)
class RMSprop(Rule):
    """Steps divided by the root of a running mean of squared gradients.

        g = gradient + weight_decay * w
        s = alpha * s + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g               (centered; otherwise a = 0)
        d = g / (sqrt(s - a**2) + eps)
        b = momentum * b + d                          (b = d without momentum)
        w = w - lr * b

    Args:
        lr: the step size, or a schedule.
        alpha: decay of the running means.
        eps: keeps the quotient finite.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        momentum: how much of the last step is kept.
        centered: divide by an estimate of the standard deviation instead.
        maximize: ascend instead.
        dialect: `"keras"`, `"optax"` and `"paper"` divide by `sqrt(s - a**2 + eps)`
            and multiply by `lr` before the momentum.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = RMSprop(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(6)
    array([0., 1.])

    Sources: Tieleman and Hinton 2012, "Lecture 6.5: RMSProp"; Graves 2013,
    "Generating sequences with recurrent neural networks", equations 38 to 45, for
    the centered form and momentum.
    """

    lr: StepSize = 1e-2
    alpha: Share = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: bool = False
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "keras", "optax", "paper"] = "torch"

    decaying = ("momentum_buffer",)

    def slots(self, parameter: Node) -> State:
        """The running means and the momentum's buffer that the options need."""
        names = ["square_avg"]
        names += ["momentum_buffer"] * bool(self.momentum)
        names += ["grad_avg"] * self.centered
        return zero_slots(parameter, *names)

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        squares = running_mean(state["square_avg"], gradient, self.alpha, square)
        variance = squares = squares.named("mean_square")
        new_state = {"square_avg": squares}
        if self.centered:
            mean = running_mean(state["grad_avg"], gradient, self.alpha)
            new_state["grad_avg"] = mean = mean.named("mean_gradient")
            # Rounding may take the difference below zero, where the root is NaN.
            variance = maximum(squares - square(mean), 0.0).named("variance")
        step_size = in_dtype_of(parameter, self.step_size(clock))
        if self.dialect == "torch":
            denominator = sqrt(variance) + self.eps
            direction = gradient / denominator.named("denominator")
        else:
            denominator = sqrt(variance + self.eps)
            direction = step_size * gradient / denominator.named("denominator")
        if self.momentum:
            direction = self.momentum * state["momentum_buffer"] + direction
            new_state["momentum_buffer"] = direction = direction.named("velocity")
        if self.dialect == "torch":
            direction = step_size * direction
        return parameter - direction, new_state


@dataclass(frozen=True)
class Rprop(Rule):
    """Steps from the signs of gradients alone, grown while the sign stays the same.

        c = sign(gradient * previous)
        s = clip(s * (eta_plus if c > 0, eta_minus if c < 0, else 1), min, max)
        g = 0 where c < 0, else gradient
        w = w - s * sign(g)
        previous = g

    A NaN gradient makes its element NaN; torch leaves the element where it is.

    Args:
        lr: the step size of every element in the first step; later steps have their
            own, so a schedule is refused.
        etas: `(eta_minus, eta_plus)`, factors for a changed and a kept sign.
        step_sizes: the least and the largest step.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range, or a schedule as `lr`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = Rprop(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {})
    array([0.9, 1.9])

    Source: Riedmiller and Braun 1993, "A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm", without weight backtracking.
    """

    lr: Annotated[
        float, Within(low=0.0, hint="a number: Rprop adapts its steps itself")
    ] = 1e-2
    etas: tuple[Positive, Positive] = (0.5, 1.2)
    step_sizes: tuple[NonNegative, NonNegative] = (1e-6, 50.0)
    _: KW_ONLY
    maximize: bool = False

    called = MappingProxyType({**Rule.called, "step_sizes": "step_size_bounds"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.etas[0] < 1.0 < self.etas[1]:
            raise self._failure(f"0 < etas[0] < 1 < etas[1], got etas={self.etas}")
        if self.step_sizes[0] > self.step_sizes[1]:
            raise self._failure(
                f"step_sizes[0] <= step_sizes[1], got step_sizes={self.step_sizes}"
            )

    def slots(self, parameter: Node) -> State:
        """The last gradient and every element's step."""
        sizes = filled_like(parameter, self.lr)
        return {**zero_slots(parameter, "prev"), "step_size": sizes}

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        shrink, grow = self.etas
        agreement = (gradient * state["prev"]).named("agreement")
        has_turned = (agreement < 0.0).named("has_turned")
        one = constant(1.0, parameter.dtype)
        factor = where(agreement > 0.0, grow, where(has_turned, shrink, one))
        steps = clip(state["step_size"] * factor.named("factor"), *self.step_sizes)
        steps = steps.named("new_step_size")
        gradient = where(has_turned, 0.0, gradient).named("kept_gradient")
        change = sign(gradient) * steps
        if scalar_value(clock.scale) != 1.0:
            change = in_dtype_of(parameter, clock.scale) * change
        return parameter - change, {"prev": gradient, "step_size": steps}
