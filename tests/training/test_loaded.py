"""Copies and pickles of trainers and functions, and the memory that they take."""

from __future__ import annotations

import copy
import gc as collector
import linecache
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DTypeError,
    FeedError,
    OptionError,
    UnknownNameError,
)

RNG = np.random.default_rng(0)
DATA = {"x": RNG.normal(size=(20, 3)), "y": RNG.integers(0, 2, 20)}


def trainer(style: str = "fast", **options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 3), "float64")
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.dropout(gc.nn.relu(gc.nn.Linear(3, 4, name="a", dtype="float64")(x)))
    logits = gc.nn.Linear(4, 2, name="b", dtype="float64")(hidden)
    return gc.Trainer(
        gc.nn.cross_entropy(logits, y),
        gc.optim.Adam(gc.optim.ExponentialLR(0.1, gamma=0.9)),
        {"accuracy": gc.metrics.accuracy(logits, y)},
        outputs=gc.nn.softmax(logits, 1),
        plateau=gc.optim.ReduceLROnPlateau(patience=1),
        style=style,
        **options,
    )


def same(one: gc.Trainer, other: gc.Trainer) -> bool:
    return all(
        np.array_equal(one.parameters[name], other.parameters[name])
        for name in one.parameters
    )


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


AGAIN: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, pickled]


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_copy_goes_on_as_its_original_would(style: str, again: Any) -> None:
    original = trainer(style)
    original.fit(DATA, epochs=2, batch_size=8, verbose=False)
    other = again(original)
    assert other.source == original.source
    assert (other.steps, len(other.history)) == (original.steps, len(original.history))
    assert same(original, other)
    before = {name: array.copy() for name, array in original.parameters.items()}
    for _ in range(3):
        other.step(**DATA)
    for name, array in before.items():
        np.testing.assert_array_equal(original.parameters[name], array)
    for _ in range(3):
        original.step(**DATA)
    assert same(original, other)
    np.testing.assert_array_equal(
        original.predict(x=DATA["x"]), other.predict(x=DATA["x"])
    )


@pytest.mark.parametrize("again", AGAIN)
def test_a_copy_of_what_has_not_begun_begins_alike(again: Any) -> None:
    original = trainer(seed=3)
    other = again(original)
    original.seed = 4  # Of the order of rows from now on.
    assert same(original, other)
    assert same(original, trainer(seed=3))
    assert not same(original, original.restarted(seed=4))


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_copied_function_has_parameters_of_its_own(style: str, again: Any) -> None:
    x = gc.input("x", ("n",), "float64")
    w = gc.parameter("w", (), gc.init.normal(), "float64")
    outputs = {"y": [w * x], "noise": gc.bernoulli(0.5, x.shape)}
    function = gc.compile(outputs, updates={w: w + 1.0}, style=style, seed=5)
    first = function(x=np.ones(50))
    other = again(function)
    assert other.source == function.source
    for _ in range(2):
        ours, theirs = function(x=np.ones(50)), other(x=np.ones(50))
        np.testing.assert_array_equal(ours["y"][0], theirs["y"][0])
        np.testing.assert_array_equal(ours["noise"], theirs["noise"])
    assert ours["y"][0][0] == first["y"][0][0] + 2.0


def _train(part: gc.Trainer) -> list[float]:
    return [part.step(**DATA) for _ in range(3)]


def test_processes_train_copies() -> None:
    original = trainer()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        losses = pool.apply(_train, (original,))
    assert losses == _train(original)


# Memory -------------------------------------------------------------------------------


def test_the_text_of_a_program_is_forgotten_with_it() -> None:
    collector.collect()
    before = {name for name in linecache.cache if name.startswith("<graphc ")}
    made = trainer()
    function = gc.compile(made.loss)
    assert len(linecache.cache.keys() - before) >= 2
    del made, function
    collector.collect()
    after = {name for name in linecache.cache if name.startswith("<graphc ")}
    assert after <= before


