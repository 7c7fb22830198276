"""Values of single elements: what loops compute, in data that knows no language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .dims import Dim, Dimension, product
from .types import DType

if TYPE_CHECKING:
    from .node import Node

INDEX: DType = np.dtype(np.int64)
"""The type of positions."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is known from the declaration."""

    value: float | int | bool
    dtype: DType = INDEX


@dataclass(frozen=True, slots=True)
class Size:
    """A size that is known when the program runs."""

    size: Dim
    dtype: DType = INDEX


@dataclass(frozen=True, slots=True, eq=False)
class Counter:
    """The position of a loop, from 0 to a size."""

    size: Dimension
    dtype: DType = INDEX


@dataclass(frozen=True, slots=True)
class Load:
    """An element of an array."""

    node: Node
    index: tuple[Scalar, ...]
    shape: tuple[Dimension, ...]
    """That the index is for: the array's own, or another one of as many elements."""

    @property
    def dtype(self) -> DType:
        """That of the array."""
        return self.node.dtype


@dataclass(frozen=True, slots=True)
class Apply:
    """An elementwise op on values of single elements."""

    node: Node
    arguments: tuple[Scalar, ...]

    @property
    def dtype(self) -> DType:
        """That of the result."""
        return self.node.dtype


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic that no op of the graph stands for."""

    operator: str
    """`+`, `-`, `*`, `/`; `//` and `%` of positions, which are not negative; `<`, `==`,
    `and`; `if`, the second or the third argument by the first; or the name of an
    elementary function."""
    arguments: tuple[Scalar, ...]
    dtype: DType = INDEX


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """That which the turns of a loop have combined."""

    node: Node
    """The reduction."""
    dtype: DType


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A value that was computed before, in the same turn of the loops around it."""

    node: Node | None
    """The array of which it is an element, or which it was computed from."""
    dtype: DType


Scalar: TypeAlias = (
    Number | Size | Counter | Load | Apply | Operation | Total | Variable
)

Index: TypeAlias = tuple[Scalar, ...]

At: TypeAlias = "Callable[[Node, Index], Scalar]"


def position(size: Dimension) -> Scalar:
    """A size as a position."""
    return Size(size) if isinstance(size, Dim) else Number(size)


def plus(left: Scalar, right: Scalar) -> Scalar:
    """A sum of positions."""
    match left, right:
        case Number(a), Number(b):
            return Number(a + b)
        case (Number(0), other) | (other, Number(0)):
            return other
        case _:
            return Operation("+", (left, right))


def times(left: Scalar, right: Scalar) -> Scalar:
    """A product of positions."""
    match left, right:
        case Number(a), Number(b):
            return Number(a * b)
        case (Number(0), _) | (_, Number(0)):
            return Number(0)
        case (Number(1), other) | (other, Number(1)):
            return other
        case _:
            return Operation("*", (left, right))


