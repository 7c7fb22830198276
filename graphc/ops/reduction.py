"""Sums and means along axes, and what all reductions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, broadcast_shapes, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Template
from ..ir.types import DType, TensorType, as_dtype, is_floating
from . import arithmetic
from .as_loops import reduced
from .axes import normalize_axes
from .shape import broadcast_to, expand_dims
from .source import ArrayLike, as_node, astype, constant, dimension


def reduced_type(
    x: TensorType, axis: tuple[int, ...], keepdims: bool, dtype: DType
) -> TensorType:
    """The type of a reduction of `x` to elements of `dtype`."""
    if keepdims:
        shape = tuple(1 if a in axis else d for a, d in enumerate(x.shape))
    else:
        shape = tuple(d for a, d in enumerate(x.shape) if a not in axis)
    return TensorType(dtype, shape)


def sum_type(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    """The type of a sum or a product: NumPy widens booleans and small integers."""
    return reduced_type(x, axis, keepdims, np.sum(np.zeros(0, x.dtype)).dtype)


def axis_argument(node: Node) -> str:
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
    return lambda node: f"{function}(x{axis_argument(node)})"


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


def _adds_up_as_it_is(node: Node) -> bool:
    """True where a mean is the sum over the count: NumPy adds up integers in float64
    and float16 in float32, though not where it is given an `out` of float16."""
    return is_floating(node.inputs[0].dtype) and node.dtype != np.float16


def _mean_fast(node: Node) -> str:
    if not _adds_up_as_it_is(node):
        return f"np.mean(x{axis_argument(node)})"
    return f"{method_call('add', node)} / {_count_source(node)}"


def _mean_into(node: Node) -> str:
    if not _adds_up_as_it_is(node):
        return f"out[...] = np.mean(x{axis_argument(node)})"
    total = method_call("add", node, ", out=out")
    return f"{total}\nnp.divide(out, {_count_source(node)}, out=out)"


def _count_source(node: Node) -> str:
    count = count_along(node.inputs[0], node.attributes["axis"])
    return str(count) if isinstance(count, int) else f"({count.source('dim_')})"


def restore_axes(reduced: Node, out: Node, x: Node) -> Node:
    """The output of a reduction in a shape that broadcasts to that of `x`."""
    axis: tuple[int, ...] = out.attributes["axis"]
    # Broadcasting itself adds axes in front.
    if out.attributes["keepdims"] or axis == tuple(range(len(axis))):
        return reduced
    return expand_dims(reduced, axis)


def count_along(x: Node, axis: tuple[int, ...]) -> Dimension:
    """The number of elements along axes together."""
    return product(x.shape[a] for a in axis)


NON_EMPTY_CASES = (
    Case(((3, 4),), {"axis": (0, 1), "keepdims": False}),
    Case(((3, 4),), {"axis": (0,), "keepdims": False}),
    Case(((2, 3, 4),), {"axis": (0, 2), "keepdims": True}),
    Case(((4,),), {"axis": (0,), "keepdims": False}),
    Case(((2, 3),), {"axis": (), "keepdims": False}),
    Case(((),), {"axis": (), "keepdims": False}),
)
REDUCTION_CASES = (*NON_EMPTY_CASES, Case(((0, 3),), {"axis": (0,), "keepdims": False}))


def _sum_numpy(node: Node) -> str:
    if node.dtype == np.float16:
        return f"{_wide_sum(node)}.astype(np.float16)"
    return f"np.sum(x{axis_argument(node)})"


def _wide_sum(node: Node) -> str:
    """The sum in float32: along an axis NumPy adds up float16 one by one, and what is
    added to 2048 ones is lost."""
    return f"np.sum(x{axis_argument(node)}, dtype=np.float32)"


def _sum_fast(node: Node) -> str:
    return _sum_numpy(node) if node.dtype == np.float16 else method_call("add", node)


def _sum_into(node: Node) -> str:
    if node.dtype == np.float16:
        return f"out[...] = {_wide_sum(node)}"
    return method_call("add", node, ", out=out")


SUM = Op(
    name="sum",
    mathematics=Mathematics(formula="sum(x, axis, keepdims)"),
    inputs=("x",),
    infer=sum_type,
    facts=Facts(
        called=("sum_of_{x}", "summed"),
        nonnegative="all",
        finite="all",
        zero_sign="kept",
    ),
    kind="reduction",
    loops=reduced("+"),
    numpy=_sum_numpy,
    into=_sum_into,
    fast=_sum_fast,
    vjp=lambda g, out, x: (broadcast_to(restore_axes(g, out, x), x.shape),),
    jvp="linear",
    cases=REDUCTION_CASES,
)


def operand(a: ArrayLike, dtype: Any, where: ArrayLike, neutral: float) -> Node:
    """The array that a reduction is made of: `a` in `dtype` if one is given, with the
    number that changes nothing where `where` is false."""
    x = as_node(a)
    if dtype is not None:
        x = astype(x, as_dtype(dtype))
    if where is None:
        return x
    return arithmetic.where(_mask(where, x), x, constant(neutral, x.dtype))


def _mask(where: ArrayLike, x: Node) -> Node:
    """The booleans of `where=`, which broadcast to the array."""
    mask = as_node(where)
    if mask.dtype != np.dtype(bool):
        raise DTypeError(
            f"where must be booleans, got {mask.type}",
            node=x.describe(),
            hint="where != 0",
        )
    if broadcast_shapes(mask.shape, x.shape) != x.shape:
        raise ShapeError(
            f"where must broadcast to {format_shape(x.shape)}, "
            f"got {format_shape(mask.shape)}",
            node=x.describe(),
        )
    return mask


def result(
    reduced: Node,
    dtype: Any,
    initial: ArrayLike,
    combine: Callable[[Node, Node], Node],
) -> Node:
    """The value of a reduction, begun from `initial` and in `dtype` where these are
    given."""
    if dtype is not None:
        reduced = astype(reduced, as_dtype(dtype))
    if initial is None:
        return reduced
    start = astype(as_node(initial, reduced.dtype), reduced.dtype)
    if start.shape:
        raise ShapeError(
            f"initial must be one number, got {start.type}", node=reduced.describe()
        )
    return combine(reduced, start)


@array_function
def sum(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Sum over `axis`; float16 is added up in float32.

    Args:
        a: numbers or booleans.
        axis: one axis, several, or all where None.
        dtype: the dtype that elements are converted to before they are added. Where
            None, booleans and small integers are added up in int64, as in NumPy.
        keepdims: keep the axes, with size 1.
        initial: a number to begin with.
        where: booleans that broadcast to `a`: the elements to add.

    Returns:
        An array without the axes, or with axes of size 1.

    Raises:
        IndexRangeError: an axis that `a` has not.
        DTypeError: `where` is not boolean.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.sum(gc.input("x", ("batch", 3)), axis=0)
    <sum float32 (3,)>
    >>> x = np.array([1.0, np.nan, 3.0])
    >>> gc.evaluate(gc.sum(x, where=~np.isnan(x), initial=10.0), {})
    array(14.)
    """
    x = operand(a, dtype, where, 0)
    total = SUM(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))
    return result(total, dtype, initial, arithmetic.add)


