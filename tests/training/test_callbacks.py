"""Callbacks: functions and objects that are called in a run, and may end it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import graphc as gc
from graphc.errors import (
    DataError,
    MissingExtraError,
    OptionError,
)
from tests.training.support import OPTIONS, make, rows, same, stop


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
