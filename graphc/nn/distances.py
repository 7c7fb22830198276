"""Lengths of vectors, the directions they point to, and distances between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import IndexRangeError, OptionError, ShapeError
from ..ir.dims import broadcast_shapes, format_shape
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from ..ir.types import TensorType
from ..ops import extrema, reduction
from ..ops.arithmetic import absolute, maximum, sign, sqrt, square, where
from ..ops.axes import normalize_axis
from ..ops.elementwise import coerce_for
from ..ops.exponential import power
from ..ops.indexing import take
from ..ops.shape import broadcast_to, expand_dims
from ..ops.source import ArrayLike, as_node, constant
from ..ops.type_rules import floating


def _infer(x: TensorType, *, p: float, axis: int, keepdims: bool) -> TensorType:
    floating(x)
    if not 0 <= axis < x.ndim:
        raise IndexRangeError(
            f"axis {axis} is out of range for shape {format_shape(x.shape)}"
        )
    if not p >= 0.0:
        raise OptionError(f"p must be a number of at least 0, got {p!r}")
    rest = (1,) if keepdims else ()
    return x.with_shape((*x.shape[:axis], *rest, *x.shape[axis + 1 :]))


def _expand(x: Node, *, p: float, axis: int, keepdims: bool) -> Node:
    if p == 2.0:
        squares = square(x).named("squares")
        return sqrt(
            reduction.sum(squares, axis, keepdims=keepdims).named("sum_of_squares")
        )
    magnitude = absolute(x).named("magnitude")
    if p == 1.0:
        return reduction.sum(magnitude, axis, keepdims=keepdims)
    if p == math.inf:
        return extrema.max(magnitude, axis, keepdims=keepdims)
    if p == 0.0:
        return reduction.sum((x != 0.0).astype(x.dtype), axis, keepdims=keepdims)
    total = reduction.sum(power(magnitude, p), axis, keepdims=keepdims).named(
        "sum_of_powers"
    )
    return power(total, 1.0 / p)


def _direction(x: Node, length: Node, p: float, axis: int) -> Node:
    """The gradient of the length, of which one axis is kept; 0 for a vector of 0."""
    if p == 0.0:
        return x * 0.0
    if p == 1.0:
        return sign(x)
    if p == math.inf:
        is_largest = (absolute(x) == length).named("is_largest").astype(x.dtype)
        count = reduction.sum(is_largest, axis, keepdims=True).named("count")
        return sign(x) * (is_largest / count).named("share")
    divisor = where((length == 0.0).named("is_zero"), 1.0, length).named("divisor")
    if p == 2.0:
        return x / divisor
    ratio = (absolute(x) / divisor).named("ratio")
    if p < 1.0:
        ratio = where((x == 0.0).named("is_0"), 1.0, ratio)
    return sign(x) * power(ratio, p - 1.0).named("share")


def _vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    p, axis = out.attributes["p"], out.attributes["axis"]
    length = out if out.attributes["keepdims"] else expand_dims(out, axis)
    share = g if out.attributes["keepdims"] else expand_dims(g, axis)
    return (share * _direction(x, length, p, axis).named("direction"),)


def _jvp(tangents: tuple[Any, ...], out: Node, x: Node) -> Node:
    p, axis = out.attributes["p"], out.attributes["axis"]
    keepdims: bool = out.attributes["keepdims"]
    length = out if keepdims else expand_dims(out, axis)
    direction = _direction(x, length, p, axis)
    return reduction.sum(tangents[0] * direction, axis, keepdims=keepdims)


_ZERO = Point(([[0.0, 0.0], [3.0, 4.0]],), ([[0.0, 0.0], [0.6, 0.8]],), order=1)

VECTOR_LENGTH = Op(
    name="vector_length",
    inputs=("x",),
    infer=_infer,
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    cases=(
        Case(((2, 2),), {"p": 2.0, "axis": 1, "keepdims": False}, points=(_ZERO,)),
        *(
            Case(((3, 4),), {"p": p, "axis": 0, "keepdims": True})
            for p in (1.0, 3.0, math.inf)
        ),
        Case(((0, 4),), {"p": 2.0, "axis": 1, "keepdims": True}),
    ),
)
"""`sum(abs(x)**p)**(1/p)` along an axis. Its derivative at 0 is taken as 0, and at
equal largest elements for an infinite `p` as the mean of all."""


def vector_length(x: Node, p: float, axis: int, *, keepdims: bool = False) -> Node:
    """The `p`-norm of vectors along an axis, with a safe derivative."""
    return VECTOR_LENGTH(x, p=float(p), axis=axis, keepdims=keepdims)


def normalize(
    input: ArrayLike, p: float = 2.0, dim: int = 1, eps: float = 1e-12
) -> Node:
    """Vectors along `dim` divided by their length: `x / max(norm(x), eps)`.

    Args:
        input: floating, of any shape with at least one axis.
        p: the order of the norm, `sum(abs(x)**p)**(1/p)`; may be infinite.
        dim: the axis of the vectors.
        eps: the least length to divide by.

    Returns:
        An array of the type of `input`; vectors of 0 stay, and pass gradients on as
        they are divided by `eps`.

    Raises:
        IndexRangeError: `dim` is not an axis of `input`.
        OptionError: `p` is negative.
        DTypeError: `input` is not floating.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.normalize([[3.0, 4.0]]), {})
    array([[0.6, 0.8]])
    """
    node = as_node(input)
    axis = normalize_axis(dim, node.ndim, node, "dim")
    return NORMALIZE(node, p=float(p), axis=axis, eps=float(eps))


def _normalize_infer(
    input: TensorType, *, p: float, axis: int, eps: float
) -> TensorType:
    _infer(input, p=p, axis=axis, keepdims=True)
    return input


def _normalize_expand(input: Node, *, p: float, axis: int, eps: float) -> Node:
    length = vector_length(input, p, axis, keepdims=True).named("length")
    return input / maximum(length, eps).named("bounded_length")


def _normalize_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    p, axis, eps = (out.attributes[key] for key in ("p", "axis", "eps"))
    length = vector_length(input, p, axis, keepdims=True).named("length")
    projection = reduction.sum(g * out, axis, keepdims=True).named("projection")
    is_short = (length < eps).named("is_short")
    projection = where(is_short, 0.0, projection).named("radial_flow")
    # A change of length alone changes nothing, and is taken out.
    direction = out if p == 2.0 else _direction(input, length, p, axis)
    remaining = g - (direction * projection).named("radial_part")
    return (remaining.named("remaining_flow") / maximum(length, eps),)


NORMALIZE = Op(
    name="normalize",
    inputs=("input",),
    infer=_normalize_infer,
    expand=_normalize_expand,
    vjp=_normalize_vjp,
    cases=(
        Case(((3, 4),), {"p": 2.0, "axis": 1, "eps": 1e-12}),
        Case(((3, 4),), {"p": 3.0, "axis": 0, "eps": 1e-12}),
    ),
)


def _similarity_infer(
    x1: TensorType, x2: TensorType, *, axis: int, eps: float
) -> TensorType:
    floating(x1, "x1")
    floating(x2, "x2")
    shape = broadcast_shapes(x1.shape, x2.shape)
    dtype = np.result_type(x1.dtype, x2.dtype)
    return TensorType(dtype, (*shape[:axis], *shape[axis + 1 :]))


def _similarity_expand(x1: Node, x2: Node, *, axis: int, eps: float) -> Node:
    from_end = axis - max(x1.ndim, x2.ndim)
    first, second = (
        NORMALIZE(x, p=2.0, axis=x.ndim + from_end, eps=eps).named("direction")
        for x in (x1, x2)
    )
    return reduction.sum((first * second).named("products"), axis)


COSINE_SIMILARITY = Op(
    name="cosine_similarity",
    inputs=("x1", "x2"),
    infer=_similarity_infer,
    expand=_similarity_expand,
    cases=(
        Case(((3, 4), (3, 4)), {"axis": 1, "eps": 1e-8}),
        Case(((2, 3), (4, 2, 3)), {"axis": 2, "eps": 1e-8}),
    ),
)


def cosine_similarity(
    x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8
) -> Node:
    """The cosine of the angle between vectors along `dim`.

    `sum(x1 * x2) / (max(norm(x1), eps) * max(norm(x2), eps))`

    Args:
        x1: floating, of any shape with at least one axis.
        x2: floating, broadcasting with `x1`.
        dim: the axis of the vectors, after broadcasting.
        eps: the least length to divide by.

    Returns:
        An array of the shape of both without `dim`, in [-1, 1].

    Raises:
        IndexRangeError: `dim` is not an axis.
        ShapeError, DTypeError: arrays that don't fit.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.cosine_similarity([[3.0, 4.0]], [[4.0, 3.0]]), {})
    array([0.96])
    """
    first, second = coerce_for("multiply", (x1, x2))
    longer = first if first.ndim >= second.ndim else second
    axis = normalize_axis(dim, longer.ndim, longer, "dim")
    place = axis - longer.ndim
    shape = broadcast_shapes(first.shape, second.shape)
    if any(x.ndim < -place or x.shape[place] != shape[place] for x in (first, second)):
        # The vectors of one are of a single number, which stands for all.
        first, second = broadcast_to(first, shape), broadcast_to(second, shape)
    return COSINE_SIMILARITY(first, second, axis=axis, eps=float(eps))


def _distance_infer(
    x1: TensorType, x2: TensorType, *, p: float, eps: float, keepdim: bool
) -> TensorType:
    floating(x1, "x1")
    floating(x2, "x2")
    dtype = np.result_type(x1.dtype, x2.dtype)
    both = TensorType(dtype, broadcast_shapes(x1.shape, x2.shape))
    return _infer(both, p=p, axis=both.ndim - 1, keepdims=keepdim)


def _distance_expand(
    x1: Node, x2: Node, *, p: float, eps: float, keepdim: bool
) -> Node:
    difference = (x1 - x2).named("difference")
    if eps:
        difference = (difference + eps).named("shifted_difference")
    return vector_length(difference, p, difference.ndim - 1, keepdims=keepdim)


PAIRWISE_DISTANCE = Op(
    name="pairwise_distance",
    inputs=("x1", "x2"),
    infer=_distance_infer,
    expand=_distance_expand,
    cases=(Case(((3, 4), (4,)), {"p": 2.0, "eps": 1e-6, "keepdim": False}),),
)


def pairwise_distance(
    x1: ArrayLike,
    x2: ArrayLike,
    p: float = 2.0,
    eps: float = 1e-6,
    keepdim: bool = False,
) -> Node:
    """The distance of vectors along the last axis, `norm(x1 - x2 + eps, p)`.

    Args:
        x1: `(..., features)`, floating.
        x2: floating, broadcasting with `x1`.
        p: the order of the norm; may be infinite.
        eps: added to the differences, as torch adds it.
        keepdim: True to keep the last axis, of size 1.

    Returns:
        An array of the shape of both without the last axis.

    Raises:
        OptionError: `p` is negative.
        ShapeError, DTypeError: arrays that don't fit.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.pairwise_distance([3.0, 4.0], [0.0, 0.0], eps=0.0), {})
    array(5.)
    """
    first, second = coerce_for("multiply", (x1, x2))
    return PAIRWISE_DISTANCE(
        *(first, second), p=float(p), eps=float(eps), keepdim=bool(keepdim)
    )


def cdist(x1: ArrayLike, x2: ArrayLike, p: float = 2.0) -> Node:
    """The distance of each row of `x1` from each row of `x2`.

    `y[..., i, j] = norm(x1[..., i, :] - x2[..., j, :], p)`, from the differences
    themselves, so that near rows keep their digits; at equal ones the gradient is 0.

    Args:
        x1: `(..., n, features)`, floating.
        x2: `(..., m, features)`, floating.
        p: the order of the norm; may be infinite.

    Returns:
        `(..., n, m)`.

    Raises:
        OptionError: `p` is negative.
        ShapeError, DTypeError: arrays that don't fit.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]]), {})
    array([[5., 1.]])
    """
    first, second = coerce_for("multiply", (x1, x2))
    if min(first.ndim, second.ndim) < 2 or first.shape[-1] != second.shape[-1]:
        raise ShapeError(
            "requires rows of one number of features, (..., n, features) and "
            f"(..., m, features), got {format_shape(first.shape)} and "
            f"{format_shape(second.shape)}",
            node=f"cdist({first.describe()}, {second.describe()})",
        )
    rows, columns = expand_dims(first, -2), expand_dims(second, -3)
    return PAIRWISE_DISTANCE(rows, columns, p=float(p), eps=0.0, keepdim=False)


def pdist(input: ArrayLike, p: float = 2.0) -> Node:
    """The distance of each row from each later one, in order of the first.

    Args:
        input: `(n, features)`, floating, with a known number of rows.
        p: the order of the norm; may be infinite.

    Returns:
        `(n * (n - 1) / 2,)`.

    Raises:
        OptionError: `p` is negative.
        ShapeError, DTypeError: another input.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.pdist([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]), {}).round(4)
    array([5.    , 1.    , 4.2426])
    """
    node = as_node(input)
    rows = node.shape[0] if node.ndim == 2 else None
    if not isinstance(rows, int):
        raise ShapeError(
            "requires a matrix with a known number of rows, got "
            f"{format_shape(node.shape)}",
            node=f"pdist({node.describe()})",
        )
    earlier, later = np.triu_indices(rows, 1)
    first = take(node, constant(earlier, "int64"), axis=0)
    second = take(node, constant(later, "int64"), axis=0)
    return PAIRWISE_DISTANCE(first, second, p=float(p), eps=0.0, keepdim=False)
