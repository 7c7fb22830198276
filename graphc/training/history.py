"""The history of a training run, epoch by epoch: to read, plot and save.

A run is looked at long after it ended and often without graphc, so a history becomes
plain numbers, CSV or JSON lines in one call.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from ..arguments import closest, public
from ..errors import IndexRangeError, OptionError, UnknownNameError
from ..extras import import_extra
from ..runtime.files import check_outputs, write_atomically
from ..runtime.html import html_table, html_text

Record = Mapping[str, Any]
"""The numbers of one epoch by name."""


class History(Sequence[Record]):
    """The records of a run, one an evaluation, which is one an epoch unless asked for.

    `history[-1]` is a record, `history["loss"]` a column. Columns are `epoch` (from 1),
    `step`, `step_size` (of the last step), `loss` (the mean in training since the last
    record), `train_<metric>`, `dev_loss`, `dev_<metric>`, `best` (whether dev was never
    better before) and `seconds`; with several evaluations an epoch also `part`.

    Args:
        records: mappings from names to numbers.
        sources: paths of data that was read, over which nothing is to be written.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"]
    [0.5, 0.25]
    """

    def __init__(
        self, records: Iterable[Record] = (), sources: Iterable[str] = ()
    ) -> None:
        given = [dict(record) for record in records]
        self._records = [r for r in given if not r.get("interrupted")]
        self.interrupted = len(self._records) < len(given)
        """True if the run was interrupted before its last epoch was over."""
        self.kept = ""
        """The parameters that `fit` ended with, and why; empty for other histories."""
        self._sources = tuple(sources)
        self.test: dict[str, float] | None = None
        """The scores on test, where `fit` was given such data."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(dict.fromkeys(key for record in self._records for key in record))

    @property
    def best(self) -> Record | None:
        """The record that was best on dev; None without dev data."""
        best = [record for record in self._records if record.get("best")]
        return best[-1] if best else None

    @overload
    def __getitem__(self, key: int) -> Record: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Record | History | list[Any]:
        if isinstance(key, str):
            if key not in self.columns:
                columns = ", ".join(self.columns)
                raise UnknownNameError(
                    f"no column {key!r}; the columns are {columns}",
                    hint=closest(key, self.columns),
                )
            return [record.get(key) for record in self._records]
        if isinstance(key, slice):
            return History(self._records[key])
        try:
            return self._records[key]
        except (IndexError, TypeError):
            raise IndexRangeError(
                f"requires the name of a column or a position in {len(self)} records, "
                f"got {key!r}"
            ) from None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The position of the first record that equals `value`.

        Args:
            value: a record.
            start, stop: between which positions to look; None for the end.

        Raises:
            OptionError: there is no such record.
        """
        try:
            end = len(self) if stop is None else stop
            return self._records.index(value, start, end)
        except ValueError:
            raise OptionError(f"the history has no record {value!r}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        same = self.interrupted == other.interrupted
        return same and self._records == other._records

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns by name, as `pandas.DataFrame` takes them; None where empty."""
        return {name: self[name] for name in self.columns}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the records as CSV, or as JSON lines where `path` ends in `.jsonl`.

        Raises:
            OptionError: another ending, or a file that training read.
            OSError: the file can't be written; it is then as it was.
        """
        name = os.fspath(path)
        if name.lower().endswith(".csv"):
            text = self._csv()
        elif name.lower().endswith((".jsonl", ".ndjson")):
            text = "".join(json.dumps(record) + "\n" for record in self._records)
        else:
            raise OptionError(
                f"a history is saved as .csv or .jsonl, got {name!r}",
                hint="history.save('history.csv')",
            )
        check_outputs([path], self._sources)
        write_atomically(path, text)

    def plot(self, path: str | os.PathLike[str] | None = None, *columns: str) -> Any:
        """Draw columns over the epochs, or steps, and write the picture.

        Losses and other scores have an axis each. The history of a range test
        is drawn over the step size.

        Args:
            path: a `.png`, `.svg` or `.pdf` file; None to write none.
            columns: what to draw; by default all losses and scores.

        Returns:
            The `Figure` of matplotlib, which a notebook shows, and `figure.axes` are
            there to change. None where a file was written.

        Raises:
            MissingExtraError: matplotlib is not installed.
            UnknownNameError: a column that the history does not have.
            OptionError: there is nothing to draw.
        """
        drawing = import_extra(
            "matplotlib.figure", "plots need matplotlib", "pip install matplotlib"
        )
        for name in columns:
            self[name]  # Raises where there is no such column.
        shown = columns or tuple(
            name for name in self.columns if name.startswith(("loss", "train_", "dev_"))
        )
        losses = [name for name in shown if name.endswith("loss")]
        panels = [
            group for group in (losses, [n for n in shown if n not in losses]) if group
        ]
        if not panels or not self._records:
            raise OptionError("the history has nothing to draw")
        across = "step_size" if "epoch" not in self.columns else "epoch"
        if "part" in self.columns:
            across = "step"
        size = (6.4 * len(panels), 4.8)
        figure = _shown(drawing.Figure)(figsize=size, layout="constrained")
        for axes, group in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for name in group:
                pairs = zip(self[across], self[name], strict=True)
                points = [(x, y) for x, y in pairs if y is not None]
                marker = "o" if len(points) < 30 else ""
                axes.plot(
                    *zip(*points, strict=True), marker, ls="-", label=_label(name)
                )
            axes.set_xlabel(_label(across))
            if across == "step_size":
                axes.set_xscale("log")
            axes.legend()
            axes.grid(alpha=0.3)
        if path is None:
            return figure
        name = os.fspath(path)
        picture = io.BytesIO()
        try:
            figure.savefig(picture, format=os.path.splitext(name)[1][1:] or None)
        except ValueError as error:
            raise OptionError(f"{name!r} is not a picture file: {error}") from None
        check_outputs([path], self._sources)
        write_atomically(path, picture.getvalue())
        return None

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._records)
        return out.getvalue()

    def __repr__(self) -> str:
        if not self._records:
            return "<History of 0 epochs>"
        rows = self._rows()
        columns = rows[0]
        widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
        lines = [
            "  ".join(
                cell.rjust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        if len(lines) > 21:
            lines[11:-10] = [f"... {len(lines) - 21} more epochs ..."]
        if self.interrupted:
            lines.append("interrupted")
        return "\n".join(lines)

    def _rows(self) -> list[list[str]]:
        """The cells of the table, its headings first."""
        columns = [name for name in self.columns if name != "best"]
        records = [[_cell(r.get(name)) for name in columns] for r in self._records]
        return [columns, *records]

    def _repr_html_(self) -> str:
        """The table, by which notebooks show it."""
        if not self._records:
            return html_text(repr(self))
        headings, *rows = self._rows()
        if len(rows) > 20:
            rows[10:-10] = [["..."] * len(headings)]
        below = ["interrupted"] if self.interrupted else []
        return html_table(headings, rows, headings, below)


def _shown(base: Any) -> Any:
    """A class of figures that notebooks show without a backend of theirs."""

    class Figure(base):
        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png")
            return picture.getvalue()

    return Figure


def _label(column: str) -> str:
    return column.replace("_", " ")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


public(globals(), ["History"])
