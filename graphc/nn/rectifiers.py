"""Relatives of the rectified linear unit: pieces joined at a bend.

At the bend itself each takes the derivative that torch takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import broadcast_shapes, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops import exponential
from ..ops.arithmetic import maximum, minimum, sign, where
from ..ops.random import drawn, standard_uniform
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node
from ..ops.type_rules import floating
from .block import elementwise_block
from .init import constant as constant_start
from .layer import FunctionLayer, Layer, check_size
from .regularization import RANDOM_SCALE


def _is_larger_above_zero(negative_slope: float) -> bool:
    """True where `max(input, negative_slope * input)` is the leaky rectifier."""
    return 0.0 < negative_slope <= 1.0


def _leaky_relu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    negative_slope: float = out.attributes["negative_slope"]
    if _is_larger_above_zero(negative_slope):
        return (g * maximum(sign(input), negative_slope).named("slope"),)
    is_positive = (input > 0.0).named("is_positive")
    return (where(is_positive, g, (negative_slope * g).named("scaled_flow")),)


@elementwise_block(
    mathematics=Mathematics(
        formula="Piecewise((input, input > 0), (negative_slope * input, True))"
    ),
    vjp=_leaky_relu_vjp,
    options=({"negative_slope": 0.1}, {"negative_slope": -1.5}),
)
def leaky_relu(input: ArrayLike, negative_slope: float = 0.01) -> Node:
    """Leaky rectified linear unit, `y = input` above 0, `negative_slope * input` below.

    Args:
        input: floating, of any shape.
        negative_slope: the derivative below 0, and at 0.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic
    models".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.leaky_relu([-2.0, 0.0, 2.0], 0.5), {})
    array([-1.,  0.,  2.])
    """
    scaled = (negative_slope * input).named("scaled")
    if _is_larger_above_zero(negative_slope):
        return maximum(input, scaled)
    return where((input > 0.0).named("is_positive"), input, scaled)


class LeakyReLU(FunctionLayer):
    """`gc.nn.leaky_relu` as a layer: `input`, with a slope below 0.

    >>> import graphc as gc
    >>> gc.nn.LeakyReLU()(gc.input("x", ("batch", 3)))
    <leaky_relu float32 (batch, 3)>
    """

    function = leaky_relu

    def __init__(
        self, negative_slope: float = 0.01, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.negative_slope = negative_slope


def _growth(x: Node) -> Node:
    """`exp(x) - 1` where `x` is at most 0."""
    # 2*tanh(x/2) / (1 - tanh(x/2)) is exp(x) - 1, also to the last digit near 0, and
    # takes a fraction of the time of NumPy's expm1.
    half = exponential.tanh((0.5 * x).named("half_input")).named("half")
    complement = (1.0 - half).named("complement")
    return ((2.0 * half).named("twice") / complement).named("below")


def _elu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    alpha: float = out.attributes["alpha"]
    slope = exponential.exp(minimum(input, 0.0).named("negative_part"))
    if alpha != 1.0:
        below = (alpha * slope.named("decay")).named("slope_below")
        slope = where((input > 0.0).named("is_positive"), 1.0, below)
    return (g * slope.named("slope"),)


@elementwise_block(
    mathematics=Mathematics(
        formula="Piecewise((input, input > 0), (alpha * (exp(input) - 1), True))"
    ),
    vjp=_elu_vjp,
    options=({"alpha": 1.5}, {"alpha": 1.0}),
)
def elu(input: ArrayLike, alpha: float = 1.0) -> Node:
    """Exponential linear unit, `input` above 0 and `alpha * (exp(input) - 1)` below.

    Args:
        input: floating, of any shape.
        alpha: minus the value that large negative inputs approach.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Clevert et al. 2016, "Fast and accurate deep network learning by exponential
    linear units (ELUs)".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.elu([-1e4, 0.0, 1e4]), {})
    array([-1.e+00,  0.e+00,  1.e+04])
    """
    below = _growth(minimum(input, 0.0).named("negative_part"))
    if alpha != 1.0:
        below = (alpha * below).named("scaled_below")
    # One of the two is 0.
    return maximum(input, 0.0).named("positive_part") + below


class ELU(FunctionLayer):
    """`gc.nn.elu` as a layer: `input`, or `alpha * (exp(input) - 1)` below 0.

    >>> import graphc as gc
    >>> gc.nn.ELU()(gc.input("x", ("batch", 3)))
    <elu float32 (batch, 3)>
    """

    function = elu

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = alpha


def _celu_infer(input: TensorType, *, alpha: float) -> TensorType:
    if not alpha > 0.0:
        raise OptionError(f"alpha must be positive, got {alpha!r}")
    return floating(input)


def _scaled_below(input: Node, alpha: float) -> Node:
    below = minimum(input, 0.0).named("negative_part")
    return below if alpha == 1.0 else (below / alpha).named("exponent")


def _celu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    below = _scaled_below(input, out.attributes["alpha"])
    return (g * exponential.exp(below).named("slope"),)


@elementwise_block(
    mathematics=Mathematics(
        formula="Piecewise((input, input > 0), "
        "(alpha * (exp(input / alpha) - 1), True))"
    ),
    infer=_celu_infer,
    vjp=_celu_vjp,
    options=({"alpha": 1.5}, {"alpha": 1.0}),
)
def celu(input: ArrayLike, alpha: float = 1.0) -> Node:
    """`input` above 0, `alpha * (exp(input / alpha) - 1)` below: an `elu` with slope 1.

    Args:
        input: floating, of any shape.
        alpha: minus the value that large negative inputs approach, positive.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: `alpha` is not positive.

    Source: Barron 2017, "Continuously differentiable exponential linear units".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.celu([-1e4, 0.0, 1e4], alpha=2.0), {})
    array([-2.e+00,  0.e+00,  1.e+04])
    """
    below = _growth(_scaled_below(input, alpha))
    if alpha != 1.0:
        below = (alpha * below).named("scaled_growth")
    return maximum(input, 0.0).named("positive_part") + below


class CELU(FunctionLayer):
    """`gc.nn.celu` as a layer: `input`, or `alpha * (exp(input / alpha) - 1)` below 0.

    >>> import graphc as gc
    >>> gc.nn.CELU()(gc.input("x", ("batch", 3)))
    <celu float32 (batch, 3)>
    """

    function = celu

    def __init__(self, alpha: float = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.alpha = alpha


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@elementwise_block()
def selu(input: ArrayLike) -> Node:
    """Self-normalising unit, `scale * elu(input, alpha)`.

    With `scale = 1.0507...` and `alpha = 1.6732...` mean 0 and variance 1 of the inputs
    are a fixed point of layers whose weights start with `gc.init.lecun_normal()`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.selu([-1e4, 0.0, 1.0]), {}).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return SELU_SCALE * elu(input, SELU_ALPHA).named("unscaled")


