"""Data as users bring it: files of each kind, arrays on disk, streams, callbacks."""

from __future__ import annotations

import gzip
import itertools
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    CheckpointError,
    DataError,
    FeedError,
    MissingExtraError,
    OptionError,
)
from tests.targets.support import load, run

HERE = Path(__file__).name
OPTIONS: dict[str, Any] = {"epochs": 2, "verbose": False}


def make(dtype: str = "float32", shape: tuple[int, ...] = (6,)) -> gc.Trainer:
    x = gc.input("x", ("batch", *shape), dtype)
    y = gc.input("y", ("batch",), "int64")
    flat = gc.reshape(x, (-1, 6)) if len(shape) > 1 else x
    logits = gc.nn.Linear(6, 3, name="output")(flat)
    metrics = {"accuracy": gc.metrics.accuracy(logits, y)}
    return gc.Trainer(gc.nn.cross_entropy(logits, y), gc.optim.SGD(0.1), metrics)


def rows(count: int = 23, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.integers(0, 5, (count, 6)).astype("u1"),
        "y": rng.integers(0, 3, count).astype("u1"),
    }


def same(a: Any, b: Any) -> bool:
    return list(a) == list(b) and all(a[n].tobytes() == b[n].tobytes() for n in a)


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


@pytest.fixture(scope="module")
def expected() -> gc.Trainer:
    trainer = make()
    trainer.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    return trainer


# Files --------------------------------------------------------------------------------


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
    script = make().emit(tmp_path / "train.py", style="fast")
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
    script = make().emit(tmp_path / "train.py", style="fast")
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


# Streams ------------------------------------------------------------------------------


def batches(data: Any, size: int = 4) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(data["y"]), size):
        yield {name: array[start : start + size] for name, array in data.items()}


