"""Zeros whose sign can be told from outside.

`exp(x) - 1` is never -0.0, and `expm1(x)` is where `x` is. That matters to nobody but
to what divides by it: `1 / 0.0` and `1 / -0.0` are different infinities.
"""

from __future__ import annotations

from collections.abc import Iterable

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
        moves = user.op.is_block or user.op.kind in ("movement", "view")
        for position, node in enumerate(meaning_of(user)):
            effect = "kept" if moves else user.op.facts.zero_sign_of(position)
            if effect == "shown" or (effect == "kept" and user in visible):
                visible.add(node)
    return visible
