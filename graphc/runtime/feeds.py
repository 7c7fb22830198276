"""Arrays fed to a program, checked against what its inputs declare.

Arrays are never converted where that could lose something: a float64 array fed to a
float32 input is an error that says how to convert it. Python numbers and lists have no
dtype of their own and take the input's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import FeedError
from ..ir.dims import Dim, format_shape
from ..ir.node import Node

__all__ = ["bind_feeds", "check_array"]

Array = np.ndarray[Any, Any]


def check_array(node: Node, value: Any) -> Array:
    """`value` as an array that fits the dtype and rank of an input, or `FeedError`."""
    if isinstance(value, Node):
        raise _error(node, f"must be fed an array, got the node {value!r}")
    has_dtype = isinstance(value, np.ndarray | np.generic)
    array: Array = np.asarray(value)
    if array.dtype != node.dtype:
        rule = "safe" if has_dtype else "same_kind"
        fits = array.dtype.kind in "biuf" and (
            np.can_cast(array.dtype, node.dtype, rule)
            or (array.size == 0 and not has_dtype)
        )
        if not fits:
            raise _error(
                node,
                f"requires dtype {node.dtype}, got {array.dtype}",
                f'x.astype("{node.dtype}")',
            )
        array = array.astype(node.dtype)
    declared = node.shape
    fits = array.ndim == len(declared) and all(
        isinstance(size, Dim) or size == given
        for size, given in zip(declared, array.shape, strict=True)
    )
    if not fits:
        raise _error(
            node, f"requires shape {format_shape(declared)}, got {array.shape}"
        )
    return array


def bind_feeds(
    inputs: Iterable[Node], feeds: Mapping[Any, Any]
) -> tuple[dict[Node, Array], dict[str, int]]:
    """The array of each input, and the sizes that the named dimensions have.

    Args:
        inputs: the placeholders, and parameters that may be fed.
        feeds: arrays by node or by name.

    Raises:
        FeedError: an array is missing, not asked for, of another dtype or shape, or
            the named sizes of two arrays disagree.
    """
    nodes = list(inputs)
    by_name = {node.name: node for node in nodes}
    given: dict[Node, Any] = {}
    for key, value in feeds.items():
        node = key if isinstance(key, Node) else by_name.get(key)
        if node is None or not any(node is known for known in nodes):
            label = key.describe() if isinstance(key, Node) else repr(key)
            names = ", ".join(str(n.name) for n in nodes if n.op.name == "input")
            raise FeedError(
                f"{label} is no input of this program; it takes {names or 'no inputs'}"
            )
        given[node] = value
    arrays: dict[Node, Array] = {}
    sizes: dict[str, int] = {}
    source: dict[str, Node] = {}
    for node in nodes:
        if node not in given:
            if node.op.name == "input":
                raise _error(node, "was not fed")
            continue
        array = arrays[node] = check_array(node, given[node])
        for size, count in zip(node.shape, array.shape, strict=True):
            if not isinstance(size, Dim) or not size.is_symbol:
                continue
            if sizes.setdefault(size.text, count) != count:
                other = source[size.text]
                raise _error(
                    node,
                    f"has {size} = {count}, but {other.name!r} was fed with "
                    f"{size} = {sizes[size.text]}",
                )
            source.setdefault(size.text, node)
    return arrays, sizes


def _error(node: Node, what: str, hint: str | None = None) -> FeedError:
    return FeedError(
        f"{node.op.name} {node.name!r} {what}",
        node=node.describe(),
        location=str(node.origin.location),
        hint=hint,
    )
