"""The size of a graph: nodes, arithmetic and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.bodies import primitives
from ..ir.dims import Dim, Dimension
from ..ir.graph import Graph
from ..ir.types import TupleType
from ..viz.costs import evaluated, multiply_adds, size_of, total


@dataclass(frozen=True)
class Size:
    """The size of a graph."""

    nodes: int
    """In the graph and in all bodies in it."""
    multiply_adds: Dimension
    """The arithmetic of computing every value once."""
    bytes: Dimension
    """Of all values that are computed, those in bodies once; views take none."""

    @staticmethod
    def of(graph: Graph, sizes: Mapping[str, int]) -> Size:
        """The size of a graph, evaluated for sizes that are given."""
        inlined = primitives(graph)
        whole = inlined.nodes
        bodies = [primitives(body) for body in inlined.nested if body is not inlined]
        computed = [
            node
            for each in (inlined, *bodies)
            for node in each.nodes
            if node.op.kind != "source"
            and not node.op.is_view(node)
            and not isinstance(node.type, TupleType)
        ]
        return Size(
            sum(len(each.nodes) for each in graph.nested),
            evaluated(total(multiply_adds(node) for node in whole), sizes),
            evaluated(
                total(size_of(n.shape) * n.dtype.itemsize for n in computed), sizes
            ),
        )

    def cells(self) -> tuple[str, ...]:
        """The numbers as text."""
        return tuple(map(number, (self.nodes, self.multiply_adds, self.bytes)))


def number(value: Dimension) -> str:
    """A size as text, with its digits in groups if it is known."""
    return str(value) if isinstance(value, Dim) else f"{value:,}"
