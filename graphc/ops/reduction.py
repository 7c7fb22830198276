"""Reductions: sums, means, extrema and their positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dimension, broadcast_shapes, format_shape, product
from ..ir.node import Node, array_function
from ..ir.op import Case, Op, Template
from ..ir.types import DType, TensorType, is_floating
from .arithmetic import sqrt, square, where
from .axes import normalize_axes, normalize_axis
from .shape import broadcast_to, expand_dims
from .source import ArrayLike, as_node, constant, dimension

__all__ = ["argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var"]


def _reduced(
    x: TensorType, axis: tuple[int, ...], keepdims: bool, dtype: DType
) -> TensorType:
    if keepdims:
        shape = tuple(1 if a in axis else d for a, d in enumerate(x.shape))
    else:
        shape = tuple(d for a, d in enumerate(x.shape) if a not in axis)
    return TensorType(dtype, shape)


def _sum_infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    # NumPy widens booleans and small integers.
    return _reduced(x, axis, keepdims, np.sum(np.zeros(0, x.dtype)).dtype)


def _axis_argument(node: Node) -> str:
    """`axis=` and `keepdims=` as they need saying: nothing for a full reduction."""
    axis: tuple[int, ...] = node.attributes["axis"]
    parts: list[str] = []
    if len(axis) != node.inputs[0].ndim or node.attributes["keepdims"]:
        parts.append(f"axis={axis[0] if len(axis) == 1 else axis}")
    if node.attributes["keepdims"]:
        parts.append("keepdims=True")
    return "".join(f", {part}" for part in parts)


def _template(function: str) -> Template:
    return lambda node: f"{function}(x{_axis_argument(node)})"


def _reduce(ufunc: str, node: Node, out: str = "") -> str:
    """A call of a ufunc's method, without the checks that `np.sum` makes before it."""
    axis: tuple[int, ...] = node.attributes["axis"]
    over: Any = axis[0] if len(axis) == 1 else axis
    if axis == tuple(range(node.inputs[0].ndim)) and len(axis) != 1:
        over = None
    # A vector has no other axis, and each argument takes time.
    along = "" if node.inputs[0].ndim == 1 and axis else f", axis={over}"
    keepdims = ", keepdims=True" if node.attributes["keepdims"] else ""
    return f"np.{ufunc}.reduce(x{along}{keepdims}{out})"


def _fast(ufunc: str) -> Template:
    return lambda node: _reduce(ufunc, node)


def _into(ufunc: str) -> Template:
    return lambda node: _reduce(ufunc, node, ", out=out")


def _mean_fast(node: Node) -> str:
    if node.dtype == np.float16:  # NumPy adds these up in float32.
        return f"np.mean(x{_axis_argument(node)})"
    return f"{_reduce('add', node)} / {_count_source(node)}"


def _mean_into(node: Node) -> str:
    if node.dtype == np.float16:
        return f"np.mean(x{_axis_argument(node)}, out=out)"
    total = _reduce("add", node, ", out=out")
    return f"{total}\nnp.divide(out, {_count_source(node)}, out=out)"


def _count_source(node: Node) -> str:
    count = _count(node.inputs[0], node.attributes["axis"])
    return str(count) if isinstance(count, int) else f"({count.source('dim_')})"


def restore_axes(reduced: Node, out: Node, x: Node) -> Node:
    """The output of a reduction in a shape that broadcasts to that of `x`."""
    axis: tuple[int, ...] = out.attributes["axis"]
    # Broadcasting itself adds axes in front.
    if out.attributes["keepdims"] or axis == tuple(range(len(axis))):
        return reduced
    return expand_dims(reduced, axis)


def _count(x: Node, axis: tuple[int, ...]) -> Dimension:
    return product(x.shape[a] for a in axis)


_CASES = (
    Case(((3, 4),), {"axis": (0, 1), "keepdims": False}),
    Case(((3, 4),), {"axis": (0,), "keepdims": False}),
    Case(((2, 3, 4),), {"axis": (0, 2), "keepdims": True}),
    Case(((4,),), {"axis": (0,), "keepdims": False}),
    Case(((2, 3),), {"axis": (), "keepdims": False}),
    Case(((),), {"axis": (), "keepdims": False}),
)
_EMPTY = (Case(((0, 3),), {"axis": (0,), "keepdims": False}),)


