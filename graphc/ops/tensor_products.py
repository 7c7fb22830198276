"""Products of arrays that are matrix products in other words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arguments import shown
from ..errors import OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ir.types import is_floating
from .axes import normalize_axis, ordered_axes
from .contraction import Label, Labels, contract, in_one_dtype
from .einsum import einsum
from .elementwise import coerce_for
from .joining import stack
from .linalg import MATMUL
from .matrices import linalg_function
from .products import VECDOT
from .reduction import sum
from .shape import expand_dims, moveaxis, ravel, reshape
from .source import ArrayLike, astype


@array_function
def tensordot(a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Node:
    """Products of elements, summed over axes of both: one matrix product.

    Args:
        a, b: arrays.
        axes: how many of the last axes of `a` and of the first ones of `b`; or the axes
            of each, in a pair of integers or of sequences.

    Returns:
        The other axes of `a`, then those of `b`.

    Raises:
        ShapeError: axes of other sizes, or more than there are.
        OptionError: other numbers of axes.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3, 4))
    >>> gc.tensordot(x, gc.parameter("w", (3, 4, 5)))
    <matmul float32 (batch, 5)>
    """
    x, y = in_one_dtype(a, b)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ShapeError(
                f"tensordot over {axes} axes requires as many in each operand, got "
                f"{format_shape(x.shape)} and {format_shape(y.shape)}"
            )
        left = tuple(range(x.ndim - axes, x.ndim))
        right = tuple(range(axes))
    else:
        try:
            first, second = axes
        except (TypeError, ValueError):
            raise OptionError(
                "tensordot requires a number of axes, or the axes of each operand, "
                f"got {shown(axes)}",
                hint="axes=(axes_of_a, axes_of_b)",
            ) from None
        left = ordered_axes(first, x.ndim, x, "axes")
        right = ordered_axes(second, y.ndim, y, "axes")
    if len(left) != len(right):
        raise OptionError(
            f"tensordot requires as many axes of both operands, got {axes!r}"
        )
    xs: list[Label] = [f"x{i}" for i in range(x.ndim)]
    ys: list[Label] = [f"y{i}" for i in range(y.ndim)]
    for i, j in zip(left, right, strict=True):
        if x.shape[i] != y.shape[j]:
            raise ShapeError(
                f"tensordot requires equal sizes along axes {i} and {j}, got "
                f"{format_shape(x.shape)} and {format_shape(y.shape)}: "
                f"{x.shape[i]} and {y.shape[j]}"
            )
        ys[j] = xs[i]
    summed: set[Label] = {xs[i] for i in left}
    wanted: Labels = tuple(c for c in (*xs, *ys) if c not in summed)
    return contract(x, tuple(xs), y, tuple(ys), wanted)


@array_function
def dot(a: ArrayLike, b: ArrayLike) -> Node:
    """`np.dot`: the product `a @ b` of vectors and matrices; scalars multiply.

    Of other arrays, the last axis of `a` is summed over with the last but one of `b`.

    Args:
        a, b: arrays.

    Raises:
        ShapeError: those sizes differ.

    >>> import graphc as gc
    >>> gc.evaluate(gc.dot([1.0, 2.0], [3.0, 4.0]), {})
    array(11.)
    """
    left, right = coerce_for("matmul", (a, b))
    if not left.shape or not right.shape:
        return left * right
    if left.ndim <= 2 and right.ndim <= 2:
        return MATMUL(left, right)
    return tensordot(left, right, axes=(-1, -min(right.ndim, 2)))


@array_function
def vdot(a: ArrayLike, b: ArrayLike, /) -> Node:
    """The sum of products of all elements of two arrays of as many.

    >>> import graphc as gc
    >>> gc.evaluate(gc.vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]), {})
    array(5.)
    """
    x, y = in_one_dtype(a, b)
    return MATMUL(ravel(x), ravel(y))


@array_function
def inner(a: ArrayLike, b: ArrayLike, /) -> Node:
    """Sums of products along the last axis of both; scalars multiply.

    `out[i, j] = sum_k a[i, k] * b[j, k]`

    Args:
        a, b: arrays whose last axes are of one size.

    Returns:
        The other axes of `a`, then those of `b`.

    Raises:
        ShapeError: the last axes differ.

    >>> import graphc as gc
    >>> gc.evaluate(gc.inner([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]), {})
    array([3., 7.])
    """
    x, y = in_one_dtype(a, b)
    if not x.shape or not y.shape:
        return x * y
    return tensordot(x, y, axes=(-1, -1))


@array_function
def outer(a: ArrayLike, b: ArrayLike) -> Node:
    """`out[i, j] = a[i] * b[j]` of two vectors; arrays are flattened first.

    >>> import graphc as gc
    >>> gc.outer(gc.input("a", (2,)), gc.input("b", (3,)))
    <multiply float32 (2, 3)>
    """
    left, right = coerce_for("multiply", (a, b))
    return expand_dims(reshape(left, -1), 1) * reshape(right, -1)


@array_function
def kron(a: ArrayLike, b: ArrayLike) -> Node:
    """Kronecker product: `b` times each element of `a`, side by side.

    Args:
        a, b: arrays; the one with fewer axes gets more of size 1 in front.

    Returns:
        An array whose sizes are the products of theirs.

    >>> import graphc as gc
    >>> gc.evaluate(gc.kron([1.0, 10.0], [1.0, 2.0]), {})
    array([ 1.,  2., 10., 20.])
    """
    x, y = in_one_dtype(a, b)
    rank = max(x.ndim, y.ndim)
    x = expand_dims(x, tuple(range(rank - x.ndim))) if x.ndim < rank else x
    y = expand_dims(y, tuple(range(rank - y.ndim))) if y.ndim < rank else y
    sizes = tuple(m * n for m, n in zip(x.shape, y.shape, strict=True))
    x = expand_dims(x, tuple(range(1, 2 * rank, 2))) if rank else x
    y = expand_dims(y, tuple(range(0, 2 * rank, 2))) if rank else y
    return reshape(x * y, sizes)


@array_function
def cross(
    a: ArrayLike,
    b: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Node:
    """Cross product of vectors of three elements; of two, its third element.

    Args:
        a, b: arrays of vectors, which broadcast.
        axisa, axisb: the axes of the vectors.
        axisc: the axis of the vectors in the result.
        axis: all three of these.

    Returns:
        An array of vectors, or of numbers where those given have two elements.

    Raises:
        ShapeError: vectors of other sizes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), {})
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = in_one_dtype(a, b)
    x = moveaxis(x, normalize_axis(axisa, x.ndim, x, "axisa"), -1)
    y = moveaxis(y, normalize_axis(axisb, y.ndim, y, "axisb"), -1)
    if x.shape[-1] != y.shape[-1] or x.shape[-1] not in (2, 3):
        raise ShapeError(
            "cross requires vectors of 3 elements, or of 2 both, got "
            f"{format_shape(x.shape)} and {format_shape(y.shape)}"
        )
    first = [x[..., i] for i in range(int(x.shape[-1]))]
    second = [y[..., i] for i in range(int(x.shape[-1]))]

    def element(i: int, j: int) -> Node:
        return first[i] * second[j] - first[j] * second[i]

    if len(first) == 2:
        return element(0, 1)
    place = normalize_axis(axisc, max(x.ndim, y.ndim), x, "axisc")
    return stack([element(1, 2), element(2, 0), element(0, 1)], axis=place)


