"""Medians and quantiles, which lie at or between elements in sorted order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.batching import Batch, along_axes
from ..ir.dims import format_shape, product
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from ..ir.scalar import LoopForm
from ..ir.types import DType, TensorType, is_floating
from .along_axis import SCATTER_ALONG_AXIS, TAKE_ALONG_AXIS
from .arithmetic import where
from .as_routines import quantiles
from .axes import normalize_axes
from .clipping import clip
from .comparison import isnan
from .extrema import needs_an_element
from .indexing import getitem, slice_axis
from .numbers import numbers
from .orders import ARGSORT
from .reduction import axis_argument, mean_dtype, reduced_type
from .rounding import ceil, floor, rint
from .scans import at
from .shape import expand_dims, moveaxis, reshape, squeeze, transpose
from .sorting import SORT
from .source import ArrayLike, as_node, astype, constant, dimension

QuantileMethod: TypeAlias = Literal[
    "linear",
    "lower",
    "higher",
    "midpoint",
    "nearest",
    "weibull",
    "hazen",
    "interpolated_inverted_cdf",
    "median_unbiased",
    "normal_unbiased",
]

_OFFSETS = {
    "weibull": (0.0, 0.0),
    "hazen": (0.5, 0.5),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
"""`alpha` and `beta` of Hyndman and Fan; those of the other methods are both 1."""

Levels = float | tuple[float, ...]
"""The attribute `q`: one probability, or several, each of which has a result."""


class Place(NamedTuple):
    """A place between two elements in sorted order: the rank of the lower one, and the
    share of the upper one in the result."""

    rank: Any
    share: Any

    @staticmethod
    def of(m: Any, q: Any, count: Any, method: str) -> Place:
        """The place of a quantile, by functions of NumPy or of nodes."""
        if method in _OFFSETS:
            alpha, beta = _OFFSETS[method]
            place = count * q + (alpha + q * (1.0 - alpha - beta)) - 1.0
            place = m.clip(place, 0.0, count - 1.0)
        else:
            place = (count - 1.0) * q
        rank = m.floor(place)
        share = place - rank
        if method == "lower":
            share = 0.0 * share
        elif method == "higher":
            share = m.ceil(share)
        elif method == "midpoint":
            share = 0.5 * m.ceil(share)
        elif method == "nearest":
            share = m.rint(place) - rank
        return Place(rank, share)


NODES = SimpleNamespace(floor=floor, ceil=ceil, rint=rint, clip=clip)
"""NumPy's functions that a place is computed with, of nodes."""


# Derivatives: a quantile is a weighted sum of two elements


def lines_of(x: Node, axes: tuple[int, ...]) -> tuple[Node, int]:
    """An array in which one axis has the elements of several."""
    if len(axes) == 1:
        return x, axes[0]
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    sizes = (*(x.shape[a] for a in kept), product(x.shape[a] for a in axes))
    return reshape(transpose(x, (*kept, *axes)), sizes), len(kept)


def _from_lines(lines: Node, x: Node, axes: tuple[int, ...]) -> Node:
    """The inverse of `lines_of`."""
    if len(axes) == 1:
        return lines
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    back = tuple(order.index(a) for a in range(x.ndim))
    return transpose(reshape(lines, tuple(x.shape[a] for a in order)), back)


def _levels(out: Node) -> tuple[float, ...]:
    q: Levels = out.attributes.get("q", 0.5)
    return q if isinstance(q, tuple) else (q,)


def _is_one(out: Node) -> bool:
    return not isinstance(out.attributes.get("q", 0.5), tuple)


def _elements(out: Node, x: Node) -> list[tuple[Node, Node | None]]:
    """Positions along the axis of `lines_of`, one for each level, and their weights.

    A weight is None where all are 1. Of equal elements the first counts as the lesser.
    """
    lines, axis = lines_of(x, out.attributes["axis"])
    size = lines.shape[axis]
    order = ARGSORT(lines, axis=axis).named("order")
    method: str = out.attributes.get("method", "linear")
    if isinstance(size, int):
        return _known_elements(out, x, order, axis, size, method)
    count = dimension(size, np.dtype("float64"))
    levels = constant(_levels(out), np.float64)
    place = Place.of(NODES, levels, count, method)
    found: list[tuple[Node, Node | None]] = []
    for step, weight in ((0.0, 1.0 - place.share), (1.0, place.share)):
        rank = clip(astype(place.rank + step, np.intp), 0, size - 1)
        found.append((getitem(order, at(axis, rank)), _column(weight, lines, axis)))
    return found


