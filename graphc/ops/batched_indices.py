"""Reading and updating at positions, for several examples at once."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.batching import Batch
from ..ir.dims import Dim, Dimension, Shape, broadcast_shapes
from ..ir.node import Node
from .shape import expand_dims, moveaxis
from .slices import ARRAY, Index, Slice, indexed_shape
from .source import arange

_MARK = Dim("merged")


class _Chosen:
    """An index of one example, and one that chooses the same of all.

    Where positions are the same for all examples, all of the mapped axis is chosen;
    where they are not, for each position the example that it is in.
    """

    index: Index
    arrays: tuple[Node, ...]

    def __init__(
        self, batch: Batch, node: Node, shape: Shape, arrays: Sequence[Node]
    ) -> None:
        index: Index = node.attributes["index"]
        self.ndim = len(indexed_shape(shape, index, [a.shape for a in arrays]))
        merged = broadcast_shapes(*(array.shape for array in arrays))
        self.merged, self.place = len(merged), _place(shape, index, len(arrays))
        self.differ = any(map(batch.is_mapped, arrays))
        self.arrays = tuple([batch.aligned(array, self.merged) for array in arrays])
        if self.differ:
            later = tuple(range(1, 1 + self.merged))
            self.arrays = (expand_dims(arange(batch.size), later), *self.arrays)
            self.index = (ARRAY, *index)
        else:
            self.index = (Slice(None, None, None, batch.size), *index)
            whole: tuple[Dimension, ...] = (batch.size, *shape)
            moved = _place(whole, self.index, len(arrays)) == 0
            self.first = self.merged if moved and arrays else 0

    def to(self, values: Node) -> Node:
        """Values of each example, first axis the mapped one, as the index has them."""
        if not self.differ:
            return moveaxis(values, 0, self.first)
        return moveaxis(values, self._own_axes, self._front_axes)

    def back(self, chosen: Node) -> Node:
        """The inverse of `to`."""
        if not self.differ:
            return moveaxis(chosen, self.first, 0)
        return moveaxis(chosen, self._front_axes, self._own_axes)

    @property
    def _own_axes(self) -> tuple[int, ...]:
        return tuple(range(1 + self.place, 1 + self.place + self.merged))

    @property
    def _front_axes(self) -> tuple[int, ...]:
        return tuple(range(1, 1 + self.merged))


def _place(shape: Shape, index: Index, arrays: int) -> int:
    """The place in the result of the axes of index arrays."""
    if not arrays:
        return 0
    return indexed_shape(shape, index, [(_MARK,)] * arrays).index(_MARK)


def getitem_of_examples(batch: Batch, node: Node) -> Node:
    """The elements of each example."""
    x, *arrays = node.inputs
    if batch.is_mapped(x):
        chosen = _Chosen(batch, node, x.shape, arrays)
        found = node.op(batch.value(x), *chosen.arrays, index=chosen.index)
        return chosen.back(found)
    ndim = len(broadcast_shapes(*(array.shape for array in arrays)))
    aligned = [batch.aligned(array, ndim) for array in arrays]
    found = node.op(batch.value(x), *aligned, **node.attributes)
    place = _place(x.shape, node.attributes["index"], len(arrays))
    return moveaxis(found, place, 0)


def scatter_of_examples(batch: Batch, node: Node) -> Node:
    """The elements of each example added up in an array of its own."""
    values, *arrays = node.inputs
    shape: Shape = node.attributes["shape"]
    chosen = _Chosen(batch, node, shape, arrays)
    return node.op(
        chosen.to(batch.stacked(values)),
        *chosen.arrays,
        index=chosen.index,
        shape=(batch.size, *shape),
    )


def update_of_examples(batch: Batch, node: Node) -> Node:
    """The array of each example with its values at its positions."""
    x, values, *arrays = node.inputs
    chosen = _Chosen(batch, node, x.shape, arrays)
    found = batch.aligned(values, chosen.ndim)
    if not batch.is_mapped(values):
        found = expand_dims(found, tuple(range(1 + chosen.ndim - found.ndim)))
    return node.op(
        batch.stacked(x), chosen.to(found), *chosen.arrays, index=chosen.index
    )
