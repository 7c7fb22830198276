"""Special functions against mpmath and SciPy, over their whole range."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError, OptionError
from graphc.ops.special.quick_erfc import QUICK_ERFC

RNG = np.random.default_rng(5)
WIDE = np.concatenate(
    [
        RNG.uniform(-6.0, 6.0, 60),
        RNG.uniform(-26.0, 26.0, 40),
        RNG.uniform(-1.0, 1.0, 20) * 10.0 ** RNG.uniform(-12.0, 0.0, 20),
    ]
)
POSITIVE = np.concatenate(
    [
        RNG.uniform(0.0, 9.0, 60),
        10.0 ** RNG.uniform(-15.0, 5.0, 40),
        1.0 + RNG.uniform(-1e-3, 1e-3, 10),
        2.0 + RNG.uniform(-1e-3, 1e-3, 10),
    ]
)
NEGATIVE = RNG.uniform(-30.0, 0.0, 40)
PROBABILITIES = np.concatenate(
    [RNG.uniform(0.0, 1.0, 40), 10.0 ** RNG.uniform(-300.0, -1.0, 20)]
)


def _erfcinv(q: Any) -> Any:
    """By Newton's method for the logarithm, as mpmath's digits do not reach 1e-300."""
    if q > 0.1:
        return mpmath.erfinv(1 - q)
    y, logarithm = mpmath.sqrt(-mpmath.log(q)), mpmath.log(q)
    for _ in range(12):
        tail = mpmath.erfc(y)
        slope = tail * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(y * y)
        y += (mpmath.log(tail) - logarithm) * slope
    return y


def _erfinv(x: Any) -> Any:
    return mpmath.sign(x) * _erfcinv(1 - abs(x))


def _ndtr(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _scaled_bessel(order: int) -> Callable[[Any], Any]:
    return lambda x: mpmath.besseli(order, x) * mpmath.exp(-abs(x))


EXACT: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("erf", mpmath.erf, WIDE),
    ("erfc", mpmath.erfc, WIDE),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), WIDE),
    ("erfinv", _erfinv, np.append(RNG.uniform(-1.0, 1.0, 60), 1.0 - 2.0**-50)),
    ("erfcinv", _erfcinv, PROBABILITIES),
    ("ndtr", _ndtr, np.append(WIDE, RNG.uniform(-37.0, 0.0, 30))),
    (
        "log_ndtr",
        lambda x: mpmath.log1p(-_ndtr(-x)) if x > 0 else mpmath.log(_ndtr(x)),
        np.append(WIDE, -(10.0 ** RNG.uniform(0.0, 8.0, 20))),
    ),
    ("ndtri", lambda p: _erfinv(2 * p - 1) * mpmath.sqrt(2), PROBABILITIES[:40]),
    ("gammaln", mpmath.loggamma, POSITIVE),
    ("gamma", mpmath.gamma, np.append(POSITIVE[POSITIVE < 170.0], NEGATIVE)),
    ("digamma", mpmath.digamma, POSITIVE),
    ("i0", lambda x: mpmath.besseli(0, x), WIDE),
    ("i1", lambda x: mpmath.besseli(1, x), WIDE),
    ("i0e", _scaled_bessel(0), np.append(WIDE, 1e5)),
    ("i1e", _scaled_bessel(1), np.append(WIDE, 1e5)),
    ("k0e", lambda x: mpmath.besselk(0, x) * mpmath.exp(x), POSITIVE[::4]),
    ("k1e", lambda x: mpmath.besselk(1, x) * mpmath.exp(x), POSITIVE[::4]),
    ("entr", lambda x: -x * mpmath.log(x), POSITIVE),
    ("logit", lambda p: mpmath.log(p / (1 - p)), PROBABILITIES),
    ("exprel", lambda x: mpmath.expm1(x) / x, WIDE),
    ("cosm1", lambda x: mpmath.cos(x) - 1, WIDE),
    ("sinc", mpmath.sincpi, WIDE),
    ("expit", lambda x: 1 / (1 + mpmath.exp(-x)), WIDE),
    ("log_expit", lambda x: -mpmath.log1p(mpmath.exp(-x)), WIDE),
]


def _values(name: str, exact: Callable[[Any], Any], points: Any) -> tuple[Any, Any]:
    """What graphc and mpmath give."""
    function = getattr(gc.special, name)
    found = gc.evaluate(function(gc.constant(points)), {})
    with mpmath.workdps(60):
        expected = [float(exact(mpmath.mpf(float(point)))) for point in points]
    return found, np.array(expected)


@pytest.mark.parametrize(("name", "exact", "points"), EXACT, ids=lambda a: str(a)[:9])
def test_all_digits_are_mpmaths(
    name: str, exact: Callable[[Any], Any], points: Any
) -> None:
    # NumPy's own sinc rounds its argument, as it is multiplied by pi.
    error = 6e-12 if name == "sinc" else 8 * 2.0**-52
    found, expected = _values(name, exact, points)
    np.testing.assert_allclose(found, expected, rtol=error, atol=1e-307)
    narrow = points.astype("float32")
    narrow = narrow[(narrow != 0.0) & (narrow != 1.0)]
    found, expected = _values(name, exact, narrow)
    assert found.dtype == "float32"
    with np.errstate(over="ignore"):
        expected = expected.astype("float32")
    error = 3e-4 if name == "sinc" else 8 * 2.0**-23
    np.testing.assert_allclose(found, expected, rtol=error, atol=1e-37)


def test_bessel_functions_have_all_digits_of_their_amplitude() -> None:
    exact = {
        "j0": partial(mpmath.besselj, 0),
        "j1": partial(mpmath.besselj, 1),
        "y0": partial(mpmath.bessely, 0),
        "y1": partial(mpmath.bessely, 1),
    }
    amplitude = np.minimum(1.0, np.sqrt(2.0 / (np.pi * POSITIVE)))
    for name, function in exact.items():
        found, expected = _values(name, function, POSITIVE)
        scale = np.maximum(amplitude, np.abs(expected))
        assert np.max(np.abs(found - expected) / scale) < 16 * 2.0**-52, name


def test_incomplete_gamma_functions() -> None:
    a = 10.0 ** RNG.uniform(-5.0, 2.5, 40)
    x = a * 10.0 ** RNG.uniform(-1.0, 0.4, 40)
    x[:10] = 10.0 ** RNG.uniform(-6.0, 1.0, 10)
    special = gc.special
    lower, upper = gc.evaluate([special.gammainc(a, x), special.gammaincc(a, x)], {})
    with mpmath.workdps(60):
        pairs = [(mpmath.mpf(p), mpmath.mpf(q)) for p, q in zip(a, x, strict=True)]
        below = [float(mpmath.gammainc(*p, regularized=True)) for p in pairs]
        above = [float(mpmath.gammainc(p, 0, q, regularized=True)) for p, q in pairs]
    np.testing.assert_allclose(upper, below, rtol=3e-13, atol=1e-300)
    np.testing.assert_allclose(lower, above, rtol=3e-13, atol=1e-300)
    inside = (lower > 1e-200) & (lower < 0.9)
    inverse = gc.evaluate(special.gammaincinv(a[inside], lower[inside]), {})
    np.testing.assert_allclose(inverse, x[inside], rtol=1e-10)


@pytest.mark.parametrize(
    ("a", "deviations"), [(2e6, -8), (2e6, 4), (1e8, -1), (1e12, 2)]
)
def test_gammainc_of_large_numbers_is_the_integral_of_its_density(
    a: float, deviations: int
) -> None:
    """And takes no longer than that of small ones; beyond floats it is 0 or 1."""
    with mpmath.workdps(30):
        scale = mpmath.sqrt(a)
        x = float(a + deviations * scale)

        def density(u: Any) -> Any:
            return mpmath.exp((a - 1) * mpmath.log(u) - u - mpmath.loggamma(a))

        away = 1 if deviations > 0 else -1
        points = sorted(x + away * k * scale for k in (0, 0.5, 1, 2, 3, 5, 7, 10, 14))
        expected = float(mpmath.quad(density, points))
    function = gc.special.gammaincc if deviations > 0 else gc.special.gammainc
    np.testing.assert_allclose(gc.evaluate(function(a, x), {}), expected, rtol=3e-14)
    ends = gc.evaluate(gc.special.gammainc(np.array([1e38, 1e38]), [1.0, 1e39]), {})
    np.testing.assert_array_equal(ends, [0.0, 1.0])


def test_slopes_of_gammainc_of_large_numbers() -> None:
    a, x = gc.input("a", (), "float64"), gc.input("x", (), "float64")
    value = gc.special.gammainc(a, x)
    slope = gc.grad(value, a)
    for deviations in (-2.0, 0.0, 3.0):
        fed = 2e6 + deviations * np.sqrt(2e6)
        low, high = (
            gc.evaluate(value, {"a": 2e6 + d, "x": fed}) for d in (-30.0, 30.0)
        )
        found = gc.evaluate(slope, {"a": 2e6, "x": fed})
        np.testing.assert_allclose(found, (high - low) / 60.0, rtol=1e-3)


def test_derivatives_of_gammainc_by_both_arguments() -> None:
    a, x = (gc.input(name, (), "float64") for name in "ax")
    points = {"a": 1.7, "x": 2.3}
    value = gc.special.gammainc(a, x)
    for order in range(1, 4):
        value = gc.grad(value, a)
        mixed = gc.grad(value, x)
        with mpmath.workdps(40):
            found = gc.evaluate([value, mixed], points)
            expected = [
                mpmath.diff(
                    lambda p, q: mpmath.gammainc(p, 0, q, regularized=True),
                    (1.7, 2.3),
                    orders,
                )
                for orders in ((order, 0), (order, 1))
            ]
        np.testing.assert_allclose(found, [float(e) for e in expected], rtol=1e-10)


def test_orders_of_polygamma_and_zeta() -> None:
    x = gc.input("x", ("n",), "float64")
    points = np.concatenate([POSITIVE[:80], NEGATIVE[:20]])
    for n in (1, 2, 3, 6):
        found = gc.evaluate(gc.special.polygamma(n, x), {"x": points})
        with mpmath.workdps(40):
            expected = [float(mpmath.polygamma(n, mpmath.mpf(p))) for p in points]
        poles = gc.evaluate(gc.special.polygamma(n, [0.0, -1.0, -2.0]), {})
        np.testing.assert_array_equal(poles[1:], np.inf if n % 2 else np.nan)
        assert np.isinf(poles[0])
        # Of negative arguments relative to the terms of the reflection formula.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
    for s in (1.25, 2, 7.5, 40):
        found = gc.evaluate(gc.special.zeta(s, x), {"x": points[:80]})
        with mpmath.workdps(250):
            expected = [float(mpmath.zeta(s, mpmath.mpf(p))) for p in points[:80]]
        np.testing.assert_allclose(found, expected, rtol=2e-15)


def test_betaln_of_numbers_of_very_different_size() -> None:
    pairs = list(itertools.product([1e-6, 0.3, 2.5, 4.0, 50.0, 1e6, 1e12], repeat=2))
    a, b = np.array(pairs).T
    with mpmath.workdps(60):
        expected = [
            float(mpmath.loggamma(p) + mpmath.loggamma(q) - mpmath.loggamma(p + q))
            for p, q in (map(mpmath.mpf, pair) for pair in pairs)
        ]
    found = gc.evaluate(gc.special.betaln(a, b), {})
    np.testing.assert_allclose(found, expected, rtol=2e-15, atol=1e-15)


def test_derivatives_to_order_four() -> None:
    """Of functions whose derivatives are made of others, against mpmath's."""
    x = gc.input("x", (), "float64")
    functions: list[tuple[str, Callable[[Any], Any], float]] = [
        ("erf", mpmath.erf, 0.4),
        ("erfinv", mpmath.erfinv, 0.3),
        ("ndtri", lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), 0.3),
        ("log_ndtr", lambda t: mpmath.log(_ndtr(t)), -1.3),
        ("gammaln", mpmath.loggamma, 2.3),
        ("gamma", mpmath.gamma, -1.4),
        ("digamma", mpmath.digamma, -0.7),
        ("i0e", lambda t: mpmath.exp(-t) * mpmath.besseli(0, t), 1.5),
        ("i1", lambda t: mpmath.besseli(1, t), 0.0),
        ("j1", partial(mpmath.besselj, 1), 0.0),
        ("j0", partial(mpmath.besselj, 0), 3.7),
        ("sinc", mpmath.sincpi, 0.0),
        ("sinc", mpmath.sincpi, 1.7),
    ]
    for name, exact, point in functions:
        value = getattr(gc.special, name)(x)
        for order in range(1, 5):
            value = gc.grad(value, x)
            found = gc.evaluate(value, {"x": point})
            with mpmath.workdps(60):
                expected = float(mpmath.diff(exact, point, order))
            assert found == pytest.approx(expected, rel=1e-11, abs=1e-11), (name, order)


