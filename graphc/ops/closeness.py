"""Questions of equality and closeness, and of what kind numbers are."""

from __future__ import annotations

import math

import numpy as np

from ..errors import ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import broadcast_shapes
from ..ir.node import Node
from .arithmetic import absolute
from .comparison import equal, isfinite, isnan, less_equal
from .elementwise import coerce_for
from .source import ArrayLike, as_node, astype, full
from .truth import all


@array_function
def isclose(
    a: ArrayLike,
    b: ArrayLike,
    rtol: ArrayLike = 1e-05,
    atol: ArrayLike = 1e-08,
    equal_nan: bool = False,
) -> Node:
    """True where `abs(a - b) <= atol + rtol * abs(b)`, or both are equal, elementwise.

    Args:
        a: numbers.
        b: the numbers that they should be; the shapes broadcast.
        rtol: a tolerance relative to `b`.
        atol: an absolute one.
        equal_nan: count NaN as close to NaN.

    Returns:
        A boolean array.

    >>> import graphc as gc
    >>> gc.evaluate(gc.isclose([1.0, 2.0], [1.0 + 1e-9, 2.1]), {})
    array([ True, False])
    """
    x, y = coerce_for("equal", (a, b))
    if y.dtype.kind != "f":
        y = astype(y, np.result_type(y.dtype, 1.0))
    within = less_equal(absolute(x - y), atol + rtol * absolute(y)) & isfinite(y)
    close = within | equal(x, y)
    return close | (isnan(x) & isnan(y)) if equal_nan else close


@array_function
def allclose(
    a: ArrayLike,
    b: ArrayLike,
    rtol: ArrayLike = 1e-05,
    atol: ArrayLike = 1e-08,
    equal_nan: bool = False,
) -> Node:
    """True if `isclose` is true for all elements; the arguments are the same.

    >>> import graphc as gc
    >>> gc.evaluate(gc.allclose([1.0, 2.0], [1.0 + 1e-9, 2.0]), {})
    array(True)
    """
    return all(isclose(a, b, rtol, atol, equal_nan))


@array_function
def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> Node:
    """True if the shapes are the same, and all elements equal.

    Args:
        a1, a2: arrays.
        equal_nan: count NaN as equal to NaN.

    Returns:
        A boolean scalar.

    >>> import graphc as gc
    >>> gc.evaluate(gc.array_equal([1.0, 2.0], [1.0, 2.0]), {})
    array(True)
    """
    x, y = coerce_for("equal", (a1, a2))
    if x.shape != y.shape:
        return full((), False, "bool").made_of((x, y))
    same = equal(x, y)
    return all(same | (isnan(x) & isnan(y)) if equal_nan else same)


@array_function
def array_equiv(a1: ArrayLike, a2: ArrayLike) -> Node:
    """True if the shapes broadcast, and all elements are then equal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.array_equiv([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]]), {})
    array(True)
    """
    x, y = coerce_for("equal", (a1, a2))
    try:
        broadcast_shapes(x.shape, y.shape)
    except ShapeError:
        return full((), False, "bool").made_of((x, y))
    return all(equal(x, y))


@array_function
def isposinf(x: ArrayLike) -> Node:
    """True where `x` is infinity, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.isposinf([-float("inf"), 1.0, float("inf")]), {})
    array([False, False,  True])
    """
    return equal(x, math.inf)


@array_function
def isneginf(x: ArrayLike) -> Node:
    """True where `x` is minus infinity, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.isneginf([-float("inf"), 1.0, float("inf")]), {})
    array([ True, False, False])
    """
    return equal(x, -math.inf)


@array_function
def isreal(x: ArrayLike) -> Node:
    """True for each element, as arrays of graphc are real.

    >>> import graphc as gc
    >>> gc.evaluate(gc.isreal([1.0, 2.0]), {})
    array([ True,  True])
    """
    node = as_node(x)
    return full(node.shape, True, "bool").made_of((node,))


@array_function
def iscomplex(x: ArrayLike) -> Node:
    """False for each element, as arrays of graphc are real.

    >>> import graphc as gc
    >>> gc.evaluate(gc.iscomplex([1.0, 2.0]), {})
    array([False, False])
    """
    node = as_node(x)
    return full(node.shape, False, "bool").made_of((node,))


@array_function
def isrealobj(x: ArrayLike) -> bool:
    """True, as arrays of graphc are real.

    >>> import graphc as gc
    >>> gc.isrealobj([1.0, 2.0])
    True
    """
    as_node(x)
    return True


@array_function
def iscomplexobj(x: ArrayLike) -> bool:
    """False, as arrays of graphc are real.

    >>> import graphc as gc
    >>> gc.iscomplexobj([1.0, 2.0])
    False
    """
    as_node(x)
    return False
