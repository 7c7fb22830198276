"""Functional updates, masks, and choices, against NumPy's assignments and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DTypeError,
    FeedError,
    GraphcError,
    IndexRangeError,
    OptionError,
    ShapeError,
    UnsupportedError,
)

RNG = np.random.default_rng(0)
ARRAY = RNG.uniform(0.5, 2.0, (4, 3, 2))
MASK = np.array([True, False, True, True])
GRID = RNG.random((4, 3)) < 0.5

UFUNCS: dict[str, Any] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "max": np.maximum,
    "min": np.minimum,
}

INDICES: list[Any] = [
    1,
    -1,
    ...,
    None,
    slice(None, None, -2),
    (slice(1, 3), ..., 0),
    (None, 2, slice(None), -1),
    [0, 2],
    [1, 1, -3],
    (slice(None), [2, 0, 2]),
    ([0, 1, 0], slice(None), [1, 1, 1]),
    (np.array([[0], [3]]), [1, 1]),
    MASK,
    GRID,
    (MASK, 1),
    (..., [True, False]),
    (MASK, [0, 1, 2]),
    np.zeros(4, bool),
    np.ix_([0, 3], [1, 2]),
    [],
]


def _run(node: Any, feeds: Any) -> list[Any]:
    values = [gc.evaluate(node, feeds)]
    values += [gc.compile(node, style=style)(**feeds) for style in ("readable", "fast")]
    return values


@pytest.mark.parametrize("number", range(len(INDICES)))
def test_every_index_is_read_and_updated(number: int) -> None:
    index = INDICES[number]
    x = gc.input("x", ARRAY.shape, "float64")
    taken = ARRAY[index]
    np.testing.assert_array_equal(gc.evaluate(x[index], {"x": ARRAY}), taken)
    assert x.at[index].get().shape == taken.shape
    values = RNG.uniform(0.5, 2.0, taken.shape)
    expected = ARRAY.copy()
    expected[index] = values
    updates, results = [x.at[index].set(values)], [expected]
    for method, ufunc in UFUNCS.items():
        result = ARRAY.copy()
        ufunc.at(result, index, values)
        updates.append(getattr(x.at[index], method)(values))
        results.append(result)
    for run in (
        gc.evaluate(updates, {"x": ARRAY}),
        gc.compile(updates)(x=ARRAY),
        gc.compile(updates, style="readable")(x=ARRAY),
    ):
        for value, result in zip(run, results, strict=True):
            np.testing.assert_allclose(value, result, rtol=1e-13)


@pytest.mark.parametrize("method", ["set", *UFUNCS])
@pytest.mark.parametrize("repeated", [False, True])
def test_derivatives_of_updates(method: str, repeated: bool) -> None:
    """To order two, by the array and by the values, also where positions repeat."""
    x = gc.input("x", (4, 2), "float64")
    v = gc.input("v", (3, 2), "float64")
    i = gc.input("i", (3,), "int64")
    node = getattr(x.at[i], method)(v)
    weight = np.cos(np.arange(8.0)).reshape(4, 2)
    feeds = {
        "x": RNG.uniform(0.5, 2.0, (4, 2)),
        "v": RNG.uniform(0.5, 2.0, (3, 2)),
        "i": np.array([2, 0, 2] if repeated else [2, 0, 3]),
    }
    loss = gc.sum(gc.square(node) * weight)
    slopes = gc.grad(loss, [x, v])
    assert gc.check_gradients(loss, [x, v], feeds).passed
    second = gc.sum(gc.sin(slopes[0])) + gc.sum(gc.sin(slopes[1]))
    assert gc.check_gradients(second, [x, v], feeds).passed
    tangent = gc.jvp(node, [x, v], [gc.ones_like(x), 2.0 * gc.ones_like(v)])
    other = gc.sum(tangent * weight)
    plain = gc.grad(gc.sum(node * weight), [x, v])
    total = gc.sum(plain[0]) + 2.0 * gc.sum(plain[1])
    np.testing.assert_allclose(*gc.evaluate([other, total], feeds), rtol=1e-12)


def test_the_last_of_repeated_values_stays_and_has_the_derivative() -> None:
    x, v = gc.input("x", (3,), "float64"), gc.input("v", (4,), "float64")
    for index in ([0, 2, 0, 0], gc.input("i", (4,), "int64")):
        node = x.at[index].set(v)
        feeds = {"x": [1.0, 2.0, 3.0], "v": [5.0, 6.0, 7.0, 8.0]}
        if isinstance(index, gc.Node):
            feeds["i"] = [0, 2, 0, 0]
        slopes = gc.grad(gc.sum(node * node), [x, v])
        value, (by_x, by_v) = gc.evaluate([node, slopes], feeds)
        np.testing.assert_array_equal(value, [8.0, 2.0, 6.0])
        np.testing.assert_array_equal(by_x, [0.0, 4.0, 0.0])
        np.testing.assert_array_equal(by_v, [0.0, 12.0, 0.0, 16.0])


def test_products_with_zeros_have_derivatives() -> None:
    x, v = gc.input("x", (2,), "float64"), gc.input("v", (3,), "float64")
    node = gc.sum(x.at[gc.input("i", (3,), "int64")].multiply(v))
    feeds = {"x": [2.0, 3.0], "v": [0.0, 5.0, 0.0], "i": [0, 0, 1]}
    by_x, by_v = gc.evaluate(gc.grad(node, [x, v]), feeds)
    np.testing.assert_array_equal(by_x, [0.0, 0.0])
    np.testing.assert_array_equal(by_v, [10.0, 0.0, 3.0])


def test_ties_share_the_gradient_equally() -> None:
    x, v = gc.input("x", (2,), "float64"), gc.input("v", (3,), "float64")
    i = gc.input("i", (3,), "int64")
    feeds = {"x": [1.0, 4.0], "v": [1.0, 1.0, 2.0], "i": [0, 0, 1]}
    for method in ("max", "min"):
        slopes = gc.grad(gc.sum(getattr(x.at[i], method)(v)), [x, v])
        by_x, by_v = gc.evaluate(slopes, feeds)
        one = float(method == "max")
        np.testing.assert_allclose(by_x, [1 / 3, one])
        np.testing.assert_allclose(by_v, [1 / 3, 1 / 3, 1 - one])


def test_scalars_and_dtypes() -> None:
    s = gc.input("s", (), "float64")
    for index in ((), ..., None):
        assert gc.evaluate(s.at[index].set(3.0), {"s": 1.0}) == 3.0
        assert gc.evaluate(s.at[index].add(3), {"s": 1.0}) == 4.0
    counts = gc.input("c", (3,), "int32")
    assert counts.at[1].set(7).dtype == np.int32
    assert gc.input("x", (3,), "float32").at[0].set(np.float64(1.0)).dtype == np.float32
    with pytest.raises(DTypeError, match="have no place in an array of dtype int32"):
        counts.at[0].set(0.5)
    squares = gc.evaluate(s.at[...].apply(gc.square), {"s": 3.0})
    assert squares == 9.0


@pytest.mark.parametrize("method", ["set", "add", "multiply", "max"])
def test_positions_of_updates_are_checked(method: str) -> None:
    x = gc.input("x", ("n", 3), "float64")
    for i in (
        gc.input("i", (2,), "int64"),
        gc.input("i", (2,), "int64") // 1,
        gc.argmax(gc.input("i", (2, 9), "float64"), axis=1),
    ):
        node = getattr(x.at[i], method)(2.0)
        array = np.ones((4, 3))
        bad = np.eye(9)[[1, 7]] if i.op.inputs == ("x",) else [1, 7]
        for run in (
            lambda node, **feeds: gc.evaluate(node, feeds),
            lambda node, **feeds: gc.compile(node)(**feeds),
            lambda node, **feeds: gc.compile(node, style="readable")(**feeds),
        ):
            with pytest.raises(
                FeedError, match=r"value 7 (in row 1|at \(1,\)),.*range 0 to 3"
            ):
                run(node, x=array, i=bad)


def test_named_sizes() -> None:
    x = gc.input("x", ("n", 3), "float64")
    array = np.arange(12.0).reshape(4, 3)
    for node, index in [
        (x.at[1:].set(0.0), slice(1, None)),
        (x.at[0].set(0.0), 0),
        (x.at[:, 1].set(0.0), (slice(None), 1)),
        (x.at[:, [True, False, True]].set(0.0), (slice(None), [True, False, True])),
    ]:
        expected = array.copy()
        expected[index] = 0.0
        for value in _run(node, {"x": array}):
            np.testing.assert_array_equal(value, expected)
        (gradient,) = gc.grad(gc.sum(node * node), [x])
        np.testing.assert_array_equal(_run(gradient, {"x": array})[2], 2 * expected)


def test_put_along_axis() -> None:
    x = gc.input("x", (4, 3), "float64")
    array = RNG.normal(size=(4, 3))
    for indices, values, axis in [
        ([[0], [2], [1], [1]], 9.0, 1),
        ([[1, 0, 3]], [[1.0, 2.0, 3.0]], 0),
        ([[2, 0]], [[5.0, 6.0]], -1),
        ([5, 0], [1.0, 2.0], None),
    ]:
        expected = array.copy()
        np.put_along_axis(expected, np.array(indices), values, axis)
        node = gc.put_along_axis(x, np.array(indices), values, axis)
        np.testing.assert_array_equal(gc.evaluate(node, {"x": array}), expected)
        chosen = gc.input("i", np.shape(indices), "int64")
        node = gc.put_along_axis(x, chosen, values, axis)
        for value in _run(node, {"x": array, "i": indices}):
            np.testing.assert_array_equal(value, expected)


Call = Callable[[Any, Any, Any], Any]
SAME: list[Call] = [
    lambda m, x, i: m.compress(MASK, x, axis=0),
    lambda m, x, i: m.compress([True, False], x, axis=1),
    lambda m, x, i: m.compress([0, 1, 1], x),
    lambda m, x, i: m.extract(ARRAY > 1, x),
    lambda m, x, i: m.select([x < 0.8, x > 1.5], [x, -x], 7.0),
    lambda m, x, i: m.select([x < 1.5, x < 1.0], [x * 2, x]),
    lambda m, x, i: m.choose(i % 2, [i * 1.5, -i]),
    lambda m, x, i: m.choose(i, [i, -i], mode="wrap"),
    lambda m, x, i: m.choose(i, [1.0, [2.0, 3.0, 4.0, 5.0]], mode="clip"),
    lambda m, x, i: x[m.ix_([0, 2], [1], [True, False])],
    lambda m, x, i: m.delete(x, 1, axis=1),
    lambda m, x, i: m.delete(x, [0, -1], axis=0),
    lambda m, x, i: m.delete(x, slice(None, None, 2), axis=0),
    lambda m, x, i: m.delete(x, MASK, axis=0),
    lambda m, x, i: m.delete(x, 5),
    lambda m, x, i: m.insert(x, 1, 9.0, axis=1),
    lambda m, x, i: m.insert(x, [0, 3], 9.0, axis=0),
    lambda m, x, i: m.insert(x, [1, 1], [[1.0], [2.0], [3.0]], axis=2),
    lambda m, x, i: m.insert(x, -1, x[0], axis=0),
    lambda m, x, i: m.insert(i, 2, [7, 8, 9]),
    lambda m, x, i: m.take(x, i % 3, axis=1),
    lambda m, x, i: m.take(x, [-1, 30], mode="clip"),
]


def test_choices() -> None:
    x, i = gc.input("x", ARRAY.shape, "float64"), gc.input("i", (4,), "int64")
    feeds = {"x": ARRAY, "i": np.array([1, 0, 3, 2])}
    for number, call in enumerate(SAME):
        node, expected = call(gc, x, i), call(np, *feeds.values())
        assert node.dtype == expected.dtype, number
        value = gc.evaluate([node, x, i], feeds)[0]
        np.testing.assert_array_equal(value, expected, err_msg=str(number))
        value = gc.compile(node, inputs=[x, i])(**feeds)
        np.testing.assert_array_equal(value, expected, err_msg=str(number))


X = gc.input("x", (4, 3))
I = gc.input("i", (4,), "int64")  # noqa: E741
UNKNOWN = X > 0


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: X[UNKNOWN], UnsupportedError, "depends on the data"),
        (lambda: X[UNKNOWN[0]], UnsupportedError, "depends on the data"),
        (lambda: X[[True, False]], ShapeError, r"\(4,\), got \(2,\)"),
        (lambda: X[:, MASK], ShapeError, r"\(3,\), got \(4,\)"),
        (lambda: X[np.ones((4, 3, 1), bool)], ShapeError, "a mask must have"),
        (lambda: X[np.array(True)], UnsupportedError, "booleans"),
        (lambda: gc.input("y", ("n",))[MASK], ShapeError, r"\(n,\), got \(4,\)"),
        (lambda: X.at[4].set(0), IndexRangeError, "out of range"),
        (lambda: X.at[0].set([1.0, 2.0]), ShapeError, "values that broadcast to"),
        (lambda: X.at[UNKNOWN].set(0), UnsupportedError, "depends on the data"),
        (lambda: X.at[0.5].add(1), DTypeError, "an index must be"),
        (lambda: gc.put_along_axis(X, I, 0), ShapeError, "as many axes"),
        (lambda: gc.put_along_axis(X, X, 0), DTypeError, "must be integers"),
        (lambda: gc.compress(UNKNOWN[0], X, 1), UnsupportedError, "on the data"),
        (lambda: gc.compress([True] * 5, X, 0), ShapeError, "up to 4 booleans"),
        (lambda: gc.select([], []), OptionError, "as many conditions"),
        (lambda: gc.choose(X, [X]), DTypeError, "requires integers"),
        (lambda: gc.choose(I, [I], mode="last"), OptionError, "mode must be"),
        (lambda: gc.ix_(X), ShapeError, "requires vectors"),
        (lambda: gc.delete(X, 4, 0), IndexRangeError, "out of bounds"),
        (lambda: gc.delete(X, I, 0), UnsupportedError, "known positions"),
        (lambda: gc.delete(gc.input("y", ("n",)), 0, 0), UnsupportedError, "known"),
        (lambda: gc.insert(X, 9, 0.0, 0), IndexRangeError, "out of bounds"),
        (lambda: gc.insert(X, 0, [1.0, 2.0], 0), ShapeError, "broadcast"),
    ],
)
def test_bad_arguments(call: Callable[[], Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        call()
    assert isinstance(caught.value, GraphcError)


def test_text_of_updates() -> None:
    x, i = gc.input("x", ("n", 3)), gc.input("i", (2,), "int64")
    for node, text in [
        (x.at[i].set(0.0), "set_at_x[i] = np.float32(0.0)"),
        (x.at[1:, 0].add(2.0), "add_at_x[1:, 0] += 2.0"),
        (x.at[:, [0, 2]].multiply(2.0), "multiply_at_x[:, CONSTANT] *= 2.0"),
        (x.at[i].max(0.0), "np.maximum.at(maximum_at_x, i, np.float32(0.0))"),
    ]:
        assert text in gc.compile(node, style="readable").source


def test_gradients_of_rows_are_added_at_positions_of_numbers() -> None:
    """In fast style; which adds in the order of the rows, as NumPy's own does."""
    table = gc.input("table", (50, 8))
    for tokens, shape in (("batch",), (7,)), (("batch", 3), (5, 3)):
        for dtype in ("int64", "int32", "uint8", "int8"):
            t = gc.input("t", tokens, dtype)
            weight = gc.input("w", (*tokens, 8))
            scaled = gc.sum(gc.take(table, t, 0) * weight * weight)
            gradient = gc.grad(scaled, table)
            fast = gc.compile(gradient)
            assert "np.add.at(gradient.reshape(-1), positions" in fast.source
            chosen = RNG.integers(0, 50, shape)
            chosen[0] = 49
            given = RNG.normal(size=(*shape, 8)).astype("f4")
            feeds = {"t": chosen, "w": given}
            expected = np.zeros((50, 8), "f4")
            np.add.at(expected, chosen, given * given)
            np.testing.assert_array_equal(fast(**feeds), expected)
            np.testing.assert_array_equal(gc.evaluate(gradient, feeds), expected)
            stored = gc.compile(gc.exp(gradient) + gradient)
            assert "np.add(positions, columns, out=positions)" in stored.source
            np.testing.assert_allclose(
                stored(**feeds), np.exp(expected) + expected, rtol=1e-6
            )


