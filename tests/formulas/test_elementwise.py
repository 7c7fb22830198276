"""Ops of formulas: values and derivatives of two orders are those of SymPy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import graphc as gc
from graphc.errors import (
    ArgumentError,
    DifferentiationError,
    GraphcError,
    NamingError,
    OptionError,
    UnsupportedError,
)
from graphc.ir import OPS, Graph, verify
from graphc.ir.fingerprint import graph_hash
from graphc.passes.pipeline import optimize
from tests.styles import STYLES

x, y = sympy.symbols("x y")
Piecewise = sympy.Piecewise

ONE = {
    "wave packet": sympy.exp(-(x**2)) * sympy.cos(3 * x),
    "sigmoid": 1 / (1 + sympy.exp(-x)),
    "softplus": sympy.log(1 + sympy.exp(x)),
    "log cosh": sympy.log(sympy.cosh(x)),
    "secant": 1 / sympy.cosh(x),
    "quotient": sympy.cosh(2 * x) / (1 + sympy.cosh(2 * x)),
    "swish": x / (1 + sympy.exp(-x)),
    "rational": (x**3 - 2 * x) / (x**2 + 3),
    "root": sympy.sqrt(1 + x**2) / 3,
    "gelu": x * sympy.erf(x / sympy.sqrt(2)) + sympy.erfc(x),
    "gamma": sympy.loggamma(1 + x**2) + sympy.digamma(2 + x**2),
    "arcs": sympy.atan(x) * sympy.asinh(x) + sympy.acot(2 + x**2),
    "pieces": Piecewise((sympy.log(x), x > 1), (x - 1, x > -1), (-(x**2), True)),
    "sinc": Piecewise((1, sympy.Eq(x, 0)), (sympy.sin(x) / x, True)),
    "huber": Piecewise((x**2 / 2, sympy.Abs(x) < 1), (sympy.Abs(x) - 0.5, True)),
    "steps": x * sympy.floor(x) + sympy.sign(x) * x + sympy.Mod(x, 3),
    "constants": sympy.pi * x**4 / sympy.E + sympy.sqrt(2),
    "powers": 2**x + (1 + x**2) ** sympy.Rational(-3, 2),
}
POINTS = np.array([-1e4, -750.0, -20.3, -2.3, -0.7, 1e-3, 0.4, 1.9, 15.7, 800.0, 1e4])


def exact(expression: Any, symbols: tuple[Any, ...], *columns: Any) -> Any:
    """The values in many digits; NaN where they are not finite."""
    function = sympy.lambdify(symbols, expression, "mpmath")
    values: list[float] = []
    with mpmath.workdps(60):
        for point in zip(*columns, strict=True):
            try:
                values.append(float(function(*map(mpmath.mpf, point))))
            except (OverflowError, ValueError, ZeroDivisionError):
                values.append(np.nan)
    return np.array(values)


def of_real(expression: Any) -> Any:
    real = sympy.Symbol("x", real=True)
    expression = expression.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
    held = {step: sympy.Dummy() for step in expression.atoms(sympy.floor, sympy.sign)}
    back = {dummy: step for step, dummy in held.items()}
    found = [expression]
    for _ in range(2):
        found.append(found[-1].xreplace(held).subs(x, real).diff(real).subs(real, x))
    found = [each.replace(sympy.DiracDelta, lambda *_: 0) for each in found]
    return [each.xreplace(back) for each in found]


@pytest.mark.parametrize("name", ONE)
def test_values_and_derivatives_are_exact_and_finite_at_all_magnitudes(
    name: str,
) -> None:
    formula = gc.elementwise("formula", ONE[name], x)
    v = gc.input("v", (len(POINTS),), "float64")
    value = formula(v)
    slope = gc.grad(gc.sum(value), v)
    curvature = gc.grad(gc.sum(slope), v, unused="zeros")
    results = gc.evaluate([value, slope, curvature], {"v": POINTS})
    # Ends of pieces and steps are between the points.
    tangent = gc.jvp(value, v, gc.ones(v.shape, "float64"))
    np.testing.assert_array_equal(gc.evaluate(tangent, {"v": POINTS}), results[1])
    for order, (found, expression) in enumerate(
        zip(results, of_real(ONE[name]), strict=True)
    ):
        expected = exact(expression, (x,), POINTS)
        known = np.isfinite(expected)
        assert known.sum() >= 7
        scale = 1e-9 * np.abs(expected[known]) + 1e-12 * 10.0 ** (3 * order)
        difference = np.abs(found[known] - expected[known])
        assert (difference <= scale).all(), (order, found, expected)


TWO = {
    "product": sympy.exp(-x * y) * sympy.sin(x + y**2),
    "maximum": sympy.Max(x, y) * sympy.Min(x**2, 2 * y),
    "arc": sympy.atan2(x, y) * sympy.Abs(x - y),
    "power": (1 + x**2) ** y,
    "pieces": Piecewise((sympy.sqrt(x * y), x * y > 0), (x - y, True)),
    "one of two": sympy.cos(y),
}


@pytest.mark.parametrize("name", TWO)
def test_of_two_arguments(name: str) -> None:
    rng = np.random.default_rng(0)
    formula = gc.elementwise("formula", TWO[name], [x, y])
    a, b = gc.input("a", (3, 1), "float64"), gc.input("b", (4,), "float64")
    value = formula(a, b)
    assert value.shape == (3, 4)
    feeds = {"a": rng.normal(size=(3, 1)), "b": rng.normal(size=4)}
    left, right = np.broadcast_arrays(feeds["a"], feeds["b"])
    expected = exact(TWO[name], (x, y), left.ravel(), right.ravel()).reshape(3, 4)
    np.testing.assert_allclose(gc.evaluate(value, feeds), expected, rtol=1e-12)
    loss = gc.sum(value * value)
    gradients = gc.grad(loss, [a, b], unused="zeros")
    moved = [b] if name == "one of two" else [a, b]
    assert gc.check_gradients(loss, moved, feeds).passed
    other = gc.sum(gradients[1] * b)
    assert gc.check_gradients(other, [b], feeds).passed


def test_growing_exponentials_of_several_arguments_and_half_lines() -> None:
    p = sympy.Symbol("p", positive=True)
    added = gc.elementwise("added", sympy.log(sympy.exp(x) + sympy.exp(y)), [x, y])
    planck = gc.elementwise("planck", p**3 / (sympy.exp(p) - 1), p)
    a, b, v = (gc.input(name, (3,), "float64") for name in "abv")
    slope = gc.grad(gc.sum(added(a, b)), b)
    nodes = [
        added(a, b),
        slope,
        gc.grad(gc.sum(slope), a),
        gc.grad(gc.sum(planck(v)), v),
    ]
    feeds = {"a": [900.0, -850.0, 3.0], "b": [880.0, -853.0, 900.0], "v": [1, 50, 900]}
    found = gc.evaluate(nodes, feeds)
    weight = 1 / (1 + np.exp(np.subtract(feeds["a"], feeds["b"])))
    np.testing.assert_allclose(found[0], np.logaddexp(feeds["a"], feeds["b"]))
    np.testing.assert_allclose(found[1], weight)
    np.testing.assert_allclose(found[2], -weight * (1 - weight), atol=1e-300)
    expected = exact(sympy.diff(p**3 / (sympy.exp(p) - 1), p), (p,), feeds["v"])
    np.testing.assert_allclose(found[3], expected)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_programs(style: str, dtype: str) -> None:
    formula = gc.elementwise("formula", ONE["pieces"] * ONE["sigmoid"], x)
    v = gc.input("v", ("n",), dtype)
    slope = gc.grad(gc.sum(formula(v)), v)
    graph = optimize(Graph((formula(v), slope)), verify_each=True)
    assert {output.dtype for output in graph.outputs} == {np.dtype(dtype)}
    feeds = {"v": np.linspace(-3, 3, 50).astype(dtype)}
    program = gc.compile([formula(v), slope], style=style)
    for found, expected in zip(
        program(**feeds), gc.evaluate([formula(v), slope], feeds), strict=True
    ):
        assert found.dtype == expected.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_pieces_warn_of_nothing_where_they_are_not_chosen() -> None:
    formula = gc.elementwise("formula", Piecewise((sympy.log(x), x > 0), (0, True)), x)
    v = gc.input("v", ("n",), "float64")
    program = gc.compile([formula(v), gc.grad(gc.sum(formula(v)), v)])
    value, slope = program(v=np.array([-1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(value, [0.0, 0.0, np.log(2.0)])
    np.testing.assert_array_equal(slope, [0.0, 0.0, 0.5])


def test_of_equal_ones_each_has_half_and_steps_have_none() -> None:
    larger = gc.elementwise("larger", sympy.Max(x, y), (x, y))
    a, b = gc.constant(1.0), gc.constant(1.0)
    assert gc.evaluate(gc.grad(larger(a, b), [a, b]), {}) == [0.5, 0.5]
    step = gc.elementwise("step", sympy.Heaviside(x) * x, x)
    zero = gc.constant(0.0)
    assert gc.evaluate(gc.grad(step(zero), zero), {}) == 0.5


def test_python_numbers_are_weak_and_integers_become_floats() -> None:
    product = gc.elementwise("product", x * y, (x, y))
    v = gc.input("v", (2,), "float32")
    assert product(v, 2.0).dtype == "float32"
    assert product(gc.input("n", (2,), "int64"), 2).dtype == "float64"
    assert product(np.ones(2), [1.0, 2.0]).dtype == "float64"


def test_a_constant_fills_an_array() -> None:
    three = gc.elementwise("three", 3, x)
    np.testing.assert_array_equal(gc.evaluate(three(np.zeros(2)), {}), [3.0, 3.0])


def test_no_table_knows_it_and_two_of_a_name_are_two() -> None:
    before = set(OPS)
    v = gc.input("v", (), "float64")
    first, second = (gc.elementwise("f", x**n, x)(v) for n in (2, 3))
    assert set(OPS) == before
    both = Graph((first, second))
    verify(both)
    assert gc.evaluate(first + second, {"v": 2.0}) == 12.0
    assert gc.compile([first, second])(v=2.0) == [4.0, 8.0]
    assert graph_hash([first]) != graph_hash([second])
    renamed = gc.elementwise("g", x**2, x)(v)
    assert graph_hash([first]) == graph_hash([renamed])
    again = gc.elementwise("f", x**2, x)(v)
    assert again.op is first.op


def test_pickles_and_copies_keep_the_op() -> None:
    v = gc.input("v", (), "float64")
    value = gc.elementwise("f", sympy.sin(x) * x, x)(v)
    slope = gc.grad(value, v)
    restored, inner = pickle.loads(pickle.dumps((slope, value)))
    assert inner.op is value.op
    feeds = {"v": 1.5}
    assert gc.evaluate(restored, feeds) == gc.evaluate(slope, feeds)
    assert copy.deepcopy(slope) is slope


def test_a_drawing_shows_the_formula_and_the_text_its_parts() -> None:
    formula = gc.elementwise("bump", sympy.exp(-(x**2)) * 3, x)
    v = gc.input("v", ("n",))
    drawing = gc.render(gc.grad(gc.sum(formula(v)), v)).source
    assert "d_bump_d_x" in drawing
    assert "-6*x*exp(-x**2)" in drawing
    assert "3*exp(-x**2)" in gc.render(formula(v)).source


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("2f", x, x), NamingError, "identifier"),
        (("tanh", x, x), NamingError, "has an op 'tanh' already"),
        (("f", "x**2", x), ArgumentError, "sympify"),
        (("f", x > 0, x), ArgumentError, "Piecewise"),
        (("f", lambda v: v, x), ArgumentError, "gc.block"),
        (("f", x, "x"), ArgumentError, "symbols must be a SymPy symbol"),
        (("f", x, [x, x]), ArgumentError, "different"),
        (("f", x, []), ArgumentError, "different"),
        (("f", x * y, x), OptionError, "has the symbol y"),
        (("f", sympy.I * x, x), UnsupportedError, "not a real number"),
        (("f", sympy.LambertW(x), x), UnsupportedError, "LambertW"),
        (("f", sympy.Function("q")(x), x), UnsupportedError, "q(x)"),
        (
            ("f", x, [x, sympy.Symbol("i", imaginary=True)]),
            UnsupportedError,
            "symbol i",
        ),
    ],
)
def test_what_is_refused_and_why(
    arguments: tuple[Any, ...], error: type[GraphcError], words: str
) -> None:
    with pytest.raises(error) as caught:
        gc.elementwise(*arguments)
    assert words in str(caught.value)
    assert __file__ in str(caught.value)


def test_a_derivative_that_sympy_does_not_know_is_refused() -> None:
    class Mystery(sympy.Function):
        """A function that SymPy knows nothing of."""

    from graphc.formulas import calculus

    with pytest.raises(DifferentiationError, match="does not know the derivative"):
        calculus.derivative(Mystery(x), x)


def test_calls_that_do_not_fit() -> None:
    product = gc.elementwise("product", x * y, (x, y))
    with pytest.raises(ArgumentError, match=r"takes 2 arguments \(x, y\), got 1"):
        product(gc.input("a", (3,)))
    with pytest.raises(GraphcError, match="broadcast"):
        product(gc.input("a", (3,)), gc.input("b", (4,)))
