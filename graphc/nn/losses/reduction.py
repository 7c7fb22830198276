"""Losses of single examples made one: their mean, their sum, or none of both."""

from __future__ import annotations

import numpy as np

from ...errors import OptionError
from ...ir.dims import Shape
from ...ir.node import Node
from ...ir.types import TensorType
from ...ops import reduction as reductions
from ...ops.source import astype


def check_reduction(reduction: object) -> None:
    """Raise unless `reduction` is one that losses know."""
    if reduction not in ("none", "mean", "sum"):
        raise OptionError(
            f'reduction must be "none", "mean" or "sum", got {reduction!r}'
        )


def reduced_type(
    input: TensorType, losses: Shape, reduction: str, *others: TensorType | None
) -> TensorType:
    """The type of losses of this shape after a reduction."""
    check_reduction(reduction)
    dtype = np.result_type(input.dtype, *(other.dtype for other in others if other))
    return TensorType(dtype, losses if reduction == "none" else ())


def reduce_losses(losses: Node, reduction: str, shares: Node | None = None) -> Node:
    """The losses as asked for; a mean is over the sum of `shares`, where given."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return reductions.sum(losses)
    if shares is None:
        return reductions.mean(losses)
    total = reductions.total(shares).named("total_share")
    mean = reductions.total(losses).named("total_loss") / total
    return astype(mean, np.result_type(losses.dtype, shares.dtype))


def share_of(g: Node, out: Node, input: Node) -> Node:
    """The cotangent of each loss, where their mean is over all of `input`."""
    if out.attributes["reduction"] == "mean":
        return reductions.over_count(g, input.size).named("share")
    return g
