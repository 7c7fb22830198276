"""Graphs: order, determinism, rebuilding, long chains, and the verifier."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphError
from graphc.ir import OPS, Graph, Node, TensorType, rebuild, verify
from graphc.ir.graph import expand
from graphc.ir.walk import ancestors, meaning_of


def _network() -> tuple[Node, list[Node]]:
    x = gc.input("x", ("batch", 4), "float64")
    weights = [gc.parameter(f"w{i}", (4, 4), dtype="float64") for i in range(3)]
    hidden = x
    for weight in weights:
        hidden = gc.tanh(hidden @ weight) + x
    return gc.mean(hidden**2), weights


def test_inputs_come_first_and_declaration_decides() -> None:
    loss, weights = _network()
    graph = Graph((loss, *gc.grad(loss, weights)))
    position = {node: i for i, node in enumerate(graph.nodes)}
    assert len(position) == len(graph)
    for node in graph:
        assert all(position[parent] < position[node] for parent in node.inputs)
    assert [n.name for n in graph.inputs] == ["x"]
    assert [n.name for n in graph.parameters] == ["w0", "w1", "w2"]
    assert graph.symbols == ("batch",)
    # Nothing here was replaced, so the order of creation is a valid order and stands.
    orders = [node.order for node in graph.nodes]
    assert orders == sorted(orders)


_PRINT_ORDER = textwrap.dedent("""
    import graphc as gc
    from graphc.ir import Graph
    x = gc.input("x", ("batch", 4), "float64")
    sizes = [gc.input(f"i{k}", (f"n{k}", 4), "float64") for k in range(5)]
    weights = {name: gc.parameter(name, (4, 4)) for name in "abcdefgh"}
    h = x
    for w in weights.values():
        h = gc.tanh(h @ w) + x
    loss = gc.mean(h ** 2) + sum(gc.sum(s) for s in sizes)
    gradients = gc.grad(loss, weights)
    graph = Graph((loss, *gradients.values()))
    print(graph.symbols)
    for node in graph:
        print(node, [p.index for p in node.inputs], sorted(node.attributes))
    joined = gc.concatenate([s * x.shape[0] for s in sizes])
    print(joined.shape, gc.grad(gc.sum(joined), sizes))
