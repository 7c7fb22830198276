"""Norms of vectors and matrices, and what is measured with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import shown
from ..errors import OptionError, ShapeError
from ..ir.dims import format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from ..ir.types import TensorType
from .arithmetic import absolute, maximum, sign, where
from .axes import normalize_axes, ordered_axes
from .decompositions import eigvalsh
from .exponential import power
from .extrema import max, min
from .matrices import (
    check_matrices,
    inverse_or_zero,
    linalg_function,
    matrices,
)
from .reduction import restore_axes, sum
from .shape import expand_dims, moveaxis
from .singular_values import svdvals
from .solving import inv
from .source import ArrayLike, as_node, astype
from .sums_as_loops import normed


def _infer(
    x: TensorType, *, ord: float, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    kept = [1 if i in axis else n for i, n in enumerate(x.shape)]
    if not keepdims:
        kept = [n for i, n in enumerate(kept) if i not in axis]
    return x.with_shape(tuple(kept))


def _numpy(node: Node) -> str:
    axis: tuple[int, ...] = node.attributes["axis"]
    order: float = node.attributes["ord"]
    rank = node.inputs[0].ndim
    keepdims = ", keepdims=True" if node.attributes["keepdims"] else ""
    place = "" if len(axis) == rank else f", axis={axis[0] if len(axis) == 1 else axis}"
    if order == 2.0 and (len(axis) <= 2 or not place):
        return f"np.linalg.norm(x{place}{keepdims})"
    if len(axis) == 1:
        return f"np.linalg.norm(x, ord{place}{keepdims})"
    if order == 2.0:
        return f"np.sqrt(np.sum(np.square(x){place}{keepdims}))"
    return f"np.sum(np.abs(x) ** ord{place}{keepdims}) ** (1.0 / ord)"


def _slope(out: Node, x: Node) -> Node:
    """The derivative of a norm by each element; 0 where the norm is 0."""
    order: float = out.attributes["ord"]
    inverse = inverse_or_zero(restore_axes(out, out, x))
    if order == 2.0:
        return x * inverse
    # What an element of 0 has for a slope is not defined below an order of 1.
    size = where(x == 0.0, 1.0, absolute(x) * inverse)
    return sign(x) * power(size, order - 1.0)


def _jvp(tangents: Sequence[Node], out: Node, x: Node) -> Node:
    axis, keepdims = out.attributes["axis"], out.attributes["keepdims"]
    return sum(tangents[0] * _slope(out, x), axis, keepdims=keepdims)


def _written(node: Node) -> str:
    return "‖{<0>}" if node.attributes["ord"] == 2 else "‖{<0>}_{<options>}"


VECTOR_NORM = Op(
    name="vector_norm",
    loops=normed,
    mathematics=Mathematics(written=_written),
    inputs=("x",),
    infer=_infer,
    kind="contraction",
    numpy=_numpy,
    vjp=lambda g, out, x: (restore_axes(g, out, x) * _slope(out, x),),
    jvp=_jvp,
    facts=Facts(nonnegative=(), multiply_adds=lambda node: node.inputs[0].shape),
    cases=(
        Case(((3, 4),), {"ord": 2.0, "axis": (1,), "keepdims": True}),
        Case(((2, 3, 2),), {"ord": 2.0, "axis": (0, 1), "keepdims": False}),
        Case(((2, 3),), {"ord": 3.0, "axis": (0, 1), "keepdims": False}),
        Case(((2, 3),), {"ord": 1.5, "axis": (1,), "keepdims": False}),
        Case(
            ((3,),),
            {"ord": 2.0, "axis": (0,), "keepdims": False},
            points=(Point(([0.0, 0.0, 0.0],), ([0.0, 0.0, 0.0],)),),
        ),
    ),
)


def _order(ord: Any) -> float | str | None:
    """The order of a norm as a number or a name."""
    if ord is None or isinstance(ord, str):
        return ord
    try:
        return float(ord)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(
            f"ord must be a number, 'fro', 'nuc' or None, got {shown(ord)}"
        ) from None


def _vector(x: Node, order: Any, axis: tuple[int, ...], keepdims: bool) -> Node:
    """The norm of all elements along axes."""
    if order is None or order == 2:
        return VECTOR_NORM(x, ord=2.0, axis=axis, keepdims=keepdims)
    if isinstance(order, str):
        raise OptionError(
            f"ord {order!r} is a norm of matrices, got vectors along {axis}",
            hint="axis=(i, j), or a number",
        )
    if order == math.inf:
        return max(absolute(x), axis, keepdims=keepdims)
    if order == -math.inf:
        return min(absolute(x), axis, keepdims=keepdims)
    if order == 0:
        return sum(astype(x != 0, x.dtype), axis, keepdims=keepdims)
    if order == 1:
        return sum(absolute(x), axis, keepdims=keepdims)
    return VECTOR_NORM(x, ord=float(order), axis=axis, keepdims=keepdims)


def _matrix(x: Node, order: Any, axis: tuple[int, int], keepdims: bool) -> Node:
    """The norm of matrices whose rows and columns are along two axes."""
    rows, columns = axis
    both = tuple(sorted(axis))
    if order is None or order == "fro":
        return VECTOR_NORM(x, ord=2.0, axis=both, keepdims=keepdims)
    if order in ("nuc", 2, -2):
        s = svdvals(moveaxis(x, axis, (-2, -1)))
        reduce = sum if order == "nuc" else max if order == 2 else min
        reduced = reduce(s, -1)
        return expand_dims(reduced, both) if keepdims else reduced
    if order not in (1, -1, math.inf, -math.inf):
        raise OptionError(
            f"ord must be None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices, "
            f"got {order!r}",
            hint="one axis for the norm of vectors",
        )
    summed, other = (rows, columns) if order in (1, -1) else (columns, rows)
    sums = sum(absolute(x), summed, keepdims=True)
    found = (max if order > 0 else min)(sums, other, keepdims=True)
    return found if keepdims else found.squeeze(both)


def _two_axes(x: Node, axis: Sequence[int]) -> tuple[int, int]:
    rows, columns = ordered_axes(tuple(axis), x.ndim, x)
    return rows, columns


@linalg_function
def norm(
    x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Node:
    """Norm of vectors or matrices.

    Of vectors, `sum(abs(x)**ord)**(1 / ord)`, by default the Euclidean one; `inf` and
    `-inf` are the largest and the smallest absolute value, and 0 is the number of
    elements that are not 0. Of matrices, by default or as `"fro"`, the Euclidean norm
    of all elements; 2 and -2 are the largest and the smallest singular value, `"nuc"`
    is their sum; 1 and -1 are the largest and the smallest sum of absolute values in a
    column, `inf` and `-inf` of those in a row.

    Where a norm is 0, its gradient is 0; so is the part of an element that is 0. Of
    several largest or smallest values, each has an equal share of the gradient.

    Args:
        x: an array.
        ord: a number, `"fro"`, `"nuc"` or None.
        axis: one axis for vectors, two for matrices. None is the only axis or both axes
            where `ord` is given, and all axes, as one vector, where it is not.
        keepdims: keep the axes, with size 1.

    Raises:
        OptionError: another `ord`, or more axes.
        ShapeError: `ord` without an axis for an array of more than two axes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.norm([[3.0, 4.0], [6.0, 8.0]], axis=1), {})
    array([ 5., 10.])
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.grad(gc.linalg.norm(x), x), {"x": [0.0, 0.0]})
    array([0., 0.])
    """
    node, ord = matrices(x), _order(ord)
    if axis is None and ord is None:
        return VECTOR_NORM(
            node, ord=2.0, axis=tuple(range(node.ndim)), keepdims=keepdims
        )
    if axis is None:
        axes = tuple(range(node.ndim))
        if len(axes) not in (1, 2):
            raise ShapeError(
                f"norm with ord {ord!r} requires a vector or a matrix, or an axis, got "
                f"{format_shape(node.shape)}",
                hint="axis=-1, or axis=(-2, -1)",
            )
    else:
        axes = ordered_axes(axis, node.ndim, node)
    if len(axes) == 1:
        return _vector(node, ord, axes, keepdims)
    if len(axes) != 2:
        raise OptionError(
            f"norm requires one axis or two, got {axis!r}",
            hint="gc.linalg.vector_norm for more axes",
        )
    return _matrix(node, ord, _two_axes(node, axes), keepdims)


@linalg_function
def vector_norm(
    x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2
) -> Node:
    """Norm of all elements along axes, as of one vector: see `gc.linalg.norm`.

    Args:
        x: an array.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.
        ord: a number, which may be `inf`, `-inf` or 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.vector_norm([[3.0, 0.0], [0.0, 4.0]]), {})
    array(5.)
    """
    node = matrices(x)
    return _vector(node, _order(ord), normalize_axes(axis, node), keepdims)


@linalg_function
def matrix_norm(
    x: ArrayLike, /, *, keepdims: bool = False, ord: float | str | None = "fro"
) -> Node:
    """Norm of matrices along the last two axes: see `gc.linalg.norm`.

    Args:
        x: `(..., m, n)`.
        keepdims: keep the axes, with size 1.
        ord: `"fro"`, `"nuc"`, 1, -1, 2, -2, `inf` or `-inf`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.matrix_norm([[1.0, 2.0], [3.0, 4.0]], ord=1), {})
    array(6.)
    """
    node = matrices(x)
    if node.ndim < 2:
        check_matrices(node.type)
    return _matrix(node, _order(ord), (node.ndim - 2, node.ndim - 1), keepdims)


@linalg_function
def cond(x: ArrayLike, p: Any = None) -> Node:
    """Condition number of matrices, `norm(x, p) * norm(inv(x), p)`.

    Args:
        x: `(..., m, n)`; square, unless `p` is None, 2 or -2.
        p: the norm, as in `gc.linalg.norm`. None and 2 are the quotient of the largest
            and the smallest singular value; -2 is its reciprocal.

    Returns:
        `(...)`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.cond([[4.0, 0.0], [0.0, 2.0]]), {})
    array(2.)
    """
    node = matrices(x)
    check_matrices(node.type)
    p = _order(p)
    if p in (None, 2, -2):
        s = svdvals(node)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    last = (-2, -1)
    return norm(node, p, axis=last) * norm(inv(node), p, axis=last)


@linalg_function
def matrix_rank(
    A: ArrayLike,
    tol: ArrayLike | None = None,
    hermitian: bool = False,
    *,
    rtol: ArrayLike | None = None,
) -> Node:
    """Rank of matrices: the number of singular values above a bound.

    Args:
        A: `(..., m, n)`, or a vector, whose rank is 0 or 1.
        tol: the bound. By default, the largest singular value times
            `max(m, n) * eps` of the dtype.
        hermitian: the matrices are symmetric, which is quicker.
        rtol: the bound, as a multiple of the largest singular value.

    Returns:
        `(...)`, of int64. No derivative flows through it.

    Raises:
        OptionError: both bounds are given.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]), {})
    array(1)
    """
    node = matrices(A)
    if node.ndim < 2:
        return astype(sum(astype(node != 0, "int64")) > 0, "int64")
    if tol is not None and rtol is not None:
        raise OptionError("matrix_rank takes tol or rtol, got both")
    s = absolute(eigvalsh(node)) if hermitian else svdvals(node)
    if tol is not None:
        bound = as_node(tol, s.dtype)
    else:
        if rtol is None:
            most = maximum(*(as_node(size, node.dtype) for size in node.shape[-2:]))
            rtol = most * float(np.finfo(node.dtype).eps)
        bound = max(s, -1, initial=0.0) * rtol
    return sum(astype(s > expand_dims(bound, -1), "int64"), -1)
