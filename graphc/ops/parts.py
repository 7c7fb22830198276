"""Arrays that stand in larger ones along an axis, as adjoints of slices do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..ir.dims import Dim, Dimension
from ..ir.node import Node
from .indexing import SCATTER_ADD
from .joining import CONCATENATE
from .shape import expand_dims
from .slices import is_whole


class Part(NamedTuple):
    """An array that stands in another one along an axis, with zeros around it."""

    axis: int
    start: Dimension
    stop: Dimension
    values: Node


def part_of(node: Node) -> Part | None:
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
        return Part(axis, start, start + 1, expand_dims(values, axis))
    if item.step is not None:
        return None
    start = _from_start(item.start, size, 0)
    stop = _from_start(item.stop, size, size)
    return Part(axis, start, stop, values) if stop - start == item.size else None


def _from_start(
    bound: Dimension | None, size: Dimension, default: Dimension
) -> Dimension:
    if bound is None:
        return default
    return size + bound if isinstance(bound, int) and bound < 0 else bound


def pieces_of(values: Node, axis: int) -> tuple[Node, ...]:
    """The arrays that one was joined of along an axis."""
    joined = values.op is CONCATENATE and values.attributes["axis"] == axis
    return values.inputs if joined else (values,)


def whole_of(nodes: Sequence[Node]) -> Node | None:
    """The sum of arrays that have zeros around a part, where these make up a whole.

    Args:
        nodes: arrays of one type.
    """
    parts: list[Part] = []
    for node in nodes:
        part = part_of(node)
        if part is None or part.axis != (parts or [part])[0].axis:
            return None
        parts.append(part)
    by_start = {part.start: part for part in parts}
    ordered: list[Part] = []
    place: Dimension = 0
    while place in by_start:
        ordered.append(by_start.pop(place))
        place = ordered[-1].stop
    axis = parts[0].axis
    if len(ordered) < len(parts) or place != nodes[0].shape[axis]:
        return None
    found = CONCATENATE(*(part.values for part in ordered), axis=axis)
    return found if found.type == nodes[0].type else None