def test_programs_of_one_text_do_not_share_its_end() -> None:
    x = gc.input("x", (2,))
    one, other = gc.compile(x / 0.0), gc.compile(x / 0.0)
    del one
    collector.collect()
    with pytest.raises(FeedError), np.errstate(all="ignore"):
        other(x=[1.0])
    assert linecache.getline(other._program.filename, 1).startswith('"""Compiled by')


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_model_that_does_not_fit_in_memory_is_shown_and_emitted(
    style: str, tmp_path: Any
) -> None:
    x = gc.input("x", ("batch", 10**6))
    loss = gc.mean(gc.nn.Linear(10**6, 10**6, name="huge")(x) ** 2)
    large = gc.Trainer(loss, gc.optim.Adam(), style=style)
    assert "1,000,001,000,000 parameters" in repr(large)
    assert large.steps == 0
    assert "def train_step" in large.emit(tmp_path / "train.py", style).read_text()
    gc.report(large)
    gc.render(large.loss)
    assert large.footprint.parameters > 4 * 10**12
    assert "def compute" in gc.compile(loss, style=style).source
    pickled(large)


# Parameters ---------------------------------------------------------------------------


@pytest.mark.parametrize("made", ["function", "trainer"])
def test_parameters_take_what_fits(made: str) -> None:
    w = gc.parameter("w", (2,), [1.0, 2.0])
    loss = gc.sum(w * w)
    model = (
        gc.compile(loss) if made == "function" else gc.Trainer(loss, gc.optim.SGD(0.1))
    )
    model.parameters["w"] = [3, 4]
    model.parameters["w"] = np.array([3.0, 4.0])
    model.parameters = {"w": [5.0, 4.0]}
    model.parameters["w"][0] = 3.0
    assert model.parameters["w"].dtype == np.float32
    wrong: list[Any] = [
        [1.0],
        [[1.0, 2.0]],
        1.0,
        [1j, 2],
        ["a", "b"],
        [None, 1],
        None,
        w,
    ]
    wrong += [[1e300, 0.0], [[1.0], [2.0, 3.0]]]
    for value in wrong:
        with pytest.raises(FeedError):
            model.parameters["w"] = value
    with pytest.raises(UnknownNameError, match="no parameter 'v'; the"):
        model.parameters["v"] = [1.0]
    np.testing.assert_array_equal(model.parameters["w"], [3.0, 4.0])


# Runs ---------------------------------------------------------------------------------


def test_a_run_inside_a_run_is_refused_and_ends_nothing() -> None:
    made, alone = trainer(), trainer()
    refused: list[str] = []

    def again(record: Any) -> None:
        try:
            made.fit(DATA, epochs=1, batch_size=8, verbose=False)
        except OptionError as error:
            refused.append(str(error))

    made.fit(DATA, epochs=3, batch_size=8, verbose=False, callbacks=[again])
    alone.fit(DATA, epochs=3, batch_size=8, verbose=False)
    assert same(made, alone)
    assert len(refused) == 3
    assert "copy.deepcopy(trainer)" in refused[0]
    assert __file__ in refused[0]
    made.fit(DATA, epochs=1, batch_size=8, verbose=False)
    alone.fit(DATA, epochs=1, batch_size=8, verbose=False)
    assert same(made, alone)


def test_a_copy_made_in_a_callback_trains() -> None:
    made = trainer()
    copies: list[gc.Trainer] = []
    made.fit(
        DATA,
        epochs=1,
        verbose=False,
        callbacks=[lambda record: copies.append(copy.deepcopy(made))],
    )
    copies[0].fit(DATA, epochs=1, verbose=False)


def test_a_schedule_without_a_name_keeps_a_trainer_from_being_pickled() -> None:
    made = gc.Trainer(
        gc.sum(gc.parameter("w", ()) ** 2), gc.optim.SGD(lambda clock: 0.1)
    )
    assert copy.deepcopy(made).steps == 0
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(made)
    with pytest.raises(DTypeError):
        gc.compile(None)
