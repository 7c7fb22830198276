"""Decay on a plateau: the one schedule that depends on how training goes.

It can't be a function of the clock, so the training loop holds its state, calls
`update_plateau` with the metric of each evaluation, and passes the scale on as
`Clock.scale`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from ..arguments import Natural
from .options import Decay, NonNegative, Options


class PlateauState(NamedTuple):
    """Memory of `ReduceLROnPlateau`: plain numbers, so that it can be saved.

    >>> import graphc as gc
    >>> plateau = gc.optim.ReduceLROnPlateau(factor=0.5, patience=0)
    >>> state, scale = plateau.update(gc.optim.PlateauState(best=2.0), 3.0)
    >>> state.best, state.scale
    (2.0, 0.5)
    """

    best: float
    """The best metric so far."""
    bad_epochs: int = 0
    """Epochs since then that were not better."""
    cooldown: int = 0
    """Epochs that still have to pass before bad ones count again."""
    scale: float = 1.0
    """The factor on the step size."""


@dataclass(frozen=True)
class ReduceLROnPlateau(Options):
    """Multiply the step size by `factor` when a metric stops improving.

    Args:
        mode: `"min"` where a smaller metric is better, `"max"` where a larger one is.
        factor: less than 1.
        patience: how many epochs without improvement are tolerated.
        threshold: the least that counts as an improvement.
        threshold_mode: `"rel"`: better by `threshold * |best|`, also of negative
            metrics, for which torch's `best * (1 - threshold)` is worse than `best`;
            `"abs"`: better by `threshold`.
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
    factor: Decay = 0.1
    patience: Natural = 10
    threshold: NonNegative = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Natural = 0
    min_lr: NonNegative = 0.0
    eps: NonNegative = 1e-8

    def initial(self) -> PlateauState:
        """The state before the first epoch."""
        return PlateauState(math.inf if self.mode == "min" else -math.inf)

    def update(
        self, state: PlateauState, metric: float, lr: float = 1.0
    ) -> tuple[PlateauState, float]:
        """The state and the scale after an epoch.

        Args:
            state: the state before it.
            metric: its metric; NaN is not an improvement.
            lr: the step size at scale 1, for `min_lr` and `eps`.
        """
        new, scale = update_plateau(asdict(self), state, metric, lr)
        return PlateauState(*new), scale


def update_plateau(
    options: Mapping[str, Any], state: Sequence[Any], metric: float, lr: float
) -> tuple[list[Any], float]:
    """Return the state of decay on a plateau, and the scale, after an evaluation."""
    best, bad_epochs, cooldown, scale = state
    sign = -1.0 if options["mode"] == "min" else 1.0
    margin = options["threshold"]
    if options["threshold_mode"] == "rel" and math.isfinite(best):
        margin *= abs(best)
    if sign * metric > sign * (best + sign * margin):
        best, bad_epochs = metric, 0
    else:
        bad_epochs += 1
    if cooldown > 0:
        cooldown, bad_epochs = cooldown - 1, 0
    if bad_epochs > options["patience"]:
        bad_epochs, cooldown = 0, options["cooldown"]
        reduced = max(lr * scale * options["factor"], options["min_lr"])
        if lr * scale - reduced > options["eps"]:
            scale = reduced / lr
    return [best, bad_epochs, cooldown, scale], scale
