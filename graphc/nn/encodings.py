"""Labels as arrays of zeros and ones."""

from __future__ import annotations

import numpy as np

from ..errors import DTypeError, OptionError, UnsupportedError
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, is_integer
from ..ops.shape import expand_dims
from ..ops.source import ArrayLike, as_node, constant


def _one_hot_infer(tensor: TensorType, *, num_classes: int) -> TensorType:
    if not is_integer(tensor.dtype):
        raise DTypeError(
            f"requires labels of an integer dtype, got {tensor}",
            hint='tensor.astype("int64")',
        )
    if num_classes < 1:
        raise OptionError(f"num_classes must be positive, got {num_classes}")
    return TensorType(np.dtype("int64"), (*tensor.shape, num_classes))


def _one_hot_expand(tensor: Node, *, num_classes: int) -> Node:
    classes = constant(np.arange(num_classes)).named("classes")
    is_class = (expand_dims(tensor, -1) == classes).named("is_class")
    return is_class.astype("int64")


ONE_HOT = Op(
    name="one_hot",
    mathematics=Mathematics(written="onehot(<0>)"),
    inputs=("tensor",),
    infer=_one_hot_infer,
    expand=_one_hot_expand,
    cases=tuple(
        Case((shape,), {"num_classes": 4}, dtypes=("int64",), maximum=(4,))
        for shape in ((3,), (), (2, 3), (0,))
    ),
)


def one_hot(tensor: ArrayLike, num_classes: int = -1) -> Node:
    """A row for each label with 1 at its class and 0 elsewhere.

    `out[..., c] = 1 if tensor[...] == c else 0`; the row of a label outside the classes
    is all zeros.

    Args:
        tensor: integer labels, of any shape.
        num_classes: the length of a row. torch can find it in the data; a graph's
            shapes don't depend on data, so it has to be given.

    Returns:
        An int64 array of shape `(*tensor.shape, num_classes)`.

    Raises:
        UnsupportedError: `num_classes` is not given.
        DTypeError: labels that are not integers.
        OptionError: `num_classes` is not positive.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.one_hot([2, 0], num_classes=3), {})
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    node = as_node(tensor)
    if num_classes == -1:
        raise UnsupportedError(
            "one_hot requires num_classes: the largest label is known only when the "
            "program runs",
            node=f"one_hot({node.describe()})",
            hint="num_classes=10",
        )
    return ONE_HOT(node, num_classes=int(num_classes))
