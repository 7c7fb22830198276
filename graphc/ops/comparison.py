"""Comparisons and logic: booleans and integers, so no derivative flows."""

from __future__ import annotations

from ..ir.facts import Facts
from ..ir.node import Node
from .elementwise import ufunc
from .source import ArrayLike


@ufunc(
    symbol="x1 == x2",
    sympy="Eq(x1, x2)",
    facts=Facts(commutative="exact", zero_sign="ignored", cost=0.5),
)
def equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 == x2`, elementwise."""
    ...


@ufunc(
    symbol="x1 != x2",
    sympy="Ne(x1, x2)",
    facts=Facts(commutative="exact", zero_sign="ignored", cost=0.5),
)
def not_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 != x2`, elementwise."""
    ...


@ufunc(
    symbol="x1 < x2",
    sympy="x1 < x2",
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def less(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 < x2`, elementwise."""
    ...


@ufunc(
    symbol="x1 <= x2",
    sympy="x1 <= x2",
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def less_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 <= x2`, elementwise."""
    ...


@ufunc(
    symbol="x1 > x2",
    sympy="x1 > x2",
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def greater(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 > x2`, elementwise."""
    ...


@ufunc(
    symbol="x1 >= x2",
    sympy="x1 >= x2",
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def greater_equal(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 >= x2`, elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=Facts(commutative="exact", zero_sign="ignored", cost=0.25),
)
def logical_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Whether both are true (not zero), elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=Facts(commutative="exact", zero_sign="ignored", cost=0.25),
)
def logical_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Whether either is true (not zero), elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=Facts(commutative="exact", zero_sign="ignored", cost=0.25),
)
def logical_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Whether exactly one is true (not zero), elementwise."""
    ...


@ufunc(
    dtype="bool",
    facts=Facts(zero_sign="ignored", cost=0.25),
)
def logical_not(x: ArrayLike) -> Node:
    """Whether `x` is false (zero), elementwise."""
    ...


@ufunc(
    symbol="x1 & x2",
    dtype="bool",
    facts=Facts(commutative="exact", cost=0.25),
)
def bitwise_and(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 & x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(
    symbol="x1 | x2",
    dtype="bool",
    facts=Facts(commutative="exact", cost=0.25),
)
def bitwise_or(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 | x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(
    symbol="x1 ^ x2",
    dtype="bool",
    facts=Facts(commutative="exact", cost=0.25),
)
def bitwise_xor(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 ^ x2`, elementwise: logical for booleans, bit by bit for integers."""
    ...


@ufunc(
    symbol="~x",
    dtype="bool",
    facts=Facts(cost=0.25),
)
def invert(x: ArrayLike) -> Node:
    """`~x`, elementwise: negation of booleans, complement of integers."""
    ...


bitwise_not = bitwise_invert = invert


@ufunc(
    admits=("nan",),
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def isnan(x: ArrayLike) -> Node:
    """Whether `x` is NaN, elementwise."""
    ...


@ufunc(
    admits=("inf",),
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def isinf(x: ArrayLike) -> Node:
    """Whether `x` is an infinity, elementwise."""
    ...


@ufunc(
    admits=("nan", "inf"),
    facts=Facts(zero_sign="ignored", cost=0.5),
)
def isfinite(x: ArrayLike) -> Node:
    """Whether `x` is neither NaN nor an infinity, elementwise."""
    ...
