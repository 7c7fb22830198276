"""Loop nests: what a target of loops prints, in data that knows no language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ...ir.dims import Dimension, product
from ...ir.node import Node
from ...ir.scalar import (
    Counter,
    Index,
    Load,
    Routine,
    Scalar,
    Total,
    Variable,
    parts,
    rewritten,
)
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
class Define:
    """A variable that is read where it stands, or deeper."""

    variable: Variable
    value: Scalar


@dataclass(eq=False)
class Row:
    """A small array that one turn of the loops around it writes and reads."""

    node: Node
    shape: tuple[Dimension, ...]


@dataclass(eq=False)
class Store:
    """A value that goes to an element of an array."""

    node: Node
    index: Index
    value: Scalar
    combine: str = ""
    """The operation by which it is combined with what is there; none to replace it."""
    shape: tuple[Dimension, ...] | None = None
    """That the index is for, if not that of the value."""


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
    cost: Dimension | None = None
    """That of a turn in additions, where threads may share its turns."""
    sums: dict[Node, str] = field(default_factory=dict[Node, str])
    """Arrays that turns combine values into, and the operation, where threads share
    these: each part of the turns has sums of its own."""


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
class Transposition:
    """Copies of matrices whose columns become rows, one for each position of leading
    axes."""

    node: Node
    sizes: tuple[Dimension, Dimension]
    """Rows and columns of the result."""
    to: Operand
    """The result, in the array of the node."""
    source: Operand
    """The same elements where they are copied from."""
    stack: tuple[Dimension, ...] = ()


@dataclass(eq=False)
class RoutineCall:
    """A call of a function written by hand."""

    node: Node
    routine: Routine
    arrays: tuple[Node, ...]
    """Those that it reads, as they lie in memory."""


@dataclass
class Arena:
    """Places in memory."""

    places: list[Node] = field(default_factory=list[Node])
    """Values that a place was made for, in order."""
    holders: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """The value whose place each one has."""
    shapes: dict[Node, tuple[Dimension, ...]] = field(
        default_factory=dict[Node, tuple[Dimension, ...]]
    )
    """Those of arrays that have only what one turn of some loops needs."""

    def shape(self, node: Node) -> tuple[Dimension, ...]:
        """That of the array of a value."""
        return self.shapes.get(node, node.shape)

    def size(self, node: Node) -> Dimension:
        """The number of elements that the array of a value has."""
        return product(self.shape(node))


@dataclass(eq=False)
class Nests:
    """The loop nests of a graph."""

    items: list[Item] = field(default_factory=list["Item"])
    arrays: list[Node] = field(default_factory=list[Node])
    """Values that need an array, besides results, in their order."""
    names: set[Node] = field(default_factory=set[Node])
    """Values that are local variables."""
    shapes: dict[Node, tuple[Dimension, ...]] = field(
        default_factory=dict[Node, tuple[Dimension, ...]]
    )
    """Those of arrays that have only what one turn of some loops needs."""
    functions: dict[Item, int] = field(default_factory=dict["Item", int])
    """The function in which each item stands, if it is with others."""

    @property
    def groups(self) -> list[list[Item]]:
        """The items of each function, and those that stand alone."""
        found: list[list[Item]] = []
        last: int | None = None
        for item in self.items:
            own = self.functions.get(item)
            if own is None or own != last:
                found.append([])
            found[-1].append(item)
            last = own
        return found


@dataclass(eq=False)
class Body:
    """Statements that a loop or a branch runs, with the memory that they work in."""

    nests: Nests
    arena: Arena
    counts_from_end: bool = False
    """True where negative positions are those from the end of an axis."""


@dataclass(eq=False)
class Passed:
    """All that a body is given from outside."""

    numbers: list[tuple[Node, Scalar]] = field(
        default_factory=list[tuple[Node, Scalar]]
    )
    """Values without axes by which they are known inside, and those outside."""
    same: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """Arrays inside that are arrays outside."""
    read: dict[Node, None] = field(default_factory=dict[Node, None])
    """Arrays outside that are read, in order."""
    written: dict[Node, None] = field(default_factory=dict[Node, None])
    """Values outside that are written."""


@dataclass(eq=False)
class CarriedNumber:
    """A value without axes that each turn takes from the one before."""

    variable: Node
    start: Scalar
    next: Scalar


@dataclass(eq=False)
class CarriedArray:
    """An array that each turn takes from the one before."""

    variable: Node
    start: Node
    """An array outside."""
    next: Node
    """The array of the next turn."""
    buffers: Node | None = None
    """Room for two such arrays, in which turns write `next` by turns; None where it
    stands elsewhere."""


@dataclass(eq=False)
class Turns:
    """A body that runs for each position of sequences, or as long as a test holds."""

    node: Node
    """The loop in the graph."""
    counter: Counter
    body: Body
    passed: Passed
    reverse: bool = False
    numbers: list[CarriedNumber] = field(default_factory=list[CarriedNumber])
    arrays: list[CarriedArray] = field(default_factory=list[CarriedArray])
    items: list[tuple[Node, Node]] = field(default_factory=list[tuple[Node, Node]])
    """Values inside that are items of sequences."""
    slots: list[tuple[Node, Node]] = field(default_factory=list[tuple[Node, Node]])
    """Values inside that are written as items of sequences."""
    after: list[Item] = field(default_factory=list["Item"])
    """Statements after the last turn."""
    test: Body | None = None
    goes_on: Scalar | None = None
    """The value of the test."""


@dataclass(eq=False)
class Choice:
    """A body, or one of two by a test."""

    node: Node
    """The call, or the branch, in the graph."""
    test: Scalar | None
    bodies: list[Body]
    passed: Passed


Item: TypeAlias = (
    Local
    | Define
    | Row
    | Store
    | Combine
    | Loop
    | Product
    | Transposition
    | RoutineCall
    | Turns
    | Choice
)


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
        case Local() | Define():
            return (item.value,)
        case RoutineCall():
            return item.routine.numbers
        case Turns():
            given = [value for _, value in item.passed.numbers]
            return (*given, *(each.start for each in item.numbers))
        case Choice():
            given = [value for _, value in item.passed.numbers]
            return (*given, *(() if item.test is None else (item.test,)))
        case _:
            return ()


def operands(item: Item) -> tuple[Node, ...]:
    """The arrays that a single item reads as a whole."""
    if isinstance(item, Product):
        return item.left.node, item.right.node
    if isinstance(item, Transposition):
        return (item.source.node,)
    if isinstance(item, RoutineCall):
        return item.arrays
    return (*item.passed.read,) if isinstance(item, Turns | Choice) else ()


def targets(item: Item) -> tuple[Node, ...]:
    """The values outside of it that a single item writes to memory."""
    if isinstance(item, Store | Product | Transposition | RoutineCall):
        return (item.node,)
    return (*item.passed.written,) if isinstance(item, Turns | Choice) else ()


def bodies_of(item: Item) -> tuple[Body, ...]:
    """The bodies that an item runs."""
    if isinstance(item, Choice):
        return (*item.bodies,)
    if isinstance(item, Turns):
        return (item.body,) if item.test is None else (item.test, item.body)
    return ()


def loads_of(item: Item) -> Iterator[Load]:
    """The loads in a single item."""
    for scalar in scalars(item):
        for part in parts(scalar):
            if isinstance(part, Load):
                yield part


def read_by(item: Item) -> dict[Node, None]:
    """The values that an item reads, in order."""
    found: dict[Node, None] = {}
    for each in inside(item):
        found.update(dict.fromkeys(operands(each)))
        found.update((load.node, None) for load in loads_of(each))
    return found


def written_by(item: Item) -> dict[Node, None]:
    """The values that an item writes to memory, in order."""
    return {node: None for each in inside(item) for node in targets(each)}


def values_in(items: Iterable[Item]) -> dict[Node, None]:
    """All values that statements name, those of bodies included."""
    found: dict[Node, None] = {}
    for item in items:
        found.update(read_by(item))
        for each in inside(item):
            found.update(dict.fromkeys(targets(each)))
            if isinstance(each, Local | Row):
                found[each.node] = None
            if isinstance(each, Combine):
                found[each.accumulator.node] = None
        if isinstance(item, Turns | Choice):
            found.update((node, None) for node, _ in item.passed.numbers)
            found.update(dict.fromkeys(item.passed.same))
        if isinstance(item, Turns):
            found.update((each.variable, None) for each in item.numbers)
            for carried in item.arrays:
                found[carried.variable] = found[carried.next] = None
                if carried.buffers is not None:
                    found[carried.buffers] = None
            found.update((node, None) for node, _ in (*item.items, *item.slots))
            found.update(values_in(item.after))
        for body in bodies_of(item):
            found.update(values_in(body.nests.items))
    return found


def same_arrays(items: Iterable[Item]) -> dict[Node, Node]:
    """Arrays of bodies that are arrays outside, from the outermost ones on."""
    found: dict[Node, Node] = {}
    for item in items:
        if isinstance(item, Turns | Choice):
            found.update(item.passed.same)
        for body in bodies_of(item):
            found.update(same_arrays(body.nests.items))
    return found


def rewrite(item: Item, new: Callable[[Scalar], Scalar | None]) -> None:
    """Replace parts of the values of a single item."""
    match item:
        case Local() | Define():
            item.value = rewritten(item.value, new)
        case Store():
            item.value = rewritten(item.value, new)
            item.index = tuple(rewritten(each, new) for each in item.index)
        case Combine():
            item.value = rewritten(item.value, new)
            if item.place is not None:
                item.place = rewritten(item.place, new)
        case _:
            pass


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
