"""The command line of an emitted program, run where graphc can't be imported."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.targets.support import load, program, rows, run


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train_mlp.py"
    path.write_text(program(DROPOUT=0.2))
    np.savez(tmp_path / "train.npz", **rows(150))
    np.savez(tmp_path / "dev.npz", **rows(60, 1))
    np.savez(tmp_path / "test.npz", **rows(60, 2))
    return path


DATA = ("--data", "train.npz", "--dev", "dev.npz")


def test_graphc_is_out_of_reach(script: Path) -> None:
    script.write_text("import graphc\n")
    assert "graphc is not available here" in run(script, status=1).stderr


def test_it_prints_one_line_an_epoch_and_the_test_scores(script: Path) -> None:
    done = run(script, *DATA, "--test", "test.npz", "--epochs", 3, "--out", "best.npz")
    lines = done.stdout.splitlines()
    number = r"\d\.\d+"
    for epoch, line in enumerate(lines[:3], 1):
        assert re.fullmatch(
            rf"epoch   {epoch}  loss {number}  train accuracy {number}  "
            rf"dev accuracy {number}  step size 0\.1  {number} s",
            line,
        )
    assert lines[3].startswith("best on dev: epoch ")
    assert lines[4] == "wrote best.npz"
    assert re.fullmatch(rf"test loss {number}  accuracy {number}", lines[5])
    assert done.stderr == ""


def test_it_gives_bit_for_bit_what_fit_gives(script: Path) -> None:
    options = ("--epochs", 4, "--batch-size", 16, "--seed", 11)
    run(script, *DATA, *options, "--out", "best.npz")
    module = load(program(DROPOUT=0.2))
    parameters = module.init_parameters(11)
    state = module.init_state(parameters, 11)
    module.fit(
        *(parameters, state, rows(150), rows(60, 1)),
        epochs=4,
        batch_size=16,
        seed=11,
    )
    with np.load(script.with_name("best.npz"), allow_pickle=False) as saved:
        assert saved.files == list(parameters)
        for name in saved.files:
            assert saved[name].tobytes() == parameters[name].tobytes()
            assert saved[name].dtype == parameters[name].dtype


def test_without_metrics_the_dev_loss_is_shown(script: Path) -> None:
    script.write_text(program(METRICS={}))
    done = run(script, *DATA, "--epochs", 1)
    assert re.match(r"epoch   1  loss [\d.]+  dev loss [\d.]+  ", done.stdout)


def test_patience_and_best_are_obeyed(script: Path) -> None:
    options = ("--epochs", 300, "--patience", 2, "--best", "min loss")
    done = run(script, *DATA, *options)
    best = int(done.stdout.split("best on dev: epoch ")[1].split(",")[0])
    assert 0 < best < 300
    assert f"epoch {best + 2:3}" in done.stdout
    assert f"epoch {best + 3:3}" not in done.stdout


def test_the_gradients_are_checked(script: Path) -> None:
    for data in ((), ("--data", "train.npz")):
        done = run(script, "--check", *data)
        lines = done.stdout.splitlines()
        assert len(lines) == 5
        assert all(line.endswith("  ok") for line in lines[:4])
        assert lines[4].startswith("all gradients agree with finite differences")


def test_a_wrong_gradient_fails_the_check(script: Path) -> None:
    script.write_text(program().replace("(1 - hidden**2)", "(1 - hidden)"))
    done = run(script, "--check", status=1)
    assert re.search(r"hidden\.weight +relative error \S+  WRONG", done.stdout)
    assert re.search(r"output\.bias +relative error \S+  ok", done.stdout)
    assert "some gradients differ" in done.stdout


def test_help_names_model_and_inputs(script: Path) -> None:
    text = run(script, "--help").stdout
    assert "Train mlp" in text
    assert "one array for each input: x, y" in " ".join(text.split())


ERRORS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no data": ((), "--data is required"),
    "no such data": (("--data", "none.npz"), "No such file or directory: 'none.npz'"),
    "a script as data": (
        ("--data", "train_mlp.py"),
        "train_mlp.py is no .npz file, or it is cut short",
    ),
    "bad labels": (
        ("--data", "bad.npz"),
        "bad.npz: 'y' has the value 9 in row 1, which is not in the range 0 to 2",
    ),
    "bad dev": ((*DATA[:2], "--dev", "bad.npz"), "bad.npz: 'y' has the value 9"),
    "bad test": ((*DATA, "--test", "bad.npz"), "bad.npz: 'y' has the value 9"),
    "no folder for out": (
        (*DATA, "--out", "none/best.npz"),
        "the folder of none/best.npz does not exist",
    ),
    "a folder as out": ((*DATA, "--out", "."), ". is a folder"),
    "resume from nowhere": ((*DATA, "--resume"), "--resume needs --out or"),
    "resume from another file": (
        (*DATA[:2], "--checkpoint", "test.npz", "--resume"),
        "test.npz belongs to another model: 'hidden.weight' is missing there",
    ),
    "no batch": ((*DATA, "--batch-size", 0), "batch_size must be at least 1, got 0"),
    "half an epoch": ((*DATA, "--epochs", "0.5"), "invalid int value: '0.5'"),
    "seed": ((*DATA, "--seed", "-1"), "seed must be at least 0, got -1"),
    "best": ((*DATA, "--best", "f1"), "as in 'min loss'; got 'f1'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_arguments_are_one_line_and_status_2(script: Path, case: str) -> None:
    bad = rows(4)
    bad["y"][1] = 9
    np.savez(script.with_name("bad.npz"), **bad)
    arguments, message = ERRORS[case]
    before = sorted(path.name for path in script.parent.iterdir())
    done = run(script, *arguments, status=2)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train_mlp.py: error: ")
    assert message in last
    assert "Traceback" not in done.stderr
    assert "epoch" not in done.stdout
    assert sorted(path.name for path in script.parent.iterdir()) == before


def test_a_resumed_run_without_a_checkpoint_says_so(script: Path) -> None:
    done = run(script, *DATA, "--epochs", 1, "--out", "best.npz", "--resume")
    assert done.stderr == "no best.checkpoint.npz yet: starting from the beginning\n"


def test_a_diverging_run_says_what_to_try_and_saves_the_best(script: Path) -> None:
    done = run(script, *DATA, "--epochs", 2, "--out", "best.npz")
    script.write_text(
        program().replace(
            "    return loss\n",
            "    return loss if state['step'] < 12 else float('nan')\n",
        )
    )
    done = run(script, *DATA, "--epochs", 9, "--out", "best.npz", status=1)
    assert "the loss became nan in epoch 3, step 12: try a smaller" in done.stderr
    assert "Traceback" not in done.stderr
    with np.load(script.with_name("best.npz")) as saved:
        assert all(np.isfinite(saved[name]).all() for name in saved.files)


def test_threads_of_matrix_products(script: Path, monkeypatch: Any) -> None:
    module = load(program(DROPOUT=0.2))
    used: list[int | None] = []

    def training(options: Any) -> int:
        blas = threadpoolctl.ThreadpoolController().select(user_api="blas")
        used.extend(library["num_threads"] for library in blas.info())
        return 0

    threadpoolctl = pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(module, "run_training", training)
    assert module.main(["--data", "train.npz", "--threads", "1"]) == 0
    assert set(used) <= {1}
    # Python has no such module, whatever is installed.
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert module.main(["--data", "train.npz", "--threads", "1"]) == 2


@pytest.mark.parametrize(
    ("threads", "message"),
    [(0, "--threads must be at least 1, got 0"), ("many", "invalid int value")],
)
def test_wrong_numbers_of_threads(script: Path, threads: Any, message: str) -> None:
    done = run(script, *DATA, "--threads", threads, status=2)
    assert message in done.stderr
