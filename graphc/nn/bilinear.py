"""The bilinear map of two vectors, as a function and as a layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case
from ..ir.types import TensorType
from ..ops.element_texts import at, elements, letters, over
from ..ops.linalg import matmul
from ..ops.products import VECDOT
from ..ops.shape import reshape, transpose
from ..ops.source import ArrayLike
from ..ops.type_rules import floating
from . import init
from .block import block
from .layer import Layer, check_size


def _infer(
    input1: TensorType, input2: TensorType, weight: TensorType, bias: TensorType | None
) -> TensorType:
    given = {"input1": input1, "input2": input2, "weight": weight}
    for name, part in given.items():
        floating(part, name)
    if weight.ndim != 3:
        raise ShapeError(
            "requires a weight of shape (out, in1, in2), "
            f"got {format_shape(weight.shape)}"
        )
    outputs, *sizes = weight.shape
    ends = [x.shape[-1] if x.shape else None for x in (input1, input2)]
    if ends != sizes or input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(
            f"requires inputs of shapes (..., {sizes[0]}) and (..., {sizes[1]}), alike "
            f"but for the last axis, got {format_shape(input1.shape)} and "
            f"{format_shape(input2.shape)}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ShapeError(
            f"requires a bias of shape {format_shape((outputs,))}, "
            f"got {format_shape(bias.shape)}"
        )
    dtypes = [x.dtype for x in (input1, input2, weight, bias) if x is not None]
    return TensorType(np.result_type(*dtypes), (*input1.shape[:-1], outputs))


def _elements(node: Node) -> str:
    *lead, o = letters(node.ndim)
    weight = f"weight[{o}, u, v] * {at('input2', [*lead, 'v'])}"
    body = over(f"{at('input1', [*lead, 'u'])} * {weight}", ["u", "v"])
    return elements(
        [*lead, o], body + (f" + bias[{o}]" if len(node.inputs) > 3 else "")
    )


@block(
    infer=_infer,
    mathematics=Mathematics(elements=_elements),
    cases=[
        Case(((3, 2), (3, 4), (5, 2, 4), (5,))),
        Case(((2, 3, 2), (2, 3, 4), (5, 2, 4))),
        Case(((2,), (4,), (5, 2, 4))),
    ],
)
def bilinear(
    input1: ArrayLike, input2: ArrayLike, weight: ArrayLike, bias: ArrayLike = None
) -> Node:
    """Bilinear map, `y[o] = input1 @ weight[o] @ input2 + bias[o]`.

    Args:
        input1: `(..., in1)`, floating.
        input2: `(..., in2)`.
        weight: `(out, in1, in2)`.
        bias: `(out,)`, or None for none.

    Returns:
        `(..., out)`.

    Raises:
        ShapeError: the numbers of features differ, or the weight has not three axes.
        DTypeError: an array that is not floating.

    Source: Tenenbaum and Freeman 2000, "Separating style and content with bilinear
    models".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.bilinear([2.0], [3.0], [[[4.0]], [[5.0]]]), {})
    array([24., 30.])
    """
    rows = product(input1.shape[:-1])
    first, second = (reshape(x, (rows, x.shape[-1])) for x in (input1, input2))
    by_output = matmul(first, weight).named("products_by_output")
    sums = VECDOT(by_output, second).named("sums_by_output")
    result = reshape(transpose(sums), (*input1.shape[:-1], weight.shape[0]))
    return result if bias is None else result + bias


class Bilinear(Layer):
    """`gc.nn.bilinear` with a weight and a bias of its own.

    Both start uniform on `[-1/sqrt(in1_features), 1/sqrt(in1_features))`, as in torch.

    Args:
        in1_features: the size of the last axis of the first input.
        in2_features: the size of the last axis of the second input.
        out_features: the size of the last axis of outputs.
        bias: True for a bias.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of both parameters.

    Raises:
        OptionError: a number of features that is not a positive integer.

    >>> import graphc as gc
    >>> layer = gc.nn.Bilinear(2, 3, 4, name="pair")
    >>> layer(gc.input("x", ("batch", 2)), gc.input("y", ("batch", 3)))
    <bilinear 'pair' float32 (batch, 4)>
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.in1_features = check_size(in1_features, "in1_features", self)
        self.in2_features = check_size(in2_features, "in2_features", self)
        self.out_features = check_size(out_features, "out_features", self)
        bound = 1.0 / math.sqrt(self.in1_features)
        start = init.uniform(-bound, bound)
        shape = (self.out_features, self.in1_features, self.in2_features)
        self._declare("weight", shape, start, dtype)
        if bias:
            self._declare("bias", shape[:1], start, dtype)

    @property
    def weight(self) -> Node:
        """`(out_features, in1_features, in2_features)`."""
        self._fix()
        return self._nodes["weight"]

    @property
    def bias(self) -> Node | None:
        """`(out_features,)`, or None."""
        return self._parameter("bias")

    def forward(self, input1: Node, input2: Node) -> Node:
        """`gc.nn.bilinear` with the layer's weight and bias."""
        return bilinear(input1, input2, self.weight, self.bias)

    def _describe(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={'bias' in self._nodes}"
        )
