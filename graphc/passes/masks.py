"""Choices written as products with a mask.

NumPy chooses between two values element by element, and guesses wrong about every
other element of a mask that looks random: `np.where` and `np.copyto(..., where=mask)`
take about ten times as long as a product of the same size. A product is also how a
textbook writes the derivative of a rectifier.

They differ where the value that is not chosen is no number, because `nan * 0` is NaN,
and a choice may have been made to be rid of it. So a choice is rewritten only in a
derivative, and only where the value is finite by the way it is computed.
"""

from __future__ import annotations

import math

import numpy as np

from ..ir.node import Node
from ..ops.arithmetic import add, multiply
from ..ops.comparison import invert
from ..ops.source import constant
from .rewriting import Rule, Uses
from .values import constant_of, is_nonnegative, uniform_value, without_views

__all__ = ["MASKS", "is_derivative", "is_finite"]

_DEPTH = 8


def is_derivative(node: Node) -> bool:
    """Whether differentiation made a node, and no user."""
    return any(
        rule.startswith(("vjp of", "jvp of")) or rule == "accumulation"
        for rule in node.origin.rules
    )


_FINITE = frozenset(
    {"matmul", "parameter", "dimension", "sign", "tanh", "sin", "cos", "arctan"}
)
"""Ops whose value is finite, or that of a training that has failed already.

An infinity or NaN among the operands of a matrix product is spread over whole rows, so
no choice between elements of it would be of use.
"""

_KEEPS_FINITE = frozenset(
    {"add", "subtract", "multiply", "negative", "square", "absolute", "maximum"}
    | {"minimum", "where", "clip", "sum", "mean", "max", "min", "concatenate"}
    | {"getitem", "take_along_axis", "scatter_add", "scatter_along_axis"}
)
"""Ops whose value is finite where their operands are, but for overflow."""


def is_finite(node: Node, depth: int = _DEPTH) -> bool:
    """Whether every element is known to be finite, short of overflow or bad data.

    Nothing is known of inputs: NaN may stand for what is missing.
    """
    node = without_views(node)
    name = node.op.name
    if node.dtype.kind != "f" or name in _FINITE:
        return True
    if name == "constant":
        return bool(np.isfinite(constant_of(node)).all())
    if name == "full":
        return math.isfinite(node.attributes["value"])
    if depth == 0:
        return False
    if name in _KEEPS_FINITE:
        return all(is_finite(value, depth - 1) for value in node.inputs)
    if name == "astype":
        return is_finite(node.inputs[0], depth - 1)
    if name == "exp":
        return _is_bounded_above(node.inputs[0])
    if name == "divide":
        above, below = node.inputs
        return _is_away_from_zero(below, depth - 1) and is_finite(above, depth - 1)
    return False


def _is_bounded_above(node: Node) -> bool:
    """Whether an exponential of a node is known not to overflow."""
    if node.op.name != "minimum":
        return False
    bounds = [uniform_value(value) for value in node.inputs]
    largest = math.log(float(np.finfo(node.dtype).max))
    return any(bound is not None and float(bound) < largest for bound in bounds)


def _is_away_from_zero(node: Node, depth: int) -> bool:
    """Whether every element is known to be at least some positive number."""
    node = without_views(node)
    value = uniform_value(node)
    if value is not None:
        return float(value) != 0.0
    if node.op.name == "dimension":
        return True
    if depth == 0:
        return False
    if node.op.name == "sqrt":
        return _is_away_from_zero(node.inputs[0], depth - 1)
    if node.op.name == "add":
        x, y = node.inputs
        return (_is_positive(x) and is_nonnegative(y)) or (
            _is_positive(y) and is_nonnegative(x)
        )
    return False


def _is_positive(node: Node) -> bool:
    value = uniform_value(node)
    return value is not None and float(value) > 0.0


def _masked(node: Node) -> Node | None:
    """The product that a choice between a value and 0 is."""
    condition, x, y = node.inputs
    for value, other, mask in ((x, y, condition), (y, x, None)):
        zero = uniform_value(other)
        if zero is None or float(zero) != 0.0 or not is_finite(value):
            continue
        found = multiply(value, invert(condition) if mask is None else mask)
        return found if found.type == node.type else None
    return None


def _masked_integers(node: Node, uses: Uses) -> Node | None:
    return _masked(node) if node.dtype.kind in "iu" else None


def _masked_derivative(node: Node, uses: Uses) -> Node | None:
    return _masked(node) if node.dtype.kind == "f" and is_derivative(node) else None


def _of_two_numbers(node: Node, uses: Uses) -> Node | None:
    condition, x, y = node.inputs
    one, other = uniform_value(x), uniform_value(y)
    if one is None or other is None or node.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        difference = np.subtract(one, other, dtype=node.dtype)
        exact = bool(np.add(difference, other, dtype=node.dtype) == one)
    if not exact or not np.isfinite(difference) or np.signbit(float(other)):
        return None
    scaled = multiply(condition, constant(difference, node.dtype))
    found = add(scaled, constant(float(other), node.dtype))
    return found if found.type == node.type else None


MASKS = (
    Rule(
        "where(c, n, 0) -> n * c",
        ("where",),
        _masked_integers,
        "for all integers",
    ),
    Rule(
        "where(c, x, 0) -> x * c, in a derivative",
        ("where",),
        _masked_derivative,
        "x is finite but for overflow: a number, a matrix product, a sum of products "
        "of such; and 0 may become -0.0",
        "rounding",
    ),
    Rule(
        "where(c, a, b) -> c * (a - b) + b",
        ("where",),
        _of_two_numbers,
        "a and b are numbers, and a - b + b is a without rounding",
    ),
)
