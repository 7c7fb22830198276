"""Loss and metrics of a data set: means over its rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .data import count_rows, split_rows
from .model import METRICS, forward, loss_weight
from .sharing import share_scores

# --- imports above, copied into emitted programs below ---


def mean_scores(
    parameters: dict[str, Any], data: Any, batch_size: int = 1024
) -> dict[str, float]:
    """See `evaluate`; the data has been checked."""
    sums = dict.fromkeys(("loss", *METRICS), 0.0)
    # if whole
    rows = 0
    # else
    rows = count_rows(data)
    # end
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
            for name in sums:
                sums[name] += float(scores[name]) * count
            # if whole
            rows += count
            # end
            # if weights
            if weight := float(loss_weight(parameters, *batch)):
                losses += float(scores["loss"]) * weight
                weights += weight
            # end
    # if weights
    means = {name: total / rows for name, total in sums.items()}
    means["loss"] = losses / weights if weights else math.nan
    return means
    # else
    return {name: total / rows for name, total in sums.items()}
    # end
