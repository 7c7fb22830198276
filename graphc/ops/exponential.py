"""Exponentials, logarithms, powers, and hyperbolic functions."""

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
from .trigonometry import hypot
from .type_rules import same_type


@ufunc(
    vjp=lambda g, out, x: (g * out,),
    sympy="exp(x)",
    facts=Facts(nonnegative=(), zero_sign="ignored", cost=(4.5, 9.2)),
)
def exp(x: ArrayLike) -> Node:
    """Exponential, elementwise: `e**x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.exp([0.0, 1.0]).round(3), {})
    array([1.   , 2.718])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (out * math.log(2.0)),),
    sympy="2**x",
    facts=Facts(nonnegative=(), zero_sign="ignored", cost=8.6),
)
def exp2(x: ArrayLike) -> Node:
    """`2**x`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.exp2([3.0, -1.0]), {})
    array([8. , 0.5])
    """
    ...


# Not `out + 1`, which has no digits left where exp(x) is small.
@ufunc(
    vjp=lambda g, out, x: (g * exp(x),),
    sympy="exp(x) - 1",
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(40.0, 19.0)),
)
def expm1(x: ArrayLike) -> Node:
    """`exp(x) - 1`, elementwise, exact near 0.

    >>> import graphc as gc
    >>> gc.evaluate([gc.expm1(1e-20), gc.exp(1e-20) - 1.0], {})
    [array(1.e-20), array(0.)]
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / x,),
    sympy="log(x)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(6.0, 8.8)),
)
def log(x: ArrayLike) -> Node:
    """Natural logarithm, elementwise; -inf at 0, NaN below.

    >>> import graphc as gc
    >>> gc.evaluate(gc.log([1.0, 10.0]).round(3), {})
    array([0.   , 2.303])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x * math.log(2.0)),),
    sympy="log(x, 2)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(10.0, 9.0)),
)
def log2(x: ArrayLike) -> Node:
    """Logarithm to base 2, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.log2([8.0, 0.5]).round(6), {})
    array([ 3., -1.])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x * math.log(10.0)),),
    sympy="log(x, 10)",
    low=0.1,
    facts=Facts(zero_sign="ignored", cost=(20.0, 16.0)),
)
def log10(x: ArrayLike) -> Node:
    """Logarithm to base 10, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.log10([1000.0, 0.1]).round(6), {})
    array([ 3., -1.])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (x + 1.0),),
    sympy="log(1 + x)",
    low=-0.8,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(40.0, 21.0)),
)
def log1p(x: ArrayLike) -> Node:
    """`log(1 + x)`, elementwise, exact near 0.

    >>> import graphc as gc
    >>> gc.evaluate([gc.log1p(1e-20), gc.log(1.0 + 1e-20)], {})
    [array(1.e-20), array(0.)]
    """
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
    """`x1**x2`, elementwise; NaN for a negative base and a fractional exponent.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,))
    >>> cubes = gc.power(x, 3)
    >>> gc.evaluate([cubes, gc.grad(gc.sum(cubes), x)], {"x": [2, -1]})
    [array([ 8., -1.], dtype=float32), array([12.,  3.], dtype=float32)]
    """
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
    """`log(exp(x1) + exp(x2))`, elementwise, without overflow.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logaddexp(1000.0, [0.0, 1000.0]) - 1000.0, {}).round(3)
    array([0.   , 0.693])
    """
    ...


@ufunc(
    points=(Point((1e16, 1e16)), Point((1000.0, -1000.0))),
    vjp=partial(_logaddexp_vjp, base=2.0),
    sympy="log(2**x1 + 2**x2, 2)",
    facts=Facts(commutative="real", zero_sign="ignored", cost=(70.0, 40.0)),
)
def logaddexp2(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`log2(2**x1 + 2**x2)`, elementwise, without overflow.

    >>> import graphc as gc
    >>> gc.evaluate(gc.logaddexp2([3.0, 2000.0], [3.0, 0.0]), {}).round(6)
    array([   4., 2000.])
    """
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
    """Hyperbolic tangent, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.tanh([0.0, 1.0, -20.0]).round(3), {})
    array([ 0.   ,  0.762, -1.   ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g * cosh(x),),
    sympy="sinh(x)",
    facts=Facts(parity="odd", nonnegative="all", zero_sign="kept", cost=(63.0, 31.0)),
)
def sinh(x: ArrayLike) -> Node:
    """Hyperbolic sine, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sinh([0.0, 1.0]).round(3), {})
    array([0.   , 1.175])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g * sinh(x),),
    sympy="cosh(x)",
    facts=Facts(parity="even", nonnegative=(), zero_sign="ignored", cost=(40.0, 30.0)),
)
def cosh(x: ArrayLike) -> Node:
    """Hyperbolic cosine, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cosh([0.0, 1.0]).round(3), {})
    array([1.   , 1.543])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / hypot(x, 1.0),),
    sympy="asinh(x)",
    facts=Facts(parity="odd", nonnegative="all", zero_sign="kept", cost=(70.0, 40.0)),
)
def arcsinh(x: ArrayLike) -> Node:
    """Inverse hyperbolic sine, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.arcsinh(gc.sinh([0.5, -2.0])).round(6), {})
    array([ 0.5, -2. ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((x - 1.0) * (x + 1.0)),),
    sympy="acosh(x)",
    low=1.1,
    high=3.0,
    facts=Facts(cost=(70.0, 40.0)),
)
def arccosh(x: ArrayLike) -> Node:
    """Inverse hyperbolic cosine, elementwise; NaN below 1.

    >>> import graphc as gc
    >>> gc.evaluate(gc.arccosh(gc.cosh([0.5, 2.0])).round(6), {})
    array([0.5, 2. ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (1.0 - square(x)),),
    sympy="atanh(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(parity="odd", zero_sign="kept", cost=(75.0, 45.0)),
)
def arctanh(x: ArrayLike) -> Node:
    """Inverse hyperbolic tangent, elementwise; NaN outside [-1, 1].

    >>> import graphc as gc
    >>> gc.evaluate(gc.arctanh(gc.tanh([0.5, -2.0])).round(6), {})
    array([ 0.5, -2. ])
    """
    ...


acosh, asinh, atanh = arccosh, arcsinh, arctanh
