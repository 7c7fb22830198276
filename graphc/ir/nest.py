"""Structures of nodes: a node, or lists, tuples and dicts of structures.

Where a function says so, None stands for no node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from ..errors import DTypeError, GraphcError
from .node import Node


def flatten(
    structure: Any,
    what: str = "outputs",
    error: type[GraphcError] = DTypeError,
    *,
    optional: bool = False,
) -> list[Node]:
    """The nodes of a structure, in order.

    Args:
        structure: as a user gave it.
        what: the name of the argument, for the error.
        error: raised, at the user's line, where something in it is not a node.
        optional: True where None may stand for no node.
    """
    if isinstance(structure, Node):
        return [structure]
    if structure is None and optional:
        return []
    if isinstance(structure, Mapping):
        structure = tuple(cast("Mapping[Any, Any]", structure).values())
    if isinstance(structure, list | tuple):
        items = cast("Sequence[Any]", structure)
        return [
            node
            for item in items
            for node in flatten(item, what, error, optional=optional)
        ]
    raise error(
        f"{what} must be nodes, got {type(structure).__name__} {structure!r}",
        hint="a node, or a list, tuple or dict of nodes",
    )


def filler(structure: Any) -> Callable[[Sequence[Any]], Any]:
    """A function that puts values, one for each node, in the structure's form.

    An iterable of nodes that is none of a structure's own containers becomes a list.
    """
    if isinstance(structure, Node):
        return itemgetter(0)
    if isinstance(structure, Mapping):
        return lambda values: _filled(structure, iter(values))
    if isinstance(structure, list | tuple):
        items = cast("Sequence[Any]", structure)
        is_plain = type(cast("Any", structure)) in (list, tuple)
        if not is_plain or not all(isinstance(item, Node) for item in items):
            return lambda values: _filled(items, iter(values))
    return tuple if isinstance(structure, tuple) else list


def refill(structure: Any, values: Sequence[Any]) -> Any:
    """Values, one for each node of a structure, in its form."""
    return filler(structure)(values)


def _filled(structure: Any, values: Iterator[Any]) -> Any:
    if structure is None:
        return None
    if isinstance(structure, Node):
        return next(values)
    return with_items(structure, lambda item: _filled(item, values))


def with_items(value: Any, function: Callable[[Any], Any]) -> Any:
    """A list, tuple or dict of what a function makes of its items.

    Any other value stays as it is.

    >>> with_items({"a": 1}, lambda item: item + 1)
    {'a': 2}
    """
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: function(item) for key, item in items}
    if not isinstance(value, list | tuple):
        return value
    found = [function(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, list):
        return found
    # A named tuple takes its fields one by one.
    kind = cast("Any", type(cast("Any", value)))
    return kind(*found) if hasattr(kind, "_fields") else tuple(found)


def paths(structure: Any, root: str) -> list[str]:
    """The place of each node of a structure as a user would write it.

    >>> paths({"h": (None, [0, 1])}, "init")
    ["init['h'][1][0]", "init['h'][1][1]"]
    """
    if structure is None:
        return []
    if isinstance(structure, Mapping):
        items = list(cast("Mapping[Any, Any]", structure).items())
    elif isinstance(structure, list | tuple):
        items = list(enumerate(cast("Sequence[Any]", structure)))
    else:
        return [root]
    return [path for key, value in items for path in paths(value, f"{root}[{key!r}]")]
