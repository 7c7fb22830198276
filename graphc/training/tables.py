"""Tables as they are published: CSV files and data frames, as arrays by input name.

pandas reads them, as text, so that nothing is guessed: what is missing, what is a label
and how numbers are written is declared, and an error names the line and the column.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np

from ..arguments import public
from ..errors import DataError, OptionError
from ..extras import import_extra
from ..ir.node import Node
from ..runtime.dataframes import (
    NUMBERS,
    Frame,
    column_values,
    is_frame,
    no_cells,
    side_by_side,
)

Array = np.ndarray[Any, Any]
Columns = Mapping[Any, Any]

MISSING = ("", "?", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "none")
"""Texts that mean a missing value in published files."""


@dataclass(frozen=True)
class CSV:
    """A CSV file or a frame of pandas, polars or pyarrow.

    Columns that no input is made of may hold anything. Files, and numbers that a frame
    holds as text, are read by pandas, of the extra `data`.

    Args:
        path: the file, which may be compressed (`.csv.gz`), or a frame.
        columns: the name of the column, or the names of columns, of each input; by
            default the column of the input's name, or those of that name and a number:
            `x0`, `x_1` or `x[2]`.
        names: of all columns of a file whose first line does not name them.
        sep: the separator of values.
        decimal: the decimal point, `"."` or `","`.
        quotechar: the quote around values that contain a separator.
        encoding: how the file encodes text.
        na_values: texts that mean a missing value.
        missing: treatment of missing values in columns that are used: `"refuse"`
            (an error, unless the model asks `gc.isnan` of that input), `"drop"` (the
            row is left out), or a value to take for them. A mapping says it by column.
        classes: by column, texts that become 0, 1, 2, ... in this order.

    Raises:
        OptionError: an unknown value of an option, when it is read.
        DataError: the file lacks columns or values that are needed, when it is read.
        MissingExtraError: pandas is not installed, when it is read.

    >>> kinds = ["setosa", "versicolor", "virginica"]
    >>> columns = {"x": ["sepal_length", "sepal_width"], "y": "species"}
    >>> iris = CSV("iris.csv", columns, classes={"species": kinds})
    """

    path: Any
    columns: Columns | None = None
    _: KW_ONLY
    names: Sequence[str] | None = None
    sep: str = ","
    decimal: str = "."
    quotechar: str = '"'
    encoding: str = "utf-8"
    na_values: Sequence[str] = MISSING
    missing: Any = "refuse"
    classes: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, list[Any]])


def read_table(module: Any, table: CSV, label: str) -> dict[str, Array]:
    """The arrays of a table by input name, as the inputs of a program want them.

    Args:
        module: the program.
        table: the file or frame, and its options.
        label: the name of the data in errors: `"train"`.
    """
    return _Reader(module, table, label).arrays()


class _Reader:
    """A table that is read, with the places of its cells for errors."""

    def __init__(self, module: Any, table: CSV, label: str) -> None:
        self.module = module
        self.table = table
        self.is_file = not is_frame(table.path)
        path = cast("str", table.path)
        self.what = os.fspath(path) if self.is_file else label
        _check_options(table)
        self.frame = Frame(self._read() if self.is_file else table.path)
        self.header = [name.strip() for name in self.frame.names]
        self.kept: Array = np.arange(len(self.frame))

    @cached_property
    def pandas(self) -> Any:
        """The package, which reads text."""
        return import_extra(
            "pandas",
            "gc.CSV reads tables with pandas",
            "`pip install pandas`, or `pip install -e '.[data]'` in a copy of "
            "graphc's source; the path of a CSV file of plain numbers needs neither",
        )

    def _read(self) -> Any:
        """All cells as text; without `names` the first line names the columns."""
        import gzip
        import zlib

        damage = (EOFError, LookupError, ValueError, gzip.BadGzipFile, zlib.error)
        table = self.table
        encoding = "utf-8-sig" if table.encoding.lower() == "utf-8" else table.encoding
        try:
            raw: Any = self.pandas.read_csv(
                self.what,
                header=None,
                index_col=False,
                dtype=str,
                na_filter=False,
                skipinitialspace=True,
                sep=table.sep,
                quotechar=table.quotechar,
                encoding=encoding,
            )
        except self.pandas.errors.EmptyDataError:
            return self.pandas.DataFrame()
        except damage as e:
            raise DataError(f"{self.what} is no CSV file: {e}") from None
        if table.names is None:
            body = raw.iloc[1:].reset_index(drop=True)
            body.columns = raw.iloc[0]
            return body
        if len(table.names) != raw.shape[1]:
            raise DataError(
                f"{self.what} has {raw.shape[1]} columns, names has {len(table.names)}"
            )
        raw.columns = list(table.names)
        return raw

    def arrays(self) -> dict[str, Array]:
        """The array of each input."""
        inputs: dict[str, Any] = self.module.INPUTS
        chosen = self._chosen(inputs)
        cells: dict[str, tuple[Array, Array]] = {}
        for name, names in chosen.items():
            for column in names:
                cells[column] = self._cells(column, inputs.get(name))
        found: dict[str, Array] = {}
        for name, names in chosen.items():
            dtype, shape, _ = inputs.get(name, ("float64", (), None))
            parts = [self._numbers(c, *cells[c], np.dtype(dtype)) for c in names]
            array = side_by_side(parts)
            self._check_width(name, shape, names, array.shape[1])
            found[name] = self.module.fit_rows(array, shape)
        return found

    def _chosen(self, inputs: Mapping[str, Any]) -> dict[str, list[str]]:
        """The columns of each input."""
        if self.table.columns is None:
            find = self.module.find_columns
            chosen = {name: find(name, self.header) for name in inputs}
        else:
            chosen = {
                key.name if isinstance(key, Node) else str(key): [str(names)]
                if isinstance(names, str | int) or not hasattr(names, "__iter__")
                else [str(each) for each in names]
                for key, names in self.table.columns.items()
            }
        for name, names in chosen.items():
            unknown = [each for each in names if each not in self.header]
            if unknown or not names:
                what = repr(unknown[0]) if unknown else f"for {name!r}"
                hint = 'columns={"x": ["first", "second"], "y": "third"}'
                if len(self.header) == 1:
                    hint = 'sep=";", say, if that is one name for all columns'
                has = ", ".join(self.header)
                raise DataError(
                    f"{self.what} has no column {what}; it has {has}",
                    hint=self._naming() or hint,
                )
            if twice := [each for each in names if self.header.count(each) > 1]:
                message = f"{self.what} has two columns of the name {twice[0]!r}"
                raise DataError(message, hint=self._naming())
        used = {column for names in chosen.values() for column in names}
        for option in ("classes", "missing"):
            for column in _by_column(getattr(self.table, option)):
                if column not in used:
                    raise OptionError(
                        f"{option} is about {column!r}, which no input is made of; "
                        f"columns in use: {', '.join(sorted(used))}"
                    )
        return {str(name): names for name, names in chosen.items()}

    def _check_width(
        self, name: str, shape: tuple[Any, ...], columns: list[str], width: int
    ) -> None:
        """Raise where columns are too few or too many for the rows of an input."""
        sizes = shape[1:]
        if all(isinstance(size, int) for size in sizes) and math.prod(sizes) != width:
            shown = ", ".join(columns[:5]) + (", ..." if len(columns) > 5 else "")
            raise DataError(
                f"{self.what}: {name!r} requires {math.prod(sizes)} numbers in a row, "
                f"got {width}, of the columns {shown}",
                hint='gc.CSV(..., columns={"x": ["first", "second"], "y": "third"})',
            )

    def _naming(self) -> str | None:
        """A hint where the first line looks like data and not like names."""
        if self.is_file and any(each[:1].isdigit() for each in self.header):
            return 'names=["first", "second", ...], if the first line is data'
        return None

    def _cells(self, column: str, about: Any) -> tuple[Array, Array]:
        """The cells of a column, and which are missing; rows to drop are noted."""
        series = self.frame.column(self.header.index(column))
        values: Array = column_values(series)
        other = None if column in self.table.classes else no_cells(values)
        if other is not None:
            raise DataError(
                f"{self.what}: column {column!r} holds {other}",
                hint="a column of numbers that is made of it",
            )
        is_text = values.dtype.kind not in NUMBERS
        if hasattr(series, "isna"):
            # A copy, since pandas gives arrays that can't be written.
            missing: Array = np.array(series.isna(), bool)
        elif is_text:
            missing = np.array([value is None for value in values], bool)
        else:
            missing = _by_row(np.isnan(values))
        if is_text:
            cells: Any = series if hasattr(series, "isna") else values
            values = np.array([str(value).strip() for value in cells], object)
            missing |= np.isin(values, list(self.table.na_values))
        rule: Any = self.table.missing
        if hasattr(rule, "keys"):
            rule = _by_column(rule).get(column, "refuse")
        if not missing.any():
            return values, missing
        if isinstance(rule, str) and rule == "drop":
            self.kept = self.kept[~missing[self.kept]]
            return values, np.zeros_like(missing)
        if isinstance(rule, str) and rule == "refuse":
            if about is None or "nan" not in (about[2] or ()):
                where = self._where(int(np.flatnonzero(missing)[0]), column)
                raise DataError(
                    f"{where}: the value is missing ({missing.sum()} such)",
                    hint='missing="drop", a number such as missing=0, or by column: '
                    f'missing={{"{column}": 0}}',
                )
            rule = math.nan
        if not is_text and not isinstance(rule, str):
            holes = missing if values.ndim == 1 else np.isnan(values)
            values = np.asarray(np.where(holes, rule, values))
        else:
            values = values.astype(object)
            values[missing] = str(rule)
        # A NaN that was asked for is not a mistake.
        is_nan = isinstance(rule, float) and math.isnan(rule)
        return values, missing & is_nan

    def _numbers(
        self, column: str, values: Array, nan: Array, dtype: np.dtype[Any]
    ) -> Array:
        """The numbers of a column, without the rows that are dropped."""
        values, nan = values[self.kept], nan[self.kept]
        classes = self.table.classes.get(column)
        if classes is not None:
            return self._positions(column, values, [str(each) for each in classes])
        array = values
        is_text = values.dtype.kind not in NUMBERS
        if is_text:
            array = self._parsed([str(value) for value in values], dtype)
        wrong = _by_row(np.isnan(array)) & ~nan & is_text
        if dtype.kind in "iu" and array.dtype.kind == "f":
            # Beyond 2**53 rounding may have made it another integer.
            wrong |= _by_row((array != np.rint(array)) | ~(np.abs(array) < 2**53))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{self._where(int(self.kept[row]), column)}: {values[row]!r} is no "
                f"{dtype} ({wrong.sum()} such)",
                hint=self._hint(column, str(values[row]), values),
            )
        if not is_text and dtype.kind not in "iu":
            return array
        # Text has no dtype of its own. Values that do not fit are found later.
        with np.errstate(all="ignore"):
            converted = array.astype(dtype)
        same = dtype.kind == "f" or np.array_equal(converted, array)
        return converted if same else array

    def _parsed(self, texts: list[str], dtype: np.dtype[Any]) -> Array:
        """Numbers from texts, NaN for a text that is not a number."""
        if dtype.kind == "b":
            truth = {"0": 0.0, "false": 0.0, "1": 1.0, "true": 1.0}
            return np.array([truth.get(text.lower(), math.nan) for text in texts])
        if self.table.decimal == "," and dtype.kind == "f":
            # A point that groups digits is not part of a number.
            texts = ["" if "." in text else text.replace(",", ".") for text in texts]
        if not texts:
            return np.zeros(0)
        series: Any = self.pandas.Series(texts, dtype=object)
        return np.asarray(self.pandas.to_numeric(series, errors="coerce"))

    def _positions(self, column: str, values: Array, classes: list[str]) -> Array:
        """The place of each text among the classes."""
        texts = [str(value).strip() for value in values]
        known = {text: place for place, text in enumerate(classes)}
        places = np.array([known.get(text, -1) for text in texts], np.int64)
        if (places < 0).any():
            row = int(np.argmax(places < 0))
            raise DataError(
                f"{self._where(int(self.kept[row]), column)}: {texts[row]!r} is not "
                f"one of the classes {', '.join(map(repr, classes))}"
            )
        return places

    def _hint(self, column: str, text: str, values: Array) -> str:
        """A hint for a text that is not a number."""
        try:
            float(text.replace(",", "."))
        except ValueError:
            kinds = sorted({str(value) for value in values})
            shown = ", ".join(f'"{kind}"' for kind in kinds[:4])
            more = ", ..." if len(kinds) > 4 else ""
            return (
                f'classes={{"{column}": [{shown}{more}]}} for labels, '
                f'or na_values=["{text}"] if it stands for a missing value'
            )
        return 'decimal=","' if "," in text else "a floating input, or whole numbers"

    def _where(self, row: int, column: str) -> str:
        """The place of a cell, for a person who opens the file."""
        line = self._line(row) if self.is_file else None
        place = f"row {row}" if line is None else f"line {line}"
        return f"{self.what}, {place}, column {column!r}"

    def _line(self, row: int) -> int | None:
        """The line of a file at which a row ends; None where that is not known."""
        import csv
        import gzip

        table = self.table
        wanted = row + (table.names is None)
        opener: Any = gzip.open if self.what.endswith(".gz") else open
        try:
            with opener(self.what, "rt", encoding=table.encoding, newline="") as file:
                reader = csv.reader(
                    file,
                    delimiter=table.sep,
                    quotechar=table.quotechar,
                    skipinitialspace=True,
                )
                records = (reader.line_num for record in reader if record)
                return next(
                    (line for number, line in enumerate(records) if number == wanted),
                    None,
                )
        except (OSError, TypeError, UnicodeError, csv.Error):
            return None


def _by_row(found: Array) -> Array:
    """True for rows of which any number is found."""
    return np.asarray(found.any(axis=tuple(range(1, found.ndim))))


def _by_column(option: Any) -> dict[str, Any]:
    """An option that is given by column; nothing where it is one for all."""
    return {str(key): option[key] for key in option} if hasattr(option, "keys") else {}


def _check_options(table: CSV) -> None:
    for name in ("sep", "quotechar", "encoding"):
        if not getattr(table, name):
            raise OptionError(f"{name} must be a text, got ''")
    if len(table.quotechar) > 1:
        raise OptionError(f"quotechar must be one letter, got {table.quotechar!r}")
    if table.decimal not in (".", ","):
        raise OptionError(f'decimal must be "." or ",", got {table.decimal!r}')
    for column, classes in table.classes.items():
        texts = [str(each) for each in classes]
        if isinstance(classes, str) or len(set(texts)) < len(texts):
            raise OptionError(
                f"classes of {column!r} must be a list of different texts, "
                f"got {classes!r}"
            )
    rules = _by_column(table.missing)
    is_one = not hasattr(table.missing, "keys")
    for rule in [table.missing] if is_one else rules.values():
        known = isinstance(rule, str | int | float | np.generic)
        if not known or isinstance(rule, bool):
            raise OptionError(
                f'missing must be "refuse", "drop" or a value, got {rule!r}'
            )


public(globals(), ["CSV"])
