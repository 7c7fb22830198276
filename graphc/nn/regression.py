"""Losses of numbers: how far an output is from what was wanted, elementwise."""

from __future__ import annotations

import numpy as np

from ..errors import GraphcError, ShapeError
from ..ir.dims import Shape, broadcast_shapes, format_shape
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType, is_floating
from ..ops.arithmetic import square
from ..ops.source import ArrayLike, as_node, astype
from .checks import check_reduction, floating
from .losses import reduce_losses

__all__ = ["mse_loss"]


def pair_infer(
    input: TensorType, target: TensorType, *, reduction: str, **_: float
) -> TensorType:
    """The type rule of a loss that compares two arrays, element by element."""
    floating(input)
    floating(target, "target")
    check_reduction(reduction)
    check_fits(input, target)
    dtype = np.result_type(input.dtype, target.dtype)
    return TensorType(dtype, input.shape if reduction == "none" else ())


def check_fits(input: TensorType, other: TensorType, what: str = "target") -> None:
    """Raise unless `other` has the shape of `input`, or broadcasts to it.

    A target that would stretch the input is refused: `(batch, 1)` against `(batch,)`
    compares every pair of examples, which nobody means.
    """
    shape: Shape | None
    try:
        shape = broadcast_shapes(input.shape, other.shape)
    except GraphcError:
        shape = None
    if shape != input.shape:
        raise ShapeError(
            f"requires {what} of the shape of input {format_shape(input.shape)}, or "
            f"one that broadcasts to it, got {format_shape(other.shape)}",
            hint="gc.squeeze, gc.expand_dims or gc.reshape on one of them",
        )


def numeric_pair(input: ArrayLike, target: ArrayLike) -> tuple[Node, Node]:
    """Both as nodes; integer targets in the dtype of `input`, Python numbers too."""
    x = as_node(input)
    y = as_node(target, x.dtype)
    if not is_floating(y.dtype) and is_floating(x.dtype):
        y = astype(y, x.dtype)
    return x, y


PAIR_SHAPES = (
    (((3, 4), (3, 4)), "mean"),
    (((3, 4), (4,)), "none"),
    (((), ()), "sum"),
    (((0, 3), (0, 3)), "sum"),
)
"""What generated tests apply a loss of two arrays to."""


MSE_LOSS = Op(
    name="mse_loss",
    inputs=("input", "target"),
    infer=pair_infer,
    kind="block",
    expand=lambda input, target, *, reduction: reduce_losses(
        square((input - target).named("difference")), reduction
    ),
    cases=tuple(Case(s, {"reduction": r}) for s, r in PAIR_SHAPES),
)


def mse_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Node:
    """Mean squared error, `mean((input - target)**2)`.

    Args:
        input: floating, of any shape.
        target: of the shape of `input`, or broadcasting to it; integers are converted.
        reduction: `"mean"` over all elements, `"sum"`, or `"none"` for each.

    Returns:
        A scalar, or an array of the shape of `input` where not reduced.

    Raises:
        ShapeError: `target` does not fit, or would stretch `input`.
        DTypeError: `input` is not floating.
        OptionError: another `reduction`.

    Source: Bishop 2006, *Pattern Recognition and Machine Learning*, equation 1.2 (as a
    sum, and halved).

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.mse_loss([1.0, 2.0], [0.0, 4.0]), {})
    array(2.5)
    """
    return MSE_LOSS(*numeric_pair(input, target), reduction=reduction)
