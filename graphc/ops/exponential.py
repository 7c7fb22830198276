"""Exponentials, logarithms, powers, and hyperbolic and trigonometric functions."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..ir.array_methods import array_function
from ..ir.facts import Facts
from ..ir.literal import scalar_value
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from .arithmetic import minimum, negative, sqrt, square, where
from .comparison import isinf
from .elementwise import coerce_for, loop_dtype, ufunc
from .source import ArrayLike, astype, constant, zeros_like
from .type_rules import same_type


@ufunc(
    vjp=lambda g, out, x: (g * out,),
    sympy="exp(x)",
    facts=Facts(nonnegative=(), zero_sign="ignored", cost=(4.5, 9.2)),
)
def exp(x: ArrayLike) -> Node:
    """Exponential, elementwise: `e**x`."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (out * math.log(2.0)),),
    sympy="2**x",
    facts=Facts(nonnegative=(), zero_sign="ignored", cost=8.6),
)
def exp2(x: ArrayLike) -> Node:
    """`2**x`, elementwise."""
    ...


# Not `out + 1`, which has no digits left where exp(x) is small.
@ufunc(
    vjp=lambda g, out, x: (g * exp(x),),
    sympy="exp(x) - 1",
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(40.0, 19.0)),
)
def expm1(x: ArrayLike) -> Node:
    """`exp(x) - 1`, elementwise, exact near 0."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / x,),
    sympy="log(x)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(6.0, 8.8)),
)
def log(x: ArrayLike) -> Node:
    """Natural logarithm, elementwise; -inf at 0, NaN below."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x * math.log(2.0)),),
    sympy="log(x, 2)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(10.0, 9.0)),
)
def log2(x: ArrayLike) -> Node:
    """Logarithm to base 2, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x * math.log(10.0)),),
    sympy="log(x, 10)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(20.0, 16.0)),
)
def log10(x: ArrayLike) -> Node:
    """Logarithm to base 10, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x + 1.0),),
    sympy="log(1 + x)",
    low=-0.8,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(40.0, 21.0)),
)
def log1p(x: ArrayLike) -> Node:
    """`log(1 + x)`, elementwise, exact near 0."""
    ...


def _power_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node | None, ...]:
    exponent = scalar_value(x2)
    if exponent is not None:
        # x**0 has derivative 0 everywhere, x**1 has 1 and x**2 has 2*x at 0 too.
        if exponent == 0.0:
            return (zeros_like(x1), None)
        if exponent == 1.0:
            return (g, None)
        if exponent == 2.0:
            return (g * (2 * x1), None)
        return (g * (exponent * power(x1, exponent - 1.0)), None)
    # x**0 is constant at 0 too, so that its derivative there is 0 and not 0 * inf. So
    # is 0**x for positive x.
    flat = (x1 == 0.0) & (x2 == 0.0)
    lowered = where(flat, constant(0.0, x2.dtype), x2 - 1.0)
    still = (x1 == 0.0) & (x2 >= 0.0)
    logarithm = log(where(still, constant(1.0, x1.dtype), x1))
    return (g * (x2 * power(x1, lowered)), g * (out * logarithm))


