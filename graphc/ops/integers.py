"""Arithmetic of integers: shifts of bits, common divisors and multiples."""

from __future__ import annotations

from ..ir.facts import Facts
from ..ir.node import Node
from .elementwise import ufunc
from .source import ArrayLike

_DIVISORS = Facts(commutative="exact", nonnegative=(), cost=(40.0, 40.0))


@ufunc(symbol="x1 << x2", dtype="int64", facts=Facts(cost=1.0))
def left_shift(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 << x2`, elementwise: `x1 * 2**x2` for integers, without what overflows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.left_shift([1, 3], 4), {})
    array([16, 48])
    """
    ...


@ufunc(symbol="x1 >> x2", dtype="int64", facts=Facts(cost=1.0))
def right_shift(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 >> x2`, elementwise: `floor(x1 / 2**x2)` for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.right_shift([16, -5], 1), {})
    array([ 8, -3])
    """
    ...


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


@ufunc(dtype="int64", facts=_DIVISORS)
def gcd(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Greatest common divisor of integers, elementwise, not negative.

    >>> import graphc as gc
    >>> gc.evaluate(gc.gcd([12, -9], 6), {})
    array([6, 3])
    """
    ...


@ufunc(dtype="int64", facts=_DIVISORS)
def lcm(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Lowest common multiple of integers, elementwise, not negative.

    >>> import graphc as gc
    >>> gc.evaluate(gc.lcm([4, -3], 6), {})
    array([12,  6])
    """
    ...
