"""Published formulas where floats end: no right number becomes an infinity or NaN."""

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.pipeline import optimize

from .helpers import evaluate

FORMULAS: dict[str, Callable[[Node, Node], Node]] = {
    "swish": lambda x, y: x / (1 + gc.exp(-y * x)),
    "mish": lambda x, y: x * gc.tanh(gc.log(1 + gc.exp(x))),
    "GELU": lambda x, y: 0.5 * x * (1 + gc.tanh(0.79788456 * (x + 0.044715 * x**3))),
    "ELU": lambda x, y: gc.where(x > 0, x, y * (gc.exp(x) - 1)),
    "Planck": lambda x, y: x**3 / (gc.exp(x / y) - 1),
    "Bernoulli function": lambda x, y: x / (gc.exp(x) - 1),
    "Fermi-Dirac": lambda x, y: 1 / (gc.exp((x - y) / 0.02) + 1),
    "Langevin": lambda x, y: 1 / gc.tanh(x) - 1 / x,
    "normal density": lambda x, y: gc.exp(-x * x / (2 * y * y)) / (y * 2.5066283),
    "Morse": lambda x, y: y * (1 - gc.exp(-(x - 1))) ** 2,
    "Lennard-Jones": lambda x, y: 4 * ((y / x) ** 12 - (y / x) ** 6),
    "Hill": lambda x, y: x**4 / (y**4 + x**4),
    "Michaelis-Menten": lambda x, y: x * y / (0.3 + x),
    "lens": lambda x, y: 1 / (1 / x + 1 / y),
    "Lorentz factor": lambda x, y: 1 / gc.sqrt(1 - x * x),
    "Doppler": lambda x, y: y * gc.sqrt((1 + x) / (1 - x)),
    "Saha": lambda x, y: 1 / (1 + gc.sqrt(1 - x) / x * gc.exp(-x * x)),
    "screened": lambda x, y: gc.arctan(gc.exp(-x) / x),
    "Yukawa": lambda x, y: y * gc.exp(-x) / x,
    "Arrhenius": lambda x, y: y * gc.exp(-1 / x),
    "sinc": lambda x, y: gc.sin(x) / x,
    "versine": lambda x, y: (1 - gc.cos(x)) / (x * x),
    "entropy": lambda x, y: x * gc.log(x) + (1 - x) * gc.log(1 - x),
    "Kullback-Leibler": lambda x, y: x * gc.log(x / y),
    "logit": lambda x, y: gc.log(x / (1 - x)),
    "cross entropy": lambda x, y: (
        -(y * gc.log(1 / (1 + gc.exp(-x))) + (1 - y) * gc.log(1 - 1 / (1 + gc.exp(-x))))
    ),
    "softmax of two": lambda x, y: gc.exp(x) / (gc.exp(x) + gc.exp(y)),
    "log of a sum": lambda x, y: gc.log(gc.exp(x) + gc.exp(y)),
    "log cosh": lambda x, y: gc.log(gc.cosh(x - y)),
    "Cauchy": lambda x, y: gc.log(1 + (x - y) ** 2),
    "pseudo-Huber": lambda x, y: y * y * (gc.sqrt(1 + (x / y) ** 2) - 1),
    "Rosenbrock": lambda x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    "Himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "Newton's step": lambda x, y: x - (x * x - y) / (2 * x),
    "quotient": lambda x, y: x * x * x / (x * x + y * y),
    "damped": lambda x, y: gc.exp(-x) * gc.sin(y * x),
    "hand-written tanh": lambda x, y: (
        y * (gc.exp(x) - gc.exp(-x)) / (gc.exp(x) + gc.exp(-x))
    ),
    "powers": lambda x, y: x**1.5 * y**-0.5,
    "masked root": lambda x, y: gc.where(x > 0, gc.sqrt(x), 0.0) * gc.tanh(y),
}


def points(dtype: str) -> np.ndarray:
    about = np.finfo(dtype)
    sizes = [0.0, 1.0, 0.5, 2.0, 3.0, 0.003, 10.0, 30.0, 60.0, 88.0, 100.0, 700.0, 1e3]
    sizes += [float(about.eps), float(about.tiny), float(about.smallest_subnormal)]
    ends = [float(about.max) ** power for power in (0.3, 0.5, 1.0)]
    sizes += [*ends, float(about.max) / 3, np.inf]
    values = [*sizes, *(-size for size in sizes), np.nan]
    grid = np.array([(x, y) for x in values for y in values])
    rng = np.random.default_rng(0)
    ordinary = rng.normal(size=(200, 2)) * 10.0 ** rng.integers(-3, 3, (200, 2))
    with np.errstate(all="ignore"):
        return np.concatenate([grid, ordinary]).astype(dtype)


def derivatives(name: str, dtype: str, count: int) -> Graph:
    """A formula, its derivatives by both variables, and a second derivative."""
    x, y = (gc.input(v, (count,), dtype) for v in "xy")
    z = FORMULAS[name](x, y)
    first = gc.grad(gc.sum(z) * 0.001, [x, y], unused="zeros")
    second = gc.grad(gc.sum(first[0]), x, unused="zeros")
    return Graph((z, *first, second))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", FORMULAS)
def test_no_right_number_is_lost(name: str, dtype: str) -> None:
    fed = points(dtype)
    feeds = {"x": fed[:, 0], "y": fed[:, 1]}
    graph = derivatives(name, dtype, len(fed))
    written = evaluate(graph, feeds)
    found = evaluate(optimize(graph, verify_each=True), feeds)
    # What is finite by luck, as 1 / (1 + inf), is not what is asked for.
    wide = {k: v.astype("float64") for k, v in feeds.items()}
    right = evaluate(derivatives(name, "float64", len(fed)), wide)
    largest = float(np.finfo(dtype).max)
    for place, (a, b, c) in enumerate(zip(written, found, right, strict=True)):
        lost = np.isfinite(a) & ~np.isfinite(b) & (np.abs(c) <= largest)
        assert not lost.any(), (place, fed[lost][:3], a[lost][:3], b[lost][:3])


@pytest.mark.parametrize("name", FORMULAS)
def test_ordinary_values_are_the_same(name: str) -> None:
    rng = np.random.default_rng(1)
    feeds = {"x": rng.uniform(0.05, 0.95, 300), "y": rng.uniform(0.05, 3.0, 300)}
    graph = derivatives(name, "float64", 300)
    found = evaluate(optimize(graph), feeds)
    for a, b in zip(evaluate(graph, feeds), found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-13)
