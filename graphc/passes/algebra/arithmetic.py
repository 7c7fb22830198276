"""Rules of exact arithmetic: what IEEE 754 makes equal, zeros' signs included.

`x + 0` is not here for every `x`: -0.0 + 0.0 is +0.0. Nor is `x * 0`, which is NaN for
an infinity, nor `-(a - b)`, whose zero has the other sign than that of `b - a`.
"""

from __future__ import annotations

import numpy as np

from ...ir.literal import is_uniform, scalar_value, uniform_value
from ...ir.node import Node
from ...ops.arithmetic import (
    WHERE,
    absolute,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    square,
    subtract,
    where,
)
from ...ops.comparison import invert, logical_not
from ...ops.shape import broadcast_to
from ...ops.source import ASTYPE, STOP_GRADIENT, astype, constant
from ..rewriting import Rule, Uses
from .declared import ALWAYS, fit
from .values import is_nonnegative, never_negative_zero


def _add_zero(node: Node, uses: Uses) -> Node | None:
    for place in (0, 1):
        other = node.inputs[1 - place]
        if is_uniform(node.inputs[place], 0.0) and never_negative_zero(other):
            return fit(other, node)
    return None


def _minus_one(node: Node, uses: Uses) -> Node | None:
    for place in (1,) if node.op is divide.op else (0, 1):
        if is_uniform(node.inputs[place], -1.0) and node.dtype.kind in "fi":
            x = fit(node.inputs[1 - place], node)
            return None if x is None else negative(x)
    return None


def _negated(node: Node) -> Node | None:
    """The node that a floating node is written as the negative of.

    Not of integers: the smallest of a narrow dtype is its own negative.
    """
    written = node.op is negative.op and node.dtype.kind == "f"
    return node.inputs[0] if written else None


