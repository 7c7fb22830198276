"""Data in CSV and IDX files."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .files import Array, Arrays
from .model import INPUTS
from .positions import DataError

# --- imports above, copied into emitted programs below ---

# Data ---------------------------------------------------------------------------------


def find_file(folder: str, name: str) -> str | None:
    """The file of an input: `y.npy`, `y.idx` or `y.idx.gz`, but not `y.old.npy`."""
    files = [
        file
        for file in sorted(os.listdir(folder))
        if os.path.splitext(file.removesuffix(".gz"))[0] == name
    ]
    if len(files) > 1:
        raise DataError(f"{folder} has two files for {name!r}: {', '.join(files)}")
    return os.path.join(folder, files[0]) if files else None


def read_csv(
    path: str,
    columns: Mapping[str, Any] | None = None,
    needed: Iterable[str] = INPUTS,
) -> Arrays:
    """The columns of a CSV file, which its first line names, as arrays.

    Strictly numbers with a decimal point, between commas: no value may be missing.

    Args:
        columns: the column, or columns, of each input; by default the column of the
            input's name, or those of that name and a number: `x0`, `x_1` or `x[2]`.
    """
    import csv
    import gzip

    opener: Any = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader if "".join(row).strip()]
    except (csv.Error, EOFError, UnicodeDecodeError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is no CSV file: {error}") from None
    header = [name.strip() for name in rows[0][1]] if rows else []
    lines = rows[1:]
    if len(set(header)) < len(header):
        raise DataError(f"{path} has two columns of the same name")
    for line, row in lines:
        if len(row) != len(header):
            raise DataError(
                f"{path}, line {line}: {len(row)} values for {len(header)} columns"
            )
    arrays: Arrays = {}
    for name in needed:
        chosen = (columns or {}).get(name) or find_columns(name, header)
        names: Sequence[str] = [chosen] if isinstance(chosen, str) else chosen
        unknown = [each for each in names if each not in header]
        if unknown or not names:
            what = repr(unknown[0]) if unknown else f"for {name!r}"
            raise DataError(f"{path} has no column {what}; it has {', '.join(header)}")
        dtype, shape, _ = INPUTS[name]
        places = [header.index(each) for each in names]
        table: list[list[Any]] = []
        for line, row in lines:
            try:
                table.append([parse_number(row[place], dtype) for place in places])
            except ValueError as error:
                at = next(p for p in places if repr(row[p]) in str(error))
                where = f"{path}, line {line}, column {header[at]!r}"
                raise DataError(f"{where}: {error}", name) from None
        # What is too large becomes infinite, and is found below.
        with np.errstate(all="ignore"):
            array = np.array(table, None if table and dtype[0] in "iu" else dtype)
        arrays[name] = fit_rows(array.reshape(len(table), len(places)), shape)
    return arrays


def parse_number(text: str, dtype: str) -> int | float:
    """The number that a text is: an integer exactly, where one is asked for."""
    cell = text.strip().lower()
    kind = np.dtype(dtype).kind
    try:
        if kind == "b":
            return {"0": 0, "false": 0, "1": 1, "true": 1}[cell]
        if "_" not in cell:
            # Beyond 2**53 a decimal point may hide another integer.
            number = float(cell)
            if kind == "f":
                return number
            small = abs(number) < 2**53 and number == int(number)
            return int(number) if small else int(cell)
    except (KeyError, ValueError):
        pass
    raise ValueError(f"{text!r} is no {dtype}")


def find_columns(name: str, header: Sequence[str]) -> list[str]:
    """The column called `name`, or those called so but for a number, by number."""
    if name in header:
        return [name]
    numbered = re.compile(re.escape(name) + r"[ _.\[]?(\d+)\]?")
    found = [
        (int(m[1]), column) for column in header if (m := numbered.fullmatch(column))
    ]
    return [column for _, column in sorted(found)]


def fit_rows(array: Array, shape: tuple[int | str, ...]) -> Array:
    """Rows in the shape of the input, where a file has as many numbers in another."""
    inner = [size for size in shape[1:] if isinstance(size, int)]
    fixed = array.ndim > 0 and len(inner) == len(shape) - 1
    if fixed and math.prod(inner) == math.prod(array.shape[1:]):
        return array.reshape(len(array), *inner)
    return array


def read_array(path: str) -> Array:
    """A `.npy` file mapped into memory, or an IDX file, which may be gzipped."""
    import gzip
    import zlib

    if path.lower().endswith(".npy"):
        try:
            return np.lib.format.open_memmap(path, "r")
        except OSError:
            raise
        except Exception as error:  # Damage can be to any part of it.
            raise DataError(f"{path} is damaged: {error}") from error
    damaged = (ArithmeticError, EOFError, KeyError, MemoryError, ValueError)
    types: Any = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            zeros, code, axes = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{axes}I", file.read(4 * axes))
            dtype = np.dtype(types[code if not zeros else 0])
            size = math.prod(shape) * dtype.itemsize
            content = file.read(size + 1)
        if len(content) != size:
            raise EOFError
        stored = np.frombuffer(content, dtype.newbyteorder(">"))
        return stored.reshape(shape).astype(dtype)
    except (*damaged, gzip.BadGzipFile, struct.error, zlib.error):
        raise DataError(
            f"{path} is no .npy or IDX file, or it is damaged or cut short"
        ) from None
