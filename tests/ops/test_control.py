"""Calls: what they compute, how they are traced, and their derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError, GraphError, UnsupportedError
from graphc.ir import OPS, Graph, Node, Op, TensorType, verify
from graphc.ir.bodies import inline
from graphc.ops.choices import bernoulli
from graphc.ops.control import argument, call, results
from tests.bodies import random_calls
from tests.random_graphs import MOVED, assert_near, drawn, moved


def bodies_of(*nodes: Node) -> list[Graph]:
    """The bodies of all calls, in order."""
    return [body for node in Graph(nodes).nodes for body in node.bodies]


def x_and_w() -> tuple[Node, Node]:
    return gc.input("x", ("n", 3), "float64"), gc.parameter(
        "w", (3, 3), dtype="float64"
    )


FEEDS = {
    "x": np.linspace(-1, 1, 12).reshape(4, 3),
    "w": np.linspace(1, 2, 9).reshape(3, 3) ** 3 / 8,
}


def test_a_call_computes_what_its_function_does() -> None:
    x, w = x_and_w()

    def layer(x: Node, w: Node) -> dict[str, Any]:
        hidden = gc.tanh(x @ w)
        return {"hidden": hidden, "sums": (gc.sum(hidden), [gc.max(hidden, axis=1)])}

    found, expected = call(layer, x, w), layer(x, w)
    assert repr(gc.evaluate(found, FEEDS)) == repr(gc.evaluate(expected, FEEDS))
    assert isinstance(found["sums"], tuple)


def test_calls_that_are_written_alike_share_a_body() -> None:
    x, w = x_and_w()

    def layer(x: Node) -> Node:
        return gc.tanh(x @ w)

    y = call(layer, call(layer, call(lambda v: gc.tanh(v @ w), x)))
    first, second, third = bodies_of(y)
    assert first is second is third
    # The value of the last call is not needed, as backward passes compute it anew.
    backward = bodies_of(gc.grad(gc.sum(y), w))[2:]
    assert len(backward) == 3
    assert len(set(map(id, backward))) == 1
    other = call(lambda x: gc.sin(x @ w), x)
    assert bodies_of(other)[0] != first


def test_what_a_function_takes_from_outside_becomes_an_argument() -> None:
    x, w = x_and_w()
    scale = gc.exp(w).sum()
    y = call(lambda x: (x @ w) * scale + gc.constant([1.0, 2.0, 3.0]) * x.shape[0], x)
    (node,) = [node for node in Graph((y,)).nodes if node.bodies]
    assert set(node.inputs) == {x, w, scale}
    (body,) = node.bodies
    assert [a.type for a in body.arguments] == [n.type for n in node.inputs]
    assert body.inputs == body.parameters == ()
    assert body.symbols == ("n",)
    verify(Graph((y,)))


def test_arguments_may_be_nested_numbers_and_unused() -> None:
    x, w = x_and_w()

    def f(p: dict[str, Node], pair: tuple[Node, list[Node]], k: Node, z: Node) -> Node:
        return p["x"] @ pair[0] * k + pair[1][0]

    found = call(f, {"x": x}, (w, [x]), 2.0, 7.0)
    value = gc.evaluate(found, FEEDS)
    np.testing.assert_array_equal(value, FEEDS["x"] @ FEEDS["w"] * 2.0 + FEEDS["x"])


def test_a_number_takes_the_dtype_of_the_arrays_beside_it() -> None:
    x = gc.input("x", (2,), "float32")

    def scaled(x: Node, by: float, pair: list[Node]) -> Node:
        return x * by + pair[0]

    found = call(scaled, x, 2.0, [x])
    assert found.dtype == np.float32
    assert bodies_of(found)[0] is not bodies_of(call(scaled, x, 3.0, [x]))[0]
    assert gc.evaluate(found, {"x": [1, 2]}).tolist() == [3.0, 6.0]


def test_a_draw_is_passed_and_so_new_for_each_tracing() -> None:
    x = gc.input("x", (1000,), "float64")
    first, second = (call(gc.nn.dropout, x) for _ in range(2))
    assert bodies_of(first)[0] is bodies_of(second)[0]
    run = gc.interpret([first, second], {"x": np.ones(1000)})
    assert not np.array_equal(run[first], run[second])
    mask = bernoulli(0.5, (1000,))
    same = [call(lambda x: gc.where(mask, x, 0.0), x) for _ in range(2)]
    run = gc.interpret(same, {"x": np.ones(1000)})
    np.testing.assert_array_equal(run[same[0]], run[same[1]])


def test_wrong_calls_are_errors_at_the_users_line() -> None:
    x, w = x_and_w()
    body = bodies_of(call(lambda x, w: x @ w, x, w))[0]
    wrong: list[tuple[type[GraphcError], str, Callable[[], Any]]] = [
        (
            DTypeError,
            "results of a function must be nodes",
            lambda: call(lambda x: 3, x),
        ),
        (GraphError, "requires an argument 1 for", lambda: call(body, x)),
        (GraphError, r"requires float64 \(n, 3\) for arg", lambda: call(body, w, w)),
        (DTypeError, "arguments must be nodes, got str", lambda: call(len, ["x"])),
    ]
    for error, message, make in wrong:
        with pytest.raises(error, match=message) as caught:
            make()
        assert str(caught.value.location).startswith(__file__)


def test_a_draw_that_depends_on_an_argument_is_refused() -> None:
    op = Op(
        name="noisy",
        inputs=("x",),
        infer=lambda x: TensorType(x.dtype, x.shape),
        kind="elementwise",
        numpy="rng.normal(x)",
        pure=False,
    )
    try:
        with pytest.raises(UnsupportedError, match="draws anew for each call"):
            call(lambda x: op(x), gc.input("x", ()))
    finally:
        del OPS["noisy"]


@pytest.mark.parametrize("use", [gc.evaluate, gc.compile])
def test_what_leaves_a_function_behind_its_back_is_refused(use: Any) -> None:
    x = gc.input("x", (), "float64")
    kept: list[Node] = []

    def leaks(x: Node) -> Node:
        kept.append(gc.exp(x))
        return kept[0]

    call(leaks, x)
    with pytest.raises(GraphError, match="and has no value outside of its function"):
        use(kept[0])
    # A function may well use what belongs to one around it.
    outer = call(lambda y: call(lambda z: z + gc.sin(y), gc.exp(y)), x)
    assert gc.evaluate(outer, {"x": 0.5}) == np.exp(0.5) + np.sin(0.5)


# Derivatives --------------------------------------------------------------------------


def _model(function: Callable[..., Any]) -> tuple[Node, list[Node]]:
    """A loss of two calls with integers, an unused result and an unused argument."""
    x, w = gc.input("x", (4, 3), "float64"), x_and_w()[1]
    k = gc.constant([2, 0, 1])

    def layer(x: Node, w: Node, k: Node, z: Node) -> tuple[Node, Node, Node, Node]:
        hidden = gc.tanh(gc.take(x @ w, k, axis=1))
        return hidden, k + 1, gc.exp(hidden), gc.sum(w * w)

    h, k, _, s = function(layer, x, w, k, x)
    h, _, e, _ = function(layer, h, w * s, k - 1, w)
    return gc.mean(h * e) + s, [x, w]


def _inlined(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def test_derivatives_are_those_of_the_graph_without_calls() -> None:
    called, variables = _model(call)
    plain, others = _model(_inlined)
    found, expected = [], []
    for loss, wrt, kept in ((called, variables, found), (plain, others, expected)):
        first = gc.grad(loss, wrt)
        tangents = [FEEDS["x"] * 0.5, FEEDS["w"] - 0.3]
        kept += [loss, *first, gc.jvp(loss, wrt, tangents)]
        kept += gc.hvp(loss, wrt, tangents)
        kept += gc.grad(gc.sum(first[0]) * gc.mean(first[1]), wrt)
    verify(Graph(tuple(found)))
    for a, b in zip(found, expected, strict=True):
        values = [gc.evaluate(node, FEEDS) for node in (a, b)]
        np.testing.assert_allclose(*values, rtol=1e-13)


def test_derivatives_agree_with_finite_differences() -> None:
    loss, variables = _model(call)
    gradients = gc.grad(loss, variables)
    direction = {"x": np.cos(FEEDS["x"] * 7), "w": np.sin(FEEDS["w"] * 5)}
    along = sum(
        gc.sum(g * direction[str(v.name)])
        for g, v in zip(gradients, variables, strict=True)
    )
    for value, slope in ((loss, along), (along, _slope(along, variables, direction))):
        step = 1e-5
        ends = [
            gc.evaluate(value, {k: FEEDS[k] + s * step * direction[k] for k in FEEDS})
            for s in (1, -1)
        ]
        expected = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(gc.evaluate(slope, FEEDS), expected, rtol=1e-7)


def _slope(y: Node, wrt: list[Node], direction: dict[str, Any]) -> Node:
    return gc.jvp(y, wrt, [direction[str(node.name)] for node in wrt])


def test_adjoints_of_a_result_under_two_names_add_up() -> None:
    x = gc.input("x", (), "float64")
    y, z = call(lambda x: (gc.sin(x), x * x), x)
    gradient = gc.grad(y * 2.0 + y.named("again") * 3.0 + z, x)
    expected = 5.0 * np.cos(0.5) + 1.0
    np.testing.assert_allclose(gc.evaluate(gradient, {"x": 0.5}), expected)


def test_only_what_flows_has_a_derivative() -> None:
    x, w = x_and_w()
    k = gc.input("k", (), "int64")
    y, rounded = call(lambda x, w, k: (x * k, gc.rint(w)), x, w, k)
    assert gc.grad(gc.sum(y), x).type == x.type
    for target in (y, rounded):
        with pytest.raises(gc.errors.DifferentiationError, match="does not depend on"):
            gc.grad(gc.sum(target), w)
    zero = gc.jvp(rounded, w, np.ones((3, 3)))
    assert not gc.evaluate(zero).any()


@pytest.mark.parametrize("seed", range(40))
def test_random_calls_are_their_bodies(seed: int) -> None:
    given, outputs = random_calls(seed)
    graph = Graph(tuple(outputs))
    verify(graph)
    without = inline(graph)
    verify(without)
    assert not any(node.bodies for node in without.nodes)
    feeds = drawn(given, seed, batch=4)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = gc.evaluate(outputs, feeds)
        expected = gc.evaluate(list(without.outputs), feeds)
    for a, b in zip(found, expected, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("seed", range(12))
def test_random_calls_compile_to_their_values(seed: int) -> None:
    given, outputs = random_calls(seed)
    functions = [
        gc.compile(outputs, style=style, simplify=simplify)
        for style in ("readable", "fast")
        for simplify in (False, True)
    ]
    feeds = drawn(given[:1], seed, batch=4)
    everything = {**feeds, **functions[0].parameters}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = gc.evaluate(outputs, everything)
        beside = gc.evaluate(outputs, moved(everything, MOVED))
        found = [function(**feeds) for function in functions]
    for values in found:
        assert_near(values, expected, beside, note=f"seed {seed}")


def test_a_body_by_hand() -> None:
    type = gc.input("x", (), "float64").type
    first, second = argument(0, type), argument(1, type)
    body = Graph((first - second, second))
    x, y = gc.input("x", (), "float64"), gc.input("y", (), "float64")
    a, b = results(body, (x, y))
    assert gc.evaluate([a, b], {"x": 5.0, "y": 3.0}) == [2.0, 3.0]
