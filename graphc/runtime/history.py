"""What happened in training, epoch by epoch: read it, plot it, save it.

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

from ..errors import OptionError
from ..files import write_atomically

__all__ = ["History", "Record"]

Record = Mapping[str, Any]
"""The numbers of one epoch by name."""


class History(Sequence[Record]):
    """The records of a run, one an epoch.

    `history[-1]` is a record, `history["loss"]` a column. Columns are `epoch` (from 1),
    `step`, `loss` (the mean in training), `train_<metric>`, `dev_loss`, `dev_<metric>`,
    `best` (whether dev was never better before) and `seconds`.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"]
    [0.5, 0.25]
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        given = [dict(record) for record in records]
        self._records = [r for r in given if not r.get("interrupted")]
        self.interrupted = len(self._records) < len(given)
        """Whether the run was interrupted before its last epoch was over."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(dict.fromkeys(key for record in self._records for key in record))

    @property
    def best(self) -> Record | None:
        """The record of the epoch that was best on dev; None without dev data."""
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
                raise KeyError(f"{key}; the columns are {', '.join(self.columns)}")
            return [record.get(key) for record in self._records]
        if isinstance(key, slice):
            return History(self._records[key])
        return self._records[key]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

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
            OptionError: another ending.
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
        write_atomically(path, text)

    def _csv(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._records)
        return out.getvalue()

    def __repr__(self) -> str:
        if not self._records:
            return "<History of 0 epochs>"
        columns = [name for name in self.columns if name != "best"]
        rows = [columns]
        rows += [[_cell(r.get(name)) for name in columns] for r in self._records]
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


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
