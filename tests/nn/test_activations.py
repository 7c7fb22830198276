"""Activations against formulas in long form, and at the ends of the number line."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError, IndexRangeError, OptionError
from tests.nn.support import no_floating_point_warning

POINTS = np.array([-30.0, -5.0, -1.0, -0.1, -1e-9, 0.0, 1e-9, 0.3, 1.0, 4.0, 30.0])


def _phi(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _selu(x: Any) -> Any:
    scale, alpha = 1.0507009873554804934, 1.6732632423543772848
    return scale * (x if x > 0 else alpha * (mpmath.exp(x) - 1))


def _threshold(x: Any) -> Any:
    return x if x > 0.3 else 2.0


EXACT: dict[str, tuple[Any, Any]] = {
    "relu": (gc.nn.relu, lambda x: max(x, 0)),
    "sigmoid": (gc.nn.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "tanh": (gc.nn.tanh, mpmath.tanh),
    "softplus": (
        lambda x: gc.nn.softplus(x, threshold=6e4),
        lambda x: mpmath.log(1 + mpmath.exp(x)),
    ),
    "softplus_beta": (
        lambda x: gc.nn.softplus(x, beta=2.0, threshold=6e4),
        lambda x: mpmath.log(1 + mpmath.exp(2 * x)) / 2,
    ),
    "logsigmoid": (gc.nn.logsigmoid, lambda x: -mpmath.log(1 + mpmath.exp(-x))),
    "silu": (gc.nn.silu, lambda x: x / (1 + mpmath.exp(-x))),
    "gelu": (gc.nn.gelu, lambda x: x * _phi(x)),
    "leaky_relu": (gc.nn.leaky_relu, lambda x: x if x > 0 else x / 100),
    "elu": (
        lambda x: gc.nn.elu(x, 1.5),
        lambda x: x if x > 0 else 1.5 * (mpmath.exp(x) - 1),
    ),
    "hardtanh": (gc.nn.hardtanh, lambda x: min(max(x, -1), 1)),
    "relu6": (gc.nn.relu6, lambda x: min(max(x, 0), 6)),
    "celu": (
        lambda x: gc.nn.celu(x, 1.5),
        lambda x: x if x > 0 else 1.5 * (mpmath.exp(x / 1.5) - 1),
    ),
    "selu": (gc.nn.selu, _selu),
    "mish": (gc.nn.mish, lambda x: x * mpmath.tanh(mpmath.log(1 + mpmath.exp(x)))),
    "softsign": (gc.nn.softsign, lambda x: x / (1 + abs(x))),
    "hardswish": (gc.nn.hardswish, lambda x: x * min(max(x + 3, 0), 6) / 6),
    "hardsigmoid": (gc.nn.hardsigmoid, lambda x: min(max(x + 3, 0), 6) / 6),
    "softshrink": (
        gc.nn.softshrink,
        lambda x: x - 0.5 * mpmath.sign(x) if abs(x) > 0.5 else 0,
    ),
    "hardshrink": (gc.nn.hardshrink, lambda x: x if abs(x) > 0.5 else 0),
    "threshold": (lambda x: gc.nn.threshold(x, 0.3, 2.0), _threshold),
    "rrelu": (gc.nn.rrelu, lambda x: x if x > 0 else x * 11 / 48),
}


@pytest.mark.parametrize("name", EXACT)
def test_values_keep_their_digits(name: str) -> None:
    """Relative to 50 digits of mpmath, also where the value is tiny."""
    function, exact = EXACT[name]
    x = gc.input("x", POINTS.shape, "float64")
    with mpmath.workdps(50):
        expected = [float(exact(mpmath.mpf(point))) for point in POINTS]
    value = gc.evaluate(function(x), {"x": POINTS})
    np.testing.assert_allclose(value, expected, rtol=3e-13, atol=0)


@pytest.mark.parametrize(
    "name",
    [
        *("sigmoid", "silu", "softplus", "logsigmoid", "elu", "leaky_relu", "gelu"),
        *("celu", "selu", "mish", "softsign"),
    ],
)
def test_single_precision_keeps_its_digits(name: str) -> None:
    """To a few units in the last place, from where a value underflows to saturation."""
    function, exact = EXACT[name]
    points = np.linspace(-85, 45, 2601).astype("f4")
    if name == "gelu":
        # The argument of its exponential is squared, and rounded before.
        points = points[np.abs(points) < 4]
    x = gc.input("x", points.shape)
    with mpmath.workdps(50):
        expected = [float(exact(mpmath.mpf(float(point)))) for point in points]
    with np.errstate(under="ignore"):
        value = gc.evaluate(function(x), {"x": points})
    rtol = (60 if name == "gelu" else 6) * np.finfo("f4").eps
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_sigmoid_saturates_at_1(dtype: str) -> None:
    points = np.array([9.0, 11.0, 11.1, 40.0, 50.0, 51.0, 88.0, 1e4, np.inf], dtype)
    x = gc.input("x", points.shape, dtype)
    y = gc.nn.sigmoid(x)
    value, slope = gc.evaluate([y, gc.grad(gc.sum(y), x)], {"x": points})
    expected = 1 / (1 + np.exp(-points.astype("longdouble")))
    np.testing.assert_allclose(value, expected, rtol=np.finfo(dtype).eps)
    saturated = expected.astype(dtype) == 1.0
    assert saturated.sum() >= 3
    np.testing.assert_array_equal(value[saturated], 1.0)
    np.testing.assert_array_equal(slope[saturated], 0.0)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_inputs_neither_warn_nor_give_nan(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, _ = EXACT[name]
    x = gc.input("x", (4,), dtype)
    y = function(x)
    points = np.array([-1e4, -1e3, 1e3, 1e4], dtype)
    with no_floating_point_warning(monkeypatch):
        value, slope = gc.evaluate([y, gc.grad(gc.sum(y), x)], {"x": points})
    assert value.dtype == slope.dtype == np.dtype(dtype)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_at_its_tails(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = gc.input("x", (6,), dtype)
    points = np.array([-np.inf, -1e4, -20.0, 20.0, 1e4, np.inf], dtype)
    y = gc.nn.sigmoid(x)
    with no_floating_point_warning(monkeypatch):
        value, slope = gc.evaluate([y, gc.grad(gc.sum(y), x)], {"x": points})
    expected = [0.0, 0.0, np.exp(-20.0) / (1 + np.exp(-20.0)), 1 - 2e-9, 1.0, 1.0]
    np.testing.assert_allclose(value, expected, rtol=2e-6)
    assert slope[0] == slope[1] == slope[4] == slope[5] == 0.0
    np.testing.assert_allclose(slope[2], value[2], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_dtype_is_kept(name: str, dtype: str) -> None:
    x = gc.input("x", ("n",), dtype)
    y = EXACT[name][0](x)
    assert y.type == x.type
    assert gc.evaluate(y, {"x": np.zeros(3, dtype)}).dtype == dtype


@pytest.mark.parametrize(
    ("function", "at", "slope"),
    [
        (lambda x: gc.nn.leaky_relu(x, -0.5), 0.0, -0.5),
        (lambda x: gc.nn.leaky_relu(x, 3.0), 0.0, 3.0),
        (lambda x: gc.nn.leaky_relu(x, 0.0), 0.0, 0.0),
        (gc.nn.relu, 0.0, 0.0),
        (gc.nn.relu6, 0.0, 0.0),
        (gc.nn.relu6, 6.0, 0.0),
        (gc.nn.hardtanh, 1.0, 0.0),
        (gc.nn.leaky_relu, 0.0, 0.01),
        (lambda x: gc.nn.elu(x, 2.0), 0.0, 2.0),
        (gc.nn.softplus, 0.0, 0.5),
        (gc.nn.logsigmoid, 0.0, 0.5),
        (gc.nn.sigmoid, 0.0, 0.25),
        (gc.nn.celu, 0.0, 1.0),
        (gc.nn.hardsigmoid, 3.0, 0.0),
        (gc.nn.hardsigmoid, -3.0, 0.0),
        (gc.nn.hardshrink, 0.5, 0.0),
        (gc.nn.softshrink, -0.5, 0.0),
        (lambda x: gc.nn.threshold(x, 0.5, 2.0), 0.5, 0.0),
        (lambda x: gc.nn.prelu(x, [0.25]), 0.0, 0.25),
    ],
)
def test_slope_at_the_bend(function: Any, at: float, slope: float) -> None:
    x = gc.input("x", (), "float64")
    y = function(x)
    assert gc.evaluate(gc.grad(y, x), {"x": at}) == slope
    assert gc.evaluate(gc.jvp(y, x, 1.0), {"x": at}) == slope


def test_relu_keeps_integers() -> None:
    x = gc.input("x", (3,), "int64")
    np.testing.assert_array_equal(
        gc.evaluate(gc.nn.relu(x), {"x": [-2, 0, 3]}), [0, 0, 3]
    )


def test_a_threshold_of_softplus_is_kept() -> None:
    x = gc.input("x", (3,), "float64")
    y = gc.nn.softplus(x, beta=2.0, threshold=1.0)
    value, slope = gc.evaluate(
        [y, gc.grad(gc.sum(y), x)], {"x": np.array([0.4, 0.6, 3.0])}
    )
    np.testing.assert_allclose(value, [np.log1p(np.exp(0.8)) / 2, 0.6, 3.0])
    np.testing.assert_allclose(slope, [1 / (1 + np.exp(-0.8)), 1.0, 1.0])


# Softmax


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 4)])
def test_softmax_is_exponentials_over_their_sum(
    shape: tuple[int, ...], dim: int
) -> None:
    points = np.random.default_rng(0).normal(size=shape) * 3
    x = gc.input("x", shape, "float64")
    soft, logs = gc.evaluate(
        [gc.nn.softmax(x, dim), gc.nn.log_softmax(x, dim)], {"x": points}
    )
    exponentials = np.exp(points)
    expected = exponentials / exponentials.sum(axis=dim, keepdims=True)
    np.testing.assert_allclose(soft, expected, rtol=1e-13)
    np.testing.assert_allclose(logs, np.log(expected), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_of_huge_logits(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = gc.input("x", (3, 3), dtype)
    points = np.array([[-1e4, 0, 1e4], [1e4, 1e4, 1e4], [-np.inf, 0, 0]], dtype)
    soft, logs = gc.nn.softmax(x, 1), gc.nn.log_softmax(x, 1)
    slopes = [gc.grad(gc.sum(y[:2, 2]), x) for y in (soft, logs)]
    with no_floating_point_warning(monkeypatch):
        values = gc.evaluate([soft, logs, *slopes], {"x": points})
    third = 1 / 3
    np.testing.assert_allclose(
        values[0], [[0, 0, 1], [third] * 3, [0, 0.5, 0.5]], rtol=1e-6
    )
    np.testing.assert_allclose(values[1][0], [-2e4, -1e4, 0.0])
    assert values[1][2, 0] == -np.inf
    np.testing.assert_allclose(values[3][0], [0, 0, 0], atol=0)
    np.testing.assert_allclose(values[3][1], [-third, -third, 1 - third], rtol=1e-6)
    assert np.isfinite(values[2]).all()


def test_softmax_of_no_rows() -> None:
    x = gc.input("x", ("batch", 3))
    assert gc.evaluate(gc.nn.softmax(x, 1), {"x": np.zeros((0, 3), "f4")}).shape == (
        0,
        3,
    )


def test_tanh_form_of_gelu_where_float16_squares_overflow() -> None:
    """Far out it is x or 0, so its slope is 1 or 0 and does not change."""
    fed = np.array([-3000.0, -256.0, -20.0, 20.0, 256.0, 3000.0])
    x = gc.input("x", ("n",), "float16")
    y = gc.nn.gelu(x, approximate="tanh")
    slope = gc.grad(gc.sum(y * 0.5), x) * 2.0
    outputs = [y, slope, gc.grad(gc.sum(slope), x)]
    feeds = {"x": fed.astype("float16")}
    for found in (gc.evaluate(outputs, feeds), gc.compile(outputs)(**feeds)):
        for value, expected in zip(
            found, (fed * (fed > 0), fed > 0, 0 * fed), strict=True
        ):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_slope_of_leaky_relu_at_0_is_that_of_the_left(zero: float) -> None:
    """As torch's: the slope is 1 above 0 only."""
    x = gc.input("x", (), "float64")
    slope = gc.grad(gc.nn.leaky_relu(x, 0.25), x)
    assert gc.evaluate(slope, {"x": zero}) == 0.25
    assert gc.compile(slope)(x=zero) == 0.25


