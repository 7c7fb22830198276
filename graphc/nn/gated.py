"""Gated activations: the input times a share of it that passes.

The share is a smooth step: the logistic function, the normal distribution, or, in
`glu`, the logistic function of the other half of the input.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Call, Case, Template
from ..ir.types import TensorType
from ..ops import exponential
from ..ops.arithmetic import minimum, square
from ..ops.axes import axis_of
from ..ops.clipping import clip
from ..ops.indexing import slice_axis
from ..ops.source import ArrayLike
from ..ops.special.quick_erfc import ERFC_HELPERS, QUICK_ERFC
from ..ops.type_rules import floating
from .activations import SIGMOID_HELPER, sigmoid
from .block import block, elementwise_block
from .layer import FunctionLayer


def _silu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    gate = sigmoid(input).named("gate")
    growth = (out * (1.0 - gate).named("complement")).named("gate_growth")
    return (g * (gate + growth).named("slope"),)


@elementwise_block(
    mathematics=Mathematics(formula="input * sigmoid(input)", is_known=True),
    vjp=_silu_vjp,
)
def silu(input: ArrayLike) -> Node:
    """Sigmoid-weighted linear unit (swish), `y = input * sigmoid(input)`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Elfwing et al. 2018, "Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.silu([0.0, 100.0]), {})
    array([  0., 100.])
    """
    return input * sigmoid(input).named("gate")


class SiLU(FunctionLayer):
    """`gc.nn.silu` as a layer: `input * sigmoid(input)`.

    >>> import graphc as gc
    >>> gc.nn.SiLU()(gc.input("x", ("batch", 3)))
    <silu float32 (batch, 3)>
    """

    function = silu


def _gelu_infer(input: TensorType, *, approximate: str) -> TensorType:
    if approximate not in ("none", "tanh"):
        raise OptionError(f'approximate must be "none" or "tanh", got {approximate!r}')
    return floating(input)


_LINEAR = 2.0 * math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715 * _LINEAR


def _gelu_gate(input: Node, approximate: str) -> Node:
    """The share of the input that passes: the normal distribution, or nearly."""
    if approximate == "none":
        return 0.5 * QUICK_ERFC((input * -math.sqrt(0.5)).named("scaled"))
    # (1 + tanh(x)) / 2 is sigmoid(2*x), which keeps the digits of its left tail.
    cubic = (_CUBIC * _squared(input)).named("cubic_part")
    return sigmoid((input * (cubic + _LINEAR).named("steepness")).named("exponent"))


def _squared(input: Node) -> Node:
    """The square; in float16, where 256 overflows, of a number whose gate is the same.

    The gate is 0 or 1 from 6 on, and 0 times infinity would be the NaN of a gradient.
    """
    if input.dtype == np.float16:
        input = clip(input, -8.0, 8.0).named("bounded")
    return square(input).named("squared")


def _gelu_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    approximate: str = out.attributes["approximate"]
    gate = _gelu_gate(input, approximate).named("gate")
    if approximate == "none":
        exponent = (-0.5 * square(input).named("squared")).named("exponent")
        bell = exponential.exp(exponent).named("bell")
        density = (bell / math.sqrt(2.0 * math.pi)).named("density")
        growth = (input * density).named("gate_growth")
        return (g * (gate + growth).named("slope"),)
    cubic = (3.0 * _CUBIC * _squared(input)).named("cubic_slope")
    exponent_slope = (cubic + _LINEAR).named("exponent_slope")
    spread = (out * (1.0 - gate).named("complement")).named("gate_spread")
    growth = (spread * exponent_slope).named("gate_growth")
    return (g * (gate + growth).named("slope"),)


def _gelu(x: Node) -> Node:
    return x * _gelu_gate(x, "none")


def _gelu_by_tanh(x: Node) -> Node:
    return x * _gelu_gate(x, "tanh")


def _gelu_slope(x: Node) -> Node:
    bell = exponential.exp(-0.5 * square(x))
    return _gelu_gate(x, "none") + x * (bell / math.sqrt(2.0 * math.pi))


def _of_precision(function: str) -> Template:
    """A call of a function for float32, or less, or of that for float64."""
    return lambda node: f"{function}{'' if node.dtype.itemsize <= 4 else '_double'}(x)"


def _gelu_helper(suffix: str) -> str:
    return f'''
def gelu{suffix}(x):
    """Return x * normal_cdf(x), a Gaussian error linear unit."""
    return x * normal_cdf{suffix}(x)
'''


def _cdf_helper(suffix: str) -> str:
    return f'''
def normal_cdf{suffix}(x):
    """Return the probability that a standard normal number is below x."""
    return 0.5 * erfc{suffix}(x * {-math.sqrt(0.5)!r})
'''


_CDF_HELPERS = (*ERFC_HELPERS, _cdf_helper(""), _cdf_helper("_double"))


def _slope_helper(suffix: str) -> str:
    return f'''
def gelu_slope{suffix}(x):
    """Return the derivative of gelu, normal_cdf(x) + x * density(x)."""
    density = np.exp(-0.5 * np.square(x)) / {math.sqrt(2.0 * math.pi)!r}
    return normal_cdf{suffix}(x) + x * density
'''


_GELU_BY_TANH = f'''
def gelu_by_tanh(x):
    """Return x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2."""
    return x * sigmoid(x * ({_CUBIC!r} * np.square(x) + {_LINEAR!r}))
'''


@elementwise_block(
    mathematics=Mathematics(
        formula=lambda node: (
            "input * normal_cdf(input)"
            if node.attributes["approximate"] == "none"
            else None
        ),
        slope=lambda node: (
            "normal_cdf(input) + input * normal_pdf(input)"
            if node.attributes["approximate"] == "none"
            else None
        ),
        is_known=True,
    ),
    infer=_gelu_infer,
    vjp=_gelu_vjp,
    calls=(
        Call(
            _of_precision("gelu"),
            (*_CDF_HELPERS, _gelu_helper(""), _gelu_helper("_double")),
            _gelu,
        ),
        Call(
            _of_precision("gelu_slope"),
            (*_CDF_HELPERS, _slope_helper(""), _slope_helper("_double")),
            _gelu_slope,
        ),
        Call(
            "gelu_by_tanh(x)",
            (SIGMOID_HELPER, _GELU_BY_TANH),
            _gelu_by_tanh,
        ),
    ),
    options=({"approximate": "none"}, {"approximate": "tanh"}),
)
def gelu(input: ArrayLike, approximate: str = "none") -> Node:
    """Gaussian error linear unit, `y = input * Phi(input)`.

    `Phi(x) = erfc(-x / sqrt(2)) / 2` is the normal distribution; `"tanh"` takes
    `(1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3))) / 2` for it.

    Args:
        input: floating, of any shape.
        approximate: `"none"` or `"tanh"`.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.
        OptionError: another `approximate`.

    Source: Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.gelu([-1.0, 0.0, 10.0]), {}).round(6)
    array([-0.158655,  0.      , 10.      ])
    """
    return input * _gelu_gate(input, approximate).named("gate")


class GELU(FunctionLayer):
    """`gc.nn.gelu` as a layer: `input * Phi(input)`, exactly or by tanh.

    >>> import graphc as gc
    >>> gc.nn.GELU()(gc.input("x", ("batch", 3)))
    <gelu float32 (batch, 3)>
    """

    function = gelu

    def __init__(self, approximate: str = "none", *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.approximate = approximate


def _mish_parts(input: Node) -> tuple[Node, Node, Node]:
    """The input, bounded where the gate is 1; the gate; and what it lacks of 1.

    With `w = exp(x)` and `n = w**2 + 2*w`, `tanh(log(1 + w))` is `n / (n + 2)`.
    """
    bound = 5.0 if input.dtype == np.float16 else 20.0
    bounded = minimum(input, bound).named("bounded")
    growth = exponential.exp(bounded).named("growth")
    square_less_one = (growth * (growth + 2.0).named("shifted")).named("odds")
    total = (square_less_one + 2.0).named("denominator")
    gate = (square_less_one / total).named("gate")
    return bounded, gate, (2.0 / total).named("complement")


def _mish_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    bounded, gate, complement = _mish_parts(input)
    steepness = ((1.0 + gate).named("one_and_gate") * complement).named("steepness")
    share = (bounded * sigmoid(bounded).named("share")).named("scaled_share")
    growth = (steepness * share).named("gate_growth")
    return (g * (gate + growth).named("slope"),)


@elementwise_block(
    mathematics=Mathematics(
        formula="input * tanh(log(1 + exp(input)))",
        is_known=True,
        slope="tanh(log(1 + exp(input))) + input * sigmoid(input)"
        " * (1 - tanh(log(1 + exp(input))) ** 2)",
    ),
    vjp=_mish_vjp,
)
def mish(input: ArrayLike) -> Node:
    """Self-regularised activation, `y = input * tanh(softplus(input))`.

    Args:
        input: floating, of any shape.

    Returns:
        An array of the type of `input`.

    Raises:
        DTypeError: `input` is not floating.

    Source: Misra 2020, "Mish: a self regularized non-monotonic activation function".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.mish([-1.0, 0.0, 100.0]), {}).round(6)
    array([ -0.303401,   0.      , 100.      ])
    """
    return input * _mish_parts(input)[1]


class Mish(FunctionLayer):
    """`gc.nn.mish` as a layer: `input * tanh(softplus(input))`.

    >>> import graphc as gc
    >>> gc.nn.Mish()(gc.input("x", ("batch", 3)))
    <mish float32 (batch, 3)>
    """

    function = mish


def _halved(input: TensorType, dim: int) -> int:
    """The axis that is halved."""
    axis = axis_of(input.shape, dim)
    size = input.shape[axis]
    if isinstance(size, int) and size % 2:
        raise ShapeError(
            f"requires an even size along dim {dim}, got {format_shape(input.shape)}"
        )
    return axis


def _glu_infer(input: TensorType, *, dim: int) -> TensorType:
    axis = _halved(floating(input), dim)
    shape = list(input.shape)
    shape[axis] = shape[axis] // 2
    return input.with_shape(tuple(shape))


@block(
    infer=_glu_infer,
    cases=(
        Case(((3, 4),), {"dim": -1}),
        Case(((2, 3, 2),), {"dim": 0}),
        Case(((0, 4),), {"dim": 1}),
    ),
)
def glu(input: ArrayLike, dim: int = -1) -> Node:
    """Gated linear unit, `a * sigmoid(b)` of the two halves of `input` along `dim`.

    Args:
        input: floating, with an even size along `dim`.
        dim: the axis that is halved.

    Returns:
        An array with half the size along `dim`.

    Raises:
        IndexRangeError: `dim` is not an axis of `input`.
        ShapeError: an odd size along `dim`.
        DTypeError: `input` is not floating.

    Source: Dauphin et al. 2017, "Language modeling with gated convolutional networks".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.glu([1.0, 2.0, 0.0, 0.0]), {})
    array([0.5, 1. ])
    """
    axis = _halved(input.type, dim)
    half = input.shape[axis] // 2
    passed = slice_axis(input, axis, 0, half).named("passed")
    scores = slice_axis(input, axis, half, input.shape[axis]).named("scores")
    return passed * sigmoid(scores).named("gate")


class GLU(FunctionLayer):
    """`gc.nn.glu` as a layer: half of the input, gated by the other half.

    >>> import graphc as gc
    >>> gc.nn.GLU()(gc.input("x", ("batch", 6)))
    <glu float32 (batch, 3)>
    """

    function = glu

    def __init__(self, dim: int = -1, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.dim = dim