def quotient(left: Scalar, right: Scalar) -> Scalar:
    """A quotient of positions without its remainder."""
    match left, right:
        case Number(a), Number(b) if b:
            return Number(a // b)
        case _, Number(1):
            return left
        case _:
            return Operation("//", (left, right))


def rest(left: Scalar, right: Scalar) -> Scalar:
    """The remainder of a quotient of positions."""
    match left, right:
        case Number(a), Number(b) if b:
            return Number(a % b)
        case _, Number(1):
            return Number(0)
        case _:
            return Operation("%", (left, right))


def minus(left: Scalar, right: Scalar) -> Scalar:
    """A difference of positions."""
    match left, right:
        case Number(a), Number(b):
            return Number(a - b)
        case _, Number(0):
            return left
        case _:
            return Operation("-", (left, right))


def compare(operator: str, left: Scalar, right: Scalar) -> Scalar:
    """A comparison of positions, or `and`."""
    return Operation(operator, (left, right), np.dtype(np.bool_))


def flat(shape: tuple[Dimension, ...], index: Index) -> Scalar:
    """The position of an element in a contiguous array."""
    result: Scalar = Number(0)
    for size, each in zip(shape, index, strict=True):
        result = plus(times(result, position(size)), each)
    return result


def unflattened(shape: tuple[Dimension, ...], place: Scalar) -> Index:
    """The index of an element of a contiguous array, from its position."""
    found: list[Scalar] = []
    for axis, size in enumerate(shape):
        after = position(product(shape[axis + 1 :]))
        whole = quotient(place, after)
        first = all(each == 1 for each in shape[:axis])
        found.append(
            Number(0) if size == 1 else whole if first else rest(whole, position(size))
        )
    return tuple(found)


def parts(scalar: Scalar) -> Iterator[Scalar]:
    """A scalar and all that it is made of."""
    yield scalar
    inner = scalar.index if isinstance(scalar, Load) else ()
    if isinstance(scalar, Apply | Operation):
        inner = scalar.arguments
    for each in inner:
        yield from parts(each)


def rewritten(scalar: Scalar, new: Callable[[Scalar], Scalar | None]) -> Scalar:
    """A scalar in which those parts are replaced for which there is a new one."""
    found = new(scalar)
    if found is not None:
        return found
    match scalar:
        case Load(node, index, shape):
            return Load(node, tuple(rewritten(each, new) for each in index), shape)
        case Apply(node, arguments):
            return Apply(node, tuple(rewritten(each, new) for each in arguments))
        case Operation(operator, arguments, dtype):
            made = tuple(rewritten(each, new) for each in arguments)
            return Operation(operator, made, dtype)
        case _:
            return scalar


# The forms of ops as loops ------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ByElement:
    """A value each element of which is known from elements of the inputs."""

    value: Callable[[Index, At], Scalar]
    in_order: bool = False
    """True where the elements are those of the first input in their order in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """A value each element of which combines some of the inputs."""

    combine: str
    """`+`, `*`, `max`, `min`, `or` or `and`; `position of max` or `position of min`;
    and `first`, the position of the first true one."""
    sizes: tuple[Dimension, ...]
    """Of the positions besides those of the result."""
    term: Callable[[Index, Index, At], Scalar]
    """From the index of the result and the other positions."""
    divisor: Dimension = 1
    """Number that the result is divided by, for a mean."""
    finish: Callable[[Scalar], Scalar] | None = None
    """The result from that which was combined, if it is another one."""

    def finished(self, total: Scalar, dtype: DType) -> Scalar:
        """The result from that which was combined."""
        if self.divisor != 1:
            divisor = Operation("float", (position(self.divisor),), dtype)
            total = Operation("/", (total, divisor), dtype)
        return total if self.finish is None else self.finish(total)

    @property
    def is_total(self) -> bool:
        """True where the result is that which was combined."""
        return self.divisor == 1 and self.finish is None


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """Elements that are written, or combined with what is there."""

    sizes: tuple[Dimension, ...]
    place: Callable[[Index, At], Index]
    value: Callable[[Index, At], Scalar]
    combine: str = ""
    """None replaces what is there."""


@dataclass(frozen=True, slots=True, eq=False)
class Writes:
    """A value that is written in several parts, in their order."""

    parts: tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """The product of two matrices, or of stacks of them, as `np.matmul` has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Routine:
    """A value that a function written by hand computes from whole arrays.

    It is called with the arrays, that of the result, the generator of a draw, the
    numbers, and the memory that it works in, if it needs any.
    """

    function: str
    dtype: DType
    """That of the numbers that the function computes with."""
    arrays: tuple[Node, ...] = ()
    numbers: Index = ()
    draws: bool = False
    """True where it takes numbers from the stream of the node."""
    work: Dimension | None = None
    """Bytes of memory that it works in, if it does."""


@dataclass(frozen=True, slots=True)
class ByBody:
    """A result of a node that runs bodies."""


LoopForm: TypeAlias = ByElement | Reduction | Writes | MatrixProduct | Routine | ByBody


def without_ones(shape: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """The sizes that are not 1."""
    return tuple(size for size in shape if size != 1)


def reindexed(
    index: Index, shape: tuple[Dimension, ...], wanted: tuple[Dimension, ...]
) -> Index:
    """The index of the same element of a contiguous array in another shape."""
    found: list[Scalar] = []
    start = 0
    for own, others in _joined(shape, wanted):
        stop = start + len(own)
        if without_ones(own) == without_ones(others):
            sizes = zip(index[start:stop], own, strict=True)
            kept = iter([i for i, size in sizes if size != 1])
            found += [Number(0) if size == 1 else next(kept) for size in others]
        else:
            found += unflattened(others, flat(own, index[start:stop]))
        start = stop
    return tuple(found)


def _joined(
    shape: tuple[Dimension, ...], wanted: tuple[Dimension, ...]
) -> Iterator[tuple[tuple[Dimension, ...], tuple[Dimension, ...]]]:
    """The fewest axes of two shapes that have as many elements, one after another."""
    while shape or wanted:
        pairs = ((a, n - a) for n in range(len(shape) + len(wanted)) for a in range(n))
        both = (
            (a, b)
            for a, b in pairs
            if a <= len(shape)
            and 0 < b <= len(wanted)
            and a > 0
            and product(shape[:a]) == product(wanted[:b])
        )
        own, others = next(both, (len(shape), len(wanted)))
        yield shape[:own], wanted[:others]
        shape, wanted = shape[own:], wanted[others:]


def broadcast(index: Index, shape: tuple[Dimension, ...]) -> Index:
    """The index of the element of an array of a shape that is broadcast to one."""
    own = index[len(index) - len(shape) :]
    return tuple(
        Number(0) if size == 1 else i for i, size in zip(own, shape, strict=True)
    )
