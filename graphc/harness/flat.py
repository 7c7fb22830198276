"""Parameters, gradients and optimizer state as views of one array each."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import empty_aligned
from .files import Array, Arrays
from .model import PARAMETERS, RULES, RULES_OF, TILE

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


def check_dtypes(parameters: Arrays) -> None:
    """Raise where of parameters declared alike one has another dtype than the others.

    All may be wider than declared, and are then computed with as they are.
    """
    first: dict[str, tuple[str, Any]] = {}
    for name, (declared, _) in PARAMETERS.items():
        if name not in parameters:
            continue
        dtype = parameters[name].dtype
        other, expected = first.setdefault(declared, (name, dtype))
        if dtype != expected:
            raise TypeError(
                f"parameters must be of one dtype, but {name!r} is {dtype} and "
                f"{other!r} is {expected}"
            )


# if update_tiles
class Tiles(tuple[Any, ...]):
    """The arrays of an update and the tiles that they were cut into.

    A copy is empty, because a copy of a view is an array of its own.
    """

    def __reduce__(self) -> Any:
        return tuple, ()


# end
def getter(keys: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """A function that looks keys up in a mapping, quickly where they are many."""
    if len(keys) > 1:
        return operator.itemgetter(*keys)

    def look_up(mapping: Mapping[str, Any]) -> tuple[Any, ...]:
        """The value of the key, if there is one."""
        return (mapping[keys[0]],) if keys else ()

    return look_up


# if update_tiles
# if steps
# By the name of each loss: of parameters or gradients, and of what the optimizer keeps,
# all that its rules name.
GETTERS = {
    step: (
        getter([name for names, _, _ in rules for name in names]),
        getter([f"{n}.{k}" for names, kept, _ in rules for n in names for k in kept]),
    )
    for step, rules in RULES_OF.items()
}


def tiles_of_step(
    parameters: Arrays, gradients: Arrays, state: dict[str, Any], step: str
) -> list[list[tuple[Array, ...]]]:
    """Return, for each of the rules of a loss, what its loop goes through.

    One item of a loop is a tile of the parameters that follow the rule, the same part
    of their gradients and state, and arrays to work in. Arrays that lie side by side
    are one here, whatever their names. The tiles are made once, and anew only when
    another array has taken the place of one.
    """
    trained_of, kept_of = GETTERS[step]
    slots = state["slots"]
    arrays = (*trained_of(parameters), *trained_of(gradients), *kept_of(slots))
    known = state.get(f"tiles of {step}")
    if known and all(map(operator.is_, known[0], arrays)):
        return known[1]
    rules = RULES_OF[step]
    tiles = [tiles_of_rule(rule, parameters, gradients, slots) for rule in rules]
    state[f"tiles of {step}"] = Tiles((arrays, tiles))
    return tiles


def tiles_of_rule(
    rule: tuple[Sequence[str], Sequence[str], Sequence[str]],
    parameters: Arrays,
    gradients: Arrays,
    slots: Arrays,
) -> list[tuple[Array, ...]]:
    """The tiles of the arrays that follow one rule."""
    names, kept, scratch = rule
    rows = [
        (parameters[n], gradients[n], *(slots[f"{n}.{key}"] for key in kept))
        for n in names
    ]
    # Parameters of another dtype than declared are computed with in that.
    declared, actual = PARAMETERS[names[0]][0], parameters[names[0]].dtype
    dtypes = [actual if dtype == declared else dtype for dtype in scratch]
    return list(tiles_of(rows, dtypes))


# else
# Of parameters or gradients, and of what the optimizer keeps, all that `RULES` name.
trained_of = getter([name for names, _, _ in RULES for name in names])
kept_of = getter(
    [f"{n}.{key}" for names, kept, _ in RULES for n in names for key in kept]
)


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
    arrays = (*trained_of(parameters), *trained_of(gradients), *kept_of(slots))
    known = state.get("tiles")
    if known and all(map(operator.is_, known[0], arrays)):
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


# end
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


# end
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
    """True if an array begins where another ends, in the same memory."""
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
