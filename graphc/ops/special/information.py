"""Products with logarithms, which are 0 where a factor is, and entropies of these."""

from __future__ import annotations

import math

from ...ir.node import Node
from ..arithmetic import negative, where
from ..comparison import isnan
from ..exponential import log, log1p
from ..source import ArrayLike, constant
from .declare import special


def _numbers(*values: float, like: Node) -> list[Node]:
    return [constant(value, like.dtype) for value in values]


def _nonzero(x: Node, is_zero: Node) -> Node:
    """`x`, and 1 where it may be 0 because another factor is."""
    return where(is_zero, constant(1.0, x.dtype), x)


def _xlogy_expand(x: Node, y: Node) -> Node:
    is_zero = ((x == 0.0) & ~isnan(y)).named("is_zero")
    return x * log(_nonzero(y, is_zero))


def _xlogy_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    positive = _nonzero(y, (x == 0.0) & (y <= 0.0))
    return (g * log(positive), g * (x / positive))


@special(vjp=_xlogy_vjp, expand=_xlogy_expand, low=0.2)
def xlogy(x: ArrayLike, y: ArrayLike) -> Node:
    """`x * log(y)`, and 0 where `x` is 0, elementwise.

    Its derivatives are `log(y)` and `x / y`, taken as 0 where both are 0.

    Args:
        x, y: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.xlogy([0.0, 2.0], [0.0, 1.0]), {})
    array([0., 0.])
    """
    ...


def _xlog1py_expand(x: Node, y: Node) -> Node:
    is_zero = ((x == 0.0) & ~isnan(y)).named("is_zero")
    return x * log1p(_nonzero(y, is_zero))


def _xlog1py_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    inside = _nonzero(y, (x == 0.0) & (y <= -1.0))
    flat = (inside != y) & ~isnan(y)
    slope = where(flat, constant(0.0, y.dtype), log1p(inside))
    return (g * slope, g * (x / (1.0 + inside)))


@special(vjp=_xlog1py_vjp, expand=_xlog1py_expand, low=-0.8)
def xlog1py(x: ArrayLike, y: ArrayLike) -> Node:
    """`x * log(1 + y)`, exact for small `y`, and 0 where `x` is 0, elementwise.

    Its derivatives are `log(1 + y)` and `x / (1 + y)`, taken as 0 at `x = 0, y = -1`.

    Args:
        x, y: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.xlog1py([0.0, 2.0], [-1.0, 1e-20]), {})
    array([0.e+00, 2.e-20])
    """
    ...


def _entr_expand(x: Node) -> Node:
    (infinite,) = _numbers(-math.inf, like=x)
    return where(x < 0.0, infinite, 0.0 - xlogy(x, x))


@special(
    vjp=lambda g, out, x: (g * (-1.0 - log(x)),),
    expand=_entr_expand,
    low=0.1,
)
def entr(x: ArrayLike) -> Node:
    """Entropy's terms, `-x * log(x)`: 0 at 0, and minus infinity below, elementwise.

    The derivative is `-1 - log(x)`, infinite at 0.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.entr([0.0, 0.5]), {}).round(6)
    array([0.      , 0.346574])
    """
    ...


def _rel_entr_expand(x: Node, y: Node) -> Node:
    zero, infinite = _numbers(0.0, math.inf, like=x)
    is_zero = ((x == 0.0) & (y >= 0.0)).named("is_zero")
    is_number = ~(isnan(x) | isnan(y))
    is_outside = (((x < 0.0) | (y <= 0.0)) & is_number).named("is_outside")
    inner = x * log(_nonzero(x, is_zero) / _nonzero(y, is_zero))
    return where(is_zero, zero, where(is_outside, infinite, inner))


def _rel_entr_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    flat = (x == 0.0) & (y == 0.0)
    x, y = _nonzero(x, flat), _nonzero(y, flat)
    zero = constant(0.0, x.dtype)
    by_x = where(flat, zero, log(x / y) + 1.0)
    return (g * by_x, negative(g * where(flat, zero, x / y)))


@special(vjp=_rel_entr_vjp, expand=_rel_entr_expand, low=0.2)
def rel_entr(x: ArrayLike, y: ArrayLike) -> Node:
    """Relative entropy's terms, `x * log(x / y)`, elementwise.

    They are 0 where `x` is 0 and `y` is not negative, and else infinite where one is
    not positive. The derivatives are `log(x / y) + 1` and `-x / y`; where both are 0
    they are taken as 0.

    Args:
        x, y: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.rel_entr([0.0, 0.5], [0.0, 0.25]), {}).round(6)
    array([0.      , 0.346574])
    """
    ...


def _kl_div_vjp(g: Node, out: Node, x: Node, y: Node) -> tuple[Node, Node]:
    flat = (x == 0.0) & (y == 0.0)
    ratio = _nonzero(x, flat) / _nonzero(y, flat)
    zero = constant(0.0, x.dtype)
    return (g * log(ratio), g * (1.0 - where(flat, zero, ratio)))


def _kl_div_expand(x: Node, y: Node) -> Node:
    return rel_entr(x, y) - x + y


@special(name="kl_divergence", vjp=_kl_div_vjp, expand=_kl_div_expand, low=0.2)
def kl_div(x: ArrayLike, y: ArrayLike) -> Node:
    """Terms of the Kullback-Leibler divergence: `x * log(x / y) - x + y`, elementwise.

    They are `y` where `x` is 0 and `y` is not negative, and else infinite where one is
    not positive. The derivatives are `log(x / y)` and `1 - x / y`; where both are 0
    they are taken as 0 and 1. Without `- x + y` the terms are `rel_entr`.

    Args:
        x, y: numbers, of shapes that broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.kl_div([0.0, 0.5], [0.25, 0.25]), {}).round(6)
    array([0.25    , 0.096574])
    """
    ...