@ufunc(
    vjp=_power_vjp,
    sympy="x1**x2",
    mathematics=Mathematics(
        gradients=lambda node: (
            "x2 * x1**(x2 - 1) * d" if node.inputs[0].shape == node.shape else None,
            "log(x1) * out * d" if node.inputs[1].shape == node.shape else None,
        )
    ),
    low=0.3,
    high=2.0,
    facts=Facts(
        neutral=(None, 1.0),
        absorbing=(1.0, None),
        nonnegative=(0,),
        cost=(20.0, 25.0),
        notation="x1**x2",
    ),
)
def power(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1**x2`, elementwise; NaN for a negative base and a fractional exponent."""
    ...


pow = power


@array_function
def float_power(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1**x2` in float64, elementwise, whatever the dtypes are.

    >>> import graphc as gc
    >>> gc.evaluate(gc.float_power([2, 3], -1).round(3), {})
    array([0.5  , 0.333])
    """
    base, exponent = coerce_for("float_power", (x1, x2))
    loop = loop_dtype("float_power", base, exponent)
    return power(astype(base, loop), astype(exponent, loop))


def _logistic_expand(x: Node) -> Node:
    # The quotient rounds to 1 at the bound, and its exponential does not overflow yet.
    bounded = minimum(x, 11.0 if x.dtype == np.float16 else 50.0).named("bounded")
    growth = exp(bounded).named("growth")
    return growth / (growth + 1.0).named("denominator")


LOGISTIC = Op(
    name="logistic",
    inputs=("x",),
    infer=same_type,
    expand=_logistic_expand,
    # Not `1 - out`, which has no digits left where `out` is almost 1.
    vjp=lambda g, out, x: (g * (out * LOGISTIC(negative(x))),),
    jvp="diagonal",
    cases=tuple(Case(shapes) for shapes in (((3, 4),), ((),), ((0, 3),))),
)
"""`exp(x) / (1 + exp(x))`, exact in both tails, and so are its derivatives."""


def _logaddexp_vjp(
    g: Node, out: Node, x1: Node, x2: Node, base: float = math.e
) -> tuple[Node, Node]:
    # Of two equal infinities, which have no difference, each has half of the sum.
    has_halves = ((x1 == x2) & isinf(out)).named("has_halves")
    difference = where(has_halves, constant(0.0, out.dtype), x1 - x2)
    if base != math.e:
        difference = difference * math.log(base)
    difference = difference.named("difference")
    shares = LOGISTIC(difference), LOGISTIC(negative(difference).named("opposite"))
    return (g * shares[0].named("share"), g * shares[1].named("share"))


@ufunc(
    points=(
        Point((1e16, 1e16)),
        Point((1000.0, -1000.0)),
        Point((-1e300, -1e300), order=1),
    ),
    vjp=_logaddexp_vjp,
    sympy="log(exp(x1) + exp(x2))",
    facts=Facts(
        commutative="real",
        zero_sign="ignored",
        cost=(70.0, 40.0),
    ),
)
def logaddexp(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`log(exp(x1) + exp(x2))`, elementwise, without overflow."""
    ...


@ufunc(
    points=(Point((1e16, 1e16)), Point((1000.0, -1000.0))),
    vjp=partial(_logaddexp_vjp, base=2.0),
    sympy="log(2**x1 + 2**x2, 2)",
    facts=Facts(commutative="real", zero_sign="ignored", cost=(70.0, 40.0)),
)
def logaddexp2(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`log2(2**x1 + 2**x2)`, elementwise, without overflow."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (1.0 - square(out).named("squared")).named("slope"),),
    sympy="tanh(x)",
    facts=Facts(
        parity="odd",
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=(8.8, 24.0),
    ),
)
def tanh(x: ArrayLike) -> Node:
    """Hyperbolic tangent, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * cosh(x),),
    sympy="sinh(x)",
    facts=Facts(parity="odd", nonnegative="all", zero_sign="kept", cost=(63.0, 31.0)),
)
def sinh(x: ArrayLike) -> Node:
    """Hyperbolic sine, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * sinh(x),),
    sympy="cosh(x)",
    facts=Facts(parity="even", nonnegative=(), zero_sign="ignored", cost=(40.0, 30.0)),
)
def cosh(x: ArrayLike) -> Node:
    """Hyperbolic cosine, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / hypot(x, 1.0),),
    sympy="asinh(x)",
    facts=Facts(parity="odd", nonnegative="all", zero_sign="kept", cost=(70.0, 40.0)),
)
def arcsinh(x: ArrayLike) -> Node:
    """Inverse hyperbolic sine, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((x - 1.0) * (x + 1.0)),),
    sympy="acosh(x)",
    low=1.1,
    high=3.0,
    facts=Facts(cost=(70.0, 40.0)),
)
def arccosh(x: ArrayLike) -> Node:
    """Inverse hyperbolic cosine, elementwise; NaN below 1."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (1.0 - square(x)),),
    sympy="atanh(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(parity="odd", zero_sign="kept", cost=(75.0, 45.0)),
)
def arctanh(x: ArrayLike) -> Node:
    """Inverse hyperbolic tangent, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * cos(x),),
    sympy="sin(x)",
    facts=Facts(
        parity="odd", finite="all", overflows=False, zero_sign="kept", cost=(5.5, 18.0)
    ),
)
def sin(x: ArrayLike) -> Node:
    """Sine, elementwise; `x` in radians."""
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g * sin(x)),),
    sympy="cos(x)",
    facts=Facts(
        parity="even",
        finite="all",
        overflows=False,
        zero_sign="ignored",
        cost=(5.5, 18.0),
    ),
)
def cos(x: ArrayLike) -> Node:
    """Cosine, elementwise; `x` in radians."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (1.0 + square(out)),),
    sympy="tan(x)",
    low=-1.0,
    high=1.0,
    facts=Facts(parity="odd", zero_sign="kept", cost=(50.0, 31.0)),
)
def tan(x: ArrayLike) -> Node:
    """Tangent, elementwise; `x` in radians."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((1.0 - x) * (1.0 + x)),),
    sympy="asin(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(parity="odd", zero_sign="kept", cost=(30.0, 20.0)),
)
def arcsin(x: ArrayLike) -> Node:
    """Inverse sine in radians, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g / sqrt((1.0 - x) * (1.0 + x))),),
    sympy="acos(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(zero_sign="ignored", cost=(30.0, 20.0)),
)
def arccos(x: ArrayLike) -> Node:
    """Inverse cosine in radians, elementwise; NaN outside [-1, 1]."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (1.0 + square(x)),),
    sympy="atan(x)",
    facts=Facts(
        parity="odd",
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=(35.0, 20.0),
    ),
)
def arctan(x: ArrayLike) -> Node:
    """Inverse tangent in radians, elementwise."""
    ...


