"""Numbers as users write them: what they are beside arrays, held against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError

WAYS = [
    (style, simplify) for style in ("readable", "fast") for simplify in (True, False)
]

X = np.array([0.1, 2.0, -3.5, np.float32(0.1), np.float16(0.1)])

FUNCTIONS: list[Callable[[Any, Any], Any]] = [
    lambda np_, x, c: x * c,
    lambda np_, x, c: c - x,
    lambda np_, x, c: x == c,
    lambda np_, x, c: x <= c,
    lambda np_, x, c: np_.maximum(x, c),
    lambda np_, x, c: np_.where(x > 1, x, c),
    lambda np_, x, c: np_.clip(x, c, 1.0),
    lambda np_, x, c: np_.power(np_.abs(x), c),
]


def _everywhere(node: gc.Node, **feeds: Any) -> list[np.ndarray[Any, Any]]:
    results = [gc.evaluate(node, feeds)]
    for style, simplify in WAYS:
        results.append(gc.compile(node, style=style, simplify=simplify)(**feeds))
    return results


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("narrow", ["float16", "float32"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_narrower_number_keeps_its_value(
    function: Callable[..., Any], narrow: str, dtype: str
) -> None:
    value = np.dtype(narrow).type(0.1)
    x = gc.input("x", ("n",), dtype)
    array = X.astype(dtype)
    expected = function(np, array, value)
    for found in _everywhere(function(gc, x, value), x=array):
        assert found.dtype == expected.dtype
        # Not to the last bit, because powers may be rounded differently.
        kind = expected.dtype if expected.dtype.kind == "f" else "f8"
        np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(kind).eps)


def test_booleans_without_axes_are_numpys() -> None:
    true, false = gc.constant(True), gc.constant(False)
    cases = [
        (~true, np.False_),
        (true + true, np.True_),
        (true * false, np.False_),
        (true & ~false, np.True_),
        (gc.where(true, 1.5, 2.5), np.float64(1.5)),
        (gc.stack([true, false]), np.array([True, False])),
    ]
    for node, expected in cases:
        for found in _everywhere(node):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2**53 + 1, "int64"),
        (-(2**63), "int64"),
        (2**64 - 1, "uint64"),
        (255, "uint8"),
        (2.75, "int32"),
        (True, "bool"),
        (True, "int8"),
        (2**53 + 1, "float64"),
        (2**64, "float32"),
        (0.1, "float32"),
        (0.1, "float16"),
        (np.float32(0.1), "float64"),
        (-0.0, "float32"),
        (np.inf, "float16"),
    ],
)
def test_full_holds_what_numpys_does(value: Any, dtype: str) -> None:
    expected = np.full((2,), value, dtype)
    for found in _everywhere(gc.full((2,), value, dtype)):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (300, "uint8"),
        (-1, "uint64"),
        (2**63, "int64"),
        (300.5, "uint8"),
        (np.nan, "int32"),
        (-np.inf, "int64"),
        (10**400, "float64"),
        (10**400, "int64"),
    ],
    ids=lambda each: str(each)[:12],
)
def test_what_a_dtype_has_no_room_for_is_refused(value: Any, dtype: str) -> None:
    for function in (
        lambda: gc.full((2,), value, dtype),
        lambda: gc.constant(value, dtype),
        lambda: gc.constant([value, 0], dtype),
        lambda: gc.parameter("p", (1,), [value], dtype),
    ):
        with pytest.raises(OptionError, match=f"out of bounds for dtype {dtype}") as e:
            function()
        assert "test_constants.py" in str(e.value)


@pytest.mark.parametrize("value", ["a", None, 1j, [1.0], np.ones(2)])
def test_full_takes_one_number(value: Any) -> None:
    with pytest.raises(DTypeError, match="fill_value must be a number"):
        gc.full((2,), value)


@pytest.mark.parametrize("value", [2**63, 2**64, -(2**64), 3 * 2**70])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_integers_beside_floats(value: int, dtype: str) -> None:
    x = gc.input("x", ("n",), dtype)
    array = X.astype(dtype)
    for function in FUNCTIONS[:6]:
        expected = function(np, array, value)
        for found in _everywhere(function(gc, x, value), x=array):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [2**40, 2**64, -(2**70), 10**40])
def test_integers_are_compared_with_any_integer(value: int) -> None:
    i = gc.input("i", ("n",), "int32")
    array = np.array([-1, 0, 7], "int32")
    for found in _everywhere(i < value, i=array):
        np.testing.assert_array_equal(found, array < value)
    for found in _everywhere(i == value, i=array):
        np.testing.assert_array_equal(found, array == value)


def test_an_integer_of_no_dtype_says_which() -> None:
    with pytest.raises(DTypeError, match="out of bounds for every integer dtype"):
        gc.constant(2**80)
    assert gc.evaluate(gc.constant([2**80, 1], "float64"), {})[0] == 2.0**80


REGULAR = [
    (np.triu(np.full((5, 5), -np.inf, "f4"), 1), "np.triu(np.full((5, 5), -np.inf,"),
    (np.tri(5, 6, dtype=bool), "np.tril(np.full((5, 6), True,"),
    (np.tri(5, 5, -1), "np.tril(np.ones((5, 5)"),
    (np.full((3, 2, 4), 2.5), "np.full((3, 2, 4), 2.5, np.float64)"),
    (np.zeros((3, 2, 4)), "np.zeros((3, 2, 4)"),
    (np.arange(20), "np.arange(20, dtype=np.int64)"),
    (np.eye(5), "np.eye(5, dtype=np.float64)"),
]


@pytest.mark.parametrize(("array", "text"), REGULAR)
def test_regular_arrays_are_written_as_numpy_makes_them(array: Any, text: str) -> None:
    function = gc.compile(gc.flip(gc.constant(array)), simplify=False)
    assert text in function.source
    assert "b85decode" not in function.source
    np.testing.assert_array_equal(function(), np.flip(array))


@pytest.mark.parametrize("place", [(0, 0), (4, 4), (0, 4), (2, 2)])
def test_arrays_that_are_nearly_regular_keep_each_element(place: Any) -> None:
    for regular in (np.triu(np.ones((5, 5)), 1), np.ones((5, 5)), np.tri(5)):
        array = regular.copy()
        array[place] = -0.0 if not array[place] else 3.0
        function = gc.compile(gc.flip(gc.constant(array)), simplify=False)
        found = function()
        np.testing.assert_array_equal(found, np.flip(array))
        np.testing.assert_array_equal(np.signbit(found), np.signbit(np.flip(array)))
