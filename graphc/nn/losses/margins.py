"""Losses that ask for a margin: between scores, classes, or distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ArgumentError, ShapeError
from ...ir.dims import broadcast_shapes, format_shape
from ...ir.hyperparameters import Hyperparameter
from ...ir.node import Node
from ...ir.op import Case
from ...ir.types import TensorType, is_floating
from ...ops import reduction as reductions
from ...ops.arithmetic import minimum, negative, sqrt, square, where
from ...ops.elementwise import coerce_for
from ...ops.source import ArrayLike, as_node, astype
from ...ops.type_rules import floating
from ..activations import relu, softplus
from ..block import block
from ..distances import pairwise_distance
from .reduction import check_reduction, reduce_losses, reduced_type
from .regression import numeric_pair, pair_infer


def _hinge_infer(
    input: TensorType, target: TensorType, *, margin: float, reduction: str
) -> TensorType:
    return pair_infer(input, target, reduction=reduction)


@block(
    infer=_hinge_infer,
    operands=numeric_pair,
    cases=[Case(((3, 4), (3, 4)), {"margin": 0.5, "reduction": "mean"})],
    hyperparameters={"margin": "margin"},
)
def hinge_embedding_loss(
    input: ArrayLike, target: ArrayLike, margin: float = 1.0, reduction: str = "mean"
) -> Node:
    """Distances made small where `target` is 1, and at least `margin` where it is -1.

    `loss = input` where `target` is 1 and `max(0, margin - input)` where it is -1.

    Args:
        input: distances, of any shape.
        target: 1 or -1, of the shape of `input`, or broadcasting to it.
        margin: the distance beyond which there is no loss.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Hadsell et al. 2006, "Dimensionality reduction by learning an invariant
    mapping", without the squares.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.hinge_embedding_loss([0.5, 0.25], [1, -1], 1.0, "none"), {})
    array([0.5 , 0.75])
    """
    missing = relu((margin - input).named("missing")).named("hinge")
    far = where((target != 1.0).named("is_far"), missing, 0.0).named("far_loss")
    near = where((target != -1.0).named("is_near"), input, 0.0).named("near_loss")
    return reduce_losses((near + far).named("losses"), reduction)


def _ranking_infer(
    input1: TensorType,
    input2: TensorType,
    target: TensorType,
    *,
    margin: float,
    reduction: str,
) -> TensorType:
    check_reduction(reduction)
    given = {"input1": input1, "input2": input2, "target": target}
    for name, part in given.items():
        floating(part, name)
    shape = broadcast_shapes(*(part.shape for part in given.values()))
    dtype = np.result_type(*(part.dtype for part in given.values()))
    return TensorType(dtype, shape if reduction == "none" else ())


def _with_target(*arrays: ArrayLike) -> tuple[Node, ...]:
    """Floating inputs and, last, a target, whose integers are converted."""
    *inputs, target = arrays
    nodes = coerce_for("multiply", inputs)
    goal = as_node(target, nodes[0].dtype)
    if not is_floating(goal.dtype):
        goal = astype(goal, nodes[0].dtype)
    return (*nodes, goal)


@block(
    infer=_ranking_infer,
    operands=_with_target,
    cases=[Case(((3, 4), (4,), (3, 4)), {"margin": 0.5, "reduction": "sum"})],
    hyperparameters={"margin": "margin"},
)
def margin_ranking_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Node:
    """Scores put in order: `max(0, margin - target * (input1 - input2))`.

    Args:
        input1: scores, of any shape.
        input2: scores, broadcasting with `input1`.
        target: 1 where `input1` should be the higher score, -1 where `input2` should.
        margin: how much higher.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of all where not reduced.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: another `reduction`.

    Source: Herbrich et al. 1999, "Support vector learning for ordinal regression".

    >>> import graphc as gc
    >>> loss = gc.nn.margin_ranking_loss([1.0, 2.0], [3.0, 1.5], 1, 1.0, "none")
    >>> gc.evaluate(loss, {})
    array([3. , 0.5])
    """
    lead = (target * (input1 - input2).named("difference")).named("lead")
    return reduce_losses(relu((margin - lead).named("missing")), reduction)


@block(
    infer=pair_infer,
    operands=numeric_pair,
    cases=[Case(((3, 4), (3, 4)), {"reduction": "mean"})],
)
def soft_margin_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean"
) -> Node:
    """Logistic loss of scores, `log(1 + exp(-target * input))`, without overflow.

    Args:
        input: scores, of any shape.
        target: 1 or -1, of the shape of `input`, or broadcasting to it.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Hastie et al. 2009, *The Elements of Statistical Learning*, equation 10.18.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.soft_margin_loss([0.0, 1000.0], [1, -1], "none"), {})
    array([6.93147181e-01, 1.00000000e+03])
    """
    against = negative((target * input).named("agreed")).named("against")
    losses = softplus.op(against, beta=1.0, threshold=None).named("losses")
    return reduce_losses(losses, reduction)


def _cosine_infer(
    input1: TensorType,
    input2: TensorType,
    target: TensorType,
    *,
    margin: float,
    reduction: str,
) -> TensorType:
    floating(input1, "input1")
    floating(input2, "input2")
    floating(target, "target")
    if not input1.shape or input1.shape != input2.shape or input1.ndim > 2:
        raise ShapeError(
            "requires input1 and input2 of one shape, (batch, features) or "
            f"(features,), got {format_shape(input1.shape)} and "
            f"{format_shape(input2.shape)}"
        )
    if target.shape != input1.shape[:-1]:
        raise ShapeError(
            f"requires a target of shape {format_shape(input1.shape[:-1])}, "
            f"got {format_shape(target.shape)}"
        )
    return reduced_type(input1, target.shape, reduction, input2, target)


@block(
    infer=_cosine_infer,
    hyperparameters={"margin": "margin"},
    operands=_with_target,
    cases=[Case(((3, 4), (3, 4), (3,)), {"margin": 0.1, "reduction": "mean"})],
)
def cosine_embedding_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Node:
    """Vectors made parallel where `target` is 1, and not so where it is -1.

    `loss = 1 - cos` where `target` is 1 and `max(0, cos - margin)` where it is -1.

    Args:
        input1: `(batch, features)` or `(features,)`.
        input2: of the same shape.
        target: 1 or -1, `(batch,)` or `()`.
        margin: the cosine below which there is no loss.
        reduction: `"mean"`, `"sum"`, or `"none"` for each pair.

    Returns:
        A scalar, or an array of the shape of `target` where not reduced.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: another `reduction`.

    >>> import graphc as gc
    >>> pair = [[3.0, 4.0]], [[4.0, 3.0]]
    >>> loss = gc.nn.cosine_embedding_loss(*pair, [1], reduction="none")
    >>> gc.evaluate(loss, {}).round(6)
    array([0.04])
    """
    products = reductions.sum(input1 * input2, -1).named("products")
    powers = [
        (reductions.sum(square(x), -1) + 1e-12).named("squared_length")
        for x in (input1, input2)
    ]
    cosine = (products / sqrt(powers[0] * powers[1]).named("lengths")).named("cosine")
    near = where((target == 1.0).named("is_near"), 1.0 - cosine, 0.0)
    beyond = relu((cosine - margin).named("beyond"))
    far = where((target == -1.0).named("is_far"), beyond, 0.0)
    losses = near.named("near_loss") + far.named("far_loss")
    return reduce_losses(losses.named("losses"), reduction)


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Node:
    """An anchor nearer to one vector than to another: `max(0, margin + near - far)`.

    `near` and `far` are `gc.nn.pairwise_distance` of the anchor from both.

    Args:
        anchor: `(..., features)`, floating.
        positive: the vector that should be near.
        negative: the vector that should be far.
        margin: how much farther.
        p: the order of the norm.
        eps: added to the differences, as torch adds it.
        swap: True to take the distance of `positive` from `negative` where it is less.
        reduction: `"mean"`, `"sum"`, or `"none"` for each anchor.

    Returns:
        A scalar, or one loss for each anchor where not reduced.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: another `reduction`.

    Source: Balntas et al. 2016, "Learning local feature descriptors with triplets and
    shallow convolutional neural networks".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.triplet_margin_loss([0.0], [3.0], [1.0], eps=0.0), {})
    array(3.)
    """

    def distance(x1: Node, x2: Node) -> Node:
        return pairwise_distance(x1, x2, p, eps)

    return triplet_margin_with_distance_loss(
        *(anchor, positive, negative),
        distance_function=distance,
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    *,
    distance_function: Callable[[Node, Node], Node] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Node:
    """`triplet_margin_loss` with a distance of your own.

    Args:
        anchor: `(..., features)`, floating.
        positive: the vector that should be near.
        negative: the vector that should be far.
        distance_function: the distance of two nodes; `gc.nn.pairwise_distance` if None.
        margin: how much farther.
        swap: True to take the distance of `positive` from `negative` where it is less.
        reduction: `"mean"`, `"sum"`, or `"none"` for each anchor.

    Returns:
        A scalar, or one loss for each anchor where not reduced.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: another `reduction`.

    >>> import graphc as gc
    >>> loss = gc.nn.triplet_margin_with_distance_loss(
    ...     [0.0], [3.0], [1.0], distance_function=lambda a, b: gc.sum(abs(a - b))
    ... )
    >>> gc.evaluate(loss, {})
    array(3.)
    """
    distance: Callable[..., Any] = distance_function or pairwise_distance
    near_by, far_off = as_node(positive), as_node(negative)
    start = as_node(anchor)
    try:
        near = distance(start, near_by)
    except TypeError as error:
        raise ArgumentError(
            f"distance_function must be a function of two nodes: {error}"
        ) from error
    far = distance(start, far_off)
    if swap:
        far = minimum(far, distance(near_by, far_off))
    check_reduction(reduction)
    least = Hyperparameter.called("margin", float(margin))
    missing = least + (near - far)
    return reduce_losses(relu(missing), reduction)
