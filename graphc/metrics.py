"""Metrics: what a trained model is judged by, exact over a data set of any size.

A node that is a mean over a batch (an accuracy, a squared error) is averaged over
batches. What is no such mean is a `Metric`: totals that are summed over batches, and a
formula over the sums. So an F1 score does not depend on the batch size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .errors import DTypeError, GraphcError, OptionError, ShapeError
from .ir.dims import Dim, check_identifier, format_shape
from .ir.node import Node
from .ir.origin import here
from .ir.types import is_floating
from .nn.activations import sigmoid
from .nn.entropy import cross_entropy
from .nn.losses import class_axis, labels_shape
from .ops.along_axis import SCATTER_ALONG_AXIS
from .ops.arithmetic import absolute, clip, floor, sqrt, square, where
from .ops.exponential import exp
from .ops.indexing import take_along_axis
from .ops.linalg import matmul
from .ops.reduction import argmax, mean, sum
from .ops.shape import expand_dims, ravel, reshape
from .ops.source import ArrayLike, as_node, constant, dimension

__all__ = [
    "Average",
    "Metric",
    "accuracy",
    "auc",
    "f1_score",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "precision",
    "r2_score",
    "recall",
    "root_mean_squared_error",
    "top_k_accuracy",
]

Average = Literal["binary", "macro", "micro", "weighted"]


@dataclass(frozen=True)
class Metric:
    """A formula over totals of a data set.

    Args:
        totals: nodes of fixed shape by name, which are summed over batches.
        result: the formula; it takes the sums by their names, as float64 nodes, and
            gives a scalar node.

    >>> import graphc as gc
    >>> errors = gc.input("errors", ("batch",))
    >>> metric = Metric(
    ...     {"squares": gc.sum(errors * errors), "count": gc.sum(errors * 0 + 1)},
    ...     lambda squares, count: gc.sqrt(squares / count),
    ... )
    """

    totals: Mapping[str, Node]
    result: Callable[..., Any]
    location: str = field(default_factory=lambda: str(here().location), repr=False)
    """The user's line, for errors."""

    def __post_init__(self) -> None:
        for name, node in self.totals.items():
            check_identifier(name, "name of a total")
            if not isinstance(node, Node):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise OptionError(
                    f"total {name!r} must be a node, got {node!r}",
                    location=self.location,
                )


# Classes ------------------------------------------------------------------------------


def accuracy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    threshold: float = 0.0,
    ignore_index: int | None = None,
) -> Node | Metric:
    """The part of labels that are predicted.

    Args:
        logits: floating, `(batch, classes)` or `(batch, classes, ...)`, of which the
            largest is the prediction; or of the shape of `labels`, for two classes.
        labels: integers; of the shape of `logits` without the axis of classes.
        threshold: with two classes, class 1 is predicted above it.
        ignore_index: a label that does not count.

    Returns:
        A scalar node; with `ignore_index` a `Metric`.

    Raises:
        ShapeError, DTypeError: labels that do not fit.

    >>> import graphc as gc
    >>> gc.evaluate(accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1]), {})
    array(0.5)
    """
    predicted, target = _predicted(logits, labels, "accuracy", threshold)[:2]
    return _share(predicted == target, target, ignore_index)


def top_k_accuracy(
    logits: ArrayLike, labels: ArrayLike, k: int = 5, *, ignore_index: int | None = None
) -> Node | Metric:
    """The part of labels that are among the `k` largest logits.

    Of equal logits the one of the smaller class comes first, as in `argmax`.

    Args:
        logits: floating, `(batch, classes)` or `(batch, classes, ...)`.
        labels: integers; of the shape of `logits` without the axis of classes.
        k: how many.
        ignore_index: a label that does not count.

    Returns:
        A scalar node; with `ignore_index` a `Metric`.

    >>> import graphc as gc
    >>> gc.evaluate(top_k_accuracy([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2], k=2), {})
    array(0.5)
    """
    _, target, classes = _predicted(logits, labels, "top_k_accuracy")
    if isinstance(k, bool) or not isinstance(k, int) or not 0 < k <= classes:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _error(
            OptionError,
            "top_k_accuracy",
            f"k must be a whole number from 1 to {classes}, the classes; got {k!r}",
        )
    node = as_node(logits)
    axis = class_axis(node.ndim)
    if axis >= node.ndim or node.shape == target.shape:
        raise _error(
            ShapeError, "top_k_accuracy", "logits must have an axis of classes"
        )
    safe = target
    if ignore_index is not None:
        safe = where(target == ignore_index, 0, target)
    column = expand_dims(safe, axis)
    own = take_along_axis(node, column, axis)
    numbers = np.arange(classes).reshape(-1, *(1,) * (node.ndim - axis - 1))
    tied = (node == own) & (constant(numbers) < column)
    ahead = sum(((node > own) | tied).astype("int64"), axis)
    # A logit that is NaN is ahead of none.
    is_number = reshape(own == own, target.shape)
    return _share((ahead < k) & is_number, target, ignore_index)


