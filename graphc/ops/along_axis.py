"""Reading one element, or several, of each line along an axis, and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, Shape, broadcast_shapes, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, is_integer
from .arithmetic import is_large
from .as_loops import scattered_along, taken_along
from .axes import normalize_axis
from .element_texts import at, elements, letters
from .indexing import GETITEM
from .orders import ARGPARTITION, ARGSORT
from .positions import adding_flat
from .shape import BROADCAST_TO, broadcast_to, reshape
from .slices import Slice
from .source import ArrayLike, as_node
from .value_ranges import range_of_first


def _along_infer(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    if not is_integer(indices.dtype):
        raise DTypeError(f"indices must be integers, got {indices}")
    if x.ndim != indices.ndim:
        raise ShapeError(
            f"requires indices with as many axes as the array, "
            f"got {format_shape(indices.shape)} for {format_shape(x.shape)}",
            hint="gc.expand_dims(indices, axis)",
        )
    for position, (size, count) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if position != axis and size != count:
            raise ShapeError(
                f"requires equal sizes except along axis {axis}, "
                f"got {format_shape(x.shape)} and {format_shape(indices.shape)}"
            )
    return x.with_shape(indices.shape)


def _along(node: Node, shape: Shape) -> tuple[tuple[int, Dimension], ...]:
    axis: int = node.attributes["axis"]
    return ((1, shape[axis]),)


_ALONG_CASES: tuple[Any, ...] = (
    ((3, 4), (3, 1), 1),
    ((3, 4), (2, 4), 0),
    ((5,), (3,), 0),
    ((0, 4), (0, 1), 1),
)


def _take_fast(node: Node) -> str:
    """One element of each row by plain indexing, which takes half the time."""
    if node.ndim == 2 and node.attributes["axis"] == 1 and node.shape[1] == 1:
        rows = node.shape[0]
        count = rows if isinstance(rows, int) else rows.source("dim_")
        return f"x[np.arange({count}), indices[:, 0], None]"
    return "np.take_along_axis(x, indices, axis=axis)"


def _takes_one(node: Node) -> bool:
    """True where one element is taken along the axis, for each of the others."""
    axis: int = node.attributes["axis"]
    x, indices = (each.shape for each in node.inputs)
    return indices == (*x[:axis], 1, *x[axis + 1 :])


def _take_elements(node: Node) -> str:
    """The element at the position along the axis, and the others' own."""
    axis: int = node.attributes["axis"]
    names = letters(node.ndim)
    own = ["0" if n == 1 else k for k, n in zip(names, node.shape, strict=True)]
    taken = [*names[:axis], at("indices", own), *names[axis + 1 :]]
    return elements(names, at("x", taken))


TAKE_ALONG_AXIS = Op(
    name="take_along_axis",
    mathematics=Mathematics(
        formula=lambda node: (
            "view(pick(x, drop(indices, axis), axis), result)"
            if _takes_one(node)
            else None
        ),
        gradients=lambda node: (
            (f"d * onehot(drop(indices, axis), {node.inputs[0].shape[0]})",)
            if node.ndim == 1 and _takes_one(node)
            else ()
        ),
        elements=_take_elements,
    ),
    inputs=("x", "indices"),
    infer=_along_infer,
    facts=Facts(rearranges=True),
    kind="movement",
    loops=taken_along,
    numpy="np.take_along_axis(x, indices, axis=axis)",
    into=lambda node: f"out[...] = {_take_fast(node)}",
    fast=_take_fast,
    positions=lambda node: _along(node, node.inputs[0].shape),
    value_range=range_of_first,
    vjp=lambda g, out, x, indices: (
        SCATTER_ALONG_AXIS(g, indices, shape=x.shape, axis=out.attributes["axis"]),
        None,
    ),
    jvp=lambda tangents, out, x, indices: TAKE_ALONG_AXIS(
        tangents[0], indices, **out.attributes
    ),
    cases=tuple(
        Case(
            (shape, indices),
            {"axis": axis},
            dtypes=("", "int64"),
            maximum=(None, shape[axis]),
        )
        for shape, indices, axis in _ALONG_CASES
    ),
)


@array_function
def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Node:
    """One element, or several, of each line along `axis`: `arr[i, indices[i, j]]`.

    The other axes of both broadcast. None is the only axis of the flat array. Positions
    that depend on data must be from 0 to the size of the axis less one.

    >>> import graphc as gc
    >>> gc.evaluate(gc.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], 1), {})
    array([[2.],
           [3.]])
    """
    x = as_node(arr)
    chosen = as_node(indices)
    if axis is None:
        x, axis = reshape(x, -1), 0
    along = normalize_axis(axis, x.ndim, x)
    return TAKE_ALONG_AXIS(*broadcast_along(x, chosen, along), axis=along)