SUM = Op(
    name="sum",
    inputs=("x",),
    infer=_sum_infer,
    kind="reduction",
    numpy=_template("np.sum"),
    into=_into("add"),
    fast=_fast("add"),
    vjp=lambda g, out, x: (broadcast_to(restore_axes(g, out, x), x.shape),),
    jvp="linear",
    cases=_CASES + _EMPTY,
)


@array_function
def sum(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Sum over `axis` (all axes where None).

    >>> import graphc as gc
    >>> gc.sum(gc.input("x", ("batch", 3)), axis=0)
    <sum float32 (3,)>
    """
    x = as_node(a)
    return SUM(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


def _mean_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    count = dimension(_count(x, out.attributes["axis"]), g.dtype)
    return (broadcast_to(restore_axes(g / count, out, x), x.shape),)


def _mean_infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    dtype = x.dtype if is_floating(x.dtype) else np.dtype("float64")
    return _reduced(x, axis, keepdims, dtype)


MEAN = Op(
    name="mean",
    inputs=("x",),
    infer=_mean_infer,
    kind="reduction",
    numpy=_template("np.mean"),
    into=_mean_into,
    fast=_mean_fast,
    vjp=_mean_vjp,
    jvp="linear",
    cases=_CASES,
)


@array_function
def mean(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Arithmetic mean over `axis` (all axes where None); NaN over no elements.

    >>> import graphc as gc
    >>> gc.evaluate(gc.mean([[1.0, 2.0], [3.0, 4.0]], axis=0), {})
    array([2., 3.])
    """
    x = as_node(a)
    return MEAN(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


def _extremum_mask(out: Node, x: Node) -> tuple[Node, Node]:
    """Where `x` attains the extremum, and at how many places it does."""
    hit = (x == restore_axes(out, out, x)).astype(x.dtype)
    return hit, SUM(hit, axis=out.attributes["axis"], keepdims=True)


def _extremum_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    hit, count = _extremum_mask(out, x)
    return (hit * (restore_axes(g, out, x) / count),)


def _extremum_jvp(tangents: tuple[Node, ...], out: Node, x: Node) -> Node:
    hit, count = _extremum_mask(out, x)
    return SUM(tangents[0] * hit / count, **out.attributes)


def _extremum_infer(
    x: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    if any(x.shape[a] == 0 for a in axis):
        raise ShapeError(
            f"requires at least one element along axis {axis}, "
            f"got {format_shape(x.shape)}"
        )
    return _reduced(x, axis, keepdims, x.dtype)


def _extremum_fast(name: str) -> Template:
    """For a vector its element at `argmax`, found in a third of the time.

    Both are NaN where one element is. Which of several zeros is taken may differ.
    """

    def template(node: Node) -> str:
        if node.inputs[0].ndim == 1 and not node.attributes["keepdims"]:
            return f"x[x.arg{name}()]"
        return _reduce(f"{name}imum", node)

    return template


MAX, MIN = (
    Op(
        name=name,
        inputs=("x",),
        infer=_extremum_infer,
        kind="reduction",
        numpy=_template(f"np.{name}"),
        into=_into(f"{name}imum"),
        fast=_extremum_fast(name),
        vjp=_extremum_vjp,
        jvp=_extremum_jvp,
        cases=_CASES,
    )
    for name in ("max", "min")
)


def _max_from_infer(
    x: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    if not is_floating(x.dtype):
        raise DTypeError(f"requires floating numbers, got {x}")
    return _reduced(x, axis, keepdims, x.dtype)


MAX_FROM = Op(
    name="max_from",
    inputs=("x",),
    infer=_max_from_infer,
    kind="reduction",
    numpy=lambda node: f"np.max(x{_axis_argument(node)}, initial=-np.inf)",
    into=lambda node: f"np.max(x{_axis_argument(node)}, initial=-np.inf, out=out)",
    vjp=_extremum_vjp,
    jvp=_extremum_jvp,
    cases=_CASES,
)


def largest_along(x: Node, axes: tuple[int, ...]) -> Node:
    """The maximum over axes, which it keeps; -inf along an axis that may be empty."""
    sizes = [x.shape[axis] for axis in axes]
    known = all(isinstance(size, int) and size > 0 for size in sizes)
    return (MAX if known else MAX_FROM)(x, axis=axes, keepdims=True)


@array_function
def max(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Maximum over `axis` (all axes where None). Ties share the gradient equally.

    >>> import graphc as gc
    >>> gc.evaluate(gc.max([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([4., 3.])
    """
    x = as_node(a)
    return MAX(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


@array_function
def min(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Minimum over `axis` (all axes where None). Ties share the gradient equally.

    >>> import graphc as gc
    >>> gc.evaluate(gc.min([[1.0, 4.0], [3.0, 2.0]], axis=1), {})
    array([1., 2.])
    """
    x = as_node(a)
    return MIN(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


def _arg_infer(x: TensorType, *, axis: int, keepdims: bool) -> TensorType:
    if x.shape[axis] == 0:
        raise ShapeError(
            f"requires at least one element along axis {axis}, "
            f"got {format_shape(x.shape)}"
        )
    return _reduced(x, (axis,), keepdims, np.dtype(np.intp))


ARGMAX, ARGMIN = (
    Op(
        name=name,
        inputs=("x",),
        infer=_arg_infer,
        kind="reduction",
        numpy=lambda node, name=name: (
            f"np.{name}(x, axis=axis"
            + (", keepdims=True)" if node.attributes["keepdims"] else ")")
        ),
        into=lambda node, name=name: (
            f"np.{name}(x, axis=axis"
            + (", keepdims=True" if node.attributes["keepdims"] else "")
            + ", out=out)"
        ),
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
        from .shape import reshape

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


def _others_product(x: Node, axis: tuple[int, ...]) -> Node:
    """For each element the product of all others along `axis`, right at zeros too."""
    zero = x == 0.0
    one = constant(1.0, x.dtype)
    zeros = SUM(zero.astype(x.dtype), axis=axis, keepdims=True)
    rest = PROD(where(zero, one, x), axis=axis, keepdims=True)
    without = where(zero, rest, rest / where(zero, one, x))
    others = zeros - zero.astype(x.dtype)
    return where(others == 0.0, without, constant(0.0, x.dtype))


PROD = Op(
    name="prod",
    inputs=("x",),
    infer=_sum_infer,
    kind="reduction",
    numpy=_template("np.prod"),
    into=_into("multiply"),
    fast=_fast("multiply"),
    vjp=lambda g, out, x: (
        restore_axes(g, out, x) * _others_product(x, out.attributes["axis"]),
    ),
    jvp=lambda tangents, out, x: SUM(
        tangents[0] * _others_product(x, out.attributes["axis"]), **out.attributes
    ),
    cases=_CASES + _EMPTY,
)


def _vecdot_infer(x1: TensorType, x2: TensorType) -> TensorType:
    for x in (x1, x2):
        if not x.shape or not is_floating(x.dtype):
            raise ShapeError(f"requires floating vectors along the last axis, got {x}")
    shape = broadcast_shapes(x1.shape, x2.shape)
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"requires vectors of one length, got {format_shape(x1.shape)} "
            f"and {format_shape(x2.shape)}"
        )
    return TensorType(np.result_type(x1.dtype, x2.dtype), shape[:-1])


def _vecdot_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    column = expand_dims(g, -1)
    return (column * x2, column * x1)


VECDOT = Op(
    name="vecdot",
    inputs=("x1", "x2"),
    infer=_vecdot_infer,
    kind="reduction",
    numpy="np.vecdot(x1, x2)",
    into="np.vecdot(x1, x2, out=out)",
    vjp=_vecdot_vjp,
    jvp="multilinear",
    cases=(
        Case(((3, 4), (3, 4))),
        Case(((2, 3, 4), (4,))),
        Case(((4,), (4,))),
        Case(((0, 4), (0, 4))),
        Case(((3, 0), (3, 0))),
    ),
)
"""The sum of products along the last axis."""


@array_function
def prod(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Product over `axis` (all axes where None).

    >>> import graphc as gc
    >>> gc.evaluate(gc.prod([2.0, 3.0, 4.0]), {})
    array(24.)
    """
    x = as_node(a)
    return PROD(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


@array_function
def var(a: ArrayLike, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """Variance over `axis`: the squared deviations' sum over `count - ddof`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.var([1.0, 2.0, 3.0, 4.0]), {})
    array(1.25)
    """
    x = as_node(a)
    axes = normalize_axes(axis, x)
    deviation = x - mean(x, axes, keepdims=True)
    total = sum(square(deviation), axes, keepdims)
    return total / dimension(_count(x, axes) - ddof, total.dtype)


@array_function
def std(a: ArrayLike, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    """Standard deviation over `axis`: the square root of `gc.var`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.std([1.0, 2.0, 3.0, 4.0], ddof=1), {})
    array(1.29099445)
    """
    return sqrt(var(a, axis, ddof, keepdims))
