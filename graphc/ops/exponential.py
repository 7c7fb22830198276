"""Exponentials, logarithms, and hyperbolic and trigonometric functions."""

from __future__ import annotations

import math

from ..ir.node import Node
from .arithmetic import negative, sqrt, square
from .elementwise import ufunc
from .source import ArrayLike

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


@ufunc(vjp=lambda g, out, x: (g * out,), sympy="exp(x)")
def exp(x: ArrayLike) -> Node:
    """Exponential, elementwise: `e**x`."""
    ...


@ufunc(vjp=lambda g, out, x: (g * (out * math.log(2.0)),), sympy="2**x")
def exp2(x: ArrayLike) -> Node:
    """`2**x`, elementwise."""
    ...


# Not `out + 1`, which has no digits left where exp(x) is small.
@ufunc(vjp=lambda g, out, x: (g * exp(x),), sympy="exp(x) - 1")
def expm1(x: ArrayLike) -> Node:
    """`exp(x) - 1`, elementwise, exact near 0."""
    ...


@ufunc(vjp=lambda g, out, x: (g / x,), sympy="log(x)", low=0.1)
def log(x: ArrayLike) -> Node:
    """Natural logarithm, elementwise; -inf at 0, NaN below."""
    ...


@ufunc(vjp=lambda g, out, x: (g / (x * math.log(2.0)),), sympy="log(x, 2)", low=0.1)
def log2(x: ArrayLike) -> Node:
    """Logarithm to base 2, elementwise."""
    ...


@ufunc(vjp=lambda g, out, x: (g / (x * math.log(10.0)),), sympy="log(x, 10)", low=0.1)
def log10(x: ArrayLike) -> Node:
    """Logarithm to base 10, elementwise."""
    ...


@ufunc(vjp=lambda g, out, x: (g / (x + 1.0),), sympy="log(1 + x)", low=-0.8)
def log1p(x: ArrayLike) -> Node:
    """`log(1 + x)`, elementwise, exact near 0."""
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g * exp(x1 - out), g * exp(x2 - out)),
    sympy="log(exp(x1) + exp(x2))",
)
def logaddexp(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`log(exp(x1) + exp(x2))`, elementwise, without overflow."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (1.0 - square(out).named("squared")).named("slope"),),
    sympy="tanh(x)",
)
def tanh(x: ArrayLike) -> Node:
    """Hyperbolic tangent, elementwise."""
    ...


@ufunc(vjp=lambda g, out, x: (g * cosh(x),), sympy="sinh(x)")
def sinh(x: ArrayLike) -> Node:
    """Hyperbolic sine, elementwise."""
    ...


@ufunc(vjp=lambda g, out, x: (g * sinh(x),), sympy="cosh(x)")
def cosh(x: ArrayLike) -> Node:
    """Hyperbolic cosine, elementwise."""
    ...


@ufunc(vjp=lambda g, out, x: (g / hypot(x, 1.0),), sympy="asinh(x)")
def arcsinh(x: ArrayLike) -> Node:
    """Inverse hyperbolic sine, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((x - 1.0) * (x + 1.0)),),
    sympy="acosh(x)",
    low=1.1,
    high=3.0,
)
def arccosh(x: ArrayLike) -> Node:
    """Inverse hyperbolic cosine, elementwise; NaN below 1."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (1.0 - square(x)),),
    sympy="atanh(x)",
    low=-0.9,
    high=0.9,
)
def arctanh(x: ArrayLike) -> Node:
    """Inverse hyperbolic tangent, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(vjp=lambda g, out, x: (g * cos(x),), sympy="sin(x)")
def sin(x: ArrayLike) -> Node:
    """Sine, elementwise; `x` in radians."""
    ...


@ufunc(vjp=lambda g, out, x: (negative(g * sin(x)),), sympy="cos(x)")
def cos(x: ArrayLike) -> Node:
    """Cosine, elementwise; `x` in radians."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (1.0 + square(out)),),
    sympy="tan(x)",
    low=-1.0,
    high=1.0,
)
def tan(x: ArrayLike) -> Node:
    """Tangent, elementwise; `x` in radians."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((1.0 - x) * (1.0 + x)),),
    sympy="asin(x)",
    low=-0.9,
    high=0.9,
)
def arcsin(x: ArrayLike) -> Node:
    """Inverse sine in radians, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g / sqrt((1.0 - x) * (1.0 + x))),),
    sympy="acos(x)",
    low=-0.9,
    high=0.9,
)
def arccos(x: ArrayLike) -> Node:
    """Inverse cosine in radians, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(vjp=lambda g, out, x: (g / (1.0 + square(x)),), sympy="atan(x)")
def arctan(x: ArrayLike) -> Node:
    """Inverse tangent in radians, elementwise."""
    ...


def _arctan2_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    scaled = g / (square(x1) + square(x2))
    return (scaled * x2, negative(scaled * x1))


@ufunc(vjp=_arctan2_vjp, sympy="atan2(x1, x2)", low=0.2)
def arctan2(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Angle of the point `(x2, x1)` in radians, in (-pi, pi], elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g * (x1 / out), g * (x2 / out)),
    sympy="sqrt(x1**2 + x2**2)",
    low=0.2,
)
def hypot(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`sqrt(x1**2 + x2**2)`, elementwise, without overflow."""
    ...
