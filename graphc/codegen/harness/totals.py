"""Loss and metrics of a data set where some are no means over its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import split_rows
from .model import TOTALS, finish_metrics, forward

# --- imports above, copied into emitted programs below ---


def mean_scores(
    parameters: dict[str, Any], data: Any, batch_size: int = 1024
) -> dict[str, float]:
    """See `evaluate`; the data has been checked.

    Totals are summed over batches, and results computed from the sums. Everything else
    is a mean over rows; that of the loss counts a batch by its `loss.weight`, if it has
    one, because labels that are ignored do not count.
    """
    sums: dict[str, Any] = {}
    rows, weights = 0, 0.0
    with np.errstate(all="ignore"):
        for count, batch in split_rows(data, batch_size):
            scores = forward(parameters, *batch)
            weight = float(scores.pop("loss.weight", count))
            rows, weights = rows + count, weights + weight
            for name, value in scores.items():
                factor = 1 if name in TOTALS else weight if name == "loss" else count
                if factor:
                    sums[name] = sums.get(name, 0.0) + np.float64(value) * factor
        for name in sums.keys() - set(TOTALS):
            sums[name] /= weights if name == "loss" else rows
        return {name: float(x) for name, x in finish_metrics(sums).items()}
