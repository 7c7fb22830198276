"""Modified Bessel functions of the second kind."""

from __future__ import annotations

from functools import partial

from ...ir.facts import Facts
from ...ir.node import Node
from ..exponential import exp
from ..source import ArrayLike
from . import bessel_k_texts as texts
from .bessel_texts import I0E, I1E
from .declare import special

_COSTLY = Facts(nonnegative=(), cost=500.0)


@special(
    vjp=lambda g, out, x: (g * (out - k1e(x)),),
    helpers=(I0E, texts.K0E),
    sympy="exp(x)*besselk(0, x)",
    low=0.5,
    high=4.0,
    facts=_COSTLY,
)
def k0e(x: ArrayLike) -> Node:
    """Modified Bessel function of the second kind of order 0, times `exp(x)`.

    Elementwise; infinite at 0, and NaN below. Its derivative is `k0e(x) - k1e(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.k0e([1.0, 100.0]), {}).round(6)
    array([1.144463, 0.125176])
    """
    ...


@special(
    vjp=lambda g, out, x: (g * (out - k0e(x) - out / x),),
    helpers=(I1E, texts.K1E),
    sympy="exp(x)*besselk(1, x)",
    low=0.5,
    high=4.0,
    facts=_COSTLY,
)
def k1e(x: ArrayLike) -> Node:
    """Modified Bessel function of the second kind of order 1, times `exp(x)`.

    Elementwise; infinite at 0, and NaN below. Its derivative is
    `k1e(x) - k0e(x) - k1e(x) / x`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.k1e([1.0, 100.0]), {}).round(6)
    array([1.636153, 0.1258  ])
    """
    ...


def _unscaled(n: int, x: Node) -> Node:
    return (k0e(x) if n == 0 else k1e(x)) * exp(-x)


@special(
    vjp=lambda g, out, x: (g * -k1(x),),
    expand=partial(_unscaled, 0),
    sympy="besselk(0, x)",
    low=0.5,
    high=4.0,
)
def k0(x: ArrayLike) -> Node:
    """Modified Bessel function of the second kind of order 0, elementwise.

    It is infinite at 0, and NaN below. Its derivative is `-k1(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.k0([1.0, 2.0]), {}).round(6)
    array([0.421024, 0.113894])
    """
    ...


@special(
    vjp=lambda g, out, x: (g * (-k0(x) - out / x),),
    expand=partial(_unscaled, 1),
    sympy="besselk(1, x)",
    low=0.5,
    high=4.0,
)
def k1(x: ArrayLike) -> Node:
    """Modified Bessel function of the second kind of order 1, elementwise.

    It is infinite at 0, and NaN below. Its derivative is `-k0(x) - k1(x) / x`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.k1([1.0, 2.0]), {}).round(6)
    array([0.601907, 0.139866])
    """
    ...
