# mpmath publishes no types.
# pyright: basic, reportInvalidTypeForm=false
"""Derive the polynomial coefficients in `graphc/targets/c/functions/`.

Run as a script: `python -m tests.targets.c.coefficients [name ...]`. Each polynomial is
the minimax one, found by Lawson's iteration in 60 digits; then the coefficients are
rounded to the dtype from the lowest power up, and those above are fitted again each
time, so that they make up for the rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
from mpmath import mp, mpf

Real = Callable[[mpf], mpf]

mp.dps = 60


@dataclass(frozen=True)
class Polynomial:
    """Least `max |weight(x) * (function(x) - sum(c * x**power))|` on an interval."""

    function: Real
    powers: Sequence[int]
    low: float | mpf
    high: float | mpf
    dtype: str
    weight: Real = lambda x: mpf(1)


def rounded(value: mpf, dtype: str) -> mpf:
    """The nearest number of the dtype."""
    with mp.workprec(24 if dtype == "float32" else 53):
        return +value


def literal(value: mpf, dtype: str) -> str:
    """The shortest digits that C reads as this number."""
    scalar = (
        np.float32(float(value)) if dtype == "float32" else np.float64(float(value))
    )
    return repr(scalar.item() if dtype == "float64" else scalar).removeprefix(
        "np.float32("
    ).removesuffix(")") + ("f" if dtype == "float32" else "")


def least(
    values: Sequence[mpf], basis: Sequence[Sequence[mpf]], weights: Sequence[mpf]
) -> list[mpf]:
    """Coefficients of least weighted error on a grid, by Lawson's iteration.

    Least squares in which a point counts more, the greater the error at it was.
    """
    count = len(basis)
    shares = [mpf(1)] * len(values)
    best: tuple[mpf, list[mpf]] | None = None
    for _ in range(20):
        scaled = [s * w**2 for s, w in zip(shares, weights, strict=True)]
        system = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for row, left in enumerate(basis):
            weighted = [s * v for s, v in zip(scaled, left, strict=True)]
            right[row] = mp.fdot(weighted, values)
            for column in range(row, count):
                system[row, column] = mp.fdot(weighted, basis[column])
                system[column, row] = system[row, column]
        solution = mp.lu_solve(system, right)
        coefficients = [solution[i] for i in range(count)]
        errors = [
            abs(w * (y - mp.fdot(coefficients, column)))
            for w, y, column in zip(
                weights, values, zip(*basis, strict=True), strict=True
            )
        ]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = (worst, coefficients)
        total = mp.fdot(shares, errors)
        shares = [s * e / total for s, e in zip(shares, errors, strict=True)]
    assert best is not None
    return best[1]


def fit(polynomial: Polynomial) -> tuple[list[mpf], mpf]:
    """Rounded coefficients of a polynomial, and its greatest weighted error."""
    powers = list(polynomial.powers)
    points = 10 * len(powers)
    low, high = mpf(polynomial.low), mpf(polynomial.high)
    grid = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mpf(1) / 2) / points)
        for i in range(points)
    ]
    left = [polynomial.function(x) for x in grid]
    weights = [polynomial.weight(x) for x in grid]
    basis = [[x**power for x in grid] for power in powers]
    result: list[mpf] = []
    for at in range(len(powers)):
        coefficients = least(left, basis[at:], weights)
        first = rounded(coefficients[0], polynomial.dtype)
        result.append(first)
        left = [y - first * column for y, column in zip(left, basis[at], strict=True)]
    return result, max(abs(w * y) for w, y in zip(weights, left, strict=True))


HALF_LN2 = mp.log(2) / 2 * mpf("1.0001")


def _exp_tail(x: mpf) -> mpf:
    """The factor of x² in exp(x) = 1 + x + x² (...)."""
    if abs(x) < mpf("1e-20"):
        return mpf(1) / 2 + x / 6
    return (mp.expm1(x) - x) / x**2


def _log_tail(z: mpf) -> mpf:
    """The factor of z in log((1 + s) / (1 - s)) = s (2 + z (...)), z = s²."""
    if z < mpf("1e-25"):
        return mpf(2) / 3 + z * 2 / 5
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def _log1p_tail(x: mpf) -> mpf:
    """The factor of x³ in log(1 + x) = x - x²/2 + x³ (...)."""
    if abs(x) < mpf("1e-14"):
        return mpf(1) / 3 - x / 4
    return (mp.log1p(x) - x + x**2 / 2) / x**3


def _exp2_tail(x: mpf) -> mpf:
    """The factor of x² in 2^x = 1 + x ln 2 + x² (...)."""
    y = x * mp.log(2)
    return _exp_tail(y) * mp.log(2) ** 2


def _sin_tail(z: mpf) -> mpf:
    """The factor of x³ in sin(x) = x + x³ (...), z = x²."""
    if z < mpf("1e-15"):
        return -mpf(1) / 6 + z / 120
    x = mp.sqrt(z)
    return (mp.sin(x) - x) / x**3


def _cos_tail(z: mpf) -> mpf:
    """The factor of x⁴ in cos(x) = 1 - x²/2 + x⁴ (...), z = x²."""
    if z < mpf("1e-12"):
        return mpf(1) / 24 - z / 720
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def _erf_tail(z: mpf) -> mpf:
    """The factor of x in erf(x) = x + x (...), z = x²."""
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def _pow_tail(z: mpf) -> mpf:
    """The factor of z² in 3 atanh(s) / s = 3 + z + z² (...), z = s²."""
    if z < mpf("1e-12"):
        return mpf(3) / 5 + z * 3 / 7
    s = mp.sqrt(z)
    return (3 * mp.atanh(s) / s - 3 - z) / z**2


def _asin_tail(z: mpf) -> mpf:
    """The factor of x³ in asin(x) = x + x³ (...), z = x²."""
    if z < mpf("1e-15"):
        return mpf(1) / 6 + z * 3 / 40
    x = mp.sqrt(z)
    return (mp.asin(x) - x) / x**3


def _atan_tail(z: mpf) -> mpf:
    """The factor of x³ in atan(x) = x + x³ (...), z = x²."""
    if z < mpf("1e-15"):
        return -mpf(1) / 3 + z / 5
    x = mp.sqrt(z)
    return (mp.atan(x) - x) / x**3


def _tanh_tail(z: mpf) -> mpf:
    """The factor of x³ in tanh(x) = x + x³ (...), z = x²."""
    if z < mpf("1e-15"):
        return -mpf(1) / 3 + z * 2 / 15
    x = mp.sqrt(z)
    return (mp.tanh(x) - x) / x**3


ERFC_FROM = mpf("0.75")


def _erfc_factor(k: float) -> Real:
    """P(t) in erfc(x) = exp(-x²) (1 + P(t)) / (x + k), t = (x - k) / (x + k)."""

    def factor(t: mpf) -> mpf:
        x = k * (1 + t) / (1 - t)
        return mp.exp(x**2) * mp.erfc(x) * (x + k) - 1

    return factor


def _erfc(dtype: str, high: float, degree: int, slope: float = 0.0) -> Polynomial:
    """P(t) less the slope times t, whose coefficient then has two parts."""
    factor = _erfc_factor(2.0)
    low, top = ((x - 2) / (x + 2) for x in (ERFC_FROM, mpf(high)))
    return Polynomial(
        lambda t: factor(t) - mpf(slope) * t,
        range(degree + 1),
        low,
        top,
        dtype,
        lambda t: 1 / (1 + factor(t)),
    )


LOG_ERFC = Polynomial(
    lambda t: mp.log(mp.erfc(t + ERFC_FROM)),
    range(19),
    0,
    6 - ERFC_FROM,
    "float64",
    lambda t: mp.erfc(t + ERFC_FROM),
)
"""P(t) in erf(x) = 1 - exp(P(t)), t = x - 3/4."""

LOG2_ERFC = Polynomial(
    lambda t: mp.log(mp.erfc(t + ERFC_FROM), 2),
    range(8),
    0,
    4 - ERFC_FROM,
    "float32",
    lambda t: mp.erfc(t + ERFC_FROM) * mp.log(2) / mp.erf(t + ERFC_FROM),
)
"""P(t) in erf(x) = 1 - 2^P(t), t = x - 3/4."""


SQRT2 = mp.sqrt(2)
TAN_EIGHTH = (SQRT2 - 1) * mpf("1.0001")
QUARTER = (mp.pi / 4 * mpf("1.0001")) ** 2
LOG_S = (SQRT2 - 1) / (SQRT2 + 1)

POLYNOMIALS: dict[str, Polynomial] = {
    "exp float64": Polynomial(
        _exp_tail, range(10), -HALF_LN2, HALF_LN2, "float64", lambda x: x**2
    ),
    "exp float32": Polynomial(
        _exp_tail, range(5), -HALF_LN2, HALF_LN2, "float32", lambda x: x**2
    ),
    "expm1 float64": Polynomial(
        _exp_tail, range(11), -HALF_LN2, HALF_LN2, "float64", lambda x: x
    ),
    "expm1 float32": Polynomial(
        _exp_tail, range(6), -HALF_LN2, HALF_LN2, "float32", lambda x: x
    ),
    "log float64": Polynomial(_log_tail, range(7), 0, LOG_S**2, "float64", lambda z: z),
    "log float32": Polynomial(
        _log1p_tail, range(8), 1 / SQRT2 - 1, SQRT2 - 1, "float32", lambda x: x**2
    ),
    "exp2 float64": Polynomial(
        _exp2_tail, range(10), -0.5, 0.5, "float64", lambda x: x**2
    ),
    "exp2 float32": Polynomial(
        _exp2_tail, range(5), -0.5, 0.5, "float32", lambda x: x**2
    ),
    "pow float64": Polynomial(
        _pow_tail, range(7), 0, LOG_S**2, "float64", lambda z: z**2
    ),
    "asin float64": Polynomial(_asin_tail, range(13), 0, 0.25, "float64", lambda z: z),
    "atan float64": Polynomial(
        _atan_tail, range(12), 0, TAN_EIGHTH**2, "float64", lambda z: z
    ),
    "sin float64": Polynomial(_sin_tail, range(6), 0, QUARTER, "float64", lambda z: z),
    "cos float64": Polynomial(
        _cos_tail, range(6), 0, QUARTER, "float64", lambda z: z**2
    ),
    "sin for float32": Polynomial(
        _sin_tail, range(3), 0, QUARTER, "float64", lambda z: z
    ),
    "cos for float32": Polynomial(
        _cos_tail, range(3), 0, QUARTER, "float64", lambda z: z**2
    ),
    "erf float64": Polynomial(_erf_tail, range(12), 0, ERFC_FROM**2, "float64"),
    "erf float32": Polynomial(_erf_tail, range(6), 0, ERFC_FROM**2, "float32"),
    "log erfc float64": LOG_ERFC,
    "log2 erfc float32": LOG2_ERFC,
    "erfc float64": _erfc("float64", 27.3, 20, -0.6871606844138103),
    "erfc float32": _erfc("float32", 10.1, 9),
    "tanh float32": Polynomial(
        _tanh_tail, range(5), 0, mpf("0.625") ** 2, "float32", lambda z: z
    ),
    "exp of twice x float32": Polynomial(
        lambda x: 4 * _exp_tail(2 * x),
        range(5),
        -HALF_LN2 / 2,
        HALF_LN2 / 2,
        "float32",
        lambda x: x**2,
    ),
}
"""Function, powers, interval, dtype and weight of each polynomial."""


def main(names: Sequence[str]) -> None:
    """Print the coefficients, lowest power first, and the error in bits."""
    for name, polynomial in POLYNOMIALS.items():
        if names and not any(name.startswith(wanted) for wanted in names):
            continue
        coefficients, error = fit(polynomial)
        print(f"{name}: error 2^{float(mpmath.log(error, 2)):.1f}")
        for power, value in zip(polynomial.powers, coefficients, strict=True):
            print(f"  {power:3d}  {literal(value, polynomial.dtype)}")


if __name__ == "__main__":
    main(sys.argv[1:])
