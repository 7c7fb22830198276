"""Arrays with equal slices of their last axis along another one."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...ir.dims import Shape
from ...ir.node import Node
from ...ops.indexing import take
from ...ops.linalg import MATMUL
from ...ops.shape import RESHAPE, TRANSPOSE, reshape, transpose
from ...ops.source import constant


def is_split_by_operands(node: Node) -> bool:
    """True for an op of which the slices are made of those of its operands."""
    return (
        node.op.kind == "elementwise"
        and node.op.pure
        and all(not p.ndim or p.shape[-1] == node.shape[-1] for p in node.inputs)
    )


def split(
    value: Node,
    width: int,
    order: tuple[int, ...],
    lead: int = 0,
    single: Collection[Node] = (),
) -> Node:
    """The slices of the last axis of a value along a new axis.

    Args:
        value: any array.
        width: that of a slice.
        order: the slices in their order.
        lead: the number of axes before the new one.
        single: values that nothing else needs.
    """
    cost = value.op.facts.cost
    is_split = value.ndim > 1 and cost == 1.0 and is_split_by_operands(value)
    if is_split and value in single:
        # Rather than going through memory once more, compute them in that order.
        inputs: list[Node] = []
        for each in value.inputs:
            before = max(lead - value.ndim + each.ndim, 0)
            parts = split(each, width, order, before, single) if each.ndim else each
            inputs.append(aligned(parts, value.ndim + 1 - lead))
        return value.op.build(tuple(inputs), value.attributes, name=value.name)
    if value.ndim == 2 and not lead:
        return transpose(_rows(_turned(value), width, order), (0, 2, 1))
    if value.ndim == 1:
        return _rows(value, width, order)
    *others, _ = value.shape
    parts = _reshaped(in_order(value, width, order), (*others, len(order), width))
    last = len(others)
    axes = (*range(lead), last, *range(lead, last), last + 1)
    return transpose(parts, axes) if last > lead else parts


def _turned(matrix: Node) -> Node:
    return matrix.inputs[0] if matrix.op is TRANSPOSE else transpose(matrix)


def _rows(value: Node, width: int, order: tuple[int, ...]) -> Node:
    """Slices of the first axis along one before it."""
    slices = reshape(value, (len(order), width, *value.shape[1:]))
    if order == tuple(range(len(order))):
        return slices
    places = constant(np.array(order, np.int64)).copy(name="order")
    name = f"{value.name}_slices" if value.name else None
    return take(slices, places, 0).copy(name=name)


def aligned(parts: Node, rank: int) -> Node:
    """Slices along a first axis, to be broadcast against others of so many axes."""
    if not 0 < parts.ndim < rank:
        return parts
    count, *others = parts.shape
    return _reshaped(parts, (count, *(1,) * (rank - parts.ndim), *others))


def _reshaped(value: Node, shape: Shape) -> Node:
    """`reshape`, of what others have reshaped before, which keeps the name."""
    name = value.name
    while value.op is RESHAPE:
        value = value.inputs[0]
        if value.name is None and value.op is not RESHAPE:
            value = value.copy(name=name)
    return reshape(value, shape)


def may_be_ordered(value: Node, single: Collection[Node]) -> bool:
    """True where another order of columns costs no more than one of weights.

    Args:
        value: any array.
        single: values that nothing else needs.
    """
    if value.ndim < 2:
        return True
    if value not in single:
        return False
    if value.op is RESHAPE and value.inputs[0].shape[-1:] == value.shape[-1:]:
        return may_be_ordered(value.inputs[0], single)
    if is_split_by_operands(value):
        return all(may_be_ordered(each, single) for each in value.inputs)
    return value.op is MATMUL and value.inputs[1].ndim == 2


def in_order(value: Node, width: int, order: tuple[int, ...]) -> Node:
    """A value with its columns in another order.

    Args:
        value: an array of which `may_be_ordered` is true, or a matrix.
        width: the number of columns that stay together.
        order: the slices of so many columns, in their order.
    """
    if order == tuple(range(len(order))):
        return value
    if value.op is RESHAPE and value.ndim > 2:
        found = reshape(in_order(value.inputs[0], width, order), value.shape)
    elif value.op is MATMUL:
        found = MATMUL(value.inputs[0], in_order(value.inputs[1], width, order))
    elif is_split_by_operands(value):
        inputs = (in_order(p, width, order) if p.ndim else p for p in value.inputs)
        found = value.op.build(tuple(inputs), value.attributes)
    elif value.ndim == 1:
        return reshape(_rows(value, width, order), value.shape)
    else:
        rows = _turned(value)
        return transpose(reshape(_rows(rows, width, order), rows.shape))
    return found.copy(name=value.name)
