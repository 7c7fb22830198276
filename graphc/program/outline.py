"""Blocks that readable code computes by one call, where nothing reads what is inside.

`sigmoid(x)` of a helper says more than the three statements that keep it from
overflowing, and `np.log1p` more than the four that make up for not having it. They are
found by what is computed, since passes may have put other nodes in a block's place.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from ..ir.bodies import primitives
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import OPS, Op
from ..ir.types import TensorType, is_floating
from ..ir.walk import attributes_key


class Outline:
    """The calls in a graph."""

    def __init__(self, graph: Graph) -> None:
        """Find them.

        Args:
            graph: in primitives.
        """
        self.calls: dict[Node, Node] = {}
        """For each value of a block the node that calls its helper."""
        self.hidden: set[Node] = set()
        """Values that only these blocks read."""
        outputs = {*graph.outputs}
        for node in reversed(graph.nodes):
            if not is_floating(node.dtype):
                continue
            for block in _by_root().get(node.op, ()):
                inside = _match(block, node)
                if inside is None or node in self.hidden or node in self.calls:
                    continue
                argument, *parts = inside
                whole = {node, *parts}
                if all(
                    part not in outputs and whole.issuperset(graph.users[part])
                    for part in parts
                ):
                    call = Node(_call(block), (argument,), {}, node.type)
                    self.calls[node] = call
                    self.hidden.update(parts)

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """The values that the text of a node reads."""
        if node in self.hidden:
            return ()
        return self.calls.get(node, node).inputs


def _same_type(x: TensorType) -> TensorType:
    return x


@functools.cache
def _call(block: Op) -> Op:
    assert block.call is not None
    return Op(
        name=block.name,
        inputs=("x",),
        infer=_same_type,
        kind="elementwise",
        numpy=block.call.numpy,
        helpers=block.call.helpers,
        recipe=(_call, (block,)),
    )


@functools.cache
def _by_root() -> Mapping[Op, tuple[Op, ...]]:
    """The blocks that have a call, by the op that computes their value."""
    found: dict[Op, tuple[Op, ...]] = {}
    for op in OPS.values():
        if op.call is not None:
            root = _pattern(op, TensorType(np.dtype("float32"), ())).op
            found[root] = (*found.get(root, ()), op)
    return found


@functools.lru_cache(maxsize=256)
def _pattern(block: Op, type: TensorType) -> Node:
    """The value that a block computes of an argument."""
    (passed,) = [op for op in OPS.values() if op.role is Role.ARGUMENT]
    argument = Node(passed, (), {"index": 0}, type)
    return primitives(Graph((block(argument),))).outputs[0]


def _match(block: Op, node: Node) -> list[Node] | None:
    """The argument of a block whose value a node is, and what is computed between."""
    found: dict[Node, Node] = {}
    pattern = _pattern(block, node.type)
    stack = [(pattern, node)]
    while stack:
        wanted, given = stack.pop()
        if wanted in found:
            if found[wanted] is not given:
                return None
            continue
        found[wanted] = given
        if wanted.op.role is Role.ARGUMENT:
            continue
        if (
            wanted.op is not given.op
            or wanted.type != given.type
            or attributes_key(wanted.attributes) != attributes_key(given.attributes)
        ):
            return None
        stack += zip(wanted.inputs, given.inputs, strict=True)
    (argument,) = [found[each] for each in found if each.op.role is Role.ARGUMENT]
    parts = [
        given
        for wanted, given in found.items()
        if wanted is not pattern and wanted.inputs
    ]
    return [argument, *parts]
