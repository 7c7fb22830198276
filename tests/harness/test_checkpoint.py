"""Checkpoints: exact, written in one step, and refused where they do not belong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness.support import same, start
from tests.targets.support import command, load, program, rows, run


@pytest.fixture(scope="module")
def module() -> Any:
    return load(program(DROPOUT=0.3))


OPTIONS: dict[str, Any] = {"batch_size": 9, "seed": 5}


def trained(module: Any, path: Path, epochs: int = 3) -> tuple[Any, Any, Any]:
    parameters, state = start(module)
    history = module.fit(
        parameters,
        state,
        rows(50),
        rows(20, 1),
        epochs=epochs,
        checkpoint=str(path),
        **OPTIONS,
    )
    return parameters, state, history


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


# Round trips --------------------------------------------------------------------------


def test_a_round_trip_is_exact_to_the_bit(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    parameters, state, history = trained(module, path)
    state["rng"]["mask"].random(7)
    parameters["output.bias"][...] = [-0.0, np.finfo("f").tiny / 4, 1e30]
    saved = module.snapshot(parameters, state, history=history)
    module.save_checkpoint(str(path), saved)
    loaded = module.load_checkpoint(str(path))
    assert same(loaded["parameters"], parameters)
    assert same(loaded["slots"], state["slots"])
    assert loaded["history"] == history
    other, other_state = start(module, 9)
    module.restore(loaded, other, other_state)
    assert same(other, parameters)
    assert (other_state["step"], other_state["epoch"]) == (18, 3)
    draw = state["rng"]["mask"].random(5)
    assert draw.tolist() == other_state["rng"]["mask"].random(5).tolist()


def test_the_file_is_an_npz_of_parameters_and_a_json_header(
    module: Any, tmp_path: Path
) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    with np.load(path, allow_pickle=False) as archive:
        names = archive.files
        header = json.loads(archive["checkpoint/header"].tobytes())
        assert archive["hidden.weight"].shape == (16, 8)
    assert {"best/hidden.weight", "slots/hidden.weight.momentum_buffer"} <= set(names)
    assert header["model"] == "mlp"
    assert header["graph"] == module.GRAPH_HASH
    assert (header["epoch"], header["step"], header["scale"]) == (3, 18, 1.0)
    assert header["run"]["seed"] == 5
    assert header["run"]["batch_size"] == 9


def test_parameters_called_like_arguments_are_saved(
    module: Any, tmp_path: Path
) -> None:
    path = tmp_path / "p.npz"
    module.save_parameters(str(path), {"file": np.ones(2), "args": np.zeros(1)})
    with np.load(path) as archive:
        assert archive.files == ["file", "args"]


def test_parameters_are_read_from_either_kind_of_file(
    module: Any, tmp_path: Path
) -> None:
    parameters, state, _ = trained(module, tmp_path / "run.npz")
    saved = module.snapshot(parameters, state)
    module.save_checkpoint(str(tmp_path / "run.npz"), saved)
    module.save_parameters(str(tmp_path / "best.npz"), parameters)
    for name in ("run.npz", "best.npz"):
        assert same(module.load_parameters(str(tmp_path / name)), parameters)
    with pytest.raises(module.CheckpointError, match="holds parameters only"):
        module.load_checkpoint(str(tmp_path / "best.npz"))


def test_the_same_content_gives_the_same_bytes(module: Any, tmp_path: Path) -> None:
    parameters, state = start(module)
    for name in ("a", "b"):
        module.save_checkpoint(str(tmp_path / name), module.snapshot(parameters, state))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Resuming -----------------------------------------------------------------------------


@pytest.mark.parametrize("broken_at", [1, 5, 6, 7, 20, 36])
def test_a_resumed_run_ends_bit_for_bit_as_an_unbroken_one(
    module: Any, tmp_path: Path, broken_at: int
) -> None:
    expected, expected_state, expected_history = trained(module, tmp_path / "a.npz", 6)
    path = str(tmp_path / "b.npz")
    batches = 0

    def crash(done: int, total: int, loss: float) -> None:
        nonlocal batches
        batches += 1
        if batches == broken_at:
            raise MemoryError

    data = (rows(50), rows(20, 1))
    parameters, state = start(module)
    options = {**OPTIONS, "epochs": 6, "checkpoint": path}
    with pytest.raises(MemoryError):
        module.fit(parameters, state, *data, progress=crash, **options)
    # Another process knows only the file.
    parameters, state = start(module, 77)
    history = module.fit(parameters, state, *data, resume=True, **options)
    assert same(parameters, expected)
    assert same(state["slots"], expected_state["slots"])
    assert without_seconds(history) == without_seconds(expected_history)


def test_a_finished_run_goes_on_for_more_epochs(module: Any, tmp_path: Path) -> None:
    expected, _, _ = trained(module, tmp_path / "a.npz", 6)
    path = tmp_path / "b.npz"
    trained(module, path, 4)
    parameters, state = start(module)
    data = (rows(50), rows(20, 1))
    options = {**OPTIONS, "epochs": 6, "checkpoint": str(path), "resume": True}
    history = module.fit(parameters, state, *data, **options)
    assert len(history) == 6
    assert same(parameters, expected)
    # Nothing is left to do, and the best is put in place again.
    parameters, state = start(module)
    module.fit(parameters, state, *data, **options)
    assert same(parameters, expected)


def test_without_a_checkpoint_yet_a_run_starts_from_the_beginning(
    module: Any, tmp_path: Path
) -> None:
    expected, _, _ = trained(module, tmp_path / "a.npz", 2)
    parameters, state = start(module)
    options = {**OPTIONS, "epochs": 2, "checkpoint": str(tmp_path / "b.npz")}
    module.fit(parameters, state, rows(50), rows(20, 1), resume=True, **options)
    assert same(parameters, expected)


@pytest.mark.parametrize(
    ("train", "dev", "change", "message"),
    [
        (rows(51), rows(20, 1), {}, "the train data changed since the run started"),
        (rows(50), rows(20, 2), {}, "the dev data changed"),
        (rows(50), None, {}, "the dev data changed"),
        (rows(50), rows(20, 1), {"seed": 6}, "with seed 6: the run was started with 5"),
        (rows(50), rows(20, 1), {"batch_size": 8}, "with batch_size 8: .* with 9"),
        (rows(50), rows(20, 1), {"best": "max loss"}, "'max loss': .*'min loss'"),
    ],
)
def test_another_run_is_not_resumed(
    module: Any, tmp_path: Path, train: Any, dev: Any, change: Any, message: str
) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    content = path.read_bytes()
    parameters, state = start(module)
    before = {name: array.copy() for name, array in parameters.items()}
    options = {**OPTIONS, "epochs": 6, "checkpoint": str(path), **change}
    with pytest.raises(module.CheckpointError, match=message):
        module.fit(parameters, state, train, dev, resume=True, **options)
    assert same(parameters, before)
    assert path.read_bytes() == content


# Files that do not fit ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"PARAMETERS": {"hidden.weight": ("float32", (16, 9))}},
            [
                "belongs to another model",
                "'hidden.weight' is float32 (16, 9) here and float32 (16, 8) there",
                "'output.bias' is unknown here",
            ],
        ),
        (
            {
                "PARAMETERS": {
                    "hidden.weight": ("float64", (16, 8)),
                    "hidden.bias": ("float32", (16,)),
                    "output.weight": ("float32", (3, 16)),
                    "output.bias": ("float32", (3,)),
                    "extra": ("float32", ()),
                }
            },
            [
                "'hidden.weight' is float64 (16, 8) here and float32 (16, 8) there",
                "'extra' is missing there",
            ],
        ),
        (
            {"GRAPH_HASH": "0123456789abcdef", "MODEL": "other"},
            ["parameters are alike", "mlp, 5f1d2c3b4a59", "other, 0123456789ab"],
        ),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_with_the_difference(
    module: Any, tmp_path: Path, changes: dict[str, Any], messages: list[str]
) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    other = load(program(**changes))
    with pytest.raises(other.CheckpointError) as raised:
        other.load_checkpoint(str(path))
    for message in messages:
        assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_optimizer_is_refused_and_changes_nothing(
    module: Any, tmp_path: Path
) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    parameters, state = start(module)
    before = {name: array.copy() for name, array in parameters.items()}
    state["slots"]["hidden.weight.exp_avg"] = state["slots"].pop(
        "hidden.weight.momentum_buffer"
    )
    with pytest.raises(module.CheckpointError) as raised:
        module.restore(module.load_checkpoint(str(path)), parameters, state)
    assert "another optimizer: 'hidden.weight.exp_avg' is missing there" in str(
        raised.value
    )
    assert same(parameters, before)


def test_damage_anywhere_is_noticed(module: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    content = path.read_bytes()
    reference = module.load_checkpoint(str(path))
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(module.CheckpointError):
            module.load_checkpoint(str(path))
    for place in range(0, len(content), 53):
        damaged = bytearray(content)
        damaged[place] ^= 0x41
        path.write_bytes(damaged)
        try:
            loaded = module.load_checkpoint(str(path))
        except module.CheckpointError:
            continue
        # What is left are fields of the container that mean nothing, such as times.
        assert same(loaded["parameters"], reference["parameters"])
        assert same(loaded["slots"], reference["slots"])
        assert loaded["history"] == reference["history"]


def test_a_newer_format_is_refused(module: Any, tmp_path: Path) -> None:
    newer = load(program(DROPOUT=0.3).replace("_FORMAT = 1", "_FORMAT = 2"))
    trained(newer, tmp_path / "run.npz")
    with pytest.raises(module.CheckpointError, match=r"format 2; this .* format 1"):
        module.load_checkpoint(str(tmp_path / "run.npz"))


# Written in one step ------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "run.npz"
    parameters, state, _ = trained(module, path)
    content = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a temporary name")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space left") as raised:
            module.save_checkpoint(str(path), module.snapshot(parameters, state))
    assert raised.value.filename == str(path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["run.npz"]


def test_an_interrupt_while_writing_leaves_the_old_file(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    trained(module, path)
    content = path.read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            module.write_file(str(path), b"new")
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["run.npz"]


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (lambda folder: folder / "none" / "run.npz", FileNotFoundError),
        (lambda folder: folder, IsADirectoryError),
    ],
)
def test_a_place_that_can_not_be_written_is_noticed_before_training(
    module: Any, tmp_path: Path, place: Callable[[Path], Path], kind: type[OSError]
) -> None:
    parameters, state = start(module)
    options = {**OPTIONS, "epochs": 1, "checkpoint": str(place(tmp_path))}
    with pytest.raises(kind):
        module.fit(parameters, state, rows(9), **options)
    assert state["step"] == 0


def test_a_device_is_written_to_and_not_replaced(module: Any) -> None:
    module.write_file("/dev/null", b"nothing")
    assert not os.path.isfile("/dev/null")
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        module.write_file("/dev/full", b"nothing")


# Killed -------------------------------------------------------------------------------


def files(folder: Path, dropout: float = 0.3) -> Path:
    script = folder / "train_mlp.py"
    script.write_text(program(DROPOUT=dropout))
    np.savez(folder / "train.npz", **rows(3000))
    np.savez(folder / "dev.npz", **rows(300, 1))
    return script


ARGUMENTS = (
    *("--data", "train.npz", "--dev", "dev.npz", "--epochs", "12"),
    *("--batch-size", "10", "--seed", "3"),
)


EVERY = ("--checkpoint-every", 0)


def popen(script: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(script, *arguments),
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_killed_again_and_again_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    script = files(tmp_path)
    run(script, *ARGUMENTS, "--out", "whole.npz")
    for after in (0, 1, 1, 3, 0, 2):
        process = popen(script, *ARGUMENTS, *EVERY, "--out", "parts.npz", "--resume")
        assert process.stdout
        for _ in range(after):
            assert process.stdout.readline().startswith("epoch")
        process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "parts.npz").exists()
    run(script, *ARGUMENTS, "--out", "parts.npz", "--resume")
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "parts.npz") as p:
        assert same(dict(whole), dict(p))


def test_ctrl_c_writes_the_best_so_far_and_resume_goes_on(tmp_path: Path) -> None:
    script = files(tmp_path)
    run(script, *ARGUMENTS, "--out", "whole.npz")
    process = popen(script, *ARGUMENTS, "--out", "parts.npz")
    assert process.stdout
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "wrote parts.npz" in stdout
    assert stderr == "train_mlp.py: error: interrupted\n"
    with np.load(tmp_path / "parts.npz") as parts:
        assert parts.files == list(load(program()).PARAMETERS)
    run(script, *ARGUMENTS, "--out", "parts.npz", "--resume")
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "parts.npz") as p:
        assert same(dict(whole), dict(p))
