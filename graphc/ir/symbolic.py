"""Sizes that are no polynomials of others, as `(seq + 1) // 2`, in SymPy."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from .polynomial import Polynomial


def computed(name: str, left: Any, right: Any) -> Any:
    """An operation on sizes of which one is no polynomial."""
    import sympy

    library: Any = sympy
    if name == "add":
        return library.expand(left + right)
    if name == "subtract":
        return library.expand(left - right)
    if name == "multiply":
        return library.expand(left * right)
    quotient = library.cancel(library.sympify(left) / right)
    return library.expand(quotient) if name == "divide" else library.floor(quotient)


def expression_of(polynomial: Polynomial) -> Any:
    """A polynomial in SymPy, in which sizes are whole and not negative."""
    import sympy

    library: Any = sympy

    def power(name: str, exponent: int) -> Any:
        return library.Symbol(name, integer=True, nonnegative=True) ** exponent

    return library.Add(
        *(
            library.Mul(factor, *(power(*part) for part in product))
            for product, factor in polynomial.terms.items()
        )
    )


def python_of(expression: Any, prefix: str) -> str:
    """SymPy integer arithmetic as Python source, parenthesised throughout."""

    def text(part: Any) -> str:
        return f"({python_of(part, prefix)})"

    if type(expression).__name__ == "floor":
        return python_of(expression.args[0], prefix)
    if expression.is_Add or expression.is_Mul or expression.is_Pow:
        numerator, denominator = expression.as_numer_denom()
        if denominator != 1:
            return f"{text(numerator)} // {text(denominator)}"
    if expression.is_Integer:
        return str(expression)
    if expression.is_Symbol:
        return f"{prefix}{expression}"
    if expression.is_Add:
        return " + ".join(text(term) for term in expression.as_ordered_terms())
    if expression.is_Mul:
        return " * ".join(text(factor) for factor in expression.as_ordered_factors())
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        return f"{text(expression.base)} ** {expression.exp}"
    raise ShapeError(f"dimension {expression} has no integer form")
