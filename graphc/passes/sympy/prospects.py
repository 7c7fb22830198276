"""Whether a formula has anything in it that computer algebra could merge.

Most have not: a running mean, a bias correction, an activation's derivative are as
short as they can be. A glance tells, and importing SymPy takes longer than compiling
most models.

Things merge only where they meet: two numbers, or two terms with the same operand, in
one sum or product; a function with one that it is multiplied by or applied to. Where
nothing meets, each operation is needed to read its operands. A sum could still be put
in another order so that a function shares a part of it, but floats never agree there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...ir.node import Node
from ..algebra.values import constant_of
from .regions import Region

_T = TypeVar("_T")

_PRODUCTS = frozenset({"divide", "multiply"})
_SUMS = frozenset({"add", "subtract"})
_ABSORBED = frozenset({"absolute", "negative", "reciprocal"})
"""Ops that other ones may make needless, as in `a - (-b)` and `abs(square(x) + 1)`."""

_FAMILIES = {
    **dict.fromkeys(("power", "sqrt", "square"), "power"),
    **dict.fromkeys(("arccos", "arcsin", "arctan", "cos", "sin", "tan"), "circular"),
    "exp": "exponential",
    "log": "logarithm",
}
_MULTIPLIED = frozenset({"exponential", "power"})
"""Families of which two factors are one: `exp(a) * exp(b)`."""
_APPLIED = {
    "power": frozenset({"exponential", "power"}),
    "circular": frozenset({"circular"}),
    "logarithm": frozenset({"exponential", "power"}),
}
"""What a function of a family may merge with in its argument: `sqrt(exp(a))`."""


@dataclass(frozen=True)
class _Value:
    """What of a value could merge with something in an operation that takes it."""

    atoms: frozenset[Node]
    """What sums and products make it of: inputs, and functions of others."""
    hidden: frozenset[Node] = frozenset()
    """What its functions are functions of."""
    families: frozenset[str] = frozenset()
    """Families of the functions among its factors."""
    factors: frozenset[float] = frozenset()
    """The sizes of numbers that any of its terms is multiplied or divided by."""
    scaled: bool = False
    """Whether all of its terms are, so that it absorbs one more number."""
    offset: bool = False
    """Whether one of its terms is a number."""


class _Meeting(Exception):
    """Two things meet that may merge."""


def may_merge(region: Region) -> bool:
    """Whether a region may have a cheaper form that floats agree with.

    Args:
        region: a formula of nodes that nothing else uses.
    """
    values = {node: _Value(frozenset((node,))) for node in region.inputs()}
    inside = {*values, *region.nodes}
    try:
        for node in region.nodes:
            numbers = [_size(p) for p in node.inputs if p not in inside]
            taken = [values[p] for p in node.inputs if p in inside]
            values[node] = _result(node, numbers, taken)
    except _Meeting:
        return True
    return False


def _size(number: Node) -> float:
    """The same for a number, its negative and its inverse, which divides as well."""
    value = abs(float(constant_of(number)))
    return 1.0 / value if 0.0 < value < 1.0 else value


def _result(node: Node, numbers: Sequence[float], values: Sequence[_Value]) -> _Value:
    """What an operation makes of values and numbers, of which it gets the sizes."""
    name = node.op.name
    if name in _ABSORBED or not values:
        raise _Meeting
    if name in _PRODUCTS:
        return _product(numbers, values)
    if name in _SUMS:
        return _sum(numbers, values)
    return _function(node, numbers, values)


def _product(numbers: Sequence[float], values: Sequence[_Value]) -> _Value:
    scaled = [value for value in values if value.scaled]
    if len(scaled) + len(numbers) > 1:
        raise _Meeting
    # Neither 0 nor 1 takes a multiplication.
    if any(number in (0.0, 1.0) for number in numbers):
        raise _Meeting
    # `(x / 2 + y) * 2` is `x + 2 * y`.
    _disjoint(frozenset(numbers), *(value.factors for value in values))
    _disjoint(*(value.families & _MULTIPLIED for value in values))
    return _Value(
        atoms=_disjoint(*(value.atoms for value in values)),
        hidden=_union(*(value.hidden for value in values)),
        families=_union(*(value.families for value in values)),
        factors=_union(frozenset(numbers), *(value.factors for value in scaled)),
        scaled=bool(scaled or numbers),
        offset=bool(numbers) and values[0].offset,
    )


def _sum(numbers: Sequence[float], values: Sequence[_Value]) -> _Value:
    offsets = [value for value in values if value.offset]
    if len(offsets) + len(numbers) > 1 or 0.0 in numbers:
        raise _Meeting
    return _Value(
        atoms=_disjoint(*(value.atoms for value in values)),
        hidden=_disjoint(*(value.hidden for value in values)),
        # What two terms are multiplied by, their sum can be.
        factors=_disjoint(*(value.factors for value in values)),
        scaled=all(value.scaled for value in values),
        offset=bool(offsets or numbers),
    )


def _function(node: Node, numbers: Sequence[float], values: Sequence[_Value]) -> _Value:
    family = _FAMILIES.get(node.op.name, "")
    merging = _APPLIED.get(family, frozenset())
    if any(value.families & merging for value in values):
        raise _Meeting
    atoms = _union(*(value.atoms for value in values))
    # `exp(log(x) + y)` is `x * exp(y)`.
    if family == "exponential" and any(atom.op.name == "log" for atom in atoms):
        raise _Meeting
    hidden = _union(atoms, *(value.hidden for value in values))
    scaled = any(value.scaled for value in values)
    offset = any(value.offset for value in values)
    families = frozenset((family,))
    if family != "power":
        # `exp(x + 2)` is `exp(x)` times a number.
        scaled = offset and family == "exponential"
        return _Value(frozenset((node,)), hidden, families, scaled=scaled)
    # Powers of one operand are one, and let numbers out: `sqrt(4 * x)`.
    if numbers and (scaled or offset or 1.0 in numbers):
        raise _Meeting
    factors = _union(*(value.factors for value in values))
    return _Value(atoms | {node}, hidden - atoms, families, factors, scaled, offset)


def _union(*sets: frozenset[_T]) -> frozenset[_T]:
    return frozenset[_T]().union(*sets)


def _disjoint(*sets: frozenset[_T]) -> frozenset[_T]:
    """The union of sets that have nothing in common."""
    union = _union(*sets)
    if len(union) < sum(map(len, sets)):
        raise _Meeting
    return union
