"""Formulas as sums of products, in which equal terms and factors are one.

`2*x + 3*x` is one product, and so is `4 * (x / 2)`. Nothing is multiplied out: a sum
that is a factor stays one, as does what a function is applied to, because floats hardly
ever agree with the result. Numbers are exact, and rounded once when nodes are made.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import NamedTuple

from ...ir.node import Attributes, Node
from ...ir.op import Op
from ...ir.types import DType
from ...ir.walk import attributes_key
from ...ops.arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    sqrt,
    square,
    subtract,
)
from ...ops.exponential import power
from ...ops.source import constant
from ..algebra.powers import integer_power

Number = int | Fraction

Product = tuple[tuple[int, Number], ...]
"""Factors by their places in `Formulas.factors`, each with its exponent."""

Sum = tuple[tuple[Product, Number], ...]
"""Products, each with the number that it is multiplied by; empty for 0."""

_LARGEST_EXPONENT = 16
_LONGEST = 2048
"""Bits of a number; what is raised to powers again and again has ever more."""


class _Call(NamedTuple):
    op: Op
    operands: tuple[Sum, ...]
    attributes: Attributes


class Formulas:
    """Normal forms that share their factors."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}
        self.factors: list[int | _Call | Sum] = []
        """Inputs by their numbers, functions, and sums that have other factors."""
        self.merged = False
        """True once anything met in one term or factor; else no form is shorter."""

    def input(self, place: int) -> Sum:
        """The form of an input."""
        return self._factor(place, place)

    def of(self, node: Node, operands: Sequence[Sum]) -> Sum:
        """The form of a node, given those of its operands."""
        op, first, last = node.op, operands[0], operands[-1]
        if op is add.op or op is subtract.op:
            return self._add(first, last, 1 if op is add.op else -1)
        if op is negative.op:
            return self._multiply(number(-1.0), first)
        if op is multiply.op:
            return self._multiply(first, last)
        if op is divide.op:
            # Another number may take the place of the 1 in `1 / x`.
            self.merged |= _is_reciprocal(first) and _value(last) is not None
            return self._multiply(first, self._power(last, -1))
        if op in _EXPONENTS:
            return self._power(first, _EXPONENTS[op])
        if op is power.op and (exponent := _value(last)) is not None:
            return self._power(first, exponent)
        if op is power.op and _value(first) == 1:
            self.merged = True
            return first
        if op is absolute.op and len(first) == 1:
            ((product, size),) = first
            self.merged |= size != 1
            found = self._call(op, (((product, 1),),), {})
            return self._multiply(((_ONE, abs(size)),), found)
        parity = op.facts.parity
        if parity == "even":
            operands = (self._unsigned(first),)
        elif parity == "odd" and (unsigned := self._unsigned(first)) is not first:
            found = self._call(op, (unsigned,), node.attributes)
            return self._multiply(number(-1.0), found)
        return self._call(op, operands, node.attributes)

    def _call(self, op: Op, operands: Sequence[Sum], attributes: Attributes) -> Sum:
        key = (op.name, *map(frozenset, operands), attributes_key(attributes))
        self.merged |= key in self._places
        return self._factor(_Call(op, tuple(operands), attributes), key)

    def _factor(self, factor: int | _Call | Sum, key: Hashable) -> Sum:
        place = self._places.setdefault(key, len(self.factors))
        if place == len(self.factors):
            self.factors.append(factor)
        return ((((place, 1),), 1),)

    def _unsigned(self, form: Sum) -> Sum:
        """A form or its negative, the one that does not begin with a minus."""
        if not form or form[0][1] > 0:
            return form
        self.merged = True
        return tuple((product, -size) for product, size in form)

    def _add(self, left: Sum, right: Sum, sign: int) -> Sum:
        # A negative term is subtracted, and one that is 0 left out.
        for operand in (left, right):
            self.merged |= not operand or (len(operand) == 1 and operand[0][1] < 0)
        left, right = self._terms(left), self._terms(right)
        terms = dict(left)
        for product, size in right:
            terms[product] = terms.get(product, 0) + sign * size
        self.merged |= len(terms) < len(left) + len(right)
        return tuple(term for term in terms.items() if term[1])

    def _terms(self, operand: Sum) -> Sum:
        """The terms that an operand adds to a sum: of `3*(x + 2)` both, of `x + y` one.

        Floats hardly ever agree with a sum in another order.
        """
        terms = operand
        match operand:
            case ((((place, 1),), size),):
                inner = self.factors[place]
                if not isinstance(inner, int | _Call):
                    terms = tuple((product, part * size) for product, part in inner)
            case _:
                pass
        count = sum(product != _ONE for product, _ in terms)
        return terms if count <= 1 else self._single(operand)

    def _single(self, operand: Sum) -> Sum:
        """A sum as a product: itself where it has one term, else a factor."""
        if len(operand) == 1:
            return operand
        return self._factor(operand, frozenset(operand))

    def _multiply(self, left: Sum, right: Sum) -> Sum:
        if not left or not right:
            self.merged = True
            return ()
        ((x, a),), ((y, b),) = self._single(left), self._single(right)
        self.merged |= a != 1 and b != 1
        exponents = dict(x)
        for place, exponent in y:
            self.merged |= place in exponents
            exponents[place] = exponents.get(place, 0) + exponent
        product = tuple(sorted(factor for factor in exponents.items() if factor[1]))
        form: Sum = ((product, a * b),)
        return self._distributed(form) if _ONE in (x, y) else form

    def _distributed(self, form: Sum) -> Sum:
        """A number times a sum where it meets another: of `2*(3*x + 1)` two terms.

        No negative number: the zeros of a sum would change their signs.
        """
        ((_, size),) = form
        terms = self._terms(form)
        if size < 0 or all(p == _ONE or abs(part) == size for p, part in terms):
            return form
        self.merged = True
        return terms

    def _power(self, operand: Sum, exponent: Number) -> Sum:
        if not operand:
            raise ZeroDivisionError(exponent)
        whole = exponent.denominator == 1
        if whole and exponent % 2 == 0:
            operand = self._unsigned(operand)
        ((product, size),) = self._single(operand)
        self.merged |= product != _ONE and (
            size != 1 or any(inner != 1 for _, inner in product)
        )
        if abs(exponent) > _LARGEST_EXPONENT or (not whole and size < 0):
            return self._call(power.op, (operand, ((_ONE, exponent),)), {})
        if size.numerator.bit_length() + size.denominator.bit_length() > _LONGEST:
            raise OverflowError(exponent)
        if whole:
            size = Fraction(size) ** exponent.numerator
        else:
            size = Fraction(float(size) ** float(exponent))
        # sqrt(x**2) is not x, nor is sqrt(x*y) the product of two roots.
        if not whole and not (len(product) == 1 and product[0][1].numerator % 2):
            key = ((product, 1),)
            ((product, _),) = self._factor(key, frozenset(key))
        return ((tuple((place, inner * exponent) for place, inner in product), size),)


