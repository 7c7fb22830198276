"""Derivatives of formulas in SymPy, in a form that floats can compute.

A derivative as SymPy finds it may overflow, or be infinity by infinity, where the
function itself is an ordinary number. So several forms are tried: held against the
formula in many digits at points of all magnitudes, the first that is finite wherever
the formula is, and then the cheapest, is taken.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DifferentiationError, GraphcError, UnsupportedError
from ..ir.evaluate import evaluate_body
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TensorType
from ..ops.control import argument
from .translation import Translation, chosen_where

_SIMPLIFIED = 80
"""Operations of a formula up to which other forms of it are looked for."""
_SIMPLIFIED_LONG = 12
"""Operations up to which SymPy tries all it knows, which takes seconds for more."""

_MAGNITUDES = (
    1e-8,
    1e-3,
    0.1,
    0.5,
    1.0,
    1.7,
    3.2,
    10.0,
    40.0,
    100.0,
    300.0,
    800.0,
    1e4,
)
_POINTS = tuple(sorted((0.0, *_MAGNITUDES, *(-size for size in _MAGNITUDES))))
_MOST_POINTS = 400


def library() -> Any:
    """SymPy, which takes long to import."""
    import sympy

    return sympy


def real(expression: Any, symbols: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """An expression and its symbols as real ones, as elements of arrays are."""
    sympy = library()
    reals: list[Any] = []
    for symbol in symbols:
        if symbol.is_extended_real is False:
            raise UnsupportedError(
                f"symbol {symbol} is not a real number", hint="sympy.Symbol(name)"
            )
        known = {key: value for key, value in symbol.assumptions0.items() if value}
        reals.append(
            symbol
            if symbol.is_extended_real
            else sympy.Symbol(symbol.name, **known, real=True)
        )
    table = dict(zip(symbols, reals, strict=True))
    return expression.xreplace(table), tuple(reals)


def derivative(expression: Any, symbol: Any) -> Any:
    """The derivative by a symbol, as SymPy finds it, 0 along steps.

    Raises:
        DifferentiationError: SymPy does not know one.
    """
    sympy = library()
    # A remainder moves as its dividend does, between the jumps.
    expression = expression.replace(sympy.Mod, _remainder)
    expression = expression.replace(sympy.frac, _fraction)
    steps = (sympy.floor, sympy.ceiling, sympy.sign, sympy.Heaviside)
    held = {step: sympy.Dummy(real=True) for step in expression.atoms(*steps)}
    found = expression.xreplace(held).diff(symbol)
    found = found.xreplace({dummy: step for step, dummy in held.items()})
    found = found.replace(sympy.DiracDelta, _zero)
    unknown = found.atoms(sympy.Derivative, sympy.Subs)
    if unknown:
        part = min(unknown, key=str)
        raise DifferentiationError(
            f"SymPy does not know the derivative {part} of {expression}",
            hint="a formula of functions whose derivatives SymPy knows; gc.custom_vjp "
            "for a derivative of your own",
        )
    return _shortest(found)


def _remainder(x: Any, y: Any) -> Any:
    return x - y * library().floor(x / y)


def _fraction(x: Any) -> Any:
    return x - library().floor(x)


def _zero(*_: Any) -> Any:
    return library().S.Zero


def _hyperbolic_secant(x: Any) -> Any:
    return 2 / (library().exp(x) + library().exp(-x))


def _log_of_one_fraction(x: Any) -> Any:
    return library().log(library().together(x))


@functools.lru_cache(maxsize=512)
def _shortest(expression: Any) -> Any:
    """The expression as it stands, or simplified, if that is shorter."""
    sympy, size = library(), expression.count_ops()
    forms = [expression, sympy.factor_terms(expression)]
    if size <= _SIMPLIFIED:
        forms.append(sympy.factor(expression))
    if size <= _SIMPLIFIED_LONG:
        forms.append(sympy.simplify(expression))
    return min(forms, key=lambda form: form.count_ops())


@functools.lru_cache(maxsize=512)
def computable(expression: Any, symbols: tuple[Any, ...], *, as_written: bool) -> Any:
    """A form of an expression that is finite wherever the expression is.

    Args:
        expression: in real symbols.
        symbols: all that it may have.
        as_written: prefer it as it stands, where that is finite.
    """
    free = [symbol for symbol in symbols if symbol in expression.free_symbols]
    if not free:
        return expression
    points = _admitted(_sample(len(free)), free)
    expected = _exact(expression, free, points)
    best, best_score = expression, (np.inf, np.inf, np.inf)
    for form in _forms(expression):
        try:
            failures, errors = _failures(form, free, points, expected)
        except UnsupportedError:
            continue
        if as_written and form == expression and not failures:
            return expression
        score = (failures, errors, float(form.count_ops()))
        if score < best_score:
            best, best_score = form, score
    return best


def _forms(expression: Any) -> Iterator[Any]:
    """The expression in several forms."""
    yield expression
    if expression.count_ops() > _SIMPLIFIED:
        return
    sympy = library()
    found = dict.fromkeys([sympy.together(expression), _shortest(expression)])
    yield from found
    for form in dict.fromkeys([expression, *found]):
        yield from _bounded(form)


def _bounded(expression: Any) -> Iterator[Any]:
    """The expression in decaying exponentials, which do not overflow.

    A quotient of growing exponentials becomes one of decaying ones, and the logarithm
    of a growing one its exponent and the rest.
    """
    sympy = library()
    if expression.has(sympy.Piecewise):
        return
    written = expression.rewrite((sympy.sinh, sympy.cosh, sympy.tanh), sympy.exp)
    written = written.replace(sympy.sech, _hyperbolic_secant)
    outer = [e.args[0] for e in written.atoms(sympy.exp)]
    # Exponentials in exponents are numbers like others.
    inner = {
        e: sympy.Dummy("e", positive=True) for a in outer for e in a.atoms(sympy.exp)
    }
    back = {number: e for e, number in inner.items()}
    written = written.xreplace(inner)
    exponents = sorted((e.args[0] for e in written.atoms(sympy.exp)), key=str)
    if not exponents or any(e.has(sympy.log) for e in exponents):
        return
    if found := _by_decay(written, exponents):
        yield found.xreplace(back)
    for least in ((), (sympy.S.Zero,)):
        if found := _by_largest(written, exponents, least):
            yield found.xreplace(back)


def _by_decay(written: Any, exponents: Sequence[Any]) -> Any:
    """In `exp(-|u|)`, if all exponents are multiples of one `u`; else None."""
    sympy = library()
    ratios = [sympy.cancel(exponent / exponents[0]) for exponent in exponents]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    unit = sympy.Rational(
        functools.reduce(sympy.igcd, [ratio.p for ratio in ratios]),
        functools.reduce(sympy.ilcm, [ratio.q for ratio in ratios]),
    )
    u = sympy.expand(unit * exponents[0])
    t = sympy.Dummy("t", positive=True)

    def branch(sign: int) -> Any:
        powers = {
            sympy.exp(exponent): t ** (sign * ratio / unit)
            for exponent, ratio in zip(exponents, ratios, strict=True)
        }
        form = written.xreplace(powers)
        if form.has(sympy.exp):
            return None
        return _one_fraction(form).subs(sympy.log(t), -sympy.Abs(u))

    grown, decayed = branch(-1), branch(1)
    if grown is None or decayed is None:
        return None
    decay = sympy.exp(-sympy.Abs(u))
    grown, decayed = grown.subs(t, decay), decayed.subs(t, decay)
    if sympy.simplify(grown - decayed) == 0:
        return decayed
    return sympy.Piecewise((grown, u > 0), (decayed, True))


def _by_largest(written: Any, exponents: Sequence[Any], least: Sequence[Any]) -> Any:
    """In `exp(u - m)` and `exp(-m)`, with `m` the largest of several `u`; else None.

    Args:
        written: the expression.
        exponents: sums of multiples of them.
        least: what `m` is at least.
    """
    sympy = library()
    sums = [
        [term.as_coeff_Mul() for term in sympy.Add.make_args(sympy.expand(exponent))]
        for exponent in exponents
    ]
    factors: dict[Any, list[Any]] = {}
    for factor, rest in itertools.chain.from_iterable(sums):
        factors.setdefault(rest, []).append(factor)
    known = itertools.chain.from_iterable(factors.values())
    if len(factors) < 2 or not all(factor.is_Rational for factor in known):
        return None
    units = {
        rest: sympy.Rational(
            functools.reduce(sympy.igcd, [factor.p for factor in of]),
            functools.reduce(sympy.ilcm, [factor.q for factor in of]),
        )
        for rest, of in factors.items()
    }
    largest = sympy.Max(*least, *(unit * rest for rest, unit in units.items()))
    rests = {rest: sympy.Dummy("a", positive=True) for rest in factors}
    scale = sympy.Dummy("s", positive=True)
    powers = {
        sympy.exp(exponent): sympy.Mul(
            *((rests[rest] / scale) ** (factor / units[rest]) for factor, rest in terms)
        )
        for exponent, terms in zip(exponents, sums, strict=True)
    }
    form = written.xreplace(powers)
    if form.has(sympy.exp):
        return None
    form = _one_fraction(form)
    meant = {scale: -largest}
    meant |= {a: units[rest] * rest - largest for rest, a in rests.items()}
    form = form.subs({sympy.log(a): value for a, value in meant.items()})
    return form.subs({a: sympy.exp(value) for a, value in meant.items()})


def _one_fraction(form: Any) -> Any:
    """A form as one fraction, with what is common to both sides taken out."""
    sympy = library()
    form = form.replace(sympy.log, _log_of_one_fraction)
    return sympy.factor(
        sympy.cancel(sympy.together(sympy.expand_log(form, force=True)))
    )


# Values -------------------------------------------------------------------------------


@functools.cache
def _sample(count: int) -> np.ndarray[Any, Any]:
    """Points of all magnitudes, one a row, the same in every run."""
    if len(_POINTS) ** count <= _MOST_POINTS:
        return np.array(list(itertools.product(_POINTS, repeat=count)))
    return np.random.default_rng(0).choice(np.array(_POINTS), (_MOST_POINTS, count))


def _admitted(
    points: np.ndarray[Any, Any], symbols: Sequence[Any]
) -> np.ndarray[Any, Any]:
    """The points at which symbols are what is assumed of them, positive or so."""
    columns = zip(points.T, symbols, strict=True)
    wrong = [
        (symbol.is_nonnegative and value < 0)
        or (symbol.is_nonpositive and value > 0)
        or (symbol.is_nonzero and value == 0)
        for column, symbol in columns
        for value in column
    ]
    is_wrong = np.array(wrong, dtype=bool).reshape(len(symbols), len(points))
    return points[~is_wrong.any(axis=0)]


def _exact(
    expression: Any, symbols: Sequence[Any], points: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The values in many digits, rounded; NaN where there is none, or no real one."""
    sympy = library()
    import mpmath

    digits: Any = mpmath

    function = sympy.lambdify(symbols, expression, "mpmath", cse=True)
    values: list[float] = []
    with digits.workdps(50):
        for point in points:
            try:
                value = function(*map(digits.mpf, point))
                is_real = not isinstance(value, digits.mpc) or value.imag == 0
                values.append(float(digits.re(value)) if is_real else np.nan)
            except (ArithmeticError, ValueError, TypeError, NotImplementedError):
                values.append(np.nan)
    return np.array(values)


