"""Cross entropy of a softmax over logits, with labels or with class probabilities.

Labels in their plain form have a block of their own, which expands as a textbook writes
it and brings the derivative `softmax - one_hot`; weights, smoothing and probabilities
are derived from their expansions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import OptionError, ShapeError
from ...ir.batching import Batch
from ...ir.dims import format_shape
from ...ir.facts import Formula, StableForm
from ...ir.hyperparameters import Hyperparameter
from ...ir.mathematics import Mathematics
from ...ir.node import Node
from ...ir.op import Application, Call, Case, Op
from ...ir.types import TensorType, is_floating
from ...ops import exponential
from ...ops import reduction as reductions
from ...ops.arithmetic import negative, where
from ...ops.shape import expand_dims, reshape, squeeze
from ...ops.source import ArrayLike, as_node, dimension
from ...ops.type_rules import floating
from ..block import block
from ..softmaxes import LOG_SOFTMAX, SOFTMAX, shifted_exponentials
from .labels import (
    NOTHING_IGNORED,
    check_classes,
    check_weight,
    class_axis,
    goals_of,
    ignored_label,
    kept_labels,
    label_loss_infer,
    labels_shape,
    nll,
    pick,
    reduce_kept,
    shares_of,
)
from .logits import warn_of_probabilities
from .reduction import reduce_losses, reduced_type


def _label_infer(
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    label_smoothing: float,
    **options: Any,
) -> TensorType:
    _check_smoothing(label_smoothing)
    return label_loss_infer(input, target, weight, **options)


def _check_smoothing(label_smoothing: float) -> None:
    if not 0.0 <= label_smoothing <= 1.0:
        raise OptionError(f"label_smoothing must be in [0, 1], got {label_smoothing!r}")


def _cross_entropy_expand(
    input: Node,
    target: Node,
    *,
    ignore_index: int | None,
    reduction: str,
    label_smoothing: float,
) -> Node:
    axis = class_axis(input.ndim)
    shifted, _, total = shifted_exponentials(input, axis)
    log_total = squeeze(exponential.log(total).named("log_total"), axis)
    labels, kept = kept_labels(target, ignore_index)
    goal = pick(shifted, labels)
    if label_smoothing:
        even = reductions.mean(shifted, axis).named("even")
        hard = ((1.0 - label_smoothing) * goal).named("hard_goal")
        goal = (hard + (label_smoothing * even).named("even_goal")).named("goal")
    losses = log_total - goal
    if kept is None:
        return reduce_losses(losses.named("losses"), reduction)
    shares = shares_of(labels, kept, None, input)
    return reduce_kept(losses.named("all_losses"), kept, reduction, shares)


def _cross_entropy_vjp(
    g: Node, out: Node, input: Node, target: Node
) -> tuple[Node, None]:
    axis = class_axis(input.ndim)
    reduction: str = out.attributes["reduction"]
    ignore_index: int | None = out.attributes["ignore_index"]
    labels, kept = kept_labels(target, ignore_index)
    probabilities = SOFTMAX(input, axis=axis).named("probabilities")
    smoothing: float = out.attributes["label_smoothing"]
    goal = goals_of(labels, input, smoothing)
    error = (probabilities - goal).named("error")
    if kept is None:
        share = reductions.over_count(g, target.size) if reduction == "mean" else g
    else:
        count = reductions.total(shares_of(labels, kept, None, input))
        mean_share = reductions.over_count(g, count.named("total_share"))
        share = mean_share.named("share") if reduction == "mean" else g
        share = where(kept, share, 0.0).named("kept_share")
    return (error * _for_all_classes(share, axis), None)


def _cross_entropy_formula(node: Node) -> str | None:
    if node.attributes["ignore_index"] is not None:
        return None
    axis = class_axis(node.inputs[0].ndim)
    logs = f"log(softmax(input, axis={axis}))"
    loss = f"-pick({logs}, target, {axis})"
    if smoothing := node.attributes["label_smoothing"]:
        hard, even = 1.0 - smoothing, f"mean({logs}, {axis})"
        loss = f"{hard} * ({loss}) - {smoothing} * {even}"
    reduction = node.attributes["reduction"]
    return loss if reduction == "none" or not axis else f"{reduction}({loss})"


def _cross_entropy_gradients(node: Node) -> tuple[str | None, ...]:
    input = node.inputs[0]
    is_plain = not node.attributes["label_smoothing"]
    if input.ndim != 1 or not is_plain or node.attributes["ignore_index"] is not None:
        return ()
    return (f"d * (softmax(input, axis=0) - onehot(target, {input.shape[0]}))",)


def _for_all_classes(share: Node, axis: int) -> Node:
    return expand_dims(share, axis) if share.shape else share


def _of_examples(batch: Batch, node: Node) -> Node | None:
    """The losses of all examples as those of one batch, then reduced for each."""
    input, target = node.inputs
    reduction: str = node.attributes["reduction"]
    if reduction != "none" and node.attributes["ignore_index"] is not None:
        return None
    scores, labels = batch.stacked(input), batch.stacked(target)
    if input.ndim > 1:
        rows = batch.size * input.shape[0]
        scores = reshape(scores, (rows, *input.shape[1:]))
        labels = reshape(labels, (rows, *target.shape[1:]))
    losses = node.op(scores, labels, **{**node.attributes, "reduction": "none"})
    losses = reshape(losses, (batch.size, *target.shape))
    axes = tuple(range(1, losses.ndim))
    if reduction == "none" or not axes:
        return losses
    function = reductions.mean if reduction == "mean" else reductions.sum
    return function(losses.named("losses"), axes)


def _with_probabilities(logits: Node, labels: Node) -> tuple[Node, Node]:
    """The losses of rows, and the probabilities that their gradient needs."""
    shifted, exponentials, total = shifted_exponentials(logits, 1)
    losses = squeeze(exponential.log(total), 1) - pick(shifted, labels)
    return losses, exponentials / total


def _of_rows(type: TensorType) -> Iterator[Application]:
    if type.ndim == 1:
        logits = type.with_shape((*type.shape, 2))
        yield (logits, TensorType(np.dtype("int64"), type.shape)), {}


_HELPER = '''
def cross_entropy(logits, labels):
    """Return the losses -log(p[label]) of rows, and their p = softmax(logits)."""
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = np.sum(exponentials, axis=1, keepdims=True)
    picked = shifted[np.arange(len(labels)), labels]
    return np.log(total).squeeze(1) - picked, exponentials / total
'''


CROSS_ENTROPY = Op(
    name="cross_entropy",
    mathematics=Mathematics(
        formula=_cross_entropy_formula, gradients=_cross_entropy_gradients
    ),
    inputs=("input", "target"),
    infer=_label_infer,
    stable_form=StableForm(
        Formula.CROSS_ENTROPY,
        {"ignore_index": None, "reduction": "none", "label_smoothing": 0.0},
    ),
    expand=_cross_entropy_expand,
    vjp=_cross_entropy_vjp,
    batch=_of_examples,
    calls=(
        Call(
            "cross_entropy(logits, labels)",
            (_HELPER,),
            _with_probabilities,
            _of_rows,
            positions=lambda node: ((1, node.inputs[0].shape[1]),),
        ),
    ),
    cases=tuple(
        Case(
            shapes,
            {
                "ignore_index": ignored,
                "reduction": reduction,
                "label_smoothing": smoothing,
            },
            dtypes=("", "int64"),
            maximum=(None, classes),
        )
        for shapes, classes, ignored, reduction, smoothing in (
            (((3, 4), (3,)), 4, None, "mean", 0.0),
            (((3, 4), (3,)), 4, None, "none", 0.0),
            (((4,), ()), 4, None, "mean", 0.1),
            (((2, 4, 3), (2, 3)), 4, None, "sum", 0.0),
            (((6, 4), (6,)), 4, 1, "mean", 0.1),
            (((2, 4, 3), (2, 3)), 4, 1, "none", 0.1),
            (((3, 40), (3,)), 40, None, "mean", 0.0),
            (((0, 4), (0,)), 4, None, "sum", 0.0),
        )
    ),
)


def _weighted_expand(
    input: Node,
    target: Node,
    weight: Node,
    *,
    ignore_index: int | None,
    reduction: str,
    label_smoothing: float,
) -> Node:
    axis = class_axis(input.ndim)
    logs = LOG_SOFTMAX(input, axis=axis).named("log_probabilities")
    hard = nll(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return hard
    labels, kept = kept_labels(target, ignore_index)
    weighted = (logs * _along_classes(weight, logs)).named("weighted_logs")
    even = negative(reductions.sum(weighted, axis).named("sums_of_logs"))
    if kept is not None:
        even = where(kept, even.named("all_even_losses"), 0.0)
    shares = shares_of(labels, kept, weight, input)
    even = reduce_losses(even.named("even_losses"), reduction, shares)
    count = dimension(input.shape[axis], input.dtype)
    even_part = even.named("even_loss") * (label_smoothing / count)
    hard_part = (1.0 - label_smoothing) * hard.named("hard_loss")
    return hard_part.named("hard_part") + even_part.named("even_part")


def _along_classes(weight: Node, input: Node) -> Node:
    """A vector over classes in a shape that broadcasts against `input`."""
    after = input.ndim - class_axis(input.ndim) - 1
    return reshape(weight, (-1, *(1,) * after))


WEIGHTED_CROSS_ENTROPY = Op(
    name="weighted_cross_entropy",
    inputs=("input", "target", "weight"),
    infer=_label_infer,
    expand=_weighted_expand,
    cases=tuple(
        Case(
            shapes,
            {
                "ignore_index": ignored,
                "reduction": reduction,
                "label_smoothing": smoothing,
            },
            low=0.1,
            dtypes=("", "int64", ""),
            maximum=(None, 4, None),
        )
        for shapes, ignored, reduction, smoothing in (
            (((3, 4), (3,), (4,)), None, "mean", 0.1),
            (((4,), (), (4,)), None, "none", 0.1),
            (((6, 4), (6,), (4,)), 1, "sum", 0.1),
            (((6, 4), (6,), (4,)), 1, "mean", 0.0),
            (((2, 4, 3), (2, 3), (4,)), None, "mean", 0.1),
        )
    ),
)


def _soft_infer(
    input: TensorType,
    target: TensorType,
    weight: TensorType | None,
    *,
    reduction: str,
    label_smoothing: float,
) -> TensorType:
    check_classes(input)
    floating(target, "target")
    if target.shape != input.shape:
        raise ShapeError(
            "requires a floating target, which holds class probabilities, of the shape "
            f"of input {format_shape(input.shape)}, got {format_shape(target.shape)}",
            hint='target.astype("int64") if it holds labels'
            if target.shape == labels_shape(input)
            else f"probabilities of shape {format_shape(input.shape)}, or integer "
            f"labels of shape {format_shape(labels_shape(input))}",
        )
    check_weight(input, weight)
    _check_smoothing(label_smoothing)
    return reduced_type(input, labels_shape(input), reduction, target, weight)


def _soft_losses_infer(input: TensorType, target: TensorType) -> TensorType:
    dtype = np.result_type(input.dtype, target.dtype)
    return TensorType(dtype, labels_shape(input))


def _soft_losses_expand(input: Node, target: Node) -> Node:
    axis = class_axis(input.ndim)
    logs = LOG_SOFTMAX(input, axis=axis).named("log_probabilities")
    return negative(reductions.sum(target * logs, axis).named("log_likelihood"))


def _soft_losses_vjp(
    g: Node, out: Node, input: Node, target: Node
) -> tuple[Node, Node]:
    axis = class_axis(input.ndim)
    probabilities = SOFTMAX(input, axis=axis).named("probabilities")
    mass = reductions.sum(target, axis, keepdims=True).named("mass")
    error = ((probabilities * mass).named("expected") - target).named("error")
    logs = LOG_SOFTMAX(input, axis=axis).named("log_probabilities")
    share = expand_dims(g, axis)
    return error * share, negative(logs * share)


SOFT_LOSSES = Op(
    name="soft_losses",
    inputs=("input", "target"),
    infer=_soft_losses_infer,
    expand=_soft_losses_expand,
    vjp=_soft_losses_vjp,
    cases=(
        Case(((3, 4), (3, 4)), low=0.1),
        Case(((4,), (4,)), low=0.1),
        Case(((2, 4, 3), (2, 4, 3)), low=0.1),
        Case(((0, 4), (0, 4)), low=0.1),
    ),
)
"""Cross entropy for each row of class probabilities, which need not add up to 1."""


@block(
    name="soft_cross_entropy",
    infer=_soft_infer,
    cases=[
        Case(
            shapes,
            {"reduction": reduction, "label_smoothing": smoothing},
            low=0.1,
            high=1.0,
        )
        for shapes, reduction, smoothing in (
            (((3, 4), (3, 4)), "mean", 0.0),
            (((4,), (4,)), "none", 0.0),
            (((3, 4), (3, 4), (4,)), "mean", 0.1),
            (((2, 4, 3), (2, 4, 3), (4,)), "sum", 0.0),
        )
    ],
)
def _soft_cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    *,
    reduction: str,
    label_smoothing: float,
) -> Node:
    if label_smoothing:
        count = dimension(input.shape[class_axis(input.ndim)], target.dtype)
        even = label_smoothing / count
        scaled = (target * (1.0 - label_smoothing)).named("scaled")
        target = (scaled + even).named("smoothed")
    if weight is not None:
        target = target * _along_classes(weight, input)
        target = target.named("weighted_target")
    losses = SOFT_LOSSES(input, target).named("losses")
    return reduce_losses(losses, reduction)


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    ignore_index: int = NOTHING_IGNORED,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Node:
    """Cross entropy of a softmax over logits, with labels or class probabilities.

    With labels `loss_n = -weight[target_n] * log_softmax(input)[n, target_n]`, and
    their mean is `sum_n loss_n / sum_n weight[target_n]`. With probabilities
    `loss_n = -sum_c weight[c] * target[n, c] * log_softmax(input)[n, c]`, and their
    mean is over `n`. The gradient by plain logits is `(softmax - one_hot) / batch`.

    Args:
        input: logits, `(classes,)`, `(batch, classes)` or `(batch, classes, ...)`.
        target: integer labels from 0 to `classes - 1`, of the shape of `input` without
            the axis of classes; or floating probabilities, of the shape of `input`.
        weight: `(classes,)`, how much each class counts; None for alike.
        ignore_index: a label that is left out of sum and mean. The default ignores
            nothing: a label of -100 is an error unless -100 was passed.
        reduction: `"mean"`, `"sum"`, or `"none"` for one loss for each label.
        label_smoothing: in [0, 1], the share of the target spread evenly over classes.

    Returns:
        A scalar, or an array of the shape of the labels where not reduced.

    Raises:
        ShapeError, DTypeError: target or weight does not fit `input`.
        OptionError: an option outside its values, or `ignore_index` with probabilities.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equations 4.108
    and 4.109; smoothing: Szegedy et al. 2016, "Rethinking the Inception architecture".

    >>> import graphc as gc
    >>> logits = gc.input("logits", ("batch", 10))
    >>> labels = gc.input("labels", ("batch",), "int64")
    >>> gc.nn.cross_entropy(logits, labels)
    <cross_entropy float32 ()>
    """
    logits, goal = as_node(input), as_node(target)
    takes = "cross_entropy takes logits and applies softmax itself"
    warn_of_probabilities(logits, (SOFTMAX,), takes)
    ignored = ignored_label(ignore_index, "cross_entropy", goal)
    smoothing = float(label_smoothing)
    if smoothing:
        smoothing = Hyperparameter.called("label_smoothing", smoothing)
    options: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
    if is_floating(goal.dtype):
        if ignored is not None:
            raise OptionError(
                "ignore_index is a label, and target holds probabilities",
                node=f"cross_entropy({logits.describe()}, {goal.describe()})",
                hint="a row of zeros in target, which adds no loss",
            )
        return _soft_cross_entropy(logits, goal, weight, **options)
    if weight is None:
        return CROSS_ENTROPY(logits, goal, ignore_index=ignored, **options)
    scale = as_node(weight)
    return WEIGHTED_CROSS_ENTROPY(logits, goal, scale, ignore_index=ignored, **options)
