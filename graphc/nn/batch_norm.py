"""Normalisation of channels over a batch, with running statistics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Assignment, Case, Op
from ..ir.types import TensorType
from ..ops import reduction
from ..ops.arithmetic import maximum, sqrt
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node, astype
from ..ops.type_rules import floating
from . import init
from .block import block
from .channels import (
    all_but_channels,
    along_channels,
    check_channels,
    check_count,
    scaled_and_shifted_channels,
)
from .layer import Layer, check_size
from .parameter import buffer
from .standardize import (
    STANDARDIZE,
    affine_type,
    moments,
    norm_gradients,
    norm_letters,
    written_norm,
)


def _batch_infer(
    input: TensorType,
    running_mean: TensorType | None,
    running_var: TensorType | None,
    num_batches_tracked: TensorType | None,
    weight: TensorType | None,
    bias: TensorType | None,
    *,
    training: bool,
    momentum: float | None,
    eps: float,
) -> TensorType:
    check_channels(input, 2, "(batch, channels, ...)")
    if num_batches_tracked is not None and num_batches_tracked.ndim:
        raise ShapeError(f"num_batches_tracked is a number, got {num_batches_tracked}")
    if momentum is None and num_batches_tracked is None and training:
        raise OptionError(
            "a momentum of None needs the number of batches",
            hint="gc.nn.BatchNorm1d(..., momentum=None), which counts them",
        )
    running = {"running_mean": running_mean, "running_var": running_var}
    affine = {"weight": weight, "bias": bias}
    return affine_type(input, input.shape[1:2], eps, **running, **affine)


_RUNNING = "running_mean running_var"


def _assigns(node: Node) -> Iterator[tuple[int, Assignment]]:
    """Running statistics with those of the batch in them, in training."""
    attributes = node.attributes
    names = ["input", *attributes["parts"].split()]
    if not attributes["training"] or "running_mean" not in names:
        return
    input = node.inputs[0]
    tracked = dict(zip(names, node.inputs, strict=True)).get("num_batches_tracked")
    share: Any = attributes["momentum"]
    if share is None:
        assert tracked is not None
        batches = astype(tracked + 1, input.dtype).named("batches")
        share = (1.0 / batches).named("share")
    mean, variance = batch_statistics(input)
    count = product([input.shape[axis] for axis in all_but_channels(input.ndim)])
    count = as_node(count, input.dtype)
    # That of one number is 0, and stays so.
    others = (count - 1.0).named("others")
    correction = (count / maximum(others, 1.0).named("divisor")).named("correction")
    unbiased = (variance * correction).named("unbiased_variance")
    for name, value in (("running_mean", mean), ("running_var", unbiased)):
        yield names.index(name), partial(_moved, value=value, share=share)
    if tracked is not None:
        yield names.index("num_batches_tracked"), lambda old: old + 1


def _moved(old: Node, *, value: Node, share: Any) -> Node:
    rest = 1.0 - share
    if isinstance(rest, Node):
        rest = rest.named("rest")
    kept = (rest * old).named("kept")
    return kept + (share * astype(value, old.dtype)).named("added")


def _scaled_infer(input: TensorType, weight: TensorType, *, eps: float) -> TensorType:
    return TensorType(np.result_type(input.dtype, weight.dtype), floating(input).shape)


def _scaled_expand(input: Node, weight: Node, *, eps: float) -> Node:
    axes = all_but_channels(input.ndim)
    normalized = STANDARDIZE(input, axes=axes, eps=eps).named("normalized")
    return scaled_and_shifted_channels(normalized, weight, None)


def _scaled_vjp(g: Node, out: Node, input: Node, weight: Node) -> tuple[Node, Node]:
    """Two sums for each channel, from which the flow to the input follows."""
    axes, eps = all_but_channels(input.ndim), out.attributes["eps"]
    normalized = STANDARDIZE(input, axes=axes, eps=eps).named("normalized")
    to_shift = reduction.sum(g, axes).named("shift_flow")
    to_weight = reduction.sum((g * normalized).named("scaling"), axes)
    count = as_node(product([input.shape[axis] for axis in axes]), input.dtype)
    _, _, variance = moments(input, axes)
    deviation = sqrt((variance + eps).named("variance_and_eps")).named("deviation")
    mean_flow, correlation = (
        along_channels((flow / count).named(name), input.ndim)
        for flow, name in ((to_shift, "mean_flow"), (to_weight, "correlation"))
    )
    flow = (g - mean_flow).named("centered_flow")
    flow = (flow - (normalized * correlation).named("scaling_flow")).named("remaining")
    factor = (along_channels(weight, input.ndim) / deviation).named("factor")
    return (flow * factor, to_weight)


def _axes(node: Node) -> tuple[int, ...]:
    return tuple(axis for axis in range(node.inputs[0].ndim) if axis != 1)


def _written(node: Node) -> str | None:
    if not node.attributes["training"]:
        return None
    return written_norm(node, _axes(node))


def _gradients(node: Node) -> tuple[str | None, ...]:
    if not node.attributes["training"]:
        return ()
    return norm_gradients(node, _axes(node))


SCALED_CHANNELS = Op(
    name="scaled_channels",
    mathematics=Mathematics(
        written=lambda node: written_norm(node, _axes(node)),
        letters=lambda node: norm_letters(node, _axes(node)),
        gradients=lambda node: norm_gradients(node, _axes(node)),
    ),
    inputs=("input", "weight"),
    infer=_scaled_infer,
    expand=_scaled_expand,
    vjp=_scaled_vjp,
    cases=(
        Case(((3, 2, 4), (2,)), {"eps": 1e-2}),
        Case(((4, 2), (2,)), {"eps": 1e-2}),
    ),
)
"""Channels brought to mean 0 and variance 1 over a batch, times a weight."""


@block(
    name="batch_norm",
    infer=_batch_infer,
    mathematics=Mathematics(
        written=_written,
        letters=lambda node: norm_letters(node, _axes(node)),
        gradients=_gradients,
    ),
    assigns=_assigns,
    hyperparameters={"momentum": "batch_norm_momentum", "eps": "batch_norm_eps"},
    cases=[
        Case(
            shapes,
            {"parts": parts, "training": training, "momentum": 0.1, "eps": 1e-2},
            low=0.1,
        )
        for shapes, parts, training in (
            (((3, 2, 4), (2,), (2,)), "weight bias", True),
            (((4, 2),), "", True),
            (((3, 2), *((2,),) * 4), f"{_RUNNING} weight bias", False),
        )
    ],
)
def tracked_batch_norm(
    input: ArrayLike,
    running_mean: ArrayLike = None,
    running_var: ArrayLike = None,
    num_batches_tracked: ArrayLike = None,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    *,
    training: bool,
    momentum: float | None,
    eps: float,
) -> Node:
    """`batch_norm`, with a count of the batches that running statistics are of."""
    if training or running_mean is None or running_var is None:
        axes = all_but_channels(input.ndim)
        if weight is None:
            normalized = STANDARDIZE(input, axes=axes, eps=eps).named("normalized")
        else:
            normalized = SCALED_CHANNELS(input, weight, eps=eps).named("scaled")
        return (
            normalized
            if bias is None
            else normalized + along_channels(bias, input.ndim)
        )
    deviation = sqrt((running_var + eps).named("variance_and_eps")).named("deviation")
    # One factor for each channel, and not one division for each element.
    factor = (1.0 if weight is None else weight) / deviation
    scale = along_channels(factor.named("scale"), input.ndim)
    mean = along_channels(running_mean, input.ndim)
    result = (input - mean).named("centered") * scale
    if bias is None:
        return result
    return result.named("scaled") + along_channels(bias, input.ndim)


def batch_statistics(input: Node) -> tuple[Node, Node]:
    """The mean and the (biased) variance of each channel over batch and positions."""
    mean, _, variance = moments(input, all_but_channels(input.ndim))
    channels = input.shape[1:2]
    return reshape(mean, channels), reshape(variance, channels)


def batch_norm(
    input: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Node:
    """Each channel brought to mean 0 and variance 1, then scaled and shifted.

    `y = (x - mean) / sqrt(var + eps) * weight + bias`, in training with the mean and
    the (biased) variance over the batch and all positions, and else with the running
    ones.

    Args:
        input: `(batch, channels, ...)`, floating.
        running_mean: `(channels,)`; None only in training. A step of training assigns
            to both, where they are buffers: `(1 - momentum) * running + momentum *
            batch`, with the unbiased variance of the batch.
        running_var: `(channels,)`, as `running_mean`.
        weight: `(channels,)`, or None for ones.
        bias: `(channels,)`, or None for zeros.
        training: True for the statistics of the batch. What is evaluated and predicted
            with is always that with running statistics, where they are given.
        momentum: the share of a batch in the running statistics.
        eps: added to the variance.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: running statistics are missing, or `eps` is negative.

    Source: Ioffe and Szegedy 2015, "Batch normalization".

    >>> import graphc as gc
    >>> x = [[1.0, 5.0], [3.0, 5.0]]
    >>> y = gc.nn.batch_norm(x, None, None, training=True, eps=0.0001)
    >>> gc.evaluate(y, {}).round(2)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    node = as_node(input)
    if not training and (running_mean is None or running_var is None):
        raise OptionError(
            "requires running_mean and running_var where it is not training",
            node=f"batch_norm({node.describe()})",
            hint="training=True for the statistics of the batch",
        )
    return tracked_batch_norm(
        *(node, running_mean, running_var, None, weight, bias),
        training=training,
        momentum=momentum,
        eps=eps,
    )


