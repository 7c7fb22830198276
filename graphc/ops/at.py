"""`x.at[index].set(values)` and its kin: JAX's way to say NumPy's assignments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..arguments import entry
from ..errors import DTypeError, GraphcError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ir.op import Op
from ..ir.types import is_integer
from .along_axis import broadcast_along
from .arithmetic import divide, negative
from .axes import normalize_axis
from .exponential import power
from .indexing import ADD_AT, getitem
from .shape import reshape
from .slices import parse_index
from .source import ArrayLike, arange, as_node, astype, ones
from .updates import MAXIMUM_AT, MINIMUM_AT, MULTIPLY_AT, SET_AT


class IndexUpdates:
    """The property `at` of a node: `x.at[index]` is an `IndexUpdate`."""

    def __init__(self, array: Node) -> None:
        self._array = array

    def __getitem__(self, index: Any) -> IndexUpdate:
        return IndexUpdate(self._array, index)

    def __repr__(self) -> str:
        return f"<updates of {self._array!r}>"


@entry
class IndexUpdate:
    """Elements of an array that an update goes to.

    Any index that reads may be updated, see `x[index]`, and its positions are checked
    alike. Values broadcast to what the index chooses, and take the dtype of the array,
    if that is of their kind. Where positions are repeated, all values are added,
    multiplied or compared; of `set`, the last one stays, and has the derivative.

    >>> import graphc as gc
    >>> x = gc.constant([1.0, 2.0, 3.0])
    >>> gc.evaluate(x.at[0].set(9.0), {})
    array([9., 2., 3.])
    >>> gc.evaluate(x.at[[0, 0, 2]].add(1.0), {})
    array([3., 2., 4.])
    """

    def __init__(self, array: Node, index: Any) -> None:
        self._array = array
        self._index = index

    def get(self) -> Node:
        """The elements as they are: `x[index]`."""
        return getitem(self._array, self._index)

    def set(self, values: ArrayLike) -> Node:
        """`values` in their place."""
        return self._updated(SET_AT, "set", values)

    def add(self, values: ArrayLike) -> Node:
        """Their sums with `values`."""
        return self._updated(ADD_AT, "add", values)

    def subtract(self, values: ArrayLike) -> Node:
        """Their differences from `values`."""
        return self._updated(ADD_AT, "subtract", negative(self._values(values)))

    def multiply(self, values: ArrayLike) -> Node:
        """Their products with `values`.

        Where positions may be repeated, the derivative by `values` takes a matrix of
        as many rows and columns as there are positions.
        """
        return self._updated(MULTIPLY_AT, "multiply", values)

    def divide(self, values: ArrayLike) -> Node:
        """Their quotients by `values`."""
        whole = ones(self._array.shape, self._array.dtype)
        return divide(self._array, IndexUpdate(whole, self._index).multiply(values))

    def power(self, values: ArrayLike) -> Node:
        """Their powers, with the exponents `values`."""
        whole = ones(self._array.shape, self._array.dtype)
        return power(self._array, IndexUpdate(whole, self._index).multiply(values))

    def max(self, values: ArrayLike) -> Node:
        """The larger of them and `values`; ties share the gradient equally."""
        return self._updated(MAXIMUM_AT, "max", values)

    def min(self, values: ArrayLike) -> Node:
        """The smaller of them and `values`; ties share the gradient equally."""
        return self._updated(MINIMUM_AT, "min", values)

    def apply(self, function: Callable[[Node], Node]) -> Node:
        """Their values by a function of nodes; once, if a position is repeated."""
        return self.set(function(self.get()))

    def _values(self, values: ArrayLike) -> Node:
        """Values in the dtype of the array."""
        array = self._array
        cuts = isinstance(values, float) and array.dtype.kind != "f"
        node = as_node(values, None if cuts else array.dtype)
        if not np.can_cast(node.dtype, array.dtype, "same_kind"):
            raise DTypeError(
                f"values of dtype {node.dtype} have no place in an array of dtype "
                f"{array.dtype}",
                node=array.describe(),
                hint=f'x.astype("{np.result_type(node.dtype, array.dtype)}") first',
            )
        return astype(node, array.dtype)

    def _updated(self, op: Op, method: str, values: ArrayLike) -> Node:
        array = self._array
        try:
            node = self._values(values)
            if not array.ndim:
                # NumPy's numbers can't be written to.
                inside = IndexUpdate(reshape(array, (1,)), (0, *_items(self._index)))
                return reshape(inside._updated(op, method, node), ())
            index, arrays = parse_index(array, self._index)
        except GraphcError as error:
            raise error.locate(node=f"{array.describe()}.at[...].{method}") from None
        return op(array, node, *arrays, index=index)

    def __repr__(self) -> str:
        return f"<update of {self._array!r} at {self._index!r}>"


def _items(index: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", index) if isinstance(index, tuple) else (index,)


@array_function
def at(a: ArrayLike) -> IndexUpdates:
    """Updates of an array: `x.at[index].set(values)`. See `IndexUpdate`."""
    return IndexUpdates(as_node(a))


@array_function
def put_along_axis(
    arr: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int | None = -1
) -> Node:
    """`arr` with values at one position, or several, of each line along an axis.

    What NumPy's function of that name writes into `arr` is a new array here, and `arr`
    stays as it is. See `gc.take_along_axis`, which reads there.

    Args:
        arr: the array.
        indices: integer positions along `axis`; the other axes broadcast to `arr`.
        values: what to put there; broadcast to the shape of `indices`.
        axis: the axis, or None for the flat array.

    Raises:
        DTypeError: positions that are not integers.
        ShapeError: they have another number of axes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.put_along_axis([[1, 2], [3, 4]], [[1], [0]], 0, axis=1), {})
    array([[1, 0],
           [0, 4]])
    """
    x, chosen = as_node(arr), as_node(indices)
    if axis is None:
        flat = put_along_axis(reshape(x, -1), reshape(chosen, -1), values, 0)
        return reshape(flat, x.shape)
    along = normalize_axis(axis, x.ndim, x)
    if not is_integer(chosen.dtype):
        raise DTypeError(f"indices must be integers, got {chosen.type}")
    if chosen.ndim != x.ndim:
        raise ShapeError(
            f"put_along_axis requires indices with as many axes as the array, got "
            f"{format_shape(chosen.shape)} for {format_shape(x.shape)}",
            node=x.describe(),
        )
    _, chosen = broadcast_along(x, chosen, along)
    index: list[Any] = []
    for position, size in enumerate(x.shape):
        sizes: list[Any] = [1] * x.ndim
        sizes[position] = size
        index.append(chosen if position == along else reshape(arange(size), sizes))
    return IndexUpdate(x, tuple(index)).set(values)
