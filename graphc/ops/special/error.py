"""Error functions, and the normal distribution, which is made of them."""

from __future__ import annotations

import math

from ...ir.facts import Facts
from ...ir.node import Node
from ...ir.op import Case, Op, Point
from ..arithmetic import negative, square
from ..exponential import exp
from ..source import ArrayLike
from ..type_rules import same_floating_type
from . import error_texts as texts
from .declare import special

_SLOPE = 2.0 / math.sqrt(math.pi)


@special(
    vjp=lambda g, out, x: (g * (_SLOPE * exp(negative(square(x)))),),
    helpers=(texts.SCALED_ERFC, texts.ERFC, texts.ERF),
    sympy="erf(x)",
    facts=Facts(
        nonnegative="all", finite="all", overflows=False, zero_sign="kept", cost=150.0
    ),
)
def erf(x: ArrayLike) -> Node:
    """Error function, elementwise: `2 / sqrt(pi) * integral from 0 to x of exp(-t**2)`.

    Its derivative is `2 / sqrt(pi) * exp(-x**2)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    Source: Press et al. 2007, *Numerical Recipes*, section 6.2.2, for the tails.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.erf([0.0, 0.5, 10.0]), {}).round(6)
    array([0.    , 0.5205, 1.    ])
    """
    ...


@special(
    vjp=lambda g, out, x: (g * (-_SLOPE * exp(negative(square(x)))),),
    helpers=(texts.SCALED_ERFC, texts.ERFC),
    sympy="erfc(x)",
    facts=Facts(
        nonnegative=(), finite="all", overflows=False, zero_sign="ignored", cost=120.0
    ),
)
def erfc(x: ArrayLike) -> Node:
    """Complementary error function, `1 - erf(x)`, elementwise, exact in the right tail.

    Its derivative is `-2 / sqrt(pi) * exp(-x**2)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.erfc([0.0, 10.0]), {})
    array([1.00000000e+00, 2.08848758e-45])
    """
    ...


@special(
    vjp=lambda g, out, x: (g * ((2.0 * x) * out - _SLOPE),),
    helpers=(texts.SCALED_ERFC, texts.ERFCX),
    sympy="exp(x**2)*erfc(x)",
    facts=Facts(nonnegative=(), zero_sign="ignored", cost=120.0),
)
def erfcx(x: ArrayLike) -> Node:
    """Scaled complementary error function, `exp(x**2) * erfc(x)`, elementwise.

    It does not underflow: for large `x` it is almost `1 / (sqrt(pi) * x)`. Its
    derivative is `2 * x * erfcx(x) - 2 / sqrt(pi)`, a difference that has lost digits
    where `x` is in the thousands.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.erfcx([0.0, 100.0]), {}).round(6)
    array([1.      , 0.005642])
    """
    ...


@special(
    vjp=lambda g, out, y: (g * (exp(square(out)) * (1.0 / _SLOPE)),),
    helpers=(texts.SCALED_ERFC, texts.INVERSE, texts.ERFINV),
    sympy="erfinv(y)",
    low=-0.95,
    high=0.95,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=400.0),
)
def erfinv(y: ArrayLike) -> Node:
    """Inverse of the error function, elementwise; NaN outside [-1, 1].

    Its derivative is `sqrt(pi) / 2 * exp(erfinv(y)**2)`.

    Args:
        y: numbers, of any shape.

    Returns:
        A floating array of the shape of `y`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.erfinv([0.0, 0.5, 1.0]), {}).round(6)
    array([0.      , 0.476936,      inf])
    """
    ...


@special(
    vjp=lambda g, out, y: (g * (exp(square(out)) * (-1.0 / _SLOPE)),),
    helpers=(texts.SCALED_ERFC, texts.INVERSE, texts.ERFCINV),
    sympy="erfinv(1 - y)",
    low=0.05,
    high=1.9,
    facts=Facts(zero_sign="kept", cost=400.0),
)
def erfcinv(y: ArrayLike) -> Node:
    """Inverse of the complementary error function, elementwise; NaN outside [0, 2].

    Its derivative is `-sqrt(pi) / 2 * exp(erfcinv(y)**2)`.

    Args:
        y: numbers, of any shape.

    Returns:
        A floating array of the shape of `y`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.erfcinv([1.0, 1e-100]), {}).round(6)
    array([ 0.      , 15.065575])
    """
    ...


_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@special(
    vjp=lambda g, out, x: (g * (_DENSITY * exp(-0.5 * square(x))),),
    helpers=(texts.SCALED_ERFC, texts.NDTR),
    sympy="erfc(-x/sqrt(2))/2",
    facts=Facts(
        nonnegative=(), finite="all", overflows=False, zero_sign="ignored", cost=120.0
    ),
)
def ndtr(x: ArrayLike) -> Node:
    """Distribution function of the normal distribution, elementwise.

    `ndtr(x) = erfc(-x / sqrt(2)) / 2`, exact in the left tail. Its derivative is the
    density, `exp(-x**2 / 2) / sqrt(2 * pi)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.ndtr([-1.96, 0.0]), {}).round(4)
    array([0.025, 0.5  ])
    """
    ...


def _mills_expand(x: Node) -> Node:
    return math.sqrt(2.0 / math.pi) / erfcx(-math.sqrt(0.5) * x)


MILLS = Op(
    name="inverse_mills_ratio",
    inputs=("x",),
    infer=same_floating_type,
    expand=_mills_expand,
    # That of the expansion is 0 times infinity on the right.
    vjp=lambda g, out, x: (negative(g * (out * (x + out))),),
    jvp="diagonal",
    cases=tuple(Case(shapes) for shapes in (((3, 4),), ((),), ((0, 3),))),
)
"""The normal density over its distribution function: the derivative of `log_ndtr`."""


@special(
    vjp=lambda g, out, x: (g * MILLS(x),),
    helpers=(texts.SCALED_ERFC, texts.NDTR, texts.LOG_NDTR),
    sympy="log(erfc(-x/sqrt(2))/2)",
    points=(Point((-30.0,)), Point((30.0,))),
    facts=Facts(zero_sign="ignored", cost=250.0),
)
def log_ndtr(x: ArrayLike) -> Node:
    """Logarithm of the distribution function of the normal distribution, elementwise.

    It does not underflow in the left tail, where it is almost `-x**2 / 2`. Its
    derivative is the density over the distribution function, the inverse Mills ratio.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.log_ndtr([-10.0, 0.0]), {}).round(4)
    array([-53.2313,  -0.6931])
    """
    ...


@special(
    vjp=lambda g, out, y: (g * (exp(0.5 * square(out)) * (1.0 / _DENSITY)),),
    helpers=(texts.SCALED_ERFC, texts.INVERSE, texts.NDTRI),
    sympy="sqrt(2)*erfinv(2*y - 1)",
    low=0.05,
    high=0.95,
    facts=Facts(zero_sign="ignored", cost=400.0),
)
def ndtri(y: ArrayLike) -> Node:
    """Inverse of the normal distribution function, elementwise; NaN outside [0, 1].

    Its derivative is `sqrt(2 * pi) * exp(ndtri(y)**2 / 2)`.

    Args:
        y: probabilities, of any shape.

    Returns:
        A floating array of the shape of `y`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.ndtri([0.025, 0.5]), {}).round(4)
    array([-1.96,  0.  ])
    """
    ...
