"""Layers that normalise channels, under torch.nn's names."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError, UnsupportedError
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ops.shape import expand_dims, squeeze
from . import init
from .channel_norms import group_norm, instance_norm
from .channels import check_count
from .layer import Layer, check_size


class _ChannelNorm(Layer):
    """A weight that starts at 1 and a bias that starts at 0, for each channel."""

    def _start(self, channels: int, affine: bool, bias: bool, dtype: Any) -> None:
        if affine:
            self._declare("weight", (channels,), init.ones(), dtype)
            if bias:
                self._declare("bias", (channels,), init.zeros(), dtype)

    @property
    def weight(self) -> Node | None:
        """The scale of each channel, or None."""
        return self._parameter("weight")

    @property
    def bias(self) -> Node | None:
        """The shift of each channel, or None."""
        return self._parameter("bias")


class GroupNorm(_ChannelNorm):
    """`gc.nn.group_norm` with a weight that starts at 1 and a bias that starts at 0.

    Args:
        num_groups: a divisor of `num_channels`.
        num_channels: the size of axis 1 of inputs.
        eps: added to the variance.
        affine: True for a weight and a bias.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        OptionError: `num_groups` does not divide `num_channels`.

    >>> import graphc as gc
    >>> gc.nn.GroupNorm(2, 6, name="norm")(gc.input("x", ("batch", 6, 8, 8)))
    <group_norm 'norm' float32 (batch, 6, 8, 8)>
    """

    kind = "group_norm"

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.num_groups = check_size(num_groups, "num_groups", self)
        self.num_channels = check_size(num_channels, "num_channels", self)
        if self.num_channels % self.num_groups:
            raise OptionError(
                f"requires num_groups that divides num_channels, got {num_groups} and "
                f"{num_channels}",
                node="GroupNorm",
            )
        self.eps = eps
        self._start(self.num_channels, affine, bias, dtype)

    def forward(self, input: Node) -> Node:
        """`gc.nn.group_norm` with the layer's weight and bias."""
        check_count(input, self.num_channels, "GroupNorm")
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def _describe(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


class _InstanceNorm(_ChannelNorm):
    """`gc.nn.instance_norm` for inputs with some number of positional axes."""

    rank: int
    """The number of positional axes."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.num_features = check_size(num_features, "num_features", self)
        if track_running_stats:
            raise UnsupportedError(
                "statistics of instances are not tracked",
                node=type(self).__name__,
                hint="gc.nn.instance_norm(x, mean, var, use_input_stats=False)",
            )
        self.eps = eps
        self.momentum = momentum
        self._start(self.num_features, affine, bias, dtype)

    def forward(self, input: Node) -> Node:
        """`gc.nn.instance_norm` with the layer's weight and bias."""
        if input.ndim not in (self.rank + 1, self.rank + 2):
            raise ShapeError(
                f"requires input of shape (batch, channels) and {self.rank} more, or "
                f"without a batch, got {format_shape(input.shape)}",
                node=type(self).__name__,
            )
        channels = input.ndim - self.rank - 1
        check_count(input, self.num_features, type(self).__name__, channels)
        batch = input if channels else expand_dims(input, 0)
        output = instance_norm(batch, weight=self.weight, bias=self.bias, eps=self.eps)
        return output if channels else squeeze(output, 0)

    def _describe(self) -> str:
        return f"{self.num_features}, eps={self.eps}"


class InstanceNorm1d(_InstanceNorm):
    """`gc.nn.instance_norm` of lines, by default without weight and bias.

    Args:
        num_features: the number of channels, which are axis 1 of inputs.
        eps: added to the variance.
        momentum: the share of a batch in running statistics.
        affine: True for a weight that starts at 1 and a bias that starts at 0.
        track_running_stats: False.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        UnsupportedError: running statistics are asked for.

    >>> import graphc as gc
    >>> gc.nn.InstanceNorm1d(6)(gc.input("x", ("batch", 6, 8)))
    <instance_norm float32 (batch, 6, 8)>
    """

    kind = "instance_norm"
    rank = 1


class InstanceNorm2d(_InstanceNorm):
    """`gc.nn.instance_norm` of pictures, by default without weight and bias.

    Args:
        num_features: the number of channels, which are axis 1 of inputs.
        eps: added to the variance.
        momentum: the share of a batch in running statistics.
        affine: True for a weight that starts at 1 and a bias that starts at 0.
        track_running_stats: False.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        UnsupportedError: running statistics are asked for.

    >>> import graphc as gc
    >>> gc.nn.InstanceNorm2d(6)(gc.input("x", ("batch", 6, 8, 8)))
    <instance_norm float32 (batch, 6, 8, 8)>
    """

    kind = "instance_norm"
    rank = 2


class InstanceNorm3d(_InstanceNorm):
    """`gc.nn.instance_norm` of volumes, by default without weight and bias.

    Args:
        num_features: the number of channels, which are axis 1 of inputs.
        eps: added to the variance.
        momentum: the share of a batch in running statistics.
        affine: True for a weight that starts at 1 and a bias that starts at 0.
        track_running_stats: False.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        UnsupportedError: running statistics are asked for.

    >>> import graphc as gc
    >>> gc.nn.InstanceNorm3d(6)(gc.input("x", ("batch", 6, 4, 8, 8)))
    <instance_norm float32 (batch, 6, 4, 8, 8)>
    """

    kind = "instance_norm"
    rank = 3
