"""Einstein's notation against NumPy; the products that are made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError
from tests.styles import assert_styles_agree

NOTATIONS: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij->ji", ((2, 3),)),
    ("ij", ((2, 3),)),
    ("ji", ((2, 3),)),
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iij->ji", ((3, 3, 2),)),
    ("iiij,j->i", ((2, 2, 2, 3), (3,))),
    ("i->", ((3,),)),
    ("...->", ((),)),
    ("i,i", ((3,), (3,))),
    ("i,j", ((3,), (2,))),
    ("i,j->ji", ((3,), (2,))),
    (",i->i", ((), (3,))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ij,kj->ki", ((2, 3), (4, 3))),
    ("ji,jk", ((3, 2), (3, 4))),
    ("ij,ij->", ((2, 3), (2, 3))),
    ("ij,ij->ij", ((2, 3), (2, 3))),
    ("ij,ij->j", ((2, 3), (2, 3))),
    ("ij,j->i", ((2, 3), (3,))),
    ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
    ("bij,bkj->bki", ((2, 3, 4), (2, 5, 4))),
    ("bij,jk->bik", ((2, 3, 4), (4, 5))),
    ("bij,bj->bi", ((2, 3, 4), (2, 4))),
    ("bi,bij,bj->b", ((2, 3), (2, 3, 4), (2, 4))),
    ("ijb,jkb->ikb", ((3, 4, 2), (4, 5, 2))),
    ("bihd,bjhd->bhij", ((2, 3, 2, 4), (2, 5, 2, 4))),
    ("bhij,bjhd->bihd", ((2, 2, 3, 5), (2, 5, 2, 4))),
    ("nchw,kc->nkhw", ((2, 3, 2, 4), (5, 3))),
    ("bnchw,bkc->bnkhw", ((2, 3, 4, 2, 2), (2, 5, 4))),
    ("kc,nmchw->nmkhw", ((5, 3), (2, 2, 3, 4, 2))),
    ("ijb,jb->ib", ((3, 4, 2), (4, 2))),
    ("abcd,cdbe->ae", ((2, 3, 4, 2), (4, 2, 3, 5))),
    ("abcd,dcbe->ea", ((2, 3, 4, 2), (2, 4, 3, 5))),
    ("...ij,...jk", ((2, 1, 3, 4), (5, 4, 2))),
    ("i...,i...->...", ((3, 2), (3, 1))),
    ("...i->i...", ((2, 4, 3),)),
    ("ij...,jk...->ik...", ((2, 3, 2), (3, 4, 2))),
    ("ij,jk,kl,lm->im", ((2, 3), (3, 4), (4, 5), (5, 2))),
    ("ij,ik,il->jkl", ((5, 2), (5, 3), (5, 4))),
    ("ij,k->i", ((2, 3), (4,))),
    ("ij,jk->ik", ((2, 1), (3, 4))),
    ("ij,jk", ((0, 3), (3, 4))),
    ("ij,jk", ((2, 0), (0, 4))),
]


def _arrays(shapes: tuple[tuple[int, ...], ...], dtype: str = "float64") -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.integers(-3, 4, shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_values_are_numpys(dtype: str) -> None:
    """Of small integers, which no order of adding rounds."""
    for notation, shapes in NOTATIONS:
        arrays = _arrays(shapes, dtype)
        expected = np.einsum(notation, *arrays)
        found = gc.evaluate(gc.einsum(notation, *arrays))
        assert found.dtype == np.asarray(expected).dtype, notation
        np.testing.assert_array_equal(found, expected, notation)


def test_derivatives_are_einsums() -> None:
    for notation, shapes in NOTATIONS:
        arrays = _arrays(shapes)
        nodes = [gc.input(f"x{i}", x.shape, "float64") for i, x in enumerate(arrays)]
        feeds = {f"x{i}": x for i, x in enumerate(arrays)}
        value = gc.einsum(notation, *nodes)
        weights = _arrays((np.einsum(notation, *arrays).shape,))[0] + 0.5
        slopes = gc.evaluate(gc.vjp(value, nodes, weights), feeds)
        for place, slope in enumerate(slopes):
            # One element of a multilinear function moves: the differences are exact.
            for element in np.ndindex(slope.shape):
                moved = list(arrays)
                moved[place] = np.zeros_like(arrays[place])
                moved[place][element] = 1.0
                expected = np.sum(np.einsum(notation, *moved) * weights)
                assert slope[element] == expected, notation


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_named_sizes(style: Any) -> None:
    x = gc.input("x", ("batch", "steps", 3), "float64")
    w = gc.input("w", (3, 4), "float64")
    outputs = [
        gc.einsum("bti,ij->btj", x, w),
        gc.einsum("bti,bsi->bts", x, x),
        gc.einsum("...i,ij->j...", x, w),
        gc.einsum("bti,ij,bsk->tsjk", x, w, x),
    ]
    f = gc.compile([*outputs, gc.grad(gc.sum(outputs[3] ** 2), w)], style=style)
    arrays = _arrays(((2, 5, 3), (3, 4)))
    found = f(x=arrays[0], w=arrays[1])
    a, b = arrays
    expected = [
        np.einsum("bti,ij->btj", a, b),
        np.einsum("bti,bsi->bts", a, a),
        np.einsum("...i,ij->j...", a, b),
        np.einsum("bti,ij,bsk->tsjk", a, b, a),
    ]
    assert_styles_agree(list(found[:4]), expected)


def test_lists_of_numbers() -> None:
    x, y = _arrays(((2, 3, 4), (2, 4, 3)))
    for m in (np, gc):
        assert m.einsum(x, [0, 1, 2], y, [0, 2, 1], [1, 0]).shape == (3, 2)
        assert m.einsum(x, [..., 1, 2], y, [..., 2, 5], [5, ...]).shape == (3, 2)
        assert m.einsum(x, [3, 1, 2]).shape == np.einsum(x, [3, 1, 2]).shape


def test_products_are_made_in_the_cheapest_order() -> None:
    a, b = gc.input("a", (9, 500)), gc.input("b", (500, 500))
    c = gc.input("c", (500,))
    source = gc.compile(gc.einsum("ij,jk,k->i", a, b, c), style="readable").source
    assert "b @ c" in source
    assert "a @ " in source


TEXTS: dict[str, tuple[Callable[[], Any], str]] = {
    "a product": (lambda: gc.einsum("ij,jk->ik", X, Y), "x @ y"),
    "the other way round": (lambda: gc.einsum("ij,jk->ki", X, Y), "y.T @ x.T"),
    "a transpose": (lambda: gc.einsum("ij->ji", X), "x.T"),
    "elements": (lambda: gc.einsum("ij,ij->ij", X, X + 1), " * "),
    "an outer product": (lambda: gc.einsum("i,j->ij", X[:, 0], X[0]), " * "),
    "stacks along the last axis": (
        lambda: gc.einsum("ijb,jkb->ikb", Z, Z),
        "ascontiguousarray_z = z.transpose(2, 0, 1).copy()",
    ),
    "vectors along the first axis": (
        lambda: gc.einsum("ijb,jb->ib", Z, Z[0]),
        'np.einsum("abc,bc->ac", z, z[0])',
    ),
    "channels": (
        lambda: gc.einsum("nchw,kc->nkhw", gc.input("i", (5, 3, 4, 4)), Y.T),
        "y.T @ i.reshape(5, 3, 16)",
    ),
}
X, Y, Z = gc.input("x", (2, 3)), gc.input("y", (3, 4)), gc.input("z", (3, 3, 5))


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_is_as_by_hand(name: str) -> None:
    build, text = TEXTS[name]
    source = gc.compile(build(), style="readable").source
    assert text in source
    assert source.count("    return") == 1
    assert len(source.partition("tuple.")[2].strip().splitlines()) <= 7


WRONG: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (OptionError, "labels 2 operands, got 1", lambda: gc.einsum("i,j", [1.0])),
    (OptionError, "2 axes", lambda: gc.einsum("i", X)),
    (OptionError, "3 axes", lambda: gc.einsum("ij", Z)),
    (OptionError, "no operand has", lambda: gc.einsum("ij->k", X)),
    (OptionError, "twice", lambda: gc.einsum("ij->ii", X)),
    (OptionError, "not a letter", lambda: gc.einsum("i1", X)),
    (OptionError, "more than one ellipsis", lambda: gc.einsum("...i...", X)),
    (OptionError, "no ellipsis", lambda: gc.einsum("...i->i", X)),
    (OptionError, "in turn", lambda: gc.einsum(X, Y)),
    (OptionError, "requires an operand", lambda: gc.einsum("i")),
    (ShapeError, "3 and 2", lambda: gc.einsum("ij,jk", X, X)),
    (ShapeError, "diagonal", lambda: gc.einsum("ii", gc.input("x", (1, 3)))),
    (DTypeError, "booleans", lambda: gc.einsum("i", [True])),
    (ShapeError, "as many in each", lambda: gc.tensordot(X, Y, 3)),
    (ShapeError, "3 and 4", lambda: gc.tensordot(X, Y, (1, 1))),
    (OptionError, "as many axes", lambda: gc.tensordot(X, Y, ((0, 1), (0,)))),
    (ShapeError, "3 elements", lambda: gc.cross(X, Y)),
    (ShapeError, "3 and 4", lambda: gc.vecdot(X, Y)),
    (ShapeError, "3 and 4", lambda: gc.inner(X, Y)),
]


@pytest.mark.parametrize("place", range(len(WRONG)))
def test_bad_input(place: int) -> None:
    kind, message, call = WRONG[place]
    with pytest.raises(kind, match=message):
        call()


A, B, C, V = _arrays(((2, 3), (3, 2), (2, 3, 4), (3,)))
PRODUCTS: dict[str, Callable[[Any], Any]] = {
    "tensordot": lambda m: m.tensordot(A, B, 1),
    "tensordot of all": lambda m: m.tensordot(A, A),
    "tensordot of none": lambda m: m.tensordot(A, B, 0),
    "tensordot by axes": lambda m: m.tensordot(C, B, ((1, 0), (0, 1))),
    "tensordot by negative axes": lambda m: m.tensordot(C, A, (-2, -1)),
    "dot": lambda m: m.dot(A, B),
    "dot of a vector": lambda m: m.dot(C, C[0, 0]),
    "dot of stacks": lambda m: m.dot(C.swapaxes(1, 2), C),
    "dot of a number": lambda m: m.dot(2.0, A),
    "vdot": lambda m: m.vdot(A, B),
    "inner": lambda m: m.inner(C, C),
    "inner of vectors": lambda m: m.inner(V, V),
    "inner of a number": lambda m: m.inner(A, 3.0),
    "outer": lambda m: m.outer(A, V),
    "kron": lambda m: m.kron(A, B),
    "kron of a vector": lambda m: m.kron(V, A),
    "kron of numbers": lambda m: m.kron(np.float64(2), V),
    "cross": lambda m: m.cross(A, V),
    "cross along axes": lambda m: m.cross(B, V, axisa=0, axisc=0),
    "cross along one axis": lambda m: m.cross(C, C[:, ::-1], axis=1),
    "vecdot": lambda m: m.vecdot(A, V),
    "vecdot along an axis": lambda m: m.vecdot(C, C, axis=1),
    "vecdot of integers": lambda m: m.vecdot(A.astype(int), V.astype(int)),
    "matvec": lambda m: m.matvec(A, V),
    "matvec of stacks": lambda m: m.matvec(C.swapaxes(1, 2), A),
    "vecmat": lambda m: m.vecmat(V, B),
    "vecmat of stacks": lambda m: m.vecmat(A, C),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_numpys(name: str) -> None:
    expected = np.asarray(PRODUCTS[name](np))
    found = gc.evaluate(PRODUCTS[name](gc))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
