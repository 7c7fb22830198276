"""Medians and quantiles, and reductions without NaN, against NumPy and torch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ops.order_statistics import QuantileMethod

X = np.random.default_rng(0).normal(size=(3, 4, 5)).round(1)
METHODS: tuple[str, ...] = QuantileMethod.__args__
STYLES = ("readable", "fast")


def _agrees(name: str, array: Any, *arguments: Any, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = getattr(np, name)(array, *arguments, **options)
        x = gc.input("x", array.shape, array.dtype)
        found = gc.evaluate(getattr(gc, name)(x, *arguments, **options), {"x": array})
    note = f"{name} {arguments} {options} of {array.dtype}"
    assert found.dtype == expected.dtype, note
    assert found.shape == expected.shape, note
    rtol = 1e-5 if expected.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected, rtol, 1e-7, err_msg=note)


ARRAYS = (X, X.astype("float32"), (10 * X).astype("int32"), np.array(2.5))
AXES: tuple[dict[str, Any], ...] = (
    {},
    {"axis": -1},
    {"axis": (2, 0), "keepdims": True},
    {"keepdims": True},
)


def test_values_are_numpys() -> None:
    for array in ARRAYS:
        for options in AXES if array.ndim else AXES[:1]:
            _agrees("median", array, **options)
            for q in (0.3, 1.0, [0.25, 0.5], np.float32(0.2), np.array([[0.1], [1.0]])):
                _agrees("quantile", array, q, **options)
            _agrees("percentile", array, 37.5, **options)
    for method in METHODS:
        _agrees("quantile", X, [0.0, 0.1, 0.5, 0.625, 1.0], 1, method=method)
    for name in ("quantile", "nanquantile"):
        for method in ("lower", "higher", "nearest", "hazen"):
            for array in ARRAYS[1:3]:
                _agrees(name, array, [0.0, 0.6], 1, method=method)
        _agrees(name, ARRAYS[2].astype("uint8"), np.float32(0.5), 1)
    holes = np.where(X[0] > 1.2, np.nan, X[0])
    _agrees("median", holes, 0)
    _agrees("quantile", holes, 0.3, 1)


NAN_CALLS = (
    *(("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin")),
    *(("nanmedian", "nancumsum", "nancumprod")),
)


def test_values_without_nan_are_numpys() -> None:
    holes = np.where(X > 0.5, np.nan, X)
    holes[0, :, 1] = np.nan
    for array in (holes, holes.astype("float32"), (10 * X).astype("int64")):
        for name in NAN_CALLS:
            for options in ({}, {"axis": 1}):
                _agrees(name, array, **options)
        for options in ({"axis": (0, 1), "keepdims": True}, {"axis": 1}):
            for q in (0.3, [0.0, 0.5, 1.0]):
                _agrees("nanquantile", array, q, **options)
        _agrees("nanpercentile", array, 60, axis=1, method="hazen")
        _agrees("nanvar", array, axis=0, ddof=1)
    for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
        for ddof in (1, 2.5, 60):
            _agrees("nanvar", holes, ddof=ddof, **options)
            _agrees("nanstd", holes[0], ddof=ddof)
    holes[0, 0, 1] = 1.0
    for name in ("nanargmax", "nanargmin"):
        _agrees(name, holes)
        _agrees(name, np.nan_to_num(holes), axis=1)


def test_medians_without_nan_may_be_infinite_or_of_nothing() -> None:
    infinite = np.array([[-np.inf, np.nan, 2.0], [np.nan, np.nan, np.inf]])
    for axis in (0, 1):
        _agrees("nanmedian", infinite, axis)
    for shape in (("n", 3), (0, 3)):
        x = gc.input("x", shape, "float64")
        nodes = [gc.nanmedian(x, 0), gc.nanquantile(x, [0.0, 0.4], 0), gc.nanvar(x, 0)]
        for found in _everywhere([*nodes, x], x=np.zeros((0, 3))):
            assert all(np.isnan(value).all() for value in found[:3])


def test_nothing_flows_to_or_from_nan() -> None:
    array = np.array([[1.0, np.nan, 3.0, 5.0, 8.0], [np.nan, 2.0, 2.5, np.nan, 0.5]])
    filled = np.nan_to_num(array)
    mask = ~np.isnan(array)
    x = gc.input("x", array.shape, "float64")
    for name in (*NAN_CALLS[:8], "nancumsum", "nancumprod"):
        options: dict[str, Any] = {"axis": 1}
        slope = gc.grad(gc.sum(getattr(gc, name)(x, **options)), x)
        for found in _everywhere(slope, x=array):
            assert np.isfinite(found).all(), name
            assert not found[~mask].any(), name
            step = 1e-6 * mask
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function = getattr(np, name)
                after, before = (
                    function(np.where(mask, filled + sign * step, np.nan), **options)
                    for sign in (1, -1)
                )
            along = (found * mask).sum()
            assert abs(along - (after - before).sum() / 2e-6) < 1e-4, name


def _everywhere(nodes: Any, **feeds: Any) -> Iterator[Any]:
    yield gc.evaluate(nodes, feeds)
    for style in STYLES:
        yield gc.compile(nodes, style=style)(**feeds)


@pytest.mark.parametrize("method", METHODS)
def test_named_sizes_have_the_same_gradients(method: Any) -> None:
    array = X[0]
    levels = [0.0, 0.3, 0.5, 0.9]

    def slope(shape: Any) -> Any:
        x = gc.input("x", shape, "float64")
        weight = np.arange(1.0, 5.0)[:, None]
        return gc.grad(
            gc.sum(gc.quantile(x, levels, 0, method=method) * weight)
            + gc.sum(gc.median(x, 0)),
            x,
        )

    expected = gc.evaluate(slope((4, 5)), {"x": array})
    assert expected.sum() == pytest.approx(5 * 11)
    for found in _everywhere(slope(("n", 5)), x=array):
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_levels_may_be_nodes(method: Any) -> None:
    x = gc.input("x", ("n", 5), "float64")
    q = gc.input("q", (2, 2), "float64")
    feeds = {"x": X[0], "q": np.array([[0.0, 0.3], [0.6, 1.0]])}
    for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
        node = gc.quantile(x, q, method=method, **options)
        expected = np.quantile(X[0], feeds["q"], method=method, **options)
        for found in _everywhere(node, **feeds):
            np.testing.assert_allclose(found, expected)
    weight = np.arange(1.0, 5.0)
    known = gc.quantile(x, feeds["q"].ravel(), method=method)
    slope = gc.grad(gc.sum(gc.ravel(gc.quantile(x, q, method=method)) * weight), x)
    expected = gc.evaluate(gc.grad(gc.sum(known * weight), x), {"x": X[0]})
    np.testing.assert_allclose(gc.evaluate([slope, [x, q]], feeds)[0], expected)
    with pytest.raises(ValueError, match="rank_of_q has the value"):
        gc.evaluate(gc.quantile(x, q), {"x": X[0], "q": feeds["q"] + 2.0})
    missing = np.where(X[0] > 1.0, np.nan, X[0])
    found = gc.evaluate(gc.quantile(x, q, method=method), {**feeds, "x": missing})
    assert np.isnan(found).all() == np.isnan(missing).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gc.quantile(x, 1.5), "requires q from 0 to 1, got 1.5"),
        (lambda x: gc.percentile(x, [-1]), "requires q from 0 to 100"),
        (lambda x: gc.quantile(x, gc.input("q", (), "int64")), "q must be floating"),
        (lambda x: gc.nanquantile(x, x), "q must be numbers that are known now"),
        (lambda x: gc.quantile(x, True), "q must be numbers, got True"),
        (lambda x: gc.quantile(x, 0.5, method="closest"), "method must be one of"),
        (lambda x: gc.median(x > 0), "requires numbers, got bool"),
        (lambda x: gc.median(x, axis=()), "requires at least one axis"),
        (lambda x: gc.median(x[:0], axis=0), "requires at least one element"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(GraphcError, match=message) as error:
        call(gc.input("x", (3, 4)))
    assert "test_order_statistics.py" in str(error.value)


@pytest.mark.peer
def test_gradients_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    array = np.random.default_rng(1).normal(size=(4, 5))
    x = gc.input("x", array.shape, "float64")
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        for q in (0.3, 0.5, [0.0, 0.4, 1.0]):
            given = torch.tensor(array, requires_grad=True)
            level = torch.tensor(q, dtype=torch.float64)
            expected = torch.quantile(given, level, 1, interpolation=method)
            ours = gc.quantile(x, q, 1, method=method)
            weight = np.arange(1.0, expected.numel() + 1).reshape(expected.shape)
            (expected * torch.tensor(weight)).sum().backward()
            slope = gc.grad(gc.sum(ours * weight), x)
            found = gc.evaluate([ours, slope], {"x": array})
            np.testing.assert_allclose(found[0], expected.detach().numpy())
            np.testing.assert_allclose(found[1], given.grad.numpy())
