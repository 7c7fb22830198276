"""Losses of numbers: the distance of an output from its target, elementwise."""

from __future__ import annotations

import numpy as np

from ...errors import GraphcError, OptionError, ShapeError
from ...ir.dims import Shape, broadcast_shapes, format_shape
from ...ir.hyperparameters import Hyperparameter
from ...ir.node import Node
from ...ir.op import Case, Op
from ...ir.types import TensorType, is_floating
from ...ops.arithmetic import absolute, minimum, negative, square
from ...ops.clipping import clip
from ...ops.source import ArrayLike, as_node, astype
from ...ops.type_rules import floating
from ..block import block
from .reduction import check_reduction, reduce_losses, share_of


def pair_infer(
    input: TensorType, target: TensorType, *, reduction: str, **_: float
) -> TensorType:
    """The type rule of a loss that compares two arrays, element by element."""
    floating(input)
    floating(target, "target")
    check_reduction(reduction)
    check_fits(input, target)
    dtype = np.result_type(input.dtype, target.dtype)
    return TensorType(dtype, input.shape if reduction == "none" else ())


def _weighted_infer(
    input: TensorType, target: TensorType, weight: TensorType | None, *, reduction: str
) -> TensorType:
    result = pair_infer(input, target, reduction=reduction)
    if weight is None:
        return result
    _check_weight(input, weight)
    return TensorType(np.result_type(result.dtype, weight.dtype), result.shape)


def _check_weight(input: TensorType, weight: TensorType) -> None:
    floating(weight, "weight")
    if weight.shape != input.shape:
        raise ShapeError(
            f"requires a weight of the shape of input {format_shape(input.shape)}, "
            f"got {format_shape(weight.shape)}"
        )


def _reduce_weighted(losses: Node, weight: Node | None, reduction: str) -> Node:
    """The losses as asked for; a mean of weighted ones is over the sum of weights."""
    if weight is not None:
        losses = (losses * weight).named("weighted_losses")
    return reduce_losses(losses, reduction, weight)


def check_fits(input: TensorType, other: TensorType, what: str = "target") -> None:
    """Raise unless `other` has the shape of `input`, or broadcasts to it.

    A target that would broadcast the input is refused: `(batch, 1)` against `(batch,)`
    compares every pair of examples, which nobody means.
    """
    shape: Shape | None
    try:
        shape = broadcast_shapes(input.shape, other.shape)
    except GraphcError:
        shape = None
    if shape != input.shape:
        raise ShapeError(
            f"requires {what} of the shape of input {format_shape(input.shape)}, or "
            f"one that broadcasts to it, got {format_shape(other.shape)}",
            hint="gc.squeeze, gc.expand_dims or gc.reshape on one of them",
        )


def numeric_pair(input: ArrayLike, target: ArrayLike) -> tuple[Node, Node]:
    """Both as nodes; integer targets in the dtype of `input`, Python numbers too."""
    x = as_node(input)
    y = as_node(target, x.dtype)
    if not is_floating(y.dtype) and is_floating(x.dtype):
        y = astype(y, x.dtype)
    return x, y


PAIR_CASES = tuple(
    Case(shapes, {"reduction": reduction})
    for shapes, reduction in (
        (((3, 4), (3, 4)), "mean"),
        (((3, 4), (4,)), "none"),
        (((), ()), "sum"),
        (((0, 3), (0, 3)), "sum"),
    )
)
"""Applications of a loss of two arrays in generated tests."""


def _error(input: Node, target: Node) -> Node:
    return (input - target).named("error")


_WEIGHTED_CASE = Case(((3, 4), (3, 4), (3, 4)), {"reduction": "mean"}, low=0.1)


@block(
    infer=_weighted_infer, operands=numeric_pair, cases=(*PAIR_CASES, _WEIGHTED_CASE)
)
def mse_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    weight: ArrayLike = None,
) -> Node:
    """Mean squared error, `mean((input - target)**2)`.

    Args:
        input: floating, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.
        weight: a factor for each element, of the shape of `input`; a mean is then over
            the sum of weights.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equation 1.2 (as a
    sum, and halved).

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.mse_loss([1.0, 2.0], [0.0, 4.0]), {})
    array(2.5)
    """
    squares = square(_error(input, target)).named("squares")
    return _reduce_weighted(squares, weight, reduction)


