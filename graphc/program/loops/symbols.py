"""Named sizes that loop nests depend on."""

from __future__ import annotations

from collections.abc import Iterable

from ...ir.dims import symbols_of
from ...ir.scalar import Load, Size, parts
from .tree import (
    Choice,
    Item,
    Loop,
    Product,
    RoutineCall,
    Store,
    Transposition,
    Turns,
    bodies_of,
    inside,
    scalars,
    values_in,
)


def symbols_in_items(items: Iterable[Item]) -> set[str]:
    """The sizes that statements need."""
    return set[str]().union(*map(_symbols_of, items))


def _symbols_of(item: Item) -> set[str]:
    found: set[str] = set()
    for each in inside(item):
        if isinstance(each, Loop):
            found |= set(symbols_of((each.counter.size,)))
        if isinstance(each, Product | Transposition):
            is_product = isinstance(each, Product)
            operands = (each.left, each.right) if is_product else (each.to, each.source)
            steps = [s for o in operands for s in (o.rows, o.columns, *o.stack)]
            axes = [axis for o in operands for axis in o.axes or ()]
            steps += [number for axis in axes for digit in axis for number in digit]
            found |= set(
                symbols_of((*each.sizes, *each.stack, *steps, *each.node.shape))
            )
        if isinstance(each, RoutineCall):
            found |= set(symbols_of(each.node.shape))
        if isinstance(each, Turns | Choice):
            found |= _symbols_of_bodies(each)
        if isinstance(each, Store):
            found |= set(symbols_of(each.shape or each.node.shape))
        for scalar in scalars(each):
            for part in parts(scalar):
                if isinstance(part, Size):
                    found |= set(symbols_of((part.size,)))
                if isinstance(part, Load):
                    found |= set(symbols_of(part.shape))
    return found


def _symbols_of_bodies(item: Turns | Choice) -> set[str]:
    found = {*symbols_of(size for node in values_in([item]) for size in node.shape)}
    if isinstance(item, Turns):
        found |= {*symbols_of((item.counter.size,))}
        found |= symbols_in_items(item.after)
    for body in bodies_of(item):
        found |= symbols_in_items(body.nests.items)
        found |= {*symbols_of(s for node in body.arena.places for s in node.shape)}
    return found
