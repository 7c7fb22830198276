"""Linear equations, general and triangular, and the inverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.batching import Batch
from ..ir.dims import broadcast_shapes, format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .contraction import in_one_dtype
from .diagonals import tril, triu
from .matrices import (
    as_columns,
    check_matrices,
    cubic,
    linalg_function,
    matrices,
    square,
)
from .shape import expand_dims, moveaxis, reshape, squeeze
from .source import ArrayLike

# Inverse ------------------------------------------------------------------------------


INV = Op(
    name="inv",
    mathematics=Mathematics(written="<0>^{-1}"),
    inputs=("a",),
    infer=square,
    kind="contraction",
    numpy="np.linalg.inv(a)",
    vjp=lambda g, out, a: (-(out.mT @ g @ out.mT),),
    jvp=lambda tangents, out, a: -(out @ tangents[0] @ out),
    facts=cubic(),
    cases=(
        Case(((3, 3),), matrices=("well-conditioned",)),
        Case(((2, 3, 3),), matrices=("well-conditioned",)),
        Case(((0, 0),), matrices=("well-conditioned",)),
    ),
)


@linalg_function
def inv(a: ArrayLike) -> Node:
    """Inverse of square matrices. `gc.linalg.solve(a, b)` is better than `inv(a) @ b`.

    `d_inv = -inv(a) @ d_a @ inv(a)`

    Args:
        a: `(..., n, n)`.

    Returns:
        `(..., n, n)`.

    Raises:
        ShapeError: the matrices are not square.
        DTypeError: a float that LAPACK does not take.
        LinAlgError: when the program runs, a matrix is singular.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.inv([[2.0, 0.0], [0.0, 4.0]]), {})
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return INV(matrices(a))


# General equations --------------------------------------------------------------------


def _solve_infer(a: TensorType, b: TensorType, **_: Any) -> TensorType:
    check_matrices(a, square=True)
    if b.ndim != 1 or a.ndim > 2:
        check_matrices(b)
    if a.dtype != b.dtype:
        raise DTypeError(f"requires one dtype on both sides, got {a} and {b}")
    rows = b.shape[max(b.ndim - 2, 0)]
    if a.shape[-1] != rows:
        raise ShapeError(
            "requires as many rows on the right as the matrices have, got "
            f"{format_shape(a.shape)} and {format_shape(b.shape)}: "
            f"{a.shape[-1]} and {rows}",
            hint="b.mT" if a.shape[-1] == b.shape[-1] else None,
        )
    if b.ndim == 1:
        return b
    stack = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return a.with_shape((*stack, *b.shape[-2:]))


def _solve_vjp(g: Node, out: Node, a: Node, b: Node) -> tuple[Node, Node]:
    d_b = SOLVE(a.mT, g)
    if out.ndim == 1:
        return (-(expand_dims(d_b, 1) * out), d_b)
    return (-(d_b @ out.mT), d_b)


def _solve_of_examples(batch: Batch, node: Node) -> Node:
    """By one factorization, where the matrix is the same for all examples."""
    a, b = node.inputs
    left = batch.value(a)
    if not batch.is_mapped(a) and a.ndim == 2 and b.ndim <= 2:
        columns = moveaxis(batch.value(b), 0, -1)
        flat = reshape(columns, (a.shape[0], product(columns.shape[1:])))
        found = node.op.build((left, flat), node.attributes)
        return moveaxis(reshape(found, columns.shape), -1, 0)
    if b.ndim == 1:
        right = _stacked(left, expand_dims(batch.value(b), -1))
        return squeeze(node.op.build((left, right), node.attributes), -1)
    ndim = max(a.ndim, b.ndim)
    sides = batch.aligned(a, ndim), _stacked(left, batch.aligned(b, ndim))
    return node.op.build(sides, node.attributes)


SOLVE = Op(
    name="solve",
    mathematics=Mathematics(written="<0>^{-1} <1>"),
    inputs=("a", "b"),
    infer=_solve_infer,
    kind="contraction",
    numpy="np.linalg.solve(a, b)",
    vjp=_solve_vjp,
    batch=_solve_of_examples,
    jvp=lambda tangents, out, a, b: SOLVE(a, tangents[1] - tangents[0] @ out),
    facts=cubic(columns=True),
    cases=tuple(
        Case(shapes, matrices=("well-conditioned", None))
        for shapes in (
            ((3, 3), (3,)),
            ((3, 3), (3, 2)),
            ((2, 3, 3), (2, 3, 1)),
            ((2, 3, 3), (1, 3, 2)),
        )
    ),
)


def _sides(a: ArrayLike, b: ArrayLike) -> tuple[Node, Node]:
    """Both sides of equations in one dtype."""
    left, right = in_one_dtype(matrices(a), matrices(b))
    return left, right


def _stacked(a: Node, b: Node) -> Node:
    """Right sides with as many axes as the matrices, by which NumPy knows them."""
    return expand_dims(b, tuple(range(a.ndim - b.ndim))) if a.ndim > b.ndim else b


@linalg_function
def solve(a: ArrayLike, b: ArrayLike) -> Node:
    """Solution `x` of the equations `a @ x = b`.

    `d_b = solve(a.mT, d_x)`, and `d_a = -d_b @ x.mT`.

    Args:
        a: `(..., n, n)`.
        b: `(n,)`, a vector, or `(..., n, k)`, columns.

    Returns:
        `(..., n)` or `(..., n, k)`.

    Raises:
        ShapeError: the matrices are not square, or `b` has other rows.
        DTypeError: a float that LAPACK does not take.
        LinAlgError: when the program runs, a matrix is singular.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]), {})
    array([0.5 , 0.25])
    """
    left, right = _sides(a, b)
    if right.ndim == 1 and left.ndim <= 2:
        return SOLVE(left, right)
    return as_columns(lambda columns: SOLVE(left, _stacked(left, columns)), right)


