"""Comparisons and logic: booleans and integers, so no derivative flows."""

from __future__ import annotations

from dataclasses import replace

from ..ir.facts import Facts
from ..ir.node import Node
from .elementwise import ufunc
from .source import ArrayLike

_ASKS = Facts(zero_sign="ignored", cost=0.5)
_SYMMETRIC = replace(_ASKS, commutative="exact")
_CONNECTS = replace(_SYMMETRIC, associative="exact", cost=0.25)
_BITWISE = Facts(commutative="exact", associative="exact", cost=0.25)


@ufunc(symbol="x1 == x2", sympy="Eq(x1, x2)", facts=_SYMMETRIC)
def equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 == x2`, elementwise."""
    ...


@ufunc(symbol="x1 != x2", sympy="Ne(x1, x2)", facts=_SYMMETRIC)
def not_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 != x2`, elementwise."""
    ...


@ufunc(symbol="x1 < x2", sympy="x1 < x2", facts=_ASKS)
def less(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 < x2`, elementwise."""
    ...


@ufunc(symbol="x1 <= x2", sympy="x1 <= x2", facts=_ASKS)
def less_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 <= x2`, elementwise."""
    ...


@ufunc(symbol="x1 > x2", sympy="x1 > x2", facts=_ASKS)
def greater(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 > x2`, elementwise."""
    ...


@ufunc(symbol="x1 >= x2", sympy="x1 >= x2", facts=_ASKS)
def greater_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 >= x2`, elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=replace(_CONNECTS, neutral=(1.0, 1.0), absorbing=(0.0, 0.0), idempotent=True),
)
def logical_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where both are true (not zero), elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=replace(_CONNECTS, neutral=(0.0, 0.0), absorbing=(1.0, 1.0), idempotent=True),
)
def logical_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where either is true (not zero), elementwise."""
    ...


@ufunc(dtype="bool", facts=replace(_CONNECTS, neutral=(0.0, 0.0)))
def logical_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """True where exactly one is true (not zero), elementwise."""
    ...


@ufunc(dtype="bool", facts=Facts(involutive=True, zero_sign="ignored", cost=0.25))
def logical_not(x: ArrayLike) -> Node:
    """True where `x` is false (zero), elementwise."""
    ...


@ufunc(
    symbol="x1 & x2",
    dtype="bool",
    facts=replace(_BITWISE, absorbing=(0.0, 0.0), idempotent=True),
)
def bitwise_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 & x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(
    symbol="x1 | x2",
    dtype="bool",
    facts=replace(_BITWISE, neutral=(0.0, 0.0), idempotent=True),
)
def bitwise_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 | x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(symbol="x1 ^ x2", dtype="bool", facts=replace(_BITWISE, neutral=(0.0, 0.0)))
def bitwise_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 ^ x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(symbol="~x", dtype="bool", facts=Facts(involutive=True, cost=0.25))
def invert(x: ArrayLike) -> Node:
    """`~x`, elementwise: negation of booleans, complement of integers."""
    ...


bitwise_not = bitwise_invert = invert


@ufunc(admits=("nan",), facts=_ASKS)
def isnan(x: ArrayLike) -> Node:
    """True where `x` is NaN, elementwise."""
    ...


@ufunc(admits=("inf",), facts=_ASKS)
def isinf(x: ArrayLike) -> Node:
    """True where `x` is an infinity, elementwise."""
    ...


@ufunc(admits=("nan", "inf"), facts=_ASKS)
def isfinite(x: ArrayLike) -> Node:
    """True where `x` is neither NaN nor an infinity, elementwise."""
    ...
