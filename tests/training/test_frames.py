"""Frames and series of pandas, polars, pyarrow and others as data and as feeds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DataError, FeedError, MissingExtraError
from tests.training.support import make, rows

KINDS = [
    "pandas",
    *(pytest.param(kind, marks=pytest.mark.peer) for kind in ("polars", "pyarrow")),
]
Columns = dict[str, list[Any]]


def frame_of(kind: str, columns: Columns) -> Any:
    package: Any = pytest.importorskip(kind)
    if kind == "pyarrow":
        return package.table(columns)
    frame = package.DataFrame(columns)
    return frame.convert_dtypes() if kind == "pandas" else frame


def part(frame: Any, names: list[str]) -> Any:
    return frame.select(names) if hasattr(frame, "select") else frame[names]


def columns() -> Columns:
    x, y = rows().values()
    found = {f"x{i}": x[:, i].astype(float).tolist() for i in range(6)}
    # In another order than the inputs', and beside one that no input is made of.
    return {"y": y.tolist(), "note": ["text"] * 23, **dict(reversed(found.items()))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_is_data(kind: str) -> None:
    frame = frame_of(kind, columns())
    pair = {"x": part(frame, [f"x{i}" for i in range(6)]), "y": frame["y"]}
    model = make()
    expected = model.evaluate(rows())
    for data in (frame, pair, gc.CSV(frame), [frame], lambda: [pair]):
        assert model.evaluate(data) == expected
    other = make()
    model.fit(frame, frame, epochs=1, batch_size=5, verbose=False)
    other.fit(rows(), rows(), epochs=1, batch_size=5, verbose=False)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[name])
    assert model.predict(x=pair["x"]).shape == (23, 3)
    x = gc.input("x", ("n", 6))
    np.testing.assert_array_equal(
        gc.compile(2 * x)(x=pair["x"]), 2.0 * rows()["x"].astype("float32")
    )


WRONG: list[tuple[str, Any, str, str]] = [
    ("x2", None, "column 'x2': the value is missing", "'x' has the value nan in row 3"),
    (
        "y",
        None,
        "column 'y': the value is missing",
        "column 'y' lacks a value in row 3",
    ),
    ("x2", "wide", "column 'x2': 'wide' is no float32", "column 'x2' holds"),
    ("y", "cat", "column 'y': 'cat' is no int64", "column 'y' holds"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "value", "whole", "parts"), WRONG)
def test_what_is_wrong_is_said_by_column(
    kind: str, name: str, value: Any, whole: str, parts: str
) -> None:
    given = columns()
    if isinstance(value, str):
        given[name] = [str(int(each)) for each in given[name]]
    given[name][3] = value
    frame = frame_of(kind, given)
    pair = {"x": part(frame, [f"x{i}" for i in range(6)]), "y": frame["y"]}
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: make().evaluate(frame), whole),
        (lambda: make().evaluate(pair), parts.replace("column 'y'", "column")),
    ]
    for call, message in calls:
        with pytest.raises(DataError) as caught:
            call()
        said = str(caught.value).replace("the column", "column")
        assert message in said.replace("column 'y' ", "column ") or message in said
    if value is not None:
        labels = (
            gc.input("x", ("n", 6)) if name == "x2" else gc.input("y", ("n",), "int64")
        )
        with pytest.raises(FeedError, match="which is not a number"):
            gc.compile(labels + 1)(pair[str(labels.name)])


@pytest.mark.parametrize("kind", KINDS)
def test_labels_and_what_is_missing_are_declared(kind: str) -> None:
    given = columns()
    names = ["a", "b", "c"]
    given["y"] = [names[each] for each in given["y"]]
    given["x0"][2] = None
    table = gc.CSV(frame_of(kind, given), classes={"y": names}, missing={"x0": 7})
    filled = rows()
    filled["x"][2, 0] = 7
    assert make().evaluate(table) == make().evaluate(filled)


@pytest.mark.peer
def test_frames_of_other_packages_come_by_a_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = frame_of("pyarrow", columns())

    class Stream:
        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return table.__arrow_c_stream__(requested_schema)

    class Interchange:
        def __dataframe__(self, **options: Any) -> Any:
            return table.__dataframe__(**options)

    expected = make().evaluate(rows())
    for frame in (Stream(), Interchange()):
        assert make().evaluate(frame) == expected  # pyright: ignore
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"graphc\[frames\]"):
        make().evaluate(Stream())  # pyright: ignore


@pytest.mark.peer
def test_polars_and_pyarrow_need_no_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [frame_of(kind, columns()) for kind in ("polars", "pyarrow")]
    monkeypatch.setitem(sys.modules, "pandas", None)
    for frame in frames:
        assert make().evaluate(frame)["loss"] > 0


@pytest.mark.peer
def test_what_a_dictionary_of_pyarrow_lacks_is_missing() -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    given = columns()
    labels = [["a", "b", "c"][each] for each in given["y"]]
    halves = [labels[:9], [None, *labels[10:]]]
    for chunks in ([labels[:9], labels[9:]], halves):
        coded = [arrow.array(chunk).dictionary_encode() for chunk in chunks]
        frame = arrow.table({**given, "y": arrow.chunked_array(coded)})
        table = gc.CSV(frame, classes={"y": ["a", "b", "c"]})
        if chunks is not halves:
            assert make().evaluate(table) == make().evaluate(rows())
            continue
        with pytest.raises(DataError, match="row 9, column 'y': the value is missing"):
            make().evaluate(table)


LISTS: dict[str, Callable[[Any, list[list[float]]], Any]] = {
    "lists of pandas": lambda package, x: package.Series(x),
    "arrays of pandas": lambda package, x: package.Series([np.array(row) for row in x]),
    "lists of polars": lambda package, x: package.Series(x),
    "arrays of polars": lambda package, x: package.Series(
        x, dtype=package.Array(package.Float64, 6)
    ),
    "lists of pyarrow": lambda package, x: package.array(x),
    "arrays of pyarrow": lambda package, x: package.array(
        x, package.list_(package.float64(), 6)
    ),
}


@pytest.mark.parametrize(
    "case",
    [
        name if name.endswith("pandas") else pytest.param(name, marks=pytest.mark.peer)
        for name in LISTS
    ],
)
def test_a_column_of_lists_is_several(case: str) -> None:
    kind = case.split()[-1]
    package: Any = pytest.importorskip(kind)
    x, y = rows().values()
    expected = make().evaluate(rows())
    column = LISTS[case](package, x.astype(float).tolist())
    made = package.table if kind == "pyarrow" else package.DataFrame
    assert make().evaluate(made({"x": column, "y": y})) == expected
    assert make().evaluate({"x": column, "y": y}) == expected
    uneven = [row[: 5 + place % 2] for place, row in enumerate(x.tolist())]
    frame = made({"x": uneven, "y": y})
    for data in (frame, {"x": frame["x"], "y": y}):
        with pytest.raises(DataError, match="holds lists of 5 to 6 values"):
            make().evaluate(data)


def test_columns_are_named_in_errors() -> None:
    frame = frame_of("pandas", columns())
    with pytest.raises(DataError, match="requires 6 numbers in a row, got 5, of the"):
        make().evaluate(frame.drop(columns="x3"))
    times = np.arange(len(frame)).astype("datetime64[D]")
    for values in (times, times.tolist(), times - times[0]):
        with pytest.raises(DataError, match="train: column 'x3' holds times"):
            make().fit(frame.assign(x3=values), epochs=1, verbose=False)
    twice = frame.assign(other=1).rename(columns={"other": "note"})
    assert make().evaluate(twice) == make().evaluate(rows())
    with pytest.raises(DataError, match="has two columns of the name 'x3'"):
        make().evaluate(twice.rename(columns={"note": "x3"}))
    with pytest.raises(DataError, match=r"no|not an \.npz file"):
        make().evaluate("rows.parquet")


def test_columns_may_be_numbers_and_an_index() -> None:
    pandas: Any = pytest.importorskip("pandas")
    x, y = rows().values()
    frame = pandas.DataFrame(x).assign(y=y)
    frame.columns = [*range(7)]
    expected = make().evaluate(rows())
    for names in (range(6), frame.columns[:6], [str(i) for i in range(6)]):
        assert make().evaluate(gc.CSV(frame, {"x": names, "y": 6})) == expected


def test_numbers_that_are_objects_are_numbers() -> None:
    frame = frame_of("pandas", columns()).astype({"x2": object})
    names = [f"x{i}" for i in range(6)]
    assert make().evaluate({"x": frame[names], "y": frame["y"]}) == make().evaluate(
        rows()
    )


@pytest.mark.peer
def test_a_lazy_frame_is_collected() -> None:
    frame = frame_of("polars", columns())
    expected = make().evaluate(rows())
    pair = {"x": frame.lazy().select([f"x{i}" for i in range(6)]), "y": frame["y"]}
    for data in (frame.lazy(), gc.CSV(frame.lazy()), pair, [frame.lazy()]):
        assert make().evaluate(data) == expected