def _known_elements(
    out: Node, x: Node, order: Node, axis: int, size: int, method: str
) -> list[tuple[Node, Node | None]]:
    levels = np.array(_levels(out))
    rank, share = Place.of(np, levels, float(size), method)
    found: list[tuple[Node, Node | None]] = []
    for step, weight in ((0, 1.0 - share), (1, share)):
        ranks = np.minimum(rank.astype(int) + step, size - 1)
        if not weight.any():
            continue
        if len(ranks) == 1:
            first = int(ranks[0])
            positions = slice_axis(order, axis, first, first + 1)
        else:
            positions = getitem(order, at(axis, ranks))
        column = _column(constant(weight, x.dtype), order, axis)
        found.append((positions, None if (weight == 1.0).all() else column))
    return found


def _column(weight: Node, lines: Node, axis: int) -> Node:
    """One number for each level, along an axis."""
    return expand_dims(weight, tuple(range(1, lines.ndim - axis)))


def _quantile_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axes: tuple[int, ...] = out.attributes["axis"]
    lines, axis = lines_of(x, axes)
    leading = 0 if _is_one(out) else 1
    if out.attributes["keepdims"]:
        g = squeeze(g, tuple(a + leading for a in axes))
    flow = expand_dims(g, axis) if _is_one(out) else moveaxis(g, 0, axis)
    total: Node | None = None
    for positions, weight in _elements(out, x):
        part = flow if weight is None else flow * astype(weight, flow.dtype)
        part = SCATTER_ALONG_AXIS(part, positions, shape=lines.shape, axis=axis)
        total = part if total is None else total + part
    assert total is not None
    return (_from_lines(total, x, axes),)


def _quantile_jvp(tangents: tuple[Node], out: Node, x: Node) -> Node:
    axes: tuple[int, ...] = out.attributes["axis"]
    lines, axis = lines_of(tangents[0], axes)
    total: Node | None = None
    for positions, weight in _elements(out, x):
        part = TAKE_ALONG_AXIS(lines, positions, axis=axis)
        part = part if weight is None else part * astype(weight, part.dtype)
        total = part if total is None else total + part
    assert total is not None
    found = squeeze(total, axis) if _is_one(out) else moveaxis(total, axis, 0)
    leading = 0 if _is_one(out) else 1
    if out.attributes["keepdims"]:
        found = expand_dims(found, tuple(a + leading for a in axes))
    return astype(found, out.dtype)


# The ops


def _check_elements(x: TensorType, axis: tuple[int, ...]) -> None:
    if any(x.shape[a] == 0 for a in axis):
        raise ShapeError(
            f"requires at least one element along axis {axis}, "
            f"got {format_shape(x.shape)}"
        )


