"""Arrays cut into parts along an axis: each part is a view."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any, cast

from ..errors import DTypeError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.dims import Dim, Dimension, format_shape
from ..ir.node import Node
from .axes import normalize_axis
from .indexing import getitem, slice_axis
from .source import ArrayLike, as_node

Parts = tuple[Node, ...]


def _cut(x: Node, axis: int, starts: Sequence[Dimension]) -> Parts:
    """The parts that begin at `starts`, the last of which takes what is left."""
    ends = (*starts[1:], x.shape[axis])
    bounds = zip(starts, ends, strict=True)
    return tuple(slice_axis(x, axis, start, end) for start, end in bounds)


def _sections(value: Any, x: Node, what: str = "sections") -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise DTypeError(
            f"{what} must be an integer, got {value!r}", node=x.describe()
        ) from None
    if count < 1:
        raise OptionError(f"{what} must be positive, got {count}", node=x.describe())
    return count


def _position(value: Any, x: Node) -> Any:
    if isinstance(value, Dim):
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise DTypeError(
            f"positions to split at must be integers, got {value!r}", node=x.describe()
        ) from None


def _at_indices(x: Node, axis: int, indices: Sequence[Any]) -> Parts:
    """The parts between positions, which NumPy reads as bounds of slices."""
    size = x.shape[axis]
    indices = [_position(each, x) for each in indices]
    if any(isinstance(each, Dim) for each in (size, *indices)):
        return _cut(x, axis, [0, *indices])
    bounds = [None, *indices, None]
    before = (slice(None),) * axis
    return tuple(
        getitem(x, (*before, slice(start, stop)))
        for start, stop in itertools.pairwise(bounds)
    )


@array_function
def array_split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> Parts:
    """Parts of an array as `gc.split`, where the number need not divide the size.

    The first parts are then longer by one.

    >>> import graphc as gc
    >>> [part.shape for part in gc.array_split(gc.input("x", (5,)), 2)]
    [(3,), (2,)]
    """
    x = as_node(ary)
    along = normalize_axis(axis, x.ndim, x)
    if isinstance(indices_or_sections, tuple | list):
        return _at_indices(x, along, cast("Sequence[Any]", indices_or_sections))
    count = _sections(indices_or_sections, x)
    size = x.shape[along]
    if isinstance(size, Dim):
        return _cut_evenly(x, along, count, "array_split")
    each, longer = divmod(size, count)
    starts = [part * each + min(part, longer) for part in range(count)]
    return _cut(x, along, starts)


def _cut_evenly(x: Node, axis: int, count: int, function: str) -> Parts:
    size = x.shape[axis]
    if isinstance(size, Dim):
        each = size.divide_exactly(count)
        if isinstance(each, Dim) and not each.is_whole:
            raise UnsupportedError(
                f"{function} into {count} parts requires a size that {count} divides, "
                f"got {size} along axis {axis}",
                node=x.describe(),
                hint=f"an input whose axis has the size {count} * gc.Dim('n')",
            )
    elif size % count:
        raise ShapeError(
            f"{function} into {count} equal parts requires a size that {count} "
            f"divides, got {size} along axis {axis} of {format_shape(x.shape)}",
            node=x.describe(),
            hint="gc.array_split",
        )
    else:
        each = size // count
    return _cut(x, axis, [each * part for part in range(count)])


@array_function
def split(ary: ArrayLike, indices_or_sections: Any, axis: int = 0) -> Parts:
    """Parts of an array along an axis.

    Args:
        ary: an array.
        indices_or_sections: the number of equal parts, or a list of the positions at
            which to cut.
        axis: along which.

    Returns:
        A tuple of arrays, which are views.

    Raises:
        ShapeError: the number does not divide the size.
        UnsupportedError: that is known only when the program runs.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 5))
    >>> [part.shape for part in gc.split(x, [2, 3], axis=1)]
    [(batch, 2), (batch, 1), (batch, 2)]
    """
    x = as_node(ary)
    along = normalize_axis(axis, x.ndim, x)
    if isinstance(indices_or_sections, tuple | list):
        return _at_indices(x, along, cast("Sequence[Any]", indices_or_sections))
    return _cut_evenly(x, along, _sections(indices_or_sections, x), "split")


def _with_axes(ary: ArrayLike, least: int, function: str) -> Node:
    x = as_node(ary)
    if x.ndim < least:
        raise ShapeError(
            f"{function} requires at least {least} axes, got {format_shape(x.shape)}",
            node=x.describe(),
        )
    return x


@array_function
def hsplit(ary: ArrayLike, indices_or_sections: Any) -> Parts:
    """Parts along axis 1, or along the only axis of a vector; see `gc.split`.

    >>> import graphc as gc
    >>> [part.shape for part in gc.hsplit(gc.input("x", (2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    x = _with_axes(ary, 1, "hsplit")
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@array_function
def vsplit(ary: ArrayLike, indices_or_sections: Any) -> Parts:
    """Parts along axis 0 of an array with at least two axes; see `gc.split`.

    >>> import graphc as gc
    >>> [part.shape for part in gc.vsplit(gc.input("x", (2, 4)), 2)]
    [(1, 4), (1, 4)]
    """
    return split(_with_axes(ary, 2, "vsplit"), indices_or_sections, 0)


@array_function
def dsplit(ary: ArrayLike, indices_or_sections: Any) -> Parts:
    """Parts along axis 2; see `gc.split`.

    >>> import graphc as gc
    >>> [part.shape for part in gc.dsplit(gc.input("x", (2, 3, 4)), 2)]
    [(2, 3, 2), (2, 3, 2)]
    """
    return split(_with_axes(ary, 3, "dsplit"), indices_or_sections, 2)


@array_function
def unstack(x: ArrayLike, /, *, axis: int = 0) -> Parts:
    """The arrays that `gc.stack` would join to `x`: one for each place along `axis`.

    Raises:
        UnsupportedError: the size of the axis is known only when the program runs.

    >>> import graphc as gc
    >>> gc.unstack(gc.input("x", ("batch", 2)), axis=1)
    (<getitem float32 (batch,)>, <getitem float32 (batch,)>)
    """
    node = as_node(x)
    along = normalize_axis(axis, node.ndim, node)
    size = node.shape[along]
    if isinstance(size, Dim):
        raise UnsupportedError(
            f"the number of parts along an axis of size {size} is known only when the "
            "program runs",
            node=node.describe(),
            hint="array operations over the whole axis",
        )
    before = (slice(None),) * along
    return tuple(getitem(node, (*before, place)) for place in range(size))


def unbind(input: ArrayLike, dim: int = 0) -> Parts:
    """torch's name of `gc.unstack`.

    >>> import graphc as gc
    >>> gc.unbind(gc.input("x", ("batch", 2)), 1)
    (<getitem float32 (batch,)>, <getitem float32 (batch,)>)
    """
    return unstack(input, axis=dim)


def chunk(input: ArrayLike, chunks: int, dim: int = 0) -> Parts:
    """Up to `chunks` parts of one size, the last of which may be smaller; as in torch.

    A size that `chunks` does not divide may give fewer parts: 6 gives 2 + 2 + 2 where
    four are asked for. See `gc.array_split` for as many as are asked for.

    >>> import graphc as gc
    >>> [part.shape for part in gc.chunk(gc.input("x", ("batch", 5)), 2, dim=1)]
    [(batch, 3), (batch, 2)]
    """
    x = as_node(input)
    along = normalize_axis(dim, x.ndim, x, "dim")
    count = _sections(chunks, x, "chunks")
    size = x.shape[along]
    if isinstance(size, Dim):
        return _cut_evenly(x, along, count, "chunk")
    each = -(-size // count)
    if not each:
        return (x,) * count
    return _cut(x, along, list(range(0, size, each)))
