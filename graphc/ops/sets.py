"""Sets of elements: those that occur, how often, and where.

How many there are depends on the data, so that a size has to be given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import UnsupportedError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, as_dimension
from ..ir.node import Node
from .along_axis import SCATTER_ALONG_AXIS
from .arithmetic import minimum, where
from .comparison import isnan
from .counting import BINCOUNT
from .indexing import slice_axis
from .joining import concatenate
from .orders import ARGSORT
from .scans import CUMSUM
from .searching import flatnonzero
from .shape import reshape
from .source import ArrayLike, arange, as_node, astype, constant, full, ones

_POSITION = np.dtype(np.intp)


class UniqueCounts(NamedTuple):
    """Different elements, and the number of times that each occurs."""

    values: Node
    counts: Node


class _Groups:
    """The elements of an array in sorted order, and the groups that are equal."""

    def __init__(self, ar: ArrayLike, size: Any, name: str) -> None:
        self.given = as_node(ar)
        if size is None:
            raise UnsupportedError(
                f"the size of {name} depends on the data",
                node=f"{name} of {self.given.type}",
                hint="size=, the most different elements that there may be",
            )
        self.size: Dimension = as_dimension(size, "size")
        self.flat = reshape(self.given, -1)
        self.order = ARGSORT(self.flat, axis=0)
        self.sorted = self.flat[self.order]
        count = self.flat.shape[0]
        self.is_empty = count == 0
        if self.is_empty:
            self.first = astype(self.sorted, bool)
            return
        later = slice_axis(self.sorted, 0, 1, count)
        before = slice_axis(self.sorted, 0, 0, count - 1)
        differs = later != before
        if self.sorted.dtype.kind == "f":
            # NaN, of which a sort puts all last, counts as one element.
            differs = differs & ~(isnan(later) & isnan(before))
        self.first = concatenate([ones((1,), bool), differs])

    def places(self) -> tuple[Node, Node]:
        """Positions in sorted order where groups begin, and a mask of those groups that
        there are."""
        found = arange(self.size) < astype(self.first, _POSITION).sum()
        return flatnonzero(self.first, size=self.size), found

    def values(self, fill_value: ArrayLike) -> Node:
        """One element of each group, in ascending order."""
        dtype = self.given.dtype
        if self.is_empty:
            return full((self.size,), fill_value or 0, dtype)
        places, found = self.places()
        values = self.sorted[places]
        rest = self.sorted[0] if fill_value is None else constant(fill_value, dtype)
        return where(found, values, rest)

    def numbers(self) -> Node:
        """The group of each element in sorted order, and `size` for further ones."""
        group = CUMSUM(astype(self.first, _POSITION), axis=0) - 1
        return minimum(group, constant(self.size, _POSITION))

    def counts(self) -> Node:
        """The number of elements in each group."""
        found = BINCOUNT(self.numbers(), minlength=self.size + 1)
        return slice_axis(found, 0, 0, self.size)


@array_function
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    *,
    size: Any = None,
    fill_value: ArrayLike = None,
) -> Any:
    """Different elements of an array in ascending order. NaN counts as one element.

    Args:
        ar: numbers or booleans, of any shape.
        return_index: return the first position of each in the flat array, too.
        return_inverse: return, too, for each element of `ar` the position of the one
            that is equal: `unique[inverse]` is `ar`.
        return_counts: return the number of times that each occurs, too.
        size: the number of elements in the result. It is required, because its shape
            must not depend on data. If there are more, the least ones are taken.
        fill_value: what stands for elements where there are fewer, the least one where
            None. Their index and count are 0.

    Returns:
        A vector of `size` elements, or a tuple of it and what else is asked for.

    Raises:
        UnsupportedError: no `size`.

    >>> import numpy as np
    >>> import graphc as gc
    >>> gc.evaluate(gc.unique([3.0, 1.0, 3.0], size=3, fill_value=np.nan), {})
    array([ 1.,  3., nan])
    """
    groups = _Groups(ar, size, "unique")
    results = [groups.values(fill_value)]
    if return_index:
        places, found = groups.places()
        index = groups.order if groups.is_empty else groups.order[places]
        results.append(where(found, index, constant(0, _POSITION)))
    if return_inverse:
        shape = groups.flat.shape
        numbers = groups.numbers()
        inverse = SCATTER_ALONG_AXIS(numbers, groups.order, shape=shape, axis=0)
        results.append(reshape(inverse, groups.given.shape))
    if return_counts:
        results.append(groups.counts())
    return results[0] if len(results) == 1 else tuple(results)


@array_function
def unique_counts(
    x: ArrayLike, *, size: Any = None, fill_value: ArrayLike = None
) -> UniqueCounts:
    """Different elements of an array, and the number of times that each occurs.

    See `gc.unique` for `size`, which is required, and `fill_value`.

    >>> import graphc as gc
    >>> values, counts = gc.unique_counts([3, 1, 3], size=2)
    >>> gc.evaluate([values, counts], {})
    [array([1, 3]), array([1, 2])]
    """
    groups = _Groups(x, size, "unique_counts")
    return UniqueCounts(groups.values(fill_value), groups.counts())
