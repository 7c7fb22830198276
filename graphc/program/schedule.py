"""Chains of elementwise ops on large arrays, which are computed tile by tile.

An op on arrays that don't fit in cache waits for memory. A chain of such ops that goes
through its arrays a tile at a time reads them from memory once, and what is only used
inside the chain needs no array of that size at all.

A tile is some rows: items along the first axis. What has no such axis, or one of
size 1, is broadcast and the same for all tiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dimension, Shape
from ..ir.node import Node
from .storage import is_written, readers, storage_of

TILE = 131_072
"""Numbers in a tile. A NumPy call costs about a microsecond before it touches
a number; at this size that is a few per cent, and the tiles of a chain still share the
cache. See docs/performance.md for measurements."""

BATCH = 4_096
"""The number that a named size of rows is taken for, when arrays are called large."""

SHORTEST_CHAIN = 3
"""Shorter chains gain less by tiles than a reader loses."""


@dataclass(frozen=True)
class Tiling:
    """Options of chains on large arrays: tiles and threads."""

    size: int | None = TILE
    """Numbers in a tile; None for no tiles."""
    threads: int = 0
    """Threads that share the tiles of a large array; 0 for all cores."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Elementwise ops of one shape that follow one another."""

    nodes: tuple[Node, ...]
    outputs: Mapping[Node, None]
    """Those of `nodes` that others read, in order."""

    @property
    def shape(self) -> Shape:
        """The shape of each value."""
        return self.nodes[0].shape

    def is_tiled(self, node: Node) -> bool:
        """True where a value from outside is cut into tiles, too."""
        return node.ndim == len(self.shape) and node.shape[0] == self.shape[0]


def batches_of(nodes: Iterable[Node]) -> set[Dimension]:
    """The named sizes that count rows: those that stand beside a known size."""
    return {
        size
        for node in nodes
        for size in node.shape
        if any(isinstance(other, int) and other > 1 for other in node.shape)
    }


def is_large(shape: Shape, tile: int, batches: Collection[Dimension]) -> bool:
    """True where arrays of a shape may be larger than a tile.

    A named size is a batch where it counts rows, and unbounded otherwise.
    """
    count = 1
    for size in shape:
        if isinstance(size, int):
            count *= size
        elif size in batches:
            count *= BATCH
        else:
            return True
    return count > tile


def schedule(
    statements: Sequence[Node],
    inline: Collection[Node],
    outputs: Collection[Node],
    tile: int,
    batches: Collection[Dimension] = (),
) -> list[Node | Chain]:
    """The statements in an order that puts chains together.

    Args:
        statements: nodes in the order in which they are computed.
        inline: what is written inside the expression of its user.
        outputs: what others read besides `statements`.
        tile: how many numbers a tile has.
        batches: named sizes that count rows.
    """
    planner = _Scheduler(inline, outputs, tile, batches)
    users: dict[Node, list[Node]] = {}
    for node in statements:
        for parent in readers(node, inline):
            users.setdefault(parent, []).append(node)
    planner.users = users
    for node in statements:
        planner.place(node)
    planner.close()
    return planner.scheduled


class _Scheduler:
    """An open chain, what goes before it, and what has to wait for its end."""

    def __init__(
        self,
        inline: Collection[Node],
        outputs: Collection[Node],
        tile: int,
        batches: Collection[Dimension],
    ) -> None:
        self.scheduled: list[Node | Chain] = []
        self.users: dict[Node, list[Node]] = {}
        self._inline = inline
        self._outputs = set(outputs)
        self._tile = tile
        self._batches = batches
        self._chain: dict[Node, None] = {}
        self._after: dict[Node, None] = {}

    def place(self, node: Node) -> None:
        """Put a statement where it belongs."""
        read = readers(node, self._inline)
        waits = any(parent in self._after for parent in read)
        follows = any(parent in self._chain for parent in read)
        if self._can_be_tiled(node):
            if self._chain and (waits or not self._continues(node)):
                self.close()
            self._chain[node] = None
        elif not node.op.pure or ((waits or follows) and node.ndim):
            self.close()
            self.scheduled.append(node)
        elif waits or follows:
            self._after[node] = None
        else:
            self.scheduled.append(node)

    def close(self) -> None:
        """End the open chain."""
        if len(self._chain) < SHORTEST_CHAIN:
            self.scheduled += self._chain
        else:
            outputs = [node for node in self._chain if self._leaves(node)]
            chain = Chain(tuple(self._chain), dict.fromkeys(outputs))
            self.scheduled.append(chain)
        self.scheduled += self._after
        self._chain, self._after = {}, {}

    @property
    def _shape(self) -> Shape:
        return next(iter(self._chain)).shape

    def _continues(self, node: Node) -> bool:
        """True where each row of a value can be computed once that row of the chain is.

        Through a view, such as a transpose, it may read other rows.
        """
        viewed = (storage_of(p) for p in node.inputs if p in self._inline)
        return node.shape == self._shape and self._chain.keys().isdisjoint(viewed)

    def _can_be_tiled(self, node: Node) -> bool:
        return (
            node.op.kind == "elementwise"
            and node.op.pure
            and is_written(node)
            and is_large(node.shape, self._tile, self._batches)
        )

    def _leaves(self, node: Node) -> bool:
        users = self.users.get(node, ())
        return node in self._outputs or any(user not in self._chain for user in users)
