"""Normalisation of activations by their own mean and variance."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import ShapeError
from ..ir.batching import shared_after
from ..ir.dims import as_shape, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case
from ..ir.types import TensorType
from ..ops.source import ArrayLike, as_node
from ..ops.type_rules import floating
from . import init
from .block import block
from .layer import Layer, check_size
from .standardize import (
    STANDARDIZE,
    affine_type,
    norm_gradients,
    norm_letters,
    scaled_and_shifted,
    written_norm,
)


def _layer_norm_infer(
    input: TensorType,
    weight: TensorType | None,
    bias: TensorType | None,
    *,
    axes: int,
    eps: float,
) -> TensorType:
    shape = input.shape[input.ndim - axes :]
    return affine_type(input, shape, eps, weight=weight, bias=bias)


def _last(input: Node, axes: int) -> tuple[int, ...]:
    return tuple(range(input.ndim - axes, input.ndim))


@block(
    name="layer_norm",
    infer=_layer_norm_infer,
    hyperparameters={"eps": "layer_norm_eps"},
    mathematics=Mathematics(
        written=lambda node: written_norm(
            node, _last(node.inputs[0], node.attributes["axes"])
        ),
        letters=lambda node: norm_letters(
            node, _last(node.inputs[0], node.attributes["axes"])
        ),
        gradients=lambda node: norm_gradients(
            node, _last(node.inputs[0], node.attributes["axes"])
        ),
    ),
    batch=shared_after(1),
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
    normalized = STANDARDIZE(input, axes=_last(input, axes), eps=eps)
    return scaled_and_shifted(normalized.named("normalized"), weight, bias)


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
    node, axes = _ends_in(input, normalized_shape, "layer_norm")
    return _layer_norm(node, weight, bias, axes=axes, eps=eps)


def _ends_in(
    input: ArrayLike, normalized_shape: Any, function: str
) -> tuple[Node, int]:
    """The input as a node, and the number of its axes that are normalised."""
    node = as_node(input)
    shape = as_shape(normalized_shape)
    axes = len(shape)
    if not axes or axes > node.ndim or node.shape[node.ndim - axes :] != shape:
        raise ShapeError(
            f"requires input whose last axes are {format_shape(shape)}, "
            f"got {format_shape(node.shape)}",
            node=f"{function}({node.describe()})",
        )
    return node, axes


def _rms_norm_infer(
    input: TensorType, weight: TensorType | None, *, axes: int, eps: float
) -> TensorType:
    return _layer_norm_infer(input, weight, None, axes=axes, eps=eps)


@block(
    name="rms_norm",
    infer=_rms_norm_infer,
    hyperparameters={"eps": "rms_norm_eps"},
    mathematics=Mathematics(
        written=lambda node: written_norm(
            node, _last(node.inputs[0], node.attributes["axes"]), centered=False
        ),
        letters=lambda node: norm_letters(
            node, _last(node.inputs[0], node.attributes["axes"]), centered=False
        ),
        gradients=lambda node: norm_gradients(
            node, _last(node.inputs[0], node.attributes["axes"]), centered=False
        ),
    ),
    batch=shared_after(1),
    cases=[
        Case(((3, 4), (4,)), {"axes": 1, "eps": 1e-5}),
        Case(((2, 3, 4),), {"axes": 2, "eps": 1e-5}),
    ],
)
def _rms_norm(
    input: ArrayLike, weight: ArrayLike = None, *, axes: int, eps: float
) -> Node:
    last = _last(input, axes)
    normalized = STANDARDIZE(input, axes=last, eps=eps, centered=False)
    return scaled_and_shifted(normalized.named("normalized"), weight)


def rms_norm(
    input: ArrayLike,
    normalized_shape: Any,
    weight: ArrayLike = None,
    eps: float | None = None,
) -> Node:
    """Each example divided by its root mean square over its last axes, then scaled.

    `y = x / sqrt(mean(x**2) + eps) * weight`

    Args:
        input: `(..., *normalized_shape)`, floating.
        normalized_shape: an integer, or the sizes of the last axes.
        weight: of shape `normalized_shape`, or None for ones.
        eps: added to the mean square; None for the spacing of numbers at 1 in the
            dtype of `input`.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError: `input` or weight does not end in `normalized_shape`.
        DTypeError: an array that is not floating.
        OptionError: `eps` is negative.

    Source: Zhang and Sennrich 2019, "Root mean square layer normalization".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.rms_norm([[1.0, 7.0]], 2), {})
    array([[0.2, 1.4]])
    """
    node, axes = _ends_in(input, normalized_shape, "rms_norm")
    if eps is None:
        eps = float(np.finfo(floating(node.type).dtype).eps)
    return _rms_norm(node, weight, axes=axes, eps=eps)


def _sizes(normalized_shape: Any, layer: Layer) -> tuple[int, ...]:
    several = isinstance(normalized_shape, list | tuple)
    sizes: tuple[Any, ...] = (normalized_shape,)
    if several:
        sizes = tuple(cast("tuple[Any, ...]", normalized_shape))
    return tuple(
        check_size(size, "a size of normalized_shape", layer) for size in sizes
    )


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
        self.normalized_shape = _sizes(normalized_shape, self)
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


class RMSNorm(Layer):
    """`gc.nn.rms_norm` with a weight that starts at 1.

    Args:
        normalized_shape: an integer, or the sizes of the last axes.
        eps: added to the mean square; None for the spacing of numbers at 1.
        elementwise_affine: True for a weight.
        name: the name of the output and prefix of the parameter.
        dtype: the dtype of the weight.

    >>> import graphc as gc
    >>> gc.nn.RMSNorm(8, name="norm")(gc.input("x", ("batch", 8)))
    <rms_norm 'norm' float32 (batch, 8)>
    """

    kind = "rms_norm"

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.normalized_shape = _sizes(normalized_shape, self)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self._declare("weight", self.normalized_shape, init.ones(), dtype)

    @property
    def weight(self) -> Node | None:
        """The scale, of shape `normalized_shape`, or None."""
        return self._parameter("weight")

    def forward(self, input: Node) -> Node:
        """`gc.nn.rms_norm` with the layer's weight."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def _describe(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )
