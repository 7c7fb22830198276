"""Formulas that grow when they are written out: passes count their operations."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.formulas import simplify
from graphc.passes.formulas.elementwise_regions import LARGEST, Region
from graphc.passes.formulas.normal_form import Formulas, Sum
from graphc.passes.pipeline import optimize

from ..helpers import evaluate

Step = Callable[[Node, Node], Node]

# Each doubles its written length, or its degree, with every step.
STEPS: dict[str, tuple[Step, int]] = {
    "a*a + x": (lambda a, x: a * a + x, 12),
    "a - a*a": (lambda a, x: a - a * a, 12),
    "a + c*a*a": (lambda a, x: a + 0.3 * a * a, 12),
    "a**2 + a": (lambda a, x: a**2 + a, 12),
    "a / (1 + a*a)": (lambda a, x: a / (1 + a * a), 40),
    "a * (1 - a)": (lambda a, x: a * (1 - a), 40),
    "(a + 1)**3": (lambda a, x: (0.5 * a + 1) ** 3 / 8, 12),
    "logistic map": (lambda a, x: 3.7 * a * (1 - a), 100),
    "Heron's": (lambda a, x: 0.5 * (a + (x * x + 1) / a), 60),
    "Newton's": (lambda a, x: a - (a * a * a - x - 3) / (3 * a * a + 1), 60),
    "rational": (lambda a, x: (a * a + x) / (a * a + 2), 60),
    "Padé's": (lambda a, x: a * (15 + a * a) / (15 + 6 * a * a), 40),
    "sum of a": (lambda a, x: a + a * 0.5 + x, 60),
    "large power": (lambda a, x: (a * 0.5) ** 1e9 + x, 8),
    "large powers of powers": (lambda a, x: ((a * 0.5) ** 60) ** 60 + x, 8),
}


def tower(step: Step, height: int) -> tuple[Node, Node]:
    x = gc.input("x", (4,), "float64")
    a = x
    for _ in range(height):
        a = step(a, x)
    return x, a


VALUES = np.array([0.1, 0.25, -0.3, 0.45])


@pytest.mark.parametrize("name", STEPS)
def test_towers_stay_as_they_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = count = 0
    form = simplify._form

    def counted(region: Region) -> tuple[Formulas, Sum] | None:
        nonlocal longest
        found = form(region)
        if found is not None:
            sums = [part for part in found[0].factors if type(part) is tuple]
            longest = max(longest, *map(len, [found[1], *sums]))
        return found

    simplified = simplify._simplify

    def counting(region: Region) -> simplify.Recipe | None:
        nonlocal count
        count += 1
        return simplified(region)

    monkeypatch.setattr(simplify, "_form", counted)
    monkeypatch.setattr(simplify, "_simplify", counting)
    step, height = STEPS[name]
    x, a = tower(step, height)
    graph = Graph((a, gc.grad(gc.sum(a), x)))
    result = optimize(graph, verify_each=True)
    # Where no derivative needs what is inside, more of it is one formula.
    alone = optimize(Graph((a,)), verify_each=True)
    # Forms are short, and not many are validated.
    assert longest <= LARGEST
    assert count <= 2 * simplify._MOST_ANALYSES
    assert len(result) <= 1.2 * len(optimize(graph, simplify=False)) + 10
    with np.errstate(all="ignore"):
        expected = VALUES
        for _ in range(height):
            expected = step(expected, VALUES)
    # An orbit of the logistic map forgets where it came from.
    tolerance = 1e9 if name == "logistic map" else 1e-9
    for found in (evaluate(result, {"x": VALUES})[0], *evaluate(alone, {"x": VALUES})):
        np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_towers_need_no_deep_recursion() -> None:
    x, a = tower(STEPS["a * (1 - a)"][0], 200)
    graph = Graph((a, gc.grad(gc.sum(a), x)))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        optimize(graph)
    finally:
        sys.setrecursionlimit(limit)


def test_products_with_one_matrix() -> None:
    a = gc.input("a", (3, 3), "float64")
    power = a
    for _ in range(200):
        power = power @ a.T
    result = optimize(Graph((power,)), verify_each=True)
    rotation = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    (found,) = evaluate(result, {"a": rotation})
    expected = rotation @ np.linalg.matrix_power(rotation.T, 200)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_constants_that_grow_without_end(dtype: str) -> None:
    x = gc.input("x", (3,), dtype)
    doubled = x
    for _ in range(3000):
        doubled = 2 * doubled
    compiled = gc.compile(doubled)
    tiny = float(np.finfo(dtype).smallest_subnormal)
    found = compiled(x=np.array([0.0, tiny, -1.0], dtype))
    np.testing.assert_array_equal(found, [0.0, np.inf, -np.inf])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_largest_literals(dtype: str) -> None:
    x = gc.input("x", (2,), dtype)
    largest = float(np.finfo(dtype).max)
    y = x * largest / 2 + x * (largest / 4) * 1.5
    found = gc.compile(y)(x=np.array([0.5, -1.0], dtype))
    expected = largest * (np.array([0.25, -0.5]) + np.array([0.1875, -0.375]))
    np.testing.assert_allclose(found, expected.astype(dtype), rtol=1e-3)
    assert gc.compile(x * -largest)(x=np.array([2.0, 0.0], dtype))[0] == -np.inf
