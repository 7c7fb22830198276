"""Losses of scores of classes that ask for a margin, for one label or several."""

from __future__ import annotations

from ...errors import DTypeError, OptionError, ShapeError
from ...ir.dims import format_shape
from ...ir.node import Node
from ...ir.op import Case
from ...ir.types import TensorType, is_integer
from ...ops import reduction as reductions
from ...ops.along_axis import take_along_axis
from ...ops.arithmetic import square, where
from ...ops.indexing import take
from ...ops.shape import expand_dims
from ...ops.source import ArrayLike, arange
from ..activations import relu
from ..block import block
from .binary import binary_cross_entropy_with_logits
from .labels import check_classes, check_weight, pick
from .reduction import check_reduction, reduce_losses, reduced_type


def _check_vectors(input: TensorType) -> None:
    check_classes(input)
    if input.ndim > 2:
        raise ShapeError(
            "requires input of shape (classes,) or (batch, classes), "
            f"got {format_shape(input.shape)}"
        )


def _check_integers(target: TensorType) -> None:
    if not is_integer(target.dtype):
        raise DTypeError(
            f"requires class labels of an integer dtype, got {target}",
            hint='target.astype("int64")',
        )


def _multi_margin_infer(
    input: TensorType,
    target: TensorType,
    weight: TensorType | None,
    *,
    p: int,
    margin: float,
    reduction: str,
) -> TensorType:
    _check_vectors(input)
    _check_integers(target)
    if p not in (1, 2):
        raise OptionError(f"p must be 1 or 2, got {p!r}")
    if target.shape != input.shape[:-1]:
        raise ShapeError(
            f"requires a target of shape {format_shape(input.shape[:-1])}, one label "
            f"for each row of classes, got {format_shape(target.shape)}"
        )
    check_weight(input, weight)
    return reduced_type(input, target.shape, reduction, weight)


@block(
    infer=_multi_margin_infer,
    hyperparameters={"margin": "margin"},
    cases=[
        Case(
            ((3, 4), (3,), (4,)),
            {"p": 1, "margin": 1.5, "reduction": "mean"},
            low=0.1,
            dtypes=("", "int64", ""),
            maximum=(None, 4, None),
        ),
        Case(
            ((4,), ()),
            {"p": 2, "margin": 1.0, "reduction": "none"},
            dtypes=("", "int64"),
            maximum=(None, 4),
        ),
    ],
)
def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike = None,
    reduction: str = "mean",
) -> Node:
    """Hinge loss of classes: the score of the label above all others by a margin.

    `loss = sum_c max(0, margin - input[target] + input[c])**p / classes`, over all `c`
    but the label; times the weight of the label.

    Args:
        input: scores, `(classes,)` or `(batch, classes)`.
        target: integer labels from 0 to `classes - 1`, `()` or `(batch,)`.
        p: 1 or 2, the power.
        margin: how much higher the score of the label should be.
        weight: `(classes,)`, how much each class counts; None for alike.
        reduction: `"mean"`, `"sum"`, or `"none"` for one loss for each label.

    Returns:
        A scalar, or an array of the shape of `target` where not reduced.

    Raises:
        ShapeError, DTypeError: target or weight does not fit `input`.
        OptionError: another `p` or `reduction`.

    Source: Crammer and Singer 2001, "On the algorithmic implementation of multiclass
    kernel-based vector machines", summed over classes.

    >>> import graphc as gc
    >>> loss = gc.nn.multi_margin_loss([[1.0, 0.5, 2.5, 0.0]], [0])
    >>> gc.evaluate(loss, {})
    array(0.75)
    """
    classes = input.shape[-1]
    labels = expand_dims(target, -1)
    goal = expand_dims(pick(input, target), -1)
    hinge = relu((margin - goal + input).named("missing")).named("hinge")
    if p == 2:
        hinge = square(hinge).named("squared_hinge")
    is_label = (labels == arange(classes).named("classes")).named("is_label")
    others = where(is_label, 0.0, hinge).named("hinge_of_others")
    losses = reductions.mean(others, -1)
    if weight is not None:
        losses = losses * take(weight, target, axis=0).named("shares")
    return reduce_losses(losses.named("losses"), reduction)


