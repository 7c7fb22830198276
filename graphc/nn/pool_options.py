"""Options of pooling: windows over the last axes, and what is added around them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import OptionError, ShapeError
from ..ir.dims import Dim, Dimension, Shape, format_shape
from ..ir.node import Node
from ..ops.padding import PAD
from ..ops.windows import span, window_count
from .spatial import Widths, per_axis


class Pool(NamedTuple):
    """Options of pooling, as nodes keep them."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    def widths(self, shape: Shape) -> Widths:
        """Elements to add at both ends of the spatial axes: padding, and what a last
        window lacks."""
        count = len(self.kernel_size)
        found: list[tuple[int, int]] = []
        for number in range(count):
            before = self.padding[number]
            after = before
            if self.ceil_mode:
                after += self._missing(shape[number - count], number)
            found.append((before, after))
        return tuple(found)

    def _missing(self, size: Dimension, number: int) -> int:
        stride, padding = self.stride[number], self.padding[number]
        if isinstance(size, Dim):
            raise ShapeError(
                f"requires integer spatial sizes with ceil_mode=True, got {size}"
            )
        reach = span(self.kernel_size[number], self.dilation[number])
        steps = -(-(size + 2 * padding - reach) // stride)
        # A window that starts behind the array and its padding before would be empty.
        if steps * stride >= size + padding:
            steps -= 1
        return max(0, steps * stride + reach - size - 2 * padding)

    def sizes(self, shape: Shape) -> tuple[Dimension, ...]:
        """The spatial sizes of the result."""
        count = len(self.kernel_size)
        widths = self.widths(shape)
        found: list[Dimension] = []
        for number in range(count):
            size = shape[number - count]
            whole = size + sum(widths[number])
            reach = span(self.kernel_size[number], self.dilation[number])
            if isinstance(whole, int) and whole < reach:
                raise ShapeError(
                    f"requires windows that fit, got {self.kernel_size} for input "
                    f"{format_shape(shape)} with padding {self.padding}"
                )
            found.append(
                window_count(
                    whole,
                    self.kernel_size[number],
                    self.stride[number],
                    self.dilation[number],
                )
            )
        return tuple(found)

    def windows(self, x: Node) -> dict[str, Any]:
        """Attributes of ops over windows of `x`."""
        count = len(self.kernel_size)
        return {
            "window_shape": self.kernel_size,
            "axis": tuple(range(x.ndim - count, x.ndim)),
            "stride": self.stride,
            "dilation": self.dilation,
        }


def pool_options(
    count: int,
    x: Node,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: Any,
    dilation: Any = 1,
) -> dict[str, Any]:
    """Options of windows over the last `count` axes, as attributes of a node."""
    window = per_axis(kernel_size, count, "kernel_size", x)
    empty = stride is None or (isinstance(stride, tuple | list) and not stride)
    widths = per_axis(padding, count, "padding", x, least=0)
    dilations = per_axis(dilation, count, "dilation", x)
    reaches = tuple(map(span, window, dilations))
    if any(2 * width > reach for width, reach in zip(widths, reaches, strict=True)):
        raise OptionError(
            f"requires padding of at most half of kernel_size, got {padding!r} for "
            f"{kernel_size!r}",
            node=x.describe(),
        )
    return {
        "kernel_size": window,
        "stride": window if empty else per_axis(stride, count, "stride", x),
        "padding": widths,
        "dilation": dilations,
        "ceil_mode": bool(ceil_mode),
    }


def with_border(x: Node, widths: Widths, value: Any) -> Node:
    """`x` with a number around its last axes."""
    if not any(width for pair in widths for width in pair):
        return x
    before = ((0, 0),) * (x.ndim - len(widths))
    options = {"mode": "constant", "constant_values": value}
    return PAD(x, pad_width=(*before, *widths), **options).named("padded")