@block(infer=_weighted_infer, operands=numeric_pair, cases=PAIR_CASES)
def l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    weight: ArrayLike = None,
) -> Node:
    """Mean absolute error, `mean(abs(input - target))`; its derivative at 0 is 0.

    Args:
        input: floating, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.
        weight: a factor for each element, of the shape of `input`; a mean is then over
            the sum of weights.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Hastie et al. 2009, *The Elements of Statistical Learning*, section 10.6.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.l1_loss([1.0, 2.0], [0.0, 4.0]), {})
    array(1.5)
    """
    distance = absolute(_error(input, target)).named("distance")
    return _reduce_weighted(distance, weight, reduction)


def _huber_expand(
    input: Node, target: Node, *, reduction: str, delta: float, scale: float
) -> Node:
    distance = absolute(_error(input, target)).named("distance")
    # distance**2 / 2 near 0, and delta * (distance - delta / 2) beyond the bend.
    bent = minimum(distance, delta).named("bent")
    losses = bent * (distance - (0.5 * bent).named("half_bent")).named("height")
    if isinstance(scale, Hyperparameter) or scale != 1.0:
        losses = losses.named("unscaled_losses") / scale
    return reduce_losses(losses.named("losses"), reduction)


def _huber_vjp(g: Node, out: Node, input: Node, target: Node) -> tuple[Node, Node]:
    delta, scale = out.attributes["delta"], out.attributes["scale"]
    pull = clip(_error(input, target), -delta, delta).named("pull")
    if isinstance(scale, Hyperparameter) or scale != 1.0:
        pull = (pull / scale).named("scaled_pull")
    flow = share_of(g, out, input) * pull
    return flow, negative(flow)


def _huber_infer(
    input: TensorType, target: TensorType, *, reduction: str, delta: float, scale: float
) -> TensorType:
    if not delta > 0.0:
        raise OptionError(
            f"the bend of the loss must be positive, got {delta!r}",
            hint="l1_loss, which has no round part",
        )
    return pair_infer(input, target, reduction=reduction)


HUBER_LOSS = Op(
    name="huber_loss",
    inputs=("input", "target"),
    infer=_huber_infer,
    expand=_huber_expand,
    vjp=_huber_vjp,
    cases=(
        *(
            Case(c.shapes, {**c.attributes, "delta": 0.5, "scale": 1.0})
            for c in PAIR_CASES
        ),
        Case(((3, 4), (3, 4)), {"reduction": "mean", "delta": 0.5, "scale": 0.5}),
    ),
)


def huber_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: ArrayLike = None,
) -> Node:
    """Squared error near the target, absolute error far from it.

    With `d = abs(input - target)`: `d**2 / 2` where `d < delta`, and
    `delta * (d - delta / 2)` elsewhere.

    Args:
        input: floating, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.
        delta: where the loss turns from square to straight, positive.
        weight: a factor for each element, of the shape of `input`; a mean is over the
            number of elements all the same, as torch's.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`, or a `delta` that is not positive.

    Source: Huber 1964, "Robust estimation of a location parameter".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.huber_loss([1.0, 2.0], [0.5, 4.0], reduction="none"), {})
    array([0.125, 1.5  ])
    """
    pair = numeric_pair(input, target)
    options = {"delta": Hyperparameter.called("delta", float(delta)), "scale": 1.0}
    if weight is None:
        return HUBER_LOSS(*pair, reduction=reduction, **options)
    check_reduction(reduction)
    factors = as_node(weight, pair[0].dtype)
    _check_weight(pair[0].type, factors.type)
    losses = HUBER_LOSS(*pair, reduction="none", **options) * factors
    return reduce_losses(losses, reduction)


def smooth_l1_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Node:
    """Absolute error, rounded off near the target: `huber_loss(delta=beta) / beta`.

    With `d = abs(input - target)`: `d**2 / (2 * beta)` where `d < beta`, and
    `d - beta / 2` elsewhere.

    Args:
        input: floating, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.
        beta: where the loss turns from square to straight; 0 gives `l1_loss`.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`, or a negative `beta`.

    Source: Girshick 2015, "Fast R-CNN", equation 3.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.smooth_l1_loss([1.0, 2.0], [0.5, 4.0], reduction="none"), {})
    array([0.125, 1.5  ])
    """
    if beta == 0:
        return l1_loss(input, target, reduction)
    pair = numeric_pair(input, target)
    bend = Hyperparameter.called("smooth_l1_beta", float(beta))
    return HUBER_LOSS(*pair, reduction=reduction, delta=bend, scale=bend)
