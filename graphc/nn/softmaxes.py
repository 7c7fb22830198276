"""Softmax and its logarithm, shifted by the maximum so that no exponential overflows.

Both are written with the same steps (`shifted`, `exponentials`, `total`), so that a
program which needs both, as a loss and its gradient do, computes them once. A softmax
that someone wrote out as a quotient keeps the values that it has at infinities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import IndexRangeError, OptionError
from ..ir.batching import along_axes
from ..ir.dims import format_shape
from ..ir.facts import Formula, StableForm
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Application, Call, Case, Op, Template
from ..ir.types import TensorType
from ..ops import exponential, reduction
from ..ops.arithmetic import maximum, negative, where
from ..ops.axes import normalize_axis
from ..ops.comparison import isfinite
from ..ops.extrema import argmax, largest_along
from ..ops.products import VECDOT
from ..ops.random import standard_uniform
from ..ops.shape import expand_dims, reshape
from ..ops.source import ArrayLike, arange, as_node, astype, held_fixed, stop_gradient
from ..ops.type_rules import floating
from .layer import FunctionLayer
from .regularization import drawn


def _softmax_infer(input: TensorType, *, axis: int) -> TensorType:
    if not 0 <= axis < input.ndim:
        raise IndexRangeError(
            f"axis {axis} is out of range for shape {format_shape(input.shape)}"
        )
    return floating(input)


def shifted_exponentials(input: Node, axis: int) -> tuple[Node, Node, Node]:
    """`input` less its maximum along an axis, its exponentials, and their sum."""
    largest = largest_along(input, (axis,)).named("largest")
    shifted = (input - largest).named("shifted")
    exponentials = exponential.exp(shifted).named("exponentials")
    total = reduction.sum(exponentials, axis, keepdims=True).named("total")
    return shifted, exponentials, total


def _softmax_expand(input: Node, *, axis: int) -> Node:
    _, exponentials, total = shifted_exponentials(input, axis)
    return exponentials / total


def _softmax_quotient_expand(input: Node, *, axis: int) -> Node:
    largest = largest_along(input, (axis,)).named("largest")
    # Where one is infinite, `exp(x) / sum(exp(x))` is 0 for the others.
    shift = where(isfinite(largest).named("finite"), largest, 0.0).named("shift")
    shifted = (input - held_fixed(shift)).named("shifted")
    exponentials = exponential.exp(shifted).named("exponentials")
    total = reduction.sum(exponentials, axis, keepdims=True).named("total")
    return (exponentials / total).named("softmax")


def _softmax_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    mean = reduction.sum(g * out, out.attributes["axis"], keepdims=True)
    return ((g - mean.named("mean_flow")).named("centered_flow") * out,)


def _log_softmax_expand(input: Node, *, axis: int) -> Node:
    shifted, _, total = shifted_exponentials(input, axis)
    return shifted - exponential.log(total).named("log_total")


def _log_softmax_vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    axis = out.attributes["axis"]
    probabilities = SOFTMAX(input, axis=axis).named("probabilities")
    total = reduction.sum(g, axis, keepdims=True).named("total_flow")
    return (g - (probabilities * total).named("shares"),)


def _log_softmax_jvp(tangents: tuple[Any, ...], out: Node, input: Node) -> Node:
    axis = out.attributes["axis"]
    probabilities = SOFTMAX(input, axis=axis)
    mean = reduction.sum(probabilities * tangents[0], axis, keepdims=True)
    return tangents[0] - mean


def _along_any_axis(type: TensorType) -> Iterator[Application]:
    for axis in reversed(range(type.ndim)):
        if isinstance(type.shape[axis], int) and type.shape[axis]:
            yield (type,), {"axis": axis}


def _for_two_along_any_axis(type: TensorType) -> Iterator[Application]:
    for (each,), options in _along_any_axis(type):
        yield (each, each), options


def _softmax_backward(d_y: Node, y: Node, *, axis: int) -> Node:
    """The VJP, as it is where products along the last axis are summed at once."""
    if axis == y.ndim - 1:
        return (d_y - expand_dims(VECDOT(d_y, y), axis)) * y
    return (d_y - reduction.sum(d_y * y, axis, keepdims=True)) * y


def _call(function: str, *arguments: str) -> Template:
    """A call along an axis, which is told where it is not the last one."""

    def template(node: Node) -> str:
        is_last = node.attributes["axis"] == node.ndim - 1
        told = () if is_last else ("axis=axis",)
        return f"{function}({', '.join((*arguments, *told))})"

    return template


_SOFTMAX = '''
def softmax(x, axis=-1):
    """Return exp(x) / sum(exp(x)) along an axis, shifted so that nothing overflows."""
    exponentials = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)
'''

_SOFTMAX_BACKWARD = '''
def softmax_backward(d_y, y, axis=-1):
    """Return the gradient by x of y = softmax(x), (d_y - sum(d_y * y)) * y."""
    return (d_y - np.sum(d_y * y, axis=axis, keepdims=True)) * y
'''

_LOG_SOFTMAX_HELPER = '''
def log_softmax(x, axis=-1):
    """Return x - log(sum(exp(x))) along an axis, shifted so that nothing overflows."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
