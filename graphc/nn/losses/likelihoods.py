"""Negative log likelihoods of distributions, and the divergence of two."""

from __future__ import annotations

import math

import numpy as np

from ...errors import OptionError
from ...ir.node import Node
from ...ir.op import Case
from ...ir.types import TensorType
from ...ops import reduction as reductions
from ...ops.arithmetic import maximum, square, where
from ...ops.exponential import exp, log
from ...ops.source import ArrayLike, as_node
from ...ops.type_rules import floating
from ..block import block
from .reduction import reduce_losses
from .regression import check_fits, numeric_pair, pair_infer


def _divergence_infer(
    input: TensorType, target: TensorType, *, reduction: str, log_target: bool
) -> TensorType:
    if reduction == "batchmean":
        if not input.shape:
            raise OptionError('"batchmean" requires input with an axis of the batch')
        reduction = "sum"
    return pair_infer(input, target, reduction=reduction)


@block(
    infer=_divergence_infer,
    operands=numeric_pair,
    cases=[
        Case(shapes, {"reduction": reduction, "log_target": log}, low=0.1)
        for shapes, reduction, log in (
            (((3, 4), (3, 4)), "batchmean", False),
            (((3, 4), (4,)), "none", True),
        )
    ],
)
def kl_div(
    input: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    log_target: bool = False,
) -> Node:
    """Kullback-Leibler divergence of `target` from log-probabilities.

    `loss = target * (log(target) - input)`, 0 where `target` is 0; with `log_target`
    `loss = exp(target) * (target - input)`.

    Args:
        input: log-probabilities, of any shape.
        target: probabilities, or their logarithms; of the shape of `input`, or
            broadcasting to it.
        reduction: `"batchmean"` for the sum over the size of the first axis, which is
            the divergence; `"mean"` over all elements, `"sum"`, or `"none"` for each.
        log_target: True where `target` is a logarithm.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Kullback and Leibler 1951, "On information and sufficiency".

    >>> import graphc as gc
    >>> log_p = gc.log([[0.5, 0.5]])
    >>> gc.evaluate(gc.nn.kl_div(log_p, [[1.0, 0.0]], reduction="batchmean"), {})
    array(0.69314718)
    """
    if log_target:
        weight, logs = exp(target).named("probabilities"), target
    else:
        # 0 times the logarithm of 1, where the one of 0 would be infinite.
        is_zero = (target == 0.0).named("is_zero")
        weight, logs = target, log(where(is_zero, 1.0, target)).named("log_target")
    losses = weight * (logs - input).named("log_ratio")
    if reduction != "batchmean":
        return reduce_losses(losses.named("losses"), reduction)
    total = reductions.sum(losses.named("losses")).named("total_loss")
    return reductions.over_count(total, input.shape[0])


def _poisson_infer(
    input: TensorType,
    target: TensorType,
    *,
    log_input: bool,
    full: bool,
    eps: float,
    reduction: str,
) -> TensorType:
    return pair_infer(input, target, reduction=reduction)


@block(
    infer=_poisson_infer,
    operands=numeric_pair,
    cases=[
        Case(
            ((3, 4), (3, 4)),
            {"log_input": log, "full": full, "eps": 1e-8, "reduction": reduction},
            low=1.1,
            high=3.0,
        )
        for log, full, reduction in ((True, False, "mean"), (False, True, "none"))
    ],
)
def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Node:
    """Negative log likelihood of counts whose rate is `exp(input)`, or `input`.

    `loss = exp(input) - target * input`, or `input - target * log(input + eps)`; with
    `full` also Stirling's `target * log(target) - target + log(2 * pi * target) / 2`
    for targets above 1.

    Args:
        input: the rate, or its logarithm, of any shape.
        target: counts, of the shape of `input`, or broadcasting to it.
        log_input: False where `input` is the rate itself.
        full: True for the part that only the target decides.
        eps: added to a rate before its logarithm is taken.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would broadcast `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Cameron and Trivedi 1998, *Regression analysis of count data*, section 3.2.

    >>> import graphc as gc
    >>> loss = gc.nn.poisson_nll_loss([0.0, 1.0], [2.0, 0.0], reduction="none")
    >>> gc.evaluate(loss, {})
    array([1.        , 2.71828183])
    """
    if log_input:
        losses = exp(input).named("rate") - (target * input).named("agreed")
    else:
        log_rate = log((input + eps).named("rate_and_eps")).named("log_rate")
        losses = input - (target * log_rate).named("agreed")
    if full:
        is_above = (target > 1.0).named("is_above_1")
        count = where(is_above, target, 1.0).named("count")
        entropy = count * log(count).named("log_count") - count
        root = 0.5 * log((2.0 * math.pi * count).named("circumference"))
        stirling = (entropy + root).named("stirling")
        losses = losses + where(is_above, stirling, 0.0).named("log_factorial")
    return reduce_losses(losses.named("losses"), reduction)


def _gaussian_infer(
    input: TensorType,
    target: TensorType,
    var: TensorType,
    *,
    full: bool,
    eps: float,
    reduction: str,
) -> TensorType:
    result = pair_infer(input, target, reduction=reduction)
    floating(var, "var")
    check_fits(input, var, "var")
    return TensorType(np.result_type(result.dtype, var.dtype), result.shape)


@block(
    name="gaussian_nll_loss",
    infer=_gaussian_infer,
    cases=[
        Case(
            ((3, 4), (3, 4), (3, 1)),
            {"full": True, "eps": 1e-6, "reduction": "mean"},
            low=0.1,
        )
    ],
)
def _gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool,
    eps: float,
    reduction: str,
) -> Node:
    variance = maximum(var, eps).named("bounded_variance")
    squares = square((input - target).named("error")).named("squares")
    ratio = (squares / variance).named("squared_ratio")
    twice = (log(variance).named("log_variance") + ratio).named("twice")
    losses = 0.5 * twice
    if full:
        losses = losses.named("kernel") + 0.5 * math.log(2.0 * math.pi)
    return reduce_losses(losses.named("losses"), reduction)


def gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Node:
    """Negative log likelihood of a Gaussian with mean `input` and variance `var`.

    `loss = (log(var) + (input - target)**2 / var) / 2`, and `log(2 * pi) / 2` with
    `full`; the variance is bounded below by `eps`.

    Args:
        input: means, of any shape.
        target: of the shape of `input`, or broadcasting to it.
        var: variances, broadcasting to `input`, or of its shape without the last axis.
        full: True for the constant.
        eps: the least variance, at or below which it gets no gradient.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` or `var` does not fit.
        DTypeError: an array that is not floating.
        OptionError: another `reduction`.

    Source: Nix and Weigend 1994, "Estimating the mean and variance of the target
    probability distribution".

    >>> import graphc as gc
    >>> loss = gc.nn.gaussian_nll_loss([1.0, 2.0], [1.0, 4.0], 1.0, reduction="none")
    >>> gc.evaluate(loss, {})
    array([0., 2.])
    """
    mean, goal = numeric_pair(input, target)
    variance = as_node(var, mean.dtype)
    if variance.ndim and variance.shape == mean.shape[:-1] != mean.shape:
        variance = variance[..., None]
    return _gaussian_nll_loss(mean, goal, variance, full, eps, reduction)
