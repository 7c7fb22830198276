"""Derivatives regrouped: how few operations are left, and that they are right."""

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.ir.origin import derived
from graphc.passes.base import recording
from graphc.passes.factors import RULE, regroup
from graphc.passes.pipeline import optimize

from .helpers import evaluate, ops

SCALE = float(np.sqrt(2 / np.pi))


def gelu(x: Node) -> Node:
    return 0.5 * x * (1 + gc.tanh(SCALE * (x + 0.044715 * x**3)))


# Formulas of x, and how many elementwise operations their value takes, and their value
# together with its product with a cotangent.
COUNTS: dict[str, tuple[Callable[[Node], Node], int, int]] = {
    "gelu, written out": (gelu, 9, 16),
    "gelu by tanh": (lambda x: gc.nn.gelu(x, "tanh"), 9, 16),
    "sigmoid": (gc.nn.sigmoid, 4, 7),
    "sigmoid, written out": (lambda x: 1 / (1 + gc.exp(-x)), 4, 7),
    "silu": (gc.nn.silu, 5, 9),
    "silu, written out": (lambda x: x / (1 + gc.exp(-x)), 5, 9),
    "tanh": (gc.tanh, 1, 4),
    "relu": (gc.nn.relu, 1, 3),
    "leaky_relu": (gc.nn.leaky_relu, 2, 5),
    "elu": (gc.nn.elu, 8, 10),
    "hardtanh": (gc.nn.hardtanh, 1, 5),
    "clip": (lambda x: gc.clip(x, -1.0, 1.0), 1, 3),
    "softplus": (gc.nn.softplus, 10, 15),
    "logsigmoid": (gc.nn.logsigmoid, 10, 16),
    "absolute": (gc.abs, 1, 3),
    "square": (gc.square, 1, 3),
    "cube": (lambda x: x**3, 2, 4),
    "x * exp(-x**2)": (lambda x: x * gc.exp(-gc.square(x)), 4, 8),
    "softsign": (lambda x: x / (1 + abs(x)), 3, 8),
}


def elementwise(graph: Graph) -> int:
    return sum(n.op.kind == "elementwise" and n.ndim > 0 for n in graph.nodes)


def with_gradient(build: Callable[[Node], Node], dtype: str = "float32") -> Graph:
    x = gc.input("x", (64,), dtype)
    # A matrix product, as what flows back in a network is.
    flow = gc.input("a", (64, 4), dtype) @ gc.input("b", (4,), dtype)
    y = build(x)
    return Graph((y, gc.vjp(y, x, flow), flow))


FEEDS = {
    "x": np.random.default_rng(0).normal(size=64) * 2,
    "a": np.random.default_rng(1).normal(size=(64, 4)),
    "b": np.random.default_rng(2).normal(size=4),
}


@pytest.mark.parametrize("name", COUNTS)
def test_how_many_operations_are_left(name: str) -> None:
    build, forward, both = COUNTS[name]
    x = gc.input("x", (64,))
    assert elementwise(optimize(Graph((build(x),)))) <= forward
    graph = optimize(with_gradient(build), verify_each=True)
    assert elementwise(graph) <= both


