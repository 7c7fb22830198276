"""Polynomials of sizes, held against SymPy: their values, and how they are spelt."""

from __future__ import annotations

import operator
from typing import Any

import sympy
from hypothesis import given
from hypothesis import strategies as st

from graphc.ir.dims import Dim
from graphc.ir.polynomial import Polynomial

SIZES = {"k": 12, "m": 4, "n": 7}
SYMBOLS = {name: sympy.Symbol(name, integer=True, nonnegative=True) for name in SIZES}
OPERATORS = [operator.add, operator.sub, operator.mul]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """The same polynomial as a dimension and in SymPy."""
    names, numbers = st.sampled_from(sorted(SIZES)), st.integers(-3, 3)
    name = draw(names)
    dim, expression = Dim(name), SYMBOLS[name]
    for _ in range(draw(st.integers(0, 6))):
        other: Any = draw(names | numbers)
        sides = (Dim(other), SYMBOLS[other]) if isinstance(other, str) else (other,) * 2
        function = draw(st.sampled_from(OPERATORS))
        if draw(st.booleans()):
            dim, expression = function(dim, sides[0]), function(expression, sides[1])
        else:
            dim, expression = function(sides[0], dim), function(sides[1], expression)
    return dim, sympy.expand(expression)


@given(pairs())
def test_a_polynomial_is_what_sympy_makes_of_it(pair: tuple[Any, Any]) -> None:
    dim, expression = pair
    if isinstance(dim, int):
        assert dim == expression
        return
    assert dim.text == str(expression)
    assert dim.expression == expression
    assert dim.symbols() == tuple(sorted(map(str, expression.free_symbols)))
    value = expression.subs({SYMBOLS[name]: size for name, size in SIZES.items()})
    assert dim.evaluate(SIZES) == value
    names = {f"size_{name}": size for name, size in SIZES.items()}
    assert eval(dim.source("size_"), names) == value


@given(pairs(), st.sets(st.sampled_from(sorted(SIZES))))
def test_what_is_left_where_some_names_are_known(
    pair: tuple[Any, Any], known: set[str]
) -> None:
    dim, expression = pair
    if isinstance(dim, int):
        return
    sizes = {name: SIZES[name] - 5 for name in known}
    left = dim.given(sizes)
    symbols = {SYMBOLS[name]: size for name, size in sizes.items()}
    expected = sympy.expand(expression.subs(symbols))
    assert str(left) == str(expected)
    assert isinstance(left, int) == expected.is_Integer
    assert dim.evaluate(SIZES | sizes) == expected.subs(
        {SYMBOLS[name]: size for name, size in SIZES.items()}
    )


@given(pairs(), st.integers(-3, 3), st.sampled_from([*SIZES, None]))
def test_a_quotient_is_what_was_multiplied(
    pair: tuple[Any, Any], factor: int, name: str | None
) -> None:
    dim, expression = pair
    divisor: Any = factor * (1 if name is None else Dim(name))
    if isinstance(dim, int) or divisor == 0:
        return
    assert (dim * divisor).divide_exactly(divisor) == dim
    assert (dim * divisor) // divisor == dim
    if abs(factor) > 1:
        quotient = (dim * divisor + 1) // divisor
        numbers = expression.subs({SYMBOLS[k]: size for k, size in SIZES.items()})
        by = divisor if isinstance(divisor, int) else divisor.evaluate(SIZES)
        whole = int(numbers) * by + 1
        result = quotient if isinstance(quotient, int) else quotient.evaluate(SIZES)
        assert result == whole // by


def test_only_a_quotient_without_remainder_is_a_polynomial() -> None:
    n, m, two = (Polynomial.of(value) for value in ("n", "m", 2))
    assert (n * m * two).divided_by(two * n) is not None
    for dividend, divisor in ((n, two), (n, m), (n + two, n), (n * n, n + n * n)):
        assert dividend.divided_by(divisor) is None


def test_what_all_products_have_in_common() -> None:
    n, m, two, three = (Polynomial.of(value) for value in ("n", "m", 2, 3))
    cases = [
        (three * m * n - three * two * m, "n - 2"),
        (n * n * m - n * m, "n - 1"),
        (two * n + two * two, "n + 2"),
        (two * n - three, "2*n - 3"),
        (two * n * n - m, "-m + 2*n**2"),
    ]
    for polynomial, expected in cases:
        assert polynomial.over_common_factor().text == expected


def test_no_terms_are_the_number_zero() -> None:
    n = Polynomial.of("n")
    zero = n - n
    assert (zero.number, zero.text, zero.source("")) == (0, "0", "0")
    assert n.number is None
