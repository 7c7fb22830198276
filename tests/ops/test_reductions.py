"""Means, variances and extrema where counts are large, none, or not whole."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError

WAYS = [
    (style, simplify) for style in ("readable", "fast") for simplify in (True, False)
]

MANY = 70_000
"""More than float16 can count."""


def _everywhere(nodes: Any, **feeds: Any) -> list[Any]:
    results = [gc.evaluate(nodes, feeds)]
    for style, simplify in WAYS:
        results.append(gc.compile(nodes, style=style, simplify=simplify)(**feeds))
    return results


@pytest.mark.parametrize("shape", [("n",), (MANY,)])
def test_float16_counts_further_than_it_can(shape: Any) -> None:
    x = gc.input("x", shape, "float16")
    array = np.tile(np.array([30.0, -30.0], "float16"), MANY // 2)
    wide = array.astype("float64")
    loss = gc.nn.mse_loss(x, gc.zeros_like(x))
    cases = [
        (gc.grad(gc.mean(x * x), x), 2 * wide / MANY),
        (gc.grad(gc.max(abs(x)), x), np.sign(wide) / MANY),
        (gc.grad(gc.min(abs(x)), x), np.sign(wide) / MANY),
        (gc.grad(gc.var(x), x), 2 * wide / MANY),
        (gc.grad(gc.std(x), x), wide / 30 / MANY),
        (gc.grad(loss, x), 2 * wide / MANY),
        (gc.jvp(gc.max(abs(x)), x, gc.ones_like(x)), np.float64(0.0)),
        (gc.var(x), np.float64(900.0)),
        (gc.std(x, ddof=1), np.float64(30.0)),
        (gc.mean(abs(x)), np.float64(30.0)),
    ]
    for found in _everywhere([node for node, _ in cases], x=array):
        for value, (_, expected) in zip(found, cases, strict=True):
            assert value.dtype == "float16"
            np.testing.assert_allclose(value, expected, rtol=2e-3)


@pytest.mark.parametrize("value", [0.1, 3.33, 1000.3, 60000.0])
def test_a_constant_row_of_float16_is_normalised_to_zero(value: float) -> None:
    x = gc.input("x", ("batch", 5), "float16")
    for found in _everywhere(gc.nn.layer_norm(x, (5,)), x=np.full((3, 5), value, "f2")):
        assert not found.any()


def test_means_of_float16_along_an_axis_are_added_up_in_float32() -> None:
    x = gc.input("x", ("batch", 4000), "float16")
    array = np.random.default_rng(0).uniform(90, 110, (3, 4000)).astype("float16")
    expected = np.mean(array.astype("float64"), axis=1).astype("float16")
    for found in _everywhere(gc.mean(x, axis=1), x=array):
        np.testing.assert_array_equal(found, expected)


def test_sums_of_float16_do_not_stand_still() -> None:
    x = gc.input("x", ("n", 2), "float16")
    bias = gc.parameter("bias", (2,), np.zeros(2), "float16")
    slope = gc.grad(gc.mean((x + bias) ** 2), bias)
    nodes = [gc.sum(x, axis=0), gc.sum(x), gc.sum(x, (0, 1), keepdims=True), slope]
    expected = [[30_000.0] * 2, 60_000.0, [[60_000.0]], [1.0, 1.0]]
    for found in _everywhere(nodes, x=np.ones((30_000, 2), "float16")):
        for value, wanted in zip(found, expected, strict=True):
            assert value.dtype == "float16"
            np.testing.assert_allclose(value, wanted, rtol=2e-3)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int8", "bool"])
def test_means_of_integers_do_not_wrap(dtype: str) -> None:
    largest = True if dtype == "bool" else np.iinfo(dtype).max
    array = np.array([[largest] * 6, [0, 1] * 3], dtype)
    x = gc.input("x", ("n", 6), dtype)
    nodes = [gc.mean(x), gc.mean(x, axis=1), gc.var(x, axis=1)]
    exact = array.astype("float64")
    for found in _everywhere(nodes, x=array):
        np.testing.assert_allclose(found[0], exact.mean(), rtol=1e-15)
        np.testing.assert_allclose(found[1], exact.mean(1), rtol=1e-15)
        np.testing.assert_allclose(found[2], exact.var(1), rtol=1e-15)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_degrees_of_freedom_are_numpys(count: int, named: bool) -> None:
    array = np.arange(count) * 1.5
    x = gc.input("x", ("n" if named else count,), "float64")
    ddofs = [0, 1, 1.5, 2, -1, 7.25, np.float32(0.5), np.int64(1)]
    with warnings.catch_warnings():
        # NumPy warns of what has no mean, and so does a program without elements.
        warnings.simplefilter("ignore")
        variances = [np.var(array, ddof=ddof) for ddof in ddofs]
        found = _everywhere([gc.var(x, ddof=ddof) for ddof in ddofs], x=array)
        roots = _everywhere([gc.std(x, ddof=ddof) for ddof in ddofs], x=array)
    for way in found:
        np.testing.assert_allclose(way, variances, rtol=1e-15)
    for way in roots:
        np.testing.assert_allclose(way, np.sqrt(variances), rtol=1e-15)


@pytest.mark.parametrize("ddof", ["1", None, True, [1], 1j])
def test_degrees_of_freedom_are_a_number(ddof: Any) -> None:
    x = gc.input("x", ("n",))
    for function in (gc.var, gc.std, x.var, x.std):
        arguments = () if function in (x.var, x.std) else (x,)
        with pytest.raises(GraphcError, match="ddof must be") as error:
            function(*arguments, ddof=ddof)
        assert "test_reductions.py" in str(error.value)


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("name", ["max", "min", "sum", "mean", "prod", "var", "std"])
def test_a_reduction_over_no_axis(name: str, keepdims: bool) -> None:
    for array in (np.array([2.0, 1.0, 3.0]), np.arange(6.0).reshape(2, 3)):
        x = gc.input("x", ("n", "m")[: array.ndim], "float64")
        y = getattr(gc, name)(x, axis=(), keepdims=keepdims)
        slope = gc.grad(gc.sum(x * y), x)
        expected = getattr(np, name)(array, axis=(), keepdims=keepdims)
        is_spread = name in ("var", "std")
        for found in _everywhere([y, slope], x=array):
            np.testing.assert_array_equal(found[0], expected)
            np.testing.assert_array_equal(found[1], 0 if is_spread else 2 * array)


MATRIX = np.array([[0.5, -2.0, 3.0, 0.0], [1.0, 4.0, -1.0, 2.5], [2.0, 0.25, 7.0, -3]])
SMALL = np.array([[3, -1, 0, 7], [100, 2, 5, 1], [0, 0, 0, 0]], "int8")
MASK = MATRIX > 0.3

CALLS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"dtype": "float32"}) for name in ("sum", "prod", "mean", "var", "std")),
    *((name, {"dtype": "int32"}) for name in ("sum", "prod")),
    *((name, {"dtype": bool}) for name in ("sum", "prod")),
    *((name, {"initial": 2}) for name in ("sum", "prod", "max", "min")),
    *(
        (name, {"where": MASK, "axis": 1, "keepdims": True})
        for name in ("sum", "prod", "mean", "var", "std", "any", "all")
    ),
    *((name, {"where": MASK[:, :1], "axis": (0, 1)}) for name in ("sum", "mean")),
    *((name, {"where": MASK, "initial": 1, "axis": 0}) for name in ("max", "amin")),
    *((name, {"where": MASK, "ddof": 1}) for name in ("var", "std")),
    *((name, {"where": MASK, "axis": 1, "correction": 5}) for name in ("var", "std")),
    *((name, {"axis": -1}) for name in ("ptp", "amax", "amin", "any", "all")),
    *((name, {"axis": (1, 0)}) for name in ("ptp", "any", "all", "count_nonzero")),
    *((name, {"keepdims": True}) for name in ("ptp", "count_nonzero", "average")),
    ("average", {"weights": MATRIX**2}),
    ("average", {"weights": [1.0, 2.0, 0.5], "axis": 0, "returned": True}),
    ("average", {"weights": [1, 2, 3, 0], "axis": 1, "keepdims": True}),
    ("average", {"weights": SMALL.T, "axis": (1, 0)}),
    ("average", {"axis": 1, "returned": True}),
    *(
        ("cov", options)
        for options in (
            *({}, {"rowvar": False}, {"bias": True}, {"ddof": 2}, {"y": MATRIX[:1]}),
            {"fweights": np.array([1, 2, 0, 3])},
            {"aweights": np.array([1.0, 0.5, 0.0, 3.0])},
            {"fweights": np.array([1, 2, 1, 3]), "aweights": MATRIX[1] ** 2, "ddof": 2},
        )
    ),
    *(("corrcoef", options) for options in ({}, {"rowvar": False}, {"y": MATRIX[0]})),
]


@pytest.mark.parametrize("name", dict(CALLS))
def test_arguments_are_numpys(name: str) -> None:
    for options in (given for called, given in CALLS if called == name):
        for array in (MATRIX, SMALL) if name != "corrcoef" else (MATRIX,):
            x = gc.input("x", array.shape, array.dtype)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = getattr(np, name)(array, **options)
                found = gc.evaluate(getattr(gc, name)(x, **options), {"x": array})
            several = isinstance(expected, tuple)
            for ours, theirs in zip(
                found if several else [found],
                expected if several else [expected],
                strict=True,
            ):
                assert ours.dtype == theirs.dtype, options
                assert ours.shape == theirs.shape, options
                np.testing.assert_allclose(
                    ours, theirs, rtol=1e-6, err_msg=f"{options}"
                )


def test_nothing_has_the_maximum_that_it_starts_from() -> None:
    for shape in (("n", 3), (0, 3)):
        x = gc.input("x", shape)
        nodes = [gc.max(x, axis=0, initial=-1), gc.min(x, axis=0, initial=1), x]
        for most, least, _ in _everywhere(nodes, x=np.zeros((0, 3), "float32")):
            np.testing.assert_array_equal(most, [-1] * 3)
            np.testing.assert_array_equal(least, [1] * 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.sum(x, where=[1, 0, 1, 1]), "where must be booleans"),
        (lambda x: gc.mean(x, where=[True, False]), "requires shapes that broadcast"),
        (lambda x: gc.max(x, where=x > 0), "where requires initial"),
        (lambda x: gc.sum(x, initial=[1.0, 2.0]), "initial must be one number"),
        (lambda x: gc.sum(x, 0, True), "dtype must name a NumPy dtype"),
        (lambda x: gc.var(x, ddof=1, correction=1), "two names of one argument"),
        (lambda x: gc.average(x, 0, [1.0, 2.0]), "requires weights of shape"),
        (lambda x: gc.cov(x[None]), "at most two axes"),
        (lambda x: gc.cov(x, fweights=[1.0, 2.0, 1.0, 1.0]), "fweights must be int"),
        (lambda x: gc.cov(x, aweights=[1.0]), "requires aweights of shape"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", (3, 4)))
    assert "test_reductions.py" in str(error.value)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint16", "int64", "bool"])
def test_extrema_of_no_elements_are_what_they_begin_with(dtype: str) -> None:
    x = gc.input("x", ("n", 3), dtype)
    start = dtype == "bool" or 7
    nodes = [
        gc.max(x, 0, initial=start),
        gc.min(x, 0, initial=start),
        gc.max(x, 0, initial=start, where=x != x),
    ]
    for array in (np.zeros((0, 3), dtype), np.array([[0, 1, 9]], dtype)):
        expected = [np.max(array, 0, initial=start), np.min(array, 0, initial=start)]
        for found in _everywhere(nodes, x=array):
            np.testing.assert_array_equal(found[:2], expected)
            np.testing.assert_array_equal(found[2], np.full(3, start, dtype))
            assert all(value.dtype == dtype for value in found)
