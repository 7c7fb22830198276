"""Reading parts of arrays: basic and integer-array indexing, and their adjoints.

An index is static but for its integer arrays, which are inputs. It is kept as a tuple
of items: an int, None for a new axis, `Slice`, or `ARRAY` where the next input stands.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from ..errors import (
    DTypeError,
    GraphcError,
    IndexRangeError,
    ShapeError,
    UnsupportedError,
)
from ..ir.dims import Dim, Dimension, Shape, broadcast_shapes, format_shape
from ..ir.node import Node, array_function
from ..ir.op import Case, Op
from ..ir.origin import here
from ..ir.types import TensorType, is_integer
from .along_axis import SCATTER_ALONG_AXIS, TAKE_ALONG_AXIS, take_along_axis
from .axes import normalize_axis
from .source import ArrayLike, as_node

__all__ = [
    "ADD_AT",
    "SCATTER_ADD",
    "SCATTER_ALONG_AXIS",
    "TAKE_ALONG_AXIS",
    "getitem",
    "slice_axis",
    "take",
    "take_along_axis",
]


@dataclass(frozen=True, slots=True)
class Slice:
    """`start:stop:step` with the size of what it selects."""

    start: Dimension | None
    stop: Dimension | None
    step: int | None
    size: Dimension

    @property
    def is_full(self) -> bool:
        """Whether it is a bare `:`."""
        return self.start is None and self.stop is None and self.step is None

    def fits(self, size: Dimension) -> bool:
        """Whether it selects `self.size` elements of an axis; True if not known yet."""
        if self.start is None and self.stop is None and self.step in (None, -1):
            return self.size == size
        parts = (self.start, self.stop, size)
        if any(isinstance(part, Dim) for part in parts):
            return True
        bounds = slice(self.start, self.stop, self.step)
        return self.size == len(range(*bounds.indices(int(size))))


ARRAY: Final = "array"

Index = tuple[Any, ...]


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


def _symbolic_slice(start: Any, stop: Any, step: Any, size: Dimension) -> Slice:
    if start is None and stop is None and step in (1, -1):
        return Slice(None, None, None if step == 1 else -1, size)
    if step == 1:
        first: Dimension = 0 if start is None else start
        last: Dimension = size if stop is None else stop
        if isinstance(first, Dim) or first >= 0:
            if isinstance(last, int) and last < 0:
                return Slice(start, stop, None, size + last - first)
            if stop is None or isinstance(start, Dim) or isinstance(stop, Dim):
                return Slice(start, stop, None, last - first)
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


def _parse(x: Node, key: Any) -> tuple[Index, list[Node]]:
    """A user's index as static items and integer arrays."""
    items = list(cast("tuple[Any, ...]", key)) if isinstance(key, tuple) else [key]
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
        elif isinstance(item, bool) or not hasattr(item, "__index__"):
            raise DTypeError(
                f"an index must be an int, a slice, None, ... or integers, got {item!r}"
            )
        else:
            index.append(_position(item, size, axis))
        axis += 1
    return tuple(index), arrays


def _index_array(item: Any) -> Node:
    # NumPy too takes an empty list for integers.
    node = as_node(
        np.zeros(0, np.intp) if isinstance(item, list) and not item else item
    )
    if node.dtype == np.dtype(bool):
        raise UnsupportedError(
            "indexing with booleans gives a shape that depends on the data",
            hint="gc.where(mask, x, 0)",
        )
    if not is_integer(node.dtype):
        raise DTypeError(f"index arrays must be integers, got {node.type}")
    return node


def _indexed_shape(shape: Shape, index: Index, arrays: list[Shape]) -> Shape:
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


def _getitem_infer(x: TensorType, *arrays: TensorType, index: Index) -> TensorType:
    return x.with_shape(_indexed_shape(x.shape, index, [a.shape for a in arrays]))


def _index_source(node: Node) -> str:
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


def _getitem_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    scattered = SCATTER_ADD(g, *arrays, index=index, shape=x.shape)
    return (scattered, *(None for _ in arrays))


def _getitem_jvp(tangents: tuple[Any, ...], out: Node, x: Node, *arrays: Node) -> Node:
    return GETITEM(tangents[0], *arrays, **out.attributes)


