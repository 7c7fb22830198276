"""Arrays joined along an axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dimension, format_shape
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .axes import normalize_axis
from .indexing import slice_axis
from .shape import expand_dims
from .source import coerce, zeros_like


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


CONCATENATE = Op(
    name="concatenate",
    inputs=("*arrays",),
    infer=_concatenate_infer,
    facts=Facts(nonnegative="all", finite="all", overflows=False),
    kind="movement",
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


def _arrays(arrays: Any, function: str) -> tuple[Node, ...]:
    if not isinstance(arrays, Iterable):
        raise DTypeError(f"{function} requires a list of arrays, got {arrays!r}")
    values = tuple(cast("Iterable[Any]", arrays))
    if not values:
        raise ShapeError(f"{function} requires at least one array, got none")
    return coerce(*values)


@array_function
def concatenate(arrays: Any, axis: int = 0) -> Node:
    """Arrays joined along an axis that they have.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.concatenate([x, x], axis=1)
    <concatenate float32 (batch, 6)>
    """
    nodes = _arrays(arrays, "concatenate")
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
