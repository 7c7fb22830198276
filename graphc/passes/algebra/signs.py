"""Zeros whose sign can be told from outside.

`exp(x) - 1` is never -0.0, and `expm1(x)` is where `x` is. That matters to nobody but
to what divides by it: `1 / 0.0` and `1 / -0.0` are different infinities.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...ir.bodies import is_result_of_call, value_of_result
from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.walk import meaning_of


def zeros_with_visible_signs(
    nodes: Iterable[Node], used_elsewhere: Iterable[Node] = ()
) -> set[Node]:
    """Nodes of which a zero of the other sign may change more than signs of zeros.

    Args:
        nodes: a graph with what its blocks mean, inputs first.
        used_elsewhere: those of which not all uses are among them.
    """
    visible = set(used_elsewhere)
    for user in reversed(tuple(nodes)):
        _add_read(user, visible)
    return visible


def visible_in_program(program: Graph) -> set[Node]:
    """The same for a graph and all bodies in it, through results of calls.

    Results of loops and branches are taken for read in ways not seen here.
    """
    visible: set[Node] = set()
    nodes = [node for part in program.nested for node in reversed(part.nodes)]
    for node in nodes:
        if node.op.role is not Role.CALL:
            visible.update(output for body in node.bodies for output in body.outputs)
    count = -1
    while count < len(visible):
        count = len(visible)
        for user in nodes:
            if user.op.role is Role.CALL:
                for argument in user.bodies[0].arguments:
                    index: int = argument.attributes["index"]
                    if argument in visible:
                        visible.add(user.inputs[index])
            elif is_result_of_call(user):
                if user in visible:
                    visible.add(value_of_result(user))
            else:
                _add_read(user, visible)
    return visible


def _add_read(user: Node, visible: set[Node]) -> None:
    """Add the inputs of a node whose signs it shows, or keeps where its own count."""
    moves = user.op.is_block or user.op.kind in ("movement", "view")
    for position, node in enumerate(meaning_of(user)):
        effect = "kept" if moves else user.op.facts.zero_sign_of(position)
        if effect == "shown" or (effect == "kept" and user in visible):
            visible.add(node)