def _multilabel_infer(
    input: TensorType, target: TensorType, *, reduction: str
) -> TensorType:
    _check_vectors(input)
    _check_integers(target)
    if target.shape != input.shape:
        raise ShapeError(
            f"requires a target of the shape of input {format_shape(input.shape)}, "
            f"with -1 after the labels of a row, got {format_shape(target.shape)}"
        )
    return reduced_type(input, input.shape[:-1], reduction)


@block(
    infer=_multilabel_infer,
    cases=[
        Case(
            ((3, 4), (3, 4)),
            {"reduction": "mean"},
            dtypes=("", "int64"),
            maximum=(None, 4),
        )
    ],
)
def multilabel_margin_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean"
) -> Node:
    """Hinge loss of several labels: the score of each above all classes that are none.

    `loss = sum_ij max(0, 1 - input[label_j] + input[i]) / classes`, over all labels and
    all classes `i` that are not among them.

    Args:
        input: scores, `(classes,)` or `(batch, classes)`.
        target: integer labels, of the shape of `input`: those of a row stand first, and
            -1 after them.
        reduction: `"mean"`, `"sum"`, or `"none"` for one loss for each row.

    Returns:
        A scalar, or an array of one loss for each row where not reduced.

    Raises:
        ShapeError, DTypeError: `target` does not fit `input`.
        OptionError: another `reduction`.

    Source: Elisseeff and Weston 2001, "A kernel method for multi-labelled
    classification".

    >>> import graphc as gc
    >>> scores = [0.1, 0.2, 0.4, 0.8]
    >>> gc.evaluate(gc.nn.multilabel_margin_loss(scores, [3, 0, -1, 1]), {})
    array(0.85)
    """
    classes = input.shape[-1]
    places = arange(classes).named("classes")
    # A label counts where none before it, nor itself, is negative.
    is_up_to = (places <= expand_dims(places, 1)).named("is_up_to")
    ends = expand_dims((target < 0).named("is_end"), -2) & is_up_to
    counts = (reductions.sum(ends, -1) == 0).named("counts")
    labels = where(counts, target, 0).named("labels")
    is_class = expand_dims(labels, -1) == places
    chosen = (is_class & expand_dims(counts, -1)).named("chosen")
    is_label = (reductions.sum(chosen, -2) != 0).named("is_label")
    goals = expand_dims(take_along_axis(input, labels, -1).named("goals"), -1)
    missing = (1.0 - goals + expand_dims(input, -2)).named("missing")
    matters = expand_dims(counts, -1) & expand_dims(~is_label, -2)
    hinge = where(matters, relu(missing), 0.0).named("hinge")
    losses = reductions.sum(hinge, (-2, -1)).named("sums")
    return reduce_losses(reductions.over_count(losses, classes), reduction)


def multilabel_soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    reduction: str = "mean",
) -> Node:
    """Cross entropy of a yes and no for each class, as their mean over classes.

    `loss = -mean_c(weight * (t * log(sigmoid(x)) + (1 - t) * log(sigmoid(-x))))`

    Args:
        input: logits, `(..., classes)`.
        target: in [0, 1], of the shape of `input`, or broadcasting to it.
        weight: a factor for each class, broadcasting to `input`; None for 1.
        reduction: `"mean"`, `"sum"`, or `"none"` for one loss for each row.

    Returns:
        A scalar, or an array of the shape of `input` without the classes.

    Raises:
        ShapeError: target or weight does not fit.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.multilabel_soft_margin_loss([0.0, 0.0], [1, 0]), {})
    array(0.69314718)
    """
    check_reduction(reduction)
    losses = binary_cross_entropy_with_logits(input, target, weight, "none")
    if not losses.shape:
        raise ShapeError("requires input of shape (..., classes), got a scalar")
    return reduce_losses(reductions.mean(losses, -1), reduction)
