"""Formulas as sums of products, in which equal terms and factors are one.

`2*x + 3*x` is one product, and so is `4 * (x / 2)`. Nothing is multiplied out: a sum
that is a factor stays one, as does what a function is applied to, because floats hardly
ever agree with the result. Numbers are exact, and rounded once when nodes are made.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import NamedTuple

from ...ir.node import Node
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
from ...ops.exponential import cos, cosh, power
from ...ops.source import constant
from ..algebra.powers import integer_power

Product = tuple[tuple[int, Fraction], ...]
"""Factors by their places in `Formulas.factors`, each with its exponent."""

Sum = tuple[tuple[Product, Fraction], ...]
"""Products, each with the number that it is multiplied by; empty for 0."""

_LARGEST_EXPONENT = 16
_LONGEST = 2048
"""Bits of a number; what is raised to powers again and again has ever more."""


class _Input(NamedTuple):
    place: int


class _Call(NamedTuple):
    op: Op
    operands: tuple[Sum, ...]
    attributes: Hashable
    node: Node
    """One that is written so, for its attributes."""


class Formulas:
    """Normal forms that share their factors."""

    def __init__(self, flat: bool) -> None:
        """
        Args:
            flat: take the terms of a sum that is added to another one out of it. Floats
                may not agree with that; else only numbers are taken out.
        """
        self._flat = flat
        self._places: dict[Hashable, int] = {}
        self.flattened = False
        """True once the terms of a sum were taken out of it."""
        self.merged = False
        """True once anything met in one term or factor; else no form is shorter."""
        self.factors: list[_Input | _Call | Sum] = []

    def input(self, place: int) -> Sum:
        """The form of an input."""
        return self._factor(_Input(place), place)

    def of(self, node: Node, operands: Sequence[Sum]) -> Sum:
        """The form of a node, given those of its operands."""
        op = node.op
        if op is add.op or op is subtract.op:
            left, right = operands
            return self._add(left, right, Fraction(1 if op is add.op else -1))
        if op is negative.op:
            return self._multiply(number(-1.0), *operands)
        if op is multiply.op:
            return self._multiply(operands[0], operands[1])
        if op is divide.op:
            return self._multiply(operands[0], self._power(operands[1], Fraction(-1)))
        if op is power.op and _value(operands[0]) == 1:
            self.merged = True
            return number(1.0)
        if op is power.op and (exponent := _value(operands[1])) is not None:
            return self._power(operands[0], exponent)
        if op in _EXPONENTS:
            return self._power(operands[0], _EXPONENTS[op])
        if op in _EVEN:
            operands = [self._unsigned(operand) for operand in operands]
        if op is absolute.op and len(operands[0]) == 1:
            return self._absolute(node, *operands[0][0])
        return self._call(node, operands)

    def _unsigned(self, form: Sum) -> Sum:
        """A form or its negative, the one that does not begin with a minus."""
        if not form or form[0][1] > 0:
            return form
        self.merged = True
        return tuple((product, -size) for product, size in form)

    def _absolute(self, node: Node, product: Product, size: Fraction) -> Sum:
        """The form of `abs(size * product)`, given the node of it."""
        self.merged |= size != 1
        exponent = Fraction(1)
        if len(product) == 1 and product[0][1].denominator == 1:
            ((place, exponent),) = product
            product = ((place, Fraction(1)),)
        found = self._power(self._call(node, [((product, Fraction(1)),)]), exponent)
        return self._multiply(((_ONE, size),), found)

    def _call(self, node: Node, operands: Sequence[Sum]) -> Sum:
        op = node.op
        call = _Call(op, tuple(operands), attributes_key(node.attributes), node)
        key = (op.name, tuple(frozenset(operand) for operand in operands), call[2])
        self.merged |= key in self._places
        return self._factor(call, key)

    def _factor(self, factor: _Input | _Call | Sum, key: Hashable) -> Sum:
        place = self._places.setdefault(key, len(self.factors))
        if place == len(self.factors):
            self.factors.append(factor)
        return ((((place, Fraction(1)),), Fraction(1)),)

    def _add(self, left: Sum, right: Sum, sign: Fraction) -> Sum:
        # A negative term is subtracted, and one that is 0 left out.
        for operand in (left, right):
            self.merged |= not operand or (len(operand) == 1 and operand[0][1] < 0)
        left, right = self._terms(left), self._terms(right)
        terms = dict(left)
        for product, size in right:
            terms[product] = terms.get(product, Fraction(0)) + sign * size
        self.merged |= len(terms) < len(left) + len(right)
        return self._opened(tuple(term for term in terms.items() if term[1]))

    def _terms(self, operand: Sum) -> Sum:
        """The terms that an operand of a sum adds to it."""
        operand = self._opened(operand, signed=True)
        if sum(product != _ONE for product, _ in operand) <= 1:
            return operand
        self.flattened |= self._flat
        return operand if self._flat else self._single(operand)

    def _opened(self, operand: Sum, signed: bool = False) -> Sum:
        """The sum that is all there is in a product."""
        if len(operand) == 1 and len(operand[0][0]) == 1:
            (((place, exponent),), size) = operand[0]
            inner = self.factors[place]
            if exponent == 1 and not isinstance(inner, _Input | _Call):
                if size == 1:
                    return inner
                if signed and size == -1:
                    return tuple((product, -part) for product, part in inner)
        return operand

    def _single(self, operand: Sum) -> Sum:
        """A sum as a product: itself where it has one term, else a factor."""
        if len(operand) <= 1:
            return operand
        return self._factor(operand, frozenset(operand))

    def _multiply(self, left: Sum, right: Sum) -> Sum:
        if not left or not right:
            self.merged = True
            return ()
        ((x, a),), ((y, b),) = self._single(left), self._single(right)
        self.merged |= (a != 1 and b != 1) or not {p for p, _ in x}.isdisjoint(
            p for p, _ in y
        )
        exponents = dict(x)
        for place, exponent in y:
            exponents[place] = exponents.get(place, Fraction(0)) + exponent
        product = tuple(factor for factor in exponents.items() if factor[1])
        return self._opened(((tuple(sorted(product)), a * b),))

    def _power(self, operand: Sum, exponent: Fraction) -> Sum:
        if not operand:
            raise ZeroDivisionError(exponent)
        whole = exponent.denominator == 1
        if whole and exponent % 2 == 0:
            operand = self._unsigned(operand)
        ((product, size),) = self._single(operand)
        self.merged |= product != _ONE and (
            size != 1 or any(power != 1 for _, power in product)
        )
        if abs(exponent) > _LARGEST_EXPONENT or (not whole and size < 0):
            return self._raised(self._single(operand), exponent)
        if size.numerator.bit_length() + size.denominator.bit_length() > _LONGEST:
            raise OverflowError
        size = size**exponent.numerator if whole else Fraction(float(size) ** exponent)
        # sqrt(x**2) is not x, nor is sqrt(x*y) the product of two roots.
        if whole or (len(product) == 1 and product[0][1].numerator % 2):
            product = tuple((place, power * exponent) for place, power in product)
            return self._opened(((product, size),))
        return self._multiply(
            ((_ONE, size),), self._raised(((product, Fraction(1)),), exponent)
        )

    def _raised(self, operand: Sum, exponent: Fraction) -> Sum:
        if operand[0][0] == _ONE:
            raise OverflowError
        ((((place, _),), size),) = self._factor(operand, frozenset(operand))
        return ((((place, exponent),), size),)


_ONE: Product = ()
_EXPONENTS = {
    reciprocal.op: Fraction(-1),
    sqrt.op: Fraction(1, 2),
    square.op: Fraction(2),
}


_EVEN = (absolute.op, cos.op, cosh.op)


def number(value: float) -> Sum:
    """The form of a finite number."""
    return ((_ONE, Fraction(value)),) if value else ()


def _value(form: Sum) -> Fraction | None:
    """The number that a form is."""
    if not form:
        return Fraction(0)
    return form[0][1] if len(form) == 1 and form[0][0] == _ONE else None


class Builder:
    """Makes nodes of normal forms, each factor, product and sum once."""

    def __init__(
        self, formulas: Formulas, inputs: Sequence[Node], dtype: DType
    ) -> None:
        self._factors = formulas.factors
        self._inputs = inputs
        self._dtype = dtype
        self._known: dict[Hashable, Node] = {}

    def sum(self, form: Sum) -> Node:
        """The node that computes a form."""
        if form not in self._known:
            self._known[form] = self._make_sum(form)
        return self._known[form]

    def _make_sum(self, form: Sum) -> Node:
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
        return self._number(Fraction(0)) if total is None else total

    def _number(self, value: Fraction) -> Node:
        return constant(float(value), self._dtype)

    def _product(self, product: Product, size: Fraction) -> Node:
        key = (product, size)
        if key not in self._known:
            self._known[key] = self._make_product(product, size)
        return self._known[key]

    def _make_product(self, product: Product, size: Fraction) -> Node:
        above = [self._power(*factor) for factor in product if factor[1] > 0]
        below = [
            self._power(place, -exponent) for place, exponent in product if exponent < 0
        ]
        if size != 1 or not above:
            above.append(self._number(size))
        numerator = _times(above)
        return divide(numerator, _times(below)) if below else numerator

    def _power(self, place: int, exponent: Fraction) -> Node:
        key = (place, exponent)
        if key not in self._known:
            self._known[key] = self._make_power(place, exponent)
        return self._known[key]

    def _make_power(self, place: int, exponent: Fraction) -> Node:
        if exponent == 1:
            return self._factor(self._factors[place])
        base = self._power(place, Fraction(1))
        if exponent == Fraction(1, 2):
            return sqrt(base)
        if exponent.denominator == 1 and exponent <= _LARGEST_EXPONENT:
            return integer_power(base, int(exponent))
        return power(base, self._number(exponent))

    def _factor(self, factor: _Input | _Call | Sum) -> Node:
        if isinstance(factor, _Input):
            return self._inputs[factor.place]
        if not isinstance(factor, _Call):
            return self.sum(factor)
        operands = tuple(self.sum(operand) for operand in factor.operands)
        return factor.op.build(operands, factor.node.attributes)


def _times(factors: Sequence[Node]) -> Node:
    """Their product, the small ones first: a number times a scalar is not an array."""
    first, *others = sorted(factors, key=lambda node: node.ndim)
    for factor in others:
        first = multiply(first, factor)
    return first
