"""Layers of convolutions, with torch's arguments and starts.

Weight and bias start uniform on `[-1/sqrt(n), 1/sqrt(n))`, where `n` is the number of
elements of the weight that one output channel, or for transposed convolutions one input
channel, has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from ..errors import OptionError
from ..ir.node import Node
from . import init
from .convolution import conv1d, conv2d, conv3d, padding_widths
from .layer import Layer, check_size
from .padding import pad
from .spatial import sizes_of
from .transposed_convolution import (
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Layer):
    """The base of layers of convolutions: their options and parameters."""

    function: ClassVar[Callable[..., Node]]
    rank: ClassVar[int]
    layout: ClassVar[str] = "out_in"
    """The roles of the first two axes of the weight."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "function" in cls.__dict__:
            cls.kind = cls.function.__name__

    def __init__(
        self,
        channels: tuple[Any, Any],
        kernel_size: Any,
        stride: Any,
        dilation: Any,
        groups: Any,
        padding_mode: str,
        name: str | None,
    ) -> None:
        super().__init__(name)
        self.in_channels = check_size(channels[0], "in_channels", self)
        self.out_channels = check_size(channels[1], "out_channels", self)
        self.kernel_size = sizes_of(kernel_size, self.rank, "kernel_size", self.at)
        self.stride = sizes_of(stride, self.rank, "stride", self.at)
        self.dilation = sizes_of(dilation, self.rank, "dilation", self.at)
        self.groups = check_size(groups, "groups", self)
        for what, size in (("in", self.in_channels), ("out", self.out_channels)):
            if size % self.groups:
                raise OptionError(
                    f"{what}_channels must be a multiple of groups, got {size} and "
                    f"{self.groups}",
                    node=self.at,
                )
        if padding_mode not in _PADDING_MODES:
            modes = ", ".join(map(repr, _PADDING_MODES))
            raise OptionError(
                f"padding_mode must be one of {modes}, got {padding_mode!r}",
                node=self.at,
            )
        self.padding_mode = padding_mode

    @property
    def at(self) -> str:
        """The layer in messages of errors."""
        return type(self).__name__

    def _start(self, bias: bool, weight_init: Any, bias_init: Any, dtype: Any) -> None:
        """Declare the parameters."""
        first, second = self.in_channels, self.out_channels
        if self.layout == "out_in":
            first, second = second, first
        shape = (first, second // self.groups, *self.kernel_size)
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        start = init.uniform(-bound, bound)
        if isinstance(weight_init, init.ScaledUniform | init.ScaledNormal):
            layout = "_".join((self.layout, *("kernel" for _ in self.kernel_size)))
            weight_init = replace(weight_init, layout=layout)
        given = start if weight_init is None else weight_init
        self._declare("weight", shape, given, dtype)
        if bias:
            given = start if bias_init is None else bias_init
            self._declare("bias", (self.out_channels,), given, dtype)
        elif bias_init is not None:
            raise OptionError(
                "bias_init was given for a layer without bias",
                node=self.at,
                hint="bias=True, or no bias_init",
            )

    @property
    def weight(self) -> Node:
        """The weight, in the layout of the function."""
        self._fix()
        return self._nodes["weight"]

    @property
    def bias(self) -> Node | None:
        """`(out_channels,)`, or None."""
        return self._parameter("bias")

    def _describe(self) -> str:
        options = {
            k: v
            for k, v in vars(self).items()
            if not k.startswith("_") and (k, v) not in _PLAIN
        }
        return ", ".join(f"{k}={v!r}" for k, v in options.items())


_PLAIN = (("padding_mode", "zeros"), ("groups", 1))


class _Conv(Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        weight_init: Any = None,
        bias_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        channels = (in_channels, out_channels)
        super().__init__(
            channels, kernel_size, stride, dilation, groups, padding_mode, name
        )
        self.padding = padding
        # What is wrong with it is said here, and not at the first call.
        self._widths = padding_widths(
            padding, self.kernel_size, self.stride, self.dilation, self.at
        )
        self._start(bias, weight_init, bias_init, dtype)

    def forward(self, input: Node) -> Node:
        """The convolution with the layer's weight and bias."""
        padding = self.padding
        if self.padding_mode != "zeros":
            flat = [width for pair in reversed(self._widths) for width in pair]
            input = pad(input, flat, self.padding_mode)
            padding = 0
        return type(self).function(
            input,
            self.weight,
            self.bias,
            self.stride,
            padding,
            self.dilation,
            self.groups,
        )


class Conv1d(_Conv):
    """`gc.nn.conv1d` as a layer, with a weight and a bias of its own.

    Arguments are those of `Conv2d`.

    >>> import graphc as gc
    >>> gc.nn.Conv1d(4, 8, 5, stride=2)(gc.input("x", ("batch", 4, 100)))
    <conv1d 'conv1d' float32 (batch, 8, 48)>
    """

    function = conv1d
    rank = 1


class Conv2d(_Conv):
    """`gc.nn.conv2d` as a layer, with a weight and a bias of its own.

    Both start uniform on `[-1/sqrt(n), 1/sqrt(n))`, with `n` the elements of the weight
    for one output channel, as in torch.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, dilation, groups: as of `gc.nn.conv2d`.
        bias: True for a bias.
        padding_mode: `"zeros"`, or `"reflect"`, `"replicate"`, `"circular"` as of
            `gc.nn.pad`.
        weight_init: an array or an initialiser of `gc.init`; those that scale by fans
            are told the layout.
        bias_init: an array `(out_channels,)` or an initialiser.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        OptionError: channels, sizes or modes that can't be.

    Source: the start is LeCun et al. 1998, "Efficient BackProp", up to a constant.

    >>> import graphc as gc
    >>> layer = gc.nn.Conv2d(1, 6, 5, padding=2, name="edges")
    >>> layer(gc.input("x", ("batch", 1, 28, 28)))
    <conv2d 'edges' float32 (batch, 6, 28, 28)>
    >>> layer.weight
    <parameter 'edges.weight' float32 (6, 1, 5, 5)>
    """

    function = conv2d
    rank = 2


class Conv3d(_Conv):
    """`gc.nn.conv3d` as a layer, with a weight and a bias of its own.

    Arguments are those of `Conv2d`.

    >>> import graphc as gc
    >>> gc.nn.Conv3d(1, 2, 3)(gc.input("x", ("batch", 1, 8, 8, 8)))
    <conv3d 'conv3d' float32 (batch, 2, 6, 6, 6)>
    """

    function = conv3d
    rank = 3


class _ConvTranspose(Convolution):
    layout = "in_out"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        *,
        weight_init: Any = None,
        bias_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        channels = (in_channels, out_channels)
        super().__init__(
            channels, kernel_size, stride, dilation, groups, padding_mode, name
        )
        if padding_mode != "zeros":
            raise OptionError(
                f'padding_mode must be "zeros" for {self.at}, got {padding_mode!r}',
                node=self.at,
            )
        self.padding = sizes_of(padding, self.rank, "padding", self.at, least=0)
        self.output_padding = sizes_of(
            output_padding, self.rank, "output_padding", self.at, least=0
        )
        self._start(bias, weight_init, bias_init, dtype)

    def forward(self, input: Node) -> Node:
        """The transposed convolution with the layer's weight and bias."""
        return type(self).function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """`gc.nn.conv_transpose1d` as a layer, with a weight and a bias of its own.

    Arguments are those of `ConvTranspose2d`.

    >>> import graphc as gc
    >>> gc.nn.ConvTranspose1d(4, 2, 2, stride=2)(gc.input("x", ("batch", 4, 10)))
    <conv_transpose1d 'conv_transpose1d' float32 (batch, 2, 20)>
    """

    function = conv_transpose1d
    rank = 1


class ConvTranspose2d(_ConvTranspose):
    """`gc.nn.conv_transpose2d` as a layer, with a weight and a bias of its own.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size, stride, padding, output_padding, groups, dilation: as of
            `gc.nn.conv_transpose2d`.
        bias: True for a bias.
        padding_mode: `"zeros"`.
        weight_init, bias_init, name, dtype: as of `Conv2d`.

    Raises:
        OptionError: channels, sizes or modes that can't be.

    >>> import graphc as gc
    >>> gc.nn.ConvTranspose2d(16, 8, 2, stride=2)(gc.input("x", ("batch", 16, 7, 7)))
    <conv_transpose2d 'conv_transpose2d' float32 (batch, 8, 14, 14)>
    """

    function = conv_transpose2d
    rank = 2


class ConvTranspose3d(_ConvTranspose):
    """`gc.nn.conv_transpose3d` as a layer, with a weight and a bias of its own.

    Arguments are those of `ConvTranspose2d`.

    >>> import graphc as gc
    >>> gc.nn.ConvTranspose3d(4, 2, 2, 2)(gc.input("x", ("batch", 4, 5, 5, 5)))
    <conv_transpose3d 'conv_transpose3d' float32 (batch, 2, 10, 10, 10)>
    """

    function = conv_transpose3d
    rank = 3
