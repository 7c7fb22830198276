"""Arrays in a few words: small ones whole, of others shape, mean and range."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_LONGEST = 6
"""The most entries of a vector, or of a row of a matrix, that is written out."""
_ROWS = 4
"""The most rows of a matrix that is written out."""
_WIDTH = 40
"""The most characters of a line of numbers."""


def in_lines(array: Array, name: str = "") -> tuple[str, ...]:
    """An array in lines of text: whole where it is small, and else its summary.

    Args:
        array: of numbers or booleans.
        name: what it is called, if anything.

    >>> in_lines(np.array([[1.0, 2.5], [0.0, 1 / 3]]), "w")
    ('w = [[1, 2.5],', '[0, 0.3333]]')
    >>> in_lines(np.arange(12.0).reshape(3, 4).T[None], "z")
    ('z (1, 4, 3), mean 5.5', 'from 0 to 11')
    """
    whole = _whole(array)
    if whole is None:
        shape = str(array.shape)
        first, *rest = _summary(array)
        return (f"{f'{name} {shape}'.strip()}, {first}", *rest)
    first, *rest = whole
    if len(name) + len(first) > _WIDTH:
        return (f"{name} =", *whole)
    return (f"{name} = {first}".strip(), *rest)


def in_a_line(array: Array) -> str:
    """The same in one line, without the shape.

    >>> in_a_line(np.array([[1, 2], [3, 4]]))
    '[[1, 2], [3, 4]]'
    >>> in_a_line(np.array([np.nan, *range(8)]))
    'mean 3.5, from 0 to 7, 1 NaN'
    """
    whole = _whole(array)
    return ", ".join(_summary(array)) if whole is None else " ".join(whole)


def _whole(array: Array) -> tuple[str, ...] | None:
    """The array written out, a line for each row; None of a large one."""
    if array.ndim > 2 or not array.size:
        return None
    rows = np.atleast_2d(array)
    if rows.shape[0] > _ROWS or rows.shape[1] > _LONGEST:
        return None
    texts = [", ".join(_number(value) for value in row.tolist()) for row in rows]
    if max(map(len, texts)) > _WIDTH:
        return None
    if not array.ndim:
        return tuple(texts)
    lines = [f"[{text}]" for text in texts]
    if array.ndim == 2:
        lines = [
            f"{'' if n else '['}{line}{',' if n < len(lines) - 1 else ']'}"
            for n, line in enumerate(lines)
        ]
    return tuple(lines)


def _number(value: Any) -> str:
    if isinstance(value, float | complex):
        return f"{value + 0.0:.4g}"  # Without the sign of a zero.
    return str(value)


def _summary(array: Array) -> list[str]:
    if not array.size:
        return ["empty"]
    if array.dtype == np.bool_:
        return [f"{int(array.sum())} of {array.size} true"]
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        return [f"mean {_number(float(array.mean()))}", f"from {low} to {high}"]
    finite = array[np.isfinite(array)]
    lines: list[str] = []
    if finite.size:
        is_complex = array.dtype.kind == "c"
        with np.errstate(all="ignore"):
            mean = finite.mean(dtype="complex128" if is_complex else "float64").item()
            sizes = np.abs(finite) if is_complex else finite
        low, high = (_number(end.item()) for end in (sizes.min(), sizes.max()))
        of = "magnitude " if is_complex else ""
        lines = [f"mean {_number(mean)}", f"{of}from {low} to {high}"]
    nans = int(np.isnan(array).sum())
    for count, kind in ((nans, "NaN"), (array.size - finite.size - nans, "inf")):
        if count:
            lines.append(f"{count} {kind}")
    return lines
