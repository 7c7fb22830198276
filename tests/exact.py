"""Graphs in arithmetic of a hundred digits: an oracle for values and for derivatives.

An elementwise op is computed by mpmath from its SymPy meaning, or from the meaning that
is written here; any other op by its NumPy template, on arrays of mpmath's numbers. No
derivative rule of graphc is used: derivatives are quotients of differences that are
smaller than any rounding of floats, on either side of a point.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy

from graphc.ir import Graph, Node, Op
from graphc.ir.evaluate import compiled

Array = np.ndarray[Any, Any]
DIGITS = 100
NAN = mpmath.mpf("nan")


class NoMeaning(Exception):
    """A graph has an op that can't be computed here."""


def _truncated(x: Any) -> Any:
    return int(x) if mpmath.isfinite(x) else NAN


def _log_add_exp(x1: Any, x2: Any) -> Any:
    larger, smaller = max(x1, x2), min(x1, x2)
    if not mpmath.isfinite(larger) or smaller == -mpmath.inf:
        return larger
    return larger + mpmath.log1p(mpmath.exp(smaller - larger))


def _clip(x: Any, *bounds: Any, lower: bool, upper: bool) -> Any:
    if lower:
        x = max(x, bounds[0])
    return min(x, bounds[-1]) if upper else x


def _frexp(x: Any) -> tuple[Any, int]:
    return mpmath.frexp(x) if mpmath.isfinite(x) else (x, 0)


def _gammainc(a: Any, x: Any) -> Any:
    """By Kummer's function; mpmath's own takes long for small numbers."""
    if a < 0 or x < 0:
        return NAN
    term = mpmath.power(x, a) * mpmath.exp(-x) / mpmath.gamma(a + 1)
    return term * mpmath.hyp1f1(1, a + 1, x)


def _gammainc_by_a(a: Any, x: Any, n: int) -> Any:
    return mpmath.diff(lambda p: _gammainc(p, x), a, n) if x > 0 else _gammainc(a, x)


def _gammaincinv(a: Any, y: Any) -> Any:
    bracket = (mpmath.mpf("1e-9"), mpmath.mpf(20))
    return mpmath.findroot(lambda x: _gammainc(a, x) - y, bracket, solver="anderson")


