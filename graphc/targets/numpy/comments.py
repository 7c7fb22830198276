"""What stands beside statements: phases as headings, shapes as comments."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...ir.dims import format_shape
from ...ir.node import Node
from ...pysource.writer import Writer


def phase_of(node: Node) -> str:
    """Whether a node belongs to the forward or the backward pass."""
    backward = any(
        rule.startswith("vjp of") or rule == "accumulation"
        for rule in node.origin.rules
    )
    return "Backward" if backward or node.origin.gradient_of is not None else "Forward"


def shape_comment(node: Node) -> str:
    """The shape as a comment says it."""
    return format_shape(node.shape) if node.shape else "scalar"


def write_commented(writer: Writer, node: Node, statements: Sequence[ast.stmt]) -> None:
    """Write the statements of a value, the first with its shape."""
    with writer.about(node):
        for position, statement in enumerate(statements):
            writer.statement(statement, None if position else shape_comment(node))
