"""Values of ops by NumPy itself, for generated tests to hold them against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
import sympy

from graphc.ir import Op
from tests import window_references
from tests.exact import MEANINGS
from tests.op_cases import Application, Array


def numpy_value(application: Application, arrays: Sequence[Array]) -> Any:
    """NumPy's function of the op's name, or what is written here in its place.

    An op that has neither, but a meaning in SymPy or mpmath, has that as its reference.
    """
    op = application.op
    reference = REFERENCES.get(op.name)
    if reference is not None:
        return application.of_results(reference(application, *arrays))
    if (function := _function(op)) is not None:
        value = function(*arrays, **application.case.attributes)
        return application.of_results(value)
    assert op.sympy is not None or op.name in MEANINGS, (
        f"NumPy has no function {op.name!r}: declare `sympy`, or write a reference "
        f"in {__file__}"
    )
    return _meaning(application, arrays)


def tolerance(application: Application, dtype: Any) -> float:
    """The relative error that an op may have beside its reference."""
    op = application.op
    if op.name.startswith("scatter") or op.name in ADDING:
        return 1e-6
    if op.name in BY_ANOTHER_WAY:
        return 1e3 * float(np.finfo(dtype).eps)
    if op.name in REFERENCES or _function(op) is not None:
        return 0.0
    return 8.0 * float(np.finfo(dtype).eps)


BY_ANOTHER_WAY = (
    "vecdot",
    "cdist",
    "sinc_derivative",
    "cofactors",
    "expm",
    "gammaincc",
    "gammainc_by_a",
    "gammaincinv",
    "solve_triangular",
    "vector_norm",
    *("j0", "j1", "y0", "y1"),
)
"""Ops whose references round at other places, or that have zeros, near which the
absolute error is small and the relative one need not be."""


def _function(op: Op) -> Any:
    """NumPy's function of an op's name."""
    return getattr(np, op.name, None) or getattr(np.linalg, op.name, None)


def _meaning(application: Application, arrays: Sequence[Array]) -> Any:
    """The meaning in SymPy or mpmath, with 30 digits, element by element."""
    op, given = application.op, application.case.attributes
    function = MEANINGS.get(op.name)
    if function is None:
        symbols = {name: sympy.Symbol(name, real=True) for name in op.inputs}
        expression = sympy.sympify(op.sympy, locals=symbols)
        function = sympy.lambdify(list(symbols.values()), expression, modules="mpmath")
    dtype = np.result_type(*arrays)
    with mpmath.workdps(30):
        values = np.vectorize(
            lambda *row: float(function(*map(float, row), **given)), otypes=["float64"]
        )(*arrays)
    return values.astype(dtype)


def _index(application: Application, arrays: list[Any]) -> tuple[Any, ...]:
    """The attribute `index` as Python's own indexing takes it."""
    given = iter(arrays)
    items: list[Any] = []
    for item in application.case.attributes["index"]:
        if item == "array":
            items.append(next(given))
        elif item is None or isinstance(item, int):
            items.append(item)
        else:
            items.append(slice(item.start, item.stop, item.step))
    return tuple(items)


def _added_at(application: Application, x: Any, values: Any, *arrays: Any) -> Any:
    """Each value added to the element that the index names, one by one."""
    places = np.arange(x.size).reshape(x.shape)[_index(application, list(arrays))]
    out = x.astype("float64").ravel()
    added = np.broadcast_to(values, places.shape)
    for place, value in zip(places.ravel(), added.ravel(), strict=True):
        out[place] += value
    return out.reshape(x.shape).astype(x.dtype)


def _scattered(application: Application, x: Any, *arrays: Any) -> Any:
    """Each value added to the place that the index names, one by one."""
    shape = application.case.attributes["shape"]
    places = np.arange(int(np.prod(shape))).reshape(shape)
    places = places[_index(application, list(arrays))]
    out = np.zeros(int(np.prod(shape)))
    for place, value in zip(places.ravel(), x.ravel(), strict=True):
        out[place] += value
    return out.reshape(shape).astype(x.dtype)


def _scattered_along(application: Application, x: Any, indices: Any) -> Any:
    attributes = application.case.attributes
    out = np.zeros(attributes["shape"], x.dtype)
    for place in np.ndindex(x.shape):
        target = list(place)
        target[attributes["axis"]] = indices[place]
        out[tuple(target)] += x[place]
    return out


def _clipped(application: Application, x: Any, *bounds: Any) -> Any:
    attributes = application.case.attributes
    low = bounds[0] if attributes["lower"] else None
    high = bounds[-1] if attributes["upper"] else None
    return np.clip(x, low, high)


def _recurred(application: Application, a: Any, b: Any) -> Any:
    """The recurrence element by element, from the front."""
    attributes = application.case.attributes
    turn = -1 if attributes["reverse"] else 1
    a, b = (np.moveaxis(x, attributes["axis"], 0)[::turn] for x in (a, b))
    if turn == -1:
        a = np.roll(a, 1, axis=0)
    out = np.zeros_like(b)
    for place, term in enumerate(b):
        out[place] = term + (a[place] * out[place - 1] if place else 0)
    return np.moveaxis(out[::turn], 0, attributes["axis"])


def _last_attained(application: Application, x: Any, extrema: Any) -> Any:
    out = np.zeros(x.shape, np.intp)
    axis = application.case.attributes["axis"]
    for place in np.ndindex(x.shape):
        line = [*place]
        for position in range(place[axis] + 1):
            line[axis] = position
            if x[tuple(line)] == extrema[tuple(line)]:
                out[place] = position
    return out


ADDING = {"add_at", "add_windows", "put_in_windows", "sum_windows"}
"""Ops that add up, in an order of their own."""


