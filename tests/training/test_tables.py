"""CSV files in the shapes in which data sets are published, and data frames.

What each file means is written beside it, as numbers.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DataError, FeedError, MissingExtraError, OptionError
from graphc.training.tables import read_table

pd: Any = pytest.importorskip("pandas")

NAN = math.nan

IRIS = """sepal_length,sepal_width,species
5.1,3.5,setosa
7.0,3.2,versicolor
6.3,3.3,virginica
"""
PENGUINS = """"species","island","bill_length_mm","body_mass_g","sex","year"
"Adelie","Torgersen",39.1,3750,"male",2007
"Adelie","Torgersen",NA,NA,NA,2007

"Gentoo","Biscoe",46.1,4500,"female",2008
"Chinstrap","Dream",49.5,NA,"male",2009
"""
WINE = """"fixed acidity";"pH";"quality"
7.4;3.51;5
11.2;3.16;6
"""
ADULT = """age, workclass, hours-per-week, income
39, State-gov, 40, <=50K
52, ?, 45, >50K
28, Private, 40, <=50K
"""
TITANIC = '''PassengerId,Survived,Name,Sex,Age,Fare
1,0,"Braund, Mr. Owen ""Harris""",male,22,7.25
2,1,"Cumings, Mrs. John
 Bradley",female,,71.2833