class _BatchNorm(Layer):
    """`batch_norm` in training mode, with statistics that evaluation takes."""

    ranks: tuple[int, ...]
    """The numbers of axes that inputs may have."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        name: str | None = None,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name)
        self.num_features = check_size(num_features, "num_features", self)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (self.num_features,)
        if affine:
            self._declare("weight", shape, init.ones(), dtype)
            if bias:
                self._declare("bias", shape, init.zeros(), dtype)
        if track_running_stats:
            self._declare("running_mean", shape, init.zeros(), dtype, buffer)
            self._declare("running_var", shape, init.ones(), dtype, buffer)
            self._declare("num_batches_tracked", (), 0, "int64", buffer)

    @property
    def weight(self) -> Node | None:
        """The scale of each channel, or None."""
        return self._parameter("weight")

    @property
    def bias(self) -> Node | None:
        """The shift of each channel, or None."""
        return self._parameter("bias")

    @property
    def running_mean(self) -> Node | None:
        """The buffer with the running mean of each channel, or None."""
        return self._parameter("running_mean")

    @property
    def running_var(self) -> Node | None:
        """The buffer with the running variance of each channel, or None."""
        return self._parameter("running_var")

    @property
    def num_batches_tracked(self) -> Node | None:
        """The buffer that counts the batches of the running statistics, or None."""
        return self._parameter("num_batches_tracked")

    def forward(self, input: Node) -> Node:
        """`gc.nn.batch_norm` with the layer's parameters and buffers, in training."""
        if input.ndim not in self.ranks:
            wanted = " or ".join(map(str, self.ranks))
            raise ShapeError(
                f"requires input of shape (batch, channels, ...) with {wanted} axes, "
                f"got {format_shape(input.shape)}",
                node=type(self).__name__,
            )
        check_count(input, self.num_features, type(self).__name__)
        return tracked_batch_norm(
            input,
            *(self.running_mean, self.running_var, self.num_batches_tracked),
            *(self.weight, self.bias),
            training=True,
            momentum=self.momentum if self.track_running_stats else 0.0,
            eps=self.eps,
        )

    def _describe(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """`gc.nn.batch_norm` of vectors or lines, with running statistics as buffers.

    Training normalises by the statistics of the batch and moves the running ones
    towards them; what is evaluated, predicted or compiled by a trainer normalises by
    the running ones.

    Args:
        num_features: the number of channels, which are axis 1 of inputs.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None for the mean over
            all batches.
        affine: True for a weight that starts at 1 and a bias that starts at 0.
        track_running_stats: False for the statistics of the batch in evaluation, too.
        bias: False for a weight alone.
        name: the name of the output and prefix of the parameters.
        dtype: the dtype of parameters and statistics.

    Source: Ioffe and Szegedy 2015, "Batch normalization".

    >>> import graphc as gc
    >>> layer = gc.nn.BatchNorm1d(6, name="norm")
    >>> layer(gc.input("x", ("batch", 6)))
    <batch_norm 'norm' float32 (batch, 6)>
    >>> [buffer.name for buffer in layer.buffers]
    ['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked']
    """

    kind = "batch_norm"
    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`gc.nn.batch_norm` of pictures, with running statistics as buffers.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias, name, dtype: see
            `BatchNorm1d`.

    >>> import graphc as gc
    >>> gc.nn.BatchNorm2d(6, name="norm")(gc.input("x", ("batch", 6, 8, 8)))
    <batch_norm 'norm' float32 (batch, 6, 8, 8)>
    """

    kind = "batch_norm"
    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """`gc.nn.batch_norm` of volumes, with running statistics as buffers.

    Args:
        num_features, eps, momentum, affine, track_running_stats, bias, name, dtype: see
            `BatchNorm1d`.

    >>> import graphc as gc
    >>> gc.nn.BatchNorm3d(6, name="norm")(gc.input("x", ("batch", 6, 4, 8, 8)))
    <batch_norm 'norm' float32 (batch, 6, 4, 8, 8)>
    """

    kind = "batch_norm"
    ranks = (5,)
