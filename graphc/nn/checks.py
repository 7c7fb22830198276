"""What blocks require of the types they are applied to, each said in one way."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DTypeError, LogitsWarning, OptionError, warn_at_user
from ..ir.node import Node
from ..ir.op import Op
from ..ir.types import TensorType, is_floating


def floating(given: TensorType, what: str = "input") -> TensorType:
    """`given` itself if it is floating, else an error that says how to convert."""
    if not is_floating(given.dtype):
        raise DTypeError(
            f"requires {what} of a floating dtype, got {given}",
            hint=f'{what}.astype("float32")',
        )
    return given


def warn_of_probabilities(input: Node, made_by: Sequence[Op], loss: str) -> None:
    """Warn where a loss is given what one of these ops made of logits.

    Args:
        input: what the loss is given.
        made_by: ops that the loss applies itself, or that it does not take.
        loss: what it is called, and what it takes: `"cross_entropy takes logits"`.
    """
    node = input
    while node.op not in made_by:
        if not node.inputs or not (node.op.is_view(node) or node.op.name == "astype"):
            return
        node = node.inputs[0]
    warn_at_user(
        f"{loss}, and is given the output of {node.op.name} ({node.describe()}), so "
        "that the loss is of other probabilities, and its gradient too small",
        LogitsWarning,
    )


def check_reduction(reduction: object) -> None:
    """Raise unless `reduction` is one that losses know."""
    if reduction not in ("none", "mean", "sum"):
        raise OptionError(
            f'reduction must be "none", "mean" or "sum", got {reduction!r}'
        )
