"""Equal values are computed once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.walk import Numbering, structural_key
from .base import note

_RULE = "equal values -> one node"
_SOUND = "the op is pure, and op, inputs and attributes are the same"


def value_numbers(nodes: tuple[Node, ...]) -> dict[Node, int]:
    """A number for each node, the same for two nodes that must have the same value.

    `nodes` come inputs first. Inputs, parameters and random draws equal only
    themselves, whatever their attributes.
    """
    number = Numbering(key=_key)
    return {node: number(node) for node in nodes}


def _key(node: Node, inputs: tuple[int, ...]) -> Hashable:
    if node.op.facts.commutative == "exact":
        inputs = tuple(sorted(inputs))
    return structural_key(node, inputs)


def _rank(node: Node) -> int:
    """The rank of a node among equals, of which the most telling is kept."""
    is_written = not node.origin.rules
    if node.name is not None and is_written and node.origin.block is None:
        return 0
    if node.label is not None and is_written:
        return 1
    if node.name is not None:
        return 2
    if node.origin.derivative is None:
        return 3
    return 4 if node.origin.gradient_of is not None else 5


@dataclass(frozen=True)
class MergeEqual:
    """Common-subexpression elimination.

    Before: any graph. After: no two pure nodes have the same op, inputs and
    attributes; the operands of an addition or multiplication may have been written in
    either order. The node that stays is the one a user named, else one that has a name,
    else the first. Sound when the op is pure: random draws never merge, nor do inputs
    and parameters, which are what they are by identity.
    """

    name: str = "merge equal values"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with each value computed once."""
        numbers = value_numbers(graph.nodes)
        classes: dict[int, list[Node]] = {}
        for node in graph.nodes:
            classes.setdefault(numbers[node], []).append(node)
        merged: dict[int, Node] = {}
        for number, members in classes.items():
            # `min` keeps the first of equals, and classes come inputs first.
            best = min(members, key=_rank)
            inputs = tuple(merged[numbers[parent]] for parent in best.inputs)
            first = min(members, key=lambda node: node.order)
            kept = best
            unchanged = all(a is b for a, b in zip(inputs, best.inputs, strict=True))
            if best is not first or not unchanged:
                kept = _merged(best, first, inputs)
            merged[number] = kept
            for member in members:
                if member is not best:
                    note(_RULE, _SOUND, member, kept)
        return graph.with_outputs(
            tuple(merged[numbers[output]] for output in graph.outputs)
        )


def _merged(best: Node, first: Node, inputs: tuple[Node, ...]) -> Node:
    origin = best.origin
    if origin.gradient_of is None:
        origin = origin.adjoint_of(first.origin.gradient_of)
    return Node(
        best.op,
        inputs,
        best.attributes,
        best.type,
        name=best.name,
        origin=origin,
        order=first.order,
    ).told(best.source_name)
