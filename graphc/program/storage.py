"""Facts of nodes that planning asks for: which arrays they read and may write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ..ir.bodies import is_result_of_call
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node


def storage_of(node: Node) -> Node:
    """The node whose array a view looks into."""
    while node.op.is_view(node):
        node = node.inputs[0]
    return node


def writes_in_place(node: Node) -> bool:
    """True where an op may write to an array that it reads."""
    template = node.op.template_into(node)
    return (
        node.op.kind == "elementwise" and template is not None and "\n" not in template
    )


def is_written(node: Node) -> bool:
    """True where a value can be written into an array that is there already."""
    if is_result_of_call(node):
        index: int = node.attributes["index"]
        value, *before = reversed(node.inputs[0].bodies[0].outputs[: index + 1])
        return is_written(value) and all(each is not value for each in before)
    return (
        node.ndim > 0
        and not node.op.is_view(node)
        and node.op.template_into(node) is not None
    )


def arrays_of_results(body: Graph) -> tuple[Node, ...]:
    """The values whose arrays the results of a body are, or look into.

    Only those that can be written into an array that the caller has.
    """
    return tuple(once(filter(is_written, map(storage_of, body.outputs))))


def once(nodes: Iterable[Node]) -> Iterator[Node]:
    """Nodes without repetition, of those that read one result of a call the first."""
    known: set[object] = set()
    for node in nodes:
        is_read = node.op.role is Role.RESULT
        value = (node.inputs[0], node.attributes["index"]) if is_read else node
        if value not in known:
            known.add(value)
            yield node


def readers(node: Node, inline: Collection[Node]) -> list[Node]:
    """The arrays that a statement reads, through the views written inside it."""
    found: list[Node] = []
    stack = list(node.inputs)
    while stack:
        parent = stack.pop()
        if is_result_of_call(parent):
            found.append(parent)
        if parent in inline:
            stack.extend(parent.inputs)
        else:
            found.append(parent)
    return found


def is_free(node: Node) -> bool:
    """True where a value is there without computing: fed, stored or a block's own."""
    return node.op.numpy is None
