"""Forms of ops as calls of functions written by hand, which have whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dims import Dimension, product
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.scalar import (
    At,
    Index,
    Load,
    LoopForm,
    Number,
    Operation,
    Routine,
    Scalar,
    Write,
    Writes,
    position,
)
from .shape import transpose
from .source import astype, constant

_FLOAT32: np.dtype[Any] = np.dtype(np.float32)


def drawn_numbers(function: str) -> Any:
    """Numbers from the stream of a draw."""

    def loops(node: Node) -> LoopForm:
        size = position(product(node.shape))
        return Routine(function, node.dtype, numbers=(size,), draws=True)

    return loops


def drawn_bools(node: Node) -> LoopForm:
    """Bools that are true with the probability `p`."""
    p: float = node.attributes["p"]
    probability: Scalar = Number(p, _FLOAT32)
    if isinstance(p, Hyperparameter):
        # It stays in Python, where it can be edited.
        probability = Load(constant(p, "float32"), (), ())
    size = position(product(node.shape))
    return Routine("bernoulli", _FLOAT32, numbers=(size, probability), draws=True)


def of_lines(axis: int, shape: tuple[Dimension, ...]) -> tuple[Scalar, Scalar, Scalar]:
    """Sizes of an array seen as blocks of lines along an axis: how many blocks, the
    length of a line, and the elements from one of a line to the next."""
    parts = shape[:axis], shape[axis : axis + 1], shape[axis + 1 :]
    blocks, length, step = (position(product(each)) for each in parts)
    return blocks, length, step


def running(combine: str) -> Any:
    """Each element combined with all before it, along an axis."""

    def loops(node: Node) -> LoopForm | None:
        if node.dtype.name == "float16":
            return None
        x = astype(node.inputs[0], node.dtype)
        numbers = of_lines(node.attributes["axis"], node.shape)
        return Routine(f"running_{combine}", node.dtype, (x,), numbers)

    return loops


def last_attained(node: Node) -> LoopForm | None:
    """Positions of running extrema."""
    x, extrema = node.inputs
    if x.dtype != extrema.dtype:
        return None
    numbers = of_lines(node.attributes["axis"], node.shape)
    return Routine("last_attained", x.dtype, (x, extrema), numbers)


def recurrence(node: Node) -> LoopForm | None:
    """A linear recurrence along an axis."""
    if node.dtype.name == "float16":
        return None
    reverse = Number(int(node.attributes["reverse"]))
    numbers = (*of_lines(node.attributes["axis"], node.shape), reverse)
    return Routine("linear_recurrence", node.dtype, node.inputs, numbers)


def sorted_lines(node: Node) -> LoopForm | None:
    """Elements in their order along an axis."""
    axis: int = node.attributes["axis"]
    work = 2 * node.dtype.itemsize * node.shape[axis]
    numbers = of_lines(axis, node.shape)
    return Routine("sort", node.dtype, node.inputs, numbers, work=work)


def sorted_positions(node: Node) -> LoopForm | None:
    """Positions of elements in their order along an axis."""
    x = node.inputs[0]
    axis: int = node.attributes["axis"]
    work = (2 * node.dtype.itemsize + x.dtype.itemsize) * x.shape[axis]
    numbers = of_lines(axis, x.shape)
    return Routine("argsort", x.dtype, (x,), numbers, work=work)


def places_in_line(node: Node) -> LoopForm | None:
    """Places of numbers among sorted ones."""
    a, v = node.inputs
    if a.dtype != v.dtype:
        return None
    after = Number(int(node.attributes["side"] == "right"))
    numbers = (position(a.shape[0]), position(product(v.shape)), after)
    return Routine("searchsorted", a.dtype, (a, v), numbers)


def intervals(node: Node) -> LoopForm | None:
    """The intervals that numbers are in."""
    x, points = node.inputs
    if x.dtype != points.dtype:
        return None
    numbers = (position(points.shape[0]), position(product(x.shape)))
    return Routine("interval", x.dtype, (x, points), numbers)


def among(node: Node) -> LoopForm | None:
    """True for elements that are among others."""
    return _of_sorted("isin", node)


def counted_between(node: Node) -> LoopForm | None:
    """Numbers of elements between points."""
    return _of_sorted("histogram", node)


def _of_sorted(function: str, node: Node) -> LoopForm | None:
    x, others = node.inputs
    if x.dtype != others.dtype:
        return None
    size = product(others.shape)
    numbers = (position(product(x.shape)), position(size))
    work = 2 * x.dtype.itemsize * size
    return Routine(function, x.dtype, (x, others), numbers, work=work)


def convolved(node: Node) -> LoopForm | None:
    """The convolution of two vectors."""
    a, v = node.inputs
    if a.dtype != node.dtype or v.dtype != node.dtype or node.dtype.kind != "f":
        return None
    sizes = a.shape[0], v.shape[0]
    start: Dimension = 0
    if node.attributes["mode"] == "valid":
        known = [size for size in sizes if isinstance(size, int)]
        start = (min(known) if len(known) == 2 else sizes[1]) - 1
    given = (*sizes, start, node.shape[0])
    return Routine("convolve", node.dtype, node.inputs, tuple(map(position, given)))


def quantiles(
    node: Node, levels: tuple[float, ...], offsets: tuple[float, float], method: str
) -> LoopForm | None:
    """Numbers at places in sorted order, or between two of them.

    Args:
        node: the value.
        levels: shares of the elements that come before.
        offsets: `alpha` and `beta` of Hyndman and Fan.
        method: which of two numbers.
    """
    x = node.inputs[0]
    axes: tuple[int, ...] = node.attributes["axis"]
    if node.dtype.name == "float16":
        return None
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    rows = x if order == (*range(x.ndim),) else transpose(x, order)
    rows = astype(rows, node.dtype)
    length = product(x.shape[a] for a in axes)
    count = product(x.shape[a] for a in range(x.ndim) if a not in axes)
    kinds = ("lower", "higher", "midpoint", "nearest")
    kind = kinds.index(method) + 1 if method in kinds else 0
    alpha, beta = (Number(each, np.dtype(np.float64)) for each in offsets)
    is_single = Number(int(x.dtype.name == "float32" != node.dtype.name))
    numbers = (position(count), position(length), Number(len(levels)))
    return Routine(
        "quantile",
        node.dtype,
        (rows, constant(levels, "float64")),
        (*numbers, alpha, beta, Number(kind), is_single),
        work=2 * node.dtype.itemsize * length,
    )


def counted_at(node: Node) -> LoopForm:
    """Numbers of elements that are each position."""
    x = node.inputs[0]
    zero, one = Number(0, node.dtype), Number(1, node.dtype)

    def place(index: Index, at: At) -> Index:
        found = Operation("float", (at(x, index),))
        return (Operation("place", (found, position(node.shape[0]))),)

    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(x.shape, place, lambda index, at: one, "+"),
        )
    )
