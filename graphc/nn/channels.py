"""Channels, which are axis 1: of a weight and a bias for each."""

from __future__ import annotations

from ..errors import ShapeError
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ir.types import TensorType
from ..ops.shape import reshape
from ..ops.type_rules import floating
from .standardize import scaled_and_shifted


def check_channels(input: TensorType, least: int, form: str) -> None:
    """Raise where an input is not floating, or has fewer axes."""
    floating(input)
    if input.ndim < least:
        raise ShapeError(
            f"requires input of shape {form}, got {format_shape(input.shape)}"
        )


def along_channels(part: Node | None, ndim: int) -> Node | None:
    """A vector over channels in a shape that broadcasts against the input."""
    return None if part is None else reshape(part, (-1, *(1,) * (ndim - 2)))


def scaled_and_shifted_channels(
    normalized: Node, weight: Node | None, bias: Node | None
) -> Node:
    """A normalised input times the weight, plus the bias, of each channel."""
    ndim = normalized.ndim
    parts = (along_channels(part, ndim) for part in (weight, bias))
    return scaled_and_shifted(normalized.named("normalized"), *parts)


def all_but_channels(ndim: int) -> tuple[int, ...]:
    """The axes of a batch and of positions."""
    return (0, *range(2, ndim))


def check_count(input: Node, channels: int, layer: str, axis: int = 1) -> None:
    """Raise where the input of a layer has another number of channels."""
    if input.ndim > axis and input.shape[axis] != channels:
        raise ShapeError(
            f"requires input of {channels} channels, which are axis {axis}, "
            f"got {format_shape(input.shape)}",
            node=layer,
        )
