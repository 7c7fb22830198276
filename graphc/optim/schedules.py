"""Step sizes that change: functions of the clock, in nodes.

Every schedule is a frozen value that can stand for an optimizer's `lr`. Its `lr` is
the first step size; left at 1 it gives a factor, for `ChainedScheduler`. It counts
completed epochs or, with `by="step"`, completed updates, as torch's schedulers count
calls of `scheduler.step()`, and it has torch's names, arguments and conventions. Its
`at` is the formula as a function of that count.

An own schedule is any function of the clock that gives a scalar node:

>>> import graphc as gc
>>> from graphc import optim
>>> sgd = optim.SGD(lr=lambda clock: 0.1 / gc.sqrt(clock.step))
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from ..arguments import Count, Natural, Within
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.origin import derived
from ..ops.arithmetic import minimum, remainder, where
from ..ops.exponential import log, log1p
from ..ops.rounding import floor
from ..ops.source import ArrayLike, constant
from ..ops.trigonometry import cos
from .base import Clock
from .options import REQUIRED, NonNegative, Options, Share

By: TypeAlias = Literal["epoch", "step"]
"""The unit that a schedule counts."""


@dataclass(frozen=True)
class Schedule(Options, ABC):
    """A step size as a function of the number of completed epochs or updates.

    A subclass is a frozen dataclass of its options with `at`.

    >>> import graphc as gc
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class InverseRoot(gc.optim.Schedule):
    ...     lr: float
    ...     def at(self, count):
    ...         return self.lr / gc.sqrt(count + 1.0)
    >>> gc.evaluate(InverseRoot(0.5).at(gc.constant([0.0, 3.0])), {})
    array([0.5 , 0.25])
    """

    by: By = field(default="epoch", kw_only=True)

    called = MappingProxyType({"lr": "learning_rate"})
    first_place = -500  # Beside the step size, before the numbers of the optimizer.

    @abstractmethod
    def at(self, count: Node) -> Node:
        """The step size when `count` epochs or updates are completed."""

    def __call__(self, clock: Clock) -> Node:
        """The step size of the update at `clock`, a float64 node of shape `()`."""
        return constant(self.at(self._count(clock)), "float64")

    def _count(self, clock: Clock) -> Node:
        if self.by == "epoch":
            return clock.epoch
        with derived(clock.step, type(self).__name__):
            return (clock.step - 1.0).named("past_steps")


@dataclass(frozen=True)
class StepLR(Schedule):
    """Multiplied by `gamma` every `step_size` epochs: `lr * gamma**(t // step_size)`.

    Args:
        lr: the initial step size.
        step_size: the period.
        gamma: the factor.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = StepLR(0.1, step_size=30, gamma=0.1)
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=30)), {}).round(3)
    np.float64(0.01)
    """

    lr: NonNegative = 1.0
    step_size: Count = REQUIRED
    gamma: NonNegative = 0.1

    def at(self, count: Node) -> Node:
        """See the class."""
        return self.lr * self.gamma ** floor(count / self._setting("step_size"))


@dataclass(frozen=True)
class MultiStepLR(Schedule):
    """Multiplied by `gamma` at each of some epochs.

    Args:
        lr: the initial step size.
        milestones: the epochs; one that is named twice counts twice.
        gamma: the factor.
        by: the unit of the count, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = MultiStepLR(1.0, milestones=(10, 20), gamma=0.5)
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=20)), {})
    array(0.25)
    """

    lr: NonNegative = 1.0
    milestones: tuple[Natural, ...] = REQUIRED
    gamma: NonNegative = 0.1

    def at(self, count: Node) -> Node:
        """See the class."""
        passed: ArrayLike = 0.0
        for number, epoch in enumerate(self.milestones, 1):
            place = self.first_place + 1
            milestone = Hyperparameter.called(f"milestone{number}", epoch, place=place)
            passed = passed + where(count >= milestone, 1.0, 0.0)
        return self.lr * self.gamma ** constant(passed, "float64")


@dataclass(frozen=True)
class ExponentialLR(Schedule):
    """Multiplied by `gamma` every epoch: `lr * gamma**t`.

    Args:
        lr: the initial step size.
        gamma: the factor.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> gc.evaluate(ExponentialLR(1.0, gamma=0.5)(Clock.constant(step=1, epoch=3)), {})
    array(0.125)
    """

    lr: NonNegative = 1.0
    gamma: NonNegative = REQUIRED

    def at(self, count: Node) -> Node:
        """See the class."""
        return self.lr * self.gamma**count


@dataclass(frozen=True)
class InverseTimeLR(Schedule):
    """Falling as one over the time: `lr / (1 + decay * t)`.

    Args:
        lr: the initial step size.
        decay: how fast it falls: after `1 / decay` epochs it has halved.
        staircase: fall once every `1 / decay` epochs and stay in between.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> gc.evaluate(InverseTimeLR(1.0, decay=0.5)(Clock.constant(1, epoch=2)), {})
    array(0.5)

    Source: Robbins and Monro 1951, "A stochastic approximation method": the sum of
    the steps diverges, that of their squares does not.
    """

    lr: NonNegative = 1.0
    decay: NonNegative = REQUIRED
    staircase: bool = False

    def at(self, count: Node) -> Node:
        """See the class."""
        time = self.decay * count
        return self.lr / (1.0 + (floor(time) if self.staircase else time))


@dataclass(frozen=True)
class ConstantLR(Schedule):
    """Multiplied by `factor` in the first `total_iters` epochs.

    Args:
        lr: the step size after that.
        factor: the factor before that; in [0, 1].
        total_iters: the number of epochs.
        by: the unit of the count, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> gc.evaluate(ConstantLR(1.0, factor=0.5)(Clock.constant(1, epoch=4)), {})
    array(0.5)
    """

    lr: NonNegative = 1.0
    factor: Share = 1.0 / 3.0
    total_iters: Natural = 5

    def at(self, count: Node) -> Node:
        """See the class."""
        is_early = count < self._setting("total_iters")
        return self.lr * where(is_early, self.factor, 1.0)


@dataclass(frozen=True)
class LinearLR(Schedule):
    """Its factor goes in a line from one number to another, then stays.

    Args:
        lr: the step size at a factor of 1.
        start_factor: the first factor, in (0, 1].
        end_factor: the last factor, in [0, 1].
        total_iters: the number of epochs between them.
        by: the unit of the count, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = LinearLR(1.0, start_factor=0.5, total_iters=4)
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=2)), {})
    array(0.75)
    """

    lr: NonNegative = 1.0
    start_factor: Annotated[float, Within(above=0.0, high=1.0)] = 1.0 / 3.0
    end_factor: Share = 1.0
    total_iters: Count = 5

    def at(self, count: Node) -> Node:
        """See the class."""
        total = self._setting("total_iters")
        part = minimum(count, total) / total
        change = self.end_factor - self.start_factor
        return self.lr * (self.start_factor + change * part)


@dataclass(frozen=True)
class PolynomialLR(Schedule):
    """Falling to zero as a power.

    `lr * (1 - min(t, total_iters) / total_iters)**power`

    Args:
        lr: the initial step size.
        total_iters: the number of epochs until zero.
        power: the power; 1 is a line.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = PolynomialLR(1.0, total_iters=4, power=2.0)
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=2)), {})
    array(0.25)
    """

    lr: NonNegative = 1.0
    total_iters: Count = 5
    power: NonNegative = 1.0

    def at(self, count: Node) -> Node:
        """See the class."""
        total = self._setting("total_iters")
        part = minimum(count, total) / total
        return self.lr * (1.0 - part) ** self.power


@dataclass(frozen=True)
class CosineAnnealingLR(Schedule):
    """Along a cosine from `lr` to `eta_min`, and back if it goes on.

    `eta_min + (lr - eta_min) * (1 + cos(pi * t / T_max)) / 2`

    Args:
        lr: the initial step size.
        T_max: the number of epochs until the least.
        eta_min: the least step size.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> gc.evaluate(CosineAnnealingLR(1.0, T_max=4)(Clock.constant(1, epoch=4)), {})
    array(0.)

    Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm
    restarts", equation 5, without restarts.
    """

    lr: NonNegative = 1.0
    T_max: Count = REQUIRED
    eta_min: NonNegative = 0.0

    def at(self, count: Node) -> Node:
        """See the class."""
        return _cosine(self.lr, self.eta_min, count / self._setting("T_max"))


def _cosine(start: float, end: float, part: Node) -> Node:
    change = (start - end) * ((1.0 + cos(math.pi * part)) / 2.0)
    return end + change if end else change


@dataclass(frozen=True)
class CosineAnnealingWarmRestarts(Schedule):
    """Along a cosine from `lr` to `eta_min`, again and again.

    Args:
        lr: the step size after each restart.
        T_0: the number of epochs until the first restart.
        T_mult: by how much each period is longer than the one before.
        eta_min: the step size that each period approaches.
        by: the unit of the count, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = CosineAnnealingWarmRestarts(1.0, T_0=2, T_mult=2)
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=4)), {}).round(6)
    np.float64(0.5)

    Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm
    restarts", equation 5.
    """

    lr: NonNegative = 1.0
    T_0: Count = REQUIRED
    T_mult: Count = 1
    eta_min: NonNegative = 0.0

    def at(self, count: Node) -> Node:
        """See the class."""
        first, growth = self._setting("T_0"), self._setting("T_mult")
        if growth == 1.0:
            return _cosine(self.lr, self.eta_min, remainder(count, first) / first)
        # Counts are whole, so this is well above the rounding of the logarithm and
        # well below the distance to the next restart.
        tolerance = 1e-9
        with derived(count, type(self).__name__):
            periods = log1p(count * (growth - 1.0) / first)
            periods = periods / log(constant(growth, "float64"))
            times = growth ** floor(periods + tolerance)
            start = first * (times - 1.0) / (growth - 1.0)
            length = (first * times).named("length_of_period")
            since = (count - start).named("since_restart")
        return _cosine(self.lr, self.eta_min, since / length)


@dataclass(frozen=True)
class LambdaLR(Schedule):
    """Multiplied by any function of the count: `lr * lr_lambda(t)`.

    Args:
        lr: the initial step size.
        lr_lambda: takes `t`, a float64 node of shape `()`, and gives a factor.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> schedule = LambdaLR(1.0, lr_lambda=lambda t: 1 / gc.sqrt(1 + t))
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=3)), {})
    array(0.5)
    """

    lr: NonNegative = 1.0
    lr_lambda: Callable[[Node], Any] = REQUIRED

    def at(self, count: Node) -> Node:
        """See the class."""
        return self.lr * constant(self.lr_lambda(count), "float64")


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rising in a line over the first updates, then another schedule or a constant.

    `min(1, (t + 1) / steps) * after`, where `t` counts from 0

    Args:
        after: a step size, or the schedule that is warmed up; it counts from the
            beginning of the warm-up.
        steps: the number of updates until the factor is 1.
        by: the unit of `t`, `"epoch"` or `"step"`.

    >>> import graphc as gc
    >>> gc.evaluate(WarmUp(1.0, steps=4)(Clock.constant(step=1)), {})
    array(0.25)

    Source: Goyal et al. 2017, "Accurate, large minibatch SGD: training ImageNet in 1
    hour", section 2.2.
    """

    after: NonNegative | Schedule = 1.0
    steps: Count = REQUIRED
    by: By = field(default="step", kw_only=True)

    called = MappingProxyType({"after": "learning_rate", "steps": "warm_up_steps"})

    def at(self, count: Node) -> Node:
        """See the class."""
        after = self.after
        if not isinstance(after, Schedule):
            return after * self._factor(count + 1.0)
        if after.by != self.by:
            raise self._failure(
                f"a schedule that counts by {self.by} where it is part of another one"
            )
        return after.at(count) * self._factor(count + 1.0)

    def __call__(self, clock: Clock) -> Node:
        """See `Schedule.__call__`."""
        after = self.after(clock) if isinstance(self.after, Schedule) else self.after
        number = clock.step if self.by == "step" else clock.epoch + 1.0
        return after * self._factor(number)

    def _factor(self, number: Node) -> Node:
        """The factor of an update by its number, from 1."""
        with derived(number, type(self).__name__):
            return minimum(number / self._setting("steps"), 1.0).named("warm_up")
