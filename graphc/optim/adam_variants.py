"""Successors of Adam: Adamax, NAdam and RAdam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from ..ir.node import Node
from ..ops.arithmetic import absolute, maximum, sqrt, where
from ..ops.source import constant, ones
from .base import Clock, Rule, State, StepSize
from .formulas import complement, in_dtype_of, moments, running_mean, zero_slots
from .options import Decay, NonNegative


@dataclass(frozen=True)
class Adamax(Rule):
    """Adam with the largest recent gradient in place of the root of its square.

        g = gradient + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        w = w - lr / (1 - beta1**t) * m / u

    Args:
        lr: the step size, or a schedule.
        betas: decay of the running mean and of the running maximum.
        eps: keeps the quotient finite.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        maximize: ascend instead.
        dialect: `"keras"` adds `eps` to `u` in the quotient only; `"paper"` has no
            `eps`, so that a gradient that was always zero gives NaN; `"optax"` agrees
            with `"torch"`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = Adamax(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(6)
    array([0.9, 1.9])

    Source: Kingma and Ba 2015, "Adam", algorithm 2.
    """

    lr: StepSize = 2e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "keras", "optax", "paper"] = "torch"

    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """The running mean and the running maximum."""
        return zero_slots(parameter, "exp_avg", "exp_inf")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        beta1, beta2 = self.betas
        first = running_mean(state["exp_avg"], gradient, beta1)
        size = absolute(gradient)
        if self.dialect in ("torch", "optax"):
            size = size + self.eps
        largest = maximum(beta2 * state["exp_inf"], size)
        first, largest = first.named("first_moment"), largest.named("largest_gradient")
        denominator = largest + self.eps if self.dialect == "keras" else largest
        step_size = self.step_size(clock) / (1.0 - beta1**clock.step)
        step_size = in_dtype_of(parameter, step_size.named("corrected_step_size"))
        new_state = {"exp_avg": first, "exp_inf": largest}
        return parameter - step_size * (first / denominator), new_state


@dataclass(frozen=True)
class NAdam(Rule):
    """Adam with Nesterov's momentum, which is warmed up over the first steps.

        mu_t = beta1 * (1 - 0.5 * 0.96**(t * momentum_decay))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = mu_(t+1) * m / (1 - mu_1 * ... * mu_(t+1))
                + (1 - mu_t) * g / (1 - mu_1 * ... * mu_t)
        w = w - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps)

    Args:
        lr: the step size, or a schedule.
        betas: decay of the running means of the gradient and of its square.
        eps: keeps the quotient finite.
        weight_decay: strength of the L2 penalty, or of decoupled decay.
        momentum_decay: how fast the momentum reaches `beta1`.
        decoupled_weight_decay: shrink the weights by `lr * weight_decay` instead of
            adding a penalty.
        maximize: ascend instead.
        dialect: `"keras"` always has `momentum_decay=1`; `"optax"` keeps the momentum
            at `beta1`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = NAdam(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(3)
    array([0.894, 1.894])

    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam", algorithm 2.
    """

    lr: StepSize = 2e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: bool = False
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "keras", "optax"] = "torch"

    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """Both moments, and the product of all momenta, a float64 scalar."""
        return {
            "mu_product": ones((), "float64"),
            **zero_slots(parameter, "exp_avg", "exp_avg_sq"),
        }

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        step_size = self.step_size(clock)
        momentum = self._momentum(clock.step, "momentum")
        next_momentum = self._momentum(clock.step + 1.0, "next_momentum")
        product = (state["mu_product"] * momentum).named("momentum_product")
        first, second = moments(state, gradient, self.betas)
        correction2 = 1.0 - self.betas[1] ** clock.step
        correction2 = correction2.named("bias_correction2")
        variance = second / in_dtype_of(parameter, correction2)
        denominator = (sqrt(variance) + self.eps).named("denominator")
        of_gradient = (step_size * (1.0 - momentum)).named("gradient_weight")
        of_gradient = of_gradient / (1.0 - product)
        of_moment = (step_size * next_momentum).named("moment_weight")
        of_moment = of_moment / (1.0 - product * next_momentum)
        of_gradient = of_gradient.named("step_size_of_gradient")
        of_moment = of_moment.named("step_size_of_moment")
        direction = (
            in_dtype_of(parameter, of_gradient) * gradient
            + in_dtype_of(parameter, of_moment) * first
        ).named("direction")
        new_state = {"mu_product": product, "exp_avg": first, "exp_avg_sq": second}
        return parameter - direction / denominator, new_state

    def _momentum(self, step: Node, name: str) -> Node:
        beta1 = self.betas[0]
        if self.dialect == "optax":
            return constant(beta1)
        decay = 1.0 if self.dialect == "keras" else self.momentum_decay
        warm_up = (0.96 ** (step * decay)).named(f"{name}_warm_up")
        return (beta1 * (1.0 - 0.5 * warm_up)).named(name)


@dataclass(frozen=True)
class RAdam(Rule):
    """Adam without the adaptive denominator while its estimate is too uncertain.

        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        m_hat = m / (1 - beta1**t)
        if rho > 5:
            r = sqrt((rho - 4) * (rho - 2) * rho_inf
                     / ((rho_inf - 4) * (rho_inf - 2) * rho))
            w = w - lr * m_hat * r * sqrt(1 - beta2**t) / (sqrt(v) + eps)
        else:
            w = w - lr * m_hat

    with `m` and `v` of `Adam`.

    Args:
        lr: the step size, or a schedule.
        betas: decay of the running means of the gradient and of its square.
        eps: keeps the quotient finite.
        weight_decay: strength of the L2 penalty, or of decoupled decay.
        decoupled_weight_decay: shrink the weights by `lr * weight_decay` instead of
            adding a penalty.
        maximize: ascend instead.
        dialect: `"optax"` adds `eps` to the bias-corrected `sqrt(v / (1 - beta2**t))`.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = RAdam(lr=0.1)
    >>> new, _ = rule.apply(
    ...     [w], [2.0 * w], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {})
    array([0.8, 1.6])

    Source: Liu et al. 2020, "On the variance of the adaptive learning rate and
    beyond", algorithm 2.
    """

    lr: StepSize = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    decoupled_weight_decay: bool = False
    _: KW_ONLY
    maximize: bool = False
    dialect: Literal["torch", "optax"] = "torch"

    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """Both moments."""
        return zero_slots(parameter, "exp_avg", "exp_avg_sq")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        beta1, beta2 = self.betas
        step_size = self.step_size(clock)
        first, second = moments(state, gradient, self.betas)
        new_state = {"exp_avg": first, "exp_avg_sq": second}
        step_size = step_size / (1.0 - beta1**clock.step)
        step_size = step_size.named("corrected_step_size")
        rho_limit = 2.0 / complement(beta2) - 1.0
        if rho_limit <= 5.0:
            # The estimate never becomes certain enough.
            return parameter - in_dtype_of(parameter, step_size) * first, new_state
        power = (beta2**clock.step).named("beta2_power")
        correction2 = (1.0 - power).named("bias_correction2")
        rho = rho_limit - 2.0 * clock.step * power / correction2
        rho = rho.named("rho")
        is_certain = (rho > 5.0).named("is_certain")
        squared = (rho - 4.0) * (rho - 2.0) * rho_limit
        squared = squared / ((rho_limit - 4.0) * (rho_limit - 2.0) * rho)
        squared = squared.named("rectification_squared")
        deviation = sqrt(second)
        if self.dialect == "optax":
            deviation = deviation / in_dtype_of(parameter, sqrt(correction2))
        else:
            squared = squared * correction2
        rectified = sqrt(where(is_certain, squared, 1.0)).named("rectification")
        step_size = (step_size * rectified).named("rectified_step_size")
        denominator = where(is_certain, deviation + self.eps, 1.0)
        direction = first / denominator.named("denominator")
        return parameter - in_dtype_of(parameter, step_size) * direction, new_state
