"""SymPy expressions as nodes: each function by the op that computes it best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from ..errors import UnsupportedError
from ..ir.node import Node
from ..ops.arithmetic import (
    absolute,
    maximum,
    minimum,
    multiply,
    positive,
    reciprocal,
    remainder,
    sign,
    sqrt,
    square,
    where,
)
from ..ops.comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from ..ops.exponential import (
    arccosh,
    arcsinh,
    arctanh,
    cosh,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    power,
    sinh,
    tanh,
)
from ..ops.rounding import ceil, floor, trunc
from ..ops.special.bessel import i0, i1
from ..ops.special.error import erf, erfc, erfcinv, erfinv
from ..ops.special.gamma import beta, digamma, gamma, gammaln, polygamma
from ..ops.special.sinc import sinc
from ..ops.trigonometry import arccos, arcsin, arctan, arctan2, cos, hypot, sin, tan

Value = Any
"""A node, or a Python number, which is weak."""


def _composed(
    inner: Callable[[Value], Value], outer: Callable[[Value], Value]
) -> Callable[[Value], Value]:
    return lambda x: outer(inner(x))


def _heaviside(x: Value, half: float = 0.5) -> Node:
    return where(x == 0.0, half, where(x > 0.0, 1.0, 0.0))


def _fraction(x: Value) -> Value:
    return x - floor(x)


def _sinc(x: Value) -> Node:
    """`sin(x) / x`, where NumPy's is of `pi * x`."""
    return sinc(x * (1.0 / math.pi))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Abs": absolute,
    "Heaviside": _heaviside,
    "Mod": remainder,
    "acos": arccos,
    "acosh": arccosh,
    "acot": _composed(reciprocal, arctan),
    "asin": arcsin,
    "asinh": arcsinh,
    "atan": arctan,
    "atan2": arctan2,
    "atanh": arctanh,
    "beta": beta,
    "ceiling": ceil,
    "conjugate": positive,
    "cos": cos,
    "cosh": cosh,
    "cot": _composed(tan, reciprocal),
    "coth": _composed(tanh, reciprocal),
    "csc": _composed(sin, reciprocal),
    "csch": _composed(sinh, reciprocal),
    "digamma": digamma,
    "erf": erf,
    "erfc": erfc,
    "erfcinv": erfcinv,
    "erfinv": erfinv,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "floor": floor,
    "frac": _fraction,
    "gamma": gamma,
    "hypot": hypot,
    "log": log,
    "log10": log10,
    "log1p": log1p,
    "log2": log2,
    "loggamma": gammaln,
    "re": positive,
    "sec": _composed(cos, reciprocal),
    "sech": _composed(cosh, reciprocal),
    "sign": sign,
    "sin": sin,
    "sinc": _sinc,
    "sinh": sinh,
    "tan": tan,
    "tanh": tanh,
    "trunc": trunc,
}
"""Functions of real arguments by the name of SymPy's class."""

_RELATIONS: Mapping[str, Callable[..., Node]] = {
    "Equality": equal,
    "GreaterThan": greater_equal,
    "LessThan": less_equal,
    "StrictGreaterThan": greater,
    "StrictLessThan": less,
    "Unequality": not_equal,
}
_CONNECTIVES: Mapping[str, Callable[..., Node]] = {
    "And": logical_and,
    "Or": logical_or,
    "Xor": logical_xor,
}

SafePoint = Callable[[Any, Any, Any], "Mapping[Any, float]"]
"""`safe_point(piece, condition, whole)`: numbers to put for symbols where a piece is
not chosen; empty where it can be computed everywhere."""


def _nowhere(piece: Any, condition: Any, whole: Any) -> Mapping[Any, float]:
    return {}


