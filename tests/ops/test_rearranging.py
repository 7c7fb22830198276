"""Shape functions and creation by NumPy's names, against NumPy itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from graphc.ir import Dim

ARRAY = np.arange(24.0).reshape(2, 3, 4)
VECTOR = np.array([1.0, -2.0, 3.0, 0.5])
MATRIX = ARRAY[0]
GIVEN = {"x": ARRAY, "v": VECTOR, "m": MATRIX}

Call = Callable[[Any, Any, Any, Any], Any]

# Each is called with graphc and nodes, and with NumPy and arrays.
SAME: list[Call] = [
    lambda m, x, v, a: m.flip(x),
    lambda m, x, v, a: (m.reshape(x, (4, -1), order="F"), m.ravel(x, order="F")),
    lambda m, x, v, a: (x.reshape(8, 3, order="F"), x.ravel("F"), x.flatten("F")),
    lambda m, x, v, a: (x.repeat(2, 1), x.diagonal(1, 1, 2), a.trace(-1)),
    lambda m, x, v, a: x.compress([True, False, True], axis=1),
    lambda m, x, v, a: m.flip(x, (0, -1)),
    lambda m, x, v, a: m.flipud(x),
    lambda m, x, v, a: m.fliplr(x),
    *(lambda m, x, v, a, k=k: m.rot90(x, k) for k in range(-2, 5)),
    *(lambda m, x, v, a, k=k: m.rot90(x, k, axes=(2, 0)) for k in (1, 3)),
    lambda m, x, v, a: m.roll(x, 5),
    lambda m, x, v, a: m.roll(x, -1, axis=-1),
    lambda m, x, v, a: m.roll(x, (1, 2), axis=(0, 1)),
    lambda m, x, v, a: m.roll(x, 1, axis=(0, 2)),
    lambda m, x, v, a: m.roll(x, (1, 1), axis=(1, 1)),
    lambda m, x, v, a: m.tile(x, 2),
    lambda m, x, v, a: m.tile(v, (2, 1, 3)),
    lambda m, x, v, a: m.tile(x, (2, 1)),
    lambda m, x, v, a: m.tile(x, 0),
    lambda m, x, v, a: m.repeat(x, 2),
    lambda m, x, v, a: m.repeat(x, 3, axis=1),
    lambda m, x, v, a: m.repeat(x, [2, 0, 1], axis=1),
    lambda m, x, v, a: m.resize(x, (5, 7)),
    lambda m, x, v, a: m.resize(v, (2, 1)),
    lambda m, x, v, a: m.atleast_1d(v[0], x),
    lambda m, x, v, a: m.atleast_2d(v[0], v, x),
    lambda m, x, v, a: m.atleast_3d(v[0], v, a, x),
    lambda m, x, v, a: m.permute_dims(x, (2, 0, 1)),
    lambda m, x, v, a: m.matrix_transpose(x),
    lambda m, x, v, a: (m.rollaxis(x, 2), m.rollaxis(x, 0, 3), m.rollaxis(x, 1, -1)),
    lambda m, x, v, a: m.broadcast_arrays(x, v, 1.0),
    lambda m, x, v, a: m.hstack([v, v]),
    lambda m, x, v, a: m.hstack([a, a]),
    lambda m, x, v, a: m.vstack([v, a]),
    lambda m, x, v, a: m.dstack([v, v]),
    lambda m, x, v, a: m.dstack([a, a]),
    lambda m, x, v, a: m.column_stack([v, a.T]),
    lambda m, x, v, a: m.concat([a, a], axis=1),
    lambda m, x, v, a: m.concatenate([a, v], axis=None),
    lambda m, x, v, a: m.append(a, v),
    lambda m, x, v, a: m.append(a, v[None], axis=0),
    lambda m, x, v, a: m.block([[a, a[:, :1]], [v, 5.0]]),
    lambda m, x, v, a: m.block([v, v]),
    lambda m, x, v, a: m.split(x, 2, axis=2),
    lambda m, x, v, a: m.split(x, [1, 3], axis=-1),
    lambda m, x, v, a: m.split(x, [2, 1, 9], axis=-1),
    lambda m, x, v, a: m.array_split(x, 3, axis=2),
    lambda m, x, v, a: m.array_split(v, 7),
    lambda m, x, v, a: m.hsplit(x, 3),
    lambda m, x, v, a: m.hsplit(v, 2),
    lambda m, x, v, a: m.vsplit(x, 2),
    lambda m, x, v, a: m.dsplit(x, [1]),
    lambda m, x, v, a: m.diag(v),
    lambda m, x, v, a: m.diag(v, -2),
    lambda m, x, v, a: m.diag(a, 1),
    lambda m, x, v, a: m.diagflat(a, 1),
    lambda m, x, v, a: m.diagonal(x, 1, 2, 0),
    lambda m, x, v, a: m.diagonal(x, 0, -1, 1),
    lambda m, x, v, a: m.diagonal(a, 9),
    lambda m, x, v, a: m.trace(x, -1, 1, 2),
    lambda m, x, v, a: m.tril(x, -1),
    lambda m, x, v, a: m.triu(x, 1),
    lambda m, x, v, a: m.triu(x),
    lambda m, x, v, a: m.meshgrid(v, a[0], v),
    lambda m, x, v, a: m.meshgrid(v, a[0, :2], indexing="ij"),
    lambda m, x, v, a: m.meshgrid(v, v[0], sparse=True),
    lambda m, x, v, a: m.indices((2, 3)),
    lambda m, x, v, a: m.vander(v),
    lambda m, x, v, a: m.vander(v, 3, increasing=True),
    *(
        lambda m, x, v, a, width=width, mode=mode: m.pad(x, width, mode=mode)
        for mode in (
            *("constant", "edge", "reflect", "symmetric", "wrap"),
            *("linear_ramp", "maximum", "mean", "minimum"),
        )
        for width in (2, (1, 3), ((0, 0), (1, 2), (7, 0)))
    ),
    lambda m, x, v, a: m.pad(x, 1, constant_values=2.5),
    lambda m, x, v, a: m.pad(a, ((1, 2), (0, 1)), constant_values=((1, 2), (3, 4))),
    lambda m, x, v, a: m.pad(a, 2, "linear_ramp", end_values=(1, 2)),
    lambda m, x, v, a: m.pad(x, 2, "maximum", stat_length=2),
    lambda m, x, v, a: m.pad(x, 0),
    lambda m, x, v, a: m.linspace(v, 2.0 * v, 5, dtype="float64"),
    lambda m, x, v, a: m.linspace(0.0, v, 5, endpoint=False, axis=-1, dtype="float64"),
    lambda m, x, v, a: (x[m.tril_indices(2, 0, 3)], a[m.triu_indices(3, 1, 4)]),
    lambda m, x, v, a: m.full_like(a, 2.5),
    lambda m, x, v, a: m.zeros_like(a, "int32"),
    lambda m, x, v, a: m.ones_like(a, shape=(2,)),
]


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


@pytest.mark.parametrize("style", ["interpreter", "readable", "fast"])
def test_numpys_functions_on_nodes(style: Any) -> None:
    nodes = {
        name: gc.input(name, array.shape, "float64") for name, array in GIVEN.items()
    }
    for number, call in enumerate(SAME):
        found = _flat(call(gc, *nodes.values()))
        expected = _flat(call(np, *GIVEN.values()))
        if style == "interpreter":
            values = gc.evaluate([*found, *nodes.values()], GIVEN)[: len(found)]
        elif number % 3 == 0:
            run = gc.compile(found, inputs=[*nodes.values()], style=style)
            values = run(**GIVEN)
        else:
            continue
        assert len(values) == len(expected), number
        for value, other, node in zip(values, expected, found, strict=True):
            assert value.dtype == np.asarray(other).dtype, number
            assert node.shape == value.shape, number
            np.testing.assert_allclose(value, other, rtol=1e-13, err_msg=str(number))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.arange(5),
        lambda m: m.arange(-3),
        lambda m: m.arange(2, 9, 3),
        lambda m: m.arange(5, -2, -2),
        lambda m: m.arange(3, dtype="float64"),
        lambda m: m.arange(0.5, 2.0, 0.25, dtype="float64"),
        lambda m: m.arange(1, 2, 0.1, dtype="float32"),
        lambda m: m.linspace(-1, 1, 7, dtype="float32"),
        lambda m: m.linspace(0, 1, 4, False, dtype="float64"),
        lambda m: m.linspace(0, 1, 1, dtype="float64"),
        lambda m: m.linspace(0, 1, 0, dtype="float64"),
        lambda m: m.logspace(0, 3, 4, dtype="float64"),
        lambda m: m.logspace(0, 3, 4, base=2.0, dtype="float64"),
        lambda m: m.geomspace(-1, -1000, 4, dtype="float64"),
        lambda m: m.eye(3, dtype="int8"),
        lambda m: m.eye(3, 4, -1, dtype="float64"),
        lambda m: m.identity(2, dtype="float64"),
        lambda m: m.tri(3, 5, 1, dtype="float32"),
        lambda m: m.tri(3, dtype="bool"),
    ],
)
def test_creation(call: Callable[[Any], Any]) -> None:
    expected = call(np)
    for run in (
        lambda node: gc.evaluate(node, {}),
        lambda node: gc.compile(node, style="readable")(),
        lambda node: gc.compile(node)(),
    ):
        value = run(call(gc))
        assert value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=1e-7)


def test_dtypes_of_creation() -> None:
    """As `gc.zeros`: float32, but for counting."""
    assert gc.arange(3).dtype == np.int64
    assert gc.arange(0, 1, 0.5).dtype == np.float32
    for node in (gc.linspace(0, 1), gc.eye(3), gc.tri(3), gc.identity(2)):
        assert node.dtype == np.float32
    assert gc.linspace(0, gc.input("x", (), "float64")).dtype == np.float64


def test_functions_of_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(ARRAY)
    x = gc.input("x", ARRAY.shape, "float64")
    for call in (
        lambda m, x: m.chunk(x, 3, 2),
        lambda m, x: m.chunk(x, 5, dim=-1),
        lambda m, x: m.unbind(x, 1),
        lambda m, x: m.flatten(x),
        lambda m, x: m.flatten(x, 1),
        lambda m, x: m.flatten(x, 0, 1),
        lambda m, x: m.unflatten(x, 2, (2, -1)),
        lambda m, x: m.repeat_interleave(x, 2, dim=1),
        lambda m, x: m.diag_embed(x),
        lambda m, x: m.diag_embed(x, -1, 0, 2),
        lambda m, x: m.block_diag(x[0], x[1, :, :1]),
    ):
        found = gc.evaluate(_flat(call(gc, x)), {"x": ARRAY})
        expected = _flat(call(torch, tensor))
        assert len(found) == len(expected)
        for value, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(value, other.numpy())


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap", "mean"])
@pytest.mark.parametrize("width", [(1, 2), (2, 0), (4, 9), (3, 4)])
def test_the_derivative_of_pad_sums_what_was_copied(mode: str, width: Any) -> None:
    for size in (1, 2, 4):
        x = gc.input("x", (size, 2), "float64")
        value = np.arange(2.0 * size).reshape(size, 2)
        node = gc.pad(x, (width, (0, 0)), mode=mode)
        unit = np.eye(2 * size).reshape(-1, size, 2)
        weight = np.cos(np.arange(float(np.prod(node.shape)))).reshape(node.shape)
        options: Any = {"mode": mode}
        expected = [
            (np.pad(u, (width, (0, 0)), **options) * weight).sum() for u in unit
        ]
        actual = gc.evaluate(gc.grad(gc.sum(node * weight), x), {"x": value})
        np.testing.assert_allclose(actual.ravel(), expected, atol=1e-12)
        named = gc.input("x", ("n", 2), "float64")
        padded = gc.pad(named, (width, (0, 0)), mode=mode)
        slope = gc.compile(gc.grad(gc.sum(gc.square(padded)), named))
        known = gc.grad(gc.sum(gc.square(node)), x)
        expected = gc.evaluate(known, {"x": value})
        np.testing.assert_allclose(slope(x=value), expected, rtol=1e-12)


def test_named_sizes() -> None:
    x, n = gc.input("x", ("n", 3), "float64"), Dim("n")
    value = np.arange(12.0).reshape(4, 3)
    for node, expected, shape in [
        (gc.flip(x, 0), value[::-1], (n, 3)),
        (gc.roll(x, 1, 0), np.roll(value, 1, 0), (n, 3)),
        (gc.tile(x, (2, 1)), np.tile(value, (2, 1)), (2 * n, 3)),
        (gc.repeat(x, 2, 0), np.repeat(value, 2, 0), (2 * n, 3)),
        (gc.pad(x, ((1, 2), (0, 0))), np.pad(value, ((1, 2), (0, 0))), (n + 3, 3)),
        (gc.pad(x, ((0, n), (0, 0))), np.pad(value, ((0, 4), (0, 0))), (2 * n, 3)),
        (gc.split(gc.tile(x, (2, 1)), 2)[1], value, (n, 3)),
        (gc.split(x, [1])[1], value[1:], (n - 1, 3)),
        (gc.split(x, [1, 3])[1], value[1:3], (2, 3)),
        (gc.diagonal(x @ x.T, 1), np.diagonal(value @ value.T, 1), (n - 1,)),
        (gc.diag(x[:, 0]), np.diag(value[:, 0]), (n, n)),
        (gc.tril(x @ x.T), np.tril(value @ value.T), (n, n)),
        (gc.eye(n) + 0 * x[:, :1], np.eye(4), (n, n)),
        (gc.arange(n) + 0 * x[:, 0], np.arange(4), (n,)),
        (gc.arange(1, 2 * n, 2) + 0 * x[:, 0], np.arange(1, 8, 2), (n,)),
        (gc.arange(n - 1, -1, -1) + 0 * x[:, 0], np.arange(3, -1, -1), (n,)),
        (gc.linspace(0, 1, n) + 0 * x[:, 0], np.linspace(0, 1, 4, dtype="f4"), (n,)),
        (gc.vstack([x, x[0]]), np.vstack([value, value[0]]), (n + 1, 3)),
        (gc.flatten(x), value.ravel(), (3 * n,)),
    ]:
        assert node.shape == shape
        for run in (gc.compile(node), gc.compile(node, style="readable")):
            np.testing.assert_allclose(run(x=value), expected)
        np.testing.assert_allclose(gc.evaluate(node, {"x": value}), expected)
    with pytest.raises(FeedError, match="requires n >= 3"):
        gc.evaluate(gc.split(x, [1, 3])[1], {"x": value[:2]})


X = gc.input("x", (2, 3, 4))
I = gc.input("i", (3,), "int64")  # noqa: E741
N = gc.input("y", ("n", 3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: gc.flip(X, 3), IndexRangeError, "out of range"),
        (lambda: gc.reshape(X, -1, order="K"), OptionError, "order must be"),
        (lambda: gc.flip(X, (0, 0)), OptionError, "twice"),
        (lambda: gc.fliplr(X[0, 0]), ShapeError, "at least 2 axes"),
        (lambda: gc.rot90(X, 1, (0,)), OptionError, "two axes"),
        (lambda: gc.roll(X, I), DTypeError, "shifts that are integers"),
        (lambda: gc.roll(X, (1, 2), (0, 1, 2)), OptionError, "a shift for each axis"),
        (lambda: gc.tile(X, -1), ShapeError, "must not be negative"),
        (lambda: gc.repeat(X, I, 1), UnsupportedError, "only when the program runs"),
        (lambda: gc.repeat(X, [1, 2], 1), ShapeError, "a count for each of 3"),
        (lambda: gc.repeat(X, -1), OptionError, "must not be negative"),
        (lambda: gc.repeat(X, 1.5), DTypeError, "must be integers"),
        (lambda: gc.resize(N, (2, 2)), UnsupportedError, "known sizes"),
        (lambda: gc.matrix_transpose(I), ShapeError, "two axes"),
        (lambda: gc.rollaxis(X, 0, 4), OptionError, "start must be"),
        (lambda: gc.broadcast_arrays(X, I), ShapeError, "meet at axis -1"),
        (lambda: gc.broadcast_shapes((2,), (3,)), ShapeError, "broadcast"),
        (lambda: gc.flatten(X, 2, 1), OptionError, "start_dim before end_dim"),
        (lambda: gc.unflatten(X, 2, (3, 2)), ShapeError, "product is 4"),
        (lambda: gc.split(X, 3, 2), ShapeError, "that 3 divides"),
        (lambda: gc.split(N, 2), UnsupportedError, "that 2 divides"),
        (lambda: gc.split(X, 0), OptionError, "must be positive"),
        (lambda: gc.split(X, 1.5), DTypeError, "must be an integer"),
        (lambda: gc.unstack(N), UnsupportedError, "only when the program runs"),
        (lambda: gc.dsplit(N, 1), ShapeError, "at least 3 axes"),
        (lambda: gc.block([[X], X]), ShapeError, "nested alike"),
        (lambda: gc.block([]), ShapeError, "at least one array"),
        (lambda: gc.diag(X), ShapeError, "a vector or a matrix"),
        (lambda: gc.diagonal(I), ShapeError, "two axes"),
        (lambda: gc.diagonal(N), UnsupportedError, "length of a diagonal"),
        (lambda: gc.diagonal(X, 0, 1, -2), OptionError, "twice"),
        (lambda: gc.tril(I), ShapeError, "a matrix or a stack"),
        (lambda: gc.block_diag(X), ShapeError, "matrices"),
        (lambda: gc.pad(X, -1), OptionError, "must not be negative"),
        (lambda: gc.pad(X, 1, "mirror"), OptionError, "mode must be one of"),
        (lambda: gc.pad(X, ((1, 1), (0, 0))), ShapeError, "a pair for each axis"),
        (lambda: gc.pad(X[:0], 1, "edge"), ShapeError, "nothing to repeat"),
        (lambda: gc.pad(X, 0.5), DTypeError, "must be integers"),
        (lambda: gc.arange(0, 3, 0), OptionError, "step must be"),
        (lambda: gc.arange(I), DTypeError, "finite numbers or sizes"),
        (lambda: gc.arange(float("inf")), DTypeError, "finite numbers"),
        (lambda: gc.linspace(0, 1, -1), ShapeError, "must not be negative"),
        (lambda: gc.geomspace(0, 1), OptionError, "one sign"),
        (lambda: gc.eye(-1), ShapeError, "must not be negative"),
        (lambda: gc.eye(3, k=0.5), OptionError, "k must be an integer"),
        (lambda: gc.meshgrid(X), ShapeError, "requires vectors"),
        (lambda: gc.meshgrid(I, indexing="yx"), OptionError, "indexing must be"),
        (lambda: gc.vander(X), ShapeError, "a vector"),
        (lambda: gc.full_like(X, I), DTypeError, "fill_value"),
    ],
)
def test_bad_arguments(call: Callable[[], Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        call()
    assert isinstance(caught.value, GraphcError)


def test_text() -> None:
    """Emitted code calls what a reader of NumPy knows."""
    x = gc.input("x", ("n", 4))
    wanted: Iterable[tuple[Any, str]] = [
        (gc.flip(x, 1), "np.flip(x, axis=1)"),
        (gc.roll(x, 1, 1), "np.roll(x, 1, axis=1)"),
        (gc.tile(x, (1, 2)), "np.tile(x, (1, 2))"),
        (gc.repeat(x, 2, 1), "np.repeat(x, 2, axis=1)"),
        (gc.pad(x, ((0, 0), (1, 1))), "np.pad(x, ((0, 0), (1, 1)))"),
        (gc.pad(x, 1, "edge"), 'np.pad(x, ((1, 1), (1, 1)), mode="edge")'),
        (gc.tril(x), "np.tril(x)"),
        (gc.triu(x, 1), "np.triu(x, 1)"),
        (gc.diag(x[0]), "np.diag(x[0])"),
        (gc.diagonal(x.T @ x), "np.diagonal("),
        (x + gc.eye(4)[0], "np.eye(4, dtype=np.float32)"),
        (x * gc.linspace(0, 1, 4), "np.linspace(0.0, 1.0, 4, dtype=np.float32)"),
        (x * gc.arange(1, 9, 2), "np.arange(1, 9, 2, np.int64)"),
    ]
    for node, text in wanted:
        assert text in gc.compile(node, style="readable").source
