"""Arrays of some dtype from what users write as a number or an array of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.types import DType, as_dtype

Array = np.ndarray[Any, Any]


def numbers(value: Any, dtype: DType | None) -> Array:
    """Numbers or booleans as an array of `dtype`, or of their own where None.

    Floating values are rounded; what an integer dtype has no room for is refused.
    """
    try:
        array: Array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"nested sequences must form an array: {error}") from None
    if array.dtype == np.dtype(object) and _all_integers(array):
        # Larger than any integer dtype, but maybe not than a floating one.
        if dtype is None:
            raise DTypeError(
                f"the integer {shortened(value)} is out of bounds for every "
                "integer dtype",
                hint="dtype='float64'",
            )
        return _rounded(value, dtype)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"a constant must be numbers or booleans, got {value!r}")
    target = as_dtype(array.dtype) if dtype is None else dtype
    if target.kind in "iu" and not _has_room(target, array):
        raise OptionError(
            f"{shortened(value)} is out of bounds for dtype {target}",
            hint="a wider dtype",
        )
    # As in NumPy's own arithmetic, what a floating dtype has no room for is infinite.
    with np.errstate(all="ignore"):
        return array.astype(target)


def _all_integers(array: Array) -> bool:
    return array.size > 0 and all(isinstance(item, int | float) for item in array.flat)


def _rounded(value: Any, dtype: DType) -> Array:
    try:
        with np.errstate(all="ignore"):
            return np.array(value, dtype)
    except OverflowError:
        raise OptionError(
            f"{shortened(value)} is out of bounds for dtype {dtype}",
            hint="a smaller number, or a wider dtype",
        ) from None


def _has_room(dtype: DType, array: Array) -> bool:
    """True where numbers, cut to integers, are in the range of an integer dtype."""
    if not array.size or array.dtype.kind == "b":
        return True
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return False
    limits = np.iinfo(dtype)
    low, high = int(array.min()), int(array.max())
    return limits.min <= low and high <= limits.max


def shortened(value: Any) -> str:
    """A value as text; Python refuses to spell integers of thousands of digits."""
    if isinstance(value, int) and abs(value) >= 10**40:
        return f"{'-' if value < 0 else ''}2**{abs(value).bit_length() - 1} or more"
    return repr(value)
