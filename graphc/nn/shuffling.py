"""Channels exchanged with pixels, and with one another."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..ir.dims import Dimension, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.shape import reshape, transpose
from ..ops.source import ArrayLike, as_node
from .spatial import per_axis


def _divided(size: Dimension, number: int, what: str, given: TensorType) -> Dimension:
    share = size // number
    if share * number != size:
        raise ShapeError(
            f"requires {what} that {number} divides, got {format_shape(given.shape)}"
        )
    return share


def _image(input: TensorType) -> TensorType:
    if input.ndim < 3:
        raise ShapeError(
            "requires input of shape (..., channels, height, width), "
            f"got {format_shape(input.shape)}"
        )
    return input


def _shuffle_infer(input: TensorType, *, upscale_factor: int) -> TensorType:
    *batch, channels, height, width = _image(input).shape
    fewer = _divided(channels, upscale_factor**2, "channels", input)
    larger = (height * upscale_factor, width * upscale_factor)
    return input.with_shape((*batch, fewer, *larger))


def _shuffle_expand(input: Node, *, upscale_factor: int) -> Node:
    *batch, channels, height, width = input.shape
    r, lead = upscale_factor, len(batch)
    split = reshape(input, (*batch, channels // r**2, r, r, height, width))
    order = (*range(lead), *(lead + axis for axis in (0, 3, 1, 4, 2)))
    return reshape(
        transpose(split, order), (*batch, channels // r**2, height * r, width * r)
    )


PIXEL_SHUFFLE = Op(
    name="pixel_shuffle",
    mathematics=Mathematics(
        gradients=lambda node: (
            f"pixel_unshuffle(d, downscale_factor={node.attributes['upscale_factor']})",
        )
    ),
    inputs=("input",),
    infer=_shuffle_infer,
    expand=_shuffle_expand,
    cases=(Case(((2, 4, 2, 3),), {"upscale_factor": 2}),),
)


def pixel_shuffle(input: ArrayLike, upscale_factor: Any) -> Node:
    """Channels as pixels of a larger image.

    `y[n, c, i*r + k, j*r + l] = input[n, (c, k, l), i, j]`, with `r` the factor.

    Args:
        input: `(..., channels * r**2, height, width)`.
        upscale_factor: the factor `r` of height and width.

    Returns:
        `(..., channels, height * r, width * r)`.

    Raises:
        ShapeError: a number of channels that `r**2` does not divide.

    Source: Shi et al. 2016, "Real-time single image and video super-resolution using
    an efficient sub-pixel convolutional neural network".

    >>> import graphc as gc
    >>> gc.nn.pixel_shuffle(gc.input("x", ("batch", 12, 8, 8)), 2)
    <pixel_shuffle float32 (batch, 3, 16, 16)>
    """
    x = as_node(input)
    (factor,) = per_axis(upscale_factor, 1, "upscale_factor", x)
    return PIXEL_SHUFFLE(x, upscale_factor=factor)


def _unshuffle_infer(input: TensorType, *, downscale_factor: int) -> TensorType:
    *batch, channels, height, width = _image(input).shape
    sizes = [
        _divided(size, downscale_factor, "height and width", input)
        for size in (height, width)
    ]
    return input.with_shape((*batch, channels * downscale_factor**2, *sizes))


def _unshuffle_expand(input: Node, *, downscale_factor: int) -> Node:
    *batch, channels, height, width = input.shape
    r, lead = downscale_factor, len(batch)
    split = reshape(input, (*batch, channels, height // r, r, width // r, r))
    order = (*range(lead), *(lead + axis for axis in (0, 2, 4, 1, 3)))
    return reshape(
        transpose(split, order), (*batch, channels * r**2, height // r, width // r)
    )


PIXEL_UNSHUFFLE = Op(
    name="pixel_unshuffle",
    mathematics=Mathematics(
        gradients=lambda node: (
            f"pixel_shuffle(d, upscale_factor={node.attributes['downscale_factor']})",
        )
    ),
    inputs=("input",),
    infer=_unshuffle_infer,
    expand=_unshuffle_expand,
    cases=(Case(((2, 1, 2, 4),), {"downscale_factor": 2}),),
)


def pixel_unshuffle(input: ArrayLike, downscale_factor: Any) -> Node:
    """Pixels as channels of a smaller image: the inverse of `pixel_shuffle`.

    `y[n, (c, k, l), i, j] = input[n, c, i*r + k, j*r + l]`, with `r` the factor.

    Args:
        input: `(..., channels, height * r, width * r)`.
        downscale_factor: the factor `r` of height and width.

    Returns:
        `(..., channels * r**2, height, width)`.

    Raises:
        ShapeError: a height or width that `r` does not divide.

    >>> import graphc as gc
    >>> gc.nn.pixel_unshuffle(gc.input("x", ("batch", 3, 16, 16)), 2)
    <pixel_unshuffle float32 (batch, 12, 8, 8)>
    """
    x = as_node(input)
    (factor,) = per_axis(downscale_factor, 1, "downscale_factor", x)
    return PIXEL_UNSHUFFLE(x, downscale_factor=factor)


def _channels_infer(input: TensorType, *, groups: int) -> TensorType:
    if input.ndim < 3:
        raise ShapeError(
            "requires input of shape (batch, channels, ...) with at least one more "
            f"axis, got {format_shape(input.shape)}"
        )
    _divided(input.shape[1], groups, "channels", input)
    return input


def _channels_expand(input: Node, *, groups: int) -> Node:
    batch, channels, *rest = input.shape
    split = reshape(input, (batch, groups, channels // groups, *rest))
    order = (0, 2, 1, *range(3, split.ndim))
    return reshape(transpose(split, order), input.shape)


def _others(node: Node) -> Dimension:
    """The size of a group, of which so many groups undo the shuffle."""
    return node.shape[1] // int(node.attributes["groups"])


CHANNEL_SHUFFLE = Op(
    name="channel_shuffle",
    mathematics=Mathematics(
        gradients=lambda node: (f"channel_shuffle(d, groups={_others(node)})",)
    ),
    inputs=("input",),
    infer=_channels_infer,
    expand=_channels_expand,
    cases=(Case(((2, 6, 3),), {"groups": 3}),),
)


def channel_shuffle(input: ArrayLike, groups: Any) -> Node:
    """Channels of groups taken in turn: `y[n, (c, g), ...] = input[n, (g, c), ...]`.

    Args:
        input: `(batch, channels, ...)`.
        groups: the number of groups, which divides the channels.

    Returns:
        An array of the type of `input`.

    Raises:
        ShapeError: a number of channels that `groups` does not divide.

    Source: Zhang et al. 2018, "ShuffleNet: an extremely efficient convolutional neural
    network for mobile devices".

    >>> import graphc as gc
    >>> x = gc.constant([[[0.0], [1.0], [2.0], [3.0]]])
    >>> gc.evaluate(gc.nn.channel_shuffle(x, 2), {}).ravel()
    array([0., 2., 1., 3.])
    """
    x = as_node(input)
    (number,) = per_axis(groups, 1, "groups", x)
    return CHANNEL_SHUFFLE(x, groups=number)
