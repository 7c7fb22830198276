"""The node in which a loss or a gradient stopped being finite, for an error.

The emitted program notices, and knows the row. The node is found by running the graph
once more, node by node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autodiff.reverse import grad
from ..ir.bodies import inline
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import result_name
from ..ir.types import is_floating
from .interpreter import Interpretation, interpret
from .load import silently

Array = np.ndarray[Any, Any]


def find_non_finite(
    loss: Node, parameters: Mapping[str, Array], batch: Mapping[str, Array]
) -> tuple[Node, str] | None:
    """The node in which a loss or its gradient stopped being finite, and a sentence.

    Args:
        loss: the node that is minimised.
        parameters, batch: arrays by name.

    Returns:
        None where the graph as declared has only finite values, since the compiled one
        may round otherwise, and draws other random numbers.
    """
    graph = Graph((loss,))
    given = {**parameters, **batch}
    nodes = (*graph.inputs, *graph.parameters)
    feeds = {node: given[str(node.name)] for node in nodes if node.name in given}
    wanted = [loss, *grad(loss, list(graph.trainable))] if graph.trainable else [loss]
    wanted = list(inline(Graph(tuple(wanted))).outputs)
    with np.errstate(all="ignore"):
        run = interpret(wanted, feeds)
    for node in wanted:
        if not _is_finite(node, run):
            found = _source(node, run)
            return found, _sentence(found, run[found])
    return None


def _is_finite(node: Node, run: Interpretation) -> bool:
    return not is_floating(node.dtype) or bool(np.isfinite(run[node]).all())


def _source(node: Node, run: Interpretation) -> Node:
    """The origin of an infinite value or NaN: a node whose own inputs are finite."""
    while True:
        before = (node.expansion,) if node.op.is_block else node.inputs
        bad = [parent for parent in before if not _is_finite(parent, run)]
        if not bad:
            return node
        node = bad[0]


def _sentence(node: Node, value: Array) -> str:
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
    where = f" at {place}" if place else ""
    rule = f" ({node.origin.rules[-1]})" if node.origin.rules else ""
    return f"{result_name(node) or node.op.name}{rule} gave {value[place]}{where}"


def refuse_step(
    module: Any,
    problem: str,
    parameters: Mapping[str, Array],
    state: Mapping[str, Any],
    batch: list[Array],
) -> None:
    """Raise the program's error of a step that was not taken, with the row at fault.

    A batch whose labels are all ignored is not an error.

    Args:
        module: the program.
        problem: the value that is not finite, in words.
        parameters, state, batch: the arguments of the step.
    """
    weigh = getattr(module, "loss_weight", None)
    if weigh is not None and not silently(weigh, parameters, *batch):
        return
    row = silently(module.find_row, parameters, batch)
    place = f"{state['step'] + 1}, which was not taken"
    if hasattr(module, "LOSSES"):  # Steps of other losses were, and it is counted.
        place = f"{state['step']}, which was not taken in full"
    place += "" if row is None else f", by row {row} of the batch"
    raise module.NonFiniteError(
        f"{problem} in step {place}: "
        "try a smaller step size, or inputs of smaller scale",
        parameters,
        batch,
    )
