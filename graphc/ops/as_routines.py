"""Forms of ops as calls of functions written by hand, which have whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dims import Dimension, product
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.scalar import Load, LoopForm, Number, Routine, Scalar, position
from .source import constant

_FLOAT32: np.dtype[Any] = np.dtype(np.float32)


def drawn_numbers(function: str) -> Any:
    """Numbers from the stream of a draw."""

    def loops(node: Node) -> LoopForm:
        size = position(product(node.shape))
        return Routine(function, node.dtype, numbers=(size,), draws=True)

    return loops


def drawn_bools(node: Node) -> LoopForm:
    """Bools that are true with the probability `p`."""
    p: float = node.attributes["p"]
    probability: Scalar = Number(p, _FLOAT32)
    if isinstance(p, Hyperparameter):
        # It stays in Python, where it can be edited.
        probability = Load(constant(p, "float32"), (), ())
    size = position(product(node.shape))
    return Routine("bernoulli", _FLOAT32, numbers=(size, probability), draws=True)


def of_lines(axis: int, shape: tuple[Dimension, ...]) -> tuple[Scalar, Scalar, Scalar]:
    """Sizes of an array seen as blocks of lines along an axis: how many blocks, the
    length of a line, and the elements from one of a line to the next."""
    parts = shape[:axis], shape[axis : axis + 1], shape[axis + 1 :]
    blocks, length, step = (position(product(each)) for each in parts)
    return blocks, length, step
