"""Rules for arrays that are joined, as derivatives join what they got of parts."""

from __future__ import annotations

from ...ir.node import Node
from ...ops.arithmetic import add
from ...ops.indexing import GETITEM, SCATTER_ADD
from ...ops.joining import CONCATENATE
from ...ops.parts import Part, part_of, pieces_of
from ...ops.shape import EXPAND_DIMS
from ...ops.slices import Slice, is_whole, whole_index
from ..rewriting import Rule, Uses


def _joined(node: Node, uses: Uses) -> Node | None:
    if not node.origin.derivative or uses.shows_signs:
        return None
    found = [part_of(parent) for parent in node.inputs]
    if not all(uses.once(parent) for parent in node.inputs):
        return None
    match found:
        case [Part() as first, Part() as second]:
            pass
        case _:
            return None
    if second.stop == first.start:
        first, second = second, first
    if first.axis != second.axis or first.stop != second.start:
        return None
    axis, size = first.axis, node.shape[first.axis]
    pieces = (*pieces_of(first.values, axis), *pieces_of(second.values, axis))
    values = CONCATENATE(*pieces, axis=axis)
    if (first.start, second.stop) == (0, size):
        return values if values.type == node.type else None
    index = whole_index(node.shape)
    index[axis] = Slice(first.start, second.stop, None, second.stop - first.start)
    return SCATTER_ADD(values, index=tuple(index), shape=node.shape)


def _alone(node: Node, uses: Uses) -> Node | None:
    return node.inputs[0] if len(node.inputs) == 1 else None


def _only_item(node: Node, uses: Uses) -> Node | None:
    expanded, *arrays = node.inputs
    index = node.attributes["index"]
    if expanded.op is not EXPAND_DIMS or arrays or len(index) != expanded.ndim:
        return None
    axes = expanded.attributes["axis"]
    is_taken = all(
        item in (0, -1) if axis in axes else is_whole(item)
        for axis, item in enumerate(index)
    )
    return expanded.inputs[0] if is_taken else None


PARTS = (
    Rule(
        "x[None][0] -> x",
        (GETITEM,),
        _only_item,
        "for every operand: an axis that was added is taken away",
    ),
    Rule(
        "concatenate(x) -> x",
        (CONCATENATE,),
        _alone,
        "for every operand: there is nothing to join it to",
    ),
    Rule(
        "scatter_add(x, [:k]) + scatter_add(y, [k:]) -> concatenate(x, y)",
        (add.op,),
        _joined,
        "in a derivative by which nothing divides, so that signs of zeros, to which "
        "zero was added, do not count; done where the two have no other use",
        "rounding",
    ),
)
