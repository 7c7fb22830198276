"""Sizes as polynomials with integer coefficients, as nearly all computed sizes are.

SymPy could do this, and does the rest: floors of quotients. But importing it takes
longer than compiling most models, so a batch of 64 features must not need it. Results
are spelt as SymPy spells them, so that it does not matter who computed a size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

Monomial = tuple[tuple[str, int], ...]
"""Names with their powers, sorted by name; empty for a plain number."""


class Polynomial:
    """A sum of products of names, each product with an integer factor. Immutable.

    >>> n = Polynomial.of("n")
    >>> (n * n - Polynomial.of(4)).text
    'n**2 - 4'
    """

    __slots__ = ("terms",)

    terms: Mapping[Monomial, int]
    """The factor, which is never 0, of each product."""

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {product: factor for product, factor in terms.items() if factor}

    @staticmethod
    def of(value: int | str) -> Polynomial:
        """A number, or a name."""
        return Polynomial({((value, 1),): 1} if isinstance(value, str) else {(): value})

    def __add__(self, other: Polynomial) -> Polynomial:
        return self._sum(other, 1)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self._sum(other, -1)

    def _sum(self, other: Polynomial, sign: int) -> Polynomial:
        terms = dict(self.terms)
        for product, factor in other.terms.items():
            terms[product] = terms.get(product, 0) + sign * factor
        return Polynomial(terms)

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[Monomial, int] = {}
        pairs = itertools.product(self.terms.items(), other.terms.items())
        for (left, x), (right, y) in pairs:
            product = _combined(left, right, 1)
            terms[product] = terms.get(product, 0) + x * y
        return Polynomial(terms)

    def divided_by(self, other: Polynomial) -> Polynomial | None:
        """The quotient by a single product, where that leaves no remainder."""
        if len(other.terms) != 1:
            return None
        ((divisor, denominator),) = other.terms.items()
        terms: dict[Monomial, int] = {}
        for product, factor in self.terms.items():
            quotient = _combined(product, divisor, -1)
            if factor % denominator or any(power < 0 for _, power in quotient):
                return None
            terms[quotient] = factor // denominator
        return Polynomial(terms)

    def over_common_factor(self) -> Polynomial:
        """It over what all its products have in common: `n - 2` for `3*m*n - 6*m`."""
        first, *others = [dict(product) for product in self.terms]
        common = {
            name: min(power, *(other.get(name, 0) for other in others))
            for name, power in first.items()
            if others
        }
        divisor = tuple((name, power) for name, power in common.items() if power)
        number = math.gcd(*self.terms.values())
        return Polynomial(
            {
                _combined(product, divisor, -1): factor // number
                for product, factor in self.terms.items()
            }
        )

    @property
    def number(self) -> int | None:
        """The number that this is; None where it depends on a name."""
        return None if any(self.terms) else self.terms.get((), 0)

    def symbols(self) -> tuple[str, ...]:
        """The names it depends on, sorted."""
        return tuple(sorted({name for product in self.terms for name, _ in product}))

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """Its value, given those of its names."""
        return sum(
            factor * math.prod(sizes[name] ** power for name, power in product)
            for product, factor in self.terms.items()
        )

    def given(self, sizes: Mapping[str, int]) -> Polynomial:
        """The rest of it where some of its names have these values."""
        result = Polynomial({})
        for product, factor in self.terms.items():
            rest = tuple(part for part in product if part[0] not in sizes)
            known = (sizes[name] ** power for name, power in product if name in sizes)
            result += Polynomial({rest: factor * math.prod(known)})
        return result

    def ordered_terms(self) -> list[tuple[Monomial, int]]:
        """The products with their factors, in SymPy's order: the highest powers first.

        But for `3 - n`, which it does not write `-n + 3`.
        """
        names = self.symbols()

        def powers(term: tuple[Monomial, int]) -> list[int]:
            by_name = dict(term[0])
            return [by_name.get(name, 0) for name in names]

        terms = sorted(self.terms.items(), key=powers, reverse=True)
        if [len(product) for product, _ in terms] == [1, 0]:
            (_, first), (_, second) = terms
            if first < 0 < second:
                terms.reverse()
        return terms

    @property
    def text(self) -> str:
        """Its spelling: `batch*seq + 2*batch + 1`."""
        return self.source("", "*", "**")

    def source(self, prefix: str = "", times: str = " * ", power: str = " ** ") -> str:
        """It as Python, with `prefix` before each name."""
        text = ""
        for product, factor in self.ordered_terms():
            factors = [
                prefix + name if exponent == 1 else f"{prefix}{name}{power}{exponent}"
                for name, exponent in product
            ]
            if abs(factor) != 1 or not factors:
                factors.insert(0, str(abs(factor)))
            sign = "-" if factor < 0 else "+"
            text += f" {sign} " if text else sign.strip("+")
            text += times.join(factors)
        return text or "0"


def _combined(left: Monomial, right: Monomial, sign: int) -> Monomial:
    """The product of two products, or with a sign of -1 their quotient."""
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in powers.items() if power))
