"""Memory that array operations are quick on: aligned, and side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# --- imports above, copied into emitted programs below ---

# Memory -------------------------------------------------------------------------------

CACHE_LINE = 64
KEPT = 2**26


def empty_aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Allocate an array that starts on a cache line, where SIMD loads are quickest."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def make_room(workspace: Any, size: int) -> None:
    """Forget arrays of other sizes, where all that are kept would take too many bytes.

    That is more than KEPT, and than twice as many as are needed now.
    """
    kept = getattr(workspace, "kept", 0) + size
    if kept > max(KEPT, 2 * size):
        workspace.cache_clear()
        kept = size
    workspace.kept = kept
