"""Products of vectors and matrices, for several examples at once."""

from __future__ import annotations

from ..ir.batching import Batch
from ..ir.dims import product
from ..ir.node import Node
from .ranges import EYE
from .shape import expand_dims, reshape, squeeze, transpose


def matmul_of_examples(batch: Batch, node: Node) -> Node:
    """The product of each example: one of matrices, if one operand is the same for all
    and a matrix, and a stack of products else."""
    x1, x2 = node.inputs
    left, right = batch.value(x1), batch.value(x2)
    are_mapped = batch.is_mapped(x1), batch.is_mapped(x2)
    if x2.ndim == 1 and are_mapped == (False, True) and x1.ndim <= 2:
        return _rows(node, right, transpose(left))
    if x1.ndim == 1 and are_mapped == (True, False) and x2.ndim <= 2:
        return _rows(node, left, right)
    if (x2.ndim == 1 and not are_mapped[1]) or (x1.ndim == 1 and not are_mapped[0]):
        return node.op(left, right)
    if x2.ndim == 2 and x1.ndim >= 2 and are_mapped == (True, False):
        # One product of all rows, which BLAS computes quicker than many of a few.
        rows = reshape(left, (product(left.shape[:-1]), left.shape[-1]))
        return reshape(node.op(rows, right), (*left.shape[:-1], right.shape[-1]))
    row, column = x1.ndim == 1, x2.ndim == 1
    left = expand_dims(left, -2) if row else left
    right = expand_dims(right, -1) if column else right
    ndim = max(x1.ndim + row, x2.ndim + column)
    if are_mapped[0]:
        left = expand_dims(left, tuple(range(1, 1 + ndim - x1.ndim - row)))
    if are_mapped[1]:
        right = expand_dims(right, tuple(range(1, 1 + ndim - x2.ndim - column)))
    found = node.op(left, right)
    return squeeze(
        found,
        tuple([axis for axis, is_vector in ((-2, row), (-1, column)) if is_vector]),
    )


def _rows(node: Node, vectors: Node, matrix: Node) -> Node:
    """Products of vectors with a matrix, which for all unit vectors is the matrix."""
    unit = {"N": vectors.shape[-1], "M": vectors.shape[-1], "k": 0}
    is_unit = vectors.op is EYE and unit.items() <= vectors.attributes.items()
    if is_unit and matrix.ndim == 2 and matrix.dtype == node.dtype:
        return matrix
    return node.op(vectors, matrix)


def vecdot_of_examples(batch: Batch, node: Node) -> Node:
    """The products of each example."""
    return node.op(*(batch.aligned(x, node.ndim + 1) for x in node.inputs))
