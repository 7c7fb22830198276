"""Windows as loops over elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.node import Node
from ..ir.scalar import (
    At,
    ByElement,
    Index,
    LoopForm,
    Number,
    Operation,
    Reduction,
    Scalar,
    Write,
    Writes,
    plus,
    times,
    unflattened,
)


def _place(node: Node, places: Index, inside: Index) -> Index:
    """The index of an element, from its window and its position in that."""
    axes: tuple[int, ...] = node.attributes["axis"]
    parts = zip(node.attributes["stride"], node.attributes["dilation"], strict=True)
    found = list(places)
    for axis, position, (stride, dilation) in zip(axes, inside, parts, strict=True):
        start = times(found[axis], Number(stride))
        found[axis] = plus(start, times(position, Number(dilation)))
    return tuple(found)


def _of_view(node: Node, index: Index) -> Index:
    """The index of an element, from that in the view of all windows."""
    first: int = node.attributes["place"]
    last = first + len(node.attributes["axis"])
    return _place(node, (*index[:first], *index[last:]), index[first:last])


def all_windows(node: Node) -> LoopForm:
    """Windows as axes."""
    x = node.inputs[0]
    return ByElement(lambda index, at: at(x, _of_view(node, index)))


def added_windows(node: Node) -> LoopForm:
    """Sums of the places of elements in all windows."""
    windows = node.inputs[0]
    zero = Number(0, node.dtype)
    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(
                windows.shape,
                lambda index, at: _of_view(node, index),
                lambda index, at: at(windows, index),
                "+",
            ),
        )
    )


def reduced_windows(combine: str) -> Any:
    """A reduction of each window."""

    def loops(node: Node) -> LoopForm:
        x = node.inputs[0]
        return Reduction(
            combine,
            node.attributes["window_shape"],
            lambda index, inside, at: at(x, _place(node, index, inside)),
        )

    return loops


def position_of_largest(node: Node) -> LoopForm:
    """The first position in each window of its maximum."""
    x, largest = node.inputs

    def term(index: Index, inside: Index, at: At) -> Scalar:
        element = at(x, _place(node, index, inside))
        return Operation("==", (element, at(largest, index)), np.dtype(np.bool_))

    return Reduction("first", node.attributes["window_shape"], term)


def _at_position(node: Node, index: Index, position: Scalar) -> Index:
    return _place(node, index, unflattened(node.attributes["window_shape"], position))


def taken_of_windows(node: Node) -> LoopForm:
    """The element at a position of each window."""
    x, position = node.inputs
    return ByElement(
        lambda index, at: at(x, _at_position(node, index, at(position, index)))
    )


def put_in_windows(node: Node) -> LoopForm:
    """Values added to zeros, at a position of each window."""
    x, position = node.inputs
    zero = Number(0, node.dtype)
    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(
                x.shape,
                lambda index, at: _at_position(node, index, at(position, index)),
                lambda index, at: at(x, index),
                "+",
            ),
        )
    )
