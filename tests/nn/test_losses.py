"""Losses against their formulas in plain NumPy, and what labels they allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError, OptionError, ShapeError
from graphc.ir import Graph
from graphc.ir.graph import expand
from graphc.ir.labels import LabelBounds, label_bounds
from tests.nn.support import gradients, no_floating_point_warning, numeric_gradient

RNG = np.random.default_rng(7)
LOGITS = RNG.normal(size=(6, 4))
LABELS = np.array([0, 3, 1, 1, 2, 0])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])


def _log_probabilities(logits: Any) -> Any:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _losses(logits: Any, labels: Any, weight: Any = None) -> Any:
    """One after another, as a textbook's loop."""
    logs = _log_probabilities(logits)
    result = [-logs[n, label] for n, label in enumerate(labels)]
    if weight is not None:
        result = [weight[k] * v for k, v in zip(labels, result, strict=True)]
    return np.array(result)


def _nodes(dtype: str = "float64", labels: str = "int64") -> tuple[Any, Any]:
    return (
        gc.input("logits", ("batch", 4), dtype),
        gc.input("labels", ("batch",), labels),
    )


FEEDS = {"logits": LOGITS, "labels": LABELS}


def test_cross_entropy_and_its_gradient() -> None:
    logits, labels = _nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    value = gc.evaluate(loss, FEEDS)
    np.testing.assert_allclose(value, _losses(LOGITS, LABELS).mean(), rtol=1e-14)
    probabilities = np.exp(_log_probabilities(LOGITS))
    expected = (probabilities - np.eye(4)[LABELS]) / 6
    np.testing.assert_allclose(gradients(loss, logits, FEEDS), expected, atol=1e-15)
    numeric = numeric_gradient(lambda x: _losses(x, LABELS).mean(), LOGITS)
    np.testing.assert_allclose(expected, numeric, atol=1e-8)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions_and_weights(reduction: str, weighted: bool) -> None:
    logits, labels = _nodes()
    weight = WEIGHT if weighted else None
    losses = _losses(LOGITS, LABELS, weight)
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
    logits, labels = _nodes()
    given = LABELS.copy()
    given[[1, 4]] = ignored
    kept = given != ignored
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=ignored)
    feeds = {"logits": LOGITS, "labels": given}
    expected = _losses(LOGITS[kept], given[kept]).mean()
    np.testing.assert_allclose(gc.evaluate(loss, feeds), expected, rtol=1e-13)
    slope = gradients(loss, logits, feeds)
    assert not slope[~kept].any()
    numeric = numeric_gradient(lambda x: _losses(x[kept], given[kept]).mean(), LOGITS)
    np.testing.assert_allclose(slope, numeric, atol=1e-8)


def test_an_ignored_infinite_loss_is_ignored() -> None:
    logs, labels = _nodes()
    values = np.log([[0.5, 0.5, 1.0, 1.0], [0.25, 0.75, 1.0, 1.0]])
    values[1, 0] = -np.inf
    loss = gc.nn.nll_loss(logs, labels, ignore_index=0)
    value = gc.evaluate(loss, {"logits": values, "labels": [1, 0]})
    np.testing.assert_allclose(value, np.log(2))


def test_nothing_is_ignored_by_default() -> None:
    """-100 is torch's default; here it would silently hide a mistake in the data."""
    logits, labels = _nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    assert loss.attributes["ignore_index"] is None
    assert "where" not in {node.op.name for node in _primitives(loss)}
    explicit = gc.nn.cross_entropy(logits, labels, ignore_index=-100)
    assert explicit.attributes["ignore_index"] == -100


