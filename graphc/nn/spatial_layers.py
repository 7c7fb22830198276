"""Functions over spatial axes as layers: pooling, resampling, borders and shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ..errors import OptionError, UnsupportedError
from ..ir.node import Node
from ..ops.axes import normalize_axis
from ..ops.shape import reshape
from .adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
)
from .layer import FunctionLayer, Layer
from .pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .resampling import interpolate
from .shuffling import channel_shuffle, pixel_shuffle, pixel_unshuffle
from .unfolding import fold, unfold


def _without_indices(return_indices: Any, layer: FunctionLayer) -> None:
    if return_indices:
        function = type(layer).function.__name__
        raise UnsupportedError(
            "a layer has one output, got return_indices=True",
            node=type(layer).__name__,
            hint=f"gc.nn.{function}(..., return_indices=True)",
        )


class _MaxPool(FunctionLayer):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        _without_indices(return_indices, self)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode


class MaxPool1d(_MaxPool):
    """`gc.nn.max_pool1d` as a layer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.MaxPool1d(2)(gc.constant([[[1.0, 3.0, 2.0, 0.0]]])), {})
    array([[[3., 2.]]])
    """

    function = max_pool1d


class MaxPool2d(_MaxPool):
    """`gc.nn.max_pool2d` as a layer: maxima of windows that slide over images.

    >>> import graphc as gc
    >>> gc.nn.MaxPool2d(2)(gc.input("x", ("batch", 6, 24, 24)))
    <max_pool2d float32 (batch, 6, 12, 12)>
    """

    function = max_pool2d


class MaxPool3d(_MaxPool):
    """`gc.nn.max_pool3d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.MaxPool3d(2)(gc.input("x", ("batch", 3, 8, 8, 8)))
    <max_pool3d float32 (batch, 3, 4, 4, 4)>
    """

    function = max_pool3d


class AvgPool1d(FunctionLayer):
    """`gc.nn.avg_pool1d` as a layer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.AvgPool1d(2)(gc.constant([[[1.0, 3.0, 2.0, 0.0]]])), {})
    array([[[2., 1.]]])
    """

    function = avg_pool1d

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad


class _AvgPool(FunctionLayer):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPool):
    """`gc.nn.avg_pool2d` as a layer: means of windows that slide over images.

    >>> import graphc as gc
    >>> gc.nn.AvgPool2d(2)(gc.input("x", ("batch", 6, 24, 24)))
    <avg_pool2d float32 (batch, 6, 12, 12)>
    """

    function = avg_pool2d


class AvgPool3d(_AvgPool):
    """`gc.nn.avg_pool3d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.AvgPool3d(2)(gc.input("x", ("batch", 3, 8, 8, 8)))
    <avg_pool3d float32 (batch, 3, 4, 4, 4)>
    """

    function = avg_pool3d


class _LPPool(FunctionLayer):
    def __init__(
        self,
        norm_type: Any,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode


class LPPool1d(_LPPool):
    """`gc.nn.lp_pool1d` as a layer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.LPPool1d(2, 2)(gc.constant([[[3.0, 4.0, 0.0, 2.0]]])), {})
    array([[[5., 2.]]])
    """

    function = lp_pool1d


class LPPool2d(_LPPool):
    """`gc.nn.lp_pool2d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.LPPool2d(2, 2)(gc.input("x", ("batch", 3, 8, 8)))
    <power float32 (batch, 3, 4, 4)>
    """

    function = lp_pool2d


class LPPool3d(_LPPool):
    """`gc.nn.lp_pool3d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.LPPool3d(2, 2)(gc.input("x", ("batch", 3, 8, 8, 8)))
    <power float32 (batch, 3, 4, 4, 4)>
    """

    function = lp_pool3d


class _AdaptiveAvgPool(FunctionLayer):
    def __init__(self, output_size: Any, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.output_size = output_size


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`gc.nn.adaptive_avg_pool1d` as a layer.

    >>> import graphc as gc
    >>> x = gc.constant([[[1.0, 3.0, 2.0, 0.0]]])
    >>> gc.evaluate(gc.nn.AdaptiveAvgPool1d(2)(x), {})
    array([[[2., 1.]]])
    """

    function = adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """`gc.nn.adaptive_avg_pool2d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.AdaptiveAvgPool2d(1)(gc.input("x", ("batch", 6, 7, 7)))
    <adaptive_avg_pool2d float32 (batch, 6, 1, 1)>
    """

    function = adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`gc.nn.adaptive_avg_pool3d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.AdaptiveAvgPool3d(1)(gc.input("x", ("batch", 6, 7, 7, 7)))
    <adaptive_avg_pool3d float32 (batch, 6, 1, 1, 1)>
    """

    function = adaptive_avg_pool3d


class _AdaptiveMaxPool(FunctionLayer):
    def __init__(
        self,
        output_size: Any,
        return_indices: bool = False,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        _without_indices(return_indices, self)
        self.output_size = output_size


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`gc.nn.adaptive_max_pool1d` as a layer.

    >>> import graphc as gc
    >>> x = gc.constant([[[1.0, 3.0, 2.0, 0.0]]])
    >>> gc.evaluate(gc.nn.AdaptiveMaxPool1d(2)(x), {})
    array([[[3., 2.]]])
    """

    function = adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """`gc.nn.adaptive_max_pool2d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.AdaptiveMaxPool2d(1)(gc.input("x", ("batch", 6, 7, 7)))
    <adaptive_max_pool2d float32 (batch, 6, 1, 1)>
    """

    function = adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`gc.nn.adaptive_max_pool3d` as a layer.

    >>> import graphc as gc
    >>> gc.nn.AdaptiveMaxPool3d((1, 2, 2))(gc.input("x", ("batch", 6, 8, 8, 8)))
    <adaptive_max_pool3d float32 (batch, 6, 1, 2, 2)>
    """

    function = adaptive_max_pool3d


