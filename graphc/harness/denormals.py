"""Optimizer state that has decayed to next to nothing."""

from __future__ import annotations

import numpy as np

from .files import Arrays

# --- imports above, copied into emitted programs below ---

# Training -----------------------------------------------------------------------------


def flush_denormals(slots: Arrays, decaying: tuple[str, ...]) -> None:
    """Set to zero what has decayed below the smallest normal number.

    Some processors take a hundred times as long to compute with such numbers.
    """
    for name, array in slots.items():
        if name.endswith(decaying) and array.dtype.kind == "f":
            # if whole
            flat = array.reshape(-1)
            for start in range(0, flat.size, 65_536):
                part = flat[start : start + 65_536]
                part[np.abs(part) < np.finfo(array.dtype).smallest_normal] = 0.0
            # else
            array[np.abs(array) < np.finfo(array.dtype).smallest_normal] = 0.0
            # end