# Triangular equations -----------------------------------------------------------------

_BLOCKS = """
def solve_triangular(a, b, lower, unit_diagonal):
    \"\"\"Solve `a @ x = b` for one triangle of `a`, 64 rows at a time.\"\"\"
    size, triangle = a.shape[-1], np.tril if lower else np.triu
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty((*stack, *b.shape[-2:]), b.dtype)
    starts = range(0, size, 64)
    for start in starts if lower else reversed(starts):
        rows = slice(start, start + 64)
        known = slice(start) if lower else slice(start + 64, None)
        block = triangle(a[..., rows, rows])
        if unit_diagonal:
            places = np.arange(block.shape[-1])
            block[..., places, places] = 1.0
        rest = b[..., rows, :] - a[..., rows, known] @ x[..., known, :]
        x[..., rows, :] = np.linalg.solve(block, rest)
    return x
"""


def _triangular_infer(
    a: TensorType, b: TensorType, *, lower: bool, unit_diagonal: bool
) -> TensorType:
    check_matrices(b)
    return _solve_infer(a, b)


def _triangle(out: Node, x: Node) -> Node:
    """The part of matrices that an op of triangular ones reads."""
    offset = 1 if out.attributes["unit_diagonal"] else 0
    return tril(x, -offset) if out.attributes["lower"] else triu(x, offset)


def _triangular_vjp(g: Node, out: Node, a: Node, b: Node) -> tuple[Node, Node]:
    lower: bool = out.attributes["lower"]
    d_b = SOLVE_TRIANGULAR(a.mT, g, **{**out.attributes, "lower": not lower})
    return (_triangle(out, -(d_b @ out.mT)), d_b)


def _triangular_jvp(tangents: Sequence[Node], out: Node, a: Node, b: Node) -> Node:
    moved = tangents[1] - _triangle(out, tangents[0]) @ out
    return SOLVE_TRIANGULAR(a, moved, **out.attributes)


SOLVE_TRIANGULAR = Op(
    name="solve_triangular",
    inputs=("a", "b"),
    infer=_triangular_infer,
    kind="contraction",
    numpy="solve_triangular(a, b, lower, unit_diagonal)",
    helpers=(_BLOCKS,),
    vjp=_triangular_vjp,
    batch=_solve_of_examples,
    jvp=_triangular_jvp,
    facts=cubic(columns=True),
    cases=(
        Case(
            ((3, 3), (3, 2)),
            {"lower": True, "unit_diagonal": False},
            matrices=("well-conditioned", None),
        ),
        Case(
            ((2, 3, 3), (1, 3, 2)),
            {"lower": False, "unit_diagonal": False},
            matrices=("well-conditioned", None),
        ),
        Case(
            ((3, 3), (2, 3, 1)),
            {"lower": True, "unit_diagonal": True},
            matrices=("well-conditioned", None),
        ),
    ),
)


def solve_triangular(
    a: ArrayLike,
    b: ArrayLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
) -> Node:
    """Solution `x` of the equations `a @ x = b` for triangular matrices.

    NumPy has no such function, so a program has one of its own: by blocks of 64 rows,
    of which `np.linalg.solve` solves the triangles on the diagonal.

    Args:
        a: `(..., n, n)`. The other triangle is not read.
        b: `(n,)`, a vector, or `(..., n, k)`, columns.
        trans: 0 or `"N"` for `a @ x = b`, 1 or `"T"` for `a.mT @ x = b`; 2 or `"C"` is
            the same, since all is real.
        lower: the lower triangle of `a` is read, not the upper one.
        unit_diagonal: the diagonal is taken for ones, and not read.

    Returns:
        `(..., n)` or `(..., n, k)`.

    Raises:
        OptionError: another `trans`.
        ShapeError: the matrices are not square, or `b` has other rows.
        LinAlgError: when the program runs, the diagonal has a zero.

    >>> import graphc as gc
    >>> a = [[2.0, 0.0], [1.0, 4.0]]
    >>> gc.evaluate(gc.linalg.solve_triangular(a, [2.0, 9.0], lower=True), {})
    array([1., 2.])
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise OptionError(f'trans must be 0, 1, 2, "N", "T" or "C", got {trans!r}')
    left, right = _sides(a, b)
    if trans not in (0, "N"):
        left, lower = left.mT, not lower
    return as_columns(
        lambda columns: SOLVE_TRIANGULAR(
            left, columns, lower=lower, unit_diagonal=unit_diagonal
        ),
        right,
    )


def cho_solve(c_and_lower: tuple[ArrayLike, bool], b: ArrayLike) -> Node:
    """Solution `x` of `a @ x = b`, given a Cholesky factor of `a`.

    Args:
        c_and_lower: the factor, `(..., n, n)`, and True if it is the lower triangular
            one, of which `a = c @ c.mT`; of an upper one, `a = c.mT @ c`.
        b: `(n,)`, a vector, or `(..., n, k)`, columns.

    Returns:
        `(..., n)` or `(..., n, k)`.

    Raises:
        ShapeError: the matrices are not square, or `b` has other rows.

    >>> import graphc as gc
    >>> factor = gc.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
    >>> gc.evaluate(gc.linalg.cho_solve((factor, True), [8.0, 12.0]), {})
    array([1., 2.])
    """
    factor, lower = c_and_lower
    first = solve_triangular(factor, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(factor, first, trans=1 if lower else 0, lower=lower)
