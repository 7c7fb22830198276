"""Layers in a drawing: in frames, or each as one vertex.

A layer of layers is known by the nodes that were declared inside it; a layer without
others in it is a block with parameters of its own. The same scene, with all nodes in
it, is what layers are closed in, so that each edge between them stands for edges of the
graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..ir.called import shown
from ..ir.facts import NAMED, Role
from ..ir.node import Node
from .repeats import Repeat, without_repeats
from .scene import Cluster, Edge, Scene, Vertex, VertexRole, blocks_around

Depth = int | None | Literal["auto"]
"""Levels of layers that are opened; None for all, and parameters beside them."""

MANY = 60
"""Vertices beyond which layers are closed until there are no more."""

_SOURCES = ("parameter", "constant", "value")
"""Roles of vertices that belong to no layer by themselves."""

Group = tuple[str, bool]
"""The name of a layer, and whether it is its part in a derivative."""


@dataclass(frozen=True)
class Membership:
    """The layers that the vertices of a scene are in."""

    around: Mapping[str, tuple[Group, ...]]
    """By key: the layers of layers, the outermost first."""
    own: Mapping[str, Group]
    """By key: the layer without others in it."""
    kinds: Mapping[str, str]
    """The class of each layer of layers, by its name."""

    def closed(self, key: str, depth: int) -> Group | None:
        """The layer that stands for a vertex."""
        around = self.around.get(key, ())
        return around[depth] if len(around) > depth else self.own.get(key)


def with_layers(scene: Scene, depth: Depth, *, folds: bool) -> Scene:
    """A drawing with layers of layers in frames, or closed.

    Args:
        scene: the drawing, without bodies.
        depth: levels of layers that are opened, see `Depth`.
        folds: True to draw one of several equal layers in a row.
    """
    whole = scene
    inside = layers_of(scene)
    repeats: Mapping[str, Repeat] = {}
    if depth == "auto" and len(scene.vertices) <= MANY:
        depth = None
    if depth is not None:
        if folds:
            members = members_of(scene, inside)
            scene, repeats = without_repeats(scene, members)
        if depth == "auto":
            depth = _fitting(scene, inside)
        scene = _closed(scene, whole, inside, depth, repeats)
    return _framed(scene, inside, depth, repeats)


def _fitting(scene: Scene, inside: Membership) -> int:
    """The most levels that keep a drawing small."""
    deepest = max((len(around) for around in inside.around.values()), default=0)
    for depth in range(deepest, 0, -1):
        keys = {inside.closed(v.key, depth) or v.key for v in scene.vertices}
        if len(keys) <= MANY:
            return depth
    return 0


def layers_of(scene: Scene) -> Membership:
    """The layers of a drawing: those inside which its nodes were declared.

    Parameters, constants and values from outside belong to the layer of all that use
    them.
    """
    around: dict[str, tuple[Group, ...]] = {}
    own: dict[str, Group] = {}
    kinds: dict[str, str] = {}
    for vertex in scene.vertices:
        node = vertex.node
        is_source = vertex.role in ("input", "value") or vertex.key.startswith("out")
        if node is None or is_source or node.op.role in NAMED:
            continue
        derivative = node.origin.derivative is not None
        layer = node.origin.layer
        if layer is not None and layer.name is not None:
            kinds[layer.name] = type(layer).__name__
            groups = tuple((name, derivative) for name in _prefixes(layer.name))
            around[vertex.key] = groups
        name = _own_layer(node)
        if name is not None and name not in kinds:
            own[vertex.key] = name, derivative
    _add_sources(scene, around, own)
    return Membership(around, own, kinds)


def _prefixes(name: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    parts = name.split(".")
    return (".".join(parts[: n + 1]) for n in range(len(parts)))


def _own_layer(node: Node) -> str | None:
    """The name of the layer without others in it that a node is, or is a part of."""
    around = blocks_around(node)
    block = around[0] if around else shown(node)
    name = block.name or shown(node).name or node.name
    if name is None:
        return None
    is_layer = any(
        parent.op.role in NAMED and (parent.name or "").startswith(f"{name}.")
        for parent in block.inputs
    )
    return name if is_layer else None


def _add_sources(
    scene: Scene, around: dict[str, tuple[Group, ...]], own: dict[str, Group]
) -> None:
    """Give what has no layer of its own that of all that use it."""
    heads: dict[str, list[str]] = {}
    for edge in scene.edges:
        if not edge.is_gradient:
            heads.setdefault(edge.tail, []).append(edge.head)
    for vertex in scene.vertices:
        users = heads.get(vertex.key, [])
        if vertex.role not in _SOURCES or not users:
            continue
        paths = [around.get(user, ()) for user in users]
        common = [
            groups[0] for groups in zip(*paths, strict=False) if len({*groups}) == 1
        ]
        around[vertex.key] = tuple(common)
        layers = {own.get(user) for user in users}
        if len(layers) == 1 and (layer := layers.pop()) is not None:
            own[vertex.key] = layer


def members_of(scene: Scene, inside: Membership) -> dict[Group, list[Vertex]]:
    """The vertices in each layer of layers, outer layers first."""
    found: dict[Group, list[Vertex]] = {}
    for vertex in scene.vertices:
        for group in inside.around.get(vertex.key, ()):
            found.setdefault(group, []).append(vertex)
    return dict(sorted(found.items(), key=lambda item: item[0][0].count(".")))


# Closed layers


def _closed(
    scene: Scene,
    whole: Scene,
    inside: Membership,
    depth: int,
    repeats: Mapping[str, Repeat],
) -> Scene:
    """A drawing with layers below a depth as one vertex each."""
    members: dict[Group, list[Vertex]] = {}
    for vertex in scene.vertices:
        group = inside.closed(vertex.key, depth)
        if group is not None:
            members.setdefault(group, []).append(vertex)
    ends: dict[str, str] = {}
    closed: dict[str, Vertex] = {}
    for group, vertices in members.items():
        computed = [v for v in vertices if v.role not in _SOURCES]
        if len(vertices) == 1 or not computed:
            continue
        last = computed[-1]
        ends |= dict.fromkeys((v.key for v in vertices), last.key)
        lines = _lines(group, vertices, computed, inside, repeats)
        closed[last.key] = _as_one(last, vertices, lines)
    kept = [
        closed.get(v.key, v) for v in scene.vertices if ends.get(v.key, v.key) == v.key
    ]
    edges = [*_between(scene, ends), *_flowing(scene, ends, closed)]
    used = {v.cluster for v in kept}
    return replace(
        scene,
        vertices=tuple(kept),
        edges=tuple(edges),
        clusters=tuple(_still_needed(scene.clusters, used)),
    )


def _as_one(last: Vertex, vertices: Sequence[Vertex], lines: Iterable[str]) -> Vertex:
    """One vertex for all of a layer, in the place of its last one."""
    role: VertexRole = "block"
    if last.role.startswith("gradient"):
        role = "gradient-block"
    told = tuple(vertex.tooltip[0] for vertex in vertices if vertex.tooltip)
    return replace(last, role=role, lines=tuple(lines), tooltip=told, cluster=None)


def _lines(
    group: Group,
    vertices: Sequence[Vertex],
    computed: Sequence[Vertex],
    inside: Membership,
    repeats: Mapping[str, Repeat],
) -> Iterator[str]:
    """The name of a layer, its kind, and the size of its parameters."""
    name, derivative = group
    repeat = repeats.get(name)
    title = name if repeat is None else repeat.title
    if name in inside.kinds or len(computed) > 1:
        yield f"backward of {title}" if derivative else title
        block = computed[-1].node
        if name in inside.kinds:
            yield inside.kinds[name]
        elif block is not None and block.origin.block is not None:
            yield blocks_around(block)[0].op.name
    else:
        yield from computed[0].lines
    sizes = [
        v.node.size
        for v in vertices
        if v.node is not None and v.node.op.role is Role.PARAMETER
    ]
    if sizes:
        yield f"{sum(size for size in sizes if isinstance(size, int)):,} parameters"


def _between(scene: Scene, ends: Mapping[str, str]) -> Iterator[Edge]:
    """The edges of values between layers, each once."""
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for edge in scene.edges:
        if edge.is_gradient:
            continue
        tail, head = ends.get(edge.tail, edge.tail), ends.get(edge.head, edge.head)
        is_moved = edge.tail in ends or edge.head in ends
        if tail == head or (is_moved and (tail, head, edge.lines) in seen):
            continue
        if is_moved:
            seen.add((tail, head, edge.lines))
        yield replace(edge, tail=tail, head=head)


def _flowing(
    scene: Scene, ends: Mapping[str, str], closed: Mapping[str, Vertex]
) -> Iterator[Edge]:
    """The edges of gradients between layers: of each value one from each layer."""
    found: dict[tuple[str, str, int], list[Edge]] = {}
    for edge in scene.edges:
        if edge.is_gradient:
            tail, head = ends.get(edge.tail, edge.tail), ends.get(edge.head, edge.head)
            if tail != head:
                found.setdefault((tail, head, id(edge.by)), []).append(edge)
    arriving: dict[int, int] = {}
    for _, _, value in found:
        arriving[value] = arriving.get(value, 0) + 1
    outputs = _outputs(scene, ends)
    for (tail, head, value), edges in found.items():
        edge = edges[0]
        lines = edge.lines
        is_inner = len(edges) > 1 or edge.tail not in outputs.get(
            tail, {edge.tail: None}
        )
        if tail in closed and is_inner and edge.by is not None and scene.through:
            sources = [node for node in outputs[tail].values() if node is not None]
            text = scene.through(sources, edge.by)
            lines = (lines[0], f"{'+=' if arriving[value] > 1 else '='} {text}")
        values = tuple(value for edge in edges for value in edge.values)
        yield replace(edge, tail=tail, head=head, lines=lines, values=values)


def _outputs(
    scene: Scene, ends: Mapping[str, str]
) -> dict[str, dict[str, Node | None]]:
    """By closed layer: the vertices in it whose values others use."""
    nodes = {vertex.key: vertex.node for vertex in scene.vertices}
    found: dict[str, dict[str, Node | None]] = {}
    for edge in scene.edges:
        end = ends.get(edge.tail)
        if end is not None and end != ends.get(edge.head) and not edge.is_gradient:
            found.setdefault(end, {})[edge.tail] = nodes[edge.tail]
    return found


def _still_needed(
    clusters: Sequence[Cluster], used: set[int | None]
) -> Iterator[Cluster]:
    """The frames that something still stands in."""
    parents = {cluster.number: cluster.parent for cluster in clusters}
    needed: set[int] = set()
    for number in used:
        while number is not None and number not in needed:
            needed.add(number)
            number = parents[number]
    return (cluster for cluster in clusters if cluster.number in needed)


# Frames


def _framed(
    scene: Scene, inside: Membership, depth: int | None, repeats: Mapping[str, Repeat]
) -> Scene:
    """A drawing with open layers of layers in frames."""
    first = 1 + max((cluster.number for cluster in scene.clusters), default=-1)
    frames: dict[Group, Cluster] = {}
    members: dict[Group, int] = {}
    for vertex in scene.vertices:
        for group in inside.around.get(vertex.key, ())[:depth]:
            members[group] = members.get(group, 0) + 1
    placed: list[Vertex] = []
    outer: dict[int, int] = {}
    parents = {cluster.number: cluster.parent for cluster in scene.clusters}
    for vertex in scene.vertices:
        parent: int | None = None
        for group in inside.around.get(vertex.key, ())[:depth]:
            if members[group] < 2:
                continue
            if group not in frames:
                number = first + len(frames)
                title = tuple(_title(group, inside, repeats))
                frames[group] = Cluster(number, parent, title, ())
            parent = frames[group].number
        if vertex.cluster is None:
            placed.append(replace(vertex, cluster=parent))
            continue
        placed.append(vertex)
        top = vertex.cluster
        while (above := parents[top]) is not None:
            top = above
        if parent is not None:
            outer.setdefault(top, parent)
    clusters = [
        replace(c, parent=outer.get(c.number)) if c.parent is None else c
        for c in scene.clusters
    ]
    return replace(
        scene, vertices=tuple(placed), clusters=(*clusters, *frames.values())
    )


def _title(
    group: Group, inside: Membership, repeats: Mapping[str, Repeat]
) -> Iterator[str]:
    name, derivative = group
    kind = inside.kinds.get(name)
    title = repeats[name].title if name in repeats else name
    title = f"backward of {title}" if derivative else title
    yield f"{title} · {kind}" if kind else title
