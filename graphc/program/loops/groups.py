"""Nests that run one after another in a function of their own."""

from __future__ import annotations

from collections.abc import Iterable

from ...ir.node import Node
from .tree import Define, Item, Local, Loop, Store, has_total, read_by, written_by

MOST = 12
"""Outermost loops that a function has."""


def are_together(items: Iterable[Item]) -> bool:
    """True for nests and statements that may stand in one function."""
    return all(isinstance(each, Loop | Store | Local | Define) for each in items)


def groups_of(items: Iterable[Item], most: int = MOST) -> list[list[Item]]:
    """Outermost loops with the statements that end them, and with what comes before
    and reads nothing; together where one reads or changes what another one wrote.

    Args:
        items: statements, those of a body where `most` is 1: there a value without axes
            is a variable, which functions are passed, and stands alone.
        most: outermost loops that a function has.
    """
    groups: list[list[Item]] = []
    written: dict[Node, None] = {}
    before: list[Item] = []
    for item in items:
        is_number = most == 1 and _is_number(item)
        if is_number or not isinstance(item, Loop | Store | Local):
            groups += [[*before]] if before else []
            groups.append([item])
            written, before = {}, []
            continue
        mine = written_by(item)
        if has_total(item) and not isinstance(item, Loop):
            if before:
                before.append(item)
            else:
                groups[-1].append(item)
                written |= mine
            continue
        if most > 1 and not read_by(item) and isinstance(item, Loop):
            before.append(item)
            continue
        changed = dict.fromkeys(n for each in before for n in written_by(each))
        touched = {**read_by(item), **mine, **changed}
        loops = sum(isinstance(each, Loop) for each in groups[-1]) if groups else 0
        if written.keys() & touched.keys() and loops + len(before) < most:
            groups[-1] += [*before, item]
            written |= {**mine, **changed}
        else:
            groups.append([*before, item])
            written = {**mine, **changed}
        before = []
    if before:
        groups.append(before)
    return groups


def _is_number(item: Item) -> bool:
    """True for a statement that computes a value without axes, and no loop's total."""
    return isinstance(item, Store) and not item.node.ndim and not has_total(item)
