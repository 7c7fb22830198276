"""Conditions on named sizes, so that a graph means what its shapes say.

`x[k:]` along an axis of size `n` has `n - k` elements, `pos[:n]` has `n` where `pos` is
that long, and the maximum along an axis needs one element. NumPy would clip a slice,
and what follows would be of another size than declared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..errors import GraphError
from .dims import Dim, Dimension, evaluate_shape, symbols_of
from .graph import Graph, symbols_in
from .node import Node


@dataclass(frozen=True, slots=True)
class SizeBound:
    """One size that must not be above another."""

    node: Node
    """The node that needs it."""
    low: Dimension
    high: Dimension

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names that it depends on, sorted."""
        return symbols_of((self.low, self.high))

    @property
    def message(self) -> str:
        """The requirement in words: `getitem requires n >= 3`."""
        if isinstance(self.high, int):
            return f"{self.node.op.name} requires {self.low} <= {self.high}"
        return f"{self.node.op.name} requires {self.high} >= {self.low}"

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """True where it holds for these sizes of its names."""
        low, high = evaluate_shape((self.low, self.high), sizes)
        return low <= high


def size_bounds(graph: Graph) -> tuple[SizeBound, ...]:
    """All that a graph needs of its named sizes; of several alike the strictest."""
    found: dict[str, tuple[int, SizeBound]] = {}
    for node in (node for part in graph.nested for node in part.meanings):
        wanted = list(node.op.size_bounds(node)) if node.op.size_bounds else []
        if not _only_rearranges(node):
            wanted += [(0, size) for size in node.shape]
        for low, high in wanted:
            difference = high - low
            if isinstance(difference, int) or difference.is_nonnegative:
                continue
            high, low, named, added = difference.bound()
            if named not in found or added < found[named][0]:
                found[named] = added, SizeBound(node, low, high)
    return tuple(bound for _, bound in found.values())


def _only_rearranges(node: Node) -> bool:
    """True where all sizes of a node are made of those of its input."""
    return node.op.kind == "view" and node.size == node.inputs[0].size


def check_known(nodes: Iterable[Node], names: Collection[str]) -> None:
    """Raise where a node needs a size that is not among those that inputs tell.

    Raises:
        GraphError: naming the size, and the first node that needs it.
    """
    for node in nodes:
        unknown = [name for name in symbols_in(node) if name not in names]
        if unknown:
            raise GraphError(
                f"no input tells the size {unknown[0]!r}",
                at=node,
                hint=f"an input with {unknown[0]!r} as one of its dimensions, which "
                "gc.compile takes as inputs=[...]",
            )


def sizes_told_by(node: Node) -> set[str]:
    """The names of sizes that an array fed for a placeholder tells."""
    return {d.text for d in node.shape if isinstance(d, Dim) and d.is_symbol}


def inputs_for_sizes(
    inputs: Iterable[Node], needed: Iterable[Node], symbols: Iterable[str]
) -> tuple[Node, ...]:
    """Inputs that are not needed for their values but for sizes, as few as will do."""
    unknown = set(symbols).difference(*map(sizes_told_by, needed))
    chosen: list[Node] = []
    for node in inputs:
        if unknown & sizes_told_by(node):
            chosen.append(node)
            unknown -= sizes_told_by(node)
    return tuple(chosen)
