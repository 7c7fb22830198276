"""Places of values in sorted arrays and in sets, and how often there are any.

The shape of what is found is known before the data are: where it is not by itself, a
size has to be given.
"""

from __future__ import annotations

import operator
from typing import Any, Literal, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dimension, as_dimension, product
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange
from ..ir.types import TensorType, is_floating, is_integer
from .along_axis import TAKE_ALONG_AXIS, take_along_axis
from .arithmetic import maximum, where
from .comparison import equal, isnan, logical_not
from .differences import diff
from .extrema import max, min
from .indexing import SCATTER_ADD, slice_axis
from .joining import concatenate, stack
from .numbers import numbers, shortened
from .orders import ARGSORT
from .reduction import mean_dtype, sum
from .shape import expand_dims, reshape
from .slices import ARRAY
from .sorting import sort
from .source import (
    ArrayLike,
    arange,
    as_node,
    astype,
    coerce,
    constant,
    dimension,
    full,
)
from .truth import any

_POSITION = np.dtype(np.intp)


def _searchsorted_infer(a: TensorType, v: TensorType, *, side: str) -> TensorType:
    if a.ndim != 1:
        raise ShapeError(f"requires a sorted vector to search, got {a}")
    return TensorType(_POSITION, v.shape)


def _searchsorted_numpy(node: Node) -> str:
    side = "" if node.attributes["side"] == "left" else ", side=side"
    return f"np.searchsorted(a, v{side})"


def _searchsorted_of_examples(batch: Batch, node: Node) -> Node:
    """By the number of elements that are less, where each example has its own."""
    a, v = node.inputs
    if not batch.is_mapped(a):
        return node.op.build((batch.value(a), batch.value(v)), node.attributes)
    elements = batch.aligned(a, v.ndim + 1)
    values = expand_dims(batch.stacked(v), -1)
    is_left = node.attributes["side"] == "left"
    before = elements < values if is_left else elements <= values
    if is_floating(v.dtype):
        # NaN comes last.
        last = isnan(values)
        before = before | (last & ~isnan(elements) if is_left else last)
    return sum(before, -1)


SEARCHSORTED = Op(
    name="searchsorted",
    inputs=("a", "v"),
    infer=_searchsorted_infer,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    numpy=_searchsorted_numpy,
    into=lambda node: f"out[...] = {_searchsorted_numpy(node)}",
    value_range=lambda node, _: ValueRange(0, node.inputs[0].shape[0], False),
    batch=_searchsorted_of_examples,
    cases=(
        Case(((4,), (3, 2)), {"side": "left"}),
        Case(((3,), ()), {"side": "right"}),
    ),
)


@array_function
def searchsorted(
    a: ArrayLike,
    v: ArrayLike,
    side: Literal["left", "right"] = "left",
    sorter: ArrayLike = None,
) -> Node:
    """Positions at which values would have to be inserted into a sorted vector.

    Args:
        a: a vector in ascending order, or an array of them along its last axis.
        v: values of any shape; of several vectors, those to search in each are along
            the last axis, as in PyTorch.
        side: before the elements that are equal, or after them: the position is the
            number of elements less than the value, or not greater than it.
        sorter: positions that sort `a`, which may then be in any order.

    Returns:
        Integers of the shape of `v`, from 0 to the size of `a`.

    Raises:
        ShapeError: `a` is a number, or has other leading axes than `v`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.searchsorted([1.0, 2.0, 3.0], [0.5, 2.0, 9.0]), {})
    array([0, 1, 3])
    """
    table, values = coerce(a, v)
    if sorter is not None:
        order = as_node(sorter)
        table = table[order] if table.ndim < 2 else take_along_axis(table, order, -1)
    if table.ndim < 2:
        return SEARCHSORTED(table, values, side=side)
    if table.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            f"requires values for each sorted row, got {values.type} for {table.type}",
            node="searchsorted",
        )
    rows, columns = expand_dims(table, -2), expand_dims(values, -1)
    return sum(rows < columns if side == "left" else rows <= columns, axis=-1)


@array_function
def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Node:
    """Number of the bin that each value is in: `bins[i-1] <= x < bins[i]`.

    Args:
        x: values of any shape.
        bins: a vector of edges in ascending order, or of numbers that are known now in
            descending order: then `bins[i-1] > x >= bins[i]`.
        right: the right edge of a bin is in it, and not the left one.

    Returns:
        Integers of the shape of `x`, from 0 to the size of `bins`.

    Raises:
        OptionError: `bins` are numbers in no order.

    >>> import graphc as gc
    >>> gc.evaluate(gc.digitize([0.2, 6.4, 3.0, 1.6], [0.0, 1.0, 2.5, 4.0]), {})
    array([1, 4, 3, 2])
    """
    side: Literal["left", "right"] = "left" if right else "right"
    if not isinstance(bins, Node):
        edges = numbers(bins, None)
        steps = np.diff(edges.astype("float64")) if edges.ndim == 1 else np.zeros(0)
        if (steps < 0.0).any():
            if (steps > 0.0).any():
                raise OptionError("bins must be in ascending or descending order")
            return edges.size - searchsorted(edges[::-1].copy(), x, side)
    return searchsorted(bins, x, side)


