"""Transformations around updates: accumulation, averages of parameters, constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from ..arguments import Count
from ..ir.node import Node
from ..ir.origin import derived
from ..ops.arithmetic import remainder, sqrt, square, where
from ..ops.reduction import sum
from ..ops.rounding import floor
from ..ops.source import astype, zeros_like
from .base import Clock, State, check_gradients
from .formulas import complement, in_dtype_of, running_mean, wide
from .options import Positive, Share
from .transformation import Transformation


@dataclass(frozen=True)
class GradientAccumulation(Transformation):
    """One update every `steps` micro-batches, with their mean gradient.

    Between updates parameters and the inner state stay as they are. The inner
    optimizer counts updates, not micro-batches. `Trainer.fit` requires that `steps`
    divides the number of batches in an epoch; in a stream, whose length is not known,
    batches left at the end of an epoch enter the first update of the next one.

    Args:
        inner: the optimizer that gets the mean gradient.
        steps: the number of micro-batches.
        reduction: `"mean"`, which is the gradient of the whole batch's mean loss where
            micro-batches are equally large, or `"sum"`, as torch's `backward` adds up.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (), 0.0)
    >>> rule = GradientAccumulation(SGD(1.0), steps=2)
    >>> gradient = gc.constant(1.0, "float32")
    >>> new, state = rule.apply(
    ...     [w], [gradient], rule.init_state([w]), Clock.constant(step=1)
    ... )
    >>> gc.evaluate([new[0], state["w.accumulated"]], {})
    [array(0., dtype=float32), array(1., dtype=float32)]
    """

    steps: Count
    reduction: Literal["mean", "sum"] = "mean"

    slot = "accumulated"
    called = MappingProxyType({"steps": "accumulation_steps"})

    def start(self, parameter: Node) -> Node:
        """See `Transformation.start`."""
        return zeros_like(parameter)

    def _inner_clock(self, clock: Clock) -> Clock:
        updates = floor((clock.step - 1.0) / self._setting("steps")) + 1.0
        return replace(clock, step=updates.named("update_number"))

    def apply(
        self,
        parameters: Sequence[Node],
        gradients: Sequence[Node],
        state: Mapping[str, Node],
        clock: Clock,
    ) -> tuple[list[Node], State]:
        """See `Optimizer.apply`."""
        check_gradients(parameters, gradients, self)
        if not parameters:
            return [], {}
        old = self._inner_state(parameters, state)
        with derived(parameters[0], type(self).__name__):
            inner_clock = self._inner_clock(clock)
            is_due = (remainder(clock.step, self._setting("steps")) == 0.0).named(
                "is_due"
            )
            totals = [
                (state[self._key(parameter)] + gradient).named("total_gradient")
                for parameter, gradient in zip(parameters, gradients, strict=True)
            ]
            divided, steps = totals, self._setting("steps")
            if self.reduction == "mean" and self.steps > 1:
                divided = [(t / steps).named("mean_gradient") for t in totals]
        new, new_state = self.inner.apply(parameters, divided, old, inner_clock)
        with derived(parameters[0], type(self).__name__):
            new = [
                where(is_due, updated, parameter)
                for updated, parameter in zip(new, parameters, strict=True)
            ]
            new_state = {
                key: where(is_due, value, old[key]) for key, value in new_state.items()
            }
            rest = [where(is_due, 0.0, total) for total in totals]
        return new, self._with_own(new_state, parameters, rest)

    def step_size(self, clock: Clock) -> Node:
        """See `Optimizer.step_size`."""
        return self.inner.step_size(self._inner_clock(clock))

    def all_step_sizes(self, clock: Clock) -> list[Node]:
        """See `Optimizer.all_step_sizes`."""
        return self.inner.all_step_sizes(self._inner_clock(clock))

    @property
    def micro_batches(self) -> int:
        """See `Optimizer.micro_batches`."""
        return self.steps * self.inner.micro_batches


@dataclass(frozen=True)
class EMA(Transformation):
    """An exponential moving average of the parameters, to evaluate with.

    `average = decay * average + (1 - decay) * w`, after each update; the first
    average is `w` after the first update.

    Args:
        inner: the optimizer.
        decay: how much of the old average is kept.
        dialect: in `"keras"` the average starts from the initial parameters instead.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (), 1.0, "float64")
    >>> rule = EMA(SGD(0.5), decay=0.9)
    >>> _, state = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(rule.averaged([w], state), {})
    [array(0.5)]

    Source: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by
    averaging", with weights that fall exponentially.
    """

    decay: Share = 0.999
    dialect: Literal["torch", "keras"] = "torch"

    slot = "ema"
    called = MappingProxyType({"decay": "ema_decay"})

    def after(
        self, parameter: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See `Transformation.after`."""
        return parameter, {"ema": self._average(state["ema"], parameter, clock)}

    def _average(self, average: Node, value: Node, clock: Clock) -> Node:
        if self.dialect == "keras":
            return running_mean(average, value, self.decay).named("average")
        is_first = (clock.step == 1.0).named("is_first")
        kept = where(is_first, 0.0, self.decay).named("kept_share")
        share = where(is_first, 1.0, complement(self.decay)).named("new_share")
        kept, share = in_dtype_of(value, kept), in_dtype_of(value, share)
        return (kept * average + share * value).named("average")

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """The averages."""
        return [state[self._key(parameter)] for parameter in parameters]


