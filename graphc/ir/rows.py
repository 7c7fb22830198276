"""Ops on data of one row, where values have lost their axes of size 1.

See `Op.one_row`, by which an op says what it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .dims import Shape

if TYPE_CHECKING:
    from .node import Node


class Rows(Protocol):
    """The values of a graph at one row, as far as they are known."""

    def shape(self, node: Node) -> Shape:
        """The shape of an original node at one row."""
        ...

    def short(self, node: Node) -> Node:
        """The value of an original node, without axes of size 1."""
        ...

    def aligned(self, node: Node, shape: Shape) -> Node:
        """The same, as it broadcasts to a shape that has lost its axes of size 1."""
        ...

    def bound(self, value: Any) -> Any:
        """A shape, or whatever else an op has as an attribute, at one row."""
        ...

    def attributes(self, node: Node) -> dict[str, Any]:
        """The attributes of an original node at one row."""
        ...


def long_axes(shape: Shape) -> list[int]:
    """The axes whose size is not known to be 1."""
    return [axis for axis, size in enumerate(shape) if size != 1]


def without_ones(shape: Shape) -> Shape:
    """A shape without the axes of size 1."""
    return tuple(size for size in shape if size != 1)
