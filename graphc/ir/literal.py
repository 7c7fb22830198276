"""Arrays as attributes of a node: literals, and the start of a parameter."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .facts import Role

if TYPE_CHECKING:
    from .node import Node


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


def scalar_value(node: Node) -> float | None:
    """The number of a literal without axes."""
    if node.op.role is not Role.CONSTANT or node.shape:
        return None
    return float(node.attributes["value"].array)
