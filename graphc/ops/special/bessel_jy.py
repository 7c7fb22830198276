"""Bessel functions of the first and of the second kind."""

from __future__ import annotations

from ...ir.facts import Facts
from ...ir.node import Node
from ..elementwise import OpFunction
from ..source import ArrayLike
from . import bessel_jy_texts as texts
from .declare import special

_FIRST = (texts.HANKEL, texts.J0, texts.J1)


def _j1_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * (0.5 * (j0(x) - _JN.op(x, n=2))),)


@special(
    vjp=lambda g, out, x: (g * -j1(x),),
    helpers=(texts.HANKEL, texts.J0),
    sympy="besselj(0, x)",
    facts=Facts(finite="all", overflows=False, zero_sign="ignored", cost=200.0),
)
def j0(x: ArrayLike) -> Node:
    """Bessel function of the first kind of order 0, elementwise.

    Its derivative is `-j1(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.j0([0.0, 2.0]), {}).round(6)
    array([1.      , 0.223891])
    """
    ...


@special(
    vjp=_j1_vjp,
    helpers=(texts.HANKEL, texts.J1),
    sympy="besselj(1, x)",
    facts=Facts(finite="all", overflows=False, zero_sign="kept", cost=200.0),
)
def j1(x: ArrayLike) -> Node:
    """Bessel function of the first kind of order 1, elementwise.

    Its derivative is half of the difference of its neighbours, of orders 0 and 2.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.j1([0.0, 2.0]), {}).round(6)
    array([0.      , 0.576725])
    """
    ...


def _jn_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    n: int = out.attributes["n"]
    below = j1(x) if n == 2 else _JN.op(x, n=n - 1)
    return (g * (0.5 * (below - _JN.op(x, n=n + 1))),)


@special(
    vjp=_jn_vjp,
    numpy="jn(n, x)",
    helpers=(*_FIRST, texts.JN),
    options=({"n": 2},),
    facts=Facts(finite="all", overflows=False, cost=900.0),
)
def _jn(x: ArrayLike, n: int) -> Node:
    """Bessel function of the first kind of an order from 2 on."""
    ...


_JN: OpFunction[...] = _jn


@special(
    vjp=lambda g, out, x: (g * -y1(x),),
    helpers=(texts.HANKEL, texts.J0, texts.Y0),
    sympy="bessely(0, x)",
    low=0.5,
    high=3.0,
    facts=Facts(cost=400.0),
)
def y0(x: ArrayLike) -> Node:
    """Bessel function of the second kind of order 0, elementwise.

    It is minus infinity at 0, and NaN below. Its derivative is `-y1(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.y0([1.0, 2.0]), {}).round(6)
    array([0.088257, 0.510376])
    """
    ...


@special(
    vjp=lambda g, out, x: (g * (y0(x) - out / x),),
    helpers=(texts.HANKEL, texts.J1, texts.Y1),
    sympy="bessely(1, x)",
    low=0.5,
    high=3.0,
    facts=Facts(cost=400.0),
)
def y1(x: ArrayLike) -> Node:
    """Bessel function of the second kind of order 1, elementwise.

    It is minus infinity at 0, and NaN below. Its derivative is `y0(x) - y1(x) / x`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.y1([1.0, 2.0]), {}).round(6)
    array([-0.781213, -0.107032])
    """
    ...
