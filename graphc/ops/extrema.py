"""Extrema along axes, and their positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Template, ValueRange, ValueRanges
from ..ir.types import TensorType, is_floating
from .arithmetic import maximum, minimum
from .as_loops import reduced
from .axes import normalize_axes, normalize_axis
from .reduction import (
    NON_EMPTY_CASES,
    SUM,
    axis_argument,
    dtype_for_counts,
    method_call,
    numpy_call,
    operand,
    over_count,
    reduced_type,
    restore_axes,
    result,
)
from .shape import broadcast_to, reshape
from .source import ArrayLike, as_node, constant


def _into(ufunc: str) -> Template:
    return lambda node: method_call(ufunc, node, ", out=out")


def _extremum_mask(out: Node, x: Node) -> tuple[Node, Node]:
    """A mask of where `x` attains the extremum, and the number of such places."""
    hit = x == restore_axes(out, out, x)
    counted = hit.astype(dtype_for_counts(x.dtype))
    return hit.astype(x.dtype), SUM(counted, axis=out.attributes["axis"], keepdims=True)


def _extremum_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    hit, count = _extremum_mask(out, x)
    return (hit * over_count(restore_axes(g, out, x), count),)


def _extremum_jvp(tangents: tuple[Node, ...], out: Node, x: Node) -> Node:
    hit, count = _extremum_mask(out, x)
    return SUM(over_count(tangents[0] * hit, count), **out.attributes)


def _extremum_infer(
    x: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    if any(x.shape[a] == 0 for a in axis):
        raise ShapeError(
            f"requires at least one element along axis {axis}, "
            f"got {format_shape(x.shape)}"
        )
    return reduced_type(x, axis, keepdims, x.dtype)


def needs_an_element(node: Node) -> list[tuple[Dimension, Dimension]]:
    """No axis may be empty that a maximum, or its position, is looked for along."""
    axis: tuple[int, ...] | int = node.attributes["axis"]
    axes = (axis,) if isinstance(axis, int) else axis
    return [(1, node.inputs[0].shape[a]) for a in axes]


def _extremum_fast(name: str) -> Template:
    """For a vector its element at `argmax`, found in a third of the time.

    Both are NaN where one element is. Which of several zeros is taken may differ.
    """

    def template(node: Node) -> str:
        is_whole = node.inputs[0].ndim == 1 and node.attributes["axis"] == (0,)
        if is_whole and not node.attributes["keepdims"]:
            return f"x[x.arg{name}()]"
        return method_call(f"{name}imum", node)

    return template


MAX, MIN = (
    Op(
        name=name,
        inputs=("x",),
        infer=_extremum_infer,
        mathematics=Mathematics(formula=f"{name}(x, axis, keepdims)"),
        facts=Facts(nonnegative="all", finite="all", overflows=False, zero_sign="kept"),
        kind="reduction",
        loops=reduced(name),
        numpy=numpy_call(f"np.{name}"),
        into=_into(f"{name}imum"),
        fast=_extremum_fast(name),
        vjp=_extremum_vjp,
        jvp=_extremum_jvp,
        size_bounds=needs_an_element,
        cases=NON_EMPTY_CASES,
    )
    for name in ("max", "min")
)


def _extremum_from_infer(
    x: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    return reduced_type(x, axis, keepdims, x.dtype)


def _from_source(name: str, node: Node, out: str = "") -> str:
    dtype = node.dtype
    if is_floating(dtype):
        start = "-np.inf" if name == "max" else "np.inf"
    elif dtype.kind == "b":
        start = str(name == "min")
    else:
        limits = np.iinfo(dtype)
        start = str(limits.min if name == "max" else limits.max)
    return f"np.{name}(x{axis_argument(node)}, initial={start}{out})"


MAX_FROM, MIN_FROM = (
    Op(
        name=f"{name}_from",
        loops=reduced(name),
        inputs=("x",),
        infer=_extremum_from_infer,
        facts=Facts(zero_sign="kept"),
        kind="reduction",
        numpy=lambda node, name=name: _from_source(name, node),
        into=lambda node, name=name: _from_source(name, node, ", out=out"),
        vjp=_extremum_vjp,
        jvp=_extremum_jvp,
        cases=(
            *NON_EMPTY_CASES,
            Case(((0, 3),), {"axis": (0,), "keepdims": False}, dtypes=("int64",)),
        ),
    )
    for name in ("max", "min")
)
"""Extrema of axes that may be empty: there, the least or the greatest number."""


def largest_along(x: Node, axes: tuple[int, ...]) -> Node:
    """The maximum over axes, which it keeps; -inf along an axis that may be empty."""
    sizes = [x.shape[axis] for axis in axes]
    known = all(isinstance(size, int) and size > 0 for size in sizes)
    return (MAX if known else MAX_FROM)(x, axis=axes, keepdims=True)


_OF_ANY_SIZE = {MAX: MAX_FROM, MIN: MIN_FROM}


def _extremum(
    op: Op, a: ArrayLike, axis: Any, keepdims: bool, initial: ArrayLike, where: Any
) -> Node:
    """A maximum or minimum; of no elements it is `initial`."""
    if where is not None and initial is None:
        raise OptionError(
            "where requires initial, the value where no element is taken",
            node=f"{op.name} of {as_node(a).type}",
        )
    if initial is None:
        x = as_node(a)
        return op(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))
    x = operand(a, None, where, initial)
    axes, keeps = normalize_axes(axis, x), bool(keepdims)
    sizes = [x.shape[each] for each in axes]
    if any(size == 0 for size in sizes):
        shape = reduced_type(x.type, axes, keeps, x.dtype).shape
        return broadcast_to(constant(initial, x.dtype), shape)
    if not all(isinstance(size, int) for size in sizes):
        op = _OF_ANY_SIZE[op]
    found = op(x, axis=axes, keepdims=keeps)
    return result(found, None, initial, maximum if op in (MAX, MAX_FROM) else minimum)


@array_function
def max(
    a: ArrayLike,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Maximum over `axis`. Ties share the gradient equally.

    Args:
        a: numbers or booleans.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.
        initial: a number that counts as one of the elements, so that there may be no
            others.
        where: booleans that broadcast to `a`: the elements to take. It requires
            `initial`.

    Returns:
        An array of the dtype of `a` without the axes, or with axes of size 1.

    Raises:
        ShapeError: there are no elements, and no `initial`.
        OptionError: `where` without `initial`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.max([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([4., 3.])
    """
    return _extremum(MAX, a, axis, keepdims, initial, where)


