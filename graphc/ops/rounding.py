"""Rounding, and the parts of quotients and of numbers that it leaves."""

from __future__ import annotations

import operator

from ..errors import DTypeError, OptionError
from ..ir.array_methods import array_function
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .arithmetic import divide, floor_divide, negative, remainder, where
from .comparison import isinf
from .elementwise import loop_dtype, ufunc
from .floats import copysign
from .source import ArrayLike, as_node, astype


@ufunc(sympy="floor(x)", facts=Facts(nonnegative="all", zero_sign="kept", cost=0.5))
def floor(x: ArrayLike) -> Node:
    """Largest integer not above `x`, elementwise; no derivative flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.floor([1.7, -1.2]), {})
    array([ 1., -2.])
    """
    ...


@ufunc(sympy="ceiling(x)", facts=Facts(nonnegative="all", zero_sign="kept", cost=0.5))
def ceil(x: ArrayLike) -> Node:
    """Smallest integer not below `x`, elementwise; no derivative flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.ceil([1.2, -1.7]), {})
    array([ 2., -1.])
    """
    ...


@ufunc(facts=Facts(nonnegative="all", zero_sign="kept", cost=0.5))
def rint(x: ArrayLike) -> Node:
    """Nearest integer, ties to even, elementwise; no derivative flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.rint([0.5, 1.5, 1.7]), {})
    array([0., 2., 2.])
    """
    ...


@ufunc(facts=Facts(nonnegative="all", zero_sign="kept", cost=0.5))
def trunc(x: ArrayLike) -> Node:
    """Nearest integer towards zero, elementwise; no derivative flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.trunc([1.7, -1.7]), {})
    array([ 1., -1.])
    """
    ...


fix = array_function(trunc, "fix")


def _round_infer(x: TensorType, *, decimals: int) -> TensorType:
    if x.dtype.kind == "b":
        raise DTypeError(
            f"round to decimals requires numbers, got {x}", hint='x.astype("float32")'
        )
    return x


def _round_in_c(node: Node) -> str:
    decimals: int = node.attributes["decimals"]
    if node.dtype.kind != "f":
        return "np.round(x, decimals)" if decimals < 0 else "x"
    scale = 10.0 ** abs(decimals)
    if decimals < 0:
        return f"np.rint(x / {scale!r}) * {scale!r}"
    return f"np.rint(x * {scale!r}) / {scale!r}"


ROUND = Op(
    name="round",
    inputs=("x",),
    infer=_round_infer,
    facts=Facts(zero_sign="kept", cost=(3.0, 3.0)),
    kind="elementwise",
    numpy="np.round(x, decimals)",
    forms={"c": _round_in_c},
    into="np.round(x, decimals, out=out)",
    cases=(Case(((3, 4),), {"decimals": 1}), Case(((0, 3),), {"decimals": -1})),
)


@array_function
def round(a: ArrayLike, decimals: int = 0) -> Node:
    """`a` rounded to a number of decimals, ties to even, elementwise, as `np.round`.

    Its derivative is zero, so none flows.

    Args:
        a: numbers, of any shape.
        decimals: the number of decimals; negative for places left of the point.

    Returns:
        An array of the type of `a`.

    Raises:
        DTypeError: `a` is boolean and `decimals` is not 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.round([0.25, 1.75, -2.5], 1), {})
    array([ 0.2,  1.8, -2.5])
    """
    node = as_node(a)
    try:
        places = operator.index(decimals)
    except TypeError:
        raise OptionError(
            f"decimals must be an integer, got {decimals!r}", node="round"
        ) from None
    if places:
        return ROUND(node, decimals=places)
    return node if node.dtype.kind in "iu" else rint(node)


around = array_function(round, "around")


@ufunc(
    vjp=lambda g, out, x1, x2: (g, negative(g * trunc(divide(x1, x2)))),
    low=0.6,
    facts=Facts(cost=(35.0, 25.0)),
)
def fmod(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 - x2 * trunc(x1 / x2)`, with the sign of `x1`, as C's `fmod`.

    >>> import graphc as gc
    >>> gc.evaluate([gc.fmod([7.0, -7.0], 3.0), gc.remainder([7.0, -7.0], 3.0)], {})
    [array([ 1., -1.]), array([1., 2.])]
    """
    ...


@array_function
def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Node, Node]:
    """`floor_divide` and `remainder`, as `np.divmod`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.divmod(-7, 3), {})
    (array(-3), array(2))
    """
    return floor_divide(x1, x2), remainder(x1, x2)


@array_function
def modf(x: ArrayLike) -> tuple[Node, Node]:
    """The part of `x` after the point, and that before it, both with its sign.

    Elementwise, as `np.modf`. The derivative of the first is 1, of the second 0.

    >>> import graphc as gc
    >>> gc.evaluate(gc.modf([-1.5, 2.25]), {})
    (array([-0.5 ,  0.25]), array([-1.,  2.]))
    """
    node = astype(x, loop_dtype("sqrt", x))
    after = where(isinf(node), copysign(0.0, node), fmod(node, 1.0))
    return after, trunc(node)
