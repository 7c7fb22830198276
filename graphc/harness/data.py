"""Data for training: checked once against the inputs, then split into batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .files import Array, Arrays, read_arrays
from .formats import find_file, fit_rows, read_array, read_csv
from .model import BATCH_SIZE, INPUTS, ROW_INPUTS, STRICT, index_arrays
from .positions import DataError, check_positions
from .ranks import check_batch

# --- imports above, copied into emitted programs below ---

# Data ---------------------------------------------------------------------------------


# if whole
def find_batch_dimension() -> int | str | None:
    """The dimension that counts rows: the first axis of the first input that has one.

    A named size goes before a fixed one, so that `weights: (10,)` declared before
    `x: (batch, 64)` is no data of ten rows.
    """
    first_axes = [shape[0] for _, shape, _ in INPUTS.values() if shape]
    named = [size for size in first_axes if isinstance(size, str)]
    return (named or first_axes or [None])[0]


BATCH_DIMENSION = find_batch_dimension()
# The axis that counts rows; inputs without one are passed whole to every batch.
ROW_AXES = {
    name: shape.index(BATCH_DIMENSION)
    for name, (_, shape, _) in INPUTS.items()
    if BATCH_DIMENSION in (shape if isinstance(BATCH_DIMENSION, str) else shape[:1])
}


# end
def count_rows(data: Arrays) -> int:
    # if whole or later_rows
    """The rows of checked data; 1 for a model none of whose inputs has rows."""
    sizes = (data[name].shape[axis] for name, axis in ROW_AXES.items() if name in data)
    return next(sizes, 1)
    # else
    # if shared_inputs
    """The rows of checked data; 1 for a model none of whose inputs has rows."""
    return next((len(data[name]) for name in ROW_INPUTS if name in data), 1)
    # else
    """The rows of checked data."""
    return len(next(iter(data.values())))
    # end
    # end


def take_rows(data: Arrays, rows: slice | Array) -> list[Array]:
    """The arrays of one batch, in the order of the inputs."""
    # if whole or later_rows
    places = {name: (slice(None),) * axis + (rows,) for name, axis in ROW_AXES.items()}
    return [
        # Memory-mapped arrays keep their dtype until here.
        np.asarray(data[name][places.get(name, ...)], dtype, "C")
        for name, (dtype, _, _) in INPUTS.items()
        if name in data
    ]
    # else
    # if shared_inputs
    return [
        # Memory-mapped arrays keep their dtype until here.
        np.asarray(data[name][rows] if name in ROW_INPUTS else data[name], dtype, "C")
        for name, (dtype, _, _) in INPUTS.items()
        if name in data
    ]
    # else
    return [
        # Memory-mapped arrays keep their dtype until here.
        np.asarray(data[name][rows], dtype, "C")
        for name, (dtype, _, _) in INPUTS.items()
    ]
    # end
    # end


def split_rows(data: Any, batch_size: int) -> Iterator[tuple[int, list[Array]]]:
    """The data in batches, in order, each with its number of rows."""
    # if whole
    if callable(data):
        yield from read_batches(data, 0)
        return
    if isinstance(BATCH_DIMENSION, int):
        batch_size = BATCH_DIMENSION
    # else
    # if fixed_rows
    batch_size = BATCH_SIZE
    # end
    # end
    rows = count_rows(data)
    for start in range(0, rows, batch_size):
        stop = min(start + batch_size, rows)
        yield stop - start, take_rows(data, slice(start, stop))


def take_chunks(array: Array) -> Iterator[Array]:
    """The array in pieces of a few megabytes, so that none is read as a whole."""
    if array.ndim == 0:
        yield array
        return
    rows = max(1, 2**24 // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


# if whole
def read_batches(stream: Any, epoch: int) -> Iterator[tuple[int, list[Array]]]:
    """The batches that a function gives for an epoch, checked, with their rows."""
    number = 0
    for number, batch in enumerate(stream(epoch), 1):
        arrays = check_data(batch, f"batch {number}")
        batch = take_rows(arrays, slice(None))
        # if mpi
        check_batch(number, batch)
        # end
        yield count_rows(arrays), batch
    # if mpi
    check_batch(number + 1, [])
    # end
    if not number:
        raise DataError(f"the stream of data gave no batch in epoch {epoch}")


def files_of(data: Any) -> list[str]:
    """The paths of arrays that are in files, or mapped into memory from them."""
    arrays: list[Any] = []
    if callable(getattr(data, "values", None)):
        arrays += data.values()
    paths = [getattr(array, "filename", array) for array in arrays]
    return [os.fspath(path) for path in paths if isinstance(path, str | os.PathLike)]


def check_names(
    data: Mapping[str, Any], name: str, needed: Iterable[str] = INPUTS
) -> None:
    """Raise where data lacks an input that is needed, or an array is of no input."""
    takes = "the model takes " + (", ".join(INPUTS) or "no inputs")
    for key in needed:
        if key not in data:
            has = ", ".join(str(other) for other in data) or "nothing"
            raise DataError(f"{name} lacks the array {key!r}; it has {has}", key)
    for key in data:
        if key not in INPUTS:
            raise DataError(f"{name} has an array {key!r} too many; {takes}")


def check_announced(found: Arrays, name: str, needed: Iterable[str]) -> Iterable[str]:
    """Raise where a file says that its data does not fit, before that is read."""
    check_names(found, name, needed)
    sizes: dict[str, tuple[int, str]] = {}
    for key in needed:
        check_shape(found[key], INPUTS[key][1], sizes, key, f"{name}: {key!r}")
    return needed


def check_data(
    data: Mapping[str, Any], name: str = "data", needed: Iterable[str] = INPUTS
) -> Arrays:
    """The data as arrays of exactly the dtypes of the inputs, or a `DataError`.

    Args:
        data: arrays by input name. Numbers are rounded to the dtype of the input
            (float64 to float32); what would overflow, wrap or be cut off is an error.
            A memory-mapped array stays one.
        name: what to call the data in an error, such as its file.
        needed: the inputs to take; others may be missing.
    """
    check_names(data, name, needed)
    arrays: Arrays = {}
    sizes: dict[str, tuple[int, str]] = {}
    for key in needed:
        dtype, shape, bounds = INPUTS[key]
        label = f"{name}: {key!r}"
        value = data[key]
        if isinstance(value, str):
            value = fit_rows(read_array(value), shape)
        array = as_array(value, dtype, key, label)
        check_shape(array, shape, sizes, key, label)
        check_values(array, bounds, dtype, key, label)
        if not isinstance(value, np.memmap):
            # In C order, because the same numbers in another order round differently.
            with np.errstate(all="ignore"):
                array = np.asarray(array, dtype, order="C")
        arrays[key] = array
    # if computed_positions
    if len(arrays) == len(INPUTS):
        check_index_arrays(arrays, name)
    # end
    return arrays


# if computed_positions
def check_index_arrays(
    arrays: Arrays, name: str, size: int = 1024, row: int = 0
) -> None:
    """Raise at the first row for which a position that is computed is out of bounds."""
    for count, batch in split_rows(arrays, size):
        last = row + count - 1
        where = f" in row {row}" if count == 1 else f" in rows {row} to {last}"
        for key, positions, low, high in index_arrays(*batch):
            try:
                check_positions(positions, low, high, key, None, where)
            except DataError as error:
                if size > 1:  # Row by row.
                    part = dict(zip(INPUTS, batch, strict=True))
                    check_index_arrays(part, name, 1, row)
                raise DataError(f"{name}: {error}", key) from None
        row = last + 1


# end


def as_array(value: Any, dtype: str, key: str, label: str) -> Array:
    """The value as an array of numbers that may become those of a dtype."""
    try:
        array: Array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{label} is no array: {error}", key) from None
    kinds = {"f": "biuf", "i": "biu", "u": "biu", "b": "b"}[np.dtype(dtype).kind]
    # Lists and Python numbers have no dtype of their own.
    strict = STRICT and isinstance(value, np.ndarray | np.generic)
    known = array.dtype.kind in kinds
    if not known or (strict and not np.can_cast(array.dtype, dtype)):
        raise DataError(
            f"{label} requires dtype {dtype}, got {array.dtype}; "
            f'convert it with .astype("{dtype}") if nothing that matters is lost',
            key,
        )
    return array


def check_shape(
    array: Array,
    shape: tuple[int | str, ...],
    sizes: dict[str, tuple[int, str]],
    key: str,
    label: str,
) -> None:
    """Raise unless the shape fits; `sizes` collects sizes of named dimensions."""
    axis = ROW_AXES.get(key)
    if axis is not None:
        # The data has any number of rows, whatever the size of a batch.
        shape = (*shape[:axis], "rows", *shape[axis + 1 :])
    wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    fits = array.ndim == len(shape) and all(
        isinstance(size, str) or size == given
        for size, given in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise DataError(f"{label} requires shape {wanted}, got {array.shape}", key)
    for size, given in zip(shape, array.shape, strict=True):
        if not isinstance(size, str) or not size.isidentifier():
            continue
        known, other = sizes.setdefault(size, (given, key))
        if known != given:
            what = f"{given} rows" if size == "rows" else f"{size} = {given}"
            raise DataError(f"{label} has {what}, but {other!r} has {known}", key)
    if axis is not None and array.shape[axis] == 0:
        raise DataError(f"{label} has no rows", key)
    batch = BATCH_DIMENSION
    if axis is not None and isinstance(batch, int) and len(array) % batch:
        raise DataError(
            f"{label} has {len(array)} rows, which can't be split into batches of "
            f"{batch}, the number that the model is declared with",
            key,
        )


def check_values(
    array: Array, allowed: Sequence[Any] | None, dtype: str, key: str, label: str
) -> None:
    """Raise at the first value that is no finite number of `dtype` or not allowed."""
    is_floating = np.dtype(dtype).kind == "f"
    if allowed is None and not is_floating and np.can_cast(array.dtype, dtype):
        return
    limits: Any = np.finfo(dtype) if is_floating else np.iinfo(dtype)
    low, high, *ignored = (not is_floating and allowed) or (limits.min, limits.max)
    start, bad, message = 0, 0, ""
    for chunk in take_chunks(array):
        if is_floating:
            with np.errstate(all="ignore"):
                fine = np.isfinite(np.asarray(chunk, dtype))
            for kind in allowed or ():
                fine |= {"nan": np.isnan, "inf": np.isinf}[kind](chunk)
        else:
            fine = (chunk >= low) & (chunk <= high) | np.isin(chunk, ignored)
        if not fine.all():
            bad += fine.size - int(np.count_nonzero(fine))
            first = [int(i) for i in np.argwhere(~fine)[0]]
            value = chunk[tuple(first)]
            problem = f"is not in the range {low} to {high}"
            if not np.isfinite(value):
                problem = "is not finite"
            if first:
                first[0] += start
            where = f"index {tuple(first)}"
            if key in ROW_AXES:
                where = f"row {first[ROW_AXES[key]]}"
            message = message or f"the value {value} in {where}, which {problem}"
        start += len(chunk) if chunk.ndim else 0
    if bad:
        raise DataError(
            f"{label} has {message} ({bad} such of {array.size} values)", key
        )


def load_data(
    path: str,
    columns: Mapping[str, Any] | None = None,
    needed: Iterable[str] = INPUTS,
) -> Arrays:
    """The data in a file or folder, checked and converted."""
    return check_data(read_data(path, columns, needed), path, needed)


def read_data(
    path: str,
    columns: Mapping[str, Any] | None = None,
    needed: Iterable[str] = INPUTS,
) -> Mapping[str, Any]:
    """The arrays in an `.npz` file, a CSV file or a folder, by input name.

    A folder has a file for each input, called by its name: `x.npy`, which is not loaded
    but mapped into memory, or an IDX file such as `x.idx.gz`.
    """
    if os.path.isdir(path):
        return {n: found for n in needed if (found := find_file(path, n)) is not None}
    if columns is not None or path.lower().endswith((".csv", ".csv.gz")):
        return read_csv(path, columns, needed)
    return read_arrays(
        path, DataError, lambda found: check_announced(found, path, needed)
    )


# end
def random_data(rows: int, seed: int) -> Arrays:
    """Data that fits the inputs: normal numbers, and integers within their bounds."""
    rng = np.random.default_rng(seed)
    # if whole
    if isinstance(BATCH_DIMENSION, int):
        rows = BATCH_DIMENSION
    # else
    # if fixed_rows
    rows = BATCH_SIZE
    # end
    # end
    data: Arrays = {}
    for name, (dtype, shape, bounds) in INPUTS.items():
        # Every named size is the same number, so that sizes agree between inputs.
        sizes = [rows if isinstance(size, str) else size for size in shape]
        low, high = bounds[:2] if bounds else (0, 1)
        if np.dtype(dtype).kind == "f":
            array: Array = rng.standard_normal(sizes)
        else:
            array = rng.integers(low, high, sizes, endpoint=True)
        data[name] = np.asarray(array).astype(dtype)
    return data
