"""The graph without chance that a trained model is used with."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ..ir.bodies import map_bodies
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Op
from ..ir.walk import ancestors, topological_order
from .dropouts import ALPHA_DROPOUT
from .regularization import DROPOUT, GAUSSIAN_NOISE, RANDOM_SCALE


def _mean_scale(node: Node, input: Node) -> Node:
    mean = (node.attributes["lower"] + node.attributes["upper"]) / 2
    return input * mean


_IN_EVALUATION: dict[Op, Callable[[Node, Node], Node]] = {
    DROPOUT: lambda node, input: input,
    ALPHA_DROPOUT: lambda node, input: input,
    GAUSSIAN_NOISE: lambda node, input: input,
    RANDOM_SCALE: _mean_scale,
}
"""The value of random blocks without chance, from the node and its first input."""


def evaluation_mode(graph: Graph) -> Graph:
    """The same graph with all dropout and noise, and their adjoints, passed by.

    Before: a training graph with random blocks (`dropout`, `gaussian_noise`), at any
    depth of expansion. After: none; what used `dropout(x)` uses `x`, random slopes are
    their mean, and a block that contains one stands expanded. Sound because the scaled
    mask has expectation 1, and noise 0.

    Args:
        graph: any graph; gradients in it become those of evaluation.

    Returns:
        A graph with as many outputs, of the same types, that draws no mask.

    >>> import graphc as gc
    >>> from graphc.ir import Graph
    >>> x = gc.input("x", ("n",))
    >>> y = gc.nn.dropout(gc.exp(x))
    >>> evaluation_mode(Graph((y,))).outputs
    (<exp float32 (n,)>,)
    """

    @functools.cache
    def contains(node: Node) -> bool:
        """True where `node` expands, down to its own inputs, into one of these."""
        if not node.op.is_block or node.op in _IN_EVALUATION:
            return False
        ends = set(node.inputs)
        inside = ancestors([node.expansion], lambda n: () if n in ends else n.inputs)
        return any(
            n.op in _IN_EVALUATION or contains(n) for n in inside if n not in ends
        )

    def dependencies(node: Node) -> tuple[Node, ...]:
        if node.op in _IN_EVALUATION:
            return node.inputs[:1]
        return (node.expansion,) if contains(node) else node.inputs

    order = topological_order(ancestors(graph.outputs, dependencies), dependencies)
    replaced: dict[Node, Node] = {}
    for node in order:
        if node.op in _IN_EVALUATION:
            replaced[node] = _IN_EVALUATION[node.op](node, replaced[node.inputs[0]])
            continue
        if contains(node):
            replaced[node] = replaced[dependencies(node)[0]]
            continue
        inputs = tuple(replaced[parent] for parent in node.inputs)
        replaced[node] = node.with_inputs(inputs)
    passed_by = Graph(tuple(replaced[output] for output in graph.outputs))
    return map_bodies(passed_by, evaluation_mode)
