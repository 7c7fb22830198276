"""A scene as text in the DOT language, and everything about how drawings look.

Every role differs from the others in shape and in border as well as in colour, so that
a drawing needs no legend and loses nothing when it is printed in black and white. The
border of a value that is not finite is thick and red.
"""

from __future__ import annotations

from collections.abc import Mapping

from .scene import Cluster, Edge, Scene, Vertex, VertexRole
from .text import quoted

_INK = "#1f2933"
_GREY = "#5b6770"
_GRADIENT = "#b03a14"
_ALARM = "#d00000"

# Renderers measure text by built-in tables where the font is missing, and they have
# tables for this one.
_FONT = "Helvetica"
_BOLD = "Helvetica-Bold"

_ROLES: Mapping[VertexRole, Mapping[str, str]] = {
    "input": {
        "shape": "parallelogram",
        "style": "filled",
        "fillcolor": "#dceaf7",
        "color": "#2b6299",
        "fontname": _BOLD,
        "margin": "0.02,0.02",
    },
    "parameter": {
        "shape": "cylinder",
        "style": "filled",
        "fillcolor": "#dcefdf",
        "color": "#2c7a4b",
        "fontname": _BOLD,
        "margin": "0.22,0.06",
    },
    "constant": {
        "shape": "note",
        "style": "filled",
        "fillcolor": "#f3f3ef",
        "color": "#85857c",
    },
    "op": {
        "shape": "box",
        "style": "rounded,filled",
        "fillcolor": "#ffffff",
        "color": _GREY,
    },
    "block": {
        "shape": "box",
        "style": "filled",
        "fillcolor": "#ebe6f5",
        "color": "#5a4788",
        "peripheries": "2",
    },
    "output": {
        "shape": "ellipse",
        "style": "filled,bold",
        "peripheries": "2",
        "fillcolor": "#fbedbd",
        "color": "#8c6a00",
        "fontname": _BOLD,
    },
    "gradient": {
        "shape": "octagon",
        "style": "filled,dashed",
        "fillcolor": "#fdebe3",
        "color": _GRADIENT,
        "margin": "0.05,0.02",
    },
    "gradient-block": {
        "shape": "octagon",
        "style": "filled,dashed",
        "fillcolor": "#fdebe3",
        "color": _GRADIENT,
        "peripheries": "2",
        "margin": "0.05,0.02",
    },
    "gradient-output": {
        "shape": "octagon",
        "style": "filled,bold,dashed",
        "peripheries": "2",
        "fillcolor": "#f8cdbb",
        "color": _GRADIENT,
        "fontname": _BOLD,
    },
    "value": {
        "shape": "box",
        "style": "filled,dotted",
        "penwidth": "1.5",
        "fillcolor": "#f7f8f9",
        "color": "#3d4852",
    },
}

_STYLES = {
    "shown": 'style="dashed"',
    "lit": 'style="bold", penwidth="3", fontname="Helvetica-Bold"',
    "hidden": 'style="invis"',
}
"""Gradients, by the state of the edge."""

_SOURCES = frozenset(["input", "parameter", "constant"])

# Keeps a label off its edge; a plain space at an end would be dropped.
_GAP = "\u00a0"

# Above this many edges the layout gives up some beauty to stay within seconds.
_MANY_EDGES = 400


def to_dot(scene: Scene) -> str:
    """The drawing as DOT text.

    >>> from graphc.viz.scene import Scene, Vertex, VertexRole
    >>> scene = Scene("forward", (Vertex("n0", "input", ("x",), ("x.py:1",)),), ())
    >>> print(to_dot(scene).splitlines()[0])
    digraph "forward" {
    """
    lines = [f"digraph {quoted([scene.name])} {{", *_defaults(scene)]
    lines.extend(_vertices(scene))
    sources = {vertex.key for vertex in scene.vertices if vertex.role in _SOURCES}
    lines.extend(f"  {_edge(edge, edge.tail not in sources)}" for edge in scene.edges)
    lines.append("}")
    return "\n".join(lines) + "\n"


def _defaults(scene: Scene) -> list[str]:
    large = len(scene.edges) > _MANY_EDGES
    graph = {
        "rankdir": scene.rankdir,
        "bgcolor": "white",
        "fontname": _FONT,
        "fontcolor": _INK,
        "nodesep": "0.3",
        "ranksep": "0.28",
        "pad": "0.2",
        "tooltip": f"{scene.name} graph",
    }
    if scene.remark:
        graph |= {"label": scene.remark, "labeljust": "l", "fontsize": "9"}
    if large:
        graph |= {"nslimit": "0.5", "nslimit1": "0.5", "mclimit": "0.3"}
    node = {
        "fontname": _FONT,
        "fontsize": "11",
        "fontcolor": _INK,
        "height": "0.3",
        "width": "0.4",
        "margin": "0.14,0.05",
    }
    edge = {
        "fontname": _FONT,
        "fontsize": "9",
        "fontcolor": _GREY,
        "color": _GREY,
        "arrowsize": "0.6",
    }
    return [
        f"  graph {_attributes(graph)};",
        f"  node {_attributes(node)};",
        f"  edge {_attributes(edge)};",
    ]


