"""What the stable form of a formula keeps of the formula as it was written.

Where the written form is a number, so is the other: of integers that wrap, of dtypes
that meet, on empty axes, at infinities, and where the sign of a zero decides.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.algebra.values import is_nonnegative
from graphc.passes.pipeline import optimize

STYLES = pytest.mark.parametrize("style", ["readable", "fast"])


def run(y: Any, style: str, **feeds: Any) -> Any:
    with np.errstate(all="ignore"):
        return gc.compile(y, style=style)(**feeds)


# Integers

INTEGERS = {
    "int64": np.array([-700, -1, 0, 1, 700]),
    "int8": np.array([-128, -1, 0, 1, 127], np.int8),
    "uint8": np.array([0, 1, 2, 200, 255], np.uint8),
    "int32": np.array([-80, -1, 0, 1, 80], np.int32),
    "bool": np.array([True, False]),
}


def exponentials(i: Any) -> Any:
    """Of integers, in the dtype that NumPy takes for them."""
    return np.exp(i).astype("f8")


FORMULAS: dict[str, tuple[Callable[[Node], Node], Callable[[Any], Any]]] = {
    "softplus": (lambda i: gc.log1p(gc.exp(i)), lambda i: np.logaddexp(i, 0)),
    "log of 1 + exp": (lambda i: gc.log(1 + gc.exp(i)), lambda i: np.logaddexp(i, 0)),
    "sigmoid": (lambda i: gc.exp(i) / (1 + gc.exp(i)), special.expit),
    "its log": (
        lambda i: gc.log(gc.exp(i) / (1 + gc.exp(i))),
        special.log_expit,
    ),
    "expm1": (lambda i: gc.exp(i) - 1, np.expm1),
    "softmax": (lambda i: gc.exp(i) / gc.sum(gc.exp(i)), special.softmax),
    "log softmax": (
        lambda i: gc.log(gc.exp(i) / gc.sum(gc.exp(i))),
        special.log_softmax,
    ),
    "log of a sum": (lambda i: gc.log(gc.sum(gc.exp(i))), special.logsumexp),
    "log of exp": (lambda i: gc.log(gc.exp(i) * 2.0), lambda i: i + np.log(2)),
}


@STYLES
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", FORMULAS)
def test_stable_forms_of_integers(name: str, dtype: str, style: str) -> None:
    build, expected = FORMULAS[name]
    i = gc.input("i", INTEGERS[dtype].shape, dtype)
    found = run(build(i), style, i=INTEGERS[dtype])
    exact = expected(INTEGERS[dtype].astype("f8"))
    with np.errstate(over="ignore"):
        exact = np.asarray(exact).astype(found.dtype)
    scale = 4 * float(np.finfo(found.dtype).eps)
    np.testing.assert_allclose(found, exact, rtol=scale, atol=scale)


WRAPPING: dict[str, Callable[[Any], Any]] = {
    "log(1 - n)": lambda n: gc.log(1 - n),
    "log(1 + n)": lambda n: gc.log(1 + n),
    "log(1 + -n)": lambda n: gc.log(1 + -n),
    "sigmoid of -n": lambda n: 1 / (1 + gc.exp(-n)),
    "log of it": lambda n: gc.log(1 / (1 + gc.exp(-n))),
    "abs(n**2)": lambda n: abs(n**2),
    "abs(n*n)": lambda n: abs(n * n),
    "abs(square(n))": lambda n: abs(gc.square(n)),
    "abs(square + square)": lambda n: abs(gc.square(n) + gc.square(n)),
    "abs(abs(n))": lambda n: abs(abs(n)),
    "abs(sum)": lambda n: abs(gc.sum(gc.square(n.astype("int64")) * 2**60)),
    "abs(narrow copy)": lambda n: abs(gc.square(n.astype("int32")).astype("int8")),
    "abs(product)": lambda n: abs(gc.prod(gc.square(n.astype("int64")) + 3)),
}


@STYLES
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
@pytest.mark.parametrize("name", WRAPPING)
def test_integers_wrap_as_they_are_written(name: str, dtype: str, style: str) -> None:
    build = WRAPPING[name]
    n = gc.input("n", (6,), dtype)
    about = np.iinfo(dtype)
    values = np.array([about.min, about.max, 0, 1, 100, 2**62 % (about.max + 1)], dtype)
    with np.errstate(all="ignore"):
        expected = gc.evaluate(build(n), {"n": values})
    found = run(build(n), style, n=values)
    # An exponential that overflows may do so no more.
    kept = np.isfinite(expected) | ("of" not in name)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found[kept], expected[kept], rtol=2e-3, atol=1e-40)


def test_what_is_known_of_the_signs_of_integers() -> None:
    n, u, b = (gc.input(d, (3,), d) for d in ("int64", "uint8", "bool"))
    for node in (u, b, u * u, gc.sum(u), gc.where(b, 2, 1)[:2], abs(gc.exp(n))):
        assert is_nonnegative(node)
    for node in (n, n * n, n**2, gc.square(n), abs(n), abs(n) + 1, gc.sum(abs(n))):
        assert not is_nonnegative(node)


# Dtypes that meet

MIXED: dict[str, tuple[Callable[[Node, Any], Node], Callable[[Any, Any], Any]]] = {
    "product": (lambda x, c: gc.log(gc.exp(x) * c), lambda x, c: x + np.log(c)),
    "quotient": (lambda x, c: gc.log(c / gc.exp(x)), lambda x, c: np.log(c) - x),
    "sum": (lambda x, c: gc.log(gc.exp(x) + c), lambda x, c: np.log(np.exp(x) + c)),
    "choice": (
        lambda x, c: gc.log(gc.where(x > 0, gc.exp(x), c)),
        lambda x, c: np.where(x > 0, x, np.log(c)),
    ),
    "sigmoid": (
        lambda x, c: gc.log(c * gc.nn.sigmoid(x)),
        lambda x, c: np.log(c) + special.log_expit(x),
    ),
    "array": (
        lambda x, c: gc.log(gc.exp(x) * np.full(3, c)),
        lambda x, c: x + np.log(c),
    ),
}


@STYLES
@pytest.mark.parametrize("narrow", [np.float32, np.float16])
@pytest.mark.parametrize("name", MIXED)
def test_logarithms_are_taken_in_the_wider_dtype(
    name: str, narrow: Any, style: str
) -> None:
    build, expected = MIXED[name]
    x = gc.input("x", (3,), "float64")
    values = np.array([-2.0, 0.3, 5.0])
    found = run(build(x, narrow(0.1)), style, x=values)
    assert found.dtype == np.float64
    exact = expected(values, np.float64(narrow(0.1)))
    np.testing.assert_allclose(found, exact, rtol=1e-14)


# Empty axes

EMPTY: dict[str, tuple[Callable[[Node, int], Node], float | None]] = {
    "log of a sum": (lambda x, k: gc.log(gc.sum(gc.exp(x), axis=k)), -np.inf),
    "softmax": (
        lambda x, k: gc.exp(x) / gc.sum(gc.exp(x), axis=k, keepdims=True),
        None,
    ),
    "log softmax": (
        lambda x, k: gc.log(gc.exp(x) / gc.sum(gc.exp(x), axis=k, keepdims=True)),
        None,
    ),
    "block": (lambda x, k: gc.nn.softmax(x, k), None),
    "block, log": (lambda x, k: gc.nn.log_softmax(x, k), None),
    "all axes": (lambda x, k: gc.log(gc.sum(gc.exp(x))), -np.inf),
    "over all": (lambda x, k: gc.exp(x) / gc.sum(gc.exp(x)), None),
}


@STYLES
@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize(
    ("shape", "fed"), [((2, 0), (2, 0)), (("n", "k"), (2, 0)), (("k",), (0,))]
)
def test_empty_axes(name: str, shape: Any, fed: Any, style: str) -> None:
    build, value = EMPTY[name]
    x = gc.input("x", shape)
    y = build(x, len(shape) - 1)
    found, slope = run([y, gc.grad(gc.sum(y), x)], style, x=np.zeros(fed, "f4"))
    expected = fed if value is None else () if name == "all axes" else fed[:-1]
    np.testing.assert_array_equal(found, np.full(expected, value or 0.0, "f4"))
    assert slope.shape == fed


# Infinities and signs of zeros


@STYLES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_rows_with_infinities(dtype: str, style: str) -> None:
    x = gc.input("x", (5, 3), dtype)
    rows = np.array(
        [
            [np.inf, 0.0, 5.0],
            [0.0, -np.inf, 1.0],
            [np.inf, np.inf, 0.0],
            [-np.inf, -np.inf, -np.inf],
            [1000.0, 0.0, -1000.0],
        ],
        dtype,
    )
    with np.errstate(all="ignore"):
        e = np.exp(rows)
        expected = e / e.sum(axis=1, keepdims=True)
    expected[4] = [1.0, 0.0, 0.0]
    for y in (
        gc.exp(x) / gc.sum(gc.exp(x), axis=1, keepdims=True),
        gc.exp(x) * (1 / gc.sum(gc.exp(x), axis=1)[:, None]),
        (gc.exp(x).T / gc.sum(gc.exp(x), axis=1)).T,
    ):
        np.testing.assert_allclose(run(y, style, x=rows), expected, rtol=1e-6)


SIGNS: dict[str, tuple[Callable[[Node], Node], list[float]]] = {
    "1 / (exp(-x) - 1)": (lambda x: 1 / (gc.exp(-x) - 1), [np.inf, np.inf]),
    "1 / (exp(x) - 1)": (lambda x: 1 / (gc.exp(x) - 1), [np.inf, np.inf]),
    "(1 / (exp(x) - 1))": (
        lambda x: gc.reciprocal(-1 + gc.exp(x).reshape(2)),
        [np.inf, np.inf],
    ),
    "(exp(-x) - 1)**-3": (lambda x: (gc.exp(-x) - 1) ** -3, [np.inf, np.inf]),
    "arctan2(log(1 - x), -1)": (
        lambda x: gc.arctan2(gc.log(1 - x), -1.0),
        [np.pi, np.pi],
    ),
    "1 / log(1 + x)": (lambda x: 1 / gc.log(1 + x), [np.inf, np.inf]),
    "1 / sqrt(log(1 + x))": (
        lambda x: 1 / gc.sqrt(3.0 * gc.log(1 + x)),
        [np.inf, np.inf],
    ),
    "coth": (
        lambda x: 1 / ((gc.exp(x) - gc.exp(-x)) / (gc.exp(x) + gc.exp(-x))),
        [np.inf, np.inf],
    ),
    "through a sum": (
        lambda x: 1 / gc.sum((gc.exp(-x) - 1)[:, None], axis=1),
        [np.inf, np.inf],
    ),
}


@STYLES
@pytest.mark.parametrize("name", SIGNS)
def test_signs_of_zeros_that_decide_an_infinity(name: str, style: str) -> None:
    build, expected = SIGNS[name]
    x = gc.input("x", (2,), "float64")
    found = run(build(x), style, x=np.array([0.0, -0.0]))
    np.testing.assert_allclose(found, expected)


@STYLES
def test_signs_of_a_derivative_that_something_divides_by(style: str) -> None:
    """Newton's step where the slope is 0: the direction is that of the written form."""
    x, w = gc.input("x", (3, 1)), gc.parameter("w", (1, 2), np.array([[-1.0, -2.0]]))
    slope = gc.grad(gc.sum(gc.nn.relu(x) @ w), x)
    by_rows = gc.grad(gc.sum(2.0 - x * gc.constant([[1.0], [-1.0], [0.0]])), x)
    feeds = {"x": np.array([[-1.0], [0.0], [2.0]], "f4")}
    for y in (1.0 / slope, 1.0 / gc.sum(slope[:2]), 1.0 / gc.sum(by_rows)):
        expected = gc.evaluate(y, feeds)
        np.testing.assert_array_equal(run(y, style, **feeds), expected)


