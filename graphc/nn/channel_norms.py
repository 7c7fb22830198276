"""Normalisation of channels, which are axis 1: over a batch, an example, or groups."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case
from ..ir.types import TensorType
from ..ops.arithmetic import square
from ..ops.exponential import power
from ..ops.linalg import matmul
from ..ops.shape import reshape
from ..ops.source import ArrayLike, constant
from .batch_norm import batch_norm
from .block import block
from .channels import check_channels, scaled_and_shifted_channels
from .layer import FunctionLayer
from .standardize import STANDARDIZE, affine_type, norm_letters, written_norm


def _infer(
    input: TensorType, weight: TensorType | None, bias: TensorType | None, *, eps: float
) -> TensorType:
    check_channels(input, 2, "(batch, channels, ...)")
    return affine_type(input, input.shape[1:2], eps, weight=weight, bias=bias)


def _instance_infer(
    input: TensorType, weight: TensorType | None, bias: TensorType | None, *, eps: float
) -> TensorType:
    check_channels(input, 3, "(batch, channels, length, ...)")
    return _infer(input, weight, bias, eps=eps)


def _positions(node: Node) -> tuple[int, ...]:
    return tuple(range(2, node.inputs[0].ndim))


def _instance_letters(node: Node) -> dict[str, str]:
    found = norm_letters(node, _positions(node))
    return {letter: found[letter] for letter in found if letter != "g"}


def _instance_gradients(node: Node) -> tuple[str | None, ...]:
    """Means along positions, and a weight for each channel."""
    axes = _positions(node)
    others = (0, *axes)
    flow = f"d - mean_of(d, {axes}) - x̂ * mean_of(d * x̂, {axes})"
    parts = node.attributes["parts"].split()
    scale = "channels(weight, d) / σ" if "weight" in parts else "1 / σ"
    of_parts = {"weight": f"sum(d * x̂, {others})", "bias": f"sum(d, {others})"}
    return (f"{scale} * ({flow})", *(of_parts[part] for part in parts))


@block(
    name="instance_norm",
    infer=_instance_infer,
    hyperparameters={"eps": "instance_norm_eps"},
    mathematics=Mathematics(
        written=lambda node: written_norm(node, _positions(node)),
        letters=_instance_letters,
        gradients=_instance_gradients,
    ),
    cases=[
        Case(((2, 3, 4), (3,), (3,)), {"parts": "weight bias", "eps": 1e-2}),
        Case(((2, 3, 2, 2),), {"parts": "", "eps": 1e-2}),
    ],
)
def _instance_norm(
    input: ArrayLike, weight: ArrayLike = None, bias: ArrayLike = None, *, eps: float
) -> Node:
    normalized = STANDARDIZE(input, axes=tuple(range(2, input.ndim)), eps=eps)
    return scaled_and_shifted_channels(normalized, weight, bias)


def instance_norm(
    input: ArrayLike,
    running_mean: ArrayLike = None,
    running_var: ArrayLike = None,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Node:
    """Each channel of each example brought to mean 0 and variance 1 over its positions.

    `y = (x - mean) / sqrt(var + eps) * weight + bias`

    Args:
        input: `(batch, channels, length, ...)`, floating.
        running_mean: `(channels,)`, where `use_input_stats` is False.
        running_var: `(channels,)`, where `use_input_stats` is False.
        weight: `(channels,)`, or None for ones.
        bias: `(channels,)`, or None for zeros.
        use_input_stats: False for the running statistics instead.
        momentum: the share of a batch in the running statistics.
        eps: added to the variance.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: running statistics are missing, or `eps` is negative.

    Source: Ulyanov et al. 2016, "Instance normalization".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.instance_norm([[[1.0, 3.0]]], eps=0.0), {})
    array([[[-1.,  1.]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return _instance_norm(input, weight, bias, eps=eps)


def _group_infer(
    input: TensorType,
    weight: TensorType | None,
    bias: TensorType | None,
    *,
    num_groups: int,
    eps: float,
) -> TensorType:
    result = _infer(input, weight, bias, eps=eps)
    channels = input.shape[1]
    if num_groups < 1 or not isinstance(channels, int) or channels % num_groups:
        raise OptionError(
            f"requires num_groups that divides the {channels} channels, which are axis "
            f"1 of input {format_shape(input.shape)}, got {num_groups}"
        )
    return result


@block(
    infer=_group_infer,
    hyperparameters={"eps": "group_norm_eps"},
    cases=[
        Case(
            ((3, 4, 2), (4,), (4,)),
            {"num_groups": 2, "parts": "weight bias", "eps": 1e-2},
        ),
        Case(((3, 4),), {"num_groups": 1, "parts": "", "eps": 1e-2}),
    ],
)
def group_norm(
    input: ArrayLike,
    num_groups: int,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    eps: float = 1e-5,
) -> Node:
    """Groups of channels of each example brought to mean 0 and variance 1.

    `y = (x - mean) / sqrt(var + eps) * weight + bias`, with the mean and the (biased)
    variance over all positions and the channels of a group.

    Args:
        input: `(batch, channels, ...)`, floating.
        num_groups: a divisor of the number of channels; neighbours are in one group.
        weight: `(channels,)`, or None for ones.
        bias: `(channels,)`, or None for zeros.
        eps: added to the variance.

    Returns:
        An array of the shape of `input`.

    Raises:
        ShapeError, DTypeError: arrays that don't fit.
        OptionError: `num_groups` does not divide the channels, or `eps` is negative.

    Source: Wu and He 2018, "Group normalization".

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.group_norm([[1.0, 3.0, 5.0, 9.0]], 2, eps=0.0), {})
    array([[-1.,  1., -1.,  1.]])
    """
    batch, channels, *positions = input.shape
    assert isinstance(channels, int)
    in_group = channels // num_groups * product(positions)
    groups = reshape(input, (batch, num_groups, in_group))
    normalized = STANDARDIZE(groups, axes=(2,), eps=eps).named("normalized_groups")
    return scaled_and_shifted_channels(reshape(normalized, input.shape), weight, bias)


def _response_infer(
    input: TensorType, *, size: int, alpha: float, beta: float, k: float
) -> TensorType:
    check_channels(input, 3, "(batch, channels, length, ...)")
    if size < 1:
        raise OptionError(f"size must be positive, got {size}")
    if not isinstance(input.shape[1], int):
        raise ShapeError(
            "requires a known number of channels, which are axis 1, got "
            f"{format_shape(input.shape)}"
        )
    return input


@block(
    infer=_response_infer,
    cases=[Case(((2, 5, 3),), {"size": 4, "alpha": 0.5, "beta": 0.75, "k": 1.0})],
)
def local_response_norm(
    input: ArrayLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Node:
    """Each element over a power of the mean square of its neighbours across channels.

    `y_c = x_c / (k + alpha / size * sum(x_j**2))**beta` with `j` from `c - size // 2`
    to `c + (size - 1) // 2`, as far as there are such channels.

    Args:
        input: `(batch, channels, length, ...)`, floating.
        size: the number of neighbouring channels.
        alpha: a factor of the mean square.
        beta: the exponent.
        k: added to the mean square.

    Returns:
        An array of the type of `input`.

    Raises:
        ShapeError, DTypeError: another input.
        OptionError: `size` is not positive.

    Source: Krizhevsky et al. 2012, "ImageNet classification with deep convolutional
    neural networks", section 3.3.

    >>> import graphc as gc
    >>> x = [[[3.0], [4.0]]]
    >>> gc.evaluate(gc.nn.local_response_norm(x, 3, alpha=3.0, beta=0.5, k=0.0), {})
    array([[[0.6],
            [0.8]]])
    """
    batch, channels, *positions = input.shape
    # A sum over neighbours is a product with a band.
    before, after = size // 2, (size - 1) // 2
    near = np.tri(channels, k=after) - np.tri(channels, k=-before - 1)
    band = constant(near * (alpha / size), input.dtype).named("band")
    squares = square(input).named("squares")
    columns = reshape(squares, (batch, channels, product(positions)))
    mean_squares = reshape(matmul(band, columns).named("mean_squares"), input.shape)
    return input / power((mean_squares + k).named("base"), beta).named("divisor")


class LocalResponseNorm(FunctionLayer):
    """`gc.nn.local_response_norm` as a layer.

    >>> import graphc as gc
    >>> gc.nn.LocalResponseNorm(5)(gc.input("x", ("batch", 3, 8)))
    <local_response_norm float32 (batch, 3, 8)>
    """

    function = local_response_norm

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
