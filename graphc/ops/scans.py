"""Scans: running sums, products and extrema along an axis."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point, ValueRange
from ..ir.types import TensorType, as_dtype, is_floating
from .along_axis import SCATTER_ALONG_AXIS, TAKE_ALONG_AXIS
from .arithmetic import where
from .as_routines import last_attained, recurrence, running
from .axes import normalize_axis
from .element_texts import from_on, up_to
from .exponential import exp
from .indexing import getitem, slice_axis
from .joining import concatenate
from .reduction import sum_type
from .shape import reshape
from .source import ArrayLike, as_node, astype, constant, full
from .type_rules import same_floating_type, same_type
from .value_ranges import range_of_first

_ATTRIBUTES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((3, 4), 1),
    ((2, 3, 2), 1),
    ((4,), 0),
    ((0, 3), 0),
)
_CASES = tuple(Case((shape,), {"axis": axis}) for shape, axis in _ATTRIBUTES)


def along(axis: Any, x: Node) -> tuple[Node, int]:
    """An array and its axis to go along; the flat array where `axis` is None."""
    if axis is None:
        return reshape(x, -1), 0
    return x, normalize_axis(axis, x.ndim, x)


def at(axis: int, item: Any) -> tuple[Any, ...]:
    """An index of all that has `item` at one axis."""
    return (*(slice(None),) * axis, item)


def reversed_along(x: Node, axis: int) -> Node:
    """`x` in reversed order along an axis."""
    return getitem(x, at(axis, slice(None, None, -1)))


def _previous(x: Node, axis: int, first: float) -> Node:
    """For each element the one before it along an axis, and `first` for the first."""
    size = x.shape[axis]
    if size == 0:
        return x
    start = full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), first, x.dtype)
    return concatenate([start, slice_axis(x, axis, 0, size - 1)], axis)


def _running_type(x: TensorType, *, axis: int) -> TensorType:
    dtype = sum_type(x, axis=(axis,), keepdims=False).dtype
    return TensorType(dtype, x.shape)


# Running sums


def _cumsum_numpy(node: Node) -> str:
    # In float16, what is added to 2048 ones would be lost.
    if node.dtype == np.float16:
        return "np.cumsum(x, axis=axis, dtype=np.float32).astype(np.float16)"
    return "np.cumsum(x, axis=axis)"


def _cumsum_into(node: Node) -> str:
    if node.dtype == np.float16:
        return f"out[...] = {_cumsum_numpy(node)}"
    return "np.add.accumulate(x, axis=axis, out=out)"


def _cumsum_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis: int = out.attributes["axis"]
    return (reversed_along(CUMSUM(reversed_along(g, axis), axis=axis), axis),)


CUMSUM = Op(
    name="cumsum",
    mathematics=Mathematics(elements=lambda node: up_to(node, "x")),
    loops=running("sum"),
    inputs=("x",),
    infer=_running_type,
    facts=Facts(nonnegative="all", finite="all", zero_sign="kept"),
    kind="reduction",
    numpy=_cumsum_numpy,
    into=_cumsum_into,
    vjp=_cumsum_vjp,
    jvp="linear",
    cases=_CASES,
)


@array_function
def cumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Node:
    """Running sum along `axis`: `y[i] = x[0] + ... + x[i]`.

    Args:
        a: numbers or booleans; float16 is added up in float32.
        axis: along which; the flat array where None.
        dtype: the dtype that elements are converted to before they are added.

    Returns:
        An array of the shape of `a`, or flat where `axis` is None.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cumsum([[1.0, 2.0], [3.0, 4.0]], axis=1), {})
    array([[1., 3.],
           [3., 7.]])
    """
    x, axis = along(axis, as_node(a))
    if dtype is None:
        return CUMSUM(x, axis=axis)
    target = as_dtype(dtype)
    return astype(CUMSUM(astype(x, target), axis=axis), target)


# Linear recurrences, of which derivatives of the other scans consist


def _recurrence_infer(
    a: TensorType, b: TensorType, *, axis: int, reverse: bool
) -> TensorType:
    if a != b:
        raise ShapeError(
            f"requires factors and terms of one type, got {a} and {b}: "
            f"{format_shape(a.shape)}"
        )
    return b


def _recurrence_loop(node: Node) -> str:
    axis: int = node.attributes["axis"]
    before = ":, " * axis
    if node.attributes["reverse"]:
        steps, last, factor = f"out.shape[{axis}] - 2, -1, -1", "i + 1", "i + 1"
    else:
        steps, last, factor = f"1, out.shape[{axis}]", "i - 1", "i"
    return (
        f"for i in range({steps}):\n"
        f"    out[{before}i] += a[{before}{factor}] * out[{before}{last}]"
    )


def _recurrence_vjp(g: Node, out: Node, a: Node, b: Node) -> tuple[Node, Node]:
    axis, reverse = out.attributes["axis"], out.attributes["reverse"]
    flow = LINEAR_RECURRENCE(a, g, axis=axis, reverse=not reverse)
    if reverse:
        return (out * _previous(flow, axis, 0.0), flow)
    return (flow * _previous(out, axis, 0.0), flow)


def _recurrence_jvp(tangents: tuple[Any, ...], out: Node, a: Node, b: Node) -> Node:
    axis, reverse = out.attributes["axis"], out.attributes["reverse"]
    d_a, d_b = tangents
    terms = d_b
    if d_a is not None:
        product = _moved(d_a, out, axis, reverse)
        terms = product if d_b is None else d_b + product
    return LINEAR_RECURRENCE(a, terms, axis=axis, reverse=reverse)


def _moved(d_a: Node, out: Node, axis: int, reverse: bool) -> Node:
    """The terms that a change of the factors adds to a recurrence."""
    if not reverse:
        return d_a * _previous(out, axis, 0.0)
    product = reversed_along(d_a * out, axis)
    return reversed_along(_previous(product, axis, 0.0), axis)


LINEAR_RECURRENCE = Op(
    name="linear_recurrence",
    loops=recurrence,
    inputs=("a", "b"),
    infer=_recurrence_infer,
    facts=Facts(nonnegative="all", finite="all", zero_sign="kept"),
    kind="reduction",
    numpy=lambda node: f"out = b.copy()\n{_recurrence_loop(node)}",
    into=lambda node: f"out[...] = b\n{_recurrence_loop(node)}",
    vjp=_recurrence_vjp,
    jvp=_recurrence_jvp,
    cases=(
        Case(((3, 4), (3, 4)), {"axis": 1, "reverse": False}),
        Case(((3, 2), (3, 2)), {"axis": 0, "reverse": True}),
        Case(((0,), (0,)), {"axis": 0, "reverse": True}),
    ),
)
"""`y[i] = a[i] * y[i-1] + b[i]` along an axis, or `y[i] = a[i+1] * y[i+1] + b[i]`."""


def _backward_sums(factors: Node, terms: Node, axis: int) -> Node:
    """`y[i] = terms[i] + factors[i+1] * y[i+1]`: the adjoint of a recurrence."""
    return LINEAR_RECURRENCE(factors, terms, axis=axis, reverse=True)


# Running products


def _cumprod_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    """`sum_(j >= i) g_j * prod_(k <= j, k not i) x_k`, without a division by `x_i`."""
    axis: int = out.attributes["axis"]
    return (_previous(out, axis, 1.0) * _backward_sums(x, g, axis),)


def _cumprod_jvp(tangents: tuple[Node], out: Node, x: Node) -> Node:
    axis: int = out.attributes["axis"]
    terms = tangents[0] * _previous(out, axis, 1.0)
    return LINEAR_RECURRENCE(x, terms, axis=axis, reverse=False)


CUMPROD = Op(
    name="cumprod",
    mathematics=Mathematics(gradients=lambda node: (from_on(node, "d * out", "/ x"),)),
    loops=running("product"),
    inputs=("x",),
    infer=_running_type,
    facts=Facts(nonnegative="all", zero_sign="kept"),
    kind="reduction",
    numpy="np.cumprod(x, axis=axis)",
    into="np.multiply.accumulate(x, axis=axis, out=out)",
    vjp=_cumprod_vjp,
    jvp=_cumprod_jvp,
    cases=(
        *_CASES,
        Case(
            ((2, 3),),
            {"axis": 1},
            points=(
                Point(([[0.0, 2.0, 3.0], [2.0, 0.0, 3.0]],)),
                Point(([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]],)),
            ),
        ),
    ),
)


@array_function
def cumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Node:
    """Running product along `axis`: `y[i] = x[0] * ... * x[i]`.

    Its derivatives are right at zeros, too: they are those of the recurrence
    `y[i] = x[i] * y[i-1]` and divide by nothing.

    Args:
        a: numbers or booleans.
        axis: along which; the flat array where None.
        dtype: the dtype that elements are converted to before they are multiplied.

    Returns:
        An array of the shape of `a`, or flat where `axis` is None.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cumprod([2.0, 3.0, 4.0]), {})
    array([ 2.,  6., 24.])
    """
    x, axis = along(axis, as_node(a))
    if dtype is None:
        return CUMPROD(x, axis=axis)
    target = as_dtype(dtype)
    return astype(CUMPROD(astype(x, target), axis=axis), target)


# Running extrema


class Extrema(NamedTuple):
    """Values along an axis and their positions."""

    values: Node
    indices: Node


def _attained_type(x: TensorType, extrema: TensorType, *, axis: int) -> TensorType:
    if x.shape != extrema.shape:
        raise ShapeError(
            f"last_attained requires two arrays of one shape, "
            f"got {format_shape(x.shape)} and {format_shape(extrema.shape)}"
        )
    return TensorType(np.dtype(np.intp), x.shape)


def _attained_numpy(node: Node) -> str:
    x, axis = node.inputs[0], node.attributes["axis"]
    attained = (
        "(x == extrema) | np.isnan(x)" if is_floating(x.dtype) else "x == extrema"
    )
    positions = f"np.arange(x.shape[{axis}])"
    if rest := x.ndim - axis - 1:
        positions += f"[:{', None' * rest}]"
    return f"np.maximum.accumulate(np.where({attained}, {positions}, 0), axis=axis)"


LAST_ATTAINED = Op(
    name="last_attained",
    loops=last_attained,
    inputs=("x", "extrema"),
    infer=_attained_type,
    facts=Facts(zero_sign="ignored"),
    kind="reduction",
    numpy=_attained_numpy,
    into=lambda node: f"out[...] = {_attained_numpy(node)}",
    value_range=lambda node, _: ValueRange(
        0, node.shape[node.attributes["axis"]] - 1, False
    ),
    cases=(
        Case(((3, 4), (3, 4)), {"axis": 1}),
        Case(((3, 2), (3, 2)), {"axis": 0}, dtypes=("int64", "int64")),
    ),
)
"""The last position up to each element at which `x` is the extremum so far."""


def _positions_of(extrema: Node, x: Node, axis: int) -> Node:
    return LAST_ATTAINED(x, extrema, axis=axis)


def _cummax_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis: int = out.attributes["axis"]
    positions = _positions_of(out, x, axis)
    return (SCATTER_ALONG_AXIS(g, positions, shape=x.shape, axis=axis),)


def _cummax_jvp(tangents: tuple[Node], out: Node, x: Node) -> Node:
    axis: int = out.attributes["axis"]
    return TAKE_ALONG_AXIS(tangents[0], _positions_of(out, x, axis), axis=axis)


CUMMAX, CUMMIN = (
    Op(
        name=name,
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
        numpy=f"np.{ufunc}.accumulate(x, axis=axis)",
        loops=running(ufunc),
        into=f"np.{ufunc}.accumulate(x, axis=axis, out=out)",
        value_range=range_of_first,
        vjp=_cummax_vjp,
        jvp=_cummax_jvp,
        cases=_CASES[:1] + _CASES[2:],
    )
    for name, ufunc in (("cummax", "maximum"), ("cummin", "minimum"))
)


def _extrema(op: Op, a: ArrayLike, axis: int) -> Extrema:
    x, axis = along(axis, as_node(a))
    values = op(x, axis=axis)
    return Extrema(values, _positions_of(values, x, axis))


def cummax(a: ArrayLike, axis: int) -> Extrema:
    """Running maximum along `axis`, and its positions.

    Of several that are equal the last one counts, and gets the gradient. NaN is
    greater than all numbers.

    Args:
        a: numbers.
        axis: along which.

    Returns:
        A named tuple of `values` and `indices`, both of the shape of `a`.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> values, indices = gc.cummax([1.0, 3.0, 2.0, 3.0], axis=0)
    >>> gc.evaluate([values, indices], {})
    [array([1., 3., 3., 3.]), array([0, 1, 1, 3])]
    """
    return _extrema(CUMMAX, a, axis)


def cummin(a: ArrayLike, axis: int) -> Extrema:
    """Running minimum along `axis`, and its positions.

    Of several that are equal the last one counts, and gets the gradient. NaN is less
    than all numbers.

    Args:
        a: numbers.
        axis: along which.

    Returns:
        A named tuple of `values` and `indices`, both of the shape of `a`.

    Raises:
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cummin([2.0, 3.0, 1.0], axis=0).values, {})
    array([2., 2., 1.])
    """
    return _extrema(CUMMIN, a, axis)


# Running logarithms of sums


def _decay(out: Node, axis: int) -> Node:
    """`exp(y[i-1] - y[i])`, the share that the sum so far has in the next."""
    before = _previous(out, axis, -np.inf)
    return exp(before - _or_zero(out)).named("decay")


def _or_zero(out: Node) -> Node:
    """A sum of exponentials that is 0 has the logarithm -inf, which has no difference
    to itself. All shares in it are 0."""
    return where(out == -np.inf, constant(0.0, out.dtype), out)


def _logcumsumexp_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis: int = out.attributes["axis"]
    share = exp(x - _or_zero(out)).named("share")
    return (share * _backward_sums(_decay(out, axis), g, axis),)


def _logcumsumexp_jvp(tangents: tuple[Node], out: Node, x: Node) -> Node:
    axis: int = out.attributes["axis"]
    terms = exp(x - _or_zero(out)) * tangents[0]
    return LINEAR_RECURRENCE(_decay(out, axis), terms, axis=axis, reverse=False)


LOGCUMSUMEXP = Op(
    name="logcumsumexp",
    mathematics=Mathematics(
        gradients=lambda node: (from_on(node, "d * exp(-out)", "* exp(x)"),)
    ),
    loops=running("logaddexp"),
    inputs=("x",),
    infer=same_floating_type,
    facts=Facts(zero_sign="kept"),
    kind="reduction",
    numpy="np.logaddexp.accumulate(x, axis=axis)",
    into="np.logaddexp.accumulate(x, axis=axis, out=out)",
    vjp=_logcumsumexp_vjp,
    jvp=_logcumsumexp_jvp,
    cases=(
        *_CASES[:1],
        *_CASES[3:],
        Case(((4,),), {"axis": 0}, points=(Point(([0.0, 800.0, -800.0, 1.0],)),)),
    ),
)


def logcumsumexp(a: ArrayLike, axis: int) -> Node:
    """Running logarithm of a sum of exponentials: `log(exp(x[0]) + ... + exp(x[i]))`.

    No exponential overflows. Where all elements so far are -inf, so is the value, and
    its gradient is 0.

    Args:
        a: floating numbers.
        axis: along which.

    Returns:
        An array of the type of `a`.

    Raises:
        DTypeError: `a` is not floating.
        IndexRangeError: an axis that `a` has not.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logcumsumexp([1000.0, 1000.0], axis=0), {})
    array([1000.        , 1000.69314718])
    """
    x, axis = along(axis, as_node(a))
    return LOGCUMSUMEXP(x, axis=axis)
