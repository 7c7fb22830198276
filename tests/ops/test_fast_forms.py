"""Forms that write into an array, chosen by shapes and numbers, against plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from tests.passes.helpers import SPECIAL
from tests.styles import assert_styles_agree

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
    np.testing.assert_array_equal(found, ~((x < low) | (x > high)))


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
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polynomials_by_horners_rule(dtype: str, style: str) -> None:
    from graphc.ops.special.quick_erfc import polynomial

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


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integers_are_bounded(dtype: str, style: str) -> None:
    labels = np.array([[1, 50], [39, 0]], dtype)
    found, _ = run(style, lambda y: gc.minimum(y * 2, 39) + y, y=labels)
    identical(found, np.minimum(labels * 2, 39) + labels)
    found, _ = run(style, lambda y: gc.maximum(y * 2, 7) + y, y=labels)
    identical(found, np.maximum(labels * 2, 7) + labels)


VIEWS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "reversed": lambda m, x, w: x @ w[0, ::-1],
    "every second": lambda m, x, w: x[:, ::2] @ w[:, ::2].T,
    "a column": lambda m, x, w: x @ w.T[:, 1],
    "repeated rows": lambda m, x, w: m.broadcast_to(w[0], (3, 50)) @ x.T,
    "a repeated number": lambda m, x, w: m.broadcast_to(w[0, :1], (50,)) @ x.T,
    "the last axis of three": lambda m, x, w: x @ m.stack([w, w], 2)[:, :, 1].T,
    "other axes": lambda m, x, w: m.transpose(m.stack([w, w], 2), (2, 0, 1))[1] @ x.T,
    "rows": lambda m, x, w: x @ w[1:].T,
    "a vector": lambda m, x, w: x @ w[1],
}


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("view", VIEWS)
def test_products_of_views_are_those_of_matmul(view: str, rows: int) -> None:
    """Whichever way BLAS takes an operand, or a copy of it."""
    rng = np.random.default_rng(5)
    x, w = (rng.standard_normal((n, 50), np.float32) for n in (rows, 4))
    nodes = gc.input("x", ("rows", 50)), gc.parameter("w", (4, 50), w)
    product = VIEWS[view](gc, *nodes)
    found = gc.compile([product, gc.grad(gc.sum(product), nodes[1])])(x=x)
    expected = gc.compile(
        [product, gc.grad(gc.sum(product), nodes[1])], style="readable"
    )(x=x)
    assert_styles_agree(found, expected)
    assert_styles_agree(found[0], VIEWS[view](np, x, w))


INDICES: dict[str, Callable[[Node], Node]] = {
    "z[:, 1:3]": lambda z: z[:, 1:3],
    "z[:, 0] - z[:, 1]": lambda z: z[:, 0] - z[:, 1],
    "z[-1, 1:3]": lambda z: z[-1, 1:3],
    "z[0]": lambda z: z[0],
    "columns": lambda z: gc.take(z, np.array([2, 0, 2]), axis=1),
    "joined": lambda z: gc.concatenate([z, z], axis=1)[:, 2:5],
    "log_softmax": lambda z: gc.nn.log_softmax(z, -1)[:, 2],
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("index", INDICES)
def test_gradients_of_parts_depend_on_sizes_alone(index: str, style: str) -> None:
    x, w = gc.input("x", ("rows", 3)), gc.parameter("w", (3, 4), gc.init.ones())
    slope = gc.grad(gc.sum(INDICES[index](x @ w)), w)
    found = gc.compile(slope, style=style)
    values = {"w": np.ones((3, 4), np.float32)}
    used = {node.name: values[str(node.name)] for node in Graph((slope,)).parameters}
    for rows in (1, 5):
        array = np.random.default_rng(rows).standard_normal((rows, 3), np.float32)
        expected = gc.evaluate(slope, {"x": array, **used})
        np.testing.assert_allclose(found(x=array), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_a_size_that_only_a_constant_array_has(style: str) -> None:
    q = gc.input("q", ("k", 3))
    f = gc.compile([gc.exp(q[0]), q, gc.grad(gc.sum(q), q)], style=style)
    np.testing.assert_array_equal(f(q=np.zeros((4, 3), np.float32))[2], np.ones((4, 3)))