class Upsample(FunctionLayer):
    """`gc.nn.interpolate` as a layer: images of another size.

    >>> import graphc as gc
    >>> gc.nn.Upsample(scale_factor=2)(gc.input("x", ("batch", 3, 8, 8)))
    <interpolate float32 (batch, 3, 16, 16)>
    """

    function = interpolate

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor


class PixelShuffle(FunctionLayer):
    """`gc.nn.pixel_shuffle` as a layer: channels as pixels of a larger image.

    >>> import graphc as gc
    >>> gc.nn.PixelShuffle(2)(gc.input("x", ("batch", 12, 8, 8)))
    <pixel_shuffle float32 (batch, 3, 16, 16)>
    """

    function = pixel_shuffle

    def __init__(self, upscale_factor: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.upscale_factor = upscale_factor


class PixelUnshuffle(FunctionLayer):
    """`gc.nn.pixel_unshuffle` as a layer: pixels as channels of a smaller image.

    >>> import graphc as gc
    >>> gc.nn.PixelUnshuffle(2)(gc.input("x", ("batch", 3, 16, 16)))
    <pixel_unshuffle float32 (batch, 12, 8, 8)>
    """

    function = pixel_unshuffle

    def __init__(self, downscale_factor: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.downscale_factor = downscale_factor


class ChannelShuffle(FunctionLayer):
    """`gc.nn.channel_shuffle` as a layer: channels of groups taken in turn.

    >>> import graphc as gc
    >>> channels = gc.constant([[[0.0], [1.0], [2.0], [3.0]]])
    >>> gc.evaluate(gc.nn.ChannelShuffle(2)(channels), {}).ravel()
    array([0., 2., 1., 3.])
    """

    function = channel_shuffle

    def __init__(self, groups: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.groups = groups


class Unfold(FunctionLayer):
    """`gc.nn.unfold` as a layer: windows of images as columns.

    >>> import graphc as gc
    >>> gc.nn.Unfold(3)(gc.input("x", ("batch", 2, 5, 5)))
    <unfold float32 (batch, 18, 9)>
    """

    function = unfold

    def __init__(
        self,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride


class Fold(FunctionLayer):
    """`gc.nn.fold` as a layer: columns of windows added up where they came from.

    >>> import graphc as gc
    >>> gc.nn.Fold((5, 5), 3)(gc.input("x", ("batch", 18, 9)))
    <fold float32 (batch, 2, 5, 5)>
    """

    function = fold

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride


class Unflatten(Layer):
    """Axis `dim` split into several, in C order: the inverse of `Flatten`.

    Args:
        dim: the axis.
        unflattened_size: the sizes of the axes that take its place; one may be -1.

    >>> import graphc as gc
    >>> gc.nn.Unflatten(1, (16, 7, 7))(gc.input("x", ("batch", 784)))
    <reshape float32 (batch, 16, 7, 7)>
    """

    def __init__(
        self, dim: int, unflattened_size: Any, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not isinstance(unflattened_size, tuple | list) or not unflattened_size:
            raise OptionError(
                f"unflattened_size must be a tuple of sizes, got {unflattened_size!r}",
                node="Unflatten",
            )
        self.dim = dim
        sizes = cast("Sequence[Any]", unflattened_size)
        self.unflattened_size: tuple[Any, ...] = tuple(sizes)

    def forward(self, input: Node) -> Node:
        """`input` with the axis split."""
        axis = normalize_axis(self.dim, input.ndim, input, "dim")
        before, after = input.shape[:axis], input.shape[axis + 1 :]
        return reshape(input, (*before, *self.unflattened_size, *after))

    def _describe(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
