"""Decay on a plateau: the one schedule that depends on how training goes.

It can't be a function of the clock, so the training loop holds its state, calls
`update` with the metric of each epoch, and passes the scale on as `Clock.scale`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .options import Options

__all__ = ["PlateauState", "ReduceLROnPlateau"]


class PlateauState(NamedTuple):
    """What `ReduceLROnPlateau` remembers; plain numbers, so that it can be saved."""

    best: float
    """The best metric so far."""
    bad_epochs: int = 0
    """Epochs since then that were not better."""
    cooldown: int = 0
    """Epochs that still have to pass before bad ones count again."""
    scale: float = 1.0
    """The factor on the step size."""


@dataclass(frozen=True)
class ReduceLROnPlateau:
    """Multiply the step size by `factor` when a metric stops improving.

    Args:
        mode: `"min"` where a smaller metric is better, `"max"` where a larger one is.
        factor: less than 1.
        patience: how many epochs without improvement are tolerated.
        threshold: what counts as an improvement.
        threshold_mode: `"rel"`: better than `best * (1 - threshold)`, or
            `best * (1 + threshold)` for `"max"`; `"abs"`: better by `threshold`.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the least step size.
        eps: a reduction by no more than this is not made.

    Raises:
        OptionError: an option out of range.

    >>> plateau = ReduceLROnPlateau(factor=0.5, patience=1)
    >>> state = plateau.initial()
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     state, scale = plateau.update(state, loss)
    >>> scale
    0.5
    """

    mode: Literal["min", "max"] = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        options = Options(self)
        options.choice("mode", "min", "max")
        options.real("factor", low=0.0, below=1.0)
        options.integer("patience", "cooldown", low=0)
        options.real("threshold", "min_lr", "eps", low=0.0)
        options.choice("threshold_mode", "rel", "abs")

    def initial(self) -> PlateauState:
        """The state before the first epoch."""
        return PlateauState(math.inf if self.mode == "min" else -math.inf)

    def update(
        self, state: PlateauState, metric: float, lr: float = 1.0
    ) -> tuple[PlateauState, float]:
        """The state and the scale after an epoch.

        Args:
            state: the state before it.
            metric: its metric; NaN is no improvement.
            lr: the step size at scale 1, for `min_lr` and `eps`.
        """
        best, bad_epochs, cooldown, scale = state
        if self._is_better(metric, best):
            best, bad_epochs = metric, 0
        else:
            bad_epochs += 1
        if cooldown > 0:
            cooldown, bad_epochs = cooldown - 1, 0
        if bad_epochs > self.patience:
            bad_epochs, cooldown = 0, self.cooldown
            size = lr * scale
            reduced = max(size * self.factor, self.min_lr)
            if size - reduced > self.eps:
                scale = reduced / lr
        return PlateauState(best, bad_epochs, cooldown, scale), scale

    def _is_better(self, metric: float, best: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            bound = best * (1.0 + sign * self.threshold)
        else:
            bound = best + sign * self.threshold
        return metric < bound if self.mode == "min" else metric > bound
