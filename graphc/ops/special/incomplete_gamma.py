"""Incomplete gamma functions, which distribution functions are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...ir.facts import Facts
from ...ir.node import Node
from ..arithmetic import where
from ..elementwise import OpFunction
from ..exponential import exp, log
from ..source import ArrayLike, constant
from . import error_texts, gamma_texts
from . import incomplete_gamma_texts as texts
from .declare import special
from .gamma import digamma, gammaln, polygamma
from .information import xlogy

_HELPERS = (
    gamma_texts.GAMMALN_PARTS,
    gamma_texts.GAMMALN,
    error_texts.SCALED_ERFC,
    texts.LARGE_GAMMA,
    texts.GAMMA_TERM,
    texts.INCOMPLETE_GAMMA,
)
_COSTLY = Facts(nonnegative=(), overflows=False, cost=5000.0)


def _density(a: Node, x: Node, n: int = 0) -> Node:
    """The derivative of the lower function by x, and that of order n by a."""
    is_inside = x > 0.0
    inside = where(is_inside, x, 1.0)
    term = exp(a * log(inside) - inside - gammaln(a + 1.0)).named("term")
    taylor = [constant(1.0, a.dtype)]
    logarithms = [log(inside) - digamma(a + 1.0)]
    for k in range(1, n + 1):
        total = logarithms[k - 1] * float(k)
        for i in range(1, k):
            total = total + logarithms[i - 1] * taylor[k - i] * float(i)
        taylor.append(total / float(k))
        scale = -1.0 / math.factorial(k + 1)
        logarithms.append(polygamma(k, a + 1.0) * scale)
    factor = a * taylor[n] + (taylor[n - 1] if n else 0.0)
    density = term * factor / inside * float(math.factorial(n))
    if n:
        return where(is_inside, density, 0.0)
    outside = where(is_inside, 1.0, a)
    at_zero = exp(xlogy(outside - 1.0, x) - x - gammaln(outside))
    return where(is_inside, density, at_zero)


def _by_a(a: Node, x: Node, n: int) -> Node:
    return _GAMMAINC_BY_A.op(a, x, n=n)


def _gammainc_vjp(g: Node, out: Node, a: Node, x: Node) -> tuple[Node, Node]:
    return (g * _by_a(a, x, 1), g * _density(a, x))


@special(vjp=_gammainc_vjp, helpers=_HELPERS, low=0.3, high=5.0, facts=_COSTLY)
def gammainc(a: ArrayLike, x: ArrayLike) -> Node:
    """Regularized lower incomplete gamma function, elementwise.

    The integral of `t**(a-1) * exp(-t) / gamma(a)` from 0 to `x`, which is the
    distribution function of `gc.random.gamma`. Its derivative by `x` is the integrand,
    that by `a` the derivative of its series, of some `10 * sqrt(a)` terms; from
    `a = 1e6` on both are Temme's expansion, and derivatives of higher order by `a` NaN.

    Args:
        a, x: numbers that are not negative, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gammainc(2.0, [0.0, 1.0, 3.0]), {}).round(6)
    array([0.      , 0.264241, 0.800852])
    """
    ...


def _gammaincc_vjp(g: Node, out: Node, a: Node, x: Node) -> tuple[Node, Node]:
    return (g * -_by_a(a, x, 1), g * -_density(a, x))


@special(vjp=_gammaincc_vjp, helpers=_HELPERS, low=0.3, high=5.0, facts=_COSTLY)
def gammaincc(a: ArrayLike, x: ArrayLike) -> Node:
    """Regularized upper incomplete gamma function, `1 - gammainc(a, x)`, elementwise.

    It has its digits also where it is small.

    Args:
        a, x: numbers that are not negative, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gammaincc(2.0, [0.0, 1.0, 3.0]), {}).round(6)
    array([1.      , 0.735759, 0.199148])
    """
    ...


def _gammainc_by_a_vjp(g: Node, out: Node, a: Node, x: Node) -> tuple[Node, Node]:
    n: int = out.attributes["n"]
    return (g * _by_a(a, x, n + 1), g * _density(a, x, n))


@special(
    vjp=_gammainc_by_a_vjp,
    numpy="gammainc_by_a(n, a, x)",
    helpers=(
        gamma_texts.GAMMALN_PARTS,
        gamma_texts.GAMMALN,
        gamma_texts.DIGAMMA,
        gamma_texts.ZETA,
        gamma_texts.POLYGAMMA,
        error_texts.SCALED_ERFC,
        texts.LARGE_GAMMA,
        texts.GAMMA_TERM,
        texts.GAMMAINC_BY_A,
    ),
    low=0.3,
    high=5.0,
    options=({"n": 1},),
    facts=Facts(cost=9000.0),
)
def _gammainc_by_a(a: ArrayLike, x: ArrayLike, n: int) -> Node:
    """Derivative of order n of `gammainc` by `a`."""
    ...


_GAMMAINC_BY_A: OpFunction[...] = _gammainc_by_a


def _gammaincinv_vjp(g: Node, out: Node, a: Node, y: Node) -> Sequence[Node]:
    flow = g / _density(a, out)
    return (flow * -_by_a(a, out, 1), flow)


@special(
    vjp=_gammaincinv_vjp,
    helpers=(*_HELPERS, texts.GAMMAINCINV),
    low=0.3,
    high=0.9,
    facts=Facts(nonnegative=(), cost=50000.0),
)
def gammaincinv(a: ArrayLike, y: ArrayLike) -> Node:
    """Inverse of `gammainc` by its second argument, elementwise.

    Its derivative by `y` is one over the density at the result.

    Args:
        a: positive numbers.
        y: numbers from 0 to 1, of a shape that broadcasts with that of `a`.

    Returns:
        A floating array of their common shape: `x` with `gammainc(a, x) = y`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gammaincinv(2.0, [0.0, 0.264241, 0.5]), {}).round(6)
    array([0.      , 1.      , 1.678347])
    """
    ...
