"""Rules for arrays that were split: the derivative joins what it got of each part."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...ir.dims import Dim, Dimension
from ...ir.node import Node
from ...ops.arithmetic import add
from ...ops.indexing import SCATTER_ADD
from ...ops.joining import CONCATENATE
from ...ops.shape import expand_dims
from ...ops.slices import Slice, is_whole, whole_index
from ..rewriting import Rule, Uses


class _Part(NamedTuple):
    """An array that stands in another one along an axis, with zeros around it."""

    axis: int
    start: Dimension
    stop: Dimension
    values: Node


def _part(node: Node) -> _Part | None:
    """The neighbours along one axis that an array of zeros is given, if that is all."""
    if node.op is not SCATTER_ADD or len(node.inputs) != 1:
        return None
    index: tuple[Any, ...] = node.attributes["index"]
    cut = [axis for axis, item in enumerate(index) if not is_whole(item)]
    if None in index or len(cut) != 1:
        return None
    (axis,), values = cut, node.inputs[0]
    item, size = index[axis], node.shape[axis]
    if isinstance(item, int):
        if isinstance(size, Dim):
            return None
        start = item % size
        return _Part(axis, start, start + 1, expand_dims(values, axis))
    if item.step is not None:
        return None
    start = _from_start(item.start, size, 0)
    stop = _from_start(item.stop, size, size)
    return _Part(axis, start, stop, values) if stop - start == item.size else None


def _from_start(
    bound: Dimension | None, size: Dimension, default: Dimension
) -> Dimension:
    if bound is None:
        return default
    return size + bound if isinstance(bound, int) and bound < 0 else bound


def _joined(node: Node, uses: Uses) -> Node | None:
    if not node.origin.derivative or uses.shows_signs:
        return None
    found = [_part(parent) for parent in node.inputs]
    if not all(uses.once(parent) for parent in node.inputs):
        return None
    match found:
        case [_Part() as first, _Part() as second]:
            pass
        case _:
            return None
    if second.stop == first.start:
        first, second = second, first
    if first.axis != second.axis or first.stop != second.start:
        return None
    axis, size = first.axis, node.shape[first.axis]
    pieces = (*_pieces(first.values, axis), *_pieces(second.values, axis))
    values = CONCATENATE(*pieces, axis=axis)
    if (first.start, second.stop) == (0, size):
        return values if values.type == node.type else None
    index = whole_index(node.shape)
    index[axis] = Slice(first.start, second.stop, None, second.stop - first.start)
    return SCATTER_ADD(values, index=tuple(index), shape=node.shape)


def _pieces(values: Node, axis: int) -> tuple[Node, ...]:
    """The arrays that one was joined of."""
    joined = values.op is CONCATENATE and values.attributes["axis"] == axis
    return values.inputs if joined else (values,)


PARTS = (
    Rule(
        "scatter_add(x, [:k]) + scatter_add(y, [k:]) -> concatenate(x, y)",
        (add.op,),
        _joined,
        "in a derivative by which nothing divides, so that signs of zeros, to which "
        "zero was added, do not count; done where the two have no other use",
        "rounding",
    ),
)
