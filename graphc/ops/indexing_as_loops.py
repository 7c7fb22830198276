"""Indexing as loops over elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.facts import Role
from ..ir.node import Node
from ..ir.scalar import (
    At,
    ByElement,
    Counter,
    Index,
    LoopForm,
    Number,
    Operation,
    Scalar,
    Write,
    Writes,
    broadcast,
    compare,
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
    one = _one_a_row(items, node.shape, tuple(arrays))
    if one is not None:
        return _chosen(node, one, place, lambda index, at: zero, x, "")
    # Positions in arrays may be the same.
    combine = "+" if arrays else ""
    return Writes(
        (
            Write(node.shape, lambda index, at: index, lambda index, at: zero),
            Write(x.shape, place, lambda index, at: at(x, index), combine),
        )
    )


def _one_a_row(
    items: tuple[Any, ...], shape: tuple[Any, ...], arrays: tuple[Node, ...]
) -> list[int] | None:
    """The axes of an array in the order in which positions go through them, if there is
    one position for each of their combinations, along the one axis that is left."""
    sizes = indexed_shape(shape, items, [a.shape for a in arrays])
    counters = tuple(Counter(size) for size in sizes)
    found = index_of(items, shape, arrays, counters, _counted)
    if found is None or len(found) != len(counters) + 1 or len(items) != len(found):
        return None
    axes = [axis for c in counters for axis, each in enumerate(found) if each is c]
    is_whole = [shape[axis] for axis in axes] == [*sizes]
    return axes if is_whole and len({*axes}) == len(axes) else None


def _counted(node: Node, index: Index) -> Scalar:
    """A position, if arrays go through the positions of an axis."""
    if node.op.role is Role.CONSTANT:
        value: np.ndarray[Any, Any] = node.attributes["value"].array
        axes = [axis for axis, size in enumerate(value.shape) if size != 1]
        if len(axes) == 1 and np.array_equal(value.ravel(), np.arange(int(value.size))):
            return index[axes[0]]
    form = None if node.op.loops is None else node.op.loops(node)
    return form.value(index, _counted) if isinstance(form, ByElement) else Number(0)


def _chosen(
    node: Node,
    axes: list[int],
    place: Callable[[Index, At], Index],
    before: Callable[[Index, At], Scalar],
    values: Node,
    combine: str,
) -> LoopForm:
    """Elements of which one along an axis is another value, or is added to."""
    axis = next(a for a in range(node.ndim) if a not in axes)

    def value(index: Index, at: At) -> Scalar:
        row = tuple(index[a] for a in axes)
        is_here = compare("==", index[axis], place(row, at)[axis])
        old, new = before(index, at), at(values, broadcast(row, values.shape))
        if combine:
            new = Operation(combine, (old, new), node.dtype)
        return Operation("if", (is_here, new, old), node.dtype)

    return ByElement(value)


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

        one = _one_a_row(items, node.shape, tuple(arrays))
        if one is not None and combine in ("", "+") and node.dtype.kind == "f":
            return _chosen(
                node, one, place, lambda index, at: at(x, index), values, combine
            )
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
