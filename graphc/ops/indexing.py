"""Reading parts of arrays: basic and integer-array indexing, and their adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import (
    DTypeError,
    GraphcError,
    ShapeError,
)
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, Shape, broadcast_shapes, format_shape, product
from ..ir.facts import Facts, Role
from ..ir.literal import constant_of, is_constant
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op
from ..ir.types import TensorType
from .rows import getitem_of_one_row
from .shape import EXPAND_DIMS, RESHAPE, SQUEEZE
from .slices import (
    ARRAY,
    Index,
    Slice,
    index_bounds,
    index_source,
    indexed_shape,
    is_whole,
    parse_index,
    whole_index,
)
from .source import ARANGE, ArrayLike, arange, as_node
from .value_ranges import range_of_first


def _getitem_infer(x: TensorType, *arrays: TensorType, index: Index) -> TensorType:
    return x.with_shape(indexed_shape(x.shape, index, [a.shape for a in arrays]))


def indexed_axes(
    arrays: int, index: Index, shape: Shape
) -> tuple[tuple[int, Dimension], ...]:
    """The inputs that hold positions, from `arrays` on, with sizes of their axes."""
    axes = zip((item for item in index if item is not None), shape, strict=True)
    sizes = [size for item, size in axes if item == ARRAY]
    return tuple(enumerate(sizes, arrays))


def _getitem_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    scattered = SCATTER_ADD(g, *arrays, index=index, shape=x.shape)
    return (scattered, *(None for _ in arrays))


def _getitem_jvp(tangents: tuple[Any, ...], out: Node, x: Node, *arrays: Node) -> Node:
    return GETITEM(tangents[0], *arrays, **out.attributes)


_FULL = Slice(None, None, None, 4)
_INDEX_CASES: tuple[Any, ...] = (
    ((3, 4), (1, _FULL), (), ()),
    ((3, 4), (Slice(0, 2, None, 2), -1), (), ()),
    ((3, 4), (None, Slice(None, None, -1, 3), _FULL), (), ()),
    ((5, 4), (ARRAY, _FULL), ((3,),), (5,)),
    ((5, 4), (ARRAY, ARRAY), ((3, 1), (2,)), (5, 4)),
    ((3, 4), (ARRAY, ARRAY), ((3,), (3,)), (3, 4)),
    ((5, 3, 4), (ARRAY, Slice(None, None, None, 3), ARRAY), ((2,), (2,)), (5, 4)),
    ((5, 3, 4), (_FULL, 1, ARRAY), ((2,),), (4,)),
)


def _getitem_cases() -> tuple[Case, ...]:
    return tuple(
        Case(
            (shape, *arrays),
            {"index": _sized(shape, index)},
            dtypes=("", *("int64" for _ in arrays)),
            maximum=(None, *bounds),
        )
        for shape, index, arrays, bounds in _INDEX_CASES
    )


def _sized(shape: tuple[int, ...], index: Index) -> Index:
    """Full slices with the size of their axis."""
    sizes = iter(shape)
    items: list[Any] = []
    for item in index:
        size = next(sizes) if item is not None else 1
        full = isinstance(item, Slice) and item.is_full
        items.append(Slice(None, None, None, size) if full else item)
    return tuple(items)


# NumPy's integer indexing always makes an array, and `take` does so whenever it checks
# the positions. They are checked beforehand, as everywhere; `mode="wrap"` then only
# means that the negative ones of a declaration count from the end.

_POSITION = np.dtype(np.intp)
"""The dtype of positions that NumPy uses as they are."""


def _row_starts_infer(*, size: Dimension, step: int) -> TensorType:
    return TensorType(_POSITION, (size,))


ROW_STARTS = Op(
    name="row_starts",
    inputs=(),
    infer=_row_starts_infer,
    kind="source",
    numpy="np.arange(0, size * step, step)",
    cases=(Case((), {"size": 3, "step": 4}), Case((), {"size": 0, "step": 2})),
)
"""The position at which each row of a matrix starts in its flat array."""


def _take_whole(x: Node, indices: Node, axis: int) -> AllocationFree | None:
    """`x.take(indices, axis)`, where NumPy need not convert the indices."""
    if indices.dtype != _POSITION:
        return None
    return AllocationFree(
        f"x.take(arrays[0], axis={axis}, out=out, mode='wrap')",
        {"x": x} if x.op.role is Role.CONSTANT else {},
    )


def _names_one_of_each_row(shape: Shape, arrays: tuple[Node, ...]) -> bool:
    """True where index arrays name one element of each row of a matrix, in order."""
    if len(shape) != 2 or len(arrays) != 2 or not isinstance(shape[1], int):
        return False
    rows, columns = arrays
    return (
        rows.op is ARANGE
        and rows.shape == columns.shape == shape[:1]
        and columns.dtype == _POSITION
    )


def _at_one_of_each_row(statement: str, shape: Shape) -> AllocationFree:
    """A statement that uses `positions` in the flat array of a matrix.

    Args:
        statement: what to do there.
        shape: that of the matrix; the number of columns is known.
    """
    rows, count = shape
    assert isinstance(count, int)
    return AllocationFree(
        statement,
        {
            "columns": arange(count).named("columns"),
            "starts": ROW_STARTS(size=rows, step=count).named("starts"),
            "positions": TensorType(_POSITION, (rows,)),
        },
        setup="columns.take(arrays[1], out=positions, mode='wrap')\n"
        "np.add(positions, starts, out=positions)",
    )


def _taken_axis(node: Node) -> int | None:
    """The only axis that is indexed, if that is by an array of positions."""
    index = node.attributes["index"]
    others = [item for item in index if item != ARRAY]
    if len(index) - len(others) != 1 or not all(is_whole(item) for item in others):
        return None
    positions = node.inputs[1]
    can_be_taken = positions.ndim and np.can_cast(positions.dtype, np.intp, "safe")
    return index.index(ARRAY) if can_be_taken else None


def _getitem_fast(node: Node) -> str:
    """`ndarray.take` for whole rows, which takes half the time of indexing."""
    axis = _taken_axis(node)
    if axis is None:
        return f"x[{index_source(node)}]"
    return f"x.take(arrays[0], axis={axis})"


def _getitem_allocation_free(node: Node) -> AllocationFree | None:
    x, *arrays = node.inputs
    axis = _taken_axis(node)
    if axis is not None:
        return _take_whole(x, arrays[0], axis)
    if _names_one_of_each_row(x.shape, tuple(arrays)) and not x.op.is_view(x):
        statement = "x.take(positions, out=out, mode='wrap')"
        return _at_one_of_each_row(statement, x.shape)
    return None


GETITEM = Op(
    name="getitem",
    inputs=("x", "*arrays"),
    infer=_getitem_infer,
    facts=Facts(rearranges=True),
    kind="movement",
    # NumPy takes an integer array without axes for an integer.
    view_when=lambda node: not any(array.ndim for array in node.inputs[1:]),
    numpy=lambda node: f"x[{index_source(node)}]",
    fast=_getitem_fast,
    into=lambda node: f"out[...] = {_getitem_fast(node)}",
    allocation_free=_getitem_allocation_free,
    positions=lambda node: indexed_axes(
        1, node.attributes["index"], node.inputs[0].shape
    ),
    value_range=range_of_first,
    size_bounds=lambda node: index_bounds(
        node.attributes["index"], node.inputs[0].shape
    ),
    one_row=getitem_of_one_row,
    vjp=_getitem_vjp,
    jvp=_getitem_jvp,
    cases=_getitem_cases(),
)


def _scatter_infer(
    g: TensorType, *arrays: TensorType, index: Index, shape: Shape
) -> TensorType:
    expected = indexed_shape(shape, index, [a.shape for a in arrays])
    if expected != g.shape:
        raise ShapeError(
            f"requires values of shape {format_shape(expected)}, "
            f"got {format_shape(g.shape)}"
        )
    return g.with_shape(shape)


def _scatter_statement(node: Node) -> str:
    if are_distinct(node):
        return f"out[{index_source(node)}] = x"
    return _adding_at(node, "x")


def are_distinct(node: Node) -> bool:
    """True where it is known that no position of an update is repeated.

    So are slices, positions of which every one is in a row of its own, and known ones.
    """
    arrays = node.inputs[node.op.inputs.index("*arrays") :]
    if all(is_constant(array) for array in arrays):
        places = indexed_axes(0, node.attributes["index"], node.shape)
        return _known_are_distinct([*map(constant_of, arrays)], [d for _, d in places])
    return any(array.op is ARANGE for array in arrays) and all(
        array.shape == arrays[0].shape for array in arrays
    )


def _known_are_distinct(arrays: list[Any], sizes: list[Dimension]) -> bool:
    if not arrays:
        return True
    rows = np.stack(np.broadcast_arrays(*arrays)).reshape(len(arrays), -1)
    for row, size in zip(rows, sizes, strict=True):
        if isinstance(size, int) and size:
            row %= size
        elif (row < 0).any() and (row >= 0).any():
            return False
    return np.unique(rows, axis=1).shape == rows.shape


def _adding_at(node: Node, values: str) -> str:
    """The statement that adds at positions.

    Where one may be repeated, only `np.add.at` adds to it each time. It takes ten times
    as long as an assignment that reads, adds and writes.
    """
    return updating_at(node, "add", "+", values)


def updating_at(node: Node, ufunc: str, operator: str, values: str) -> str:
    """The statement that combines what is at positions of `out` with values, and does
    so again where a position is repeated."""
    index = index_source(node)
    if operator and are_distinct(node):
        return f"out[{index}] {operator}= {values}"
    if ":" in index:
        index = f"np.s_[{index}]"
    elif "," in index:
        index = f"({index})"
    return f"np.{ufunc}.at(out, {index}, {values})"


def _adding_allocation_free(
    node: Node, arrays: tuple[Node, ...], start: str, values: str
) -> AllocationFree | None:
    """For one position in each row: `+=` would make an array of what is there. And for
    whole rows, at positions of numbers: that takes a third to an eighth of the time."""
    if _names_one_of_each_row(node.shape, arrays):
        statement = f"{start}\nnp.add.at(out.reshape(-1), positions, {values})"
        return _at_one_of_each_row(statement, node.shape)
    if not _adds_rows(node, arrays):
        return None
    width, rows = product(node.shape[1:]), arrays[0].size
    flat = f"np.add.at(out.reshape(-1), positions.reshape(-1), {values}.reshape(-1))"
    return AllocationFree(
        f"{start}\n{flat}",
        {
            "columns": arange(width).named("columns"),
            "positions": TensorType(_POSITION, (rows, width)),
        },
        setup="np.multiply(arrays[0].reshape(-1, 1), "
        f"{width}, out=positions, dtype=np.intp)\n"
        "np.add(positions, columns, out=positions)",
    )


def _adds_rows(node: Node, arrays: tuple[Node, ...]) -> bool:
    """True where values stand one after the other, and go to whole rows of a table."""
    index, (width, *others) = node.attributes["index"], node.shape[1:] or (1,)
    values = node.inputs[node.op.inputs.index("*arrays") - 1]
    expected = indexed_shape(node.shape, index, [array.shape for array in arrays])
    while values.op in (EXPAND_DIMS, RESHAPE, SQUEEZE):
        values = values.inputs[0]
    return (
        len(arrays) == 1
        and index[0] == ARRAY
        and all(is_whole(item) for item in index[1:])
        and all(isinstance(size, int) for size in (width, *others))
        and product((width, *others)) not in (0, 1)
        and np.can_cast(arrays[0].dtype, np.intp, "safe")
        and not are_distinct(node)
        and values.size == product(expected)
        and not values.op.is_view(values)
    )


def _scatter_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    return (GETITEM(g, *arrays, index=index), *(None for _ in arrays))


def _scatter_jvp(tangents: tuple[Any, ...], out: Node, x: Node, *arrays: Node) -> Node:
    return SCATTER_ADD(tangents[0], *arrays, **out.attributes)


def _scatter_fast(node: Node) -> str:
    width = product(node.shape[1:])
    if not _adds_rows(node, node.inputs[1:]):
        return f"out = np.zeros(shape, dtype)\n{_scatter_statement(node)}"
    return (
        "out = np.zeros(shape, dtype)\n"
        f"positions = arrays[0].reshape(-1, 1) * {width} + np.arange({width})\n"
        "np.add.at(out.reshape(-1), positions.reshape(-1), x.reshape(-1))"
    )


SCATTER_ADD = Op(
    name="scatter_add",
    inputs=("x", "*arrays"),
    infer=_scatter_infer,
    facts=Facts(
        nonnegative=(0,), finite=(0,), multiply_adds=lambda node: node.inputs[0].shape
    ),
    kind="movement",
    numpy=lambda node: f"out = np.zeros(shape, dtype)\n{_scatter_statement(node)}",
    fast=_scatter_fast,
    into=lambda node: f"out.fill(0)\n{_scatter_statement(node)}",
    allocation_free=lambda node: _adding_allocation_free(
        node, node.inputs[1:], "out.fill(0)", "x"
    ),
    positions=lambda node: indexed_axes(1, node.attributes["index"], node.shape),
    vjp=_scatter_vjp,
    jvp=_scatter_jvp,
    size_bounds=lambda node: index_bounds(node.attributes["index"], node.shape),
    cases=tuple(
        Case(
            (
                tuple(
                    int(d)
                    for d in indexed_shape(shape, _sized(shape, index), list(arrays))
                ),
                *arrays,
            ),
            {"index": _sized(shape, index), "shape": shape},
            dtypes=("", *("int64" for _ in arrays)),
            maximum=(None, *bounds),
        )
        for shape, index, arrays, bounds in _INDEX_CASES
    ),
)


def update_type(
    x: TensorType, values: TensorType, *arrays: TensorType, index: Index
) -> TensorType:
    """The type rule of updates: values broadcast to what is indexed."""
    chosen = indexed_shape(x.shape, index, [array.shape for array in arrays])
    try:
        fits = broadcast_shapes(values.shape, chosen) == chosen
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            f"requires values that broadcast to {format_shape(chosen)}, "
            f"got {format_shape(values.shape)}"
        )
    if values.dtype != x.dtype:
        raise DTypeError(f"requires values of dtype {x.dtype}, got {values}")
    return x


def _add_at_vjp(
    g: Node, out: Node, x: Node, values: Node, *arrays: Node
) -> tuple[Any, ...]:
    return (g, GETITEM(g, *arrays, **out.attributes), *(None for _ in arrays))


def _add_at_jvp(
    tangents: tuple[Any, ...], out: Node, x: Node, values: Node, *arrays: Node
) -> Node:
    return ADD_AT(tangents[0], tangents[1], *arrays, **out.attributes)


ADD_AT = Op(
    name="add_at",
    inputs=("x", "values", "*arrays"),
    infer=update_type,
    facts=Facts(
        nonnegative=(0, 1),
        finite=(0, 1),
        multiply_adds=lambda node: node.inputs[1].shape,
    ),
    kind="movement",
    numpy=lambda node: f"out = x.copy()\n{_adding_at(node, 'values')}",
    into=lambda node: f"out[...] = x\n{_adding_at(node, 'values')}",
    allocation_free=lambda node: _adding_allocation_free(
        node, node.inputs[2:], "out[...] = x", "values"
    ),
    positions=lambda node: indexed_axes(2, node.attributes["index"], node.shape),
    vjp=_add_at_vjp,
    jvp=_add_at_jvp,
    size_bounds=lambda node: index_bounds(node.attributes["index"], node.shape),
    cases=tuple(
        Case(
            (shape, values, *arrays),
            {"index": _sized(shape, index)},
            dtypes=("", "", *("int64" for _ in arrays)),
            maximum=(None, None, *bounds),
        )
        for (shape, index, arrays, bounds), values in zip(
            _INDEX_CASES[3:], ((3, 4), (3, 2), (3,), (3,), ()), strict=True
        )
    ),
)
"""`x` with values added at some positions, and again where a position is repeated."""


@array_function
def getitem(a: ArrayLike, index: Any) -> Node:
    """`a[index]` with ints, slices, None, `...` and integer arrays, as NumPy indexes.

    What is known now is checked now, and negative positions count from the end, as in
    NumPy. Positions that depend on data are checked when the program runs: they must be
    from 0 to the size of the axis less one. See `take` for others.
    """
    x = as_node(a)
    try:
        static, arrays = parse_index(x, index)
    except GraphcError as error:
        raise error.locate(node=f"indexing of {x.describe()}") from None
    return GETITEM(x, *arrays, index=static)


def slice_axis(x: Node, axis: int, start: Dimension, stop: Dimension) -> Node:
    """`x[..., start:stop, ...]` along one axis."""
    index = whole_index(x.shape)
    index[axis] = Slice(start, stop, None, stop - start)
    return GETITEM(x, index=tuple(index))
