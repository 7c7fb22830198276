"""Positions in the order of values: the sorted order, and a partial one."""

from __future__ import annotations

import numpy as np

from ..errors import IndexRangeError
from ..ir.dims import Dimension, format_shape
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange, ValueRanges
from ..ir.types import TensorType
from .as_routines import sorted_positions

_POSITION = np.dtype(np.intp)


def _positions(node: Node, ranges: ValueRanges) -> ValueRange:
    axis: int = node.attributes["axis"]
    size = node.shape[axis]
    return ValueRange(0, size - 1, False)


def _order_type(x: TensorType, *, axis: int) -> TensorType:
    return TensorType(_POSITION, x.shape)


ARGSORT = Op(
    name="argsort",
    loops=sorted_positions,
    inputs=("x",),
    infer=_order_type,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    numpy='np.argsort(x, axis=axis, kind="stable")',
    into='out[...] = np.argsort(x, axis=axis, kind="stable")',
    value_range=_positions,
    cases=(
        Case(((3, 4),), {"axis": 1}),
        Case(((4, 2),), {"axis": 0}),
        Case(((0,),), {"axis": 0}),
    ),
)
"""Positions of the elements in ascending order; of equal ones the first comes first."""


def _places(kth: int | tuple[int, ...]) -> tuple[int, ...]:
    return kth if isinstance(kth, tuple) else (kth,)


def _argpartition_type(
    x: TensorType, *, kth: int | tuple[int, ...], axis: int
) -> TensorType:
    size = x.shape[axis]
    for place in _places(kth):
        if isinstance(size, int) and not -size <= place < size:
            raise IndexRangeError(
                f"requires kth from {-size} to {size - 1}, got {place} for "
                f"{format_shape(x.shape)} along axis {axis}"
            )
    return TensorType(_POSITION, x.shape)


def _has_places(node: Node) -> list[tuple[Dimension, Dimension]]:
    """The axis must have the places at which it is parted."""
    axis: int = node.attributes["axis"]
    size = node.shape[axis]
    places = _places(node.attributes["kth"])
    return [(place + 1 if place >= 0 else -place, size) for place in places]


ARGPARTITION = Op(
    name="argpartition",
    loops=sorted_positions,
    inputs=("x",),
    infer=_argpartition_type,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    numpy="np.argpartition(x, kth, axis=axis)",
    into="out[...] = np.argpartition(x, kth, axis=axis)",
    size_bounds=_has_places,
    value_range=_positions,
    cases=(
        Case(((3, 4),), {"kth": 1, "axis": 1}),
        Case(((4, 2),), {"kth": (0, -2), "axis": 0}),
    ),
)
"""Positions such that at `kth` stands the element that a sorted array has there, with
no greater ones before it and no lesser ones after it."""