def _sinc_derivative(x: Any, n: int) -> Any:
    """The power series of sinc, differentiated term by term."""
    first = n + n % 2
    terms = (
        (-1) ** (k // 2) * mpmath.pi**k * x ** (k - n) / ((k + 1) * mpmath.fac(k - n))
        for k in range(first, first + 200, 2)
    )
    return mpmath.fsum(terms)


MEANINGS: Mapping[str, Callable[..., Any]] = {
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "clip": _clip,
    "copysign": lambda x1, x2: abs(x1) if x2 >= 0 else -abs(x1),
    "expm1": mpmath.expm1,
    "fmax": max,
    "fmin": min,
    "fmod": lambda x1, x2: mpmath.sign(x1) * mpmath.fmod(abs(x1), abs(x2)),
    "frexp_exponent": lambda x: _frexp(x)[1],
    "frexp_mantissa": lambda x: _frexp(x)[0],
    "heaviside": lambda x1, x2: x2 if x1 == 0 else mpmath.mpf(int(x1 > 0)),
    "gammainc": _gammainc,
    "gammainc_by_a": _gammainc_by_a,
    "gammaincc": lambda a, x: 1 - _gammainc(a, x),
    "gammaincinv": _gammaincinv,
    "ive": lambda x, n: mpmath.besseli(n, x) * mpmath.exp(-abs(x)),
    "isfinite": lambda x: bool(mpmath.isfinite(x)),
    "isinf": lambda x: bool(mpmath.isinf(x)),
    "isnan": lambda x: bool(mpmath.isnan(x)),
    "ldexp": lambda x1, x2: mpmath.ldexp(x1, int(x2)),
    "log1p": mpmath.log1p,
    "logaddexp": _log_add_exp,
    "maximum": max,
    "minimum": min,
    "nan_to_num": lambda x, **given: x if mpmath.isfinite(x) else mpmath.mpf(0),
    "nextafter": lambda x1, x2: x1,
    "jn": lambda x, n: mpmath.besselj(n, x),
    "polygamma": lambda x, n: mpmath.polygamma(n, x),
    "polyval": lambda x, coefficients: mpmath.polyval(
        [mpmath.mpf(float(c)) for c in coefficients], x
    ),
    "remainder": lambda x1, x2: x1 - x2 * mpmath.floor(x1 / x2),
    "rint": mpmath.nint,
    "sinc": mpmath.sincpi,
    "sinc_derivative": _sinc_derivative,
    "trunc": lambda x: mpmath.mpf(_truncated(x)),
    "where": lambda condition, x, y: x if condition else y,
    "zeta": lambda q, s: mpmath.zeta(s, q),
}
"""Elementwise ops whose SymPy meaning is missing, or loses digits."""


def _log_add(left: Any, right: Any) -> Any:
    return mpmath.log(mpmath.exp(left) + mpmath.exp(right))


OF_ARRAYS: dict[str, Callable[..., Any]] = {
    "logcumsumexp": lambda x, axis: np.frompyfunc(_log_add, 2, 1).accumulate(x, axis),
}
"""Ops of arrays whose source calls what NumPy has for floats only."""


@functools.cache
def _meaning(op: Op) -> Callable[..., Any] | None:
    if op.name in MEANINGS:
        return MEANINGS[op.name]
    if op.sympy is None:
        return None
    symbols = [sympy.Symbol(name, real=True) for name in op.inputs]
    scope = {str(symbol): symbol for symbol in symbols}
    expression = sympy.sympify(op.sympy, locals=scope)
    return sympy.lambdify(symbols, expression, modules="mpmath")


def _exact(array: Any) -> Array:
    """Floats as mpmath's numbers; integers and booleans as they are."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array
    found = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        found[place] = mpmath.mpf(float(array[place]))
    return found


def _elementwise(function: Callable[..., Any], node: Node, inputs: list[Array]) -> Any:
    def safe(*values: Any) -> Any:
        try:
            found = function(*values, **node.attributes)
        except (ZeroDivisionError, ValueError):
            return NAN
        if isinstance(found, mpmath.mpc):
            return NAN
        return mpmath.mpf(found) if node.dtype.kind == "f" else found

    arrays = np.broadcast_arrays(*inputs)
    found = np.empty(arrays[0].shape, object)
    for place in np.ndindex(found.shape):
        values = [array[place] for array in arrays]
        values = [v.item() if isinstance(v, np.generic) else v for v in values]
        found[place] = safe(*values)
    return found if node.dtype.kind == "f" else found.astype(node.dtype)


def _converted(node: Node, x: Array) -> Array:
    if node.dtype.kind == "f":
        return x if x.dtype == object else _exact(x.astype("float64"))
    if x.dtype == object:
        return np.vectorize(_truncated, otypes=[object])(x).astype(node.dtype)
    return x.astype(node.dtype)


def _value(node: Node, inputs: list[Array]) -> Array:
    op = node.op
    if op.name == "constant":
        return _exact(node.attributes["value"].array)
    if not op.pure or node.op.name == "dimension":
        raise NoMeaning(op.name)
    if op.name == "astype":
        return _converted(node, inputs[0])
    if op.name in OF_ARRAYS:
        return np.asarray(OF_ARRAYS[op.name](*inputs, **node.attributes))
    meaning = _meaning(op)
    if meaning is not None:
        return _elementwise(meaning, node, inputs)
    if op.kind == "elementwise" and any(a.dtype == object for a in inputs):
        raise NoMeaning(f"{op.name} has no sympy=, and no meaning in {__name__}")
    scope: dict[str, Any] = {"np": np, **node.attributes}
    scope["dtype"] = object if node.dtype.kind == "f" else node.dtype.type
    for position, name in enumerate(op.inputs):
        scope[name.lstrip("*")] = (
            tuple(inputs[position:]) if name.startswith("*") else inputs[position]
        )
    for helper in op.helpers:
        exec(helper, scope)
    template = op.template(node)
    try:
        if op.is_statements(node):
            exec(compiled(template, "exec"), scope)
            return np.asarray(scope["out"])
        return np.asarray(eval(compiled(template, "eval"), scope))
    except (TypeError, AttributeError) as error:
        raise NoMeaning(f"{op.name}: {error}") from None


@functools.lru_cache(maxsize=4)
def _in_order(outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """What the outputs depend on, sorted once for all points of a test."""
    return tuple(Graph(outputs).meanings)


def exact_values(outputs: Sequence[Node], feeds: Mapping[Node, Array]) -> list[Array]:
    """The values of nodes, without rounding.

    Args:
        outputs: nodes; blocks mean their expansion.
        feeds: arrays for inputs and parameters, of floats or of mpmath's numbers.

    Raises:
        NoMeaning: an op that draws at random, or that NumPy has for floats alone.
    """
    values: dict[Node, Array] = {}
    with mpmath.workdps(DIGITS), np.errstate(all="ignore"):
        for node in _in_order(tuple(outputs)):
            if node in feeds:
                values[node] = _exact(feeds[node])
            elif node.op.is_block and _meaning(node.op) is None:
                values[node] = values[node.expansion]
            else:
                values[node] = _value(node, [values[p] for p in node.inputs])
    return [values[node] for node in outputs]


@dataclass(frozen=True)
class Slopes:
    """First and second derivatives along a direction, below and above a point.

    NaN where the function has no value there, or the quotient no limit.
    """

    first: tuple[float, float]
    second: tuple[float, float]


STEP = mpmath.mpf(10) ** -25


def slopes(
    function: Callable[[Sequence[Array]], Any],
    point: Sequence[Array],
    direction: Sequence[Array],
) -> Slopes:
    """Derivatives of a function of arrays to one of mpmath's numbers."""
    start = [_exact(array) for array in point]

    def at(step: Any) -> Any:
        moved = [a + step * d for a, d in zip(start, direction, strict=True)]
        return function(moved)

    def value_here() -> Any:
        here = at(mpmath.mpf(0))
        if mpmath.isfinite(here):
            return here
        # A formula that divides by 0 just here, as sin(x) / x does.
        beside = [v for sign in (-1, 1) if mpmath.isfinite(v := at(sign * STEP**2))]
        return sum(beside) / len(beside) if beside else here

    def sides(step: Any) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        for sign in (-1, 1):
            near, far = at(sign * step), at(2 * sign * step)
            first = sign * (4 * near - far - 3 * here) / (2 * step)
            found.append((first, (here - 2 * near + far) / step**2))
        return found

    with mpmath.workdps(DIGITS):
        here = value_here()
        coarse, fine = sides(STEP), sides(STEP / 1024)
        limits = [
            [_limit(a, b) for a, b in zip(one, other, strict=True)]
            for one, other in zip(coarse, fine, strict=True)
        ]
    (left, left2), (right, right2) = limits
    return Slopes((left, right), (left2, right2))


def _limit(coarse: Any, fine: Any) -> float:
    if not (mpmath.isfinite(coarse) and mpmath.isfinite(fine)):
        return np.nan
    if abs(coarse - fine) > abs(fine) * mpmath.mpf(10) ** -9 + mpmath.mpf(10) ** -18:
        return np.nan
    return float(fine)
