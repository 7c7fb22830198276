"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import broadcast_shapes, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .as_loops import matrix_product
from .batched_products import matmul_of_examples
from .elementwise import coerce_for
from .indexing import GETITEM
from .outer_broadcast import warn_of_outer_broadcast
from .rows import matmul_of_one_row
from .shape import BROADCAST_TO, TRANSPOSE, expand_dims, reshape, swapaxes
from .slices import is_block
from .source import ArrayLike


def _matmul_infer(x1: TensorType, x2: TensorType) -> TensorType:
    if not x1.shape or not x2.shape:
        raise ShapeError(
            "requires at least one axis in each operand, "
            f"got {format_shape(x1.shape)} @ {format_shape(x2.shape)}",
            hint="x * y for a scalar",
        )
    inner = x2.shape[-2] if x2.ndim > 1 else x2.shape[0]
    if x1.shape[-1] != inner:
        raise ShapeError(
            "requires the last axis of the left operand to match the "
            f"{'second to last' if x2.ndim > 1 else 'only'} axis of the right one, "
            f"got {format_shape(x1.shape)} @ {format_shape(x2.shape)}: "
            f"{x1.shape[-1]} and {inner}",
            hint=_transposed_hint(x1, x2),
        )
    stack = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    rows = x1.shape[-2:-1]
    columns = x2.shape[-1:] if x2.ndim > 1 else ()
    dtypes: Any = np.matmul.resolve_dtypes((x1.dtype, x2.dtype, None))
    return TensorType(dtypes[-1], (*stack, *rows, *columns))


def _transposed_hint(x1: TensorType, x2: TensorType) -> str | None:
    if x2.ndim == 2 and x1.shape[-1] == x2.shape[-1]:
        return "the transpose of the right operand: x @ w.T"
    if x1.ndim == 2 and x1.shape[0] == x2.shape[-2 if x2.ndim > 1 else 0]:
        return "the transpose of the left operand: x.T @ w"
    return None


def _matmul_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    if x1.ndim == 1 and x2.ndim == 1:
        return (g * x2, g * x1)
    if x1.ndim == 1:
        row = expand_dims(g, -2)
        d_x2 = expand_dims(x1, 1) * row
        if x2.ndim == 2:
            return (MATMUL(x2, g), d_x2)
        return (MATMUL(x2, expand_dims(g, -1))[..., 0], d_x2)
    if x2.ndim == 1:
        d_x1 = expand_dims(g, -1) * x2
        return (d_x1, MATMUL(reshape(g, (g.size,)), _rows(x1)))
    d_x1 = MATMUL(g, swapaxes(x2, -1, -2))
    if x2.ndim == 2 and x1.ndim > 2:
        # One product over all rows of the stack, not a stack of products to be summed.
        return (d_x1, MATMUL(_rows(x1).T, _rows(g)))
    return (d_x1, MATMUL(swapaxes(x1, -1, -2), g))


def _rows(x: Node) -> Node:
    """A stack of matrices as one matrix of all their rows; also where sizes are 0."""
    return reshape(x, (product(x.shape[:-1]), x.shape[-1]))


def _matmul_function(node: Node) -> str:
    """`np.dot` for matrices and vectors: it calls the same BLAS routine with less ado.

    Where a matrix has one row or column, as at batch size 1, it takes a fraction of the
    time of `np.matmul`.
    """
    is_plain = all(x.ndim <= 2 and x.dtype == node.dtype for x in node.inputs)
    is_plain = is_plain and all(_is_whole(x) for x in node.inputs)
    has_blas = str(node.dtype) in ("float32", "float64")
    return "np.dot" if is_plain and has_blas else "np.matmul"


def _is_whole(x: Node) -> bool:
    """True for a matrix or vector that BLAS takes as it is, or for a part of one.

    `np.dot` copies others for BLAS, and `np.matmul` adds up by itself.
    """
    while x.op.is_view(x):
        if x.op is BROADCAST_TO or (x.op is TRANSPOSE and x.ndim > 2):
            return False
        if x.op is GETITEM and not is_block(x.attributes["index"]):
            return False
        x = x.inputs[0]
    return True


def _matmul_formula(node: Node) -> str | None:
    x1, x2 = node.inputs
    if x1.ndim > 2 or x2.ndim > 2:
        return "x1 @ x2" if min(x1.ndim, x2.ndim) > 1 else None
    if x1.ndim == 2:
        return "x1 @ x2"
    # A vector is a column: its product with a matrix is that of the transpose with it.
    return "x2.T @ x1" if x2.ndim == 2 else "x1.T @ x2"


_GRADIENTS: Mapping[tuple[int, ...], tuple[str, ...]] = {
    (1, 1): ("d * x2", "d * x1"),
    (1, 2): ("x2 @ d", "x1 @ d.T"),
    (2, 1): ("d @ x2.T", "x1.T @ d"),
    (2, 2): ("d @ x2.T", "x1.T @ d"),
}
_JACOBIANS: Mapping[tuple[int, ...], tuple[str | None, ...]] = {
    (1, 1): ("x2.T", "x1.T"),
    (1, 2): ("x2.T",),
    (2, 1): (None, "x1"),
}


def _ranks(node: Node) -> tuple[int, ...]:
    return tuple(x.ndim for x in node.inputs)


MATMUL = Op(
    name="matmul",
    mathematics=Mathematics(
        formula=_matmul_formula,
        jacobians=lambda node: _JACOBIANS.get(_ranks(node), ()),
        gradients=lambda node: _GRADIENTS.get(_ranks(node), ()),
    ),
    inputs=("x1", "x2"),
    infer=_matmul_infer,
    facts=Facts(
        zero_sign="ignored",
        multiply_adds=lambda node: (*node.shape, node.inputs[0].shape[-1]),
    ),
    kind="contraction",
    loops=matrix_product,
    numpy="x1 @ x2",
    into=lambda node: f"{_matmul_function(node)}(x1, x2, out=out)",
    fast=lambda node: f"{_matmul_function(node)}(x1, x2)",
    one_row=matmul_of_one_row,
    batch=matmul_of_examples,
    vjp=_matmul_vjp,
    jvp="multilinear",
    cases=tuple(
        Case(shapes)
        for shapes in (
            ((3, 4), (4, 2)),
            ((4,), (4,)),
            ((4,), (4, 2)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (2, 4, 5)),
            ((2, 3, 4), (4,)),
            ((0, 4), (4, 2)),
            ((3, 0), (0, 2)),
            ((2, 3, 0), (0,)),
            ((2, 3, 0), (0, 4)),
            ((2, 3, 4), (4, 0)),
            ((1, 3, 4), (5, 4, 2)),
        )
    ),
)


@array_function
def matmul(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Matrix product, `x1 @ x2`, of vectors, matrices or broadcasting stacks.

    `out[..., i, j] = sum_k x1[..., i, k] * x2[..., k, j]`

    Args:
        x1: `(..., n, k)` or `(k,)`.
        x2: `(..., k, m)` or `(k,)`.

    Returns:
        `(..., n, m)`, without the axis that a vector lacks.

    Raises:
        ShapeError: where the inner sizes differ or an operand is a scalar.

    >>> import graphc as gc
    >>> gc.matmul(gc.input("x", ("batch", 64)), gc.parameter("w", (64, 10)))
    <matmul float32 (batch, 10)>
    """
    nodes = coerce_for("matmul", (x1, x2))
    warn_of_outer_broadcast(nodes, core=2)
    return MATMUL(*nodes)