def broadcast_along(x: Node, indices: Node, axis: int) -> tuple[Node, Node]:
    """Both with equal sizes but along `axis`, where they broadcast to such."""
    if x.ndim != indices.ndim:
        return x, indices
    before, after = slice(None, axis), slice(axis + 1, None)
    try:
        head = broadcast_shapes(x.shape[before], indices.shape[before])
        tail = broadcast_shapes(x.shape[after], indices.shape[after])
    except ShapeError:
        # The op's own rule says what is wrong.
        return x, indices
    return (
        broadcast_to(x, (*head, x.shape[axis], *tail)),
        broadcast_to(indices, (*head, indices.shape[axis], *tail)),
    )


def _scatter_along_infer(
    x: TensorType, indices: TensorType, *, shape: Shape, axis: int
) -> TensorType:
    expected = _along_infer(TensorType(x.dtype, shape), indices, axis=axis)
    if expected.shape != x.shape:
        raise ShapeError(
            f"requires values of shape {format_shape(expected.shape)}, "
            f"got {format_shape(x.shape)}"
        )
    return x.with_shape(shape)


def _are_distinct(positions: Node, axis: int) -> bool:
    """True where no position is repeated along an axis: those of an order, and a part
    of them."""
    if positions.op in (ARGSORT, ARGPARTITION):
        return positions.attributes["axis"] == axis
    if positions.op is TAKE_ALONG_AXIS and positions.attributes["axis"] == axis:
        return all(_are_distinct(each, axis) for each in positions.inputs)
    if positions.op is BROADCAST_TO:
        inner = positions.inputs[0]
        place = axis - (positions.ndim - inner.ndim)
        return place >= 0 and _are_distinct(inner, place)
    # Of as many axes, it only leaves some positions out, or turns them round.
    if positions.op is GETITEM and len(positions.inputs) == 1:
        items = positions.attributes["index"]
        sliced = all(isinstance(item, Slice) for item in items)
        return sliced and _are_distinct(positions.inputs[0], axis)
    return False


def _scatter_along_statement(node: Node, *, fast: bool = False) -> str:
    axis: int = node.attributes["axis"]
    if node.inputs[1].shape[axis] == 1 or _are_distinct(node.inputs[1], axis):
        return "np.put_along_axis(out, indices, x, axis=axis)"
    grid: list[str] = []
    for position in range(node.ndim):
        if position == axis:
            grid.append("indices")
            continue
        index = ["None"] * node.ndim
        index[position] = ":"
        grid.append(f"np.arange(indices.shape[{position}])[{', '.join(index)}]")
    index = f"({', '.join(grid)},)"
    can_be_flat = np.can_cast(node.inputs[1].dtype, np.intp, "safe")
    if fast and can_be_flat and is_large(node.inputs[1].shape):
        flat = f"np.ravel_multi_index({index}, out.shape, mode='wrap')"
        return f"positions = {flat}\n{adding_flat('x')}"
    return f"np.add.at(out, {index}, x)"


SCATTER_ALONG_AXIS = Op(
    name="scatter_along_axis",
    mathematics=Mathematics(
        transposes=lambda node: (TAKE_ALONG_AXIS, {"axis": node.attributes["axis"]})
    ),
    inputs=("x", "indices"),
    infer=_scatter_along_infer,
    facts=Facts(
        nonnegative=(0,), finite=(0,), multiply_adds=lambda node: node.inputs[0].shape
    ),
    kind="movement",
    loops=scattered_along,
    numpy=lambda node: (
        f"out = np.zeros(shape, dtype)\n{_scatter_along_statement(node)}"
    ),
    fast=lambda node: (
        f"out = np.zeros(shape, dtype)\n{_scatter_along_statement(node, fast=True)}"
    ),
    into=lambda node: f"out.fill(0)\n{_scatter_along_statement(node, fast=True)}",
    positions=lambda node: _along(node, node.shape),
    vjp=lambda g, out, x, indices: (
        TAKE_ALONG_AXIS(g, indices, axis=out.attributes["axis"]),
        None,
    ),
    jvp=lambda tangents, out, x, indices: SCATTER_ALONG_AXIS(
        tangents[0], indices, **out.attributes
    ),
    cases=tuple(
        Case(
            (indices, indices),
            {"shape": shape, "axis": axis},
            dtypes=("", "int64"),
            maximum=(None, shape[axis]),
        )
        for shape, indices, axis in _ALONG_CASES
    ),
)