def _share(correct: Node, target: Node, ignore_index: int | None) -> Node | Metric:
    if ignore_index is None:
        return mean(correct)
    kept = target != ignore_index
    totals = {"correct": sum(correct & kept), "count": sum(kept)}

    def result(correct: Node, count: Node) -> Node:
        return correct / count

    return Metric(totals, result)


def _predicted(
    logits: ArrayLike, labels: ArrayLike, function: str, threshold: float = 0.0
) -> tuple[Node, Node, int]:
    """Predicted classes, labels, and the number of classes."""
    scores, target = as_node(logits), as_node(labels)
    if scores.shape == target.shape:
        if is_floating(target.dtype):
            target = (target > 0.5).astype("int64")
        if is_floating(scores.dtype):
            return (scores > threshold).astype("int64"), target, 2
        return scores, target, 2
    if not is_floating(scores.dtype):
        raise _error(
            DTypeError, function, f"requires floating logits, got {scores.type}"
        )
    if is_floating(target.dtype):
        raise _error(
            DTypeError,
            function,
            f"requires integer labels, got {target.type}",
            'labels.astype("int64")',
        )
    if not scores.shape or labels_shape(scores.type) != target.shape:
        raise _error(
            ShapeError,
            function,
            "requires logits with one axis, of classes, more than labels, got "
            f"{format_shape(scores.shape)} and {format_shape(target.shape)}",
        )
    axis = class_axis(scores.ndim)
    classes = scores.shape[axis]
    if isinstance(classes, Dim):
        raise _error(
            ShapeError, function, f"requires a fixed number of classes, got {classes}"
        )
    return argmax(scores, axis), target, classes


def _error(
    kind: type[GraphcError], function: str, message: str, hint: str | None = None
) -> GraphcError:
    return kind(message, node=function, location=str(here().location), hint=hint)


# Precision and recall -----------------------------------------------------------------


def _of_classes(
    function: str,
    logits: ArrayLike,
    labels: ArrayLike,
    average: Average,
    threshold: float,
    ignore_index: int | None,
    score: Callable[[Node, Node, Node], Node],
) -> Metric:
    """A score of hits, predictions and labels of each class, averaged."""
    if average not in ("binary", "macro", "micro", "weighted"):
        raise _error(
            OptionError,
            function,
            "average must be 'binary', 'macro', 'micro' or 'weighted', "
            f"got {average!r}",
        )
    predicted, target, classes = _predicted(logits, labels, function, threshold)
    if average == "binary" and classes != 2:
        raise _error(
            OptionError,
            function,
            f"average='binary' is for two classes, got {classes}",
            "average='macro'",
        )
    chosen = constant(np.arange(classes) if average != "binary" else np.array([1]))
    is_predicted = expand_dims(ravel(predicted), 1) == chosen
    is_label = expand_dims(ravel(target), 1) == chosen
    if ignore_index is not None:
        kept = expand_dims(ravel(target), 1) != ignore_index
        is_predicted, is_label = is_predicted & kept, is_label & kept
    totals = {
        "hits": sum(is_predicted & is_label, 0),
        "predicted": sum(is_predicted, 0),
        "actual": sum(is_label, 0),
    }

    def result(hits: Node, predicted: Node, actual: Node) -> Node:
        if average == "micro":
            return score(sum(hits), sum(predicted), sum(actual))
        scores = score(hits, predicted, actual)
        if average == "weighted":
            return _ratio(sum(scores * actual), sum(actual))
        occurs = (predicted + actual > 0.0).astype("float64")
        return _ratio(sum(scores), sum(occurs))

    return Metric(totals, result)


