"""The node in which a loss or a gradient stopped being finite, for an error.

The emitted program notices, and knows the row. The node is found by running the graph
once more, node by node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff.reverse import grad
from ..ir.bodies import inline
from ..ir.dims import evaluate_shape
from ..ir.evaluate import evaluate_node
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import result_name
from ..ir.origin import label_of
from ..ir.types import TupleType, is_floating
from .feeds import bind_feeds
from .interpretation import Interpretation
from .interpreter import interpret
from .load import silently

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Source:
    """The node in which a value stopped being finite."""

    node: Node
    value: Array
    operands: tuple[tuple[Node, Array], ...]
    """The values that it was computed from, as far as they are known."""
    where: str = ""
    """The step of a loop, in words."""

    @property
    def place(self) -> tuple[int, ...]:
        """The position of the first element that is not finite."""
        return tuple(int(i) for i in np.argwhere(~np.isfinite(self.value))[0])

    @property
    def sentence(self) -> str:
        """The node and its value, in words."""
        node, place = self.node, self.place
        at = f" at {place}" if place else ""
        rule = f" ({node.origin.rules[-1]})" if node.origin.rules else ""
        name = result_name(node) or node.op.name
        return f"{name}{rule} gave {self.value[place]}{at}{self.where}"


@dataclass(frozen=True, eq=False)
class Failure:
    """A step that was not taken, because a value was not finite."""

    message: str
    """The error's."""
    source: Source | None
    """None where the graph as declared has only finite values for this batch: the
    program may round otherwise, and draws other random numbers."""
    row: int | None
    """The first row of the batch that gives such a value by itself."""
    batch: Mapping[str, Array]
    parameters: Mapping[str, Array]
    row_axes: Mapping[str, int]
    """The axis of rows of each array of the batch that has them."""

    def __repr__(self) -> str:
        return f"<Failure: {self.message}>"


def find_non_finite(
    loss: Node, parameters: Mapping[str, Array], batch: Mapping[str, Array]
) -> Source | None:
    """The node in which a loss or its gradient stopped being finite.

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
            if found.op.role is Role.RESULT and found.inputs[0].op.bodies:
                sizes = bind_feeds(list(feeds), feeds)[1]
                inside = _inside(found.inputs[0], run, sizes)
                if inside is not None:
                    return inside
            operands = [(p, run[p]) for p in found.inputs if p in run]
            return Source(found, run[found], _arrays(operands))
    return None


def _arrays(operands: list[tuple[Node, Array]]) -> tuple[tuple[Node, Array], ...]:
    return tuple(each for each in operands if not isinstance(each[0].type, TupleType))


class _Stop(Exception):
    """A result of a body that is not finite."""

    def __init__(self, node: Node) -> None:
        self.node = node


def _inside(loop: Node, run: Interpretation, sizes: Mapping[str, int]) -> Source | None:
    """The node of a body in which a value stopped being finite.

    The loop is run once more, up to the first step that passes on such a value.
    """
    results = {
        output
        for body in loop.bodies
        for part in body.nested
        for output in part.outputs
    }
    values: dict[Node, Array] = {}
    steps: Counter[Node] = Counter()

    def watch(node: Node, value: Array) -> None:
        values[node] = value
        steps[node] += 1
        if node in results and not _all_finite(node, value):
            raise _Stop(node)

    try:
        with np.errstate(all="ignore"):
            given = [run[parent] for parent in loop.inputs]
            evaluate_node(loop, given, sizes, check=watch)
    except _Stop as stop:
        node = stop.node
        while bad := [
            parent
            for parent in ((node.expansion,) if node.op.is_block else node.inputs)
            if parent in values and not _all_finite(parent, values[parent])
        ]:
            node = bad[0]
        step = _step(loop, node, steps[node] - 1, sizes)
        called = label_of(loop) or loop.op.name
        where = f" in step {step} of {called}" if step else f" in {called}"
        operands = [(p, values[p]) for p in node.inputs if p in values]
        return Source(node, values[node], _arrays(operands), where)
    return None


def _step(loop: Node, node: Node, count: int, sizes: Mapping[str, int]) -> str:
    """The step of a loop, and those of loops inside, in which a node was computed.

    Args:
        loop: the outer loop.
        node: in its body, or in a body there.
        count: how often the node had been computed before.
        sizes: values of named sizes.

    Returns:
        Numbers from 0 along the sequence, the outer one first; nothing where loops end
        by tests, or bodies do not run in every step.
    """
    loops: list[Node] = []
    while loop.op.role is Role.LOOP:
        loops.append(loop)
        body = loop.bodies[0]
        if node in set(body.meanings):
            break
        holders = (each for each in body.meanings if each.op.bodies)
        loop = next(n for n in holders if any(node in p for p in _parts(n)))
    else:
        return str(count) if loop.op.role is Role.WHILE and not loops else ""
    found: list[int] = []
    for each in reversed(loops):
        (length,) = evaluate_shape((each.attributes["length"],), sizes)
        count, step = divmod(count, length)
        found.append(length - 1 - step if each.attributes["reverse"] else step)
    return ", ".join(map(str, reversed(found)))


def _parts(node: Node) -> list[set[Node]]:
    """The nodes of each body that is inside of a node."""
    return [set(part.meanings) for body in node.bodies for part in body.nested]


def _is_finite(node: Node, run: Interpretation) -> bool:
    if isinstance(node.type, TupleType):
        # Of a node with several results, what stands in a result came from its inputs.
        return all(_is_finite(parent, run) for parent in node.inputs)
    return _all_finite(node, run[node])


def _all_finite(node: Node, value: Array) -> bool:
    return not is_floating(node.dtype) or bool(np.isfinite(value).all())


def _source(node: Node, run: Interpretation) -> Node:
    """The origin of an infinite value or NaN: a node whose own inputs are finite."""
    while True:
        before = (node.expansion,) if node.op.is_block else node.inputs
        bad = [parent for parent in before if not _is_finite(parent, run)]
        if not bad:
            return node
        node = bad[0]


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
