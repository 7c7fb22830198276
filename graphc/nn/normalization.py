"""Normalisation of activations by their own mean and variance."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import as_shape, format_shape
from ..ir.node import Node
from ..ir.op import Case
from ..ir.types import TensorType
from ..ops import reduction
from ..ops.arithmetic import sqrt, square
from ..ops.source import ArrayLike, as_node
from ..ops.type_rules import floating
from . import init
from .block import block
from .layer import Layer, check_size


def _layer_norm_infer(
    input: TensorType,
    weight: TensorType | None,
    bias: TensorType | None,
    *,
    axes: int,
    eps: float,
) -> TensorType:
    floating(input)
    if not eps >= 0.0:
        raise OptionError(f"eps must not be negative, got {eps!r}")
    normalized = input.shape[input.ndim - axes :]
    affine = {"weight": weight, "bias": bias}
    given = {name: part for name, part in affine.items() if part is not None}
    for name, part in given.items():
        floating(part, name)
        if part.shape != normalized:
            raise ShapeError(
                f"requires {name} of shape {format_shape(normalized)}, "
                f"got {format_shape(part.shape)}"
            )
    dtype = np.result_type(input.dtype, *(part.dtype for part in given.values()))
    return TensorType(dtype, input.shape)


def _last(input: Node, axes: int) -> tuple[int, ...]:
    return tuple(range(input.ndim - axes, input.ndim))


def _normalize(input: Node, axes: int, eps: float) -> tuple[Node, Node]:
    """The input with mean 0 and variance 1, and its standard deviation."""
    last = _last(input, axes)
    mean = reduction.mean(input, last, keepdims=True).named("mean")
    centered = (input - mean).named("centered")
    squares = square(centered).named("squares")
    variance = reduction.mean(squares, last, keepdims=True).named("variance")
    deviation = sqrt((variance + eps).named("variance_and_eps")).named("deviation")
    return (centered / deviation).named("normalized"), deviation


def _layer_norm_vjp(
    g: Node, out: Node, input: Node, weight: Node | None, bias: Node | None
) -> tuple[Node, ...]:
    axes, eps = out.attributes["axes"], out.attributes["eps"]
    normalized, deviation = _normalize(input, axes, eps)
    last = _last(input, axes)
    flow = g
    if weight is not None:
        flow = (g * weight).named("d_normalized")
    # What shifts or scales the whole input changes nothing, and is taken out.
    correlation = reduction.mean(flow * normalized, last, keepdims=True)
    mean_flow = reduction.mean(flow, last, keepdims=True).named("mean_flow")
    centered = (flow - mean_flow).named("centered_flow")
    scaling = (normalized * correlation.named("correlation")).named("scaling_flow")
    remaining = (centered - scaling).named("remaining_flow") / deviation
    # Sums over the axes before are left to the differentiator, as for any broadcast.
    return remaining, (g * normalized).named("weight_flow"), g


@block(
    name="layer_norm",
    infer=_layer_norm_infer,
    vjp=_layer_norm_vjp,
    cases=[
        Case(shapes, {"axes": axes, "parts": parts, "eps": 1e-5})
        for shapes, axes, parts in (
            (((3, 4), (4,), (4,)), 1, "weight bias"),
            (((3, 4),), 1, ""),
            (((2, 3, 4), (3, 4)), 2, "weight"),
            (((2, 3, 4), (4,)), 1, "bias"),
            (((0, 4), (4,), (4,)), 1, "weight bias"),
        )
    ],
)
def _layer_norm(
    input: ArrayLike,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    *,
    axes: int,
    eps: float,
) -> Node:
    result, _ = _normalize(input, axes, eps)
    if weight is not None:
        result = (result * weight).named("scaled")
    return result if bias is None else result + bias


def layer_norm(
    input: ArrayLike,
    normalized_shape: Any,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    eps: float = 1e-5,
) -> Node:
    """Each example brought to mean 0 and variance 1 over its last axes, then scaled.

    `y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias`, with the mean and the
    (biased) variance over the axes of `normalized_shape`.

    Args:
        input: `(..., *normalized_shape)`, floating.
        normalized_shape: an integer, or the sizes of the last axes.
        weight: of shape `normalized_shape`, or None for ones.
        bias: of shape `normalized_shape`, or None for zeros.
        eps: added to the variance.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError: `input`, weight or bias does not end in `normalized_shape`.
        DTypeError: an array that is not floating.
        OptionError: `eps` is negative.

    Source: Ba et al. 2016, "Layer normalization", equation 3.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.layer_norm([[1.0, 2.0, 3.0]], 3), {}).round(4)
    array([[-1.2247,  0.    ,  1.2247]])
    """
    node = as_node(input)
    shape = as_shape(normalized_shape)
    axes = len(shape)
    if axes == 0 or axes > node.ndim or node.shape[node.ndim - axes :] != shape:
        raise ShapeError(
            f"requires input whose last axes are {format_shape(shape)}, "
            f"got {format_shape(node.shape)}",
            node=f"layer_norm({node.describe()})",
        )
    return _layer_norm(node, weight, bias, axes=axes, eps=eps)


class LayerNorm(Layer):
    """`gc.nn.layer_norm` with a weight that starts at 1 and a bias that starts at 0.

    Args:
        normalized_shape: an integer, or the sizes of the last axes.
        eps: added to the variance.
        elementwise_affine: True for a weight and a bias.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    >>> import graphc as gc
    >>> gc.nn.LayerNorm(8, name="norm")(gc.input("x", ("batch", 8)))
    <layer_norm 'norm' float32 (batch, 8)>
    """

    kind = "layer_norm"

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        several = isinstance(normalized_shape, list | tuple)
        sizes: tuple[Any, ...] = (normalized_shape,)
        if several:
            sizes = tuple(cast("tuple[Any, ...]", normalized_shape))
        self.normalized_shape = tuple(
            check_size(size, "a size of normalized_shape", self) for size in sizes
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self._declare("weight", self.normalized_shape, init.ones(), dtype)
            if bias:
                self._declare("bias", self.normalized_shape, init.zeros(), dtype)

    @property
    def weight(self) -> Node | None:
        """The scale, of shape `normalized_shape`, or None."""
        return self._parameter("weight")

    @property
    def bias(self) -> Node | None:
        """The shift, of shape `normalized_shape`, or None."""
        return self._parameter("bias")

    def forward(self, input: Node) -> Node:
        """`gc.nn.layer_norm` with the layer's weight and bias."""
        return layer_norm(
            input, self.normalized_shape, self.weight, self.bias, self.eps
        )

    def _describe(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )
