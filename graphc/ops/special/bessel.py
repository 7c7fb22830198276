"""Modified Bessel functions of the first kind."""

from __future__ import annotations

from functools import partial

from ...ir.facts import Facts
from ...ir.node import Node
from ..arithmetic import absolute, sign
from ..elementwise import OpFunction
from ..exponential import exp
from ..source import ArrayLike
from . import bessel_texts as texts
from .declare import special


def _i0e_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * (i1e(x) - sign(x) * out),)


@special(
    vjp=_i0e_vjp,
    helpers=(texts.I0E,),
    sympy="exp(-Abs(x))*besseli(0, x)",
    facts=Facts(
        nonnegative=(), finite="all", overflows=False, zero_sign="ignored", cost=200.0
    ),
)
def i0e(x: ArrayLike) -> Node:
    """Modified Bessel function of order 0, times `exp(-abs(x))`, elementwise.

    Its derivative is `i1e(x) - sign(x) * i0e(x)`, taken as 0 at the kink at 0.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.i0e([0.0, 100.0]), {}).round(6)
    array([1.      , 0.039944])
    """
    ...


def _scaled(n: int, x: Node) -> Node:
    """The function of order n, times `exp(-abs(x))`."""
    return i0e(x) if n == 0 else i1e(x) if n == 1 else _IVE.op(x, n=n)


def _neighbours(n: int, x: Node) -> Node:
    """The derivative of the function of order n, times `exp(-abs(x))`."""
    return 0.5 * (_scaled(n - 1, x) + _scaled(n + 1, x))


@special(
    vjp=lambda g, out, x: (g * (_neighbours(1, x) - sign(x) * out),),
    helpers=(texts.I1E,),
    sympy="exp(-Abs(x))*besseli(1, x)",
    facts=Facts(
        nonnegative="all", finite="all", overflows=False, zero_sign="kept", cost=200.0
    ),
)
def i1e(x: ArrayLike) -> Node:
    """Modified Bessel function of order 1, times `exp(-abs(x))`, elementwise.

    Its derivative is half of the sum of its neighbours', of orders 0 and 2, less
    `sign(x) * i1e(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.i1e([0.0, 100.0]), {}).round(6)
    array([0.      , 0.039744])
    """
    ...


def _ive_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * (_neighbours(out.attributes["n"], x) - sign(x) * out),)


@special(
    vjp=_ive_vjp,
    numpy="ive(n, x)",
    helpers=(texts.I0E, texts.I1E, texts.IVE),
    options=({"n": 2}, {"n": 5}),
    facts=Facts(finite="all", overflows=False, cost=900.0),
)
def _ive(x: ArrayLike, n: int) -> Node:
    """Modified Bessel function of an order from 2 on, times `exp(-abs(x))`."""
    ...


_IVE: OpFunction[...] = _ive


def _unscaled(n: int, x: Node) -> Node:
    """The function of order n; half of the exponential at a time, not to overflow."""
    half = exp(0.5 * absolute(x))
    return (_scaled(n, x) * half) * half


@special(
    vjp=lambda g, out, x: (g * i1(x),),
    expand=partial(_unscaled, 0),
    sympy="besseli(0, x)",
)
def i0(x: ArrayLike) -> Node:
    """Modified Bessel function of order 0, elementwise; its derivative is `i1(x)`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.i0([0.0, 2.0]), {}).round(6)
    array([1.      , 2.279585])
    """
    ...


def _i1_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * (0.5 * (i0(x) + _IV.op(x, n=2))),)


@special(vjp=_i1_vjp, expand=partial(_unscaled, 1), sympy="besseli(1, x)")
def i1(x: ArrayLike) -> Node:
    """Modified Bessel function of order 1, elementwise.

    Its derivative is half of the sum of its neighbours', of orders 0 and 2.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.i1([0.0, 2.0]), {}).round(6)
    array([0.      , 1.590637])
    """
    ...


def _iv_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    n: int = out.attributes["n"]
    below = i1(x) if n == 2 else _IV.op(x, n=n - 1)
    return (g * (0.5 * (below + _IV.op(x, n=n + 1))),)


def _iv_expand(x: Node, n: int) -> Node:
    return _unscaled(n, x)


@special(
    vjp=_iv_vjp,
    expand=_iv_expand,
    options=({"n": 2}, {"n": 3}),
)
def _iv(x: ArrayLike, n: int) -> Node:
    """Modified Bessel function of an order from 2 on."""
    ...


_IV: OpFunction[...] = _iv
