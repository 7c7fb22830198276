"""Branches and loops that end by a test: values, derivatives, and wrong input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DifferentiationError,
    DTypeError,
    GraphcError,
    GraphError,
    ShapeError,
    UnsupportedError,
)
from graphc.ir import Graph, Node
from graphc.passes.pipeline import optimize
from tests.styles import STYLES, assert_styles_agree


def held(nodes: list[Node], feeds: dict[str, Any], expected: list[Any]) -> None:
    """Hold values of the interpreter and of all styles against others."""
    for simplify in (True, False):
        for style in STYLES:
            run = gc.compile(nodes, style=style, simplify=simplify)
            for _ in range(2):
                assert_styles_agree([*run(**feeds)], expected, ulps=256, note=style)
    assert_styles_agree(gc.evaluate(nodes, feeds), expected, ulps=256)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_branch_is_the_function_that_is_chosen(sign: float) -> None:
    """Values, gradients, second ones and tangents, by what the branches do alone."""
    x, w = gc.input("x", (3,), "float64"), gc.input("w", (3,), "float64")

    def one(v: Node) -> dict[str, Node]:
        return {"a": gc.sin(v) * w, "b": gc.sum(v)}

    def other(v: Node) -> dict[str, Node]:
        return {"a": v * v, "b": gc.mean(v * v) * 2.0}

    def derived(y: dict[str, Node]) -> list[Node]:
        loss = gc.sum(y["a"]) * y["b"]
        gradients = gc.grad(loss, [x, w], unused="zeros")
        norm = sum((gc.sum(g**2) for g in gradients), gc.constant(0.0, "float64"))
        return [
            *y.values(),
            *gradients,
            *gc.grad(norm, [x, w], unused="zeros"),
            gc.jvp(loss, [x, w], [gc.ones_like(x), gc.ones_like(w)]),
        ]

    feeds = {"x": sign * np.array([0.1, 0.5, 2.0]), "w": np.array([1.0, 2.0, 3.0])}
    chosen = derived((one if sign > 0 else other)(x))
    found = derived(gc.cond(gc.sum(x) > 0, one, other, x))
    held(found, feeds, gc.evaluate(chosen, feeds))


def test_one_branch_runs() -> None:
    """The other one would divide by nothing: an error of NumPy's, not a NaN."""
    x = gc.input("x", (), "float64")
    y = gc.cond(x != 0.0, lambda v: 1.0 / v, lambda v: v, x)
    run = gc.compile([y, gc.grad(y, x)], style="readable")
    with np.errstate(all="raise"):
        assert [float(v) for v in run(x=0.0)] == [0.0, 1.0]
        assert [float(v) for v in run(x=2.0)] == [0.5, -0.25]
    assert "if not_equal_x:" in run.source


def test_what_nobody_reads_is_not_computed() -> None:
    x = gc.input("x", (3,), "float64")
    first, _ = gc.cond(x[0] > 0, lambda v: (v, gc.sort(v)), lambda v: (-v, v), x)
    ops = {n.op.name for g in optimize(Graph((first,))).nested for n in g.nodes}
    assert "sort" not in ops


def test_each_example_takes_its_own_branch() -> None:
    x = gc.input("x", ("n",), "float64")
    y = gc.vmap(lambda v: gc.cond(v > 0, gc.sqrt, gc.negative, v))(x)
    held([y], {"x": np.array([4.0, -2.0, 9.0])}, [np.array([2.0, 2.0, 3.0])])


def root(n: Node) -> tuple[Node, Node]:
    """Newton's method, and the number of its steps."""
    return gc.while_loop(
        lambda value: gc.abs(value[0] ** 2 - n) > 1e-12 * n,
        lambda value: ((value[0] + n / value[0]) / 2, value[1] + 1),
        (n, 0),
    )


