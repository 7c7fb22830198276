"""Indexing as loops over elements."""

from __future__ import annotations

from typing import Any

from ..ir.node import Node
from ..ir.scalar import (
    At,
    ByElement,
    Index,
    LoopForm,
    Number,
    Scalar,
    Write,
    Writes,
    broadcast,
    minus,
    plus,
    position,
    times,
)
from .as_loops import wrapped
from .slices import ARRAY, Slice, indexed_shape


def index_of(
    items: tuple[Any, ...],
    shape: tuple[Any, ...],
    arrays: tuple[Node, ...],
    index: Index,
    at: At,
) -> Index | None:
    """The place in an array of the element of `array[items]` at an index."""
    places = [a for a, item in enumerate(items) if item == ARRAY]
    ndim = max((each.ndim for each in arrays), default=0)
    together = not places or places == list(range(places[0], places[-1] + 1))
    found: list[Scalar] = []
    taken = list(index)
    given: Index = ()
    if places and not together:
        given, taken = tuple(taken[:ndim]), taken[ndim:]
    sizes, remaining = iter(shape), iter(arrays)
    for item in items:
        if item is None:
            taken.pop(0)
            continue
        size = next(sizes)
        if item == ARRAY:
            if together and not given and ndim:
                given, taken = tuple(taken[:ndim]), taken[ndim:]
            array = next(remaining)
            place = at(array, broadcast(given, array.shape))
            found.append(wrapped(place, position(size)))
        elif isinstance(item, Slice):
            step = 1 if item.step is None else item.step
            start: Any = item.start
            if start is None:
                start = 0 if step > 0 else size - 1
            elif isinstance(start, int) and start < 0:
                start = start + size
            elif isinstance(start, int) and not isinstance(size, int):
                if step < 0:
                    return None
            elif isinstance(start, int):
                start = min(start, int(size) if step > 0 else int(size) - 1)
            counter = taken.pop(0)
            if step > 0:
                found.append(plus(position(start), times(counter, Number(step))))
            else:
                found.append(minus(position(start), times(counter, Number(-step))))
        else:
            place = item + size if isinstance(item, int) and item < 0 else item
            found.append(position(place))
    found += taken
    return tuple(found)


def taken(node: Node) -> LoopForm | None:
    """Indexing."""
    x, *arrays = node.inputs
    items = node.attributes["index"]
    if any(a.dtype.kind not in "iu" for a in arrays):
        return None
    probe = index_of(items, x.shape, tuple(arrays), (Number(0),) * node.ndim, _nothing)
    if probe is None:
        return None

    def value(index: Index, at: At) -> Scalar:
        place = index_of(items, x.shape, tuple(arrays), index, at)
        assert place is not None
        return at(x, place)

    return ByElement(value)


def _nothing(node: Node, index: Index) -> Scalar:
    return Number(0)


def scattered(node: Node) -> LoopForm | None:
    """Values that are added to zeros."""
    x, *arrays = node.inputs
    items = node.attributes["index"]
    probe = index_of(items, node.shape, tuple(arrays), (Number(0),) * x.ndim, _nothing)
    if probe is None:
        return None

    def place(index: Index, at: At) -> Index:
        found = index_of(items, node.shape, tuple(arrays), index, at)
        assert found is not None
        return found

    zero = Number(0, node.dtype)
    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(x.shape, place, lambda index, at: at(x, index), "+"),
        )
    )


def updated(combine: str) -> Any:
    """Values that take the place of elements, or are combined with them."""

    def loops(node: Node) -> LoopForm | None:
        x, values, *arrays = node.inputs
        items = node.attributes["index"]
        shape = indexed_shape(node.shape, items, [a.shape for a in arrays])
        first = (Number(0),) * len(shape)
        if index_of(items, node.shape, tuple(arrays), first, _nothing) is None:
            return None

        def place(index: Index, at: At) -> Index:
            found = index_of(items, node.shape, tuple(arrays), index, at)
            assert found is not None
            return found

        return Writes(
            (
                Write(
                    node.shape, lambda index, at: index, lambda index, at: at(x, index)
                ),
                Write(
                    shape,
                    place,
                    lambda index, at: at(values, broadcast(index, values.shape)),
                    combine,
                ),
            )
        )

    return loops