def test_gradients_at_several_index_arrays_are_added_at_flat_positions() -> None:
    """In fast style, with the same sums as `np.add.at` has at the arrays themselves."""
    x = gc.input("x", (80, 30))
    array = RNG.normal(size=(80, 30)).astype("f4")
    for dtype in ("int64", "int8"):
        i, j = gc.input("i", ("n", 1), dtype), gc.input("j", ("n",), dtype)
        k = gc.input("k", (80, "n"), dtype)
        w = gc.input("w", ("n", "n"))
        feeds = {
            "x": array,
            "i": RNG.integers(0, 40, (50, 1)),
            "j": RNG.integers(0, 30, 50),
            "k": RNG.integers(0, 30, (80, 50)),
            "w": np.zeros((50, 50)),
        }
        expected = np.zeros((80, 30), "f4")
        np.add.at(expected, (feeds["i"], feeds["j"]), 1.0)
        along = np.zeros((80, 30), "f4")
        np.add.at(along, (np.arange(80)[:, None], feeds["k"]), 1.0)
        pairs = [
            (gc.vjp(x[i, j], x, gc.exp(w)), expected),
            (x.at[i, j].add(gc.exp(w)), array + expected),
            (gc.vjp(gc.take_along_axis(x, k, 1), x, gc.exp(w[0] * x[:, :1])), along),
        ]
        for node, wanted in pairs:
            run = gc.compile(node, inputs=[x, i, j, k, w])
            assert "np.ravel_multi_index" in run.source
            np.testing.assert_allclose(run(**feeds), wanted, rtol=1e-5)


@pytest.mark.parametrize("method", ["add", "multiply", "max"])
def test_a_vector_is_broadcast_to_a_grid_of_positions(method: str) -> None:
    """What `np.ufunc.at` itself does not do: it reads beyond the vector."""
    positions = np.array([[2, 0, 2], [2, 2, 1]])
    values = np.array([1.0, 2.0, 3.0])
    x, v = gc.input("x", (3,), "float64"), gc.input("v", (3,), "float64")
    expected = np.full(3, 1.5)
    for place, value in zip(positions.ravel(), np.tile(values, 2), strict=True):
        expected[place] = UFUNCS[method](expected[place], value)
    for index in (positions, gc.input("i", positions.shape, "int64")):
        node = getattr(x.at[index], method)(v)
        feeds = {"x": np.full(3, 1.5), "v": values}
        if isinstance(index, gc.Node):
            feeds["i"] = positions
        for found in _run(node, feeds):
            np.testing.assert_array_equal(found, expected)
