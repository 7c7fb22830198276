"""Indices as graphs keep them: what a user writes in brackets, and the shape it gives.

An index is static but for its integer arrays, which are inputs. It is kept as a tuple
of items: an int, None for a new axis, `Slice`, or `ARRAY` where the next input stands.
"""

from __future__ import annotations

import itertools
import operator
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from ..errors import (
    DTypeError,
    IndexRangeError,
    ShapeError,
    UnsupportedError,
)
from ..ir.dims import Dim, Dimension, Shape, broadcast_shapes, format_shape
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import is_integer
from .source import as_node


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step` with the size of what it selects."""

    start: Dimension | None
    stop: Dimension | None
    step: int | None
    size: Dimension

    @property
    def is_full(self) -> bool:
        """True for a bare `:`."""
        return self.start is None and self.stop is None and self.step is None

    def fits(self, size: Dimension) -> bool:
        """True where it selects `self.size` elements of an axis, or may do so."""
        if self.start is None and self.stop is None and self.step in (None, -1):
            return self.size == size
        parts = (self.start, self.stop, size)
        if any(isinstance(part, Dim) for part in parts):
            return True
        bounds = slice(self.start, self.stop, self.step)
        return self.size == len(range(*bounds.indices(int(size))))

    def bounds(self, size: Dimension) -> list[tuple[Dimension, Dimension]]:
        """Conditions under which it selects `self.size` elements of an axis."""
        named = any(isinstance(part, Dim) for part in (self.start, self.stop, size))
        if not named or self.step is not None:
            return []
        first: Dimension = 0 if self.start is None else self.start
        last: Dimension = size if self.stop is None else self.stop
        if isinstance(last, int) and last < 0:
            last = size + last
        return [(0, first), (first, last), (last, size)]


ARRAY: Final = "array"

Index = tuple[Any, ...]


def whole_index(shape: Shape) -> list[Any]:
    """The items of an index that takes all of every axis."""
    return [Slice(None, None, None, size) for size in shape]


def _bound(part: Any) -> Any:
    """A bound of a slice as an int, a size or None."""
    if part is None or isinstance(part, Dim):
        return part
    try:
        return operator.index(part)
    except TypeError:
        raise DTypeError(
            f"slice bounds must be integers, got {part!r}",
            hint="bounds are static; gc.take for computed positions",
        ) from None


def _slice(item: slice[Any, Any, Any], size: Dimension) -> Slice:
    start, stop = _bound(item.start), _bound(item.stop)
    step = 1 if item.step is None else _bound(item.step)
    if step == 0:
        raise IndexRangeError("a slice's step must not be 0")
    if any(isinstance(part, Dim) for part in (start, stop, step, size)):
        return _symbolic_slice(start, stop, step, size)
    count = len(range(*slice(start, stop, step).indices(int(size))))
    if count == size and step == 1:
        return Slice(None, None, None, count)
    return Slice(start, stop, None if step == 1 else step, count)


def _sized_slice(start: Any, stop: Any, size: Dimension) -> Slice:
    if isinstance(size, int) and size < 0:
        raise IndexRangeError(
            f"[{_slice_source(Slice(start, stop, None, 0), '')}] ends before it starts"
        )
    return Slice(start, stop, None, size)


def _symbolic_slice(start: Any, stop: Any, step: Any, size: Dimension) -> Slice:
    if start is None and stop is None and isinstance(step, int):
        count = size if step in (1, -1) else (size + (abs(step) - 1)) // abs(step)
        return Slice(None, None, None if step == 1 else step, count)
    if step == 1:
        first: Dimension = 0 if start is None else start
        last: Dimension = size if stop is None else stop
        if isinstance(first, Dim) or first >= 0:
            if isinstance(last, int) and last < 0:
                return _sized_slice(start, stop, size + last - first)
            if stop is None or isinstance(start, Dim) or isinstance(stop, Dim):
                return _sized_slice(start, stop, last - first)
    text = _slice_source(Slice(start, stop, None if step == 1 else step, 0), "")
    raise UnsupportedError(
        f"the size of [{text}] along an axis of size {size} depends on the data fed",
        hint="[k:], [:-k], or an axis of integer size",
    )


def _position(item: Any, size: Dimension, axis: int) -> int:
    position = operator.index(item)
    if isinstance(size, Dim):
        if position not in (0, -1):
            raise UnsupportedError(
                f"index {position} along an axis of size {size} may not exist",
                hint="0, -1, or an axis of integer size",
            )
    elif not -size <= position < size:
        raise IndexRangeError(
            f"index {position} is out of range for axis {axis} of size {size}"
        )
    return position


def _mask(item: Any) -> np.ndarray[Any, Any] | None:
    """The booleans that are known and index axes; None for all else."""
    if isinstance(item, Node) and item.op.role is Role.CONSTANT:
        item = item.attributes["value"].array
    if isinstance(item, list | np.ndarray):
        array = np.asarray(cast("Any", item))
        return array if array.dtype.kind == "b" and array.ndim else None
    return None


def _without_masks(x: Node, items: list[Any]) -> list[Any]:
    """The items with the positions that masks choose in their place, as in NumPy."""
    masks = [_mask(item) if _may_be_mask(item) else None for item in items]
    if all(mask is None for mask in masks):
        return items
    axes = [
        0 if item is None or item is Ellipsis else 1 if mask is None else mask.ndim
        for item, mask in zip(items, masks, strict=True)
    ]
    found: list[Any] = []
    axis = 0
    for item, mask, count in zip(items, masks, axes, strict=True):
        if mask is None:
            found.append(item)
        else:
            shape = x.shape[axis : axis + count]
            if mask.shape != shape:
                raise ShapeError(
                    f"a mask must have the sizes of the axes that it indexes, "
                    f"{format_shape(shape)}, got {format_shape(mask.shape)}"
                )
            found += np.nonzero(mask)
        axis += max(0, x.ndim - sum(axes)) if item is Ellipsis else count
    return found


def _may_be_mask(item: Any) -> bool:
    if isinstance(item, list):
        return _holds_booleans(cast("list[Any]", item))
    return isinstance(item, Node | np.ndarray)


def _holds_booleans(items: list[Any]) -> bool:
    """True for a list of booleans, or of lists of them."""
    first: Any = items
    for _ in range(_MOST_AXES):
        if not isinstance(first, list) or not first:
            break
        first = cast("list[Any]", first)[0]
    return isinstance(first, bool | np.bool_)


_MOST_AXES = 64


def parse_index(x: Node, key: Any) -> tuple[Index, list[Node]]:
    """A user's index as static items and integer arrays."""
    given = list(cast("tuple[Any, ...]", key)) if isinstance(key, tuple) else [key]
    items = _without_masks(x, given)
    consumed = sum(1 for item in items if item is not None and item is not Ellipsis)
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise IndexRangeError("an index can have only one ellipsis (...)")
    if consumed > x.ndim:
        raise IndexRangeError(
            f"{consumed} indices are too many for shape {format_shape(x.shape)}"
        )
    fill = [slice(None)] * (x.ndim - consumed)
    at = ellipses[0] if ellipses else len(items)
    if ellipses and not fill:
        _refuse_to_part(items[:at], items[at + 1 :])
    items[at : at + len(ellipses)] = fill
    index: list[Any] = []
    arrays: list[Node] = []
    axis = 0
    for item in items:
        if item is None:
            index.append(None)
            continue
        size = x.shape[axis]
        if isinstance(item, slice):
            index.append(_slice(cast("slice[Any, Any, Any]", item), size))
        elif isinstance(item, Node | np.ndarray | list):
            arrays.append(_index_array(item))
            index.append(ARRAY)
        elif isinstance(item, bool | type) or not hasattr(item, "__index__"):
            raise DTypeError(
                f"an index must be an int, a slice, None, ... or integers, got {item!r}"
            )
        else:
            index.append(_position(item, size, axis))
        axis += 1
    return tuple(index), arrays


def _refuse_to_part(before: list[Any], after: list[Any]) -> None:
    """Refuse an ellipsis that stands for no axis, if leaving it out would make arrays
    neighbours, whose axes NumPy puts in another place than those of parted ones."""
    basic = (slice, type(None))
    indexing = [item for item in before if not isinstance(item, basic)]
    beyond = [item for item in after if not isinstance(item, basic)]
    if (
        indexing
        and beyond
        and isinstance(before[0], basic)
        and any(_axes(item) for item in indexing + beyond)
    ):
        raise UnsupportedError(
            "an ellipsis (...) that stands for no axis is between index arrays",
            hint="leave it out, and gc.moveaxis the indexed axes to the front, where "
            "NumPy puts them",
        )


def _axes(item: Any) -> int:
    return _index_array(item).ndim if isinstance(item, Node | np.ndarray | list) else 0


def _index_array(item: Any) -> Node:
    # NumPy too takes an empty list for integers.
    node = as_node(
        np.zeros(0, np.intp) if isinstance(item, list) and not item else item
    )
    if node.dtype == np.dtype(bool):
        raise UnsupportedError(
            "indexing with booleans gives a shape that depends on the data",
            hint="gc.where(mask, x, 0), or a mask that is known: a NumPy array",
        )
    if not is_integer(node.dtype):
        raise DTypeError(f"index arrays must be integers, got {node.type}")
    return node


def indexed_shape(shape: Shape, index: Index, arrays: list[Shape]) -> Shape:
    """NumPy's shape: indexed axes merge where the arrays stand, or go to the front."""
    advanced = bool(arrays)
    merged = broadcast_shapes(*arrays) if advanced else ()
    result: list[Dimension] = []
    places: list[int] = []
    kinds: list[bool] = []
    count = len(index) - index.count(None)
    if count != len(shape):
        raise ShapeError(f"requires {count} axes, got {format_shape(shape)}")
    sizes = iter(enumerate(shape))
    for item in index:
        if item is None:
            result.append(1)
            kinds.append(False)
            continue
        axis, size = next(sizes)
        if isinstance(item, int):
            _position(item, size, axis)
        if isinstance(item, Slice):
            if not item.fits(size):
                raise ShapeError(f"{item} does not fit axis {axis} of size {size}")
            result.append(item.size)
            kinds.append(False)
        else:
            kinds.append(advanced)
            places.append(len(result))
    if not advanced:
        return tuple(result)
    first = kinds.index(True)
    last = len(kinds) - 1 - kinds[::-1].index(True)
    place = places[0] if all(kinds[first : last + 1]) else 0
    return (*result[:place], *merged, *result[place:])


def index_bounds(index: Index, shape: Shape) -> list[tuple[Dimension, Dimension]]:
    """Pairs of sizes of which the first must not be above the second: what an index
    needs of the shape that it is an index of."""
    found: list[tuple[Dimension, Dimension]] = []
    items = (item for item in index if item is not None)
    for item, size in zip(items, shape, strict=True):
        if isinstance(item, Slice):
            found += item.bounds(size)
        elif isinstance(item, int):
            found.append((1, size))
    return found


def written_index(node: Node, first: int) -> str:
    """The index of a node as a formula has it, with arrays from input `first` on."""
    text = index_source(node).replace(" ", "")
    count = len(node.inputs) - first
    for number in range(count):
        text = text.replace(f"arrays[{number}]", f"<{first + number}>")
    return text


def index_source(node: Node) -> str:
    """The index as Python source; arrays are `arrays[0]`, `arrays[1]`, ..."""
    items: list[str] = []
    count = 0
    for item in node.attributes["index"]:
        if item == ARRAY:
            items.append(f"arrays[{count}]")
            count += 1
        elif isinstance(item, Slice):
            items.append(_slice_source(item))
        else:
            items.append(repr(item))
    while len(items) > 1 and items[-1] == ":":
        items.pop()
    return ", ".join(items) or "()"


def _slice_source(item: Slice, prefix: str = "dim_") -> str:
    def text(part: Dimension | None) -> str:
        if part is None:
            return ""
        return part.source(prefix) if isinstance(part, Dim) else str(part)

    tail = "" if item.step is None else f":{item.step}"
    return f"{text(item.start)}:{text(item.stop)}{tail}"


def is_whole(item: Any) -> bool:
    """True for an item of an index that is a bare `:`."""
    return isinstance(item, Slice) and item.is_full


def is_block(index: Index) -> bool:
    """True for an index of neighbours in memory: integers, then whole axes."""
    items = (item for item in index if item is not None)
    rest = itertools.dropwhile(lambda item: not isinstance(item, Slice), items)
    return all(is_whole(item) for item in rest)