'''

_CASES = (
    Case(((3, 4),), {"axis": 1}),
    Case(((3, 4),), {"axis": 0}),
    Case(((4,),), {"axis": 0}),
    Case(((2, 3, 4),), {"axis": 1}),
    Case(((0, 4),), {"axis": 1}),
)

SOFTMAX = Op(
    name="softmax",
    mathematics=Mathematics(
        formula="exp(input) / sum(exp(input), axis, True)",
        is_known=True,
        abbreviation="p",
        jacobians=lambda node: ("diag(out) - out @ out.T",) if node.ndim == 1 else (),
        gradients=lambda node: (
            ("out * (d - out.T @ d)",) if node.ndim == 1 else (None,)
        ),
    ),
    inputs=("input",),
    infer=_softmax_infer,
    stable_form=StableForm(Formula.SOFTMAX),
    expand=_softmax_expand,
    batch=along_axes,
    vjp=_softmax_vjp,
    # The Jacobian is symmetric.
    jvp=lambda tangents, out, input: _softmax_vjp(tangents[0], out, input)[0],
    calls=(
        Call(
            _call("softmax", "input"),
            (_SOFTMAX,),
            _softmax_expand,
            _along_any_axis,
        ),
        Call(
            _call("softmax_backward", "d_y", "y"),
            (_SOFTMAX_BACKWARD,),
            _softmax_backward,
            _for_two_along_any_axis,
        ),
    ),
    cases=_CASES,
)

LOG_SOFTMAX = Op(
    name="log_softmax",
    mathematics=Mathematics(
        formula="log(softmax(input, axis=axis))",
        gradients=("d - softmax(input, axis=axis) * sum(d, axis, True)",),
    ),
    inputs=("input",),
    infer=_softmax_infer,
    stable_form=StableForm(Formula.LOG_SOFTMAX),
    expand=_log_softmax_expand,
    batch=along_axes,
    vjp=_log_softmax_vjp,
    jvp=_log_softmax_jvp,
    calls=(
        Call(
            _call("log_softmax", "input"),
            (_LOG_SOFTMAX_HELPER,),
            _log_softmax_expand,
            _along_any_axis,
        ),
    ),
    cases=_CASES,
)

SOFTMAX_QUOTIENT = Op(
    name="softmax_quotient",
    inputs=("input",),
    infer=_softmax_infer,
    stable_form=StableForm(Formula.SOFTMAX_QUOTIENT),
    expand=_softmax_quotient_expand,
    batch=along_axes,
    vjp=_softmax_vjp,
    jvp=lambda tangents, out, input: _softmax_vjp(tangents[0], out, input)[0],
    cases=_CASES,
)


def _converted(input: ArrayLike, dtype: Any) -> Node:
    return as_node(input) if dtype is None else astype(as_node(input), dtype)


def softmax(input: ArrayLike, dim: int, dtype: Any = None) -> Node:
    """Probabilities in proportion to exponentials along `dim`.

    `y_i = exp(x_i - max(x)) / sum_j exp(x_j - max(x))`

    Args:
        input: floating, of any shape with at least one axis.
        dim: the axis along which the result sums to 1.
        dtype: the dtype to convert `input` to before; None for its own.

    Returns:
        An array of the shape of `input`.

    Raises:
        IndexRangeError: `dim` is not an axis of `input`.
        DTypeError: `input` is not floating.

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification
    network outputs"; the shift: Goodfellow et al. 2016, *Deep Learning*, section 4.1.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.softmax([0.0, 0.0, 1e4, 1e4], dim=0), {})
    array([0. , 0. , 0.5, 0.5])
    """
    node = _converted(input, dtype)
    return SOFTMAX(node, axis=normalize_axis(dim, node.ndim, node, "dim"))


class Softmax(FunctionLayer):
    """`gc.nn.softmax` as a layer: probabilities along `dim`.

    >>> import graphc as gc
    >>> gc.nn.Softmax(dim=1)(gc.input("x", ("batch", 3)))
    <softmax float32 (batch, 3)>
    """

    function = softmax

    def __init__(self, dim: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.dim = dim


def log_softmax(input: ArrayLike, dim: int, dtype: Any = None) -> Node:
    """Logarithm of `softmax`, exact where the probability itself would be 0.

    `y_i = (x_i - max(x)) - log(sum_j exp(x_j - max(x)))`

    Args:
        input: floating, of any shape with at least one axis.
        dim: the axis along which the exponentials of the result sum to 1.
        dtype: the dtype to convert `input` to before; None for its own.

    Returns:
        An array of the shape of `input`.

    Raises:
        IndexRangeError: `dim` is not an axis of `input`.
        DTypeError: `input` is not floating.

    Source: Goodfellow et al. 2016, *Deep Learning*, section 4.1.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.log_softmax([0.0, 1000.0], dim=0), {})
    array([-1000.,     0.])
    """
    node = _converted(input, dtype)
    return LOG_SOFTMAX(node, axis=normalize_axis(dim, node.ndim, node, "dim"))


class LogSoftmax(FunctionLayer):
    """`gc.nn.log_softmax` as a layer: log-probabilities along `dim`.

    >>> import graphc as gc
    >>> gc.nn.LogSoftmax(dim=1)(gc.input("x", ("batch", 3)))
    <log_softmax float32 (batch, 3)>
    """

    function = log_softmax

    def __init__(self, dim: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.dim = dim


def softmin(input: ArrayLike, dim: int, dtype: Any = None) -> Node:
    """Probabilities in proportion to exponentials of `-input` along `dim`.

    Args:
        input: floating, of any shape with at least one axis.
        dim: the axis along which the result sums to 1.
        dtype: the dtype to convert `input` to before; None for its own.

    Returns:
        An array of the shape of `input`.

    Raises:
        IndexRangeError: `dim` is not an axis of `input`.
        DTypeError: `input` is not floating.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.softmin([0.0, 0.0, 1e4, 1e4], dim=0), {})
    array([0.5, 0.5, 0. , 0. ])
    """
    return softmax(negative(input), dim, dtype)


class Softmin(FunctionLayer):
    """`gc.nn.softmin` as a layer: probabilities along `dim`.

    >>> import graphc as gc
    >>> gc.nn.Softmin(dim=1)(gc.input("x", ("batch", 3)))
    <softmax float32 (batch, 3)>
    """

    function = softmin

    def __init__(self, dim: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.dim = dim


def gumbel_softmax(
    logits: ArrayLike,
    tau: float = 1.0,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
) -> Node:
    """A sample of classes that gradients flow through: a softmax of noisy logits.

    `y = softmax((logits + g) / tau)` with `g = -log(e)`, `e` exponential noise, drawn
    anew in every run, in evaluation too. The largest is class `c` with the probability
    `softmax(logits)[c]`.

    Args:
        logits: `(..., classes)`, floating.
        tau: the temperature, positive: near 0 samples are nearly one-hot.
        hard: True for one-hot samples, with the gradient of soft ones.
        eps: taken and ignored, as by torch.
        dim: the axis of the classes.

    Returns:
        An array of the type of `logits`.

    Raises:
        OptionError: `tau` is not positive.
        IndexRangeError: `dim` is not an axis of `logits`.
        DTypeError: `logits` are not floating.

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax".

    >>> import graphc as gc
    >>> gc.nn.gumbel_softmax(gc.input("logits", ("batch", 3)), hard=True)
    <add float32 (batch, 3)>
    """
    node = as_node(logits)
    axis = normalize_axis(dim, node.ndim, node, "dim")
    if not tau > 0.0:
        raise OptionError(
            f"tau must be positive, got {tau!r}",
            node=f"gumbel_softmax({node.describe()})",
        )
    shares = drawn(standard_uniform(node.shape, node.dtype), "share")
    # The least number above 0 stands for 0, whose logarithm is infinite.
    least = float(np.finfo(node.dtype).tiny)
    waiting = maximum(negative(exponential.log1p(negative(shares))), least)
    noisy = node - exponential.log(waiting)
    soft = SOFTMAX(noisy / tau, axis=axis)
    if not hard:
        return soft
    largest = argmax(soft, axis, keepdims=True)
    classes = reshape(arange(node.shape[axis]), (-1, *(1,) * (node.ndim - axis - 1)))
    one_hot = (classes == largest).astype(node.dtype)
    return stop_gradient(one_hot - soft) + soft
