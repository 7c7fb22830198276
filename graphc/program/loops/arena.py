"""Memory that the values of a function share, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...ir.dims import Dimension
from ...ir.node import Node
from .sharing import MOST_PARTS
from .tree import (
    Arena,
    Item,
    Loop,
    Nests,
    Product,
    RoutineCall,
    Turns,
    bodies_of,
    read_by,
    written_by,
)

MOST_OF_A_PRODUCT = 69_632
"""Numbers that a product of matrices works in, however large it is."""

ALIGNMENT = 64
"""Bytes: each array starts at a multiple of it."""


def arena_of(nests: Nests) -> Arena:
    """Places for arrays, from what functions read and write in their order.

    Arrays that one function is given do not share memory.
    """
    wanted = set(nests.arrays)
    first: dict[Node, int] = {}
    last: dict[Node, int] = {}
    groups = nests.groups
    for place, group in enumerate(groups):
        for item in group:
            for node in (*read_by(item), *written_by(item)):
                if node in wanted:
                    first.setdefault(node, place)
                    last[node] = place
    arena = Arena(shapes=nests.shapes)
    free: dict[tuple[Dimension, int], list[Node]] = {}
    for place in range(len(groups)):
        for node in nests.arrays:
            if first.get(node) != place:
                continue
            same = free.get((arena.size(node), node.dtype.itemsize))
            if same:
                arena.holders[node] = same.pop()
            else:
                arena.places.append(node)
                arena.holders[node] = node
        for node in nests.arrays:
            if last.get(node) == place:
                key = (arena.size(node), node.dtype.itemsize)
                free.setdefault(key, []).append(arena.holders[node])
    return arena


def room_of(items: Iterable[Item], arena: Arena) -> Dimension:
    """The bytes that statements need, those of bodies included."""
    total: Dimension = 0
    for node in arena.places:
        total = total + arena.size(node) * node.dtype.itemsize + ALIGNMENT
    for item in items:
        for body in bodies_of(item):
            total = total + room_of(body.nests.items, body.arena)
        for carried in item.arrays if isinstance(item, Turns) else ():
            if carried.buffers is not None:
                node = carried.variable
                total = total + 2 * node.type.size * node.dtype.itemsize + ALIGNMENT
    return total


def room_of_calls(nests: Nests) -> Dimension:
    """The bytes that products, sums of parts and functions written by hand work in."""
    largest: int = 0
    total: Dimension = 0
    for group in _functions(nests):
        # Loops that stand in one function take their sums one after another.
        sums = [node for item in group if isinstance(item, Loop) for node in item.sums]
        largest = max(largest, sum(map(room_of_sums, sums)))
        for item in group:
            if isinstance(item, Product):
                own = MOST_OF_A_PRODUCT * item.node.dtype.itemsize + ALIGNMENT
                largest = max(largest, own)
            if isinstance(item, RoutineCall) and item.routine.work is not None:
                total = total + item.routine.work + ALIGNMENT
    return total + largest


def room_of_sums(node: Node) -> int:
    """The bytes of the sums of all parts but the first, which has the array itself."""
    assert isinstance(node.type.size, int)
    return (MOST_PARTS - 1) * node.type.size * node.dtype.itemsize + ALIGNMENT


def works(item: Item) -> bool:
    """True for a single statement that needs memory to work in."""
    is_routine = isinstance(item, RoutineCall) and item.routine.work is not None
    has_sums = isinstance(item, Loop) and bool(item.sums)
    return isinstance(item, Product) or is_routine or has_sums


def has_room(item: Item) -> bool:
    """True for a statement that has memory of its own."""
    within = (each for b in bodies_of(item) for g in _functions(b.nests) for each in g)
    return works(item) or any(map(works, within)) or room_of([item], Arena()) != 0


def _functions(nests: Nests) -> Iterator[list[Item]]:
    """The statements of each function, those of bodies included."""
    for group in nests.groups:
        yield group
        for item in group:
            for body in bodies_of(item):
                yield from _functions(body.nests)
