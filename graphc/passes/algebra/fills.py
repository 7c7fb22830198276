"""Products with a matrix that is one number everywhere, as gradients of sums are."""

from __future__ import annotations

from ...ir.facts import Role
from ...ir.literal import without_views
from ...ir.node import Node
from ...ops.linalg import MATMUL
from ...ops.reduction import SUM
from ...ops.shape import BROADCAST_TO, broadcast_to
from ...ops.source import constant
from ..rewriting import Rule, Uses


def _number_everywhere(node: Node) -> Node | None:
    """The number that each element of a matrix is."""
    if node.op.role is Role.FULL:
        return constant(node.attributes["value"], node.dtype)
    value = without_views(node)
    if value.op is BROADCAST_TO:
        value = without_views(value.inputs[0])
    return value if not value.shape else None


def _product_with_number(node: Node, uses: Uses) -> Node | None:
    left, right = node.inputs
    is_matrix = left.ndim == right.ndim == 2 and left.dtype == right.dtype
    if not is_matrix or node.dtype.kind != "f":
        return None
    for given, other, axis in ((left, right, 0), (right, left, 1)):
        number = _number_everywhere(given)
        if number is None:
            continue
        if other.shape[axis] != 1:
            other = SUM(other, axis=(axis,), keepdims=True)
        return broadcast_to(number * other, node.shape)
    return None


FILLS = (
    Rule(
        "x @ y -> x[0, 0] * sum(y, axis=0), where each element of x is the same",
        (MATMUL,),
        _product_with_number,
        "for matrices of one dtype, whose sums are finite",
        "rounding",
    ),
)
