"""Reshaping and moving axes, with -1 and with named sizes, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import IndexRangeError, OptionError, ShapeError
from graphc.ir import Dim, Node


def _same(node: Node, expected: Any, **fed: Any) -> None:
    actual = gc.evaluate(node, fed)
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)


ARRAY = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "shape",
    [(24,), 24, -1, (6, 4), (-1, 4), (2, -1), (2, -1, 2), (1, 24), [4, 6], (24, -1)],
)
def test_reshape(shape: Any) -> None:
    x = gc.input("x", (2, 3, 4), "float64")
    _same(gc.reshape(x, shape), np.reshape(ARRAY, shape), x=ARRAY)


@pytest.mark.parametrize(
    ("shape", "target", "expected"),
    [
        (("n", 8, 8), ("n", -1), ("n", 64)),
        (("n", 8, 8), (-1, 64), ("n", 64)),
        (("n", 8), (-1,), (8 * Dim("n"),)),
        (("n", 8), (-1, 4), (2 * Dim("n"), 4)),
        (("n", "m", 6), ("n", -1, 3), ("n", 2 * Dim("m"), 3)),
        (("n", "m"), (-1,), (Dim("n") * Dim("m"),)),
        (("n", 6), ("n", 2, 3), ("n", 2, 3)),
        (("n",), ("n", 1), ("n", 1)),
    ],
)
def test_reshape_with_names(shape: Any, target: Any, expected: Any) -> None:
    x = gc.input("x", shape, "float64")
    node = gc.reshape(x, target)
    assert node.shape == expected
    sizes = {"n": 3, "m": 5}
    concrete = tuple(sizes.get(d, d) for d in shape)
    array = np.arange(np.prod(concrete), dtype=float).reshape(concrete)
    _same(node, array.reshape([sizes.get(d, d) for d in target]), x=array)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((2, 3), (4,)),
        ((2, 3), (-1, 4)),
        (("n", 3), (-1, 2)),
        (("n", 3), ("m", 3)),
        (("n",), (3,)),
        ((0, 3), (-1, 0)),
    ],
)
def test_reshape_that_does_not_fit(shape: Any, target: Any) -> None:
    with pytest.raises(ShapeError, match="elements"):
        gc.reshape(gc.input("x", shape), target)


def test_reshape_with_two_unknowns() -> None:
    with pytest.raises(OptionError, match="only one dimension may be -1"):
        gc.reshape(gc.input("x", (4,)), (-1, -1))


def test_reshape_to_itself_is_the_node() -> None:
    x = gc.input("x", ("n", 3))
    assert gc.reshape(x, ("n", 3)) is x
    assert x.transpose(0, 1) is x
    assert gc.broadcast_to(x, ("n", 3)) is x
    assert x.astype("float32") is x


def test_methods_are_the_functions() -> None:
    x = gc.input("x", (2, 3, 4), "float64")
    for node, expected in [
        (x.reshape(6, 4), ARRAY.reshape(6, 4)),
        (x.reshape((6, -1)), ARRAY.reshape(6, 4)),
        (x.ravel(), ARRAY.ravel()),
        (x.flatten(), ARRAY.ravel()),
        (x.T, ARRAY.T),
        (x.mT, ARRAY.swapaxes(1, 2)),
        (x.transpose(), ARRAY.T),
        (x.transpose(1, 0, 2), ARRAY.transpose(1, 0, 2)),
        (x.transpose((2, 0, 1)), ARRAY.transpose(2, 0, 1)),
        (x.transpose(-1, 0, 1), ARRAY.transpose(2, 0, 1)),
        (x.swapaxes(0, -1), ARRAY.swapaxes(0, -1)),
        (gc.moveaxis(x, 0, -1), np.moveaxis(ARRAY, 0, -1)),
        (gc.moveaxis(x, -1, 0), np.moveaxis(ARRAY, -1, 0)),
        (gc.moveaxis(x, 2, 1), np.moveaxis(ARRAY, 2, 1)),
        (gc.expand_dims(x, 0), np.expand_dims(ARRAY, 0)),
        (gc.expand_dims(x, -1), np.expand_dims(ARRAY, -1)),
        (gc.expand_dims(x, (0, 2, -1)), np.expand_dims(ARRAY, (0, 2, -1))),
        (gc.stack([x, x], axis=1), np.stack([ARRAY, ARRAY], axis=1)),
        (gc.stack([x, x], axis=-1), np.stack([ARRAY, ARRAY], axis=-1)),
        (gc.concatenate([x, x], -1), np.concatenate([ARRAY, ARRAY], -1)),
        (x.sum(axis=(0, -1)), ARRAY.sum(axis=(0, 2))),
        (x.mean(1, keepdims=True), ARRAY.mean(1, keepdims=True)),
        (x.max(axis=-1), ARRAY.max(axis=-1)),
        (x.min(), ARRAY.min()),
        (x.argmax(), ARRAY.argmax()),
        (x.argmin(axis=1, keepdims=True), ARRAY.argmin(axis=1, keepdims=True)),
        (gc.argmax(x, keepdims=True), np.argmax(ARRAY, keepdims=True)),
        (gc.take(x, [2, 0], axis=1), np.take(ARRAY, [2, 0], axis=1)),
        (gc.take(x, [5, 23]), np.take(ARRAY, [5, 23])),
        (x.clip(3, 7), ARRAY.clip(3, 7)),
        (x.clip(max=7), ARRAY.clip(max=7)),
        (gc.outer(x[0, 0], x[1, :, 0]), np.outer(ARRAY[0, 0], ARRAY[1, :, 0])),
        (gc.dot(x[0], x[1].T), np.dot(ARRAY[0], ARRAY[1].T)),
        (gc.dot(x[0], 2.0), np.dot(ARRAY[0], 2.0)),
    ]:
        _same(node, np.asarray(expected), x=ARRAY)


def test_variance() -> None:
    x = gc.input("x", (2, 3, 4), "float64")
    for keywords in ({}, {"axis": 1}, {"axis": (0, 2), "ddof": 1, "keepdims": True}):
        np.testing.assert_allclose(
            gc.evaluate([gc.var(x, **keywords), gc.std(x, **keywords)], {"x": ARRAY}),
            [np.var(ARRAY, **keywords), np.std(ARRAY, **keywords)],
            rtol=1e-14,
        )


def test_squeeze() -> None:
    x = gc.input("x", (1, "n", 1))
    assert gc.squeeze(x).shape == ("n",)
    assert x.squeeze(axis=-1).shape == (1, "n")
    assert x.squeeze((0, 2)).shape == ("n",)
    with pytest.raises(ShapeError, match="requires size 1 along axis 1"):
        gc.squeeze(x, 1)


def test_concatenation_of_named_sizes() -> None:
    a, b = gc.input("a", ("n", 2), "float64"), gc.input("b", ("m", 2), "float64")
    c = gc.input("c", (3, 2), "float64")
    joined = gc.concatenate([c, a, b, a])
    assert joined.shape == (2 * Dim("n") + Dim("m") + 3, 2)
    weight = gc.input("weight", joined.shape, "float64")
    gradients = gc.vjp(joined, [a, b, c], weight)
    rng = np.random.default_rng(0)
    w = rng.normal(size=(12, 2))
    values = {"a": rng.normal(size=(2, 2)), "b": rng.normal(size=(5, 2))}
    values |= {"c": rng.normal(size=(3, 2)), "weight": w}
    actual = gc.evaluate([gradients, joined], values)[0]
    np.testing.assert_allclose(actual[0], w[3:5] + w[10:12])
    np.testing.assert_allclose(actual[1], w[5:10])
    np.testing.assert_allclose(actual[2], w[:3])


def test_concatenation_of_integers_and_floats_has_tangents() -> None:
    x = gc.input("x", (2,), "float64")
    joined = gc.concatenate([x, np.arange(2)])
    tangent = gc.jvp(joined * joined, x, [1.0, 0.0])
    np.testing.assert_array_equal(gc.evaluate(tangent, {"x": [3.0, 4.0]}), [6, 0, 0, 0])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: gc.sum(x, axis=3), IndexRangeError),
        (lambda x: gc.sum(x, axis=(0, -3)), OptionError),
        (lambda x: gc.transpose(x, (0, 0, 1)), OptionError),
        (lambda x: gc.transpose(x, (0, 1)), OptionError),
        (lambda x: gc.swapaxes(x, 0, 3), IndexRangeError),
        (lambda x: gc.moveaxis(x, 3, 0), IndexRangeError),
        (lambda x: gc.expand_dims(x, 4), IndexRangeError),
        (lambda x: gc.expand_dims(x, (0, 0)), OptionError),
        (lambda x: gc.concatenate([]), ShapeError),
        (lambda x: gc.concatenate([x, x[0]]), ShapeError),
        (lambda x: gc.concatenate([x, x[:, :2]]), ShapeError),
        (lambda x: gc.stack([x, x[:1]]), ShapeError),
        (lambda x: gc.max(x[:0], axis=0), ShapeError),
        (lambda x: gc.argmax(x[:0], axis=0), ShapeError),
        (lambda x: gc.broadcast_to(x, (3, 4)), ShapeError),
        (lambda x: gc.dot(x, x), ShapeError),
    ],
)
def test_bad_arguments(call: Any, error: Any) -> None:
    with pytest.raises(error):
        call(gc.input("x", (2, 3, 4)))


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        ((3, 4), (3, 4), "x @ w.T"),
        ((4, 3), (4, 2), "x.T @ w"),
        ((), (3,), "x * y"),
        ((3, 4), (5,), None),
        (("n", 4), ("n", 4), "x @ w.T"),
    ],
)
def test_matmul_says_what_to_try(left: Any, right: Any, hint: str | None) -> None:
    with pytest.raises(ShapeError) as caught:
        gc.input("x", left) @ gc.input("w", right)
    assert hint is None or hint in str(caught.value.hint)
    assert "matmul(x" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ((0, 1), (1, 0)),
        ([0], [-1]),
        ((2, 0), (0, 1)),
        ((-1, 0, 1), (0, 1, 2)),
        ((), ()),
    ],
)
def test_several_axes_are_moved(source: Any, destination: Any) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    moved = gc.evaluate(gc.moveaxis(x, source, destination), {})
    np.testing.assert_array_equal(moved, np.moveaxis(x, source, destination))


def test_axes_that_can_not_be_moved() -> None:
    x = gc.input("x", (2, 3, 4))
    with pytest.raises(OptionError, match="as many axes"):
        gc.moveaxis(x, (0, 1), 2)
    with pytest.raises(OptionError, match=r"source .* names an axis twice"):
        gc.moveaxis(x, (0, -3), (1, 2))
    with pytest.raises(IndexRangeError, match="destination 3 is out of range"):
        gc.moveaxis(x, 0, 3)
