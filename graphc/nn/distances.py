"""Lengths of vectors, the directions they point to, and distances between them."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.batching import along_axes
from ..ir.dims import broadcast_shapes, format_shape
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops import reduction
from ..ops.arithmetic import maximum, where
from ..ops.axes import normalize_axis
from ..ops.elementwise import coerce_for
from ..ops.indexing import take
from ..ops.norms import norm
from ..ops.row_distances import CDIST
from ..ops.shape import broadcast_to, expand_dims
from ..ops.source import ArrayLike, as_node, astype, constant
from ..ops.type_rules import floating
from .layer import Layer


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
    _check_order(p, "normalize", node)
    # A small eps is 0 in half precision.
    x = astype(node, reduction.dtype_for_counts(node.dtype))
    if p == 2:
        return astype(NORMALIZE(x, axis=axis, eps=float(eps)), node.dtype)
    return astype(x / maximum(norm(x, p, axis, keepdims=True), eps), node.dtype)


def _check_order(p: float, function: str, node: Node) -> None:
    if not p >= 0.0:
        raise OptionError(
            f"p must be a number of at least 0, got {p!r}",
            node=f"{function}({node.describe()})",
        )


def _normalize_infer(input: TensorType, *, axis: int, eps: float) -> TensorType:
    return floating(input)


def _bounded_length(input: Node, axis: int, eps: float) -> tuple[Node, Node]:
    length = norm(input, axis=axis, keepdims=True).named("length")
    return length, maximum(length, eps).named("bounded_length")


def _normalize_expand(input: Node, *, axis: int, eps: float) -> Node:
    return input / _bounded_length(input, axis, eps)[1]


def _normalize_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    axis, eps = out.attributes["axis"], out.attributes["eps"]
    length, bounded = _bounded_length(input, axis, eps)
    projection = reduction.sum(g * out, axis, keepdims=True).named("projection")
    is_short = (length < eps).named("is_short")
    # A change of length alone changes nothing, and is taken out.
    radial = out * where(is_short, 0.0, projection).named("radial_flow")
    return ((g - radial.named("radial_part")).named("remaining_flow") / bounded,)


NORMALIZE = Op(
    name="normalize",
    inputs=("input",),
    infer=_normalize_infer,
    expand=_normalize_expand,
    batch=along_axes,
    vjp=_normalize_vjp,
    cases=(
        Case(((3, 4),), {"axis": 1, "eps": 1e-12}),
        Case(((3, 4),), {"axis": 0, "eps": 1e-2}),
    ),
)
"""Vectors along an axis over their Euclidean length."""


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
        NORMALIZE(x, axis=x.ndim + from_end, eps=eps).named("direction")
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
    found = COSINE_SIMILARITY(
        *(astype(x, reduction.dtype_for_counts(x.dtype)) for x in (first, second)),
        axis=axis,
        eps=float(eps),
    )
    return astype(found, np.result_type(first.dtype, second.dtype))


def _distance_infer(
    x1: TensorType, x2: TensorType, *, p: float, eps: float, keepdim: bool
) -> TensorType:
    floating(x1, "x1")
    floating(x2, "x2")
    shape = broadcast_shapes(x1.shape, x2.shape)
    if not shape:
        raise ShapeError("requires vectors, got scalars")
    if not p >= 0.0:
        raise OptionError(f"p must be a number of at least 0, got {p!r}")
    rest = (1,) if keepdim else ()
    return TensorType(np.result_type(x1.dtype, x2.dtype), (*shape[:-1], *rest))


def _distance_expand(
    x1: Node, x2: Node, *, p: float, eps: float, keepdim: bool
) -> Node:
    difference = (x1 - x2).named("difference")
    if eps:
        difference = (difference + eps).named("shifted_difference")
    return norm(difference, p, -1, keepdim)


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
    if p == 2:
        return CDIST(first, second)
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


class CosineSimilarity(Layer):
    """`gc.nn.cosine_similarity` as a layer of two inputs.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.nn.CosineSimilarity()(x, gc.ones((1, 3)))
    <cosine_similarity float32 (batch,)>
    """

    kind = "cosine_similarity"

    def __init__(
        self, dim: int = 1, eps: float = 1e-8, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Node, x2: Node) -> Node:
        """`gc.nn.cosine_similarity` along `dim`."""
        return cosine_similarity(x1, x2, self.dim, self.eps)

    def _describe(self) -> str:
        return f"dim={self.dim}, eps={self.eps}"


class PairwiseDistance(Layer):
    """`gc.nn.pairwise_distance` as a layer of two inputs.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.nn.PairwiseDistance()(x, gc.ones((1, 3)))
    <pairwise_distance float32 (batch,)>
    """

    kind = "pairwise_distance"

    def __init__(
        self,
        p: float = 2.0,
        eps: float = 1e-6,
        keepdim: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.p = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Node, x2: Node) -> Node:
        """`gc.nn.pairwise_distance` of order `p`."""
        return pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)

    def _describe(self) -> str:
        return f"p={self.p}, eps={self.eps}, keepdim={self.keepdim}"
