"""Dropout: one mask for forward and backward, and the graph without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError
from graphc.ir import OPS, Graph, Node, Op, rebuild, verify
from graphc.ir.graph import expand
from graphc.nn.evaluation import evaluation_mode

ONES = np.ones((200, 300), "float32")


def test_elements_are_dropped_at_the_rate_and_others_scaled() -> None:
    x = gc.input("x", ("n", "m"))
    value = gc.evaluate(gc.nn.dropout(x, p=0.2), {"x": ONES}, seed=4)
    assert set(np.unique(value)) == {np.float32(0.0), np.float32(1.25)}
    spread = np.sqrt(0.2 * 0.8 / ONES.size)
    assert abs((value == 0).mean() - 0.2) < 5 * spread
    assert value.dtype == np.float32


def test_forward_and_backward_share_the_mask() -> None:
    x = gc.input("x", ("n", "m"))
    y = gc.nn.dropout(x, p=0.5)
    value, slope, tangent = gc.evaluate(
        [y, gc.grad(gc.sum(y), x), gc.jvp(y, x, gc.ones_like(x))], {"x": ONES}
    )
    np.testing.assert_array_equal(value, slope)
    np.testing.assert_array_equal(value, tangent)


def test_the_mask_survives_passes_that_copy_blocks() -> None:
    """Copying a block expands it anew; the mask must not be drawn anew with it."""
    x = gc.input("x", ("n", "m"))
    y = gc.nn.dropout(gc.exp(x) * 1.0, p=0.5)
    graph = Graph((y, gc.grad(gc.sum(y), x)))

    def without_factor(node: Node) -> Node:
        return node.inputs[0] if node.op.name == "multiply" else node

    changed = rebuild(graph, without_factor)
    for each in (changed, expand(changed), expand(graph)):
        draws = [n for n in expand(each) if n.op.name == "bernoulli"]
        assert len(draws) == 1
        value, slope = gc.evaluate(list(each.outputs), {"x": 0 * ONES})
        np.testing.assert_array_equal(value, slope)


def test_two_dropouts_have_two_masks() -> None:
    x = gc.input("x", ("n", "m"))
    first, second = gc.evaluate([gc.nn.dropout(x), gc.nn.dropout(x)], {"x": ONES})
    assert (first != second).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropping_everything_gives_zeros(dtype: str) -> None:
    x = gc.input("x", ("n", "m"), dtype)
    y = gc.nn.dropout(x, p=1.0)
    value, slope = gc.evaluate([y, gc.grad(gc.sum(y), x)], {"x": ONES.astype(dtype)})
    assert value.dtype == dtype
    assert not value.any()
    assert not slope.any()


def test_dropping_nothing_is_the_input_itself() -> None:
    x = gc.input("x", ("n",))
    assert gc.nn.dropout(x, p=0) is x
    assert gc.nn.dropout(x, training=False) is x
    assert gc.nn.dropout(input=x, p=0.5, training=True) is not x


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan"), "half", None, True])
def test_p_is_a_probability(p: Any) -> None:
    x = gc.input("x", ("n",))
    with pytest.raises(OptionError, match="p must be") as caught:
        gc.nn.dropout(x, p=p)
    assert __file__ in str(caught.value)


def test_integers_are_refused() -> None:
    with pytest.raises(DTypeError, match="floating") as caught:
        gc.nn.dropout(gc.input("x", ("n",), "int64"), 0.5)
    assert __file__ in str(caught.value)


# Evaluation


def _is_free_of_dropout(graph: Graph) -> bool:
    names = {node.op.name for node in graph} | {node.op.name for node in expand(graph)}
    return not names & {"dropout", "bernoulli"}


def test_evaluation_passes_dropout_by() -> None:
    x = gc.input("x", ("n", 4))
    w = gc.parameter("w", (4, 4))
    y = gc.nn.dropout(gc.nn.relu(gc.nn.dropout(x, 0.3) @ w), 0.5)
    graph = evaluation_mode(Graph((y, x)))
    verify(graph)
    assert _is_free_of_dropout(graph)
    assert graph.outputs[1] is x
    assert graph.inputs == (x,)
    assert graph.parameters == (w,)
    points = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    weights = np.random.default_rng(1).normal(size=(4, 4)).astype("float32")
    value, _ = gc.evaluate(list(graph.outputs), {"x": points, "w": weights})
    np.testing.assert_array_equal(value, np.maximum(points @ weights, 0))


def test_evaluation_without_dropout_changes_nothing() -> None:
    y = gc.nn.softmax(gc.input("x", ("n", 4)), 1)
    assert evaluation_mode(Graph((y,))).outputs == (y,)


def test_evaluation_of_gradients() -> None:
    """An adjoint of dropout is dropout, so its graph can be evaluated too."""
    x = gc.input("x", (3,), "float64")
    y = gc.nn.dropout(x * x, 0.5)
    graph = evaluation_mode(Graph((gc.grad(gc.sum(y), x),)))
    assert _is_free_of_dropout(graph)
    value = gc.evaluate(graph.outputs[0], {"x": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(value, [2.0, 4.0, 6.0])


def _block(name: str, function: Any) -> Op:
    return Op(
        name=name,
        inputs=("x",),
        infer=lambda x: x,
        expand=function,
    )


def test_evaluation_sees_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("inner_block_of_test", "outer_block_of_test", "plain_block_of_test"):
        monkeypatch.setitem(OPS, name, OPS["relu"])
        del OPS[name]
    inner = _block("inner_block_of_test", lambda x: gc.nn.dropout(gc.exp(x), 0.5))
    outer = _block("outer_block_of_test", lambda x: inner(x) + 1.0)
    plain = _block("plain_block_of_test", lambda x: gc.nn.relu(x) + 1.0)
    x = gc.input("x", (3,), "float64")
    before = gc.nn.dropout(x, 0.9)
    y = plain(outer(before))
    graph = evaluation_mode(Graph((y,)))
    verify(graph)
    assert _is_free_of_dropout(graph)
    assert graph.outputs[0].op is plain
    value = gc.evaluate(graph.outputs[0], {"x": [0.0, 0.0, 0.0]})
    np.testing.assert_array_equal(value, [3.0, 3.0, 3.0])


def test_evaluation_takes_linear_time_and_no_recursion() -> None:
    x = gc.input("x", (2,))
    y = x
    for _ in range(3000):
        y = gc.nn.relu(gc.nn.dropout(y, 0.1))
    graph = evaluation_mode(Graph((y,)))
    assert len(graph) == 3001


# Gaussian noise -----------------------------------------------------------------------


def test_noise_has_the_deviation_asked_for_and_is_drawn_anew() -> None:
    x = gc.input("x", ("n",))
    first, second = gc.evaluate(
        [gc.nn.gaussian_noise(x, 0.3), gc.nn.gaussian_noise(x, 0.3)],
        {"x": np.full(100_000, 5.0, "f")},
        seed=2,
    )
    assert first.dtype == np.float32
    assert abs(first.mean() - 5.0) < 0.01
    assert abs(first.std() - 0.3) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_noise_is_there_in_training_only() -> None:
    x = gc.input("x", ("n",))
    assert gc.nn.gaussian_noise(x, 0) is x
    assert gc.nn.gaussian_noise(x, 0.1, training=False) is x
    graph = evaluation_mode(Graph((gc.exp(gc.nn.gaussian_noise(x, 0.1)),)))
    assert not {node.op.name for node in graph.nodes} & {
        "gaussian_noise",
        "standard_normal",
    }
    with pytest.raises(OptionError, match="std must be a number of at least 0, got -1"):
        gc.nn.gaussian_noise(x, -1)
    with pytest.raises(DTypeError):
        gc.nn.gaussian_noise(gc.input("y", ("n",), "int64"), 0.1)


def test_noise_is_drawn_in_emitted_training() -> None:
    x = gc.input("x", ("batch", 4))
    w = gc.parameter("w", (4,), np.ones(4))
    loss = gc.mean(gc.square(gc.nn.gaussian_noise(x, 0.5) @ w))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.0))
    data = {"x": np.ones((8, 4), "f")}
    assert trainer.evaluate(data)["loss"] == 16.0
    assert trainer.step(**data) != 16.0
