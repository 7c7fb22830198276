"""The few array operations of losses and their gradients, and that they are right."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError
from graphc.ir import Graph
from graphc.passes.pipeline import optimize
from tests.nn.losses.support import FEEDS, LABELS, LOGITS, RNG, log_probabilities, nodes


def _mean_loss() -> Any:
    return -log_probabilities(LOGITS)[np.arange(6), LABELS].mean()


@pytest.mark.parametrize("classes", [32, 33, 500])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_few_and_many_classes(classes: int, smoothing: float) -> None:
    """A table of one-hot rows, or one number added at each label."""
    values = RNG.normal(size=(6, classes))
    targets = RNG.integers(0, classes, 6)
    logits = gc.input("logits", ("batch", classes), "float64")
    labels = gc.input("labels", ("batch",), "int64")
    loss = gc.nn.cross_entropy(logits, labels, label_smoothing=smoothing)
    graph = optimize(Graph((loss, gc.grad(loss, logits))), verify_each=True)
    feeds = {"logits": values, "labels": targets}
    value, slope = gc.evaluate(list(graph.outputs), feeds)
    logs = log_probabilities(values)
    goals = (1 - smoothing) * np.eye(classes)[targets] + smoothing / classes
    np.testing.assert_allclose(value, -(goals * logs).sum(axis=1).mean(), rtol=1e-13)
    np.testing.assert_allclose(slope, (np.exp(logs) - goals) / 6, atol=1e-15)
    names = {node.op.name for node in graph.nodes}
    assert not names & {"equal", "where", "scatter_along_axis", "take_along_axis"}
    if classes > 32 and not smoothing:
        assert "add_at" in names
        assert "scatter_add" not in names


def test_array_operations_of_a_loss_and_its_gradient() -> None:
    """A regression in how many there are would be felt at every small batch."""
    logits, labels = nodes("float32")
    loss = gc.nn.cross_entropy(logits, labels)
    graph = optimize(Graph((loss, gc.grad(loss, logits))))
    counted = Counter(n.op.name for n in graph.nodes if n.inputs and n.ndim)
    assert counted == {
        "max": 1,
        "subtract": 3,
        "exp": 1,
        "sum": 1,
        "log": 1,
        "squeeze": 1,
        "getitem": 2,
        "divide": 2,
    }


@pytest.mark.parametrize(
    "written",
    [
        lambda x, y: gc.nn.nll_loss(gc.nn.log_softmax(x, 1), y),
        lambda x, y: (
            -gc.mean(gc.log(gc.take_along_axis(gc.nn.softmax(x, 1), y[:, None], 1)))
        ),
        lambda x, y: -gc.mean(gc.take_along_axis(gc.nn.log_softmax(x, 1), y[:, None])),
        lambda x, y: gc.mean(gc.nn.cross_entropy(x, y, reduction="none")),
    ],
)
def test_losses_written_out_are_as_short(written: Any) -> None:
    logits, labels = nodes()
    loss = written(logits, labels)
    graph = optimize(Graph((loss, gc.grad(loss, logits))), verify_each=True)
    counted = Counter(n.op.name for n in graph.nodes)
    assert counted["subtract"] == 3
    assert counted["exp"] == counted["max"] == counted["sum"] == 1
    assert not counted.keys() & {"scatter_add", "scatter_along_axis", "broadcast_to"}
    value, slope = gc.evaluate(list(graph.outputs), FEEDS)
    np.testing.assert_allclose(value, _mean_loss(), rtol=1e-14)
    probabilities = np.exp(log_probabilities(LOGITS))
    np.testing.assert_allclose(
        slope, (probabilities - np.eye(4)[LABELS]) / 6, atol=1e-15
    )


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("classes", [4, 40])
def test_a_computed_label_beyond_the_classes_is_an_error(
    style: Any, classes: int
) -> None:
    logits = gc.input("logits", ("batch", classes))
    labels = gc.input("labels", ("batch",), "int64")
    loss = gc.nn.cross_entropy(logits, labels + 1)
    compiled = gc.compile([loss, gc.grad(loss, logits)], style=style)
    values = np.zeros((2, classes), "f4")
    compiled(logits=values, labels=[0, classes - 2])
    with pytest.raises(FeedError, match=f"got {classes - 1}"):
        compiled(logits=values, labels=[0, classes - 1])


def test_a_huber_loss_chooses_nothing() -> None:
    x, t = gc.input("x", ("n",), "float64"), gc.input("t", ("n",), "float64")
    loss = gc.nn.huber_loss(x, t, reduction="sum", delta=0.5)
    graph = optimize(Graph((loss, gc.grad(loss, x))))
    names = {node.op.name for node in graph.nodes}
    assert not names & {"where", "less", "sign"}
    points = np.array([-np.inf, -3.0, -0.5, -0.1, 0.0, 0.2, 0.5, 7.0])
    feeds = {"x": points, "t": np.zeros(8)}
    value, slope = gc.evaluate(list(graph.outputs), feeds)
    assert value == np.inf
    np.testing.assert_array_equal(slope, [-0.5, -0.5, -0.5, -0.1, 0, 0.2, 0.5, 0.5])
    near, far = 0.5 * points[2:7] ** 2, 0.5 * (np.abs(points[[1, 7]]) - 0.25)
    finite = gc.evaluate(loss, {"x": points[1:], "t": np.zeros(7)})
    np.testing.assert_allclose(finite, near.sum() + far.sum(), rtol=1e-14)
