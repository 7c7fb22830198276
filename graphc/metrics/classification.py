"""Metrics of predicted classes: accuracy, precision and recall, ROC, perplexity."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..arguments import Count
from ..errors import DTypeError, OptionError, ShapeError
from ..ir.dims import Dim, format_shape
from ..ir.node import Node
from ..ir.types import is_floating
from ..nn.losses.cross_entropy import cross_entropy
from ..nn.losses.labels import class_axis, labels_shape
from ..ops.along_axis import SCATTER_ALONG_AXIS, take_along_axis
from ..ops.arithmetic import where
from ..ops.clipping import clip
from ..ops.exponential import arcsinh, exp, log
from ..ops.extrema import argmax
from ..ops.linalg import matmul
from ..ops.reduction import mean, sum
from ..ops.rounding import floor
from ..ops.shape import expand_dims, ravel, reshape
from ..ops.source import ArrayLike, as_node, constant, dimension
from .metric import Metric

Average = Literal["binary", "macro", "micro", "weighted"]


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
    logits: ArrayLike,
    labels: ArrayLike,
    k: Count = 5,
    *,
    ignore_index: int | None = None,
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
    if k > classes:
        raise OptionError(
            f"k must be from 1 to {classes}, the number of classes; got {k!r}",
            node="top_k_accuracy",
        )
    node = as_node(logits)
    axis = class_axis(node.ndim)
    if axis >= node.ndim or node.shape == target.shape:
        raise ShapeError("logits must have an axis of classes", node="top_k_accuracy")
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

    return Metric(totals, result, "max")


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
        raise DTypeError(f"requires floating logits, got {scores.type}", node=function)
    if is_floating(target.dtype):
        raise DTypeError(
            f"requires integer labels, got {target.type}",
            node=function,
            hint='labels.astype("int64")',
        )
    if not scores.shape or labels_shape(scores.type) != target.shape:
        raise ShapeError(
            "requires logits with one axis, of classes, more than labels, got "
            f"{format_shape(scores.shape)} and {format_shape(target.shape)}",
            node=function,
        )
    axis = class_axis(scores.ndim)
    classes = scores.shape[axis]
    if isinstance(classes, Dim):
        raise ShapeError(
            f"requires a fixed number of classes, got {classes}", node=function
        )
    return argmax(scores, axis), target, classes


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
    predicted, target, classes = _predicted(logits, labels, function, threshold)
    if average == "binary" and classes != 2:
        raise OptionError(
            f"average='binary' is for two classes, got {classes}",
            node=function,
            hint="average='macro'",
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

    return Metric(totals, result, "max")


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

    >>> import graphc as gc
    >>> metric = precision([1.0, 1.0, 1.0, -1.0], [1, 1, 0, 1])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(0.66666667)
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
    """The part of labels of a class that are found.

    Arguments and errors as for `precision`.

    >>> import graphc as gc
    >>> metric = recall([1.0, 1.0, 1.0, -1.0], [1, 1, 0, 0])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(1.)
    """
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

    Arguments and errors as for `precision`. The macro average is the mean of F1 scores.

    >>> import graphc as gc
    >>> metric = f1_score([1.0, 1.0, 1.0, -1.0], [1, 1, 0, 0])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(0.8)
    """
    return _of_classes(
        *("f1_score", logits, labels, average, threshold, ignore_index),
        lambda hits, predicted, actual: _ratio(2.0 * hits, predicted + actual),
    )


_BINS = (8, 32, 32, 32)


def auc(scores: ArrayLike, labels: ArrayLike, *, from_logits: bool = False) -> Metric:
    """The area under the ROC curve: how likely a 1 has a larger score than a 0.

    Scores are counted in 262,144 bins of their logit, about 0.015 % of it wide, and
    narrowest near 1/2; pairs in one bin count half. So ties are exact, and the area is
    within 1e-4 of the exact one unless most scores are crowded into a few bins.

    Args:
        scores: floating, probabilities of a 1; others are told apart less finely.
        labels: zeros and ones, of the same shape.
        from_logits: whether scores are logits; beyond a million all are alike.

    Returns:
        A `Metric`; NaN where all labels are alike.

    Raises:
        ShapeError: scores of another shape than labels.
        DTypeError: scores that are not floating.

    >>> import graphc as gc
    >>> metric = auc([0.9, 0.4, 0.6, 0.1], [1, 1, 0, 0])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(0.75)

    Source: Fawcett 2006, "An introduction to ROC analysis".
    """
    values, target = as_node(scores), as_node(labels)
    if not is_floating(values.dtype) or values.shape != target.shape:
        kind = ShapeError if is_floating(values.dtype) else DTypeError
        raise kind(
            f"requires floating scores of the shape of labels, got {values.type} "
            f"and {target.type}",
            node="auc",
            hint="gc.nn.softmax(logits)[:, 1]",
        )
    values, bins = values.astype("float64"), math.prod(_BINS)
    if not from_logits:
        inside = clip(values, 0.0, 1.0)
        # No smaller, so that no logarithm is infinite.
        yes, no = clip(inside, 1e-300, 1.0), clip(1.0 - inside, 1e-300, 1.0)
        # Numbers that are not probabilities keep their order, beyond all that are.
        values = log(yes) - log(no) + (values - inside) * 1000.0
    # Even scores of a model that is hardly trained, all near 1/2, are told apart.
    spread = arcsinh(ravel(values) * 100.0) * (bins / 2.0 / math.asinh(1e8))
    # Half a bin further, so that 1/2 is not at the edge of two.
    place = clip(floor(spread + (bins / 2.0 + 0.5)), 0.0, bins - 1.0).astype("int64")
    is_one = ravel(target > 0.5 if is_floating(target.dtype) else target > 0)
    shape = {"shape": (bins,), "axis": 0}
    ones = SCATTER_ALONG_AXIS(is_one.astype("float64"), place, **shape)
    zeros = SCATTER_ALONG_AXIS((~is_one).astype("float64"), place, **shape)

    def result(ones: Node, zeros: Node) -> Node:
        # Zeros below each bin: in its own row, in earlier rows of its block, and so on.
        bins = reshape(zeros, _BINS)
        below, totals = 0.5 * bins, bins
        for axis in reversed(range(len(_BINS))):
            earlier = constant(np.triu(np.ones((_BINS[axis],) * 2), 1))
            inner = tuple(range(axis + 1, len(_BINS)))
            below = below + expand_dims(matmul(totals, earlier), inner)
            totals = sum(totals, axis)
        pairs = sum(reshape(ones, _BINS) * below)
        return pairs / (sum(ones) * sum(zeros))

    return Metric({"ones": ones, "zeros": zeros}, result, "max")


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

    Raises:
        ShapeError, DTypeError: labels that do not fit.

    >>> import graphc as gc
    >>> metric = perplexity([[0.0, 0.0, 0.0, 0.0]], [2])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(4.)

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

    return Metric({"losses": losses, "count": count}, result, "min")
