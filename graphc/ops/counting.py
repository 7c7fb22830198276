"""Counts of integers and of numbers in bins, or sums of weights in these."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dimension, as_dimension
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, is_integer
from .along_axis import TAKE_ALONG_AXIS
from .arithmetic import where
from .as_routines import counted_at, counted_between
from .differences import diff
from .extrema import max, min
from .indexing import SCATTER_ADD, slice_axis
from .joining import concatenate
from .numbers import numbers, shortened
from .orders import ARGSORT
from .reduction import mean_dtype, sum
from .searching import searchsorted
from .shape import expand_dims, reshape
from .slices import ARRAY
from .sorting import sort
from .source import (
    ArrayLike,
    arange,
    as_node,
    astype,
    constant,
    full,
)

_POSITION = np.dtype(np.intp)


def _bincount_infer(x: TensorType, *, minlength: Dimension) -> TensorType:
    return TensorType(_POSITION, (minlength,))


def _bincount_of_examples(batch: Batch, node: Node) -> Node:
    values = batch.value(node.inputs[0])
    return SCATTER_ADD(
        full(values.shape, 1, _POSITION),
        expand_dims(arange(batch.size), 1),
        values,
        index=(ARRAY, ARRAY),
        shape=(batch.size, node.shape[0]),
    )


BINCOUNT = Op(
    name="bincount",
    loops=counted_at,
    inputs=("x",),
    infer=_bincount_infer,
    kind="movement",
    numpy="np.bincount(x, minlength=minlength)",
    into="out[...] = np.bincount(x, minlength=minlength)",
    positions=lambda node: ((0, node.attributes["minlength"]),),
    batch=_bincount_of_examples,
    cases=(
        Case(((6,),), {"minlength": 4}, dtypes=("int64",), maximum=(4,)),
        Case(((0,),), {"minlength": 2}, dtypes=("uint8",), maximum=(2,)),
    ),
)


@array_function
def bincount(x: ArrayLike, weights: ArrayLike = None, minlength: Any = 0) -> Node:
    """Number of times that each integer from 0 to `minlength - 1` occurs.

    Args:
        x: a vector of integers.
        weights: numbers of the shape of `x` to be added up instead of ones.
        minlength: the number of integers. It is required, because the shape of the
            result must not depend on data: a greater integer is an error when the
            program runs.

    Returns:
        A vector of `minlength` integers, or of float64 where there are weights.

    Raises:
        ShapeError: `x` is not a vector.
        DTypeError: `x` is not integer.
        UnsupportedError: `minlength` is 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.bincount([0, 2, 2, 1], minlength=4), {})
    array([1, 1, 2, 0])
    """
    node = as_node(x)
    size = as_dimension(minlength, "minlength")
    if size == 0:
        raise UnsupportedError(
            "the size of bincount depends on the data",
            node=f"bincount of {node.type}",
            hint="minlength=, the number of integers to count",
        )
    if node.ndim != 1:
        raise ShapeError(
            f"requires a vector of integers, got {node.type}", hint="x.reshape(-1)"
        )
    if not is_integer(node.dtype):
        raise DTypeError(f"requires integers, got {node.type}")
    if weights is None:
        return BINCOUNT(node, minlength=size)
    values = astype(as_node(weights), "float64")
    if values.shape != node.shape:
        raise ShapeError(f"requires weights of the shape of {node.type}, got {values}")
    return SCATTER_ADD(values, node, index=(ARRAY,), shape=(size,))


def _histogram_infer(x: TensorType, edges: TensorType) -> TensorType:
    if edges.ndim != 1 or edges.shape[0] in (0, 1):
        raise ShapeError(f"requires a vector of at least two edges, got {edges}")
    return TensorType(_POSITION, (edges.shape[0] - 1,))


def _histogram_of_examples(batch: Batch, node: Node) -> Node:
    """Differences of the numbers of elements below each edge."""
    x, edges = node.inputs
    example = (batch.size,) if batch.is_mapped(x) else ()
    values = reshape(batch.value(x), (*example, x.size, 1))
    given = batch.value(edges)
    order = ARGSORT(given, axis=given.ndim - 1)
    limits = TAKE_ALONG_AXIS(given, order, axis=given.ndim - 1)
    limits = expand_dims(limits, -2)
    axis, count = limits.ndim - 1, edges.shape[0]
    below = [
        sum(values < slice_axis(limits, axis, 0, count - 1), -2),
        sum(values <= slice_axis(limits, axis, count - 1, count), -2),
    ]
    return diff(concatenate(below, -1), axis=-1)


HISTOGRAM = Op(
    name="histogram",
    loops=counted_between,
    inputs=("x", "edges"),
    infer=_histogram_infer,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    numpy="np.histogram(x, np.sort(edges))[0]",
    into="out[...] = np.histogram(x, np.sort(edges))[0]",
    batch=_histogram_of_examples,
    cases=(Case(((3, 4), (4,))), Case(((0,), (2,)))),
)


_MOST_BINS = 2**24
"""The most bins of one width: their edges are made when they are declared."""


@array_function
def histogram(
    a: ArrayLike,
    bins: ArrayLike = 10,
    range: Any = None,
    density: bool | None = None,
    weights: ArrayLike = None,
) -> tuple[Node, Node]:
    """Number of elements in each of several bins.

    A bin has its left edge, but not its right one; the last bin has both.

    Args:
        a: numbers, of any shape.
        bins: how many bins of one width, or a vector of edges, which is
            sorted.
        range: the first and the last edge; the least and the greatest element where
            None. Elements beyond do not count.
        density: give the density, whose integral is 1.
        weights: numbers of the shape of `a` to be added up instead of ones.

    Returns:
        The numbers, or densities, and the edges, of which there is one more.

    Raises:
        OptionError: there are no bins, or the range is empty.
        ShapeError: weights of another shape than `a`.

    >>> import graphc as gc
    >>> counts, edges = gc.histogram([1.0, 2.0, 1.0, 4.0], bins=3)
    >>> gc.evaluate([counts, edges], {})
    [array([2, 1, 1]), array([1., 2., 3., 4.])]
    """
    x = as_node(a)
    given: Any = bins
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        count = operator.index(cast("Any", given))
        if not 1 <= count <= _MOST_BINS:
            raise OptionError(
                f"requires from 1 to {_MOST_BINS} bins, got {shortened(count)}"
            )
        edges = _edges(x, count, range)
    else:
        edges = as_node(bins)
    counts = HISTOGRAM(x, edges) if weights is None else _sums(x, edges, weights)
    if not density:
        return counts, edges
    widths = astype(diff(edges), "float64")
    return counts / widths / sum(counts), edges


def _sums(x: Node, edges: Node, weights: ArrayLike) -> Node:
    """The sums of weights in each bin."""
    given = as_node(weights)
    if given.shape != x.shape:
        raise ShapeError(f"requires weights of the shape of {x.type}, got {given.type}")
    ordered = sort(edges)
    if ordered.ndim != 1 or ordered.shape[0] in (0, 1):
        raise ShapeError(f"requires a vector of at least two edges, got {edges.type}")
    first, last = ordered[0], ordered[-1]
    values, given = reshape(x, -1), reshape(given, -1)
    is_inside = (values >= first) & (values <= last)
    # The last bin has its right edge, too.
    bins = searchsorted(ordered[1:-1], values, "right")
    kept = where(is_inside, given, constant(0, given.dtype))
    shape = (ordered.shape[0] - 1,)
    return SCATTER_ADD(kept, bins, index=(ARRAY,), shape=shape)


def _edges(x: Node, bins: int, range: Any) -> Node:
    """Edges of bins of one width, as NumPy sets them."""
    dtype = mean_dtype(x.dtype)
    if range is not None:
        limits = numbers(range, np.dtype("float64"))
        if limits.shape != (2,) or not limits[0] <= limits[1]:
            raise OptionError(f"range must be two numbers in order, got {range!r}")
        low, high = limits.tolist()
        if low == high:
            low, high = low - 0.5, high + 0.5
        return constant(np.linspace(low, high, bins + 1), dtype)
    low, high = astype(min(x), dtype), astype(max(x), dtype)
    same = low == high
    low, high = where(same, low - 0.5, low), where(same, high + 0.5, high)
    share = constant(np.arange(bins) / bins, dtype)
    return concatenate([low + (high - low) * share, reshape(high, 1)])
