"""Sorting, and the largest and smallest elements along an axis, with their positions.

A sort has the derivative of the permutation that it is. Of equal elements the first
comes first, in all functions here that sort, so gradients at ties are determined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from .along_axis import SCATTER_ALONG_AXIS, TAKE_ALONG_AXIS
from .as_routines import sorted_lines
from .axes import normalize_axis
from .element_texts import at as element
from .element_texts import elements, letters
from .extrema import ARGMAX, ARGMIN
from .indexing import getitem, slice_axis
from .orders import ARGPARTITION, ARGSORT
from .scans import along, at, reversed_along
from .shape import squeeze
from .source import ArrayLike, as_node, dimension
from .type_rules import same_type
from .value_ranges import range_of_first

SortKind: TypeAlias = Literal["quicksort", "heapsort", "mergesort", "stable"]


def _sort_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis: int = out.attributes["axis"]
    order = ARGSORT(x, axis=axis).named("order")
    return (SCATTER_ALONG_AXIS(g, order, shape=x.shape, axis=axis),)


def _sort_jvp(tangents: tuple[Node], out: Node, x: Node) -> Node:
    axis: int = out.attributes["axis"]
    return TAKE_ALONG_AXIS(tangents[0], ARGSORT(x, axis=axis), axis=axis)


def _sort_elements(node: Node) -> str:
    """The element at each position of the order."""
    axis, names = node.attributes["axis"], letters(node.ndim)
    place = element(f"argsort(x, axis={axis})", names)
    return elements(names, element("x", [*names[:axis], place, *names[axis + 1 :]]))


SORT = Op(
    name="sort",
    mathematics=Mathematics(elements=_sort_elements),
    loops=sorted_lines,
    inputs=("x",),
    infer=same_type,
    facts=Facts(
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        rearranges=True,
    ),
    kind="movement",
    numpy="np.sort(x, axis=axis)",
    into="out[...] = x\nout.sort(axis=axis)",
    value_range=range_of_first,
    vjp=_sort_vjp,
    jvp=_sort_jvp,
    cases=(
        Case(((3, 4),), {"axis": 1}),
        Case(
            ((4,),),
            {"axis": 0},
            points=(Point(([1.0, 1.0, 0.0, 1.0],), gradients=([1.0] * 4,)),),
        ),
        Case(((0, 3),), {"axis": 0}),
    ),
)


@array_function
def sort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: SortKind | None = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Node:
    """Elements in ascending order along `axis`, as a new array. NaN comes last.

    Args:
        a: numbers or booleans.
        axis: along which; the flat array where None.
        kind, stable: taken as NumPy takes them. Every sort here is stable.
        descending: the greatest first, and NaN before all.

    Returns:
        An array of the type of `a`, or flat where `axis` is None.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sort([[3.0, 1.0, 2.0]], descending=True), {})
    array([[3., 2., 1.]])
    """
    x, axis = along(axis, as_node(a))
    ascending = SORT(x, axis=axis)
    return reversed_along(ascending, axis) if descending else ascending


@array_function
def argsort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: SortKind | None = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Node:
    """Positions of the elements in ascending order along `axis`.

    Of equal elements the first comes first, in descending order, too.

    Args:
        a: numbers or booleans.
        axis: along which; the flat array where None.
        kind, stable: taken as NumPy takes them. Every sort here is stable.
        descending: the greatest first, and NaN before all.

    Returns:
        Integers of the shape of `a`, or flat where `axis` is None.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.argsort([3.0, 1.0, 2.0]), {})
    array([1, 2, 0])
    """
    x, axis = along(axis, as_node(a))
    return _descending_order(x, axis) if descending else ARGSORT(x, axis=axis)


def _descending_order(x: Node, axis: int) -> Node:
    """The stable order from the greatest to the least: that of the reversed array, from
    behind."""
    order = ARGSORT(reversed_along(x, axis), axis=axis)
    last = dimension(x.shape[axis] - 1, np.dtype(np.intp))
    return last - reversed_along(order, axis)


@array_function
def partition(a: ArrayLike, kth: int | Sequence[int], axis: int | None = -1) -> Node:
    """Elements such that the `kth` stands where sorting would put it.

    No greater elements stand before it and no lesser ones after it; the order among
    these is not defined.

    Args:
        a: numbers or booleans.
        kth: a position, or several; negative ones count from the end.
        axis: along which; the flat array where None.

    Returns:
        An array of the type of `a`, or flat where `axis` is None.

    Raises:
        IndexRangeError: `kth` is out of range.

    >>> import graphc as gc
    >>> gc.evaluate(gc.partition([3.0, 1.0, 2.0], 1)[1], {})
    array(2.)
    """
    x, axis = along(axis, as_node(a))
    order = ARGPARTITION(x, kth=_kth(kth), axis=axis)
    return TAKE_ALONG_AXIS(x, order, axis=axis)


@array_function
def argpartition(a: ArrayLike, kth: int | Sequence[int], axis: int | None = -1) -> Node:
    """Positions of the elements of `gc.partition`, which takes the same arguments.

    >>> import graphc as gc
    >>> gc.evaluate(gc.argpartition([3.0, 1.0, 2.0], 0)[0], {})
    array(1)
    """
    x, axis = along(axis, as_node(a))
    return ARGPARTITION(x, kth=_kth(kth), axis=axis)


def _kth(kth: Any) -> int | tuple[int, ...]:
    several = isinstance(kth, list | tuple)
    places: tuple[Any, ...] = tuple(cast("Sequence[Any]", kth)) if several else (kth,)
    if any(
        isinstance(place, bool) or not isinstance(place, int | np.integer)
        for place in places
    ):
        raise DTypeError(f"kth must be an integer or several, got {kth!r}")
    return tuple(map(int, places)) if several else int(places[0])


class Chosen(NamedTuple):
    """Elements along an axis and their positions."""

    values: Node
    indices: Node


def topk(
    a: ArrayLike,
    k: int,
    axis: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> Chosen:
    """The `k` largest elements along `axis`, and their positions.

    NaN is greater than all numbers. Of elements that are equal any may be chosen.

    Args:
        a: numbers.
        k: how many.
        axis: along which.
        largest: the largest; else the smallest.
        sorted: the largest first, or the smallest first; else in any order.

    Returns:
        A named tuple of `values`, through which gradients flow, and `indices`. Their
        shape is that of `a` with size `k` along the axis.

    Raises:
        ShapeError: `k` is not from 0 to the size of the axis.

    >>> import graphc as gc
    >>> values, indices = gc.topk([3.0, 1.0, 4.0, 2.0], 2)
    >>> gc.evaluate([values, indices], {})
    [array([4., 3.]), array([2, 0])]
    """
    x = as_node(a)
    axis = normalize_axis(axis, x.ndim, x)
    size = x.shape[axis]
    if k < 0 or (isinstance(size, int) and k > size):
        raise ShapeError(
            f"requires k from 0 to {size}, got {k}",
            node=f"topk of {x.type} along axis {axis}",
        )
    if k == 1:
        indices = (ARGMAX if largest else ARGMIN)(x, axis=axis, keepdims=True)
        return Chosen(TAKE_ALONG_AXIS(x, indices, axis=axis), indices)
    if k in (0, size):
        indices = _descending_order(x, axis) if largest else ARGSORT(x, axis=axis)
        indices = indices if k else slice_axis(indices, axis, 0, 0)
        return Chosen(TAKE_ALONG_AXIS(x, indices, axis=axis), indices)
    indices = _extreme_positions(x, k, axis, largest)
    if sorted:
        order = ARGSORT(TAKE_ALONG_AXIS(x, indices, axis=axis), axis=axis)
        if largest:
            order = reversed_along(order, axis)
        indices = TAKE_ALONG_AXIS(indices, order, axis=axis)
    return Chosen(TAKE_ALONG_AXIS(x, indices, axis=axis), indices)


def _extreme_positions(x: Node, k: int, axis: int, largest: bool) -> Node:
    """Positions of the `k` largest or smallest elements, in any order."""
    parted = ARGPARTITION(x, kth=-k if largest else k - 1, axis=axis)
    if not largest:
        return slice_axis(parted, axis, 0, k)
    size: Dimension = x.shape[axis]
    if isinstance(size, int):
        return getitem(parted, at(axis, slice(-k, None)))
    return slice_axis(parted, axis, size - k, size)


def kthvalue(a: ArrayLike, k: int, axis: int = -1, keepdims: bool = False) -> Chosen:
    """The `k`-th smallest element along `axis`, counted from 1, and its position.

    Args:
        a: numbers; NaN is greater than all of them.
        k: 1 for the smallest.
        axis: along which.
        keepdims: keep the axis, with size 1.

    Returns:
        A named tuple of `values`, through which gradients flow, and `indices`.

    Raises:
        ShapeError: `k` is not from 1 to the size of the axis.

    >>> import graphc as gc
    >>> gc.evaluate(gc.kthvalue([3.0, 1.0, 4.0, 2.0], 3).values, {})
    array(3.)
    """
    x = as_node(a)
    axis = normalize_axis(axis, x.ndim, x)
    size = x.shape[axis]
    if k < 1 or (isinstance(size, int) and k > size):
        raise ShapeError(
            f"requires k from 1 to {size}, got {k}",
            node=f"kthvalue of {x.type} along axis {axis}",
        )
    parted = ARGPARTITION(x, kth=k - 1, axis=axis)
    indices = slice_axis(parted, axis, k - 1, k)
    values = TAKE_ALONG_AXIS(x, indices, axis=axis)
    if keepdims:
        return Chosen(values, indices)
    return Chosen(squeeze(values, axis), squeeze(indices, axis))


@array_function
def lexsort(keys: Any, axis: int = -1) -> Node:
    """Positions in the order of several keys, of which the last one matters most.

    Args:
        keys: arrays of one shape, or one array with a key in each row.
        axis: along which.

    Returns:
        Integers of the shape of a key.

    Raises:
        ShapeError: there are no keys, or they differ in shape.

    >>> import graphc as gc
    >>> names, ages = [2, 1, 1], [30, 40, 20]
    >>> gc.evaluate(gc.lexsort([ages, names]), {})
    array([2, 1, 0])
    """
    if isinstance(keys, list | tuple):
        arrays = [as_node(key) for key in cast("Sequence[Any]", keys)]
    else:
        together = as_node(keys)
        rows = together.shape[0] if together.ndim else 0
        if not isinstance(rows, int):
            raise OptionError(
                f"requires a known number of keys, got {together.type}",
                hint="a list of keys",
            )
        arrays = [together[row] for row in range(rows)]
    shapes = [key.shape for key in arrays]
    if len(set(shapes)) != 1:
        given = ", ".join(map(format_shape, shapes)) or "none"
        raise ShapeError(f"requires keys of one shape, got {given}")
    axis = normalize_axis(axis, arrays[0].ndim, arrays[0])
    order = ARGSORT(arrays[0], axis=axis)
    for key in arrays[1:]:
        ordered = TAKE_ALONG_AXIS(key, order, axis=axis)
        order = TAKE_ALONG_AXIS(order, ARGSORT(ordered, axis=axis), axis=axis)
    return order
