"""Orthogonal polynomials, by the recurrences that their orders have."""

from __future__ import annotations

from collections.abc import Callable

from ...ir.node import Node
from ..source import ArrayLike, ones_like
from .declare import as_floats
from .gamma import count


def _polynomial(
    name: str,
    n: int,
    x: ArrayLike,
    first: Callable[[Node], Node],
    following: Callable[[int, Node, Node, Node], Node],
) -> Node:
    """The polynomial of order n: that of order k + 1 follows from two before it."""
    order = count(n, 0, "n", name, MOST)
    (node,) = as_floats(x)
    lower, value = ones_like(node), first(node)
    if order == 0:
        return lower
    for k in range(1, order):
        lower, value = value, following(k, node, value, lower)
    return value


MOST = 200
"""The highest order: each is some nodes of its own."""


def eval_legendre(n: int, x: ArrayLike) -> Node:
    """Legendre polynomial `P_n(x)`, elementwise.

    `(k + 1) * P_(k+1) = (2 * k + 1) * x * P_k - k * P_(k-1)`, from 1 and `x` on.

    Args:
        n: the order, an integer from 0 to 200.
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    Raises:
        OptionError: another order.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_legendre(2, [0.0, 1.0]), {})
    array([-0.5,  1. ])
    """

    def following(k: int, x: Node, value: Node, lower: Node) -> Node:
        return (2.0 * k + 1.0) / (k + 1.0) * x * value - k / (k + 1.0) * lower

    return _polynomial("eval_legendre", n, x, lambda x: x, following)


def eval_chebyt(n: int, x: ArrayLike) -> Node:
    """Chebyshev polynomial of the first kind, `T_n(cos(t)) = cos(n * t)`, elementwise.

    `T_(k+1) = 2 * x * T_k - T_(k-1)`, from 1 and `x` on. See `eval_legendre`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_chebyt(2, [0.0, 1.0]), {})
    array([-1.,  1.])
    """
    return _polynomial(
        "eval_chebyt",
        n,
        x,
        lambda x: x,
        lambda k, x, value, lower: 2.0 * x * value - lower,
    )


def eval_chebyu(n: int, x: ArrayLike) -> Node:
    """Chebyshev polynomial of the second kind, elementwise.

    `U_n(cos(t)) = sin((n + 1) * t) / sin(t)`, by
    `U_(k+1) = 2 * x * U_k - U_(k-1)`, from 1 and `2 * x` on. See `eval_legendre`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_chebyu(2, [0.0, 1.0]), {})
    array([-1.,  3.])
    """
    return _polynomial(
        "eval_chebyu",
        n,
        x,
        lambda x: 2.0 * x,
        lambda k, x, value, lower: 2.0 * x * value - lower,
    )


def eval_hermite(n: int, x: ArrayLike) -> Node:
    """Hermite polynomial of physicists, orthogonal by `exp(-x**2)`, elementwise.

    `H_(k+1) = 2 * x * H_k - 2 * k * H_(k-1)`, from 1 and `2 * x` on. See
    `eval_legendre`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_hermite(2, [0.0, 1.0]), {})
    array([-2.,  2.])
    """
    return _polynomial(
        "eval_hermite",
        n,
        x,
        lambda x: 2.0 * x,
        lambda k, x, value, lower: 2.0 * x * value - 2.0 * k * lower,
    )


def eval_hermitenorm(n: int, x: ArrayLike) -> Node:
    """Hermite polynomial of probability, orthogonal by `exp(-x**2 / 2)`, elementwise.

    `He_(k+1) = x * He_k - k * He_(k-1)`, from 1 and `x` on. See `eval_legendre`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_hermitenorm(2, [0.0, 1.0]), {})
    array([-1.,  0.])
    """
    return _polynomial(
        "eval_hermitenorm",
        n,
        x,
        lambda x: x,
        lambda k, x, value, lower: x * value - float(k) * lower,
    )


def eval_laguerre(n: int, x: ArrayLike) -> Node:
    """Laguerre polynomial, orthogonal by `exp(-x)` on positive numbers, elementwise.

    `(k + 1) * L_(k+1) = (2 * k + 1 - x) * L_k - k * L_(k-1)`, from 1 and `1 - x` on.
    See `eval_legendre`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.eval_laguerre(2, [0.0, 1.0]), {})
    array([ 1. , -0.5])
    """

    def following(k: int, x: Node, value: Node, lower: Node) -> Node:
        return ((2.0 * k + 1.0 - x) * value - float(k) * lower) / (k + 1.0)

    return _polynomial("eval_laguerre", n, x, lambda x: 1.0 - x, following)
