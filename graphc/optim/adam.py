"""Adam and AdamW: steps scaled by running means of the gradient and its square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from ..ir.node import Node
from ..ops.arithmetic import maximum, sqrt, square
from .base import Clock, Rule, State, StepSize
from .formulas import in_dtype_of, moments, zero_slots
from .options import Decay, NonNegative

Dialect = Literal["torch", "keras", "optax", "paper"]


@dataclass(frozen=True)
class Adam(Rule):
    """Adaptive moment estimation.

        g = gradient + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    With `amsgrad`, the largest `v` so far takes the place of `v` in the last line.

    Args:
        lr: the step size, or a schedule.
        betas: decay of the running means of the gradient and of its square.
        eps: keeps the quotient finite.
        weight_decay: strength of the L2 penalty, whose gradient is rescaled like the
            loss's.
        amsgrad: never let the denominator shrink.
        maximize: ascend instead.
        decoupled_weight_decay: shrink the weights themselves, as `AdamW` does.
        dialect: `"keras"` adds `eps` to `sqrt(v)` before its bias is corrected, as the
            paper's section 2 proposes for speed. With amsgrad, `"optax"` takes the
            largest bias-corrected `v`, and `"paper"` corrects no bias at all. Without
            amsgrad, `"torch"`, `"optax"` and `"paper"` agree.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> adam = Adam(lr=0.1)
    >>> new, state = adam.apply(
    ...     [w], [2.0 * w], adam.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {}).round(6)
    array([0.9, 1.9])

    Sources: Kingma and Ba 2015, "Adam: a method for stochastic optimization",
    algorithm 1; Reddi et al. 2018, "On the convergence of Adam and beyond".
    """

    lr: StepSize = 1e-3
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: bool = False
    _: KW_ONLY
    maximize: bool = False
    decoupled_weight_decay: bool = False
    dialect: Dialect = "torch"

    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """Both moments, and with amsgrad the largest second one."""
        largest = ["max_exp_avg_sq"] * self.amsgrad
        return zero_slots(parameter, "exp_avg", "exp_avg_sq", *largest)

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        beta1, beta2 = self.betas
        first, second = moments(state, gradient, self.betas)
        new_state = {"exp_avg": first, "exp_avg_sq": second}
        correction1 = (1.0 - beta1**clock.step).named("bias_correction1")
        correction2 = sqrt(1.0 - beta2**clock.step).named("root_bias_correction2")
        step_size = self.step_size(clock)
        root_correction = in_dtype_of(parameter, correction2)
        if self.amsgrad:
            largest = state["max_exp_avg_sq"]
            if self.dialect == "optax":
                second = second / square(root_correction)
            second = maximum(largest, second).named("largest_second_moment")
            new_state["max_exp_avg_sq"] = second
        eps: float | Node = self.eps
        if self.amsgrad and self.dialect == "optax":
            step_size = step_size / correction1
        elif not (self.amsgrad and self.dialect == "paper"):
            # Both corrections at the step size, as the paper recommends, for speed.
            step_size = step_size * correction2 / correction1
            if self.dialect != "keras":
                eps = (self.eps * correction2).named("corrected_eps")
                eps = in_dtype_of(parameter, eps)
        denominator = sqrt(second) + eps
        step_size = step_size.named("corrected_step_size")
        direction = first / denominator.named("denominator")
        return parameter - in_dtype_of(parameter, step_size) * direction, new_state


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay.

        w = (1 - lr * weight_decay) * w, then the update of `Adam`

    Under SGD this is the same as an L2 penalty. Under Adam it is not: a penalty's
    gradient is divided by `sqrt(v)` like the loss's, so weights with large gradients
    are decayed less.

    Args:
        lr, betas, eps, amsgrad, maximize: as for `Adam`.
        weight_decay: the part of a weight that is lost in a step of size 1.
        dialect: as for `Adam`; in the `"paper"` dialect the decay is not multiplied
            by `lr` but only by the schedule's multiplier, which is 1 where `lr` is
            constant: `w = (1 - multiplier * weight_decay) * w`.

    Raises:
        OptionError: an option out of range; a schedule without an initial step size
            in the paper's dialect.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> adam = AdamW(lr=0.1, weight_decay=0.5)
    >>> new, state = adam.apply(
    ...     [w], [gc.zeros_like(w)], adam.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate(new[0], {})
    array([0.95, 1.9 ])

    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization",
    algorithm 2.
    """

    weight_decay: NonNegative = 0.01
    decoupled_weight_decay: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dialect == "paper" and not isinstance(self._initial_step_size, float):
            raise self._failure(
                "a number, or a schedule that has one as its `lr`, in the paper's "
                f"dialect, whose decay is relative to it; got lr={self.lr!r}"
            )

    @property
    def _initial_step_size(self) -> object:
        return getattr(self.lr, "lr", self.lr)

    def decay_size(self, clock: Clock) -> Node:
        """See `Rule.decay_size`."""
        initial = self._initial_step_size
        if self.dialect != "paper":
            return self.step_size(clock)
        assert isinstance(initial, float)
        return clock.scale if initial == self.lr else self.step_size(clock) / initial
