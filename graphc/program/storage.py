"""Facts of nodes that planning asks for: which arrays they read and may write."""

from __future__ import annotations

from collections.abc import Collection

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
    return (
        node.ndim > 0
        and not node.op.is_view(node)
        and node.op.template_into(node) is not None
    )


def readers(node: Node, inline: Collection[Node]) -> list[Node]:
    """The arrays that a statement reads, through the views written inside it."""
    found: list[Node] = []
    stack = list(node.inputs)
    while stack:
        parent = stack.pop()
        if parent in inline:
            stack.extend(parent.inputs)
        else:
            found.append(parent)
    return found


def is_free(node: Node) -> bool:
    """True where a value is there without computing: fed, stored or a block's own."""
    return node.op.numpy is None
