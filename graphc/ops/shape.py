"""Ops that give an array another shape, or its axes another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..errors import GraphcError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import (
    Dim,
    Dimension,
    Shape,
    as_dimension,
    as_shape,
    broadcast_shapes,
    format_shape,
    product,
)
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.rows import Rows, long_axes, without_ones
from ..ir.types import TensorType
from .as_loops import broadcast_of, in_order, transposed
from .axes import normalize_axes, normalize_axis, ordered_axes
from .source import ArrayLike, as_node


def _reshape_infer(x: TensorType, *, shape: Shape) -> TensorType:
    if product(shape) != x.size:
        raise ShapeError(
            f"requires as many elements as before, got {format_shape(x.shape)} "
            f"({x.size} elements) to {format_shape(shape)} ({product(shape)})",
            hint="-1 for one axis that takes what is left",
        )
    return x.with_shape(shape)


def _reshape_of_one_row(rows: Rows, node: Node) -> Node:
    return reshape(rows.short(node.inputs[0]), without_ones(rows.shape(node)))


def _reshape_numpy(node: Node) -> str:
    """A size that is computed from others is what is left, if that is one number."""
    shape: Shape = node.attributes["shape"]
    texts = [s.source("dim_") if isinstance(s, Dim) else str(s) for s in shape]
    computed = [
        axis
        for axis, size in enumerate(shape)
        if isinstance(size, Dim) and (len(shape) == 1 or not size.is_symbol)
    ]
    others = [size for axis, size in enumerate(shape) if axis not in computed]
    if len(computed) == 1 and all(isinstance(n, int) and n > 0 for n in others):
        texts[computed[0]] = "-1"
    return f"x.reshape({', '.join(texts)})" if texts else "x.reshape(())"


def _reshape_plainly(node: Node) -> str:
    """A column as a row, and a row as a column, is a transpose."""
    before, after = node.inputs[0].shape, node.shape
    turns = len(after) == 2 and before == after[::-1] and 1 in before
    return "x.T" if turns and before != after else _reshape_numpy(node)


RESHAPE = Op(
    name="reshape",
    mathematics=Mathematics(
        formula=lambda node: (
            "view(x, result)"
            if without_ones(node.shape) == without_ones(node.inputs[0].shape)
            else None
        ),
        written=lambda node: (
            "vec(<0>)"
            if node.ndim == 1
            else f"reshape_{{{'×'.join(map(str, node.shape))}}}(<0>)"
        ),
    ),
    inputs=("x",),
    infer=_reshape_infer,
    facts=Facts(notation="x.reshape(shape)", called=("{x}_reshaped", "reshaped")),
    kind="view",
    loops=in_order,
    one_row=_reshape_of_one_row,
    numpy=_reshape_plainly,
    fast=_reshape_numpy,
    vjp=lambda g, out, x: (reshape(g, x.shape),),
    jvp="linear",
    cases=(
        Case(((3, 4),), {"shape": (2, 6)}),
        Case(((3, 4),), {"shape": (12,)}),
        Case(((),), {"shape": (1, 1)}),
        Case(((0, 3),), {"shape": (3, 0)}),
    ),
)


@array_function
def reshape(a: ArrayLike, shape: Any, order: str = "C") -> Node:
    """The same elements in another shape; one dimension may be -1.

    Args:
        a: an array.
        shape: sizes whose product is the number of elements.
        order: `"C"`: the last index changes fastest, in both shapes; `"F"`: the first.

    Raises:
        ShapeError: another number of elements.
        OptionError: more than one -1, or another `order`.

    >>> import graphc as gc
    >>> gc.reshape(gc.input("x", ("batch", 8, 8)), ("batch", -1))
    <reshape float32 (batch, 64)>
    >>> gc.evaluate(gc.reshape([[1, 2], [3, 4]], 4, order="F"), {})
    array([1, 3, 2, 4])
    """
    x = as_node(a)
    if order not in ("C", "F", "A"):
        raise OptionError(
            f'order must be "C" or "F", got {order!r}', node=f"reshape({x.describe()})"
        )
    if order == "F":
        sizes = _sizes(shape)[::-1]
        return transpose(reshape(transpose(x), sizes))
    try:
        target = _complete_shape(x, shape)
    except GraphcError as error:
        raise error.locate(node=f"reshape({x.describe()})") from None
    return x if target == x.shape else RESHAPE(x, shape=target)


def _sizes(shape: Any) -> list[Any]:
    several = isinstance(shape, tuple | list)
    return list(cast(Sequence[Any], shape)) if several else [shape]


def _complete_shape(x: Node, shape: Any) -> Shape:
    sizes = _sizes(shape)
    unknown = [
        axis
        for axis, size in enumerate(sizes)
        if isinstance(size, int | np.integer) and size == -1
    ]
    if len(unknown) > 1:
        raise OptionError(f"only one dimension may be -1, got {tuple(sizes)}")
    if not unknown:
        return as_shape(sizes)
    known = [
        as_dimension(size) for axis, size in enumerate(sizes) if axis not in unknown
    ]
    sizes[unknown[0]] = _divide(x, product(known), tuple(sizes))
    return as_shape(sizes)


def _divide(x: Node, known: Dimension, shape: tuple[Any, ...]) -> Dimension:
    total = x.size
    if isinstance(total, int) and isinstance(known, int):
        if known and total % known == 0:
            return total // known
    elif known == 1:
        return total
    elif isinstance(total, Dim):
        rest = total.divide_exactly(known)
        if not isinstance(rest, Dim) or rest.is_whole:
            return rest
    raise ShapeError(
        f"{format_shape(x.shape)} ({total} elements) does not divide into {shape}"
    )


@array_function
def ravel(a: ArrayLike, order: str = "C") -> Node:
    """The elements in one axis, in the order that `gc.reshape` explains.

    >>> import graphc as gc
    >>> gc.ravel(gc.input("x", (3, 4)))
    <reshape float32 (12,)>
    """
    return reshape(a, -1, order)


def _swaps_last(axes: tuple[int, ...]) -> bool:
    first = len(axes) - 2
    return axes == (*range(first), first + 1, first)


def _transpose_infer(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    return x.with_shape(tuple(x.shape[axis] for axis in axes))


def _transpose_of_one_row(rows: Rows, node: Node) -> Node:
    kept = long_axes(rows.shape(node.inputs[0]))
    order = [kept.index(axis) for axis in node.attributes["axes"] if axis in kept]
    return transpose(rows.short(node.inputs[0]), order)


TRANSPOSE = Op(
    name="transpose",
    mathematics=Mathematics(
        formula=lambda node: "x.T" if _swaps_last(node.attributes["axes"]) else None,
        written=lambda node: (
            f"transpose_{{{','.join(map(str, node.attributes['axes']))}}}(<0>)"
        ),
    ),
    inputs=("x",),
    infer=_transpose_infer,
    facts=Facts(called=("{x}_transposed", "transposed")),
    kind="view",
    loops=transposed,
    one_row=_transpose_of_one_row,
    batch=lambda batch, node: node.op(
        batch.value(node.inputs[0]),
        axes=(0, *(axis + 1 for axis in node.attributes["axes"])),
    ),
    numpy=lambda node: (
        "x.T"
        if node.attributes["axes"] == tuple(range(node.ndim))[::-1]
        else f"x.transpose({', '.join(map(str, node.attributes['axes']))})"
    ),
    vjp=lambda g, out, x: (transpose(g, tuple(np.argsort(out.attributes["axes"]))),),
    jvp="linear",
    cases=(
        Case(((3, 4),), {"axes": (1, 0)}),
        Case(((2, 3, 4),), {"axes": (1, 2, 0)}),
        Case(((0, 3),), {"axes": (1, 0)}),
    ),
)


@array_function
def transpose(a: ArrayLike, axes: Any = None) -> Node:
    """Axes in another order; reversed where `axes` is None.

    >>> import graphc as gc
    >>> gc.transpose(gc.input("x", ("batch", 3, 8, 8)), (0, 2, 3, 1))
    <transpose float32 (batch, 8, 8, 3)>
    """
    x = as_node(a)
    if axes is None:
        order = tuple(range(x.ndim))[::-1]
    else:
        order = ordered_axes(axes, x.ndim, x, "axes")
        if len(order) != x.ndim:
            raise OptionError(
                f"axes must name each of {x.ndim} axes once, got {axes!r}",
                node=x.describe(),
            )
    return x if order == tuple(range(x.ndim)) else TRANSPOSE(x, axes=order)


@array_function
def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Node:
    """Two axes exchanged.

    >>> import graphc as gc
    >>> gc.swapaxes(gc.input("x", (2, 3, 4)), -1, -2)
    <transpose float32 (2, 4, 3)>
    """
    x = as_node(a)
    first = normalize_axis(axis1, x.ndim, x, "axis1")
    second = normalize_axis(axis2, x.ndim, x, "axis2")
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return transpose(x, order)


@array_function
def moveaxis(a: ArrayLike, source: Any, destination: Any) -> Node:
    """Axes moved to other places, the others in their order.

    Args:
        a: an array.
        source: an axis, or several.
        destination: as many: where each of them goes.

    >>> import graphc as gc
    >>> gc.moveaxis(gc.input("x", (2, 3, 4)), 0, -1)
    <transpose float32 (3, 4, 2)>
    >>> gc.moveaxis(gc.input("x", (2, 3, 4)), (0, 1), (1, 0))
    <transpose float32 (3, 2, 4)>
    """
    x = as_node(a)
    origins = ordered_axes(source, x.ndim, x, "source")
    targets = ordered_axes(destination, x.ndim, x, "destination")
    if len(origins) != len(targets):
        raise OptionError(
            f"source and destination must name as many axes, got {source!r} "
            f"and {destination!r}",
            node=x.describe(),
        )
    order = [axis for axis in range(x.ndim) if axis not in origins]
    for target, origin in sorted(zip(targets, origins, strict=True)):
        order.insert(target, origin)
    return transpose(x, order)


def _expand_infer(x: TensorType, *, axis: tuple[int, ...]) -> TensorType:
    shape = list(x.shape)
    for position in axis:
        shape.insert(position, 1)
    return x.with_shape(tuple(shape))


def _expand_numpy(node: Node) -> str:
    axis = node.attributes["axis"]
    index = ["None" if a in axis else ":" for a in range(node.ndim)]
    while index[-1] == ":":
        index.pop()
    return f"x[{', '.join(index)}]"


EXPAND_DIMS = Op(
    name="expand_dims",
    mathematics=Mathematics(formula="view(x, result)"),
    inputs=("x",),
    infer=_expand_infer,
    facts=Facts(called=("{x}_expanded", "expanded")),
    kind="view",
    loops=in_order,
    one_row=_reshape_of_one_row,
    numpy=lambda node: (
        "np.expand_dims(x, axis)" if not node.inputs[0].shape else _expand_numpy(node)
    ),
    vjp=lambda g, out, x: (squeeze(g, out.attributes["axis"]),),
    jvp="linear",
    cases=(
        Case(((3, 4),), {"axis": (0,)}),
        Case(((3, 4),), {"axis": (1, 3)}),
        Case(((),), {"axis": (0, 1)}),
        Case(((0,),), {"axis": (1,)}),
    ),
)


@array_function
def expand_dims(a: ArrayLike, axis: Any) -> Node:
    """New axes of size 1 at the positions `axis` of the result.

    >>> import graphc as gc
    >>> gc.expand_dims(gc.input("labels", ("batch",), "int64"), 1)
    <expand_dims int64 (batch, 1)>
    """
    x = as_node(a)
    several = cast("Sequence[Any]", axis) if isinstance(axis, tuple | list) else (axis,)
    axes = ordered_axes(axis, x.ndim + len(several), x)
    return EXPAND_DIMS(x, axis=tuple(sorted(axes))) if axes else x


def _squeeze_infer(x: TensorType, *, axis: tuple[int, ...]) -> TensorType:
    for position in axis:
        if x.shape[position] != 1:
            raise ShapeError(
                f"requires size 1 along axis {position}, "
                f"got shape {format_shape(x.shape)}"
            )
    return x.with_shape(tuple(d for a, d in enumerate(x.shape) if a not in axis))


SQUEEZE = Op(
    name="squeeze",
    mathematics=Mathematics(formula="view(x, result)"),
    inputs=("x",),
    infer=_squeeze_infer,
    facts=Facts(called=("{x}_squeezed", "squeezed")),
    kind="view",
    loops=in_order,
    one_row=_reshape_of_one_row,
    numpy=lambda node: (
        f"x.squeeze({node.attributes['axis'][0]})"
        if len(node.attributes["axis"]) == 1
        else "x.squeeze(axis)"
    ),
    vjp=lambda g, out, x: (expand_dims(g, out.attributes["axis"]),),
    jvp="linear",
    cases=(
        Case(((1, 3, 1),), {"axis": (0,)}),
        Case(((1, 3, 1),), {"axis": (0, 2)}),
        Case(((1,),), {"axis": (0,)}),
        Case(((0, 1),), {"axis": (1,)}),
    ),
)


@array_function
def squeeze(a: ArrayLike, axis: Any = None) -> Node:
    """Axes of size 1 removed: those named, or all whose size is declared as 1.

    >>> import graphc as gc
    >>> gc.squeeze(gc.input("x", ("batch", 1)))
    <squeeze float32 (batch,)>
    """
    x = as_node(a)
    if axis is None:
        axes = tuple(a for a, d in enumerate(x.shape) if d == 1)
    else:
        axes = normalize_axes(axis, x)
    return SQUEEZE(x, axis=axes) if axes else x


def _broadcast_infer(x: TensorType, *, shape: Shape) -> TensorType:
    if broadcast_shapes(x.shape, shape) != shape:
        raise ShapeError(
            f"{format_shape(x.shape)} does not broadcast to {format_shape(shape)}"
        )
    return x.with_shape(shape)


def _broadcast_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (sum_to(g, x.shape),)


def _broadcast_of_one_row(rows: Rows, node: Node) -> Node:
    shape = rows.shape(node)
    return broadcast_to(rows.aligned(node.inputs[0], shape), without_ones(shape))


def _broadcast_of_examples(batch: Batch, node: Node) -> Node:
    shape = (batch.size, *node.shape)
    return node.op(batch.aligned(node.inputs[0], node.ndim), shape=shape)


BROADCAST_TO = Op(
    name="broadcast_to",
    mathematics=Mathematics(formula="view(x, result)"),
    inputs=("x",),
    infer=_broadcast_infer,
    facts=Facts(called=("{x}_repeated", "repeated")),
    kind="view",
    loops=broadcast_of,
    one_row=_broadcast_of_one_row,
    batch=_broadcast_of_examples,
    numpy="np.broadcast_to(x, shape)",
    vjp=_broadcast_vjp,
    jvp="linear",
    cases=(
        Case(((3, 1),), {"shape": (2, 3, 4)}),
        Case(((),), {"shape": (2,)}),
        Case(((1,),), {"shape": (0,)}),
    ),
)


@array_function
def broadcast_to(array: ArrayLike, shape: Any) -> Node:
    """`array` repeated to `shape` by NumPy's broadcasting.

    >>> import graphc as gc
    >>> gc.broadcast_to(gc.input("b", (3,)), ("batch", 3))
    <broadcast_to float32 (batch, 3)>
    """
    x = as_node(array)
    try:
        target = as_shape(shape)
    except GraphcError as error:
        raise error.locate(node=f"broadcast_to({x.describe()})") from None
    return x if target == x.shape else BROADCAST_TO(x, shape=target)


def sum_to(x: Node, shape: Shape) -> Node:
    """`x` summed over the axes along which `shape` was broadcast to it."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    leading = tuple(range(extra))
    broadcast = tuple(
        extra + axis
        for axis, size in enumerate(shape)
        if size == 1 and x.shape[extra + axis] != 1
    )
    if broadcast and leading:
        return reshape(x.sum(leading + broadcast), shape)
    return x.sum(broadcast, keepdims=True) if broadcast else x.sum(leading)
