"""Numbers within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..ir.array_methods import array_function
from ..ir.dims import broadcast_shapes
from ..ir.facts import Facts
from ..ir.literal import scalar_value
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .arithmetic import where
from .outer_broadcast import warn_of_outer_broadcast
from .source import ArrayLike, as_node, astype, coerce, constant, promote
from .value_ranges import clip_mathematics, range_of_clip


@array_function
def clip(
    a: ArrayLike,
    a_min: ArrayLike = None,
    a_max: ArrayLike = None,
    *,
    min: ArrayLike = None,
    max: ArrayLike = None,
) -> Node:
    """`a` bounded below by `a_min` and above by `a_max`, elementwise, as `np.clip`.

    `min` and `max` are NumPy's other names for the bounds. At a bound itself, and
    where `a` is NaN, the gradient flows to `a`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.clip([-2.0, 0.5, 3.0], 0.0, 1.0), {})
    array([0. , 0.5, 1. ])
    """
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    bounds = [bound for bound in (lower, upper) if bound is not None]
    if not bounds:
        return as_node(a)
    target = promote([a, *bounds])
    x, *limits = coerce(a, *bounds, dtype=target)
    warn_of_outer_broadcast((x, *limits))
    return CLIP.build(
        (astype(x, target), *limits),
        {"lower": lower is not None, "upper": upper is not None},
    )


def _clip_infer(x: TensorType, *bounds: TensorType, **_: Any) -> TensorType:
    dtype = np.result_type(x.dtype, *(bound.dtype for bound in bounds))
    return TensorType(dtype, broadcast_shapes(x.shape, *(b.shape for b in bounds)))


def _clip_vjp(g: Node, out: Node, x: Node, *bounds: Node) -> tuple[Node, ...]:
    zero = constant(0.0, g.dtype)
    # Asked so that NaN, which is outside of no bounds, passes the gradient on.
    if len(bounds) == 1:
        beyond = x < bounds[0] if out.attributes["lower"] else x > bounds[0]
        return (where(beyond, zero, g), where(beyond, g, zero))
    low, high = bounds
    below, above = x < low, x > high
    if _are_in_order(low, high):
        inside = ((x == out) | (x != x)).named("inside")
        flow = where(inside, g, zero)
    else:
        # Where the bounds cross, NumPy gives the upper one.
        below, above = below & (low <= high), above | (low > high)
        flow = where(below | above, zero, g)
    return (flow, where(below, g, zero), where(above, g, zero))


def _are_in_order(low: Node, high: Node) -> bool:
    """True where both are numbers that do not cross."""
    first, last = scalar_value(low), scalar_value(high)
    return first is not None and last is not None and first <= last


def _clip_numpy(node: Node) -> str:
    low, high = node.attributes["lower"], node.attributes["upper"]
    if low and high:
        return "np.clip(x, bounds[0], bounds[1])"
    return "np.maximum(x, bounds[0])" if low else "np.minimum(x, bounds[0])"


def _clip_into(node: Node) -> str:
    if len(node.inputs) > 2 and node.inputs[0].shape:
        # The method, without the checks that `np.clip` makes before it.
        return "x.clip(bounds[0], bounds[1], out=out)"
    return _clip_numpy(node)[:-1] + ", out=out)"


def _gradients(node: Node) -> tuple[str | None, ...]:
    """The gradient of what is clipped between two numbers."""
    x, *bounds = node.inputs
    if len(bounds) < 2 or x.shape != node.shape or not _are_in_order(*bounds):
        return ()
    return ("d * indicator((bounds0 <= x) and (x <= bounds1))",)


CLIP = Op(
    name="clip",
    mathematics=replace(clip_mathematics, gradients=_gradients),
    inputs=("x", "*bounds"),
    infer=_clip_infer,
    facts=Facts(
        nonnegative="all", finite="all", overflows=False, zero_sign="kept", cost=1.0
    ),
    kind="elementwise",
    numpy=_clip_numpy,
    into=_clip_into,
    value_range=range_of_clip,
    vjp=_clip_vjp,
    jvp="diagonal",
    cases=(
        Case(((3, 4), (), ()), {"lower": True, "upper": True}),
        Case(((3, 4), (4,)), {"lower": True, "upper": False}),
        Case(((0, 4), (4,)), {"lower": False, "upper": True}),
    ),
)