def _ratio(part: Node, whole: Node) -> Node:
    """A quotient, 0 where it is 0 by 0."""
    return where(whole > 0.0, part / where(whole > 0.0, whole, 1.0), 0.0)


def precision(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "binary",
    threshold: float = 0.0,
    ignore_index: int | None = None,
) -> Metric:
    """The part of predictions of a class that are right.

    Args:
        logits: floating, `(batch, classes)` or `(batch, classes, ...)`, of which the
            largest is the prediction; or of the shape of `labels`, for two classes.
        labels: integers; of the shape of `logits` without the axis of classes.
        average: `"binary"` is the score of class 1; `"macro"` the mean of the scores of
            all classes that occur in labels or predictions; `"weighted"` that mean
            weighted by labels; `"micro"` counts all classes together.
        threshold: with logits of the shape of labels, class 1 is predicted above it.
        ignore_index: a label that does not count.

    Returns:
        A `Metric`; 0 where no class was predicted. As in scikit-learn.

    Raises:
        OptionError: another `average`, or `"binary"` with more than two classes.
        ShapeError, DTypeError: labels that do not fit.
    """
    return _of_classes(
        *("precision", logits, labels, average, threshold, ignore_index),
        lambda hits, predicted, actual: _ratio(hits, predicted),
    )


def recall(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "binary",
    threshold: float = 0.0,
    ignore_index: int | None = None,
) -> Metric:
    """The part of labels of a class that are found. Arguments as for `precision`."""
    return _of_classes(
        *("recall", logits, labels, average, threshold, ignore_index),
        lambda hits, predicted, actual: _ratio(hits, actual),
    )


def f1_score(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    average: Average = "binary",
    threshold: float = 0.0,
    ignore_index: int | None = None,
) -> Metric:
    """The harmonic mean of precision and recall: `2 hits / (predicted + actual)`.

    Arguments as for `precision`. The macro average is the mean of F1 scores.
    """
    return _of_classes(
        *("f1_score", logits, labels, average, threshold, ignore_index),
        lambda hits, predicted, actual: _ratio(2.0 * hits, predicted + actual),
    )


_SIDE = 32


def auc(scores: ArrayLike, labels: ArrayLike, *, from_logits: bool = False) -> Metric:
    """The area under the ROC curve: how likely a 1 has a larger score than a 0.

    Scores are counted in 1024 bins from 0 to 1; pairs in one bin count half. So the
    area is exact where scores of ones and zeros differ by more than 1/1024, and wrong
    by at most half the part of pairs that share a bin.

    Args:
        scores: floating, from 0 to 1; what lies outside counts as 0 or 1.
        labels: zeros and ones, of the same shape.
        from_logits: whether scores are logits, of which the sigmoid is to be taken.

    Returns:
        A `Metric`; NaN where all labels are alike.

    Source: Fawcett 2006, "An introduction to ROC analysis".
    """
    values, target = as_node(scores), as_node(labels)
    if not is_floating(values.dtype) or values.shape != target.shape:
        raise _error(
            ShapeError if is_floating(values.dtype) else DTypeError,
            "auc",
            f"requires floating scores of the shape of labels, got {values.type} "
            f"and {target.type}",
            "gc.nn.softmax(logits)[:, 1]",
        )
    if from_logits:
        values = sigmoid(values)
    bins = _SIDE * _SIDE
    place = clip(floor(ravel(values) * float(bins)), 0.0, bins - 1.0).astype("int64")
    is_one = ravel(target > 0.5 if is_floating(target.dtype) else target > 0)
    shape = {"shape": (bins,), "axis": 0}
    ones = SCATTER_ALONG_AXIS(is_one.astype("float64"), place, **shape)
    zeros = SCATTER_ALONG_AXIS((~is_one).astype("float64"), place, **shape)

    def result(ones: Node, zeros: Node) -> Node:
        # Zeros below each bin: in earlier rows of bins, and in its own row.
        earlier = constant(np.triu(np.ones((_SIDE, _SIDE)), 1))
        rows = reshape(zeros, (_SIDE, _SIDE))
        below = matmul(rows, earlier) + expand_dims(matmul(sum(rows, 1), earlier), 1)
        pairs = sum(reshape(ones, (_SIDE, _SIDE)) * (below + 0.5 * rows))
        return pairs / (sum(ones) * sum(zeros))

    return Metric({"ones": ones, "zeros": zeros}, result)


