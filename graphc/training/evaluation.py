"""Evaluation by two functions: outputs, then loss and metrics from what these are."""

from __future__ import annotations

from ..ir.graph import Graph
from ..ir.node import Node
from ..metrics.evaluation import placeholder
from ..program.plan import Continued


def after_outputs(evaluated: Graph, predicted: Graph) -> Continued | None:
    """Results to evaluate, from placeholders for all that is predicted.

    Before: two graphs that share nodes. After: the first with placeholders in the place
    of the outputs of the second, in their order and under their names. None where it
    needs more of the second, or less, or what is drawn at random there.
    """
    cut = dict.fromkeys(predicted.outputs)
    if predicted.draws or any(node.op.kind == "source" for node in cut):
        return None
    needed, waiting = set[Node](), [*evaluated.outputs]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += () if node in cut else node.inputs
    shared = needed.intersection(predicted.nodes)
    computed = {node for node in shared if node.op.kind != "source"}
    if computed != {*cut} or cut.keys() & {*evaluated.outputs}:
        return None
    replaced: dict[Node, Node] = {}
    for node in evaluated.nodes:
        if node in cut:
            name = node.label or node.name or "output"
            replaced[node] = placeholder(name.replace(".", "_"), node.type)
        elif node in needed:
            inputs = tuple(replaced[parent] for parent in node.inputs)
            replaced[node] = node.with_inputs(inputs)
    outputs = tuple(replaced[node] for node in evaluated.outputs)
    return Continued(Graph(outputs), tuple(replaced[node] for node in cut))
