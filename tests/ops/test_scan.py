"""Scans: what they compute, their derivatives, and what is wrong with a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    ArgumentError,
    DTypeError,
    GraphcError,
    GraphError,
    NonFiniteError,
    OptionError,
    ShapeError,
)
from graphc.ir import Graph, Node, verify
from graphc.passes.pipeline import accelerate, optimize
from tests.random_loops import BODIES, WRITTEN_OUT, Control, random_loops
from tests.styles import STYLES, assert_styles_agree

RANDOM = [pytest.param(n, marks=[pytest.mark.slow] if n < 6 else []) for n in range(12)]


@pytest.mark.parametrize("seed", RANDOM)
def test_random_loops_compute_what_their_steps_do(seed: int) -> None:
    """Values and gradients, as written, optimised, and in all styles."""
    _, expected = random_loops(seed, WRITTEN_OUT)
    _, found = random_loops(seed, BODIES)
    wanted = gc.evaluate(expected)
    assert_styles_agree(gc.evaluate(found), wanted, ulps=4096, note="interpreter")
    verify(optimize(Graph(tuple(found)), verify_each=True))
    for style in STYLES:
        for simplify in (True, False):
            run = gc.compile(found, style=style, simplify=simplify)
            for _ in range(2):
                note = f"{style}, simplify={simplify}"
                assert_styles_agree([*run()], wanted, ulps=4096, note=note)


@pytest.mark.parametrize("seed", [*RANDOM[:2], 2])
def test_second_derivatives_and_tangents_of_random_loops(seed: int) -> None:
    def derivatives(control: Control) -> list[Node]:
        given, (_, *found) = random_loops(seed, control)
        directions = [gc.ones_like(node) * 0.1 for node in given]
        gradients = found[-len(given) :]
        norm = sum((gc.sum(g * g) for g in gradients), gc.constant(0.0, "float64"))
        return [
            *(gc.jvp(node, given, directions) for node in found[:2]),
            *gc.grad(norm, given, unused="zeros"),
            gc.jvp(norm, given, directions),
        ]

    wanted = gc.evaluate(derivatives(WRITTEN_OUT))
    found = derivatives(BODIES)
    assert_styles_agree(gc.evaluate(found), wanted, ulps=2**16, note="interpreter")
    for style in STYLES:
        run = gc.compile(found, style=style)
        assert_styles_agree([*run()], wanted, ulps=2**16, note=style)


def cumulated(total: Node, x: Node) -> tuple[Node, Node]:
    return total + x, total


def test_values_are_those_of_a_loop_in_python() -> None:
    x = gc.input("x", ("n",), "float64")
    numbers = np.array([1.0, 2.0, 4.0])
    for reverse in (False, True):
        last, before = gc.scan(cumulated, 0.5, x, reverse=reverse)
        total, rows = 0.5, [0.0] * 3
        for t in reversed(range(3)) if reverse else range(3):
            rows[t], total = total, total + numbers[t]
        found = gc.evaluate([last, before], {"x": numbers})
        np.testing.assert_array_equal(found[0], total)
        np.testing.assert_array_equal(found[1], rows)


def test_no_steps_leave_the_carry_as_it_is() -> None:
    x = gc.input("x", ("n", 2), "float64")
    last, ys = gc.scan(lambda h, x: (h * x, (h, h[0] > 0)), gc.ones(2, "float64"), x)
    nodes = [last, *ys, gc.grad(gc.sum(last), x)]
    feeds = {"x": np.empty((0, 2))}
    for values in (
        gc.evaluate(nodes, feeds),
        *(gc.compile(nodes, style=style)(**feeds) for style in STYLES),
    ):
        np.testing.assert_array_equal(values[0], [1.0, 1.0])
        assert [v.shape for v in values[1:]] == [(0, 2), (0,), (0, 2)]
        assert values[2].dtype == bool


class State(NamedTuple):
    """A carry with names."""

    hidden: Any
    count: Any


def test_structures_come_back_as_they_are() -> None:
    x = gc.input("x", (3, 2), "float64")

    def step(state: State, item: dict[str, Any]) -> tuple[State, Any]:
        hidden = state.hidden + item["x"][0]
        return State(hidden, state.count + 1), {
            "pair": (hidden, [state.count]),
            "no": None,
        }

    last, ys = gc.scan(step, State(gc.zeros(2, "float64"), 0), {"x": [x]})
    assert isinstance(last, State)
    assert ys["no"] is None
    assert [type(ys["pair"]), type(ys["pair"][1])] == [tuple, list]
    count, counts = gc.evaluate([last.count, ys["pair"][1][0]], {"x": np.ones((3, 2))})
    assert [count, *counts] == [3, 0, 1, 2]


def test_a_loop_of_many_steps_is_as_long_as_one_of_few() -> None:
    def lines(length: int) -> int:
        x, h = gc.input("x", (length, 4, 3)), gc.zeros((4, 5))
        w, u = gc.parameter("w", (3, 5)), gc.parameter("u", (5, 5))

        def cell(h: Node, x: Node) -> tuple[Node, Node]:
            h = gc.tanh(x @ w + h @ u)
            return h, h

        loss = gc.mean(gc.scan(cell, h, x)[1] ** 2)
        run = gc.compile([loss, *gc.grad(loss, [w, u])], style="readable")
        return len(run.source.splitlines())

    assert lines(1000) == lines(9000) < 70


def test_work_that_needs_no_order_is_done_outside() -> None:
    """One product for all inputs, and one for each weight's gradient."""
    x, h = gc.input("x", ("steps", "batch", 3)), gc.input("h", ("batch", 5))
    w, u = gc.parameter("w", (3, 5)), gc.parameter("u", (5, 5))

    def cell(h: Node, x: Node) -> tuple[Node, Node]:
        h = gc.tanh(x @ w + h @ u)
        return h, h

    loss = gc.mean(gc.scan(cell, h, x)[1] ** 2)
    graph = optimize(Graph((loss, *gc.grad(loss, [w, u]))))
    loops = [node for node in graph.nodes if node.bodies]
    products = [n.op.name for n in graph.nodes].count("matmul")
    inside = [
        [n.op.name for n in loop.bodies[0].nodes].count("matmul") for loop in loops
    ]
    assert (products, inside) == (3, [1, 1])