def test_signs_that_nobody_sees_cost_nothing() -> None:
    x, w = gc.input("x", (2, 2)), gc.parameter("w", (2, 2), gc.init.ones())
    y = gc.nn.relu(gc.exp(x) - 1) @ w
    assert "expm1" in gc.compile(y).source
    assert "+ 0.0" not in gc.compile(y, style="readable").source


# No right number is lost

REGROUPED: dict[str, tuple[Callable[[Node], Node], str, float]] = {
    "half precision": (lambda x: gc.tanh(gc.exp(x) * x), "float16", 10.5),
    "single precision": (
        lambda x: 1 / (1 + gc.sqrt(1 - x) / x * gc.exp(-x * x)),
        "float16",
        0.003,
    ),
    "far left": (lambda x: gc.arctan(gc.exp(-x) / x), "float32", -60.0),
    "near 0": (lambda x: gc.exp(-1 / x) / x, "float32", 0.012),
}


@STYLES
@pytest.mark.parametrize("name", REGROUPED)
def test_derivatives_stay_numbers(name: str, style: str) -> None:
    build, dtype, value = REGROUPED[name]
    x = gc.input("x", (1,), dtype)
    first = gc.grad(gc.sum(build(x)), x)
    second = gc.grad(gc.sum(first), x)
    with np.errstate(all="ignore"):
        expected = gc.evaluate([first, second], {"x": np.array([value], dtype)})
    found = run([first, second], style, x=np.array([value], dtype))
    for a, b in zip(expected, found, strict=True):
        assert np.isfinite(b) or not np.isfinite(a)


