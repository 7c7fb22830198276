"""Variances, weighted means and correlations."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape
from ..ir.node import Node
from ..ir.types import as_dtype
from .arithmetic import ROOT, maximum, sqrt, square
from .axes import normalize_axes, ordered_axes
from .clipping import clip
from .joining import concatenate
from .linalg import matmul
from .reduction import (
    count_along,
    count_where,
    dtype_for_counts,
    mean,
    mean_dtype,
    operand,
    sum,
)
from .shape import broadcast_to, expand_dims, reshape, squeeze, transpose
from .source import ArrayLike, arange, as_node, astype, constant, dimension


@array_function
def var(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: ArrayLike = None,
    correction: float | None = None,
) -> Node:
    """Variance over `axis`: the squared deviations' sum over `count - ddof`.

    As in NumPy, infinite or NaN where `ddof` is not less than the count.

    Args:
        a: numbers; float16 is computed with in float32.
        axis: one axis, several, or all where None.
        dtype: the dtype to compute in; that of `a` if that is floating, and else
            float64, where None.
        ddof: what is taken from the count: 1 for an unbiased estimate.
        keepdims: keep the axes, with size 1.
        where: booleans that broadcast to `a`: the elements to take the variance of.
        correction: another name of `ddof`.

    Raises:
        OptionError: `ddof` is not a number, or is given by both names.

    >>> import graphc as gc
    >>> gc.evaluate(gc.var([1.0, 2.0, 3.0, 4.0]), {})
    array(1.25)
    """
    x = operand(a, dtype, None, 0)
    found = _variance(x, axis, _one_of(ddof, correction, x), keepdims, where)
    return astype(found, mean_dtype(x.dtype) if dtype is None else as_dtype(dtype))


@array_function
def std(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: ArrayLike = None,
    correction: float | None = None,
) -> Node:
    """Standard deviation over `axis`: the square root of `gc.var`, of its arguments.

    Its gradient is taken as 0 where all elements are equal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.std([1.0, 2.0, 3.0, 4.0], ddof=1), {})
    array(1.29099445)
    """
    x = operand(a, dtype, None, 0)
    root = ROOT(_variance(x, axis, _one_of(ddof, correction, x), keepdims, where))
    return astype(root, mean_dtype(x.dtype) if dtype is None else as_dtype(dtype))


def _one_of(ddof: Any, correction: Any, x: Node) -> Any:
    if correction is None:
        return ddof
    if ddof != 0:
        raise OptionError(
            "ddof and correction are two names of one argument, got both",
            node=f"variance of {x.type}",
        )
    return correction


def _variance(a: Node, axis: Any, ddof: Any, keepdims: bool, where: ArrayLike) -> Node:
    """The variance, in a dtype that has room for sums of squares."""
    x = astype(a, dtype_for_counts(a.dtype))
    axes = normalize_axes(axis, x)
    if where is None:
        deviation = x - mean(x, axes, keepdims=True)
        total = sum(square(deviation), axes, keepdims=keepdims)
        return total / _degrees_of_freedom(count_along(x, axes), ddof, total)
    # What is left out may be NaN, which a derivative must not meet.
    taken = operand(x, None, where, 0)
    average = mean(taken, axes, keepdims=True, where=where)
    deviation = operand(taken - average, None, where, 0)
    total = sum(square(deviation), axes, keepdims=keepdims)
    left = count_where(where, x, axes, keepdims, total.dtype) - _number(ddof, total)
    return total / (left if ddof <= 0 else maximum(left, 0.0))


def _number(ddof: Any, total: Node) -> float:
    if isinstance(ddof, np.integer | np.floating):
        ddof = cast("np.generic", ddof).item()
    if isinstance(ddof, bool) or not isinstance(ddof, int | float):
        raise OptionError(
            f"ddof must be a number, got {ddof!r}", node=f"variance of {total.type}"
        )
    return ddof


def _degrees_of_freedom(count: Dimension, ddof: Any, total: Node) -> Node:
    """`count - ddof`, or 0 where that is negative, as in NumPy."""
    ddof = _number(ddof, total)
    if isinstance(count, int):
        return constant(count - ddof if count > ddof else 0, total.dtype)
    if float(ddof).is_integer():
        left = dimension(count - int(ddof), total.dtype)
    else:
        left = dimension(count, total.dtype) - float(ddof)
    return left if ddof <= 0 else maximum(left, 0.0)


@array_function
def average(
    a: ArrayLike,
    axis: Any = None,
    weights: ArrayLike = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Weighted mean over `axis`: `sum(a * weights) / sum(weights)`.

    Args:
        a: numbers.
        axis: one axis, several, or all where None.
        weights: numbers of the shape of `a`, or of that of its axes `axis` in their
            order. All are 1 where None.
        returned: return the sum of the weights too.
        keepdims: keep the axes, with size 1.

    Returns:
        The mean, or the mean and the sum of weights, of the same shape.

    Raises:
        ShapeError: weights of another shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.average([1.0, 2.0, 4.0], weights=[3.0, 1.0, 0.0]), {})
    array(1.25)
    """
    x = as_node(a)
    if weights is None:
        found = mean(x, axis, keepdims=keepdims)
        count = dimension(count_along(x, normalize_axes(axis, x)), found.dtype)
        total = broadcast_to(count, found.shape)
    else:
        w = as_node(weights)
        dtype = np.result_type(mean_dtype(x.dtype), w.dtype)
        x, w = astype(x, dtype), astype(w, dtype)
        w = _weights_along(w, x, axis)
        total = sum(w, axis, keepdims=keepdims)
        found = sum(x * w, axis, keepdims=keepdims) / total
    return (found, total) if returned else found


