"""The verifier: what must be true of every graph, checked after every pass in tests."""

from __future__ import annotations

from ..errors import GraphcError, GraphError, NamingError
from .facts import NAMED, Role
from .graph import Graph, check_names
from .node import Node
from .walk import attributes_key


def verify(graph: Graph) -> None:
    """Raise `GraphError` at the first node that breaks an invariant.

    Checked: the op is the declared one, the number of inputs fits it, attributes are
    hashable, inputs come before their users, the type is what the op's rule infers,
    what a program is fed has a name that no other has, and all of it holds of bodies,
    which have arguments in place of what is fed, trained or drawn.
    """
    _verify(graph, set(), is_body=False)


def _verify(graph: Graph, bodies: set[int], *, is_body: bool) -> None:
    try:
        check_names(n for n in graph.nodes if n.op.role is not Role.ARGUMENT)
    except NamingError as error:
        raise GraphError(
            f"invalid graph: {error.message}", node=error.node, location=error.location
        ) from None
    seen: set[int] = set()
    for node in graph.nodes:
        if not node.op.is_declared:
            raise _broken(node, f"op {node.op.name!r} is not the declared one")
        _verify_place(node, is_body=is_body)
        for body in map(node.attributes.get, node.op.bodies):
            if not isinstance(body, Graph):
                raise _broken(node, f"has a body that is not a graph: {body!r}")
            if id(body) not in bodies:
                _verify(body, bodies, is_body=True)
                bodies.add(id(body))
        _verify_node(node)
        for parent in node.inputs:
            if parent.index not in seen:
                raise _broken(node, f"uses {parent.describe()} before it is defined")
        seen.add(node.index)
    indices = [node.attributes["index"] for node in graph.arguments]
    if len(set(indices)) < len(indices):
        raise _broken(graph.arguments[0], "stands in its body more than once")


def _verify_node(node: Node) -> None:
    op = node.op
    variadic = any(name.startswith("*") for name in op.inputs)
    least = len(op.inputs) - variadic
    if len(node.inputs) < least or (len(node.inputs) > least and not variadic):
        raise _broken(node, f"takes {least} inputs, has {len(node.inputs)}")
    if op.role in NAMED and not node.name:
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


def _verify_place(node: Node, *, is_body: bool) -> None:
    """Raise where a node may not be in a body, or only there."""
    is_free = node.op.role in NAMED or not node.op.pure
    if is_body and is_free:
        raise _broken(node, "is in a body, which must be passed it as an argument")
    if node.op.role is Role.ARGUMENT and not is_body:
        raise _broken(node, "is in no body")


def _broken(node: Node, what: str) -> GraphError:
    return GraphError(f"invalid graph: {node.op.name} {what}", at=node)