def _updated(ufunc: np.ufunc | None) -> Any:
    """Each value put or combined with the element that the index names, one by one."""

    def update(application: Application, x: Any, values: Any, *arrays: Any) -> Any:
        places = np.arange(x.size).reshape(x.shape)[_index(application, list(arrays))]
        out = x.ravel().copy()
        given = np.broadcast_to(values, places.shape)
        for place, value in zip(places.ravel(), given.ravel(), strict=True):
            out[place] = value if ufunc is None else ufunc(out[place], value)
        return out.reshape(x.shape)

    return update


def _on_diagonal(application: Application, x: Any) -> Any:
    offset = application.case.attributes["offset"]
    out = np.zeros(application.case.attributes["shape"], x.dtype)
    for place in range(x.shape[-1]):
        out[..., place + max(0, -offset), place + max(0, offset)] = x[..., place]
    return out


def _padded(application: Application, x: Any) -> Any:
    options = dict(application.case.attributes)
    if options["mode"] != "constant":
        del options["constant_values"]
    return np.pad(x, **options)


def _quantile(application: Application, x: Any) -> Any:
    attributes = {**application.case.attributes}
    q, dtype = attributes.pop("q"), attributes.pop("q_dtype")
    return np.quantile(x, q if dtype is None else np.array(q, dtype), **attributes)


def _einsum(application: Application, *arrays: Any) -> Any:
    return np.einsum(application.case.attributes["subscripts"], *arrays)


def _solved_triangular(application: Application, a: Any, b: Any) -> Any:
    lower, unit = application.case.attributes.values()
    triangle = np.tril(a) if lower else np.triu(a)
    if unit:
        triangle = triangle - triangle * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return np.linalg.solve(triangle.astype(a.dtype), b)


def _cofactors(application: Application, a: Any) -> Any:
    """Determinants of what is left without a row and a column."""
    out = np.empty_like(a)
    for *stack, row, column in np.ndindex(a.shape):
        left = np.delete(np.delete(a[(*stack,)], row, 0), column, 1)
        out[(*stack, row, column)] = (-1) ** (row + column) * np.linalg.det(left)
    return out


def _exponential(application: Application, a: Any) -> Any:
    """The power series, of which a hundred terms are enough for small matrices."""
    wide = a.astype("float64")
    term = total = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for k in range(1, 100):
        term = term @ wide / k
        total = total + term
    return total.astype(a.dtype)


REFERENCES: dict[str, Any] = {
    "add_at": _added_at,
    "add_windows": window_references.added,
    "arange": lambda a: np.arange(a.case.attributes["size"]),
    "argsort": lambda a, x: np.argsort(x, kind="stable", **a.case.attributes),
    "arange_from": lambda a: np.arange(**a.case.attributes),
    "astype": lambda a, x: np.astype(x, a.case.attributes["dtype"]),
    "cdist": lambda a, x1, x2: np.linalg.norm(
        x1[..., :, None, :] - x2[..., None, :, :], axis=-1
    ),
    "clip": _clipped,
    "cofactors": _cofactors,
    "concatenate": lambda a, *xs: np.concatenate(xs, a.case.attributes["axis"]),
    "cummax": lambda a, x: np.maximum.accumulate(x, a.case.attributes["axis"]),
    "cummin": lambda a, x: np.minimum.accumulate(x, a.case.attributes["axis"]),
    "copy_windows": window_references.windows,
    "diag_embed": _on_diagonal,
    "einsum": _einsum,
    "expm": _exponential,
    "full": lambda a: np.full(
        a.case.attributes["shape"],
        a.case.attributes["value"],
        a.case.attributes["dtype"],
    ),
    "frexp_exponent": lambda a, x: np.frexp(x)[1],
    "frexp_mantissa": lambda a, x: np.frexp(x)[0],
    "interval": lambda a, x, xp: np.clip(
        np.searchsorted(xp, x, "right") - 1, 0, xp.size - 2
    ),
    "getitem": lambda a, x, *arrays: x[_index(a, list(arrays))],
    "histogram": lambda a, x, edges: np.histogram(x, np.sort(edges))[0],
    "last_attained": _last_attained,
    "linear_recurrence": _recurred,
    "logcumsumexp": lambda a, x: np.logaddexp.accumulate(x, a.case.attributes["axis"]),
    "max_from": lambda a, x: np.max(
        x, **a.case.attributes, initial=-np.inf if x.dtype.kind == "f" else -(2**63)
    ),
    "max_position": window_references.positions,
    "max_windows": window_references.maxima,
    "maximum_at": _updated(np.maximum),
    "min_from": lambda a, x: np.min(
        x, **a.case.attributes, initial=np.inf if x.dtype.kind == "f" else 2**63 - 1
    ),
    "minimum_at": _updated(np.minimum),
    "multiply_at": _updated(np.multiply),
    "pad": _padded,
    "set_at": _updated(None),
    "polyval": lambda a, x: np.polyval(
        np.array(a.case.attributes["coefficients"], x.dtype), x
    ),
    "put_in_windows": window_references.put,
    "quantile": _quantile,
    "row_starts": lambda a: np.array(
        [a.case.attributes["step"] * row for row in range(a.case.attributes["size"])],
        np.intp,
    ),
    "scatter_add": _scattered,
    "scatter_along_axis": _scattered_along,
    "sliding_window_view": window_references.windows,
    "solve_triangular": _solved_triangular,
    "sum_of_products": _einsum,
    "stop_gradient": lambda a, x: x,
    "sum_windows": window_references.sums,
    "take_of_windows": window_references.taken,
}
"""Hand-written meanings of ops that NumPy has no function of that name for."""