def over_count(value: Node, count: Node | Dimension) -> Node:
    """`value / count` in the dtype of `value`.

    In float16, which has no integers above 65,504, a large count stays in float32.
    """
    wide = dtype_for_counts(value.dtype)
    if not isinstance(count, Node):
        if isinstance(count, int) and count <= _EXACT_IN_FLOAT16:
            wide = value.dtype
        count = dimension(count, wide)
    return astype(astype(value, wide) / count, value.dtype)


_EXACT_IN_FLOAT16 = 2048


def dtype_for_counts(dtype: DType) -> DType:
    """The dtype in which elements of an array of `dtype` are counted."""
    return np.dtype("float32") if dtype == np.float16 else dtype


def total(x: Node) -> Node:
    """The sum of all elements, in a dtype that has room for their number."""
    return sum(astype(x, dtype_for_counts(x.dtype)))


def _mean_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    share = over_count(g, count_along(x, out.attributes["axis"]))
    return (broadcast_to(restore_axes(share, out, x), x.shape),)


def _mean_infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    return reduced_type(x, axis, keepdims, mean_dtype(x.dtype))


MEAN = Op(
    name="mean",
    mathematics=Mathematics(formula="mean(x, axis, keepdims)"),
    inputs=("x",),
    infer=_mean_infer,
    facts=Facts(
        called=("mean_of_{x}", "average"),
        nonnegative="all",
        finite="all",
        zero_sign="kept",
    ),
    kind="reduction",
    loops=reduced("+", is_mean=True),
    numpy=numpy_call("np.mean"),
    into=_mean_into,
    fast=_mean_fast,
    vjp=_mean_vjp,
    jvp="linear",
    cases=NON_EMPTY_CASES,
)


def mean_dtype(dtype: DType) -> DType:
    """The dtype of a mean of elements of `dtype`."""
    return dtype if is_floating(dtype) else np.dtype("float64")


@array_function
def mean(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    where: ArrayLike = None,
) -> Node:
    """Arithmetic mean over `axis`; NaN over no elements.

    Args:
        a: numbers or booleans.
        axis: one axis, several, or all where None.
        dtype: the dtype to compute in; that of `a` if that is floating, and else
            float64, where None.
        keepdims: keep the axes, with size 1.
        where: booleans that broadcast to `a`: the elements to take the mean of.

    Returns:
        An array without the axes, or with axes of size 1.

    Raises:
        IndexRangeError: an axis that `a` has not.
        DTypeError: `where` is not boolean.

    >>> import graphc as gc
    >>> gc.evaluate(gc.mean([[1.0, 2.0], [3.0, 4.0]], axis=0), {})
    array([2., 3.])
    """
    x = operand(a, dtype, None, 0)
    axes = normalize_axes(axis, x)
    if where is None:
        found = MEAN(x, axis=axes, keepdims=bool(keepdims))
        return found if dtype is None else astype(found, as_dtype(dtype))
    wide = astype(x, dtype_for_counts(mean_dtype(x.dtype)))
    total = sum(wide, axes, keepdims=keepdims, where=where)
    mean = total / count_where(where, x, axes, keepdims, total.dtype)
    return astype(mean, mean_dtype(x.dtype) if dtype is None else as_dtype(dtype))


def count_where(
    where: ArrayLike, x: Node, axes: tuple[int, ...], keepdims: bool, dtype: DType
) -> Node:
    """The number of elements along axes that `where=` takes."""
    taken = broadcast_to(astype(_mask(where, x), dtype), x.shape)
    return SUM(taken, axis=axes, keepdims=bool(keepdims))
