"""Broadcasting that named sizes forbid: `(batch, 1) - (batch,)` pairs all rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import BroadcastWarning, ShapeError


def _x(*shape: Any, name: str = "x", dtype: str = "float32") -> gc.Node:
    return gc.input(name, shape, dtype)


Operation = Callable[[gc.Node, gc.Node], gc.Node]

OPERATIONS: list[Operation] = [
    lambda a, b: a - b,
    lambda a, b: b - a,
    gc.maximum,
    lambda a, b: a == b,
    lambda a, b: gc.where(a > 0, a, b),
    lambda a, b: gc.where(b > 0, 1.0, a),
    lambda a, b: gc.clip(a, b, None),
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("tall", "flat"),
    [
        (("batch", 1), ("batch",)),
        (("batch", 1, 3), ("batch", 3)),
        (("batch", 1, 1), ("batch", 1)),
        (("batch", 1, 1), ("batch",)),
        ((gc.Dim("n") + 1, 1), (gc.Dim("n") + 1,)),
    ],
)
def test_rows_that_are_paired_are_told(
    operation: Operation, tall: Any, flat: Any
) -> None:
    a, b = _x(*tall, name="a"), _x(*flat, name="b")
    with pytest.warns(
        BroadcastWarning, match="pair every one of .* with every other"
    ) as w:
        operation(a, b)
    assert w[0].filename == __file__


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_meant_is_not(operation: Operation) -> None:
    x, y, column = _x("batch"), _x("batch", name="y"), _x("batch", 1, name="column")
    rows, square = _x("batch", 3, name="rows"), _x("batch", "batch", name="square")
    for a, b in (
        (x[:, None], y),
        (x[:, None].astype("float64"), y),
        (gc.expand_dims(x, 1), y),
        (x.reshape(-1, 1), y),
        (x[None, :].T, y),
        (gc.broadcast_to(column, ("batch", "batch")), y),
        (column, y[:, None]),
        (column, y[None, :]),
        (gc.squeeze(column, 1), y),
        (rows[:, None, :], rows),
        (rows, _x(3, name="bias")),
        (column, 2.0),
        (column, _x("other", name="other")),
        (square, y),
        (_x(32, 1, name="ints"), _x(32, name="more")),
        (column, column.T),
        (_x("batch", "time", 1, name="scores"), _x("time", 4, name="keys")),
    ):
        operation(a, b)


def test_predictions_made_of_a_column_are_told() -> None:
    x, y = _x("batch"), _x("batch", name="y")
    w, b = gc.parameter("w", ()), gc.parameter("b", (1,))
    for prediction in (w * x[:, None], x[:, None] + b, gc.nn.Linear(1, 1)(x[:, None])):
        with pytest.warns(BroadcastWarning):
            prediction - y


def test_products_of_stacks_too() -> None:
    stack, matrices = _x("batch", 1, 2, 3), _x("batch", 3, 2, name="matrices")
    with pytest.warns(BroadcastWarning):
        _ = stack @ matrices
    _ = _x("batch", 2, 3) @ matrices
    _ = _x("batch", 2, 3)[:, None] @ matrices
    _ = _x("batch", 1, "k") @ _x("k", 2, name="w")


def test_a_line_is_told_once() -> None:
    a, b = _x("batch", 1, name="a"), _x("batch", name="b")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            a - b
    assert len(told) == 1


def test_what_is_derived_is_not_told() -> None:
    """Derivatives and expansions broadcast as their rules say."""
    x = _x("batch", name="x")
    loss = gc.sum((x[:, None] - x) ** 2)
    gradient = gc.grad(loss, x)
    value = gc.compile(gradient)(np.array([1.0, 2.0, 4.0], "float32"))
    np.testing.assert_allclose(value, [-16.0, -4.0, 20.0])


@pytest.mark.parametrize(
    "loss",
    [
        gc.nn.mse_loss,
        gc.nn.l1_loss,
        gc.nn.huber_loss,
        gc.nn.smooth_l1_loss,
        gc.nn.binary_cross_entropy,
        gc.nn.binary_cross_entropy_with_logits,
        gc.nn.cross_entropy,
        gc.metrics.mean_squared_error,
        gc.metrics.mean_absolute_error,
        gc.metrics.root_mean_squared_error,
        gc.metrics.r2_score,
        gc.metrics.accuracy,
        gc.metrics.f1_score,
        gc.metrics.auc,
    ],
)
def test_losses_and_metrics_refuse_them(loss: Callable[..., Any]) -> None:
    is_of_labels = loss.__name__ in ("cross_entropy", "accuracy", "f1_score", "auc")
    dtype = "int64" if is_of_labels else "float32"
    one = _x("batch", 1, name="one")
    with pytest.raises(ShapeError):
        loss(_x("batch", name="flat"), _x("batch", 1, name="labels", dtype=dtype))
    if loss is not gc.nn.cross_entropy and not is_of_labels:
        with pytest.raises(ShapeError):
            loss(one, _x("batch", name="target", dtype=dtype))


def test_a_loss_by_hand_is_refused_where_it_is_trained() -> None:
    x, y = _x("batch", 3), _x("batch", name="y")
    scores = gc.nn.Linear(3, 1)(x)
    with pytest.warns(BroadcastWarning):
        loss = gc.mean((scores - y) ** 2)
    with pytest.raises(ShapeError, match="pair every one of batch") as caught:
        gc.Trainer(loss, gc.optim.SGD(0.1))
    assert __file__ in str(caught.value.location)
    for right in (scores[:, 0] - y, gc.squeeze(scores, 1) - y, scores - y[:, None]):
        gc.Trainer(gc.mean(right**2), gc.optim.SGD(0.1))
    gc.Trainer(gc.mean((scores - y[None, :]) ** 2), gc.optim.SGD(0.1))
