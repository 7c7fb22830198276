"""The training loop: evaluations, and options of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OptionError
from tests.targets.support import run
from tests.training.loops import DEV, OPTIONS, TRAIN, make
from tests.training.support import same


# Several evaluations an epoch ---------------------------------------------------------
def test_dev_is_evaluated_several_times_an_epoch() -> None:
    trainer = make(plateau=None)
    history = trainer.fit(TRAIN, DEV, epochs=2, evaluations_per_epoch=3, **OPTIONS)
    # 90 rows are 12 batches, of which the last has two rows.
    assert history["step"] == [4, 8, 12, 16, 20, 24]
    assert history["epoch"] == [1, 1, 1, 2, 2, 2]
    assert history["part"] == [1, 2, 3, 1, 2, 3]
    assert [f is not None for f in history["train_f1"]] == [False, False, True] * 2
    assert None not in history["dev_f1"]
    best = history.best
    assert best is not None
    assert best["dev_loss"] == min(history["dev_loss"])
    assert trainer.evaluate(DEV)["loss"] == best["dev_loss"]
    assert "step      4" in trainer.module.describe_record(history[0])
    # The steps are those of a run with one evaluation an epoch.
    once, often = make(plateau=None), make(plateau=None)
    a = once.fit(TRAIN, epochs=2, **OPTIONS)
    b = often.fit(TRAIN, epochs=2, evaluations_per_epoch=5, **OPTIONS)
    assert same(once.parameters, often.parameters)
    assert a["train_accuracy"][-1] == b["train_accuracy"][-1]
    for number in (0, 13, 1.5):
        with pytest.raises(OptionError, match="evaluations_per_epoch must be"):
            once.fit(TRAIN, evaluations_per_epoch=number, **OPTIONS)  # type: ignore[arg-type]


def test_patience_counts_evaluations() -> None:
    options = {**OPTIONS, "evaluations_per_epoch": 4, "patience": 3}
    history = make(lr=0.5).fit(TRAIN, DEV, epochs=40, **options)
    best = max(i for i, record in enumerate(history) if record["best"])
    assert len(history) == best + 1 + 3


# Beside the loop ----------------------------------------------------------------------
def test_predictions_are_those_of_evaluation_mode() -> None:
    trainer = make()
    logits = trainer.predict(x=DEV["x"])
    accuracy = (logits.argmax(1) == DEV["y"]).mean()
    assert trainer.evaluate(DEV)["accuracy"] == pytest.approx(accuracy)
    assert np.array_equal(logits, trainer.predict(x=DEV["x"]))
    assert np.array_equal(logits, trainer.predict(**DEV))
    with pytest.raises(ValueError, match="'z' is not an input"):
        trainer.predict(x=DEV["x"], z=DEV["y"])
    x = gc.input("x", ("batch",))
    w = gc.parameter("w", (), 1.0)
    with pytest.raises(OptionError, match="no outputs to predict"):
        gc.Trainer(gc.mean(w * x), gc.optim.SGD(0.1)).predict(x=np.ones(2, "f"))


def test_the_last_batch_may_be_dropped(tmp_path: Path) -> None:
    # 90 rows are 11 batches of 8 and two rows.
    trainer = make(plateau=None)
    assert trainer.fit(TRAIN, DEV, epochs=2, drop_last=True, **OPTIONS)["step"] == [
        11,
        22,
    ]
    parts = make(plateau=None)
    options = {**OPTIONS, "evaluations_per_epoch": 11}
    history = parts.fit(
        TRAIN, DEV, epochs=2, drop_last=True, keep_best=False, **options
    )
    assert history["step"] == list(range(1, 23))
    shapes: list[int] = []
    seen = make(plateau=None)
    honest = seen.module.train_step

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        shapes.append(len(x))
        return honest(parameters, state, x, y)

    seen.module.train_step = train_step
    seen.fit(TRAIN, epochs=1, drop_last=True, **OPTIONS)
    assert shapes == [8] * 11
    with pytest.raises(OptionError, match="in an epoch, 11; got 12"):
        seen.fit(TRAIN, drop_last=True, **{**options, "evaluations_per_epoch": 12})
    with pytest.raises(OptionError, match="90 rows are fewer than batch_size 91"):
        seen.fit(TRAIN, drop_last=True, batch_size=91)
    with pytest.raises(OptionError, match="drop_last needs arrays to train on"):
        seen.fit([TRAIN], drop_last=True)
    trainer.emit(tmp_path / "train.py", include=["all"])
    np.savez(tmp_path / "train.npz", **TRAIN)
    command = (
        "--data",
        "train.npz",
        "--batch-size",
        8,
        "--epochs",
        1,
        "--out",
        "p.npz",
    )
    run(tmp_path / "train.py", *command, "--drop-last")
    with np.load(tmp_path / "p.npz") as found:
        for name, array in seen.parameters.items():
            assert np.allclose(found[name], array, rtol=1e-4, atol=1e-6)
