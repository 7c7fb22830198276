"""Cross entropy against its formula in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph
from graphc.ir.graph import expand
from graphc.ir.labels import label_bounds
from tests.nn.losses.support import (
    FEEDS,
    LABELS,
    LOGITS,
    RNG,
    WEIGHT,
    log_probabilities,
    nodes,
    textbook_losses,
)
from tests.nn.support import gradients, no_floating_point_warning, numeric_gradient


def test_cross_entropy_and_its_gradient() -> None:
    logits, labels = nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    value = gc.evaluate(loss, FEEDS)
    np.testing.assert_allclose(
        value, textbook_losses(LOGITS, LABELS).mean(), rtol=1e-14
    )
    probabilities = np.exp(log_probabilities(LOGITS))
    expected = (probabilities - np.eye(4)[LABELS]) / 6
    np.testing.assert_allclose(gradients(loss, logits, FEEDS), expected, atol=1e-15)
    numeric = numeric_gradient(lambda x: textbook_losses(x, LABELS).mean(), LOGITS)
    np.testing.assert_allclose(expected, numeric, atol=1e-8)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions_and_weights(reduction: str, weighted: bool) -> None:
    logits, labels = nodes()
    weight = WEIGHT if weighted else None
    losses = textbook_losses(LOGITS, LABELS, weight)
    total = WEIGHT[LABELS].sum() if weighted else 6
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}
    logs = gc.nn.log_softmax(logits, 1)
    values = gc.evaluate(
        [
            gc.nn.cross_entropy(logits, labels, weight, reduction=reduction),
            gc.nn.nll_loss(logs, labels, weight, reduction=reduction),
        ],
        FEEDS,
    )
    np.testing.assert_allclose(values[0], expected[reduction], rtol=1e-13)
    np.testing.assert_allclose(values[1], expected[reduction], rtol=1e-13)


@pytest.mark.parametrize("ignored", [1, -1, -100, 99])
def test_ignored_labels_count_for_nothing(ignored: int) -> None:
    logits, labels = nodes()
    given = LABELS.copy()
    given[[1, 4]] = ignored
    kept = given != ignored
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=ignored)
    feeds = {"logits": LOGITS, "labels": given}
    expected = textbook_losses(LOGITS[kept], given[kept]).mean()
    np.testing.assert_allclose(gc.evaluate(loss, feeds), expected, rtol=1e-13)
    slope = gradients(loss, logits, feeds)
    assert not slope[~kept].any()
    numeric = numeric_gradient(
        lambda x: textbook_losses(x[kept], given[kept]).mean(), LOGITS
    )
    np.testing.assert_allclose(slope, numeric, atol=1e-8)


def test_an_ignored_infinite_loss_is_ignored() -> None:
    logs, labels = nodes()
    values = np.log([[0.5, 0.5, 1.0, 1.0], [0.25, 0.75, 1.0, 1.0]])
    values[1, 0] = -np.inf
    loss = gc.nn.nll_loss(logs, labels, ignore_index=0)
    value = gc.evaluate(loss, {"logits": values, "labels": [1, 0]})
    np.testing.assert_allclose(value, np.log(2))


def test_nothing_is_ignored_by_default() -> None:
    """-100 is torch's default; here it would silently hide a mistake in the data."""
    logits, labels = nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    assert loss.attributes["ignore_index"] is None
    assert "where" not in {node.op.name for node in _primitives(loss)}
    explicit = gc.nn.cross_entropy(logits, labels, ignore_index=-100)
    assert explicit.attributes["ignore_index"] == -100


