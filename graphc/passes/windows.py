"""Sums of windows as products with windows, for programs that multiply those in place.

The gradient by the input of a convolution is a product of matrices, whose columns are
added up where the windows were. That array has each number as many times as a window
has places. The same sums are a convolution of the gradient by the output, with the
kernel turned round: where windows are multiplied where they are, no more is stored.

Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning",
section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.dims import product
from ..ir.graph import Graph
from ..ir.node import Node
from ..ops.indexing import SCATTER_ADD
from ..ops.linalg import MATMUL
from ..ops.reordering import flip
from ..ops.shape import RESHAPE, reshape, transpose
from ..ops.slices import Slice
from ..ops.windows import ADD_WINDOWS, COPY_WINDOWS, span
from .rewriting import Rule, Uses, apply_rules

_MOST = 2
"""Times as many products of numbers as before."""

_MANY = 256
"""Channels of a group with which BLAS is quicker than a product in place."""


def _as_product(node: Node, uses: Uses) -> Node | None:
    """The product of a kernel and windows of what is padded with zeros."""
    windows = node.inputs[0]
    product_of = windows.inputs[0] if windows.op is RESHAPE else windows
    if product_of.op is not MATMUL or not uses.once(product_of):
        return None
    left, right = product_of.inputs
    sizes, dilation = node.attributes["window_shape"], node.attributes["dilation"]
    count, place = len(sizes), node.attributes["place"]
    is_plain = set(node.attributes["stride"]) == {1} and place == 1
    if not is_plain or node.attributes["axis"] != tuple(range(1, count + 1)):
        return None
    if left.ndim != right.ndim or left.ndim not in (2, 3):
        return None
    groups = left.shape[0] if left.ndim == 3 else 1
    channels, inner = node.shape[0], left.shape[-1]
    counts, rest = windows.shape[count + 1 : 2 * count + 1], node.shape[count + 1 :]
    known = (groups, channels, inner, *counts)
    if not all(isinstance(size, int) and size > 0 for size in known):
        return None
    each = channels // groups
    same = left.shape[-2] == each * product(sizes) and each < _MANY
    if not same or product(node.shape[1 : count + 1]) > _MOST * product(counts):
        return None
    borders = [span(size, step) - 1 for size, step in zip(sizes, dilation, strict=True)]
    columns = _windows(reshape(right, (groups * inner, *counts, *rest)), borders, node)
    columns = reshape(
        columns, (groups, inner * product(sizes), product(node.shape[1:]))
    )
    axes = tuple(range(2, count + 2))
    kernel = flip(reshape(left, (groups, each, *sizes, inner)), axes)
    kernel = transpose(kernel, (0, 1, count + 2, *axes))
    kernel = reshape(kernel, (groups, each, inner * product(sizes)))
    if groups == 1:
        kernel, columns = (reshape(x, x.shape[1:]) for x in (kernel, columns))
    return reshape(kernel @ columns, node.shape)


def _windows(x: Node, borders: list[int], node: Node) -> Node:
    """Windows of an array with zeros around it."""
    shape, index = [*x.shape], [Slice(None, None, None, size) for size in x.shape]
    for axis, border in enumerate(borders, 1):
        size = x.shape[axis]
        shape[axis] = size + 2 * border
        if border:
            index[axis] = Slice(border, border + size, None, size)
    padded = SCATTER_ADD(x, index=tuple(index), shape=tuple(shape))
    names = ("window_shape", "axis", "stride", "dilation", "place")
    return COPY_WINDOWS(padded, **{name: node.attributes[name] for name in names})


RULES = (
    Rule(
        "add_windows(matrix @ x) -> turned kernel @ windows(x)",
        (ADD_WINDOWS,),
        _as_product,
        "windows are one step apart and the matrix product has no other use; done for "
        "less than 256 channels and at most twice as many products of numbers",
        "rounding",
    ),
)


@dataclass(frozen=True)
class MultiplyWindows:
    """Multiply windows instead of adding up products where they were.

    Before: primitives. After: a sum of windows that are next to each other is not that
    of a product of matrices. Sound when sums may be rounded in another order.
    """

    name: str = "multiply windows"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {rule.name: rule.sound_when for rule in RULES}

    def run(self, graph: Graph) -> Graph:
        """The graph with products of windows."""
        return apply_rules(graph, RULES)
