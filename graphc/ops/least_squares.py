"""Equations without an exact solution, or between tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import OptionError, ShapeError, UnsupportedError
from ..ir.dims import Dimension, format_shape, product
from ..ir.node import Node
from .arithmetic import square
from .axes import ordered_axes
from .contraction import in_one_dtype
from .linalg import MATMUL
from .matrices import check_matrices, linalg_function, matrices
from .norms import matrix_rank
from .reduction import sum
from .shape import moveaxis, reshape
from .singular_values import pinv, svdvals
from .solving import inv, solve
from .source import ArrayLike, astype, zeros


class LstsqResult(NamedTuple):
    """The results of `gc.linalg.lstsq`."""

    x: Node
    residuals: Node
    rank: Node
    s: Node


@linalg_function
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> LstsqResult:
    """Least-squares solution of `a @ x = b`: of all best `x` the shortest.

    It is `pinv(a, rcond) @ b`, and so are its derivatives.

    Args:
        a: `(..., m, n)`, of known sizes.
        b: `(m,)`, a vector, or `(..., m, k)`, columns.
        rcond: singular values below `rcond` times the largest one count as 0; by
            default `max(m, n) * eps` of the dtype.

    Returns:
        A named tuple of `x`, `(n,)` or `(..., n, k)`; the sums of squared `residuals`,
        `(1,)` or `(..., k)`, or `(0,)` where `m <= n`; the `rank`; and the singular
        values `s`. NumPy gives no residuals of a matrix without full rank, either, and
        takes no stacks.

    Raises:
        ShapeError: `a` is not a matrix, or `b` has other rows.
        UnsupportedError: sizes that are known only when the program runs.

    >>> import graphc as gc
    >>> x, residuals, rank, s = gc.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0])
    >>> gc.evaluate([x, residuals, rank], {})
    [array([2.]), array([2.]), array(1, dtype=int32)]
    """
    left, right = in_one_dtype(matrices(a), matrices(b))
    check_matrices(left.type)
    rows, columns = left.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UnsupportedError(
            f"lstsq requires a matrix of known sizes, got {format_shape(left.shape)}",
            hint="gc.linalg.pinv(a) @ b",
        )
    if rcond is None:
        rcond = max(rows, columns) * float(np.finfo(left.dtype).eps)
    if right.shape[max(right.ndim - 2, 0)] != rows:
        raise ShapeError(
            "lstsq requires as many rows on both sides, got "
            f"{format_shape(left.shape)} and {format_shape(right.shape)}",
            hint="b[..., None] for a stack of vectors",
        )
    x = MATMUL(pinv(left, rcond), right)
    residuals = zeros((0,), left.dtype)
    if rows > columns:
        squares = square(right - MATMUL(left, x))
        residuals = sum(squares, max(right.ndim - 2, 0) - right.ndim)
        residuals = reshape(residuals, (-1,)) if left.ndim == 2 else residuals
    rank = astype(matrix_rank(left, rtol=rcond), "int32")
    return LstsqResult(x, residuals, rank, svdvals(left))


@linalg_function
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None = None) -> Node:
    """Solution `x` of `tensordot(a, x, x.ndim) = b`.

    Args:
        a: an array whose first axes are those of `b`, and whose others have as many
            elements together.
        b: an array.
        axes: axes of `a` to move to its end first.

    Returns:
        An array of the other axes of `a`.

    Raises:
        ShapeError: other sizes.

    >>> import graphc as gc
    >>> a = gc.reshape(gc.eye(4, dtype="float64"), (4, 2, 2))
    >>> gc.evaluate(gc.linalg.tensorsolve(a, [1.0, 2.0, 3.0, 4.0]), {})
    array([[1., 2.],
           [3., 4.]])
    """
    left, right = in_one_dtype(matrices(a), matrices(b))
    if axes is not None:
        moved = ordered_axes(tuple(axes), left.ndim, left, "axes")
        left = moveaxis(left, moved, tuple(range(-len(moved), 0)))
    kept = left.shape[right.ndim :]
    if left.shape[: right.ndim] != right.shape or product(kept) != right.size:
        raise ShapeError(
            f"tensorsolve requires axes {format_shape(right.shape)} and then others of "
            f"{right.size} elements, got {format_shape(left.shape)}"
        )
    found = solve(reshape(left, (right.size, right.size)), reshape(right, -1))
    return reshape(found, kept)


@linalg_function
def tensorinv(a: ArrayLike, ind: int = 2) -> Node:
    """Inverse of an array for `tensordot(a, x, ind)`.

    Args:
        a: an array whose first `ind` axes have as many elements as the others.
        ind: how many axes the inverse has last.

    Returns:
        An array with the others of these axes first.

    Raises:
        OptionError: `ind` is not positive.
        ShapeError: other sizes.

    >>> import graphc as gc
    >>> a = gc.reshape(gc.eye(4, dtype="float64"), (4, 2, 2))
    >>> gc.linalg.tensorinv(a, 1)
    <reshape float64 (2, 2, 4)>
    """
    if ind <= 0:
        raise OptionError(f"ind must be positive, got {ind}")
    x = matrices(a)
    first, others = x.shape[:ind], x.shape[ind:]
    size: Dimension = product(first)
    if product(others) != size:
        raise ShapeError(
            f"tensorinv requires as many elements in the first {ind} axes as in the "
            f"others, got {format_shape(x.shape)}"
        )
    return reshape(inv(reshape(x, (size, size))), (*others, *first))
