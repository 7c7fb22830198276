"""Structures that users give and return: nodes in lists, tuples and dicts.

The leaves of those of loops and branches are nodes, arrays and numbers, and None, as in
JAX. Those of functions have other leaves besides, which are known when a graph is
declared: strings, whatever a function takes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, GraphcError, GraphError, ShapeError
from ..ir.nest import flatten, paths, with_items
from ..ir.node import Node
from .source import as_node

# Nodes, arrays and numbers ------------------------------------------------------------

NUMBERS = (bool, int, float)
"""Python's numbers, which take the dtype of what is beside them."""


def as_nodes(value: Any, what: str) -> Any:
    """A structure of nodes, of one whose leaves may be arrays and numbers.

    Args:
        value: as the user gave it.
        what: the argument, for the error.
    """
    if value is None or isinstance(value, Node):
        return value
    if isinstance(value, Mapping | list | tuple):
        return with_items(cast("Any", value), lambda item: as_nodes(item, what))
    try:
        return as_node(value)
    except GraphcError as error:
        raise error.locate(node=what) from None


def nodes_of(nest: Any) -> list[Node]:
    """The nodes of a structure, in order."""
    return flatten(nest, optional=True)


def leaves_of(structure: Any) -> list[Any]:
    """The leaves of a structure as the user gave them."""
    if structure is None:
        return []
    if isinstance(structure, Mapping):
        structure = list(cast("Mapping[Any, Any]", structure).values())
    if isinstance(structure, list | tuple):
        items = cast("Sequence[Any]", structure)
        return [leaf for item in items for leaf in leaves_of(item)]
    return [structure]


def shown(structure: Any) -> str:
    """A structure in short, with a star for each node.

    >>> shown({"h": [None, 1.5]})
    "{'h': [None, *]}"
    """
    if structure is None:
        return "None"
    if isinstance(structure, Mapping):
        items = cast("Mapping[Any, Any]", structure).items()
        return "{" + ", ".join(f"{key!r}: {shown(v)}" for key, v in items) + "}"
    if isinstance(structure, list | tuple):
        items = cast("Sequence[Any]", structure)
        inside = ", ".join(map(shown, items))
        if isinstance(structure, list):
            return f"[{inside}]"
        return f"({inside},)" if len(items) == 1 else f"({inside})"
    return "*"


def named_nodes(structure: Any, name: str) -> list[tuple[Node, str | None]]:
    """The nodes of a structure, each with the name that it has inside of a function.

    Args:
        structure: of nodes.
        name: that of the function's parameter; empty where it has none.
    """
    nodes = nodes_of(structure)
    if isinstance(structure, Node):
        return [(structure, name or structure.name)]
    known: Sequence[str | None] = [node.name for node in nodes]
    fields: Any = getattr(structure, "_fields", None)
    if isinstance(structure, Mapping):
        fields = [*cast("Mapping[Any, Any]", structure)]
    if fields and len(fields) == len(nodes):
        known = [key if str(key).isidentifier() else None for key in fields]
    return list(zip(nodes, known, strict=True))


def ordered_as(like: Any, value: Any) -> Any:
    """A structure whose dicts have their keys in the order of another's.

    >>> ordered_as([{"a": 1, "b": 2}], [{"b": 3, "a": 4}])
    [{'a': 4, 'b': 3}]
    """
    if isinstance(like, Mapping) and isinstance(value, Mapping):
        keys = cast("Mapping[Any, Any]", like)
        items = cast("Mapping[Any, Any]", value)
        if keys.keys() == items.keys():
            return {key: ordered_as(keys[key], items[key]) for key in keys}
    elif isinstance(like, list | tuple) and isinstance(value, list | tuple):
        patterns = iter(cast("Sequence[Any]", like))
        return with_items(value, lambda item: ordered_as(next(patterns, None), item))
    return cast("Any", value)


def kept_types(start: Any, after: Any, place: str) -> list[Node]:
    """The next carry of a step, which must be of the carry's structure and types.

    Args:
        start: the carry before the step.
        after: what the user's function returned.
        place: the public function, for errors.
    """
    after = ordered_as(start, after)
    if paths(start, "") != paths(after, ""):
        raise GraphError(
            f"the carry must keep its structure, got {shown(after)} after "
            f"{shown(start)}",
            node=place,
            hint="the lists, tuples and keys that it starts with",
        )
    old = nodes_of(start)
    new = [
        as_node(leaf, node.dtype)
        for leaf, node in zip(leaves_of(after), old, strict=True)
    ]
    for name, before, node in zip(paths(start, "carry"), old, new, strict=True):
        if before.type == node.type:
            continue
        is_dtype = before.shape == node.shape
        error = DTypeError if is_dtype else ShapeError
        raise error(
            f"the carry must keep its type from step to step, got {node.type} for "
            f"{name}, which starts as {before.type}",
            node=place,
            hint=f".astype({str(before.dtype)!r}) of what the function returns"
            if is_dtype
            else "a start of the shape that the function returns",
        )
    return new


def typed_numbers(given: Any, start: Any, after: Any) -> Any:
    """A start of which Python numbers have the dtype that they get in a step.

    Args:
        given: the start as the user gave it.
        start: as nodes.
        after: what the user's function returned for it.
    """
    old, new = nodes_of(start), leaves_of(ordered_as(start, after))
    if len(old) != len(new):
        return start
    return [
        as_node(leaf, next_one.dtype)
        if type(leaf) in NUMBERS and isinstance(next_one, Node)
        else node
        for leaf, node, next_one in zip(leaves_of(given), old, new, strict=True)
    ]


# Other values besides -----------------------------------------------------------------


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
