"""Metrics of predicted numbers: mean errors, and the variance that is explained."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ops.arithmetic import absolute, sqrt, square, where
from ..ops.reduction import mean, sum
from ..ops.source import ArrayLike, as_node, dimension
from .metric import Metric


def _difference(predictions: ArrayLike, targets: ArrayLike, function: str) -> Node:
    given, wanted = as_node(predictions), as_node(targets)
    if given.shape != wanted.shape:
        raise ShapeError(
            "requires predictions of the shape of targets, got "
            f"{format_shape(given.shape)} and {format_shape(wanted.shape)}",
            node=function,
            hint="gc.squeeze(predictions, 1)"
            if given.ndim == wanted.ndim + 1
            else None,
        )
    return given - wanted


def mean_squared_error(predictions: ArrayLike, targets: ArrayLike) -> Node:
    """The mean of `(predictions - targets)**2`, a scalar node.

    Raises:
        ShapeError: shapes that differ.

    >>> import graphc as gc
    >>> gc.evaluate(mean_squared_error([1.0, 3.0], [1.0, 1.0]), {})
    array(2.)
    """
    return mean(square(_difference(predictions, targets, "mean_squared_error")))


def mean_absolute_error(predictions: ArrayLike, targets: ArrayLike) -> Node:
    """The mean of `|predictions - targets|`, a scalar node.

    Raises:
        ShapeError: shapes that differ.

    >>> import graphc as gc
    >>> gc.evaluate(mean_absolute_error([1.0, 4.0], [1.0, 1.0]), {})
    array(1.5)
    """
    return mean(absolute(_difference(predictions, targets, "mean_absolute_error")))


def root_mean_squared_error(predictions: ArrayLike, targets: ArrayLike) -> Metric:
    """The square root of the mean squared error over a data set.

    Raises:
        ShapeError: shapes that differ.

    >>> import graphc as gc
    >>> metric = root_mean_squared_error([1.0, 3.0], [1.0, 1.0])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(1.41421356)
    """
    function = "root_mean_squared_error"
    error = _difference(predictions, targets, function).astype("float64")
    count = dimension(error.size, np.dtype("int64"))

    def result(squares: Node, count: Node) -> Node:
        return sqrt(squares / count)

    totals = {"squares": sum(square(error)), "count": count}
    return Metric(totals, result, "min")


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

    >>> import graphc as gc
    >>> metric = r2_score([1.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    >>> gc.evaluate(metric.result(**metric.totals), {})
    array(0.5)
    """
    error = _difference(predictions, targets, "r2_score").astype("float64")
    wanted = as_node(targets).astype("float64")
    if not wanted.shape:
        raise ShapeError("requires an axis of rows, got a scalar", node="r2_score")
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

    return Metric(totals, result, "max")
