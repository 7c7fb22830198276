"""Places of values in sorted arrays and in sets, and how often there are any.

The shape of what is found is known before the data are: where it is not by itself, a
size has to be given.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dimension, as_dimension, product
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange
from ..ir.types import TensorType, is_floating
from .along_axis import take_along_axis
from .arithmetic import maximum, where
from .as_routines import among, places_in_line
from .comparison import equal, isnan, logical_not
from .indexing import slice_axis
from .joining import concatenate, stack
from .numbers import numbers
from .orders import ARGSORT
from .reduction import sum
from .shape import expand_dims, reshape
from .source import (
    ArrayLike,
    arange,
    as_node,
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
    loops=places_in_line,
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
    loops=among,
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