def values_at(
    expression: Any, symbols: Sequence[Any], points: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The values that the nodes of an expression have, in float64."""
    number_type = TensorType(np.dtype("float64"), (len(points),))
    nodes = [argument(place, number_type) for place in range(len(symbols))]
    value = Translation(dict(zip(symbols, nodes, strict=True)))(expression)
    if not isinstance(value, Node):
        return np.full(len(points), value)
    columns = [np.ascontiguousarray(column) for column in points.T]
    (found,) = evaluate_body(Graph((value,)), {}, *columns)
    return np.broadcast_to(found, (len(points),))


def _failures(
    form: Any,
    symbols: Sequence[Any],
    points: np.ndarray[Any, Any],
    expected: np.ndarray[Any, Any],
) -> tuple[int, int]:
    """The points at which a form is not finite, or not accurate, though it should be.

    In float64, in which the points are; exponentials overflow in smaller dtypes sooner,
    but in the same forms.
    """
    known = np.isfinite(expected)
    found, exact = values_at(form, symbols, points)[known], expected[known]
    finite = np.isfinite(found)
    with np.errstate(all="ignore"):
        inaccurate = np.abs(found - exact) > 1e-9 * np.abs(exact) + 1e-290
    return int((~finite).sum()), int((inaccurate & finite).sum())


# Pieces -------------------------------------------------------------------------------


def safe_point(piece: Any, condition: Any, whole: Any) -> Mapping[Any, float]:
    """Numbers for the symbols of a piece, where it is not chosen.

    None where it is finite everywhere, so that it may be computed and not be chosen.
    """
    return _safe_point(piece, condition, whole)


@functools.lru_cache(maxsize=512)
def _safe_point(piece: Any, condition: Any, whole: Any) -> Mapping[Any, float]:
    sympy = library()
    symbols = sorted(whole.free_symbols, key=str)
    used = [symbol for symbol in symbols if symbol in piece.free_symbols]
    chosen = chosen_where(piece, condition, whole)
    if not used or chosen in (sympy.true, sympy.false):
        return {}
    points = _sample(len(symbols))
    try:
        places = [symbols.index(symbol) for symbol in used]
        values = values_at(piece, used, points[:, places])
        mask = sympy.Piecewise((1, chosen), (0, True))
        is_chosen = values_at(mask, symbols, points) != 0
    except GraphcError:
        return {}
    good = is_chosen & np.isfinite(values)
    if np.isfinite(values[~is_chosen]).all() or not good.any():
        return {}
    # The one nearest to where functions are ordinary.
    distance = np.abs(np.log(np.abs(points) + 1e-300)).max(axis=1)
    best = points[good][np.argmin(distance[good])]
    return {
        symbol: float(best[place]) for symbol, place in zip(used, places, strict=True)
    }
