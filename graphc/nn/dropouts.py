"""Dropout of whole channels, and dropout that keeps mean and variance for `selu`."""

from __future__ import annotations

from ..errors import ShapeError
from ..ir.batching import along_axes
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.source import ArrayLike, as_node
from .layer import FunctionLayer
from .regularization import dropout_infer, dropped


def _channels(
    function: str, input: ArrayLike, batched: int, *ranks: int
) -> tuple[Node, int]:
    """The input, and the first axis after that of its channels."""
    node = as_node(input)
    if node.ndim not in ranks:
        raise ShapeError(
            f"requires input with {' or '.join(map(str, ranks))} axes, "
            f"got {format_shape(node.shape)}",
            node=f"{function}({node.describe()})",
        )
    return node, 2 if node.ndim >= batched else 1


def dropout1d(input: ArrayLike, p: float = 0.5, training: bool = True) -> Node:
    """Dropout of whole channels: each line along the last axis is zeroed or kept.

    Args:
        input: `(batch, channels, length)` or `(channels, length)`, floating.
        p: the probability in [0, 1] that a channel is zeroed.
        training: False gives `input` itself.

    Returns:
        An array of the type of `input`.

    Raises:
        OptionError: `p` is not a probability.
        ShapeError, DTypeError: another input.

    Source: Tompson et al. 2015, "Efficient object localization using convolutional
    networks".

    >>> import graphc as gc
    >>> gc.nn.dropout1d(gc.input("x", ("batch", 3, 8)))
    <dropout float32 (batch, 3, 8)>
    """
    node, axis = _channels("dropout1d", input, 3, 2, 3)
    return dropped("dropout1d", node, p, training, axis)


class Dropout1d(FunctionLayer):
    """`gc.nn.dropout1d` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout1d(0.2)(gc.input("x", ("batch", 3, 8)))
    <dropout float32 (batch, 3, 8)>
    """

    function = dropout1d

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p


def dropout2d(input: ArrayLike, p: float = 0.5, training: bool = True) -> Node:
    """Dropout of whole channels: each picture is zeroed or kept.

    Args:
        input: `(batch, channels, height, width)`, floating. Three axes are
            `(batch, channels, length)`, as torch reads them.
        p: the probability in [0, 1] that a channel is zeroed.
        training: False gives `input` itself.

    Returns:
        An array of the type of `input`.

    Raises:
        OptionError: `p` is not a probability.
        ShapeError, DTypeError: another input.

    Source: Tompson et al. 2015, "Efficient object localization using convolutional
    networks".

    >>> import graphc as gc
    >>> gc.nn.dropout2d(gc.input("x", ("batch", 3, 8, 8)))
    <dropout float32 (batch, 3, 8, 8)>
    """
    node, axis = _channels("dropout2d", input, 3, 3, 4)
    return dropped("dropout2d", node, p, training, axis)


class Dropout2d(FunctionLayer):
    """`gc.nn.dropout2d` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout2d(0.2)(gc.input("x", ("batch", 3, 8, 8)))
    <dropout float32 (batch, 3, 8, 8)>
    """

    function = dropout2d

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p


def dropout3d(input: ArrayLike, p: float = 0.5, training: bool = True) -> Node:
    """Dropout of whole channels: each volume is zeroed or kept.

    Args:
        input: `(batch, channels, depth, height, width)`, or without the batch,
            floating.
        p: the probability in [0, 1] that a channel is zeroed.
        training: False gives `input` itself.

    Returns:
        An array of the type of `input`.

    Raises:
        OptionError: `p` is not a probability.
        ShapeError, DTypeError: another input.

    Source: Tompson et al. 2015, "Efficient object localization using convolutional
    networks".

    >>> import graphc as gc
    >>> gc.nn.dropout3d(gc.input("x", ("batch", 3, 4, 8, 8)))
    <dropout float32 (batch, 3, 4, 8, 8)>
    """
    node, axis = _channels("dropout3d", input, 5, 4, 5)
    return dropped("dropout3d", node, p, training, axis)


class Dropout3d(FunctionLayer):
    """`gc.nn.dropout3d` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout3d(0.2)(gc.input("x", ("batch", 3, 4, 8, 8)))
    <dropout float32 (batch, 3, 4, 8, 8)>
    """

    function = dropout3d

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p


SELU_LIMIT = -1.7580993408473766
"""The value of `selu` at minus infinity."""


