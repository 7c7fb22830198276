"""Values and gradients in a drawing, for the inputs that are fed.

The reference interpreter computes what is drawn, node by node, so that every number
belongs to the node in which it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..ir.facts import Role
from ..ir.node import Node
from ..ir.types import TupleType
from ..runtime.interpretation import Interpretation
from ..runtime.interpreter import run_nodes
from ..runtime.summaries import in_lines
from .scene import Scene, Vertex

Array = np.ndarray[Any, Any]


def with_values(
    scene: Scene,
    feeds: Mapping[Any, Any],
    inputs: Iterable[Node] = (),
    parameters: Mapping[str, Any] | None = None,
) -> Scene:
    """A drawing with the value of each node, and of each gradient that it names.

    Args:
        scene: the drawing, without bodies, which have values at each of their runs.
        feeds: arrays by node or by name.
        inputs: what may be fed though nothing that is drawn needs it.
        parameters: values by name, of those that are not fed.

    Raises:
        FeedError: feeds that don't fit the inputs.
    """
    nodes = [*inputs]
    for vertex in scene.vertices:
        if vertex.node is not None:
            nodes.append(vertex.node)
        nodes += [node for _, node in vertex.gradients]
    run = run_nodes(
        [node for node in dict.fromkeys(nodes) if not isinstance(node.type, TupleType)],
        feeds,
        parameters=parameters,
        function="gc.render",
    )
    return replace(scene, vertices=tuple(_filled(each, run) for each in scene.vertices))


def _filled(vertex: Vertex, run: Interpretation) -> Vertex:
    node = vertex.node
    assert node is not None
    gradients = [in_lines(run[adjoint], name) for name, adjoint in vertex.gradients]
    called = {name for name, _ in vertex.gradients}
    is_computed = not isinstance(node.type, TupleType)
    vertex = replace(
        vertex,
        is_finite=(
            not is_computed or _is_finite(run[node]),
            all(_is_finite(run[adjoint]) for _, adjoint in vertex.gradients),
        ),
        lines=tuple(line for line in vertex.lines if line not in called),
        gradient=tuple(line for lines in gradients for line in lines),
    )
    # An output's value stands in its node, a small constant's in its label.
    is_told = vertex.key.startswith("out") or vertex.role == "gradient-output"
    is_told = is_told or (node.op.role is Role.CONSTANT and node.size <= 4)
    if is_told or not is_computed:
        return vertex
    return replace(vertex, value=in_lines(run[node]))


def _is_finite(array: Array) -> bool:
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
