"""Functions made of exponentials and logarithms that keep their digits near a limit."""

from __future__ import annotations

import math

from ...ir.node import Node
from ..arithmetic import absolute, negative, square, where
from ..exponential import exp, expm1, log, log1p
from ..source import ArrayLike
from ..trigonometry import sin
from .declare import as_floats
from .gamma import betaln, gammaln, sign_of_gamma
from .quick_erfc import polynomial


def _near_zero(x: Node, series: tuple[float, ...]) -> tuple[Node, Node, Node]:
    """True where x is small, the polynomial for there, and x as it is elsewhere."""
    is_small = absolute(x) < 0.125
    return is_small, polynomial(x, series), where(is_small, 1.0, x)


def exprel(x: ArrayLike) -> Node:
    """Relative error exponential, `(exp(x) - 1) / x`, which is 1 at 0, elementwise.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.exprel([0.0, 1.0]), {}).round(6)
    array([1.      , 1.718282])
    """
    (node,) = as_floats(x)
    terms = tuple(1.0 / math.factorial(k) for k in range(13, 0, -1))
    is_small, near, other = _near_zero(node, terms)
    return where(is_small, near, expm1(other) / other)


def _log1prel(x: Node) -> Node:
    """`log(1 + x) / x`, which is 1 at 0."""
    terms = tuple((-1.0) ** k / (k + 1.0) for k in range(20, -1, -1))
    is_small, near, other = _near_zero(x, terms)
    return where(is_small, near, log1p(other) / other)


def boxcox(x: ArrayLike, lmbda: ArrayLike) -> Node:
    """Box-Cox transformation, `(x**lmbda - 1) / lmbda`, elementwise.

    It is `log(x)` where `lmbda` is 0, and differentiable there by both.

    Args:
        x: positive numbers.
        lmbda: the power, of a shape that broadcasts with that of `x`.

    Returns:
        A floating array of their common shape.

    Source: Box and Cox 1964, "An analysis of transformations".

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.boxcox([1.0, 4.0], [0.0, 0.5]), {})
    array([0., 2.])
    """
    node, power = as_floats(x, lmbda)
    return _boxcox(log(node), power)


def boxcox1p(x: ArrayLike, lmbda: ArrayLike) -> Node:
    """Box-Cox transformation of `1 + x`, with the digits of small `x`. See `boxcox`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.boxcox1p([0.0, 3.0], [0.0, 0.5]), {})
    array([0., 2.])
    """
    node, power = as_floats(x, lmbda)
    return _boxcox(log1p(node), power)


def _boxcox(logarithm: Node, power: Node) -> Node:
    return logarithm * exprel(power * logarithm)


def inv_boxcox(y: ArrayLike, lmbda: ArrayLike) -> Node:
    """Inverse of `boxcox`: `(1 + lmbda * y)**(1 / lmbda)`, `exp(y)` where that is 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.inv_boxcox([0.0, 2.0], [0.0, 0.5]), {})
    array([1., 4.])
    """
    node, power = as_floats(y, lmbda)
    return exp(node * _log1prel(power * node))


def inv_boxcox1p(y: ArrayLike, lmbda: ArrayLike) -> Node:
    """Inverse of `boxcox1p`: `inv_boxcox(y, lmbda) - 1`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.inv_boxcox1p([0.0, 2.0], [0.0, 0.5]), {})
    array([0., 3.])
    """
    node, power = as_floats(y, lmbda)
    return expm1(node * _log1prel(power * node))


def cosm1(x: ArrayLike) -> Node:
    """`cos(x) - 1`, exact for small `x`: `-2 * sin(x / 2)**2`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.cosm1(1e-10), {})
    array(-5.e-21)
    """
    (node,) = as_floats(x)
    return -2.0 * square(sin(0.5 * node))


def powm1(x: ArrayLike, y: ArrayLike) -> Node:
    """`x**y - 1` of positive `x`, exact where the power is near 1, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.powm1(2.0, [0.0, 3.0]), {}).round(9)
    array([0., 7.])
    """
    base, power = as_floats(x, y)
    return expm1(power * log(base))


def rgamma(z: ArrayLike) -> Node:
    """One over the gamma function, elementwise, which overflows nowhere.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.rgamma([1.0, 4.0]), {}).round(6)
    array([1.      , 0.166667])
    """
    (node,) = as_floats(z)
    return sign_of_gamma(node) * exp(negative(gammaln(node)))


def gammasgn(x: ArrayLike) -> Node:
    """Sign of the gamma function, elementwise: 1 or -1, without a derivative.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.gammasgn([2.5, -0.5, -1.5]), {})
    array([ 1., -1.,  1.])
    """
    (node,) = as_floats(x)
    return sign_of_gamma(node)


def poch(z: ArrayLike, m: ArrayLike) -> Node:
    """Rising factorial, `gamma(z + m) / gamma(z)`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.poch(3.0, [0.0, 2.0]), {}).round(9)
    array([ 1., 12.])
    """
    start, steps = as_floats(z, m)
    sign = sign_of_gamma(start) * sign_of_gamma(start + steps)
    return sign * exp(gammaln(start + steps) - gammaln(start))


def binom(n: ArrayLike, k: ArrayLike) -> Node:
    """Binomial coefficient of real `n >= k >= 0`, elementwise.

    `1 / ((n + 1) * beta(n - k + 1, k + 1))`, with derivatives by both.

    Args:
        n, k: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.binom(5.0, [0.0, 2.0]), {}).round(9)
    array([ 1., 10.])
    """
    total, chosen = as_floats(n, k)
    return exp(negative(betaln(total - chosen + 1.0, chosen + 1.0))) / (total + 1.0)
