"""Indexing in all forms that a static graph allows, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import (
    DTypeError,
    FeedError,
    IndexRangeError,
    ShapeError,
    UnsupportedError,
)
from graphc.ir import Dim

SHAPE = (4, 3, 5)
ARRAY = np.arange(60.0).reshape(SHAPE)


def _check(index: Any) -> None:
    """Value, and the adjoint as counts of how often each element is read."""
    x = gc.input("x", SHAPE, "float64")
    expected = ARRAY[index]
    node = x[index]
    assert node.shape == expected.shape
    gradient = gc.vjp(node, x, gc.ones_like(node))
    actual, counts = gc.evaluate([node, gradient], {"x": ARRAY})
    np.testing.assert_array_equal(actual, expected)
    read = np.zeros(SHAPE)
    np.add.at(read, index, 1.0)
    np.testing.assert_array_equal(counts, read)


BOUNDS = st.none() | st.integers(-7, 7)
STEPS = st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
SLICES = st.builds(slice, BOUNDS, BOUNDS, STEPS)


def _integers(axis: int) -> st.SearchStrategy[Any]:
    return st.integers(-SHAPE[axis], SHAPE[axis] - 1)


@st.composite
def _basic(draw: st.DrawFn) -> Any:
    count = draw(st.integers(0, 3))
    items: list[Any] = [draw(SLICES | _integers(axis)) for axis in range(count)]
    if draw(st.booleans()) and count < 3:
        items.append(...)
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


@given(_basic())
def test_basic(index: Any) -> None:
    _check(index)


@st.composite
def _advanced(draw: st.DrawFn) -> Any:
    shapes = draw(
        st.sampled_from([[(2,)], [(2, 3)], [()], [(3, 1), (1, 2)], [(2,), (2,)]])
    )
    axes = draw(st.permutations(range(3)))[: len(shapes)]
    items: list[Any] = []
    for axis in range(3):
        if axis in axes:
            shape = shapes[axes.index(axis)]
            flat = draw(
                st.lists(
                    _integers(axis),
                    min_size=int(np.prod(shape)),
                    max_size=int(np.prod(shape)),
                )
            )
            items.append(np.array(flat, np.int64).reshape(shape))
        else:
            items.append(draw(SLICES | _integers(axis)))
    for _ in range(draw(st.integers(0, 1))):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


@given(_advanced())
def test_integer_arrays(index: Any) -> None:
    _check(index)


def test_an_ellipsis_in_the_middle() -> None:
    _check((1, ..., 2))
    _check((..., -1))
    _check(...)
    _check((np.array([1, 1]), ..., np.array([0, 4])))
    _check((np.array([1, 1]), slice(None), ..., np.array([0, 4])))
    _check((slice(None), 1, ..., 2))
    _check((slice(None), [2, 0, 2]))
    _check([])


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_named_sizes(batch: int) -> None:
    x = gc.input("x", ("n", 3), "float64")
    array = np.arange(3.0 * batch).reshape(batch, 3)
    n = Dim("n")
    for node, expected, shape in [
        (x[0], array[0], (3,)),
        (x[-1], array[-1], (3,)),
        (x[1:], array[1:], (n - 1, 3)),
        (x[:-1], array[:-1], (n - 1, 3)),
        (x[::-1], array[::-1], ("n", 3)),
        (x[::2], array[::2], ((n + 1) // 2, 3)),
        (x[::-3], array[::-3], ((n + 2) // 3, 3)),
        (x[: n - 1], array[: batch - 1], (n - 1, 3)),
        (x[n - 1 :], array[batch - 1 :], (1, 3)),
        (x[:, None, 1:], array[:, None, 1:], ("n", 1, 2)),
        (x[:, [2, 0]], array[:, [2, 0]], ("n", 2)),
        (x[..., 0], array[..., 0], ("n",)),
        (x[np.arange(1), 2], array[np.arange(1), 2], (1,)),
    ]:
        assert node.shape == shape
        gradient = gc.vjp(node, x, gc.ones_like(node))
        actual, counts = gc.evaluate([node, gradient], {"x": array})
        np.testing.assert_array_equal(actual, expected)
        read = np.zeros_like(array)
        assert counts.shape == read.shape
        assert counts.sum() == expected.size


@pytest.mark.parametrize(
    "index",
    [slice(0, 5), slice(-2, None), slice(1, None, 2), 1, -2, slice(2, Dim("n"), 2)],
)
def test_what_depends_on_the_data_is_refused(index: Any) -> None:
    with pytest.raises(UnsupportedError) as caught:
        gc.input("x", ("n", 3))[index]
    assert caught.value.hint


def test_a_slice_past_the_data_is_an_error_when_it_runs() -> None:
    """`x[1:]` of no rows has no size `n - 1`; nothing wrong is returned."""
    x = gc.input("x", ("n",))
    with pytest.raises(FeedError, match="requires n >= 1, got n = 0"):
        gc.evaluate(x[1:], {"x": []})


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (4, IndexRangeError),
        (-5, IndexRangeError),
        ((0, 0, 0, 0), IndexRangeError),
        ((..., ...), IndexRangeError),
        (slice(None, None, 0), IndexRangeError),
        (1.5, DTypeError),
        ("a", DTypeError),
        (True, DTypeError),
        (slice(0.5, None), DTypeError),
        (np.array([1.5]), DTypeError),
        (gc.input("mask", SHAPE, "bool"), UnsupportedError),
        ((slice(None), [0, 1], ..., [0, 1]), UnsupportedError),
        ((None, 1, [0, 1], ..., gc.input("i", (2,), "int64")), UnsupportedError),
    ],
)
def test_bad_indices(index: Any, error: Any) -> None:
    with pytest.raises(error) as caught:
        gc.input("x", SHAPE)[index]
    assert "indexing of x: float32 (4, 3, 5)" in str(caught.value)


def test_repeated_indices_accumulate() -> None:
    x, i = gc.input("x", (3,), "float64"), gc.input("i", (4,), "int64")
    gradient = gc.grad(gc.sum(x[i] ** 2), x)
    values = {"x": [1.0, 2.0, 3.0], "i": [1, 1, 0, 1]}
    assert gc.evaluate(gradient, values).tolist() == [2.0, 12.0, 0.0]


def test_take_along_axis_repeats_accumulate() -> None:
    x, i = gc.input("x", (2, 3), "float64"), gc.input("i", (2, 4), "int64")
    node = gc.take_along_axis(x, i, axis=1)
    gradient = gc.vjp(node, x, np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]))
    values = {"i": [[0, 0, 2, 1], [1, 1, 1, 1]]}
    assert gc.evaluate(gradient, values).tolist() == [[3, 4, 3], [0, 26, 0]]


def test_iteration_and_length() -> None:
    x = gc.input("x", (3, 2), "float64")
    assert len(x) == 3
    rows = list(x)
    assert [row.shape for row in rows] == [(2,)] * 3
    array = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(gc.evaluate(rows, {"x": array}), array)
    named = gc.input("y", ("n", 2))
    with pytest.raises(UnsupportedError, match="iteration over axis 0"):
        list(named)
    with pytest.raises(ShapeError, match="known only when the program runs"):
        len(named)
    for function in (len, iter):
        with pytest.raises(TypeError):
            function(gc.input("z", ()))


@pytest.mark.parametrize(
    ("shape", "chosen", "axis"),
    [
        ((5, 3), (7, 1), 0),
        ((1, 3), (4, 2), 1),
        ((2, 1, 4), (1, 3, 2), -1),
        ((5,), (2,), 0),
    ],
)
def test_take_along_axis_broadcasts_as_numpy_does(
    shape: tuple[int, ...], chosen: tuple[int, ...], axis: int
) -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=shape)
    indices = rng.integers(0, shape[axis], size=chosen)
    x = gc.parameter("x", shape, init=array, dtype="float64")
    result = gc.take_along_axis(x, indices, axis)
    expected = np.take_along_axis(array, indices, axis)
    np.testing.assert_array_equal(gc.evaluate(result), expected)
    slope = gc.evaluate(gc.grad(gc.sum(result), x))
    assert slope.shape == shape
    assert slope.sum() == expected.size


def test_take_along_no_axis_reads_the_flat_array() -> None:
    array = np.arange(6.0).reshape(2, 3)
    found = gc.evaluate(gc.take_along_axis(array, [5, 0], None))
    np.testing.assert_array_equal(found, [5.0, 0.0])