def _alpha_expand(input: Node, mask: Node, *, p: float, is_flow: bool = False) -> Node:
    scale = ((1.0 - p) * (1.0 + p * SELU_LIMIT**2)) ** -0.5 if p < 1.0 else 0.0
    factors = (mask.astype(input.dtype).named("mask") * scale).named("scaled_mask")
    kept = input * factors
    if is_flow:
        return kept
    # What is dropped gets the limit, and all are moved so that the mean stays.
    level = (scale - factors).named("scaled_rest") * SELU_LIMIT
    shift = (level.named("dropped") - SELU_LIMIT * scale * p).named("shift")
    return kept.named("kept_part") + shift


def _alpha_infer(
    input: TensorType, mask: TensorType, *, p: float, is_flow: bool = False
) -> TensorType:
    return dropout_infer(input, mask, p=p)


def _alpha_flow(g: Node, out: Node, mask: Node) -> Node:
    return ALPHA_DROPOUT(g, mask, p=out.attributes["p"], is_flow=True)


ALPHA_DROPOUT = Op(
    name="alpha_dropout",
    inputs=("input", "mask"),
    infer=_alpha_infer,
    expand=_alpha_expand,
    batch=along_axes,
    vjp=lambda g, out, input, mask: (_alpha_flow(g, out, mask), None),
    jvp=lambda tangents, out, input, mask: _alpha_flow(tangents[0], out, mask),
    cases=(
        Case(((3, 4), (3, 4)), {"p": 0.5}, dtypes=("", "bool")),
        Case(((2, 3, 4), (2, 3, 1)), {"p": 0.2}, dtypes=("", "bool")),
    ),
)


def alpha_dropout(input: ArrayLike, p: float = 0.5, training: bool = False) -> Node:
    """Dropout for `selu`: what is dropped gets its limit, and mean and variance stay.

    `y = a * (input * mask + limit * (1 - mask)) + b`, with `limit = -1.7581` and `a`
    and `b` such that mean 0 and variance 1 are kept.

    Args:
        input: floating, of any shape.
        p: the probability in [0, 1] that an element is dropped.
        training: True to drop; a trainer evaluates without.

    Returns:
        An array of the type of `input`.

    Raises:
        OptionError: `p` is not a probability.
        DTypeError: `input` is not floating.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks".

    >>> import graphc as gc
    >>> gc.nn.alpha_dropout(gc.input("x", ("batch", 3)), training=True)
    <alpha_dropout float32 (batch, 3)>
    """
    return dropped("alpha_dropout", input, p, training, None, ALPHA_DROPOUT)


def feature_alpha_dropout(
    input: ArrayLike, p: float = 0.5, training: bool = False
) -> Node:
    """`alpha_dropout` of whole channels, which are axis 1.

    Args:
        input: `(batch, channels, ...)`, floating.
        p: the probability in [0, 1] that a channel is dropped.
        training: True to drop; a trainer evaluates without.

    Returns:
        An array of the type of `input`.

    Raises:
        OptionError: `p` is not a probability.
        ShapeError, DTypeError: another input.

    Source: Klambauer et al. 2017, "Self-normalizing neural networks".

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3, 8))
    >>> gc.nn.feature_alpha_dropout(x, training=True)
    <alpha_dropout float32 (batch, 3, 8)>
    """
    node, axis = _channels("feature_alpha_dropout", input, 2, 2, 3, 4, 5)
    return dropped("feature_alpha_dropout", node, p, training, axis, ALPHA_DROPOUT)


class _AlphaLayer(FunctionLayer):
    """A layer whose function drops only where training is said."""

    function = alpha_dropout

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p

    def forward(self, input: Node) -> Node:
        """The function of training."""
        return type(self).function(input, self.p, training=True)


class AlphaDropout(_AlphaLayer):
    """`gc.nn.alpha_dropout` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.AlphaDropout(0.2)(gc.input("x", ("batch", 3)))
    <alpha_dropout float32 (batch, 3)>
    """

    function = alpha_dropout


class FeatureAlphaDropout(_AlphaLayer):
    """`gc.nn.feature_alpha_dropout` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.FeatureAlphaDropout(0.2)(gc.input("x", ("batch", 3, 8)))
    <alpha_dropout float32 (batch, 3, 8)>
    """

    function = feature_alpha_dropout
