"""Optimizer state that has decayed to next to nothing."""

from __future__ import annotations

import numpy as np

from .files import Arrays

# --- imports above, copied into emitted programs below ---

# Denormal numbers ---------------------------------------------------------------------

FLUSH_EVERY = 256
FLUSH_SIZE = 65_536


def flush_denormals(slots: Arrays, decaying: tuple[str, ...]) -> None:
    """Set to zero what has decayed below the smallest normal number.

    An average of gradients that have become zero would otherwise never arrive at zero,
    and some processors take a hundred times as long to compute with such numbers.
    """
    for name, array in slots.items():
        if name.endswith(decaying) and array.dtype.kind == "f":
            smallest = np.finfo(array.dtype).smallest_normal
            flat = array.reshape(-1)
            for start in range(0, flat.size, FLUSH_SIZE):
                part = flat[start : start + FLUSH_SIZE]
                part[np.abs(part) < smallest] = 0.0