def _primitives(node: Any) -> Any:
    return expand(Graph((node,)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_labels_of_any_integer_dtype(dtype: str) -> None:
    logits, labels = _nodes(labels=dtype)
    loss = gc.nn.cross_entropy(logits, labels)
    feeds = {"logits": LOGITS, "labels": LABELS.astype(dtype)}
    np.testing.assert_allclose(
        gc.evaluate(loss, feeds), _losses(LOGITS, LABELS).mean(), rtol=1e-14
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
    losses = _losses(flat, targets.ravel())
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
    probabilities = np.exp(_log_probabilities(LOGITS[:4]))
    np.testing.assert_allclose(
        slope, (probabilities - np.eye(4)[LABELS[:4]]) / 4, atol=1e-15
    )
    assert label_bounds(Graph((loss,))) == {}


def test_class_probabilities() -> None:
    logits, _ = _nodes()
    target = gc.input("target", ("batch", 4), "float64")
    given = RNG.dirichlet(np.ones(4), size=6)
    loss = gc.nn.cross_entropy(logits, target, WEIGHT)
    expected = -(WEIGHT * given * _log_probabilities(LOGITS)).sum(axis=1).mean()
    value = gc.evaluate(loss, {"logits": LOGITS, "target": given})
    np.testing.assert_allclose(value, expected, rtol=1e-13)


def test_smoothing_is_a_target_of_mixed_probabilities() -> None:
    logits, labels = _nodes()
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
    logits, labels = _nodes()
    total = gc.nn.cross_entropy(logits, labels, reduction="sum")
    one = {"logits": LOGITS[:1], "labels": LABELS[:1]}
    none = {"logits": LOGITS[:0], "labels": LABELS[:0]}
    np.testing.assert_allclose(gc.evaluate(total, one), _losses(LOGITS[:1], [0]).sum())
    assert gc.evaluate(total, none) == 0.0
    assert gradients(total, logits, none).shape == (0, 4)


# Bounds of labels


def _bounds(*outputs: Any) -> dict[str, LabelBounds]:
    bounds = label_bounds(Graph(outputs))
    return {str(node.name): found for node, found in bounds.items()}


def test_bounds_of_labels_that_are_fed() -> None:
    logits, labels = _nodes()
    loss = gc.nn.cross_entropy(logits, labels)
    assert _bounds(loss) == {"labels": LabelBounds(0, 3, None)}
    assert _bounds(gc.nn.nll_loss(gc.log(logits), labels)) == _bounds(loss)
    assert _bounds(2 * loss, gc.grad(loss, logits)) == _bounds(loss)
    assert _bounds(gc.nn.mse_loss(logits, logits)) == {}


def test_bounds_see_through_changes_of_shape() -> None:
    logits = gc.input("logits", (6, 4))
    labels = gc.input("labels", (2, 3, 1), "int32")
    flat = labels.squeeze(2).astype("int64").reshape(6)
    assert _bounds(gc.nn.cross_entropy(logits, flat)) == {
        "labels": LabelBounds(0, 3, None)
    }


def test_bounds_see_through_shifts_and_casts() -> None:
    """By hand: which labels the loss of four classes gets from which inputs."""
    logits, labels = _nodes()
    for computed, expected in [
        (labels - 1, LabelBounds(1, 4, None)),
        (labels + 1, LabelBounds(-1, 2, None)),
        (2 + labels, LabelBounds(-2, 1, None)),
        ((labels - 1).astype("int32") - 3, LabelBounds(4, 7, None)),
        (gc.where(labels != 9, labels, 0), LabelBounds(0, 3, 9)),
        (gc.where(labels == 9, 2, labels), LabelBounds(0, 3, 9)),
        (gc.where(labels != 9, labels, 5), None),
        (gc.where(labels > 3, 0, labels), None),
        (gc.clip(labels, 0, 3), None),
        (labels % 4, None),
        (labels * 2, None),
    ]:
        found = _bounds(gc.nn.cross_entropy(logits, computed))
        assert found == ({} if expected is None else {"labels": expected})
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=-1)
    # The gradient alone, where there is no loss any more.
    assert _bounds(gc.grad(loss, logits)) == {"labels": LabelBounds(0, 3, -1)}
    shifted = gc.nn.cross_entropy(logits, labels - 1, ignore_index=-1)
    assert _bounds(shifted) == {"labels": LabelBounds(1, 4, 0)}
    unsigned = gc.input("labels", ("batch",), "uint8")
    loss = gc.nn.cross_entropy(logits, unsigned - 1)
    assert _bounds(loss) == {"labels": LabelBounds(1, 4, None)}


def test_bounds_allow_what_is_ignored() -> None:
    logits, labels = _nodes()
    loss = gc.nn.cross_entropy(logits, labels, ignore_index=-1)
    assert _bounds(loss) == {"labels": LabelBounds(0, 3, -1)}
    both = _bounds(loss, gc.nn.cross_entropy(logits, labels))
    assert both == {"labels": LabelBounds(0, 3, None)}


def test_the_narrowest_bounds_hold() -> None:
    logits, labels = _nodes()
    few = gc.nn.cross_entropy(logits[:, :2], labels)
    assert _bounds(few, gc.nn.cross_entropy(logits, labels)) == {
        "labels": LabelBounds(0, 1, None)
    }


# Losses of numbers

X = RNG.normal(size=(3, 4)) * 2
Y = RNG.normal(size=(3, 4)) * 2


def _huber(delta: float) -> Any:
    distance = np.abs(X - Y)
    return np.where(distance < delta, distance**2 / 2, delta * (distance - delta / 2))


def _binary(x: Any, y: Any) -> Any:
    return -(y * np.log(x) + (1 - y) * np.log(1 - x))


NUMBERS: dict[str, tuple[Any, Any]] = {
    "mse_loss": (gc.nn.mse_loss, (X - Y) ** 2),
    "l1_loss": (gc.nn.l1_loss, np.abs(X - Y)),
    "huber_loss": (
        lambda x, y, **k: gc.nn.huber_loss(x, y, delta=0.7, **k),
        _huber(0.7),
    ),
    "smooth_l1_loss": (
        lambda x, y, **k: gc.nn.smooth_l1_loss(x, y, beta=0.7, **k),
        _huber(0.7) / 0.7,
    ),
    "smooth_l1_loss_0": (
        lambda x, y, **k: gc.nn.smooth_l1_loss(x, y, beta=0, **k),
        np.abs(X - Y),
    ),
    "binary_cross_entropy": (
        lambda x, y, **k: gc.nn.binary_cross_entropy(
            gc.nn.sigmoid(x), gc.nn.sigmoid(y), **k
        ),
        _binary(1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, y, **k: gc.nn.binary_cross_entropy_with_logits(
            x, gc.nn.sigmoid(y), **k
        ),
        _binary(1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))),
    ),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", NUMBERS)
def test_losses_of_numbers(name: str, reduction: str) -> None:
    function, losses = NUMBERS[name]
    x, y = gc.input("x", (3, 4), "float64"), gc.input("y", (3, 4), "float64")
    value = gc.evaluate(function(x, y, reduction=reduction), {"x": X, "y": Y})
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.mean()}
    np.testing.assert_allclose(value, expected[reduction], rtol=1e-12)


def test_targets_may_be_numbers_or_integers() -> None:
    x = gc.input("x", ("batch", 2))
    labels = gc.input("labels", ("batch", 2), "int64")
    for target in (0, 1.0, labels, np.ones(2, "int64")):
        assert gc.nn.mse_loss(x, target).dtype == np.float32
    value = gc.evaluate(gc.nn.mse_loss(x, 0), {"x": np.array([[3.0, 4.0]], "f4")})
    assert value == 12.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_certainty(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = gc.input("x", (4,), dtype)
    y = np.array([0.0, 1.0, 0.0, 1.0], dtype)
    loss = gc.nn.binary_cross_entropy_with_logits(x, y, reduction="none")
    points = np.array([-1e4, -1e4, 1e4, 1e4], dtype)
    with no_floating_point_warning(monkeypatch):
        value, slope = gc.evaluate([loss, gc.grad(gc.sum(loss), x)], {"x": points})
    np.testing.assert_array_equal(value, [0, 1e4, 1e4, 0])
    np.testing.assert_array_equal(slope, [0, -1, 1, 0])


def test_small_losses_of_logits_keep_their_digits() -> None:
    x = gc.input("x", (2,))
    y = np.array([1.0, 0.0], "float32")
    loss = gc.nn.binary_cross_entropy_with_logits(x, y, reduction="none")
    value = gc.evaluate(loss, {"x": np.array([30.0, -30.0], "f4")})
    np.testing.assert_allclose(value, np.exp(-30.0), rtol=1e-6)


def test_probabilities_of_certainty_are_bounded_as_in_torch() -> None:
    x = gc.input("x", (2,), "float64")
    loss = gc.nn.binary_cross_entropy(x, [0.0, 0.0], reduction="none")
    value, slope = gc.evaluate(
        [loss, gc.grad(gc.sum(loss), x)], {"x": np.array([0.0, 1.0])}
    )
    np.testing.assert_array_equal(value, [0, 100])
    np.testing.assert_array_equal(slope, [0, 1e12])


# Errors


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda x, k: gc.nn.cross_entropy(x, k[:, None]),
            ShapeError,
            ["shape (batch,)", "got (batch, 1)", "gc.squeeze(target, axis=1)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.nn.one_hot(k, 4)),
            ShapeError,
            ["got (batch, 4)", "gc.argmax(target, axis=1)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k.astype("float32")),
            ShapeError,
            ["class probabilities", "got (batch,)", 'target.astype("int64")'],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.input("q", ("batch", 5))),
            ShapeError,
            ["(batch, 4)", "got (batch, 5)", "integer labels of shape (batch,)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.input("m", (32,), "int64")),
            ShapeError,
            ["shape (batch,)", "got (32,)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k > 0),
            DTypeError,
            ["labels of an integer dtype", "bool (batch,)"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k.astype("float32")),
            DTypeError,
            ["labels of an integer dtype", "float32"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(k[:, None], k),
            DTypeError,
            ["requires input of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x.sum(), 0),
            ShapeError,
            ["requires input of shape (classes,)", "got ()"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, np.ones(3)),
            ShapeError,
            ["weight for each class, of shape (4,)", "got (3,)"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k, np.ones(4, "int64")),
            DTypeError,
            ["weight of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, reduction="average"),
            OptionError,
            ['"none", "mean" or "sum"', "'average'"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, label_smoothing=1.5),
            OptionError,
            ["label_smoothing must be in [0, 1]"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, label_smoothing=None),
            OptionError,
            ["label_smoothing must be a number"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, ignore_index=0.5),
            OptionError,
            ["ignore_index must be an integer"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k.astype("uint8"), ignore_index=-1),
            OptionError,
            ["ignore_index -1 is no value of uint8"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, x, ignore_index=0),
            OptionError,
            ["ignore_index is a label", "probabilities"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(x[:, :1], x[:, 0]),
            ShapeError,
            ["shape of input (batch, 1)", "got (batch,)"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(x, x[:, :3]),
            ShapeError,
            ["(batch, 4)", "(batch, 3)"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(k, x[:, 0]),
            DTypeError,
            ["input of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.l1_loss(x, x, reduction=None),
            OptionError,
            ["reduction must be"],
        ),
        (
            lambda x, k: gc.nn.huber_loss(x, x, delta=0),
            OptionError,
            ["positive", "l1_loss"],
        ),
        (
            lambda x, k: gc.nn.binary_cross_entropy(x, x, np.ones(3)),
            ShapeError,
            ["requires weight of the shape of input"],
        ),
        (
            lambda x, k: gc.nn.binary_cross_entropy_with_logits(
                x, x, pos_weight=np.ones((2, 1, 1))
            ),
            ShapeError,
            ["requires pos_weight of the shape of input"],
        ),
        (lambda x, k: gc.nn.one_hot(x, 4), DTypeError, ["labels of an integer dtype"]),
        (lambda x, k: gc.nn.one_hot(k), GraphcError, ["requires num_classes"]),
        (lambda x, k: gc.nn.one_hot(k, 0), OptionError, ["must be positive"]),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: list[str]) -> None:
    x = gc.input("x", ("batch", 4))
    k = gc.input("k", ("batch",), "int64")
    with pytest.raises(error) as caught:
        call(x, k)
    for part in says:
        assert part in str(caught.value)
    assert f"{__file__}:" in str(caught.value)
    assert caught.value.node


def test_probabilities_in_the_place_of_logits_are_said() -> None:
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    t = gc.input("t", ("batch", 4))
    probabilities = gc.nn.softmax(x, dim=1)
    for input, loss, target in (
        (probabilities, gc.nn.cross_entropy, y),
        (probabilities, gc.nn.cross_entropy, t),
        (gc.squeeze(probabilities[:, :, None], 2), gc.nn.cross_entropy, y),
        (probabilities.astype("float64"), gc.nn.cross_entropy, y),
        (probabilities, gc.nn.nll_loss, y),
        (gc.nn.sigmoid(x), gc.nn.binary_cross_entropy_with_logits, t),
    ):
        with pytest.warns(gc.errors.LogitsWarning, match="takes lo") as said:
            loss(input, target)
        assert len(said) == 1
        assert said[0].filename == __file__
    # Warnings are errors here.
    gc.nn.cross_entropy(x, y)
    gc.nn.cross_entropy(2.0 * probabilities, y)
    gc.nn.nll_loss(gc.nn.log_softmax(x, dim=1), y)
    gc.nn.nll_loss(gc.log(probabilities), y)
    gc.nn.binary_cross_entropy(gc.nn.sigmoid(x), t)
