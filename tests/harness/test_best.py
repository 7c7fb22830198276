"""The evaluation of a run that is kept, and the end of one that no longer improves."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.harness.support import start
from tests.targets.support import load, program, rows


def scripted(
    scores: list[float], name: str = "accuracy", mode: str | None = None
) -> tuple[Any, Any]:
    """A program whose dev scores are given, and whose parameters count epochs."""
    module = load(program(METRICS={} if name == "loss" else {name: mode}))
    parameters, state = start(module)
    for array in parameters.values():
        array[...] = 0

    def train_step(parameters: Any, state: Any, x: Any, y: Any) -> float:
        for array in parameters.values():
            array += 1
        state["step"] += 1
        return 1.0

    def forward(parameters: Any, x: Any, y: Any) -> dict[str, float]:
        epoch = int(parameters["hidden.bias"][0])
        # By the loss the first epoch is best.
        return {"loss": float(epoch), name: scores[epoch - 1]}

    module.train_step, module.forward = train_step, forward
    return module, (parameters, state)


@pytest.mark.parametrize(
    ("name", "mode", "best", "scores", "expected"),
    [
        ("loss", None, None, [0.3, 0.4, 0.2, 0.4], 3),
        ("loss", None, "loss", [0.3, 0.4, 0.2, 0.4], 3),
        ("loss", None, "max loss", [0.3, 0.4, 0.2, 0.4], 2),
        # A metric decides only if it is asked for, whatever it is called.
        ("accuracy", None, None, [0.1, 0.5, 0.5, 0.4], 1),
        ("accuracy", "max", None, [0.1, 0.5, 0.5, 0.4], 1),
        ("nll", None, None, [0.3, 0.1, 0.2, 0.4], 1),
        ("accuracy", None, "max accuracy", [0.1, 0.5, 0.5, 0.4], 2),
        ("accuracy", None, "min accuracy", [0.3, 0.5, 0.1, 0.4], 3),
        ("nll", "min", "nll", [0.3, 0.1, 0.2, 0.4], 2),
        ("error", "max", "error", [0.3, 0.1, 0.2, 0.4], 4),
        ("error", "max", "min error", [0.3, 0.1, 0.2, 0.4], 2),
        ("f1", "max", "f1", [math.nan, 0.2, math.nan, 0.1], 2),
        ("f1", "max", "f1", [math.inf, 0.2, math.nan, 0.1], 1),
        ("f1", "max", "f1", [math.nan] * 4, 4),
    ],
)
def test_the_best_epoch_on_dev_is_kept(
    name: str, mode: str | None, best: str | None, scores: list[float], expected: int
) -> None:
    module, (parameters, state) = scripted(scores, name, mode)
    data = rows(4)
    history = module.fit(
        parameters, state, data, data, epochs=4, batch_size=4, best=best
    )
    assert parameters["output.bias"][0] == expected
    marked = [record["epoch"] for record in history if record["best"]]
    assert (marked or [4])[-1] == expected


def kept(scores: list[float], best: str | None = None, **options: Any) -> str:
    module, (parameters, state) = scripted(scores)
    dev = rows(4) if options.pop("dev", True) else None
    keep = options.get("keep_best", True)
    history = module.fit(
        *(parameters, state, rows(4), dev),
        **{"epochs": len(scores), "batch_size": 4, "best": best, **options},
    )
    return module.describe_kept(history, best, keep)


def test_a_run_says_what_it_kept_and_by_what() -> None:
    scores = [0.1, 0.5, 0.4]
    assert kept(scores, "max accuracy") == (
        "best on dev: epoch 2, kept by max accuracy 0.5000"
    )
    halves = {"evaluations_per_epoch": 2, "batch_size": 2}
    assert kept([0.3, 0.5], "max accuracy", epochs=1, **halves) == (
        "best on dev: epoch 1, step 2, kept by max accuracy 0.5000"
    )
    assert kept(scores, keep_best=False) == (
        "best on dev: epoch 1, by min loss 1.000; kept the last epoch, 3"
    )
    assert kept(scores, dev=False) == "kept the last epoch, 3: there was no dev data"
    assert kept([math.nan] * 2, "min accuracy") == (
        "kept the last epoch, 2: dev accuracy was NaN in every evaluation"
    )
    assert kept(scores, epochs=0) == ""


def test_patience_ends_a_run_whose_score_stays_nan() -> None:
    module, (parameters, state) = scripted([math.nan] * 9)
    options = {"epochs": 9, "batch_size": 4, "patience": 3, "best": "max accuracy"}
    history = module.fit(parameters, state, rows(4), rows(4), **options)
    assert len(history) == 3
    without = scripted([math.nan] * 9)
    options |= {"best": None}
    assert len(without[0].fit(*without[1], rows(4), None, **options)) == 9


def test_the_last_is_kept_without_dev_or_on_request() -> None:
    for dev, keep in ((None, True), (rows(4), False)):
        module, (parameters, state) = scripted([0.9, 0.1, 0.1])
        options = {"epochs": 3, "batch_size": 4, "keep_best": keep}
        module.fit(parameters, state, rows(4), dev, **options)
        assert parameters["output.bias"][0] == 3


def test_patience_ends_a_run_that_no_longer_improves() -> None:
    module, (parameters, state) = scripted([0.1, 0.5, 0.2, 0.3, 0.9, 0.9])
    data = rows(4)
    options = {"epochs": 6, "batch_size": 4, "patience": 2, "best": "max accuracy"}
    history = module.fit(parameters, state, data, data, **options)
    assert len(history) == 4
    assert parameters["output.bias"][0] == 2


@pytest.mark.parametrize("best", ["accuracy", "max", "max f1", "most accuracy"])
def test_an_unknown_criterion_is_refused(module: Any, best: str) -> None:
    parameters, state = start(module)
    with pytest.raises(module.OptionError, match="'max' or 'min' and one of loss, acc"):
        module.fit(parameters, state, rows(4), epochs=1, batch_size=4, best=best)
