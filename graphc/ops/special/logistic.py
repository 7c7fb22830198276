"""The inverse of the logistic function."""

from __future__ import annotations

from ...ir.facts import Facts
from ...ir.node import Node
from ..source import ArrayLike
from .declare import special

_LOGIT = '''
@in_float64
def logit(x):
    """`log(x / (1 - x))`, with all digits around 1/2."""
    middle = 2.0 * np.arctanh(2.0 * x - 1.0)
    return np.where(np.abs(x - 0.5) < 0.25, middle, np.log(x / (1.0 - x)))
'''


@special(
    vjp=lambda g, out, x: (g / (x * (1.0 - x)),),
    helpers=(_LOGIT,),
    sympy="log(x/(1 - x))",
    low=0.1,
    high=0.9,
    facts=Facts(zero_sign="ignored", cost=(60.0, 60.0)),
)
def logit(x: ArrayLike) -> Node:
    """Inverse of the logistic function, `log(x / (1 - x))`, elementwise.

    It is infinite at 0 and 1, as is its derivative, `1 / (x * (1 - x))`, and NaN
    outside of [0, 1].

    Args:
        x: probabilities, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.special.logit([0.0, 0.5, 0.75]), {}).round(6)
    array([    -inf, 0.      , 1.098612])
    """
    ...
