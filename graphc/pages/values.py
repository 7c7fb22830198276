"""Arrays on a page, in few bytes: small ones whole, of others words and a picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..runtime.summaries import in_lines

Array = np.ndarray[Any, Any]

_WHOLE = 64
"""The most elements that are written out."""
_CHANNELS = 8
"""The most channels of an image that stand side by side."""


def value_data(array: Array, side: int = 40) -> Mapping[str, Any]:
    """An array as JSON has it.

    Args:
        array: numbers or booleans.
        side: the most pixels of its picture in each direction, or of each channel.
    """
    array = np.asarray(array)
    found: dict[str, Any] = {
        "shape": [*array.shape],
        "text": [*in_lines(array)],
    }
    if array.size <= _WHOLE and array.ndim <= 2:
        found["numbers"] = _rounded(array.tolist())
    if array.size > 1:
        found["picture"] = picture(array, side)
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, bool | int):
        return value
    return f"{value:.4g}"


def picture(array: Array, side: int) -> Mapping[str, Any]:
    """The elements as bytes: 128 for 0, 1 and 255 for the largest magnitude.

    A matrix is shown as it is, the first of a batch of images with its channels side
    by side, and of other arrays the first matrix. What is larger than `side` is
    averaged over neighbours.
    """
    tiles, told = _tiles(array)
    tiles = [_smaller(tile, side) for tile in tiles]
    gap = np.full((tiles[0].shape[0], 1), np.nan)
    parts: list[Array] = []
    for tile in tiles:
        parts += [gap, tile]
    whole = np.concatenate(parts[1:], axis=1)
    finite = np.abs(whole[np.isfinite(whole)])
    largest = float(finite.max()) if finite.size else 0.0
    scaled = whole / largest if largest else whole
    levels = np.where(np.isfinite(whole), 128 + np.round(127 * scaled), 0)
    found: dict[str, Any] = {
        "rows": whole.shape[0],
        "columns": whole.shape[1],
        "largest": f"{largest:.4g}",
        "bytes": base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii"),
    }
    return {**found, "of": told} if told else found


def _tiles(array: Array) -> tuple[list[Array], str]:
    """Matrices to show side by side, and what they are of the array."""
    values = np.abs(array) if array.dtype.kind == "c" else array
    values = values.astype(np.float64)
    if values.ndim < 2:
        return [np.atleast_2d(values)], ""
    if values.ndim == 2:
        return [values], ""
    if values.ndim == 3:
        return [values[0]], "the first matrix"
    values = values.reshape(-1, *values.shape[-3:])[0]
    count = min(len(values), _CHANNELS)
    of = f"channels 0 to {count - 1}" if count > 1 else "channel 0"
    return [*values[:count]], f"of the first, {of}"


def _smaller(matrix: Array, side: int) -> Array:
    """A matrix of at most `side` rows and columns, of means of neighbours."""
    for axis in (0, 1):
        size = matrix.shape[axis]
        if size > side:
            starts = [size * place // side for place in range(side)]
            counts = np.diff(np.array([*starts, size]))
            with np.errstate(all="ignore"):
                sums = np.add.reduceat(matrix, starts, axis=axis)
            matrix = sums / (counts[:, None] if axis == 0 else counts)
    return matrix
