"""The graph that a trained model is used with, without chance."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping

from ..ir.bodies import map_bodies
from ..ir.graph import Graph
from ..ir.node import Derivation, DerivativeRequest, Node
from ..ir.op import Op
from ..ir.walk import ancestors, topological_order
from ..ops.source import zeros_like
from .batch_norm import tracked_batch_norm
from .dropouts import ALPHA_DROPOUT
from .regularization import DROPOUT, GAUSSIAN_NOISE, RANDOM_SCALE


def _mean_scale(node: Node, input: Node, scale: Node) -> Node:
    mean = (node.attributes["lower"] + node.attributes["upper"]) / 2
    return input * mean


def _as_it_came(node: Node, input: Node, drawn: Node) -> Node:
    return input


def _by_running_statistics(node: Node, *inputs: Node) -> Node:
    is_tracked = "running_mean" in node.attributes["parts"].split()
    attributes = {**node.attributes, "training": not is_tracked}
    return node.copy(inputs=inputs, attributes=attributes)


_IN_EVALUATION: dict[Op, Callable[..., Node]] = {
    DROPOUT: _as_it_came,
    ALPHA_DROPOUT: _as_it_came,
    GAUSSIAN_NOISE: _as_it_came,
    RANDOM_SCALE: _mean_scale,
    tracked_batch_norm.op: _by_running_statistics,
}
"""The value of blocks that are others in training, from the node and its inputs."""


def evaluation_mode(graph: Graph) -> Graph:
    """The same graph as it is after training: without dropout and noise.

    Before: a training graph with random blocks (`dropout`, `gaussian_noise`) and
    `batch_norm`, at any depth of expansion. After: what used `dropout(x)` uses `x`,
    random slopes are their mean, batches are normalised by running statistics, and a
    block that contains one of these stands expanded. Sound because the scaled mask has
    expectation 1, and noise 0.

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
        if node.derivation is not None:
            return node.derivation.request.sources
        return (node.expansion,) if contains(node) else node.inputs

    order = topological_order(ancestors(graph.outputs, dependencies), dependencies)
    replaced: dict[Node, Node] = {}
    derived: dict[DerivativeRequest, tuple[Node | None, ...]] = {}
    for node in order:
        if node.derivation is not None:
            replaced[node] = _derived_again(node, node.derivation, replaced, derived)
            continue
        if contains(node):
            replaced[node] = replaced[dependencies(node)[0]]
            continue
        inputs = tuple(replaced[parent] for parent in node.inputs)
        if node.op in _IN_EVALUATION:
            replaced[node] = _IN_EVALUATION[node.op](node, *inputs)
        else:
            replaced[node] = node.with_inputs(inputs)
    passed_by = Graph(tuple(replaced[output] for output in graph.outputs))
    return map_bodies(passed_by, evaluation_mode)


def _derived_again(
    node: Node,
    derivation: Derivation,
    replaced: Mapping[Node, Node],
    derived: dict[DerivativeRequest, tuple[Node | None, ...]],
) -> Node:
    """A derivative of the functions of evaluation, where they are others."""
    request = derivation.request
    sources = tuple(replaced[source] for source in request.sources)
    if all(map(operator.is_, sources, request.sources)):
        return node
    if request not in derived:
        derived[request] = request.derive(sources)
    found = derived[request][derivation.position]
    if found is None:
        found = zeros_like(node)
    return (found if node.name is None else found.named(node.name)).made_of(sources)
