"""Rules of exact arithmetic: what IEEE 754 makes equal, zeros' signs included.

`x + 0` is not here for every `x`: -0.0 + 0.0 is +0.0. Nor is `x * 0`, which is NaN for
an infinity, nor `-(a - b)`, whose zero has the other sign than that of `b - a`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.node import Node
from ...ops.arithmetic import divide, multiply, negative, square, where
from ...ops.shape import broadcast_to
from ...ops.source import astype, constant
from ..rewriting import Rule, Uses
from .values import is_nonnegative, is_uniform, never_negative_zero, uniform_value


def fit(x: Node, node: Node) -> Node | None:
    """`x` stretched to the type of `node`; None where only a cast could give it."""
    return broadcast_to(x, node.shape) if x.dtype == node.dtype else None


def _neutral(value: float, position: int | None = None) -> Any:
    """The other operand, where one is `value` everywhere."""

    def rewrite(node: Node, uses: Uses) -> Node | None:
        for place in (0, 1) if position is None else (position,):
            if is_uniform(node.inputs[place], value):
                return fit(node.inputs[1 - place], node)
        return None

    return rewrite


def _add_zero(node: Node, uses: Uses) -> Node | None:
    for place in (0, 1):
        other = node.inputs[1 - place]
        if is_uniform(node.inputs[place], 0.0) and never_negative_zero(other):
            return fit(other, node)
    return None


def _subtract_zero(node: Node, uses: Uses) -> Node | None:
    x, zero = node.inputs
    return fit(x, node) if is_uniform(zero, 0.0) else None


def _minus_one(node: Node, uses: Uses) -> Node | None:
    for place in (1,) if node.op.name == "divide" else (0, 1):
        if is_uniform(node.inputs[place], -1.0) and node.dtype.kind in "fi":
            x = fit(node.inputs[1 - place], node)
            return None if x is None else negative(x)
    return None


def _negated(node: Node) -> Node | None:
    """What a floating node is the negative of, where it is written so.

    Not of integers: the smallest of a narrow dtype is its own negative.
    """
    written = node.op.name == "negative" and node.dtype.kind == "f"
    return node.inputs[0] if written else None


def _double_negative(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    return inner.inputs[0] if inner.op.name == "negative" else None


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
    if scaled.op.name not in ("multiply", "divide") or not uses.once(scaled):
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
    if x.op.name in ("negative", "absolute") and x.dtype.kind == "f":
        return node.op.build(x.inputs, {})
    return None


def _same_operands(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    return x if x is y else None


def _where_constant(node: Node, uses: Uses) -> Node | None:
    value = uniform_value(node.inputs[0])
    return None if value is None else fit(node.inputs[1 if value else 2], node)


def _where_same(node: Node, uses: Uses) -> Node | None:
    _, x, y = node.inputs
    return fit(x, node) if x is y else None


def _where_not(node: Node, uses: Uses) -> Node | None:
    condition, x, y = node.inputs
    if condition.op.name not in ("logical_not", "invert"):
        return None
    opposite = condition.inputs[0]
    return where(opposite, y, x) if opposite.dtype.kind == "b" else None


def _double_not(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not node.op or inner.inputs[0].dtype != node.dtype:
        return None
    return inner.inputs[0]


def _astype(node: Node, uses: Uses) -> Node | None:
    x = node.inputs[0]
    if x.dtype == node.dtype:
        return x
    if x.op.name == "astype":
        source = x.inputs[0]
        if source.dtype.kind == "f" and node.dtype.kind in "iu":
            return None  # What is out of range, C leaves to the processor.
        if np.can_cast(source.dtype, x.dtype, "safe") and _all_represented(source, x):
            return astype(source, node.dtype)
    return None


def _all_represented(source: Node, wider: Node) -> bool:
    """Whether every value survives: NumPy calls int64 to float64 safe, but rounds."""
    if source.dtype.kind in "iu" and wider.dtype.kind == "f":
        return np.iinfo(source.dtype).bits <= np.finfo(wider.dtype).nmant
    return True


def _reciprocal_of(node: Node) -> Node | None:
    if node.op.name == "reciprocal":
        return node.inputs[0]
    if node.op.name == "divide" and is_uniform(node.inputs[0], 1.0):
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


def _scalar(node: Node) -> float | None:
    if node.op.name != "constant" or node.shape or node.dtype.kind != "f":
        return None
    return float(node.attributes["value"].array)


def _split(node: Node) -> tuple[float, Node] | None:
    """`c * x` as its constant and the rest."""
    if node.op.name != "multiply":
        return None
    for place in (0, 1):
        value = _scalar(node.inputs[place])
        if value is not None:
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


_ALWAYS = "for every operand: IEEE 754 defines both sides alike"

ARITHMETIC = (
    Rule("x * 1 -> x", ("multiply",), _neutral(1.0), _ALWAYS),
    Rule("x / 1 -> x", ("divide",), _neutral(1.0, 1), _ALWAYS),
    Rule("x + -0.0 -> x", ("add",), _neutral(-0.0), _ALWAYS),
    Rule(
        "x + 0 -> x",
        ("add",),
        _add_zero,
        "x is known never to be -0.0, which the addition would make +0.0",
    ),
    Rule("x - 0 -> x", ("subtract",), _subtract_zero, _ALWAYS),
    Rule("x * -1 -> -x", ("multiply", "divide"), _minus_one, _ALWAYS),
    Rule("-(-x) -> x", ("negative",), _double_negative, _ALWAYS),
    Rule("x + -y -> x - y", ("add",), _add_negative, _ALWAYS),
    Rule("x - -y -> x + y", ("subtract",), _subtract_negative, _ALWAYS),
    Rule("-x * -y -> x * y", ("multiply", "divide"), _negatives, _ALWAYS),
    Rule("-x * c -> x * -c", ("multiply", "divide"), _negative_constant, _ALWAYS),
    Rule(
        "-x * y -> -(x * y)",
        ("multiply", "divide"),
        _negative_outside,
        "for every operand; done where -x has no other use, so that a sum that follows "
        "can subtract",
    ),
    Rule(
        "-(x * c) -> x * -c",
        ("negative",),
        _negative_of_scaled,
        "for every operand; done where x * c has no other use",
    ),
    Rule(
        "abs(x) -> x",
        ("absolute",),
        _absolute_nonnegative,
        "x is known to be in [+0, inf] or NaN: a square, an exponential, an abs",
    ),
    Rule("abs(-x) -> abs(x)", ("absolute", "square"), _even, _ALWAYS),
    Rule("max(x, x) -> x", ("maximum", "minimum"), _same_operands, _ALWAYS),
    Rule("where(constant, x, y) -> x or y", ("where",), _where_constant, _ALWAYS),
    Rule("where(c, x, x) -> x", ("where",), _where_same, _ALWAYS),
    Rule("where(not c, x, y) -> where(c, y, x)", ("where",), _where_not, _ALWAYS),
    Rule("not not c -> c", ("logical_not", "invert"), _double_not, "c is boolean"),
    Rule(
        "x.astype(a).astype(b) -> x.astype(b)",
        ("astype",),
        _astype,
        "every value of the dtype of x is a value of dtype a, and b is not an integer "
        "that x may be too large for",
    ),
    Rule(
        "stop_gradient(x) -> x",
        ("stop_gradient",),
        _stop,
        "derivatives have been taken: they are nodes of the graph",
    ),
    Rule(
        "x * (1 / y) -> x / y",
        ("multiply",),
        _times_reciprocal,
        "everywhere but for y so small that 1 / y overflows, where x / y is right; "
        "done where 1 / y has no other use",
        "rounding",
    ),
    Rule(
        "c1 * (c2 * x) -> (c1 * c2) * x",
        ("multiply",),
        _collect,
        "both constants are at least 1, or both at most 1, in magnitude, so that "
        "nothing overflows or underflows on one side only, and c1 * c2 is normal",
        "rounding",
    ),
    Rule("x * x -> square(x)", ("multiply",), _square_of_itself, _ALWAYS),
)
