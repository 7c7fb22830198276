"""Arguments and shapes of functions over spatial axes, in torch's layout.

Such a function has one to three spatial axes, after those of channels and, if there is
one, of the batch. Its sizes, strides and so on are an integer, or one for each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import Dimension, Shape, format_shape
from ..ir.node import Node
from ..ir.types import TensorType
from ..ops.indexing import GETITEM, SCATTER_ADD
from ..ops.layout import contiguous
from ..ops.shape import transpose
from ..ops.slices import Slice
from ..ops.type_rules import floating
from ..ops.windows import whole_numbers

Widths = tuple[tuple[int, int], ...]
"""The numbers of elements to add before and after each of some axes."""


def sizes_of(
    value: Any, count: int, what: str, at: str, *, least: int = 1
) -> tuple[int, ...]:
    """An integer for each of `count` axes, from one or several.

    Args:
        value: what the user gave.
        count: the number of axes.
        what: the name of the argument.
        at: the node or layer, for errors.
        least: the smallest number that is allowed.
    """
    numbers = whole_numbers(value, what, at, least=least)
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        raise OptionError(
            f"{what} must be an integer or {count} of them, got {value!r}", node=at
        )
    return numbers


def per_axis(
    value: Any, count: int, what: str, node: Node, *, least: int = 1
) -> tuple[int, ...]:
    """`sizes_of` an argument of a function of `node`."""
    return sizes_of(value, count, what, node.describe(), least=least)


def check_rank(shape: Shape, count: int, what: str = "input") -> None:
    """Refuse an array that has not channels, `count` spatial axes and maybe a batch."""
    if len(shape) not in (count + 1, count + 2):
        axes = ("length", "height, width", "depth, height, width")[count - 1]
        raise ShapeError(
            f"requires {what} of shape (batch, channels, {axes}) or "
            f"(channels, {axes}), got {format_shape(shape)}"
        )


def padded(x: Node, widths: Widths, axes: Sequence[int]) -> Node:
    """`x` with zeros before and after it; negative widths take elements away."""
    if any(width > 0 for pair in widths for width in pair):
        shape, index = list(x.shape), [Slice(None, None, None, d) for d in x.shape]
        for axis, (before, after) in zip(axes, widths, strict=True):
            low, high = max(before, 0), max(after, 0)
            size = x.shape[axis]
            shape[axis] = low + size + high
            if low or high:
                index[axis] = Slice(low, low + size, None, size)
        x = SCATTER_ADD(x, index=tuple(index), shape=tuple(shape))
    return cropped(x, [(-min(b, 0), -min(a, 0)) for b, a in widths], axes)


def cropped(x: Node, widths: Sequence[tuple[int, int]], axes: Sequence[int]) -> Node:
    """`x` without elements at the ends of some axes."""
    if not any(width for pair in widths for width in pair):
        return x
    index = [Slice(None, None, None, d) for d in x.shape]
    for axis, (before, after) in zip(axes, widths, strict=True):
        size = x.shape[axis]
        left: Dimension = size - before - after
        if isinstance(left, int) and left < 0:
            raise ShapeError(
                f"requires at least {before + after} elements along axis {axis} to "
                f"take away, got {format_shape(x.shape)}"
            )
        if before or after:
            index[axis] = Slice(before, size - after, None, left)
    return GETITEM(x, index=tuple(index))


def batch_last(x: Node, count: int) -> Node:
    """Channels and spatial axes before the batch, if there is one."""
    if x.ndim == count + 1:
        return x
    return transpose(x, (*range(1, count + 2), 0))


def batch_first(x: Node, count: int) -> Node:
    """The batch, if there is one, before channels and spatial axes."""
    if x.ndim == count + 1:
        return x
    return transpose(contiguous(x).named("convolved"), (count + 1, *range(count + 1)))


def result_type(
    shape: Shape, channels: Dimension, sizes: tuple[Dimension, ...], *types: TensorType
) -> TensorType:
    """The type of a result of so many channels and these spatial sizes."""
    batch = shape[: len(shape) - len(sizes) - 1]
    dtype = np.result_type(*(each.dtype for each in types))
    return TensorType(dtype, (*batch, channels, *sizes))


def check_convolution(
    input: TensorType,
    weight: TensorType,
    bias: tuple[TensorType, ...],
    axes: tuple[str, str],
    outputs: Dimension,
    inputs: Dimension,
    count: int,
) -> None:
    """Refuse operands of a convolution that don't fit.

    Args:
        input, weight, bias: their types.
        axes: names of the first two axes of the weight.
        outputs, inputs: numbers of channels that the weight has.
        count: the number of spatial axes.
    """
    floating(input)
    floating(weight, "weight")
    check_rank(input.shape, count)
    kernel = ("length", "height, width", "depth, height, width")[count - 1]
    if weight.ndim != count + 2:
        raise ShapeError(
            f"requires a weight of shape ({axes[0]}, {axes[1]}, {kernel}), "
            f"got {format_shape(weight.shape)}"
        )
    channels = input.shape[-count - 1]
    if channels != inputs:
        raise ShapeError(
            f"requires input of {inputs} channels for weight "
            f"{format_shape(weight.shape)}, got {channels} in "
            f"{format_shape(input.shape)}",
            hint=f"the layout is {axes[0]}, {axes[1]}, {kernel}, as torch's",
        )
    if bias and bias[0].shape != (outputs,):
        raise ShapeError(
            f"requires a bias of shape {format_shape((outputs,))}, "
            f"got {format_shape(bias[0].shape)}"
        )


def check_groups(channels: Dimension, groups: int, what: str) -> None:
    """Refuse channels that groups can't share."""
    if isinstance(channels, int) and channels % groups:
        raise ShapeError(
            f"requires {what} channels that {groups} groups share, got {channels}"
        )


def kernel_sizes(shape: Shape) -> tuple[int, ...]:
    """The spatial sizes of a weight, which must be known."""
    sizes: list[int] = []
    for size in shape[2:]:
        if not isinstance(size, int) or not size:
            raise ShapeError(
                f"requires a kernel of positive sizes, got {format_shape(shape)}"
            )
        sizes.append(size)
    return tuple(sizes)


def number_of_groups(groups: Any, weight: Node) -> int:
    """`groups` as a positive integer."""
    return per_axis(groups, 1, "groups", weight)[0]
