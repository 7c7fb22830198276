"""Loss and metrics of a data set where some are not means over its rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .data import split_rows
from .model import TOTALS, finish_metrics, forward, loss_weight
from .sharing import share_scores

# --- imports above, copied into emitted programs below ---


def mean_scores(
    parameters: dict[str, Any], data: Any, batch_size: int = 1024
) -> dict[str, float]:
    """See `evaluate`; the data has been checked.

    Totals are summed over batches, and results computed from the sums. Everything else
    is a mean over rows.
    """
    sums: dict[str, Any] = {}
    rows = 0
    # if weights
    losses = weights = 0.0
    # end
    with np.errstate(all="ignore"):
        for count, batch in split_rows(data, batch_size):
            # if mpi
            scores = share_scores(parameters, *batch)
            # else
            scores = forward(parameters, *batch)
            # end
            rows += count
            for name, value in scores.items():
                factor = 1 if name in TOTALS else count
                sums[name] = sums.get(name, 0.0) + np.float64(value) * factor
            # if weights
            if weight := float(loss_weight(parameters, *batch)):
                losses += float(scores["loss"]) * weight
                weights += weight
            # end
        for name in sums.keys() - set(TOTALS):
            sums[name] /= rows
        # if weights
        sums["loss"] = losses / weights if weights else math.nan
        # end
        return {name: float(x) for name, x in finish_metrics(sums).items()}