def _median_infer(
    x: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    _check_elements(x, axis)
    return reduced_type(x, axis, keepdims, mean_dtype(x.dtype))


def _quantile_loops(node: Node) -> LoopForm | None:
    method: str = node.attributes.get("method", "linear")
    return quantiles(node, _levels(node), _OFFSETS.get(method, (1.0, 1.0)), method)


def _median_numpy(node: Node) -> str:
    return f"np.median(x{axis_argument(node)})"


MEDIAN = Op(
    name="median",
    loops=_quantile_loops,
    inputs=("x",),
    infer=_median_infer,
    facts=Facts(nonnegative="all", zero_sign="kept"),
    kind="movement",
    numpy=_median_numpy,
    into=lambda node: f"out[...] = {_median_numpy(node)}",
    vjp=_quantile_vjp,
    jvp=_quantile_jvp,
    size_bounds=needs_an_element,
    cases=(
        Case(((3, 4),), {"axis": (1,), "keepdims": False}),
        Case(((2, 3, 3),), {"axis": (0, 2), "keepdims": True}),
        Case(
            ((5,),),
            {"axis": (0,), "keepdims": False},
            points=(Point(([1.0, 2.0, 2.0, 0.0, 2.0],), ([0.0, 1.0, 0.0, 0.0, 0.0],)),),
        ),
    ),
)


def _quantile_infer(
    x: TensorType,
    *,
    q: Levels,
    axis: tuple[int, ...],
    keepdims: bool,
    method: str,
    q_dtype: DType | None,
) -> TensorType:
    _check_elements(x, axis)
    reduced = reduced_type(x, axis, keepdims, quantile_dtype(x.dtype, method, q_dtype))
    leading = (len(q),) if isinstance(q, tuple) else ()
    return reduced.with_shape((*leading, *reduced.shape))


def quantile_dtype(dtype: DType, method: str, q_dtype: DType | None) -> DType:
    """The dtype of quantiles: that of the elements where they are elements."""
    if method in ("lower", "higher", "nearest"):
        return dtype
    return np.result_type(dtype, q_dtype or mean_dtype(dtype))


def _quantile_numpy(node: Node) -> str:
    narrow = node.attributes["q_dtype"] not in (None, np.float64)
    q = "np.array(q, q_dtype)" if narrow else "q"
    method = node.attributes["method"]
    option = "" if method == "linear" else ", method=method"
    return f"np.quantile(x, {q}{axis_argument(node)}{option})"


def _case(shape: tuple[int, ...], *values: Any) -> Case:
    *others, q_dtype = values
    dtype = q_dtype and np.dtype(q_dtype)
    keys = ("q", "axis", "keepdims", "method", "q_dtype")
    return Case((shape,), dict(zip(keys, (*others, dtype), strict=True)))


def _quantile_of_examples(batch: Batch, node: Node) -> Node:
    found = along_axes(batch, node)
    # The axis of several levels comes first.
    return moveaxis(found, 1, 0) if isinstance(node.attributes["q"], tuple) else found


QUANTILE = Op(
    name="quantile",
    loops=_quantile_loops,
    inputs=("x",),
    infer=_quantile_infer,
    facts=Facts(zero_sign="kept"),
    kind="movement",
    numpy=_quantile_numpy,
    into=lambda node: f"out[...] = {_quantile_numpy(node)}",
    vjp=_quantile_vjp,
    jvp=_quantile_jvp,
    batch=_quantile_of_examples,
    size_bounds=needs_an_element,
    cases=(
        _case((3, 4), 0.3, (1,), False, "linear", None),
        _case((2, 3, 3), (0.2, 0.9), (0, 2), True, "midpoint", "float64"),
        _case((5,), 0.7, (0,), False, "hazen", "float32"),
    ),
)


@array_function
def median(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Median over `axis`; of an even number of elements the mean of the middle two.

    Of equal elements the first in the array counts as the lesser, which decides which
    one gets the gradient. NaN where there is a NaN.

    Args:
        a: numbers.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.

    Returns:
        An array without the axes, or with axes of size 1: of the dtype of `a` if that
        is floating, and else float64.

    Raises:
        ShapeError: there are no elements along an axis.

    >>> import graphc as gc
    >>> gc.evaluate(gc.median([[3.0, 1.0, 2.0], [4.0, 6.0, 8.0]], axis=1), {})
    array([2., 6.])
    """
    x, axes = numbers_along(a, axis)
    return MEDIAN(x, axis=axes, keepdims=keepdims and bool(as_node(a).ndim))


def numbers_along(a: ArrayLike, axis: Any) -> tuple[Node, tuple[int, ...]]:
    """Numbers with at least one axis, and the axes to go along."""
    x = as_node(a)
    if x.dtype == np.dtype(bool):
        raise DTypeError(f"requires numbers, got {x.type}", hint='x.astype("float32")')
    axes = normalize_axes(axis, x)
    if not x.ndim:
        return reshape(x, 1), (0,)
    if not axes:
        raise OptionError("requires at least one axis, got ()", node=x.describe())
    return x, axes


@array_function
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    *,
    method: QuantileMethod = "linear",
    keepdims: bool = False,
) -> Node:
    """Quantile over `axis`: the value below which a share `q` of the elements is.

    In sorted order it is at place `q * (n - 1)`, where two elements are interpolated.
    Of equal elements the first in the array counts as the lesser, which decides which
    one gets the gradient. NaN where there is a NaN.

    Args:
        a: numbers.
        q: a probability in [0, 1], or an array of them. Of a node that is beyond, an
            error names the position when the program runs.
        axis: one axis, several, or all where None.
        method: NumPy's name of the rule between two elements: `"lower"`, `"higher"`,
            `"nearest"` (of two as near, that of even rank), `"midpoint"`, `"linear"`,
            or another place for `"linear"` to be at.
        keepdims: keep the axes, with size 1.

    Returns:
        An array without the axes, or with axes of size 1; in front the axes of `q`. Of
        integers it is floating, except by the methods that choose an element.

    Raises:
        OptionError: `q` is beyond [0, 1].
        DTypeError: `q` is not floating, where it is a node.
        ShapeError: there are no elements along an axis.

    Source: Hyndman and Fan 1996, "Sample quantiles in statistical packages".

    >>> import graphc as gc
    >>> gc.evaluate(gc.quantile([4.0, 1.0, 2.0, 3.0], [0.5, 1.0]), {})
    array([2.5, 4. ])
    """
    return _quantile(a, q, 1.0, axis, method, keepdims)


@array_function
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Any = None,
    *,
    method: QuantileMethod = "linear",
    keepdims: bool = False,
) -> Node:
    """Percentile over `axis`: the quantile of `q / 100`, see `gc.quantile`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.percentile([4.0, 1.0, 2.0, 3.0, 5.0], 75), {})
    array(4.)
    """
    return _quantile(a, q, 100.0, axis, method, keepdims)


def _quantile(
    a: ArrayLike, q: ArrayLike, scale: float, axis: Any, method: str, keepdims: bool
) -> Node:
    x, axes = numbers_along(a, axis)
    keeps = keepdims and bool(as_node(a).ndim)
    if isinstance(q, Node):
        return _at_computed_levels(x, q, scale, axes, method, keeps)
    levels, q_dtype = as_levels(q, scale, x)
    options: dict[str, Any] = {"axis": axes, "keepdims": keeps, "method": method}
    options["q_dtype"] = q_dtype
    if not levels.ndim:
        return QUANTILE(x, q=float(levels), **options)
    found = QUANTILE(x, q=tuple(levels.ravel().tolist()), **options)
    return reshape(found, (*levels.shape, *found.shape[1:]))


def _at_computed_levels(
    x: Node, q: Node, scale: float, axes: tuple[int, ...], method: str, keepdims: bool
) -> Node:
    """Quantiles of probabilities that are known when the program runs."""
    if not is_floating(q.dtype):
        raise DTypeError(f"q must be floating, got {q.type}", node="quantile")
    lines, axis = lines_of(x, axes)
    _check_elements(lines.type, (axis,))
    ordered = SORT(astype(lines, mean_dtype(x.dtype)), axis=axis).named("ordered")
    count = dimension(lines.shape[axis], q.dtype)
    levels = reshape(q / scale, -1)
    place = Place.of(NODES, levels, count, method)
    rank = astype(place.rank, np.intp).named("rank_of_q")
    above = clip(rank + 1, 0, lines.shape[axis] - 1)
    share = _column(place.share, lines, axis)
    lower, upper = (getitem(ordered, at(axis, each)) for each in (rank, above))
    between = lower + where(share == 0.0, 0.0, share * (upper - lower))
    # NaN stands last.
    last = slice_axis(ordered, axis, lines.shape[axis] - 1, lines.shape[axis])
    found = moveaxis(where(isnan(last), last, between), axis, 0)
    found = reshape(found, (*q.shape, *found.shape[1:]))
    return expand_dims(found, tuple(a + q.ndim for a in axes)) if keepdims else found


def as_levels(
    q: Any, scale: float, x: Node
) -> tuple[np.ndarray[Any, Any], DType | None]:
    """Probabilities, and their dtype. As in NumPy, one Python number is weak, None, and
    a list of them is not."""
    if isinstance(q, Node):
        raise DTypeError(
            "q must be numbers that are known now, got a node",
            node=f"quantile of {x.type}",
            hint="gc.sort(x), and gc.take at computed positions",
        )
    given = numbers(q, None)
    if given.dtype.kind == "b" or not given.size:
        raise DTypeError(f"q must be numbers, got {q!r}", node=f"quantile of {x.type}")
    levels = given / scale
    if not ((levels >= 0.0) & (levels <= 1.0)).all():
        raise OptionError(
            f"requires q from 0 to {scale:g}, got {q!r}", node=f"quantile of {x.type}"
        )
    weak = isinstance(q, int | float) and not isinstance(q, np.generic)
    return levels, None if weak else levels.dtype
