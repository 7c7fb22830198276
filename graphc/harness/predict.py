"""The outputs of a model for data that may have no labels."""

from __future__ import annotations

import numpy as np

from .data import count_rows, split_rows
from .files import Arrays
from .model import OUTPUTS, predict

# --- imports above, copied into emitted programs below ---


# if whole
def predict_rows(parameters: Arrays, data: Arrays) -> Arrays:
    """The outputs by name for checked data, of which `predict` sees all rows at once.

    Unless its number of rows is fixed: then those of each batch follow one another.
    """
    batches: list[Arrays] = []
    with np.errstate(all="ignore"):
        for _, batch in split_rows(data, count_rows(data)):
            found = predict(parameters, *batch)
            batches.append({OUTPUTS[0]: found} if len(OUTPUTS) == 1 else found)
    if len(batches) == 1:
        return batches[0]
    return {
        name: np.concatenate([np.atleast_1d(found[name]) for found in batches])
        for name in OUTPUTS
    }


# end
