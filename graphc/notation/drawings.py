"""A derivation as drawings: gradients go back along the graph, edge by edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..ir.node import Node
from ..viz.dot import to_dot
from ..viz.drawing import Drawing
from ..viz.gradient import overlay_scene
from ..viz.scene import Edge


def drawings_of(
    y: Node, targets: Sequence[Node], formula_of: Callable[[Node], str | None]
) -> tuple[Drawing, ...]:
    """The graph alone, and then with one more gradient in each drawing.

    All of them are laid out alike, so that one can go through them.

    Args:
        y: the scalar that is differentiated.
        targets: the nodes that gradients are asked by.
        formula_of: what stands beside the gradient of a node; None for what a drawing
            says by itself.
    """
    name = y.label or "L"
    scene = overlay_scene([(name, y)], {name: targets}, primitive=False)
    place = {vertex.key: n for n, vertex in enumerate(scene.vertices)}
    node_of = {vertex.key: vertex.node for vertex in scene.vertices}
    flows = sorted(
        (edge for edge in scene.edges if edge.is_gradient),
        key=lambda edge: place[edge.tail],
        reverse=True,
    )
    forward = [edge for edge in scene.edges if not edge.is_gradient]
    shown = [_labelled(edge, node_of[edge.head], formula_of) for edge in flows]
    found: list[Drawing] = []
    for count in range(len(shown) + 1):
        lit = [
            replace(edge, state="lit" if n == count - 1 else "shown")
            if n < count
            else replace(edge, state="hidden")
            for n, edge in enumerate(shown)
        ]
        found.append(Drawing(to_dot(replace(scene, edges=(*forward, *lit)))))
    return tuple(found)


def _labelled(
    edge: Edge, node: Node | None, formula_of: Callable[[Node], str | None]
) -> Edge:
    formula = None if node is None else formula_of(node)
    return edge if formula is None else replace(edge, lines=(formula,))
