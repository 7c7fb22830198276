"""Activation functions: elementwise blocks under torch's names.

Those whose textbook formula overflows or cancels are written in a form that does not,
and bring the derivative that follows from the output where that is cheaper.
"""

from __future__ import annotations

import numpy as np

from ..errors import DTypeError, OptionError
from ..ir.facts import Formula, StableForm
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Call
from ..ir.types import TensorType
from ..ops import exponential
from ..ops.arithmetic import (
    absolute,
    maximum,
    minimum,
    negative,
    sign,
    square,
    where,
)
from ..ops.source import ArrayLike
from ..ops.type_rules import floating
from .block import elementwise_block
from .layer import FunctionLayer


def _relu_infer(input: TensorType) -> TensorType:
    if input.dtype.kind == "b":
        raise DTypeError(f"requires numbers, got {input}")
    return input


@elementwise_block(
    mathematics=Mathematics(
        formula="Max(0, input)", slope="indicator(input > 0)", is_known=True
    ),
    infer=_relu_infer,
    vjp=lambda g, out, input: (where((out != 0).named("active"), g, 0),),
)
def relu(input: ArrayLike) -> Node:
    """Rectified linear unit, `y = max(input, 0)`; its derivative at 0 is taken as 0.

    Where `input` is NaN the gradient flows to it, as in torch.

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
    return maximum(input, 0)


class ReLU(FunctionLayer):
    """`gc.nn.relu` as a layer: `max(input, 0)`.

    >>> import graphc as gc
    >>> gc.nn.ReLU()(gc.input("x", ("batch", 3)))
    <relu float32 (batch, 3)>
    """

    function = relu


def _sigmoid_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    complement = (1.0 - out).named("complement")
    return (g * (out * complement).named("slope"),)


SIGMOID_HELPER = '''
def sigmoid(x):
    """Return 1 / (1 + exp(-x)); where it is 1 to the last place, exp does not grow."""
    growth = np.exp(np.minimum(x, 11.0 if x.dtype == np.float16 else 50.0))
    return growth / (growth + 1.0)
'''


@elementwise_block(
    mathematics=Mathematics(
        formula="1 / (1 + exp(-input))",
        symbol="σ",
        slope="out * (1 - out)",
        is_known=True,
    ),
    vjp=_sigmoid_vjp,
    stable_form=StableForm(Formula.SIGMOID),
    calls=(Call("sigmoid(x)", (SIGMOID_HELPER,)),),
)
def sigmoid(input: ArrayLike) -> Node:
    """Logistic function, `y = 1 / (1 + exp(-input))`, without overflow.

    Computed as `exp(x) / (1 + exp(x))`, so the small values of the left tail keep their
    digits, with `x` bounded where `y` is 1 to the last place. `dy/dx = y * (1 - y)`.

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
    # The sigmoid of the bound rounds to 1, and its exponential does not overflow yet.
    bound = 11.0 if input.dtype == np.float16 else 50.0
    bounded = minimum(input, bound).named("bounded")
    growth = exponential.exp(bounded).named("growth")
    return growth / (growth + 1.0).named("denominator")


class Sigmoid(FunctionLayer):
    """`gc.nn.sigmoid` as a layer: `1 / (1 + exp(-input))`.

    >>> import graphc as gc
    >>> gc.nn.Sigmoid()(gc.input("x", ("batch", 3)))
    <sigmoid float32 (batch, 3)>
    """

    function = sigmoid


def tanh(input: ArrayLike) -> Node:
    """Hyperbolic tangent, elementwise, the same as `gc.tanh`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.tanh([0.0, 1e4]), {})
    array([0., 1.])
    """
    return exponential.tanh(input)


class Tanh(FunctionLayer):
    """`gc.nn.tanh` as a layer.

    >>> import graphc as gc
    >>> gc.nn.Tanh()(gc.input("x", ("batch", 3)))
    <tanh float32 (batch, 3)>
    """

    function = tanh


def _log_tail_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    exponent = negative(absolute(input).named("magnitude")).named("exponent")
    share = sigmoid(exponent).named("decaying_share")
    return (g * (negative(sign(input)).named("minus_sign") * share).named("slope"),)


