"""Logarithms of sums of exponentials, without overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.batching import along_axes
from ..ir.dims import broadcast_shapes
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from ..ir.types import TensorType
from .arithmetic import absolute, sign, where
from .axes import normalize_axes
from .comparison import isfinite
from .exponential import exp, log
from .extrema import largest_along
from .reduction import SUM, mean_dtype, reduced_type, restore_axes
from .shape import broadcast_to, squeeze
from .source import ArrayLike, as_node, astype, constant, held_fixed
from .type_rules import floating


def _logsumexp_infer(
    a: TensorType, *, axis: tuple[int, ...], keepdims: bool
) -> TensorType:
    return reduced_type(floating(a, "a"), axis, keepdims, a.dtype)


def _shift(a: Node, axis: tuple[int, ...]) -> Node:
    """The maximum along axes, or 0 where it is infinite and has no difference to
    itself."""
    largest = largest_along(a, axis)
    return where(isfinite(largest), largest, constant(0.0, a.dtype))


def _logsumexp_expand(a: Node, *, axis: tuple[int, ...], keepdims: bool) -> Node:
    shift = _shift(a, axis).named("shift")
    exponentials = exp((a - shift).named("shifted")).named("exponentials")
    total = SUM(exponentials, axis=axis, keepdims=True).named("total")
    found = log(total).named("log_total") + shift
    return found if keepdims or not axis else squeeze(found, axis)


def _shares(out: Node, a: Node) -> Node:
    """`exp(a) / sum(exp(a))`, and 0 where the sum is 0."""
    zero = constant(0.0, out.dtype)
    known = where(out == -np.inf, zero, out).named("finite_log_sum")
    return exp(a - restore_axes(known, out, a)).named("shares")


LOGSUMEXP = Op(
    name="logsumexp",
    mathematics=Mathematics(formula="log(sum(exp(a), axis, keepdims))"),
    inputs=("a",),
    infer=_logsumexp_infer,
    expand=_logsumexp_expand,
    batch=along_axes,
    vjp=lambda g, out, a: (restore_axes(g, out, a) * _shares(out, a),),
    jvp=lambda tangents, out, a: SUM(tangents[0] * _shares(out, a), **out.attributes),
    cases=(
        Case(((3, 4),), {"axis": (1,), "keepdims": False}),
        Case(((2, 3, 4),), {"axis": (0, 2), "keepdims": True}),
        Case(
            ((3,),),
            {"axis": (0,), "keepdims": False},
            points=(Point(([0.0, 800.0, -800.0],)), Point(([800.0, 800.0, 800.0],))),
        ),
    ),
)


def logsumexp(
    a: ArrayLike,
    axis: Any = None,
    b: ArrayLike = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Any:
    """Logarithm of a sum of exponentials over `axis`: `log(sum(b * exp(a)))`.

    It is computed as `m + log(sum(b * exp(a - m)))` with the maximum `m`, so that no
    exponential overflows. Where the sum is 0 the value is -inf and its gradient 0.

    Args:
        a: numbers.
        axis: one axis, several, or all where None.
        b: factors that broadcast with `a`; 1 where None. Where one is 0 the element
            does not count, whatever it is.
        keepdims: keep the axes, with size 1.
        return_sign: return the logarithm of the absolute value of the sum, and its
            sign. Else the value of a negative sum is NaN.

    Returns:
        An array without the axes, or with axes of size 1; or this and the signs.

    Raises:
        IndexRangeError: an axis that `a` has not.

    Source: Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and
    softmax functions".

    >>> import graphc as gc
    >>> gc.evaluate(gc.logsumexp([1000.0, 1000.0]), {})
    array(1000.69314718)
    """
    x = as_node(a)
    x = astype(x, mean_dtype(x.dtype))
    if b is None:
        found = LOGSUMEXP(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))
        if return_sign:
            return found, where(found == -np.inf, constant(0.0, x.dtype), 1.0)
        return found
    factors = as_node(b, x.dtype)
    dtype = np.result_type(x.dtype, factors.dtype)
    shape = broadcast_shapes(x.shape, factors.shape)
    x = broadcast_to(astype(x, dtype), shape)
    factors = broadcast_to(astype(factors, dtype), shape)
    axes = normalize_axes(axis, x)
    counted = where(factors == 0.0, constant(-np.inf, dtype), x)
    shift = held_fixed(_shift(counted, axes))
    total = SUM(factors * exp(counted - shift), axis=axes, keepdims=True)
    nothing = total == 0.0
    size = absolute(total) if return_sign else total
    # A logarithm of 0 would have an infinite slope.
    logarithm = log(where(nothing, constant(1.0, dtype), size))
    found = where(nothing, constant(-np.inf, dtype), logarithm + shift)
    results = (found, sign(total)) if return_sign else (found,)
    if not keepdims and axes:
        results = tuple(squeeze(each, axes) for each in results)
    return results if return_sign else results[0]
