"""The functions of `numpy.linalg` that take other axes than those of `numpy` do."""

from __future__ import annotations

from typing import Any

from ..ir.node import Node
from ..ops import diagonals
from ..ops.linalg import matmul
from ..ops.matrices import check_rank, linalg_function
from ..ops.reduction import sum
from ..ops.reshaping import matrix_transpose
from ..ops.source import ArrayLike
from ..ops.tensor_products import cross, outer, tensordot, vecdot

for _same in (cross, matmul, matrix_transpose, outer, tensordot, vecdot):
    linalg_function(_same)


@linalg_function
def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Node:
    """Diagonals of matrices along the last two axes.

    Args:
        x: `(..., m, n)`.
        offset: columns to the right of the main diagonal.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.diagonal([[1.0, 2.0], [3.0, 4.0]]), {})
    array([1., 4.])
    """
    return diagonals.diagonal(check_rank(x), offset, -2, -1)


@linalg_function
def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Node:
    """Sums of the diagonals of matrices along the last two axes.

    Args:
        x: `(..., m, n)`.
        offset: columns to the right of the main diagonal.
        dtype: the dtype that is added up in.

    >>> import graphc as gc
    >>> gc.evaluate(gc.linalg.trace([[1.0, 2.0], [3.0, 4.0]]), {})
    array(5.)
    """
    return sum(diagonal(x, offset=offset), -1, dtype)
