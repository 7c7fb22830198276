"""Losses of labels, and the labels that they allow.

A label indexes an axis, and NumPy reads a negative index from the end: a label of -1
would silently mean the last class. So labels are checked, as all positions are (see
`ir.labels`), and nothing is ignored unless the user says so.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ...errors import DTypeError, OptionError, ShapeError
from ...ir.dims import Shape, format_shape
from ...ir.mathematics import Mathematics
from ...ir.node import Node
from ...ir.op import Case
from ...ir.types import TensorType, is_integer
from ...ops.arithmetic import negative, where
from ...ops.indexing import SCATTER_ADD, getitem, take
from ...ops.shape import expand_dims
from ...ops.slices import ARRAY
from ...ops.source import (
    ArrayLike,
    arange,
    as_node,
    constant,
    dimension,
    ones,
)
from ...ops.type_rules import floating
from ..block import block
from ..softmaxes import SOFTMAX
from .logits import warn_of_probabilities
from .reduction import reduce_losses, reduced_type


class _NothingIgnored(int):
    """torch's default ignore_index, told apart from a -100 that the user passes."""


NOTHING_IGNORED: Final = _NothingIgnored(-100)


def class_axis(ndim: int) -> int:
    """The axis of the classes: the second, or the only one."""
    return 0 if ndim == 1 else 1


def labels_shape(input: TensorType) -> Shape:
    """The shape of integer labels for scores of this type."""
    axis = class_axis(input.ndim)
    return (*input.shape[:axis], *input.shape[axis + 1 :])


def check_classes(input: TensorType) -> None:
    """Raise unless scores have an axis of classes."""
    floating(input)
    if not input.shape:
        raise ShapeError(
            "requires input of shape (classes,), (batch, classes) or "
            f"(batch, classes, ...), got {format_shape(input.shape)}"
        )


def _check_labels(input: TensorType, target: TensorType) -> None:
    if not is_integer(target.dtype):
        raise DTypeError(
            f"requires class labels of an integer dtype, got {target}",
            hint='target.astype("int64")',
        )
    expected = labels_shape(input)
    if target.shape != expected:
        raise ShapeError(
            f"requires one label for each row of classes, that is a target of shape "
            f"{format_shape(expected)} for input {format_shape(input.shape)}, "
            f"got {format_shape(target.shape)}",
            hint=_labels_hint(input, target, expected),
        )


def _labels_hint(input: TensorType, target: TensorType, expected: Shape) -> str:
    axis = class_axis(input.ndim)
    if target.shape == input.shape:
        return f"gc.argmax(target, axis={axis}) if target is one-hot"
    if target.shape == (*expected[:axis], 1, *expected[axis:]):
        return f"gc.squeeze(target, axis={axis})"
    return "classes are axis 1 of input, or axis 0 where it is the only one"


def check_weight(input: TensorType, weight: TensorType | None) -> None:
    """Raise unless there is one weight a class, or none."""
    classes = input.shape[class_axis(input.ndim)]
    if weight is not None and floating(weight, "weight").shape != (classes,):
        raise ShapeError(
            f"requires a weight for each class, of shape "
            f"{format_shape((classes,))}, got {format_shape(weight.shape)}"
        )


def label_loss_infer(
    input: TensorType,
    target: TensorType,
    weight: TensorType | None = None,
    *,
    ignore_index: int | None,
    reduction: str,
    label_smoothing: float = 0.0,
) -> TensorType:
    """The type rule of losses by integer labels."""
    check_classes(input)
    _check_labels(input, target)
    check_weight(input, weight)
    return reduced_type(input, target.shape, reduction, weight)


def reduce_kept(
    losses: Node, kept: Node | None, reduction: str, shares: Node | None
) -> Node:
    """The losses as asked for, with 0 for each that is not kept."""
    if kept is not None:
        # Chosen and not multiplied, because what is ignored may be infinite.
        losses = where(kept, losses, 0.0)
    return reduce_losses(losses.named("losses"), reduction, shares)


def pick(input: Node, labels: Node) -> Node:
    """For each label its own element along the axis of classes."""
    return getitem(input, label_index(input.shape, labels)).named("picked")


def goals_of(labels: Node, scores: Node, smoothing: float) -> Node:
    """The class probabilities that labels ask for: of the type of `scores`, one-hot,
    with the share `smoothing` spread evenly over the classes.
    """
    count = scores.shape[class_axis(scores.ndim)]
    if scores.ndim <= 2 and isinstance(count, int) and count <= _LARGEST_TABLE:
        rows = constant(np.eye(count), scores.dtype).named("identity")
        if not smoothing:
            return take(rows, labels, axis=0).named("one_hot")
        rows = (rows * (1.0 - smoothing) + smoothing / count).named("smoothed_rows")
        return take(rows, labels, axis=0).named("smoothed")
    index = label_index(scores.shape, labels)
    ones_at = ones(labels.shape, scores.dtype).named("ones")
    everywhere = (ARRAY,) * scores.ndim
    one_hot = SCATTER_ADD(ones_at, *index, index=everywhere, shape=scores.shape)
    one_hot = one_hot.named("one_hot")
    if not smoothing:
        return one_hot
    even = smoothing / dimension(count, scores.dtype)
    return (((1.0 - smoothing) * one_hot).named("scaled") + even).named("smoothed")


