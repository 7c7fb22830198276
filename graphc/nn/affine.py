"""The affine map, as a function and as a layer, in torch's layout of weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.batching import shared_after
from ..ir.dims import format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case
from ..ir.types import TensorType
from ..ops.element_texts import LETTERS, at, elements, letters, over
from ..ops.shape import expand_dims, reshape
from ..ops.source import ArrayLike
from ..ops.type_rules import floating
from . import init
from .block import block
from .layer import Layer, check_size


def _linear_infer(
    input: TensorType, weight: TensorType, bias: TensorType | None
) -> TensorType:
    floating(input)
    floating(weight, "weight")
    if weight.ndim not in (1, 2):
        raise ShapeError(
            "requires a weight of shape (out, in), or (in,), "
            f"got {format_shape(weight.shape)}"
        )
    *outputs, inputs = weight.shape
    if not input.shape or input.shape[-1] != inputs:
        swapped = bool(input.shape) and [input.shape[-1]] == outputs
        raise ShapeError(
            f"requires input whose last axis has the {inputs} features that weight "
            f"{format_shape(weight.shape)} takes, got {format_shape(input.shape)}",
            hint="weight.T: the layout is (out, in), as torch's"
            if swapped
            else f"an input of shape (..., {inputs}), or a weight of another shape",
        )
    if bias is not None and bias.shape != tuple(outputs):
        raise ShapeError(
            f"requires a bias of shape {format_shape(tuple(outputs))}, "
            f"got {format_shape(bias.shape)}"
        )
    dtypes = [part.dtype for part in (input, weight, bias) if part is not None]
    return TensorType(np.result_type(*dtypes), (*input.shape[:-1], *outputs))


def _linear_vjp(
    g: Node, out: Node, input: Node, weight: Node, bias: Node | None
) -> tuple[Node, ...]:
    # The product in this order has the layout of the weight: nothing is transposed.
    rows = product(input.shape[:-1])
    by_row = reshape(g, (rows, *weight.shape[:-1]))
    d_weight = by_row.T @ reshape(input, (rows, input.shape[-1]))
    if weight.ndim == 1:
        return expand_dims(g, -1) * weight, d_weight, g
    return g @ weight, d_weight, g


def _linear_formula(node: Node) -> str | None:
    input, weight, *bias = node.inputs
    if input.ndim == 1:
        product = "weight @ input" if weight.ndim == 2 else "weight.T @ input"
    elif input.ndim == 2 and weight.ndim == 2:
        product = "input @ weight.T"
    else:
        return None
    return f"{product} + bias" if bias else product


def _linear_gradients(node: Node) -> tuple[str, ...]:
    input, weight, *_ = node.inputs
    if input.ndim == 1 and weight.ndim == 2:
        return "weight.T @ d", "d @ input.T", "d"
    if input.ndim == 2 and weight.ndim == 2:
        return "d @ weight", "d.T @ input", "sum(d, 0)"
    return ()


def _linear_elements(node: Node) -> str:
    input, _, *bias = node.inputs
    outer, k = letters(node.ndim), LETTERS[node.ndim]
    lead, own = outer[: input.ndim - 1], outer[input.ndim - 1 :]
    product = f"{at('weight', [*own, k])} * {at('input', [*lead, k])}"
    return elements(
        outer, over(product, [k]) + (f" + {at('bias', own)}" if bias else "")
    )


@block(
    mathematics=Mathematics(
        formula=_linear_formula,
        jacobians=lambda node: ("weight",) if node.ndim == 1 else (),
        gradients=_linear_gradients,
        elements=_linear_elements,
        is_plain=True,
    ),
    infer=_linear_infer,
    vjp=_linear_vjp,
    batch=shared_after(1),
    cases=[
        Case(shapes)
        for shapes in (
            ((3, 4), (2, 4), (2,)),
            ((3, 4), (2, 4)),
            ((4,), (2, 4), (2,)),
            ((2, 3, 4), (5, 4), (5,)),
            ((0, 4), (2, 4), (2,)),
            ((2, 3, 4), (4,), ()),
        )
    ],
)
def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike = None) -> Node:
    """Affine map, `y = input @ weight.T + bias`.

    `y[..., o] = sum_i input[..., i] * weight[o, i] + bias[o]`

    Args:
        input: `(..., in)`, floating.
        weight: `(out, in)`: a row for each output, as torch keeps it; or `(in,)` for
            one output that is not an axis.
        bias: `(out,)`, or `()`; None for none.

    Returns:
        `(..., out)`, or `(...,)`.

    Raises:
        ShapeError: the numbers of features differ, or the weight has more axes.
        DTypeError: input or weight is not floating.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 64))
    >>> gc.nn.linear(x, gc.parameter("w", (10, 64)), gc.parameter("b", (10,)))
    <linear float32 (batch, 10)>
    """
    weighted = input @ weight.T
    return weighted if bias is None else weighted.named("weighted") + bias


class Linear(Layer):
    """Affine map with a weight and a bias of its own, `y = input @ weight.T + bias`.

    Both start uniform on `[-1/sqrt(in_features), 1/sqrt(in_features))`, as in torch.

    Args:
        in_features: the size of the last axis of inputs.
        out_features: the size of the last axis of outputs.
        bias: True for a bias.
        weight_init: an array `(out, in)` or an initialiser of `gc.init`; those that
            scale by fans are told that the layout is `(out, in)`.
        bias_init: an array `(out,)` or an initialiser.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        OptionError: a number of features that is not a positive integer.
        NamingError: a name that is not an identifier.

    Source: the start is LeCun et al. 1998, "Efficient BackProp", up to a constant.

    >>> import graphc as gc
    >>> hidden = gc.nn.Linear(64, 32, name="hidden")
    >>> hidden(gc.input("x", ("batch", 64)))
    <linear 'hidden' float32 (batch, 32)>
    >>> hidden.parameters[0]
    <parameter 'hidden.weight' float32 (32, 64)>
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: Any = None,
        bias_init: Any = None,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.in_features = check_size(in_features, "in_features", self)
        self.out_features = check_size(out_features, "out_features", self)
        bound = 1.0 / math.sqrt(self.in_features)
        start = init.uniform(-bound, bound)
        if isinstance(weight_init, init.ScaledUniform | init.ScaledNormal):
            weight_init = replace(weight_init, layout="out_in")
        shape = (self.out_features, self.in_features)
        weight_start = start if weight_init is None else weight_init
        self._declare("weight", shape, weight_start, dtype)
        if bias:
            bias_start = start if bias_init is None else bias_init
            self._declare("bias", (self.out_features,), bias_start, dtype)
        elif bias_init is not None:
            raise OptionError(
                "bias_init was given for a layer without bias",
                node="Linear",
                hint="bias=True, or no bias_init",
            )

    @property
    def weight(self) -> Node:
        """`(out_features, in_features)`."""
        self._fix()
        return self._nodes["weight"]

    @property
    def bias(self) -> Node | None:
        """`(out_features,)`, or None."""
        return self._parameter("bias")

    def forward(self, input: Node) -> Node:
        """`gc.nn.linear` with the layer's weight and bias."""
        return linear(input, self.weight, self.bias)

    def _describe(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={'bias' in self._nodes}"
        )