_ONE: Product = ()
_EXPONENTS = {
    reciprocal.op: -1,
    sqrt.op: Fraction(1, 2),
    square.op: 2,
}


def number(value: float) -> Sum:
    """The form of a finite number."""
    return ((_ONE, Fraction(value)),) if value else ()


def _value(form: Sum) -> Number | None:
    """The number that a form is."""
    if not form:
        return 0
    return form[0][1] if len(form) == 1 and form[0][0] == _ONE else None


def _is_reciprocal(form: Sum) -> bool:
    """True for a product of inverses."""
    if len(form) != 1 or form[0][0] == _ONE:
        return False
    return all(exponent < 0 for _, exponent in form[0][0])


class Builder:
    """Makes nodes of normal forms, each factor, product and sum once."""

    def __init__(
        self, formulas: Formulas, inputs: Sequence[Node], dtype: DType
    ) -> None:
        self._factors = formulas.factors
        self._inputs = inputs
        self._dtype = dtype
        self.sum = functools.cache(self._sum)
        self._product = functools.cache(self._make_product)
        self._power = functools.cache(self._make_power)

    def _sum(self, form: Sum) -> Node:
        """The node that computes a form."""
        # Numbers come last, so that what is left of them is one operation.
        terms = sorted(form, key=lambda term: term[0] == _ONE)
        total: Node | None = None
        for product, size in terms:
            if size > 0:
                term = self._product(product, size)
                total = term if total is None else total + term
        for product, size in terms:
            if size < 0:
                if total is None and product == _ONE:
                    total = self._number(size)
                    continue
                term = self._product(product, -size)
                total = negative(term) if total is None else total - term
        return self._number(0) if total is None else total

    def _number(self, value: Number) -> Node:
        return constant(float(value), self._dtype)

    def _make_product(self, product: Product, size: Number) -> Node:
        above = [self._power(*factor) for factor in product if factor[1] > 0]
        below = [
            self._power(place, -exponent) for place, exponent in product if exponent < 0
        ]
        if size != 1 or not above:
            above.append(self._number(size))
        numerator = _times(above)
        return divide(numerator, _times(below)) if below else numerator

    def _make_power(self, place: int, exponent: Number) -> Node:
        if exponent == 1:
            return self._factor(self._factors[place])
        base = self._power(place, 1)
        if exponent == Fraction(1, 2):
            return sqrt(base)
        if exponent.denominator == 1 and exponent <= _LARGEST_EXPONENT:
            return integer_power(base, int(exponent))
        return power(base, self._number(exponent))

    def _factor(self, factor: int | _Call | Sum) -> Node:
        if isinstance(factor, int):
            return self._inputs[factor]
        if not isinstance(factor, _Call):
            return self.sum(factor)
        operands = tuple(self.sum(operand) for operand in factor.operands)
        return factor.op.build(operands, factor.attributes)


def _times(factors: Sequence[Node]) -> Node:
    """Their product, the small ones first: a number times a scalar is not an array."""
    first, *others = sorted(factors, key=lambda node: node.ndim)
    for factor in others:
        first = multiply(first, factor)
    return first
