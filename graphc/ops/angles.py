"""Angles in degrees and radians, and numbers in the complex plane, real as they are."""

from __future__ import annotations

import math

from ..ir.array_methods import array_function
from ..ir.node import Node
from .elementwise import loop_dtype
from .source import ArrayLike, as_node, astype, zeros_like
from .trigonometry import arctan2


@array_function
def deg2rad(x: ArrayLike) -> Node:
    """Degrees as radians, elementwise: `x * pi / 180`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.deg2rad([0.0, 180.0]), {})
    array([0.        , 3.14159265])
    """
    return astype(x, loop_dtype("deg2rad", x)) * (math.pi / 180.0)


@array_function
def rad2deg(x: ArrayLike) -> Node:
    """Radians as degrees, elementwise: `x * 180 / pi`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.rad2deg([0.0, 3.141592653589793]), {})
    array([  0., 180.])
    """
    return astype(x, loop_dtype("rad2deg", x)) * (180.0 / math.pi)


radians = array_function(deg2rad, "radians")
degrees = array_function(rad2deg, "degrees")


@array_function
def angle(z: ArrayLike, deg: bool = False) -> Node:
    """Angle of a number in the complex plane: 0 where it is positive, else pi.

    Elementwise, as `np.angle` of real numbers; pi also for -0.0. Its derivative is 0.

    Args:
        z: numbers, of any shape.
        deg: in degrees, not radians.

    Returns:
        A floating array of the shape of `z`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.angle([2.0, -3.0], deg=True), {})
    array([  0., 180.])
    """
    found = arctan2(0, z)
    return rad2deg(found) if deg else found


@array_function
def conjugate(x: ArrayLike) -> Node:
    """`x` itself, which is real; booleans as int8, as of NumPy.

    >>> import graphc as gc
    >>> gc.conjugate(gc.input("x", (2,)))
    <input 'x' float32 (2,)>
    """
    return astype(x, loop_dtype("conjugate", x))


conj = conjugate


@array_function
def real(val: ArrayLike) -> Node:
    """The real part: `val` itself.

    >>> import graphc as gc
    >>> gc.real(gc.input("x", (2,)))
    <input 'x' float32 (2,)>
    """
    return as_node(val)


@array_function
def imag(val: ArrayLike) -> Node:
    """The imaginary part of `val`, which is real: zeros of its type.

    >>> import graphc as gc
    >>> gc.evaluate(gc.imag([1.0, 2.0]), {})
    array([0., 0.])
    """
    return zeros_like(val)
