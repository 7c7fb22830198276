"""Losses of residuals that grow linearly where these are large, as SciPy has them."""

from __future__ import annotations

import math

from ...ir.node import Node
from ..arithmetic import absolute, square, where
from ..exponential import expm1, log1p
from ..source import ArrayLike, constant
from .declare import as_floats


def huber(delta: ArrayLike, r: ArrayLike) -> Node:
    """Huber's loss of `r`, elementwise.

    `r**2 / 2` where `abs(r) <= delta`, and `delta * (abs(r) - delta / 2)` beyond;
    infinite where `delta` is negative.

    Args:
        delta: where the loss becomes linear.
        r: residuals; the shapes broadcast.

    Returns:
        A floating array of their common shape.

    Source: Huber 1964, "Robust estimation of a location parameter".

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.huber(1.0, [0.5, -3.0]), {})
    array([0.125, 2.5  ])
    """
    width, residual = as_floats(delta, r)
    size = absolute(residual)
    linear = width * (size - 0.5 * width)
    loss = where(size <= width, 0.5 * square(residual), linear)
    return where(width < 0.0, constant(math.inf, loss.dtype), loss)


def pseudo_huber(delta: ArrayLike, r: ArrayLike) -> Node:
    """Pseudo-Huber loss of `r`, elementwise: `delta**2 * (sqrt(1 + (r/delta)**2) - 1)`.

    It is smooth, and infinite where `delta` is negative, and 0 where it is 0.

    Args:
        delta: where the loss becomes linear.
        r: residuals; the shapes broadcast.

    Returns:
        A floating array of their common shape.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.pseudo_huber(4.0, [0.0, 3.0]), {})
    array([0., 4.])
    """
    width, residual = as_floats(delta, r)
    is_flat = width == 0.0
    divisor = where(is_flat, constant(1.0, width.dtype), width)
    growth = expm1(0.5 * log1p(square(residual / divisor)))
    loss = square(width) * growth
    return where(width < 0.0, constant(math.inf, loss.dtype), loss)
