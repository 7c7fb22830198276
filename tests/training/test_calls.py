"""A model of calls is trained, evaluated, checked and diagnosed as one without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NonFiniteError
from graphc.ir import Graph, Node
from graphc.nn.evaluation import evaluation_mode
from graphc.ops.control import call

ROWS = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
LABELS = np.random.default_rng(1).integers(0, 3, 20)


def plain(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def model(apply: Callable[..., Any]) -> tuple[Node, Node]:
    """A layer that is applied twice, with dropout inside; loss and logits."""
    x = gc.input("x", ("batch", 3))
    labels = gc.input("labels", ("batch",), "int64")
    dense = gc.nn.Linear(3, 3, name="dense")

    def layer(x: Node) -> Node:
        return gc.nn.dropout(gc.tanh(dense(x)), 0.2)

    logits = apply(layer, apply(layer, x))
    loss = apply(lambda z, k: gc.nn.cross_entropy(z, k), logits, labels)
    return loss, logits


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_training_gives_the_bits_of_the_model_without_calls(style: Any) -> None:
    found: list[Any] = []
    for apply in (call, plain):
        loss, logits = model(apply)
        trainer = gc.Trainer(loss, gc.optim.Adam(lr=0.01), seed=3, style=style)
        data = {"x": ROWS, "labels": LABELS}
        trainer.fit(data, data, epochs=2, batch_size=5, verbose=False)
        values = [trainer.compile(logits)(x=ROWS), *trainer.parameters.values()]
        found.append([np.asarray(value).tobytes() for value in values])
    assert found[0] == found[1]


def test_dropout_in_a_body_is_passed_by_in_evaluation_mode() -> None:
    _, logits = model(call)
    graph = evaluation_mode(Graph((logits,)))
    inside = [node for part in graph.nested for node in part.meanings]
    assert "dropout" in {n.op.name for p in Graph((logits,)).nested for n in p.nodes}
    assert "dropout" not in {node.op.name for node in inside}
    values = [gc.evaluate(graph.outputs[0], {"x": ROWS}, seed=0) for _ in range(2)]
    np.testing.assert_array_equal(*values)


def test_gradients_of_a_model_of_calls_are_checked() -> None:
    loss, _ = model(call)
    (quiet,) = evaluation_mode(Graph((loss,))).outputs
    feeds = {"x": ROWS, "labels": LABELS}
    report = gc.check_gradients(quiet, feeds=feeds)
    assert report.passed
    assert "tanh" in {check.node.op.name for check in report.nodes}
    calls = [node for node in Graph((quiet,)).nodes if node.op.kind == "control"]
    first = next(node for node in calls if node.shape)
    assert gc.check_gradients(quiet, first, feeds=feeds).passed


def test_the_node_that_stopped_being_finite_is_found_in_a_body() -> None:
    x, w = gc.input("x", ("batch",)), gc.parameter("w", (), init=1.0)

    def layer(x: Node) -> Node:
        return gc.log(x * w)

    trainer = gc.Trainer(gc.mean(call(layer, x)), gc.optim.SGD(lr=0.1))
    with pytest.raises(NonFiniteError, match="log gave nan") as caught:
        trainer.step(x=[1.0, -1.0])
    line = layer.__code__.co_firstlineno + 1
    assert f"test_calls.py:{line}" in str(caught.value)
