"""`gc.linalg` against NumPy, SciPy and torch, and its conventions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DTypeError,
    LinAlgError,
    OptionError,
    ShapeError,
    UnsupportedError,
)

RNG = np.random.default_rng(0)
SQUARE = RNG.normal(size=(3, 3))
STACK = RNG.normal(size=(2, 3, 3))
TALL = RNG.normal(size=(4, 3))
WIDE = RNG.normal(size=(2, 2, 3))
DEFINITE = SQUARE @ SQUARE.T + np.eye(3)
BOX = RNG.normal(size=(4, 2, 2))
VECTOR = RNG.normal(size=3)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "inv": lambda m: m.inv(STACK),
    "solve": lambda m: m.solve(SQUARE, VECTOR),
    "solve columns": lambda m: m.solve(STACK, TALL[:3, :2][None]),
    "solve of integers": lambda m: m.solve([[2, 1], [1, 3]], [1, 2]),
    "cholesky": lambda m: m.cholesky(DEFINITE),
    "cholesky upper": lambda m: m.cholesky(DEFINITE, upper=True),
    "qr": lambda m: m.qr(TALL),
    "qr of wide": lambda m: m.qr(WIDE),
    "qr complete": lambda m: m.qr(WIDE, mode="complete"),
    "qr r": lambda m: m.qr(TALL, "r"),
    "eigh": lambda m: m.eigh(DEFINITE),
    "eigh upper": lambda m: m.eigh(SQUARE, "U"),
    "eigvalsh": lambda m: m.eigvalsh(DEFINITE),
    "svd": lambda m: m.svd(TALL),
    "svd thin": lambda m: m.svd(WIDE, full_matrices=False),
    "svd values": lambda m: m.svd(TALL, compute_uv=False),
    "svdvals": lambda m: m.svdvals(STACK),
    "pinv": lambda m: m.pinv(TALL),
    "pinv with a bound": lambda m: m.pinv(TALL, 0.5),
    "pinv with rtol": lambda m: m.pinv(TALL, rtol=0.5),
    "pinv of symmetric": lambda m: m.pinv(DEFINITE, hermitian=True),
    "det": lambda m: m.det(STACK),
    "slogdet": lambda m: m.slogdet(STACK),
    "matrix_power": lambda m: m.matrix_power(STACK, 7),
    "matrix_power 0": lambda m: m.matrix_power(STACK, 0),
    "matrix_power -3": lambda m: m.matrix_power(STACK, -3),
    "matrix_power of integers": lambda m: m.matrix_power([[1, 1], [1, 0]], 10),
    "multi_dot": lambda m: m.multi_dot([VECTOR, SQUARE, TALL.T, TALL @ VECTOR]),
    "multi_dot of two": lambda m: m.multi_dot([TALL, SQUARE]),
    "cond": lambda m: m.cond(TALL),
    "cond -2": lambda m: m.cond(STACK, -2),
    "cond fro": lambda m: m.cond(STACK, "fro"),
    "cond inf": lambda m: m.cond(SQUARE, np.inf),
    "matrix_rank": lambda m: m.matrix_rank(np.outer(VECTOR, VECTOR)),
    "matrix_rank of stack": lambda m: m.matrix_rank(STACK),
    "matrix_rank with a bound": lambda m: m.matrix_rank(TALL, 1.5),
    "matrix_rank with two bounds": lambda m: m.matrix_rank(STACK, np.array([0.1, 2.0])),
    "matrix_rank of symmetric": lambda m: m.matrix_rank(DEFINITE, hermitian=True),
    "matrix_rank of a vector": lambda m: m.matrix_rank(VECTOR),
    "vector_norm": lambda m: m.vector_norm(STACK, axis=(0, 2), ord=3),
    "vector_norm of all": lambda m: m.vector_norm(STACK),
    "vector_norm of three axes": lambda m: m.vector_norm(STACK[None], axis=(0, 1, 3)),
    "matrix_norm": lambda m: m.matrix_norm(STACK, ord="nuc", keepdims=True),
    "lstsq": lambda m: m.lstsq(TALL, TALL[:, 0] ** 2),
    "lstsq of columns": lambda m: m.lstsq(TALL, TALL**2),
    "lstsq of wide": lambda m: m.lstsq(WIDE[0], WIDE[1, :, 0]),
    "tensorsolve": lambda m: m.tensorsolve(BOX, TALL[:, 0]),
    "tensorsolve by axes": lambda m: m.tensorsolve(
        BOX.transpose(1, 0, 2), TALL[:, 0], (0, 2)
    ),
    "tensorinv": lambda m: m.tensorinv(BOX, 1),
    "cross": lambda m: m.cross(SQUARE, VECTOR),
    "diagonal": lambda m: m.diagonal(STACK, offset=1),
    "trace": lambda m: m.trace(STACK),
    "outer": lambda m: m.outer(VECTOR, VECTOR),
    "matrix_transpose": lambda m: m.matrix_transpose(WIDE),
    "tensordot": lambda m: m.tensordot(STACK, SQUARE, axes=1),
    "vecdot": lambda m: m.vecdot(STACK, SQUARE, axis=-2),
    "matmul": lambda m: m.matmul(STACK, SQUARE),
}


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_numpys(name: str) -> None:
    expected = _parts(FUNCTIONS[name](np.linalg))
    found = gc.evaluate(_parts(FUNCTIONS[name](gc.linalg)))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_hands_nodes_over(name: str) -> None:
    """`np.linalg.inv(node)` is `gc.linalg.inv(node)`."""

    class Handed:
        def __getattr__(self, function: str) -> Any:
            def call(x: Any, *others: Any, **options: Any) -> Any:
                if function == "multi_dot":
                    return np.linalg.multi_dot([gc.constant(each) for each in x])
                called = getattr(np.linalg, function)
                return called(gc.constant(np.asarray(x)), *others, **options)

            return call

    for found, node in zip(
        gc.evaluate(_parts(FUNCTIONS[name](Handed()))),
        gc.evaluate(_parts(FUNCTIONS[name](gc.linalg))),
        strict=True,
    ):
        np.testing.assert_array_equal(found, node)


NORMS: list[tuple[Any, dict[str, Any]]] = [
    *((VECTOR, {"ord": o}) for o in (None, 0, 1, -1, 2, -2, 3, 0.5, np.inf, -np.inf)),
    *((SQUARE, {"ord": o, "axis": 1}) for o in (None, 1, 2, 3.5, np.inf)),
    *((TALL, {"ord": o}) for o in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(
        (STACK, {"ord": o, "axis": axes, "keepdims": True})
        for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        for axes in ((0, 2), (2, 1))
    ),
    (STACK, {}),
    (STACK, {"keepdims": True}),
    (STACK, {"axis": (2,)}),
    (STACK.astype("float16"), {"axis": -1}),
    (np.arange(4), {}),
]


def test_norms_are_numpys() -> None:
    for array, options in NORMS:
        expected = np.linalg.norm(array, **options)
        found = gc.evaluate(gc.linalg.norm(array, **options))
        assert found.dtype == np.asarray(expected).dtype, options
        tolerance = 1e-2 if found.dtype == "float16" else 1e-10
        np.testing.assert_allclose(
            found, expected, rtol=tolerance, err_msg=str(options)
        )


def test_gradients_of_norms() -> None:
    for array, options in NORMS:
        if array.dtype != "float64" or options.get("ord") == 0:
            continue
        x = gc.input("x", array.shape, "float64")
        weights = np.random.default_rng(1).normal(
            size=np.linalg.norm(array, **options).shape
        )
        value = gc.sum(gc.linalg.norm(x, **options) * weights)
        direction = np.random.default_rng(2).normal(size=array.shape)
        ahead, behind = (
            np.sum(np.linalg.norm(array + step * direction, **options) * weights)
            for step in (1e-6, -1e-6)
        )
        found = gc.evaluate(gc.sum(gc.grad(value, x) * direction), {"x": array})
        np.testing.assert_allclose(
            found, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8, err_msg=str(options)
        )


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, np.inf])
def test_the_gradient_of_a_norm_is_0_at_0(order: Any) -> None:
    x = gc.input("x", (3,), "float64")
    slope = gc.grad(gc.linalg.norm(x, order), x)
    again = gc.grad(gc.sum(slope * [1.0, 2.0, 3.0]), x, unused="zeros")
    for found in gc.evaluate([slope, again], {"x": np.zeros(3)}):
        np.testing.assert_array_equal(found, np.zeros(3))


def test_logdet_is_of_positive_determinants() -> None:
    arrays = np.stack([DEFINITE, -DEFINITE, 0.0 * DEFINITE])
    found = gc.evaluate(gc.linalg.logdet(arrays))
    np.testing.assert_allclose(found[0], np.log(np.linalg.det(DEFINITE)))
    assert np.isnan(found[1])
    assert found[2] == -np.inf


# Triangular equations -----------------------------------------------------------------


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1, "T"])
def test_one_triangle_is_read(trans: Any, lower: bool, style: Any) -> None:
    """Of more rows than are solved at a time."""
    rng = np.random.default_rng(3)
    full = rng.normal(size=(150, 150)) / 150 + np.eye(150)
    b = rng.normal(size=150)
    triangle = np.tril(full) if lower else np.triu(full)
    expected = np.linalg.solve(triangle.T if trans else triangle, b)
    hidden = np.where(triangle == 0.0, np.nan, full)
    a = gc.input("a", (150, 150), "float64")
    x = gc.linalg.solve_triangular(a, b, trans, lower)
    f = gc.compile([x, gc.grad(gc.sum(x), a)], style=style)
    found, slope = f(a=hidden)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert np.isfinite(slope).all()
    assert not slope[triangle == 0.0].any()


def test_a_unit_diagonal_is_not_read() -> None:
    a = np.array([[np.nan, 0.0], [2.0, np.nan]])
    found = gc.linalg.solve_triangular(a, [1.0, 5.0], lower=True, unit_diagonal=True)
    np.testing.assert_array_equal(gc.evaluate(found), [1.0, 3.0])


@pytest.mark.parametrize("upper", [True, False])
def test_equations_by_a_cholesky_factor(upper: bool) -> None:
    factor = gc.linalg.cholesky(DEFINITE, upper=upper)
    found = gc.evaluate(gc.linalg.cho_solve((factor, not upper), VECTOR))
    np.testing.assert_allclose(found, np.linalg.solve(DEFINITE, VECTOR), rtol=1e-10)


# Conventions --------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["cholesky", "eigvalsh"])
def test_gradients_by_symmetric_matrices_are_symmetric(function: str) -> None:
    a = gc.input("a", (3, 3), "float64")
    value = getattr(gc.linalg, function)(a)
    weights = np.random.default_rng(1).normal(size=tuple(map(int, value.shape)))
    slope = gc.evaluate(gc.grad(gc.sum(value * weights), a), {"a": DEFINITE})
    np.testing.assert_array_equal(slope, slope.T)


def test_equal_eigenvalues_and_singular_values_have_finite_gradients() -> None:
    a = gc.input("a", (3, 3), "float64")
    w, v = gc.linalg.eigh(a)
    u, s, vh = gc.linalg.svd(a)
    feeds = {"a": np.eye(3)}
    for value in (gc.sum(w), gc.sum(s)):
        slope = gc.evaluate(gc.grad(value, a), feeds)
        np.testing.assert_allclose(slope, np.eye(3), atol=1e-12)
    again = (v * gc.exp(w)) @ v.T + (u * s) @ vh
    weights = np.arange(9.0).reshape(3, 3)
    slope = gc.evaluate(gc.grad(gc.sum(again * weights), a), feeds)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_gradient_of_a_determinant_is_right_without_an_inverse(rank: int) -> None:
    array = TALL[:3, :rank] @ SQUARE[:rank]
    a = gc.input("a", (3, 3), "float64")
    found = gc.evaluate(gc.grad(gc.linalg.det(a), a), {"a": array})
    expected = [
        [
            (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(array, i, 0), j, 1))
            for j in range(3)
        ]
        for i in range(3)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


SINGULAR: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "inv": (gc.linalg.inv, np.ones((2, 2)), "Singular"),
    "solve": (lambda a: gc.linalg.solve(a, [1.0, 2.0]), np.ones((2, 2)), "Singular"),
    "cholesky": (gc.linalg.cholesky, -np.eye(2), "positive definite"),
    "solve_triangular": (
        lambda a: gc.linalg.solve_triangular(a, [1.0, 2.0]),
        np.zeros((2, 2)),
        "Singular",
    ),
}


@pytest.mark.parametrize("style", [None, "readable", "fast"])
@pytest.mark.parametrize("name", SINGULAR)
def test_matrices_that_have_no_result_are_errors(name: str, style: Any) -> None:
    function, array, message = SINGULAR[name]
    a = gc.input("a", (2, 2), "float64")
    value = function(a)

    def run() -> Any:
        if style is None:
            return gc.evaluate(value, {"a": array})
        return gc.compile(value, style=style)(a=array)

    with pytest.raises(LinAlgError, match=message) as caught:
        run()
    assert isinstance(caught.value, np.linalg.LinAlgError)
    assert "test_linalg.py" in str(caught.value)


X = gc.input("x", (2, 3), "float64")
ROWS = gc.input("x", ("rows", 3), "float64")
WRONG: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ShapeError, "2 rows and 3 columns", lambda: gc.linalg.inv(X)),
    (ShapeError, "2 rows and 3 columns", lambda: gc.linalg.eigh(X)),
    (ShapeError, "2 rows and 3 columns", lambda: gc.linalg.det(X)),
    (ShapeError, "2 rows and 3 columns", lambda: gc.linalg.expm(X)),
    (ShapeError, "2 rows and 3 columns", lambda: gc.linalg.matrix_power(X, 2)),
    (ShapeError, "a stack of matrices", lambda: gc.linalg.svd(VECTOR)),
    (ShapeError, "3 and 2", lambda: gc.linalg.solve(SQUARE, [1.0, 2.0])),
    (DTypeError, "float16", lambda: gc.linalg.inv(SQUARE.astype("float16"))),
    (OptionError, "integer", lambda: gc.linalg.matrix_power(SQUARE, 0.5)),
    (OptionError, "trans", lambda: gc.linalg.solve_triangular(SQUARE, VECTOR, 3)),
    (OptionError, "mode", lambda: gc.linalg.qr(SQUARE, "full")),
    (UnsupportedError, "complete", lambda: gc.linalg.qr(TALL, "complete")),
    (
        UnsupportedError,
        "rows and 3 columns",
        lambda: gc.linalg.qr(ROWS),
    ),
    (UnsupportedError, "complex", lambda: gc.linalg.eig(SQUARE)),
    (UnsupportedError, "complex", lambda: gc.linalg.eigvals(SQUARE)),
    (OptionError, "matrices", lambda: gc.linalg.norm(X, "nuc", axis=1)),
    (OptionError, "one axis or two", lambda: gc.linalg.norm(STACK, axis=(0, 1, 2))),
    (OptionError, "5", lambda: gc.linalg.norm(X, 5)),
    (ShapeError, "an axis", lambda: gc.linalg.norm(STACK, 2)),
    (OptionError, "both", lambda: gc.linalg.matrix_rank(X, 0.1, rtol=0.1)),
    (ShapeError, "a matrix", lambda: gc.linalg.lstsq(VECTOR, VECTOR)),
    (ShapeError, "rows on both sides", lambda: gc.linalg.lstsq(TALL, VECTOR)),
    (OptionError, "both", lambda: gc.linalg.pinv(SQUARE, 0.1, rtol=0.1)),
    (UnsupportedError, "known", lambda: gc.linalg.lstsq(ROWS, VECTOR)),
    (ShapeError, "others of 3", lambda: gc.linalg.tensorsolve(BOX, VECTOR)),
    (ShapeError, "as many elements", lambda: gc.linalg.tensorinv(TALL, 1)),
    (OptionError, "positive", lambda: gc.linalg.tensorinv(BOX, 0)),
    (OptionError, "two matrices", lambda: gc.linalg.multi_dot([X])),
    (ShapeError, "position 1", lambda: gc.linalg.multi_dot([X, VECTOR, SQUARE])),
]


@pytest.mark.parametrize("place", range(len(WRONG)))
def test_bad_input(place: int) -> None:
    kind, message, call = WRONG[place]
    with pytest.raises(kind, match=message):
        call()


# Other libraries ----------------------------------------------------------------------


@pytest.mark.peer
def test_exponentials_are_scipys() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    for scale in (0.0, 1e-3, 1.0, 30.0):
        found = gc.evaluate(gc.linalg.expm(STACK * scale))
        np.testing.assert_allclose(found, linalg.expm(STACK * scale), rtol=1e-9)
        found = gc.evaluate(gc.linalg.expm((STACK * scale).astype("float32")))
        np.testing.assert_allclose(
            found, linalg.expm(STACK * scale), rtol=2e-3 if scale > 1 else 1e-5
        )


TORCH: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "inv": (STACK, lambda m, a: m.linalg.inv(a)),
    "det": (STACK, lambda m, a: m.linalg.det(a)),
    "lstsq of stacks": (WIDE, lambda m, a: m.linalg.lstsq(a, a**2)[0]),
    "matrix_norm 2 at 0": (0 * SQUARE, lambda m, a: m.linalg.matrix_norm(a, ord=2)),
    "lstsq": (TALL, lambda m, a: m.linalg.lstsq(a, a[:, :2] ** 2)[0]),
    "slogdet": (STACK, lambda m, a: m.linalg.slogdet(a)[1]),
    "cholesky": (DEFINITE, lambda m, a: m.linalg.cholesky(a)),
    "eigh": (DEFINITE, lambda m, a: m.linalg.eigh(a)[1] ** 2),
    "eigvalsh": (DEFINITE, lambda m, a: m.linalg.eigvalsh(a)),
    "svd": (TALL, lambda m, a: m.linalg.svd(a, False)[0] ** 2),
    "svd of wide": (WIDE, lambda m, a: m.linalg.svd(a, False)[2] ** 2),
    "svdvals": (STACK, lambda m, a: m.linalg.svdvals(a)),
    "qr": (TALL, lambda m, a: m.linalg.qr(a)[0]),
    "qr of wide": (WIDE, lambda m, a: m.linalg.qr(a)[1]),
    "pinv": (TALL, lambda m, a: m.linalg.pinv(a)),
    "matrix_power": (STACK, lambda m, a: m.linalg.matrix_power(a, -3)),
    "vector_norm": (STACK, lambda m, a: m.linalg.vector_norm(a, ord=3)),
    "matrix_norm": (STACK, lambda m, a: m.linalg.matrix_norm(a, ord="nuc")),
    "matrix_norm 2": (STACK, lambda m, a: m.linalg.matrix_norm(a, ord=2)),
    "cond": (STACK, lambda m, a: m.linalg.cond(a)),
    "einsum": (STACK, lambda m, a: m.einsum("bij,bkj,bii->ki", a, a, a)),
}


@pytest.mark.peer
@pytest.mark.parametrize("name", TORCH)
def test_gradients_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    array, function = TORCH[name]
    given = torch.tensor(array, requires_grad=True)
    value = function(torch, given)
    weights = np.random.default_rng(4).normal(size=tuple(value.shape))
    (value * torch.tensor(weights)).sum().backward()
    a = gc.input("a", array.shape, "float64")
    slope = gc.grad(gc.sum(function(gc, a) * weights), a)
    found = gc.evaluate(slope, {"a": array})
    np.testing.assert_allclose(found, given.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_a_gaussian_process_has_its_derivative() -> None:
    """The log-likelihood by a Cholesky factor, against finite differences."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    squares = np.sum((x[:, None] - x) ** 2, axis=-1)
    scale = gc.input("scale", (), "float64")
    kernel = gc.exp(-squares / (2.0 * gc.exp(scale))) + 0.1 * np.eye(20)
    factor = gc.linalg.cholesky(kernel)
    white = gc.linalg.solve_triangular(factor, y, lower=True)
    loss = 0.5 * gc.sum(white**2) + gc.sum(gc.log(gc.diagonal(factor)))
    second = gc.grad(gc.grad(loss, scale), scale)

    def value(at: float) -> float:
        k = np.exp(-squares / (2.0 * math.exp(at))) + 0.1 * np.eye(20)
        return 0.5 * y @ np.linalg.solve(k, y) + 0.5 * np.linalg.slogdet(k)[1]

    for style in ("readable", "fast"):
        f = gc.compile([loss, gc.grad(loss, scale), second], style=style)
        found = f(scale=0.3)
        steps = [value(0.3 + step) for step in (-1e-4, 0.0, 1e-4)]
        np.testing.assert_allclose(found[0], steps[1], rtol=1e-12)
        np.testing.assert_allclose(found[1], (steps[2] - steps[0]) / 2e-4, rtol=1e-6)
        curvature = (steps[2] - 2 * steps[1] + steps[0]) / 1e-8
        np.testing.assert_allclose(found[2], curvature, rtol=1e-4)
