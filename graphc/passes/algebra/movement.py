"""Rules that spare views, broadcasts and reductions. All but one are exact.

`np.broadcast_to` alone takes longer than an elementwise operation on a small array,
and NumPy broadcasts operands for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from ...errors import GraphcError
from ...ir.dims import Dimension, product
from ...ir.facts import Role
from ...ir.literal import without_views
from ...ir.node import Node
from ...ops.arithmetic import add, divide, multiply, negative, square, subtract
from ...ops.indexing import ADD_AT, GETITEM, SCATTER_ADD
from ...ops.linalg import MATMUL
from ...ops.products import VECDOT
from ...ops.ranges import EYE
from ...ops.reduction import MEAN, SUM
from ...ops.shape import (
    BROADCAST_TO,
    EXPAND_DIMS,
    RESHAPE,
    SQUEEZE,
    TRANSPOSE,
    broadcast_to,
    expand_dims,
    reshape,
    transpose,
)
from ...ops.slices import Slice
from ...ops.source import constant
from ...ops.windows import ADD_WINDOWS
from ..rewriting import Rule, Uses
from .values import never_negative_zero

_RESHAPING = (EXPAND_DIMS, RESHAPE, SQUEEZE)
_LONGEST = 4096
"""Up to what length a sum of float32 products may be added up in one go."""


def _transposes(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not TRANSPOSE:
        return None
    first = inner.attributes["axes"]
    return transpose(inner.inputs[0], tuple(first[a] for a in node.attributes["axes"]))


def _transposed_identity(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    is_symmetric = inner.op is EYE and inner.shape[0] == inner.shape[1]
    return inner if is_symmetric and not inner.attributes["k"] else None


def _flipped(x: Node) -> Node:
    return x.inputs[0] if x.op is TRANSPOSE else transpose(x, (1, 0))


def _transposed_product(node: Node, uses: Uses) -> Node | None:
    product = node.inputs[0]
    if product.op is not MATMUL or not uses.once(product):
        return None
    left, right = product.inputs
    if left.ndim != 2 or right.ndim != 2 or node.attributes["axes"] != (1, 0):
        return None
    return product.op(_flipped(right), _flipped(left))


def _reshapes(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    if inner.op not in _RESHAPING:
        return None
    return reshape(inner.inputs[0], node.shape)


def _there_and_back(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    opposite = SQUEEZE if node.op is EXPAND_DIMS else EXPAND_DIMS
    if inner.op not in (opposite, RESHAPE):
        return None
    source = inner.inputs[0]
    return source if source.type == node.type else None


def _trivial_index(node: Node, uses: Uses) -> Node | None:
    if len(node.inputs) != 1:
        return None
    index, sizes = node.attributes["index"], iter(node.inputs[0].shape)
    if not all(item is None or _is_whole(item, next(sizes)) for item in index):
        return None
    axes = tuple(position for position, item in enumerate(index) if item is None)
    return expand_dims(node.inputs[0], axes)


def _is_whole(item: object, size: Dimension) -> bool:
    """True for a slice of all elements of an axis, in their order."""
    return isinstance(item, Slice) and (
        item.is_full
        or (isinstance(size, int) and item.size == size and item.step in (None, 1))
    )


def _broadcasts(node: Node, uses: Uses) -> Node | None:
    inner = node.inputs[0]
    number = without_views(inner)
    if inner.shape and not number.shape:
        return broadcast_to(number, node.shape)
    if node.op is not BROADCAST_TO or inner.op is not BROADCAST_TO:
        return None
    return broadcast_to(inner.inputs[0], node.shape)


def _reduced_axes(node: Node, *, keepdims: bool) -> tuple[int, ...]:
    """The axes of a reduction that keeps them, or does not; none of other nodes."""
    axis = node.attributes.get("axis")
    if node.op.kind != "reduction" or not isinstance(axis, tuple):
        return ()
    kept = node.attributes["keepdims"] == keepdims
    return cast("tuple[int, ...]", axis) if kept else ()


def _without_leading_axes(reduced: Node) -> Node:
    """A reduction over the first axes without these, which broadcasting adds again."""
    axis = _reduced_axes(reduced, keepdims=True)
    if not axis or axis != tuple(range(len(axis))):
        return reduced
    return reduced.op(*reduced.inputs, axis=axis, keepdims=False)


def _build(node: Node, inputs: list[Node]) -> Node | None:
    try:
        return node.op.build(tuple(inputs), node.attributes)
    except GraphcError:
        return None


def _is_broadcast(node: Node) -> bool:
    """True where broadcasting an elementwise op's operands would do the same.

    New axes in front are what broadcasting adds; others say which axis is meant.
    """
    if node.op is EXPAND_DIMS:
        axes: tuple[int, ...] = node.attributes["axis"]
        return axes == tuple(range(len(axes)))
    return node.op is BROADCAST_TO


def _as_operand(node: Node) -> Node:
    """The node that an elementwise op may take for `node`, and broadcast by itself."""
    number = without_views(node)
    if not number.shape:
        return number
    if _is_broadcast(node):
        return node.inputs[0]
    return _without_leading_axes(node)


def _drop_broadcast(node: Node, uses: Uses) -> Node | None:
    if node.op.kind != "elementwise":
        return None
    inputs = list(node.inputs)
    for position, parent in enumerate(inputs):
        inputs[position] = _as_operand(parent)
        if inputs[position] is parent:
            continue
        found = _build(node, inputs)
        if found is not None and found.type == node.type:
            return found
        inputs[position] = parent
    return None


def _broadcast_result(node: Node, uses: Uses) -> Node | None:
    if node.op.kind != "elementwise" or not node.op.pure:
        return None
    if not any(parent.op is BROADCAST_TO for parent in node.inputs):
        return None
    inputs = [p.inputs[0] if p.op is BROADCAST_TO else p for p in node.inputs]
    found = _build(node, inputs)
    if found is None or found.dtype != node.dtype or found.shape == node.shape:
        return None
    return broadcast_to(_called_as(node, found), node.shape)


def _add_at(node: Node, uses: Uses) -> Node | None:
    for place in (0, 1) if node.op is add.op else (1,):
        scattered, x = node.inputs[place], node.inputs[1 - place]
        if scattered.op is not SCATTER_ADD or len(scattered.inputs) == 1:
            continue
        if not uses.once(scattered) or not x.type == node.type == scattered.type:
            continue
        # The zeros that a sum adds elsewhere make +0.0 of -0.0.
        signs = not node.origin.derivative or uses.shows_signs
        if node.op is add.op and signs and not never_negative_zero(x):
            continue
        values, *arrays = scattered.inputs
        if values.op is BROADCAST_TO and not values.inputs[0].shape:
            values = values.inputs[0]
        elif values.op.role is Role.FULL:
            values = constant(values.attributes["value"], values.dtype)
        if node.op is subtract.op:
            values = negative(values)
        return ADD_AT(x, values, *arrays, index=scattered.attributes["index"])
    return None


def _with_axes(keepdims: bool) -> Callable[[Node, Uses], Node | None]:
    """The reduction whose axes a view adds or takes away, which does so itself."""

    def rewrite(node: Node, uses: Uses) -> Node | None:
        reduced = node.inputs[0]
        axis = _reduced_axes(reduced, keepdims=not keepdims)
        if not axis or node.attributes.get("axis", axis) != axis:
            return None
        if not uses.once(reduced):
            return None
        found = reduced.op(*reduced.inputs, axis=axis, keepdims=keepdims)
        return found if found.type == node.type else None

    return rewrite


def _sum_of_negative(node: Node, uses: Uses) -> Node | None:
    x = node.inputs[0]
    if x.op is not negative.op or not uses.once(x):
        return None
    if not node.origin.derivative or uses.shows_signs:
        return None
    return negative(node.op.build(x.inputs, node.attributes))


def _sum_of_reshaped(node: Node, uses: Uses) -> Node | None:
    x = node.inputs[0]
    everything = tuple(range(x.ndim))
    if x.op not in _RESHAPING or node.attributes["axis"] != everything or node.shape:
        return None
    source = x.inputs[0]
    return node.op(source, axis=tuple(range(source.ndim)), keepdims=False)


def _sum_of_products(node: Node, uses: Uses) -> Node | None:
    products = node.inputs[0]
    if products.op not in (multiply.op, square.op) or not uses.once(products):
        return None
    length = products.shape[-1] if products.shape else 0
    short = isinstance(length, int) and length <= _LONGEST
    if not short or node.attributes["axis"] != (products.ndim - 1,):
        return None
    x, y = products.inputs if len(products.inputs) == 2 else products.inputs * 2
    if not x.type == y.type == products.type or node.dtype.itemsize < 4:
        return None
    if node.dtype != products.dtype or products.ndim < 2 or node.dtype.kind != "f":
        return None
    sums = VECDOT(x, y)
    if node.op is MEAN:
        sums = divide(sums, constant(float(length), node.dtype))
    return expand_dims(sums, -1) if node.attributes["keepdims"] else sums


def _sum_of_broadcast(node: Node, uses: Uses) -> Node | None:
    repeated = node.inputs[0]
    if repeated.op is not BROADCAST_TO or node.dtype != repeated.dtype:
        return None
    value = repeated.inputs[0]
    if value.shape or node.dtype.kind != "f":
        return None
    axes: tuple[int, ...] = node.attributes["axis"]
    count = product(repeated.shape[axis] for axis in axes)
    if not isinstance(count, int) or not 1 <= count <= 2 ** np.finfo(node.dtype).nmant:
        return None
    return broadcast_to(value * constant(float(count), node.dtype), node.shape)


def _sum_of_repeated(node: Node, uses: Uses) -> Node | None:
    repeated = node.inputs[0]
    if repeated.op is not BROADCAST_TO or node.dtype != repeated.dtype:
        return None
    if node.dtype.kind != "f" or repeated.inputs[0].size == repeated.size:
        return None
    axes: tuple[int, ...] = node.attributes["axis"]
    keepdims: bool = node.attributes["keepdims"]
    value = repeated.inputs[0]
    missing = repeated.ndim - value.ndim
    before = (1,) * missing + value.shape
    sizes = zip(before, repeated.shape, strict=True)
    stretched = {axis for axis, (old, new) in enumerate(sizes) if old != new}
    count = product(repeated.shape[axis] for axis in stretched.intersection(axes))
    if not isinstance(count, int) or not 1 <= count <= 2 ** np.finfo(node.dtype).nmant:
        return None
    if not stretched.issuperset(axes):
        there = tuple(axis - missing for axis in axes if axis >= missing)
        value = node.op(value, axis=there, keepdims=keepdims)
    if node.op is SUM and count > 1:
        value = value * constant(float(count), node.dtype)
    shape = [1 if axis in axes else size for axis, size in enumerate(before)]
    if not keepdims:
        shape = [size for axis, size in enumerate(before) if axis not in axes]
    if value.shape != tuple(shape[-value.ndim :] if value.ndim else ()):
        value = reshape(value, tuple(shape))
    return broadcast_to(_called_as(node, value), node.shape)


def _side_by_side(node: Node, uses: Uses) -> Node | None:
    windows, shape = node.inputs[0], node.shape
    window: tuple[int, ...] = node.attributes["window_shape"]
    axis: tuple[int, ...] = node.attributes["axis"]
    place: int = node.attributes["place"]
    if node.origin.derivative is None or uses.shows_signs:
        return None
    is_dense = set(node.attributes["dilation"]) == {1}
    if not is_dense or node.attributes["stride"] != window:
        return None
    order: list[int] = []
    for position, size in enumerate(shape):
        counted = position if position < place else position + len(axis)
        order.append(counted)
        if position in axis:
            number = axis.index(position)
            if size != windows.shape[counted] * window[number]:
                return None
            order.append(place + number)
    return reshape(transpose(windows, tuple(order)), shape)


def _called_as(node: Node, value: Node) -> Node:
    """The rest of a node that is no longer broadcast, under the name of the node."""
    if node.name is None or value.name is not None or value.op.kind == "source":
        return value
    return value.copy(name=node.name)


_ALWAYS = "for every operand: no element changes"

MOVEMENT = (
    Rule("x.T.T -> x.T", (TRANSPOSE,), _transposes, _ALWAYS),
    Rule("eye(n).T -> eye(n)", (TRANSPOSE,), _transposed_identity, _ALWAYS),
    Rule(
        "(a @ b).T -> b.T @ a.T",
        (TRANSPOSE,),
        _transposed_product,
        "a and b are matrices; done where the product has no other use",
        "rounding",
    ),
    Rule(
        "squeeze(expand_dims(x)) -> x",
        (EXPAND_DIMS, SQUEEZE),
        _there_and_back,
        _ALWAYS,
    ),
    Rule("x[:, None] -> expand_dims(x)", (GETITEM,), _trivial_index, _ALWAYS),
    Rule(
        "broadcast_to(broadcast_to(x)) -> broadcast_to(x)",
        (BROADCAST_TO, EXPAND_DIMS, RESHAPE, SQUEEZE, TRANSPOSE),
        _broadcasts,
        _ALWAYS,
    ),
    Rule(
        "expand_dims(sum(x)) -> sum(x, keepdims=True)",
        (EXPAND_DIMS, RESHAPE),
        _with_axes(keepdims=True),
        "the axes are those that the reduction removed; done where it has no other use",
    ),
    Rule(
        "squeeze(sum(x, keepdims=True)) -> sum(x)",
        (SQUEEZE, RESHAPE),
        _with_axes(keepdims=False),
        "the axes are those that were reduced; done where the sum has no other use",
    ),
    Rule("reshape(reshape(x)) -> reshape(x)", (RESHAPE,), _reshapes, _ALWAYS),
    Rule(
        "x + scatter_add(v) -> add_at(x, v)",
        (add.op, subtract.op),
        _add_at,
        "x is known never to be -0.0, or in a derivative by which nothing divides, so "
        "that signs of zeros do not count; done where what is scattered has no other "
        "use",
        "rounding",
    ),
    Rule(
        "sum(-x) -> -sum(x), in a derivative",
        (MEAN, SUM),
        _sum_of_negative,
        "for every operand, but for the sign of a zero, by which nothing divides; done "
        "where -x has no other use",
        "rounding",
    ),
    Rule(
        "sum(reshape(x)) -> sum(x)",
        (MEAN, SUM),
        _sum_of_reshaped,
        "all elements are added up, whatever the shape",
        "rounding",
    ),
    Rule(
        "sum(x * y, axis=-1) -> vecdot(x, y)",
        (MEAN, SUM),
        _sum_of_products,
        "for every operand; the sums are at most 4096 long, because they are added up "
        "in one go and not pairwise; done where x * y has no other use",
        "rounding",
    ),
    Rule(
        "add_windows(x) -> reshape(transpose(x)), in a derivative",
        (ADD_WINDOWS,),
        _side_by_side,
        "each element is in one window; but for the sign of a zero, by which nothing "
        "divides",
        "rounding",
    ),
    Rule(
        "sum(broadcast_to(scalar)) -> scalar * count",
        (SUM,),
        _sum_of_broadcast,
        "the count is a known, positive number that the dtype can represent",
        "rounding",
    ),
    Rule(
        "sum(broadcast_to(x)) -> sum(x) * count",
        (MEAN, SUM),
        _sum_of_repeated,
        "the count is a known, positive number that the dtype can represent",
        "rounding",
    ),
    Rule(
        "op(broadcast_to(x), y) -> op(x, y)",
        (),
        _drop_broadcast,
        "the op is elementwise and its result has the same type without",
    ),
    Rule(
        "op(broadcast_to(x), broadcast_to(y)) -> broadcast_to(op(x, y))",
        (),
        _broadcast_result,
        "the op is elementwise and pure, so equal elements give equal elements",
    ),
)
