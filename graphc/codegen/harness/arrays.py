"""Memory that array operations are quick on: aligned, and side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---

# Memory -------------------------------------------------------------------------------

CACHE_LINE = 64


def empty_aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Allocate an array that starts on a cache line, where SIMD loads are quickest."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)
