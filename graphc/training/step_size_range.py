"""The learning-rate range test: a short run in which the step size grows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import OptionError


def range_of_step_sizes(low: float, high: float, steps: int, mode: str) -> list[float]:
    """Step sizes from `low` to `high`.

    >>> range_of_step_sizes(0.01, 1.0, 3, "exponential")
    [0.01, 0.1, 1.0]
    """
    if not 0.0 < low < high < math.inf:
        raise OptionError(
            f"step sizes must be positive and grow, got low={low!r} and high={high!r}"
        )
    space = np.geomspace if mode == "exponential" else np.linspace
    return [float(size) for size in space(low, high, steps)]


def range_test(
    module: Any,
    parameters: Any,
    state: dict[str, Any],
    data: Any,
    sizes: list[float],
    batch_size: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Take a step of each size, and undo them all."""
    module.check_options(0, batch_size, seed, None)
    data = module.check_stream(data, "train")
    before = module.snapshot(parameters, state)
    records: list[dict[str, Any]] = []

    def take_steps() -> None:
        least = math.inf
        batches = _batches(module, data, batch_size, seed)
        for number, size in enumerate(sizes, 1):
            step = state["step"] + 1
            state["scale"] = 1.0
            natural = float(module.step_size({**state, "step": step}))
            if not 0.0 < natural < math.inf:
                raise OptionError(
                    f"the schedule gives the step size {natural} for step {step}, "
                    "which can't be scaled to another one"
                )
            state["scale"] = size / natural
            with np.errstate(all="ignore"):
                try:
                    loss = float(module.train_step(parameters, state, *next(batches)))
                except FloatingPointError:
                    loss = math.nan
            records.append({"step": number, "step_size": size, "loss": loss})
            least = min(least, loss)
            if not math.isfinite(loss) or loss > 4.0 * least > 0.0:
                break

    if module.run_interruptibly(
        take_steps, lambda: module.restore(before, parameters, state)
    ):
        raise KeyboardInterrupt
    return records


def _batches(
    module: Any, data: Any, batch_size: int, seed: int
) -> Iterator[tuple[Any, ...]]:
    """Batches for ever, in an order drawn anew for each time through the data."""
    epoch = 0
    while True:
        epoch += 1
        if callable(data):
            batches = module.read_batches(data, epoch)
        else:
            rows = module.count_rows(data)
            order = np.random.default_rng([seed, 2, epoch]).permutation(rows)
            batches = module.draw_rows(data, order, batch_size)
        for _, batch in batches:
            yield tuple(batch)
