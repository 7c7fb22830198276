"""Passes in bodies, and passes about calls."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node, verify
from graphc.ops.control import call
from graphc.passes.algebra.rules import Algebra
from graphc.passes.base import Pass, recording
from graphc.passes.bodies import DropUnread, InlineCalls, run_everywhere
from graphc.passes.cse import MergeEqual
from graphc.passes.expand import ExpandBlocks
from graphc.passes.fold import FoldConstants
from graphc.passes.pipeline import optimize, pipeline
from graphc.passes.stable.rules import Stability
from tests.bodies import random_calls
from tests.random_graphs import MOVED, assert_near, drawn, moved

X = gc.input("x", (4, 3), "float64")
FEEDS = {"x": np.linspace(-1, 2, 12).reshape(4, 3)}


def bodies_of(graph: Graph) -> list[Graph]:
    return [body for node in graph.nodes for body in node.bodies]


def ops_in(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes if node.inputs]


def test_a_pass_runs_inside_of_bodies_and_once_in_equal_ones() -> None:
    def layer(x: Node) -> Node:
        return call(lambda v: v * 1.0 + 0.0 * 1.0, gc.exp(x) * 1.0)

    y = call(layer, call(layer, X))
    with recording() as found:
        graph = run_everywhere(Algebra(), Graph((y,)))
    verify(graph)
    first, second = bodies_of(graph)
    assert first is second
    assert ops_in(first) == ["exp", "call", "result"]
    (inner,) = bodies_of(first)
    assert ops_in(inner) == ["add"]
    assert [r.rule for r in found].count("x * 1 -> x") == 2


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (ExpandBlocks(), lambda x: gc.nn.relu(x), ["maximum"]),
        (MergeEqual(), lambda x: gc.exp(x) + gc.exp(x), ["exp", "add"]),
        (FoldConstants(), lambda x: x + gc.exp(gc.constant(0.5)), ["add"]),
        (Stability(), lambda x: gc.log(1.0 + gc.exp(x)), ["softplus"]),
    ],
)
def test_what_passes_do_they_do_in_bodies(
    step: Pass, before: Any, after: list[str]
) -> None:
    graph = Graph((call(before, X),))
    done = run_everywhere(step, graph)
    verify(done)
    assert ops_in(bodies_of(done)[0]) == after
    expected = gc.evaluate(graph.outputs[0], FEEDS)
    np.testing.assert_allclose(gc.evaluate(done.outputs[0], FEEDS), expected)


def test_a_derivative_in_a_body_is_that_of_the_stable_formula() -> None:
    y = call(lambda x: gc.log(gc.sum(gc.exp(x), axis=1)), X)
    gradient = gc.grad(gc.sum(y), X)
    found = gc.compile([y, gradient])(x=np.full((4, 3), 1000.0))
    np.testing.assert_allclose(found[0], 1000 + np.log(3))
    np.testing.assert_allclose(found[1], 1 / 3)


def test_equal_calls_become_one() -> None:
    def layer(x: Node) -> Node:
        return gc.tanh(x * 2.0)

    graph = Graph((call(layer, X) + call(layer, X),))
    assert ops_in(graph) == ["call", "result"] * 2 + ["add"]
    assert ops_in(MergeEqual().run(graph)) == ["call", "result", "add"]


def test_constants_that_are_passed_are_not_folded_away() -> None:
    graph = Graph((call(lambda x: x + 1.0, gc.constant(2.0)),))
    assert ops_in(FoldConstants().run(graph)) == ["call", "result"]
    assert gc.compile(list(graph.outputs))() == [3.0]


def test_unread_results_and_unused_arguments_are_dropped() -> None:
    def layer(x: Node, y: Node, z: Node) -> tuple[Node, ...]:
        return gc.exp(x), gc.sin(y), z, gc.cos(x)

    first = call(layer, X, X * 2.0, X * 3.0)
    second = call(layer, first[0], first[2], X)
    graph = Graph((second[3], second[2], first[2]))
    done = DropUnread().run(graph)
    verify(done)
    # Both calls read the results of one body, which computes no sine any more.
    assert [ops_in(body) for body in bodies_of(done)] == [["exp", "cos"]] * 2
    assert bodies_of(done)[0] is bodies_of(done)[1]
    assert all(len(node.inputs) == 1 for node in done.nodes if node.bodies)
    assert done.outputs[1] is X
    for a, b in zip(graph.outputs, done.outputs, strict=True):
        np.testing.assert_array_equal(gc.evaluate(a, FEEDS), gc.evaluate(b, FEEDS))
    assert DropUnread().run(done) is done


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_backward_pass_computes_no_value_anew(times: int) -> None:
    """Neither beside forward calls, nor in a function of its own."""
    w = gc.parameter("w", (3, 3), dtype="float64")

    def model(function: Any) -> Graph:
        def layer(x: Node) -> Node:
            return gc.tanh(gc.exp(x) @ w) * gc.sin(x)

        value = X
        for _ in range(times):
            value = function(layer, value)
        loss = gc.mean(value**2)
        return Graph((loss, *gc.grad(loss, [w])))

    called = optimize(model(call))
    plain = optimize(model(lambda layer, x: layer(x)))
    assert len(set(bodies_of(called))) == (0 if times == 1 else 2)
    inside = [op for body in bodies_of(called) for op in ops_in(body)]
    counts = Counter([*ops_in(called), *inside])
    for op in ("tanh", "exp", "sin"):
        assert counts[op] == ops_in(plain).count(op), op
    # One function for all calls, of which the first needs no adjoint of its input.
    for op in ("cos", "matmul"):
        assert counts[op] <= ops_in(plain).count(op) + 1, op


def test_second_derivatives_of_calls_are_inlined() -> None:
    value = call(lambda x: gc.sin(x), call(lambda x: gc.sin(x), X))
    slope = gc.grad(gc.sum(value), X)
    curvature = gc.grad(gc.sum(slope), X)
    assert not bodies_of(optimize(Graph((value, slope, curvature))))


def test_the_sign_of_a_zero_that_leaves_a_body_is_kept() -> None:
    x = gc.input("x", (2,), "float64")
    y = 1.0 / call(lambda x: gc.exp(x) - 1.0, x)
    found = gc.compile(y)(x=[-0.0, 0.0])
    np.testing.assert_array_equal(found, gc.evaluate(y, {"x": [-0.0, 0.0]}))


@pytest.mark.parametrize("seed", range(12))
def test_every_pass_leaves_random_calls_as_they_are(seed: int) -> None:
    given, outputs = random_calls(seed)
    graph = Graph(tuple(outputs))
    feeds = drawn(given, seed, batch=4)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = gc.evaluate(outputs, feeds)
        beside = gc.evaluate(outputs, moved(feeds, MOVED))
        kept = [s for s in pipeline(True) if not isinstance(s, InlineCalls)]
        for step in (*kept, InlineCalls()):
            graph = run_everywhere(step, graph)
            verify(graph)
            found = gc.evaluate(list(graph.outputs), feeds)
            assert_near(found, expected, beside, note=f"{step.name}, seed {seed}")
