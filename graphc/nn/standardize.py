"""Arrays brought to mean 0 and variance 1 along axes: the core of normalisations."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.batching import along_axes
from ..ir.dims import Shape, format_shape
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops import reduction
from ..ops.arithmetic import sqrt, square
from ..ops.type_rules import floating


def _infer(
    input: TensorType, *, axes: tuple[int, ...], eps: float, centered: bool = True
) -> TensorType:
    return floating(input)


def moments(input: Node, axes: tuple[int, ...]) -> tuple[Node, Node, Node]:
    """The mean along axes, the input less its mean, and the (biased) variance."""
    mean = reduction.mean(input, axes, keepdims=True).named("mean")
    centered = (input - mean).named("centered")
    squares = square(centered).named("squares")
    variance = reduction.mean(squares, axes, keepdims=True).named("variance")
    return mean, centered, variance


def _parts(
    input: Node, axes: tuple[int, ...], eps: float, is_centered: bool
) -> tuple[Node, Node]:
    """The numerator and the denominator."""
    if is_centered:
        _, numerator, power = moments(input, axes)
        power = (power + eps).named("variance_and_eps")
        return numerator, sqrt(power).named("deviation")
    squares = square(input).named("squares")
    power = reduction.mean(squares, axes, keepdims=True).named("mean_square")
    return input, sqrt((power + eps).named("mean_square_and_eps")).named("rms")


def _expand(
    input: Node, *, axes: tuple[int, ...], eps: float, centered: bool = True
) -> Node:
    numerator, denominator = _parts(input, axes, eps, centered)
    return numerator / denominator


def _vjp(g: Node, out: Node, input: Node) -> tuple[Node]:
    axes, eps = out.attributes["axes"], out.attributes["eps"]
    centered: bool = out.attributes.get("centered", True)
    _, denominator = _parts(input, axes, eps, centered)
    # What scales the whole input, or shifts it, changes nothing, and is taken out.
    correlation = reduction.mean(g * out, axes, keepdims=True).named("correlation")
    flow = g
    if centered:
        mean_flow = reduction.mean(g, axes, keepdims=True).named("mean_flow")
        flow = (flow - mean_flow).named("centered_flow")
    scaling = (out * correlation).named("scaling_flow")
    return ((flow - scaling).named("remaining_flow") / denominator,)


STANDARDIZE = Op(
    name="standardize",
    inputs=("input",),
    infer=_infer,
    expand=_expand,
    batch=along_axes,
    vjp=_vjp,
    cases=(
        Case(((3, 4),), {"axes": (1,), "eps": 1e-5}),
        Case(((3, 2, 4),), {"axes": (0, 2), "eps": 1e-2}),
        Case(((3, 4),), {"axes": (1,), "eps": 1e-5, "centered": False}),
        Case(((0, 4),), {"axes": (1,), "eps": 1e-5}),
    ),
)
"""`(x - mean(x)) / sqrt(var(x) + eps)` along axes; not `centered`, the input over the
root of its mean square and `eps`."""


def scaled_and_shifted(
    normalized: Node, weight: Node | None = None, bias: Node | None = None
) -> Node:
    """`normalized * weight + bias`, with those of the two that there are."""
    if weight is not None:
        normalized = (normalized * weight).named("scaled")
    return normalized if bias is None else normalized + bias


def affine_type(
    input: TensorType, shape: Shape, eps: float, **parts: TensorType | None
) -> TensorType:
    """The type of a normalised input, after a check of parts, which have a shape."""
    if not eps >= 0.0:
        raise OptionError(f"eps must not be negative, got {eps!r}")
    given = {name: part for name, part in parts.items() if part is not None}
    for name, part in given.items():
        floating(part, name)
        if part.shape != shape:
            raise ShapeError(
                f"requires {name} of shape {format_shape(shape)}, "
                f"got {format_shape(part.shape)}"
            )
    dtype = np.result_type(input.dtype, *(part.dtype for part in given.values()))
    return TensorType(dtype, floating(input).shape)
