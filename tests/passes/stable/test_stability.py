"""Textbook formulas at the ends of the range, against mpmath and float64."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Graph, Node
from graphc.ir.facts import Formula
from graphc.passes.base import recording
from graphc.passes.pipeline import optimize, rewrites
from graphc.passes.stable.forms import computes
from graphc.passes.stable.rules import STABILITY, Stability

from ..helpers import assert_ulps, checked, evaluate, ops
from . import formulas
from .formulas import FORMULAS, PICK, POINTS, SOFTMAX


def oracle(function: Callable, values: np.ndarray) -> np.ndarray:
    with mpmath.workdps(1000):
        return np.array([float(function(mpmath.mpf(float(v)))) for v in values])


def gradient(y: Node, x: Node) -> Node:
    return gc.grad(gc.sum(y), x)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_formula_and_derivative_are_right_at_both_ends(name: str, dtype: str) -> None:
    build, expected, slope = FORMULAS[name]
    x = gc.input("x", (len(POINTS),), dtype)
    y = build(x)
    result = optimize(Graph((y, gradient(y, x))), verify_each=True)
    values = np.array(POINTS, dtype)
    found, d_found = evaluate(result, {"x": values})
    rounding = {"rtol": 30 * np.finfo(dtype).eps, "atol": 0}
    if name in ("log(sqrt(p)*(1-p)/2)", "log(exp(x)+3)"):
        rounding["atol"] = np.finfo(dtype).eps
    if name == "GELU by tanh":
        # The argument of its exponential is rounded, and is -600 at -20.
        rounding["rtol"] = 1000 * np.finfo(dtype).eps
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(
        found,
        oracle(expected, values),
        **rounding | {"atol": max(rounding["atol"], tiny)},
    )
    # 1 - y rounds where y is near 1, so a product with it is right absolutely.
    np.testing.assert_allclose(
        d_found,
        oracle(slope, values),
        rtol=100 * np.finfo(dtype).eps,
        atol=4 * np.finfo(dtype).eps * np.abs(oracle(slope, values)).max(),
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_second_derivative_is_finite(name: str) -> None:
    x = gc.input("x", (len(POINTS),), "float64")
    first = gradient(FORMULAS[name][0](x), x)
    second = gc.grad(gc.sum(first), x, unused="zeros")
    tangent = gc.jvp(first, x, np.ones(len(POINTS)))
    result = optimize(Graph((second, tangent)), verify_each=True)
    by_vjp, by_jvp = evaluate(result, {"x": np.array(POINTS)})
    assert np.isfinite(by_vjp).all()
    np.testing.assert_allclose(by_vjp, by_jvp, rtol=1e-9, atol=1e-12)
    step = 1e-4
    slope = FORMULAS[name][2]
    values = np.array([v for v in POINTS if abs(v) > step])
    change = (oracle(slope, values + step) - oracle(slope, values - step)) / (2 * step)
    kept = [abs(v) > step for v in POINTS]
    np.testing.assert_allclose(by_vjp[kept], change, rtol=1e-5, atol=1e-7)


# Softmax, as textbooks write it


def loss_of(softmax: str, pick: str, x: Node, y: Node) -> Node:
    log = gc.log(PICK[pick](SOFTMAX[softmax](x), y))
    if pick == "one-hot sum":
        one_hot = (y[:, None] == np.arange(3)).astype(x.dtype)
        return -gc.sum(one_hot * log) / 6.0
    return -gc.mean(log)


def cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Loss and gradient by the logits, in float64, from the definition of logsumexp."""
    z = z.astype(np.float64)
    shifted = z - z.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    one_hot = np.eye(z.shape[1])[y]
    return -(one_hot * log_p).sum() / len(y), (np.exp(log_p) - one_hot) / len(y)


