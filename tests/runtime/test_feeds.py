"""What may be fed to an input, and what is refused before anything is computed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError
from graphc.ir import Node
from graphc.runtime.feeds import Binder, bind_feeds, check_array, check_batch


class _Tensor:
    """An array of another library: it converts, and has a dtype of its own."""

    dtype = np.dtype("float64")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 2.0])


GOOD = [
    ("float32", [1, 2]),
    ("float32", [1.5, 2]),
    ("float32", [True, False]),
    ("float32", np.ones(2, "float32")),
    ("float32", np.ones(2, "float16")),
    ("float32", np.ones(2, "int16")),
    ("float32", np.ones(2, "bool")),
    ("float32", (np.inf, np.nan)),
    ("float64", np.ones(2, "float32")),
    ("float64", np.ones(2, "int32")),
    ("float64", _Tensor()),
    ("int64", [1, 2]),
    ("int64", np.ones(2, "int32")),
    ("uint8", [0, 255]),
    ("int8", [-128, 127]),
    ("bool", [True, False]),
    ("float32", np.ones(2, ">f4")),
    # Rounded, as NumPy does it.
    ("float32", np.array([0.1, -0.0])),
    ("float32", np.array([1e-300, 3.4e38])),
    ("float32", np.array([np.nan, -np.inf])),
    ("float32", np.array([2**24 + 1, -(2**62)])),
    ("float32", _Tensor()),
    ("float16", np.array([0.1, 65504.0])),
    # Of the same value.
    ("int64", np.ones(2, "uint64")),
    ("uint64", np.array([0, 2**63 - 1])),
    ("int8", np.array([-128, 127])),
    ("uint8", [True, False]),
]

BAD = [
    ("float32", np.array([0, 1e300]), r"got float64 with 1e\+300 at \(1,\)"),
    ("float32", [1e300, 0], "requires dtype float32"),
    ("float16", np.array([65520, 0]), r"got int64 with 65520 at \(0,\)"),
    ("float32", [1j, 2], "got complex128"),
    ("float32", ["a", "b"], "got <U1"),
    ("float32", [None, None], "got object"),
    ("float32", [[1], [1, 2]], "not an array"),
    ("int64", [1.0, 2.0], "requires dtype int64, got float64"),
    ("int64", np.array([1, 2**63], "uint64"), r"got uint64 with 9223372036854775808"),
    ("uint64", np.array([1, -1]), r"got int64 with -1 at \(1,\)"),
    ("uint8", [0, 256], "requires dtype uint8, got int64 with 256"),
    ("uint8", [-1, 0], "requires dtype uint8, got int64 with -1"),
    ("int8", np.array([300, 0]), r"got int64 with 300 at \(0,\)"),
    ("bool", [0, 1], "requires dtype bool, got int64"),
    ("bool", np.ones(2), "got float64"),
    ("float32", 1.0, r"requires shape \(2,\), got \(\)"),
    ("float32", [1, 2, 3], r"requires shape \(2,\), got \(3,\)"),
    ("float32", [[1, 2]], r"requires shape \(2,\), got \(1, 2\)"),
    ("float32", gc.zeros((2,)), "must be fed an array"),
]


@pytest.mark.parametrize(("dtype", "value"), GOOD)
def test_values_that_fit(dtype: str, value: Any) -> None:
    node = gc.input("x", (2,), dtype)
    array = check_array(node, value)
    assert array.dtype == node.dtype
    with np.errstate(all="ignore"):
        expected = np.asarray(value).astype(dtype)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(("dtype", "value", "message"), BAD)
def test_values_that_do_not(dtype: str, value: Any, message: str) -> None:
    node = gc.input("x", (2,), dtype)
    with pytest.raises(FeedError, match=message) as caught:
        check_array(node, value)
    assert "input 'x'" in str(caught.value)
    assert str(caught.value.location) == str(node.origin.location)


STRICT = [
    ("float32", np.ones(2)),
    ("float32", np.ones(2, "int64")),
    ("float16", np.ones(2, "float32")),
    ("uint8", np.ones(2, "int64")),
    ("int64", np.ones(2, "uint64")),
    ("float32", _Tensor()),
]


@pytest.mark.parametrize(("dtype", "value"), STRICT)
def test_strict_takes_no_wider_dtype(dtype: str, value: Any) -> None:
    x = gc.input("x", (2,), dtype)
    y = x + x
    message = f"requires dtype {dtype}, got {value.dtype}"
    for run in (
        lambda given: bind_feeds([x], {"x": given}, strict=True),
        lambda given: gc.evaluate(y, {"x": given}, strict=True),
        lambda given: gc.compile(y, strict=True)(x=given),
    ):
        with pytest.raises(FeedError, match=message):
            run(value)
        # Python's numbers have no dtype of their own.
        run([1, 0])
        run(np.ones(2, dtype))
    expected = np.asarray(value).astype(dtype) * 2
    for found in (gc.evaluate(y, {"x": value}), gc.compile(y)(x=value)):
        np.testing.assert_array_equal(found, expected.astype(dtype), strict=True)


def test_an_array_that_fits_is_not_copied() -> None:
    array = np.ones(2, np.float32)
    assert check_array(gc.input("x", (2,)), array) is array


def test_an_empty_list_fits_any_dtype() -> None:
    assert check_array(gc.input("x", ("n",), "int64"), []).dtype == np.int64


def _inputs() -> tuple[Node, Node]:
    x = gc.input("x", ("batch", 3), "float64")
    return x, gc.input("y", ("batch",), "int64")


def test_by_name_or_by_node() -> None:
    x, y = _inputs()
    rows, labels = np.zeros((2, 3)), np.array([0, 1])
    for fed in ({"x": rows, "y": labels}, {x: rows, y: labels}, {x: rows, "y": labels}):
        arrays, sizes = bind_feeds([x, y], fed)
        assert arrays[x] is rows
        assert arrays[y] is labels
        assert sizes == {"batch": 2}


SETS: list[tuple[Any, str]] = [
    ({}, "input 'x' was not fed"),
    ({"x": np.zeros((2, 3))}, "input 'y' was not fed"),
    (
        {"x": np.zeros((2, 3)), "y": [0, 1], "z": 1},
        "'z' is not an input of this program; it takes x, y",
    ),
    ({"x": np.zeros((2, 3)), "y": [0, 1], 3: 1}, "3 is not an input"),
    (
        {"x": np.zeros((2, 3)), "y": [0, 1, 2]},
        "'y' has batch = 3, but 'x' was fed with batch = 2",
    ),
    ({"x": np.zeros((2, 4)), "y": [0, 1]}, r"requires shape \(batch, 3\)"),
    ({"x": np.zeros(3), "y": [0, 1]}, r"requires shape \(batch, 3\)"),
]


@pytest.mark.parametrize(("fed", "message"), SETS)
def test_sets_of_feeds(fed: Any, message: str) -> None:
    with pytest.raises(FeedError, match=message) as caught:
        bind_feeds(_inputs(), fed)
    assert caught.value.location


def test_one_input_fed_twice() -> None:
    x, y = _inputs()
    with pytest.raises(FeedError, match="was fed twice"):
        bind_feeds([x, y], {x: np.zeros((2, 3)), "x": np.ones((2, 3)), "y": [0, 1]})


def test_a_node_that_is_no_input() -> None:
    x, y = _inputs()
    other = gc.input("x", ("batch", 3), "float64")
    with pytest.raises(FeedError, match="x: float64"):
        bind_feeds([x, y], {other: np.zeros((2, 3)), "y": [0, 1]})


@pytest.mark.parametrize("first", [True, False])
def test_computed_sizes_must_agree(first: bool) -> None:
    n = gc.Dim("n")
    x, y = gc.input("x", ("n",)), gc.input("y", (2 * n + 1,))
    inputs = [x, y] if first else [y, x]
    _, sizes = bind_feeds(inputs, {"x": [1, 2], "y": [0] * 5})
    assert sizes == {"n": 2}
    with pytest.raises(FeedError, match=r"requires 2\*n \+ 1 = 5 for n = 2, got 4"):
        bind_feeds(inputs, {"x": [1, 2], "y": [0] * 4})
    with pytest.raises(FeedError, match="the size n is known from no input"):
        bind_feeds([y], {"y": [0] * 5})


def test_parameters_may_be_fed() -> None:
    w = gc.parameter("w", (2,), [1.0, 2.0])
    assert gc.evaluate(w).tolist() == [1, 2]
    assert gc.evaluate(w, {"w": [3.0, 4.0]}).tolist() == [3, 4]
    with pytest.raises(FeedError, match="parameter 'w' requires shape"):
        gc.evaluate(w, {"w": [3.0]})
    with pytest.raises(FeedError, match="it takes no inputs"):
        gc.evaluate(w, {"v": 1.0})


def test_labels_have_bounds() -> None:
    y = gc.input("y", ("n",), "int64")
    for bounds, good, bad in [
        ((0, 9, None), [0, 9], [[-1], [10], [3, 11]]),
        ((0, 9, -100), [0, -100, 9], [[-1], [-99]]),
    ]:
        bind_feeds([y], {"y": good}, {y: bounds})
        for labels in bad:
            with pytest.raises(FeedError, match="labels from 0 to 9"):
                bind_feeds([y], {"y": labels}, {y: bounds})
    bind_feeds([y], {"y": []}, {y: (0, 9, None)})


# Fed again and again ------------------------------------------------------------------

BOUNDS = (0, 9, -100)


def _binder() -> Binder:
    """One that has accepted arrays of two and of three rows."""
    x, y = _inputs()
    binder = Binder([x, y], {y: BOUNDS})
    for rows in (2, 3):
        binder.bind({"x": np.zeros((rows, 3)), "y": np.zeros(rows, int)})
    return binder


def test_arrays_that_fit_are_taken_as_they_are_each_time() -> None:
    binder = _binder()
    for rows in (2, 3, 5, 5):
        x, y = np.zeros((rows, 3)), np.arange(rows)
        first, second = binder.bind({"y": y, "x": x})
        assert first is x
        assert second is y


def test_values_that_fit_are_converted_after_arrays_too() -> None:
    x, y = _binder().bind({"x": [[1, 2, 3]] * 2, "y": np.array([4, -100], "int8")})
    np.testing.assert_array_equal(x, [[1.0, 2.0, 3.0]] * 2, strict=True)
    np.testing.assert_array_equal(y, np.array([4, -100]), strict=True)


def test_a_subclass_becomes_an_array() -> None:
    x = np.ma.masked_array(np.ones((2, 3)))
    (array, _) = _binder().bind({"x": x, "y": np.array([0, 1])})
    assert type(array) is np.ndarray


@pytest.mark.parametrize(("fed", "message"), SETS)
def test_sets_of_feeds_are_refused_after_good_ones_too(fed: Any, message: str) -> None:
    binder = _binder()
    for _ in range(2):
        with pytest.raises(FeedError, match=message):
            binder.bind(fed)


@pytest.mark.parametrize(("dtype", "value", "message"), BAD)
def test_values_are_refused_after_good_ones_too(
    dtype: str, value: Any, message: str
) -> None:
    binder = Binder([gc.input("x", (2,), dtype)], {})
    binder.bind({"x": np.ones(2, dtype)})
    with pytest.raises(FeedError, match=message):
        binder.bind({"x": value})


def test_labels_are_checked_each_time() -> None:
    binder = _binder()
    for labels, message in [
        ([0, 9], None),
        ([0, -100], None),
        ([-1, 3], r"labels from 0 to 9, got -1 at \(0,\)"),
        ([3, 10], r"labels from 0 to 9, got 10 at \(1,\)"),
        ([-99, -100], r"got -99 at \(0,\)"),
    ]:
        feeds = {"x": np.zeros((2, 3)), "y": np.array(labels)}
        if message is None:
            assert binder.bind(feeds)[1] is feeds["y"]
        else:
            with pytest.raises(FeedError, match=message):
                binder.bind(feeds)


def test_no_rows_have_no_labels_out_of_bounds() -> None:
    binder = _binder()
    for _ in range(2):
        assert binder.bind({"x": np.zeros((0, 3)), "y": np.zeros(0, int)})[1].size == 0


def test_many_shapes_are_checked_like_few() -> None:
    binder = _binder()
    for rows in range(1, 600):
        good = {"x": np.zeros((rows, 3)), "y": np.zeros(rows, int)}
        assert binder.bind(good)[0] is good["x"]
        with pytest.raises(FeedError, match="but 'x' was fed with batch"):
            binder.bind({**good, "y": np.zeros(rows + 1, int)})


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_batch_must_be_finite(dtype: str, bad: float) -> None:
    node = gc.input("x", ("batch", 3), dtype)
    # The sum of these is no number of the dtype, but each of them is.
    array = np.full((4, 3), np.finfo(dtype).max)
    array[2] *= -1
    check_batch([node], [array])
    array[1, 2] = bad
    with pytest.raises(FeedError, match=rf"must be finite, got {bad} at \(1, 2\)"):
        check_batch([node], [array])
    with pytest.raises(FeedError, match="must be finite"):
        check_batch([node], [array[::-1, ::2]])


def test_a_batch_must_have_rows() -> None:
    x, y = _inputs()
    with pytest.raises(FeedError, match=r"input 'x' is empty: \(0, 3\)"):
        check_batch([x, y], [np.zeros((0, 3)), np.zeros(0, int)])
    check_batch([y], [np.array([-(2**63), 2**63 - 1])])


def test_checks_allocate_no_arrays() -> None:
    x, y = _inputs()
    binder = Binder([x, y], {y: BOUNDS})
    feeds = {"x": np.ones((5000, 3)), "y": np.ones(5000, int)}

    def check() -> None:
        check_batch([x, y], binder.bind(feeds))

    check()
    tracemalloc.start()
    try:
        check()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5000


def test_positions_say_how_others_are_admitted() -> None:
    table = gc.parameter("table", (4, 2), np.arange(8.0).reshape(4, 2))
    i = gc.input("i", ("n",), "int64")
    masked = gc.where((i >= 0)[:, None], gc.take(table, i, axis=0), 0)
    with pytest.raises(FeedError, match="got -1 at") as caught:
        gc.evaluate(masked, {"i": [2, -1]})
    assert 'mode="wrap"' in str(caught.value.hint)
    for mode in ("wrap", "clip"):
        masked = gc.where((i >= 0)[:, None], gc.take(table, i, axis=0, mode=mode), 0)
        result = gc.evaluate(masked, {"i": [2, -1]})
        np.testing.assert_array_equal(result, [[4, 5], [0, 0]])


def test_a_dict_in_the_place_of_an_array() -> None:
    x = gc.input("x", ("n",))
    with pytest.raises(FeedError, match="got a dict") as caught:
        gc.compile(2 * x)({"x": [1.0]})
    assert "**feeds" in str(caught.value.hint)
