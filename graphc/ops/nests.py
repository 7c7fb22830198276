"""Structures of nodes as users give them, whose leaves may be arrays and numbers.

None stands for no node, as in JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..errors import DTypeError, GraphcError, GraphError, ShapeError
from ..ir.nest import flatten, paths, with_items
from ..ir.node import Node
from .source import as_node

NUMBERS = (bool, int, float)
"""Python's numbers, which take the dtype of what is beside them."""


def as_nest(value: Any, what: str) -> Any:
    """A structure of nodes, of one whose leaves may be arrays and numbers.

    Args:
        value: as the user gave it.
        what: the argument, for the error.
    """
    if value is None or isinstance(value, Node):
        return value
    if isinstance(value, Mapping | list | tuple):
        return with_items(cast("Any", value), lambda item: as_nest(item, what))
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
