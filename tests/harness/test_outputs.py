"""Files that a program writes: when, under which names, and over which others never."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness.support import start
from tests.targets.support import command, load, program, rows, run

DATA = ("--data", "train.npz", "--dev", "dev.npz", "--epochs", 3)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train_mlp.py"
    path.write_text(program())
    np.savez(tmp_path / "train.npz", **rows(150))
    np.savez(tmp_path / "dev.npz", **rows(60, 1))
    return path


# How often ----------------------------------------------------------------------------


def checkpoints(module: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """The epochs of the checkpoints that a run writes, and its clock."""
    saved: list[int] = []
    now = 0.0

    def save(path: str, state: Any) -> None:
        saved.append(state["epoch"])

    def report(record: Any) -> None:
        nonlocal now
        now += 0.4

    monkeypatch.setattr(module, "save_checkpoint", save)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    data = (*start(module), rows(30), rows(10))
    module.fit(*data, epochs=6, batch_size=10, report=report, **options)
    return saved


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ({}, [0, 4, 6]),
        ({"checkpoint_every": 0}, [0, 1, 2, 3, 4, 5, 6]),
        ({"checkpoint_every": 0.7}, [0, 3, 5, 6]),
        ({"checkpoint_every": float("inf")}, [0, 6]),
    ],
)
def test_checkpoints_are_so_many_seconds_apart(
    module: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    every: dict[str, float],
    expected: list[int],
) -> None:
    path = str(tmp_path / "run.npz")
    assert checkpoints(module, monkeypatch, checkpoint=path, **every) == expected


@pytest.mark.parametrize("end", [KeyboardInterrupt, ZeroDivisionError])
def test_the_last_evaluation_is_in_the_checkpoint_however_a_run_ends(
    module: Any, tmp_path: Path, end: type[BaseException]
) -> None:
    def report(record: Any) -> None:
        if record["epoch"] == 4:
            raise end

    path = str(tmp_path / "run.npz")
    options: dict[str, Any] = {"epochs": 6, "batch_size": 10, "checkpoint": path}
    options |= {"checkpoint_every": 1000, "report": report}
    try:
        history = module.fit(*start(module), rows(30), rows(10), **options)
        assert history[-1]["interrupted"]
    except ZeroDivisionError:
        pass
    saved = module.load_checkpoint(path)
    assert saved["epoch"] == 4
    assert saved["best"]["epoch"] <= 4
    assert len(saved["history"]) == 4


@pytest.mark.parametrize("seconds", [-1, float("nan"), "a", None])
def test_seconds_that_are_none(module: Any, tmp_path: Path, seconds: Any) -> None:
    options = {"epochs": 1, "batch_size": 10, "checkpoint_every": seconds}
    with pytest.raises(module.OptionError, match="checkpoint_every must be at least 0"):
        module.fit(*start(module), rows(30), checkpoint=str(tmp_path / "a"), **options)
    assert os.listdir(tmp_path) == []


# Older files --------------------------------------------------------------------------


def test_a_run_that_starts_anew_keeps_the_older_files(script: Path) -> None:
    folder = script.parent
    run(script, *DATA, "--out", "best.npz", "--seed", 1)
    names = ("best.npz", "best.checkpoint.npz")
    older = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).chmod(0o600)
    again = run(script, *DATA, "--out", "best.npz", "--seed", 2)
    for name in names:
        assert (folder / f"{name}.1").read_bytes() == older[name]
        assert (folder / name).read_bytes() != older[name]
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert f"the older {name} is now {name}.1\n" in again.stderr
    run(script, *DATA[:-1], 5, "--out", "best.npz", "--seed", 2, "--resume")
    for name in names:
        assert (folder / f"{name}.1").read_bytes() == older[name]


def test_an_older_checkpoint_stays_until_there_is_another(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "run.npz"
    options: dict[str, Any] = {"epochs": 1, "batch_size": 10, "checkpoint": str(path)}
    module.fit(*start(module), rows(30), **options)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        module.fit(*start(module), rows(30), **options)
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["run.npz", "run.npz.1"]


def test_older_files_are_kept_where_there_are_no_links(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", fail)
    path = tmp_path / "run.npz"
    path.write_text("older")
    module.keep_older(str(path))
    assert os.listdir(tmp_path) == ["run.npz.1"]
    module.keep_older(str(path))
    assert (tmp_path / "run.npz.1").read_text() == "older"


def test_what_a_killed_run_left_is_gone_when_the_next_one_starts(script: Path) -> None:
    folder = script.parent
    left = [folder / ".best.npz.tmp", folder / ".best.checkpoint.npz.tmp"]
    for path in left:
        path.write_bytes(b"half of")
    # It ends before it would write these files: there is no such test data.
    run(script, *DATA, "--out", "best.npz", "--test", "none.npz", status=2)
    assert not left[0].exists()
    run(script, *DATA, "--out", "best.npz")
    assert not [path for path in folder.iterdir() if path.suffix == ".tmp"]


def test_a_new_run_starts_from_the_parameters_of_another(script: Path) -> None:
    folder = script.parent
    run(script, *DATA, "--out", "first.npz")
    run(script, *DATA[:-1], 0, "--out", "same.npz", "--init", "first.npz")
    with np.load(folder / "first.npz") as a, np.load(folder / "same.npz") as b:
        assert all(a[name].tobytes() == b[name].tobytes() for name in a.files)
    # A checkpoint has parameters, too: the last ones.
    args = (*DATA, "--out", "second.npz", "--init", "first.checkpoint.npz")
    run(script, *args, "--seed", 3)
    module = load(program())
    parameters, state = start(module)
    parameters |= module.load_parameters(str(folder / "first.checkpoint.npz"))
    options: dict[str, Any] = {"epochs": 3, "batch_size": 32, "seed": 3}
    module.fit(parameters, state, rows(150), rows(60, 1), **options)
    with np.load(folder / "second.npz") as saved:
        assert all(saved[n].tobytes() == a.tobytes() for n, a in parameters.items())
    done = run(script, *DATA, "--init", "train.npz", status=2)
    assert "train.npz belongs to another model" in done.stderr


# Over what is read --------------------------------------------------------------------


def as_it_is(folder: Path) -> str:
    return "train.npz"


def symbolic_link(folder: Path) -> str:
    (folder / "link.npz").symlink_to(folder / "train.npz")
    return "link.npz"


def hard_link(folder: Path) -> str:
    os.link(folder / "train.npz", folder / "hard.npz")
    return "hard.npz"


def other_spelling(folder: Path) -> str:
    return f"../{folder.name}/./train.npz"


@pytest.mark.parametrize("name", [as_it_is, symbolic_link, hard_link, other_spelling])
@pytest.mark.parametrize("option", ["--out", "--checkpoint"])
def test_data_is_not_overwritten(
    script: Path, option: str, name: Callable[[Path], str]
) -> None:
    path = name(script.parent)
    before = {p: p.read_bytes() for p in script.parent.iterdir()}
    done = run(script, *DATA, option, path, status=2)
    assert "would overwrite train.npz, which is read" in done.stderr
    assert {p: p.read_bytes() for p in script.parent.iterdir()} == before


PAIRS: dict[str, tuple[Any, ...]] = {
    "dev": ("--out", "dev.npz"),
    "test": ("--out", "test.npz", "--test", "test.npz"),
    "start": ("--out", "start.npz", "--init", "start.npz"),
    "the start under its older name": ("--out", "start", "--init", "start.1"),
    "the program": ("--out", "train_mlp.py"),
    "the checkpoint": ("--out", "a.npz", "--checkpoint", "a.npz"),
    "the checkpoint in capitals": ("--out", "a.npz", "--checkpoint", "A.npz"),
    "a checkpoint by its default name": (
        "--out",
        "dev.npz",
        "--dev",
        "dev.checkpoint.npz",
    ),
    "an array in a folder": ("--data", "folder", "--out", "folder/x.npy"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_no_file_is_both_read_and_written(script: Path, case: str) -> None:
    folder = script.parent
    (folder / "folder").mkdir()
    for name, array in rows(150).items():
        np.save(folder / "folder" / f"{name}.npy", array)
    for name in ("test.npz", "dev.checkpoint.npz"):
        (folder / name).write_bytes((folder / "dev.npz").read_bytes())
    module = load(program())
    for name in ("start.npz", "start.1", "start"):
        module.save_parameters(str(folder / name), module.init_parameters(0))
    files = [path for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    done = run(script, *DATA, *PAIRS[case], status=2)
    assert "would overwrite" in done.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("mapped", [False, True])
def test_arrays_in_files_are_not_overwritten(
    module: Any, tmp_path: Path, mapped: bool
) -> None:
    data: dict[str, Any] = {}
    for name, array in rows(30).items():
        data[name] = str(tmp_path / f"{name}.npy")
        np.save(data[name], array)
    path = data["x"]
    if mapped:
        data = {name: np.load(file, mmap_mode="r") for name, file in data.items()}
    options: dict[str, Any] = {"epochs": 1, "batch_size": 10, "checkpoint": path}
    with pytest.raises(module.OptionError, match="would overwrite"):
        module.fit(*start(module), data, **options)
    assert np.load(path).tobytes() == rows(30)["x"].tobytes()


def test_devices_may_be_written_twice(module: Any) -> None:
    module.check_overwriting(["/dev/null", "/dev/null"], ["/dev/null"])


# Consoles -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_without_the_letters_of_a_metric(script: Path, encoding: str) -> None:
    script.write_text(program(METRICS={"µ_Ω": None}).replace('"accuracy"', '"µ_Ω"'))
    done = subprocess.run(
        [sys.executable, script.name, *map(str, DATA), "--out", "best.npz"],
        cwd=script.parent,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"_\u03a9" in done.stdout
    assert done.stdout.count(b"epoch") >= 3
    assert (script.parent / "best.npz").exists()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_seen_enough_does_not_end_training(
    script: Path, stream: str
) -> None:
    # Without the blocker of imports, whose settings would hide what Python says itself.
    with subprocess.Popen(
        [sys.executable, script.name, *map(str, DATA), "--out", "best.npz", "--resume"],
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        closed = streams.pop(stream)
        [open_one] = streams.values()
        assert closed
        assert open_one
        closed.close()
        rest = open_one.read()
    assert process.returncode == 0, rest
    assert b"Exception" not in rest
    assert b"BrokenPipe" not in rest
    assert (script.parent / "best.npz").exists()


@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_closed_streams_do_not_end_training(script: Path, closed: str) -> None:
    line = " ".join(f"{number}>&-" for number in closed.split())
    words = [sys.executable, script.name, *map(str, DATA), "--out", "best.npz"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {line}', "sh", *words, "--resume"],
        cwd=script.parent,
        check=False,
    )
    assert done.returncode == 0
    assert (script.parent / "best.npz").exists()


def test_a_full_device_does_not_end_training(script: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command(script, *DATA, "--out", "best.npz"),
            cwd=script.parent,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert (script.parent / "best.npz").exists()
