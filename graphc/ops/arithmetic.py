"""Arithmetic, and functions that round, bound or choose between numbers."""

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
from .source import ArrayLike, as_node, astype, coerce, constant, promote
from .type_rules import same_type
from .value_ranges import (
    clip_mathematics,
    input_range_of_choice,
    input_range_of_difference,
    input_range_of_sum,
    range_of_choice,
    range_of_clip,
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
    """Sum, elementwise: `x1 + x2`."""
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
    """Difference, elementwise: `x1 - x2`."""
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
    """Product, elementwise: `x1 * x2`."""
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
    """Quotient, elementwise: `x1 / x2`; floating also for integers."""
    ...


true_divide = divide


@ufunc(symbol="x1 // x2", sympy="floor(x1/x2)", low=0.5, facts=Facts(cost=(60.0, 40.0)))
def floor_divide(x1: ArrayLike, x2: ArrayLike) -> Node:
    """Largest integer not above `x1 / x2`; its derivative is zero, so none flows."""
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (g, negative(g * floor_divide(x1, x2))),
    symbol="x1 % x2",
    low=0.6,
    value_range=range_of_remainder,
    facts=Facts(cost=(35.0, 25.0)),
)
def remainder(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 - x2 * floor(x1 / x2)`, with the sign of `x2`, as Python's `%`."""
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
    """`-x`, elementwise."""
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
    """`x**2`, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (negative(g * (out * out)),),
    sympy="1/x",
    low=0.5,
    facts=Facts(cost=1.0),
)
def reciprocal(x: ArrayLike) -> Node:
    """`1 / x`, elementwise."""
    ...


@ufunc(
    vjp=lambda g, out, x: (g / (2 * out),),
    sympy="sqrt(x)",
    low=0.1,
    facts=Facts(nonnegative="all", zero_sign="kept", cost=(1.4, 2.5)),
)
def sqrt(x: ArrayLike) -> Node:
    """Square root, elementwise; NaN below zero."""
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
    """Cube root, elementwise, real for negative numbers too."""
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
    """Absolute value, elementwise; the derivative at 0 is taken as 0."""
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
    """-1, 0 or 1, elementwise; its derivative is zero, so none flows."""
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


@array_function
def clip(
    a: ArrayLike,
    a_min: ArrayLike = None,
    a_max: ArrayLike = None,
    *,
    min: ArrayLike = None,
    max: ArrayLike = None,
) -> Node:
    """`a` bounded below by `a_min` and above by `a_max`, elementwise, as `np.clip`.

    `min` and `max` are NumPy's other names for the bounds. At a bound itself, and
    where `a` is NaN, the gradient flows to `a`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.clip([-2.0, 0.5, 3.0], 0.0, 1.0), {})
    array([0. , 0.5, 1. ])
    """
    lower = min if a_min is None else a_min
    upper = max if a_max is None else a_max
    bounds = [bound for bound in (lower, upper) if bound is not None]
    if not bounds:
        return as_node(a)
    target = promote([a, *bounds])
    x, *limits = coerce(a, *bounds, dtype=target)
    warn_of_outer_broadcast((x, *limits))
    return CLIP.build(
        (astype(x, target), *limits),
        {"lower": lower is not None, "upper": upper is not None},
    )


def _clip_infer(x: TensorType, *bounds: TensorType, **_: Any) -> TensorType:
    dtype = np.result_type(x.dtype, *(bound.dtype for bound in bounds))
    return TensorType(dtype, broadcast_shapes(x.shape, *(b.shape for b in bounds)))


def _clip_vjp(g: Node, out: Node, x: Node, *bounds: Node) -> tuple[Node, ...]:
    zero = constant(0.0, g.dtype)
    # Asked so that NaN, which is outside of no bounds, passes the gradient on.
    if len(bounds) == 1:
        beyond = x < bounds[0] if out.attributes["lower"] else x > bounds[0]
        return (where(beyond, zero, g), where(beyond, g, zero))
    low, high = bounds
    below, above = x < low, x > high
    if _are_in_order(low, high):
        inside = ((x == out) | (x != x)).named("inside")
        flow = where(inside, g, zero)
    else:
        # Where the bounds cross, NumPy gives the upper one.
        below, above = below & (low <= high), above | (low > high)
        flow = where(below | above, zero, g)
    return (flow, where(below, g, zero), where(above, g, zero))


def _are_in_order(low: Node, high: Node) -> bool:
    """True where both are numbers that do not cross."""
    first, last = scalar_value(low), scalar_value(high)
    return first is not None and last is not None and first <= last


def _clip_numpy(node: Node) -> str:
    low, high = node.attributes["lower"], node.attributes["upper"]
    if low and high:
        return "np.clip(x, bounds[0], bounds[1])"
    return "np.maximum(x, bounds[0])" if low else "np.minimum(x, bounds[0])"


def _clip_into(node: Node) -> str:
    if len(node.inputs) > 2 and node.inputs[0].shape:
        # The method, without the checks that `np.clip` makes before it.
        return "x.clip(bounds[0], bounds[1], out=out)"
    return _clip_numpy(node)[:-1] + ", out=out)"


CLIP = Op(
    name="clip",
    mathematics=clip_mathematics,
    inputs=("x", "*bounds"),
    infer=_clip_infer,
    facts=Facts(
        nonnegative="all", finite="all", overflows=False, zero_sign="kept", cost=1.0
    ),
    kind="elementwise",
    numpy=_clip_numpy,
    into=_clip_into,
    value_range=range_of_clip,
    vjp=_clip_vjp,
    jvp="diagonal",
    cases=(
        Case(((3, 4), (), ()), {"lower": True, "upper": True}),
        Case(((3, 4), (4,)), {"lower": True, "upper": False}),
        Case(((0, 4), (4,)), {"lower": False, "upper": True}),
    ),
)
