"""Finite differences of neighbours, and integrals by the trapezoid rule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dim, Dimension
from ..ir.node import Node
from .arithmetic import absolute, remainder, where
from .axes import normalize_axis, ordered_axes
from .comparison import not_equal
from .indexing import getitem, slice_axis
from .joining import concatenate
from .numbers import shortened
from .reduction import mean_dtype, sum
from .scans import at, cumsum
from .shape import broadcast_to, expand_dims, reshape
from .source import ArrayLike, as_node, astype, promote, stop_gradient


def _part(x: Node, axis: int, start: int | None, stop: int | None) -> Node:
    """`x[start:stop]` along an axis, which may have a name for its size."""
    size = x.shape[axis]
    is_plain = start is None or (start >= 0 and (stop is None or stop < 0))
    if isinstance(size, Dim) and start is not None and not is_plain:
        first = start if start >= 0 else size + start
        last = size if stop is None else stop if stop >= 0 else size + stop
        return slice_axis(x, axis, first, last)
    return getitem(x, at(axis, slice(start, stop)))


_MOST = 100
"""The most differences that are taken along an axis whose size has a name."""


@array_function
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike = None,
    append: ArrayLike = None,
) -> Node:
    """Differences of neighbours along `axis`: `y[i] = x[i+1] - x[i]`.

    Args:
        a: numbers; of booleans it is where neighbours differ.
        n: how many times differences are taken.
        axis: along which.
        prepend, append: numbers, or arrays, to be joined to `a` along the axis before.

    Returns:
        An array whose axis is smaller by `n`.

    Raises:
        OptionError: `n` is negative.
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.diff([1.0, 2.0, 4.0, 7.0]), {})
    array([1., 2., 3.])
    """
    x = as_node(a)
    axis = normalize_axis(axis, x.ndim, x)
    if n < 0:
        raise OptionError(f"n must not be negative, got {n}", node=f"diff of {x.type}")
    if n > _MOST and isinstance(x.shape[axis], Dim):
        raise OptionError(
            f"n must be at most {_MOST} along an axis of size {x.shape[axis]}, "
            f"got {shortened(n)}",
            node=f"diff of {x.type}",
        )
    dtype = promote([each for each in (x, prepend, append) if each is not None])
    before, after = (_beside(each, x, axis, dtype) for each in (prepend, append))
    if before + after:
        x = concatenate([*before, astype(x, dtype), *after], axis)
    size = x.shape[axis]
    for _ in range(n if isinstance(size, Dim) else min(n, size)):
        later, earlier = _part(x, axis, 1, None), _part(x, axis, None, -1)
        is_truth = x.dtype == np.dtype(bool)
        x = not_equal(later, earlier) if is_truth else later - earlier
    return x


def _beside(value: ArrayLike, x: Node, axis: int, dtype: Any) -> list[Node]:
    """Arrays to join to another along an axis: one, or none."""
    if value is None:
        return []
    node = astype(as_node(value, dtype), dtype)
    if not node.ndim:
        node = broadcast_to(node, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return [node]


@array_function
def ediff1d(
    ary: ArrayLike, to_end: ArrayLike = None, to_begin: ArrayLike = None
) -> Node:
    """Differences of neighbours in the flat array, between numbers to begin and to end.

    >>> import graphc as gc
    >>> gc.evaluate(gc.ediff1d([1.0, 2.0, 4.0], to_begin=0.0), {})
    array([0., 1., 2.])
    """
    x = diff(reshape(as_node(ary), -1))
    ends = [
        [] if each is None else [reshape(astype(as_node(each, x.dtype), x.dtype), -1)]
        for each in (to_begin, to_end)
    ]
    return concatenate([*ends[0], x, *ends[1]]) if any(ends) else x


@array_function
def unwrap(
    p: ArrayLike,
    discont: float | None = None,
    axis: int = -1,
    *,
    period: float = 2.0 * math.pi,
) -> Node:
    """Numbers with whole periods added, so that neighbours are less than half apart.

    Gradients are those of `p`: what is added does not change with it.

    Args:
        p: angles, or other numbers that repeat after a period.
        discont: the least jump that is taken away, of at least half a period.
        axis: along which.
        period: the size of the range over which they wrap.

    Returns:
        A floating array of the shape of `p`.

    Raises:
        IndexRangeError: an axis that `p` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.unwrap([0.0, 3.0, 0.5], period=4.0), {})
    array([ 0. , -1. ,  0.5])
    """
    x = as_node(p)
    x = astype(x, mean_dtype(x.dtype))
    along = normalize_axis(axis, x.ndim, x)
    half = period / 2.0
    jumps = stop_gradient(diff(x, axis=along)).named("jumps")
    inside = remainder(jumps + half, period) - half
    inside = where((inside == -half) & (jumps > 0.0), half, inside)
    least = half if discont is None else discont
    added = where(absolute(jumps) < least, 0.0, inside - jumps).named("added")
    rest = _part(x, along, 1, None) + cumsum(added, axis=along)
    return concatenate([_part(x, along, 0, 1), rest], along)


@array_function
def trapezoid(
    y: ArrayLike, x: ArrayLike = None, dx: ArrayLike = 1.0, axis: int = -1
) -> Node:
    """Integral along `axis` by the trapezoid rule.

    `sum_i (x[i+1] - x[i]) * (y[i+1] + y[i]) / 2`

    Args:
        y: values.
        x: the points at which they are: a vector, or an array that broadcasts to `y`.
        dx: the distance of the points where `x` is None.
        axis: along which.

    Returns:
        An array without the axis.

    Raises:
        IndexRangeError: an axis that `y` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.trapezoid([1.0, 2.0, 3.0], x=[4.0, 6.0, 8.0]), {})
    array(8.)
    """
    values = as_node(y)
    values = astype(values, mean_dtype(values.dtype))
    axis = normalize_axis(axis, values.ndim, values)
    steps: Any = dx
    if x is not None:
        points = as_node(x)
        steps = diff(points, axis=axis if points.ndim == values.ndim else -1)
        if points.ndim == 1:
            steps = _as_column(steps, values, axis)
    middle = (_part(values, axis, 1, None) + _part(values, axis, None, -1)) / 2.0
    return sum(steps * middle, axis)


def _as_column(x: Node, like: Node, axis: int) -> Node:
    """A vector along an axis of an array."""
    return expand_dims(x, tuple(range(1, like.ndim - axis)))


@array_function
def gradient(
    f: ArrayLike, *varargs: ArrayLike, axis: Any = None, edge_order: int = 1
) -> Any:
    """Finite differences of values on a grid: central ones inside, one-sided at edges.

    This is NumPy's function of that name, not a derivative of a graph, see `gc.grad`.

    Args:
        f: values on a grid.
        varargs: the distance of the points, one number for all axes, or for each axis
            a number or the vector of its points; 1 where left out.
        axis: the axes along which: one, several, or all where None.
        edge_order: 1 or 2, the order to which differences at the edges are exact.

    Returns:
        An array of the shape of `f` for one axis, and for several a tuple of them; of
        the dtype of `f` if that is floating, and else float64.

    Raises:
        ShapeError: an axis has not more than `edge_order` points.
        OptionError: too many or too few distances.

    Source: Quarteroni, Sacco and Saleri 2007, *Numerical Mathematics*.

    >>> import graphc as gc
    >>> gc.evaluate(gc.gradient([1.0, 2.0, 4.0, 7.0]), {})
    array([1. , 1.5, 2.5, 3. ])
    """
    x = as_node(f)
    x = astype(x, mean_dtype(x.dtype))
    axes = tuple(range(x.ndim)) if axis is None else ordered_axes(axis, x.ndim, x)
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and not as_node(spacings[0]).ndim:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise OptionError(
            f"requires one distance or one for each of {len(axes)} axes, "
            f"got {len(varargs)}",
            node=f"gradient of {x.type}",
        )
    if edge_order not in (1, 2):
        raise OptionError(
            f"edge_order must be 1 or 2, got {edge_order}",
            node=f"gradient of {x.type}",
        )
    found = [
        _differences(x, each, spacing, edge_order)
        for each, spacing in zip(axes, spacings, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def _differences(x: Node, axis: int, spacing: ArrayLike, edge_order: int) -> Node:
    size: Dimension = x.shape[axis]
    if isinstance(size, int) and size <= edge_order:
        raise ShapeError(
            f"requires more than {edge_order} points along axis {axis}, got {size}",
            node=f"gradient of {x.type}",
        )
    points = astype(as_node(spacing, x.dtype), x.dtype)
    if points.ndim > 1 or (points.ndim and points.shape[0] != size):
        raise ShapeError(
            f"requires a number or the {size} points of axis {axis}, got {points.type}",
            node=f"gradient of {x.type}",
        )

    def part(start: int | None, stop: int | None) -> Node:
        return _part(x, axis, start, stop)

    if points.ndim:
        steps = _as_column(diff(points), x, axis)
        first = _part(steps, 0, 0, 1)
        last = _part(steps, 0, -1, None)
    else:
        steps = first = last = points
    if isinstance(size, int) and size == 2:
        middle: list[Node] = []
    elif points.ndim:
        h, k = _part(steps, 0, None, -1), _part(steps, 0, 1, None)
        before = part(None, -2) * (-k / (h * (h + k)))
        here = part(1, -1) * ((k - h) / (h * k))
        middle = [before + here + part(2, None) * (h / (k * (h + k)))]
    else:
        middle = [(part(2, None) - part(None, -2)) / (2.0 * steps)]
    if edge_order == 1:
        start = (part(1, 2) - part(0, 1)) / first
        end = (part(-1, None) - part(-2, -1)) / last
    else:
        second = _part(steps, 0, 1, 2) if points.ndim else steps
        start = _edge(part(0, 1), part(1, 2), part(2, 3), first, second)
        second = _part(steps, 0, -2, -1) if points.ndim else steps
        end = _edge(part(-1, None), part(-2, -1), part(-3, -2), -last, -second)
    return concatenate([start, *middle, end], axis)


def _edge(x0: Node, x1: Node, x2: Node, h: Node, k: Node) -> Node:
    """The slope at the first of three points that are `h` and `k` apart."""
    first = x0 * (-(2.0 * h + k) / (h * (h + k)))
    return first + x1 * ((h + k) / (h * k)) - x2 * (h / (k * (h + k)))
