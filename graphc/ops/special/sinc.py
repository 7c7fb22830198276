"""The normalised sinc function, with derivatives that hold at 0, to any order."""

from __future__ import annotations

import numpy as np

from ...ir.array_methods import array_function
from ...ir.facts import Facts
from ...ir.node import Node
from ...ir.op import Case, Op
from ..elementwise import OpFunction
from ..source import ArrayLike, as_node, astype
from ..type_rules import same_floating_type
from .declare import special

_DERIVATIVE = '''
@in_float64
def sinc_derivative(n, x):
    """Derivative of order n of `sin(pi * x) / (pi * x)`.

    Around 0 by its power series, and elsewhere, from those of lower orders, by the
    derivatives of `x * sinc(x) = sin(pi * x) / pi`.
    """
    z = np.pi * x
    near, term = np.zeros_like(z), np.ones_like(z)
    for power in range(50):
        # The power of z in the series, over its factorial.
        if (power + n) % 2 == 0:
            near += (-1.0) ** ((power + n) // 2) * term / (power + n + 1.0)
        term = term * z / (power + 1.0)
    far = np.sin(z) / z
    for order in range(1, int(n) + 1):
        far = (np.sin(z + 0.5 * np.pi * order) - order * far) / z
    return np.pi**n * np.where(np.abs(z) < n + 2.0, near, far)
'''


@special(
    vjp=lambda g, out, x: (g * _SLOPE.op(x, n=out.attributes["n"] + 1),),
    numpy="sinc_derivative(n, x)",
    helpers=(_DERIVATIVE,),
    options=({"n": 1}, {"n": 2}),
    facts=Facts(finite="all", cost=300.0),
)
def _sinc_derivative(x: ArrayLike, n: int) -> Node:
    """Derivative of order `n` of `sinc`."""
    ...


_SLOPE: OpFunction[...] = _sinc_derivative

SINC = Op(
    name="sinc",
    inputs=("x",),
    infer=same_floating_type,
    facts=Facts(zero_sign="ignored", cost=(20.0, 30.0)),
    kind="elementwise",
    numpy="np.sinc(x)",
    vjp=lambda g, out, x: (g * _SLOPE.op(x, n=1),),
    jvp="diagonal",
    sympy="Piecewise((1, Eq(x, 0)), (sin(pi*x)/(pi*x), True))",
    cases=(Case(((3, 4),)), Case(((),)), Case(((0, 3),))),
)


@array_function
def sinc(x: ArrayLike) -> Node:
    """Normalised sinc, `sin(pi * x) / (pi * x)`, and 1 at 0, elementwise.

    Its derivatives of all orders hold at 0, too: the second one is `-pi**2 / 3`.

    Args:
        x: numbers, of any shape.

    Returns:
        A floating array of the shape of `x`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sinc([0.0, 0.5]), {}).round(6)
    array([1.     , 0.63662])
    """
    node = as_node(x)
    is_floating = node.dtype.kind == "f"
    return SINC(node if is_floating else astype(node, np.dtype("float64")))
