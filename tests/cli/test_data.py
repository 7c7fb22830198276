"""Data on the command line: the kinds of files and options of emitted programs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.cli import main
from tests.cli.support import MODEL


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and the same data in a file of each kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "model.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    x, y = rng.integers(-9, 9, (40, 4)) / 4, rng.integers(0, 3, 40)
    np.savez("train.npz", x=x, y=y)
    (tmp_path / "npy").mkdir()
    np.save("npy/x.npy", x)
    np.save("npy/y.npy", y)
    for name, header in (("plain.csv", "x0,x1,x2,x3,y"), ("named.csv", "a,b,c,d,kind")):
        table = np.column_stack([x, y])
        np.savetxt(name, table, fmt="%g", delimiter=",", header=header, comments="")
    return tmp_path


KINDS = [
    ["train.npz"],
    ["npy"],
    ["plain.csv"],
    ["named.csv", "--columns", "x=a,b,c,d", "y=kind"],
    ["named.csv", "--columns", "x=a,b,c,d", "--columns", "y=kind"],
]


def test_train_and_check_take_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    results: list[bytes] = []
    checks: set[str] = set()
    for number, data in enumerate(KINDS):
        out = f"best{number}.npz"
        arguments = ["train", "model.py", "--data", *data, "--out", out]
        assert main([*arguments, "--test", data[0], "--epochs", "2"]) == 0
        with np.load(out) as saved:
            results.append(b"".join(saved[name].tobytes() for name in saved.files))
        capsys.readouterr()
        assert main(["check", "model.py", "--data", *data]) == 0
        checks.add(capsys.readouterr().out)
    assert len(set(results)) == 1
    assert len(checks) == 1


def test_columns_and_threads_that_mean_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for options, message in (
        (["--columns", "x"], "--columns must be INPUT=A,B with x, y"),
        (["--columns", "z=a"], "--columns must be INPUT=A,B with x, y"),
        (["--columns", "x=a", "y=none"], "named.csv has no column 'none'"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
    ):
        arguments = ["train", "model.py", "--data", "named.csv", *options]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


def test_threads_need_a_package_that_sets_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    arguments = ["train", "model.py", "--data", "train.npz", "--threads", "1"]
    assert main(arguments) == 2
    assert "OPENBLAS_NUM_THREADS=1" in capsys.readouterr().err
