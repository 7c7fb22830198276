"""Arithmetic, and functions that choose between numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.array_methods import array_function
from ..ir.dims import Shape, broadcast_shapes
from ..ir.facts import Facts
from ..ir.literal import scalar_value
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .elementwise import loop_dtype, ufunc
from .outer_broadcast import warn_of_outer_broadcast
from .source import ArrayLike, as_node, astype, coerce, constant
from .type_rules import same_type
from .value_ranges import (
    input_range_of_choice,
    input_range_of_difference,
    input_range_of_sum,
    range_of_choice,
    range_of_difference,
    range_of_remainder,
    range_of_sum,
)


@ufunc(
    vjp=lambda g, out, x1, x2: (g, g),
    symbol="x1 + x2",
    sympy="x1 + x2",
    value_range=range_of_sum,
    input_range=input_range_of_sum,
    facts=Facts(
        commutative="exact",
        associative="integers",
        neutral=(-0.0, -0.0),
        nonnegative="all",
        finite="all",
        zero_sign="kept",
        cost=1.0,
    ),
)
def add(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Sum, elementwise: `x1 + x2`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.add([1.0, 2.0], [[10.0], [20.0]]), {})
    array([[11., 12.],
           [21., 22.]])
    """
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g, negative(g)),
    symbol="x1 - x2",
    sympy="x1 - x2",
    value_range=range_of_difference,
    input_range=input_range_of_difference,
    facts=Facts(neutral=(None, 0.0), finite="all", zero_sign="kept", cost=1.0),
)
def subtract(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Difference, elementwise: `x1 - x2`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.subtract([5, 7], 2), {})
    array([3, 5])
    """
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g * x2, g * x1),
    symbol="x1 * x2",
    sympy="x1*x2",
    facts=Facts(
        commutative="exact",
        associative="integers",
        neutral=(1.0, 1.0),
        absorbing=(0.0, 0.0),
        nonnegative="all",
        finite="all",
        zero_sign="kept",
        cost=1.0,
    ),
)
def multiply(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Product, elementwise: `x1 * x2`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.multiply([2.0, 3.0], [4.0, 5.0]), {})
    array([ 8., 15.])
    """
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g / x2, negative(g * out / x2)),
    symbol="x1 / x2",
    sympy="x1/x2",
    low=0.5,
    facts=Facts(
        neutral=(None, 1.0), nonnegative="all", zero_sign=("kept", "shown"), cost=1.0
    ),
)
def divide(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Quotient, elementwise: `x1 / x2`; floating also for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.divide([1, 6], 4), {})
    array([0.25, 1.5 ])
    """
    ...


true_divide = divide


@ufunc(symbol="x1 // x2", sympy="floor(x1/x2)", low=0.5, facts=Facts(cost=(60.0, 40.0)))
def floor_divide(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Largest integer not above `x1 / x2`; its derivative is zero, so none flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.floor_divide([7, -7], 2), {})
    array([ 3, -4])
    """
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g, negative(g * floor_divide(x1, x2))),
    symbol="x1 % x2",
    low=0.6,
    value_range=range_of_remainder,
    facts=Facts(cost=(35.0, 25.0)),
)
def remainder(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 - x2 * floor(x1 / x2)`, with the sign of `x2`, as Python's `%`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.remainder([7, -7], 3), {})
    array([1, 2])
    """
    ...


mod = remainder


@ufunc(
    vjp=lambda g, out, x: (-g,),
    symbol="-x",
    sympy="-x",
    facts=Facts(
        involutive=True, finite="all", overflows=False, zero_sign="kept", cost=0.5
    ),
)
def negative(x: ArrayLike) -> Node:
    """`-x`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.negative([1.5, -2.0]), {})
    array([-1.5,  2. ])
    """
    ...


@array_function
def positive(x: ArrayLike) -> Node:
    """`+x`, elementwise: `x` itself, of any dtype but boolean.

    >>> import graphc as gc
    >>> gc.positive(gc.input("x", (2,)))
    <input 'x' float32 (2,)>
    """
    loop_dtype("positive", x)
    return as_node(x)


@ufunc(
    vjp=lambda g, out, x: (g * (2 * x),),
    sympy="x**2",
    facts=Facts(nonnegative=(), finite="all", zero_sign="ignored", cost=0.5),
)
def square(x: ArrayLike) -> Node:
    """`x**2`, elementwise.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,))
    >>> squares = gc.square(x)
    >>> gc.evaluate([squares, gc.grad(gc.sum(squares), x)], {"x": [3, -4]})
    [array([ 9., 16.], dtype=float32), array([ 6., -8.], dtype=float32)]
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g * (out * out)),),
    sympy="1/x",
    low=0.5,
    facts=Facts(cost=1.0),
)
def reciprocal(x: ArrayLike) -> Node:
    """`1 / x`, elementwise.

    >>> import graphc as gc
    >>> gc.evaluate(gc.reciprocal([2.0, -4.0]), {})
    array([ 0.5 , -0.25])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (2 * out),),
    sympy="sqrt(x)",
    low=0.1,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(1.4, 2.5)),
)
def sqrt(x: ArrayLike) -> Node:
    """Square root, elementwise; NaN below zero.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sqrt([9.0, 0.25]), {})
    array([3. , 0.5])
    """
    ...


def _root_expand(x: Node) -> Node:
    return sqrt(x)


def _root_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    is_flat = (out == 0.0).named("is_flat")
    divisor = where(is_flat, constant(1.0, out.dtype), out).named("divisor")
    slope = where(is_flat, constant(0.0, out.dtype), 0.5 / divisor)
    return (g * slope.named("slope"),)


ROOT = Op(
    name="root",
    inputs=("x",),
    infer=same_type,
    expand=_root_expand,
    vjp=_root_vjp,
    jvp="diagonal",
    cases=tuple(Case(shapes, low=0.1) for shapes in (((3, 4),), ((),), ((0, 3),))),
)
"""The square root of what has its least value, 0, as a length or a spread has: there it
has slopes in all directions, of which the gradient takes the mean, 0."""


@ufunc(
    vjp=lambda g, out, x: (g / (3 * square(out)),),
    low=0.1,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(47.0, 29.0)),
)
def cbrt(x: ArrayLike) -> Node:
    """Cube root, elementwise, real for negative numbers too.

    >>> import graphc as gc
    >>> gc.evaluate(gc.cbrt([-8.0, 27.0]).round(6), {})
    array([-2.,  3.])
    """
    ...


@ufunc(
    vjp=lambda g, out, x: (g * sign(x),),
    sympy="Abs(x)",
    facts=Facts(
        parity="even",
        nonnegative=(),
        finite="all",
        overflows=False,
        zero_sign="ignored",
        cost=0.5,
    ),
)
def absolute(x: ArrayLike) -> Node:
    """Absolute value, elementwise; the derivative at 0 is taken as 0.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> slope = gc.grad(gc.sum(gc.absolute(x)), x)
    >>> gc.evaluate([gc.absolute(x), slope], {"x": [-2, 0, 3]})
    [array([2., 0., 3.], dtype=float32), array([-1.,  0.,  1.], dtype=float32)]
    """
    ...


abs = absolute


@array_function
def fabs(x: ArrayLike) -> Node:
    """Absolute value, elementwise; floating also for integers.

    >>> import graphc as gc
    >>> gc.evaluate(gc.fabs([-3, 2]), {})
    array([3., 2.])
    """
    return absolute(astype(x, loop_dtype("fabs", x)))


@ufunc(
    sympy="sign(x)",
    facts=Facts(finite="all", overflows=False, zero_sign="kept", cost=(2.0, 1.5)),
)
def sign(x: ArrayLike) -> Node:
    """-1, 0 or 1, elementwise; its derivative is zero, so none flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sign([-2.0, 0.0, 3.0]), {})
    array([-1.,  0.,  1.])
    """
    ...


def _extremum_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, ...]:
    tie = where(x1 == x2, constant(0.5, g.dtype), constant(1.0, g.dtype))
    zero = constant(0.0, g.dtype)
    share = g * tie
    # Asked so that NaN, which is unlike every number, passes the gradient on.
    if out.op is maximum.op:
        return (where(x1 < x2, zero, share), where(x1 > x2, zero, share))
    return (where(x1 > x2, zero, share), where(x1 < x2, zero, share))


def _extremum_into(name: str, bounds: str) -> Callable[[Node], str]:
    """`ndarray.clip` for a number and many others, which NumPy has a faster loop for.

    Not where the number is 0: the two treat the sign of a zero differently.
    """

    def into(node: Node) -> str:
        for x, bound in ((0, 1), (1, 0)):
            many = node.inputs[x].shape == node.shape and is_large(node.shape)
            many = many and node.dtype.kind == "f"
            if many and scalar_value(node.inputs[bound]):
                return f"x{x + 1}.clip({bounds.format(f'x{bound + 1}')}, out=out)"
        return f"np.{name}(x1, x2, out=out)"

    return into


def _extremum_facts(largest: float) -> Facts:
    return Facts(
        commutative="real",
        associative="exact",
        neutral=(-largest, -largest),
        absorbing=(largest, largest),
        idempotent=True,
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=1.0,
    )


def is_large(shape: Shape) -> bool:
    """True where work on each element likely takes longer than a call."""
    known = [size for size in shape if isinstance(size, int)]
    count = math.prod(known) * _ROWS ** (len(shape) - len(known))
    return bool(shape) and (not known or count > _FEW)


_ROWS = 64
"""The size that a named one is taken for beside known ones."""
_FEW = 4096


@ufunc(
    vjp=_extremum_vjp,
    into=_extremum_into("maximum", "{}, np.inf"),
    sympy="Max(x1, x2)",
    facts=_extremum_facts(math.inf),
)
def maximum(x1: ArrayLike, x2: ArrayLike) -> Node:
    """The larger, elementwise; NaN if either is. Ties share the gradient equally.

    Where one of them is NaN the gradient flows to both, as in torch.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> share = gc.grad(gc.sum(gc.maximum(x, 0.0)), x)
    >>> gc.evaluate([gc.maximum(x, 0.0), share], {"x": [-1, 0, 1]})
    [array([0., 0., 1.], dtype=float32), array([0. , 0.5, 1. ], dtype=float32)]
    """
    ...


@ufunc(
    vjp=_extremum_vjp,
    into=_extremum_into("minimum", "-np.inf, {}"),
    sympy="Min(x1, x2)",
    facts=_extremum_facts(-math.inf),
)
def minimum(x1: ArrayLike, x2: ArrayLike) -> Node:
    """The smaller, elementwise; NaN if either is. Ties share the gradient equally.

    Where one of them is NaN the gradient flows to both, as in torch.

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> share = gc.grad(gc.sum(gc.minimum(x, 0.0)), x)
    >>> gc.evaluate([gc.minimum(x, 0.0), share], {"x": [-1, 0, 1]})
    [array([-1.,  0.,  0.], dtype=float32), array([1. , 0.5, 0. ], dtype=float32)]
    """
    ...


def _where_infer(c: TensorType, x: TensorType, y: TensorType) -> TensorType:
    shape = broadcast_shapes(c.shape, x.shape, y.shape)
    return TensorType(np.result_type(x.dtype, y.dtype), shape)


def _where_vjp(g: Node, out: Node, c: Node, x: Node, y: Node) -> tuple[Any, ...]:
    zero = constant(0.0, g.dtype)
    return (None, where(c, g, zero), where(c, zero, g))


def _where_into(node: Node) -> str:
    condition, x, y = node.inputs
    filled = "np.copyto(out, y)" if y.shape else "out.fill(y)"
    if condition.shape == node.shape and x.shape in ((), node.shape):
        return f"{filled}\nnp.putmask(out, condition, x)"
    return f"{filled}\nnp.copyto(out, x, where=condition)"


WHERE = Op(
    name="where",
    inputs=("condition", "x", "y"),
    infer=_where_infer,
    facts=Facts(
        nonnegative=(1, 2),
        finite=(1, 2),
        overflows=False,
        zero_sign="kept",
        cost=(4.0, 3.0),
    ),
    kind="elementwise",
    numpy="np.where(condition, x, y)",
    into=_where_into,
    vjp=_where_vjp,
    jvp="diagonal",
    sympy="Piecewise((x, condition), (y, True))",
    value_range=range_of_choice,
    input_range=input_range_of_choice,
    cases=tuple(
        Case(shapes, dtypes=("bool", "", ""))
        for shapes in (
            ((3, 4), (3, 4), (3, 4)),
            ((3, 1), (4,), ()),
            ((), (2, 3), (1, 3)),
            ((0, 3), (3,), (0, 3)),
        )
    ),
)


@array_function
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Node:
    """`x` where `condition` holds and `y` elsewhere, elementwise.

    >>> import graphc as gc
    >>> x = gc.input("x", ("n",))
    >>> gc.evaluate(gc.where(x > 0, x, 0), {"x": [-1.0, 2.0]})
    array([0., 2.], dtype=float32)
    """
    mask = as_node(condition)
    if mask.dtype != np.dtype(bool):
        mask = mask != 0
    nodes = (mask, *coerce(x, y))
    warn_of_outer_broadcast(nodes)
    return WHERE(*nodes)
