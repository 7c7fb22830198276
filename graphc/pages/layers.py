"""Layers of layers on a page, such as the blocks of a transformer, each to open.

Several equal ones in a row are inside of one vertex, which tells their number.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..ir.facts import Role
from ..viz.layers import Group
from ..viz.repeats import Repeat
from ..viz.text import printable
from .graph import PageGraph


@dataclass(eq=False)
class Layers:
    """The layers that the vertices of a graph are in, as vertices around them."""

    graph: PageGraph
    parents: dict[int, int] = field(default_factory=dict[int, int])
    """The layer of each vertex and layer that is in one."""
    vertices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The layers themselves, numbered after the vertices of the graph."""
    _numbers: dict[Hashable, int] = field(default_factory=dict[Hashable, int])

    @staticmethod
    def of(graph: PageGraph) -> Layers:
        """The layers of a graph."""
        found = Layers(graph)
        repeats = {name: each for each in graph.repeats for name in each.names}
        sizes: dict[int, int] = {}
        for number, groups in sorted(graph.layers.items()):
            parent: int | None = None
            for group in groups:
                if group[0] in repeats:
                    parent = found._repeat(repeats[group[0]], group, parent)
                parent = found._layer(group, parent)
            if parent is None:
                continue
            found.parents[number] = parent
            node = graph.shapes[number].node
            is_counted = node.op.role is Role.PARAMETER and not groups[0][1]
            if is_counted and isinstance(node.size, int):
                for each in found._around(number):
                    sizes[each] = sizes.get(each, 0) + node.size
        for each, size in sizes.items():
            found._vertex(each)["lines"].append(f"{size:,} parameters")
        return found

    def _layer(self, group: Group, parent: int | None) -> int:
        name, derivative = group
        kind = self.graph.kinds.get(name, "layer")
        title = f"backward of {name}" if derivative else name
        return self._add(group, [title, kind], kind, name, parent)

    def _repeat(self, repeat: Repeat, group: Group, parent: int | None) -> int:
        kind = self.graph.kinds.get(repeat.first, "layer")
        title = f"backward of {repeat.span}" if group[1] else repeat.span
        lines = [title, f"{len(repeat.names)} × {kind}"]
        return self._add((repeat, group[1], parent), lines, kind, repeat.span, parent)

    def _add(
        self, key: Any, lines: list[str], kind: str, name: str, parent: int | None
    ) -> int:
        if key in self._numbers:
            return self._numbers[key]
        number = len(self.graph.shapes) + len(self.vertices)
        vertex: dict[str, Any] = {
            "role": "layer",
            "lines": [*map(printable, lines)],
            "op": kind,
            "name": printable(name),
        }
        if key[1]:
            vertex["backward"] = True
        self.vertices.append(vertex)
        if parent is not None:
            self.parents[number] = parent
        self._numbers[key] = number
        return number

    def _vertex(self, number: int) -> dict[str, Any]:
        return self.vertices[number - len(self.graph.shapes)]

    def _around(self, number: int) -> Iterator[int]:
        while number in self.parents:
            number = self.parents[number]
            yield number

    def data(self) -> Mapping[str, Any]:
        """The graph as JSON has it, with its layers."""
        data = self.graph.data()
        vertices = [*data["vertices"], *self.vertices]
        inside = [
            {**vertex, "parent": self.parents[number]}
            if number in self.parents
            else vertex
            for number, vertex in enumerate(vertices)
        ]
        return {**data, "vertices": inside}