@pytest.mark.parametrize("softmax", SOFTMAX)
@pytest.mark.parametrize("pick", PICK)
@pytest.mark.parametrize("simplified", [True, False])
def test_cross_entropy_of_huge_logits(
    softmax: str, pick: str, simplified: bool
) -> None:
    """Loss and gradients, by the input and by weights upstream, in float32."""
    rng = np.random.default_rng(0)
    x = gc.input("x", (6, 4))
    w = gc.parameter("w", (4, 3), gc.init.zeros())
    y = gc.input("y", (6,), "int64")
    loss = loss_of(softmax, pick, x @ w, y)
    graph = Graph((loss, *gc.grad(loss, [x, w])))
    result = optimize(graph, simplify=simplified, verify_each=True)
    feeds = {
        "x": rng.choice([-1000, 1000, 3], (6, 4)).astype(np.float32),
        "w": rng.choice([-1, 1, 0], (4, 3)).astype(np.float32),
        "y": np.array([0, 1, 2, 0, 1, 2]),
    }
    z = feeds["x"].astype(np.float64) @ feeds["w"]
    expected, d_z = cross_entropy(z, feeds["y"])
    assert expected > 100
    found = evaluate(result, feeds)
    if not simplified:
        # As written it fails, or this test would show nothing.
        assert not all(np.isfinite(value).all() for value in found)
        return
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[1], d_z @ feeds["w"].T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[2], feeds["x"].T @ d_z, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
@pytest.mark.parametrize("keepdims", [True, False])
def test_log_of_sum_of_exponentials(axis: object, keepdims: bool) -> None:
    x = gc.input("x", (2, 3), "float64")
    y = gc.log(gc.sum(gc.exp(x), axis=axis, keepdims=keepdims))
    result = optimize(Graph((y, gradient(y, x))), verify_each=True)
    for scale in (1.0, 1e4):
        values = np.random.default_rng(0).normal(size=(2, 3)) * scale
        found, d_found = evaluate(result, {"x": values})
        np.testing.assert_allclose(
            found, np.logaddexp.reduce(values, axis=axis, keepdims=keepdims), rtol=1e-12
        )
        kept = np.logaddexp.reduce(values, axis=axis, keepdims=True)
        np.testing.assert_allclose(
            d_found, np.exp(values - kept), rtol=1e-9, atol=1e-300
        )


def test_log_of_sum_of_exponentials_agrees_at_infinities() -> None:
    x = gc.input("x", (4, 2), "float64")
    y = gc.log(gc.sum(gc.exp(x), axis=1))
    inf = np.inf
    values = np.array([[-inf, -inf], [inf, 0.0], [-inf, 1.0], [np.nan, 1.0]])
    result = optimize(Graph((y,)))
    assert_ulps(
        evaluate(Graph((y,)), {"x": values}), evaluate(result, {"x": values}), 4
    )


@pytest.mark.parametrize("axes", [(0, 1), None])
def test_softmax_over_several_axes(axes: object) -> None:
    x = gc.input("x", (2, 3), "float64")
    p = gc.exp(x) / gc.sum(gc.exp(x), axis=axes, keepdims=True)
    outputs = (p, gc.log(p), gradient(gc.log(p) * gc.constant([[1.0], [2.0]]), x))
    values = np.array([[1000.0, -1000.0, 0.0], [999.0, 998.0, -5.0]])
    found = evaluate(optimize(Graph(outputs), verify_each=True), {"x": values})
    log_p = values - np.logaddexp.reduce(values, axis=None)
    np.testing.assert_allclose(found[1], log_p)
    np.testing.assert_allclose(found[0], np.exp(log_p), atol=1e-300)
    weights = np.array([[1.0], [2.0]]) * np.ones(3)
    np.testing.assert_allclose(found[2], weights - np.exp(log_p) * weights.sum())


def test_binary_cross_entropy_as_written() -> None:
    x, y = gc.input("x", ("n",)), gc.input("y", ("n",))
    p = 1 / (1 + gc.exp(-x))
    loss = -gc.mean(y * gc.log(p) + (1 - y) * gc.log(1 - p))
    result = optimize(Graph((loss, gc.grad(loss, x))), verify_each=True)
    values = np.array([-1000.0, 1000.0, 1000.0, -1000.0, 0.0], np.float32)
    labels = np.array([1.0, 0.0, 1.0, 0.0, 1.0], np.float32)
    found, d_found = evaluate(result, {"x": values, "y": labels})
    np.testing.assert_allclose(found, (2000 + np.log(2)) / 5, rtol=1e-6)
    np.testing.assert_allclose(d_found, np.array([-1, 1, 0, 0, -0.5]) / 5, atol=1e-7)