class SELU(FunctionLayer):
    """`gc.nn.selu` as a layer.

    >>> import graphc as gc
    >>> gc.nn.SELU()(gc.input("x", ("batch", 3)))
    <selu float32 (batch, 3)>
    """

    function = selu


def _prelu_infer(input: TensorType, weight: TensorType) -> TensorType:
    floating(input)
    floating(weight, "weight")
    dtype = np.result_type(input.dtype, weight.dtype)
    return TensorType(dtype, broadcast_shapes(input.shape, weight.shape))


def _prelu_expand(input: Node, weight: Node) -> Node:
    scaled = (weight * input).named("scaled")
    return where((input > 0.0).named("is_positive"), input, scaled)


def _prelu_vjp(g: Node, out: Node, input: Node, weight: Node) -> tuple[Node, Node]:
    is_positive = (input > 0.0).named("is_positive")
    flow = where(is_positive, g, (weight * g).named("scaled_flow"))
    return flow, g * minimum(input, 0.0).named("negative_part")


PRELU = Op(
    name="prelu",
    inputs=("input", "weight"),
    infer=_prelu_infer,
    expand=_prelu_expand,
    vjp=_prelu_vjp,
    jvp="diagonal",
    cases=(Case(((2, 3, 2), (3, 1))), Case(((3, 4), (4,))), Case(((0, 4), ()))),
)


