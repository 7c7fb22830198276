"""Euclidean distances of all rows of one matrix from all rows of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.batching import elementwise
from ..ir.dims import broadcast_shapes, format_shape
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op, Point
from ..ir.types import TensorType
from . import reduction
from .arithmetic import where
from .linalg import matmul
from .shape import expand_dims, swapaxes
from .sums_as_loops import distances
from .type_rules import floating


def _infer(x1: TensorType, x2: TensorType) -> TensorType:
    floating(x1, "x1")
    floating(x2, "x2")
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            "requires rows of one number of features, (..., n, features) and "
            f"(..., m, features), got {format_shape(x1.shape)} and "
            f"{format_shape(x2.shape)}"
        )
    stack = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    dtype = np.result_type(x1.dtype, x2.dtype)
    return TensorType(dtype, (*stack, x1.shape[-2], x2.shape[-2]))


_PLAIN = """
difference = x1[..., :, None, :] - x2[..., None, :, :]
out = np.sqrt(np.sum(np.square(difference), axis=-1))
"""


def _fast(node: Node) -> str:
    """One feature at a time, so that no array has more elements than the result."""
    if node.inputs[0].shape[-1] == 0:
        return _PLAIN
    return """
columns = np.ascontiguousarray(x2.swapaxes(-1, -2))
out = np.square(x1[..., :, None, 0] - columns[..., None, 0, :])
for k in range(1, x1.shape[-1]):
    difference = x1[..., :, None, k] - columns[..., None, k, :]
    np.add(out, np.square(difference, out=difference), out=out)
np.sqrt(out, out=out)
"""


def _allocation_free(node: Node) -> AllocationFree:
    second = node.inputs[1]
    return AllocationFree(
        """
columns[...] = x2.swapaxes(-1, -2)
out[...] = 0.0
for k in range(x1.shape[-1]):
    np.subtract(x1[..., :, None, k], columns[..., None, k, :], out=difference)
    np.square(difference, out=difference)
    np.add(out, difference, out=out)
np.sqrt(out, out=out)
""",
        {
            "columns": swapaxes(second, -1, -2).type,
            "difference": TensorType(node.dtype, node.shape),
        },
    )


def _over_distance(flow: Node, out: Node) -> Node:
    """A flow over the distance, and 0 where that is."""
    is_zero = out == 0.0
    return where(is_zero, 0.0, flow / where(is_zero, 1.0, out)).named("pull")


def _vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    pull = _over_distance(g, out)
    rows = reduction.sum(pull, -1, keepdims=True)
    columns = expand_dims(reduction.sum(pull, -2), -1)
    return (
        x1 * rows - matmul(pull, x2),
        x2 * columns - matmul(swapaxes(pull, -1, -2), x1),
    )


def _jvp(tangents: tuple[Any, Any], out: Node, x1: Node, x2: Node) -> Node:
    """Half the change of the square, which is a sum of products, over the distance."""
    change: Node | None = None
    for tangent, own, other, is_row in (
        (tangents[0], x1, x2, True),
        (tangents[1], x2, x1, False),
    ):
        if tangent is None:
            continue
        alone = reduction.sum(own * tangent, -1)
        along = expand_dims(alone, -1 if is_row else -2)
        left, right = (tangent, other) if is_row else (other, tangent)
        part = along - matmul(left, swapaxes(right, -1, -2))
        change = part if change is None else change + part
    assert change is not None
    return _over_distance(change, out)


CDIST = Op(
    name="cdist",
    loops=distances,
    inputs=("x1", "x2"),
    infer=_infer,
    kind="contraction",
    numpy=_PLAIN,
    fast=_fast,
    into="""
difference = x1[..., :, None, :] - x2[..., None, :, :]
np.sqrt(np.sum(np.square(difference), axis=-1), out=out)
""",
    allocation_free=_allocation_free,
    vjp=_vjp,
    jvp=_jvp,
    batch=elementwise,
    facts=Facts(
        nonnegative=(),
        finite="all",
        zero_sign="ignored",
        multiply_adds=lambda node: (*node.shape, node.inputs[0].shape[-1]),
    ),
    cases=(
        Case(((3, 2), (4, 2))),
        Case(
            ((2, 2, 3), (1, 3)),
            points=(
                Point(
                    (
                        [[[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]] * 2,
                        [[0.0, 1.0, 2.0]],
                    ),
                    order=1,
                ),
            ),
        ),
        Case(((0, 2), (3, 2))),
    ),
)
"""`y[..., i, j] = norm(x1[..., i, :] - x2[..., j, :])`, from the differences."""
