"""Arrays that begin where a cache line begins.

NumPy aligns to 16 bytes. On some processors, copying between two arrays whose addresses
differ by a few bytes modulo 4096, as neighbours on the heap do, is ten times as slow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LINE = 64


def aligned_zeros(shape: int | tuple[int, ...], dtype: Any = np.float32) -> Array:
    """Zeros whose first byte stands at a multiple of 64."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def aligned(array: Array, dtype: Any) -> Array:
    """A copy in another dtype whose first byte stands at a multiple of 64."""
    copy = aligned_zeros(array.shape, dtype)
    copy[...] = array
    return copy


def number(value: float) -> Array:
    """A float32 array without axes: NumPy's ufuncs take it faster than a float."""
    return np.array(value, np.float32)