def _isin_infer(element: TensorType, test_elements: TensorType) -> TensorType:
    return TensorType(np.dtype(bool), element.shape)


def _isin_of_examples(batch: Batch, node: Node) -> Node:
    element, tests = node.inputs
    if not batch.is_mapped(tests):
        return node.op(batch.value(element), batch.value(tests))
    flat = reshape(batch.value(tests), (batch.size, *(1,) * element.ndim, tests.size))
    return any(equal(expand_dims(batch.stacked(element), -1), flat), -1)


ISIN = Op(
    name="isin",
    inputs=("element", "test_elements"),
    infer=_isin_infer,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    numpy="np.isin(element, test_elements)",
    into="out[...] = np.isin(element, test_elements)",
    batch=_isin_of_examples,
    cases=(
        Case(((3, 4), (5,)), dtypes=("int64", "int64")),
        Case(((4,), (2, 2))),
        Case(((), (0,))),
    ),
)


@array_function
def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
) -> Node:
    """True where an element is among others. NaN is among none.

    Args:
        element: an array of any shape.
        test_elements: the others, of any shape.
        assume_unique: taken as NumPy takes it, and of no effect.
        invert: True where an element is not among the others instead.

    Returns:
        Booleans of the shape of `element`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.isin([1, 2, 3], [3, 5, 1]), {})
    array([ True, False,  True])
    """
    found = ISIN(*coerce(element, test_elements))
    return logical_not(found) if invert else found


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


# Positions of what is not zero, as many as are asked for


def _first_nonzero(x: Node, size: Any, name: str) -> tuple[Node, Node]:
    """Positions in the flat array of the first elements that are not zero, and a mask
    of those that there are."""
    if size is None:
        raise UnsupportedError(
            f"the size of {name} depends on the data",
            node=f"{name} of {x.type}",
            hint="size=, the number of positions, or gc.where(condition, x, 0)",
        )
    count = as_dimension(size, "size")
    flat = reshape(x if x.dtype == np.dtype(bool) else x != 0, -1)
    # A stable sort has all that are not zero in front, in their order.
    order = ARGSORT(logical_not(flat), axis=0)
    found = arange(count) < sum(flat)
    total = flat.shape[0]
    if not (isinstance(count, int) and isinstance(total, int) and count <= total):
        order = concatenate([order, full((count,), 0, _POSITION)])
    return slice_axis(order, 0, 0, count), found


@array_function
def flatnonzero(a: ArrayLike, *, size: Any = None, fill_value: int = 0) -> Node:
    """Positions in the flat array of elements that are not zero, as many as asked for.

    Args:
        a: numbers or booleans.
        size: the number of positions. It is required, because the shape of the result
            must not depend on data. Of more elements the first are taken.
        fill_value: what stands for positions where there are fewer.

    Returns:
        A vector of `size` integers.

    Raises:
        UnsupportedError: no `size`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.flatnonzero([0, 3, 0, 5], size=3, fill_value=-1), {})
    array([ 1,  3, -1])
    """
    places, found = _first_nonzero(as_node(a), size, "flatnonzero")
    return where(found, places, constant(fill_value, _POSITION))


@array_function
def nonzero(a: ArrayLike, *, size: Any = None, fill_value: int = 0) -> tuple[Node, ...]:
    """Positions of elements that are not zero, for each axis a vector of them.

    See `gc.flatnonzero` for `size`, which is required, and `fill_value`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nonzero([[0, 3], [5, 0]], size=2), {})
    (array([0, 1]), array([1, 0]))
    """
    x = as_node(a)
    if not x.ndim:
        raise ShapeError(f"requires at least one axis, got {x.type}")
    places, found = _first_nonzero(x, size, "nonzero")
    axes: list[Node] = []
    for axis, length in enumerate(x.shape):
        # An empty array has no positions, and nothing is divided by its sizes.
        stride = _at_least_one(product(x.shape[axis + 1 :]))
        position = places // stride % _at_least_one(length)
        axes.append(where(found, position, constant(fill_value, _POSITION)))
    return tuple(axes)


def _at_least_one(size: Dimension) -> Node:
    return maximum(dimension(size, _POSITION), 1)


@array_function
def argwhere(a: ArrayLike, *, size: Any = None, fill_value: int = 0) -> Node:
    """Positions of elements that are not zero, one in each row.

    See `gc.flatnonzero` for `size`, which is required, and `fill_value`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.argwhere([[0, 3], [5, 0]], size=2), {})
    array([[0, 1],
           [1, 0]])
    """
    return stack(nonzero(a, size=size, fill_value=fill_value), axis=1)
