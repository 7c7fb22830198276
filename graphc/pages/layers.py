"""Layers of layers on a page, such as the blocks of a transformer, each to open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..viz.text import printable
from .graph import PageGraph, Shape


@dataclass(eq=False)
class Layers:
    """The layers that the vertices of a graph are in."""

    graph: PageGraph
    parents: dict[int, int] = field(default_factory=dict[int, int])
    """The layer of each vertex and layer that is in one."""
    vertices: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """The layers themselves, numbered after the vertices of the graph."""

    def __post_init__(self) -> None:
        layers = (shape.node.origin.layer for shape in self.graph.shapes)
        self._kinds = {each.name: type(each).__name__ for each in layers if each}

    @staticmethod
    def of(graph: PageGraph) -> Layers:
        """The layers of a graph: those inside which its nodes were declared.

        Sources belong to the layer of all that use them.
        """
        found = Layers(graph)
        outer = [shape for shape in graph.shapes if shape.parent is None]
        paths = {shape.number: _path(shape) for shape in outer}
        users: dict[int, list[tuple[str, ...]]] = {}
        for tail, head, _ in graph.edges:
            if head in paths:
                users.setdefault(tail, []).append(paths[head])
        numbers: dict[tuple[bool, tuple[str, ...]], int] = {}
        for shape in outer:
            path = paths[shape.number]
            if _is_source(shape):
                path = _common(users.get(shape.number, [()]))
            parent: int | None = None
            for length in range(1, len(path) + 1):
                key = shape.is_backward, path[:length]
                if key not in numbers:
                    numbers[key] = found._add(path[length - 1], shape, parent)
                parent = numbers[key]
            if parent is not None:
                found.parents[shape.number] = parent
        return found

    def _add(self, name: str, shape: Shape, parent: int | None) -> int:
        number = len(self.graph.shapes) + len(self.vertices)
        title = f"backward of {name}" if shape.is_backward else name
        kind = self._kinds.get(name, "layer")
        vertex: dict[str, Any] = {
            "role": "layer",
            "lines": [printable(title), kind],
            "op": kind,
            "name": printable(name),
        }
        if shape.is_backward:
            vertex["backward"] = True
        self.vertices.append(vertex)
        if parent is not None:
            self.parents[number] = parent
        return number

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


def _is_source(shape: Shape) -> bool:
    return shape.role in ("parameter", "constant", "value")


def _path(shape: Shape) -> tuple[str, ...]:
    """`a`, `a.b` and `a.b.c` of what was declared in the layer `a.b.c`."""
    layer = shape.node.origin.layer
    is_inside = layer is not None and shape.role not in ("input", "output")
    if not is_inside or layer is None or layer.name is None or shape.refers is not None:
        return ()
    return tuple(_prefixes(layer.name))


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: length + 1]) for length in range(len(parts)))


def _common(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The layers that all paths begin with."""
    alike: list[str] = []
    for names in zip(*paths, strict=False):
        if len({*names}) > 1:
            break
        alike.append(names[0])
    return tuple(alike)
