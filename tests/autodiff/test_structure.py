"""Jacobians that come out as matrices, diagonals and blocks, against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.autodiff.structure import structured_jacobian
from graphc.ir import Node

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3))
M = RNG.normal(size=(3, 3))
POINT = RNG.normal(size=3)
MATRIX = RNG.normal(size=(2, 3))

VECTOR: dict[str, Callable[[Node], Node]] = {
    "product": lambda x: W @ x,
    "product from the left": lambda x: x @ M,
    "elementwise": lambda x: gc.sin(x) * gc.exp(x),
    "network": lambda x: gc.tanh(W @ gc.tanh(M @ x + 1.0)),
    "itself": lambda x: x * 1.0,
    "broadcast": lambda x: gc.broadcast_to(x * x, (2, 3)),
    "outer": lambda x: gc.outer(x, gc.cos(x)),
    "sum of some": lambda x: gc.sum(gc.outer(x, x) ** 2, axis=0),
    "means": lambda x: gc.mean(gc.outer(x, x), axis=1, keepdims=True),
    "parts": lambda x: gc.concatenate([x[1:] ** 2, x[::-1]]),
    "column": lambda x: gc.squeeze(gc.expand_dims(x, 1) * 3.0, 1),
    "transposed": lambda x: gc.transpose(gc.reshape(gc.outer(x, x), (9, 1))),
    "twice": lambda x: (M @ x) * (x @ M),
    "quotient": lambda x: x / gc.sum(x * x),
    "where": lambda x: gc.where(x > 0, x**2, 3.0 * x),
    "inner": lambda x: (x @ (M @ x)) * gc.ones((2,), "float64"),
    "constant": lambda x: gc.stop_gradient(x) + 1.0,
    "wide": lambda x: gc.astype(gc.astype(x, "float64") * 2.0, "float64"),
}
"""Functions of a vector."""

OF_MATRIX: dict[str, Callable[[Node], Node]] = {
    "elementwise": lambda x: gc.exp(x),
    "product": lambda x: gc.sin(x) @ M,
    "product from the left": lambda x: RNG_LEFT @ x,
    "vector": lambda x: gc.tanh(x) @ gc.constant(POINT),
    "sum of rows": lambda x: gc.sum(x**3, axis=0),
    "square": lambda x: x @ gc.transpose(x),
}
"""Functions of a matrix."""

RNG_LEFT = RNG.normal(size=(5, 2))


def differences(function: Callable[[Any], Any], point: Any) -> Any:
    """The Jacobian by central differences."""
    columns = []
    for place in np.ndindex(point.shape):
        step = np.zeros(point.shape)
        step[place] = 1e-6
        columns.append((function(point + step) - function(point - step)) / 2e-6)
    shape = (*np.shape(columns[0]), *point.shape)
    return np.stack(columns, axis=-1).reshape(shape)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        *((name, POINT) for name in VECTOR),
        *((name, MATRIX) for name in OF_MATRIX),
    ],
)
def test_it_is_what_differences_say(name: str, point: Any) -> None:
    function = (VECTOR if point is POINT else OF_MATRIX)[name]
    x = gc.input("x", point.shape, "float64")
    y = function(x)
    jacobian = structured_jacobian(y, x, 10**9)
    assert jacobian is not None
    assert jacobian.shape == (*y.shape, *x.shape)
    value = gc.evaluate([y, jacobian], {"x": point})[1]
    run = gc.compile(y)
    if name == "constant":
        np.testing.assert_array_equal(value, 0.0)
        return
    expected = differences(lambda at: np.array(run(x=at)), point)
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-8)
    public = gc.evaluate([y, gc.jacobian(y, x)], {"x": point})[1]
    np.testing.assert_allclose(public, value, rtol=1e-12, atol=1e-14)


def test_what_is_linear_comes_out_as_its_matrix() -> None:
    x = gc.input("x", (3,), "float64")
    w = gc.parameter("w", (4, 3), W, "float64")
    assert "return (w,)" in gc.compile([gc.jacobian(w @ x, x)], style="readable").source
    hessian = gc.hessian(0.5 * (x @ (M @ x)), x)
    run = gc.compile(hessian, style="readable")
    # It is known when it is compiled.
    assert " @ " not in run.source
    np.testing.assert_allclose(run(), (M + M.T) / 2, rtol=1e-14)


def test_rows_of_a_product_move_by_blocks() -> None:
    x, y = gc.input("x", (5, 3), "float64"), gc.input("y", (3, 2), "float64")
    v = gc.input("v", (3,), "float64")
    feeds = {"x": RNG.normal(size=(5, 3)), "y": RNG.normal(size=(3, 2)), "v": POINT}
    for node, by, blocks in [
        (x @ y, x, np.einsum("iI,jk->ikIj", np.eye(5), feeds["y"])),
        (x @ y, y, np.einsum("ij,kK->ikjK", feeds["x"], np.eye(2))),
        (x @ v, x, np.einsum("iI,j->iIj", np.eye(5), feeds["v"])),
        (v @ y, y, np.einsum("j,kK->kjK", feeds["v"], np.eye(2))),
    ]:
        run = gc.compile(gc.jacobian(node, by), inputs=[x, y, v], style="readable")
        assert " @ " not in run.source
        assert "diag(" not in run.source
        np.testing.assert_array_equal(run(**feeds), blocks)


def test_what_is_elementwise_comes_out_as_a_diagonal() -> None:
    x = gc.input("x", (50,), "float64")
    for y in (gc.nn.relu(x), gc.exp(x) * x, gc.grad(gc.sum(x**4), x)):
        source = gc.compile(gc.jacobian(y, x), style="readable").source
        assert source.count("np.diag(") == 1
        assert "concatenate" not in source
        assert "np.ones(" not in source
    value = gc.compile(gc.jacobian(gc.nn.relu(x), x))(np.arange(50.0) - 25.0)
    np.testing.assert_array_equal(value, np.diag((np.arange(50) > 25).astype(float)))


def test_the_cheaper_direction_is_taken() -> None:
    """A wide Jacobian by rows, a tall one by columns."""
    many = gc.input("many", (40,), "float64")
    few = gc.input("few", (2,), "float64")
    # No rule carries a softmax or a cumulative sum forward.
    wide = gc.nn.softmax(gc.concatenate([many, many]), 0)[:3]
    tall = gc.cumsum(gc.broadcast_to(few[0] * few[1], (40,)))
    by_rows = gc.compile(gc.jacobian(wide, many), style="readable").source
    by_columns = gc.compile(gc.jacobian(tall, few), style="readable").source
    assert by_rows.count("np.sum(") < 10
    assert by_columns.count("np.cumsum(") <= 3


def test_a_float32_graph_stays_float32() -> None:
    x = gc.input("x", (3,))
    y = gc.tanh(W.astype("float32") @ x)
    assert gc.jacobian(y, x).dtype == np.float32
    assert gc.evaluate(gc.jacobian(y, x), {"x": POINT}).dtype == np.float32
