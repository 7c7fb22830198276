"""Between convolutions the batch stays the last axis, and nothing is copied."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph
from graphc.passes.pipeline import optimize

from .helpers import ops

RNG = np.random.default_rng(0)


def _network() -> tuple[gc.Node, list[gc.Node]]:
    x = gc.input("x", ("batch", 1, 10, 10))
    model = gc.nn.Sequential(
        gc.nn.Conv2d(1, 2, 3, padding=1),
        gc.nn.ReLU(),
        gc.nn.MaxPool2d(2),
        gc.nn.Conv2d(2, 3, 3),
        gc.nn.ReLU(),
        gc.nn.Flatten(),
    )
    return gc.sum(gc.square(model(x))), model.parameters


def test_nothing_is_copied_between_convolutions() -> None:
    loss, parameters = _network()
    before = ops(Graph((loss, *gc.grad(loss, parameters))))
    after = ops(optimize(Graph((loss, *gc.grad(loss, parameters)))))
    assert before["conv2d"] == 2
    # The padded input is one copy; a square need not be flat to be summed.
    assert after["copy_windows"] == 2
    assert after["transpose"] - after["matmul"] <= 3
    assert after["ascontiguousarray"] <= 2


def test_what_has_one_element_a_channel_is_reshaped_and_not_moved() -> None:
    x = gc.input("x", ("batch", 1, 6, 6))
    norm = gc.nn.BatchNorm2d(2)
    loss = gc.sum(gc.square(norm(gc.nn.Conv2d(1, 2, 3)(x))))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), style="readable")
    text, *_ = trainer.source.partition("# Signals ---")
    assert "weight.reshape(2, 1, 1, 1)" in text
    assert "BATCH_NORM_MOMENTUM * mean.reshape(" in text
    assert "ascontiguousarray" not in text
    assert ".reshape(2, 1, 1)[None]" not in text


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_are_those_of_the_interpreter(style: str, batch: int) -> None:
    loss, parameters = _network()
    outputs = [loss, *gc.grad(loss, parameters)]
    function = gc.compile(outputs, style=style)
    x = RNG.normal(size=(batch, 1, 10, 10)).astype("float32")
    expected = gc.evaluate(outputs, {"x": x}, parameters=function.parameters)
    for mine, theirs in zip(function(x=x), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


def test_an_input_in_the_users_own_order_stays() -> None:
    """Only what was computed with the batch last is worked on in that order."""
    x = gc.input("x", (4, 5, 3))
    y = gc.exp(gc.moveaxis(x, -1, 0)) * 2.0
    assert [node.op.name for node in optimize(Graph((y,)))][:2] == [
        "input",
        "transpose",
    ]
