"""Forward mode, Jacobians and Hessians, against closed formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DifferentiationError
from graphc.ir import Graph, Node

RNG = np.random.default_rng(1)
A = RNG.normal(size=(3, 3))
POINT = RNG.normal(size=3)


def _x() -> Node:
    return gc.input("x", (3,), "float64")


def _quadratic(x: Node) -> Node:
    """`x' A x / 2`, with gradient `(A + A') x / 2` and Hessian `(A + A') / 2`."""
    return 0.5 * (x @ (A @ x))


def test_quadratic_form() -> None:
    x = _x()
    y = _quadratic(x)
    symmetric = (A + A.T) / 2
    direction = RNG.normal(size=3)
    fed = {"x": POINT}
    np.testing.assert_allclose(gc.evaluate(gc.grad(y, x), fed), symmetric @ POINT)
    hessian = gc.hessian(y, x)
    assert hessian.shape == (3, 3)
    np.testing.assert_allclose(gc.evaluate([hessian, x], fed)[0], symmetric)
    np.testing.assert_allclose(
        gc.evaluate([gc.hvp(y, x, direction), x], fed)[0], symmetric @ direction
    )
    np.testing.assert_allclose(
        gc.evaluate(gc.jvp(y, x, direction), fed), direction @ symmetric @ POINT
    )


def test_jacobian_of_a_matrix_function() -> None:
    """`d (x x') / dx`, of shape (3, 3, 3)."""
    x = _x()
    y = gc.outer(x, gc.sin(x))
    jacobian = gc.jacobian(y, x)
    assert jacobian.shape == (3, 3, 3)
    eye = np.eye(3)
    expected = np.einsum("ik,j->ijk", eye, np.sin(POINT)) + np.einsum(
        "i,j,jk->ijk", POINT, np.cos(POINT), eye
    )
    actual = gc.evaluate(jacobian, {"x": POINT})
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_jacobian_columns_are_jvps() -> None:
    x = _x()
    y = gc.tanh(A @ x)
    columns = gc.stack([gc.jvp(y, x, e) for e in np.eye(3)], axis=1)
    actual, expected = gc.evaluate([columns, gc.jacobian(y, x)], {"x": POINT})
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_hessian_of_a_matrix_argument() -> None:
    x = gc.input("x", (2, 2), "float64")
    y = gc.sum(x**3)
    hessian = gc.hessian(y, x)
    assert hessian.shape == (2, 2, 2, 2)
    point = RNG.normal(size=(2, 2))
    expected = np.zeros((4, 4))
    np.fill_diagonal(expected, 6 * point.ravel())
    np.testing.assert_allclose(
        gc.evaluate(hessian, {"x": point}), expected.reshape(2, 2, 2, 2), rtol=1e-12
    )


def test_structures() -> None:
    x, y = _x(), gc.input("y", (), "float64")
    loss = y * y * gc.sum(x**2)
    fed = {"x": POINT, "y": 2.0}
    by_name: Any = gc.hvp(loss, {"x": x, "y": y}, {"x": np.zeros(3), "y": 1.0})
    actual = gc.evaluate([by_name, x, y], fed)[0]
    np.testing.assert_allclose(actual["x"], 4 * 2.0 * POINT)
    np.testing.assert_allclose(actual["y"], 2 * POINT @ POINT)
    jacobians: Any = gc.jacobian(x * y, (x, y))
    assert isinstance(jacobians, tuple)
    assert [j.shape for j in jacobians] == [(3, 3), (3,)]
    pushed = gc.jvp(loss, [x, y], [np.ones(3), 0.0])
    np.testing.assert_allclose(gc.evaluate(pushed, fed), 8.0 * POINT.sum())


def test_hessians_of_linear_and_flat_functions_are_zero() -> None:
    x = _x()
    for y in (gc.sum(3.0 * x), gc.sum(abs(x))):
        hessian = gc.evaluate([gc.hessian(y, x), x], {"x": POINT})[0]
        np.testing.assert_array_equal(hessian, np.zeros((3, 3)))
        product = gc.evaluate([gc.hvp(y, x, np.ones(3)), x], {"x": POINT})[0]
        np.testing.assert_array_equal(product, np.zeros(3))


@pytest.mark.parametrize("size", [0, 1])
def test_jacobians_of_few_elements(size: int) -> None:
    x = gc.input("x", (size,), "float64")
    jacobian = gc.jacobian(x * x, x)
    assert jacobian.type.shape == (size, size)
    value = gc.evaluate([jacobian, x], {"x": np.full(size, 2.0)})[0]
    np.testing.assert_array_equal(value, np.full((size, size), 4.0))


def test_sizes_may_be_names() -> None:
    point = np.array([0.3, 0.9, 0.5, 0.1])
    functions = (np.square, lambda x: gc.nn.softmax(x, 0), gc.sort, gc.cumprod)
    for function in functions:
        values: list[Any] = []
        for size in ("n", 4):
            x = gc.input("x", (size,), "float64")
            found = [gc.jacobian(function(x), x), gc.hessian(function(x)[0], x)]
            assert found[0].shape == found[1].shape == (*x.shape, *x.shape)
            values += [gc.evaluate([*found, x], {"x": point})[:2]]
        for named, known in zip(*values, strict=True):
            np.testing.assert_allclose(named, known, rtol=1e-12)
    x, w = gc.input("x", ("n", 3)), gc.parameter("w", (3,))
    assert gc.jacobian(gc.tanh(x @ w), w).shape == x.shape


def test_jacobians_grow_with_the_graph_and_not_with_their_size() -> None:
    def lines(size: int, order: int) -> int:
        x = gc.input("x", (size,), "float64")
        y = gc.sort(gc.cumprod(x)) * x
        found = gc.jacobian(y, x) if order == 1 else gc.hessian(gc.sum(y), x)
        return gc.compile(found, style="readable").source.count("\n")

    for order in (1, 2):
        assert lines(3, order) == lines(50, order)


def test_tangents() -> None:
    x, y = _x(), _x().named("y")
    output = x * x
    for bad in ([1.0], 1.0, np.ones((3, 1))):
        with pytest.raises(DifferentiationError, match="shape of its node"):
            gc.jvp(output, x, bad)
    with pytest.raises(DifferentiationError, match="requires 2 tangents, got 1"):
        gc.jvp(output, [x, y], [np.ones(3)])
    with pytest.raises(DifferentiationError, match="missing for 'b'"):
        gc.jvp(output, {"a": x, "b": y}, {"a": np.ones(3)})
    with pytest.raises(DifferentiationError, match="values don't exist"):
        gc.jvp(x > 0, x, np.ones(3))


def test_a_tangent_that_does_not_reach_the_output_is_zero() -> None:
    x, y = _x(), gc.input("y", (2,), "float32")
    pushed = gc.jvp(y * 2, x, np.ones(3))
    assert pushed.type == y.type
    assert gc.evaluate(pushed).tolist() == [0, 0]


def test_forward_mode_derives_only_what_moves() -> None:
    x, w = _x(), gc.input("w", (3,), "float64")
    y = gc.exp(w) * x
    ops = [node.op.name for node in Graph((gc.jvp(y, x, np.ones(3)),))]
    assert ops.count("exp") == 1
    assert ops.count("multiply") == 1


def test_tangents_may_be_nodes() -> None:
    """The tangent is an input: one program for all directions."""
    x, v = _x(), gc.input("v", (3,), "float64")
    product = gc.hvp(_quadratic(x), x, v)
    np.testing.assert_allclose(
        gc.evaluate([product, x], {"x": POINT, "v": POINT})[0],
        (A + A.T) / 2 @ POINT,
    )


def test_hessian_by_several_nodes_is_in_blocks() -> None:
    a, b = gc.input("a", (2,), "float64"), gc.input("b", (), "float64")
    y = gc.sum(a**2) * b + a[0] * b**3
    feeds = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}
    expected = [
        [np.diag([6.0, 6.0]), np.array([2.0 + 27.0, 4.0])],
        [np.array([2.0 + 27.0, 4.0]), np.array(18.0)],
    ]
    by_list = gc.evaluate(gc.hessian(y, [a, b]), feeds)
    by_tuple = gc.compile(gc.hessian(y, (a, b)))(**feeds)
    by_name = gc.evaluate(gc.hessian(y, {"a": a, "b": b}), feeds)
    assert isinstance(by_tuple, tuple)
    for i, row in enumerate("ab"):
        for j, column in enumerate("ab"):
            for block in (by_list[i][j], by_tuple[i][j], by_name[row][column]):
                np.testing.assert_allclose(block, expected[i][j], rtol=1e-12)