def perplexity(
    logits: ArrayLike, labels: ArrayLike, *, ignore_index: int | None = None
) -> Metric:
    """The exponential of the mean cross entropy, over all labels of a data set.

    Args:
        logits: floating, `(batch, classes)` or `(batch, classes, ...)`.
        labels: integers; of the shape of `logits` without the axis of classes.
        ignore_index: a label that does not count.

    Returns:
        A `Metric`, 1 for certainty and the number of classes for a guess.

    Source: Jelinek et al. 1977, "Perplexity -- a measure of the difficulty of speech
    recognition tasks".
    """
    target = as_node(labels)
    options: dict[str, Any] = {}
    count = dimension(target.size, np.dtype("int64"))
    if ignore_index is not None:
        options["ignore_index"] = ignore_index
        count = sum(target != ignore_index)
    losses = cross_entropy(logits, target, reduction="sum", **options)

    def result(losses: Node, count: Node) -> Node:
        return exp(losses / count)

    return Metric({"losses": losses, "count": count}, result)


# Numbers ------------------------------------------------------------------------------


def _difference(predictions: ArrayLike, targets: ArrayLike, function: str) -> Node:
    given, wanted = as_node(predictions), as_node(targets)
    if given.shape != wanted.shape:
        raise _error(
            ShapeError,
            function,
            "requires predictions of the shape of targets, got "
            f"{format_shape(given.shape)} and {format_shape(wanted.shape)}",
            "gc.squeeze(predictions, 1)" if given.ndim == wanted.ndim + 1 else None,
        )
    return given - wanted


def mean_squared_error(predictions: ArrayLike, targets: ArrayLike) -> Node:
    """The mean of `(predictions - targets)**2`, a scalar node.

    >>> import graphc as gc
    >>> gc.evaluate(mean_squared_error([1.0, 3.0], [1.0, 1.0]), {})
    array(2.)
    """
    return mean(square(_difference(predictions, targets, "mean_squared_error")))


def mean_absolute_error(predictions: ArrayLike, targets: ArrayLike) -> Node:
    """The mean of `|predictions - targets|`, a scalar node."""
    return mean(absolute(_difference(predictions, targets, "mean_absolute_error")))


def root_mean_squared_error(predictions: ArrayLike, targets: ArrayLike) -> Metric:
    """The square root of the mean squared error over a data set."""
    function = "root_mean_squared_error"
    error = _difference(predictions, targets, function).astype("float64")
    count = dimension(error.size, np.dtype("int64"))

    def result(squares: Node, count: Node) -> Node:
        return sqrt(squares / count)

    return Metric({"squares": sum(square(error)), "count": count}, result)


def r2_score(predictions: ArrayLike, targets: ArrayLike) -> Metric:
    """The part of the variance that is explained: `1 - residual / total` squares.

    Args:
        predictions, targets: of the same shape, `(batch, ...)`. With several outputs
            the score is the mean of those of each.

    Returns:
        A `Metric`: 1 where all is predicted, 0 for a model that predicts the mean. An
        output that does not vary scores 1 if it is predicted and 0 if not.

    Raises:
        ShapeError: shapes that differ, or no axis of rows.
    """
    error = _difference(predictions, targets, "r2_score").astype("float64")
    wanted = as_node(targets).astype("float64")
    if not wanted.shape:
        raise _error(ShapeError, "r2_score", "requires an axis of rows, got a scalar")
    totals = {
        "residual": sum(square(error), 0),
        "targets": sum(wanted, 0),
        "squares": sum(square(wanted), 0),
        "count": dimension(wanted.shape[0], np.dtype("int64")),
    }

    def result(residual: Node, targets: Node, squares: Node, count: Node) -> Node:
        total = squares - square(targets) / count
        varies = total > 1e-12 * squares
        explained = 1.0 - residual / where(varies, total, 1.0)
        exact = (residual == 0.0).astype("float64")
        return mean(where(varies, explained, exact))

    return Metric(totals, result)