class Translation:
    """Nodes of the parts of an expression, each part once."""

    def __init__(
        self, symbols: Mapping[Any, Node], safe_point: SafePoint = _nowhere
    ) -> None:
        self._symbols = symbols
        self._safe_point = safe_point
        self._known: dict[Any, Value] = {}

    def __call__(self, expression: Any) -> Value:
        """The node, or the number, that an expression is.

        Raises:
            UnsupportedError: a part that no op computes.
        """
        if expression not in self._known:
            self._known[expression] = self._translated(expression)
        return self._known[expression]

    def _translated(self, expression: Any) -> Value:
        if expression.is_Symbol:
            return self._symbols[expression]
        if expression.is_number:
            return number(expression)
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(*expression.args)
        if expression.is_Piecewise:
            return self._choice(expression)
        name = type(expression).__name__
        if name in ("Max", "Min"):
            pair = maximum if name == "Max" else minimum
            return reduce(pair, map(self, expression.args))
        if name == "polygamma":
            order, argument = expression.args
            if order.is_Integer:
                return polygamma(int(order), self(argument))
        if name == "besseli" and expression.args[0] in (0, 1):
            return (i0, i1)[int(expression.args[0])](self(expression.args[1]))
        if name == "log" and expression.args[0].is_Add and 1 in expression.args[0].args:
            # Exact near 0.
            return log1p(self(expression.args[0] - 1))
        if name in FUNCTIONS:
            return FUNCTIONS[name](*map(self, expression.args))
        raise UnsupportedError(f"NumPy has no function for {expression}")

    def condition(self, condition: Any) -> Value:
        """A condition as a node of truth values, or as a bool."""
        name = type(condition).__name__
        if name in ("BooleanTrue", "BooleanFalse"):
            return bool(condition)
        if name in _RELATIONS:
            left, right = map(self, condition.args)
            return _RELATIONS[name](left, right)
        if name == "Not":
            return logical_not(self.condition(condition.args[0]))
        if name in _CONNECTIVES:
            return reduce(_CONNECTIVES[name], map(self.condition, condition.args))
        raise UnsupportedError(f"NumPy has no form of the condition {condition}")

    def _sum(self, expression: Any) -> Value:
        terms = expression.as_ordered_terms()
        if len(terms) == 2 and -1 in terms:
            (other,) = (term for term in terms if term != -1)
            if type(other).__name__ == "exp":
                return expm1(self(other.args[0]))
        positive = [term for term in terms if not _is_negative(term)]
        negative = [term for term in terms if _is_negative(term)]
        if not positive:
            return -self(-expression)
        total = reduce(
            lambda total, term: total + self(term), positive[1:], self(positive[0])
        )
        return reduce(lambda total, term: total - self(-term), negative, total)

    def _product(self, expression: Any) -> Value:
        coefficient, rest = expression.as_coeff_Mul()
        above: list[Value] = []
        below: list[Value] = []
        for factor in rest.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            inverted = factor.is_Pow and exponent.is_number and exponent.is_negative
            if inverted:
                below.append(self(base**-exponent))
            else:
                above.append(self(factor))
        numerator, denominator = coefficient.as_numer_denom()
        is_negative = bool(numerator < 0)
        if coefficient.is_Rational and not _is_exact(coefficient):
            below.insert(0, number(denominator))
            coefficient = numerator
        size = abs(number(coefficient))
        if size != 1.0 or not above:
            above.insert(0, size)
        value = reduce(_times, above)
        if below:
            value = value / reduce(_times, below)
        return -value if is_negative else value

    def _power(self, base: Any, exponent: Any) -> Value:
        if exponent.is_number:
            size = number(exponent)
            if size < 0:
                inverse = self(base**-exponent)
                return reciprocal(inverse)
            if size == 0.5:
                return sqrt(self(base))
            if size == 2.0:
                return square(self(base))
            return self(base) ** (int(size) if size == int(size) else size)
        if base == 2:
            return exp2(self(exponent))
        return power(self(base), self(exponent))

    def _choice(self, expression: Any) -> Value:
        """Nested choices, whose pieces are computed where they are chosen only."""
        *pieces, (last, last_condition) = expression.args
        if last_condition == True:  # noqa: E712 - SymPy's own true
            value: Value = self._piece(last, last_condition, expression)
        else:
            pieces, value = [*pieces, (last, last_condition)], math.nan
        for piece, condition in reversed(pieces):
            chosen = self._piece(piece, condition, expression)
            value = where(self.condition(condition), chosen, value)
        return value

    def _piece(self, piece: Any, condition: Any, whole: Any) -> Value:
        safe = self._safe_point(piece, condition, whole)
        if not safe:
            return self(piece)
        is_chosen = self.condition(chosen_where(piece, condition, whole))
        moved = {
            symbol: where(is_chosen, node, safe[symbol]) if symbol in safe else node
            for symbol, node in self._symbols.items()
        }
        return Translation(moved, self._safe_point)(piece)


def chosen_where(piece: Any, condition: Any, whole: Any) -> Any:
    """The condition under which a piece of a whole is chosen: none before it is."""
    found = condition
    for other, earlier in whole.args:
        if other == piece and earlier == condition:
            break
        found = found & ~earlier
    return found


def number(expression: Any) -> float:
    """A constant expression as a float.

    Raises:
        UnsupportedError: it is not a real number.
    """
    try:
        value = complex(expression)
    except TypeError:
        raise UnsupportedError(f"{expression} is not a number") from None
    if value.imag or math.isnan(value.real):
        raise UnsupportedError(f"{expression} is not a real number")
    return value.real


def _times(left: Value, right: Value) -> Value:
    if isinstance(left, Node) or isinstance(right, Node):
        return multiply(left, right)
    return left * right


def _is_negative(term: Any) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _is_exact(coefficient: Any) -> bool:
    """True for a fraction that floats hold, by which one multiplies."""
    return (coefficient.q & (coefficient.q - 1)) == 0


def names_of(symbols: Sequence[Any]) -> tuple[str, ...]:
    """Names for symbols that Python can read, each its own."""
    names = [symbol.name for symbol in symbols]
    if all(name.isidentifier() for name in names):
        return tuple(names)
    return tuple(f"x{place}" for place in range(1, len(symbols) + 1))
