"""Bodies as the IR sees them: verified, hashed, pickled, bounded, mapped, inlined."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphError, NonFiniteError
from graphc.ir import Graph, Node, rebuild, verify
from graphc.ir.bodies import inline, map_bodies
from graphc.ir.fingerprint import graph_hash
from graphc.ir.labels import admitted, label_bounds
from graphc.ir.sizes import size_bounds
from graphc.ir.types import TupleType
from graphc.ops.choices import bernoulli
from graphc.ops.control import CALL, RESULT, argument, call, results
from tests.bodies import random_calls

NUMBER = gc.input("x", (), "float64").type


def square_sum(swapped: bool = False) -> Graph:
    """`(exp(a) - sin(b), sin(b))`, its nodes made in either order."""
    a, b = argument(0, NUMBER), argument(1, NUMBER)
    parts: list[Callable[[], Node]] = [lambda: gc.exp(a), lambda: gc.sin(b)]
    made = [part() for part in (parts[::-1] if swapped else parts)]
    first, second = made[::-1] if swapped else made
    return Graph((first - second, second))


def called(body: Graph) -> Graph:
    x, y = gc.input("x", (), "float64"), gc.input("y", (), "float64")
    return Graph((results(body, (x, y))[0] * 2.0,))


def test_the_hash_depends_on_what_is_written_and_not_on_when() -> None:
    first, second = square_sum(), square_sum(swapped=True)
    assert first == second
    assert hash(first) == hash(second)
    assert graph_hash(called(first).outputs) == graph_hash(called(second).outputs)
    a, b = argument(0, NUMBER), argument(1, NUMBER)
    other = Graph((gc.exp(a) - gc.cos(b), gc.cos(b)))
    assert first != other
    assert graph_hash(called(first).outputs) != graph_hash(called(other).outputs)
    exchanged = Graph((gc.exp(b) - gc.sin(a), gc.sin(a)))
    assert first != exchanged


_PRINT_HASH = textwrap.dedent("""
    import graphc as gc
    from graphc.ir.fingerprint import graph_hash
    from graphc.ops.control import call
    x, w = gc.input("x", ("n", 3)), gc.parameter("w", (3, 3))
    def layer(x):
        return gc.nn.softmax(x @ w, dim=1) + gc.constant([0.5, 1.5, 2.5], "float32")
    y = call(lambda v: call(layer, v) * 2, call(layer, x))
    print(graph_hash((y, gc.grad(gc.sum(y), w))))
