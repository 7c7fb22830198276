"""What stands beside statements: phases as headings, shapes as comments."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...ir.dims import format_shape
from ...ir.node import Node
from ...pysource.writer import Writer


def phase_of(node: Node) -> str:
    """The pass that a node belongs to: forward, backward, or that of tangents."""
    if node.origin.derivative is None:
        return "Forward"
    return "Backward" if node.origin.derivative.mode == "reverse" else "Tangents"


def shape_comment(node: Node) -> str:
    """The shape as a comment says it."""
    return format_shape(node.shape) if node.shape else "scalar"


def write_commented(writer: Writer, node: Node, statements: Sequence[ast.stmt]) -> None:
    """Write the statements of a value, the first with its shape."""
    with writer.about(node):
        for position, statement in enumerate(statements):
            writer.statement(statement, None if position else shape_comment(node))
