"""Arrays joined along an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ParamSpec, cast, overload

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .as_loops import joined
from .axes import normalize_axis
from .element_texts import at, elements, letters, size_text
from .indexing import slice_axis
from .reshaping import atleast_1d, atleast_2d, atleast_3d
from .shape import expand_dims, reshape
from .source import ArrayLike, as_node, coerce, zeros_like
from .user_blocks import as_block

_P = ParamSpec("_P")


def _concatenate_infer(*arrays: TensorType, axis: int) -> TensorType:
    first = arrays[0]
    total: Dimension = 0
    for array in arrays:
        others = [d for a, d in enumerate(array.shape) if a != axis]
        if array.ndim != first.ndim or others != [
            d for a, d in enumerate(first.shape) if a != axis
        ]:
            shapes = " and ".join(format_shape(a.shape) for a in arrays)
            raise ShapeError(
                f"requires equal shapes except along axis {axis}, got {shapes}"
            )
        total = total + array.shape[axis]
    dtype = np.result_type(*(array.dtype for array in arrays))
    return TensorType(dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _concatenate_vjp(g: Node, out: Node, *arrays: Node) -> list[Node]:
    axis: int = out.attributes["axis"]
    adjoints: list[Node] = []
    start: Dimension = 0
    for array in arrays:
        size = array.shape[axis]
        adjoints.append(slice_axis(g, axis, start, start + size))
        start = start + size
    return adjoints


def _concatenate_jvp(tangents: Sequence[Node | None], out: Node, *arrays: Node) -> Node:
    filled = (
        zeros_like(array) if tangent is None else tangent
        for tangent, array in zip(tangents, arrays, strict=True)
    )
    return CONCATENATE.build(tuple(filled), out.attributes)


def _written(node: Node) -> str:
    axis, rank = node.attributes["axis"], node.ndim
    sign = ", " if axis == rank - 1 > 0 else "; "
    parts = sign.join(f"<{place}>" for place in range(len(node.inputs)))
    below = f"_{{axis {axis}}}" if 0 < axis < rank - 1 else ""
    return f"[{parts}]{below}"


def _elements(node: Node) -> str:
    """The sum of arrays that are 0 outside."""
    axis: int = node.attributes["axis"]
    names = letters(node.ndim)
    start: Dimension = 0
    terms: list[str] = []
    for number, array in enumerate(node.inputs):
        moved = f"{names[axis]} - {size_text(start)}"
        index = [*names[:axis], moved, *names[axis + 1 :]]
        terms.append(at(f"arrays{number}", index))
        start = start + array.shape[axis]
    return elements(names, " + ".join(terms))


CONCATENATE = Op(
    name="concatenate",
    mathematics=Mathematics(written=_written, elements=_elements, is_plain=True),
    inputs=("*arrays",),
    infer=_concatenate_infer,
    facts=Facts(called=("joined",), nonnegative="all", finite="all", overflows=False),
    kind="movement",
    loops=joined,
    numpy="np.concatenate(arrays, axis=axis)",
    into="np.concatenate(arrays, axis=axis, out=out)",
    vjp=_concatenate_vjp,
    jvp=_concatenate_jvp,
    cases=(
        Case(((3, 4), (2, 4)), {"axis": 0}),
        Case(((3, 1), (3, 4), (3, 2)), {"axis": 1}),
        Case(((0, 2), (3, 2)), {"axis": 0}),
    ),
)


_MOST_AXES = 64
"""As many levels of lists as NumPy has axes."""


def _arrays(arrays: Any, function: str) -> tuple[Node, ...]:
    if not isinstance(arrays, Iterable):
        raise DTypeError(f"{function} requires a list of arrays, got {arrays!r}")
    values = tuple(cast("Iterable[Any]", arrays))
    if not values:
        raise ShapeError(f"{function} requires at least one array, got none")
    return coerce(*values)


@array_function
def concatenate(arrays: Any, axis: int | None = 0) -> Node:
    """Arrays joined along an axis that they have; all flat where it is None.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.concatenate([x, x], axis=1)
    <concatenate float32 (batch, 6)>
    """
    nodes = _arrays(arrays, "concatenate")
    if axis is None:
        nodes, axis = tuple(reshape(node, -1) for node in nodes), 0
    return CONCATENATE(*nodes, axis=normalize_axis(axis, nodes[0].ndim, nodes[0]))


@array_function
def stack(arrays: Any, axis: int = 0) -> Node:
    """Arrays of one shape joined along a new axis.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.stack([x, x])
    <concatenate float32 (2, batch, 3)>
    """
    nodes = [expand_dims(node, axis) for node in _arrays(arrays, "stack")]
    return concatenate(nodes, axis)


@array_function
def concat(arrays: Any, axis: int | None = 0) -> Node:
    """The array API's name of `gc.concatenate`.

    >>> import graphc as gc
    >>> gc.concat([gc.input("x", ("batch", 3)), gc.input("y", ("batch", 2))], axis=1)
    <concatenate float32 (batch, 5)>
    """
    return concatenate(arrays, axis)


@array_function
def hstack(tup: Any) -> Node:
    """Arrays joined along axis 1, or along the only axis of vectors.

    >>> import graphc as gc
    >>> gc.hstack([gc.input("x", ("batch", 3)), gc.input("y", ("batch", 2))])
    <concatenate float32 (batch, 5)>
    """
    nodes = [atleast_1d(node) for node in _arrays(tup, "hstack")]
    return concatenate(nodes, 0 if nodes[0].ndim == 1 else 1)


@array_function
def vstack(tup: Any) -> Node:
    """Arrays joined along axis 0; vectors are rows.

    >>> import graphc as gc
    >>> gc.vstack([gc.input("x", (3,)), gc.input("y", (3,))])
    <concatenate float32 (2, 3)>
    """
    return concatenate([atleast_2d(node) for node in _arrays(tup, "vstack")], 0)


@array_function
def dstack(tup: Any) -> Node:
    """Arrays joined along axis 2; see `gc.atleast_3d` for those that have none.

    >>> import graphc as gc
    >>> gc.dstack([gc.input("x", (2, 3)), gc.input("y", (2, 3))])
    <concatenate float32 (2, 3, 2)>
    """
    return concatenate([atleast_3d(node) for node in _arrays(tup, "dstack")], 2)


@array_function
def column_stack(tup: Any) -> Node:
    """Arrays joined along axis 1; vectors are columns.

    >>> import graphc as gc
    >>> gc.column_stack([gc.input("x", ("n",)), gc.input("y", ("n",))])
    <concatenate float32 (n, 2)>
    """
    nodes = [
        expand_dims(node, tuple(range(node.ndim, 2)))
        for node in _arrays(tup, "column_stack")
    ]
    return concatenate(nodes, 1)


@array_function
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Node:
    """`values` after `arr` along an axis; both flat where None.

    >>> import graphc as gc
    >>> gc.evaluate(gc.append([1, 2], [[3], [4]]), {})
    array([1, 2, 3, 4])
    """
    return concatenate([arr, values], axis)


@overload
def block(arrays: Callable[_P, Node]) -> Callable[_P, Node]: ...
@overload
def block(arrays: Sequence[Any] | Node | np.ndarray[Any, Any] | float) -> Node: ...
@array_function
def block(arrays: Any) -> Node | Callable[..., Node]:
    """An array of blocks: lists are joined along the last axis, lists of lists along
    the one before, and so on.

    Of a function of nodes, or a layer, it is another thing: `@gc.block` makes it one
    node in drawings, with a heading in emitted code. It takes nodes in any structure
    and other arguments, and returns one node; what it takes from outside, such as
    parameters, are further inputs. Value and derivatives stay what they are.

    >>> import graphc as gc
    >>> gc.evaluate(gc.block([[gc.eye(2), gc.ones((2, 1))], [gc.zeros((1, 3))]]), {})
    array([[1., 0., 1.],
           [0., 1., 1.],
           [0., 0., 0.]], dtype=float32)
    >>> @gc.block
    ... def squash(x, scale=2.0):
    ...     return x / gc.sqrt(scale + gc.square(x))
    >>> squash(gc.input("x", ("batch", 3)), scale=3.0)
    <squash float32 (batch, 3)>
    """
    if callable(arrays):
        return as_block(cast("Callable[..., Node]", arrays))
    depth = _depth(arrays)
    found = [as_node(leaf) for leaf in _leaves(arrays, depth)]
    ndim = max(depth, *(node.ndim for node in found))
    return _joined_blocks(arrays, depth, ndim)


def _depth(arrays: Any) -> int:
    """The number of levels of lists."""
    level, depth = arrays, 0
    while isinstance(level, list):
        if not level:
            raise ShapeError("block requires at least one array in each list, got []")
        level, depth = cast("list[Any]", level)[0], depth + 1
        if depth > _MOST_AXES:
            raise ShapeError(f"block takes lists of up to {_MOST_AXES} levels")
    return depth


def _leaves(arrays: Any, depth: int) -> Iterator[Any]:
    if isinstance(arrays, list) != bool(depth) or (depth and not arrays):
        raise ShapeError("block requires lists that are nested alike")
    if not depth:
        yield arrays
        return
    for item in cast("list[Any]", arrays):
        yield from _leaves(item, depth - 1)


def _joined_blocks(arrays: Any, depth: int, ndim: int) -> Node:
    if not depth:
        node = as_node(arrays)
        return expand_dims(node, tuple(range(ndim - node.ndim)))
    parts = [_joined_blocks(item, depth - 1, ndim) for item in arrays]
    return concatenate(parts, -depth)
