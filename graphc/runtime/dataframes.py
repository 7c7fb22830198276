"""Series and frames of pandas, polars and pyarrow as plain arrays; none is imported.

Frames of other packages come by Arrow's C stream or by the protocol `__dataframe__`,
which pyarrow reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from numbers import Real
from typing import Any, cast

import numpy as np

from ..extras import import_extra
from ..tensors import is_foreign, plain_tensor

Array = np.ndarray[Any, Any]

NUMBERS = "biuf"
"""Kinds of dtypes that are numbers."""


class ColumnError(ValueError):
    """A column that is no array of numbers."""


def is_frame(value: Any) -> bool:
    """True for a table with named columns."""
    if isinstance(value, np.ndarray | dict | list | tuple):
        return False
    # Of the class, since the columns of a lazy frame of polars take time to tell.
    kind: Any = cast("Any", type(value))
    by_pandas = hasattr(kind, "columns") and hasattr(kind, "iloc")
    by_polars = hasattr(kind, "columns") and hasattr(kind, "get_column")
    by_arrow = hasattr(kind, "column_names") and hasattr(kind, "column")
    by_protocol = not is_column(value) and (
        hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__dataframe__")
    )
    return by_pandas or by_polars or by_arrow or by_protocol or _is_lazy(kind)


def is_column(value: Any) -> bool:
    """True for a series, of pandas or polars, and for an array of pyarrow."""
    kind: Any = cast("Any", type(value))
    return hasattr(kind, "to_numpy") and not hasattr(kind, "columns")


def _is_lazy(kind: Any) -> bool:
    """True for the class of lazy frames of polars."""
    return hasattr(kind, "collect") and hasattr(kind, "collect_schema")


class Frame:
    """The columns of a frame by name.

    Args:
        frame: of pandas, polars or pyarrow, or one that pyarrow can read.
    """

    def __init__(self, frame: Any) -> None:
        if _is_lazy(type(frame)):
            frame = frame.collect()
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
        return side_by_side(arrays) if arrays else np.zeros((len(self), 0))


def side_by_side(columns: Sequence[Array]) -> Array:
    """Columns as one array of two axes; those of lists become several."""
    return np.concatenate(
        [each.reshape(len(each), math.prod(each.shape[1:])) for each in columns], axis=1
    )


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
    """An array of a column: numbers, with NaN for what is missing, or objects.

    Lists of numbers that are equally long become the rows of one array.
    """
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
    present = array[~lacking]
    if present.size and all(isinstance(each, Real) for each in present):
        return np.array([math.nan if value is None else value for value in array])
    if all(isinstance(each, list | np.ndarray) for each in array):
        try:
            rows = np.array([np.asarray(each) for each in array])
        except ValueError:  # Of different lengths.
            return array
        return rows if rows.dtype.kind in NUMBERS else array
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
        raise ColumnError(f"{called} holds {_other(array)}")
    if dtype is not None and dtype.kind != "f" and array.dtype.kind == "f":
        lacking = np.argwhere(np.isnan(array))
        if lacking.size:
            raise ColumnError(
                f"{called} lacks a value in row {lacking[0][0]} ({len(lacking)} such), "
                f"and {dtype} has none for it"
            )
    return array


def no_cells(values: Array) -> str | None:
    """Words for what a column holds, if that is neither numbers nor texts."""
    if values.dtype.kind in NUMBERS or not values.size:
        return None
    if values.dtype.kind in "mM" or isinstance(values.flat[0], date | timedelta):
        return "times"
    if values.ndim > 1:
        return f"values of shape {values.shape[1:]} and dtype {values.dtype}"
    if all(isinstance(each, list | np.ndarray) for each in values):
        sizes = sorted(map(len, values))
        return f"lists of {sizes[0]} to {sizes[-1]} values"
    return None


def _other(array: Array) -> str:
    """The first value that is not a number, for errors."""
    if other := no_cells(array):
        return other
    values: list[Any] = array.tolist()
    known = (value for value in values if not isinstance(value, Real | None))
    return f"{next(known, None)!r}, which is not a number"


def plain_array(value: Any, dtype: np.dtype[Any] | None = None) -> Any:
    """The array of a series, a frame or a tensor; anything else as it is.

    Args:
        value: fed by a user.
        dtype: of the input that it is for, if that is known.

    Raises:
        ColumnError: a column holds no numbers, or lacks one that the input needs.
        TensorError: a tensor that can't be an array.
    """
    given: object = value
    if isinstance(given, np.ndarray):
        return plain_tensor(value) if is_foreign(value.dtype) else value
    if is_frame(value):
        return Frame(value).array(dtype)
    if is_column(value):
        name: Any = getattr(value, "name", None)
        return numbers(value, name if isinstance(name, str) else None, dtype)
    return plain_tensor(value)