_FULL = Slice(None, None, None, 4)
_INDEX_CASES: tuple[Any, ...] = (
    ((3, 4), (1, _FULL), (), ()),
    ((3, 4), (Slice(0, 2, None, 2), -1), (), ()),
    ((3, 4), (None, Slice(None, None, -1, 3), _FULL), (), ()),
    ((5, 4), (ARRAY, _FULL), ((3,),), (5,)),
    ((5, 4), (ARRAY, ARRAY), ((3, 1), (2,)), (5, 4)),
    ((5, 3, 4), (ARRAY, Slice(None, None, None, 3), ARRAY), ((2,), (2,)), (5, 4)),
    ((5, 3, 4), (_FULL, 1, ARRAY), ((2,),), (4,)),
)


def _getitem_cases() -> tuple[Case, ...]:
    return tuple(
        Case(
            (shape, *arrays),
            {"index": _sized(shape, index)},
            dtypes=("", *("int64" for _ in arrays)),
            maximum=(None, *bounds),
        )
        for shape, index, arrays, bounds in _INDEX_CASES
    )


def _sized(shape: tuple[int, ...], index: Index) -> Index:
    """Full slices with the size of their axis."""
    sizes = iter(shape)
    items: list[Any] = []
    for item in index:
        size = next(sizes) if item is not None else 1
        full = isinstance(item, Slice) and item.is_full
        items.append(Slice(None, None, None, size) if full else item)
    return tuple(items)


def _getitem_fast(node: Node) -> str:
    """`ndarray.take` for whole rows, which takes half the time of indexing."""
    index = node.attributes["index"]
    others = [item for item in index if item != ARRAY]
    rows = len(index) - len(others) == 1 and all(_is_whole(item) for item in others)
    if rows and np.can_cast(node.inputs[1].dtype, np.intp, "safe"):
        return f"x.take(arrays[0], axis={index.index(ARRAY)})"
    return f"x[{_index_source(node)}]"


def _is_whole(item: Any) -> bool:
    return isinstance(item, Slice) and item.is_full


GETITEM = Op(
    name="getitem",
    inputs=("x", "*arrays"),
    infer=_getitem_infer,
    kind="movement",
    view_when=lambda node: len(node.inputs) == 1,
    numpy=lambda node: f"x[{_index_source(node)}]",
    fast=_getitem_fast,
    into=lambda node: f"out[...] = {_getitem_fast(node)}",
    vjp=_getitem_vjp,
    jvp=_getitem_jvp,
    cases=_getitem_cases(),
)


def _scatter_infer(
    g: TensorType, *arrays: TensorType, index: Index, shape: Shape
) -> TensorType:
    expected = _indexed_shape(shape, index, [a.shape for a in arrays])
    if expected != g.shape:
        raise ShapeError(
            f"requires values of shape {format_shape(expected)}, "
            f"got {format_shape(g.shape)}"
        )
    return g.with_shape(shape)


def _scatter_statement(node: Node) -> str:
    if len(node.inputs) == 1:
        return f"out[{_index_source(node)}] = x"
    return _adding_at(node, "x")


def _are_distinct(node: Node) -> bool:
    """Whether no position is repeated, since every one is in a row of its own."""
    arrays = [parent for parent in node.inputs if is_integer(parent.dtype)]
    return any(parent.op.name == "arange" for parent in arrays) and all(
        parent.shape == arrays[0].shape for parent in arrays
    )


def _adding_at(node: Node, values: str) -> str:
    """The statement that adds at positions.

    Where one may be repeated, only `np.add.at` adds to it each time. It takes ten times
    as long as an assignment that reads, adds and writes.
    """
    index = _index_source(node)
    if _are_distinct(node):
        return f"out[{index}] += {values}"
    if ":" in index:
        index = f"np.s_[{index}]"
    elif "," in index:
        index = f"({index})"
    return f"np.add.at(out, {index}, {values})"


def _scatter_vjp(g: Node, out: Node, x: Node, *arrays: Node) -> tuple[Any, ...]:
    index = out.attributes["index"]
    return (GETITEM(g, *arrays, index=index), *(None for _ in arrays))


def _scatter_jvp(tangents: tuple[Any, ...], out: Node, x: Node, *arrays: Node) -> Node:
    return SCATTER_ADD(tangents[0], *arrays, **out.attributes)


