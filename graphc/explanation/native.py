"""Parts of a function that C computes, and what NumPy computes between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dimension
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import label_of
from ..program.function import Native, Ready, Step, Tiled, blocks_of
from ..program.lower import Declared, lower
from ..targets.c.module import supports
from ..viz.costs import evaluated
from ..viz.text import shortened
from .sections import Section
from .sizes import number

_NAMED = 3
"""The most values of a part that are named."""

_LONGEST = 24
"""The most characters of a name."""


@dataclass(frozen=True, eq=False)
class PartRecord:
    """Neighbouring values that one language computes."""

    language: str
    """`C` or `NumPy`."""
    nodes: tuple[Node, ...]
    """Those that have arrays or numbers of their own."""
    workspace: Dimension
    """Bytes of values that nothing reads outside of a part in C."""
    inside: str = ""
    """The loop or branch whose steps it belongs to."""

    def cells(self) -> tuple[str, ...]:
        """The record as text."""
        names = dict.fromkeys(map(_called, self.nodes))
        told = ", ".join(shortened(name, _LONGEST) for name in [*names][:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return (
            self.language + (f", in {self.inside}" if self.inside else ""),
            *map(number, (len(self.nodes), self.workspace)),
            told + more,
        )


def native_section(title: str, graph: Graph, sizes: Mapping[str, int]) -> Section:
    """The account of an optimised graph as the native style computes it."""
    declared = Declared("compute", graph, graph.inputs, random=bool(graph.draws))
    steps = lower(declared, fast=True, native=supports).steps
    records = [*_parts(steps, sizes)]
    return Section(
        title,
        tuple(records),
        ("computed in", "values", "workspace", "such as"),
        tuple(each.cells() for each in records),
        texts=1,
    )


def _parts(
    steps: Sequence[Step], sizes: Mapping[str, int], inside: str = ""
) -> Iterator[PartRecord]:
    between: list[Node] = []
    for step in steps:
        if isinstance(step, Native):
            if between:
                yield PartRecord("NumPy", tuple(between), 0, inside)
                between = []
            room = evaluated(step.region.room, sizes)
            yield PartRecord("C", step.region.members, room, inside)
            continue
        if isinstance(step, Ready):
            continue
        if isinstance(step, Tiled):
            between += [each.node for each in step.computes]
            continue
        between.append(step.node)
        if blocks := blocks_of(step):
            yield PartRecord("NumPy", tuple(between), 0, inside)
            between = []
            for block in blocks:
                yield from _parts(block.steps, sizes, _called(step.node))
    if between:
        yield PartRecord("NumPy", tuple(between), 0, inside)


def _called(node: Node) -> str:
    return label_of(node) or node.op.name