# The user's error settings


@pytest.mark.parametrize("setting", ["raise", "warn"])
def test_error_settings_of_the_user_do_not_reach_the_passes(setting: Any) -> None:
    x = gc.input("x", (3,))
    h = gc.input("h", (3,), "float16")
    outputs = [
        1e38 * (1e38 * x),
        1e-30 * (1e-30 * x) + 3 * x,
        60000.0 * (h * 60000.0) * 2.0,
        gc.exp(gc.constant(100.0, "float32")) * x,
        gc.constant(1.0, "float32") / gc.constant(0.0, "float32") + x,
        gc.where(x > 0, 3e38, -3e38) + gc.exp(x) ** 3,
    ]
    with np.errstate(all=setting):
        compiled = [gc.compile(y) for y in outputs]
    assert all(compiled)


def test_a_logarithm_of_a_tower_of_products_is_taken_once_a_level() -> None:
    x = gc.input("x", (2,), "float64")
    power = gc.exp(x)
    for _ in range(10):
        power = power * power
    graph = optimize(Graph((gc.log(power),)))
    assert len(graph) < 30
    found = gc.compile(gc.log(power))(x=np.array([3.0, -2.0]))
    np.testing.assert_allclose(found, [3 * 2.0**10, -2 * 2.0**10])
