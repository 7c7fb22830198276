"""Sine, cosine, tangent, their inverses, and lengths in the plane."""

from __future__ import annotations

from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Point
from .arithmetic import negative, sqrt, square, where
from .elementwise import ufunc
from .source import ArrayLike, constant


@ufunc(
    vjp=lambda g, out, x: (g * cos(x),),
    sympy="sin(x)",
    facts=Facts(
        parity="odd", finite="all", overflows=False, zero_sign="kept", cost=(5.5, 18.0)
    ),
)
def sin(x: ArrayLike) -> Node:
    """Sine, elementwise; `x` in radians.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.sin([0.0, np.pi / 6, np.pi / 2]).round(6), {})
    array([0. , 0.5, 1. ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g * sin(x)),),
    sympy="cos(x)",
    facts=Facts(
        parity="even",
        finite="all",
        overflows=False,
        zero_sign="ignored",
        cost=(5.5, 18.0),
    ),
)
def cos(x: ArrayLike) -> Node:
    """Cosine, elementwise; `x` in radians.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.cos([0.0, np.pi / 3, np.pi]).round(6), {})
    array([ 1. ,  0.5, -1. ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g * (1.0 + square(out)),),
    sympy="tan(x)",
    low=-1.0,
    high=1.0,
    facts=Facts(parity="odd", zero_sign="kept", cost=(50.0, 31.0)),
)
def tan(x: ArrayLike) -> Node:
    """Tangent, elementwise; `x` in radians.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.tan([0.0, np.pi / 4]).round(6), {})
    array([0., 1.])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / sqrt((1.0 - x) * (1.0 + x)),),
    sympy="asin(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(parity="odd", zero_sign="kept", cost=(30.0, 20.0)),
)
def arcsin(x: ArrayLike) -> Node:
    """Inverse sine in radians, elementwise; NaN outside [-1, 1].

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate((gc.arcsin([0.5, -1.0]) / np.pi).round(6), {})
    array([ 0.166667, -0.5     ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g / sqrt((1.0 - x) * (1.0 + x))),),
    sympy="acos(x)",
    low=-0.9,
    high=0.9,
    facts=Facts(zero_sign="ignored", cost=(30.0, 20.0)),
)
def arccos(x: ArrayLike) -> Node:
    """Inverse cosine in radians, elementwise; NaN outside [-1, 1].

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate((gc.arccos([0.5, -1.0]) / np.pi).round(6), {})
    array([0.333333, 1.      ])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (1.0 + square(x)),),
    sympy="atan(x)",
    facts=Facts(
        parity="odd",
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=(35.0, 20.0),
    ),
)
def arctan(x: ArrayLike) -> Node:
    """Inverse tangent in radians, elementwise.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate((gc.arctan([1.0, -1.0]) / np.pi).round(6), {})
    array([ 0.25, -0.25])
    """
    ...


def _unit_vector(x1: Node, x2: Node) -> tuple[Node, Node, Node]:
    """`(x1, x2)` over its length, and the length; 0 and 1 at the origin."""
    length = hypot(x1, x2).named("length")
    is_origin = (length == 0.0).named("is_origin")
    length = where(is_origin, constant(1.0, length.dtype), length).named("divisor")
    zero = constant(0.0, length.dtype)
    unit1, unit2 = (where(is_origin, zero, x / length).named("unit") for x in (x1, x2))
    return unit1, unit2, length


def _arctan2_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    # Not over the square of the length, which over- and underflows.
    unit1, unit2, length = _unit_vector(x1, x2)
    return (g * (unit2 / length), negative(g * (unit1 / length)))


def _hypot_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    unit1, unit2, _ = _unit_vector(x1, x2)
    return (g * unit1, g * unit2)


@ufunc(
    vjp=_arctan2_vjp,
    sympy="atan2(x1, x2)",
    low=0.2,
    points=(
        Point((0.0, 0.0), gradients=(0.0, 0.0)),
        Point((1e-200, 1e-200), order=1),
        Point((-3e200, 4e200), order=1),
    ),
    facts=Facts(cost=(75.0, 40.0)),
)
def arctan2(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Angle of the point `(x2, x1)` in radians, in (-pi, pi], elementwise.

    Its gradient at the origin is taken as 0.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate((gc.arctan2([1.0, 1.0], [1.0, -1.0]) / np.pi).round(6), {})
    array([0.25, 0.75])
    """
    ...


acos, asin, atan, atan2 = arccos, arcsin, arctan, arctan2


@ufunc(
    points=(
        Point((0.0, 0.0), gradients=(0.0, 0.0)),
        Point((3e-200, -4e-200), order=1),
        Point((3e200, 4e200), order=1),
    ),
    vjp=_hypot_vjp,
    sympy="sqrt(x1**2 + x2**2)",
    low=0.2,
    facts=Facts(
        commutative="real",
        nonnegative=(),
        zero_sign="ignored",
        cost=(16.0, 35.0),
    ),
)
def hypot(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`sqrt(x1**2 + x2**2)`, elementwise, without overflow.

    Its gradient at the origin is taken as 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.hypot([3.0, 3e200], [4.0, 4e200]).round(6), {})
    array([5.e+000, 5.e+200])
    """
    ...