@elementwise_block(
    mathematics=Mathematics(formula="log(1 + exp(-abs(input)))"),
    vjp=_log_tail_vjp,
    calls=(Call("np.log1p(np.exp(-np.absolute(x)))"),),
)
def log_tail(input: ArrayLike) -> Node:
    """`log(1 + exp(-abs(input)))`, exact where the exponential is small."""
    magnitude = absolute(input).named("magnitude")
    decay = exponential.exp(negative(magnitude).named("exponent")).named("decay")
    grown = (1.0 + decay).named("grown")
    # The logarithm misses what rounding took from its argument, which is added. NumPy's
    # log1p needs no such help, and takes five times as long.
    lost = decay - (grown - 1.0).named("rounded_decay")
    return exponential.log(grown).named("log_grown") + lost.named("lost_digits")


def _softplus_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    beta: float = out.attributes["beta"]
    threshold: float | None = out.attributes["threshold"]
    scaled = input if beta == 1.0 else (input * beta).named("scaled")
    flow = g * sigmoid(scaled).named("slope")
    if not _is_bent(input, beta, threshold):
        return (flow,)
    is_straight = (scaled > threshold).named("is_straight")
    return (where(is_straight, g, flow.named("bent_flow")),)


def _is_bent(input: Node, beta: float, threshold: float | None) -> bool:
    """True where the threshold changes a value, to the last digit."""
    if threshold is None:
        return False
    return beta != 1.0 or threshold < 20.0 or input.dtype.itemsize > 4


def _plain_softplus(x: Node) -> Node:
    return maximum(x, 0.0) + log_tail(x)


def _mirrored_softplus(x: Node) -> Node:
    return maximum(negative(x), 0.0) + log_tail(x)


_SOFTPLUS = '''
def softplus(x):
    """Return log(1 + exp(x)), without overflow."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.absolute(x)))
'''


def _softplus_formula(node: Node) -> str | None:
    beta, threshold = node.attributes["beta"], node.attributes.get("threshold")
    if threshold is not None and threshold < 20.0:
        return None
    return "log(1 + exp(input))" if beta == 1.0 else "log(1 + exp(beta * input)) / beta"


def _softplus_infer(
    input: TensorType, *, beta: float, threshold: float | None
) -> TensorType:
    if not beta > 0.0:
        raise OptionError(f"beta must be positive, got {beta!r}")
    return floating(input)