def _primitives(node: Any) -> Any:
    return expand(Graph((node,)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_labels_of_any_integer_dtype(dtype: str) -> None:
    logits, labels = nodes(labels=dtype)
    loss = gc.nn.cross_entropy(logits, labels)
    feeds = {"logits": LOGITS, "labels": LABELS.astype(dtype)}
    np.testing.assert_allclose(
        gc.evaluate(loss, feeds), textbook_losses(LOGITS, LABELS).mean(), rtol=1e-14
    )
    assert gradients(loss, logits, feeds).shape == (6, 4)


def test_more_classes_than_the_dtype_of_labels_counts() -> None:
    logits = gc.input("logits", (2, 300), "float64")
    labels = gc.input("labels", (2,), "uint8")
    feeds = {"logits": np.zeros((2, 300)), "labels": np.array([0, 255], "uint8")}
    slope = gradients(gc.nn.cross_entropy(logits, labels), logits, feeds)
    assert (slope < 0).sum() == 2
    assert slope[1, 255] < 0


def test_images_of_labels() -> None:
    """`(batch, classes, height, width)` is a row of classes for each pixel."""
    values = RNG.normal(size=(2, 4, 3, 5))
    targets = RNG.integers(0, 4, (2, 3, 5))
    logits = gc.input("logits", ("batch", 4, "h", "w"), "float64")
    labels = gc.input("labels", ("batch", "h", "w"), "int64")
    feeds = {"logits": values, "labels": targets}
    flat = np.moveaxis(values, 1, -1).reshape(-1, 4)
    losses = textbook_losses(flat, targets.ravel())
    mean, each = gc.evaluate(
        [
            gc.nn.cross_entropy(logits, labels),
            gc.nn.cross_entropy(logits, labels, reduction="none"),
        ],
        feeds,
    )
    np.testing.assert_allclose(mean, losses.mean(), rtol=1e-13)
    np.testing.assert_allclose(each, losses.reshape(2, 3, 5), rtol=1e-12)


def test_a_number_of_classes_known_at_run_time() -> None:
    logits = gc.input("logits", ("batch", "batch"), "float64")
    labels = gc.input("labels", ("batch",), "int64")
    loss = gc.nn.cross_entropy(logits, labels)
    feeds = {"logits": LOGITS[:4], "labels": LABELS[:4]}
    slope = gradients(loss, logits, feeds)
    probabilities = np.exp(log_probabilities(LOGITS[:4]))
    np.testing.assert_allclose(
        slope, (probabilities - np.eye(4)[LABELS[:4]]) / 4, atol=1e-15
    )
    assert label_bounds(Graph((loss,))) == {}


def test_class_probabilities() -> None:
    logits, _ = nodes()
    target = gc.input("target", ("batch", 4), "float64")
    given = RNG.dirichlet(np.ones(4), size=6)
    loss = gc.nn.cross_entropy(logits, target, WEIGHT)
    expected = -(WEIGHT * given * log_probabilities(LOGITS)).sum(axis=1).mean()
    value = gc.evaluate(loss, {"logits": LOGITS, "target": given})
    np.testing.assert_allclose(value, expected, rtol=1e-13)


def test_smoothing_is_a_target_of_mixed_probabilities() -> None:
    logits, labels = nodes()
    hard = gc.nn.cross_entropy(logits, labels, label_smoothing=0.2)
    target = gc.input("target", ("batch", 4), "float64")
    soft = gc.nn.cross_entropy(logits, target)
    mixed = np.eye(4)[LABELS] * 0.8 + 0.05
    values = gc.evaluate([hard, soft], {**FEEDS, "target": mixed})
    np.testing.assert_allclose(values[0], values[1], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of 2e4 and one of 0, with gradients of one and of nothing."""
    logits = gc.input("logits", (2, 3), dtype)
    loss = gc.nn.cross_entropy(logits, [0, 2], reduction="sum")
    points = np.array([[-1e4, 0.0, 1e4]] * 2, dtype)
    with no_floating_point_warning(monkeypatch):
        value, slope = gc.evaluate([loss, gc.grad(loss, logits)], {"logits": points})
    assert value == 2e4
    np.testing.assert_array_equal(slope, [[-1, 0, 1], [0, 0, 0]])
    assert value.dtype == slope.dtype == np.dtype(dtype)


def test_a_batch_of_one_and_of_none() -> None:
    logits, labels = nodes()
    total = gc.nn.cross_entropy(logits, labels, reduction="sum")
    one = {"logits": LOGITS[:1], "labels": LABELS[:1]}
    none = {"logits": LOGITS[:0], "labels": LABELS[:0]}
    np.testing.assert_allclose(
        gc.evaluate(total, one), textbook_losses(LOGITS[:1], [0]).sum()
    )
    assert gc.evaluate(total, none) == 0.0
    assert gradients(total, logits, none).shape == (0, 4)
