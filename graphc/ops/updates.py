"""Arrays with some elements replaced by values, or combined with them.

That is NumPy's `x[index] = values` and `ufunc.at`, which leave `x` as it is. The
derivative of an update is one, too, at the same index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.dims import Dim, Shape, broadcast_shapes, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from .arithmetic import maximum, where
from .batched_indices import update_of_examples
from .comparison import equal, logical_and, logical_not
from .indexing import GETITEM, SCATTER_ADD, update_type
from .indexing_as_loops import updated
from .positions import are_distinct, indexed_axes, updating_at
from .products import prod
from .shape import broadcast_to, expand_dims, moveaxis, reshape
from .slices import (
    ARRAY,
    Slice,
    index_bounds,
    index_source,
    indexed_shape,
    written_index,
)
from .source import arange, astype, full

_CASES = (
    Case(((3, 4), (1,)), {"index": (Slice(None, None, -1, 3), 1)}),
    Case(
        ((3, 2), (4, 2), (4,)),
        {"index": (ARRAY, Slice(None, None, None, 2))},
        dtypes=("", "", "int64"),
        maximum=(None, None, 3),
    ),
    Case(
        ((2, 3), (3, 2), (3, 1), (2,)),
        {"index": (ARRAY, ARRAY)},
        dtypes=("", "", "int64", "int64"),
        maximum=(None, None, 2, 3),
    ),
)


def _update(
    name: str,
    statement: Callable[[Node], str],
    vjp: Callable[..., Sequence[Any]],
    jvp: Callable[..., Node],
    facts: Facts,
    combine: str,
) -> Op:
    return Op(
        name=name,
        mathematics=Mathematics(
            written=lambda node: (
                f"{name.removesuffix('_at')}_{{{written_index(node, 2)}}}(<0>, <1>)"
            )
        ),
        inputs=("x", "values", "*arrays"),
        infer=update_type,
        facts=facts,
        kind="movement",
        loops=updated(combine),
        numpy=lambda node: f"out = x.copy()\n{statement(node)}",
        into=lambda node: f"out[...] = x\n{statement(node)}",
        positions=lambda node: indexed_axes(2, node.attributes["index"], node.shape),
        size_bounds=lambda node: index_bounds(node.attributes["index"], node.shape),
        batch=update_of_examples,
        vjp=vjp,
        jvp=jvp,
        cases=_CASES,
    )


def _chosen(out: Node) -> Shape:
    """The shape of what the index of an update chooses."""
    arrays = [array.shape for array in out.inputs[2:]]
    return indexed_shape(out.shape, out.attributes["index"], arrays)


# Values in place of elements


def _is_kept(out: Node) -> Node | None:
    """True for each value that stands in the result, False where a later one does."""
    if are_distinct(out):
        return None
    index, arrays = out.attributes["index"], out.inputs[2:]
    shape = _chosen(out)
    order = reshape(arange(product(shape)), shape)
    last = SET_AT(full(out.shape, -1, order.dtype), order, *arrays, index=index)
    return equal(GETITEM(last, *arrays, index=index), order)


def _set_vjp(
    g: Node, out: Node, x: Node, values: Node, *arrays: Node
) -> tuple[Node | None, ...]:
    index = out.attributes["index"]
    zero = full((), 0.0, g.dtype)
    to_values = GETITEM(g, *arrays, index=index)
    kept = _is_kept(out)
    if kept is not None:
        to_values = where(kept, to_values, zero)
    to_x = SET_AT(g, zero, *arrays, index=index)
    return (to_x, to_values, *(None for _ in arrays))


def _set_jvp(
    tangents: tuple[Any, ...], out: Node, x: Node, values: Node, *arrays: Node
) -> Node:
    return SET_AT(tangents[0], tangents[1], *arrays, **out.attributes)


SET_AT = _update(
    "set_at",
    lambda node: f"out[{index_source(node)}] = values",
    _set_vjp,
    _set_jvp,
    Facts(nonnegative=(0, 1), finite=(0, 1), overflows=False),
    "",
)


# Products


def _other_factors(out: Node, x: Node, values: Node, arrays: tuple[Node, ...]) -> Node:
    """The product of all that stands in the same element as each value, but for it."""
    index = out.attributes["index"]
    taken = GETITEM(x, *arrays, index=index)
    if are_distinct(out):
        return taken
    # The axes of index arrays, along which positions are repeated, go to the front.
    shape, mark = _chosen(out), Dim("merged")
    place = indexed_shape(out.shape, index, [(mark,)] * len(arrays)).index(mark)
    merged = broadcast_shapes(*(array.shape for array in arrays))
    axes = tuple(range(place, place + len(merged)))
    count = product(merged)
    front = moveaxis(broadcast_to(values, shape), axes, tuple(range(len(axes))))
    rows = reshape(front, (count, *front.shape[len(axes) :]))
    places = arange(count)
    same = logical_not(equal(expand_dims(places, 1), places))
    for array, (_, size) in zip(arrays, indexed_axes(0, index, out.shape), strict=True):
        flat = reshape(broadcast_to(array, merged), (count,)) % size
        same = logical_and(same, equal(expand_dims(flat, 1), flat))
    mask = expand_dims(same, tuple(range(2, rows.ndim + 1)))
    others = prod(where(mask, expand_dims(rows, 0), full((), 1.0, x.dtype)), axis=1)
    return taken * moveaxis(reshape(others, front.shape), tuple(range(len(axes))), axes)


def _multiply_vjp(
    g: Node, out: Node, x: Node, values: Node, *arrays: Node
) -> tuple[Node | None, ...]:
    others = _other_factors(out, x, values, arrays)
    return (
        MULTIPLY_AT(g, values, *arrays, **out.attributes),
        GETITEM(g, *arrays, **out.attributes) * others,
        *(None for _ in arrays),
    )


def _multiply_jvp(
    tangents: tuple[Any, ...], out: Node, x: Node, values: Node, *arrays: Node
) -> Node:
    changed = tangents[1] * _other_factors(out, x, values, arrays)
    added = SCATTER_ADD(changed, *arrays, **out.attributes, shape=out.shape)
    return MULTIPLY_AT(tangents[0], values, *arrays, **out.attributes) + added


MULTIPLY_AT = _update(
    "multiply_at",
    lambda node: updating_at(node, "multiply", "*", "values"),
    _multiply_vjp,
    _multiply_jvp,
    Facts(nonnegative=(0, 1), finite=(0, 1)),
    "*",
)


# Extrema


def _attaining(
    out: Node, x: Node, values: Node, arrays: tuple[Node, ...]
) -> tuple[Node, Node, Node]:
    """For the array and for the values 1 where they are the extremum, and how many."""
    index = out.attributes["index"]
    found = GETITEM(out, *arrays, index=index)
    of_x = astype(equal(x, out), x.dtype)
    of_values = astype(equal(values, found), x.dtype)
    counted = SCATTER_ADD(of_values, *arrays, index=index, shape=out.shape)
    return of_x, of_values, maximum(of_x + counted, full((), 1.0, x.dtype))


def _extremum_vjp(
    g: Node, out: Node, x: Node, values: Node, *arrays: Node
) -> tuple[Node | None, ...]:
    of_x, of_values, count = _attaining(out, x, values, arrays)
    share = g / count
    taken = GETITEM(share, *arrays, **out.attributes)
    return (share * of_x, taken * of_values, *(None for _ in arrays))


def _extremum_jvp(
    tangents: tuple[Any, ...], out: Node, x: Node, values: Node, *arrays: Node
) -> Node:
    of_x, of_values, count = _attaining(out, x, values, arrays)
    added = SCATTER_ADD(
        tangents[1] * of_values, *arrays, **out.attributes, shape=out.shape
    )
    return (tangents[0] * of_x + added) / count


def _extremum(ufunc: str) -> Op:
    return _update(
        f"{ufunc}_at",
        lambda node: updating_at(node, ufunc, "", "values"),
        _extremum_vjp,
        _extremum_jvp,
        Facts(nonnegative=(0, 1), finite=(0, 1), overflows=False),
        {"maximum": "max", "minimum": "min"}[ufunc],
    )


MAXIMUM_AT = _extremum("maximum")
MINIMUM_AT = _extremum("minimum")