@elementwise_block(
    mathematics=Mathematics(
        formula=_softplus_formula,
        slope=lambda node: "sigmoid(beta * input)" if _softplus_formula(node) else None,
        is_known=True,
    ),
    infer=_softplus_infer,
    vjp=_softplus_vjp,
    calls=(
        Call("softplus(x)", (_SOFTPLUS,), _plain_softplus),
        Call("softplus(-x)", (_SOFTPLUS,), _mirrored_softplus),
    ),
    options=({"beta": 1.0, "threshold": None}, {"beta": 2.0, "threshold": 1.0}),
    stable_form=StableForm(Formula.SOFTPLUS, {"beta": 1.0, "threshold": None}),
)
def softplus(input: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> Node:
    """A smooth `relu`, `y = log(1 + exp(beta * input)) / beta`, without overflow.

    Args:
        input: floating, of any shape.
        beta: how sharply it bends, positive.
        threshold: where `beta * input` is above it, `y = input`, as torch has it.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: `beta` is not positive.

    Source: Dugas et al. 2001, "Incorporating second-order functional knowledge for
    better option pricing".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.softplus([-1000.0, 0.0, 1000.0]), {})
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    scaled = input if beta == 1.0 else (input * beta).named("scaled")
    value = maximum(scaled, 0.0).named("positive_part") + log_tail(scaled).named("tail")
    if beta != 1.0:
        value = value.named("scaled_value") / beta
    if not _is_bent(input, beta, threshold):
        return value
    is_straight = (scaled > threshold).named("is_straight")
    return where(is_straight, input, value.named("bent_value"))


class Softplus(FunctionLayer):
    """`gc.nn.softplus` as a layer: `log(1 + exp(beta * input)) / beta`.

    >>> import graphc as gc
    >>> gc.nn.Softplus()(gc.input("x", ("batch", 3)))
    <softplus float32 (batch, 3)>
    """

    function = softplus

    def __init__(
        self, beta: float = 1.0, threshold: float = 20.0, *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.beta = beta
        self.threshold = threshold


def _logsigmoid_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    return (g * sigmoid(negative(input)).named("slope"),)


def _plain_log_sigmoid(x: Node) -> Node:
    return minimum(x, 0.0) - log_tail(x)


def _mirrored_log_sigmoid(x: Node) -> Node:
    return minimum(negative(x), 0.0) - log_tail(x)


_LOG_SIGMOID = '''
def log_sigmoid(x):
    """Return -log(1 + exp(-x)), without overflow."""
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.absolute(x)))
'''


@elementwise_block(
    mathematics=Mathematics(formula="log(sigmoid(input))"),
    vjp=_logsigmoid_vjp,
    stable_form=StableForm(Formula.LOG_SIGMOID),
    calls=(
        Call("log_sigmoid(x)", (_LOG_SIGMOID,), _plain_log_sigmoid),
        Call("log_sigmoid(-x)", (_LOG_SIGMOID,), _mirrored_log_sigmoid),
    ),
)
def logsigmoid(input: ArrayLike) -> Node:
    """Logarithm of `sigmoid`, `y = -log(1 + exp(-input))`, exact in both tails.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`, at most 0.

    Raises:
        DTypeError: `input` is not floating.

    Source: Goodfellow et al. 2016, *Deep Learning*, equation 3.38.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.logsigmoid([-1000.0, 1000.0]), {})
    array([-1000.,     0.])
    """
    return minimum(input, 0.0).named("negative_part") - log_tail(input).named("tail")


class LogSigmoid(FunctionLayer):
    """`gc.nn.logsigmoid` as a layer: `log(sigmoid(input))`.

    >>> import graphc as gc
    >>> gc.nn.LogSigmoid()(gc.input("x", ("batch", 3)))
    <logsigmoid float32 (batch, 3)>
    """

    function = logsigmoid


def _softsign_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    size = (1.0 + absolute(input).named("magnitude")).named("one_and_magnitude")
    return (g / square(size).named("squared_size"),)


@elementwise_block(vjp=_softsign_vjp)
def softsign(input: ArrayLike) -> Node:
    """`y = input / (1 + abs(input))`, in (-1, 1); `dy/dx = 1 / (1 + abs(x))**2`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.softsign([-1.0, 0.0, 3.0]), {})
    array([-0.5 ,  0.  ,  0.75])
    """
    magnitude = absolute(input).named("magnitude")
    return input / (1.0 + magnitude).named("one_and_magnitude")


class Softsign(FunctionLayer):
    """`gc.nn.softsign` as a layer: `input / (1 + abs(input))`.

    >>> import graphc as gc
    >>> gc.nn.Softsign()(gc.input("x", ("batch", 3)))
    <softsign float32 (batch, 3)>
    """

    function = softsign


@elementwise_block(
    vjp=lambda g, out, input: (
        g * square(exponential.tanh(input).named("tanh")).named("slope"),
    )
)
def tanhshrink(input: ArrayLike) -> Node:
    """The input less its hyperbolic tangent, `y = x - tanh(x)`; `dy/dx = tanh(x)**2`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.tanhshrink([-50.0, 0.0, 2.0]), {}).round(6)
    array([-49.      ,   0.      ,   1.035972])
    """
    return input - exponential.tanh(input).named("tanh")


class Tanhshrink(FunctionLayer):
    """`gc.nn.tanhshrink` as a layer: `input - tanh(input)`.

    >>> import graphc as gc
    >>> gc.nn.Tanhshrink()(gc.input("x", ("batch", 3)))
    <tanhshrink float32 (batch, 3)>
    """

    function = tanhshrink
