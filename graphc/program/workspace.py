"""The arrays of one function: allocated once for given sizes, then kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dimension, symbols_of
from ..ir.node import Node
from ..ir.types import DType, is_floating
from .footprint import CACHE_LINE, Footprint, TileScratch, flat_bytes
from .forms import Entries, Entry, Form, Forms
from .memory import MemoryPlan
from .storage import is_written, once


@dataclass(frozen=True)
class Persistent:
    """Outputs in arrays that are allocated once, side by side, and stay."""

    variable: str
    """The variable of the function that holds them all."""
    allocation: str
    """The function that allocates them."""
    nodes: Mapping[str, Node]
    order: tuple[str, ...]
    """Their order in memory."""
    is_shared: bool = False
    """True where they are those of another function, which allocates them."""

    def written(self) -> dict[Node, str]:
        """Those that are computed in place, with their names; others are copied."""
        nodes: dict[Node, str] = {}
        for key, node in self.nodes.items():
            nodes.setdefault(node, key)
        return {node: nodes[node] for node in once(filter(is_written, nodes))}

    def copied(self) -> dict[str, Node]:
        """Those that are computed elsewhere."""
        written = self.written()
        return {k: node for k, node in self.nodes.items() if written.get(node) != k}


@dataclass(frozen=True, eq=False)
class Workspace:
    """The arrays that a function works with."""

    entries: tuple[Entry, ...]
    persistent: Persistent | None
    forms: Forms
    """Those of the code that allocates."""
    typed_by: Node | None
    """A parameter whose dtype its floating arrays take, so that float64 ones are
    computed with in float64, as a check of gradients wants."""
    scratch: tuple[TileScratch, ...]
    """The tiles of chains, but for their size."""

    @staticmethod
    def of(
        memory: MemoryPlan,
        persistent: Persistent | None,
        *,
        typed_by: Sequence[Node],
        hoisted: Iterable[tuple[Node, bool]],
        entries: Entries,
        forms: Forms,
        arrays: Sequence[Entry] = (),
    ) -> Workspace:
        """The workspace of a function, from the parts that are known of it."""
        found = [*empty_arrays(memory), *arrays]
        for node, is_read in hoisted:
            size = 0 if node.op.is_view(node) else _bytes(node)
            entry = Entry("value", node.type, node, bytes=size, is_read=is_read)
            found.append(entry)
        found += [*entries.arrays.values(), *entries.sizes.values()]
        types = [node.type for node in memory.arrays]
        types += [entry.type for entry in arrays]
        if persistent is not None:
            types += [node.type for node in persistent.nodes.values()]
        dtypes = {each.dtype for each in types if is_floating(each.dtype)}
        typed = None
        if len(dtypes) == 1:
            typed = next((node for node in typed_by if node.dtype in dtypes), None)
        scratch = {
            (chain.shape, tuple(str(node.dtype) for node in nodes))
            for chain, nodes in memory.scratch.items()
        }
        tiles = tuple(TileScratch(*kind, 0) for kind in sorted(scratch, key=str))
        return Workspace(tuple(found), persistent, forms, typed, tiles)

    @property
    def bytes(self) -> Dimension:
        """The bytes allocated once for given sizes, besides the tiles of chains."""
        total: Dimension = 0
        for entry in self.entries:
            total = total + entry.bytes
        return total

    @property
    def symbols(self) -> list[str]:
        """The named sizes that its arrays depend on."""
        found: set[str] = set()
        for entry in self.entries:
            if entry.kind == "size":
                found.update(symbols_of((entry.size,)))
            elif entry.kind == "empty":
                found.update(symbols_of(entry.type.shape))
            elif entry.kind == "value" and entry.node is not None:
                found |= self.forms.sizes(self.forms[entry.node])
        return sorted(found)

    @property
    def is_used(self) -> bool:
        """True where there is anything to allocate."""
        return bool(self.entries) or self.persistent is not None

    @property
    def is_typed(self) -> bool:
        """True where its floating arrays have the dtype of the parameters given."""
        return self.typed_by is not None

    def follows(self, dtype: DType) -> bool:
        """True where arrays of a dtype have that of the parameters given."""
        return self.typed_by is not None and dtype == self.typed_by.dtype

    def forms_used(self) -> Iterator[Form]:
        """The forms of the values that stand in it."""
        for entry in self.entries:
            if entry.kind == "value" and entry.node is not None:
                yield from self.forms.within(self.forms[entry.node])

    def footprint(self, tile: int) -> Footprint:
        """The bytes of the arrays, besides parameters, inputs and results."""
        kept = self.persistent.nodes.values() if self.persistent is not None else ()
        tiles = tuple(TileScratch(s.shape, s.dtypes, tile) for s in self.scratch)
        shapes = (size for scratch in tiles for size in scratch.shape)
        return Footprint(
            workspace=self.bytes,
            tiles=tiles,
            gradients=flat_bytes(node.type for node in kept),
            sizes=tuple(sorted({*self.symbols, *symbols_of(shapes)})),
        )


def empty_arrays(memory: MemoryPlan) -> list[Entry]:
    """The arrays that a plan allocates."""
    return [
        Entry("empty", node.type, node, bytes=_bytes(node) + CACHE_LINE)
        for node in memory.allocated
    ]


def _bytes(node: Node) -> Dimension:
    return node.type.size * node.dtype.itemsize
