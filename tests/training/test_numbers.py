"""The mean loss of an epoch, and steps that are not taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NonFiniteError
from graphc.ir import Node
from tests.targets.support import load, run

STYLES = ("fast", "readable")
CLASSES = 4
IGNORED = -1


def rows(count: int = 23, ignored: int = 11) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    labels = rng.integers(0, CLASSES, count)
    labels[:ignored] = IGNORED
    return {"x": rng.normal(size=(count, CLASSES)), "y": labels}


DATA = rows()
KEPT = {name: array[11:] for name, array in DATA.items()}
WEIGHT = np.array([0.5, 1.0, 2.0, 4.0])


def expected(weight: np.ndarray | None, scale: float = 1.0) -> float:
    """The weighted mean over all rows that are not ignored."""
    x, y = scale * KEPT["x"], KEPT["y"]
    losses = np.log(np.exp(x).sum(1)) - x[np.arange(len(y)), y]
    return float(np.average(losses, weights=None if weight is None else weight[y]))


def model(weight: Any, style: str = "fast", lr: float = 0.0, **options: Any) -> Any:
    x = gc.input("x", ("batch", CLASSES), "float64")
    y = gc.input("y", ("batch",), "int64")
    scale = gc.parameter("scale", (), 1.0, dtype="float64")
    logits = scale * x
    metrics = {"accuracy": gc.metrics.accuracy(logits, y, ignore_index=IGNORED)}
    loss = gc.nn.cross_entropy(logits, y, weight, ignore_index=IGNORED)
    loss = loss + 0.25 * scale * scale
    options.setdefault("metrics", metrics)
    return gc.Trainer(loss, gc.optim.SGD(lr), style=style, **options)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["ignored", "weighted"])
@pytest.mark.parametrize("metrics", [True, False], ids=["totals", "means"])
def test_the_loss_of_an_epoch_is_that_of_all_its_rows(
    style: str, weight: Any, metrics: bool
) -> None:
    options: dict[str, Any] = {} if metrics else {"metrics": {}}
    trainer = model(weight, style, **options)
    whole = expected(weight) + 0.25
    for size in (1, 4, 7, 23):
        record = trainer.fit(DATA, DATA, epochs=1, batch_size=size, verbose=False)[0]
        assert record["loss"] == pytest.approx(whole, rel=1e-12)
        assert record["dev_loss"] == pytest.approx(whole, rel=1e-12)
        scores = trainer.evaluate(DATA, batch_size=size)
        assert scores["loss"] == pytest.approx(whole, rel=1e-12)
    parts = trainer.fit(
        *(DATA, DATA), epochs=1, batch_size=5, evaluations_per_epoch=3, verbose=False
    )
    assert len(parts) == 3


def test_the_loss_of_a_stream_is_that_of_all_its_rows() -> None:
    def stream() -> Iterator[dict[str, np.ndarray]]:
        for start, stop in ((0, 5), (5, 12), (12, 13), (13, 23)):
            yield {name: array[start:stop] for name, array in DATA.items()}

    record = model(WEIGHT).fit(stream, stream, epochs=1, verbose=False)[0]
    assert record["loss"] == pytest.approx(expected(WEIGHT) + 0.25, rel=1e-12)
    assert record["dev_loss"] == pytest.approx(expected(WEIGHT) + 0.25, rel=1e-12)


@pytest.mark.parametrize("style", STYLES)
def test_the_loss_of_nll_is_weighted_too(style: str) -> None:
    x = gc.input("x", ("batch", CLASSES), "float64")
    y = gc.input("y", ("batch",), "int64")
    scale = gc.parameter("scale", (), 1.0, dtype="float64")
    logs = gc.nn.log_softmax(scale * x, dim=1)
    loss = gc.nn.nll_loss(logs, y, WEIGHT, ignore_index=IGNORED)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.0), style=style)
    record = trainer.fit(DATA, epochs=1, batch_size=3, verbose=False)[0]
    assert record["loss"] == pytest.approx(expected(WEIGHT), rel=1e-12)


@pytest.mark.parametrize("style", STYLES)
def test_a_batch_whose_labels_are_all_ignored_takes_no_step(style: str) -> None:
    nothing = {name: array[:11] for name, array in DATA.items()}
    trainer = model(None, style, lr=0.1)
    assert np.isnan(trainer.step(**nothing))
    assert trainer.steps == 0
    assert trainer.parameters["scale"] == 1.0
    scores = trainer.evaluate(nothing, batch_size=4)
    assert np.isnan(scores["loss"])
    assert np.isnan(scores["accuracy"])
    history = trainer.fit(nothing, nothing, epochs=2, batch_size=4, verbose=False)
    assert np.isnan(history["loss"]).all()
    assert history.kept.endswith("dev loss was NaN in every evaluation")
    assert trainer.parameters["scale"] == 1.0
    # Of 23 batches of one row, 11 have no label that counts.
    trainer.fit(DATA, epochs=1, batch_size=1, verbose=False)
    assert trainer.steps == 12
    assert trainer.parameters["scale"] != 1.0


def test_the_emitted_program_weighs_losses_too(tmp_path: Path) -> None:
    script = model(WEIGHT).emit(tmp_path / "train.py")
    np.savez(tmp_path / "data.npz", **DATA)
    options = ("--data", "data.npz", "--epochs", 1, "--batch-size", 4)
    line = run(script, *options).stdout.splitlines()[0]
    assert f"loss {expected(WEIGHT) + 0.25:#.4g} " in line
    module = load(script.read_text())
    parameters = module.init_parameters(0)
    weights = WEIGHT[KEPT["y"]].sum()
    assert module.loss_weight(parameters, **DATA) == pytest.approx(weights)


# Gradients that are not finite --------------------------------------------------------


def logarithm(style: str = "fast") -> gc.Trainer:
    """A loss that is finite at 1e-40 in float32, where its gradient overflows."""
    x = gc.input("x", ("batch",))
    shift = gc.parameter("shift", (), 0.0)
    scale = gc.parameter("scale", (2,), 1.0)
    loss = gc.mean(gc.log(shift + x)) + gc.sum(scale * scale)
    return gc.Trainer(loss, gc.optim.Adam(0.1), style=style)


BAD = np.array([1, 2, 3, 4, 5, 1e-40, 7, 8], "f")


@pytest.mark.parametrize("style", STYLES)
def test_a_step_with_a_gradient_that_is_not_finite_is_not_taken(style: str) -> None:
    trainer = logarithm(style)
    trainer.step(x=BAD[:5])
    before = {name: array.copy() for name, array in trainer.parameters.items()}
    trainer.parameters["shift"] = before["shift"] = np.float32(0.0)
    with pytest.raises(NonFiniteError) as raised:
        trainer.step(x=BAD)
    message = str(raised.value)
    assert "the gradient of 'shift' became inf in step 2, which was not" in message
    assert "by row 5 of the batch" in message
    assert f"{Path(__file__).name}:" in message
    assert "gave inf at (5,)" in message
    assert trainer.steps == 1
    for name, array in trainer.parameters.items():
        assert np.array_equal(array, before[name])
    trainer.step(x=BAD[:5])
    assert trainer.steps == 2


@pytest.mark.parametrize("style", STYLES)
def test_a_run_ends_at_a_gradient_that_is_not_finite(style: str) -> None:
    trainer = logarithm(style)
    with pytest.raises(NonFiniteError) as raised:
        trainer.fit({"x": BAD}, epochs=1, batch_size=8, verbose=False)
    assert "epoch 1, step 1, by row" in str(raised.value)
    assert "of the batch and 5 of all" in str(raised.value)
    assert trainer.parameters["shift"] == 0.0
    with pytest.raises(NonFiniteError, match="by row 5 of the batch: "):
        trainer.fit([{"x": BAD}], epochs=1, verbose=False)
    # A range test ends there.
    history = trainer.lr_range_test({"x": BAD}, steps=5)
    assert len(history) == 1
    assert np.isnan(history["loss"][0])


@pytest.mark.parametrize("style", STYLES)
def test_the_emitted_program_refuses_such_a_step_too(
    style: str, tmp_path: Path
) -> None:
    script = logarithm(style).emit(tmp_path / "train.py", style=style)
    module = load(script.read_text())
    parameters = module.init_parameters(0)
    state = module.init_state(parameters)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as raised:
        module.train_step(parameters, state, BAD)
    assert str(raised.value) == "the gradient of 'shift' became inf"
    assert parameters["shift"] == 0.0
    assert state["step"] == 0
    np.savez(tmp_path / "data.npz", x=BAD)
    options = ("--data", "data.npz", "--epochs", 1, "--out", "best.npz")
    done = run(script, *options, status=1)
    assert "the gradient of 'shift' became inf" in (done.stderr)


def test_a_large_gradient_whose_square_overflows_is_taken() -> None:
    x = gc.input("x", ("batch",))
    shift = gc.parameter("shift", (), 0.0)
    trainer = gc.Trainer(gc.mean(x * shift), gc.optim.SGD(1e-30))
    trainer.step(x=np.full(3, 1e30, "f"))
    assert trainer.parameters["shift"] == pytest.approx(-1.0)


@pytest.mark.parametrize("is_gradient", [False, True])
def test_what_is_not_finite_in_a_loop_is_named_with_its_step(is_gradient: bool) -> None:
    x, w = gc.input("x", (6, 3)), gc.parameter("w", (3,), gc.init.ones())

    def cell(h: Node, x: Node) -> tuple[Node, None]:
        inside = gc.sqrt(x * w) if is_gradient else gc.log(x * w)
        return gc.tanh(h) + gc.sum(inside), None

    last, _ = gc.scan(cell, gc.zeros(()), x)
    data = np.ones((6, 3), "float32")
    data[4, 1] = 0.0
    with pytest.raises(NonFiniteError) as caught:
        gc.Trainer(last, gc.optim.SGD(0.1)).step(x=data)
    line = cell.__code__.co_firstlineno + 1
    assert f"test_numbers.py:{line}" in str(caught.value)
    named = r"divide \(vjp of sqrt\) gave inf" if is_gradient else "log gave -inf"
    assert re.search(rf"{named} at \(1,\) in step 4 of cell", str(caught.value))
