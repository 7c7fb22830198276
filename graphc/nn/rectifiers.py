"""Relatives of the rectified linear unit: pieces joined at a bend.

At the bend itself each takes the derivative that torch takes.
"""

from __future__ import annotations

from ..errors import OptionError
from ..ir.node import Node
from ..ir.types import TensorType
from ..ops import exponential
from ..ops.arithmetic import clip, maximum, minimum, sign, where
from ..ops.source import ArrayLike
from ..ops.type_rules import floating
from .block import elementwise_block
from .layer import FunctionLayer


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
    vjp=_leaky_relu_vjp, options=({"negative_slope": 0.1}, {"negative_slope": -1.5})
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


def _elu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    alpha: float = out.attributes["alpha"]
    slope = exponential.exp(minimum(input, 0.0).named("negative_part"))
    if alpha != 1.0:
        below = (alpha * slope.named("decay")).named("slope_below")
        slope = where((input > 0.0).named("is_positive"), 1.0, below)
    return (g * slope.named("slope"),)


@elementwise_block(vjp=_elu_vjp, options=({"alpha": 1.5}, {"alpha": 1.0}))
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
    # 2*tanh(x/2) / (1 - tanh(x/2)) is exp(x) - 1, also to the last digit near 0, and
    # takes a fraction of the time of NumPy's expm1.
    negative_part = minimum(input, 0.0).named("negative_part")
    half = exponential.tanh((0.5 * negative_part).named("half_input")).named("half")
    complement = (1.0 - half).named("complement")
    below = ((2.0 * half).named("twice") / complement).named("below")
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


def _hardtanh_infer(input: TensorType, *, min_val: float, max_val: float) -> TensorType:
    if not min_val <= max_val:
        raise OptionError(f"requires min_val <= max_val, got {min_val} and {max_val}")
    return floating(input)


def _hardtanh_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    low, high = out.attributes["min_val"], out.attributes["max_val"]
    # Asked of the output, so that NaN passes the gradient on.
    above, below = (out != low).named("above"), (out != high).named("below")
    return (where((above & below).named("inside"), g, 0.0),)


@elementwise_block(
    infer=_hardtanh_infer,
    vjp=_hardtanh_vjp,
    options=({"min_val": -1.0, "max_val": 1.0},),
)
def hardtanh(input: ArrayLike, min_val: float = -1.0, max_val: float = 1.0) -> Node:
    """`input` bounded by `min_val` and `max_val`; at a bound the derivative is 0.

    Where `input` is NaN the gradient flows to it, as in `relu`.

    Args:
        input: floating, of any shape.
        min_val: the lower bound.
        max_val: the upper bound.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: the bounds are in the wrong order.

    Source: Collobert 2004, *Large scale machine learning*, section 6.2.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.hardtanh([-2.0, 0.5, 2.0]), {})
    array([-1. ,  0.5,  1. ])
    """
    return clip(input, min_val, max_val)


def relu6(input: ArrayLike) -> Node:
    """`min(max(input, 0), 6)`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.relu6([-2.0, 5.0, 8.0]), {})
    array([0., 5., 6.])
    """
    return hardtanh(input, 0.0, 6.0)
