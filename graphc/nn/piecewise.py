"""Activations of straight pieces: bounded, shrunk towards 0, or switched by a bound.

At a bend itself each takes the derivative that torch takes, and NaN passes through.
"""

from __future__ import annotations

from ..errors import OptionError
from ..ir.node import Node
from ..ir.types import TensorType
from ..ops.arithmetic import absolute, where
from ..ops.clipping import clip
from ..ops.source import ArrayLike
from ..ops.type_rules import floating
from .block import elementwise_block
from .layer import FunctionLayer


def _flow_between(g: Node, out: Node, low: float, high: float) -> Node:
    """The cotangent where the output is between its bounds, and 0 at them."""
    # Asked of the output, so that NaN passes the gradient on.
    above, below = (out != low).named("above"), (out != high).named("below")
    return where((above & below).named("inside"), g, 0.0)


def _hardtanh_infer(input: TensorType, *, min_val: float, max_val: float) -> TensorType:
    if not min_val <= max_val:
        raise OptionError(f"requires min_val <= max_val, got {min_val} and {max_val}")
    return floating(input)


def _hardtanh_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    bounds = out.attributes["min_val"], out.attributes["max_val"]
    return (_flow_between(g, out, *bounds),)


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


class Hardtanh(FunctionLayer):
    """`gc.nn.hardtanh` as a layer: the input, bounded.

    >>> import graphc as gc
    >>> gc.nn.Hardtanh()(gc.input("x", ("batch", 3)))
    <hardtanh float32 (batch, 3)>
    """

    function = hardtanh

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.min_val = min_val
        self.max_val = max_val


@elementwise_block(vjp=lambda g, out, input: (_flow_between(g, out, 0.0, 6.0),))
def relu6(input: ArrayLike) -> Node:
    """`min(max(input, 0), 6)`; at 0 and 6 the derivative is 0.

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
    return clip(input, 0.0, 6.0)


class ReLU6(FunctionLayer):
    """`gc.nn.relu6` as a layer: `min(max(input, 0), 6)`.

    >>> import graphc as gc
    >>> gc.nn.ReLU6()(gc.input("x", ("batch", 3)))
    <relu6 float32 (batch, 3)>
    """

    function = relu6


@elementwise_block()
def hardsigmoid(input: ArrayLike) -> Node:
    """A sigmoid of straight pieces, `y = relu6(input + 3) / 6`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`, in [0, 1].

    Raises:
        DTypeError: `input` is not floating.

    Source: Courbariaux et al. 2015, "BinaryConnect"; the slope: Howard et al. 2019,
    "Searching for MobileNetV3".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.hardsigmoid([-4.0, 0.0, 4.0]), {})
    array([0. , 0.5, 1. ])
    """
    return relu6((input + 3.0).named("shifted")).named("bounded") / 6.0


class Hardsigmoid(FunctionLayer):
    """`gc.nn.hardsigmoid` as a layer: `relu6(input + 3) / 6`.

    >>> import graphc as gc
    >>> gc.nn.Hardsigmoid()(gc.input("x", ("batch", 3)))
    <hardsigmoid float32 (batch, 3)>
    """

    function = hardsigmoid


@elementwise_block()
def hardswish(input: ArrayLike) -> Node:
    """A `silu` of straight pieces as gate, `y = input * relu6(input + 3) / 6`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.hardswish([-4.0, 1.5, 4.0]), {})
    array([-0.   ,  1.125,  4.   ])
    """
    return input * hardsigmoid(input).named("gate")


class Hardswish(FunctionLayer):
    """`gc.nn.hardswish` as a layer: `input * relu6(input + 3) / 6`.

    >>> import graphc as gc
    >>> gc.nn.Hardswish()(gc.input("x", ("batch", 3)))
    <hardswish float32 (batch, 3)>
    """

    function = hardswish


@elementwise_block(
    vjp=lambda g, out, input: (
        where((absolute(input) <= out.attributes["lambd"]).named("is_small"), 0.0, g),
    ),
    options=({"lambd": 0.5},),
)
def hardshrink(input: ArrayLike, lambd: float = 0.5) -> Node:
    """`input` where it is farther from 0 than `lambd`, and 0 elsewhere.

    Args:
        input: floating, of any shape.
        lambd: the distance, at which the result and its derivative are 0.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Donoho and Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.hardshrink([-2.0, 0.5, 0.75]), {})
    array([-2.  ,  0.  ,  0.75])
    """
    is_small = (absolute(input).named("magnitude") <= lambd).named("is_small")
    return where(is_small, 0.0, input)


class Hardshrink(FunctionLayer):
    """`gc.nn.hardshrink` as a layer: small inputs made 0.

    >>> import graphc as gc
    >>> gc.nn.Hardshrink()(gc.input("x", ("batch", 3)))
    <hardshrink float32 (batch, 3)>
    """

    function = hardshrink

    def __init__(self, lambd: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.lambd = lambd


def _softshrink_infer(input: TensorType, *, lambd: float) -> TensorType:
    if not lambd >= 0.0:
        raise OptionError(f"lambd must not be negative, got {lambd!r}")
    return floating(input)


@elementwise_block(
    infer=_softshrink_infer,
    vjp=lambda g, out, input: (where((out != 0.0).named("is_left"), g, 0.0),),
    options=({"lambd": 0.5},),
)
def softshrink(input: ArrayLike, lambd: float = 0.5) -> Node:
    """`input` moved towards 0 by `lambd`, and 0 where it is nearer than that.

    `y = input - min(max(input, -lambd), lambd)`

    Args:
        input: floating, of any shape.
        lambd: the distance, not negative; at it the derivative is 0.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: `lambd` is negative.

    Source: Donoho 1995, "De-noising by soft-thresholding".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.softshrink([-2.0, 0.5, 0.75]), {})
    array([-1.5 ,  0.  ,  0.25])
    """
    return input - clip(input, -lambd, lambd).named("near_part")


class Softshrink(FunctionLayer):
    """`gc.nn.softshrink` as a layer: inputs moved towards 0.

    >>> import graphc as gc
    >>> gc.nn.Softshrink()(gc.input("x", ("batch", 3)))
    <softshrink float32 (batch, 3)>
    """

    function = softshrink

    def __init__(self, lambd: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.lambd = lambd


def _threshold_infer(
    input: TensorType, *, threshold: float, value: float
) -> TensorType:
    return floating(input)


@elementwise_block(
    infer=_threshold_infer,
    vjp=lambda g, out, input: (
        where((input <= out.attributes["threshold"]).named("is_replaced"), 0.0, g),
    ),
    options=({"threshold": 0.3, "value": -1.0},),
)
def threshold(input: ArrayLike, threshold: float, value: float) -> Node:
    """`input` where it is above `threshold`, and `value` elsewhere.

    Args:
        input: floating, of any shape.
        threshold: the bound, at which the result is `value` and its derivative 0.
        value: what takes the place of elements that are not above.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.threshold([0.1, 2.0], 0.5, 20.0), {})
    array([20.,  2.])
    """
    return where((input <= threshold).named("is_replaced"), value, input)


class Threshold(FunctionLayer):
    """`gc.nn.threshold` as a layer: inputs up to a bound replaced.

    >>> import graphc as gc
    >>> gc.nn.Threshold(0.1, 20.0)(gc.input("x", ("batch", 3)))
    <threshold float32 (batch, 3)>
    """

    function = threshold

    def __init__(
        self, threshold: float, value: float, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.threshold = threshold
        self.value = value
