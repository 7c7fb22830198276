"""The verifier: what must be true of every graph, checked after every pass in tests."""

from __future__ import annotations

from ..errors import GraphcError, GraphError
from .graph import Graph
from .node import Node, attributes_key
from .op import OPS

__all__ = ["verify"]


def verify(graph: Graph) -> None:
    """Raise `GraphError` at the first node that breaks an invariant.

    Checked: the op is the declared one, the number of inputs fits it, attributes are
    hashable, inputs come before their users, and the type is what the op's rule infers.
    """
    seen: set[int] = set()
    for node in graph.nodes:
        _verify_node(node)
        for parent in node.inputs:
            if parent.index not in seen:
                raise _broken(node, f"uses {parent.describe()} before it is defined")
        seen.add(node.index)


def _verify_node(node: Node) -> None:
    op = node.op
    if OPS.get(op.name) is not op:
        raise _broken(node, f"op {op.name!r} is not the declared one")
    variadic = any(name.startswith("*") for name in op.inputs)
    if not variadic and len(node.inputs) != len(op.inputs):
        raise _broken(node, f"takes {len(op.inputs)} inputs, has {len(node.inputs)}")
    try:
        hash(attributes_key(node.attributes))
    except TypeError as error:
        raise _broken(node, f"has an attribute that can't be hashed: {error}") from None
    try:
        inferred = op.infer(*(parent.type for parent in node.inputs), **node.attributes)
    except GraphcError as error:
        raise _broken(
            node, f"has inputs that its op refuses: {error.message}"
        ) from None
    if inferred != node.type:
        raise _broken(node, f"has type {node.type}, its op infers {inferred}")


def _broken(node: Node, what: str) -> GraphError:
    return GraphError(
        f"invalid graph: {node.op.name} {what}",
        node=node.describe(),
        location=str(node.origin.location),
    )