""")


def test_the_hash_is_the_same_under_every_hash_seed() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_HASH],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "12345")
    }
    assert len(texts) == 1
    assert len(texts.pop().strip()) == 16


@pytest.mark.parametrize("seed", range(6))
def test_bodies_come_back_from_a_pickle_and_are_shared(seed: int) -> None:
    _, outputs = random_calls(seed)
    graph = Graph(tuple(outputs))
    again: Graph = pickle.loads(pickle.dumps(graph))
    verify(again)
    assert again.nested[1:] == graph.nested[1:]
    assert graph_hash(again.outputs) == graph_hash(graph.outputs)

    def shared(graph: Graph) -> list[int]:
        found: list[int] = []
        places: dict[int, int] = {}
        for node in graph.nodes:
            found += [places.setdefault(id(b), len(places)) for b in node.bodies]
        return found

    assert shared(again) == shared(graph)


# What the verifier refuses ------------------------------------------------------------


def _call(body: Any, *inputs: Node) -> Graph:
    two = TupleType.of(NUMBER, NUMBER)
    node = Node(CALL, inputs, {"body": body}, two)
    return Graph((RESULT(node, index=0),))


def _in_body(node: Node) -> Graph:
    other = argument(1, NUMBER)
    return Graph((node - gc.sin(other), gc.sin(other)))


_X, _Y = gc.input("x", (), "float64"), gc.input("y", (), "float64")
_FLOAT32 = gc.input("z", ())


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (_call("body", _X, _Y), "a body that is not a graph"),
        (_call(_in_body(_X), _X, _Y), "input is in a body, which must be passed it"),
        (
            _call(_in_body(gc.parameter("w", (), dtype="float64")), _X, _Y),
            "parameter is in a body",
        ),
        (
            _call(_in_body(bernoulli(0.5, ()).astype("float64")), _X, _Y),
            "is in a body, which must be passed it",
        ),
        (Graph((gc.exp(argument(0, NUMBER)),)), "argument is in no body"),
        (
            _call(Graph((argument(0, NUMBER), argument(0, NUMBER))), _X, _Y),
            "stands in its body more than once",
        ),
        (_call(square_sum(), _X), "requires an argument 1"),
        (_call(square_sum(), _X, _FLOAT32), "requires float64 .* for argument 1"),
        (_call(Graph((argument(0, NUMBER),)), _X, _Y), "its op infers"),
        (
            Graph((Node(RESULT, (_X,), {"index": 0}, NUMBER),)),
            "requires several values",
        ),
        (
            Graph((Node(RESULT, _call(square_sum(), _X, _Y).outputs[0].inputs,
                        {"index": 2}, NUMBER),)),
            "attributes that its op refuses",
        ),
        (
            _call(_in_body(Node(gc.exp(_X).op, (), {}, NUMBER)), _X, _Y),
            "takes 1 inputs, has 0",
        ),
    ],
)  # fmt: skip
def test_the_verifier_finds(graph: Graph, message: str) -> None:
    verify(_call(square_sum(), _X, _Y))
    with pytest.raises(GraphError, match=message):
        verify(graph)


def test_a_fault_is_found_in_the_body_of_a_body() -> None:
    type = _X.type
    broken = _call(_in_body(_X), argument(0, type), argument(1, type))
    outer = Graph((*broken.outputs, gc.sin(argument(1, type))))
    with pytest.raises(GraphError, match="input is in a body"):
        verify(_call(outer, _X, _Y))


# What is found through a call ---------------------------------------------------------


def test_labels_are_bounded_through_a_call() -> None:
    labels = gc.input("labels", ("n",), "int64")
    table = gc.parameter("table", (5, 3), dtype="float64")
    outside = gc.take(table, labels, axis=0)
    inside = call(lambda k: gc.take(table, k, axis=0), labels)
    nested = call(lambda k: call(lambda j: gc.take(table, j - 1, axis=0), k), labels)
    for rows, bounds in ((outside, (0, 4)), (inside, (0, 4)), (nested, (1, 5))):
        found = label_bounds(Graph((rows,)))
        assert list(found) == [labels]
        assert found[labels][:2] == bounds
        low, high = bounds
        rows = gc.sum(rows)
        gc.evaluate(rows, {"labels": [low, high]}, parameters=_table())
        for style in ("readable", "fast"):
            function = gc.compile(rows, style=style)
            function(labels=[low, high])
            with pytest.raises(FeedError, match="labels"):
                function(labels=[low, high + 1])
        with pytest.raises(FeedError, match="labels"):
            gc.evaluate(rows, {"labels": [low - 1, high]}, parameters=_table())


def _table() -> dict[str, Any]:
    return {"table": np.ones((5, 3))}


def test_positions_that_a_body_computes_are_checked() -> None:
    x = gc.input("x", (4,), "float64")
    rows = call(lambda x: gc.take(x, gc.rint(x * 10.0).astype("int64")), x)
    assert gc.evaluate(rows, {"x": [0.1, 0.2, 0.3, 0.0]}).tolist() == [0.2, 0.3, 0, 0.1]
    for run in (gc.compile(rows), lambda x: gc.evaluate(rows, {"x": x})):
        with pytest.raises(FeedError, match="not in the range 0 to 3"):
            run(x=[0.1, 0.2, 0.3, 0.9])


def test_bounds_of_sizes_are_found_in_bodies() -> None:
    x = gc.input("x", ("n",), "float64")
    y = call(lambda x: gc.sum(x[3:]), x)
    (bound,) = size_bounds(Graph((y,)))
    assert bound.message == "getitem requires n >= 3"
    with pytest.raises(FeedError, match="getitem requires n >= 3"):
        gc.evaluate(y, {"x": [1.0]})


def test_numbers_that_are_not_finite_are_admitted_where_a_body_asks_for_them() -> None:
    x, y = gc.input("x", (3,)), gc.input("y", (3,))
    z = call(lambda x, y: gc.where(gc.isnan(x), 0.0, x) + y, x, y)
    assert admitted(Graph((z,)).meanings) == {x: ("nan",)}


# Mapping and inlining -----------------------------------------------------------------


def test_equal_bodies_are_mapped_once_and_to_one_graph() -> None:
    x = gc.input("x", (3,))
    first, second = results(_unary(), (x,)), results(_unary(), (gc.exp(x),))
    seen: list[Graph] = []

    def sines(body: Graph) -> Graph:
        seen.append(body)
        return rebuild(body, lambda n: gc.sin(*n.inputs) if n.inputs else n)

    graph = map_bodies(Graph((*first, *second)), sines)
    verify(graph)
    assert len(seen) == 1
    bodies = [body for node in graph.nodes for body in node.bodies]
    assert bodies[0] is bodies[1]
    value = gc.evaluate(graph.outputs[0], {"x": [0.5, 1, 2]})
    np.testing.assert_allclose(value, np.sin([0.5, 1, 2]), rtol=1e-6)
    assert map_bodies(graph, lambda body: body) is graph


def _unary() -> Graph:
    return Graph((gc.cos(argument(0, gc.input("x", (3,)).type)),))


def test_inlining_leaves_names_lines_and_blocks_to_read() -> None:
    x, w = gc.input("x", (2, 3)), gc.parameter("w", (3, 3))

    def layer(x: Node) -> Node:
        return gc.tanh((x @ w).named("product"))

    y = call(layer, x).named("hidden")
    graph = inline(Graph((call(layer, y),)))
    verify(graph)
    assert [n.op.name for n in graph if n.inputs] == ["matmul", "tanh"] * 2
    assert [n.name for n in graph if n.inputs] == ["product", "hidden", "product", None]
    assert {n.origin.location.file for n in graph if n.origin.location} == {__file__}
    products = [n for n in graph if n.name == "product"]
    blocks = [n.origin.block for n in products]
    assert [b.name for b in blocks if b is not None and b.bodies] == ["layer"] * 2
    plain = Graph((gc.exp(x),))
    assert inline(plain) is plain


def test_every_value_of_a_call_is_kept() -> None:
    x = gc.input("x", (3,), "float64")
    y, total = call(lambda x: (gc.exp(x), gc.sum(x)), x)
    run = gc.interpret([y * total], {"x": [0.0, 1.0, 2.0]})
    np.testing.assert_array_equal(run[y], np.exp([0.0, 1.0, 2.0]))
    assert run[total] == 3.0


def test_the_first_number_that_is_not_finite_is_found_in_a_body() -> None:
    x = gc.input("x", (2,), "float64")

    def layer(x: Node) -> Node:
        return gc.exp(gc.log(x))

    with pytest.raises(NonFiniteError, match="NaN in log at") as caught:
        gc.evaluate(call(layer, x), {"x": [1.0, -1.0]}, check_finite=True)
    assert caught.value.location == f"{__file__}:{layer.__code__.co_firstlineno + 1}"
