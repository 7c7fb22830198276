"""Values of elementary functions by mpmath, for `test_functions.py`.

Run as a script, `python -m tests.targets.c.reference`, it writes `values.txt`: a line
for each function and point, with the arguments and the correctly rounded result as
hexadecimal numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

FILE = Path(__file__).parent / "values.txt"

Real = Callable[..., mpf]


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mp.exp(-x))


def softplus(x: mpf) -> mpf:
    return mp.log1p(mp.exp(x))


def erfc(x: mpf) -> mpf:
    """mpmath's own does not end for the largest numbers."""
    return mp.erfc(x) if abs(x) < 60 else mpf(0 if x > 0 else 2)


REFERENCES: dict[str, Real] = {
    "acos": mp.acos,
    "acosh": mp.acosh,
    "asin": mp.asin,
    "asinh": mp.asinh,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "atanh": mp.atanh,
    "cbrt": lambda x: mp.sign(x) * mp.root(abs(x), 3),
    "cos": mp.cos,
    "cosh": mp.cosh,
    "erf": mp.erf,
    "erfc": erfc,
    "exp": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "hypot": mp.hypot,
    "log10": mp.log10,
    "log2": lambda x: mp.log(x, 2),
    "pow": mp.power,
    "sin": mp.sin,
    "sinh": mp.sinh,
    "tan": mp.tan,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "tanh": mp.tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "log_sigmoid": lambda x: -softplus(-x),
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
}
"""Functions that are not exact, to be called with finite numbers of many digits."""

DOMAINS: dict[str, tuple[float, float]] = {
    "exp": (-750.0, 720.0),
    "expm1": (-40.0, 720.0),
    "tanh": (-20.0, 20.0),
    "sigmoid": (-750.0, 40.0),
    "softplus": (-750.0, 750.0),
    "log_sigmoid": (-750.0, 750.0),
    "acos": (-1.0, 1.0),
    "acosh": (1.0, math.inf),
    "asin": (-1.0, 1.0),
    "atanh": (-1.0, 1.0),
    "cosh": (-712.0, 712.0),
    "erf": (-7.0, 7.0),
    "erfc": (-7.0, 28.0),
    "exp2": (-1080.0, 1030.0),
    "log": (0.0, math.inf),
    "log10": (0.0, math.inf),
    "log2": (0.0, math.inf),
    "pow": (0.0, 1e3),
    "sinh": (-712.0, 712.0),
    "log1p": (-1.0, math.inf),
    "sqrt": (0.0, math.inf),
    "rsqrt": (0.0, math.inf),
}
"""Open intervals outside of which a function is constant or not real; or the line."""

BINARY = {"atan2", "hypot", "pow"}
"""Functions of two arguments."""


def exact(name: str, *arguments: float) -> mpf:
    """The value at finite arguments of a function, to some 30 digits or more."""
    smallest = max(-math.frexp(x)[1] for x in arguments)
    with mp.workdps(60 + 2 * max(smallest, 0) // 3):
        return REFERENCES[name](*(mpf(float(x)) for x in arguments))


def nearest(value: mpf) -> float:
    """The nearest number of float64, denormal or infinite where it has to be."""
    if value == 0:
        return 0.0
    mantissa, exponent = mp.frexp(value)
    digits = 53 + min(0, int(exponent) + 1021)
    if exponent > 1024 or digits < 0:
        return math.copysign(math.inf if exponent > 0 else 0.0, value)
    whole = int(mpmath.nint(mpmath.ldexp(mantissa, digits)))
    try:
        return math.ldexp(whole, int(exponent) - digits)
    except OverflowError:
        return math.copysign(math.inf, value)


def points(name: str, count: int, seed: int) -> np.ndarray:
    """Arguments in a function's domain: of all magnitudes, and of those near 1."""
    rng = np.random.default_rng([seed, len(name)])
    low, high = DOMAINS.get(name, (-math.inf, math.inf))
    bits = rng.integers(0, 2**64, 8 * count, dtype=np.uint64).view(np.float64)
    near = rng.choice([1.0, 10.0, 700.0], 8 * count) * rng.normal(size=8 * count)
    found = []
    for values in (bits, near):
        inside = np.isfinite(values) & (values > low) & (values < high)
        found.append(values[inside][: count // 2])
    return np.concatenate(found)


def main() -> None:
    """Write the file of values."""
    lines: list[str] = []
    for name in sorted(REFERENCES):
        count = 2 if name in BINARY else 1
        columns = [points(name, 16, seed) for seed in range(count)]
        for arguments in zip(*columns, strict=True):
            values = [*map(float, arguments), nearest(exact(name, *arguments))]
            lines.append(" ".join([name, *(value.hex() for value in values)]))
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
