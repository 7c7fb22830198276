"""Losses of yes and no: cross entropy of probabilities, and of logits.

The form for logits is the one to train with: it never takes the logarithm of a
probability that was rounded to 0 or 1.
"""

from __future__ import annotations

import numpy as np

from ...ir.mathematics import Mathematics
from ...ir.node import Node
from ...ir.op import Call, Case
from ...ir.types import TensorType
from ...ops.arithmetic import maximum, negative
from ...ops.exponential import log, log1p
from ...ops.source import ArrayLike
from ...ops.type_rules import floating
from ..activations import log_tail, sigmoid, softplus
from ..block import block
from ..softmaxes import SOFTMAX
from .logits import warn_of_probabilities
from .reduction import reduce_losses, share_of
from .regression import check_fits, numeric_pair, pair_infer


def _infer(
    input: TensorType,
    target: TensorType,
    weight: TensorType | None,
    pos_weight: TensorType | None = None,
    *,
    reduction: str,
) -> TensorType:
    result = pair_infer(input, target, reduction=reduction)
    for name, part in (("weight", weight), ("pos_weight", pos_weight)):
        if part is not None:
            check_fits(input, floating(part, name), name)
            dtype = np.result_type(result.dtype, part.dtype)
            result = TensorType(dtype, result.shape)
    return result


def _weighted(losses: Node, weight: Node | None) -> Node:
    return losses if weight is None else losses * weight


def _logarithms(input: Node) -> tuple[Node, Node]:
    """Logarithms of a probability and of its complement, bounded as in torch."""
    yes = maximum(log(input), -100.0).named("log_yes")
    no = maximum(log1p(negative(input).named("minus_input")), -100.0).named("log_no")
    return yes, no


def _bce_losses(input: Node, target: Node) -> Node:
    log_yes, log_no = _logarithms(input)
    yes = (target * log_yes).named("yes_part")
    no = ((1.0 - target).named("target_of_no") * log_no).named("no_part")
    return negative((yes + no).named("log_likelihood"))


def _bce_vjp(
    g: Node, out: Node, input: Node, target: Node, weight: Node | None
) -> list[Node | None]:
    share = share_of(g, out, input)
    weighted = _weighted(share, weight)
    yes, no = _logarithms(input)
    # Bounded below where the probability is 0 or 1 and the quotient would be infinite.
    variance = (input * (1.0 - input).named("complement")).named("variance")
    slope = (input - target).named("error") / maximum(variance, 1e-12).named("bounded")
    return [
        weighted * slope.named("slope"),
        weighted * (no - yes).named("log_odds"),
        None if weight is None else share * _bce_losses(input, target),
    ]


@block(
    infer=_infer,
    vjp=_bce_vjp,
    operands=numeric_pair,
    cases=[
        Case(shapes, {"reduction": reduction}, low=0.1, high=0.9)
        for shapes, reduction in (
            (((3, 4), (3, 4)), "mean"),
            (((3, 4), (3, 4), (4,)), "none"),
            (((3, 4), (3, 4), (3, 1)), "sum"),
            (((), ()), "sum"),
        )
    ],
)
def binary_cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    reduction: str = "mean",
) -> Node:
    """Cross entropy of probabilities of yes, `input`, with targets in [0, 1].

    `loss = -weight * (target * log(input) + (1 - target) * log(1 - input))`, with each
    logarithm bounded below by -100, as torch bounds it.

    Args:
        input: probabilities, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        weight: a factor for each loss, broadcasting to `input`; None for 1.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: target or weight does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equation 4.90.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.binary_cross_entropy([0.5, 1.0], [1.0, 1.0]), {})
    array(0.34657359)
    """
    losses = _weighted(_bce_losses(input, target), weight)
    return reduce_losses(losses.named("losses"), reduction)


def _logit_losses(input: Node, target: Node, pos_weight: Node | None) -> Node:
    tail = log_tail(input).named("tail")
    if pos_weight is None:
        # In this order the first two cancel exactly, and what is left is the tail.
        agreed = (input * target).named("agreed")
        straight = maximum(input, 0.0).named("positive_part") - agreed
        return straight.named("straight_part") + tail
    mirrored = maximum(negative(input), 0.0)
    yes = _yes_weight(target, pos_weight) * (tail + mirrored).named("loss_of_yes")
    no = (1.0 - target).named("target_of_no") * input
    return no.named("no_part") + yes.named("yes_part")


