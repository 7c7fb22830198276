"""Data for training: checked once against the inputs, then split into batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .files import Array, Arrays, DataError, read_arrays
from .model import INPUTS

# --- imports above, copied into emitted programs below ---

# Data ---------------------------------------------------------------------------------


def find_batch_dimension() -> int | str | None:
    """The dimension that counts rows: the first axis of the first input that has one.

    A named size goes before a fixed one, so that `weights: (10,)` declared before
    `x: (batch, 64)` is no data of ten rows.
    """
    first_axes = [shape[0] for _, shape, _ in INPUTS.values() if shape]
    named = [size for size in first_axes if isinstance(size, str)]
    return (named or first_axes or [None])[0]


BATCH_DIMENSION = find_batch_dimension()
# Inputs without the batch dimension are passed whole to every batch.
ROW_INPUTS = [
    name for name, (_, shape, _) in INPUTS.items() if shape[:1] == (BATCH_DIMENSION,)
]


def count_rows(data: Arrays) -> int:
    """The rows of checked data; 1 for a model none of whose inputs has rows."""
    return len(data[ROW_INPUTS[0]]) if ROW_INPUTS else 1


def take_rows(data: Arrays, rows: slice | Array) -> list[Array]:
    """The arrays of one batch, in the order of the inputs."""
    return [data[name][rows] if name in ROW_INPUTS else data[name] for name in INPUTS]


def check_data(data: Mapping[str, Any], name: str = "data") -> Arrays:
    """The data as arrays of exactly the dtypes of the inputs, or a `DataError`.

    Args:
        data: arrays by input name. Conversions that lose nothing (uint8 to float32,
            int32 to int64) are made; a lossy one is an error.
        name: what to call the data in an error, such as its file.
    """
    takes = "the model takes " + (", ".join(INPUTS) or "no inputs")
    for key in INPUTS:
        if key not in data:
            has = ", ".join(str(other) for other in data) or "nothing"
            raise DataError(f"{name} lacks the array {key!r}; it has {has}", key)
    for key in data:
        if key not in INPUTS:
            raise DataError(f"{name} has an array {key!r} too many; {takes}")
    arrays: Arrays = {}
    sizes: dict[str, tuple[int, str]] = {}
    for key, (dtype, shape, bounds) in INPUTS.items():
        label = f"{name}: {key!r}"
        array = convert_array(data[key], dtype, key, label)
        check_shape(array, shape, sizes, key, label)
        check_values(array, bounds, key, label)
        arrays[key] = array
    return arrays


def convert_array(value: Any, dtype: str, key: str, label: str) -> Array:
    """The value as an array of this dtype, unless that could lose something."""
    try:
        array: Array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{label} is no array: {error}", key) from None
    # Lists and Python numbers have no dtype of their own.
    rule = "safe" if isinstance(value, np.ndarray | np.generic) else "same_kind"
    if array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, dtype, rule):
        raise DataError(
            f"{label} requires dtype {dtype}, got {array.dtype}; "
            f'convert it with .astype("{dtype}") if nothing that matters is lost',
            key,
        )
    # Always in C order, because the same numbers in another order round differently.
    return np.asarray(array, dtype, order="C")


def check_shape(
    array: Array,
    shape: tuple[int | str, ...],
    sizes: dict[str, tuple[int, str]],
    key: str,
    label: str,
) -> None:
    """Raise unless the shape fits; `sizes` collects sizes of named dimensions."""
    if key in ROW_INPUTS:
        # The data has any number of rows, whatever the size of a batch.
        shape = ("rows", *shape[1:])
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
    if key in ROW_INPUTS and len(array) == 0:
        raise DataError(f"{label} has no rows", key)
    batch = BATCH_DIMENSION
    if key in ROW_INPUTS and isinstance(batch, int) and len(array) % batch:
        raise DataError(
            f"{label} has {len(array)} rows, which can't be split into batches of "
            f"{batch}, the number that the model is declared with",
            key,
        )


def check_values(
    array: Array, bounds: tuple[int, ...] | None, key: str, label: str
) -> None:
    """Raise at the first value that is not finite or that lies out of bounds."""
    if array.dtype.kind == "f":
        fine = np.isfinite(array)
        problem = "is not finite"
    elif bounds is not None:
        low, high, *ignored = bounds
        fine = (array >= low) & (array <= high) | np.isin(array, ignored)
        problem = f"is not in the range {low} to {high}"
    else:
        return
    if not fine.all():
        place = tuple(int(i) for i in np.argwhere(~fine)[0])
        bad = fine.size - np.count_nonzero(fine)
        where = f"row {place[0]}" if key in ROW_INPUTS else f"index {place}"
        raise DataError(
            f"{label} has the value {array[place]} in {where}, which {problem} "
            f"({bad} such of {array.size} values)",
            key,
        )


def load_data(path: str) -> Arrays:
    """The data in an `.npz` file, checked and converted."""
    return check_data(read_arrays(path, DataError), path)


def random_data(rows: int, seed: int) -> Arrays:
    """Data that fits the inputs: normal numbers, and integers within their bounds."""
    rng = np.random.default_rng(seed)
    if isinstance(BATCH_DIMENSION, int):
        rows = BATCH_DIMENSION
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
