"""Arguments and results of users' functions: nodes in any structure, and other things.

A structure is taken apart into its nodes and the rest, which is known when a graph is
declared: numbers, strings, None, whatever a function takes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..errors import GraphcError
from ..ir.nest import with_items
from ..ir.node import Node
from .source import as_node


class _Place:
    """The place of a node in a structure."""

    def __repr__(self) -> str:
        return "*"

    def __reduce__(self) -> str:
        return "_PLACE"


_PLACE = _Place()


@dataclass(frozen=True)
class Structure:
    """A structure of nodes without its nodes. Equal for structures that are alike."""

    key: Hashable
    skeleton: Any = field(compare=False, repr=False)
    """The structure with a mark in the place of each node."""

    @staticmethod
    def of(value: Any) -> tuple[Structure, list[Node]]:
        """The structure of a value, whose arrays become nodes, and these nodes."""
        nodes: list[Node] = []
        skeleton = _apart(value, nodes)
        return Structure(_key(skeleton), skeleton), nodes

    def filled(self, nodes: Sequence[Node]) -> Any:
        """The structure with nodes in it."""
        return _filled(self.skeleton, iter(nodes))

    @property
    def is_one_node(self) -> bool:
        """True where there is nothing but a node."""
        return self.skeleton is _PLACE

    def __str__(self) -> str:
        return repr(self.skeleton)


def _apart(value: Any, nodes: list[Node]) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = as_node(cast("Any", value))
    if isinstance(value, Node):
        nodes.append(value)
        return _PLACE
    return with_items(value, lambda item: _apart(item, nodes))


def _filled(skeleton: Any, nodes: Iterator[Node]) -> Any:
    if skeleton is _PLACE:
        return next(nodes)
    return with_items(skeleton, lambda item: _filled(item, nodes))


def _key(skeleton: Any) -> Hashable:
    if isinstance(skeleton, Mapping):
        items = cast("Mapping[Any, Any]", skeleton).items()
        return ("dict", *((key, _key(item)) for key, item in items))
    if isinstance(skeleton, list | tuple):
        items = cast("Sequence[Any]", skeleton)
        return (type(cast("Any", skeleton)).__name__, *map(_key, items))
    try:
        hash(skeleton)
    except TypeError:
        return ("one", id(skeleton))
    return (type(skeleton).__name__, skeleton)


def places_of_others(skeleton: Any, what: str) -> Iterator[tuple[Any, str]]:
    """The parts of a skeleton that are no nodes, with their names."""
    if isinstance(skeleton, Mapping):
        for key, item in cast("Mapping[Any, Any]", skeleton).items():
            yield from places_of_others(item, f"{what}[{key!r}]")
    elif isinstance(skeleton, list | tuple):
        for place, item in enumerate(cast("Sequence[Any]", skeleton)):
            yield from places_of_others(item, f"{what}[{place}]")
    elif skeleton is not _PLACE:
        yield skeleton, what


def matched(
    given: Any, like: Any, what: str, error: Callable[[str], GraphcError]
) -> Iterator[tuple[Any, str]]:
    """The parts of what is given in the places of nodes of a skeleton, and their names.

    Args:
        given: a structure as a user returned it; None stands for all of a part.
        like: the skeleton that it has to have; its other parts take anything.
        what: the name of what is given.
        error: raised where it has another structure.
    """
    if like is _PLACE:
        yield given, what
    elif isinstance(like, Mapping):
        parts = cast("Mapping[Any, Any]", like)
        found: Any = dict.fromkeys(parts) if given is None else given
        if not isinstance(found, Mapping) or found.keys() != parts.keys():
            raise error(f"requires {what} of the form {like!r}, got {given!r}")
        for key, part in parts.items():
            yield from matched(found[key], part, f"{what}[{key!r}]", error)
    elif isinstance(like, list | tuple):
        items = cast("Sequence[Any]", like)
        several: Any = [None] * len(items) if given is None else given
        if not isinstance(several, list | tuple) or len(
            cast("Sequence[Any]", several)
        ) != len(items):
            raise error(f"requires {what} of the form {like!r}, got {given!r}")
        for place, part in enumerate(items):
            yield from matched(several[place], part, f"{what}[{place}]", error)
