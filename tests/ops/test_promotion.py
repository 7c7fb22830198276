"""Dtypes and shapes of what users write, held against NumPy itself."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as gc
from graphc.errors import (
    DTypeError,
    OptionError,
    ShapeError,
    UnsupportedError,
)

DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
]

OPERATORS: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.gt,
    operator.ge,
    operator.and_,
    operator.or_,
    operator.xor,
]


def _sample(dtype: str) -> Any:
    return np.array([1, 2, 1]).astype(dtype)


def _agree(function: Callable[..., Any], *arrays: Any, scalar: Any = None) -> None:
    """The function of nodes is that of the arrays, or both refuse."""
    names = [f"x{i}" for i in range(len(arrays))]
    nodes = [
        gc.input(name, array.shape, array.dtype)
        for name, array in zip(names, arrays, strict=True)
    ]
    extra = [] if scalar is None else [scalar]
    try:
        with np.errstate(all="ignore"):
            expected = function(*arrays, *extra)
    except (TypeError, OverflowError):
        with pytest.raises((TypeError, ValueError)):
            function(*nodes, *extra)
        return
    node = function(*nodes, *extra)
    assert node.dtype == expected.dtype
    assert node.shape == expected.shape
    actual = gc.evaluate([node, nodes], dict(zip(names, arrays, strict=True)))[0]
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


@settings(max_examples=400)
@given(st.sampled_from(OPERATORS), st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_two_arrays(function: Any, left: str, right: str) -> None:
    _agree(function, _sample(left), _sample(right))


WEAK = [True, 2, 0, 3.0, -1.5, float("inf")]


@settings(max_examples=400)
@given(st.sampled_from(OPERATORS), st.sampled_from(DTYPES), st.sampled_from(WEAK))
def test_python_scalars_are_weak(function: Any, dtype: str, scalar: Any) -> None:
    _agree(function, _sample(dtype), scalar=scalar)
    _agree(lambda x, s: function(s, x), _sample(dtype), scalar=scalar)


@settings(max_examples=400)
@given(
    st.sampled_from(OPERATORS),
    st.sampled_from(DTYPES),
    st.sampled_from([np.float64(2), np.float32(2), np.int64(2), np.uint8(2), np.True_]),
)
def test_numpy_scalars_are_strong(function: Any, dtype: str, scalar: Any) -> None:
    _agree(function, _sample(dtype), scalar=scalar)
    _agree(lambda x, s: function(s, x), _sample(dtype), scalar=scalar)


@given(
    st.sampled_from(["exp", "sqrt", "floor", "negative", "square", "sign", "isnan"]),
    st.sampled_from(DTYPES),
)
def test_one_array(name: str, dtype: str) -> None:
    _agree(getattr(np, name), _sample(dtype))
    ours, theirs = getattr(gc, name), getattr(np, name)
    try:
        expected = theirs(_sample(dtype)).dtype
    except TypeError:
        with pytest.raises(TypeError):
            ours(gc.input("x", (3,), dtype))
        return
    assert ours(gc.input("x", (3,), dtype)).dtype == expected


@given(
    st.sampled_from(["sum", "mean", "max", "prod", "argmax"]), st.sampled_from(DTYPES)
)
def test_reductions(name: str, dtype: str) -> None:
    _agree(getattr(np, name), _sample(dtype))


@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_where_concatenate_and_matmul(left: str, right: str) -> None:
    arrays = _sample(left), _sample(right)
    _agree(lambda x, y: np.where(x > 1, x, y), *arrays)
    _agree(lambda x, y: np.concatenate([x, y]), *arrays)
    _agree(lambda x, y: x @ y, *arrays)


@pytest.mark.parametrize(
    ("value", "dtype"), [(300, "uint8"), (-1, "uint16"), (2**31, "int32")]
)
def test_an_integer_that_does_not_fit_is_refused(value: int, dtype: str) -> None:
    x = gc.input("x", (3,), dtype)
    with pytest.raises(OptionError, match=f"integer {value} is out of bounds"):
        x + value


def test_an_integer_that_does_not_fit_may_be_compared() -> None:
    x = gc.input("x", (3,), "uint8")
    array = np.array([0, 3, 255], np.uint8)
    for expression in (x < 300, x > -1, x == 256):
        assert expression.dtype == bool
    assert gc.evaluate(x < 300, {"x": array}).all()
    assert not gc.evaluate(x == 256, {"x": array}).any()


def test_sizes_are_weak_integers() -> None:
    x = gc.input("x", ("n",), "float32")
    size = x.shape[0]
    assert (x / size).dtype == np.float32
    assert (size * x).dtype == np.float32
    np.testing.assert_array_equal(
        gc.evaluate([x / size, size - x], {"x": [2.0, 4.0]}), [[1, 2], [0, -2]]
    )


def test_constants() -> None:
    assert gc.constant(1).dtype == np.int64
    assert gc.constant(1.0).dtype == np.float64
    assert gc.constant(True).dtype == bool
    assert gc.constant([1, 2], "float32").dtype == np.float32
    assert gc.constant(np.arange(3, dtype=">i4")).dtype == np.dtype("int32")


@pytest.mark.parametrize("value", ["text", None, 1j, {1, 2}, object()])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(DTypeError, match="constant must be numbers"):
        gc.constant(value)


def test_ragged_lists_are_refused() -> None:
    with pytest.raises(ShapeError, match="nested sequences must form an array"):
        gc.constant([[1.0], [1.0, 2.0]])


def test_lists_of_nodes_are_refused() -> None:
    x = gc.input("x", ())
    with pytest.raises(UnsupportedError, match=r"gc\.stack"):
        gc.exp([x, x])


@pytest.mark.parametrize("dtype", ["complex64", "U3", "datetime64[s]", "object", "q!"])
def test_dtypes_of_no_numbers_are_refused(dtype: str) -> None:
    with pytest.raises(DTypeError, match="dtype must"):
        gc.input("x", (), dtype)


def test_a_literal_keeps_the_array_it_was_given() -> None:
    array = np.zeros(3)
    node = gc.constant(array)
    array[:] = 1
    assert gc.evaluate(node).tolist() == [0, 0, 0]
    result = gc.evaluate(node)
    result[:] = 2
    assert gc.evaluate(node).tolist() == [0, 0, 0]


def test_literals_are_equal_bit_for_bit() -> None:
    from graphc.ir import Literal

    zero, negative = Literal(np.array(0.0)), Literal(np.array(-0.0))
    assert zero != negative
    assert zero == Literal(np.array(0.0))
    assert hash(zero) == hash(Literal(np.array(0.0)))
    assert zero != Literal(np.array(0.0, np.float32))
    assert zero != Literal(np.array([0.0]))
    assert Literal(np.array(np.nan)) == Literal(np.array(np.nan))


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.0, np.inf, np.nan, 0.1])
def test_full_keeps_the_sign_of_zero(value: float) -> None:
    result = gc.evaluate(gc.full((2,), value, "float64"))
    np.testing.assert_array_equal(result, [value, value])
    assert (np.signbit(result) == np.signbit(value)).all()


def test_full_takes_numbers_only() -> None:
    with pytest.raises(DTypeError, match="fill_value must be a number"):
        gc.full((2,), gc.input("x", ()))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_number_keeps_its_dtype_where_operands_are_not_promoted(style: Any) -> None:
    n = gc.input("n", (2,), "int32")
    for number in (2, 2.0, np.float32(0.1)):
        exponents = np.array([1, 3], "int32")
        found = gc.compile(gc.ldexp(number, n), style=style)(n=exponents)
        assert found.dtype == np.ldexp(number, exponents).dtype
        np.testing.assert_array_equal(found, np.ldexp(number, exponents))