""")


def test_order_is_the_same_under_every_hash_seed() -> None:
    texts = set[str]()
    for seed in ("0", "12345"):
        result = subprocess.run(
            [sys.executable, "-c", _PRINT_ORDER],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        texts.add(result.stdout)
    assert len(texts) == 1
    assert "tanh" in texts.pop()


def test_rebuilding_with_no_change_is_the_same_graph() -> None:
    loss, weights = _network()
    graph = Graph((loss, *gc.grad(loss, weights)))
    again = rebuild(graph, lambda node: node)
    assert all(a is b for a, b in zip(again.nodes, graph.nodes, strict=True))


def test_rebuilding_replaces_everywhere_and_keeps_the_rest() -> None:
    x = gc.input("x", (3,), "float64")
    shared = gc.exp(x)
    untouched = gc.sin(x)
    graph = Graph((shared + shared, gc.log(shared), untouched))

    def rule(node: Node) -> Node:
        return gc.square(node.inputs[0]) if node.op.name == "exp" else node

    result = rebuild(graph, rule)
    verify(result)
    assert "exp" not in {node.op.name for node in result}
    assert result.outputs[2] is untouched
    values = gc.evaluate(list(result.outputs), {"x": [1.0, 2.0, 3.0]})
    np.testing.assert_allclose(values[0], [2, 8, 18])
    # A replaced user keeps its place in the declared order.
    assert result.outputs[0].order == graph.outputs[0].order


def test_expanding_leaves_primitives_only() -> None:
    x = gc.input("x", ("batch", 3), "float64")
    y = gc.nn.softmax(gc.nn.relu(x), dim=1)
    graph = Graph((y,))
    assert any(node.op.is_block for node in graph)
    flat = expand(graph)
    verify(flat)
    assert not any(node.op.is_block for node in flat)
    array = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(
        gc.evaluate(flat.outputs[0], {"x": array}), gc.evaluate(y, {"x": array})
    )
    assert expand(flat).nodes == flat.nodes


def test_a_blocks_expansion_is_made_once() -> None:
    x = gc.input("x", (2, 3), "float64")
    y = gc.nn.softmax(x, dim=1)
    assert y.expansion is y.expansion
    assert y.expansion.type == y.type
    inner = set(ancestors([y], meaning_of)) - {y, x}
    assert {node.origin.block for node in inner if node.inputs} == {y}
    assert {node.origin.location for node in inner if node.inputs} == {
        y.origin.location
    }


def test_users_are_listed_once_each() -> None:
    x = gc.input("x", ())
    square = x * x
    graph = Graph((square + 1.0,))
    assert graph.users[x] == [square]
    assert graph.users[graph.outputs[0]] == []


LENGTH = 4000


@pytest.fixture(scope="module")
def chain() -> tuple[Node, Node]:
    x = gc.input("x", (2,), "float64")
    y = x
    for _ in range(LENGTH):
        y = gc.sin(y)
    return x, gc.sum(y)


def test_a_long_chain_sorts(chain: tuple[Node, Node]) -> None:
    graph = Graph((chain[1],))
    assert len(graph) == LENGTH + 2
    verify(graph)


def test_a_long_chain_differentiates_in_linear_size(chain: tuple[Node, Node]) -> None:
    x, y = chain
    gradient = gc.grad(y, x)
    # cos and multiply for each sine; one broadcast, one seed.
    assert len(Graph((y, gradient))) == 3 * LENGTH + 4
    tangent = gc.jvp(y, x, np.ones(2))
    assert len(Graph((y, tangent))) <= 3 * LENGTH + 4
    array = np.array([0.3, 1.0])
    run = gc.interpret([y, gradient, tangent], {"x": array})
    value, slope = array, np.ones(2)
    for _ in range(LENGTH):
        slope = slope * np.cos(value)
        value = np.sin(value)
    np.testing.assert_allclose(run[y], value.sum(), rtol=1e-12)
    np.testing.assert_allclose(run[gradient], slope, rtol=1e-9)
    np.testing.assert_allclose(run[tangent], slope.sum(), rtol=1e-9)


def test_a_long_chain_rebuilds_and_prints(chain: tuple[Node, Node]) -> None:
    graph = Graph((chain[1],))

    def rule(node: Node) -> Node:
        return gc.cos(node.inputs[0]) if node.op.name == "sin" else node

    result = rebuild(graph, rule)
    assert len(result) == len(graph)
    assert len(repr(result.outputs[0])) < 100


def test_doubling_is_linear() -> None:
    """Each node uses the one before twice: the graph has n nodes, not 2**n."""
    x = gc.input("x", (), "float64")
    y = x
    for _ in range(500):
        y = y + y * 0.5
    gradient = gc.grad(y, x)
    assert len(Graph((y, gradient))) < 500 * 6
    assert gc.evaluate([gradient, y], {"x": 1.0})[0] == pytest.approx(1.5**500)


# The verifier


def _broken(**changed: Any) -> Graph:
    x = gc.input("x", (2, 3), "float64")
    good = gc.sum(x, axis=0)
    fields: dict[str, Any] = {
        "op": good.op,
        "inputs": good.inputs,
        "attributes": good.attributes,
        "type": good.type,
    }
    return Graph((Node(**{**fields, **changed}),))


class _Impostor:
    name = "sum"
    inputs = ("x",)
    is_block = False
    is_declared = False
    role = None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"op": _Impostor()}, "not the declared one"),
        ({"inputs": ()}, "takes 1 inputs, has 0"),
        ({"inputs": (gc.zeros((2, 3)), gc.zeros((2, 3)))}, "takes 1 inputs, has 2"),
        ({"attributes": {"axis": [0], "keepdims": False}}, "can't be hashed"),
        ({"attributes": {"axis": (0,)}}, "attributes that its op refuses"),
        ({"attributes": {"axis": (0,), "keepdims": False, "a": 1}}, "op refuses"),
        ({"type": TensorType(np.dtype("float64"), (2,))}, r"its op infers float64 \(3"),
        ({"type": TensorType(np.dtype("float32"), (3,))}, "has type float32"),
        (
            {"op": OPS["max"], "inputs": (gc.zeros((0, 3), "float64"),)},
            "inputs that its op refuses",
        ),
        (
            {"op": OPS["concatenate"], "inputs": (), "attributes": {"axis": 0}},
            "refuses",
        ),
        (
            {"op": OPS["clip"], "inputs": (), "attributes": {"lower": True}},
            "takes 1 inputs, has 0",
        ),
        (
            {
                "op": OPS["input"],
                "inputs": (),
                "attributes": {"shape": (3,), "dtype": np.dtype("float64")},
            },
            "has no name",
        ),
    ],
)
def test_the_verifier_finds(changed: Any, message: str) -> None:
    verify(_broken())
    with pytest.raises(GraphError, match=message):
        verify(_broken(**changed))


def test_the_verifier_finds_wrong_order() -> None:
    x = gc.input("x", ())
    y = gc.exp(x)
    graph = Graph((y,))
    graph.__dict__["nodes"] = (y, x)
    with pytest.raises(GraphError, match="before it is defined"):
        verify(graph)


def test_the_verifier_finds_two_inputs_of_one_name() -> None:
    with pytest.raises(GraphError, match="two nodes have the name 'x'"):
        verify(Graph((gc.input("x", ()) + gc.input("x", ()),)))


def test_graphs_are_equal_if_they_are_written_alike() -> None:
    x, y = gc.input("x", ()), gc.input("x", ())
    assert Graph((gc.exp(x),)) == Graph((gc.exp(x).named("e"),))
    different = [(x,), (y,), (x, x), (gc.exp(x),), (gc.sin(x),), (gc.exp(y),)]
    assert len({Graph(outputs) for outputs in different}) == len(different)
    assert Graph((x,)) != (x,)