def prelu(input: ArrayLike, weight: ArrayLike) -> Node:
    """Rectifier with a slope to be learned: `input` above 0, `weight * input` below.

    Args:
        input: floating, of any shape.
        weight: `(1,)`, or `(channels,)` for the channels along axis 1.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError: a weight of another shape.
        DTypeError: an array that is not floating.

    Source: He et al. 2015, "Delving deep into rectifiers".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.prelu([-2.0, 3.0], [0.1]), {})
    array([-0.2,  3. ])
    """
    x = as_node(input)
    slopes = as_node(weight, x.dtype)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.ndim > 1 or slopes.size not in (1, channels):
        raise ShapeError(
            f"requires a weight of shape (1,), or one for each of the {channels} "
            f"channels, which are axis 1 of input {format_shape(x.shape)}, "
            f"got {format_shape(slopes.shape)}",
            node=f"prelu({x.describe()})",
        )
    spread = () if slopes.size == 1 else (-1, *(1,) * (x.ndim - 2))
    return PRELU(x, reshape(slopes, spread))


class PReLU(Layer):
    """`gc.nn.prelu` with a weight of its own.

    Args:
        num_parameters: 1, or the number of channels, which are axis 1 of inputs.
        init: the start of all slopes.
        name: the name of the output and prefix of the parameter.
        dtype: the dtype of the weight.

    >>> import graphc as gc
    >>> gc.nn.PReLU(name="act")(gc.input("x", ("batch", 3)))
    <prelu 'act' float32 (batch, 3)>
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.num_parameters = check_size(num_parameters, "num_parameters", self)
        self._declare("weight", (self.num_parameters,), constant_start(init), dtype)

    @property
    def weight(self) -> Node:
        """`(num_parameters,)`."""
        self._fix()
        return self._nodes["weight"]

    def forward(self, input: Node) -> Node:
        """`gc.nn.prelu` with the layer's weight."""
        return prelu(input, self.weight)

    def _describe(self) -> str:
        return f"num_parameters={self.num_parameters}"


def rrelu(
    input: ArrayLike,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
) -> Node:
    """Leaky rectifier whose slope below 0 is drawn anew for each element.

    `y = input` above 0 and `a * input` below, with `a` uniform on `[lower, upper)` in
    training and `(lower + upper) / 2` in evaluation.

    Args:
        input: floating, of any shape.
        lower: the lower bound of slopes.
        upper: the upper bound of slopes.
        training: True to draw; a trainer evaluates with the mean slope.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: `lower` is above `upper`.

    Source: Xu et al. 2015, "Empirical evaluation of rectified activations in
    convolutional network".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.rrelu([-8.0, 8.0], 0.1, 0.4), {})
    array([-2.,  8.])
    """
    node = as_node(input)
    low, high = float(lower), float(upper)
    if not low <= high:
        raise OptionError(
            f"requires lower <= upper, got {lower} and {upper}",
            node=f"rrelu({node.describe()})",
        )
    if not training:
        return leaky_relu(node, (low + high) / 2)
    shares = drawn(standard_uniform(node.shape, node.dtype), "share", node)
    scaled = RANDOM_SCALE(node, shares, lower=low, upper=high)
    return where((node > 0.0), node, scaled)


class RReLU(Layer):
    """`gc.nn.rrelu` as a layer, always of training: a trainer evaluates without chance.

    >>> import graphc as gc
    >>> gc.nn.RReLU(name="act")(gc.input("x", ("batch", 3)))
    <where 'act' float32 (batch, 3)>
    """

    def __init__(
        self,
        lower: float = 1.0 / 8,
        upper: float = 1.0 / 3,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Node) -> Node:
        """`gc.nn.rrelu` of training."""
        return rrelu(input, self.lower, self.upper, training=True)

    def _describe(self) -> str:
        return f"lower={self.lower}, upper={self.upper}"