@array_function
def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Node:
    """Sums of products along an axis of both; the others broadcast.

    Args:
        x1, x2: arrays of one size along `axis`.
        axis: the axis, counted in each.

    Raises:
        ShapeError: those sizes differ.

    >>> import graphc as gc
    >>> gc.evaluate(gc.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]), {})
    array([3., 7.])
    """
    x, y = in_one_dtype(x1, x2)
    x = moveaxis(x, normalize_axis(axis, x.ndim, x), -1)
    y = moveaxis(y, normalize_axis(axis, y.ndim, y), -1)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"vecdot requires vectors of one size, got {format_shape(x.shape)} and "
            f"{format_shape(y.shape)}: {x.shape[-1]} and {y.shape[-1]}"
        )
    if is_floating(x.dtype):
        return VECDOT(x, y)
    return astype(sum(x * y, axis=-1), x.dtype)


@array_function
def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Node:
    """Products of matrices and vectors, `x1 @ x2[..., None]` without the last axis.

    Args:
        x1: `(..., m, n)`.
        x2: `(..., n)`.

    Returns:
        `(..., m)`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]), {})
    array([3., 7.])
    """
    x, y = in_one_dtype(x1, x2)
    if y.ndim == 1:
        return MATMUL(x, y)
    return MATMUL(x, expand_dims(y, -1))[..., 0]


@array_function
def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Node:
    """Products of vectors and matrices, `x1[..., None, :] @ x2` without that axis.

    Args:
        x1: `(..., n)`.
        x2: `(..., n, m)`.

    Returns:
        `(..., m)`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.vecmat([1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]), {})
    array([4., 6.])
    """
    x, y = in_one_dtype(x1, x2)
    if x.ndim == 1:
        return MATMUL(x, y)
    return MATMUL(expand_dims(x, -2), y)[..., 0, :]


@linalg_function
def multi_dot(arrays: Sequence[ArrayLike]) -> Node:
    """Product of several matrices, in the order that costs least.

    Args:
        arrays: two or more matrices; the first and the last may be vectors.

    Returns:
        `arrays[0] @ arrays[1] @ ...`

    Raises:
        OptionError: fewer than two.
        ShapeError: sizes differ, or one is not a matrix.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.multi_dot([[1.0, 2.0], [[1.0], [1.0]], [[3.0]]]), {})
    array([9.])
    """
    if len(arrays) < 2:
        raise OptionError(f"multi_dot requires two matrices or more, got {len(arrays)}")
    nodes = in_one_dtype(*arrays)
    parts: list[str] = []
    for place, node in enumerate(nodes):
        is_end = place in (0, len(nodes) - 1)
        if node.ndim != 2 and not (is_end and node.ndim == 1):
            raise ShapeError(
                "multi_dot requires matrices, or vectors first and last, got "
                f"{format_shape(node.shape)} at position {place}"
            )
        names = [chr(97 + place), chr(98 + place)]
        if node.ndim == 1:
            names = names[1:] if place == 0 else names[:1]
        parts.append("".join(names))
    ends = parts[0][:-1] + parts[-1][1:]
    return einsum(f"{','.join(parts)}->{ends}", *nodes)
