"""Comparisons and logic: booleans and integers, so no derivative flows."""

from __future__ import annotations

from dataclasses import replace

from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from .elementwise import ufunc
from .source import ArrayLike

_ASKS = Facts(zero_sign="ignored", cost=0.5)
_SYMMETRIC = replace(_ASKS, commutative="exact")
_CONNECTS = replace(_SYMMETRIC, associative="exact", cost=0.25)
_BITWISE = Facts(commutative="exact", associative="exact", cost=0.25)


def _logical(formula: str) -> Mathematics:
    """The formula of an op on bits for booleans."""
    return Mathematics(formula=lambda node: formula if node.dtype.kind == "b" else None)


@ufunc(symbol="x1 == x2", sympy="Eq(x1, x2)", facts=_SYMMETRIC)
def equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 == x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.equal([1, 2, 3], 2), {})
    array([False,  True, False])
    """
    ...


@ufunc(symbol="x1 != x2", sympy="Ne(x1, x2)", facts=_SYMMETRIC)
def not_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 != x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.not_equal([1, 2, 3], 2), {})
    array([ True, False,  True])
    """
    ...


@ufunc(symbol="x1 < x2", sympy="x1 < x2", facts=_ASKS)
def less(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 < x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.less([1, 2, 3], 2), {})
    array([ True, False, False])
    """
    ...


@ufunc(symbol="x1 <= x2", sympy="x1 <= x2", facts=_ASKS)
def less_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 <= x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.less_equal([1, 2, 3], 2), {})
    array([ True,  True, False])
    """
    ...


@ufunc(symbol="x1 > x2", sympy="x1 > x2", facts=_ASKS)
def greater(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 > x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.greater([1, 2, 3], 2), {})
    array([False, False,  True])
    """
    ...


@ufunc(symbol="x1 >= x2", sympy="x1 >= x2", facts=_ASKS)
def greater_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 >= x2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.greater_equal([1, 2, 3], 2), {})
    array([False,  True,  True])
    """
    ...


@ufunc(
    dtype="bool",
    facts=replace(_CONNECTS, neutral=(1.0, 1.0), absorbing=(0.0, 0.0), idempotent=True),
)
def logical_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where both are true (not zero), elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logical_and([True, True, False], [True, False, False]), {})
    array([ True, False, False])
    """
    ...


@ufunc(
    dtype="bool",
    facts=replace(_CONNECTS, neutral=(0.0, 0.0), absorbing=(1.0, 1.0), idempotent=True),
)
def logical_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where either is true (not zero), elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logical_or([True, True, False], [True, False, False]), {})
    array([ True,  True, False])
    """
    ...


@ufunc(dtype="bool", facts=replace(_CONNECTS, neutral=(0.0, 0.0)))
def logical_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where exactly one is true (not zero), elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logical_xor([True, True, False], [True, False, False]), {})
    array([False,  True, False])
    """
    ...


@ufunc(dtype="bool", facts=Facts(involutive=True, zero_sign="ignored", cost=0.25))
def logical_not(x: ArrayLike) -> Node:
    """True where `x` is false (zero), elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logical_not([0.0, 0.5]), {})
    array([ True, False])
    """
    ...


@ufunc(
    symbol="x1 & x2",
    mathematics=_logical("x1 and x2"),
    dtype="bool",
    facts=replace(_BITWISE, absorbing=(0.0, 0.0), idempotent=True),
)
def bitwise_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 & x2`, elementwise: logical for booleans, bit by bit for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.bitwise_and([0b1100, 0b0011], 0b0110), {})
    array([4, 2])
    """
    ...


@ufunc(
    symbol="x1 | x2",
    mathematics=_logical("x1 or x2"),
    dtype="bool",
    facts=replace(_BITWISE, neutral=(0.0, 0.0), idempotent=True),
)
def bitwise_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 | x2`, elementwise: logical for booleans, bit by bit for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.bitwise_or([0b1000, 0b0100], 0b0001), {})
    array([9, 5])
    """
    ...


@ufunc(symbol="x1 ^ x2", dtype="bool", facts=replace(_BITWISE, neutral=(0.0, 0.0)))
def bitwise_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 ^ x2`, elementwise: logical for booleans, bit by bit for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.bitwise_xor([0b1100, 0b0011], 0b0110), {})
    array([10,  5])
    """
    ...


@ufunc(
    symbol="~x",
    dtype="bool",
    mathematics=_logical("not x"),
    facts=Facts(involutive=True, cost=0.25),
)
def invert(x: ArrayLike) -> Node:
    """`~x`, elementwise: negation of booleans, complement of integers.

    >>> import graphc as gc
    >>> gc.evaluate([gc.invert([True, False]), gc.invert([0, 5])], {})
    [array([False,  True]), array([-1, -6])]
    """
    ...


bitwise_not = bitwise_invert = invert


@ufunc(admits=("nan",), facts=_ASKS)
def isnan(x: ArrayLike) -> Node:
    """True where `x` is NaN, elementwise.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.isnan([1.0, np.nan, np.inf]), {})
    array([False,  True, False])
    """
    ...


@ufunc(admits=("inf",), facts=_ASKS)
def isinf(x: ArrayLike) -> Node:
    """True where `x` is an infinity, elementwise.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.isinf([1.0, np.nan, -np.inf]), {})
    array([False, False,  True])
    """
    ...


@ufunc(admits=("nan", "inf"), facts=_ASKS)
def isfinite(x: ArrayLike) -> Node:
    """True where `x` is neither NaN nor an infinity, elementwise.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.isfinite([1.0, np.nan, np.inf]), {})
    array([ True, False, False])
    """
    ...
