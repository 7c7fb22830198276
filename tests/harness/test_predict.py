"""`--predict`: the outputs of trained parameters for rows that have no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.cli import main
from tests.targets.support import run

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 4)).astype(np.float32)
WEIGHT = RNG.standard_normal((3, 4)).astype(np.float32)
BIAS = RNG.standard_normal(3).astype(np.float32)
SCORES = X.astype(float) @ WEIGHT.T.astype(float) + BIAS

MODEL = """\
import graphc as gc

y = gc.input("y", ({rows!r},), "int64")
x = gc.input("x", ({rows!r}, 4))
scores = gc.nn.Linear(4, 3, name="layer")(x)
best = gc.argmax(scores, axis=1)
outputs = {outputs}
trainer = gc.Trainer(gc.nn.cross_entropy(scores, y), gc.optim.SGD(), outputs=outputs)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with rows in all kinds of files, and parameters."""
    monkeypatch.chdir(tmp_path)
    np.savez("new.npz", x=X)
    np.savez("labelled.npz", x=X, y=np.full(7, -5))
    np.savez("best.npz", **{"layer.weight": WEIGHT, "layer.bias": BIAS})
    table = "\n".join(["x0,x1,x2,x3,note", *(f"{','.join(map(str, r))},a" for r in X)])
    (tmp_path / "new.csv").write_text(table)
    (tmp_path / "rows").mkdir()
    np.save("rows/x.npy", X)
    return tmp_path


def write(folder: Path, style: str = "readable", **changes: Any) -> Path:
    """The program of the model."""
    facts = {"rows": "batch", "outputs": "None", **changes}
    (folder / "model.py").write_text(MODEL.format(**facts))
    assert (
        main(["emit", "model.py", "-o", "train.py", "--style", style, "--with", "all"])
        == 0
    )
    return folder / "train.py"


OPTIONS = ("--init", "best.npz", "--out", "out.npz")


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("data", ["new.npz", "labelled.npz", "new.csv", "rows"])
def test_labels_are_neither_needed_nor_looked_at(
    folder: Path, style: str, data: str
) -> None:
    script = write(folder, style)
    assert run(script, "--predict", data, *OPTIONS).stdout == "wrote out.npz\n"
    with np.load("out.npz") as found:
        assert found.files == ["output"]
        np.testing.assert_allclose(found["output"], SCORES, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data", ["labelled.npz", "new.csv", "rows"])
def test_graphc_train_predicts_too(folder: Path, data: str, capsys: Any) -> None:
    outputs = '{"best": best, "scores": scores, "mean": gc.mean(scores)}'
    (folder / "model.py").write_text(MODEL.format(rows="batch", outputs=outputs))
    assert main(["train", "model.py", "--predict", data, *OPTIONS]) == 0
    assert capsys.readouterr().out == "wrote out.npz\n"
    with np.load("out.npz") as found:
        assert found.files == ["best", "scores", "mean"]
        np.testing.assert_array_equal(found["best"], SCORES.argmax(axis=1))
        np.testing.assert_allclose(found["scores"], SCORES, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["mean"], SCORES.mean(), rtol=1e-5)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_batches_of_a_fixed_size_follow_one_another(folder: Path, style: str) -> None:
    np.savez("six.npz", x=X[:6])
    outputs = '{"scores": scores, "mean": gc.mean(scores)}'
    script = write(folder, style, rows=2, outputs=outputs)
    run(script, "--predict", "six.npz", *OPTIONS)
    with np.load("out.npz") as found:
        np.testing.assert_allclose(found["scores"], SCORES[:6], rtol=1e-5, atol=1e-6)
        means = SCORES[:6].reshape(3, 6).mean(axis=1)
        np.testing.assert_allclose(found["mean"], means, rtol=1e-5, atol=1e-6)
    done = run(script, "--predict", "new.npz", *OPTIONS, status=2)
    assert "new.npz: 'x' has 7 rows, which can't be split" in done.stderr


def test_columns_are_chosen(folder: Path) -> None:
    table = (folder / "new.csv").read_text().replace("x0,x1,x2,x3", "d,c,b,a")
    (folder / "new.csv").write_text(table)
    script = write(folder)
    for columns in (["x=d,c,b,a"], ["x=d,c,b,a", "y=note"]):
        run(script, "--predict", "new.csv", *OPTIONS, "--columns", *columns)
        with np.load("out.npz") as found:
            np.testing.assert_allclose(found["output"], SCORES, rtol=1e-5, atol=1e-6)


def test_what_was_there_is_kept(folder: Path) -> None:
    script = write(folder)
    before = (folder / "best.npz").read_bytes()
    (folder / "out.npz").write_bytes(before)
    run(script, "--predict", "new.npz", *OPTIONS)
    assert (folder / "out.npz.1").read_bytes() == before


NEEDS = "--predict needs --init and --out, and no --data"
ERRORS: dict[str, tuple[tuple[str, ...], str]] = {
    "no parameters": (("--out", "out.npz"), NEEDS),
    "no place": (("--init", "best.npz"), NEEDS),
    "training": ((*OPTIONS, "--data", "labelled.npz"), NEEDS),
    "over the parameters": (
        ("--init", "best.npz", "--out", "best.npz"),
        "best.npz would overwrite best.npz, which is read",
    ),
    "over the data": (
        ("--init", "best.npz", "--out", "new.npz"),
        "new.npz would overwrite new.npz, which is read",
    ),
    "data as parameters": (
        ("--init", "labelled.npz", "--out", "out.npz"),
        "labelled.npz belongs to another model: 'layer.weight' is missing there",
    ),
    "other rows": (
        (*OPTIONS, "--predict", "other.npz"),
        "other.npz: 'x' requires shape (rows, 4), got (2, 5)",
    ),
    "no rows": ((*OPTIONS, "--predict", "best.npz"), "best.npz lacks the array 'x'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_mistakes(folder: Path, case: str, capsys: Any) -> None:
    np.savez("other.npz", x=np.ones((2, 5)))
    script = write(folder)
    arguments, message = ERRORS[case]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    arguments = ("--predict", "new.npz", *arguments)
    done = run(script, *arguments, status=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert main(["train", "model.py", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_model_without_outputs(folder: Path, capsys: Any) -> None:
    script = write(folder, outputs="{}")
    done = run(script, "--predict", "new.npz", *OPTIONS, status=2)
    assert "unrecognized arguments: --predict" in done.stderr
    assert main(["train", "model.py", "--predict", "new.npz", *OPTIONS]) == 2
    assert "no outputs to predict" in capsys.readouterr().err


def test_positions_that_are_computed_are_checked(folder: Path) -> None:
    i, y = gc.input("i", ("batch",), "int64"), gc.input("y", ("batch",))
    table = gc.parameter("table", (3,), np.array([1.0, 2.0, 4.0]))
    rows = gc.take(table, gc.abs(i) - 1)
    trainer = gc.Trainer(gc.mean((rows - y) ** 2), gc.optim.SGD(), outputs=rows)
    trainer.emit("train.py", include=["all"])
    np.savez("start.npz", **trainer.parameters)
    options = ("--init", "start.npz", "--out", "out.npz")
    np.savez("good.npz", i=np.array([3, 1]))
    run(folder / "train.py", "--predict", "good.npz", *options)
    with np.load("out.npz") as found:
        (name,) = found.files
        assert found[name].tolist() == [4.0, 1.0]
    np.savez("bad.npz", i=np.array([1, 0]))
    done = run(folder / "train.py", "--predict", "bad.npz", *options, status=2)
    assert "has the value -1 in row 1" in done.stderr
