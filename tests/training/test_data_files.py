"""Data in files: each kind gives the bits that arrays give; bad files are errors."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DataError,
    FeedError,
)
from tests.targets.support import run
from tests.training.support import OPTIONS, make, rows, same


def idx(array: np.ndarray) -> bytes:
    """As the MNIST files are written."""
    head = struct.pack(">HBB", 0, 8, array.ndim)
    return head + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder: Path, kind: str, data: dict[str, np.ndarray]) -> Any:
    """The data as a file or folder of that kind."""
    path = folder / kind
    if kind == "data.npz":
        np.savez(path, **data)  # type: ignore[arg-type]
    elif kind == "data.csv":
        header = ",".join(["y", *(f"x{i}" for i in range(6))])
        table = np.column_stack([data["y"], data["x"]])
        np.savetxt(path, table, fmt="%d", delimiter=",", header=header, comments="")
    elif kind == "npy":
        path.mkdir()
        for name, array in data.items():
            np.save(path / f"{name}.npy", array)
    else:
        path.mkdir()
        (path / "x.idx.gz").write_bytes(gzip.compress(idx(data["x"])))
        (path / "y.idx1-ubyte").write_bytes(idx(data["y"]))
    return path


@pytest.mark.parametrize("kind", ["data.npz", "data.csv", "npy", "idx"])
def test_every_kind_of_file_gives_the_same_bits(
    kind: str, expected: gc.Trainer, tmp_path: Path
) -> None:
    data = write(tmp_path, kind, rows())
    (tmp_path / "dev").mkdir()
    dev = write(tmp_path / "dev", kind, rows(9, 1))
    trainer = make()
    history = trainer.fit(data, str(dev), test=data, batch_size=4, **OPTIONS)
    assert same(trainer.parameters, expected.parameters)
    assert trainer.evaluate(data) == expected.evaluate(rows()) == history.test
    script = make().emit(tmp_path / "train.py", "fast", include=["csv", "idx"])
    arguments = ("--data", data, "--dev", dev, "--batch-size", 4, "--epochs", 2)
    run(script, *arguments, "--out", "best.npz")
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), expected.parameters)


def test_files_may_stand_for_arrays(expected: gc.Trainer, tmp_path: Path) -> None:
    npy, other = write(tmp_path, "npy", rows()), write(tmp_path, "idx", rows())
    trainer = make()
    data = {"x": npy / "x.npy", "y": str(other / "y.idx1-ubyte")}
    trainer.fit(data, rows(9, 1), batch_size=4, **OPTIONS)
    assert same(trainer.parameters, expected.parameters)


def test_mapped_arrays_are_neither_copied_nor_converted_as_a_whole(
    expected: gc.Trainer, tmp_path: Path
) -> None:
    path = write(tmp_path, "npy", rows())
    module = expected.module
    checked = module.check_data(module.read_data(str(path)))
    assert isinstance(checked["x"].base, np.memmap)
    assert checked["x"].dtype == np.uint8
    batch = module.take_rows(checked, slice(0, 2))
    assert (batch[0].dtype, batch[1].dtype) == (np.dtype("f4"), np.dtype("i8"))
    assert module.fingerprint(checked) == module.fingerprint(module.check_data(rows()))


def test_values_are_checked_in_pieces(tmp_path: Path) -> None:
    """The bad value is found and named where the array is many pieces."""
    trainer = make()
    x = np.ones((3_000_000, 6), "f")
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    mapped[2_900_000, 5] = np.nan
    mapped[2_900_001] = np.inf
    y = np.zeros(3_000_000, "i8")
    with pytest.raises(DataError) as raised:
        trainer.evaluate({"x": mapped, "y": y})
    assert "'x' has the value nan in row 2900000, which is not finite" in str(
        raised.value
    )
    assert "(7 such of 18000000 values)" in str(raised.value)
    assert len(list(trainer.module.take_chunks(mapped))) > 3


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_wide_numbers_are_rounded_once_or_refused(style: str, tmp_path: Path) -> None:
    """Everywhere alike: float64 for a float32 model is that data as float32."""
    x = gc.input("x", ("batch", 6))
    t = gc.input("t", ("batch",))
    loss = gc.nn.mse_loss(gc.nn.Linear(6, 1, name="output")(x)[:, 0], t)
    rng = np.random.default_rng(0)
    wide = {"x": rng.normal(size=(23, 6)), "t": np.arange(23)}
    narrow = {name: array.astype("f4") for name, array in wide.items()}
    parameters = []
    for data in (wide, narrow, {n: a.tolist() for n, a in wide.items()}):
        trainer = gc.Trainer(loss, gc.optim.SGD(0.01), style=style)
        trainer.fit(data, data, batch_size=4, **OPTIONS)
        trainer.step(**data)
        assert trainer.evaluate(data) == trainer.evaluate(narrow)
        parameters.append(dict(trainer.parameters))
    assert same(parameters[0], parameters[1])
    assert same(parameters[0], parameters[2])
    strict = gc.Trainer(loss, gc.optim.SGD(0.01), strict=True, style=style)
    strict.fit(narrow, **OPTIONS)
    for call in (strict.fit, strict.evaluate):
        with pytest.raises(DataError, match="'x' requires dtype float32, got float64"):
            call(wide)
    with pytest.raises(FeedError, match="'x' requires dtype float32, got float64"):
        strict.step(**wide)
    np.savez(tmp_path / "wide.npz", **wide)  # type: ignore[arg-type]
    script = strict.emit(tmp_path / "train.py", style)
    done = run(script, "--data", "wide.npz", status=2)
    assert "'x' requires dtype float32, got float64" in done.stderr


def test_rows_of_a_file_take_the_shape_of_the_input(tmp_path: Path) -> None:
    trainer, flat = make(shape=(2, 3)), make()
    for kind in ("idx", "data.csv"):
        found = trainer.evaluate(write(tmp_path, kind, rows()))
        assert found["loss"] == pytest.approx(flat.evaluate(rows())["loss"])
    images = rows()["x"].reshape(-1, 2, 3)
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx(images)))
    data = {"x": tmp_path / "images.gz", "y": rows()["y"]}
    assert flat.evaluate(data) == flat.evaluate(rows())


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    names = ["id", "a", "b", "c", "d", "e", "f", "kind"]
    table = np.column_stack([np.arange(23), rows()["x"], rows()["y"]])
    header = ",".join(f'"{name}"' for name in names)
    np.savetxt(path, table, fmt="%g", delimiter=",", header=header, comments="")
    trainer = make()
    data = gc.CSV(path, {"x": list("abcdef"), "y": "kind"})
    assert trainer.evaluate(data) == trainer.evaluate(rows())
    x, y = trainer._inputs
    data = gc.CSV(path, {x: list("abcdef"), y: "kind"})
    assert trainer.evaluate(data) == trainer.evaluate(rows())


def test_columns_are_chosen_on_the_command_line(tmp_path: Path) -> None:
    table = np.column_stack([rows()["x"], rows()["y"]])
    options: Any = {"fmt": "%g", "delimiter": ",", "comments": ""}
    np.savetxt(tmp_path / "t.csv", table, header="a,b,c,d,e,f,kind", **options)
    script = make().emit(tmp_path / "train.py", "fast", include=["csv", "idx"])
    arguments = ("--data", "t.csv", "--batch-size", 4, "--epochs", 2)
    chosen = ("x=a,b,c,d,e,f", "y=kind")
    run(script, *arguments, "--out", "best.npz", "--columns", *chosen)
    expected = make()
    expected.fit(rows(), batch_size=4, **OPTIONS)
    with np.load(tmp_path / "best.npz") as best:
        assert same(dict(best), expected.parameters)
    for wrong in ("x", "z=a"):
        done = run(script, *arguments, "--columns", wrong, status=2)
        assert "--columns must be INPUT=A,B with x, y" in done.stderr
    done = run(script, *arguments, "--columns", "x=a,b", "y=none", status=2)
    assert "t.csv has no column 'none'" in done.stderr


def test_numbered_columns_go_by_number(tmp_path: Path) -> None:
    module = make().module
    assert module.find_columns("x", ["x10", "x_2", "y", "x[1]", "xx3", "x.0"]) == [
        *("x.0", "x[1]", "x_2", "x10"),
    ]
    assert module.find_columns("x", ["x1", "x", "y"]) == ["x"]


BAD_FILES: dict[str, tuple[str, str]] = {
    "words.csv": (
        "y,x0,x1,x2,x3,x4,x5\n1,2,2,2,2,2,2\n\n1,2,2,red,2,2,2\n",
        "words.csv, line 4, column 'x2': 'red' is no float32",
    ),
    "hash.csv": (
        "y,x0,x1,x2,x3,x4,x5\n#N/A,2,2,2,2,2,2\n",
        "line 2, column 'y': '#N/A' is no int64",
    ),
    "part.csv": (
        "y,x0,x1,x2,x3,x4,x5\n1,30#5,2,2,2,2,2\n",
        "'30#5' is no float32",
    ),
    "separator.csv": ("y;x0\n1;2\n", "has no column for 'x'; it has y;x0"),
    "comma.csv": ('y,x0,x1,x2,x3,x4,x5\n1,"2,5",1,1,1,1,1\n', "'2,5' is no float32"),
    "underscore.csv": ("y,x0,x1,x2,x3,x4,x5\n1_0,2,2,2,2,2,2\n", "'1_0' is no int64"),
    "empty cell.csv": ("y,x0,x1,x2,x3,x4,x5\n1,2,2,,2,2,2\n", "'x2': '' is no float32"),
    "quote.csv": ('y,x0\n"1,2\n', "is no CSV file"),
    "nothing.csv": ("y,x0,x1,x2,x3,x4,x5\n\n", "has no rows"),
    "missing.csv": ("y,x0,x1,x2,x3,x4,x5\nnan,1,1,1,1,1,1\n", "'y': 'nan' is no int64"),
    "short.csv": ("y,x0\n1\n", "short.csv, line 2: 1 values for 2 columns"),
    "twice.csv": ("y,y\n1,2\n", "two columns of the same name"),
    "none.csv": ("y,z\n1,2\n", "has no column for 'x'; it has y, z"),
    "half.csv": (
        "y,x0,x1,x2,x3,x4,x5\n0.5,1,1,1,1,1,1\n",
        "line 2, column 'y': '0.5' is no int64",
    ),
    "label.csv": ("y,x0,x1,x2,x3,x4,x5\n3,1,1,1,1,1,1\n", "the value 3 in row 0"),
    "empty.csv": ("", "has no column for 'x'"),
    "x.npy": ("no array", "damaged"),
    "x.idx": ("\0\0\x08\x01\0\0\0\x09abc", "no .npy or IDX file, or it is damaged"),
    "y.gz": ("no gzip", "no .npy or IDX file, or it is damaged"),
    "z.idx": ("\0", "no .npy or IDX file, or it is damaged"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_clear_errors(name: str, tmp_path: Path) -> None:
    content, message = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    trainer = make()
    data: Any = path if name.endswith(".csv") else {"x": path, "y": rows()["y"]}
    with pytest.raises(DataError) as raised:
        trainer.evaluate(data)
    assert message in str(raised.value)


def test_integers_of_a_csv_file_are_exact(tmp_path: Path) -> None:
    """Beyond 2**53 not every integer is a float64."""
    numbers = [2**53 + 1, -(2**63), 2**63 - 1, 7, -3]
    path = tmp_path / "numbers.csv"
    texts = [*map(str, numbers[:3]), "7.0", "-3e0"]
    path.write_text("key,note\n" + "".join(f"{text},# any\n" for text in texts))
    key = gc.input("key", ("batch",), "int64")
    w = gc.parameter("w", (), gc.init.ones())
    trainer = gc.Trainer(w * gc.mean((key * 0).astype("float32")), gc.optim.SGD(0.1))
    found = trainer.module.read_data(str(path))["key"]
    assert found.tolist() == numbers
    for wrong in ("9007199254740993.0", "9223372036854775808", "1e30", "inf"):
        path.write_text(f"key\n1\n{wrong}\n")
        with pytest.raises(DataError):
            trainer.evaluate(path)


def test_a_compressed_csv_file_and_columns_of_text(tmp_path: Path) -> None:
    text = "id,y,x0,x1,x2,x3,x4,x5\n"
    for number, (x, y) in enumerate(zip(rows()["x"], rows()["y"], strict=True)):
        text += f"row {number}, {y} ,{','.join(map(str, x))}\n"
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(text.encode("utf-8-sig")))
    trainer = make()
    assert trainer.evaluate(path) == trainer.evaluate(rows())
    path.write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(DataError, match=r"data\.csv\.gz is no CSV file"):
        trainer.evaluate(path)


def test_the_file_of_an_input_is_the_one_called_so(tmp_path: Path) -> None:
    folder = write(tmp_path, "npy", rows())
    for other in ("y.old.npy", "y.0.npy", "y.npy.bak", "y2.npy", "my.npy"):
        np.save(folder / "other", rows()["y"][::-1])
        (folder / "other.npy").rename(folder / other)
    trainer = make()
    assert trainer.evaluate(folder) == trainer.evaluate(rows())
    (folder / "y.idx.gz").write_bytes(gzip.compress(idx(rows()["y"])))
    with pytest.raises(DataError, match=r"has two files for 'y': y\.idx\.gz, y\.npy"):
        trainer.evaluate(folder)
    for name in ("y.npy", "y.idx.gz"):
        (folder / name).unlink()
    with pytest.raises(DataError, match="lacks the array 'y'"):
        trainer.evaluate(folder)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_numbers_need_not_be_finite_where_the_model_asks(
    style: str, tmp_path: Path
) -> None:
    x, z = gc.input("x", ("batch", 3)), gc.input("z", ("batch", 3))
    w = gc.parameter("w", (3,), gc.init.ones())
    known = gc.where(gc.isnan(x[:, :2]), 0.5, x[:, :2])
    loss = gc.mean((known @ w[:2] + z @ w) ** 2)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.01), style=style)
    data = {"x": np.ones((6, 3)), "z": np.ones((6, 3))}
    data["x"][4, 1] = np.nan
    half = {"x": np.where(np.isnan(data["x"]), 0.5, data["x"]), "z": data["z"]}
    expected = gc.Trainer(loss, gc.optim.SGD(0.01), style=style)
    for each, given in ((trainer, data), (expected, half)):
        each.fit(given, given, batch_size=2, epochs=2, verbose=False)
        each.step(**given)
    assert same(trainer.parameters, expected.parameters)
    assert trainer.evaluate(data) == trainer.evaluate(half)
    np.savez(tmp_path / "data.npz", **data)  # type: ignore[arg-type]
    run(trainer.emit(tmp_path / "train.py", style), "--data", "data.npz")
    for name, value in (("z", np.nan), ("x", np.inf)):
        bad = {key: array.copy() for key, array in data.items()}
        bad[name][5, 2] = value
        with pytest.raises(DataError, match=f"'{name}' has the value {value} in row 5"):
            trainer.fit(bad, verbose=False)
        with pytest.raises(FeedError, match=f"must be finite, got {value}"):
            trainer.step(**bad)


def test_infinities_where_the_model_asks() -> None:
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), gc.init.ones())
    for ask, allowed in (
        (gc.isinf, ["inf"]),
        (gc.isfinite, ["inf", "nan"]),
        (gc.isnan, ["nan"]),
    ):
        trainer = gc.Trainer(w * gc.mean(ask(x).astype("float32")), gc.optim.SGD(0.1))
        for value in (np.inf, -np.inf, np.nan):
            data = {"x": np.array([1.0, value])}
            if str(abs(value)) in allowed:
                trainer.evaluate(data)
                trainer.step(**data)
            else:
                with pytest.raises(DataError, match="in row 1, which is not finite"):
                    trainer.evaluate(data)
                with pytest.raises(FeedError, match=r"must be finite, .* \(1,\)"):
                    trainer.step(**data)


def test_a_folder_that_lacks_an_input_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows()["x"])
    with pytest.raises(DataError, match="lacks the array 'y'; it has x"):
        make().evaluate(tmp_path)
