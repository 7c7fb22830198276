"""Generated tests over all blocks: their own derivatives against their expansions'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Graph, verify
from graphc.ir.graph import expand
from graphc.ir.walk import ancestors
from tests.op_cases import (
    Application,
    applications,
    floating_positions,
    is_differentiable,
)


def _id(application: Application) -> str:
    return application.id


BLOCKS = applications(lambda op: op.is_block)
OWN_VJP = [
    a
    for a in applications(lambda op: op.is_block and op.vjp is not None)
    if is_differentiable(a)
]


def test_the_blocks_of_the_spine_exist() -> None:
    blocks = {name for name, op in OPS.items() if op.is_block}
    assert {
        "linear",
        "relu",
        "sigmoid",
        "softmax",
        "log_softmax",
        "nll_loss",
        "cross_entropy",
        "mse_loss",
        "dropout",
    } <= blocks


@pytest.mark.parametrize("application", BLOCKS, ids=_id)
def test_expansion_reaches_primitives(application: Application) -> None:
    """Nothing but primitives is left, each well-formed and of a user's line."""
    output = application.apply(application.nodes())
    graph = expand(Graph((output,)))
    verify(graph)
    assert not any(node.op.is_block for node in graph)
    assert graph.outputs[0].type == output.type
    for node in graph:
        assert node.origin.location is not None
        assert node.origin.location.file.endswith("op_cases.py")


@pytest.mark.parametrize("application", BLOCKS, ids=_id)
def test_blocks_draw_nothing_themselves(application: Application) -> None:
    """A block may be copied and expanded again, so what is random must be its input."""
    output = application.apply(application.nodes())
    inside = expand(Graph((output,)))
    assert all(node.op.pure for node in inside)


@pytest.mark.parametrize("floating", ["float64", "float32"])
@pytest.mark.parametrize("application", OWN_VJP, ids=_id)
def test_own_vjp_is_that_of_the_expansion(
    application: Application, floating: str
) -> None:
    nodes = application.nodes(floating)
    output = application.apply(nodes)
    primitive = expand(Graph((output,))).outputs[0]
    variables = [nodes[position] for position in floating_positions(application)]
    cotangent = np.random.default_rng(2).uniform(-1, 1, _sizes(output))
    cotangent = cotangent.astype(floating)
    own = gc.vjp(output, variables, cotangent, unused="zeros")
    derived = gc.vjp(primitive, variables, cotangent, unused="zeros")
    arrays = dict(zip(nodes, application.draw(floating), strict=True))
    own_values, derived_values = _values([own, derived], arrays)
    tolerance = 1e-10 if floating == "float64" else 1e-4
    for mine, other in zip(own_values, derived_values, strict=True):
        assert mine.dtype == other.dtype == np.dtype(floating)
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


def _sizes(node: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in node.shape)


def _values(nodes: Any, arrays: dict[Any, Any]) -> Any:
    """The values of nodes, fed with what they depend on."""
    leaves = {n for group in nodes for root in group for n in ancestors([root])}
    return gc.evaluate(nodes, {n: a for n, a in arrays.items() if n in leaves})


OWN_JVP = [
    a
    for a in applications(lambda op: op.is_block and op.jvp is not None)
    if is_differentiable(a)
]


@pytest.mark.parametrize("application", OWN_JVP, ids=_id)
def test_own_jvp_is_that_of_the_expansion(application: Application) -> None:
    nodes = application.nodes()
    output = application.apply(nodes)
    primitive = expand(Graph((output,))).outputs[0]
    variables = [nodes[position] for position in floating_positions(application)]
    rng = np.random.default_rng(2)
    tangents = [rng.uniform(-1, 1, _sizes(v)) for v in variables]
    pair = [gc.jvp(each, variables, tangents) for each in (output, primitive)]
    arrays = dict(zip(nodes, application.draw(), strict=True))
    own, derived = _values([pair], arrays)[0]
    np.testing.assert_allclose(own, derived, rtol=1e-10, atol=1e-10)


def test_names_inside_an_expansion_are_hints_only() -> None:
    """The same block twice, with the same hints, is not a clash of names."""
    x = gc.input("x", ("batch", 4))
    y = gc.nn.softmax(gc.nn.softmax(x, 1), 1)
    expand(Graph((y,))).check_names()
    names = {node.name for node in expand(Graph((y,)))}
    assert {"largest", "shifted", "exponentials", "total"} <= names


def test_a_loss_and_its_gradient_share_their_steps() -> None:
    """softmax and log_softmax are written alike, so equal nodes can be merged."""
    x = gc.input("x", (3, 4))
    kinds = [
        [node.op.name for node in expand(Graph((f(x, 1),)))]
        for f in (gc.nn.softmax, gc.nn.log_softmax)
    ]
    assert kinds[0][:-1] == kinds[1][:-2] == ["input", "max", "subtract", "exp", "sum"]


def test_plain_cross_entropy_is_as_a_textbook_writes_it() -> None:
    logits = gc.input("logits", ("batch", 10))
    labels = gc.input("labels", ("batch",), "int64")
    loss = gc.nn.cross_entropy(logits, labels)
    assert [node.op.name for node in expand(Graph((loss,)))] == [
        "input",
        "input",
        "max",
        "subtract",
        "exp",
        "sum",
        "log",
        "squeeze",
        "arange",
        "getitem",
        "subtract",
        "mean",
    ]
