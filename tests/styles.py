"""The one tolerance at which two styles, or two layouts of memory, are held alike.

Both styles compute the same sums and products, but not by the same calls: a BLAS, or
NumPy's own loops, may add up the terms of a sum in another order for another call or
another layout. The bound is relative to the largest number of an array, because a sum
whose terms cancel keeps the rounding of its terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

ULPS = 64
"""Units in the last place of the largest number that two styles may be apart."""

STYLES = ("readable", "fast")


def assert_styles_agree(
    left: Any, right: Any, *, ulps: float = ULPS, note: str = ""
) -> None:
    """Hold arrays, or lists and dicts of them, against each other.

    Dtype, shape, NaN and infinities are the same; numbers that are not floats are
    equal; floats differ by no more than `ulps` units of the largest one.
    """
    if isinstance(left, Mapping):
        pairs = cast("Mapping[Any, Any]", left)
        assert pairs.keys() == right.keys(), note
        for key, value in pairs.items():
            assert_styles_agree(value, right[key], ulps=ulps, note=f"{note} {key}")
        return
    if isinstance(left, list | tuple):
        assert len(left) == len(right), note
        for place, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_styles_agree(a, b, ulps=ulps, note=f"{note} [{place}]")
        return
    a, b = np.asarray(left), np.asarray(right)
    assert (a.dtype, a.shape) == (b.dtype, b.shape), note
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b, note)
        return
    finite = np.isfinite(a) & np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], note)
    a, b = a[finite].astype("float64"), b[finite].astype("float64")
    if a.size:
        with np.errstate(over="ignore"):
            unit = float(np.spacing(np.abs(b).max().astype(np.asarray(right).dtype)))
        worst = float(np.abs(a - b).max()) / unit
        assert worst <= ulps, f"{worst:.3g} units in the last place: {note}"
