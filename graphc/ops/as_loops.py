"""Forms of ops as loops over elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dims import Dimension, product
from ..ir.node import Node
from ..ir.scalar import (
    At,
    ByElement,
    Counter,
    Index,
    LoopForm,
    MatrixProduct,
    Number,
    Operation,
    Reduction,
    Scalar,
    Write,
    Writes,
    broadcast,
    compare,
    minus,
    plus,
    position,
    reindexed,
    rest,
)
from .rearranged_as_loops import extended


def elementwise_product(left: Scalar, right: Scalar, node: Node) -> Scalar:
    """The product of two values."""
    return Operation("*", (left, right), node.dtype)


def in_order(node: Node) -> LoopForm:
    """The elements of the first input in their order."""
    x = node.inputs[0]
    return ByElement(
        lambda index, at: at(x, reindexed(index, node.shape, x.shape)), in_order=True
    )


def transposed(node: Node) -> LoopForm:
    """Axes in another order."""
    x = node.inputs[0]
    axes: tuple[int, ...] = node.attributes["axes"]
    return ByElement(
        lambda index, at: at(x, tuple(index[axes.index(a)] for a in range(x.ndim)))
    )


def broadcast_of(node: Node) -> LoopForm:
    """An array that is broadcast."""
    x = node.inputs[0]
    return ByElement(lambda index, at: at(x, broadcast(index, x.shape)))


def flipped(node: Node) -> LoopForm:
    """Axes from their end."""
    x, axes = node.inputs[0], node.attributes["axis"]

    def value(index: Index, at: At) -> Scalar:
        last = [minus(position(size), Number(1)) for size in x.shape]
        found = [minus(last[a], i) if a in axes else i for a, i in enumerate(index)]
        return at(x, tuple(found))

    return ByElement(value)


def reduced(combine: str, *, is_mean: bool = False) -> Any:
    """A reduction along `axis`."""

    def loops(node: Node) -> LoopForm | None:
        x = node.inputs[0]
        if node.dtype == np.float16 or (is_mean and x.dtype != node.dtype):
            return None
        given: int | tuple[int, ...] = node.attributes["axis"]
        axes = (given,) if isinstance(given, int) else given
        sizes = tuple(x.shape[a] for a in axes)
        keepdims = node.attributes.get("keepdims", False)

        def term(index: Index, inner: Index, at: At) -> Scalar:
            mine, others = dict(zip(axes, inner, strict=True)), list(index)
            if keepdims:
                others = [i for a, i in enumerate(others) if a not in mine]
            rest = iter(others)
            full = (mine[a] if a in mine else next(rest) for a in range(x.ndim))
            return at(x, tuple(full))

        return Reduction(combine, sizes, term, product(sizes) if is_mean else 1)

    return loops


def joined(node: Node) -> LoopForm:
    """Arrays along an axis, one after another."""
    axis: int = node.attributes["axis"]
    parts: list[Write] = []
    start: Dimension = 0
    for array in node.inputs:
        parts.append(_moved(array, axis, start))
        size: Dimension = array.shape[axis]
        start = start + size
    return Writes(tuple(parts))


def _moved(array: Node, axis: int, start: Any) -> Write:
    def place(index: Index, at: At) -> Index:
        moved = plus(index[axis], position(start))
        return (*index[:axis], moved, *index[axis + 1 :])

    return Write(array.shape, place, lambda index, at: at(array, index))


def counted(node: Node) -> LoopForm:
    """The positions themselves."""
    return ByElement(lambda index, at: index[0])


def padded(node: Node) -> LoopForm:
    """A number around an array."""
    if node.attributes["mode"] != "constant":
        return extended(node)
    x, widths = node.inputs[0], node.attributes["pad_width"]
    number = Number(node.attributes["constant_values"], node.dtype)

    def place(index: Index, at: At) -> Index:
        return tuple(
            plus(i, position(before))
            for i, (before, _) in zip(index, widths, strict=True)
        )

    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: number),
            Write(x.shape, place, lambda index, at: at(x, index)),
        )
    )


def triangle(keeps_lower: bool) -> Any:
    """A matrix with zeros above or below a diagonal."""

    def loops(node: Node) -> LoopForm:
        x, k = node.inputs[0], node.attributes["k"]
        zero = Number(0, node.dtype)

        def value(index: Index, at: At) -> Scalar:
            *_, row, column = index
            # Lower: column <= row + k; upper: column >= row + k.
            last = plus(row, Number(k + 1 if keeps_lower else k))
            is_left = compare("<", column, last)
            element = at(x, index)
            chosen = (element, zero) if keeps_lower else (zero, element)
            return Operation("if", (is_left, *chosen), node.dtype)

        return ByElement(value)

    return loops


def diagonal_matrix(is_triangle: bool) -> Any:
    """Ones on a diagonal, or on and below it."""

    def loops(node: Node) -> LoopForm | None:
        k = node.attributes["k"]

        def value(index: Index, at: At) -> Scalar:
            row, column = index
            bound = plus(row, Number(k))
            test = compare("==", column, bound)
            if is_triangle:
                test = compare("<", column, plus(bound, Number(1)))
            one, zero = Number(1, node.dtype), Number(0, node.dtype)
            return Operation("if", (test, one, zero), node.dtype)

        return ByElement(value) if isinstance(k, int) else None

    return loops


def tiled(node: Node) -> LoopForm:
    """An array again and again."""
    x = node.inputs[0]

    def value(index: Index, at: At) -> Scalar:
        own = index[len(index) - x.ndim :]
        sizes = map(position, x.shape)
        return at(x, tuple(rest(i, size) for i, size in zip(own, sizes, strict=True)))

    return ByElement(value)


def taken_along(node: Node) -> LoopForm:
    """Elements at positions along an axis."""
    x, indices = node.inputs
    axis: int = node.attributes["axis"]

    def value(index: Index, at: At) -> Scalar:
        place = wrapped(at(indices, index), position(x.shape[axis]))
        return at(x, (*index[:axis], place, *index[axis + 1 :]))

    return ByElement(value)


def scattered_along(node: Node) -> LoopForm:
    """Values added to zeros at positions along an axis."""
    x, indices = node.inputs
    axis: int = node.attributes["axis"]
    zero = Number(0, node.dtype)

    def place(index: Index, at: At) -> Index:
        found = wrapped(at(indices, index), position(node.shape[axis]))
        return (*index[:axis], found, *index[axis + 1 :])

    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(x.shape, place, lambda index, at: at(x, index), "+"),
        )
    )


def wrapped(place: Scalar, size: Scalar) -> Scalar:
    """A position, of which negative ones count from the end."""
    if isinstance(place, Counter):
        return place
    return Operation("place", (place, size))


def matrix_product(node: Node) -> LoopForm | None:
    """Products of matrices."""
    if min(each.ndim for each in node.inputs) < 1 or node.dtype.kind != "f":
        return None
    return MatrixProduct() if node.dtype != np.float16 else None


def dot_of_last_axis(node: Node) -> LoopForm | None:
    """Sums of products along the last axis of both."""
    x, y = node.inputs
    if node.dtype == np.float16:
        return None

    def term(index: Index, inner: Index, at: At) -> Scalar:
        whole = (*index, *inner)
        left = at(x, broadcast(whole, x.shape))
        return elementwise_product(left, at(y, broadcast(whole, y.shape)), node)

    return Reduction("+", (x.shape[-1] if x.shape[-1] != 1 else y.shape[-1],), term)
