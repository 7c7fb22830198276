"""Series and frames of pandas, polars and pyarrow as plain arrays; none is imported.

Frames of other packages come by Arrow's C stream or by the protocol `__dataframe__`,
which pyarrow reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..extras import import_extra
from ..tensors import plain_tensor

Array = np.ndarray[Any, Any]

NUMBERS = "biuf"
"""Kinds of dtypes that are numbers."""


class ColumnError(ValueError):
    """A column that is no array of numbers."""


def is_frame(value: Any) -> bool:
    """True for a table with named columns."""
    if isinstance(value, np.ndarray | dict | list | tuple):
        return False
    by_pandas = hasattr(value, "columns") and hasattr(value, "iloc")
    by_polars = hasattr(value, "columns") and hasattr(value, "get_column")
    by_arrow = hasattr(value, "column_names") and hasattr(value, "column")
    by_protocol = not is_column(value) and (
        hasattr(value, "__arrow_c_stream__") or hasattr(value, "__dataframe__")
    )
    return by_pandas or by_polars or by_arrow or by_protocol


def is_column(value: Any) -> bool:
    """True for a series, of pandas or polars, and for an array of pyarrow."""
    return hasattr(value, "to_numpy") and not hasattr(value, "columns")


class Frame:
    """The columns of a frame by name.

    Args:
        frame: of pandas, polars or pyarrow, or one that pyarrow can read.
    """

    def __init__(self, frame: Any) -> None:
        self._is_pandas = hasattr(frame, "iloc")
        known = self._is_pandas or hasattr(frame, "get_column")
        if not (known or hasattr(frame, "column_names")):
            frame = _by_protocol(frame)
        self._frame = frame
        arrow = hasattr(frame, "column_names")
        names = frame.column_names if arrow else frame.columns
        self.names = [str(name) for name in names]

    def __len__(self) -> int:
        frame = self._frame
        return frame.num_rows if hasattr(frame, "num_rows") else len(frame)

    def column(self, place: int) -> Any:
        """The column at a place, as the frame's package has it."""
        if self._is_pandas:
            return self._frame.iloc[:, place]
        frame = self._frame
        return frame.column(place) if hasattr(frame, "column") else frame[:, place]

    def columns(self) -> Iterator[tuple[str, Any]]:
        """Names and columns."""
        return ((name, self.column(i)) for i, name in enumerate(self.names))

    def array(self, dtype: np.dtype[Any] | None) -> Array:
        """All columns as one array of numbers, of shape (rows, columns)."""
        if self._is_pandas:
            whole: Array = self._frame.to_numpy()
            if whole.dtype.kind in NUMBERS:
                return whole  # That of a frame of one dtype is not a copy.
        arrays = [numbers(column, name, dtype) for name, column in self.columns()]
        return np.stack(arrays, axis=1) if arrays else np.zeros((len(self), 0))


def _by_protocol(frame: Any) -> Any:
    arrow = import_extra(
        "pyarrow",
        f"a frame of type {type(frame).__name__} is read by pyarrow",
        'pip install "graphc[frames]"',
    )
    if hasattr(frame, "__arrow_c_stream__"):
        return arrow.table(frame)
    return import_extra("pyarrow.interchange", "", "").from_dataframe(frame)


def column_values(column: Any) -> Any:
    """An array of a column: numbers, with NaN for what is missing, or objects."""
    kind: Any = getattr(column, "type", None)
    if hasattr(kind, "index_type"):
        # A dictionary of pyarrow gives some value or other where one is missing.
        column = column.cast(kind.value_type)
    # Arrays of pyarrow have a `to_numpy` that refuses to copy.
    array: Any = column.to_numpy() if hasattr(column, "iloc") else np.asarray(column)
    if array.dtype != object or not array.size:
        return array
    # A column that may lack values gives objects; one of text does so, too.
    if getattr(getattr(column, "dtype", None), "kind", "O") in NUMBERS:
        return column.to_numpy(dtype="float64", na_value=math.nan)
    lacking = np.array([value is None for value in array])
    if lacking.any() and all(isinstance(each, bool) for each in array[~lacking]):
        return np.array([math.nan if v is None else v for v in array], "float64")
    return array


def numbers(column: Any, name: str | None, dtype: np.dtype[Any] | None) -> Array:
    """The numbers of a column, with NaN for those that are missing.

    Args:
        column: of a frame, or alone.
        name: in errors; None where it has none.
        dtype: that the numbers are to become; one that has no NaN may lack none.

    Raises:
        ColumnError: it holds something else than numbers, or lacks one that it needs.
    """
    array: Array = column_values(column)
    called = f"column {name!r}" if name else "the column"
    if array.dtype.kind not in NUMBERS and array.size:
        first = next((v for v in array.tolist() if v is not None), None)
        raise ColumnError(f"{called} holds {first!r}, which is not a number")
    if dtype is not None and dtype.kind != "f" and array.dtype.kind == "f":
        lacking = np.flatnonzero(np.isnan(array))
        if lacking.size:
            raise ColumnError(
                f"{called} lacks a value in row {lacking[0]} ({lacking.size} such), "
                f"and {dtype} has none for it"
            )
    return array


def plain_array(value: Any, dtype: np.dtype[Any] | None = None) -> Any:
    """The array of a series, a frame or a tensor; anything else as it is.

    Args:
        value: fed by a user.
        dtype: of the input that it is for, if that is known.

    Raises:
        ColumnError: a column holds no numbers, or lacks one that the input needs.
    """
    given: object = value
    if isinstance(given, np.ndarray):
        return value
    if is_frame(value):
        return Frame(value).array(dtype)
    if is_column(value):
        name: Any = getattr(value, "name", None)
        return numbers(value, name if isinstance(name, str) else None, dtype)
    return plain_tensor(value)
