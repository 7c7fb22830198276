"""Copies between two orders of axes, as transpositions of matrices.

Where neighbours of the result are far apart in what it is copied from, a loop that goes
number by number takes one number from each cache line that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Counter, Load, flat
from .affine import affine
from .tree import Operand, Store, Transposition

FEWEST = 8
"""Rows and columns that a tile is worth."""


@dataclass(frozen=True)
class _Axis:
    size: Dimension
    to: Dimension
    """Elements from one position to the next in the result."""
    source: Dimension


def transposition_of(
    node: Node, store: Store, counters: Sequence[Counter]
) -> Transposition | None:
    """The transpositions that copies of elements are, if they are that.

    Args:
        node: the array that is written.
        store: the copy of one element.
        counters: of the loops around it.
    """
    value = store.value
    if not isinstance(value, Load) or value.dtype != node.dtype or store.combine:
        return None
    to = affine(flat(store.shape or node.shape, store.index), counters)
    source = affine(flat(value.shape, value.index), counters)
    if to is None or source is None:
        return None
    sizes = [counter.size for counter in counters]
    axes = _joined(list(map(_Axis, sizes, to[1], source[1])))
    rows = [axis for axis in axes if axis.source == 1 and axis.to != 1]
    columns = [axis for axis in axes if axis.to == 1 and axis.source != 1]
    if len(rows) != 1 or len(columns) != 1:
        return None
    (row,), (column,) = rows, columns
    stack = [axis for axis in axes if axis is not row and axis is not column]
    steps = [step for axis in axes for step in (axis.to, axis.source)]
    is_forward = all(not isinstance(step, int) or step > 0 for step in steps)
    if not is_forward or not (_is_many(row.size) and _is_many(column.size)):
        return None
    return Transposition(
        node,
        (row.size, column.size),
        Operand(node, to[0], row.to, 1, tuple(axis.to for axis in stack)),
        Operand(
            value.node, source[0], 1, column.source, tuple(a.source for a in stack)
        ),
        tuple(axis.size for axis in stack),
    )


def _is_many(size: Dimension) -> bool:
    return not isinstance(size, int) or size >= FEWEST


def _joined(axes: list[_Axis]) -> list[_Axis]:
    """Axes, with those made one that go on where another one ends in both arrays."""
    for first in axes:
        for other in axes:
            follows = other is not first and (
                other.to == first.size * first.to
                and other.source == first.size * first.source
            )
            if follows:
                both = _Axis(first.size * other.size, first.to, first.source)
                rest = [
                    axis for axis in axes if axis is not first and axis is not other
                ]
                return _joined([*rest, both])
    return axes
