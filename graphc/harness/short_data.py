"""Data for training: checked once against the inputs, in a few lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .data import ROW_AXES, split_rows
from .files import Arrays
from .formats import find_file, fit_rows, read_array, read_csv
from .model import BATCH_SIZE, INPUTS, ROW_INPUTS, index_arrays
from .positions import DataError, check_positions
from .short_files import read_arrays

# --- imports above, copied into emitted programs below ---


# if short
def check_data(data: Mapping[str, Any], name: str = "data") -> Arrays:
    """The data as arrays of the dtypes and shapes in `INPUTS`, or a `DataError`.

    Numbers may be rounded, but neither overflow nor lose their fraction.
    """
    if set(data) != set(INPUTS):
        takes, has = ", ".join(INPUTS), ", ".join(data) or "nothing"
        raise DataError(f"{name} must have the arrays {takes}; it has {has}")
    arrays: Arrays = {}
    sizes: dict[str, int] = {}
    for key, (dtype, shape, allowed) in INPUTS.items():
        label, array = f"{name}: {key!r}", np.asarray(data[key])
        # if strict
        is_cast = np.can_cast(array.dtype, dtype, "safe")
        # else
        is_cast = np.can_cast(array.dtype, dtype, "same_kind")
        # end
        if not is_cast:
            raise DataError(f"{label} requires dtype {dtype}, got {array.dtype}", key)
        # if later_rows
        axis = ROW_AXES.get(key)
        wanted = tuple("rows" if i == axis else size for i, size in enumerate(shape))
        # else
        # if shared_inputs
        wanted = ("rows", *shape[1:]) if key in ROW_INPUTS else shape
        # else
        wanted = ("rows", *shape[1:])
        # end
        # end
        fits = array.ndim == len(wanted) and all(
            size == (sizes.setdefault(need, size) if isinstance(need, str) else need)
            for need, size in zip(wanted, array.shape, strict=True)
        )
        if not fits or sizes.get("rows") == 0:
            given = f"shape {wanted} with {sizes}, got {array.shape}"
            raise DataError(f"{label} requires {given}", key)
        # if fixed_rows
        if wanted[:1] == ("rows",) and len(array) % BATCH_SIZE:
            raise DataError(f"{label} must have rows for batches of {BATCH_SIZE}")
        # end
        if np.dtype(dtype).kind == "f":
            what = "is not finite"
            fine = np.isfinite(array) & (np.abs(array) <= np.finfo(dtype).max)
            for kind in allowed or ():
                fine |= {"nan": np.isnan, "inf": np.isinf}[kind](array)
        else:
            limits = np.iinfo("uint8" if dtype == "bool" else dtype)
            low, high, *ignored = allowed or (limits.min, limits.max)
            what = f"is not in the range {low} to {high}"
            fine = (array >= low) & (array <= high) | np.isin(array, ignored)
        if not fine.all():
            place = tuple(np.argwhere(~fine)[0].tolist())
            value = f"the value {array[place]} at {place}"
            raise DataError(f"{label} has {value}, which {what}", key)
        # What is mapped into memory is not read as a whole.
        mapped = isinstance(data[key], np.memmap)
        arrays[key] = array if mapped else np.asarray(array, dtype, order="C")
    # if computed_positions
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


def load_data(
    path: str,
    # if csv
    columns: Mapping[str, Any] | None = None,
    # end
) -> Arrays:
    """The checked arrays of an `.npz` file, or a folder with a file for each input."""
    if path.lower().endswith((".csv", ".csv.gz")):
        # if csv
        return check_data(read_csv(path, columns), path)
        # else
        raise DataError(f"{path}: to read CSV files, emit the program --with csv")
        # end
    if not os.path.isdir(path):
        return check_data(read_arrays(path, DataError), path)
    found: dict[str, Any] = {}
    for name in INPUTS:
        # if idx
        if file := find_file(path, name):
            found[name] = fit_rows(read_array(file), INPUTS[name][1])
        # else
        file = os.path.join(path, f"{name}.npy")
        if os.path.exists(file):
            found[name] = np.load(file, "r")
        elif any(".idx" in other for other in os.listdir(path)):
            raise DataError(f"{path}: to read IDX files, emit the program --with idx")
        # end
    return check_data(found, path)


# end