@dataclass(frozen=True)
class Lookahead(Transformation):
    """Fast weights explore for `k` updates, slow weights follow a part of the way.

    After every `k` updates of the inner optimizer
    `slow = slow + alpha * (fast - slow)`, and `fast = slow`.

    Args:
        inner: the optimizer of the fast weights, which are the parameters.
        k: the number of updates in between.
        alpha: how far the slow weights go.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (), 1.0, "float64")
    >>> rule = Lookahead(SGD(0.5), k=1, alpha=0.5)
    >>> new, _ = rule.apply([w], [w], rule.init_state([w]), Clock.constant(step=1))
    >>> gc.evaluate(new, {})
    [array(0.75)]

    Source: Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back",
    algorithm 1.
    """

    k: Count = 5
    alpha: Share = 0.5

    slot = "slow"
    called = MappingProxyType({"k": "lookahead_k", "alpha": "lookahead_alpha"})

    def after(
        self, parameter: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See `Transformation.after`."""
        old = state["slow"]
        is_due = (remainder(clock.step, self._setting("k")) == 0.0).named("is_due")
        moved = old + self.alpha * (parameter - old)
        slow = where(is_due, moved, old).named("slow")
        return where(is_due, slow, parameter), {"slow": slow}


@dataclass(frozen=True)
class MaxNorm(Transformation):
    """After each update, weights scaled down to a norm of at most `max_norm`.

    The norm is that of the weights along `axis`: those into one unit. Parameters with
    fewer than two axes (biases) are left alone.

    Args:
        inner: the optimizer.
        max_norm: the largest Euclidean norm.
        axis: the axis, or the axes, over which the norm is taken: 1 for weights
            `(out, in)`, 0 for weights `(in, out)`, `(1, 2, 3)` for convolutions.

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("w", (1, 2), [[3.0, 4.0]], "float64")
    >>> rule = MaxNorm(SGD(0.0), max_norm=1.0)
    >>> new, _ = rule.apply([w], [w], {}, Clock.constant(step=1))
    >>> gc.evaluate(new[0], {})
    array([[0.6, 0.8]])

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks
    from overfitting", section 5.1.
    """

    max_norm: Positive
    axis: int | tuple[int, ...] = 1

    def after(
        self, parameter: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """See `Transformation.after`."""
        if parameter.ndim < 2:
            return parameter, {}
        length = sqrt(sum(square(wide(parameter)), self.axis, keepdims=True))
        length = length.named("weight_norm")
        is_long = (length > self.max_norm).named("is_long")
        factor = where(is_long, self.max_norm / where(is_long, length, 1.0), 1.0)
        factor = astype(factor, parameter.dtype).named("max_norm_factor")
        return parameter * factor, {}
