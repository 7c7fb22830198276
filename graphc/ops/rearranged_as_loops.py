"""Forms as loops of ops that move elements along axes."""

from __future__ import annotations

import numpy as np

from ..ir.dims import Dimension
from ..ir.node import Node
from ..ir.scalar import (
    At,
    ByElement,
    Index,
    LoopForm,
    Number,
    Operation,
    Scalar,
    Write,
    Writes,
    compare,
    minus,
    plus,
    position,
    quotient,
    rest,
    times,
)


def rolled(node: Node) -> LoopForm:
    """Elements that are shifted along axes, from the end to the beginning."""
    x = node.inputs[0]
    shifts = dict.fromkeys(range(x.ndim), 0)
    pairs = zip(node.attributes["axis"], node.attributes["shift"], strict=True)
    for axis, shift in pairs:
        shifts[axis] += shift

    def value(index: Index, at: At) -> Scalar:
        return at(
            x, tuple(_back(i, shifts[a], x.shape[a]) for a, i in enumerate(index))
        )

    return ByElement(value)


def _back(index: Scalar, shift: int, size: Dimension) -> Scalar:
    if isinstance(size, int):
        moved = -shift % max(size, 1)
        return rest(plus(index, Number(moved)), Number(size)) if moved else index
    if shift <= 0:
        return rest(plus(index, Number(-shift)), position(size))
    back = minus(position(size), rest(Number(shift), position(size)))
    return rest(plus(index, back), position(size))


def repeated(node: Node) -> LoopForm | None:
    """Elements each of which stands several times."""
    x = node.inputs[0]
    axis: int = node.attributes["axis"]
    repeats: Dimension | tuple[int, ...] = node.attributes["repeats"]
    if isinstance(repeats, tuple):
        return _repeated_unequally(node, axis, repeats)
    times_each = position(repeats)

    def value(index: Index, at: At) -> Scalar:
        place = quotient(index[axis], times_each)
        return at(x, (*index[:axis], place, *index[axis + 1 :]))

    return ByElement(value)


_MOST_PARTS = 64


def _repeated_unequally(
    node: Node, axis: int, repeats: tuple[int, ...]
) -> LoopForm | None:
    x = node.inputs[0]
    if len(repeats) > _MOST_PARTS:
        return None
    parts: list[Write] = []
    start = 0
    for item, count in enumerate(repeats):
        sizes = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        parts.append(_copies(x, axis, sizes, item, start))
        start += count
    return Writes(tuple(parts))


def _copies(
    x: Node, axis: int, sizes: tuple[Dimension, ...], item: int, start: int
) -> Write:
    def place(index: Index, at: At) -> Index:
        moved = plus(index[axis], Number(start))
        return (*index[:axis], moved, *index[axis + 1 :])

    def value(index: Index, at: At) -> Scalar:
        return at(x, (*index[:axis], Number(item), *index[axis + 1 :]))

    return Write(sizes, place, value)


def diagonal_of(node: Node) -> LoopForm:
    """The elements of a diagonal, along a last axis."""
    x, given = node.inputs[0], node.attributes
    offset: int = given["offset"]
    starts = {given["axis1"] % x.ndim: -offset, given["axis2"] % x.ndim: offset}

    def value(index: Index, at: At) -> Scalar:
        others = iter(index[:-1])
        full = [
            plus(index[-1], Number(max(starts[a], 0))) if a in starts else next(others)
            for a in range(x.ndim)
        ]
        return at(x, tuple(full))

    return ByElement(value)


def on_a_diagonal(node: Node) -> LoopForm:
    """Elements on a diagonal of matrices of zeros."""
    x, offset = node.inputs[0], node.attributes["offset"]
    zero = Number(0, node.dtype)

    def place(index: Index, at: At) -> Index:
        row = plus(index[-1], Number(max(-offset, 0)))
        return (*index[:-1], row, plus(index[-1], Number(max(offset, 0))))

    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(x.shape, place, lambda index, at: at(x, index)),
        )
    )


