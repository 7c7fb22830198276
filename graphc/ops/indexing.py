"""Reading parts of arrays: basic and integer-array indexing, and their adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import (
    DTypeError,
    GraphcError,
    OptionError,
    ShapeError,
)
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, Shape, broadcast_shapes, format_shape
from ..ir.facts import Facts, Role
from ..ir.literal import constant_of
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op
from ..ir.types import TensorType, is_integer
from .axes import normalize_axis
from .batched_indices import (
    getitem_of_examples,
    scatter_of_examples,
    update_of_examples,
)
from .clipping import clip
from .element_texts import of_index
from .indexing_as_loops import scattered, taken, updated
from .positions import (
    adding_allocation_free,
    adding_fast,
    are_distinct,
    at_one_of_each_row,
    indexed_axes,
    names_one_of_each_row,
    take_whole,
    updating_at,
)
from .rows import getitem_of_one_row
from .shape import expand_dims, reshape
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
    written_index,
)
from .source import ArrayLike, as_node
from .value_ranges import range_of_first


def _getitem_infer(x: TensorType, *arrays: TensorType, index: Index) -> TensorType:
    return x.with_shape(indexed_shape(x.shape, index, [a.shape for a in arrays]))


def _getitem_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    sizes = zip(index, x.shape, strict=False)
    is_of_axes = not arrays and all(item is not None for item in index)
    if is_of_axes and all(i == 0 and n == 1 for i, n in sizes if not is_whole(i)):
        # Only axes of one element are left out.
        axes = tuple(a for a, item in enumerate(index) if not is_whole(item))
        return (expand_dims(g, axes) if axes else g,)
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
        return take_whole(x, arrays[0], axis)
    if names_one_of_each_row(x.shape, tuple(arrays)) and not x.op.is_view(x):
        statement = "x.take(positions, out=out, mode='wrap')"
        return at_one_of_each_row(statement, x.shape)
    return None


def _is_identity(x: Node) -> bool:
    """True for a constant table of which each row is that of one label."""
    if x.op.role is not Role.CONSTANT or x.ndim != 2 or x.shape[0] != x.shape[1]:
        return False
    return np.array_equal(constant_of(x), np.eye(int(x.shape[0])))


def _has_step(item: Any) -> bool:
    return isinstance(item, Slice) and item.step not in (None, 1)


def _getitem_formula(node: Node) -> str | None:
    x, *arrays = node.inputs
    index: Index = node.attributes["index"]
    if all(item is None or is_whole(item) for item in index):
        return "view(x, result)"
    if len(arrays) == 1 and _is_identity(x) and index[0] is ARRAY:
        return f"onehot(arrays, {x.shape[1]})"
    if any(item is None or _has_step(item) for item in index):
        return of_index(index, x.shape, node.ndim, arrays)
    if x.ndim != 1 or node.shape or len(index) != 1:
        return None
    return "x[arrays]" if arrays else f"x[{index[0]}]"


def _getitem_gradients(node: Node) -> tuple[str | None, ...]:
    x, *arrays = node.inputs
    is_picked = x.ndim == 1 and not node.shape and len(arrays) == 1
    return (f"d * onehot(arrays, {x.shape[0]})",) if is_picked else ()


GETITEM = Op(
    name="getitem",
    mathematics=Mathematics(
        formula=_getitem_formula,
        written=lambda node: f"<0>_{{{written_index(node, 1)}}}",
        gradients=_getitem_gradients,
        elements=lambda node: of_index(
            node.attributes["index"], node.inputs[0].shape, node.ndim, node.inputs[1:]
        ),
        is_plain=True,
    ),
    inputs=("x", "*arrays"),
    infer=_getitem_infer,
    facts=Facts(called=("{x}_part", "part"), rearranges=True),
    kind="movement",
    loops=taken,
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
    batch=getitem_of_examples,
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
    return updating_at(node, "add", "+", "x")


def _scatter_fast(node: Node) -> str:
    if are_distinct(node):
        return f"out[{index_source(node)}] = x"
    return adding_fast(node, "x")


def _scatter_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    return (GETITEM(g, *arrays, index=index), *(None for _ in arrays))


def _scatter_jvp(tangents: tuple[Any, ...], out: Node, x: Node, *arrays: Node) -> Node:
    return SCATTER_ADD(tangents[0], *arrays, **out.attributes)


SCATTER_ADD = Op(
    name="scatter_add",
    mathematics=Mathematics(
        written=lambda node: f"scatter_{{{written_index(node, 1)}}}(<0>)",
        transposes=lambda node: (GETITEM, {"index": node.attributes["index"]}),
    ),
    inputs=("x", "*arrays"),
    infer=_scatter_infer,
    facts=Facts(
        called=("{x}_scattered", "scattered"),
        nonnegative=(0,),
        finite=(0,),
        multiply_adds=lambda node: node.inputs[0].shape,
    ),
    kind="movement",
    loops=scattered,
    numpy=lambda node: f"out = np.zeros(shape, dtype)\n{_scatter_statement(node)}",
    fast=lambda node: f"out = np.zeros(shape, dtype)\n{_scatter_fast(node)}",
    into=lambda node: f"out.fill(0)\n{_scatter_fast(node)}",
    allocation_free=lambda node: adding_allocation_free(
        node, node.inputs[1:], "out.fill(0)", "x"
    ),
    positions=lambda node: indexed_axes(1, node.attributes["index"], node.shape),
    batch=scatter_of_examples,
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
    mathematics=Mathematics(
        written=lambda node: f"add_{{{written_index(node, 2)}}}(<0>, <1>)"
    ),
    inputs=("x", "values", "*arrays"),
    infer=update_type,
    facts=Facts(
        nonnegative=(0, 1),
        finite=(0, 1),
        multiply_adds=lambda node: node.inputs[1].shape,
    ),
    kind="movement",
    loops=updated("+"),
    numpy=lambda node: f"out = x.copy()\n{updating_at(node, 'add', '+', 'values')}",
    fast=lambda node: f"out = x.copy()\n{adding_fast(node, 'values')}",
    into=lambda node: f"out[...] = x\n{adding_fast(node, 'values')}",
    allocation_free=lambda node: adding_allocation_free(
        node, node.inputs[2:], "out[...] = x", "values"
    ),
    positions=lambda node: indexed_axes(2, node.attributes["index"], node.shape),
    batch=update_of_examples,
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


@array_function
def take(
    a: ArrayLike, indices: ArrayLike, axis: int | None = None, *, mode: str = "raise"
) -> Node:
    """Elements at `indices` along `axis`, or of the flat array where None.

    Args:
        a: the array.
        indices: integer positions.
        axis: along which; None for the flat array.
        mode: what positions outside 0 to `size - 1` mean. `"raise"`: an error when the
            program runs, for negative ones too, because a label of -1 is more often a
            missing one than the last. `"wrap"`: the remainder by `size`, so that
            negative positions count from the end. `"clip"`: the nearest position.

    Raises:
        IndexRangeError: positions in the declaration that are out of range.
        OptionError: another `mode`.

    >>> import graphc as gc
    >>> table = gc.parameter("table", (1000, 16))
    >>> gc.take(table, gc.input("tokens", ("batch", "time"), "int64"), axis=0)
    <getitem float32 (batch, time, 16)>
    """
    x = as_node(a)
    if axis is None:
        x, axis = reshape(x, -1), 0
    position = normalize_axis(axis, x.ndim, x)
    chosen = as_node(indices)
    chosen = positions_in_mode(chosen, x.shape[position], mode)
    return getitem(x, (*(slice(None),) * position, chosen))


def positions_in_mode(positions: Node, size: Any, mode: str) -> Node:
    """Positions from 0 to `size - 1`, where others have a meaning."""
    if mode not in ("raise", "wrap", "clip"):
        raise OptionError(f'mode must be "raise", "wrap" or "clip", got {mode!r}')
    if mode == "raise" or not is_integer(positions.dtype):
        return positions
    return positions % size if mode == "wrap" else clip(positions, 0, size - 1)
