"""The affine map, in torch's layout of weights."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.dims import format_shape, product
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node
from .checks import floating


def _linear_infer(
    input: TensorType, weight: TensorType, *bias: TensorType
) -> TensorType:
    floating(input)
    floating(weight, "weight")
    if weight.ndim != 2:
        raise ShapeError(
            f"requires a weight of shape (out, in), got {format_shape(weight.shape)}"
        )
    outputs, inputs = weight.shape
    if not input.shape or input.shape[-1] != inputs:
        swapped = bool(input.shape) and input.shape[-1] == outputs
        raise ShapeError(
            f"requires input whose last axis has the {inputs} features that weight "
            f"{format_shape(weight.shape)} takes, got {format_shape(input.shape)}",
            hint="weight.T: the layout is (out, in), as torch's"
            if swapped
            else f"an input of shape (..., {inputs}), or a weight of another shape",
        )
    if bias and bias[0].shape != (outputs,):
        raise ShapeError(
            f"requires a bias of shape {format_shape((outputs,))}, "
            f"got {format_shape(bias[0].shape)}"
        )
    dtypes = [part.dtype for part in (input, weight, *bias)]
    return TensorType(np.result_type(*dtypes), (*input.shape[:-1], outputs))


def _linear_expand(input: Node, weight: Node, *bias: Node) -> Node:
    weighted = input @ weight.T
    return weighted.named("weighted") + bias[0] if bias else weighted


def _linear_vjp(
    g: Node, out: Node, input: Node, weight: Node, *bias: Node
) -> tuple[Node, ...]:
    # The product in this order has the layout of the weight: nothing is transposed.
    rows = product(input.shape[:-1])
    by_row = reshape(g, (rows, g.shape[-1]))
    d_weight = by_row.T @ reshape(input, (rows, input.shape[-1]))
    return (g @ weight, d_weight, *(g for _ in bias))


LINEAR = Op(
    name="linear",
    inputs=("input", "weight", "*bias"),
    infer=_linear_infer,
    expand=_linear_expand,
    vjp=_linear_vjp,
    cases=tuple(
        Case(shapes)
        for shapes in (
            ((3, 4), (2, 4), (2,)),
            ((3, 4), (2, 4)),
            ((4,), (2, 4), (2,)),
            ((2, 3, 4), (5, 4), (5,)),
            ((0, 4), (2, 4), (2,)),
        )
    ),
)


def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike = None) -> Node:
    """Affine map, `y = input @ weight.T + bias`.

    `y[..., o] = sum_i input[..., i] * weight[o, i] + bias[o]`

    Args:
        input: `(..., in)`, floating.
        weight: `(out, in)`: a row for each output, as torch keeps it.
        bias: `(out,)`, or None for none.

    Returns:
        `(..., out)`.

    Raises:
        ShapeError: the numbers of features differ, or the weight is no matrix.
        DTypeError: input or weight is not floating.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 64))
    >>> gc.nn.linear(x, gc.parameter("w", (10, 64)), gc.parameter("b", (10,)))
    <linear float32 (batch, 10)>
    """
    nodes = (as_node(input), as_node(weight))
    return LINEAR(*nodes) if bias is None else LINEAR(*nodes, as_node(bias))
