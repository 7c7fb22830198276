"""Runs that were broken off, and go on bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import CheckpointError
from tests.targets.support import ISOLATED, OURS, assert_clean, command, load, run
from tests.training.loops import DEV, OPTIONS, TRAIN, make, rows
from tests.training.support import same


def without_seconds(history: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


# Resuming -----------------------------------------------------------------------------
@pytest.mark.parametrize("broken_at", [2, 4, 5, 13, 17, 29, 36])
def test_a_broken_run_ends_bit_for_bit_as_an_unbroken_one(
    tmp_path: Path, broken_at: int
) -> None:
    options = {**OPTIONS, "epochs": 4, "evaluations_per_epoch": 3}
    whole = make()
    expected = whole.fit(TRAIN, DEV, **options)
    assert len(set(expected["step_size"])) > 4
    broken = make()
    honest, batches = broken.module.train_step, 0

    def train_step(*arguments: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches > broken_at:
            raise MemoryError
        return honest(*arguments)

    broken.module.train_step = train_step
    path = tmp_path / "run.npz"
    with pytest.raises(MemoryError):
        broken.fit(TRAIN, DEV, checkpoint=path, **options)
    # The emitted program goes on from the file.
    module = load(
        make().emit(tmp_path / "train.py", "fast", include=["all"]).read_text()
    )
    parameters = module.init_parameters(7)
    state = module.init_state(parameters, 7)
    records = module.fit(
        *(parameters, state, TRAIN, DEV),
        epochs=4,
        batch_size=8,
        evaluations_per_epoch=3,
        checkpoint=str(path),
        resume=True,
    )
    assert same(parameters, whole.parameters)
    assert without_seconds(records) == without_seconds(expected)
    assert state["scale"] == whole._state["scale"]
    assert list(state["plateau"]) == list(whole._state["plateau"])


def test_other_options_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    options = {**OPTIONS, "epochs": 1, "checkpoint": tmp_path / "run.npz"}
    make().fit(TRAIN, DEV, **options)
    with pytest.raises(CheckpointError, match=r"evaluations_per_epoch 2: .* with 1"):
        make().fit(TRAIN, DEV, resume=True, evaluations_per_epoch=2, **options)
    other = make(plateau=gc.optim.ReduceLROnPlateau(factor=0.1))
    with pytest.raises(CheckpointError, match="resumed with plateau"):
        other.fit(TRAIN, DEV, resume=True, **options)


def test_a_program_killed_again_and_again_ends_as_an_unbroken_one(
    tmp_path: Path,
) -> None:
    script = make().emit(tmp_path / "train.py", "fast", include=["all"])
    np.savez(tmp_path / "train.npz", **rows(3000))  # type: ignore[arg-type]
    np.savez(tmp_path / "dev.npz", **DEV)  # type: ignore[arg-type]
    arguments: tuple[Any, ...] = (
        *("--data", "train.npz", "--dev", "dev.npz", "--epochs", 4),
        *("--evaluations-per-epoch", 3, "--batch-size", 10, "--checkpoint-every", 0),
    )
    whole = run(script, *arguments, "--out", "whole.npz")
    assert "best on dev: epoch " in whole.stdout
    for after in (0, 1, 3, 2):
        process = subprocess.Popen(
            command(script, *arguments, "--out", "parts.npz", "--resume"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout
        for _ in range(after):
            assert process.stdout.readline().startswith("epoch")
        process.kill()
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
    run(script, *arguments, "--out", "parts.npz", "--resume")
    with np.load(tmp_path / "whole.npz") as a, np.load(tmp_path / "parts.npz") as b:
        assert same(dict(a), dict(b))
    trainer = make()
    trainer.fit(rows(3000), DEV, epochs=4, batch_size=10, evaluations_per_epoch=3)
    with np.load(tmp_path / "whole.npz") as a:
        assert same(dict(a), trainer.parameters)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_program_with_everything_is_clean(style: str, tmp_path: Path) -> None:
    file = make().emit(tmp_path / "train.py", style)
    assert_clean(file, *ISOLATED)
    assert_clean(file, *OURS)


# Options that a resumed run shares ----------------------------------------------------
def wide(lr: Any = 0.01, **options: Any) -> gc.Trainer:
    inner = gc.optim.Adam(lr, **options)
    return make(plateau=None, optimizer=lambda _: gc.optim.EMA(inner, decay=0.9))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.02}, "with LEARNING_RATE 0.02: the run was started with 0.01"),
        ({"eps": 1e-7}, "with EPS 1e-07: the run was started with 1e-08"),
        ({"lr": gc.optim.StepLR(0.01, 30)}, r"with optimizer .EMA\(.*lr=StepLR"),
        ({"lr": lambda clock: 0.01 / clock.step}, "lr=<function <lambda>>"),
    ],
)
def test_a_resume_names_the_option_that_differs(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "run.npz"
    wide().fit(TRAIN, epochs=1, checkpoint=path, **OPTIONS)
    with pytest.raises(CheckpointError, match=message):
        wide(**changed).fit(TRAIN, epochs=2, checkpoint=path, resume=True, **OPTIONS)
    again = wide()
    again.fit(TRAIN, epochs=2, checkpoint=path, resume=True, **OPTIONS)
    assert again.steps == 24
    with pytest.raises(CheckpointError, match="with drop_last True: the run was"):
        again.fit(
            TRAIN, epochs=3, checkpoint=path, resume=True, drop_last=True, **OPTIONS
        )
