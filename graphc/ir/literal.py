"""Literals: arrays as attributes of a node, and the numbers that they hold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .facts import Role

if TYPE_CHECKING:
    from .node import Node


_LARGEST = 1024
_LONGEST = 16


class Literal:
    """An immutable array as an attribute: hashable, equal when equal bit for bit."""

    __slots__ = ("_key", "array")

    array: np.ndarray[Any, Any]

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = np.array(array, order="C")
        self.array.flags.writeable = False
        digest = hashlib.sha256(self.array.tobytes()).hexdigest()
        self._key = (self.array.dtype.str, self.array.shape, digest)

    def __reduce__(self) -> tuple[type[Literal], tuple[np.ndarray[Any, Any]]]:
        # By the array, because a pickle forgets that it is read-only.
        return Literal, (self.array,)

    @property
    def digest(self) -> str:
        """A text that is equal for equal arrays, in any process."""
        return repr(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.array)


def is_constant(node: Node) -> bool:
    """True for a literal."""
    return node.op.role is Role.CONSTANT


def constant_of(node: Node) -> np.ndarray[Any, Any]:
    """The array of a literal."""
    return cast("np.ndarray[Any, Any]", node.attributes["value"].array)


def without_views(node: Node) -> Node:
    """The node whose elements `node` rearranges or repeats."""
    # Bounded, because each of many users may ask about one long chain of views.
    for _ in range(_LONGEST):
        if not node.op.rearranges:
            break
        node = node.inputs[0]
    return node


def uniform_value(node: Node) -> np.generic | None:
    """The one value that all elements have, where that is known."""
    core = without_views(node)
    if core.op.role is Role.FULL:
        return core.dtype.type(core.attributes["value"])
    if not is_constant(core):
        return None
    array = constant_of(core)
    if not array.shape:
        return cast("np.generic", array[()])
    if not 1 <= array.size <= _LARGEST:
        return None
    first = array.reshape(-1)[:1]
    if array.size > 1 and first.tobytes() * array.size != array.tobytes():
        return None
    return cast("np.generic", first[0])


def is_uniform(node: Node, value: float) -> bool:
    """True where every element is `value`, told apart by sign where it is zero."""
    found = uniform_value(node)
    return (
        found is not None
        and bool(found == value)
        and bool(np.signbit(float(found)) == np.signbit(value))
    )


def scalar_value(node: Node) -> float | None:
    """The number that a node without axes is, where that is known."""
    found = None if node.shape else uniform_value(node)
    return None if found is None else float(found)