def _unit_vector(x1: Node, x2: Node) -> tuple[Node, Node, Node]:
    """`(x1, x2)` over its length, and the length; 0 and 1 at the origin."""
    length = hypot(x1, x2).named("length")
    is_origin = (length == 0.0).named("is_origin")
    length = where(is_origin, constant(1.0, length.dtype), length).named("divisor")
    zero = constant(0.0, length.dtype)
    unit1, unit2 = (where(is_origin, zero, x / length).named("unit") for x in (x1, x2))
    return unit1, unit2, length


def _arctan2_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    # Not over the square of the length, which over- and underflows.
    unit1, unit2, length = _unit_vector(x1, x2)
    return (g * (unit2 / length), negative(g * (unit1 / length)))


def _hypot_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    unit1, unit2, _ = _unit_vector(x1, x2)
    return (g * unit1, g * unit2)


@ufunc(
    vjp=_arctan2_vjp,
    sympy="atan2(x1, x2)",
    low=0.2,
    points=(
        Point((0.0, 0.0), gradients=(0.0, 0.0)),
        Point((1e-200, 1e-200), order=1),
        Point((-3e200, 4e200), order=1),
    ),
    facts=Facts(cost=(75.0, 40.0)),
)
def arctan2(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Angle of the point `(x2, x1)` in radians, in (-pi, pi], elementwise.

    Its gradient at the origin is taken as 0.
    """
    ...


acos, acosh, asin, asinh = arccos, arccosh, arcsin, arcsinh
atan, atan2, atanh = arctan, arctan2, arctanh


@ufunc(
    points=(
        Point((0.0, 0.0), gradients=(0.0, 0.0)),
        Point((3e-200, -4e-200), order=1),
        Point((3e200, 4e200), order=1),
    ),
    vjp=_hypot_vjp,
    sympy="sqrt(x1**2 + x2**2)",
    low=0.2,
    facts=Facts(
        commutative="real",
        nonnegative=(),
        zero_sign="ignored",
        cost=(16.0, 35.0),
    ),
)
def hypot(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`sqrt(x1**2 + x2**2)`, elementwise, without overflow.

    Its gradient at the origin is taken as 0.
    """
    ...
