"""Values inside of bodies: at each turn of a loop, in the branch that is taken.

The body of a loop has a value at each turn. The body is run once more for what the loop
is given, and of a long loop some turns are kept, the first and the last among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.called import shown
from ..ir.evaluate import evaluate_node
from ..ir.node import Node
from ..runtime.interpretation import Interpretation
from .graph import PageGraph, Shape
from .values import value_data

Array = np.ndarray[Any, Any]

_MOST = 16
"""The most turns of a loop that are kept."""
_TOGETHER = 4000
"""The most values in all bodies; where there are more nodes, fewer turns are kept."""
_SIDE = 12
"""Pixels of a picture of a value in each direction."""


@dataclass(frozen=True)
class _Turn:
    """One run of the bodies of a node."""

    title: str
    values: Mapping[Node, Array]


def body_values(graph: PageGraph, run: Interpretation) -> Mapping[str, Any]:
    """The turns of each vertex with bodies, and the values of what is inside at each.

    Args:
        graph: the vertices.
        run: the values outside of bodies.
    """
    holders = _holders(graph)
    most = max(2, min(_MOST, _TOGETHER // max(1, len(holders))))
    turns: dict[int, list[_Turn]] = {}
    outside = _Turn("", run)
    for shape in graph.shapes:
        if not shape.has_bodies or shape.refers is not None:
            continue
        around = holders.get(shape.number)
        given = [outside] if around is None else turns.get(around, [])
        found = [turn for each in given for turn in _turns(shape, each, run.sizes)]
        if found:
            turns[shape.number] = [found[place] for place in _some(len(found), most)]
    values = {
        number: [
            value_data(turn.values[node], _SIDE) if node in turn.values else None
            for turn in turns[holder]
        ]
        for number, holder in holders.items()
        if holder in turns and graph.shapes[number].refers is None
        if any((node := graph.shapes[number].node) in t.values for t in turns[holder])
    }
    titles = {number: [turn.title for turn in some] for number, some in turns.items()}
    return {"turns": titles, "inside": values}


def _holders(graph: PageGraph) -> dict[int, int]:
    """The innermost vertex with bodies around each that is in one."""
    found: dict[int, int] = {}
    for shape in graph.shapes:
        if shape.parent is None:
            continue
        if graph.shapes[shape.parent].has_bodies:
            found[shape.number] = shape.parent
        elif shape.parent in found:
            found[shape.number] = found[shape.parent]
    return found


def _turns(shape: Shape, around: _Turn, sizes: Mapping[str, int]) -> Iterator[_Turn]:
    """All turns of a vertex with bodies, at one turn of what is around it."""
    node = shown(shape.node)
    if any(parent not in around.values for parent in node.inputs):
        return
    own = {each for body in node.bodies for each in body.meanings}
    told: dict[Node, list[Array]] = {}

    def keep(inner: Node, value: Array) -> None:
        if inner in own:
            told.setdefault(inner, []).append(value)

    evaluate_node(node, [around.values[p] for p in node.inputs], sizes, check=keep)
    count = max(map(len, told.values()), default=0)
    before = f"{around.title}, then " if around.title else ""
    for place in range(count):
        values = {n: some[place] for n, some in told.items() if place < len(some)}
        title = f"turn {place + 1} of {count}" if count > 1 else ""
        yield _Turn(f"{before}{title}" if title else around.title, values)


def _some(count: int, most: int) -> Sequence[int]:
    """Some of as many turns: all, or as many in equal distances."""
    if count <= most:
        return range(count)
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