def test_log_ndtr_is_smooth_in_both_tails() -> None:
    x = gc.input("x", ("n",), "float64")
    points = np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    slope = gc.grad(gc.sum(gc.special.log_ndtr(x)), x)
    curvature = gc.grad(gc.sum(slope), x)
    first, second = gc.evaluate([slope, curvature], {"x": points})
    root = np.sqrt(2.0 / np.pi)
    np.testing.assert_allclose(first, [1e4 + 1e-4, 40.024969, root, 0, 0], 1e-6, 1e-300)
    np.testing.assert_allclose(second, [-1, -0.999378, -(root**2), 0, 0], 1e-5, 1e-300)


UNARY = (
    *("digamma", "entr", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp2", "expit"),
    *("expm1", "gamma", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_expit"),
    *("log_ndtr", "logit", "ndtr", "ndtri", "psi", "cbrt", "sinc", "j0", "j1", "y0"),
    *("y1", "k0", "k0e", "k1", "k1e"),
)
BINARY = (
    *("beta", "betaln", "huber", "kl_div", "pseudo_huber", "rel_entr", "xlog1py"),
    *("xlogy", "gammainc", "gammaincc"),
)
SPECIAL = np.array([0.0, 0.25, -0.5, 1.0, 3.0, -2.5, np.inf, np.nan])
DTYPES = ("int32", "uint32", "int64", "uint64")


@pytest.mark.peer
def test_special_values_and_dtypes_are_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    for name in UNARY:
        ours, theirs = getattr(gc.special, name), getattr(special, name)
        # SciPy has no limits of Bessel functions at infinity.
        bounded = name in ("j0", "j1", "y0", "y1")
        _agree(ours, theirs, SPECIAL[np.abs(SPECIAL) < 9] if bounded else SPECIAL, name)
        if name not in ("cbrt", "exp2", "expm1", "log1p", "sinc", "i0"):
            for dtype in DTYPES:
                _agree(ours, theirs, np.array([0, 1, 1]).astype(dtype), name)
    for name in BINARY:
        ours, theirs = getattr(gc.special, name), getattr(special, name)
        x, y = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
        if name in ("huber", "pseudo_huber", "beta", "betaln", "kl_div"):
            keep = np.isfinite(x) & np.isfinite(y) & ((x != 0.0) | (y != 0.0))
            x, y = x[keep], y[keep]
        _agree(partial(_swapped, ours, y), partial(_swapped, theirs, y), x, name)
    for axis in (None, 0, -1):
        x = np.arange(6.0).reshape(2, 3) * 200.0
        for name in ("softmax", "log_softmax"):
            found = gc.evaluate(getattr(gc.special, name)(x, axis=axis), {})
            np.testing.assert_allclose(found, getattr(special, name)(x, axis=axis))
    found = gc.evaluate(gc.special.multigammaln([2.0, 5.5], 3), {})
    np.testing.assert_allclose(found, special.multigammaln([2.0, 5.5], 3))
    # SciPy hands its own functions over, too.
    assert special.erf(gc.input("x", (2,))).op is gc.special.erf(gc.input("x", ())).op


def _swapped(function: Any, y: Any, x: Any) -> Any:
    return function(x, y)


def _agree(ours: Any, theirs: Any, x: Any, name: str) -> None:
    with np.errstate(all="ignore"):
        expected = np.asarray(theirs(x))
    found = gc.evaluate(ours(gc.constant(x)), {})
    assert found.dtype == expected.dtype, (name, x.dtype)
    error = 1e-6 if found.dtype == "float32" else 1e-12
    np.testing.assert_allclose(found, expected, rtol=error, err_msg=name)


@pytest.mark.peer
def test_functions_made_of_others_are_scipys() -> None:
    special = pytest.importorskip("scipy.special")
    x, y = RNG.uniform(0.1, 3.0, (2, 40))
    y[:5], y[5:10] = 0.0, 1e-9
    for name in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p", "powm1", "poch"):
        found = gc.evaluate(getattr(gc.special, name)(x, y), {})
        np.testing.assert_allclose(found, getattr(special, name)(x, y), 1e-12, 1e-15)
    found = gc.evaluate(gc.special.binom(x + y, y), {})
    np.testing.assert_allclose(found, special.binom(x + y, y), 1e-12)
    for name in ("rgamma", "gammasgn"):
        found = gc.evaluate(getattr(gc.special, name)(x - 2.0), {})
        np.testing.assert_allclose(found, getattr(special, name)(x - 2.0), 1e-12)
    kinds = ("chebyt", "chebyu", "hermite", "hermitenorm", "laguerre", "legendre")
    for name, order in itertools.product(kinds, (0, 1, 2, 7)):
        found = gc.evaluate(getattr(gc.special, f"eval_{name}")(order, x), {})
        expected = getattr(special, f"eval_{name}")(order, x)
        np.testing.assert_allclose(found, expected, 1e-10, 1e-10)


def test_derivatives_by_the_power_of_boxcox_where_it_is_zero() -> None:
    power = gc.input("power", (), "float64")
    log3 = np.log(3.0)
    slopes = {
        "boxcox": (log3**2 / 2.0, log3**3 / 3.0),
        "inv_boxcox": (-4.5 * np.exp(3.0), 38.25 * np.exp(3.0)),
    }
    for name, expected in slopes.items():
        first = gc.grad(getattr(gc.special, name)(3.0, power), power)
        both = gc.evaluate([first, gc.grad(first, power)], {"power": 0.0})
        np.testing.assert_allclose(both, expected, rtol=1e-12)


def test_nothing_is_nan_where_a_factor_is_zero() -> None:
    x, y = (gc.input(name, (2,), "float64") for name in "xy")
    feeds = {"x": [0.0, 0.0], "y": [0.0, 3.0]}
    log3 = np.log(3.0)
    slopes = {
        "xlogy": ([0.0, log3], [0.0, 0.0]),
        "rel_entr": ([0.0, -np.inf], [0.0, 0.0]),
        "kl_div": ([0.0, -np.inf], [1.0, 1.0]),
    }
    for name, expected in slopes.items():
        value = getattr(gc.special, name)(x, y)
        found, _ = gc.evaluate([gc.grad(gc.sum(value), [x, y]), [x, y]], feeds)
        for each, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(each, wanted)
    value = gc.special.xlog1py(x, y)
    slope = gc.grad(gc.sum(value), [x, y])
    found, _ = gc.evaluate([slope, [x, y]], {"x": [0.0, 0.0], "y": [-1.0, 2.0]})
    np.testing.assert_allclose(found, [[0.0, log3], [0.0, 0.0]])


def test_a_node_has_no_methods_of_these_names() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = gc.input("x", (3,)).erf
    assert getattr(caught.value, "hint", None) == "gc.special.erf(node)"


def test_float16_stays_and_numbers_are_weak() -> None:
    x = gc.input("x", (3,), "float16")
    value = gc.special.xlogy(x, 2.0)
    assert value.dtype == gc.special.erf(x).dtype == "float16"
    given = np.array([0.0, 0.5, 2.0], "float16")
    slope = gc.grad(gc.sum(gc.special.gammaln(x + 1.0)), x)
    assert gc.evaluate(slope, {"x": given}).dtype == "float16"
    for dtype, expected in (("int32", "float64"), ("int8", "float32")):
        assert gc.special.erf(gc.input("y", (2,), dtype)).dtype == expected


def test_programs_carry_what_they_call_once() -> None:
    x = gc.input("x", ("n",))
    value = gc.special.erf(x) + gc.special.erf(x * 2.0) + gc.special.ndtri(x)
    for style in ("readable", "fast"):
        function = gc.compile(value, style=style)
        for name in ("scaled_erfc", "erfc", "erf", "inverse_erf", "ndtri"):
            assert function.source.count(f"def {name}(") == 1
        assert "def erfinv(" not in function.source
        assert "def gammaln(" not in function.source
        points = np.array([0.1, 0.5, 0.75], "float32")
        expected = gc.evaluate(value, {"x": points})
        np.testing.assert_allclose(function(x=points), expected, rtol=1e-6)
    assert "def scaled_erfc(" not in gc.compile(gc.exp(x)).source


def test_programs_that_are_run_in_float64_have_all_digits() -> None:
    """As they are when they check their gradients by finite differences."""
    w = gc.parameter("w", (3,), [0.1, 0.5, 0.75])
    value = gc.special.ndtri(w) * gc.special.gammaln(w) + gc.special.polygamma(1, w)
    namespace: dict[str, Any] = {}
    exec(gc.compile(value, style="readable").source, namespace)
    wide = np.array([0.1, 0.5, 0.75])
    (found,) = namespace["compute"]({"w": wide})
    assert found.dtype == "float64"
    expected = gc.evaluate(gc.special.polygamma(1, wide), {})
    scale = gc.evaluate(gc.special.ndtri(wide) * gc.special.gammaln(wide), {})
    np.testing.assert_allclose(found, expected + scale, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: gc.special.polygamma(-1, x), "n must be an integer from 0 on"),
        (lambda x: gc.special.polygamma(1.5, x), "n must be"),
        (lambda x: gc.special.multigammaln(x, 0), "d must be"),
        (lambda x: gc.special.zeta(1.0, x), "x must be a number above 1"),
        (lambda x: gc.special.zeta(x, x), "x must be"),
        (lambda x: gc.special.gammainc(x, gc.input("y", (4,))), "broadcast"),
        (lambda x: gc.special.eval_legendre(-1, x), "n must be an integer from 0"),
        (lambda x: gc.special.eval_hermite(201, x), "n must be at most 200"),
        (lambda x: gc.special.boxcox(x, gc.input("y", (4,))), "broadcast"),
        (lambda x: gc.special.j0(1j), "must be numbers or booleans"),
        (lambda x: gc.special.erf(1j), "must be numbers or booleans"),
        (lambda x: gc.special.xlogy(x, gc.input("y", (4,))), "broadcast"),
        (lambda x: gc.special.softmax(x, axis=2), "axis 2"),
    ],
)
def test_bad_input(call: Callable[[Any], Any], says: str) -> None:
    with pytest.raises(GraphcError, match=says) as caught:
        call(gc.input("x", (3,)))
    assert str(caught.value.location).startswith(__file__)
    assert not isinstance(caught.value, OptionError) or caught.value.node


def test_the_quick_erfc_keeps_its_digits_in_both_tails() -> None:
    points = np.concatenate([np.linspace(-6, 6, 301), [-30.0, 10.0, 20.0, 26.0]])
    x = gc.input("x", ("n",), "float64")
    value = gc.evaluate(QUICK_ERFC(x), {"x": points})
    with mpmath.workdps(40):
        exact = np.array([float(mpmath.erfc(mpmath.mpf(p))) for p in points])
    near = np.abs(points) <= 6
    np.testing.assert_allclose(value[near], exact[near], rtol=1e-14)
    np.testing.assert_allclose(value, exact, rtol=2e-13)
    x = gc.input("x", ("n",))
    narrow = gc.evaluate(QUICK_ERFC(x), {"x": points[:301].astype("float32")})
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow[50:-50], exact[50:251], rtol=5e-6)
