"""Provenance: a node knows whether it belongs to a derivative, and of what."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.pipeline import optimize


def _declared() -> tuple[Node, Node]:
    x = gc.input("x", ("rows", 3))
    w = gc.parameter("w", (3, 4), gc.init.ones())
    hidden = gc.nn.relu(x @ w)
    return w, gc.mean(gc.nn.log_softmax(hidden, 1) * hidden)


def _backward() -> tuple[Node, Node]:
    w, loss = _declared()
    return loss, gc.grad(loss, w)


def _tangent() -> tuple[Node, Node]:
    w, loss = _declared()
    return loss, gc.jvp(loss, w, gc.ones((3, 4)))


DERIVATIVES: dict[str, Callable[[], tuple[Node, Node]]] = {
    "reverse": _backward,
    "forward": _tangent,
}


def _optimized(graph: Graph) -> Graph:
    return optimize(graph)


def _pickled(graph: Graph) -> Graph:
    return pickle.loads(pickle.dumps(graph))


STAGES: dict[str, Callable[[Graph], Graph]] = {
    "declared": lambda graph: graph,
    "optimized": _optimized,
    "pickled": _pickled,
    "optimized, then pickled": lambda graph: _pickled(_optimized(graph)),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("mode", DERIVATIVES)
def test_what_differentiation_makes_says_so_at_every_stage(
    mode: str, stage: str
) -> None:
    """And what the user declared does not, though both share nodes and lines."""
    loss, derivative = DERIVATIVES[mode]()
    graph = STAGES[stage](Graph((loss, derivative)))
    declared = set(Graph(graph.outputs[:1]).meanings)
    derived = [node for node in graph.meanings if node not in declared]
    made = [node for node in derived if node.inputs]
    assert made
    assert all(node.origin.derivative for node in made)
    assert {node.origin.derivative.mode for node in made if node.origin.derivative} == {
        mode
    }
    assert not any(node.origin.derivative for node in declared)


def test_a_derivative_says_whose_rule_made_it_and_whose_adjoint_it_is() -> None:
    x = gc.input("x", (3,))
    y = gc.tanh(x)
    d_x = gc.grad(gc.sum(y * y), x)
    part = d_x.origin.derivative
    assert part is not None
    assert part.through is y
    assert part.of is d_x.origin.gradient_of is x
    inner = d_x.inputs[1].origin.derivative
    assert inner is not None
    assert (inner.through, inner.of) == (y, None)


def test_a_sum_of_adjoints_is_of_the_node_that_it_is_of() -> None:
    x = gc.input("x", (3,))
    d_x = gc.grad(gc.sum(gc.exp(x) * gc.sin(x)), x)
    assert d_x.op.name == "add"
    part = d_x.origin.derivative
    assert part is not None
    assert part.through is part.of is x


def test_a_cotangent_of_the_users_stays_the_users() -> None:
    x, seed = gc.input("x", (3,)), gc.input("seed", (3,))
    doubled = seed * 2.0
    d_x = gc.vjp(x + 1.0, x, doubled)
    assert d_x is doubled
    assert d_x.origin.derivative is None


def test_tangents_have_a_heading_of_their_own() -> None:
    for mode, heading in (("reverse", "# Backward"), ("forward", "# Tangents")):
        source = gc.compile(list(DERIVATIVES[mode]()), style="readable").source
        assert source.count("# Forward") == source.count(heading) == 1
