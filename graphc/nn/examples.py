"""Blocks of batches, for several examples at once: batches that are merged into one."""

from __future__ import annotations

from ..ir.batching import Batch, Rule
from ..ir.node import Node
from ..ops.shape import reshape


def merged(spatial: int) -> Rule:
    """The rule of a block that treats each example of its batch in the same way.

    The batches of all examples become one. An input without a batch axis becomes one
    of a batch. Where another input differs, such as a weight, the block is expanded.

    Args:
        spatial: the number of axes of the first input after that of the channels.
    """

    def rule(batch: Batch, node: Node) -> Node | None:
        first, *others = node.inputs
        if any(map(batch.is_mapped, others)):
            return None
        values, shared = batch.value(first), [*map(batch.value, others)]
        if first.ndim == spatial + 1:
            return node.op(values, *shared, **node.attributes)
        flat = reshape(values, (batch.size * first.shape[0], *first.shape[1:]))
        found = node.op(flat, *shared, **node.attributes)
        return reshape(found, (batch.size, *node.shape))

    return rule
