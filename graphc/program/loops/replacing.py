"""New values that stand in the place of old ones, element by element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...ir.node import Node
from ...ir.scalar import Index, without_ones
from .tree import Item, Loop, Store, inside, loads_of, operands, targets, written_by

Path = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Access:
    """An element that a statement reads or writes."""

    path: Path
    """The places of the loops around it, and its own, each in what stands around."""
    loops: tuple[Loop, ...]
    index: Index | None
    """None for the whole array."""

    def along(self, loops: Sequence[Loop], other: _Access) -> bool:
        """True where turns of loops stay apart: each has elements of its own, which
        `other` tells by the same axis."""
        if not loops:
            return True
        if self.index is None or other.index is None:
            return False
        pairs = [*zip(self.index, other.index, strict=True)]
        return all(
            any(mine is loop.counter and its is loop.counter for mine, its in pairs)
            for loop in loops
        )


def may_replace(items: Sequence[Item], old: Node, new: Node) -> bool:
    """True where the elements of a value may be written in the place of another one's.

    That is so if nothing reads an element of the old one once it is replaced.
    """
    writers = [item for item in items if new in written_by(item)]
    if len(writers) != 1:
        return False
    stores = [each for each in inside(writers[0]) if new in {*targets(each)}]
    if len(stores) != 1 or (isinstance(stores[0], Store) and stores[0].combine):
        return False
    reads: list[_Access] = []
    store: _Access | None = None
    for path, loops, item in _walk(items, (), ()):
        if item is stores[0]:
            index = item.index if isinstance(item, Store) else None
            store = _Access(path, loops, index)
        if old in {*operands(item)}:
            reads.append(_Access(path, loops, None))
        for load in loads_of(item):
            if load.node is old:
                same = without_ones(load.shape) == without_ones(new.shape)
                is_whole = not same or len(load.index) != new.ndim
                reads.append(_Access(path, loops, None if is_whole else load.index))
    assert store is not None
    return all(_is_before(read, store) for read in reads)


def _is_before(read: _Access, store: _Access) -> bool:
    """True where an element is read before it is replaced."""
    common: list[Loop] = []
    for mine, other in zip(read.loops, store.loops, strict=False):
        if mine is not other:
            break
        common.append(mine)
    if read.path == store.path:
        # One statement: an element is read before it is written, others are not.
        if not common and store.index is None:
            return False
        return read.along(common, store)
    depth = len(common)
    return read.path[depth] < store.path[depth] and read.along(common, store)


def _walk(
    items: Sequence[Item], path: Path, loops: tuple[Loop, ...]
) -> Iterator[tuple[Path, tuple[Loop, ...], Item]]:
    for place, item in enumerate(items):
        yield (*path, place), loops, item
        if isinstance(item, Loop):
            yield from _walk(item.body, (*path, place), (*loops, item))
