"""Bodies in a drawing: what a loop, a branch or a function computes, in a frame.

A loop or a branch stands at the head of its frame, and passes on what it is given. A
function is drawn once, beside what calls it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..ir.bodies import argument_of, primitives
from ..ir.called import shown
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import label_of
from .scene import (
    Cluster,
    Edge,
    Scene,
    Vertex,
    build_scene,
    describe,
    shape_text,
)

_MOST = 80
"""Nodes of a body that is drawn; of a larger one there is their number."""
_TOGETHER = 5
"""As many parameters of one call, or more, are one vertex."""
_DEEPEST = 3
"""Bodies inside of one another that are drawn."""


def with_bodies(scene: Scene, *, primitive: bool, depth: int = 1) -> Scene:
    """A drawing with the bodies of what it shows.

    Args:
        scene: the drawing.
        primitive: True for blocks in bodies as what they consist of.
        depth: the number of bodies that the drawing is inside of, and one.
    """
    holders: dict[Node, list[str]] = {}
    calls: dict[Graph, list[str]] = {}
    for vertex in scene.vertices:
        node = None if vertex.node is None else shown(vertex.node)
        if node is None or vertex.key.startswith("out") or vertex.role == "value":
            continue
        if node.op.role is Role.CALL:
            calls.setdefault(node.bodies[0], []).append(vertex.key)
        elif node.op.bodies:
            holders.setdefault(node, []).append(vertex.key)
    for node, keys in holders.items():
        scene = _held(scene, node, keys[0], primitive, depth)
    scene = _with_parameters_together(
        scene, [k for keys in calls.values() for k in keys]
    )
    by_key = {vertex.key: vertex.node for vertex in scene.vertices}
    for body, keys in calls.items():
        node = by_key[keys[0]]
        assert node is not None
        scene = _called(scene, shown(node), body, len(keys), primitive, depth)
    return scene


def _held(scene: Scene, node: Node, key: str, primitive: bool, depth: int) -> Scene:
    """A drawing with the bodies of a loop or a branch in a frame around it."""
    steps = f"{node.attributes['length']} steps" if node.op.role is Role.LOOP else ""
    scene = _with_lines(scene, {key: (steps,)} if steps else {})
    read = {
        each.node.attributes["index"]
        for each in scene.vertices
        if each.node is not None and each.node.op.role is Role.RESULT
        if each.node.inputs[0] is node
    }
    places = range(len(node.bodies))
    insides = [_inside(node, place, primitive, depth, read) for place in places]
    if any(inside is None for inside in insides):
        count = sum(len(body.nodes) for body in node.bodies)
        return _with_lines(scene, {key: (f"{count} nodes inside",)})
    title = ", ".join(filter(None, (label_of(node), node.op.name, steps)))
    frame = Cluster(len(scene.clusters), _parent(scene, key), (title,), describe(node))
    vertices = [
        replace(each, cluster=frame.number) if each.key == key else each
        for each in scene.vertices
    ]
    scene = replace(scene, vertices=tuple(vertices), clusters=(*scene.clusters, frame))
    for place, inside in enumerate(insides):
        assert inside is not None
        parent = frame.number
        if len(insides) > 1:
            words = (node.op.bodies[place].replace("_", " "),)
            part = Cluster(len(scene.clusters), frame.number, words, ())
            scene = replace(scene, clusters=(*scene.clusters, part))
            parent = part.number
        prefix = f"{key}_{place}_"
        scene = _merged(scene, inside, prefix, parent)
        edges = [
            Edge(key, prefix + each.key, (_edge_text(node, each.node),))
            for each in inside.vertices
            if each.node is not None and _is_argument(each.key, each.node)
        ]
        scene = replace(scene, edges=(*scene.edges, *edges))
    return scene


def _is_argument(key: str, node: Node) -> bool:
    """True for an argument of a body itself, whose key has no prefix of another one."""
    is_own = "_" not in key and not key.startswith("out")
    return is_own and node.op.role is Role.ARGUMENT


def _called(
    scene: Scene, call: Node, body: Graph, times: int, primitive: bool, depth: int
) -> Scene:
    """A drawing with the body of a function in a frame of its own."""
    inside = _inside(call, 0, primitive, depth)
    if inside is None:
        found = {
            each.key: (f"{len(body.nodes)} nodes inside",)
            for each in scene.vertices
            if each.node is not None
            and not each.key.startswith("out")
            and body in shown(each.node).bodies
        }
        return _with_lines(scene, found)
    often = "" if times == 1 else f", called {times} times"
    frame = Cluster(
        len(scene.clusters), None, (f"{call.name or call.op.name}{often}",), ()
    )
    scene = replace(scene, clusters=(*scene.clusters, frame))
    return _merged(scene, inside, f"f{frame.number}_", frame.number)


def _common(names: Sequence[str]) -> str:
    """The parts of dotted names that all begin with."""
    parts = zip(*(name.split(".") for name in names), strict=False)
    alike = itertools.takewhile(lambda part: len({*part}) == 1, parts)
    return ".".join(part[0] for part in alike)


def _with_parameters_together(scene: Scene, calls: Sequence[str]) -> Scene:
    """A drawing in which the parameters that only one call takes are one vertex."""
    heads: dict[str, set[str]] = {}
    for edge in scene.edges:
        heads.setdefault(edge.tail, set()).add(edge.head)
    for call in calls:
        own = [
            each
            for each in scene.vertices
            if each.role == "parameter" and heads.get(each.key) == {call}
        ]
        if len(own) < _TOGETHER:
            continue
        nodes = [each.node for each in own if each.node is not None]
        together = {each.key for each in own}
        names = [str(node.name) for node in nodes]
        values = sum(int(node.size) for node in nodes)
        lines = (
            _common(names),
            f"{len(own)} parameters",
            f"{values:,} values",
        )
        told = tuple(f"{node.name}: {node.type}" for node in nodes)
        whole = replace(
            own[0],
            lines=tuple(filter(None, lines)),
            tooltip=told,
            value=(),
            gradient=(),
        )
        edge = Edge(whole.key, call, ("",), told)
        scene = replace(
            scene,
            vertices=tuple(
                whole if each is own[0] else each
                for each in scene.vertices
                if each is own[0] or each.key not in together
            ),
            edges=(*(e for e in scene.edges if e.tail not in together), edge),
        )
    return scene


def _inside(
    node: Node,
    place: int,
    primitive: bool,
    depth: int,
    read: Collection[int] = (),
) -> Scene | None:
    """The drawing of a body; None of one that is too large, or too deep inside.

    Of the values that a loop stacks, those that are read.
    """
    body = node.bodies[place]
    if depth > _DEEPEST or len(body.nodes) > _MOST:
        return None
    body = primitives(body) if primitive else body
    carries: int = node.attributes.get("carries", 0)
    outputs = [
        (name, value)
        for position, (name, value) in enumerate(
            zip(result_names(node, place), body.outputs, strict=True)
        )
        if node.op.role is not Role.LOOP or position < carries or position in read
    ]
    scene = build_scene(node.op.name, outputs, clusters=primitive)
    return with_bodies(scene, primitive=primitive, depth=depth + 1)


def result_names(node: Node, place: int) -> Iterator[str]:
    """Names for the results of a body."""
    arguments = argument_of(node.bodies[place])
    count: int = node.attributes.get("carries", 0)
    for position, value in enumerate(node.bodies[place].outputs):
        called = label_of(value)
        if node.op.role is Role.WHILE and place == 0:
            yield "goes on"
        elif position < count:
            carried = arguments.get(position)
            name = None if carried is None else carried.name
            yield f"next {name or 'carry'}"
        elif node.op.role is Role.LOOP:
            yield f"{called or 'value'} of each step"
        else:
            yield called or "output"


def _edge_text(node: Node, argument: Node) -> str:
    """The word for what a body is passed, and its shape."""
    index: int = argument.attributes["index"]
    count: int = node.attributes.get("carries", 0)
    word = ""
    if index < count:
        word = "carry "
    elif index < count + node.attributes.get("sequences", 0):
        word = "item "
    return f"{word}{shape_text(argument)}"


def _parent(scene: Scene, key: str) -> int | None:
    """The frame that a vertex stands in."""
    return next(each.cluster for each in scene.vertices if each.key == key)


def _with_lines(scene: Scene, lines: Mapping[str, tuple[str, ...]]) -> Scene:
    """A drawing in which some vertices say more."""
    vertices = (
        replace(each, lines=(*each.lines, *lines.get(each.key, ())))
        for each in scene.vertices
    )
    return replace(scene, vertices=tuple(vertices))


def _merged(scene: Scene, inside: Scene, prefix: str, parent: int) -> Scene:
    """A drawing with all of another one in one of its frames."""
    first = len(scene.clusters)

    def frame(number: int | None) -> int:
        return parent if number is None else first + number

    vertices: list[Vertex] = []
    for each in inside.vertices:
        key, cluster = prefix + each.key, frame(each.cluster)
        vertices.append(replace(each, key=key, cluster=cluster))
    edges = [
        replace(each, tail=prefix + each.tail, head=prefix + each.head)
        for each in inside.edges
    ]
    clusters = [
        replace(each, number=frame(each.number), parent=frame(each.parent))
        for each in inside.clusters
    ]
    return replace(
        scene,
        vertices=(*scene.vertices, *vertices),
        edges=(*scene.edges, *edges),
        clusters=(*scene.clusters, *clusters),
    )
