"""Parameters with an initialiser that suits their shape."""

from __future__ import annotations

from typing import Any

from ..ir.node import Node
from ..ops.source import parameter_node
from .init import constant, glorot_uniform, zeros


def parameter(name: str, shape: Any, init: Any = None, dtype: Any = "float32") -> Node:
    """A persistent, trainable tensor.

    Args:
        name: an identifier, or several joined by dots, as in `"hidden.weight"`.
        shape: integer dimensions.
        init: an array, a number, or an initialiser of `gc.init`; by default
            `glorot_uniform()` for two axes or more and `zeros()` for fewer.
        dtype: a NumPy dtype; gradients need a floating one.

    Raises:
        NamingError, ShapeError, DTypeError: for arguments that don't fit.

    >>> import graphc as gc
    >>> gc.parameter("w", (784, 30), gc.init.normal(0, 0.1))
    <parameter 'w' float32 (784, 30)>
    """
    if init is None:
        is_matrix = hasattr(shape, "__len__") and len(shape) >= 2
        init = glorot_uniform() if is_matrix else zeros()
    if isinstance(init, int | float) and not isinstance(init, bool):
        init = constant(init)
    return parameter_node(name, shape, init, dtype)
