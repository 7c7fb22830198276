"""A history: rows, columns, files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from graphc.errors import OptionError
from graphc.training.history import History

RECORDS = [
    {"epoch": 1, "loss": 0.1 + 0.2, "dev_accuracy": 0.5, "best": True},
    {"epoch": 2, "loss": 1e-9, "dev_accuracy": 0.75, "best": True},
    {"epoch": 3, "loss": 2.0, "dev_accuracy": 0.25, "best": False},
]


def test_it_reads_as_a_list_of_records() -> None:
    history = History(RECORDS)
    assert len(history) == 3
    assert list(history) == RECORDS
    assert history[-1]["epoch"] == 3
    assert history[1:] == History(RECORDS[1:])
    assert history.best == RECORDS[1]


def test_it_reads_as_columns() -> None:
    history = History(RECORDS)
    assert history.columns == ("epoch", "loss", "dev_accuracy", "best")
    assert history["epoch"] == [1, 2, 3]
    assert history.to_dict() == {name: history[name] for name in history.columns}
    with pytest.raises(KeyError, match="the columns are epoch, loss"):
        history["accuracy"]


def test_a_column_that_some_records_lack_has_none_there() -> None:
    history = History([{"epoch": 1}, {"epoch": 2, "dev_loss": 0.5}])
    assert history["dev_loss"] == [None, 0.5]
    assert history.best is None


def test_an_interrupted_run_is_marked() -> None:
    history = History([RECORDS[0], {"epoch": 2, "interrupted": True}])
    assert history.interrupted
    assert len(history) == 1
    assert "interrupted" in repr(history)
    assert not History(RECORDS).interrupted


def test_the_records_are_copies() -> None:
    record = dict(RECORDS[0])
    history = History([record])
    record["loss"] = 7
    assert history["loss"] == [0.1 + 0.2]


def test_it_is_saved_as_csv_with_all_digits(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    History(RECORDS).save(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [r["loss"] for r in RECORDS]
    assert rows[0]["epoch"] == "1"
    assert path.read_bytes().count(b"\r") == 0


def test_it_is_saved_as_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    History(RECORDS).save(path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == RECORDS


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.csv or \.jsonl, got 'h\.txt'"):
        History(RECORDS).save("h.txt")


def test_it_shows_a_table() -> None:
    lines = repr(History(RECORDS)).splitlines()
    assert lines[0].split() == ["epoch", "loss", "dev_accuracy"]
    assert lines[1].split() == ["1", "0.3", "0.5"]
    assert len({len(line) for line in lines}) == 1
    assert repr(History()) == "<History of 0 epochs>"


def test_a_long_table_is_shortened() -> None:
    text = repr(History([{"epoch": n + 1} for n in range(100)]))
    lines = text.splitlines()
    assert len(lines) == 22
    assert lines[1].split() == ["1"]
    assert lines[-1].split() == ["100"]
    assert "80 more epochs" in text


def test_positions_of_records() -> None:
    records = [{"epoch": 1}, {"epoch": 2}, {"epoch": 1}]
    history = History(records)
    assert history.index({"epoch": 1}, 1) == records.index({"epoch": 1}, 1) == 2
    assert history.index({"epoch": 1}, -1) == records.index({"epoch": 1}, -1) == 2
    assert history.count({"epoch": 1}) == 2
    for value, *bounds in (({"epoch": 2}, 2), ({"epoch": 1}, 1, 2), (7,)):
        with pytest.raises(OptionError, match="has no record"):
            history.index(value, *bounds)
