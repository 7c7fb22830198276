"""The verifier: what must be true of every graph, checked after every pass in tests."""

from __future__ import annotations

from ..errors import GraphcError, GraphError, NamingError
from .facts import Role
from .graph import Graph
from .node import Node
from .op import OPS
from .walk import attributes_key


def verify(graph: Graph) -> None:
    """Raise `GraphError` at the first node that breaks an invariant.

    Checked: the op is the declared one, the number of inputs fits it, attributes are
    hashable, inputs come before their users, the type is what the op's rule infers,
    and what a program is fed has a name that no other has.
    """
    try:
        graph.check_names()
    except NamingError as error:
        raise GraphError(
            f"invalid graph: {error.message}", node=error.node, location=error.location
        ) from None
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
    least = len(op.inputs) - variadic
    if len(node.inputs) < least or (len(node.inputs) > least and not variadic):
        raise _broken(node, f"takes {least} inputs, has {len(node.inputs)}")
    if op.role in (Role.INPUT, Role.PARAMETER) and not node.name:
        raise _broken(node, "has no name")
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
    except (TypeError, KeyError, IndexError) as error:
        raise _broken(node, f"has attributes that its op refuses: {error}") from None
    if inferred != node.type:
        raise _broken(node, f"has type {node.type}, its op infers {inferred}")


def _broken(node: Node, what: str) -> GraphError:
    return GraphError(f"invalid graph: {node.op.name} {what}", at=node)
