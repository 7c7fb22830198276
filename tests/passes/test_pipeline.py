"""The pipeline as a whole: optimised equals unoptimised, verified, ordered, linear."""

import os
import subprocess
import sys
import textwrap
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.ir import graph as graph_module
from graphc.passes import rewriting
from graphc.passes.pipeline import optimize, pipeline, rewrites
from graphc.passes.stable.matching import View
from tests.random_graphs import (
    MOVED,
    Grower,
    assert_near,
    drawn,
    is_smooth,
    leaves,
    moved,
    outputs_of,
)

from .helpers import evaluate, ops

# Random graphs

GRAPHS = 100


def random_graph(seed: int, steps: int) -> tuple[Graph, list[Node]]:
    given = leaves()
    grower = Grower(Random(seed), given, keep=is_smooth)
    grower.grow(steps)
    return Graph(tuple(outputs_of(grower, given))), given


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(GRAPHS))
def test_optimised_equals_unoptimised(seed: int) -> None:
    graph, given = random_graph(seed, steps=2 + seed % 7)
    result = optimize(graph, verify_each=True)
    assert [o.type for o in result.outputs] == [o.type for o in graph.outputs]
    feeds = drawn(given, seed, batch=4 + seed % 3)
    expected = evaluate(graph, feeds)
    beside = evaluate(graph, moved(feeds, MOVED))
    assert_near(evaluate(result, feeds), expected, beside, note=f"seed {seed}")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(20))
def test_optimising_twice_changes_no_value(seed: int) -> None:
    graph, given = random_graph(seed, steps=4)
    once = optimize(graph, verify_each=True)
    twice = optimize(once, verify_each=True)
    feeds = drawn(given, seed, batch=5)
    expected, beside = evaluate(once, feeds), evaluate(once, moved(feeds, MOVED))
    assert_near(evaluate(twice, feeds), expected, beside, note=f"seed {seed}")
    assert len(twice) <= 1.1 * len(once) + 5


# Whole models


def model(drop: bool = False) -> Graph:
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    w = gc.parameter("w", (4, 5), gc.init.normal(0, 1))
    b = gc.parameter("b", (5,), gc.init.zeros())
    v = gc.parameter("v", (5, 3), gc.init.normal(0, 1))
    hidden = gc.nn.relu(x @ w + b)
    if drop:
        hidden = gc.nn.dropout(hidden, 0.5)
    loss = gc.nn.cross_entropy(hidden @ v, y)
    return Graph((loss, *gc.grad(loss, [w, b, v])))


FEEDS = {
    "x": np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32),
    "y": np.arange(6) % 3,
}


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("simplify", [False, True])
def test_a_classifier_trains_alike(drop: bool, simplify: bool) -> None:
    graph = model(drop)
    result = optimize(graph, simplify=simplify, verify_each=True)
    assert not any(node.op.is_block for node in result.nodes)
    for before, after in zip(
        evaluate(graph, FEEDS), evaluate(result, FEEDS), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_a_mask_is_drawn_once_for_forward_and_backward() -> None:
    assert ops(optimize(model(True)))["bernoulli"] == 1
    x = gc.input("x", (3,))
    two = gc.nn.dropout(x, 0.5) + gc.nn.dropout(x, 0.5)
    assert ops(optimize(Graph((two,))))["bernoulli"] == 2


def test_small_graphs_do_without_broadcast_and_double_work() -> None:
    counts = ops(optimize(model()))
    assert counts["broadcast_to"] == 0
    assert counts["stop_gradient"] == 0
    assert counts["exp"] == 1


def test_passes_leave_the_given_graph_as_it_is() -> None:
    graph = model()
    before = [(n, n.inputs, n.name, n.origin) for n in graph.nodes]
    optimize(graph)
    assert [
        (n, n.inputs, n.name, n.origin) for n in Graph(graph.outputs).nodes
    ] == before


def test_outputs_may_be_inputs_constants_or_one_node_twice() -> None:
    x = gc.input("x", (3,))
    graph = Graph((x, x * 1, gc.constant(2.0) * 3.0, gc.exp(x), gc.exp(x)))
    result = optimize(graph, verify_each=True)
    assert result.outputs[0] is x
    assert result.outputs[3] is result.outputs[4]
    assert len(result.outputs) == 5


def test_zero_sized_arrays() -> None:
    x = gc.input("x", (0, 3))
    y = gc.log(gc.exp(x) / gc.sum(gc.exp(x), axis=1, keepdims=True)) * 2 * 3
    graph = Graph((y, gc.grad(gc.sum(y**3), x), gc.sum(gc.ones((0, 3)))))
    result = optimize(graph, verify_each=True)
    found = evaluate(result, {"x": np.zeros((0, 3), np.float32)})
    assert [value.shape for value in found] == [(0, 3), (0, 3), ()]


def test_passes_have_names_and_say_what_they_need_and_leave() -> None:
    for simplify in (False, True):
        for step in pipeline(simplify):
            text = type(step).__doc__ or ""
            assert step.name
            assert all(word in text for word in ("Before", "After", "Sound when")), step
            with pytest.raises(AttributeError):
                step.name = "other"  # type: ignore[misc]


def test_rewrites_say_which_rule_changed_which_node_and_why() -> None:
    x = gc.input("x", (3,))
    y = (x**3 * 1).named("cubed")
    found = rewrites(Graph((y,)))
    assert [r.rule for r in found if r.before.name == "cubed"] == ["x * 1 -> x"]
    power = next(r for r in found if r.rule == "x**n -> product")
    assert power.before.op.name == "power"
    assert power.location == y.origin.location
    assert "integer" in power.sound_when
    assert rewrites(Graph((x,))) == ()


def test_every_derived_node_leads_back_to_the_users_line() -> None:
    for node in optimize(model()).nodes:
        assert node.origin.location is not None
        assert node.origin.location.file == __file__


def test_the_result_does_not_depend_on_the_hash_seed() -> None:
    program = textwrap.dedent("""
        import graphc as gc
        from graphc.ir import Graph
        from graphc.passes.pipeline import optimize
        x = gc.input("x", ("batch", 4))
        w = gc.parameter("w", (4, 3), gc.init.normal(0, 1))
        e = gc.exp(x @ w)
        p = e / gc.sum(e, axis=1, keepdims=True)
        loss = -gc.mean(gc.log(p)) + gc.sum(2 * w**3 + 3 * w + gc.exp(w) ** 3)
        graph = optimize(Graph((loss, gc.grad(loss, w))))
        places = {n: i for i, n in enumerate(graph.nodes)}
        for n in graph.nodes:
            print(n.op.name, n.name, [places[p] for p in n.inputs], n.attributes)
    """)
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (0, 1, 2)
    }
    assert len(texts) == 1


