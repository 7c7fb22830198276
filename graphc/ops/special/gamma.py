"""The gamma function, its logarithm, its derivatives, and functions made of these."""

from __future__ import annotations

import math
import operator
from typing import Any, cast

from ...errors import OptionError
from ...ir.facts import Facts
from ...ir.node import Node
from ..arithmetic import minimum, remainder
from ..elementwise import OpFunction
from ..exponential import exp
from ..rounding import floor
from ..source import ArrayLike
from . import gamma_texts as texts
from .declare import as_floats, special

_COSTLY = Facts(cost=200.0)


def _gammaln_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * digamma(x),)


@special(
    vjp=_gammaln_vjp,
    helpers=(texts.GAMMALN_PARTS, texts.GAMMALN),
    sympy="loggamma(x)",
    low=0.2,
    high=6.0,
    facts=_COSTLY,
)
def gammaln(x: ArrayLike) -> Node:
    """Logarithm of the absolute value of the gamma function, elementwise.

    Its derivative is `digamma(x)`. It is infinite for 0 and negative integers.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gammaln([0.5, 101.0]), {}).round(6)
    array([  0.572365, 363.739376])
    """
    ...


loggamma = gammaln


@special(
    vjp=lambda g, out, z: (g * (out * digamma(z)),),
    helpers=(texts.GAMMALN_PARTS, texts.GAMMA),
    sympy="gamma(z)",
    low=0.2,
    high=6.0,
    facts=_COSTLY,
)
def gamma(z: ArrayLike) -> Node:
    """Gamma function, elementwise: `gamma(n) = (n - 1)!`.

    Its derivative is `gamma(z) * digamma(z)`. It is NaN for negative integers.

    Args:
        z: real numbers, of any shape.

    Returns:
        A floating array of the shape of `z`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gamma([0.5, 5.0]), {}).round(6)
    array([ 1.772454, 24.      ])
    """
    ...


@special(
    vjp=lambda g, out, z: (g * polygamma(1, z),),
    helpers=(texts.DIGAMMA,),
    sympy="digamma(z)",
    low=0.2,
    high=6.0,
    facts=_COSTLY,
)
def digamma(z: ArrayLike) -> Node:
    """Derivative of `gammaln`, elementwise.

    Its derivative is `polygamma(1, z)`. It is NaN for negative integers.

    Args:
        z: real numbers, of any shape.

    Returns:
        A floating array of the shape of `z`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.digamma([1.0, 10.0]), {}).round(6)
    array([-0.577216,  2.251753])
    """
    ...


psi = digamma


def _polygamma_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (g * _POLYGAMMA.op(x, n=out.attributes["n"] + 1),)


@special(
    vjp=_polygamma_vjp,
    numpy="polygamma(n, x)",
    helpers=(texts.ZETA, texts.POLYGAMMA),
    low=0.2,
    high=6.0,
    options=({"n": 1}, {"n": 3}),
    facts=_COSTLY,
)
def _polygamma(x: ArrayLike, n: int) -> Node:
    """See `polygamma`."""
    ...


_POLYGAMMA: OpFunction[...] = _polygamma


def polygamma(n: int, x: ArrayLike) -> Node:
    """Derivative of order `n` of `digamma`, elementwise.

    For positive `x` it is `(-1)**(n + 1) * n! * zeta(n + 1, x)`. Its derivative is
    `polygamma(n + 1, x)`.

    Args:
        n: an integer, not negative.
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    Raises:
        OptionError: `n` is not an integer, or negative.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.polygamma(1, [1.0, 2.0]), {}).round(6)
    array([1.644934, 0.644934])
    """
    order = count(n, 0, "n", "polygamma")
    return digamma(x) if order == 0 else _polygamma(x, order)


@special(
    vjp=lambda g, out, q: (
        g * (-out.attributes["s"] * _ZETA.op(q, s=out.attributes["s"] + 1.0)),
    ),
    numpy="zeta(s, q)",
    helpers=(texts.ZETA,),
    low=0.2,
    high=6.0,
    options=({"s": 2.0}, {"s": 3.5}),
    facts=_COSTLY,
)
def _zeta(q: ArrayLike, s: float) -> Node:
    """See `zeta`."""
    ...


_ZETA: OpFunction[...] = _zeta