@pytest.mark.parametrize("name", COUNTS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    build = COUNTS[name][0]
    graph = optimize(with_gradient(build, "float64"))
    _, slope, flow = evaluate(graph, FEEDS)
    x = gc.input("x", (64,), "float64")
    step = 1e-6
    up, down = (
        gc.evaluate(build(x), {"x": FEEDS["x"] + sign * step}) for sign in (1, -1)
    )
    np.testing.assert_allclose(slope, flow * (up - down) / (2 * step), atol=1e-8)


def second_derivatives(x: Node, y: Node) -> tuple[Node, ...]:
    z = gc.nn.sigmoid(x) * gc.tanh(y) + gelu(x * y) / (1 + gc.square(y))
    first = gc.grad(gc.sum(z), [x, y])
    return (*first, *gc.hvp(gc.sum(z), [x, y], [y, x]))


def test_second_derivatives_agree_with_those_as_they_are() -> None:
    x, y = (gc.input(name, (64,), "float64") for name in "xy")
    graph = Graph(second_derivatives(x, y))
    plain = optimize(graph, simplify=False)
    short = optimize(graph, verify_each=True)
    assert elementwise(short) < 0.65 * elementwise(plain)
    feeds = {"x": FEEDS["x"], "y": FEEDS["x"][::-1].copy()}
    for a, b in zip(evaluate(plain, feeds), evaluate(short, feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


def test_what_cancels_is_taken_out_first() -> None:
    """In float32, `g*a - g*b` loses the digits in which `a` and `b` agree."""
    x, a, b, g = (gc.input(name, (1000,)) for name in "xabg")
    graph = Graph((gc.vjp(x * a - x * b, x, g),))
    rng = np.random.default_rng(0)
    near = rng.normal(size=1000).astype("f4")
    feeds = {
        "x": near,
        "a": near,
        "b": (near * np.float32(1.0001)).astype("f4"),
        "g": rng.normal(size=1000).astype("f4"),
    }
    result = optimize(graph)
    assert ops(result) == {"multiply": 1, "subtract": 1}
    a64, b64, g64 = (feeds[name].astype("f8") for name in "abg")
    exact = g64 * (a64 - b64)
    (short,) = evaluate(result, feeds)
    np.testing.assert_allclose(short, exact, rtol=2e-7)
    (plain,) = evaluate(graph, feeds)
    assert np.abs(plain / exact - 1).max() > 1e-5


def test_numbers_are_merged_across_products() -> None:
    x, t = gc.input("x", ("batch", 3)), gc.input("t", ("batch", 3))
    graph = optimize(Graph((gc.grad(gc.nn.mse_loss(x, t), x),)))
    arrays = [n.op.name for n in graph.nodes if n.ndim and n.inputs]
    assert arrays == ["subtract", "multiply"]
    feeds = {"x": np.ones((5, 3), "f4"), "t": np.zeros((5, 3), "f4")}
    np.testing.assert_allclose(evaluate(graph, feeds)[0], np.full((5, 3), 2 / 15))


def test_numbers_meet_the_smallest_array() -> None:
    """A row is scaled, and not the matrix that it is multiplied with."""
    x, row = gc.input("x", (5, 3)), gc.input("row", (3,))
    flow = gc.input("flow", (5, 3))
    graph = optimize(Graph((gc.vjp((3.0 * x) * row, x, flow),)))
    shapes = [n.shape for n in graph.nodes if n.op.name == "multiply"]
    assert sorted(shapes) == [(3,), (5, 3)]


def test_what_a_user_wrote_is_not_regrouped() -> None:
    x, y, z = (gc.input(name, (8,)) for name in "xyz")
    written = (x * y + x * z, (x * 3.0) * y * 5.0, x - (y - (x + z)))
    graph = Graph(written)
    assert regroup(graph) is graph


def test_sums_in_brackets_are_added_up_first() -> None:
    """They may be there to find out what was lost by rounding."""
    w, e = gc.input("w", (3,)), gc.input("e", (3,))
    with derived(w, "vjp of something"):
        total = 1.0 + e
        lost = e - (total - 1.0)
        value = w * e + (w * e * e + lost)
    graph = Graph((value,))
    feeds = {"w": np.zeros(3, "f4"), "e": np.array([1e-8, 3e-8, 1.0], "f4")}
    (found,) = evaluate(regroup(graph), feeds)
    np.testing.assert_array_equal(found, evaluate(graph, feeds)[0])
    assert found[0] == np.float32(1e-8)


def piecewise(x: Node) -> Node:
    """Slopes of -1, 0, 1 and 2, by masks that overlap."""
    return gc.nn.relu(x) + gc.nn.relu(x - 1) - gc.nn.relu(-x - 1) - gc.nn.relu(-x - 2)


def masks_alone(x: Node) -> Node:
    return -gc.nn.relu(x) - gc.nn.relu(x - 1)


@pytest.mark.parametrize("build", [piecewise, masks_alone])
def test_masks_add_up_as_numbers(build: Callable[[Node], Node]) -> None:
    """NumPy's sum of two booleans is whether either is true."""
    graph = optimize(with_gradient(build, "float64"), verify_each=True)
    value, slope, flow = evaluate(graph, FEEDS)
    x = gc.input("x", (64,), "float64")
    up, down = (gc.evaluate(build(x), {"x": FEEDS["x"] + h}) for h in (1e-7, -1e-7))
    np.testing.assert_allclose(slope, flow * (up - down) / 2e-7, atol=1e-6)
    assert value.dtype == slope.dtype == np.float64


def test_products_are_not_computed_in_a_narrower_dtype() -> None:
    x, flow = gc.input("x", (64,), "float64"), gc.input("flow", (64,), "float64")
    a, b, c, d = (gc.input(name, (64,), "float32") for name in "abcd")
    graph = Graph((gc.vjp((x * a) * b + (x * c) * d, x, flow),))
    rng = np.random.default_rng(0)
    feeds = {name: rng.normal(size=64).astype("f4") for name in "abcd"}
    (found,) = evaluate(optimize(graph), {**feeds, "flow": FEEDS["x"]})
    a64, b64, c64, d64 = (value.astype("f8") for value in feeds.values())
    np.testing.assert_allclose(found, FEEDS["x"] * (a64 * b64 + c64 * d64), rtol=1e-10)


def test_what_others_use_is_computed_once() -> None:
    x, g = gc.input("x", (8,)), gc.input("g", (8,))
    y = gc.tanh(x) * gc.exp(x)
    gradient = gc.vjp(y, x, g)
    graph = optimize(Graph((y, gradient, gradient * 2.0)))
    assert ops(graph)["tanh"] == ops(graph)["exp"] == 1
    assert elementwise(graph) <= 3 + 5 + 1


def test_each_regrouping_is_reported() -> None:
    x, g = gc.input("x", (8,)), gc.input("g", (8,))
    y = 3.0 * gc.tanh(2.0 * x)
    graph = Graph((gc.vjp(y, x, g),))
    with recording() as found:
        result = regroup(graph)
    assert [rewrite.rule for rewrite in found] == [RULE]
    assert found[0].location is not None
    assert found[0].location.file == __file__
    assert result.outputs[0].origin.gradient_of is x
    assert regroup(result) is result