def test_choice_of_probabilities() -> None:
    x, y = gc.input("x", ("n",)), gc.input("y", ("n",), "bool")
    p = gc.nn.sigmoid(x)
    loss = -gc.mean(gc.log(gc.where(y, p, 1 - p)))
    result = optimize(Graph((loss, gc.grad(loss, x))), verify_each=True)
    feeds = {"x": np.array([-1e3, 1e3], np.float32), "y": np.array([True, False])}
    found, d_found = evaluate(result, feeds)
    np.testing.assert_allclose(found, 1000.0)
    np.testing.assert_allclose(d_found, [-0.5, 0.5])


def test_likelihood_as_a_product() -> None:
    x = gc.input("x", (4,))
    loss = -gc.log(gc.prod(gc.nn.sigmoid(x)))
    result = optimize(Graph((loss, gc.grad(loss, x))), verify_each=True)
    found, d_found = evaluate(result, {"x": np.full(4, -1000.0, np.float32)})
    np.testing.assert_allclose(found, 4000.0)
    np.testing.assert_allclose(d_found, -np.ones(4))


# What must not happen


def test_derivatives_by_inner_nodes_survive() -> None:
    """A rewrite that went past the variable would lose part of its derivative."""
    x = gc.input("x", (2, 3), "float64")
    e = gc.exp(x)
    p = (e / gc.sum(e, axis=1, keepdims=True)).named("p")
    loss = gc.sum(gc.log(p)) + gc.sum(p**2)
    graph = Graph((*gc.grad(loss, [p, e, x]), loss))
    result = checked(Stability().run(graph))
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3))}
    for a, b in zip(evaluate(graph, feeds), evaluate(result, feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_equal_nodes_are_not_confused_with_a_variable() -> None:
    x = gc.input("x", (2, 3), "float64")
    inner, twin = x * 2.0, x * 2.0
    p = gc.exp(inner) / gc.sum(gc.exp(twin), axis=1, keepdims=True)
    loss = gc.sum(gc.log(p) * np.arange(3.0))
    graph = Graph(tuple(gc.grad(loss, [inner, twin])))
    result = checked(Stability().run(graph))
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3))}
    for a, b in zip(evaluate(graph, feeds), evaluate(result, feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_variable_that_a_rule_would_replace_by_another() -> None:
    """log(exp(x)) is x, but derivatives by the two are not the same."""
    x = gc.input("x", (3,), "float64")
    z = gc.log(gc.exp(x))
    loss = gc.sum(z * x + gc.log(1 + gc.exp(z)))
    graph = Graph(tuple(gc.grad(loss, [z, x])))
    result = optimize(graph, verify_each=True)
    values = np.array([0.5, -1.0, 2.0])
    for a, b in zip(
        evaluate(graph, {"x": values}), evaluate(result, {"x": values}), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_stopped_gradients_stay_stopped() -> None:
    x = gc.input("x", (2, 3), "float64")
    e = gc.exp(x)
    p = e / gc.stop_gradient(gc.sum(e, axis=1, keepdims=True))
    graph = Graph((gradient(gc.log(p) * np.arange(3.0), x),))
    (found,) = evaluate(optimize(graph), {"x": np.ones((2, 3))})
    np.testing.assert_allclose(found, np.tile(np.arange(3.0), (2, 1)))


def test_functions_without_such_formulas_stay_the_same_nodes() -> None:
    x = gc.input("x", (3, 4))
    w = gc.parameter("w", (4, 2), gc.init.zeros())
    y = gc.nn.relu(x @ w)
    graph = Graph((y, gc.grad(gc.mean(y), w)))
    assert Stability().run(graph) is graph


NOT_MATCHED: dict[str, Callable[[Node, Node], Node]] = {
    "sum over another axis than given": lambda x, y: (
        gc.exp(x) / gc.sum(gc.exp(x), axis=0)[:, None]
    ),
    "another exponential": lambda x, y: gc.exp(x) / gc.sum(gc.exp(y), 1, keepdims=True),
    "1 + exp of something else": lambda x, y: gc.exp(x) / (1 + gc.exp(y)),
    "2 + exp": lambda x, y: 1 / (2 + gc.exp(-x)),
    "log of a difference": lambda x, y: gc.log(gc.exp(x) - gc.exp(y)),
    "log of a possibly negative factor": lambda x, y: gc.log(gc.exp(x) * y),
    "sqrt(x**3)": lambda x, y: gc.sqrt(x**3),
    "not tanh": lambda x, y: (gc.exp(x) - gc.exp(-x)) / (gc.exp(y) + gc.exp(-y)),
}


@pytest.mark.parametrize("name", NOT_MATCHED)
def test_near_misses_are_left_alone(name: str) -> None:
    x, y = gc.input("x", (3, 3)), gc.input("y", (3, 3))
    graph = Graph((NOT_MATCHED[name](x, y),))
    assert Stability().run(graph) is graph


def test_stable_forms_are_not_shifted_twice() -> None:
    x = gc.input("x", (3, 4))
    shifted = x - x.max(axis=1, keepdims=True)
    p = gc.exp(shifted) / gc.exp(shifted).sum(axis=1, keepdims=True)
    total = gc.log(gc.sum(gc.exp(shifted), axis=1))
    result = optimize(Graph((p, total)))
    assert ops(result)["max"] == 1
    assert ops(result)["exp"] == 1


def test_every_rule_fires_and_is_reported_with_its_reason() -> None:
    x = gc.input("x", (2, 3))
    outputs = [build(x) for build, _, _ in FORMULAS.values()]
    outputs += [build(x) for build in SOFTMAX.values()]
    outputs.append(gc.nn.log_softmax(x, 1)[np.arange(2), np.array([0, 2])])
    found = rewrites(Graph((*outputs, gradient(outputs[0], x))))
    names = {rewrite.rule for rewrite in found}
    assert {rule.name for rule in STABILITY} <= names
    again = [r for r in found if r.rule.startswith("derivative")]
    assert again
    for rewrite in found:
        assert rewrite.sound_when
        assert rewrite.location is not None
        assert rewrite.location.file in (__file__, formulas.__file__)
        assert rewrite.rule in str(rewrite)


def test_a_renamed_gradient_is_derived_again_too() -> None:
    x = gc.input("x", (3,))
    y = gc.log(1 + gc.exp(x))
    d_x = gradient(y, x).named("slope")
    with recording() as found:
        result = Stability().run(Graph((d_x,)))
    assert [r.before.name for r in found][-1] == "slope"
    assert result.outputs[0].name == "slope"
    (value,) = evaluate(result, {"x": np.array([-1000, 0, 1000], np.float32)})
    np.testing.assert_allclose(value, [0.0, 0.5, 1.0])


def test_without_simplify_nothing_is_rewritten() -> None:
    x = gc.input("x", (3,))
    y = gc.log(1 + gc.exp(x)) + x**3 + x * 1
    graph = Graph((y, gradient(y, x)))
    result = optimize(graph, simplify=False)
    assert ops(result) == ops(graph)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("build", "slope"),
    [
        (lambda x: gc.log(gc.nn.sigmoid(x)), [1.0, 0.5, 0.0]),
        (lambda x: gc.log(1 / (1 + gc.exp(-x))), [1.0, 0.5, 0.0]),
        (lambda x: gc.log(1 - gc.nn.sigmoid(x)), [0.0, -0.5, -1.0]),
        (lambda x: gc.log(1 + gc.exp(x)), [0.0, 0.5, 1.0]),
        (lambda x: gc.log(gc.exp(x) + 1), [0.0, 0.5, 1.0]),
        (lambda x: gc.log1p(gc.exp(x)), [0.0, 0.5, 1.0]),
    ],
)
def test_logistic_derivatives_are_right_at_infinities(
    build: Callable, slope: list[float], dtype: str
) -> None:
    x = gc.input("x", (3,), dtype)
    first = gradient(build(x), x)
    curvature = gradient(first, x)
    for style in ("fast", "readable"):
        compiled = gc.compile([first, curvature], style=style)
        found, second = compiled(x=np.array([-np.inf, 0.0, np.inf], dtype))
        np.testing.assert_array_equal(found, slope)
        np.testing.assert_array_equal(np.abs(second), [0.0, 0.25, 0.0])


@pytest.mark.parametrize("formula", Formula)
def test_one_block_declares_that_it_is_the_stable_form(formula: Formula) -> None:
    assert len([op for op in OPS.values() if computes(op, formula)]) == 1
