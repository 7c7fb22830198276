"""Shapes by the names that libraries have for them: functions of those in `shape`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, cast

from ..errors import GraphcError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Shape, as_shape, format_shape, product
from ..ir.dims import broadcast_shapes as broadcast
from ..ir.node import Node
from .axes import normalize_axis
from .shape import broadcast_to, expand_dims, moveaxis, reshape, swapaxes, transpose
from .source import ArrayLike, as_node


def _each(arrays: tuple[ArrayLike, ...], function: Callable[[Node], Node]) -> Any:
    """NumPy's convention: one array for one, and a tuple for several."""
    found = tuple(function(as_node(array)) for array in arrays)
    return found[0] if len(found) == 1 else found


@array_function
def atleast_1d(*arys: ArrayLike) -> Any:
    """Arrays with at least one axis; a tuple where there are several.

    >>> import graphc as gc
    >>> gc.atleast_1d(gc.input("x", ()))
    <expand_dims float32 (1,)>
    """
    return _each(arys, lambda x: expand_dims(x, 0) if x.ndim == 0 else x)


@array_function
def atleast_2d(*arys: ArrayLike) -> Any:
    """Arrays with at least two axes, new ones in front; a tuple of several.

    >>> import graphc as gc
    >>> gc.atleast_2d(gc.input("x", (3,)))
    <expand_dims float32 (1, 3)>
    """
    return _each(arys, lambda x: expand_dims(x, tuple(range(2 - x.ndim))))


@array_function
def atleast_3d(*arys: ArrayLike) -> Any:
    """Arrays with at least three axes; a tuple of several.

    As in NumPy a vector gets shape `(1, n, 1)`, and a matrix `(m, n, 1)`.

    >>> import graphc as gc
    >>> gc.atleast_3d(gc.input("x", (3,)))
    <expand_dims float32 (1, 3, 1)>
    """
    new: dict[int, tuple[int, ...]] = {0: (0, 1, 2), 1: (0, 2), 2: (2,)}
    return _each(arys, lambda x: expand_dims(x, new.get(x.ndim, ())))


@array_function
def permute_dims(a: ArrayLike, axes: Any) -> Node:
    """The array API's name of `gc.transpose`: axes in another order.

    >>> import graphc as gc
    >>> gc.permute_dims(gc.input("x", (2, 3, 4)), (2, 0, 1))
    <transpose float32 (4, 2, 3)>
    """
    return transpose(a, axes)


@array_function
def matrix_transpose(x: ArrayLike, /) -> Node:
    """The transpose of each matrix of a stack: the last two axes exchanged.

    >>> import graphc as gc
    >>> gc.matrix_transpose(gc.input("x", ("batch", 3, 4)))
    <transpose float32 (batch, 4, 3)>
    """
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(
            f"matrix_transpose requires at least two axes, got "
            f"{format_shape(node.shape)}",
            node=node.describe(),
            hint="x[:, None] for a column",
        )
    return swapaxes(node, -1, -2)


@array_function
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Node:
    """An axis moved before the one that is now at `start`; see `gc.moveaxis`.

    >>> import graphc as gc
    >>> gc.rollaxis(gc.input("x", (2, 3, 4)), 2)
    <transpose float32 (4, 2, 3)>
    """
    x = as_node(a)
    source = normalize_axis(axis, x.ndim, x)
    target = operator.index(start)
    if not -x.ndim <= target <= x.ndim:
        raise OptionError(
            f"start must be from {-x.ndim} to {x.ndim}, got {start}", node=x.describe()
        )
    target += x.ndim if target < 0 else 0
    return moveaxis(x, source, target - 1 if source < target else target)


@array_function
def broadcast_arrays(*args: ArrayLike) -> tuple[Node, ...]:
    """Arrays broadcast to the shape that they have together.

    >>> import graphc as gc
    >>> gc.broadcast_arrays(gc.input("x", (3, 1)), gc.input("y", (4,)))
    (<broadcast_to float32 (3, 4)>, <broadcast_to float32 (3, 4)>)
    """
    nodes = [as_node(each) for each in args]
    try:
        shape = broadcast(*(node.shape for node in nodes))
    except GraphcError as error:
        given = ", ".join(node.describe() for node in nodes)
        raise error.locate(node=f"broadcast_arrays({given})") from None
    return tuple(broadcast_to(node, shape) for node in nodes)


def broadcast_shapes(*args: Any) -> Shape:
    """The shape that arrays of these shapes are broadcast to.

    >>> import graphc as gc
    >>> gc.broadcast_shapes(("batch", 1), (3,))
    (batch, 3)
    """
    try:
        return broadcast(*(as_shape(shape) for shape in args))
    except GraphcError as error:
        raise error.locate(node="broadcast_shapes") from None


def flatten(input: ArrayLike, start_dim: int = 0, end_dim: int = -1) -> Node:
    """Axes from `start_dim` to `end_dim`, both included, as one; torch's function.

    >>> import graphc as gc
    >>> gc.flatten(gc.input("x", ("batch", 3, 4)), 1)
    <reshape float32 (batch, 12)>
    """
    x = as_node(input)
    if not x.ndim:
        return reshape(x, (1,))
    first = normalize_axis(start_dim, x.ndim, x, "start_dim")
    last = normalize_axis(end_dim, x.ndim, x, "end_dim")
    if first > last:
        raise OptionError(
            f"flatten requires start_dim before end_dim, got {start_dim} and {end_dim}",
            node=x.describe(),
        )
    joined = product(x.shape[first : last + 1])
    return reshape(x, (*x.shape[:first], joined, *x.shape[last + 1 :]))


def unflatten(input: ArrayLike, dim: int, sizes: Any) -> Node:
    """One axis as several of the given sizes, one of which may be -1; as in torch.

    >>> import graphc as gc
    >>> gc.unflatten(gc.input("x", ("batch", 12)), 1, (3, -1))
    <reshape float32 (batch, 3, 4)>
    """
    x = as_node(input)
    axis = normalize_axis(dim, x.ndim, x, "dim")
    several = isinstance(sizes, tuple | list)
    parts: list[Any] = list(cast("Any", sizes)) if several else [sizes]
    unknown = [place for place, size in enumerate(parts) if _is_unknown(size)]
    size = x.shape[axis]
    if len(unknown) == 1 and isinstance(size, int):
        known = math.prod(int(part) for part in parts if not _is_unknown(part))
        if known and size % known == 0:
            parts[unknown[0]] = size // known
    if not unknown and product(as_shape(parts)) != size:
        raise ShapeError(
            f"unflatten requires sizes whose product is {size}, got {tuple(parts)}",
            node=x.describe(),
            hint="-1 for one that takes what is left",
        )
    return reshape(x, (*x.shape[:axis], *parts, *x.shape[axis + 1 :]))


def _is_unknown(size: Any) -> bool:
    return isinstance(size, int) and size == -1
