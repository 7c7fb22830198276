"""Functions of what floats are made of: signs, exponents, NaN and infinities."""

from __future__ import annotations

import numpy as np

from ..ir.array_methods import array_function
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .arithmetic import sign, where
from .comparison import isfinite, isnan
from .elementwise import loop_dtype, ufunc
from .source import ArrayLike, as_node, astype, constant
from .type_rules import floating, same_floating_type, same_type


def _fmax_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    zero = constant(0.0, g.dtype)
    share = where(x1 == x2, 0.5 * g, g)
    less1, less2 = (x1 < x2, x2 < x1) if out.op is fmax.op else (x2 < x1, x1 < x2)
    return (
        where(less1 | isnan(x1), zero, share),
        where(less2 | isnan(x2), zero, share),
    )


@ufunc(
    vjp=_fmax_vjp,
    facts=Facts(
        commutative="real",
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=(3.0, 3.0),
    ),
)
def fmax(x1: ArrayLike, x2: ArrayLike) -> Node:
    """The larger, elementwise; of a number and NaN, the number.

    Ties share the gradient equally; none flows to NaN.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.fmax([1.0, np.nan], [3.0, 2.0]), {})
    array([3., 2.])
    """
    ...


@ufunc(
    vjp=_fmax_vjp,
    facts=Facts(
        commutative="real",
        nonnegative="all",
        finite="all",
        overflows=False,
        zero_sign="kept",
        cost=(3.0, 3.0),
    ),
)
def fmin(x1: ArrayLike, x2: ArrayLike) -> Node:
    """The smaller, elementwise; of a number and NaN, the number.

    Ties share the gradient equally; none flows to NaN.

    >>> import graphc as gc
    >>> import numpy as np
    >>> gc.evaluate(gc.fmin([1.0, np.nan], [3.0, 2.0]), {})
    array([1., 2.])
    """
    ...


def _copysign_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, None]:
    turned = copysign(constant(1.0, x2.dtype), x2).named("sign")
    return (g * (sign(x1) * turned), None)