def _yes_weight(target: Node, pos_weight: Node) -> Node:
    more = ((pos_weight - 1.0).named("more_weight") * target).named("more_of_yes")
    return (1.0 + more).named("yes_weight")


def _logits_vjp(
    g: Node,
    out: Node,
    input: Node,
    target: Node,
    weight: Node | None,
    pos_weight: Node | None,
) -> list[Node | None]:
    share = share_of(g, out, input)
    weighted = _weighted(share, weight)
    probability = sigmoid(input).named("probability")
    by_weight = by_pos_weight = None
    if pos_weight is None:
        error = (probability - target).named("error")
        adjoints = [weighted * error, negative(weighted * input)]
    else:
        yes_weight = _yes_weight(target, pos_weight)
        mirrored = negative(input)
        loss = softplus.op(mirrored, beta=1.0, threshold=None).named("loss_of_yes")
        error = (yes_weight * (probability - 1.0).named("missing")).named("yes_error")
        error = (error + (1.0 - target).named("target_of_no")).named("error")
        by_target = (pos_weight - 1.0).named("more_weight") * loss - input
        adjoints = [weighted * error, weighted * by_target.named("slope_by_target")]
        by_pos_weight = weighted * (target * loss).named("target_loss")
    if weight is not None:
        by_weight = share * _logit_losses(input, target, pos_weight)
    return [*adjoints, by_weight, by_pos_weight]


def _logits_and_target(input: ArrayLike, target: ArrayLike) -> tuple[Node, Node]:
    logits, goal = numeric_pair(input, target)
    takes = "binary_cross_entropy_with_logits takes logits and applies sigmoid itself"
    warn_of_probabilities(logits, (sigmoid.op, SOFTMAX), takes)
    return logits, goal


_OF_LOGITS = '''
def binary_cross_entropy(logits, targets):
    """Return -t * log(p) - (1 - t) * log(1 - p), where p = sigmoid(logits)."""
    tails = np.log1p(np.exp(-np.absolute(logits)))
    return np.maximum(logits, 0.0) - logits * targets + tails
'''


def _plain_losses(logits: Node, targets: Node) -> Node:
    return _logit_losses(logits, targets, None)


def _logits_formula(node: Node) -> str | None:
    reduction = node.attributes["reduction"]
    if node.attributes["parts"]:
        return None
    p = "sigmoid(input)"
    each = f"target * log({p}) + (1 - target) * log(1 - {p})"
    if reduction == "none" or not node.inputs[0].ndim:
        return f"-({each})"
    return f"-{reduction}({each})"


@block(
    infer=_infer,
    vjp=_logits_vjp,
    mathematics=Mathematics(formula=_logits_formula),
    calls=(
        Call(
            "binary_cross_entropy(logits, targets)",
            (_OF_LOGITS,),
            _plain_losses,
            lambda type: (((type, type), {}),),
        ),
    ),
    operands=_logits_and_target,
    cases=[
        Case(shapes, {"parts": parts, "reduction": reduction}, low=0.1)
        for shapes, parts, reduction in (
            (((3, 4), (3, 4)), "", "mean"),
            (((3, 4), (3, 4), (4,)), "weight", "none"),
            (((3, 4), (3, 4), (4,)), "pos_weight", "mean"),
            (((3, 4), (3, 4), (3, 1), (4,)), "weight pos_weight", "sum"),
            (((), ()), "", "sum"),
        )
    ],
)
def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike = None,
    reduction: str = "mean",
    pos_weight: ArrayLike = None,
) -> Node:
    """`binary_cross_entropy(sigmoid(input), target)` without the loss of digits.

    `loss = weight * (max(x, 0) - x * target + log(1 + exp(-abs(x))))`; `pos_weight`
    multiplies the part of it that `target` does. The gradient by plain logits is
    `(sigmoid(input) - target) / size`.

    Args:
        input: logits, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        weight: a factor for each loss, broadcasting to `input`; None for 1.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.
        pos_weight: a factor for losses of yes, broadcasting to `input`; None for 1.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: target or a weight does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equations 4.90 and
    4.91.

    >>> import graphc as gc
    >>> loss = gc.nn.binary_cross_entropy_with_logits([-1000.0, 0.0], [1.0, 1.0])
    >>> gc.evaluate(loss, {})
    array(500.34657359)
    """
    losses = _weighted(_logit_losses(input, target, pos_weight), weight)
    return reduce_losses(losses.named("losses"), reduction)
