"""Memory that the values of a function share, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Load, parts
from .tree import Item, Product, RoutineCall, Store, inside, scalars


@dataclass
class Arena:
    """Places in memory."""

    places: list[Node] = field(default_factory=list[Node])
    """Values that a place was made for, in order."""
    holders: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """The value whose place each one has."""


def read_by(item: Item) -> set[Node]:
    """The arrays that an item reads."""
    found: set[Node] = set()
    for each in inside(item):
        if isinstance(each, Product):
            found |= {each.left.node, each.right.node}
        if isinstance(each, RoutineCall):
            found |= {*each.arrays}
        for scalar in scalars(each):
            found.update(p.node for p in parts(scalar) if isinstance(p, Load))
    return found


def written_by(item: Item) -> set[Node]:
    """The arrays that an item writes to."""
    return {
        each.node
        for each in inside(item)
        if isinstance(each, Store | Product | RoutineCall)
    }


def arena_of(items: Sequence[Item], arrays: Sequence[Node]) -> Arena:
    """Places for arrays, from what items read and write in their order."""
    wanted = set(arrays)
    first: dict[Node, int] = {}
    last: dict[Node, int] = {}
    for place, item in enumerate(items):
        for node in (read_by(item) | written_by(item)) & wanted:
            first.setdefault(node, place)
            last[node] = place
    arena = Arena()
    free: dict[tuple[Dimension, int], list[Node]] = {}
    for place in range(len(items)):
        for node in arrays:
            if first.get(node) != place:
                continue
            key = (node.type.size, node.dtype.itemsize)
            same = free.get(key)
            if same:
                arena.holders[node] = same.pop()
            else:
                arena.places.append(node)
                arena.holders[node] = node
        for node in arrays:
            if last.get(node) == place:
                key = (node.type.size, node.dtype.itemsize)
                free.setdefault(key, []).append(arena.holders[node])
    return arena