def extended(node: Node) -> LoopForm:
    """An array that goes on beyond its ends as `mode` says."""
    x, mode = node.inputs[0], node.attributes["mode"]
    widths: tuple[tuple[Dimension, Dimension], ...] = node.attributes["pad_width"]

    def value(index: Index, at: At) -> Scalar:
        items = zip(index, widths, x.shape, strict=True)
        return at(x, tuple(_inside(mode, *each) for each in items))

    return ByElement(value)


def _inside(
    mode: str, index: Scalar, width: tuple[Dimension, Dimension], size: Dimension
) -> Scalar:
    """The position, from 0 on, of which there is a copy at a position."""
    if width == (0, 0):
        return index
    before, count = position(width[0]), position(size)
    last = minus(count, Number(1))
    if mode == "edge":
        start = _if(compare("<", index, before), Number(0), minus(index, before))
        return _if(compare("<", start, count), start, last)
    if mode == "wrap":
        return rest(_from_before(index, before, count), count)
    if mode == "symmetric":
        period = times(Number(2), count)
        place = rest(_from_before(index, before, period), period)
        back = minus(minus(period, Number(1)), place)
    else:
        # One element alone is repeated.
        period = times(Number(2), last)
        if size == 1:
            period = Number(1)
        elif not isinstance(size, int):
            period = _if(compare("==", count, Number(1)), Number(1), period)
        place = rest(_from_before(index, before, period), period)
        back = minus(period, place)
    return _if(compare("<", place, count), place, back)


def _from_before(index: Scalar, before: Scalar, period: Scalar) -> Scalar:
    """The distance from the first element, and as many periods as make it positive."""
    return plus(index, times(before, minus(period, Number(1))))


def _if(test: Scalar, yes: Scalar, no: Scalar) -> Scalar:
    return Operation("if", (test, yes, no))


def counted_from(node: Node) -> LoopForm | None:
    """Numbers from one on, each a step after the last."""
    start, step = node.attributes["start"], node.attributes["step"]
    dtype = node.dtype
    if not isinstance(start, int | float) or not isinstance(step, int | float):
        return None
    if dtype.kind in "iu":
        if not isinstance(start, int) or not isinstance(step, int):
            return None
        first, step_between = Number(start), Number(step)
    elif dtype.name in ("float32", "float64"):
        # The step is the one between the first two, as they are rounded.
        first = Number(float(dtype.type(start)), dtype)
        second = dtype.type(start + step)
        step_between = Number(float(second - dtype.type(start)), dtype)
    else:
        return None

    def value(index: Index, at: At) -> Scalar:
        if dtype.kind in "iu":
            return Operation(
                "float", (plus(first, times(index[0], step_between)),), dtype
            )
        moved = Operation("float", (index[0],), dtype)
        product = Operation("*", (moved, step_between), dtype)
        return Operation("+", (first, product), dtype)

    return ByElement(value)


def row_starts(node: Node) -> LoopForm:
    """Positions at which rows start."""
    step = position(node.attributes["step"])
    return ByElement(lambda index, at: times(index[0], step))


def evenly_spaced(node: Node) -> LoopForm | None:
    """Numbers between two, all equally far apart."""
    start, stop, num = (node.attributes[name] for name in ("start", "stop", "num"))
    ends = node.attributes["endpoint"]
    is_plain = isinstance(start, int | float) and isinstance(stop, int | float)
    if not is_plain or not isinstance(num, int) or node.dtype.kind != "f":
        return None
    double = np.dtype(np.float64)
    parts = num - 1 if ends else num
    step = (float(stop) - float(start)) / parts if parts > 0 else 0.0

    def value(index: Index, at: At) -> Scalar:
        count = Operation("float", (index[0],), double)
        moved: Scalar = Operation("*", (count, Number(step, double)), double)
        moved = Operation("+", (moved, Number(float(start), double)), double)
        if ends and num > 1:
            is_last = compare("==", index[0], Number(num - 1))
            end = Number(float(stop), double)
            moved = Operation("if", (is_last, end, moved), double)
        return Operation("float", (moved,), node.dtype)

    return ByElement(value)
