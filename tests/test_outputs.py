"""Trainer and command line write over nothing that they read, and to the end."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.cli import main
from graphc.errors import CheckpointError, OptionError

MODEL = """
import graphc as gc
from layer import layer

x = gc.input("x", ("batch", 4))
y = gc.input("y", ("batch",))
w = gc.parameter("w", (4,))
loss = gc.nn.mse_loss(layer(x, w), y)
trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1), metrics={"\u03bc": loss})
"""
LAYER = """
import graphc as gc

def layer(x, w):
    return gc.tanh(x @ w)
"""


def arrays(count: int = 40) -> dict[str, Any]:
    x = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    return {"x": x, "y": np.tanh(x[:, 0])}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # Each test has a model of its own of this name.
    monkeypatch.delitem(sys.modules, "layer", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "model.py").write_text(MODEL, "utf-8")
    (tmp_path / "layer.py").write_text(LAYER)
    np.savez("train.npz", **arrays())
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    found = {path.name: path for path in folder.iterdir() if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items()}


def trainer(**options: Any) -> gc.Trainer:
    x, y = gc.input("x", ("batch", 4)), gc.input("y", ("batch",))
    loss = gc.nn.mse_loss(x @ gc.parameter("w", (4,)), y)
    options.setdefault("optimizer", gc.optim.Adam(lr=0.1))
    return gc.Trainer(loss, **options)


# Over what is read --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.py", "link.py", "hard.py", "layer.py"])
def test_emit_leaves_the_model_alone(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "link.py").symlink_to("model.py")
    os.link("model.py", "hard.py")
    before = contents(folder)
    assert main(["emit", "model.py", "-o", name]) == 2
    assert "which is read" in capsys.readouterr().err
    assert contents(folder) == before


def test_emit_of_a_node_leaves_the_model_alone(folder: Path) -> None:
    before = contents(folder)
    assert main(["emit", "model.py", "--name", "loss", "-o", "model.py"]) == 2
    assert contents(folder) == before


def test_render_leaves_the_model_alone(folder: Path) -> None:
    (folder / "model.svg").write_text(MODEL, "utf-8")
    assert main(["render", "model.svg"]) == 2
    assert (folder / "model.svg").read_text("utf-8") == MODEL


@pytest.mark.parametrize(
    "options",
    [
        ("--out", "train.npz"),
        ("--checkpoint", "train.npz"),
        ("--out", "model.py"),
        ("--out", "layer.py"),
        ("--out", "dev.npz", "--dev", "dev.npz"),
        ("--out", "dev.npz", "--test", "dev.npz"),
        ("--out", "dev.npz", "--init", "dev.npz"),
        ("--out", "a.npz", "--checkpoint", "a.npz"),
    ],
)
def test_train_leaves_what_it_reads_alone(folder: Path, options: Any) -> None:
    np.savez("dev.npz", **arrays())
    before = contents(folder)
    assert main(["train", "model.py", "--data", "train.npz", *options]) == 2
    assert contents(folder) == before


def test_a_trainer_leaves_its_data_alone(folder: Path) -> None:
    table = np.column_stack([arrays()["x"], arrays()["y"]])
    np.savetxt("t.csv", table, delimiter=",", header="x0,x1,x2,x3,y", comments="")
    (folder / "arrays").mkdir()
    for name, array in arrays().items():
        np.save(folder / "arrays" / f"{name}.npy", array)
    mapped = {name: np.load(f"arrays/{name}.npy", mmap_mode="r") for name in "xy"}
    cases: list[tuple[Any, str]] = [
        ("train.npz", "train.npz"),
        (Path("train.npz"), "./train.npz"),
        (gc.CSV("t.csv"), "t.csv"),
        ("arrays", "arrays/y.npy"),
        ({"x": "arrays/x.npy", "y": Path("arrays/y.npy")}, "arrays/y.npy"),
        (mapped, "arrays/x.npy"),
    ]
    for data, path in cases:
        before = Path(path).read_bytes()
        model = trainer()
        for style in ("dev", "test"):
            others: dict[str, Any] = {style: data}
            with pytest.raises(OptionError, match="which is read"):
                model.fit(arrays(), checkpoint=path, verbose=False, **others)
        model.fit(data, epochs=1, verbose=False)
        writes: list[Callable[[str], Any]] = [model.save, model.emit]
        for write in writes:
            with pytest.raises(OptionError, match="which is read"):
                write(path)
        if path.endswith(".csv"):
            with pytest.raises(OptionError, match="which is read"):
                model.history.save(path)
        assert Path(path).read_bytes() == before


def test_a_trainer_leaves_the_file_of_its_model_alone() -> None:
    before = Path(__file__).read_bytes()
    for write in (trainer().emit, trainer().save):
        with pytest.raises(OptionError, match="which is read"):
            write(__file__)
    assert Path(__file__).read_bytes() == before


def test_an_emitted_program_may_be_written_again() -> None:
    model = trainer()
    model.emit("program.py")
    model.emit("program.py", style="fast")
    model.save("a.npz")
    model.load("a.npz")
    model.save("a.npz")


# To the end ---------------------------------------------------------------------------


def graphc(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "graphc", "train", "model.py"]
    command += ["--data", "train.npz", "--out", "best.npz", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**pipes, **options})


def test_sigterm_writes_the_best_so_far(folder: Path) -> None:
    with graphc("--epochs", "1000000") as process:
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        process.stdout.read()
    assert process.returncode == 143
    with np.load("best.npz") as best, np.load("best.checkpoint.npz") as saved:
        assert best["w"].tobytes() == saved["w"].tobytes()
    assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]


def test_a_console_without_the_letters_of_a_metric() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with graphc("--epochs", "2", env=environment) as process:
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert b"train \\u03bc" in out
    assert Path("best.npz").exists()


def test_a_reader_that_has_seen_enough_does_not_end_training() -> None:
    with graphc("--epochs", "300") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode == 0, error
    assert error == b""
    with np.load("best.checkpoint.npz") as saved:
        assert json.loads(saved["checkpoint/header"].tobytes())["epoch"] == 300


@pytest.mark.parametrize("verbose", [None, True, False])
def test_a_trainer_without_a_console(
    monkeypatch: pytest.MonkeyPatch, verbose: bool | None
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    history = trainer().fit(arrays(), arrays(), epochs=2, verbose=verbose)
    assert len(history) == 2


class Terminal(io.StringIO):
    """A terminal that is closed while it is written to."""

    writes = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.writes += 1
        if self.writes > 3:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_terminal_that_is_closed_does_not_end_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    history = trainer().fit(arrays(), arrays(), epochs=4)
    assert terminal.writes > 3
    assert len(history) == 4


# Checkpoints that are not ones --------------------------------------------------------


def noisy() -> gc.Trainer:
    """A model with random numbers and decay, all of which a checkpoint has to keep."""
    x, y = gc.input("x", ("batch", 4)), gc.input("y", ("batch",))
    hidden = gc.nn.dropout(x, 0.5) @ gc.parameter("w", (4,))
    plateau = gc.optim.ReduceLROnPlateau()
    return gc.Trainer(gc.nn.mse_loss(hidden, y), gc.optim.Adam(), plateau=plateau)


def test_a_wrong_header_leaves_a_trainer_as_it_was() -> None:
    model = noisy()
    model.fit(arrays(), arrays(), epochs=2, verbose=False, checkpoint="run.npz")
    other = model.restarted()
    other.step(**arrays())
    other.save("before.npz")
    with zipfile.ZipFile("run.npz") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with np.load("run.npz") as saved:
        header = json.loads(saved["checkpoint/header"].tobytes())
    keys = ("step", "epoch", "rng", "plateau", "history", "best")
    for key, value in itertools.product(keys, ("a", -5, [1], {"a": 1}, 1e400)):
        text = json.dumps({**header, key: value}).encode()
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.frombuffer(text, np.uint8))
        with zipfile.ZipFile("wrong.npz", "w") as archive:
            for name, content in entries.items():
                is_header = name == "checkpoint/header.npy"
                archive.writestr(name, buffer.getvalue() if is_header else content)
        with pytest.raises(CheckpointError, match="damaged"):
            other.load("wrong.npz")
        other.save("after.npz")
        assert Path("before.npz").read_bytes() == Path("after.npz").read_bytes()


def test_averages_of_parameters_start_from_those_that_are_given() -> None:
    model = trainer(optimizer=gc.optim.EMA(gc.optim.SGD(lr=0.0), decay=0.5))
    model.parameters = {"w": np.array([1.0, 2.0, 3.0, 4.0])}
    model.fit(arrays(), epochs=1, verbose=False)
    # Nothing is learned, so that the averages are what was given.
    assert model.parameters["w"].tolist() == [1.0, 2.0, 3.0, 4.0]
