"""Reverse mode: what is asked for, what is derived, and against closed formulas."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.autodiff.reverse import backward
from graphc.errors import DifferentiationError
from graphc.ir import Graph, Node

RNG = np.random.default_rng(0)


def _vector(name: str = "x", size: Any = 3) -> Node:
    return gc.input(name, (size,), "float64")


def _ops(*nodes: Node) -> Counter[str]:
    return Counter(node.op.name for node in Graph(nodes))


def test_values_used_several_times_accumulate() -> None:
    x = _vector()
    shared = gc.exp(x)
    loss = gc.sum(shared * shared + shared * x + x)
    point = RNG.normal(size=3)
    e = np.exp(point)
    actual = gc.evaluate(gc.grad(loss, x), {"x": point})
    np.testing.assert_allclose(actual, 2 * e * e + e * point + e + 1, rtol=1e-13)


def test_by_an_intermediate_node() -> None:
    """The loss as a function of a node on the way, and of what comes before it."""
    x = _vector()
    hidden = gc.tanh(x)
    loss = gc.sum(hidden**2) + gc.sum(x)
    d_hidden, d_x = gc.grad(loss, [hidden, x])
    point = RNG.normal(size=3)
    h = np.tanh(point)
    actual = gc.evaluate([d_hidden, d_x], {"x": point})
    np.testing.assert_allclose(actual[0], 2 * h, rtol=1e-13)
    np.testing.assert_allclose(actual[1], 2 * h * (1 - h * h) + 1, rtol=1e-13)


def test_by_the_output_itself() -> None:
    x = gc.input("x", (), "float64")
    assert gc.evaluate(gc.grad(x, x)) == 1.0
    y = x * x
    assert gc.evaluate(gc.grad(y, [y, x]), {"x": 3.0}) == [1.0, 6.0]


def test_structures() -> None:
    x, y = _vector("x"), _vector("y")
    loss = gc.sum(x * y)
    assert isinstance(gc.grad(loss, x), Node)
    as_list = gc.grad(loss, [x, y])
    as_tuple: Any = gc.grad(loss, (x, y))
    as_dict = gc.grad(loss, {"a": x, "b": y})
    assert isinstance(as_list, list)
    assert isinstance(as_tuple, tuple)
    assert list(as_dict) == ["a", "b"]
    values = {"x": np.ones(3), "y": np.arange(3.0)}
    for gradients in (as_list, as_tuple, list(as_dict.values())):
        first, second = gc.evaluate(list(gradients), values)
        np.testing.assert_array_equal(first, np.arange(3.0))
        np.testing.assert_array_equal(second, np.ones(3))
    assert gc.grad(loss, []) == []
    repeated = gc.grad(loss, [x, x])
    assert repeated[0] is repeated[1]
    value, gradient = gc.value_and_grad(loss, x)
    assert value is loss
    assert gradient.type == x.type


def test_unused_nodes() -> None:
    x, y = _vector("x"), _vector("y")
    loss = gc.sum(x)
    with pytest.raises(DifferentiationError) as caught:
        gc.grad(loss, [x, y])
    assert "does not depend on y" in str(caught.value)
    assert "unused=" in str(caught.value)
    zeros = gc.grad(loss, y, unused="zeros")
    assert zeros.type == y.type
    assert gc.evaluate(zeros).tolist() == [0, 0, 0]
    # Only through what has no derivative.
    for blocked in (gc.sum(gc.floor(y)), gc.sum(gc.astype(y > 0, "float64"))):
        with pytest.raises(DifferentiationError):
            gc.grad(blocked, y)
        assert gc.evaluate(gc.grad(blocked, y, unused="zeros")).tolist() == [0, 0, 0]


def test_integers_have_no_gradient() -> None:
    x = gc.input("x", (), "int64")
    loss = x * 2.0
    with pytest.raises(DifferentiationError, match="integers"):
        gc.grad(loss, x)
    with pytest.raises(DifferentiationError, match="int64 values"):
        gc.grad(x * x, x)
    with pytest.raises(DifferentiationError, match="wrt must be nodes, got str"):
        gc.grad(loss, "x")  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.mark.parametrize("shape", [(1,), (3,), (1, 1)])
def test_only_scalars_have_a_gradient(shape: tuple[int, ...]) -> None:
    x = gc.input("x", shape)
    with pytest.raises(DifferentiationError, match="requires a scalar"):
        gc.grad(x * 2, x)


def test_integers_on_the_way_carry_nothing() -> None:
    x = _vector()
    mask = gc.astype(gc.astype(x, "int64"), "float64")
    loss = gc.sum(x * mask)
    point = np.array([1.5, 2.5, -3.5])
    actual = gc.evaluate(gc.grad(loss, x), {"x": point})
    np.testing.assert_array_equal(actual, [1, 2, -3])


def test_nothing_flows_to_the_inputs_of_the_first_layer() -> None:
    """Two matrix products forward, three backward: none for the data."""
    x = gc.input("x", ("batch", 5), "float64")
    first = gc.parameter("first", (5, 4), dtype="float64")
    second = gc.parameter("second", (4, 3), dtype="float64")
    loss = gc.mean(gc.tanh(x @ first) @ second)
    gradients = gc.grad(loss, [first, second])
    assert _ops(loss)["matmul"] == 2
    assert _ops(loss, *gradients)["matmul"] == 5
    assert _ops(loss, *gc.grad(loss, [first, second, x]))["matmul"] == 6
    assert _ops(loss, gc.grad(loss, second))["matmul"] == 3


def test_nothing_flows_past_the_target() -> None:
    x = _vector()
    hidden = gc.exp(gc.sin(gc.cos(x)))
    loss = gc.sum(gc.tanh(hidden))
    adjoints = backward([loss], [gc.constant(1.0)], [hidden])
    assert set(adjoints.of) == {loss, loss.inputs[0], hidden}
    gradient = gc.grad(loss, hidden)
    assert not {"sin", "cos"} & set(_ops(gradient) - _ops(hidden))


def test_adjoints_are_labelled() -> None:
    x = _vector()
    loss = gc.sum(gc.tanh(x) * x)
    adjoints = backward([loss], [gc.constant(1.0)], [x])
    for node, adjoint in adjoints.of.items():
        assert adjoint.type == node.type
        if adjoint.origin.rules:
            assert adjoint.origin.location == node.origin.location or node is x
    assert adjoints.of[x].origin.gradient_of is x
    # Each edge of the forward graph carries one flow; x is used twice.
    assert len(adjoints.flows) == 1 + 2 + 1


@pytest.mark.parametrize("batch", [1, 4])
def test_mean_over_a_named_batch(batch: int) -> None:
    x = gc.input("x", ("batch", 3), "float64")
    w = gc.parameter("w", (3, 2), RNG.normal(size=(3, 2)), "float64")
    target = gc.input("target", ("batch", 2), "float64")
    loss = gc.mean((x @ w - target) ** 2)
    data, wanted = RNG.normal(size=(batch, 3)), RNG.normal(size=(batch, 2))
    weight = gc.evaluate(w)
    actual = gc.evaluate(gc.grad(loss, w), {"x": data, "target": wanted})
    expected = 2 * data.T @ (data @ weight - wanted) / (2 * batch)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_mixed_precision() -> None:
    """Each gradient has the dtype of its node, computed in that of the output."""
    x = gc.input("x", (3,), "float32")
    y = gc.input("y", (3,), "float64")
    loss = gc.sum(x * y)
    d_x, d_y = gc.grad(loss, [x, y])
    assert (d_x.dtype, d_y.dtype) == (np.float32, np.float64)
    values = {"x": np.ones(3, np.float32), "y": np.array([1.0, 2, 3])}
    assert gc.evaluate(d_x, {"y": values["y"]}).tolist() == [1, 2, 3]
    assert gc.evaluate([d_y, loss], values)[0].tolist() == [1, 1, 1]


def test_stop_gradient() -> None:
    x = gc.input("x", (), "float64")
    loss = gc.stop_gradient(x * x) * x
    assert gc.evaluate(gc.grad(loss, x), {"x": 3.0}) == 9.0
    assert gc.evaluate(gc.jvp(loss, x, 1.0), {"x": 3.0}) == 9.0
    with pytest.raises(DifferentiationError):
        gc.grad(gc.stop_gradient(x), x)


def test_cotangents() -> None:
    x = gc.input("x", (2,), "float32")
    y = x * x
    fed = {"x": [3.0, 4.0]}
    for cotangent in ([1, 10], np.array([1.0, 10.0]), gc.constant([1.0, 10.0])):
        gradient = gc.vjp(y, x, cotangent)
        assert gradient.dtype == np.float32
        assert gc.evaluate(gradient, fed).tolist() == [6.0, 80.0]
    for bad in ([1.0], 1.0, np.ones((2, 1))):
        with pytest.raises(DifferentiationError, match="shape of y"):
            gc.vjp(y, x, bad)


def test_gradients_of_gradients() -> None:
    """Six derivatives of exp(-x) * sin(x), each the gradient of the one before."""
    x = gc.input("x", (), "float64")
    nodes = [gc.exp(-x) * gc.sin(x)]
    for _ in range(6):
        nodes.append(gc.grad(nodes[-1], x))
    point = 0.7
    # d/dx is multiplication by (i - 1) in exp((i - 1) x), whose imaginary part this is.
    expected = [((1j - 1) ** k * np.exp((1j - 1) * point)).imag for k in range(7)]
    np.testing.assert_allclose(
        gc.evaluate(nodes, {"x": point}), expected, rtol=1e-12, atol=1e-14
    )


def test_a_gradient_penalty() -> None:
    """A loss that contains a gradient, differentiated by what that depends on."""
    x, w = _vector("x"), _vector("w")
    score = gc.sum(gc.tanh(w * x))
    penalty = gc.sum(gc.grad(score, x) ** 2)
    actual = gc.evaluate(gc.grad(penalty, w), {"x": np.ones(3), "w": np.full(3, 0.5)})
    t = np.tanh(0.5)
    slope = 0.5 * (1 - t * t)
    d_slope = (1 - t * t) + 0.5 * (-2 * t * (1 - t * t))
    np.testing.assert_allclose(actual, 2 * slope * d_slope * np.ones(3), rtol=1e-12)


def test_bounds_of_a_clip_have_gradients() -> None:
    """Where the bounds cross, NumPy gives the upper one, and all flows to it."""
    x, low, high = _vector("x"), _vector("low"), _vector("high")
    clipped = gc.clip(x, low, high)
    values = {"x": [0.0, 2.0, 5.0], "low": [1.0, 1.0, 1.0], "high": [3.0, 3.0, 3.0]}
    gradients = gc.grad(gc.sum(clipped), [x, low, high])
    np.testing.assert_array_equal(
        gc.evaluate(gradients, values), [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    )
    crossed = {"x": [0.0, 2.0, 5.0], "low": [4.0, 4.0, 4.0], "high": [3.0, 3.0, 3.0]}
    np.testing.assert_array_equal(gc.evaluate(clipped, crossed), [3, 3, 3])
    np.testing.assert_array_equal(
        gc.evaluate(gradients, crossed), [[0, 0, 0], [0, 0, 0], [1, 1, 1]]
    )


def test_power_with_exponent_zero_is_flat() -> None:
    x = _vector()
    assert gc.evaluate(gc.grad(gc.sum(x**0), x)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [0, 1])
def test_empty_and_single_arrays(size: int) -> None:
    x = gc.input("x", ("n", 2), "float64")
    loss = gc.sum(gc.exp(x) @ np.ones((2, 3)))
    gradient = gc.evaluate(gc.grad(loss, x), {"x": np.zeros((size, 2))})
    np.testing.assert_array_equal(gradient, np.full((size, 2), 3.0))


@pytest.mark.parametrize("axis", [0, 1])
def test_adjoints_of_parts_are_joined(axis: int) -> None:
    x = gc.input("x", (4, 4), "float64")
    one, other = gc.split(x, [3], axis=axis)
    slope = gc.grad(gc.sum(gc.square(other)) + gc.sum(gc.exp(one)), x)
    assert [node.op.name for node in Graph((slope,)).nodes].count("concatenate") == 1
    value = np.arange(16.0).reshape(4, 4)
    expected = np.exp(value)
    last = (slice(None),) * axis + (3,)
    expected[last] = 2 * value[last]
    np.testing.assert_allclose(gc.evaluate(slope, {"x": value}), expected)
