"""Dropout, noise and random slopes, of which a trained model is used without.

The mask is an input of the block and not part of its expansion: whatever a pass copies
or expands again, forward and backward use the one mask that was drawn.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.batching import along_axes
from ..ir.dims import format_shape
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.random import BERNOULLI, drawn, standard_normal
from ..ops.source import ArrayLike, as_node
from ..ops.type_rules import floating
from .layer import FunctionLayer


def dropout_infer(input: TensorType, mask: TensorType, *, p: float) -> TensorType:
    """The type rule of dropouts: that of the input, for a mask that spreads over it."""
    if mask.dtype != np.dtype(bool):
        raise DTypeError(f"requires a boolean mask, got {mask}")
    check_spreads(input, mask, "a mask")
    return floating(input)


def check_spreads(input: TensorType, drawn: TensorType, what: str) -> None:
    """Raise unless what was drawn has the shape of the input, or 1 along some axes."""
    pairs = zip(input.shape, drawn.shape, strict=False)
    if drawn.ndim != input.ndim or any(got not in (size, 1) for size, got in pairs):
        raise ShapeError(
            f"requires {what} of shape {format_shape(input.shape)}, or 1 along axes, "
            f"got {format_shape(drawn.shape)}"
        )


def _dropout_expand(input: Node, mask: Node, *, p: float) -> Node:
    # With p = 1 the mask is false everywhere, so any finite scale gives zeros.
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    factors = mask.astype(input.dtype).named("mask")
    return input * (factors * scale).named("scaled_mask")


DROPOUT = Op(
    name="dropout",
    inputs=("input", "mask"),
    infer=dropout_infer,
    expand=_dropout_expand,
    batch=along_axes,
    # An adjoint is dropped like the value, so evaluation_mode finds it there too.
    vjp=lambda g, out, input, mask: (DROPOUT(g, mask, **out.attributes), None),
    jvp=lambda tangents, out, input, mask: DROPOUT(tangents[0], mask, **out.attributes),
    cases=(
        Case(((3, 4), (3, 4)), {"p": 0.5}, dtypes=("", "bool")),
        Case(((3, 4), (3, 4)), {"p": 0.0}, dtypes=("", "bool")),
        Case(((2, 3, 4), (2, 3, 1)), {"p": 0.2}, dtypes=("", "bool")),
        Case(((0, 4), (0, 4)), {"p": 0.2}, dtypes=("", "bool")),
    ),
)


def dropout(input: ArrayLike, p: float = 0.5, training: bool = True) -> Node:
    """Inverted dropout: each element is zeroed with probability `p`, others grow.

    `y = input * mask / (1 - p)`, `mask ~ Bernoulli(1 - p)` drawn anew in every run, so
    that the expectation of `y` is `input`.

    Args:
        input: floating, of any shape.
        p: the probability in [0, 1] that an element is zeroed.
        training: False gives `input` itself; for a graph that is declared already
            see `evaluation_mode`.

    Returns:
        An array of the type of `input`; `input` itself where `p` is 0.

    Raises:
        OptionError: `p` is not a probability.
        DTypeError: `input` is not floating.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks
    from overfitting", section 10 for the scaling while training.

    >>> import graphc as gc
    >>> x = gc.input("x", (4,))
    >>> gc.evaluate(gc.nn.dropout(x, p=0.5), {"x": [1.0, 2.0, 3.0, 4.0]}, seed=1)
    array([0., 4., 0., 0.], dtype=float32)
    """
    return dropped(dropout.__name__, input, p, training, spread_from=None)


def dropped(
    function: str,
    input: ArrayLike,
    p: float,
    training: bool,
    spread_from: int | None,
    block: Op = DROPOUT,
) -> Node:
    """`input` with elements dropped, or from an axis on all at once.

    Args:
        function: its name, for errors.
        input, p, training: see `dropout`.
        spread_from: the first axis along which one draw serves all; None for none.
        block: the dropout.
    """
    node = as_node(input)
    probability = float(p)
    if not 0.0 <= probability <= 1.0:
        raise OptionError(
            f"p must be a probability in [0, 1], got {p!r}",
            node=f"{function}({node.describe()})",
        )
    if not training or probability == 0.0:
        return node
    axis = node.ndim if spread_from is None else spread_from
    shape = (*node.shape[:axis], *(1 for _ in node.shape[axis:]))
    if block is DROPOUT and probability < 1.0:
        probability = Hyperparameter.called("dropout_p", probability)
    kept = drawn(BERNOULLI(p=1.0 - probability, shape=shape), "kept", node)
    return block(node, kept, p=probability)


class Dropout(FunctionLayer):
    """`gc.nn.dropout` with probability `p` as a layer, always of training.

    A trainer evaluates and predicts without it.

    >>> import graphc as gc
    >>> gc.nn.Dropout(0.2)(gc.input("x", ("batch", 3)))
    <dropout float32 (batch, 3)>
    """

    function = dropout

    def __init__(self, p: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.p = p


def _random_scale_infer(
    input: TensorType, shares: TensorType, *, lower: float, upper: float
) -> TensorType:
    check_spreads(input, shares, "shares")
    return floating(input)


def _random_scale_expand(
    input: Node, shares: Node, *, lower: float, upper: float
) -> Node:
    beyond = (shares * (upper - lower)).named("slope_beyond")
    return input * (beyond + lower).named("slope")


RANDOM_SCALE = Op(
    name="random_scale",
    inputs=("input", "shares"),
    infer=_random_scale_infer,
    expand=_random_scale_expand,
    batch=along_axes,
    # An adjoint is scaled like the value, so evaluation_mode finds it there too.
    vjp=lambda g, out, input, shares: (
        RANDOM_SCALE(g, shares, **out.attributes),
        g * (out.attributes["upper"] - out.attributes["lower"]) * input,
    ),
    cases=(Case(((3, 4), (3, 4)), {"lower": 0.1, "upper": 0.4}),),
)
"""The input times factors between two bounds, at the shares drawn from 0 to 1."""


def _noise_infer(input: TensorType, noise: TensorType, *, std: float) -> TensorType:
    if noise != input:
        raise ShapeError(f"requires noise of the type {input}, got {noise}")
    return floating(input)


def _noise_expand(input: Node, noise: Node, *, std: float) -> Node:
    return input + (noise * std).named("scaled_noise")


GAUSSIAN_NOISE = Op(
    name="gaussian_noise",
    inputs=("input", "noise"),
    infer=_noise_infer,
    expand=_noise_expand,
    batch=along_axes,
    cases=(
        Case(((3, 4), (3, 4)), {"std": 0.5}),
        Case(((0, 4), (0, 4)), {"std": 0.0}),
    ),
)


def gaussian_noise(input: ArrayLike, std: float, training: bool = True) -> Node:
    """Add noise to each element: `y = input + std * n`, `n ~ N(0, 1)` drawn anew.

    As dropout it is there in training only; see `evaluation_mode`.

    Args:
        input: floating, of any shape.
        std: the standard deviation of the noise, at least 0.
        training: False gives `input` itself.

    Returns:
        An array of the type of `input`; `input` itself where `std` is 0.

    Raises:
        OptionError: `std` is not a number of at least 0.
        DTypeError: `input` is not floating.

    Source: Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".

    >>> import graphc as gc
    >>> x = gc.input("x", (2,))
    >>> gc.evaluate(gc.nn.gaussian_noise(x, 0.1), {"x": [1.0, 2.0]}, seed=1)
    array([1.1612724, 2.0191576], dtype=float32)
    """
    node = as_node(input)
    if not 0.0 <= std < math.inf:
        raise OptionError(
            f"std must be a number of at least 0, got {std!r}",
            node=f"gaussian_noise({node.describe()})",
        )
    if not training or std == 0.0:
        return node
    noise = drawn(standard_normal(node.shape, node.dtype), "noise", node)
    return GAUSSIAN_NOISE(node, noise, std=Hyperparameter.called("noise_std", std))
