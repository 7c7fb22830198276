"""Public elementwise functions against NumPy's, for all dtypes and special values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError, OptionError

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32"),
    *("int64", "uint64", "float16", "float32", "float64"),
)
FLOATS = np.array([0.0, -0.0, 0.5, -1.5, 2.5, 7.0, -3.0, np.inf, -np.inf, np.nan])
INTEGERS = np.array([0, 1, 2, 3, 5, 12, 7, 1, 4, 6])

UFUNCS = [
    (name, getattr(np, name).nin)
    for name in gc.__all__
    if isinstance(getattr(np, name, None), np.ufunc)
    and getattr(np, name).signature is None
]
OTHERS = ("angle", "around", "fix", "imag", "nan_to_num", "real", "round", "sinc")
UNARY = sorted({*OTHERS, *(name for name, arity in UFUNCS if arity == 1)})
BINARY = [name for name, arity in UFUNCS if arity == 2]
DIVIDES = ("divide", "divmod", "float_power", "floor_divide", "fmod", "mod", "pow")
DIVIDES = (*DIVIDES, "power", "remainder", "true_divide")
"""Functions that are tried with no zeros on the right, for integers among them."""


def sample(dtype: str) -> Any:
    """Telling values of a dtype."""
    values = FLOATS if np.dtype(dtype).kind == "f" else INTEGERS
    return values.astype(dtype)


def assert_is_numpys(name: str, *values: Any, **options: Any) -> None:
    """The function of graphc and of NumPy give the same, or both refuse."""
    nodes = [
        gc.constant(value) if isinstance(value, np.ndarray) else value
        for value in values
    ]
    note = f"{name} of {[getattr(v, 'dtype', v) for v in values]} {options}"
    try:
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(*values, **options)
    except (TypeError, OverflowError):
        with pytest.raises(GraphcError):
            getattr(gc, name)(*nodes, **options)
        return
    declared = getattr(gc, name)(*nodes, **options)
    # NumPy hands its own function over, too.
    again = getattr(np, name)(*nodes, **options)
    several = isinstance(expected, tuple)
    for each, more, wanted in zip(
        declared if several else [declared],
        again if several else [again],
        expected if several else [np.asarray(expected)],
        strict=True,
    ):
        found = gc.evaluate(each, {})
        assert (each.dtype, each.shape) == (wanted.dtype, wanted.shape), note
        assert (more.dtype, more.shape) == (wanted.dtype, wanted.shape), note
        assert found.dtype == wanted.dtype, note
        np.testing.assert_allclose(
            found, wanted, rtol=2 * _rounding(wanted), atol=0, err_msg=note
        )
        if found.dtype.kind == "f":
            number = ~np.isnan(wanted)
            signs = np.signbit(found[number]) == np.signbit(wanted[number])
            assert signs.all(), note


def _rounding(array: Any) -> float:
    return float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0


@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str) -> None:
    for dtype in DTYPES:
        assert_is_numpys(name, sample(dtype))


@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str) -> None:
    for left, right in itertools.product(DTYPES, DTYPES):
        x1, x2 = sample(left), sample(right)[::-1].copy()
        if name in DIVIDES:
            x2 = np.where(x2 == 0, np.ones_like(x2), x2)
        assert_is_numpys(name, x1, x2)
    for dtype, number in itertools.product(DTYPES, (True, 3, 2.5)):
        assert_is_numpys(name, sample(dtype), number)
        if name != "ldexp":
            assert_is_numpys(name, number, sample(dtype)[1:7])


def test_round_to_decimals() -> None:
    for dtype, decimals in itertools.product(DTYPES, (0, 1, 2, -1)):
        assert_is_numpys("round", sample(dtype), decimals=decimals)
    node = gc.input("x", (3,), "float64")
    value = np.array([1.25, -0.35, 12.0])
    np.testing.assert_array_equal(
        gc.evaluate(node.round(1), {"x": value}), value.round(1)
    )
    with pytest.raises(OptionError, match="decimals must be an integer"):
        gc.round(node, 0.5)  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="round to decimals requires numbers"):
        gc.round(gc.input("x", (3,), "bool"), 1)


@pytest.mark.parametrize(
    "options", [{"nan": 1.5}, {"posinf": 3.0}, {"nan": -1.0, "neginf": 0.0}]
)
def test_nan_to_num(options: dict[str, float]) -> None:
    for dtype in ("float16", "float32", "float64", "int8"):
        assert_is_numpys("nan_to_num", sample(dtype), **options)


def test_shifts_are_operators() -> None:
    x = gc.input("x", (4,), "int32")
    value = np.array([1, 5, -7, 64], "int32")
    for found, expected in (
        (x << 2, value << 2),
        (x >> 1, value >> 1),
        (1 << (x & 3), 1 << (value & 3)),
        (256 >> (x & 3), 256 >> (value & 3)),
    ):
        np.testing.assert_array_equal(gc.evaluate(found, {"x": value}), expected)
    with pytest.raises(DTypeError, match="left_shift is not defined for dtype float32"):
        gc.input("y", (2,)) << 1


def test_gradients_that_are_conventions() -> None:
    x, y = (gc.input(name, (3,), "float64") for name in "xy")
    feeds = {"x": [0.0, -2.0, np.nan], "y": [0.0, -1.0, 3.0]}

    def gradients(value: gc.Node) -> list[list[float]]:
        found = gc.grad(gc.sum(value), [x, y], unused="zeros")
        return [each.tolist() for each in gc.evaluate([found, [x, y]], feeds)[0]]

    assert gradients(gc.fmax(x, y)) == [[0.5, 0.0, 0.0], [0.5, 1.0, 1.0]]
    assert gradients(gc.fmin(x, y)) == [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    assert gradients(gc.heaviside(x, y))[1] == [1.0, 0.0, 0.0]
    assert gradients(gc.copysign(x, y))[0][:2] == [0.0, 1.0]
    assert gradients(gc.nan_to_num(x)) == [[1.0, 1.0, 0.0], [0.0] * 3]


def test_closeness_is_numpys() -> None:
    values = [0.0, 1.0, 1.0 + 1e-9, np.inf, -np.inf, np.nan, 1.1]
    a, b = (grid.ravel() for grid in np.meshgrid(values, values))
    for options in ({}, {"equal_nan": True}, {"rtol": 0.2}, {"atol": 1.0, "rtol": 0.0}):
        assert_is_numpys("isclose", a, b, **options)
        assert_is_numpys("allclose", a, b, **options)
        assert_is_numpys("allclose", a[:1], a[:1], **options)
    for left, right in itertools.product(DTYPES, DTYPES):
        assert_is_numpys("isclose", sample(left), sample(right))
        assert_is_numpys("array_equal", sample(left), sample(right))
    for name in ("array_equal", "array_equiv"):
        assert_is_numpys(name, a, a)
        assert_is_numpys(name, a[:2], np.stack([a[:2], a[:2]]))
        assert_is_numpys(name, a[:2], a[:3])
    assert_is_numpys("array_equal", a, a, equal_nan=True)
    for dtype in DTYPES:
        for name in ("isposinf", "isneginf", "isreal", "iscomplex"):
            assert_is_numpys(name, sample(dtype))
    assert gc.isrealobj(a)
    assert not gc.iscomplexobj(gc.input("x", (2,)))


def test_choices_are_numpys() -> None:
    x = np.linspace(-2.0, 3.0, 11).astype("float32")
    node = gc.input("x", (11,))
    conditions: Any = [x < -1, x > 1, x > 2]
    nodes: Any = [node < -1, node > 1, node > 2]
    for choices, default in (([1, 2, 3], 0), ([x, 2 * x, 1.5], 7), ([1, 2, 3], 2.5)):
        theirs = np.select(conditions, choices, default)
        ours = gc.select(nodes, choices, default)
        np.testing.assert_array_equal(gc.evaluate(ours, {"x": x}), theirs)
        assert ours.dtype == theirs.dtype
    functions: Any = [-1.0, lambda t: t * t, np.sin]
    for more in ([], [np.abs]):
        theirs = np.piecewise(x, conditions, functions + more)
        ours = gc.piecewise(node, nodes, functions + more)
        np.testing.assert_array_equal(gc.evaluate(ours, {"x": x}), theirs)
    alone = gc.piecewise(node, node > 0, [lambda t, scale: t * scale, 0], scale=2.0)
    np.testing.assert_array_equal(
        gc.evaluate(alone, {"x": x}), np.where(x > 0, 2 * x, 0)
    )
    for call, says in (
        (lambda: gc.select([node > 0], [1, 2]), "as many conditions as choices"),
        (lambda: gc.select([node], [1]), "boolean conditions"),
        (lambda: gc.piecewise(node, [node > 0], [1, 2, 3]), "requires 1 functions"),
    ):
        with pytest.raises(GraphcError, match=says):
            call()


def test_complex_numbers_are_refused() -> None:
    x = gc.input("x", (2,))
    calls = (
        lambda: gc.input("z", (2,), "complex64"),
        lambda: gc.constant(1j),
        lambda: x * 1j,
        lambda: x + np.array([1j, 2j]),
        lambda: gc.exp(np.ones(2, "complex128")),
        lambda: x.astype(complex),
        lambda: gc.where(x > 0, x, 1j),
        lambda: gc.maximum(x, 2j),
        lambda: gc.special.erf(np.ones(2, "complex64")),
        lambda: gc.round(1j),
        lambda: gc.nan_to_num(1j),
        lambda: gc.select([x > 0], [1j]),
        lambda: gc.isclose(x, 1j),
    )
    for call in calls:
        with pytest.raises(GraphcError, match=r"must be (boolean|numbers or bool)"):
            call()