_LARGEST_TABLE = 32
"""The largest number of classes whose table of one-hot rows is worth its memory."""


def label_index(shape: Shape, labels: Node) -> tuple[Node, ...]:
    """The index of one element a label in scores of this shape."""
    axis = class_axis(len(shape))
    index: list[Node] = []
    for position, size in enumerate(shape):
        if position == axis:
            index.append(labels)
            continue
        # Labels have all axes but that of the classes: each broadcasts along its own.
        after = len(shape) - position - 1 - (position < axis)
        along = arange(size).named("rows")
        index.append(expand_dims(along, tuple(range(1, after + 1))))
    return tuple(index)


def kept_labels(target: Node, ignore_index: int | None) -> tuple[Node, Node | None]:
    """Labels that may index, and a mask of those that count; None where all do."""
    if ignore_index is None:
        return target, None
    kept = (target != ignore_index).named("kept")
    return where(kept, target, 0).named("labels"), kept


def shares_of(
    labels: Node, kept: Node | None, weight: Node | None, input: Node
) -> Node:
    """The weight of each label in a mean."""
    if weight is None:
        assert kept is not None
        return kept.astype(input.dtype).named("shares")
    shares = take(weight, labels, axis=0)
    if kept is not None:
        shares = where(kept, shares, 0.0)
    return shares.named("shares")


def _nll_formula(node: Node) -> str | None:
    input, *others = node.inputs
    if len(others) > 1 or node.attributes["ignore_index"] is not None:
        return None
    axis = class_axis(input.ndim)
    reduction = node.attributes["reduction"]
    loss = f"-pick(input, target, {axis})"
    return loss if reduction == "none" or not axis else f"{reduction}({loss})"


@block(
    name="nll_loss",
    mathematics=Mathematics(formula=_nll_formula),
    infer=label_loss_infer,
    cases=[
        Case(
            shapes,
            {"ignore_index": ignored, "reduction": reduction},
            low=0.1,
            dtypes=("", "int64", "")[: len(shapes)],
            maximum=(None, 4, None)[: len(shapes)],
        )
        for shapes, ignored, reduction in (
            (((3, 4), (3,)), None, "mean"),
            (((3, 4), (3,)), None, "none"),
            (((4,), ()), None, "sum"),
            (((2, 4, 3), (2, 3)), None, "mean"),
            (((3, 4), (3,), (4,)), None, "mean"),
            (((6, 4), (6,), (4,)), 1, "none"),
            (((2, 4, 3), (2, 3)), 1, "sum"),
            (((0, 4), (0,)), None, "sum"),
        )
    ],
)
def nll(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    *,
    ignore_index: int | None,
    reduction: str,
) -> Node:
    """The block of `nll_loss`, where None ignores no label."""
    if weight is None and ignore_index is None:
        picked = pick(input, target)
        return negative(reduce_losses(picked, reduction).named("log_likelihood"))
    labels, kept = kept_labels(target, ignore_index)
    shares = shares_of(labels, kept, weight, input)
    losses = negative(pick(input, labels)).named("all_losses")
    if weight is not None:
        losses = losses * shares
    return reduce_kept(losses, kept, reduction, shares)


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    ignore_index: int = NOTHING_IGNORED,
    reduction: str = "mean",
) -> Node:
    """Negative log likelihood of labels, from log-probabilities.

    `loss_n = -weight[target_n] * input[n, target_n]`; their mean is
    `sum_n loss_n / sum_n weight[target_n]`.

    Args:
        input: log-probabilities, `(classes,)`, `(batch, classes)` or
            `(batch, classes, ...)`.
        target: integer labels from 0 to `classes - 1`, of the shape of `input` without
            the axis of classes.
        weight: `(classes,)`, how much each class counts; None for alike.
        ignore_index: a label that is left out of sum and mean. The default ignores
            nothing: a label of -100 is an error unless -100 was passed.
        reduction: `"mean"`, `"sum"`, or `"none"` for one loss for each label.

    Returns:
        A scalar, or an array of the shape of `target` where not reduced.

    Raises:
        ShapeError, DTypeError: target or weight does not fit `input`.
        OptionError: another `reduction`, or an `ignore_index` that is not an integer.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equation 4.108.

    >>> import graphc as gc
    >>> log_p = gc.log([[0.5, 0.5], [0.25, 0.75]])
    >>> gc.evaluate(gc.exp(gc.nn.nll_loss(log_p, [0, 0], reduction="none")), {})
    array([2., 4.])
    """
    log_probabilities, labels = as_node(input), as_node(target)
    takes = "nll_loss takes log-probabilities, as log_softmax gives them"
    warn_of_probabilities(log_probabilities, (SOFTMAX,), takes)
    ignored = ignored_label(ignore_index, "nll_loss", labels)
    return nll(
        *(log_probabilities, labels, weight), ignore_index=ignored, reduction=reduction
    )


def ignored_label(ignore_index: int, function: str, target: Node) -> int | None:
    """The label to ignore; None where the user named none."""
    if isinstance(ignore_index, _NothingIgnored):
        return None
    if is_integer(target.dtype):
        limits = np.iinfo(target.dtype)
        if not limits.min <= ignore_index <= limits.max:
            raise OptionError(
                f"ignore_index {ignore_index} is no value of {target.dtype}",
                node=function,
            )
    return int(ignore_index)