# Errors


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x, k: gc.nn.sigmoid(k), DTypeError, "floating dtype, got int64"),
        (lambda x, k: gc.nn.softmax(k, 0), DTypeError, "floating dtype"),
        (lambda x, k: gc.nn.relu(k > 0), DTypeError, "requires numbers"),
        (lambda x, k: gc.nn.softmax(x, 2), IndexRangeError, "dim 2 is out of range"),
        (lambda x, k: gc.nn.log_softmax(x, -3), IndexRangeError, "dim -3"),
        (lambda x, k: gc.nn.softmax(x, None), TypeError, "dim must be an integer"),
        (lambda x, k: gc.nn.softplus(x, beta=0), OptionError, "beta must be positive"),
        (lambda x, k: gc.nn.gelu(x, "erf"), OptionError, '"none" or "tanh"'),
        (lambda x, k: gc.nn.hardtanh(x, 1, -1), OptionError, "min_val <= max_val"),
        (lambda x, k: gc.nn.celu(x, 0.0), OptionError, "alpha must be positive"),
        (lambda x, k: gc.nn.softshrink(x, -1.0), OptionError, "lambd must not"),
        (lambda x, k: gc.nn.glu(x), GraphcError, "requires an even size along dim -1"),
        (lambda x, k: gc.nn.glu(x, 2), IndexRangeError, "dim 2 is out of range"),
        (
            lambda x, k: gc.nn.prelu(x, np.ones(2)),
            GraphcError,
            "each of the 3 channels",
        ),
        (lambda x, k: gc.nn.rrelu(x, 0.5, 0.25), OptionError, "lower <= upper"),
        (lambda x, k: gc.nn.threshold(k, 0.5, 0.25), DTypeError, "floating"),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    x = gc.input("x", ("batch", 3))
    k = gc.input("k", ("batch",), "int64")
    with pytest.raises(error) as caught:
        call(x, k)
    assert isinstance(caught.value, GraphcError)
    assert says in str(caught.value)
    assert __file__ in str(caught.value)
    assert caught.value.node
