"""Gradients that ranks start to add up while others are still computed.

The backward pass has the gradients of the last layers first. While ranks send them to
one another, they may as well compute those of the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.walk import ancestors
from .function import Compute, Native, Ready, Step, Tiled, first_of
from .workspace import Persistent

LARGE_SUM = 1 << 20
"""Bytes from which a sum takes longer than it takes to start one more."""

MOST_SUMS = 10
"""Sums of one step that start early, at most: of many layers several have one."""


def early_sums(graph: Graph, persistent: Persistent) -> list[tuple[Node, ...]]:
    """Gradients of which a sum starts early, in the order in which sums start.

    Each is a run of neighbours in memory, of one dtype, that nothing else reads, and
    much is left to compute when the last one of them is known.
    """
    written, copied = persistent.written(), persistent.copied().values()
    # What is copied at the end may look into an array of another gradient.
    shared = {node.inputs[0] for node in copied if node.op.role is Role.RESULT}
    alone = {
        node
        for node in written
        if not graph.users[node]
        and node not in {*copied}
        and shared.isdisjoint(node.inputs[:1])
    }
    costly = [n for n in graph.nodes if n.op.kind == "contraction" or n.op.bodies]
    turn_of = _last_costly(graph, costly)
    in_memory = [persistent.nodes[key] for key in persistent.order]
    least = max(LARGE_SUM, sum(map(_bytes, written)) // MOST_SUMS)
    found: list[tuple[Node, ...]] = []
    for turn in sorted({turn_of[node] for node in alone} - {len(costly) - 1}):
        known = {node for node in alone if turn_of[node] <= turn}
        known.difference_update(*found)
        runs = _runs(in_memory, known)
        found += [run for run in runs if sum(map(_bytes, run)) >= least]
    return found


def _last_costly(graph: Graph, costly: Sequence[Node]) -> dict[Node, int]:
    """For each value the place of the last of `costly` that it depends on, or is."""
    own = {node: place for place, node in enumerate(costly)}
    last: dict[Node, int] = {}
    for node in graph.nodes:
        before = max((last[each] for each in node.inputs), default=-1)
        last[node] = own.get(node, before)
    return last


def _runs(order: Iterable[Node], known: Collection[Node]) -> Iterator[tuple[Node, ...]]:
    """Those that are known and follow one another, of one dtype."""
    for dtype, run in itertools.groupby(order, lambda n: n in known and str(n.dtype)):
        if dtype:
            yield tuple(run)


def _bytes(node: Node) -> int:
    return int(node.type.size) * node.dtype.itemsize


def stages_of(graph: Graph, sums: Sequence[tuple[Node, ...]]) -> Mapping[Node, int]:
    """For each value the first sum, by its place, that has to wait for it.

    The first one comes after the loss.
    """
    stages: dict[Node, int] = {}
    for place, run in enumerate(sums):
        first = graph.outputs[:1] if place == 0 else ()
        for node in ancestors([*first, *run]):
            stages.setdefault(node, place)
    return {node: stages.get(node, len(sums)) for node in graph.nodes}


def with_early_sums(
    steps: Sequence[Step], sums: Iterable[tuple[Node, ...]]
) -> tuple[Step, ...]:
    """Steps, with one that starts a sum where all that it adds up is known."""
    place_of = {n: place for place, step in enumerate(steps) for n in _made_by(step)}
    after: dict[int, list[tuple[Node, ...]]] = {}
    for run in sums:
        after.setdefault(max(place_of[node] for node in run), []).append(run)
    after.pop(len(steps) - 1, None)
    found: list[Step] = []
    for place, step in enumerate(steps):
        found.append(step)
        found += [Ready(run, first_of(step)) for run in after.get(place, ())]
    return tuple(found)


def _made_by(step: Step) -> Iterator[Node]:
    """The values that a step computes and others may read."""
    if isinstance(step, Native):
        yield from step.region.results
    elif isinstance(step, Tiled):
        yield from step.chain.nodes
    elif not isinstance(step, Ready):
        if isinstance(step, Compute):
            yield step.node
        yield from (node for node in step.results if node is not None)