@array_function
def amax(
    a: ArrayLike,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Maximum over `axis`: NumPy's other name of `gc.max`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.amax([1.0, 4.0, 2.0]), {})
    array(4.)
    """
    return _extremum(MAX, a, axis, keepdims, initial, where)


@array_function
def min(
    a: ArrayLike,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Minimum over `axis`. Ties share the gradient equally.

    Args:
        a: numbers or booleans.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.
        initial: a number that counts as one of the elements, so that there may be no
            others.
        where: booleans that broadcast to `a`: the elements to take. It requires
            `initial`.

    Returns:
        An array of the dtype of `a` without the axes, or with axes of size 1.

    Raises:
        ShapeError: there are no elements, and no `initial`.
        OptionError: `where` without `initial`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.min([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([1., 2.])
    """
    return _extremum(MIN, a, axis, keepdims, initial, where)


@array_function
def amin(
    a: ArrayLike,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Minimum over `axis`: NumPy's other name of `gc.min`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.amin([1.0, 4.0, 2.0]), {})
    array(1.)
    """
    return _extremum(MIN, a, axis, keepdims, initial, where)


@array_function
def ptp(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Range of values, `max(a) - min(a)` over `axis` (all axes where None).

    Ties share the gradient equally.

    >>> import graphc as gc
    >>> gc.evaluate(gc.ptp([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([3., 1.])
    """
    return max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)


def _arg_infer(x: TensorType, *, axis: int, keepdims: bool) -> TensorType:
    if x.shape[axis] == 0:
        raise ShapeError(
            f"requires at least one element along axis {axis}, "
            f"got {format_shape(x.shape)}"
        )
    return reduced_type(x, (axis,), keepdims, np.dtype(np.intp))


def _arg_range(node: Node, ranges: ValueRanges) -> ValueRange:
    axis: int = node.attributes["axis"]
    size = node.inputs[0].shape[axis]
    return ValueRange(0, size - 1, False)


ARGMAX, ARGMIN = (
    Op(
        name=name,
        inputs=("x",),
        infer=_arg_infer,
        facts=Facts(zero_sign="ignored"),
        kind="reduction",
        loops=reduced(f"position of {name[3:]}"),
        numpy=lambda node, name=name: (
            f"np.{name}(x, axis=axis"
            + (", keepdims=True)" if node.attributes["keepdims"] else ")")
        ),
        into=lambda node, name=name: (
            f"np.{name}(x, axis=axis"
            + (", keepdims=True" if node.attributes["keepdims"] else "")
            + ", out=out)"
        ),
        value_range=_arg_range,
        size_bounds=needs_an_element,
        cases=(
            Case(((3, 4),), {"axis": 1, "keepdims": False}),
            Case(((3, 4),), {"axis": 0, "keepdims": True}),
            Case(((4,),), {"axis": 0, "keepdims": False}),
        ),
    )
    for name in ("argmax", "argmin")
)


def _position(op: Op, a: ArrayLike, axis: int | None, keepdims: bool) -> Node:
    x = as_node(a)
    if axis is None:
        flat = op(reshape(x, -1), axis=0, keepdims=False)
        return reshape(flat, (1,) * x.ndim) if keepdims else flat
    return op(x, axis=normalize_axis(axis, x.ndim, x), keepdims=bool(keepdims))


@array_function
def argmax(a: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Node:
    """Position of the (first) maximum along `axis`, or in the flat array where None.

    >>> import graphc as gc
    >>> gc.evaluate(gc.argmax([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([1, 0])
    """
    return _position(ARGMAX, a, axis, keepdims)


@array_function
def argmin(a: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Node:
    """Position of the (first) minimum along `axis`, or in the flat array where None.

    >>> import graphc as gc
    >>> gc.evaluate(gc.argmin([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([0, 1])
    """
    return _position(ARGMIN, a, axis, keepdims)