def test_a_while_loop_ends_when_the_data_say_so() -> None:
    n = gc.input("n", (), "float64")
    value, steps = root(n)
    slope = gc.jvp(value, n, 1.0)
    for number in (1.0, 2.0, 1e4):
        expected, count = number, 0
        while abs(expected**2 - number) > 1e-12 * number:
            expected, count = (expected + number / expected) / 2, count + 1
        expected = [np.float64(expected), np.int64(count)]
        held([value, steps], {"n": number}, expected)
        found = gc.evaluate(slope, {"n": number})
        if count:
            np.testing.assert_allclose(found, 0.5 / np.sqrt(number), rtol=1e-6)


def test_examples_that_have_ended_stay_as_they_are() -> None:
    n = gc.input("n", (4,), "float64")
    nodes = [*gc.vmap(root)(n)]
    feeds = {"n": np.array([1.0, 2.0, 9.0, 1e4])}
    one = gc.input("n", (), "float64")
    each = [gc.evaluate([*root(one)], {"n": number}) for number in feeds["n"]]
    held(nodes, feeds, [np.array(column) for column in zip(*each, strict=True)])


def test_arrays_change_places_in_a_while_loop() -> None:
    x = gc.input("x", (3,), "float64")

    def step(state: dict[str, Any]) -> dict[str, Any]:
        return {
            "a": state["b"],
            "b": state["a"] * 2.0 + state["b"],
            "n": state["n"] + 1,
        }

    last = gc.while_loop(lambda s: s["n"] < 7, step, {"a": x, "b": x + 1.0, "n": 0})
    a, b = np.arange(3.0), np.arange(3.0) + 1
    for _ in range(7):
        a, b = b, a * 2.0 + b
    held([last["a"], last["b"], last["n"]], {"x": np.arange(3.0)}, [a, b, np.int64(7)])


def test_reverse_mode_of_a_while_loop_names_scan() -> None:
    n = gc.input("n", (), "float64")
    with pytest.raises(DifferentiationError, match=r"gc\.scan"):
        gc.grad(root(n)[0], n)
    # What does not go through it has a gradient.
    gc.grad(gc.stop_gradient(root(n)[0]) * n, n)


X = gc.input("x", (3,), "float64")

WRONG: dict[str, tuple[Callable[[], Any], type[GraphcError], str]] = {
    "a condition of arrays": (
        lambda: gc.cond(X > 0, gc.sin, gc.cos, X),
        ShapeError,
        r"of shape \(\), got bool \(3,\)(.|\n)*gc.where",
    ),
    "other structure": (
        lambda: gc.cond(X[0] > 0, lambda v: [v], lambda v: v, X),
        GraphError,
        r"got \[\*\] of true_fun and \* of false_fun",
    ),
    "other types": (
        lambda: gc.cond(X[0] > 0, lambda v: v, lambda v: v.astype("float32"), X),
        DTypeError,
        r"float64 \(3,\) of true_fun and float32 \(3,\) of false_fun",
    ),
    "no bool": (
        lambda: gc.while_loop(lambda v: v, lambda v: v, X),
        ShapeError,
        r"a bool of shape \(\), got float64 \(3,\)",
    ),
    "two bools": (
        lambda: gc.while_loop(lambda v: (v[0] > 0, v[1] > 0), lambda v: v, X),
        GraphError,
        r"must return a bool, got \(\*, \*\)",
    ),
    "other shape": (
        lambda: gc.while_loop(lambda v: v[0] > 0, lambda v: v[:2], X),
        ShapeError,
        r"got float64 \(2,\) for carry, which starts as float64 \(3,\)",
    ),
    "a draw": (
        lambda: gc.while_loop(lambda v: v[0] > 0, gc.nn.dropout, X),
        UnsupportedError,
        "would be the same in every step(.|\n)*gc.scan",
    ),
    "an if": (
        lambda: gc.sin(X) if X[0] > 0 else X,
        DTypeError,
        "known only when the program runs(.|\n)*gc.cond",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_the_users_line(name: str) -> None:
    build, error, message = WRONG[name]
    with pytest.raises(error, match=message) as caught:
        build()
    assert "test_branches.py" in str(caught.value)
