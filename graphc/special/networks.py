"""Functions of networks, under the names and with the arguments that SciPy has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.node import Node
from ..nn.activations import logsigmoid, sigmoid
from ..nn.softmaxes import log_softmax as log_softmax_along
from ..nn.softmaxes import softmax as softmax_along
from ..ops.axes import normalize_axis
from ..ops.shape import ravel, reshape
from ..ops.source import ArrayLike
from ..ops.special.declare import as_floats


def expit(x: ArrayLike) -> Node:
    """Logistic function, `1 / (1 + exp(-x))`, elementwise: `gc.nn.sigmoid`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.expit([0.0, 2.0]), {}).round(6)
    array([0.5     , 0.880797])
    """
    return sigmoid(*as_floats(x))


def log_expit(x: ArrayLike) -> Node:
    """Logarithm of the logistic function, elementwise: `gc.nn.logsigmoid`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.log_expit([-50.0, 0.0]), {}).round(6)
    array([-50.      ,  -0.693147])
    """
    return logsigmoid(*as_floats(x))


def softmax(x: ArrayLike, axis: int | None = None) -> Node:
    """`exp(x) / sum(exp(x))` along an axis.

    Args:
        x: numbers, of any shape.
        axis: the axis; all elements together where None.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.softmax([[0.0, 0.0], [0.0, 0.0]]), {})
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return _along(softmax_along, x, axis)


def log_softmax(x: ArrayLike, axis: int | None = None) -> Node:
    """Logarithm of `softmax`, without loss of digits.

    Args:
        x: numbers, of any shape.
        axis: the axis; all elements together where None.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.log_softmax([0.0, 1000.0]), {})
    array([-1000.,     0.])
    """
    return _along(log_softmax_along, x, axis)


def _along(function: Callable[..., Node], x: ArrayLike, axis: Any) -> Node:
    (node,) = as_floats(x)
    if axis is not None:
        return function(node, normalize_axis(axis, node.ndim, node))
    return reshape(function(ravel(node), 0), node.shape)
