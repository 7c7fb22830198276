"""Schedules with phases, and schedules made of others."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from ..arguments import Count, Natural, Within
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.origin import derived
from ..ops.arithmetic import absolute, maximum, minimum, where
from ..ops.rounding import floor
from ..ops.source import constant
from ..ops.trigonometry import cos
from .options import NonNegative, Positive, Share
from .schedules import By, Schedule


@dataclass(frozen=True)
class OneCycleLR(Schedule):
    """Up once and down once, in `total_steps` updates.

    From `max_lr / div_factor` up to `max_lr` in `pct_start` of the steps, then down to
    `max_lr / div_factor / final_div_factor`, where it stays.

    Args:
        max_lr: the largest step size.
        total_steps: the number of updates; or give `epochs` and `steps_per_epoch`.
        pct_start: the part of the steps that go up.
        anneal_strategy: `"cos"` or `"linear"`.
        div_factor, final_div_factor: how much smaller the first and last ones are.
        three_phase: go down to the first step size in as many steps as up, and only
            then to the last one.
        by: the unit of the count, `"step"` or `"epoch"`.

    torch also cycles the momentum, unless `cycle_momentum=False`; this does not.

    >>> import graphc as gc
    >>> from graphc.optim import Clock
    >>> schedule = OneCycleLR(1.0, total_steps=10)
    >>> gc.evaluate(schedule(Clock.constant(step=3)), {})
    array(1.)

    Source: Smith and Topin 2018, "Super-convergence: very fast training of neural
    networks using large learning rates".
    """

    max_lr: NonNegative = 1.0
    total_steps: Count | None = None
    epochs: Count | None = None
    steps_per_epoch: Count | None = None
    pct_start: Share = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    _: KW_ONLY
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: bool = False
    by: By = field(default="step", kw_only=True)

    called = MappingProxyType(
        {"max_lr": "learning_rate", "epochs": "epochs_of_cycle"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.total_steps is None and None in (self.epochs, self.steps_per_epoch):
            raise self._failure("total_steps, or epochs and steps_per_epoch")

    def _phases(self) -> list[tuple[float, float, float]]:
        """The last count, first and last step size of each phase."""
        if self.total_steps is None:
            total = self._setting("epochs") * self._setting("steps_per_epoch")
        else:
            total = self._setting("total_steps")
        up, start = self.pct_start * total, self.max_lr / self.div_factor
        end = start / self.final_div_factor
        if self.three_phase:
            return [
                (up - 1.0, start, self.max_lr),
                (2.0 * up - 2.0, self.max_lr, start),
                (total - 1.0, start, end),
            ]
        return [(up - 1.0, start, self.max_lr), (total - 1.0, self.max_lr, end)]

    def at(self, count: Node) -> Node:
        """See the class."""
        # As a derived value, whose names those of another schedule may be, too.
        with derived(count, type(self).__name__):
            return self._size(count)

    def _size(self, count: Node) -> Node:
        phases = self._phases()
        count = minimum(count, phases[-1][0]).named("count")
        sizes: list[Node] = []
        begin = 0.0
        for end, first, last in phases:
            past, length = (count - begin, end - begin) if begin else (count, end)
            # torch divides by zero where a phase has no length.
            part = (past / (length or 1.0)).named("part_of_phase")
            if self.anneal_strategy == "cos":
                rest = ((1.0 + cos(math.pi * part)) / 2.0).named("rest_of_phase")
                size = last + (first - last) * rest
            else:
                size = first + (last - first) * part
            sizes.append(size.named("size_in_phase"))
            begin = end
        size = sizes[-1]
        for (end, _, _), earlier in zip(phases[-2::-1], sizes[-2::-1], strict=True):
            size = where(count <= end, earlier, size)
        return size


@dataclass(frozen=True)
class CyclicLR(Schedule):
    """Up and down between two step sizes, again and again, in lines.

    Args:
        base_lr, max_lr: the least and the largest step size.
        step_size_up: the number of updates up.
        step_size_down: the number of updates down; as many as up where None.
        mode: `"triangular"`; `"triangular2"`, where each cycle is half as high as the
            one before; or `"exp_range"`, where the height is multiplied by `gamma`
            after each update.
        gamma: see `mode`.
        scale_fn: in place of a mode, a function of a node that gives the height.
        scale_mode: the argument of `scale_fn`: the number of the `"cycle"`,
            counting from 1, or of completed `"iterations"`.
        by: the unit of the count, `"step"` or `"epoch"`.

    torch also cycles the momentum, unless `cycle_momentum=False`; this does not.

    >>> import graphc as gc
    >>> from graphc.optim import Clock
    >>> schedule = CyclicLR(0.0, 1.0, step_size_up=4)
    >>> gc.evaluate(schedule(Clock.constant(step=4)), {})
    array(0.75)

    Source: Smith 2017, "Cyclical learning rates for training neural networks".
    """

    base_lr: NonNegative = 1e-3
    max_lr: NonNegative = 1e-1
    step_size_up: Count = 2000
    step_size_down: Count | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: NonNegative = 1.0
    scale_fn: Callable[[Node], Any] | None = None
    scale_mode: Literal["cycle", "iterations"] = "cycle"
    by: By = field(default="step", kw_only=True)

    def at(self, count: Node) -> Node:
        """See the class."""
        up = down = self._setting("step_size_up")
        if self.step_size_down is not None:
            down = self._setting("step_size_down")
        with derived(count, type(self).__name__):
            cycle = floor(1.0 + count / (up + down)).named("cycle")
            within = (count - (cycle - 1.0) * (up + down)).named("count_in_cycle")
            if self.step_size_down is None:
                height = 1.0 - absolute(within - up) / up
            else:
                height = where(within <= up, within / up, (up + down - within) / down)
            height = height.named("height")
        return self.base_lr + (self.max_lr - self.base_lr) * (
            height * self._scale(cycle, count)
        )

    def _scale(self, cycle: Node, count: Node) -> Node:
        if self.scale_fn is not None:
            argument = cycle if self.scale_mode == "cycle" else count
            return constant(self.scale_fn(argument), "float64")
        if self.mode == "triangular2":
            return 0.5 ** (cycle - 1.0)
        return self.gamma**count if self.mode == "exp_range" else constant(1.0)


@dataclass(frozen=True)
class RangeTest(Schedule):
    """Rising from one step size to another, to find out which ones are good.

    Train with it for `steps` updates and draw the loss over the step size: a good one
    is somewhat below the one from which the loss rises.

    Args:
        start, end: the first and the last step size.
        steps: the number of updates from one to the other.
        mode: `"exponential"`, where every update multiplies by the same factor, or
            `"linear"`.
        by: the unit of the count, `"step"` or `"epoch"`.

    >>> import graphc as gc
    >>> from graphc.optim import Clock
    >>> schedule = RangeTest(1e-4, 1.0, steps=5)
    >>> gc.evaluate(schedule(Clock.constant(step=3)), {}).round(6)
    np.float64(0.01)

    Source: Smith 2017, "Cyclical learning rates for training neural networks",
    section 3.3.
    """

    start: Positive = 1e-6
    end: Positive = 1.0
    steps: Annotated[int, Within(low=2)] = 100
    mode: Literal["exponential", "linear"] = "exponential"
    by: By = field(default="step", kw_only=True)

    called = MappingProxyType(
        {"start": "first_lr", "end": "last_lr", "steps": "range_test_steps"}
    )

    def at(self, count: Node) -> Node:
        """See the class."""
        part = minimum(maximum(count, 0.0) / (self._setting("steps") - 1.0), 1.0)
        if self.mode == "linear":
            return self.start + (self.end - self.start) * part
        return self.start * (self.end / self.start) ** part


@dataclass(frozen=True)
class _Composed(Schedule):
    """A schedule made of others, which count the same."""

    schedulers: Sequence[Schedule]
    by: By = field(default="epoch", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        units = sorted({part.by for part in self.schedulers})
        if len(units) != 1:
            raise self._failure(
                "schedules that count the same, got those that count by "
                f"{' and '.join(units) or 'nothing'}"
            )
        object.__setattr__(self, "by", units[0])


@dataclass(frozen=True)
class SequentialLR(_Composed):
    """One schedule after another; each counts from its own beginning.

    Args:
        schedulers: two or more schedules.
        milestones: the counts at which the second and later ones begin.

    >>> import graphc as gc
    >>> from graphc.optim import Clock, ConstantLR, ExponentialLR
    >>> schedule = SequentialLR(
    ...     [ConstantLR(1.0, factor=0.5), ExponentialLR(1.0, gamma=0.5)], milestones=[5]
    ... )
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=7)), {})
    array(0.25)
    """

    milestones: Sequence[Natural]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.milestones) != len(self.schedulers) - 1:
            raise self._failure(
                "one milestone fewer than schedulers, got "
                f"{len(self.milestones)} for {len(self.schedulers)}"
            )
        if list(self.milestones) != sorted(set(self.milestones)):
            raise self._failure(f"growing milestones, got {self.milestones}")

    def at(self, count: Node) -> Node:
        """See the class."""
        size = self.schedulers[0].at(count)
        pairs = zip(self.milestones, self.schedulers[1:], strict=True)
        for number, (milestone, schedule) in enumerate(pairs, 1):
            begin = Hyperparameter.called(f"milestone{number}", milestone)
            size = where(count >= begin, schedule.at(count - begin), size)
        return size


@dataclass(frozen=True)
class ChainedScheduler(_Composed):
    """The product of schedules: one has the step size as its `lr`, the others have 1.

    torch's class does the same with schedules that multiply the step size; a
    cosine's `eta_min` here is a least factor, too.

    Args:
        schedulers: one or more schedules, which count the same.

    >>> import graphc as gc
    >>> from graphc.optim import Clock, ConstantLR, ExponentialLR
    >>> schedule = ChainedScheduler(
    ...     [ConstantLR(0.5, factor=0.5), ExponentialLR(gamma=0.5)]
    ... )
    >>> gc.evaluate(schedule(Clock.constant(step=1, epoch=2)), {})
    array(0.0625)
    """

    def at(self, count: Node) -> Node:
        """See the class."""
        first, *others = map(_as_factor, self.schedulers)
        size = first.at(count)
        for schedule in others:
            size = size * schedule.at(count)
        return size


def _as_factor(schedule: Schedule) -> Schedule:
    """A schedule in a product, whose step size of 1 is no hyperparameter."""
    found = copy.copy(schedule)
    for name in ("lr", "after"):
        if getattr(found, name, None) == 1.0:
            object.__setattr__(found, name, 1.0)
    return found
