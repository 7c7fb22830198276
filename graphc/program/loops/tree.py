"""Loop nests: what a target of loops prints, in data that knows no language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Counter, Index, Routine, Scalar, Total, parts
from ...ir.types import DType
from .places import Axis

FINDING = ("position of max", "position of min", "first")
"""Reductions to a position."""


@dataclass(eq=False)
class Local:
    """A value that is computed once and read where it stands, or deeper."""

    node: Node
    value: Scalar


@dataclass(eq=False)
class Store:
    """A value that goes to an element of an array."""

    node: Node
    index: Index
    value: Scalar
    combine: str = ""
    """The operation by which it is combined with what is there; none to replace it."""


@dataclass(eq=False)
class Accumulator:
    """A number that the turns of a loop combine their values into."""

    node: Node
    """The value that it becomes."""
    combine: str
    dtype: DType
    """That of the values."""


@dataclass(eq=False)
class Combine:
    """A value that goes into an accumulator."""

    accumulator: Accumulator
    value: Scalar
    place: Scalar | None = None
    """For the position of an extreme: that of the value."""


@dataclass(eq=False)
class Loop:
    """Statements for each position."""

    counter: Counter
    body: list[Item] = field(default_factory=list["Item"])
    accumulators: list[Accumulator] = field(default_factory=list[Accumulator])
    """Those that start before it."""


@dataclass(eq=False)
class Operand:
    """A matrix in memory, or a stack of them."""

    node: Node
    """The array that it is a part of."""
    start: Scalar
    """The position of its first element."""
    rows: Dimension
    """Elements from one row to the next."""
    columns: Dimension
    """Elements from one column to the next."""
    stack: tuple[Dimension, ...] = ()
    """Elements from one matrix to the next, along each axis of the stack."""
    axes: tuple[Axis, Axis] | None = None
    """Of rows and columns that several axes of the array make up, in place of the steps
    from one to the next."""


@dataclass(eq=False)
class Product:
    """Products of matrices, one for each position of leading axes."""

    node: Node
    sizes: tuple[Dimension, Dimension, Dimension]
    """Rows and columns of the result, and the number of products that are added up."""
    left: Operand
    right: Operand
    stack: tuple[Dimension, ...] = ()


@dataclass(eq=False)
class RoutineCall:
    """A call of a function written by hand."""

    node: Node
    routine: Routine
    arrays: tuple[Node, ...]
    """Those that it reads, as they lie in memory."""


Item: TypeAlias = Local | Store | Combine | Loop | Product | RoutineCall


def inside(item: Item) -> Iterator[Item]:
    """An item and all that stand in it, in their order."""
    yield item
    if isinstance(item, Loop):
        for each in item.body:
            yield from inside(each)


def scalars(item: Item) -> tuple[Scalar, ...]:
    """The values of a single item, positions included."""
    match item:
        case Store():
            return (*item.index, item.value)
        case Combine(_, value, place):
            return (value,) if place is None else (value, place)
        case Local():
            return (item.value,)
        case RoutineCall():
            return item.routine.numbers
        case _:
            return ()


def has_total(item: Item) -> bool:
    """True for a statement that ends the loop before it."""
    found = (part for scalar in scalars(item) for part in parts(scalar))
    return any(isinstance(part, Total) for part in found)


def start_of(combine: str, dtype: np.dtype[np.generic]) -> float | int | bool:
    """The number that a reduction starts from."""
    if combine in ("max", "position of max", "min", "position of min"):
        is_max = combine.endswith("max")
        if dtype.kind == "f":
            return float("-inf") if is_max else float("inf")
        if dtype.kind == "b":
            return not is_max
        bounds = np.iinfo(dtype)  # type: ignore[arg-type]
        return int(bounds.min if is_max else bounds.max)
    return {"+": 0, "*": 1, "or": False, "and": True}[combine]
