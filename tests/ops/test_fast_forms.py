"""Forms that write into an array, chosen by shapes and numbers, against plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Node
from tests.passes.helpers import SPECIAL

STYLES = ["readable", "fast"]


def run(style: Any, build: Callable[..., Node], **feeds: Any) -> Any:
    """A value and the source that computed it; it is no result, so it is stored."""
    nodes = {
        name: gc.input(name, ("rows", *np.shape(value)[1:]), np.asarray(value).dtype)
        for name, value in feeds.items()
    }
    value = build(**nodes)
    compiled = gc.compile(gc.concatenate([value, value]), style=style)
    found, again = np.split(compiled(**feeds), 2)
    np.testing.assert_array_equal(found, again)
    return found, compiled.source


def identical(left: Any, right: Any) -> None:
    """Equal bit for bit, but for what kind of NaN a NaN is."""
    assert left.dtype == right.dtype
    np.testing.assert_array_equal(left, right)
    number = ~np.isnan(right)
    np.testing.assert_array_equal(np.signbit(left[number]), np.signbit(right[number]))


BOUNDS: dict[str, tuple[Callable[..., Any], bool]] = {
    "minimum(x, 2.5)": (lambda m, x: m.minimum(x, 2.5), True),
    "minimum(-1, x)": (lambda m, x: m.minimum(-1.0, x), True),
    "maximum(x, -3)": (lambda m, x: m.maximum(x, -3.0), True),
    "maximum(0, x)": (lambda m, x: m.maximum(0.0, x), False),
    "minimum(x, 0)": (lambda m, x: m.minimum(x, 0.0), False),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", [3, 300])
@pytest.mark.parametrize("name", BOUNDS)
def test_bounded_by_a_number(name: str, width: int, style: str) -> None:
    function, clips = BOUNDS[name]
    x = np.resize(SPECIAL, (len(SPECIAL), width))
    found, source = run(style, lambda x: function(gc, x), x=x)
    identical(found, function(np, x))
    assert ("clip(" in source) == (clips and width == 300 and style == "fast")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "bounds", [(-1.0, 1.0), (0.0, np.inf), (2.0, 2.0), (-np.inf, 0.5)]
)
def test_clip_and_its_derivative(bounds: tuple[float, float], style: str) -> None:
    low, high = bounds
    x = np.resize(SPECIAL, (len(SPECIAL), 5))
    found, _ = run(style, lambda x: gc.clip(x, low, high), x=x)
    identical(found, np.clip(x, low, high))

    def slope(x: Node) -> Node:
        return gc.grad(gc.sum(gc.clip(x, low, high)), x)

    found, _ = run(style, slope, x=x)
    np.testing.assert_array_equal(found, (x >= low) & (x <= high))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "choose",
    [
        lambda m, x, y: m.where(x > y, x, y),
        lambda m, x, y: m.where(x > y, x, 0.5),
        lambda m, x, y: m.where(x > y, np.nan, y),
        lambda m, x, y: m.where(x[:, :1] > y[:, :1], x, y),
        lambda m, x, y: m.where(x > y, x[:, :1], y[0]),
        lambda m, x, y: m.where(x > y, x > 0, y > 0),
    ],
)
def test_choices(choose: Any, style: str) -> None:
    x = np.resize(SPECIAL, (len(SPECIAL), 7))
    y = np.resize(SPECIAL[::-1], x.shape)
    found, _ = run(style, lambda x, y: choose(gc, x, y), x=x, y=y)
    expected = choose(np, x, y)
    np.testing.assert_array_equal(found, expected.astype(found.dtype))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64"])
@pytest.mark.parametrize("axis", [0, 1])
def test_whole_rows_are_taken(axis: int, dtype: str, style: str) -> None:
    table = np.random.default_rng(0).normal(size=(5, 5))
    chosen = np.array([[4, 0], [1, 1], [2, 3]]).astype(dtype)
    constant = gc.constant(table)
    found, source = run(style, lambda i: gc.take(constant, i, axis), i=chosen)
    identical(found, np.take(table, chosen.astype("int64"), axis))
    assert (".take(" in source) == (style == "fast" and dtype != "uint64")


@pytest.mark.parametrize("style", STYLES)
def test_rows_are_counted_from_the_end_or_missing(style: str) -> None:
    table = gc.constant(np.arange(10.0).reshape(5, 2))
    found, _ = run(style, lambda i: gc.take(table, i, 0), i=np.array([-1, 0]))
    np.testing.assert_array_equal(found, [[8, 9], [0, 1]])
    for outside in (5, -6):
        with pytest.raises(IndexError):
            run(style, lambda i: gc.take(table, i, 0), i=np.array([0, outside]))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polynomials_by_horners_rule(dtype: str, style: str) -> None:
    from graphc.ops.special import polynomial

    coefficients = (0.5, -1.25, 3.0, 1e-3)
    x = np.linspace(-3, 3, 31).reshape(31, 1).astype(dtype)
    for count in (1, 2, 4):
        found, _ = run(style, lambda x, c=count: polynomial(x, coefficients[:c]), x=x)
        identical(found, np.polyval(np.array(coefficients[:count], dtype), x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_do_not_depend_on_the_dtype_of_parameters(dtype: str) -> None:
    """A mask is drawn in float32 in both styles, though the program computes wider."""
    rate, weight = 0.3, np.ones(5, dtype)
    x = gc.input("x", ("rows", 5))
    w = gc.parameter("w", (5,), gc.init.ones())
    value = gc.nn.dropout(x * w, p=rate) * w
    drawn = np.random.default_rng(3).random((40, 5), dtype=np.float32)
    for style in STYLES:
        namespace: dict[str, Any] = {}
        exec(gc.compile(gc.sum(value, axis=1), style=style).source, namespace)
        generator = np.random.default_rng(3)
        array = np.ones((40, 5), dtype)
        (found,) = namespace["compute"]({"w": weight}, array, rng=generator)
        kept = drawn < np.float32(1 - rate)
        np.testing.assert_allclose(found, kept.sum(axis=1) / (1 - rate), rtol=1e-6)
        after = np.random.default_rng(3)
        after.random((40, 5), dtype=np.float32)
        assert generator.random() == after.random()
