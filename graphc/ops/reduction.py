"""Reductions: sums, means and variances, extrema and their positions."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape, product
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, Template, ValueRange, ValueRanges
from ..ir.types import DType, TensorType, is_floating
from .arithmetic import ROOT, maximum, square
from .axes import normalize_axes, normalize_axis
from .shape import broadcast_to, expand_dims, reshape
from .source import ArrayLike, as_node, astype, constant, dimension


def _reduced(
    x: TensorType, axis: tuple[int, ...], keepdims: bool, dtype: DType
) -> TensorType:
    if keepdims:
        shape = tuple(1 if a in axis else d for a, d in enumerate(x.shape))
    else:
        shape = tuple(d for a, d in enumerate(x.shape) if a not in axis)
    return TensorType(dtype, shape)


def sum_type(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    """The type of a sum or a product: NumPy widens booleans and small integers."""
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


def numpy_call(function: str) -> Template:
    """A call of one of NumPy's functions, for an op whose input is `x`."""
    return lambda node: f"{function}(x{_axis_argument(node)})"


def method_call(ufunc: str, node: Node, out: str = "") -> str:
    """A call of a ufunc's method, without the checks that `np.sum` makes before it."""
    axis: tuple[int, ...] = node.attributes["axis"]
    over: Any = axis[0] if len(axis) == 1 else axis
    if axis == tuple(range(node.inputs[0].ndim)) and len(axis) != 1:
        over = None
    # A vector has no other axis, and each argument takes time.
    along = "" if node.inputs[0].ndim == 1 and axis else f", axis={over}"
    keepdims = ", keepdims=True" if node.attributes["keepdims"] else ""
    return f"np.{ufunc}.reduce(x{along}{keepdims}{out})"


def _into(ufunc: str) -> Template:
    return lambda node: method_call(ufunc, node, ", out=out")


def _adds_up_as_it_is(node: Node) -> bool:
    """True where a mean is the sum over the count: NumPy adds up integers in float64
    and float16 in float32, though not where it is given an `out` of float16."""
    return is_floating(node.inputs[0].dtype) and node.dtype != np.float16


def _mean_fast(node: Node) -> str:
    if not _adds_up_as_it_is(node):
        return f"np.mean(x{_axis_argument(node)})"
    return f"{method_call('add', node)} / {_count_source(node)}"


def _mean_into(node: Node) -> str:
    if not _adds_up_as_it_is(node):
        return f"out[...] = np.mean(x{_axis_argument(node)})"
    total = method_call("add", node, ", out=out")
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
REDUCTION_CASES = (*_CASES, Case(((0, 3),), {"axis": (0,), "keepdims": False}))


def _sum_numpy(node: Node) -> str:
    if node.dtype == np.float16:
        return f"{_wide_sum(node)}.astype(np.float16)"
    return f"np.sum(x{_axis_argument(node)})"


def _wide_sum(node: Node) -> str:
    """The sum in float32: along an axis NumPy adds up float16 one by one, and what is
    added to 2048 ones is lost."""
    return f"np.sum(x{_axis_argument(node)}, dtype=np.float32)"


def _sum_fast(node: Node) -> str:
    return _sum_numpy(node) if node.dtype == np.float16 else method_call("add", node)


def _sum_into(node: Node) -> str:
    if node.dtype == np.float16:
        return f"out[...] = {_wide_sum(node)}"
    return method_call("add", node, ", out=out")


SUM = Op(
    name="sum",
    inputs=("x",),
    infer=sum_type,
    facts=Facts(nonnegative="all", finite="all", zero_sign="kept"),
    kind="reduction",
    numpy=_sum_numpy,
    into=_sum_into,
    fast=_sum_fast,
    vjp=lambda g, out, x: (broadcast_to(restore_axes(g, out, x), x.shape),),
    jvp="linear",
    cases=REDUCTION_CASES,
)