def test_a_function_gives_the_batches_of_every_epoch() -> None:
    epochs: list[int] = []

    def stream(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        epochs.append(epoch)
        order = np.random.default_rng([0, 2, epoch]).permutation(23)
        return batches({name: array[order] for name, array in rows().items()})

    arrays, streamed = make(), make()
    a = arrays.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    b = streamed.fit(stream, lambda: batches(rows(9, 1)), **OPTIONS)
    assert epochs == [1, 2]
    assert same(arrays.parameters, streamed.parameters)
    assert a["loss"] == b["loss"]
    assert a["dev_accuracy"] == pytest.approx(b["dev_accuracy"])
    assert "train_accuracy" not in b.columns


def test_lists_and_endless_generators_of_batches() -> None:
    listed, generated = make(), make()
    listed.fit(list(batches(rows())), epochs=3, verbose=False)

    def endless() -> Iterator[dict[str, np.ndarray]]:
        while True:
            yield from batches(rows())

    generated.fit(endless(), epochs=3, steps_per_epoch=6, verbose=False)
    assert same(listed.parameters, generated.parameters)
    assert generated.steps == 18


def test_streams_that_do_not_fit_are_errors() -> None:
    trainer = make()
    with pytest.raises(
        DataError, match="train is an iterator that ended before epoch 2"
    ):
        trainer.fit(batches(rows()), **OPTIONS)
    assert len(trainer.history) == 1
    cases: list[tuple[Any, str]] = [
        ([{"x": rows()["x"]}], "batch 1 lacks the array 'y'"),
        (iter([]), "the stream of data gave no batch in epoch 1"),
        ([1, 2], "train must map input names to arrays, got list"),
        (np.ones(3), "train must map input names to arrays, got ndarray"),
        (5, "train must map input names to arrays, got int"),
        (lambda: [1], "train: the function must give batches, that is dicts of arrays"),
    ]
    for data, message in cases:
        with pytest.raises(DataError) as raised:
            make().fit(data, **OPTIONS)
        assert message in str(raised.value)
    with pytest.raises(OptionError, match="needs arrays to train on, no stream"):
        trainer.fit(lambda: batches(rows()), evaluations_per_epoch=2, **OPTIONS)


def test_a_streamed_run_is_resumed(tmp_path: Path) -> None:
    def stream(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        return batches(rows(23, epoch))

    path = tmp_path / "run.npz"
    whole, parts = make(), make()
    whole.fit(stream, epochs=3, verbose=False)
    make().fit(stream, epochs=1, verbose=False, checkpoint=path)
    parts.fit(stream, epochs=3, verbose=False, checkpoint=path, resume=True)
    assert same(whole.parameters, parts.parameters)


# Callbacks ----------------------------------------------------------------------------


class Watcher(gc.Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def start(self, trainer: Any) -> None:
        self.events.append(trainer)

    def record(self, record: Any) -> None:
        self.events.append(record["epoch"])

    def end(self, records: Any) -> None:
        self.events.append(len(records))


def test_callbacks_see_the_run() -> None:
    watcher, seen = Watcher(), []
    trainer = make()
    callbacks = [watcher, lambda record: seen.append(record["step"])]
    trainer.fit(rows(), batch_size=4, callbacks=callbacks, **OPTIONS)
    assert watcher.events == [trainer, 1, 2, 2]
    assert seen == [6, 12]
    with pytest.raises(OptionError, match=r"gc\.Callbacks or functions, got \[3\]"):
        trainer.fit(rows(), callbacks=[3], **OPTIONS)  # type: ignore[list-item]


def stop(record: Any) -> None:
    if record["epoch"] == 2:
        raise gc.StopTraining


@pytest.mark.parametrize("callback", [stop, lambda record: record["epoch"] == 2])
def test_a_callback_may_end_the_run(callback: Any, tmp_path: Path) -> None:
    trainer, expected = make(), make()
    options: dict[str, Any] = {"batch_size": 4, "verbose": False}
    path = tmp_path / "run.npz"
    history = trainer.fit(
        rows(), rows(9, 1), epochs=9, callbacks=[callback], checkpoint=path, **options
    )
    assert len(history) == 2
    assert not history.interrupted
    expected.fit(rows(), rows(9, 1), epochs=2, **options)
    assert same(trainer.parameters, expected.parameters)


def test_an_exception_in_a_callback_keeps_the_best_and_the_history() -> None:
    watcher = Watcher()

    def fail(record: Any) -> None:
        if record["epoch"] == 3:
            raise RuntimeError("mine")

    trainer, expected = make(), make()
    options: dict[str, Any] = {"batch_size": 4, "verbose": False}
    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(rows(), rows(9, 1), epochs=9, callbacks=[watcher, fail], **options)
    assert len(trainer.history) == 3
    assert watcher.events[-1] == 3
    expected.fit(rows(), rows(9, 1), epochs=3, **options)
    assert same(trainer.parameters, expected.parameters)


def test_test_data_is_evaluated_once_with_the_best(capsys: Any) -> None:
    trainer = make()
    history = trainer.fit(rows(), rows(9, 1), test=rows(12, 2), epochs=4, batch_size=4)
    assert history.test == trainer.evaluate(rows(12, 2))
    assert capsys.readouterr().out.splitlines()[-1].startswith("test loss ")
    bad = rows(12, 2)
    bad["y"][3] = 7
    with pytest.raises(DataError, match="test: 'y' has the value 7"):
        trainer.fit(rows(), test=bad, epochs=4, batch_size=4)
    assert trainer.steps == 24


def test_events_for_tensorboard(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    board = gc.TensorBoard(tmp_path / "runs")
    with pytest.raises(MissingExtraError, match="pip install tensorboardX"):
        make().fit(rows(), callbacks=[board], **OPTIONS)
    written: dict[str, list[Any]] = {}

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "runs")

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            written.setdefault(tag, []).append((step, value))

        def flush(self) -> None: ...

        def close(self) -> None:
            written["closed"] = []

    module = SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    trainer = make()
    history = trainer.fit(
        rows(), rows(9, 1), batch_size=4, callbacks=[board], **OPTIONS
    )
    assert written.keys() == {
        *("loss/train", "loss/dev", "accuracy/train", "accuracy/dev"),
        *("step_size", "seconds", "closed"),
    }
    assert written["loss/dev"] == list(
        zip(history["step"], history["dev_loss"], strict=True)
    )


# Pictures of a history ----------------------------------------------------------------


def test_a_history_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trainer = make()
    history = trainer.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    for name in ("curves.svg", "curves.png", "curves.pdf"):
        history.plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    text = (tmp_path / "curves.svg").read_text()
    assert "train accuracy" in text
    assert "dev loss" in text
    trainer.lr_range_test(rows(), steps=5).plot(tmp_path / "range.svg", "loss")
    assert "step size" in (tmp_path / "range.svg").read_text()
    with pytest.raises(OptionError, match="nothing to draw"):
        gc.History().plot(tmp_path / "none.png")
    with pytest.raises(KeyError, match="the columns are"):
        history.plot(tmp_path / "none.png", "f1")
    with pytest.raises(OptionError, match="is not a picture file"):
        history.plot(tmp_path / "curves.txt")
    assert load(trainer.source).METRICS == {"accuracy": None}


def test_drawing_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    history = gc.History([{"epoch": 1, "loss": 0.5}])
    with pytest.raises(MissingExtraError, match="pip install matplotlib"):
        history.plot(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("steps", "says"), [(0, "must be an integer of at least 1"), (3, "is for streams")]
)
def test_steps_per_epoch_is_for_streams_only(steps: int, says: str) -> None:
    with pytest.raises(OptionError, match=f"steps_per_epoch {says}"):
        make().fit(rows(), steps_per_epoch=steps, **OPTIONS)


# Streams that go on from epoch to epoch -----------------------------------------------


def numbered(first: int = 1) -> Iterator[dict[str, np.ndarray]]:
    """Batches without an end, each another."""
    for number in itertools.count(first):
        yield rows(4, number)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_stream_goes_on_where_it_stopped(tmp_path: Path, stop: int) -> None:
    options: dict[str, Any] = {"steps_per_epoch": 5, "verbose": False}
    whole = make()
    expected = whole.fit(lambda: numbered(), epochs=4, **options)
    path = tmp_path / "run.npz"
    make().fit(lambda: numbered(), epochs=stop, checkpoint=path, **options)
    resumed = make()
    run = {"epochs": 4, "checkpoint": path, "resume": True, **options}
    history = resumed.fit(lambda: numbered(), **run)
    assert history["loss"] == expected["loss"]
    assert same(whole.parameters, resumed.parameters)
    run["steps_per_epoch"] = 4
    with pytest.raises(CheckpointError, match=r"steps_per_epoch 4: .* started with 5"):
        make().fit(lambda: numbered(), **run)


def test_a_second_run_takes_a_stream_from_its_start() -> None:
    taken: list[int] = []

    def stream(number: int) -> Iterator[dict[str, np.ndarray]]:
        taken.append(number)
        return batches(rows())

    trainer = make()
    # Six batches of at most four rows, in epochs of four: 4, 2 + 2, 4.
    trainer.fit(stream, epochs=3, steps_per_epoch=4, verbose=False)
    assert trainer.steps == 12
    assert taken == [1, 2]
    trainer.fit(stream, epochs=1, steps_per_epoch=4, verbose=False)
    assert taken == [1, 2, 4]
    once = batches(rows())
    with pytest.raises(DataError, match="is an iterator that ended before epoch 2"):
        make().fit(once, epochs=3, steps_per_epoch=6, verbose=False)
