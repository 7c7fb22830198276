"""Products and indices on data of one row, whose axes are not all there any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.dims import broadcast_shapes
from ..ir.literal import is_uniform
from ..ir.node import Node
from ..ir.rows import Rows, without_ones
from .shape import TRANSPOSE, expand_dims, squeeze
from .slices import ARRAY, Slice


def matmul_of_one_row(rows: Rows, node: Node) -> Node | None:
    """A product of matrices as one of vectors."""
    x1, x2 = node.inputs
    first, second = rows.shape(x1), rows.shape(x2)
    stack = without_ones((*first[:-2], *second[:-2]))
    height = first[-2] if x1.ndim > 1 else 1
    width = second[-1] if x2.ndim > 1 else 1
    left, right = rows.short(x1), rows.short(x2)
    if first[-1] == 1:
        if stack or height == 1 or width == 1:
            return None
        return node.op(expand_dims(left, 1), expand_dims(right, 0))
    if not stack:
        if height == 1 and width != 1 and right.op is TRANSPOSE:
            return node.op(right.inputs[0], left)
        return node.op(left, right)
    if height == 1 or width == 1:
        return None
    shape = rows.shape(node)
    return node.op(rows.aligned(x1, shape), rows.aligned(x2, shape))


def vecdot_of_one_row(rows: Rows, node: Node) -> Node | None:
    """Products of vectors."""
    x1, x2 = node.inputs
    length = rows.shape(x1)[-1]
    if length == 1:
        return None
    shape = (*rows.shape(node), length)
    return node.op(rows.aligned(x1, shape), rows.aligned(x2, shape))


def getitem_of_one_row(rows: Rows, node: Node) -> Node | None:
    """Elements that an index selects, which takes the only row as a whole."""
    x, *arrays = node.inputs
    merged = broadcast_shapes(*(rows.shape(array) for array in arrays))
    sizes, given = iter(rows.shape(x)), iter(arrays)
    items: list[Any] = []
    used: list[Node] = []
    for item in node.attributes["index"]:
        if item is None:
            continue
        array = next(given) if item == ARRAY else None
        if next(sizes) != 1:
            items.append(rows.bound(item))
            used += [] if array is None else [rows.aligned(array, merged)]
        elif not _names_the_only_row(item if array is None else rows.short(array)):
            return None
    moved = _is_together(node.attributes["index"]) != _is_together(items)
    if moved and without_ones(merged):
        return None
    found = short = rows.short(x)
    if used or not all(isinstance(item, Slice) and item.is_full for item in items):
        found = squeeze(node.op(short, *used, index=tuple(items)))
    return found


def _names_the_only_row(item: Any) -> bool:
    """True where an item of an index, or an index array, takes all of an axis of 1."""
    if isinstance(item, Node):
        return not item.ndim and is_uniform(item, 0.0)
    return not isinstance(item, Slice) or item.is_full


def _is_together(index: Sequence[Any]) -> bool:
    """True where what integers index stands side by side: otherwise NumPy moves the
    axes of index arrays to the front."""
    places = [place for place, item in enumerate(index) if isinstance(item, int | str)]
    return not places or places[-1] - places[0] == len(places) - 1
