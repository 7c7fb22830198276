"""Literals: arrays as attributes of a node, and the numbers that they hold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .facts import Role
from .hyperparameters import Hyperparameter, Term, term_read

if TYPE_CHECKING:
    from .node import Node


_LARGEST = 1024
_LONGEST = 16


class Literal:
    """An immutable array as an attribute: hashable, equal when equal bit for bit."""

    __slots__ = ("_key", "array", "term")

    array: np.ndarray[Any, Any]
    term: Term | None
    """The computation of a number from hyperparameters, if it is one of them."""

    def __init__(self, array: np.ndarray[Any, Any], term: Term | None = None) -> None:
        self.array = np.array(array, order="C")
        self.array.flags.writeable = False
        self.term = term
        digest = hashlib.sha256(self.array.tobytes()).hexdigest()
        told = () if term is None else (repr(term),)
        self._key = (self.array.dtype.str, self.array.shape, digest, *told)

    @classmethod
    def of(cls, array: np.ndarray[Any, Any], value: object) -> Literal:
        """A literal of a value, which may be a hyperparameter, and its array."""
        return cls(array, term_read(value))

    def __reduce__(self) -> tuple[type[Literal], tuple[Any, ...]]:
        # By the array, because a pickle forgets that it is read-only.
        return Literal, (self.array, self.term)

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
    """True for a literal whose value is for good, as a hyperparameter's is not."""
    return node.op.role is Role.CONSTANT and node.attributes["value"].term is None


def term_of_constant(node: Node) -> Term | None:
    """The computation of a literal from hyperparameters, if it is one of them."""
    return node.attributes["value"].term if node.op.role is Role.CONSTANT else None


def number_of(node: Node) -> float | None:
    """The number that a literal is, a hyperparameter if it is computed from some."""
    if node.op.role is not Role.CONSTANT or node.shape:
        return None
    known: Literal = node.attributes["value"]
    value = known.array.item()
    return value if known.term is None else Hyperparameter(value, known.term)


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