@ufunc(
    vjp=_copysign_vjp,
    facts=Facts(
        finite="all", overflows=False, zero_sign=("ignored", "shown"), cost=2.0
    ),
)
def copysign(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`abs(x1)` with the sign of `x2`, that of a zero included, elementwise.

    As of `abs`, the derivative where `x1` is 0 is taken as 0. None flows to `x2`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.copysign([1.0, 2.0], [-0.0, 5.0]), {})
    array([-1.,  2.])
    """
    ...


def _heaviside_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[None, Node]:
    return (None, where(x1 == 0.0, g, constant(0.0, g.dtype)))


@ufunc(
    vjp=_heaviside_vjp,
    facts=Facts(nonnegative=(1,), zero_sign=("ignored", "kept"), cost=(3.0, 3.0)),
)
def heaviside(x1: ArrayLike, x2: ArrayLike) -> Node:
    """0 where `x1` is negative, `x2` where it is 0, and 1 where it is positive.

    The derivative by `x1` is taken as 0, so none flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.heaviside([-2.0, 0.0, 3.0], 0.5), {})
    array([0. , 0.5, 1. ])
    """
    ...


@ufunc(facts=Facts(cost=1.0))
def signbit(x: ArrayLike) -> Node:
    """True where the sign of `x` is minus, elementwise, also of zeros and of NaN.

    >>> import graphc as gc
    >>> gc.evaluate(gc.signbit([-1.0, -0.0, 2.0]), {})
    array([ True,  True, False])
    """
    ...


@ufunc(vjp=lambda g, out, x1, x2: (g, None), facts=Facts(cost=(8.0, 8.0)))
def nextafter(x1: ArrayLike, x2: ArrayLike) -> Node:
    """The float next to `x1` in the direction of `x2`, elementwise.

    The derivative by `x1` is taken as 1, and none flows to `x2`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nextafter(1.0, 2.0) - 1.0 == 2.0**-52, {})
    array(True)
    """
    ...


@ufunc(facts=Facts(zero_sign="kept", cost=(8.0, 8.0)))
def spacing(x: ArrayLike) -> Node:
    """Distance to the next float away from 0, elementwise; no derivative flows.

    >>> import graphc as gc
    >>> gc.evaluate(gc.spacing([1.0, 2.0]) == [2.0**-52, 2.0**-51], {})
    array([ True,  True])
    """
    ...


@ufunc(
    vjp=lambda g, out, x1, x2: (ldexp(g, x2), None),
    dtype=("", "int64"),
    facts=Facts(nonnegative=(0,), zero_sign="kept", cost=(10.0, 10.0)),
)
def ldexp(x1: ArrayLike, x2: ArrayLike) -> Node:
    """`x1 * 2**x2` for integers `x2`, elementwise, exactly.

    >>> import graphc as gc
    >>> gc.evaluate(gc.ldexp([0.75, 1.0], [4, -1]), {})
    array([12. ,  0.5])
    """
    ...


FREXP_MANTISSA = Op(
    name="frexp_mantissa",
    inputs=("x",),
    infer=same_floating_type,
    facts=Facts(
        nonnegative="all", finite="all", overflows=False, zero_sign="kept", cost=8.0
    ),
    kind="elementwise",
    numpy="np.frexp(x)[0]",
    forms={"c": "frexp_mantissa(x)"},
    vjp=lambda g, out, x: (ldexp(g, -FREXP_EXPONENT(x)),),
    jvp="diagonal",
    cases=(Case(((3, 4),)), Case(((0, 3),))),
)


def _exponent_type(x: TensorType) -> TensorType:
    return TensorType(np.dtype(np.intc), floating(x).shape)


FREXP_EXPONENT = Op(
    name="frexp_exponent",
    inputs=("x",),
    infer=_exponent_type,
    facts=Facts(zero_sign="ignored", cost=8.0),
    kind="elementwise",
    numpy="np.frexp(x)[1]",
    forms={"c": "frexp_exponent(x)"},
    cases=(Case(((3, 4),)), Case(((0, 3),))),
)


@array_function
def frexp(x: ArrayLike) -> tuple[Node, Node]:
    """A mantissa in `[0.5, 1)` and an exponent: `x = mantissa * 2**exponent`.

    Elementwise, as `np.frexp`; 0 and 0 for 0. The derivative of the mantissa is
    `2**-exponent`, and none flows from the exponent.

    >>> import graphc as gc
    >>> gc.evaluate(gc.frexp(12.0), {})
    (array(0.75), array(4, dtype=int32))
    """
    node = astype(x, loop_dtype("sqrt", x))
    return FREXP_MANTISSA(node), FREXP_EXPONENT(node)


def _nan_to_num_numpy(node: Node) -> str:
    given = {"nan": 0.0, "posinf": None, "neginf": None}
    chosen = [name for name in given if node.attributes[name] != given[name]]
    return f"np.nan_to_num({', '.join(['x', *(f'{name}={name}' for name in chosen)])})"


def _nan_to_num_in_c(node: Node) -> str:
    if node.dtype.kind != "f":
        return "x"
    limits = np.finfo(node.dtype)
    nan, *ends = (node.attributes[name] for name in ("nan", "posinf", "neginf"))
    kept = zip(ends, (limits.max, limits.min), strict=True)
    above, below = (float(limit) if end is None else end for end, limit in kept)
    return f"nan_to_num(x, {nan!r}, {above!r}, {below!r})"


NAN_TO_NUM = Op(
    name="nan_to_num",
    inputs=("x",),
    infer=same_type,
    facts=Facts(zero_sign="kept", cost=(12.0, 12.0)),
    kind="elementwise",
    numpy=_nan_to_num_numpy,
    forms={"c": _nan_to_num_in_c},
    vjp=lambda g, out, x: (where(isfinite(x), g, constant(0.0, g.dtype)),),
    jvp="diagonal",
    admits=("nan", "inf"),
    cases=(
        Case(((3, 4),), {"nan": 0.0, "posinf": None, "neginf": None}),
        Case(((),), {"nan": 2.0, "posinf": 8.0, "neginf": -8.0}),
        Case(((0, 3),), {"nan": 0.0, "posinf": None, "neginf": None}),
    ),
)


@array_function
def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Node:
    """`x` with numbers in place of NaN and infinities, elementwise.

    The derivative is 1, and 0 where a number was put in place.

    Args:
        x: an array of any shape.
        copy: there for the sake of `np.nan_to_num`; a node never changes.
        nan: the number in place of NaN.
        posinf: that in place of infinity; the largest of the dtype where None.
        neginf: that in place of minus infinity; the least of the dtype where None.

    Returns:
        An array of the type of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nan_to_num([float("nan"), float("inf"), 1.0], posinf=9.0), {})
    array([0., 9., 1.])
    """
    node = as_node(x)
    return (
        node
        if node.dtype.kind != "f"
        else NAN_TO_NUM(node, nan=nan, posinf=posinf, neginf=neginf)
    )