def _attributes(values: Mapping[str, str]) -> str:
    return "[" + ", ".join(f'{name}="{value}"' for name, value in values.items()) + "]"


def _vertices(scene: Scene) -> list[str]:
    # Graphviz lays edges out in the order of their tails. Where gradients flow back,
    # ops from the last to the first keep each of them beside the edge it belongs to.
    ordered = list(scene.vertices)
    if any(edge.is_gradient for edge in scene.edges):
        sources = [vertex for vertex in ordered if vertex.role in _SOURCES]
        rest = [vertex for vertex in ordered if vertex.role not in _SOURCES]
        ordered = [*sources, *reversed(rest)]
    members: dict[int | None, list[Vertex]] = {}
    for vertex in ordered:
        members.setdefault(vertex.cluster, []).append(vertex)
    children: dict[int | None, list[Cluster]] = {}
    for cluster in scene.clusters:
        children.setdefault(cluster.parent, []).append(cluster)
    lines: list[str] = []
    # What is still to be written, the next thing last: text, or a cluster to open.
    pending: list[tuple[str | Cluster, int]] = []

    def contents(number: int | None, depth: int) -> None:
        todo: list[tuple[str | Cluster, int]] = [
            (line, depth)
            for vertex in members.get(number, [])
            for line in (_vertex(vertex), *_beside(vertex))
        ]
        todo.extend((cluster, depth) for cluster in children.get(number, []))
        pending.extend(reversed(todo))

    contents(None, 1)
    while pending:
        item, depth = pending.pop()
        indent = "  " * depth
        if isinstance(item, str):
            lines.append(indent + item)
            continue
        lines.append(f'{indent}subgraph "cluster_{item.number}" {{')
        lines.append(f"{indent}  graph {_cluster(item, depth)};")
        pending.append(("}", depth))
        contents(item.number, depth + 1)
    return lines


def _cluster(cluster: Cluster, depth: int) -> str:
    return (
        f"[label={quoted(cluster.lines)}, "
        f"tooltip={quoted(cluster.tooltip, tooltip=True)}, "
        'labeljust="l", fontsize="10", style="rounded,filled", color="#5a4788", '
        f'fillcolor="{"#f6f3fb" if depth % 2 else "#ebe6f5"}", fontcolor="#43356a", '
        'margin="8"]'
    )


def _vertex(vertex: Vertex) -> str:
    look = dict(_ROLES[vertex.role])
    if not vertex.is_finite[0]:
        look |= {"color": _ALARM, "penwidth": "3"}
    return (
        f"{vertex.key} [class={quoted([vertex.role])}, "
        f"label={quoted((*vertex.lines, *vertex.value))}, "
        f"tooltip={quoted(vertex.tooltip, tooltip=True)}, "
        f"{_attributes(look)[1:-1]}];"
    )


def _beside(vertex: Vertex) -> list[str]:
    """Text to the right of a vertex in the gradients' colour.

    A label has one colour. That of a vertex of its own is text that edges go around.
    """
    if not vertex.gradient:
        return []
    key = f"beside_{vertex.key}"
    look = {"shape": "plaintext"}
    if not vertex.is_finite[1]:
        look = {"shape": "box", "color": _ALARM, "penwidth": "3"}
    look |= {"fontcolor": _GRADIENT, "fontsize": "10", "margin": "0.04,0.03"}
    return [
        f'{key} [class="value", label={quoted(vertex.gradient)}, '
        f"{_attributes(look)[1:-1]}];",
        f'{{ rank="same"; {vertex.key}; {key}; }}',
        f'{vertex.key} -> {key} [class="beside", style="invis", weight="20"];',
    ]


def _edge(edge: Edge, is_spine: bool) -> str:
    tooltip = quoted(edge.tooltip, tooltip=True)
    text = (
        f"{edge.tail} -> {edge.head} "
        f'[class="{"gradient" if edge.is_gradient else "forward"}", '
        f"label={quoted(edge.lines, gap=_GAP)}, "
        f"tooltip={tooltip}, labeltooltip={tooltip}"
    )
    if edge.is_gradient:
        # The forward graph alone decides where things stand.
        style = _STYLES[edge.state]
        text += (
            f', color="{_GRADIENT}", fontcolor="{_GRADIENT}", {style}, '
            'arrowhead="vee", constraint="false"'
        )
    elif is_spine:
        # Keeps a chain of layers upright, where parameters would pull each aside.
        text += ', weight="8"'
    return text + "];"
