"""Emitted programs that train: epochs, evaluation, and ends before the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.harness.support import copies, same, start
from tests.targets.support import load, program, rows


@pytest.fixture(scope="module")
def random_module() -> Any:
    return load(program(DROPOUT=0.3))


# What it learns -----------------------------------------------------------------------
def test_it_learns_and_records_every_epoch(module: Any) -> None:
    parameters, state = start(module)
    train, dev = rows(303), rows(100, 1)
    seen: list[dict[str, Any]] = []
    history = module.fit(
        parameters, state, train, dev, epochs=15, batch_size=32, report=seen.append
    )
    assert history == seen
    assert [record["epoch"] for record in history] == list(range(1, 16))
    assert list(history[0]) == [
        *("epoch", "step", "step_size", "loss", "train_accuracy", "dev_loss"),
        *("dev_accuracy", "best", "seconds"),
    ]
    # 303 rows are 9 batches of 32 and one of 15.
    assert [record["step"] for record in history] == [10 * n for n in range(1, 16)]
    assert history[-1]["train_accuracy"] > 0.95
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    assert state["epoch"] == 15
    assert state["step"] == 150


def test_each_epoch_takes_every_row_once_in_another_order(module: Any) -> None:
    seen: list[np.ndarray] = []

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        seen.append(x[:, 0].copy())
        assert len(x) == len(y)
        return 1.0

    spy = load(program())
    spy.train_step = train_step
    parameters, state = start(spy)
    data = rows(10)
    spy.fit(parameters, state, data, epochs=2, batch_size=4)
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(data["x"][:, 0])
    assert sorted(second) == sorted(data["x"][:, 0])
    assert list(first) != list(second)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    module = load(program())
    losses = iter([1.0, 2.0, 6.0])
    module.train_step = lambda *_: next(losses)
    parameters, state = start(module)
    history = module.fit(parameters, state, rows(10), epochs=1, batch_size=4)
    assert history[0]["loss"] == pytest.approx((1 * 4 + 2 * 4 + 6 * 2) / 10)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    random_module: Any,
) -> None:
    results = []
    for seed in (3, 3, 4):
        parameters, state = start(random_module, 3)
        random_module.fit(
            parameters, state, rows(100), epochs=3, batch_size=7, seed=seed
        )
        results.append(parameters)
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_data_in_another_memory_order_gives_the_same_bits(module: Any) -> None:
    data = rows(100)
    turned = {"x": np.asfortranarray(data["x"]), "y": data["y"][::-1].copy()[::-1]}
    results = []
    for given in (data, turned):
        parameters, state = start(module)
        module.fit(parameters, state, given, given, epochs=2, batch_size=7)
        results.append(parameters)
    assert same(*results)


def test_a_second_fit_goes_on_where_the_first_ended(module: Any) -> None:
    parameters, state = start(module)
    module.fit(parameters, state, rows(50), epochs=2, batch_size=8)
    again = module.fit(parameters, state, rows(50), epochs=2, batch_size=8)
    assert [record["epoch"] for record in again] == [3, 4]
    other, other_state = start(module)
    module.fit(other, other_state, rows(50), epochs=4, batch_size=8)
    assert same(parameters, other)


def test_no_epochs_change_nothing(module: Any) -> None:
    parameters, state = start(module)
    before = copies(parameters)
    assert module.fit(parameters, state, rows(5), epochs=0, batch_size=8) == []
    assert same(parameters, before)


# Evaluation ---------------------------------------------------------------------------
@pytest.mark.parametrize("batch_size", [1, 7, 10, 1024])
def test_evaluation_is_the_mean_over_all_rows(module: Any, batch_size: int) -> None:
    parameters, _ = start(module)
    data = rows(10)
    scores = module.evaluate(parameters, data, batch_size=batch_size)
    whole = module.forward(parameters, **data)
    assert list(scores) == ["loss", "accuracy"]
    assert scores["loss"] == pytest.approx(float(whole["loss"]), rel=1e-6)
    assert scores["accuracy"] == pytest.approx(float(whole["accuracy"]))
    assert type(scores["loss"]) is float


def test_an_input_without_rows_is_passed_whole() -> None:
    inputs = {
        "weights": ("float32", (3,), None),
        "x": ("float32", ("batch", 8), None),
        "y": ("int64", ("batch",), (0, 2)),
    }
    module = load(program(INPUTS=inputs))
    batches = []

    def train_step(parameters: Any, state: Any, weights: Any, x: Any, y: Any) -> float:
        batches.append((weights.shape, x.shape, y.shape))
        return 0.5

    module.train_step = train_step
    module.METRICS = {}
    parameters, state = start(module)
    data = {**rows(5), "weights": np.ones(3, np.float32)}
    module.fit(parameters, state, data, epochs=1, batch_size=3)
    assert batches == [((3,), (3, 8), (3,)), ((3,), (2, 8), (2,))]


def test_a_model_without_inputs_trains_on_one_row_of_nothing() -> None:
    module = load(program(INPUTS={}))
    module.train_step = lambda parameters, state: 0.5
    module.METRICS = {}
    parameters, state = start(module)
    history = module.fit(parameters, state, {}, epochs=2, batch_size=32)
    assert [record["loss"] for record in history] == [0.5, 0.5]


# Ends before the end ------------------------------------------------------------------
def test_an_interrupt_keeps_the_best_and_undoes_the_broken_epoch(module: Any) -> None:
    data, dev = rows(64), rows(40, 1)

    def interrupt(done: int, total: int, loss: float) -> None:
        if state["epoch"] == 3 and done == 32:
            raise KeyboardInterrupt

    parameters, state = start(module)
    options = {"batch_size": 16, "keep_best": False}
    history = module.fit(
        parameters, state, data, dev, epochs=9, progress=interrupt, **options
    )
    assert history[-1] == {"epoch": 4, "interrupted": True}
    assert [record["epoch"] for record in history[:-1]] == [1, 2, 3]
    other, other_state = start(module)
    expected = module.fit(other, other_state, data, dev, epochs=3, **options)
    assert same(parameters, other)
    assert same(state["slots"], other_state["slots"])
    assert (state["step"], state["epoch"]) == (12, 3)
    assert [r["dev_loss"] for r in history[:3]] == [r["dev_loss"] for r in expected]


def test_an_interrupt_in_the_report_counts_the_epoch(module: Any) -> None:
    def report(record: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    parameters, state = start(module)
    history = module.fit(
        parameters, state, rows(8), epochs=3, batch_size=4, report=report
    )
    assert [record["epoch"] for record in history] == [1, 2]
    assert history[-1]["interrupted"]


def test_a_loss_that_is_not_finite_stops_at_once_and_nothing_is_lost() -> None:
    module = load(program())
    parameters, state = start(module)
    honest = module.train_step
    expected: dict[str, np.ndarray] = {}

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        if state["step"] == 8:
            expected.update(copies(parameters))
        loss = honest(parameters, state, x, y)
        if state["step"] == 10:
            for array in parameters.values():
                array[...] = np.nan
            return math.nan
        return loss

    module.train_step = train_step
    with pytest.raises(FloatingPointError) as raised:
        module.fit(parameters, state, rows(64), epochs=9, batch_size=16)
    message = str(raised.value)
    assert "loss became nan in epoch 3, step 10" in message
    assert "smaller step size" in message
    assert same(parameters, expected)
    assert state["epoch"] == 2


def test_parameters_that_become_infinite_in_the_last_step_are_noticed() -> None:
    module = load(program())
    parameters, state = start(module)
    before = copies(parameters)

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        parameters["output.bias"][0] = np.inf
        return 1.0

    module.train_step = train_step
    with pytest.raises(FloatingPointError, match=r"'output\.bias' is no longer finite"):
        module.fit(parameters, state, rows(16), epochs=1, batch_size=16)
    assert same(parameters, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, got 2.5"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"resume": True}, "resume needs the path of a checkpoint"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    module: Any, options: dict[str, Any], message: str
) -> None:
    parameters, state = start(module)
    given = {"epochs": 1, "batch_size": 4, **options}
    with pytest.raises(module.OptionError) as raised:
        module.fit(parameters, state, rows(4), **given)
    assert str(raised.value) == message
    assert isinstance(raised.value, ValueError)