def zeta(x: float, q: ArrayLike = 1.0) -> Node:
    """Hurwitz zeta function, the sum of `(q + k)**-x` over all `k >= 0`, elementwise.

    With `q = 1` it is Riemann's. Its derivative by `q` is `-x * zeta(x + 1, q)`.

    Args:
        x: a number above 1, not an array.
        q: numbers, of any shape; the result is NaN where they are negative.

    Returns:
        A floating array of the shape of `q`.

    Raises:
        OptionError: `x` is not a number above 1.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.zeta(2, [1.0, 3.0]), {}).round(6)
    array([1.644934, 0.394934])
    """
    exponent: Any = x
    if not isinstance(exponent, int | float) or not 1.0 < exponent < math.inf:
        raise OptionError(f"x must be a number above 1, got {x!r}", node="zeta")
    return _zeta(q, float(exponent))


def _betaln_vjp(g: Node, out: Node, a: Node, b: Node) -> tuple[Node, Node]:
    both = digamma(a + b)
    return (g * (digamma(a) - both), g * (digamma(b) - both))


@special(
    vjp=_betaln_vjp,
    helpers=(texts.GAMMALN_PARTS, texts.GAMMALN, texts.BETALN),
    sympy="loggamma(a) + loggamma(b) - loggamma(a + b)",
    low=0.2,
    high=6.0,
    facts=Facts(commutative="real", cost=700.0),
)
def betaln(a: ArrayLike, b: ArrayLike) -> Node:
    """Logarithm of the absolute value of the beta function, elementwise.

    `betaln(a, b) = gammaln(a) + gammaln(b) - gammaln(a + b)`, without cancellation of
    large terms. Its derivative by `a` is `digamma(a) - digamma(a + b)`.

    Args:
        a, b: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.betaln(2.0, [3.0, 1e9]), {}).round(6)
    array([ -2.484907, -41.446532])
    """
    ...


def sign_of_gamma(x: Node) -> Node:
    """1, and -1 in every second interval between negative integers."""
    return 1.0 - 2.0 * remainder(floor(minimum(x, 0.0)), 2.0)


def _beta_expand(a: Node, b: Node) -> Node:
    sign = sign_of_gamma(a) * sign_of_gamma(b) * sign_of_gamma(a + b)
    return sign.named("sign") * exp(betaln(a, b))


def _beta_vjp(g: Node, out: Node, a: Node, b: Node) -> tuple[Node, Node]:
    return _betaln_vjp(g * out, out, a, b)


@special(vjp=_beta_vjp, expand=_beta_expand, low=0.2, high=6.0)
def beta(a: ArrayLike, b: ArrayLike) -> Node:
    """Beta function, elementwise: `gamma(a) * gamma(b) / gamma(a + b)`.

    Its derivative by `a` is `beta(a, b) * (digamma(a) - digamma(a + b))`.

    Args:
        a, b: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.beta(2.0, [3.0, 0.5]), {}).round(6)
    array([0.083333, 1.333333])
    """
    ...


_MOST_DIMENSIONS = 1000
"""Each is a node of its own."""


def multigammaln(a: ArrayLike, d: int) -> Node:
    """Logarithm of the multivariate gamma function of dimension `d`, elementwise.

    `d * (d - 1) / 4 * log(pi)` plus the sum of `gammaln(a - j / 2)` for `j` from 0 to
    `d - 1`.

    Args:
        a: numbers above `(d - 1) / 2`, of any shape.
        d: an integer above 0.

    Returns:
        A floating array of the shape of `a`.

    Raises:
        OptionError: `d` is not an integer above 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.multigammaln([2.0, 5.5], 3), {}).round(6)
    array([ 1.596313, 11.306699])
    """
    size = count(d, 1, "d", "multigammaln", _MOST_DIMENSIONS)
    (x,) = as_floats(a)
    total = gammaln(x)
    for j in range(1, size):
        total = total + gammaln(x - 0.5 * j)
    return total + size * (size - 1) / 4.0 * math.log(math.pi) if size > 1 else total


def count(
    value: object, least: int, name: str, function: str, most: int | None = None
) -> int:
    """An argument that is an integer between bounds."""
    try:
        number = operator.index(cast("int", value))
    except TypeError:
        number = least - 1
    if number < least:
        raise OptionError(
            f"{name} must be an integer from {least} on, got {value!r}", node=function
        )
    if most is not None and number > most:
        raise OptionError(f"{name} must be at most {most}, got {number}", node=function)
    return number
