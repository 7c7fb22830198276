"""Axis arguments: what users write, normalised once and checked with one message."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, cast

from ..errors import DTypeError, IndexRangeError, OptionError
from ..ir.dims import Shape, format_shape
from ..ir.node import Node


def normalize_axis(axis: Any, ndim: int, node: Node, what: str = "axis") -> int:
    """One axis as a number from 0 to `ndim - 1`."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise DTypeError(
            f"{what} must be an integer, got {axis!r}", node=node.describe()
        ) from None
    if not -ndim <= number < ndim:
        raise IndexRangeError(
            f"{what} {number} is out of range for shape {format_shape(node.shape)}",
            node=node.describe(),
        )
    return number % ndim


def axis_of(shape: Shape, axis: Any, what: str = "dim") -> int:
    """One axis of a shape as a number from 0 on; for type rules, which have no node."""
    ndim = len(shape)
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise DTypeError(f"{what} must be an integer, got {axis!r}")
    if not -ndim <= axis < ndim:
        raise IndexRangeError(
            f"{what} {axis} is out of range for shape {format_shape(shape)}"
        )
    return axis % ndim


def normalize_axes(axis: Any, node: Node) -> tuple[int, ...]:
    """None, one axis or several, as sorted numbers; None is all axes."""
    if axis is None:
        return tuple(range(node.ndim))
    return tuple(sorted(ordered_axes(axis, node.ndim, node)))


def ordered_axes(
    axis: Any, ndim: int, node: Node, what: str = "axis"
) -> tuple[int, ...]:
    """One axis or several, as numbers in the order given."""
    several = cast(Iterable[Any], axis) if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(normalize_axis(item, ndim, node, what) for item in several)
    if len(set(axes)) != len(axes):
        raise OptionError(f"{what} {axis!r} names an axis twice", node=node.describe())
    return axes