@array_function
def sum(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Node:
    """Sum over `axis` (all axes where None); float16 is added up in float32.

    >>> import graphc as gc
    >>> gc.sum(gc.input("x", ("batch", 3)), axis=0)
    <sum float32 (3,)>
    """
    x = as_node(a)
    return SUM(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


def over_count(value: Node, count: Node | Dimension) -> Node:
    """`value / count` in the dtype of `value`.

    In float16, which has no integers above 65,504, a large count stays in float32.
    """
    wide = _for_counts(value.dtype)
    if not isinstance(count, Node):
        if isinstance(count, int) and count <= _EXACT_IN_FLOAT16:
            wide = value.dtype
        count = dimension(count, wide)
    return astype(astype(value, wide) / count, value.dtype)


_EXACT_IN_FLOAT16 = 2048


def _for_counts(dtype: DType) -> DType:
    """The dtype in which elements of an array of `dtype` are counted."""
    return np.dtype("float32") if dtype == np.float16 else dtype


def total(x: Node) -> Node:
    """The sum of all elements, in a dtype that has room for their number."""
    return sum(astype(x, _for_counts(x.dtype)))


def _mean_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    share = over_count(g, _count(x, out.attributes["axis"]))
    return (broadcast_to(restore_axes(share, out, x), x.shape),)


def _mean_infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    return _reduced(x, axis, keepdims, _floating(x.dtype))


MEAN = Op(
    name="mean",
    inputs=("x",),
    infer=_mean_infer,
    facts=Facts(nonnegative="all", finite="all", zero_sign="kept"),
    kind="reduction",
    numpy=numpy_call("np.mean"),
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
    """A mask of where `x` attains the extremum, and the number of such places."""
    hit = x == restore_axes(out, out, x)
    counted = hit.astype(_for_counts(x.dtype))
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
    return _reduced(x, axis, keepdims, x.dtype)


def _needs_an_element(node: Node) -> list[tuple[Dimension, Dimension]]:
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
        facts=Facts(nonnegative="all", finite="all", overflows=False, zero_sign="kept"),
        kind="reduction",
        numpy=numpy_call(f"np.{name}"),
        into=_into(f"{name}imum"),
        fast=_extremum_fast(name),
        vjp=_extremum_vjp,
        jvp=_extremum_jvp,
        size_bounds=_needs_an_element,
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
    facts=Facts(zero_sign="kept"),
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
        size_bounds=_needs_an_element,
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


@array_function
def var(
    a: ArrayLike, axis: Any = None, ddof: float = 0, keepdims: bool = False
) -> Node:
    """Variance over `axis`: the squared deviations' sum over `count - ddof`.

    As in NumPy, infinite or NaN where `ddof` is not less than the count.

    Args:
        a: numbers; float16 is computed with in float32.
        axis: one axis, several, or all where None.
        ddof: what is taken from the count: 1 for an unbiased estimate.
        keepdims: keep the axes, with size 1.

    Raises:
        OptionError: `ddof` is not a number.

    >>> import graphc as gc
    >>> gc.evaluate(gc.var([1.0, 2.0, 3.0, 4.0]), {})
    array(1.25)
    """
    x = as_node(a)
    return astype(_variance(x, axis, ddof, keepdims), _floating(x.dtype))


@array_function
def std(
    a: ArrayLike, axis: Any = None, ddof: float = 0, keepdims: bool = False
) -> Node:
    """Standard deviation over `axis`: the square root of `gc.var`.

    Its gradient is taken as 0 where all elements are equal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.std([1.0, 2.0, 3.0, 4.0], ddof=1), {})
    array(1.29099445)
    """
    x = as_node(a)
    root = ROOT(_variance(x, axis, ddof, keepdims))
    return astype(root, _floating(x.dtype))


def _floating(dtype: DType) -> DType:
    """The dtype of a mean of elements of `dtype`."""
    return dtype if is_floating(dtype) else np.dtype("float64")


def _variance(a: Node, axis: Any, ddof: Any, keepdims: bool) -> Node:
    """The variance, in a dtype that has room for sums of squares."""
    x = astype(a, _for_counts(a.dtype))
    axes = normalize_axes(axis, x)
    deviation = x - mean(x, axes, keepdims=True)
    total = sum(square(deviation), axes, keepdims)
    return total / _degrees_of_freedom(_count(x, axes), ddof, total)


def _degrees_of_freedom(count: Dimension, ddof: Any, total: Node) -> Node:
    """`count - ddof`, or 0 where that is negative, as in NumPy."""
    if isinstance(ddof, np.integer | np.floating):
        ddof = cast("np.generic", ddof).item()
    if isinstance(ddof, bool) or not isinstance(ddof, int | float):
        raise OptionError(
            f"ddof must be a number, got {ddof!r}", node=f"variance of {total.type}"
        )
    if isinstance(count, int):
        return constant(count - ddof if count > ddof else 0, total.dtype)
    if float(ddof).is_integer():
        left = dimension(count - int(ddof), total.dtype)
    else:
        left = dimension(count, total.dtype) - float(ddof)
    return left if ddof <= 0 else maximum(left, 0.0)
