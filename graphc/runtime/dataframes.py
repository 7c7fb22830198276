"""Series and DataFrames as plain arrays; pandas itself is not imported."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def is_frame(value: Any) -> bool:
    """True for a DataFrame."""
    return hasattr(value, "columns") and hasattr(value, "iloc")


def plain_array(value: Any) -> Any:
    """The array of a Series or DataFrame of numbers; anything else as it is."""
    if not hasattr(value, "to_numpy"):
        return value
    array: Any = value.to_numpy()
    if array.dtype != object or not array.size:
        return array
    if is_frame(value):
        columns = range(array.shape[1])
        return np.stack([plain_array(value.iloc[:, i]) for i in columns], axis=1)
    # A column that may lack values gives objects; one of text does so, too.
    if getattr(value.dtype, "kind", "O") in "biuf":
        return value.to_numpy(dtype="float64", na_value=math.nan)
    return array