def _add_negative(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    if (negated := _negated(y)) is not None:
        return x - negated
    if (negated := _negated(x)) is not None:
        return y - negated
    return None


def _subtract_negative(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    negated = _negated(y)
    return None if negated is None else x + negated


def _negatives(node: Node, uses: Uses) -> Node | None:
    x, y = (_negated(parent) for parent in node.inputs)
    return None if x is None or y is None else node.op.build((x, y), {})


def _negative_outside(node: Node, uses: Uses) -> Node | None:
    for place in (0, 1):
        factor = node.inputs[place]
        x = _negated(factor)
        if x is None or factor.type != node.type or not uses.once(factor):
            continue
        inputs = list(node.inputs)
        inputs[place] = x
        return negative(node.op.build(tuple(inputs), {}))
    return None


def _opposite(node: Node) -> Node | None:
    """The negative of an array of one floating value."""
    value = uniform_value(node)
    if value is None or node.dtype.kind != "f":
        return None
    return broadcast_to(constant(np.negative(value), node.dtype), node.shape)


def _negative_constant(node: Node, uses: Uses) -> Node | None:
    for place in (0, 1):
        x = _negated(node.inputs[place])
        if x is None:
            continue
        opposite = _opposite(node.inputs[1 - place])
        if opposite is not None:
            return node.op.build((x, opposite) if place == 0 else (opposite, x), {})
    return None


def _negative_of_scaled(node: Node, uses: Uses) -> Node | None:
    scaled = node.inputs[0]
    if scaled.op not in _SCALING or not uses.once(scaled):
        return None
    inputs = list(scaled.inputs)
    for place in (0, 1):
        opposite = _opposite(inputs[place])
        if opposite is not None:
            inputs[place] = opposite
            return scaled.op.build(tuple(inputs), {})
    return None


def _absolute_nonnegative(node: Node, uses: Uses) -> Node | None:
    return node.inputs[0] if is_nonnegative(node.inputs[0]) else None


def _even(node: Node, uses: Uses) -> Node | None:
    x = node.inputs[0]
    if x.op in (negative.op, absolute.op) and x.dtype.kind == "f":
        return node.op.build(x.inputs, {})
    return None


def _where_constant(node: Node, uses: Uses) -> Node | None:
    value = uniform_value(node.inputs[0])
    return None if value is None else fit(node.inputs[1 if value else 2], node)


def _where_same(node: Node, uses: Uses) -> Node | None:
    _, x, y = node.inputs
    return fit(x, node) if x is y else None


def _where_not(node: Node, uses: Uses) -> Node | None:
    condition, x, y = node.inputs
    if condition.op not in _NOT:
        return None
    opposite = condition.inputs[0]
    return where(opposite, y, x) if opposite.dtype.kind == "b" else None


def _astype(node: Node, uses: Uses) -> Node | None:
    x = node.inputs[0]
    if x.dtype == node.dtype:
        return x
    if x.op is ASTYPE:
        source = x.inputs[0]
        if source.dtype.kind == "f" and node.dtype.kind in "iu":
            return None  # What is out of range, C leaves to the processor.
        if np.can_cast(source.dtype, x.dtype, "safe") and _all_represented(source, x):
            return astype(source, node.dtype)
    return None


def _all_represented(source: Node, wider: Node) -> bool:
    """True where every value survives: NumPy calls int64 to float64 safe and rounds."""
    if source.dtype.kind in "iu" and wider.dtype.kind == "f":
        return np.iinfo(source.dtype).bits <= np.finfo(wider.dtype).nmant
    return True


def _reciprocal_of(node: Node) -> Node | None:
    if node.op is reciprocal.op:
        return node.inputs[0]
    if node.op is divide.op and is_uniform(node.inputs[0], 1.0):
        return fit(node.inputs[1], node)
    return None


def _times_reciprocal(node: Node, uses: Uses) -> Node | None:
    if node.dtype.kind != "f":
        return None
    for place in (1, 0):
        inverse = node.inputs[place]
        denominator = _reciprocal_of(inverse)
        if denominator is not None and uses.once(inverse):
            return divide(node.inputs[1 - place], denominator)
    return None


def _split(node: Node) -> tuple[float, Node] | None:
    """`c * x` as its constant and the rest."""
    if node.op is not multiply.op:
        return None
    for place in (0, 1):
        value = scalar_value(node.inputs[place])
        if value is not None and node.inputs[place].dtype.kind == "f":
            return value, node.inputs[1 - place]
    return None


def _collect(node: Node, uses: Uses) -> Node | None:
    outer = _split(node)
    inner = _split(outer[1]) if outer else None
    if outer is None or inner is None or node.dtype != inner[1].dtype:
        return None
    low, high = sorted((abs(outer[0]), abs(inner[0])))
    product = node.dtype.type(outer[0]) * node.dtype.type(inner[0])
    information = np.finfo(node.dtype)
    normal = float(information.tiny) <= abs(float(product)) <= float(information.max)
    if not normal or not (low >= 1.0 or high <= 1.0):
        return None
    return multiply(inner[1], constant(product, node.dtype))


def _stop(node: Node, uses: Uses) -> Node | None:
    return node.inputs[0]


def _square_of_itself(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    return square(x) if x is y and node.dtype.kind == "f" else None


_SCALING = (multiply.op, divide.op)
_NOT = (logical_not.op, invert.op)

ARITHMETIC = (
    Rule(
        "x + 0 -> x",
        (add.op,),
        _add_zero,
        "x is known never to be -0.0, which the addition would make +0.0",
    ),
    Rule("x * -1 -> -x", _SCALING, _minus_one, ALWAYS),
    Rule("x + -y -> x - y", (add.op,), _add_negative, ALWAYS),
    Rule("x - -y -> x + y", (subtract.op,), _subtract_negative, ALWAYS),
    Rule("-x * -y -> x * y", _SCALING, _negatives, ALWAYS),
    Rule("-x * c -> x * -c", _SCALING, _negative_constant, ALWAYS),
    Rule(
        "-x * y -> -(x * y)",
        _SCALING,
        _negative_outside,
        "for every operand; done where -x has no other use, so that a sum that follows "
        "can subtract",
    ),
    Rule(
        "-(x * c) -> x * -c",
        (negative.op,),
        _negative_of_scaled,
        "for every operand; done where x * c has no other use",
    ),
    Rule(
        "abs(x) -> x",
        (absolute.op,),
        _absolute_nonnegative,
        "x is known to be in [+0, inf] or NaN: a square, an exponential, an abs",
    ),
    Rule("abs(-x) -> abs(x)", (absolute.op, square.op), _even, ALWAYS),
    Rule("where(constant, x, y) -> x or y", (WHERE,), _where_constant, ALWAYS),
    Rule("where(c, x, x) -> x", (WHERE,), _where_same, ALWAYS),
    Rule("where(not c, x, y) -> where(c, y, x)", (WHERE,), _where_not, ALWAYS),
    Rule(
        "x.astype(a).astype(b) -> x.astype(b)",
        (ASTYPE,),
        _astype,
        "every value of the dtype of x is a value of dtype a, and b is not an integer "
        "that x may be too large for",
    ),
    Rule(
        "stop_gradient(x) -> x",
        (STOP_GRADIENT,),
        _stop,
        "derivatives have been taken: they are nodes of the graph",
    ),
    Rule(
        "x * (1 / y) -> x / y",
        (multiply.op,),
        _times_reciprocal,
        "everywhere but for y so small that 1 / y overflows, where x / y is right; "
        "done where 1 / y has no other use",
        "rounding",
    ),
    Rule(
        "c1 * (c2 * x) -> (c1 * c2) * x",
        (multiply.op,),
        _collect,
        "both constants are at least 1, or both at most 1, in magnitude, so that "
        "nothing overflows or underflows on one side only, and c1 * c2 is normal",
        "rounding",
    ),
    Rule("x * x -> square(x)", (multiply.op,), _square_of_itself, ALWAYS),
)
