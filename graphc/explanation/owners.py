"""The layer, or other value with a name, that each value belongs to.

A layer is known by what it is called: blocks carry its name, parameters begin with it,
and layers of layers are noted in the nodes that were declared inside of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import result_name
from ..ir.origin import label_of


@dataclass(frozen=True)
class Owner:
    """A layer or another value."""

    path: tuple[str, ...]
    """The names of the layers around it, and its own."""
    node: Node
    """The block, or the value, that was declared."""


def owners(graph: Graph) -> Mapping[Node, Owner]:
    """The owner of each value of the forward pass, and of each parameter.

    It is the outermost block that a value is inside of, in the layers in which that was
    declared. What reads the parameters of a layer alone belongs to it.
    """
    found: dict[Node, Owner] = {}
    read: dict[Node, frozenset[str]] = {}
    for node in graph.nodes:
        if node.origin.derivative is not None:
            continue
        role = node.op.role
        if role in PERSISTENT:
            layer, _, _ = str(node.name).rpartition(".")
            read[node] = frozenset([layer] if layer else [])
            path = tuple((layer or str(node.name)).split("."))
            found[node] = Owner(path, node)
            continue
        if node.op.kind == "source":
            continue
        given = [read[parent] for parent in node.inputs if parent in read]
        layers = frozenset(name for each in given for name in each)
        if given and all(p in read or _is_fixed(p) for p in node.inputs):
            read[node] = layers
        if role is Role.RESULT and node.inputs[0] in found:
            found[node] = found[node.inputs[0]]
            continue
        found[node] = _owner(node, layers)
    return found


def _is_fixed(node: Node) -> bool:
    return node.op.kind == "source" and node.op.role not in (Role.INPUT, Role.ARGUMENT)


def _owner(node: Node, layers: frozenset[str]) -> Owner:
    block = node
    while block.origin.block is not None:
        block = block.origin.block
    layer = block.origin.layer
    around = layer.name if layer is not None else None
    own = label_of(block) or result_name(block) or block.op.name
    if block.name is not None and _has_parameters(block, block.name):
        own = block.name
    elif len(layers) == 1:
        (only,) = layers
        is_nameless = block.source_name is None and block is node
        if is_nameless or only.startswith(f"{own}."):
            own = only
    if around and own != around and not own.startswith(f"{around}."):
        own = f"{around}.{own}"
    return Owner(tuple(own.split(".")), block)


def _has_parameters(block: Node, name: str) -> bool:
    """True of a layer, whose parameters begin with its name."""
    return any(
        parent.op.role in PERSISTENT and (parent.name or "").startswith(f"{name}.")
        for parent in block.inputs
    )
