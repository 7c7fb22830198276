"""Dimensions: arithmetic against SymPy and against integers, and as Python source."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import NamingError, ShapeError
from graphc.ir.dims import (
    Dim,
    as_shape,
    evaluate_shape,
    format_shape,
    product,
    symbols_of,
)

SIZES = {"n": 7, "m": 4, "k": 12}


class _Expression:
    """The same arithmetic three times: as a dimension, a number and in SymPy."""

    def __init__(self, dim: Any, number: int, symbolic: Any) -> None:
        self.dim, self.number, self.symbolic = dim, number, symbolic

    def combine(self, function: Any, other: _Expression) -> _Expression:
        symbolic = (
            sympy.floor(sympy.sympify(self.symbolic) / other.symbolic)
            if function is operator.floordiv
            else function(self.symbolic, other.symbolic)
        )
        return _Expression(
            function(self.dim, other.dim), function(self.number, other.number), symbolic
        )


def _leaf(value: int | str) -> _Expression:
    if isinstance(value, int):
        return _Expression(value, value, value)
    symbol = sympy.Symbol(value, integer=True, nonnegative=True)
    return _Expression(Dim(value), SIZES[value], symbol)


LEAVES = st.sampled_from([1, 2, 3, 5, "n", "m", "k"]).map(_leaf)
OPERATORS = [operator.add, operator.sub, operator.mul, operator.floordiv]


@st.composite
def _expressions(draw: st.DrawFn) -> _Expression:
    result = draw(LEAVES)
    for _ in range(draw(st.integers(0, 4))):
        function = draw(st.sampled_from(OPERATORS))
        other = draw(LEAVES)
        if draw(st.booleans()) and function is not operator.floordiv:
            result = other.combine(function, result)
        else:
            result = result.combine(function, other)
    return result


@given(_expressions())
def test_arithmetic(expression: _Expression) -> None:
    dim = expression.dim
    if isinstance(dim, int):
        assert dim == expression.number
        return
    assert dim.evaluate(SIZES) == expression.number
    symbols = {s: SIZES[str(s)] for s in dim.expression.free_symbols}
    assert dim.expression.subs(symbols) == expression.number
    assert sympy.simplify(dim.expression - expression.symbolic).subs(symbols) == 0
    names = {f"size_{name}": size for name, size in SIZES.items()}
    assert eval(dim.source("size_"), names) == expression.number
    assert set(dim.symbols()) <= set(SIZES)


@given(_expressions(), st.sets(st.sampled_from(sorted(SIZES))))
def test_where_some_names_are_known(expression: _Expression, known: set[str]) -> None:
    dim = expression.dim
    if isinstance(dim, int):
        return
    sizes = {name: SIZES[name] for name in known}
    left = dim.given(sizes)
    if isinstance(left, int):
        assert left == expression.number
        return
    assert set(left.symbols()) <= set(dim.symbols()) - known
    assert left.evaluate({**SIZES, **dict.fromkeys(known, 99)}) == expression.number


def test_one_name_of_two_is_known() -> None:
    n, m = Dim("n"), Dim("m")
    assert (2 * n * m + n).given({"n": 3}) == 6 * m + 3
    assert ((n + m) // 2).given({"n": 1}) == (m + 1) // 2
    assert (n * m).divide_exactly(2).given({"n": 4}) == 2 * m
    assert n.given({}) == n
    assert n.given({"m": 3}) == n
    assert n.given({"n": 1}) == 1
    assert (n - n * m).given({"n": 0}) == 0
    assert type((n // 2).given({"n": 5})) is int


@pytest.mark.parametrize("numerator", [1, 5, 30])
def test_a_number_over_a_size(numerator: int) -> None:
    quotient = numerator // Dim("n")
    assert isinstance(quotient, Dim)
    assert quotient.evaluate(SIZES) == numerator // 7
    assert eval(quotient.source(), SIZES.copy()) == numerator // 7


def test_equal_sizes_are_equal() -> None:
    n, m = Dim("n"), Dim("m")
    assert n + m == m + n
    assert 2 * (n + 1) == 2 * n + 2
    assert hash(2 * (n + 1)) == hash(2 * n + 2)
    assert (n + m) * (n - m) == n * n - m * m
    assert n != m
    assert n != 3
    assert n == "n"
    assert n - n == 0
    assert isinstance(n - n, int)
    assert (4 * n) // 2 == 2 * n
    assert (2 * n * m).divide_exactly(2 * n) == m
    assert n + 1 != n


def test_numpy_integers_count_as_integers() -> None:
    n = Dim("n")
    assert n + np.int64(2) == n + 2
    assert np.int64(2) * n == 2 * n


@pytest.mark.parametrize("other", [1.5, "n", None, True])
def test_sizes_combine_with_integers_only(other: Any) -> None:
    for function in OPERATORS:
        with pytest.raises((TypeError, ShapeError)):
            function(Dim("n"), other)


def test_division_by_zero() -> None:
    with pytest.raises(ShapeError, match="divided by 0"):
        Dim("n") // 0


def test_a_size_that_no_input_gives() -> None:
    with pytest.raises(ShapeError, match="the size m is known from no input"):
        (Dim("n") + Dim("m")).evaluate({"n": 1})


def test_a_size_that_is_no_whole_number() -> None:
    half = Dim("n").divide_exactly(2)
    assert half.evaluate({"n": 4}) == 2
    with pytest.raises(ShapeError, match="no whole number for n=3"):
        half.evaluate({"n": 3})


def test_a_size_is_no_number_yet() -> None:
    for function in (int, operator.index, range):
        with pytest.raises(ShapeError, match="known only when the program runs"):
            function(Dim("n"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((2, "n"), (2, Dim("n"))),
        (["n"], (Dim("n"),)),
        ("n", (Dim("n"),)),
        (3, (3,)),
        (np.int64(3), (3,)),
        ((np.int32(2), 0), (2, 0)),
        ((), ()),
        (Dim("n"), (Dim("n"),)),
        ((d for d in (1, 2)), (1, 2)),
    ],
)
def test_shapes(given: Any, expected: Any) -> None:
    shape = as_shape(given)
    assert shape == expected
    assert all(type(d) in (int, Dim) for d in shape)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((-1,), ShapeError),
        ((1.5,), ShapeError),
        ((True,), ShapeError),
        ((None,), ShapeError),
        (1.5, ShapeError),
        (None, ShapeError),
        ((2, "a b"), NamingError),
        (("",), NamingError),
    ],
)
def test_bad_shapes_name_the_input_and_the_line(shape: Any, error: Any) -> None:
    with pytest.raises(error) as caught:
        gc.input("x", shape)
    assert caught.value.node == "input 'x'"
    assert str(caught.value.location).startswith(__file__)


def test_helpers() -> None:
    n = Dim("n")
    assert product(()) == 1
    assert product((2, n, 3)) == 6 * n
    assert product((0, n)) == 0
    assert format_shape(()) == "()"
    assert format_shape((n,)) == "(n,)"
    assert format_shape((2 * n, 3)) == "(2*n, 3)"
    assert symbols_of((n * Dim("m"), 3, Dim("a"))) == ("a", "m", "n")
    assert evaluate_shape((n, 2 * n + 1, 3), {"n": 4}) == (4, 9, 3)


@pytest.mark.parametrize("other", [object(), [1], {}, (2,), b"a", None, "a", 1.5])
@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.floordiv, operator.mod, operator.pow],
)
def test_what_is_no_size_is_refused(operation: Any, other: Any) -> None:
    with pytest.raises(ShapeError, match="not an integer"):
        operation(Dim("n"), other)
    if not (operation is operator.mod and isinstance(other, str | bytes)):
        with pytest.raises(ShapeError, match="not an integer"):
            operation(other, Dim("n"))
