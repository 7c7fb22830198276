"""`graphc train`: the options and the parameters of the emitted program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.support import MODEL, failure, run
from tests.styles import assert_styles_agree

# train
TRAIN = ("train", "model.py", "--data", "train.npz", "--dev", "dev.npz")


def test_train_prints_an_epoch_a_line_and_writes_parameters(capsys):
    status = run(*TRAIN, "--test", "test.npz", "--epochs", 3, "--out", "best.npz")
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert [line.split()[:2] for line in lines[:3]] == [
        ["epoch", str(epoch)] for epoch in (1, 2, 3)
    ]
    assert all("train accuracy" in line for line in lines[:3])
    assert all("dev accuracy" in line for line in lines[:3])
    assert lines[3].startswith("best on dev: epoch ")
    assert lines[4] == "wrote best.npz"
    assert lines[5].startswith("test loss ")
    with np.load("best.npz") as saved:
        assert set(saved) == {
            "hidden.weight",
            "hidden.bias",
            "output.weight",
            "output.bias",
        }


def test_train_gives_what_the_emitted_program_gives_bit_for_bit():
    options = ("--epochs", 4, "--batch-size", 16, "--seed", 5)
    for style in ("readable", "fast"):
        assert run(*TRAIN, *options, "--style", style, "--out", "ours.npz") == 0
        assert run("emit", "model.py", "-o", "train.py", "--style", style) == 0
        arguments = [*TRAIN[2:], *options, "--out", "theirs.npz"]
        subprocess.run(
            [sys.executable, "-I", "train.py", *map(str, arguments)],
            check=True,
            capture_output=True,
        )
        with np.load("ours.npz") as ours, np.load("theirs.npz") as theirs:
            assert set(ours) == set(theirs)
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name], strict=True)


def test_the_seed_and_the_style_change_what_they_should():
    results = {}
    for key, options in {
        "default": (),
        "seed 0": ("--seed", 0),
        "seed 1": ("--seed", 1),
        "readable": ("--style", "readable"),
    }.items():
        assert run(*TRAIN, "--epochs", 2, "--out", "out.npz", *options) == 0
        Path("out.checkpoint.npz").unlink()
        with np.load("out.npz") as saved:
            results[key] = saved["hidden.weight"]
    np.testing.assert_array_equal(results["default"], results["seed 0"])
    # Over two epochs the rounding of two styles adds up.
    assert_styles_agree(results["default"], results["readable"], ulps=2**12)
    assert (results["default"] != results["seed 1"]).any()


def test_resume_ends_where_an_unbroken_run_ends(capsys):
    assert run(*TRAIN, "--epochs", 4, "--out", "whole.npz") == 0
    assert run(*TRAIN, "--epochs", 2, "--out", "part.npz") == 0
    assert run(*TRAIN, "--epochs", 4, "--out", "part.npz", "--resume") == 0
    with np.load("whole.npz") as whole, np.load("part.npz") as part:
        for name in whole:
            np.testing.assert_array_equal(whole[name], part[name])
    capsys.readouterr()
    assert run(*TRAIN, "--epochs", 1, "--out", "new.npz", "--resume") == 0
    assert "no new.checkpoint.npz yet" in capsys.readouterr().err


def test_nothing_is_drawn_where_there_is_no_terminal():
    done = subprocess.run(
        [sys.executable, "-m", "graphc", *TRAIN, "--epochs", "1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", -1), "epochs must be at least 0"),
        (("--batch-size", 0), "batch_size must be at least 1"),
        (("--seed", -1), "seed must be"),
        (("--best", "most loss"), "best must be 'max' or 'min'"),
        (("--resume",), "--resume needs --out or --checkpoint"),
        (("--out", "nowhere/best.npz"), "nowhere"),
        (("--name", "loss"), "defines no Trainer"),
        (("--name", "nothing"), "no variable 'nothing'"),
    ],
)
def test_bad_options_of_train(options, message, capsys):
    assert message in failure(capsys, *TRAIN, *options)
    assert not Path("nowhere").exists()


def test_bad_data_is_named_with_its_input_and_line(capsys):
    np.savez("bad.npz", x=np.zeros((5, 4), np.float32), y=np.array([0, 1, 2, 3, 0]))
    text = failure(capsys, "train", "model.py", "--data", "bad.npz")
    assert "row 3" in text
    assert "model.py:4" in text
    text = failure(capsys, *TRAIN, "--test", "bad.npz", "--out", "best.npz")
    assert "row 3" in text
    assert not Path("best.npz").exists()


def test_a_damaged_file_is_named_and_no_line_of_a_library(capsys):
    Path("bad.npz").write_bytes(Path("train.npz").read_bytes()[:-40])
    text = failure(capsys, "train", "model.py", "--data", "bad.npz")
    assert "bad.npz" in text
    assert "click" not in text
    assert "at:" not in text


def test_a_loss_that_is_not_finite_has_status_1(capsys):
    Path("wild.py").write_text(MODEL.replace("lr=0.2", "lr=1e30"))
    text = failure(capsys, "train", "wild.py", "--data", "train.npz", status=1)
    assert "wild.py:6" in text
    assert "smaller step size" in text


def test_an_interrupt_keeps_what_is_finished(capsys, monkeypatch):
    Path("stopped.py").write_text(
        MODEL.split("if __name__")[0]
        + "real = trainer.module.train_step\n"
        + "def train_step(parameters, state, *batch):\n"
        + "    if state['step'] == 3:\n"
        + "        raise KeyboardInterrupt\n"
        + "    return real(parameters, state, *batch)\n"
        + "trainer.module.train_step = train_step\n"
    )
    arguments = ("train", "stopped.py", "--data", "train.npz", "--out", "best.npz")
    assert run(*arguments) == 130
    captured = capsys.readouterr()
    assert "interrupted" in captured.err
    assert len([li for li in captured.out.splitlines() if li.startswith("epoch")]) == 1
    assert Path("best.npz").exists()
