"""Elementwise regions: the largest pieces of a graph that are one formula."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...ir.graph import Graph
from ...ir.literal import constant_of, is_constant
from ...ir.node import Node
from ...ir.types import DType
from ...ir.walk import Numbering, attributes_key
from ...ops.source import constant

LARGEST = 16
"""Nodes in a region. Larger formulas are cut, so that simplifying stays cheap."""


@dataclass(frozen=True, eq=False)
class Region:
    """A formula: nodes of one type that are used nowhere else, but for the root."""

    nodes: tuple[Node, ...]
    """Inputs first; the last is the root."""

    @property
    def root(self) -> Node:
        """The node whose value the rest of the graph uses."""
        return self.nodes[-1]

    @property
    def dtype(self) -> DType:
        """The dtype of every node in it."""
        return self.root.dtype

    @functools.cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes it is computed from, in the order of first use, but for numbers."""
        inside = set(self.nodes)
        found: dict[Node, None] = {}
        for node in self.nodes:
            for parent in node.inputs:
                if parent not in inside and not _is_number(parent):
                    found[parent] = None
        return tuple(found)

    def key(self) -> Hashable:
        """Equal for regions that are the same formula of their inputs."""
        places = {node: place for place, node in enumerate(self.inputs)}

        def leaf(node: Node) -> Hashable | None:
            if node in places:
                return ("input", places[node], node.shape == self.root.shape)
            return constant_of(node).tobytes() if _is_number(node) else None

        def key(node: Node, inputs: tuple[int, ...]) -> Hashable:
            return (node.op.name, inputs, attributes_key(node.attributes))

        number = Numbering(leaf, key)
        number(self.root)
        return (self.dtype.str, number.keys)

    def replay(self, inputs: Sequence[Node], dtype: DType) -> Node:
        """The formula, as it is written, of other inputs of another dtype."""
        values = dict(zip(self.inputs, inputs, strict=True))
        for node in self.nodes:
            operands = tuple(
                values[p] if p in values else constant(constant_of(p).astype(dtype))
                for p in node.inputs
            )
            values[node] = node.op.build(operands, node.attributes)
        return values[self.root]


def _is_number(node: Node) -> bool:
    """True for a finite literal of one element and no axes."""
    if not is_constant(node) or node.shape:
        return False
    return node.dtype.kind == "f" and bool(np.isfinite(constant_of(node)))


def find_regions(graph: Graph) -> Iterator[Region]:
    """The regions of at least two nodes, in linear time.

    A node joins the region of its users if all of them are in the same one and of the
    same type; so nothing else needs what a region computes inside.
    """
    outputs = set(graph.outputs)
    root_of: dict[Node, Node] = {}
    members: dict[Node, list[Node]] = {}
    for node in reversed(graph.nodes):
        if not _is_computed_in_one_dtype(node):
            continue
        roots = {root_of.get(user, user) for user in graph.users[node]}
        root = next(iter(roots)) if len(roots) == 1 and node not in outputs else node
        fits = (
            root in members and root.type == node.type and len(members[root]) < LARGEST
        )
        root = root if fits else node
        root_of[node] = root
        members.setdefault(root, []).append(node)
    for root in graph.nodes:
        found = members.get(root, [])
        if len(found) > 1:
            yield Region(tuple(reversed(found)))


def _is_computed_in_one_dtype(node: Node) -> bool:
    """True for a formula of floats that no operand changes the dtype of."""
    return (
        node.op.kind == "elementwise"
        and node.dtype.kind == "f"
        and all(parent.dtype == node.dtype for parent in node.inputs)
    )
