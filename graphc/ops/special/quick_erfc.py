"""The complementary error function from a few primitives, which fuse into loops.

It is quicker than `erfc`, and less accurate in the tails, where what is made of it, as
GELU is, is almost 0. It follows an idea in Press et al., *Numerical Recipes* (2007),
section 6.2.2: with `t = 2 / (2 + |x|)`, `log(erfc(|x|) / t) + x**2` is smooth for `t`
on (0, 1], and one polynomial in `2*t - 1` serves all of it. The coefficients here were
computed with mpmath (Chebyshev interpolation to 60 digits, as a power series). Of
degree 25, the relative error in float64 is below 1e-14 for `|x| < 6`, and below 2e-13
down to where `erfc` underflows. Of degree 11, which narrower dtypes have, it adds 2e-8.
"""

from __future__ import annotations

import math

from ...ir.facts import Facts
from ...ir.mathematics import Mathematics
from ...ir.node import Node
from ...ir.op import Call, Case, Op
from ..arithmetic import absolute, negative, square
from ..exponential import exp
from ..source import constant
from ..type_rules import same_floating_type


def _polyval_vjp(g: Node, out: Node, x: Node) -> tuple[Node | None]:
    coefficients: tuple[float, ...] = out.attributes["coefficients"]
    degree = len(coefficients) - 1
    slope = tuple(c * (degree - k) for k, c in enumerate(coefficients[:-1]))
    return (g * polynomial(x, slope) if slope else None,)


def _polyval_into(node: Node) -> str:
    """Horner's rule, as `np.polyval` has it, without its temporary arrays."""
    first, *others = node.attributes["coefficients"]
    if not others:
        return f"out.fill({first!r})"
    steps = [f"np.multiply(x, {first!r}, out=out)"]
    for coefficient in others[:-1]:
        steps.append(f"np.add(out, {coefficient!r}, out=out)")
        steps.append("np.multiply(out, x, out=out)")
    return "\n".join([*steps, f"np.add(out, {others[-1]!r}, out=out)"])


POLYVAL = Op(
    name="polyval",
    inputs=("x",),
    infer=same_floating_type,
    facts=Facts(zero_sign="kept", cost=12.0),
    kind="elementwise",
    numpy="np.polyval(np.array(coefficients, dtype), x)",
    into=_polyval_into,
    vjp=_polyval_vjp,
    jvp="diagonal",
    cases=(
        Case(((3, 4),), {"coefficients": (0.5, -1.0, 2.0)}),
        Case(((),), {"coefficients": (3.0, 1.0)}),
        Case(((0, 3),), {"coefficients": (1.0, 0.0, 0.0)}),
    ),
)


def polynomial(x: Node, coefficients: tuple[float, ...]) -> Node:
    """`sum_k coefficients[k] * x**(degree - k)`, elementwise."""
    return POLYVAL(x, coefficients=coefficients)


# fmt: off
_ERFC = (
    -1.5866712061861997e-09, -1.2776061112600976e-08, 3.972179535249992e-08,
    7.745559783082671e-08, -3.1683339404184966e-07, -4.146827133349514e-08,
    1.3267800633078039e-06, -1.4094463009740185e-06, -3.0076440114486923e-06,
    8.6625356119897e-06, 1.6992229686038705e-07, -3.0237840628242368e-05,
    3.1733106488337546e-05, 7.141810435322535e-05, -0.0001742998494898531,
    -9.373894767741526e-05, 0.0006736782697397271, -0.00014624628742185972,
    -0.0023458124448063012, 0.0017589335074029268, 0.008824938553739054,
    -0.00987268936409923, -0.04689561023108303, 0.047343306841863525,
    0.672643223977656, -0.6717940840566922,
)
_ERFC_SINGLE = (
    -9.246457795633103e-05, 8.508316609820583e-06, 0.0005880716887598385,
    -0.00022919226001198893, -0.0023031434654053823, 0.0017952014937328141,
    0.008815156956125787, -0.009880431637582687, -0.046894781015071704,
    0.04734394039462034, 0.6726432124855481, -0.671794092775805,
)
# fmt: on


def _quick_erfc_expand(x: Node) -> Node:
    magnitude = absolute(x).named("magnitude")
    t = (2.0 / (2.0 + magnitude).named("denominator")).named("t")
    coefficients = _ERFC_SINGLE if x.dtype.itemsize <= 4 else _ERFC
    position = ((2.0 * t).named("twice_t") - 1.0).named("position")
    smooth = polynomial(position, coefficients).named("smooth")
    exponent = (smooth - square(x).named("squared")).named("exponent")
    tail = (t * exp(exponent).named("decay")).named("tail")
    # The tail itself on the right, and 2 - tail on the left.
    limit = (x < 0.0).named("is_left") * constant(2.0, x.dtype)
    return absolute((limit.named("limit") - tail).named("signed_erfc"))


def _helper(name: str, constant: str, coefficients: tuple[float, ...]) -> str:
    lines = "\n".join(f"    {each!r}," for each in coefficients)
    return f'''
# log(erfc(z) / t) + z**2 for t = 2 / (2 + z), as a polynomial in 2 t - 1.
{constant} = (
{lines}
)


def {name}(x):
    """Return the complementary error function, after Numerical Recipes, 6.2.2."""
    t = 2.0 / (2.0 + np.absolute(x))
    smooth = np.polyval(np.array({constant}, x.dtype), 2.0 * t - 1.0)
    tail = t * np.exp(smooth - np.square(x))
    return np.where(x < 0.0, 2.0 - tail, tail)
'''


ERFC_HELPERS = (
    _helper("erfc", "ERFC", _ERFC_SINGLE),
    _helper("erfc_double", "ERFC_DOUBLE", _ERFC),
)
"""The functions for float32, or less, and for float64."""

_CALL = Call(
    lambda node: "erfc(x)" if node.dtype.itemsize <= 4 else "erfc_double(x)",
    ERFC_HELPERS,
)


QUICK_ERFC = Op(
    name="quick_erfc",
    mathematics=Mathematics(formula="erfc(x)", symbol="erfc", is_known=True),
    inputs=("x",),
    infer=same_floating_type,
    expand=_quick_erfc_expand,
    calls=(_CALL,),
    vjp=lambda g, out, x: (g * (-2.0 / math.sqrt(math.pi) * exp(negative(square(x)))),),
    jvp="diagonal",
    sympy="erfc(x)",
    cases=(Case(((3, 4),)), Case(((),)), Case(((0, 3),))),
)
