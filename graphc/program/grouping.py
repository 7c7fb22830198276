"""Values that stand inside the statement of their only reader, as a person writes them.

`loss = np.mean(np.square(error))` is one statement, and no value in it has a name. A
value that somebody gave a name keeps a statement of its own, and so does one that is
read twice, or that would make its reader's statement too long.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import lru_cache

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.template import Template
from ..ir.types import TupleType
from .storage import is_free

_LONGEST = 6
"""Number of ops in a statement, views and numbers aside."""


def grouped(graph: Graph, views: Collection[Node]) -> set[Node]:
    """The values of a graph that stand inside the statement of their reader.

    Args:
        graph: the values.
        views: those that stand inside other statements anyway.
    """
    uses: dict[Node, int] = dict.fromkeys(graph.nodes, 0)
    for node in graph.nodes:
        for parent in node.inputs:
            uses[parent] += 1
    for node in graph.outputs:
        uses[node] += 1
    found: set[Node] = set()
    lengths: dict[Node, int] = {}
    for node in graph.nodes:
        length = 0 if node in views or is_free(node) else 1
        for position, parent in enumerate(node.inputs):
            inside = parent in views
            is_alone = uses[parent] == 1 and uses[node] <= (
                1 if node in views else uses[node]
            )
            if not inside and is_alone and _may_stand_in(parent, lengths):
                longer = length + lengths[parent]
                if longer <= _LONGEST and _reads_once(node, position):
                    found.add(parent)
                    inside = True
            if inside:
                length += lengths[parent]
        lengths[node] = length
    return found


def short_views(graph: Graph) -> set[Node]:
    """Views and signs that are as short as a variable, and stand in each reader."""
    outputs = {*graph.outputs}
    return {
        node
        for node in graph.nodes
        if node not in outputs
        and not is_told(node)
        and _is_short(node)
        and all(user.op.kind != "control" for user in graph.users[node])
    }


def _is_short(node: Node) -> bool:
    """True for `x.T`, `x[:, None]`, and `-x` of a number."""
    if node.op.facts.involutive:
        return not node.shape and node.op.kind == "elementwise"
    if not node.op.is_view(node) or node.op.is_statements(node) or not node.inputs:
        return False
    match node.op.parsed(node.op.template(node)).body[0]:
        case ast.Expr(ast.Attribute(ast.Name(), "T")):
            return True
        case ast.Expr(ast.Subscript(ast.Name(), ast.Tuple(items))):
            return len(items) <= _FEW_AXES
        case _:
            return False


_FEW_AXES = 3


def is_told(node: Node) -> bool:
    """True for a value that the user named, or the adjoint of one."""
    forward = node.origin.gradient_of
    if forward is not None and not _has_own_name(node):
        return _has_own_name(forward)
    return _has_own_name(node)


def is_named(node: Node) -> bool:
    """True for a value that anybody named, or the adjoint of one."""
    forward = node.origin.gradient_of
    own = node.label is not None
    return own or (forward is not None and forward.label is not None)


def _has_own_name(node: Node) -> bool:
    if node.source_name is not None and node.source_name.text:
        return True
    # What a block calls its parts, and what a rule calls them, are hints.
    origin = node.origin
    return node.name is not None and origin.block is None and not origin.rules


def _is_hint(node: Node) -> bool:
    """True where a block names a value by more than its own name."""
    block = node.origin.block
    return node.name is not None and (
        block is None or not block.op.says_no_more(node.name)
    )


def _most_inside(node: Node) -> int:
    """The number of ops in a value that a block names, for it to stand in another."""
    block, is_derivative = node.origin.block, node.origin.derivative is not None
    is_part = is_derivative if block is None else block.name != node.name
    return 2 if is_part else 1


def _may_stand_in(node: Node, lengths: dict[Node, int]) -> bool:
    if is_told(node) or (_is_hint(node) and lengths[node] > _most_inside(node)):
        return False
    op = node.op
    return (
        op.pure
        and op.numpy is not None
        and not op.bodies
        and op.kind not in ("source", "control")
        and not isinstance(node.type, TupleType)
        and not op.is_statements(node)
    )


def _reads_once(node: Node, position: int) -> bool:
    """True where the text of a value has an input in one place."""
    op = node.op
    if is_free(node) or op.bodies or op.is_statements(node):
        return False
    if op.positions is not None and position in {p for p, _ in op.positions(node)}:
        return False
    name = op.inputs[min(position, len(op.inputs) - 1)].removeprefix("*")
    return _mentions(op.parsed(op.template(node)), name) == 1


@lru_cache(maxsize=4096)
def _mentions(template: Template, name: str) -> int:
    return sum(
        isinstance(part, ast.Name) and part.id == name
        for statement in template.body
        for part in ast.walk(statement)
    )
