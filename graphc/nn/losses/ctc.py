"""Connectionist temporal classification: labels whose places in time are not known."""

from __future__ import annotations

import math
from typing import Any

from ...errors import DTypeError, OptionError, ShapeError
from ...ir.dims import format_shape
from ...ir.node import Node
from ...ir.types import is_integer
from ...ops.along_axis import take_along_axis
from ...ops.arithmetic import maximum, negative, where
from ...ops.comparison import isinf
from ...ops.exponential import logaddexp
from ...ops.joining import concatenate, stack
from ...ops.log_sums import logsumexp
from ...ops.loops import scan
from ...ops.padding import pad
from ...ops.shape import broadcast_to, expand_dims
from ...ops.source import ArrayLike, arange, as_node, constant
from ...ops.type_rules import floating
from ..lengths import checked_lengths
from .reduction import check_reduction, reduce_losses


def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Node:
    """Minus the logarithm of the probability of labels, wherever they stand in time.

    The probability of labels is that of all sequences of classes, one a step, that are
    these labels once repetitions are dropped, and then blanks. It is the sum of
    `alpha_T` of the last label and the blank behind it, with `alpha_t(s) =
    (alpha_{t-1}(s) + alpha_{t-1}(s-1) + alpha_{t-1}(s-2)) * p_t(l_s)` over the labels
    `l` with blanks between them, where the last summand counts only for a label that
    is not the one before.

    Args:
        log_probs: logarithms of probabilities, `(steps, batch, classes)`, such as
            `gc.nn.log_softmax(x, dim=-1)`; or without the batch.
        targets: integer labels, `(batch, labels)`, without blanks; or `(labels,)`.
            Those beyond an example's number are ignored.
        input_lengths: the number of steps of each example, `(batch,)`.
        target_lengths: the number of labels of each example, `(batch,)`.
        blank: the class of no label.
        reduction: `"mean"`, over the batch of each loss divided by its number of
            labels; `"sum"`, or `"none"`.
        zero_infinity: True for a loss of 0, with gradients of 0, in the place of an
            infinite one: of labels that need more steps than there are.

    Returns:
        A scalar, or `(batch,)` for `"none"`.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: `blank` is not a class, or another `reduction`.
        IndexRangeError: a length above the size of its axis.

    Source: Graves et al. 2006, "Connectionist temporal classification: labelling
    unsegmented sequence data with recurrent neural networks", section 4.1.

    >>> import graphc as gc, numpy as np
    >>> log_probs = np.log(np.full((2, 1, 3), 1 / 3))
    >>> loss = gc.nn.ctc_loss(log_probs, [[1]], [2], [1])
    >>> gc.evaluate(gc.exp(-loss))
    array(0.33333333)
    """
    check_reduction(reduction)
    scores, labels = as_node(log_probs), as_node(targets)
    counts: list[Node] = [as_node(input_lengths), as_node(target_lengths)]
    is_batch = scores.ndim != 2
    if not is_batch:
        scores = expand_dims(scores, 1)
        labels = expand_dims(labels, 0) if labels.ndim == 1 else labels
        counts = [expand_dims(n, 0) if n.ndim == 0 else n for n in counts]
    _check(scores, labels, blank)
    steps, batch, _ = scores.shape
    options: Any = {"batch": batch, "place": "ctc_loss"}
    runs = checked_lengths(counts[0], steps, name="input_lengths", **options)
    ends = checked_lengths(counts[1], labels.shape[1], name="target_lengths", **options)
    losses = _losses(scores, labels, runs, ends, blank)
    if zero_infinity:
        losses = where(isinf(losses), 0.0, losses)
    if reduction == "mean":
        losses = losses / maximum(ends, 1).astype(losses.dtype)
    if not is_batch and reduction == "none":
        return losses[0]
    return reduce_losses(losses, reduction)


def _check(scores: Node, labels: Node, blank: int) -> None:
    """Raise unless there are classes for each step, and labels for each example."""
    floating(scores.type, "log_probs")
    if not is_integer(labels.dtype):
        raise DTypeError(
            f"requires targets of an integer dtype, got {labels.describe()}",
            node="ctc_loss",
            hint='targets.astype("int64")',
        )
    if scores.ndim != 3 or labels.shape[:1] != scores.shape[1:2] or labels.ndim != 2:
        raise ShapeError(
            "requires log_probs of shape (steps, batch, classes) and targets of shape "
            f"(batch, labels), got {format_shape(scores.shape)} and "
            f"{format_shape(labels.shape)}",
            node="ctc_loss",
            hint="labels of different lengths are padded, not put one after another",
        )
    classes = scores.shape[2]
    if blank < 0 or (isinstance(classes, int) and blank >= classes):
        raise OptionError(
            f"blank must be one of the {classes} classes, got {blank}", node="ctc_loss"
        )


def _losses(scores: Node, labels: Node, runs: Node, ends: Node, blank: int) -> Node:
    """The loss of each example.

    Args:
        scores: `(steps, batch, classes)`.
        labels: `(batch, labels)`.
        runs: the number of steps of each example.
        ends: the number of labels of each example.
        blank: the class of no label.
    """
    steps, batch, _ = scores.shape
    count = labels.shape[1]
    nothing = constant(blank, labels.dtype)
    is_label = arange(count) < expand_dims(ends, 1)
    blanks = broadcast_to(nothing, (batch, count))
    known = where(is_label, labels, nothing)
    between = stack([blanks, known], -1).reshape((batch, 2 * count))
    last = broadcast_to(nothing, (batch, 1))
    path = concatenate([between, last], 1).named("labels_and_blanks")
    size = 2 * count + 1
    before = pad(path, ((0, 0), (2, 0)), constant_values=blank)[:, :size]
    may_skip = ((path != nothing) & (path != before)).named("may_skip")
    places = broadcast_to(expand_dims(path, 0), (steps, batch, size))
    emitted = take_along_axis(scores, places, -1).named("emitted")
    is_run = expand_dims(expand_dims(arange(steps), 1) < runs, -1)
    impossible = constant(-math.inf, scores.dtype)

    def forward(alpha: Node, items: tuple[Node, Node]) -> tuple[Node, None]:
        emitted, is_run = items
        earlier = pad(alpha, ((0, 0), (2, 0)), constant_values=-math.inf)
        skipped = where(may_skip, earlier[:, :size], impossible)
        moved = logaddexp(alpha, earlier[:, 1 : size + 1])
        reached = logaddexp(moved, skipped) + emitted
        return where(is_run, reached, alpha), None

    # A step before the first one, at the blank in front.
    is_first = expand_dims(arange(size), 0) == 0
    start = where(is_first, constant(0.0, scores.dtype), impossible)
    start = broadcast_to(start, (batch, size))
    alpha, _ = scan(forward, start, (emitted, is_run))
    behind = 2 * expand_dims(ends, 1) - arange(size)
    is_end = (behind == 0) | (behind == 1)
    return negative(logsumexp(where(is_end, alpha, impossible), 1))