SCATTER_ADD = Op(
    name="scatter_add",
    inputs=("x", "*arrays"),
    infer=_scatter_infer,
    kind="movement",
    is_statements=True,
    numpy=lambda node: f"out = np.zeros(shape, dtype)\n{_scatter_statement(node)}",
    into=lambda node: f"out.fill(0)\n{_scatter_statement(node)}",
    vjp=_scatter_vjp,
    jvp=_scatter_jvp,
    cases=tuple(
        Case(
            (
                tuple(
                    int(d)
                    for d in _indexed_shape(shape, _sized(shape, index), list(arrays))
                ),
                *arrays,
            ),
            {"index": _sized(shape, index), "shape": shape},
            dtypes=("", *("int64" for _ in arrays)),
            maximum=(None, *bounds),
        )
        for shape, index, arrays, bounds in _INDEX_CASES
    ),
)


def _add_at_infer(
    x: TensorType, values: TensorType, *arrays: TensorType, index: Index
) -> TensorType:
    chosen = _indexed_shape(x.shape, index, [a.shape for a in arrays])
    if broadcast_shapes(values.shape, chosen) != chosen:
        raise ShapeError(
            f"requires values that broadcast to {format_shape(chosen)}, "
            f"got {format_shape(values.shape)}"
        )
    if values.dtype != x.dtype:
        raise DTypeError(f"requires values of dtype {x.dtype}, got {values}")
    return x


def _add_at_vjp(
    g: Node, out: Node, x: Node, values: Node, *arrays: Node
) -> tuple[Any, ...]:
    return (g, GETITEM(g, *arrays, **out.attributes), *(None for _ in arrays))


def _add_at_jvp(
    tangents: tuple[Any, ...], out: Node, x: Node, values: Node, *arrays: Node
) -> Node:
    return ADD_AT(tangents[0], tangents[1], *arrays, **out.attributes)


ADD_AT = Op(
    name="add_at",
    inputs=("x", "values", "*arrays"),
    infer=_add_at_infer,
    kind="movement",
    is_statements=True,
    numpy=lambda node: f"out = x.copy()\n{_adding_at(node, 'values')}",
    into=lambda node: f"out[...] = x\n{_adding_at(node, 'values')}",
    vjp=_add_at_vjp,
    jvp=_add_at_jvp,
    cases=tuple(
        Case(
            (shape, values, *arrays),
            {"index": _sized(shape, index)},
            dtypes=("", "", *("int64" for _ in arrays)),
            maximum=(None, None, *bounds),
        )
        for (shape, index, arrays, bounds), values in zip(
            _INDEX_CASES[3:], ((3, 4), (3, 2), (3,), ()), strict=True
        )
    ),
)
"""`x` with values added at some positions, and again where a position is repeated."""


@array_function
def getitem(a: ArrayLike, index: Any) -> Node:
    """`a[index]` with ints, slices, None, `...` and integer arrays, as NumPy indexes.

    Static bounds are checked now. Arrays of indices are inputs of the program; NumPy
    checks them when it runs.
    """
    x = as_node(a)
    try:
        static, arrays = _parse(x, index)
    except GraphcError as error:
        raise error.locate(
            node=f"indexing of {x.describe()}", location=str(here().location)
        ) from None
    return GETITEM(x, *arrays, index=static)


def slice_axis(x: Node, axis: int, start: Dimension, stop: Dimension) -> Node:
    """`x[..., start:stop, ...]` along one axis."""
    index = [Slice(None, None, None, size) for size in x.shape]
    index[axis] = Slice(start, stop, None, stop - start)
    return GETITEM(x, index=tuple(index))


@array_function
def take(a: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Node:
    """Elements at `indices` along `axis`, or of the flat array where None.

    >>> import graphc as gc
    >>> table = gc.parameter("table", (1000, 16))
    >>> gc.take(table, gc.input("tokens", ("batch", "time"), "int64"), axis=0)
    <getitem float32 (batch, time, 16)>
    """
    x = as_node(a)
    if axis is None:
        from .shape import reshape

        x, axis = reshape(x, -1), 0
    position = normalize_axis(axis, x.ndim, x)
    chosen = as_node(indices)
    return getitem(x, (*(slice(None),) * position, chosen))