3,1,"Heikkinen, Miss. Laina",female,26,7.925
'''
DECIMAL = """datum;temperatur;regen
01.05.2020;12,5;0
02.05.2020;-3;1
03.05.2020;1,25E1;0
"""


def trainer(features: int, dtype: str = "int64", asks: bool = False) -> gc.Trainer:
    x, y = gc.input("x", ("batch", features)), gc.input("y", ("batch",), dtype)
    known = gc.where(gc.isnan(x), 0.0, x) if asks else x
    out = gc.nn.Linear(features, 3, name="output")(known)
    loss = gc.nn.mse_loss(out[:, 0], y) if dtype[0] == "f" else None
    return gc.Trainer(loss or gc.nn.cross_entropy(out, y), gc.optim.SGD(0.001))


# Text, how to read it, and the rows of x and y that it means.
READ: dict[str, tuple[str, dict[str, Any], list[list[float]], list[float]]] = {
    "iris": (
        IRIS,
        {
            "columns": {"x": ["sepal_length", "sepal_width"], "y": "species"},
            "classes": {"species": ["setosa", "versicolor", "virginica"]},
        },
        [[5.1, 3.5], [7.0, 3.2], [6.3, 3.3]],
        [0, 1, 2],
    ),
    "penguins, rows dropped": (
        PENGUINS,
        {
            "columns": {"x": ["bill_length_mm", "body_mass_g"], "y": "sex"},
            "classes": {"sex": ["female", "male"]},
            "missing": "drop",
        },
        [[39.1, 3750], [46.1, 4500]],
        [1, 0],
    ),
    "penguins, by column": (
        PENGUINS,
        {
            "columns": {"x": ["bill_length_mm", "sex"], "y": "species"},
            "classes": {
                "sex": ["unknown", "female", "male"],
                "species": ["Adelie", "Chinstrap", "Gentoo"],
            },
            "missing": {"bill_length_mm": -1.5, "sex": "unknown"},
        },
        [[39.1, 2], [-1.5, 0], [46.1, 1], [49.5, 2]],
        [0, 0, 2, 1],
    ),
    "wine": (
        WINE.replace("6\n", "2\n").replace("5\n", "1\n"),
        {"columns": {"x": ["fixed acidity", "pH"], "y": "quality"}, "sep": ";"},
        [[7.4, 3.51], [11.2, 3.16]],
        [1, 2],
    ),
    "adult": (
        ADULT,
        {
            "columns": {"x": ["age", "hours-per-week"], "y": "income"},
            "classes": {"income": ["<=50K", ">50K"]},
        },
        [[39, 40], [52, 45], [28, 40]],
        [0, 1, 0],
    ),
    "adult, rows dropped": (
        ADULT,
        {
            "columns": {"x": ["age", "workclass"], "y": "income"},
            "classes": {
                "income": ["<=50K", ">50K"],
                "workclass": ["Private", "State-gov"],
            },
            "missing": "drop",
        },
        [[39, 1], [28, 0]],
        [0, 0],
    ),
    "titanic": (
        TITANIC,
        {
            "columns": {"x": ["Sex", "Age", "Fare"], "y": "Survived"},
            "classes": {"Sex": ["female", "male"]},
            "missing": {"Age": 30},
        },
        [[1, 22, 7.25], [0, 30, 71.2833], [0, 26, 7.925]],
        [0, 1, 1],
    ),
    "decimal comma": (
        DECIMAL,
        {
            "columns": {"x": ["temperatur"], "y": "regen"},
            "sep": ";",
            "decimal": ",",
        },
        [[12.5], [-3.0], [12.5]],
        [0, 1, 0],
    ),
    "iris, without a line of names": (
        "\n".join(IRIS.splitlines()[1:]) + "\n\n",
        {
            "names": ["length", "width", "kind"],
            "columns": {"x": ["length", "width"], "y": "kind"},
            "classes": {"kind": ["setosa", "versicolor", "virginica"]},
        },
        [[5.1, 3.5], [7.0, 3.2], [6.3, 3.3]],
        [0, 1, 2],
    ),
    "other quotes and names of missing": (
        "x0\tx1\ty\n'1'\t-99\t0\n2.5\t3\t2\n",
        {"sep": "\t", "quotechar": "'", "na_values": ["-99"], "missing": 7},
        [[1, 7], [2.5, 3]],
        [0, 2],
    ),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("case", READ)
def test_published_files(case: str, compressed: bool, tmp_path: Path) -> None:
    text, options, x, y = READ[case]
    path = tmp_path / ("data.csv.gz" if compressed else "data.csv")
    text = text.replace("\n", "\r\n") if compressed else text
    content = text.encode("utf-8-sig" if compressed else "utf-8")
    path.write_bytes(gzip.compress(content) if compressed else content)
    model = trainer(len(x[0]))
    expected = {"x": np.array(x), "y": np.array(y, "int64")}
    table = gc.CSV(path, **options)
    assert model.evaluate(table) == model.evaluate(expected)
    other = trainer(len(x[0]))
    for each, data in ((model, table), (other, expected)):
        each.fit(data, data, epochs=2, batch_size=2, verbose=False)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[name])


WRONG: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "text for a number": (
        IRIS.replace("3.2", "wide"),
        {"columns": {"x": ["sepal_length", "sepal_width"], "y": "species"}},
        "data.csv, line 3, column 'sepal_width': 'wide' is no float32",
        'na_values=["wide"]',
    ),
    "labels without classes": (
        IRIS,
        {"columns": {"x": ["sepal_length", "sepal_width"], "y": "species"}},
        "line 2, column 'species': 'setosa' is no int64 (3 such)",
        'classes={"species": ["setosa", "versicolor", "virginica"]}',
    ),
    "a class that was not declared": (
        IRIS,
        {
            "columns": {"x": ["sepal_length", "sepal_width"], "y": "species"},
            "classes": {"species": ["setosa", "virginica"]},
        },
        "line 3, column 'species': 'versicolor' is not one of the classes 'setosa', 'v",
        "",
    ),
    "missing": (
        PENGUINS,
        {
            "columns": {"x": ["bill_length_mm", "body_mass_g"], "y": "sex"},
            "classes": {"sex": ["female", "male"]},
        },
        "line 3, column 'bill_length_mm': the value is missing (1 such)",
        'missing="drop"',
    ),
    "missing after a blank line": (
        PENGUINS,
        {
            "columns": {"x": ["body_mass_g", "year"], "y": "sex"},
            "classes": {"sex": ["female", "male"]},
            "missing": {"sex": "drop", "body_mass_g": "refuse"},
        },
        "column 'body_mass_g': the value is missing (2 such)",
        "",
    ),
    "after a line break in a cell": (
        TITANIC.replace("7.925", "7.9.25"),
        {"columns": {"x": ["Fare", "PassengerId"], "y": "Survived"}},
        "line 5, column 'Fare': '7.9.25' is no float32",
        "",
    ),
    "decimal comma": (
        DECIMAL,
        {"columns": {"x": ["temperatur", "regen"], "y": "regen"}, "sep": ";"},
        "line 2, column 'temperatur': '12,5' is no float32 (2 such)",
        'decimal=","',
    ),
    "grouped digits": (
        "x0;x1;y\n1.234;2;1\n",
        {"sep": ";", "decimal": ","},
        "column 'x0': '1.234' is no float32",
        "",
    ),
    "a comment": ("x0,x1,y\n#1,2,1\n", {}, "'#1' is no float32", ""),
    "half a label": ("x0,x1,y\n1,2,0.5\n", {}, "'0.5' is no int64", "whole numbers"),
    "a huge label": ("x0,x1,y\n1,2,1e300\n", {}, "'1e300' is no int64", ""),
    "separator": (WINE, {}, "has no column for 'x'; it has fixed acidity;", 'sep=";"'),
    "a column that is not there": (
        IRIS,
        {"columns": {"x": ["petal", "sepal_width"], "y": "species"}},
        "has no column 'petal'; it has sepal_length, sepal_width, species",
        "",
    ),
    "without a line of names": ("1,2,3\n3,4,2\n", {}, "it has 1, 2, 3", "names="),
    "a first line of equal numbers": ("1,1,0\n", {}, "it has 1, 1, 0", "names="),
    "names, and a place": (
        "1,2,1\n3,a,2\n",
        {"names": ["x0", "x1", "y"]},
        "line 2, column 'x1': 'a' is no float32",
        "",
    ),
    "too few names": ("1,2,1\n", {"names": ["x0"]}, "has 3 columns, names has 1", ""),
    "twice": ("x0,x1,y,y\n1,2,3,4\n", {}, "two columns of the name 'y'", ""),
    "too many values": ("x0,x1,y\n1,2,1\n1,2,1,4\n", {}, "line 3, saw 4", ""),
    "no rows": ("x0,x1,y\n", {}, "has no rows", ""),
    "nothing": ("", {}, "has no column for 'x'", ""),
    "all rows dropped": ("x0,x1,y\n,2,1\n", {"missing": "drop"}, "has no rows", ""),
    "out of range": ("x0,x1,y\n1,2,1\n1,2,3\n", {}, "the value 3 in row 1", ""),
    "too large": ("x0,x1,y\n1,1e39,1\n", {}, "the value inf in row 0", ""),
    "a class of another column": (
        "x0,x1,y\n1,2,1\n",
        {"classes": {"z": ["a"]}},
        "classes is about 'z', which no input is made of; columns in use: x0, x1, y",
        "",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_by_line_and_name(case: str, tmp_path: Path) -> None:
    text, options, message, hint = WRONG[case]
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises((DataError, OptionError)) as caught:
        trainer(2).evaluate(gc.CSV(path, **options))
    assert message in str(caught.value)
    assert hint in str(caught.value)


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"sep": ""}, "sep must be a text"),
    ({"names": "xyz"}, "names must be a list"),
    ({"decimal": "·"}, "decimal must be"),
    ({"quotechar": ""}, "quotechar must be a text"),
    ({"na_values": "NA"}, "na_values must be a list"),
    ({"missing": None}, "missing must be"),
    ({"missing": {"x0": [1]}}, "missing must be"),
    ({"classes": {"y": "abc"}}, "classes"),
    ({"classes": {"y": ["a", "a"]}}, "different texts"),
    ({"encoding": "no such"}, "is no CSV file"),
    ({"quotechar": "long"}, "quotechar must be one letter"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS)
def test_bad_options(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x0,x1,y\n1,2,1\n")
    with pytest.raises((OptionError, DataError), match=message):
        trainer(2).evaluate(gc.CSV(path, **options))


def test_bad_files(tmp_path: Path) -> None:
    model = trainer(2)
    with pytest.raises(FileNotFoundError):
        model.evaluate(gc.CSV(tmp_path / "none.csv"))
    for name, content in {
        "latin.csv": "x0,x1,y\n1,é,0\n".encode("latin-1"),
        "cut.csv.gz": gzip.compress(b"x0,x1,y\n1,2,0\n" * 50)[:-9],
        "text.csv.gz": b"x0,x1,y\n1,2,0\n",
        "quote.csv": b'x0,x1,y\n"1,2,0\n',
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            model.evaluate(gc.CSV(tmp_path / name))


def test_integers_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    numbers = [2**53 + 1, -(2**63), 2**63 - 1]
    path.write_text("key,note\n" + "".join(f"{n},NA\n" for n in numbers))
    key = gc.input("key", ("batch",), "int64")
    w = gc.parameter("w", (), gc.init.ones())
    model = gc.Trainer(w * gc.mean((key * 0).astype("float32")), gc.optim.SGD(0.1))
    data = read_table(model.module, gc.CSV(path), "data")
    assert data["key"].tolist() == numbers
    path.write_text(f"key\n{2**53 + 1}\nNA\n")
    data = read_table(model.module, gc.CSV(path, missing="drop"), "data")
    assert data["key"].tolist() == [2**53 + 1]


def test_missing_numbers_where_the_model_asks(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x0,x1,y\n1,?,0\n,2,1\n")
    asking, other = trainer(2, asks=True), trainer(2)
    zeros = {"x": np.array([[1, 0], [0, 2.0]]), "y": np.array([0, 1])}
    for table in (gc.CSV(path), gc.CSV(path, missing=NAN)):
        assert asking.evaluate(table) == other.evaluate(zeros)
    with pytest.raises(DataError, match="'x' has the value nan in row 0"):
        other.evaluate(gc.CSV(path, missing=NAN))


def test_frames_are_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 2)), rng.integers(0, 3, 7)
    kinds = np.array(["a", "b", "c"])
    expected = trainer(2)
    want = expected.evaluate({"x": x, "y": y})
    frame = pd.DataFrame({"x0": x[:, 0], "id": "row", "x1": x[:, 1], "y": y})
    text = frame.assign(y=kinds[y])
    category = frame.assign(y=pd.Categorical(kinds[y]))
    nullable = frame.assign(y=frame["y"].astype("Int64"), x1=frame.x1.astype("Float64"))
    pair = nullable[["x0", "x1"]]
    classes = {"y": ["a", "b", "c"]}
    model = trainer(2)
    for data in (
        frame,
        nullable,
        frame[::-1][::-1].set_index("id"),
        gc.CSV(frame),
        gc.CSV(text, classes=classes),
        gc.CSV(category, {"x": ["x0", "x1"], "y": "y"}, classes=classes),
        {"x": frame[["x0", "x1"]], "y": frame["y"]},
        {"x": pair, "y": nullable["y"]},
        lambda: iter([frame]),
    ):
        assert model.evaluate(data) == want
    model.fit(frame, nullable, epochs=1, batch_size=3, verbose=False)
    expected.fit({"x": x, "y": y}, epochs=1, batch_size=3, verbose=False)
    np.testing.assert_array_equal(
        model.parameters["output.weight"], expected.parameters["output.weight"]
    )
    step = {"x": frame[["x0", "x1"]], "y": frame["y"]}
    assert model.step(**step) == expected.step(x=x, y=y)
    node = gc.input("x", ("n", 2), "float64")
    for value in (frame[["x0", "x1"]], pair):
        np.testing.assert_array_equal(gc.evaluate(node * 2, {"x": value}), 2 * x)
        np.testing.assert_array_equal(gc.compile(node * 2)(x=value), 2 * x)
    with pytest.raises(FeedError, match="float64, but column 'y' holds"):
        gc.evaluate(node * 2, {"x": text[["x0", "y"]]})


def test_what_is_wrong_in_frames_is_said_by_row_and_name() -> None:
    frame = pd.DataFrame({"x0": [1.0, 2.0], "x1": [1.0, None], "y": [0, 1]})
    cases: list[tuple[Any, str]] = [
        (frame, "train, row 1, column 'x1': the value is missing"),
        (gc.CSV(frame, missing="drop"), ""),
        (gc.CSV(frame, missing=3), ""),
        (frame.fillna(0).assign(y=["a", "b"]), "row 0, column 'y': 'a' is no int64"),
        (
            frame.fillna(0).assign(y=[0.5, 1.0]),
            "row 0, column 'y': .*0.5.* is no int64",
        ),
        (frame.fillna(0).assign(y=[0.0, 1.0]), ""),
        (frame.fillna(0).drop(columns="y"), "has no column for 'y'; it has x0, x1"),
        (frame.fillna(0).assign(y=[0, 7]), "'y' has the value 7 in row 1"),
        (
            frame.fillna(0).assign(x1=pd.to_datetime(["2020-01-01"] * 2)),
            "column 'x1' holds times",
        ),
    ]
    for data, message in cases:
        model = trainer(2)
        if not message:
            model.fit(data, epochs=1, verbose=False)
            continue
        with pytest.raises(DataError, match=message):
            model.fit(data, epochs=1, verbose=False)
    with pytest.raises(OptionError, match="steps_per_epoch is for streams"):
        trainer(2).fit(frame, steps_per_epoch=2)


def test_without_pandas_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    path = tmp_path / "data.csv"
    path.write_text("x0,x1,y\n1,2,1\n")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        trainer(2).evaluate(gc.CSV(path))
    assert trainer(2).evaluate(path)["loss"] > 0
