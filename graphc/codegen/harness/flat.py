"""Parameters, gradients and optimizer state as views of one array each."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .arrays import empty_aligned
from .files import Array, Arrays
from .model import PARAMETERS, RULES, TILE

# --- imports above, copied into emitted programs below ---

# Arrays side by side ------------------------------------------------------------------


def side_by_side(arrays: Arrays, order: Iterable[str] | None = None) -> Arrays:
    """Move arrays into one; return views of it by name.

    What is done to each number alike, as an optimizer does, then takes a few
    operations on the one array, however many parameters there are.
    """
    order = arrays if order is None else order
    memory = {
        dtype: empty_aligned(
            (sum(a.size for a in arrays.values() if a.dtype == dtype),), dtype
        )
        for dtype in {array.dtype for array in arrays.values()}
    }
    start = dict.fromkeys(memory, 0)
    views = dict.fromkeys(arrays, np.empty(0))
    for name in order:
        array = arrays[name]
        begin, end = start[array.dtype], start[array.dtype] + array.size
        views[name] = memory[array.dtype][begin:end].reshape(array.shape)
        views[name][...] = array
        start[array.dtype] = end
    return views


class Tiles(tuple[Any, ...]):
    """The arrays of an update and the tiles that they were cut into.

    A copy is empty, because a copy of a view is an array of its own.
    """

    def __reduce__(self) -> Any:
        return tuple, ()


def update_tiles(
    parameters: Arrays, gradients: Arrays, state: dict[str, Any]
) -> list[list[tuple[Array, ...]]]:
    """Return, for each of `RULES`, what its loop goes through.

    One item of a loop is a tile of the parameters that follow the rule, the same part
    of their gradients and state, and arrays to work in. Arrays that lie side by side
    are one here, whatever their names. The tiles are made once, and anew only when
    another array has taken the place of one.
    """
    slots = state["slots"]
    # The names too, since two arrays may have changed theirs.
    arrays = (
        *parameters,
        *parameters.values(),
        *gradients.values(),
        *slots.values(),
    )
    known: tuple[Any, ...] = state.get("tiles") or ((), [])
    if len(known[0]) == len(arrays) and all(map(operator.is_, known[0], arrays)):
        return known[1]
    tiles: list[list[tuple[Array, ...]]] = []
    for names, kept, scratch in RULES:
        rows = [
            (parameters[n], gradients[n], *(slots[f"{n}.{key}"] for key in kept))
            for n in names
        ]
        # Parameters of another dtype than declared are computed with in that.
        declared, actual = PARAMETERS[names[0]][0], parameters[names[0]].dtype
        dtypes = [actual if dtype == declared else dtype for dtype in scratch]
        tiles.append(list(tiles_of(rows, dtypes)))
    state["tiles"] = Tiles((arrays, tiles))
    return tiles


def tiles_of(
    rows: Iterable[tuple[Array, ...]], scratch: Sequence[Any]
) -> Iterator[tuple[Array, ...]]:
    """Cut arrays into tiles of at most `TILE` numbers, with arrays to work in."""
    joined = list(join_neighbours(rows))
    size = min(TILE, max(row[0].size for row in joined))
    work = [empty_aligned((size,), dtype) for dtype in scratch]
    for row in joined:
        if not all(array.flags.c_contiguous for array in row):
            yield (*row, *(np.empty(row[0].shape, dtype) for dtype in scratch))
            continue
        flat = [array.reshape(-1) for array in row]
        for start in range(0, flat[0].size, TILE):
            tile = [array[start : start + TILE] for array in flat]
            yield (*tile, *(array[: tile[0].size] for array in work))


def join_neighbours(rows: Iterable[tuple[Array, ...]]) -> Iterator[tuple[Array, ...]]:
    """Join rows of arrays that follow one another in memory, in every column."""
    run: list[tuple[Array, ...]] = []
    for row in rows:
        if run and not all(map(follows, row, run[-1])):
            yield tuple(map(join, zip(*run, strict=True)))
            run = []
        run.append(row)
    yield tuple(map(join, zip(*run, strict=True)))


def follows(array: Array, before: Array) -> bool:
    """Whether an array begins where another ends, in the same memory."""
    return (
        array.base is not None
        and array.base is before.base
        and array.dtype == before.dtype
        and array.flags.c_contiguous
        and before.flags.c_contiguous
        and array.ctypes.data == before.ctypes.data + before.nbytes
    )


def join(run: Sequence[Array]) -> Array:
    """One array over the memory of arrays that follow one another."""
    first = run[0]
    if len(run) == 1:
        return first
    count = sum(array.size for array in run)
    return np.lib.stride_tricks.as_strided(first, (count,), (first.itemsize,))
