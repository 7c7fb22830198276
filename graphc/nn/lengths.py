"""Lengths of sequences that share one array, which are checked when a program runs."""

from __future__ import annotations

import numpy as np

from ..errors import DTypeError, IndexRangeError, ShapeError
from ..ir.dims import Dimension, format_shape
from ..ir.literal import constant_of, is_constant
from ..ir.node import Node
from ..ir.types import is_integer
from ..ops.indexing import take
from ..ops.source import ArrayLike, arange, as_node


def checked_lengths(
    lengths: ArrayLike, most: Dimension, batch: Dimension, name: str, place: str
) -> Node:
    """Lengths of each example of a batch, from 0 to the size of an axis.

    Args:
        lengths: integers, `(batch,)`.
        most: the size of the axis.
        batch: the number of examples.
        name: of the argument, for errors.
        place: the public function or layer, for errors.

    Raises:
        DTypeError, ShapeError: not one integer for each example.
        IndexRangeError: a known length out of range; of others a program tells.
    """
    node = as_node(lengths)
    if not is_integer(node.dtype):
        raise DTypeError(
            f"requires {name} of an integer dtype, got {node.describe()}",
            node=place,
            hint=f'{name}.astype("int64")',
        )
    if node.shape != (batch,):
        raise ShapeError(
            f"requires {name} of shape {format_shape((batch,))}, one for each example "
            f"of a batch, got {format_shape(node.shape)}",
            node=place,
        )
    if is_constant(node) and isinstance(most, int):
        known = np.asarray(constant_of(node))
        if known.size and not 0 <= known.min() <= known.max() <= most:
            raise IndexRangeError(
                f"requires {name} from 0 to {most}, the size of the axis, "
                f"got {known.min()} to {known.max()}",
                node=place,
            )
    # Taken from the numbers that a length may be, since positions are checked.
    return take(arange(most + 1), node)
