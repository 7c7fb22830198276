"""Statements of NumPy at positions: the quickest that is right for the ones given.

What is known of positions decides: whether they are repeated, and whether they name
whole rows, or one element of each row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dims import Dimension, Shape, broadcast_shapes, product
from ..ir.facts import Role
from ..ir.literal import constant_of, is_constant
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op
from ..ir.types import TensorType
from .arithmetic import is_large
from .rearranged_as_loops import row_starts
from .shape import EXPAND_DIMS, RESHAPE, SQUEEZE
from .slices import ARRAY, Index, index_source, indexed_shape, is_whole
from .source import ARANGE, arange


def indexed_axes(
    arrays: int, index: Index, shape: Shape
) -> tuple[tuple[int, Dimension], ...]:
    """The inputs that hold positions, from `arrays` on, with sizes of their axes."""
    axes = zip((item for item in index if item is not None), shape, strict=True)
    sizes = [size for item, size in axes if item == ARRAY]
    return tuple(enumerate(sizes, arrays))


# NumPy's integer indexing always makes an array, and `take` does so whenever it checks
# the positions. They are checked beforehand, as everywhere; `mode="wrap"` then only
# means that the negative ones of a declaration count from the end.

_POSITION = np.dtype(np.intp)
"""The dtype of positions that NumPy uses as they are."""


def _row_starts_infer(*, size: Dimension, step: int) -> TensorType:
    return TensorType(_POSITION, (size,))


ROW_STARTS = Op(
    name="row_starts",
    loops=row_starts,
    inputs=(),
    infer=_row_starts_infer,
    kind="source",
    numpy="np.arange(0, size * step, step)",
    cases=(Case((), {"size": 3, "step": 4}), Case((), {"size": 0, "step": 2})),
)
"""The position at which each row of a matrix starts in its flat array."""


def take_whole(x: Node, indices: Node, axis: int) -> AllocationFree | None:
    """`x.take(indices, axis)`, where NumPy need not convert the indices."""
    if indices.dtype != _POSITION:
        return None
    return AllocationFree(
        f"x.take(arrays[0], axis={axis}, out=out, mode='wrap')",
        {"x": x} if x.op.role is Role.CONSTANT else {},
    )


def names_one_of_each_row(shape: Shape, arrays: tuple[Node, ...]) -> bool:
    """True where index arrays name one element of each row of a matrix, in order."""
    if len(shape) != 2 or len(arrays) != 2 or not isinstance(shape[1], int):
        return False
    rows, columns = arrays
    return (
        rows.op is ARANGE
        and rows.shape == columns.shape == shape[:1]
        and columns.dtype == _POSITION
    )


def at_one_of_each_row(statement: str, shape: Shape) -> AllocationFree:
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


def updating_at(node: Node, ufunc: str, operator: str, values: str) -> str:
    """The statement that combines what is at positions of `out` with values, and does
    so again where a position is repeated."""
    index = index_source(node)
    if operator and are_distinct(node):
        given = node.inputs[node.op.inputs.index("*arrays") - 1]
        if (told := _as_number(given)) is None:
            return f"out[{index}] {operator}= {values}"
        if operator == "+" and told.startswith("-"):
            return f"out[{index}] -= {told[1:]}"
        return f"out[{index}] {operator}= {told}"
    if _are_one_line_at_a_grid(node):
        values = f"np.broadcast_to({values}, {index}.shape)"
    if ":" in index:
        index = f"np.s_[{index}]"
    elif "," in index:
        index = f"({index})"
    return f"np.{ufunc}.at(out, {index}, {values})"


def _as_number(node: Node) -> str | None:
    """A finite number, which takes its dtype from the array that it changes."""
    if node.shape or not is_constant(node) or node.dtype.kind != "f":
        return None
    value = constant_of(node)[()]
    return repr(float(str(value))) if np.isfinite(value) else None


def _are_one_line_at_a_grid(node: Node) -> bool:
    """True for a vector at positions, in another vector, of more than one axis: NumPy's
    `ufunc.at` reads beyond it in place of broadcasting it, in 2.4 and before."""
    place = node.op.inputs.index("*arrays")
    arrays = node.inputs[place:]
    return (
        node.ndim == len(arrays) == node.inputs[place - 1].ndim == 1
        and arrays[0].ndim > 1
    )


def adding_fast(node: Node, values: str) -> str:
    """The statements that add at positions, which may be repeated, in fast style.

    `np.add.at` is quick at positions of numbers in a flat array. On rows, and for
    several index arrays, it takes three to eight times as long.
    """
    arrays = node.inputs[node.op.inputs.index("*arrays") :]
    if adds_rows(node, arrays):
        width = product(node.shape[1:])
        rows = f"np.multiply(arrays[0].reshape(-1, 1), {width}, dtype=np.intp)"
        return f"positions = {rows} + np.arange({width})\n{adding_flat(values)}"
    given = node.inputs[node.op.inputs.index("*arrays") - 1]
    merged = broadcast_shapes(*(array.shape for array in arrays))
    if (
        len(arrays) > 1
        and all(item == ARRAY for item in node.attributes["index"])
        and all(np.can_cast(array.dtype, np.intp, "safe") for array in arrays)
        and given.shape == merged
        and is_large(merged)
        and not are_distinct(node)
    ):
        items = ", ".join(f"arrays[{place}]" for place in range(len(arrays)))
        grid = f"np.ravel_multi_index(({items}), out.shape, mode='wrap')"
        return f"positions = {grid}\n{adding_flat(values)}"
    return updating_at(node, "add", "+", values)


def adding_flat(values: str) -> str:
    """The statement that adds at `positions` of numbers."""
    return f"np.add.at(out.reshape(-1), positions.reshape(-1), {values}.reshape(-1))"


def adding_allocation_free(
    node: Node, arrays: tuple[Node, ...], start: str, values: str
) -> AllocationFree | None:
    """For one position in each row: `+=` would make an array of what is there. And for
    whole rows, at positions of numbers: that takes a third to an eighth of the time."""
    if names_one_of_each_row(node.shape, arrays):
        statement = f"{start}\nnp.add.at(out.reshape(-1), positions, {values})"
        return at_one_of_each_row(statement, node.shape)
    if not adds_rows(node, arrays):
        return None
    width, rows = product(node.shape[1:]), arrays[0].size
    return AllocationFree(
        f"{start}\n{adding_flat(values)}",
        {
            "columns": arange(width).named("columns"),
            "positions": TensorType(_POSITION, (rows, width)),
        },
        setup="np.multiply(arrays[0].reshape(-1, 1), "
        f"{width}, out=positions, dtype=np.intp)\n"
        "np.add(positions, columns, out=positions)",
    )


def adds_rows(node: Node, arrays: tuple[Node, ...]) -> bool:
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
