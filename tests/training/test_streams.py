"""Streams of batches: functions and iterables, an epoch after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import (
    CheckpointError,
    DataError,
    OptionError,
)
from tests.training.support import OPTIONS, make, rows, same


# Streams ------------------------------------------------------------------------------
def batches(data: Any, size: int = 4) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(data["y"]), size):
        yield {name: array[start : start + size] for name, array in data.items()}


def test_a_function_gives_the_batches_of_every_epoch() -> None:
    epochs: list[int] = []

    def stream(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        epochs.append(epoch)
        order = np.random.default_rng([0, 2, epoch]).permutation(23)
        return batches({name: array[order] for name, array in rows().items()})

    arrays, streamed = make(), make()
    a = arrays.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    b = streamed.fit(stream, lambda: batches(rows(9, 1)), **OPTIONS)
    assert epochs == [1, 2]
    assert same(arrays.parameters, streamed.parameters)
    assert a["loss"] == b["loss"]
    assert a["dev_accuracy"] == pytest.approx(b["dev_accuracy"])
    assert "train_accuracy" not in b.columns


def test_lists_and_endless_generators_of_batches() -> None:
    listed, generated = make(), make()
    listed.fit(list(batches(rows())), epochs=3, verbose=False)

    def endless() -> Iterator[dict[str, np.ndarray]]:
        while True:
            yield from batches(rows())

    generated.fit(endless(), epochs=3, steps_per_epoch=6, verbose=False)
    assert same(listed.parameters, generated.parameters)
    assert generated.steps == 18


def test_streams_that_do_not_fit_are_errors() -> None:
    trainer = make()
    once = "gave no batch in epoch 2: an iterator can be passed through once"
    with pytest.raises(DataError, match=f"train {once}"):
        trainer.fit(batches(rows()), **OPTIONS)
    assert len(trainer.history) == 1
    cases: list[tuple[Any, str]] = [
        ([{"x": rows()["x"]}], "batch 1 lacks the array 'y'"),
        ([], "train gave no batch in epoch 1"),
        (iter([]), "train gave no batch in epoch 1: an iterator can be passed"),
        ([1, 2], "train must map input names to arrays, got list"),
        (np.ones(3), "train must map input names to arrays, got ndarray"),
        (5, "train must map input names to arrays, got int"),
        (lambda: [1], "train: the function must give batches, that is dicts of arrays"),
    ]
    for data, message in cases:
        with pytest.raises(DataError) as raised:
            make().fit(data, **OPTIONS)
        assert message in str(raised.value)
    with pytest.raises(DataError, match="dev gave no batch: an iterator can be passed"):
        make().fit(rows(), batches(rows()), **OPTIONS)
    with pytest.raises(DataError, match="train gave 6 of 7 batches in epoch 1: an it"):
        make().fit(batches(rows()), epochs=1, steps_per_epoch=7, verbose=False)
    with pytest.raises(OptionError, match="needs arrays to train on, no stream"):
        trainer.fit(lambda: batches(rows()), evaluations_per_epoch=2, **OPTIONS)


def test_an_exception_of_a_stream_is_told_at_its_line() -> None:
    def broken() -> Iterator[Any]:
        yield from batches(rows())
        raise RuntimeError("of the user")

    with pytest.raises(RuntimeError, match="of the user") as caught:
        make().fit(broken, **OPTIONS)
    assert caught.traceback[-1].name == "broken"


def test_a_streamed_run_is_resumed(tmp_path: Path) -> None:
    def stream(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        return batches(rows(23, epoch))

    path = tmp_path / "run.npz"
    whole, parts = make(), make()
    whole.fit(stream, epochs=3, verbose=False)
    make().fit(stream, epochs=1, verbose=False, checkpoint=path)
    parts.fit(stream, epochs=3, verbose=False, checkpoint=path, resume=True)
    assert same(whole.parameters, parts.parameters)


@pytest.mark.parametrize(
    ("steps", "says"), [(0, "must be an integer >= 1"), (3, "is for streams")]
)
def test_steps_per_epoch_is_for_streams_only(steps: int, says: str) -> None:
    with pytest.raises(OptionError, match=f"steps_per_epoch {says}"):
        make().fit(rows(), steps_per_epoch=steps, **OPTIONS)


# Streams that go on from epoch to epoch -----------------------------------------------
def numbered(first: int = 1) -> Iterator[dict[str, np.ndarray]]:
    """Batches without an end, each another."""
    for number in itertools.count(first):
        yield rows(4, number)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_stream_goes_on_where_it_stopped(tmp_path: Path, stop: int) -> None:
    options: dict[str, Any] = {"steps_per_epoch": 5, "verbose": False}
    whole = make()
    expected = whole.fit(lambda: numbered(), epochs=4, **options)
    path = tmp_path / "run.npz"
    make().fit(lambda: numbered(), epochs=stop, checkpoint=path, **options)
    resumed = make()
    run = {"epochs": 4, "checkpoint": path, "resume": True, **options}
    history = resumed.fit(lambda: numbered(), **run)
    assert history["loss"] == expected["loss"]
    assert same(whole.parameters, resumed.parameters)
    run["steps_per_epoch"] = 4
    with pytest.raises(CheckpointError, match=r"steps_per_epoch 4: .* started with 5"):
        make().fit(lambda: numbered(), **run)


def test_a_second_run_takes_a_stream_from_its_start() -> None:
    taken: list[int] = []

    def stream(number: int) -> Iterator[dict[str, np.ndarray]]:
        taken.append(number)
        return batches(rows())

    trainer = make()
    # Six batches of at most four rows, in epochs of four: 4, 2 + 2, 4.
    trainer.fit(stream, epochs=3, steps_per_epoch=4, verbose=False)
    assert trainer.steps == 12
    assert taken == [1, 2]
    trainer.fit(stream, epochs=1, steps_per_epoch=4, verbose=False)
    assert taken == [1, 2, 4]
    once = batches(rows())
    with pytest.raises(DataError, match="gave no batch in epoch 2: an iterator"):
        make().fit(once, epochs=3, steps_per_epoch=6, verbose=False)
