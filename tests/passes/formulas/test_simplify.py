"""Simplification: what it finds, and above all what it must refuse."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.formulas import simplify as module
from graphc.passes.formulas.elementwise_regions import LARGEST, find_regions
from graphc.passes.formulas.simplify import Simplify, cost
from graphc.passes.formulas.validation import agree, sample, special_values
from graphc.passes.pipeline import optimize

from ..helpers import PAIRS, assert_ulps, checked, evaluate, ops

FEEDS = {"x": PAIRS[:, 0], "y": PAIRS[:, 1]}


def declare(build: Callable[[Node, Node], Node], dtype: str = "float32") -> Graph:
    x, y = (gc.input(name, (len(PAIRS),), dtype) for name in "xy")
    return Graph((build(x, y),))


GAINS: dict[str, tuple[Callable[[Node, Node], Node], dict[str, int]]] = {
    "2x + 3x": (lambda x, y: 2 * x + 3 * x, {"multiply": 1}),
    "an offset in a product": (
        lambda x, y: (gc.cos(x) + 1.0) * 0.045 + 0.01,
        {"cos": 1, "multiply": 1, "add": 1},
    ),
    "a number before a sum": (lambda x, y: (x / 2.0 + 1.0) * 2.0, {"add": 1}),
    "two numbers before a sum": (
        lambda x, y: (((x + 1.0) * 0.5) + 0.25) * 2.0 * y,
        {"add": 1, "multiply": 1},
    ),
    "below a choice": (
        lambda x, y: gc.where(x > y, x * 2.0 + x * 3.0, y),
        {"greater": 1, "multiply": 1, "where": 1},
    ),
    "a sign that leaves a sine": (lambda x, y: y - gc.sin(-x), {"sin": 1, "add": 1}),
    "3 * x * 5": (lambda x, y: 3.0 * (x * 5.0), {"multiply": 1}),
    "exp(x)**3": (lambda x, y: gc.exp(x) ** 3, {"exp": 1, "square": 1, "multiply": 1}),
    "x + x + x + x": (lambda x, y: x + x + x + x, {"multiply": 1}),
    "(x - 3) * 2 - 1": (lambda x, y: 2 * x - y - (2 * x - y) * 3, {}),
    "shared": (
        lambda x, y: gc.exp(x * y) + 2 * gc.exp(x * y),
        {"multiply": 2, "exp": 1},
    ),
    "products of tanh": (
        lambda x, y: gc.tanh(x) * gc.tanh(x) * gc.tanh(x),
        {"tanh": 1, "square": 1, "multiply": 1},
    ),
}


@pytest.mark.parametrize("name", GAINS)
def test_finds_cheaper_forms_that_agree(name: str) -> None:
    build, left = GAINS[name]
    graph = declare(build)
    result = optimize(graph, verify_each=True)
    assert left.items() <= ops(result).items()
    if left:
        assert sum(left.values()) == len(_computed(result))
    assert cost(_computed(result)) <= cost(_computed(graph))
    assert_ulps(evaluate(graph, FEEDS), evaluate(result, FEEDS), 8, name)


def _computed(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes if n.op.kind == "elementwise"]


REFUSED: dict[str, Callable[[Node, Node], Node]] = {
    "x / x is NaN at 0": lambda x, y: x / x,
    "x - x is NaN at inf": lambda x, y: (x - x) + (y - y),
    "x * y / y is NaN at y = 0": lambda x, y: x * y / y * y,
    "log(exp(x)) is inf at 1000": lambda x, y: gc.log(gc.exp(x)) + y,
    "exp(log(x)) is NaN below 0": lambda x, y: gc.exp(gc.log(x)) * y,
    "sqrt(x) * sqrt(x) is NaN below 0": lambda x, y: gc.sqrt(x) * gc.sqrt(x) + y,
    "sqrt(x**2) overflows": lambda x, y: gc.sqrt(gc.square(x)) * y,
    "sin**2 + cos**2 is NaN at inf": lambda x, y: gc.sin(x) ** 2 + gc.cos(x) ** 2,
    "exp(x) * exp(-x)": lambda x, y: gc.exp(x) * gc.exp(-x) + y,
    "3x - 2x is NaN at inf": lambda x, y: 3 * x - 2 * x,
    "x * 3 / 4 overflows": lambda x, y: x * 3 / 4,
    "(x + y) - y rounds": lambda x, y: (x + y) - y,
    "(x + 1) - 1 rounds": lambda x, y: (x + 1.0) - 1.0 + y,
    "0 * x is NaN at inf": lambda x, y: (x - x) * y,
    "x + 0 * y": lambda x, y: x + 0.0 * y,
    "abs(x) / x": lambda x, y: abs(x) / x,
    "(x**2 - y**2) / (x - y)": lambda x, y: (x**2 - y**2) / (x - y),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_only_real_numbers_allow(name: str) -> None:
    graph = declare(REFUSED[name])
    result = checked(Simplify().run(graph))
    assert_ulps(evaluate(graph, FEEDS), evaluate(result, FEEDS), 8, name)


def test_without_validation_they_would_be_made(monkeypatch) -> None:
    """They are proposed: it is the validation that refuses."""
    monkeypatch.setattr(module, "agree", lambda *arguments: True)
    wrong: list[str] = []
    for name, build in REFUSED.items():
        graph = declare(build)
        before, after = evaluate(graph, FEEDS), evaluate(Simplify().run(graph), FEEDS)
        try:
            assert_ulps(before, after, 8)
        except AssertionError:
            wrong.append(name)
    assert len(wrong) > 5


def test_log1p_and_its_like_are_not_written_out() -> None:
    small = np.full(len(PAIRS), 1e-12)
    formula = gc.log1p(gc.input("x", (len(PAIRS),), "float64"))
    graph = Graph((gc.expm1(formula) * 2.0 * 3.0,))
    result = optimize(graph, verify_each=True)
    assert {"log1p": 1, "expm1": 1, "multiply": 1}.items() <= ops(result).items()
    np.testing.assert_allclose(evaluate(result, {"x": small})[0], 6e-12, rtol=1e-14)


def test_validation_looks_where_formulas_differ() -> None:
    values = special_values(np.dtype("float32"))
    assert {0.0, 1.0, -1.0, np.inf, -np.inf} <= set(values)
    assert any(np.isnan(values))
    assert any(value == 0 and np.signbit(value) for value in values)
    for count in (1, 2, 6):
        points = sample(count, np.dtype("float32"))
        again = sample(count, np.dtype("float32"))
        assert len(points) == count
        np.testing.assert_array_equal(points, again)


def test_agreement_counts_signs_of_zeros_and_nan() -> None:
    dtype = np.dtype("float32")

    def formulas(left, right):
        return agree(lambda i, d: left(*i), lambda i, d: right(*i), 1, dtype)

    assert formulas(lambda x: x + x, lambda x: 2.0 * x)
    assert not formulas(lambda x: x + 0.0, lambda x: x)
    assert not formulas(lambda x: 0.0 * x, lambda x: x - x)
    assert not formulas(lambda x: x / x, lambda x: gc.maximum(1.0, x * 0 + 1.0))
    assert not formulas(lambda x: x * 1.00001, lambda x: x)
    assert not formulas(lambda x: abs(x), lambda x: gc.sqrt(gc.square(x)))


def test_regions_are_single_use_and_of_one_type() -> None:
    x, y = gc.input("x", (3, 4)), gc.input("y", (4,))
    row = gc.exp(y * 2.0) + 1.0
    shared = gc.tanh(x + row)
    top = shared * shared + 1.0
    graph = Graph((top, row))
    regions = {
        tuple(node.op.name for node in region.nodes): region
        for region in find_regions(graph)
    }
    assert set(regions) == {
        ("multiply", "exp", "add"),
        ("add", "tanh", "multiply", "add"),
    }
    assert regions["add", "tanh", "multiply", "add"].inputs == (x, row)


def test_a_value_used_elsewhere_is_still_computed_once() -> None:
    x, y = gc.input("x", (4,)), gc.input("y", (4,))
    shared = gc.exp(x * y)
    result = optimize(Graph((shared * 3.0 * y * 5.0, shared)), verify_each=True)
    assert ops(result)["exp"] == 1


def test_new_nodes_keep_line_name_and_place() -> None:
    x = gc.input("x", (4,))
    y = (2 * x + 3 * x).named("five")
    (node,) = Simplify().run(Graph((y,))).outputs
    assert node.name == "five"
    assert node.origin.location == y.origin.location
    assert node.origin.rules == ("formula -> cheaper formula",)
    assert node.order[: len(y.order)] == y.order


def test_long_formulas_are_cut_and_analyses_are_bounded(monkeypatch) -> None:
    analysed: list[int] = []
    original = module._simplify

    def count(region):
        analysed.append(len(region.nodes))
        return original(region)

    monkeypatch.setattr(module, "_simplify", count)
    rng = np.random.default_rng(0)
    x = gc.input("x", (4,))
    y = x
    for number in rng.random(3000):
        y = gc.tanh(y) * float(number) if number < 0.5 else y + float(number)
    checked(Simplify().run(Graph((y,))))
    assert max(analysed) <= LARGEST
    assert len(analysed) <= 32


def test_equal_formulas_are_analysed_once(monkeypatch) -> None:
    analysed: list[object] = []
    original = module._simplify
    monkeypatch.setattr(
        module,
        "_simplify",
        lambda region: (analysed.append(region), original(region))[1],
    )
    x = gc.input("x", (4,))
    outputs = tuple(2 * part + 3 * part for part in (gc.sum(x) * x, x - gc.max(x)))
    same = tuple(
        2.5 * z + 3.5 * z for z in (gc.input(f"z{i}", (4,)) for i in range(20))
    )
    result = optimize(Graph((*outputs, *same)), verify_each=True)
    assert len(analysed) < 8
    assert ops(result)["multiply"] >= 20
    assert ops(result)["add"] <= 1


def test_an_overflow_at_few_magnitudes_is_no_simplification() -> None:
    """16*x and sqrt(s) * a**2 overflow where what was written does not."""
    x, y = gc.input("x", (), "float32"), gc.input("y", (), "float32")
    angle = gc.grad(gc.grad(x + gc.arctan(x * -2.0), x), x)
    inverse = gc.reciprocal(gc.cosh(gc.sqrt(y)) + gc.sqrt(gc.sinh(x)))
    quarter = float(np.finfo("float32").max) / 4
    assert gc.compile(angle)(x=quarter) == 0.0
    right = mpmath.diff(
        lambda x: 1 / (mpmath.cosh(mpmath.sqrt(0.5)) + mpmath.sqrt(mpmath.sinh(x))), 60
    )
    found = gc.compile(gc.grad(inverse, x))(x=60.0, y=0.5)
    np.testing.assert_allclose(found, float(right), rtol=1e-5)
