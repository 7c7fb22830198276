"""Steps of one size, in the direction of signs: SignSGD and Lion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.node import Node
from ..ops.arithmetic import sign
from .base import Clock, Rule, State, StepSize
from .formulas import decayed, in_dtype_of, running_mean, zero_slots
from .options import Decay, NonNegative


@dataclass(frozen=True)
class SignSGD(Rule):
    """Gradient descent along the signs of the gradient, or of its running mean.

        g = gradient + weight_decay * w
        m = momentum * m + (1 - momentum) * g
        w = w - lr * sign(m)

    Where `m` is zero the parameter stays; where it is NaN it becomes NaN.

    Args:
        lr: the size of every element's step, or a schedule.
        momentum: decay of the running mean; with 0 the signs are the gradient's own.
            With momentum the method is called Signum.
        weight_decay: strength of the L2 penalty `weight_decay / 2 * sum(w**2)`.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> new, _ = SignSGD(0.1).apply([w], [-w], {}, Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([1.1, 2.1])

    Source: Bernstein et al. 2018, "signSGD: compressed optimisation for non-convex
    problems", algorithms 1 and 2.
    """

    lr: StepSize = 1e-3
    momentum: Decay = 0.0
    weight_decay: NonNegative = 0.0
    maximize: bool = False

    decaying = ("momentum_buffer",)

    def slots(self, parameter: Node) -> State:
        """The running mean, where there is momentum."""
        return zero_slots(parameter, *["momentum_buffer"] * bool(self.momentum))

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        mean = gradient
        new_state: State = {}
        if self.momentum:
            mean = running_mean(state["momentum_buffer"], gradient, self.momentum)
            new_state["momentum_buffer"] = mean = mean.named("mean_gradient")
        step_size = in_dtype_of(parameter, self.step_size(clock))
        return parameter - step_size * sign(mean), new_state


@dataclass(frozen=True)
class Lion(Rule):
    """Signs of momentum, found by a search over programs.

        c = beta1 * m + (1 - beta1) * g
        w = w - lr * (sign(c) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g

    Args:
        lr: the step size, or a schedule; a third to a tenth of Adam's.
        betas: decay in the step's direction, and decay of the running mean.
        weight_decay: strength of decoupled decay.
        maximize: ascend instead.

    Raises:
        OptionError: an option out of range.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [1.0, 2.0], "float64")
    >>> rule = Lion(0.1)
    >>> new, _ = rule.apply([w], [-w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([1.1, 2.1])

    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms",
    algorithm 2. Keras and optax agree.
    """

    lr: StepSize = 1e-4
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    weight_decay: NonNegative = 0.0
    maximize: bool = False

    decays_itself = True
    decaying = ("exp_avg",)

    def slots(self, parameter: Node) -> State:
        """The running mean of gradients."""
        return zero_slots(parameter, "exp_avg")

    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See the class."""
        beta1, beta2 = self.betas
        mean = state["exp_avg"]
        direction = sign(running_mean(mean, gradient, beta1)).named("direction")
        mean = running_mean(mean, gradient, beta2).named("mean_gradient")
        step_size = self.step_size(clock)
        kept = decayed(parameter, step_size, self.weight_decay)
        return kept - in_dtype_of(parameter, step_size) * direction, {"exp_avg": mean}
