"""Reading and adding at integer positions, written so that no array is made.

NumPy's integer indexing always makes one, and `take` does so whenever it checks the
positions. They are checked beforehand, as everywhere; `mode="wrap"` then only means
that the negative ones of a declaration count from the end.
"""

from __future__ import annotations

import numpy as np

from ..ir.dims import Dimension, Shape
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.op import Case, Op, Steady
from ..ir.types import TensorType
from .source import arange

_POSITION = np.dtype(np.intp)
"""The dtype of positions that NumPy uses as they are."""


def _row_starts_infer(*, size: Dimension, step: int) -> TensorType:
    return TensorType(_POSITION, (size,))


ROW_STARTS = Op(
    name="row_starts",
    inputs=(),
    infer=_row_starts_infer,
    kind="source",
    numpy="np.arange(0, size * step, step)",
    cases=(Case((), {"size": 3, "step": 4}), Case((), {"size": 0, "step": 2})),
)
"""Where each row of a matrix starts in its flat array."""


def take_whole(x: Node, indices: Node, axis: int) -> Steady | None:
    """`x.take(indices, axis)`, where NumPy need not convert the indices."""
    if indices.dtype != _POSITION:
        return None
    return Steady(
        f"x.take(arrays[0], axis={axis}, out=out, mode='wrap')",
        {"x": x} if x.op.role is Role.CONSTANT else {},
    )


def names_one_of_each_row(shape: Shape, arrays: tuple[Node, ...]) -> bool:
    """Whether index arrays name one element of each row of a matrix, in order."""
    if len(shape) != 2 or len(arrays) != 2 or not isinstance(shape[1], int):
        return False
    rows, columns = arrays
    return (
        rows.op.name == "arange"
        and rows.shape == columns.shape == shape[:1]
        and columns.dtype == _POSITION
    )


def at_one_of_each_row(statement: str, shape: Shape) -> Steady:
    """A statement that uses `positions` in the flat array of a matrix.

    Args:
        statement: what to do there.
        shape: that of the matrix; the number of columns is known.
    """
    rows, count = shape
    assert isinstance(count, int)
    return Steady(
        statement,
        {
            "columns": arange(count).named("columns"),
            "starts": ROW_STARTS(size=rows, step=count).named("starts"),
            "positions": TensorType(_POSITION, (rows,)),
        },
        setup="columns.take(arrays[1], out=positions, mode='wrap')\n"
        "np.add(positions, starts, out=positions)",
    )