def test_what_is_known_before_a_loop_is_grouped_and_computed_before_it() -> None:
    x, w = gc.input("x", ("steps", 3)), gc.parameter("w", (3,))

    def cell(h: Node, x: Node) -> tuple[Node, None]:
        return gc.tanh((h + x) + w) * x, None

    loss = gc.sum(gc.scan(cell, gc.zeros(3), x)[0])
    graph = optimize(Graph((loss, gc.grad(loss, w))))
    bodies = [node.bodies[0] for node in graph.nodes if node.bodies]
    ops = [[n.op.name for n in b.nodes if n.op.kind == "elementwise"] for b in bodies]
    assert ops == [["add", "tanh", "multiply"], ["multiply"]]


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_slices_that_are_used_alike_are_computed_at_once(reverse: bool) -> None:
    """And what a step begins with is not stacked beside what the last one ends with."""
    x, b = gc.input("x", ("steps", "batch", 4), "float64"), gc.zeros(6, "float64")
    w, u = (gc.input(name, (4, 6), "float64") for name in "wu")

    def cell(h: Node, x: Node) -> tuple[Node, Node]:
        a = x @ w + h @ u[:2] + b
        h = gc.nn.sigmoid(a[:, :2]) * h + gc.nn.sigmoid(a[:, 4:]) * gc.tanh(a[:, 2:4])
        return h, h

    start = gc.ones((x.shape[1], 2), "float64")
    loss = gc.mean(gc.scan(cell, start, x, reverse=reverse)[1] ** 2)
    outputs = [loss, *gc.grad(loss, [w, u])]
    graph = accelerate(optimize(Graph(tuple(outputs))))
    loop = next(node for node in graph.nodes if node.bodies)
    ops = [node.op.name for node in loop.bodies[0].nodes]
    assert [ops.count(name) for name in ("matmul", "exp", "divide", "tanh")] == [1] * 4
    assert not any(n in {*loop.bodies[0].arguments} for n in loop.bodies[0].outputs)
    rng = np.random.default_rng(0)
    feeds = {n: rng.normal(size=(4, 6)) for n in "wu"} | {
        "x": rng.normal(size=(5, 3, 4))
    }
    found = gc.compile(outputs)(**feeds)
    for value, expected in zip(found, gc.evaluate(outputs, feeds), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_a_layer_that_a_step_uses_twice_is_computed_once_forward() -> None:
    """Two products of the layer, two of its gradients, and the weight's outside."""
    start, layer = gc.input("start", ("n", 3)), gc.nn.Linear(3, 3, name="layer")

    def step(h: Node, _: None) -> tuple[Node, Node]:
        h = gc.tanh(layer(gc.tanh(layer(h))))
        return h, h

    loss = gc.mean(gc.scan(step, start, length=9)[1] ** 2)
    graph = optimize(Graph((loss, *gc.grad(loss, layer.parameters))))
    loops = [node for node in graph.nodes if node.bodies]
    ops = [[n.op.name for n in loop.bodies[0].nodes] for loop in loops]
    assert [each.count("matmul") for each in ops] == [2, 2]
    assert [loop.attributes["carries"] for loop in loops] == [1, 1]
    assert [n.op.name for n in graph.nodes].count("matmul") == 2


def test_a_value_that_is_not_finite_is_told_with_its_line_in_the_body() -> None:
    x = gc.input("x", (3,), "float64")

    def step(carry: Node, item: Node) -> tuple[Node, Node]:
        return carry * item, gc.log(carry)

    _, logs = gc.scan(step, 1.0, x)
    with pytest.raises(NonFiniteError, match="NaN in log") as caught:
        gc.evaluate(logs, {"x": [1.0, -1.0, 2.0]}, check_finite=True)
    assert "test_scan.py" in str(caught.value)


def test_reports_count_the_work_of_all_steps() -> None:
    x = gc.input("x", (5, 2), "float64")
    last, _ = gc.scan(lambda h, x: (h + x, None), H, x)
    assert "multiply-adds: 10" in str(gc.report(last)).splitlines()


# Bad input ----------------------------------------------------------------------------

X = gc.input("x", (3, 2), "float64")
H = gc.zeros(2, "float64")

WRONG: dict[str, tuple[Callable[[], Any], type[GraphcError], str]] = {
    "shape": (
        lambda: gc.scan(lambda h, x: (gc.sum(x), x), H, X),
        ShapeError,
        r"keep its type.*got float64 \(\) for carry, which starts as float64 \(2,\)",
    ),
    "dtype": (
        lambda: gc.scan(lambda c, x: ({"a": c["a"].astype("float32")}, x), {"a": H}, X),
        DTypeError,
        r"got float32 \(2,\) for carry\['a'\]",
    ),
    "structure": (
        lambda: gc.scan(lambda c, x: ([*c, x], x), [H], X),
        GraphError,
        r"keep its structure, got \[\*, \*\] after \[\*\]",
    ),
    "one value": (
        lambda: gc.scan(lambda c, x: c + x, H, X),
        GraphError,
        "must return two values",
    ),
    "lengths": (
        lambda: gc.scan(lambda c, x: (c, x), H, [X, X[:2]]),
        ShapeError,
        r"the same length, got 3 of xs\[0\], 2 of xs\[1\]",
    ),
    "length": (
        lambda: gc.scan(lambda c, x: (c, x), H, X, length=4),
        ShapeError,
        "got 3 of xs, 4 of length",
    ),
    "no length": (
        lambda: gc.scan(lambda c, x: (c, x), H),
        OptionError,
        "number of steps is not known",
    ),
    "negative": (
        lambda: gc.scan(lambda c, x: (c, x), H, length=-1),
        ShapeError,
        "length must not be negative, got -1",
    ),
    "arguments": (
        lambda: gc.scan(lambda c: (c, c), H, X),
        ArgumentError,
        "gc.scan calls a function that does not fit.* takes 1 positional argument",
    ),
    "a number": (
        lambda: gc.scan(lambda c, x: (c, x), H, 1.0),
        ShapeError,
        "xs has no axis to go along",
    ),
    "unroll": (
        lambda: gc.scan(lambda c, x: (c, x), H, X, unroll=0),
        OptionError,
        "unroll must be at least 1",
    ),
    "named unroll": (
        lambda: gc.scan(lambda c, x: (c, x), 0.0, gc.input("v", ("n",)), unroll=2),
        OptionError,
        "requires a known number of steps, got n",
    ),
    "a branch": (
        lambda: gc.scan(lambda c, x: (c if c[0] > 0 else x, x), H, X),
        DTypeError,
        "known only when the program runs(.|\n)*gc.where",
    ),
    "a value": (
        lambda: gc.scan(lambda c, x: (c, "x"), H, X),
        DTypeError,
        "gc.scan, a value of a step",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_the_users_line(name: str) -> None:
    build, error, message = WRONG[name]
    with pytest.raises(error, match=message) as caught:
        build()
    assert "test_scan.py" in str(caught.value)


def test_the_array_of_a_start_is_not_that_of_a_stack() -> None:
    """A carry that is read off its stack leaves the array of its start to others."""

    def step(pair: Any, _: None) -> Any:
        after = gc.tanh(pair[0] * 0.5 + X)
        return (after, pair[1] + pair[0]), after

    (_, total), rows = gc.scan(step, (X + X, gc.tanh(X)), length=3)
    later = gc.tanh(total)
    node = gc.sum(later**2) * gc.sum(rows**2, axis=0) + later
    feeds = {"x": np.arange(6.0).reshape(3, 2) / 5}
    np.testing.assert_allclose(gc.compile(node)(**feeds), gc.evaluate(node, feeds))


def test_dicts_may_be_returned_in_any_order() -> None:
    def step(c: dict[str, Node], _: None) -> tuple[dict[str, Node], None]:
        return {"b": c["b"] + 1.0, "a": c["a"] * c["b"]}, None

    start = {"a": 2.0, "b": gc.constant(3.0)}
    last, _ = gc.scan(step, start, None, length=3)
    either = gc.cond(last["a"] > 0, lambda: last, lambda: step(last, None)[0])
    assert gc.evaluate([last, either]) == [{"a": 120.0, "b": 6.0}] * 2


def test_each_step_draws_for_itself_and_a_draw_outside_is_shared() -> None:
    outside = gc.random.uniform(size=(2,), name="outside")

    def step(h: Node, x: Node) -> tuple[Node, Node]:
        noise = gc.random.uniform(size=(2,), name="noise")
        return h + noise.astype("float64"), gc.stack([noise, outside])

    last, rows = gc.scan(step, H, X)
    feeds = {"x": np.zeros((3, 2))}
    total, drawn = gc.evaluate([last, rows], feeds)
    assert len(np.unique(drawn[:, 0])) == 6
    assert len(np.unique(drawn[:, 1])) == 2
    np.testing.assert_allclose(total, drawn[:, 0].sum(0), rtol=1e-6)
    for style in STYLES:
        found = gc.compile([last, rows], style=style)(**feeds)
        np.testing.assert_array_equal(found[1], drawn)


@pytest.mark.peer
@pytest.mark.parametrize("reverse", [False, True])
def test_values_and_derivatives_are_those_of_jax(reverse: bool) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.normal(size=(6, 2, 3)),
        "h": rng.normal(size=(2, 4)),
        "w": rng.normal(size=(3, 4)),
        "u": rng.normal(size=(4, 4)) / 2,
    }

    def loss_of(np_like: Any, scan: Any, x: Any, h: Any, w: Any, u: Any) -> Any:
        def cell(carry: Any, x: Any) -> Any:
            h, total = carry
            h = np_like.tanh(x @ w + h @ u) * np_like.cos(total)
            return (h, total + np_like.sum(h * x[:, :1])), (h, h[0, 0] * total)

        start = np_like.sum(h) * 0.0
        (last, total), (hs, few) = scan(cell, (h, start), x, reverse=reverse)
        return np_like.sum(hs**2) + np_like.sum(last) * total + np_like.sum(few)

    nodes = {k: gc.parameter(k, v.shape, v, "float64") for k, v in arrays.items()}
    loss = loss_of(gc, gc.scan, *nodes.values())
    gradients = gc.grad(loss, [*nodes.values()])
    norm = sum((gc.sum(g * g) for g in gradients), gc.constant(0.0, "float64"))
    found = gc.compile([loss, *gradients, *gc.grad(norm, [*nodes.values()])])()

    def theirs(*values: Any) -> Any:
        return loss_of(jax.numpy, jax.lax.scan, *values)

    every = tuple(range(4))

    def squared(*values: Any) -> Any:
        return sum((g * g).sum() for g in jax.grad(theirs, every)(*values))

    values = [*arrays.values()]
    expected = [
        theirs(*values),
        *jax.grad(theirs, every)(*values),
        *jax.grad(squared, every)(*values),
    ]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("style", STYLES)
def test_layers_in_a_loop_train_whatever_their_names(style: Any) -> None:
    """Loops that keep little, so that gradients of weights are carried, too."""
    x = gc.input("x", ("batch", 2), "float64")
    inner = gc.nn.Linear(2, 32, name="step.inner", dtype="float64")
    outer = gc.nn.Linear(32, 2, name="step.outer", dtype="float64")

    def step(x: Node, _: None) -> tuple[Node, None]:
        for _turn in range(2):
            x = outer(gc.tanh(inner(x)))
        return x, None

    last, _ = gc.scan(step, x, length=3)
    trainer = gc.Trainer(gc.mean(last**2), gc.optim.SGD(0.1), style=style)
    before = {name: array.copy() for name, array in trainer.parameters.items()}
    trainer.step(x=np.array([[1.0, -2.0]]))

    written_out: Node = x
    for _turn in range(3):
        written_out, _ = step(written_out, None)
    parameters = [*inner.parameters, *outer.parameters]
    gradients = gc.evaluate(
        gc.grad(gc.mean(written_out**2), parameters),
        {"x": [[1.0, -2.0]]},
        parameters=before,
    )
    for parameter, gradient in zip(parameters, gradients, strict=True):
        assert parameter.name is not None
        found = trainer.parameters[parameter.name]
        expected = before[parameter.name] - 0.1 * gradient
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("unroll", [2, True])
def test_names_of_a_step_are_numbered_where_it_is_written_out(unroll: int) -> None:
    def step(h: Node, x: Node) -> tuple[Node, Node]:
        h = (h * x).named("inner")
        return h, h

    last, _ = gc.scan(step, H, X, unroll=unroll)
    source = gc.compile(last, style="readable").source
    assert "inner_2 =" in source
