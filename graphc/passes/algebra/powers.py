"""Powers with a constant exponent, as multiplications, divisions and square roots.

NumPy computes a float32 power some twenty times slower than a product. Multiplying
rounds once a step, so `x**n` is at most `n` units in the last place away. An
intermediate power never overflows or underflows unless the result does: each lies
between 1 and the result. A negative power starts from the reciprocal for the same
reason: `1 / x**2` would be 0 where `x**2` overflows although `x**-2` is still a
(subnormal) number. Its rounding is raised to the power, too, so `x**-n` is at most
`2*n` units away, and only small exponents are worth it.
"""

from __future__ import annotations

import functools

import numpy as np

from ...ir.literal import uniform_value
from ...ir.node import Node
from ...ir.types import DType
from ...ops.arithmetic import divide, multiply, sqrt, square
from ...ops.exponential import power
from ...ops.source import constant, full
from ..rewriting import Rule, Uses
from .values import is_nonnegative

_LARGEST = 16
_LARGEST_NEGATIVE = 8


@functools.cache
def _sqrt_is_numpys_power(dtype: DType) -> bool:
    """True where NumPy takes a square root for a scalar exponent of 0.5 everywhere.

    Recent versions do in most dtypes, and then x**0.5 is NaN at -inf and -0.0 at -0.0.
    The power of C's library is inf and +0.0 there.
    """
    with np.errstate(all="ignore"):
        found = np.power(np.array([-np.inf, -0.0], dtype), np.array(0.5, dtype))
    return bool(np.isnan(found[0]) and np.signbit(found[1]))


def _exponent(node: Node) -> float | None:
    """The exponent, where it is one number and the base has the dtype of the power."""
    x, y = node.inputs
    value = uniform_value(y)
    if value is None or x.type != node.type or node.dtype.kind not in "fiu":
        return None
    return float(value)


def _zero(node: Node, uses: Uses) -> Node | None:
    return full(node.shape, 1.0, node.dtype) if _exponent(node) == 0.0 else None


def integer_power(x: Node, exponent: int) -> Node:
    """`x**exponent` for a positive exponent, by repeated squaring."""
    result: Node | None = None
    factor = x
    while exponent:
        if exponent & 1:
            result = factor if result is None else multiply(result, factor)
        exponent >>= 1
        if exponent:
            factor = square(factor)
    assert result is not None
    return result


def _positive(node: Node, uses: Uses) -> Node | None:
    exponent = _exponent(node)
    if exponent is None or exponent not in range(2, _LARGEST + 1):
        return None
    return integer_power(node.inputs[0], int(exponent))


def _negative(node: Node, uses: Uses) -> Node | None:
    exponent = _exponent(node)
    if exponent is None or node.dtype.kind != "f":
        return None
    if -exponent not in range(1, _LARGEST_NEGATIVE + 1):
        return None
    inverse = divide(constant(1.0, node.dtype), node.inputs[0])
    return integer_power(inverse, int(-exponent))


def _half(node: Node, uses: Uses) -> Node | None:
    x, y = node.inputs
    if _exponent(node) != 0.5 or node.dtype.kind != "f":
        return None
    if is_nonnegative(x) or (not y.shape and _sqrt_is_numpys_power(node.dtype)):
        return sqrt(x)
    return None


def _halves(node: Node, uses: Uses) -> Node | None:
    exponent = _exponent(node)
    if exponent is None or node.dtype.kind != "f" or not is_nonnegative(node.inputs[0]):
        return None
    root = sqrt(node.inputs[0])
    if exponent == 1.5:
        return multiply(node.inputs[0], root)
    if exponent == -0.5:
        return divide(constant(1.0, node.dtype), root)
    return None


POWERS = (
    Rule("x**0 -> 1", (power.op,), _zero, "for every x: NumPy's NaN**0 is 1, too"),
    Rule(
        "x**n -> product",
        (power.op,),
        _positive,
        "for every x; n is an integer from 2 to 16; n units in the last place",
        "rounding",
    ),
    Rule(
        "x**-n -> product of 1 / x",
        (power.op,),
        _negative,
        "for every floating x, signed zeros and infinities included; n from 1 to 8; "
        "2*n units in the last place",
        "rounding",
    ),
    Rule(
        "x**0.5 -> sqrt(x)",
        (power.op,),
        _half,
        "x is known to be in [+0, inf] or NaN, or this NumPy's own x**0.5 is the "
        "square root for x = -0.0 and -inf as well",
        "rounding",
    ),
    Rule(
        "x**1.5 -> x * sqrt(x), x**-0.5 -> 1 / sqrt(x)",
        (power.op,),
        _halves,
        "x is known to be in [+0, inf] or NaN: at -0.0 and -inf the sides differ",
        "rounding",
    ),
)