# Linear time, counted


def chain(length: int) -> Graph:
    x = gc.input("x", (4,))
    y = x
    for step in range(length):
        y = gc.tanh(y) if step % 3 == 0 else y + 0.5 if step % 3 == 1 else y * 1.5
    return Graph((y,))


def fan(leaves: int) -> Graph:
    x = gc.input("x", (4,))
    total = gc.exp(x)
    for leaf in range(leaves):
        total = total + gc.exp(x) * float(leaf)
    return Graph((total,))


def powers(length: int) -> Graph:
    x, y = gc.input("x", (4,)), gc.input("y", (4,))
    product = x
    for step in range(length):
        product = product * y if step % 2 else product * 0.5
    return Graph((product,))


def recurrence(length: int) -> Graph:
    """A polynomial of degree `2**length`."""
    x = gc.input("x", (4,))
    y = x
    for _ in range(length // 3):
        y = 3.7 * y * (1 - y)
    return Graph((y,))


def count_work(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> int:
    """Applications of rules, visits of nodes by sorts, and nodes looked into."""
    work = 0
    match = View.match
    rewrite, sort = rewriting._rewrite, graph_module.topological_order

    def counted_rewrite(*arguments: Any) -> Any:
        nonlocal work
        work += 1
        return rewrite(*arguments)

    def counted_sort(nodes: Any, *arguments: Any) -> Any:
        nonlocal work
        nodes = tuple(nodes)
        work += len(nodes)
        return sort(nodes, *arguments)

    def counted_match(*arguments: Any) -> bool:
        nonlocal work
        work += 1
        return match(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(View, "match", counted_match)
        patch.setattr(rewriting, "_rewrite", counted_rewrite)
        patch.setattr(graph_module, "topological_order", counted_sort)
        optimize(graph)
    return work


@pytest.mark.parametrize("build", [chain, fan, powers, recurrence])
def test_work_grows_linearly(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = count_work(build(300), monkeypatch)
    large = count_work(build(1200), monkeypatch)
    assert large < 4.4 * small


def expected_chain(x: np.ndarray, length: int) -> np.ndarray:
    for step in range(length):
        x = np.tanh(x) if step % 3 == 0 else x + 0.5 if step % 3 == 1 else x * 1.5
    return x


def expected_fan(x: np.ndarray, leaves: int) -> np.ndarray:
    return np.exp(x) * (1 + leaves * (leaves - 1) / 2)


@pytest.mark.parametrize(
    ("build", "expected"), [(chain, expected_chain), (fan, expected_fan)]
)
def test_thousands_of_steps_meet_no_recursion_limit(build: Any, expected: Any) -> None:
    graph = build(3000)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        result = optimize(graph)
    finally:
        sys.setrecursionlimit(limit)
    values = np.array([0.1, -0.2, 0.3, 0.0])
    (found,) = evaluate(result, {"x": values.astype(np.float32)})
    np.testing.assert_allclose(found, expected(values, 3000), rtol=1e-4)


def test_deep_view_chains_and_gradients() -> None:
    x = gc.input("x", (2, 3), "float64")
    y = x
    for step in range(1500):
        y = y.T if step % 2 else gc.tanh(y) * 1.0
    graph = Graph((gc.grad(gc.sum(gc.log(1 + gc.exp(y))), x),))
    result = optimize(graph, verify_each=True)
    values = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(
        evaluate(result, {"x": values})[0], evaluate(graph, {"x": values})[0], rtol=1e-9
    )