def _weights_along(w: Node, x: Node, axis: Any) -> Node:
    """Weights in the shape of the array that they belong to."""
    if w.shape == x.shape:
        return w
    axes = () if axis is None else ordered_axes(axis, x.ndim, x)
    expected = tuple(x.shape[each] for each in axes) or x.shape
    if w.shape != expected:
        raise ShapeError(
            f"requires weights of shape {format_shape(expected)}, "
            f"got {format_shape(w.shape)}",
            node=f"average of {x.type}",
        )
    ordered = transpose(w, tuple(int(place) for place in np.argsort(axes)))
    others = tuple(each for each in range(x.ndim) if each not in axes)
    return broadcast_to(expand_dims(ordered, others), x.shape)


@array_function
def cov(
    m: ArrayLike,
    y: ArrayLike = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike = None,
    aweights: ArrayLike = None,
    *,
    dtype: Any = None,
) -> Node:
    """Covariance matrix of variables of which there are several observations.

    `C[i, j] = sum_k w_k (m[i, k] - mean_i) (m[j, k] - mean_j) / f`, where `f` is the
    sum of the weights less `ddof` times their mean, weighted by `aweights`.

    Args:
        m: observations, of shape (variables, observations), or of one variable.
        y: more variables with as many observations.
        rowvar: a row is a variable; else a column is.
        bias: divide by the number of observations, `ddof=0`, and not by one less.
        ddof: what is taken from the number of observations.
        fweights: how often each observation counts: integers.
        aweights: the importance of each observation.
        dtype: the dtype to compute in: by default, the floating dtype of `m` and `y`.

    Returns:
        A matrix of shape (variables, variables), a number for one variable.

    Raises:
        ShapeError: more than two axes, or weights of another length.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cov([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]), {})
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    x = _variables(m, rowvar, "m")
    if y is not None:
        x = concatenate([x, _variables(y, rowvar, "y")], 0)
    x = astype(x, mean_dtype(x.dtype) if dtype is None else as_dtype(dtype))
    count = x.shape[1]
    given = [
        _weights_of(weights, count, x, what)
        for weights, what in ((fweights, "fweights"), (aweights, "aweights"))
    ]
    degrees = ddof if ddof is not None else int(not bias)
    if all(weights is None for weights in given):
        centered = x - mean(x, 1, keepdims=True)
        divisor = _degrees_of_freedom(count, degrees, x)
        product = matmul(centered, transpose(centered))
        return squeeze(product / divisor)
    f, a = given
    weights = f if a is None else a if f is None else f * a
    assert weights is not None
    total = sum(weights)
    centered = x - sum(x * weights, 1, keepdims=True) / total
    if degrees == 0:
        divisor = total
    elif a is None:
        divisor = total - float(degrees)
    else:
        divisor = total - float(degrees) * sum(weights * a) / total
    product = matmul(centered * weights, transpose(centered))
    return squeeze(product / maximum(divisor, 0.0))


def _variables(value: ArrayLike, rowvar: bool, what: str) -> Node:
    """Observations as a matrix with a row for each variable."""
    x = as_node(value)
    if x.ndim > 2:
        raise ShapeError(
            f"requires {what} of at most two axes, got {x.type}",
            hint="a loop over the first axes",
        )
    if x.ndim < 2:
        return reshape(x, (1, -1))
    return x if rowvar or x.shape[0] == 1 else transpose(x)


def _weights_of(value: ArrayLike, count: Dimension, x: Node, what: str) -> Node | None:
    if value is None:
        return None
    weights = as_node(value)
    if weights.shape != (count,):
        raise ShapeError(
            f"requires {what} of shape {format_shape((count,))}, got {weights.type}",
            node=f"covariance of {x.type}",
        )
    if what == "fweights" and weights.dtype.kind not in "iu":
        raise DTypeError(
            f"fweights must be integers, got {weights.type}",
            node=f"covariance of {x.type}",
            hint="aweights",
        )
    return astype(weights, x.dtype)


@array_function
def corrcoef(
    x: ArrayLike, y: ArrayLike = None, rowvar: bool = True, *, dtype: Any = None
) -> Node:
    """Correlation coefficients of variables: `C[i, j] / sqrt(C[i, i] * C[j, j])`.

    `C` is their covariance, see `gc.cov` for the arguments. Values that rounding takes
    beyond -1 or 1 are set to these.

    >>> import graphc as gc
    >>> gc.evaluate(gc.corrcoef([[0.0, 1.0, 2.0], [3.0, 1.0, 0.0]]), {}).round(4)
    array([[ 1.   , -0.982],
           [-0.982,  1.   ]])
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    places = arange(c.shape[0])
    spread = sqrt(c[places, places])
    return clip(c / expand_dims(spread, 1) / expand_dims(spread, 0), -1.0, 1.0)
