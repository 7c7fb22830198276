"""Shapes that meet, with named sizes among them."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import ShapeError
from graphc.ir import Graph
from graphc.ir.dims import broadcast_shapes

SHAPES = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@given(SHAPES, SHAPES, SHAPES)
def test_integer_shapes_broadcast_as_numpys_do(
    a: tuple[int, ...], b: tuple[int, ...], c: tuple[int, ...]
) -> None:
    try:
        expected = np.broadcast_shapes(a, b, c)
    except ValueError:
        with pytest.raises(ShapeError, match="requires shapes that broadcast"):
            broadcast_shapes(a, b, c)
        return
    assert broadcast_shapes(a, b, c) == expected


def test_named_sizes_stretch_ones_only() -> None:
    x = gc.input("x", ("batch", 3))
    assert (x + gc.input("b", (3,))).shape == ("batch", 3)
    assert (x + gc.input("c", (1, 1))).shape == ("batch", 3)
    assert (x * gc.input("d", ("batch", 1))).shape == ("batch", 3)
    outer = gc.input("r", ("rows", 1)) + gc.input("s", ("columns",))
    assert outer.shape == ("rows", "columns")
    for other in (("time", 3), (2, 3), ("batch", 2), ("batch",)):
        with pytest.raises(ShapeError) as caught:
            x + gc.input("y", other)
        assert "(batch, 3)" in str(caught.value)


@pytest.mark.parametrize("batch", [0, 1, 4])
def test_gradients_undo_broadcasting_of_named_sizes(batch: int) -> None:
    x = gc.input("x", ("batch", 3), "float64")
    row = gc.input("row", (3,), "float64")
    column = gc.input("column", ("batch", 1), "float64")
    scalar = gc.input("scalar", (), "float64")
    one = gc.input("one", (1, 1), "float64")
    output = gc.sum(x * row * column * scalar * one)
    wrt = [x, row, column, scalar, one]
    gradients = gc.grad(output, wrt)
    assert [g.shape for g in gradients] == [node.shape for node in wrt]
    rng = np.random.default_rng(0)
    values = {
        "x": rng.normal(size=(batch, 3)),
        "row": rng.normal(size=3),
        "column": rng.normal(size=(batch, 1)),
        "scalar": rng.normal(size=()),
        "one": rng.normal(size=(1, 1)),
    }
    product = np.prod([v * np.ones((batch, 3)) for v in values.values()], axis=0)
    for gradient, (name, value) in zip(
        gc.evaluate(gradients, values), values.items(), strict=True
    ):
        terms = product / value
        expected = {
            "x": terms,
            "row": terms.sum(0),
            "column": terms.sum(1, keepdims=True),
            "scalar": terms.sum(),
            "one": terms.sum(keepdims=True),
        }[name]
        np.testing.assert_allclose(gradient, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("left", "right"),
    [((), (1,)), ((1,), (1, 1)), ((1, 1), (1,)), ((3, 1), (1, 3)), ((1,), (0,))],
)
def test_gradients_have_the_shapes_of_small_operands(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    a, b = gc.input("a", left, "float64"), gc.input("b", right, "float64")
    first, second = gc.grad(gc.sum(a * b), [a, b])
    assert first.shape == left
    assert second.shape == right
    values = {"a": np.full(left, 2.0), "b": np.full(right, 3.0)}
    count = np.broadcast(values["a"], values["b"]).size
    actual, other = gc.evaluate([first, second], values)
    assert actual.sum() == 3.0 * count
    assert other.sum() == 2.0 * count


def test_nothing_is_summed_where_nothing_was_broadcast() -> None:
    """An adjoint is specialised from the shapes: no reduction without a reason."""
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch", 3))
    weight = gc.input("weight", ("batch", 3))
    gradients = gc.vjp(x * y, [x, y], weight)
    assert {n.op.name for n in Graph(tuple(gradients))} == {"input", "multiply"}


def test_only_broadcast_axes_are_summed() -> None:
    x, y = gc.input("x", (1, 1)), gc.input("y", (1, 4))
    gradient = gc.grad(gc.sum(x * y), x)
    sums = [n for n in Graph((gradient,)) if n.op.name == "sum"]
    assert [n.attributes["axis"] for n in sums] == [(1,)]


@given(SHAPES, SHAPES)
def test_broadcast_to(shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape)), dtype=float).reshape(shape)
    try:
        expected = np.broadcast_to(array, target)
    except ValueError:
        with pytest.raises(ShapeError):
            gc.broadcast_to(array, target)
        return
    np.testing.assert_array_equal(gc.evaluate(gc.broadcast_to(array, target)), expected)


def test_errors_name_op_shapes_and_axis() -> None:
    x, y = gc.input("x", ("batch", 3)), gc.input("y", ("batch", 4))
    with pytest.raises(ShapeError) as caught:
        operator.add(x, y)
    text = str(caught.value)
    for part in ("(batch, 3)", "(batch, 4)", "3 and 4 meet at axis -1", "add(x", "y:"):
        assert part in text
