"""A warning where a loss of logits is given probabilities, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import LogitsWarning
from ...ir.node import Node
from ...ir.op import Op
from ...locations import warn_at_user
from ...ops.source import ASTYPE


def warn_of_probabilities(input: Node, made_by: Sequence[Op], loss: str) -> None:
    """Warn where a loss is given the output of one of these ops.

    Args:
        input: the loss's input.
        made_by: ops that the loss applies itself, or that it does not take.
        loss: its name and the input that it takes: `"cross_entropy takes logits"`.
    """
    node = input
    while node.op not in made_by:
        if not node.inputs or not (node.op.is_view(node) or node.op is ASTYPE):
            return
        node = node.inputs[0]
    warn_at_user(
        f"{loss}, and is given the output of {node.op.name} ({node.describe()}), so "
        "that the loss is of other probabilities, and its gradient too small",
        LogitsWarning,
    )
