"""Activation functions: elementwise blocks under torch's names.

Those whose textbook formula overflows or cancels are written in a form that does not,
and bring the derivative that follows from the output where that is cheaper.
"""

from __future__ import annotations

from ..errors import DTypeError
from ..ir.node import Node
from ..ir.op import Op
from ..ir.types import TensorType
from ..ops import exponential
from ..ops.arithmetic import absolute, maximum, negative, where
from ..ops.source import ArrayLike, as_node
from .checks import ELEMENTWISE_CASES, same_type

__all__ = ["relu", "sigmoid", "tanh"]


def _relu_infer(input: TensorType) -> TensorType:
    if input.dtype.kind == "b":
        raise DTypeError(f"requires numbers, got {input}")
    return input


RELU = Op(
    name="relu",
    inputs=("input",),
    infer=_relu_infer,
    kind="block",
    expand=lambda input: maximum(input, 0),
    vjp=lambda g, out, input: (where(out > 0, g, 0),),
    jvp="diagonal",
    cases=ELEMENTWISE_CASES,
)


def relu(input: ArrayLike) -> Node:
    """Rectified linear unit, `y = max(input, 0)`; its derivative at 0 is taken as 0.

    Args:
        input: numbers, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is boolean.

    Source: Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann
    machines".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.relu([-1.0, 0.0, 2.0]), {})
    array([0., 0., 2.])
    """
    return RELU(as_node(input))


def _sigmoid_expand(input: Node) -> Node:
    decay = exponential.exp(negative(absolute(input))).named("decay")
    return where(input >= 0.0, 1.0, decay) / (1.0 + decay)


SIGMOID = Op(
    name="sigmoid",
    inputs=("input",),
    infer=same_type,
    kind="block",
    expand=_sigmoid_expand,
    vjp=lambda g, out, input: (g * (out * (1.0 - out)),),
    jvp="diagonal",
    cases=ELEMENTWISE_CASES,
)


def sigmoid(input: ArrayLike) -> Node:
    """Logistic function, `y = 1 / (1 + exp(-input))`, without overflow.

    Computed as `1 / (1 + exp(-x))` for `x >= 0` and `exp(x) / (1 + exp(x))` below, so
    the small values of the left tail keep their digits. `dy/dx = y * (1 - y)`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`, in [0, 1].

    Raises:
        DTypeError: `input` is not floating.

    Source: Goodfellow et al. 2016, *Deep Learning*, section 3.10.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.sigmoid([-1e4, 0.0, 1e4]), {})
    array([0. , 0.5, 1. ])
    """
    return SIGMOID(as_node(input))


def tanh(input: ArrayLike) -> Node:
    """Hyperbolic tangent, elementwise: `gc.tanh` under the name that torch gives it too.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.tanh([0.0, 1e4]), {})
    array([0., 1.])
    """
    return exponential.tanh(input)
