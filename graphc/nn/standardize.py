"""Arrays brought to mean 0 and variance 1 along axes: the core of normalisations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.batching import along_axes
from ..ir.dims import Shape, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Application, Call, Case, Op
from ..ir.types import TensorType
from ..ops import reduction
from ..ops.arithmetic import sqrt, square
from ..ops.products import VECDOT
from ..ops.shape import expand_dims
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


def _mean_product(x: Node, y: Node) -> Node:
    """The mean of products along the last axis, which are summed at once."""
    return expand_dims(VECDOT(x, y) / float(x.shape[-1]), -1)


def _along_last(x: Node, eps: Node) -> tuple[Node, Node]:
    """The values along the last axis as they are computed, and their divisor."""
    centered = x - reduction.mean(x, x.ndim - 1, keepdims=True)
    deviation = sqrt(_mean_product(centered, centered) + eps)
    return centered / deviation, deviation


def _backward_along_last(d_y: Node, y: Node, deviation: Node) -> Node:
    centered = d_y - reduction.mean(d_y, d_y.ndim - 1, keepdims=True)
    return (centered - y * _mean_product(d_y, y)) / deviation


def _of_rows(type: TensorType) -> Iterator[Application]:
    if type.ndim > 1 and isinstance(type.shape[-1], int) and type.shape[-1]:
        yield (type, TensorType(type.dtype, ())), {}


def _of_rows_backward(type: TensorType) -> Iterator[Application]:
    for _ in _of_rows(type):
        yield (type, type, type.with_shape((*type.shape[:-1], 1))), {}


_STANDARDIZE = '''
def standardize(x, eps):
    """Return (x - mean) / sqrt(variance + eps) along the last axis, and the root."""
    centered = x - np.mean(x, axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(np.square(centered), axis=-1, keepdims=True) + eps)
    return centered / deviation, deviation
'''

_STANDARDIZE_BACKWARD = '''
def standardize_backward(d_y, y, deviation):
    """Return the gradient by x of y, deviation = standardize(x, eps)."""
    centered = d_y - np.mean(d_y, axis=-1, keepdims=True)
    return (centered - y * np.mean(d_y * y, axis=-1, keepdims=True)) / deviation
'''


def written_norm(node: Node, axes: tuple[int, ...], *, centered: bool = True) -> str:
    """The form of a normalization in formulas: `(x - mean(x)) / √(var(x) + eps)`.

    Args:
        node: of inputs, of which the first is normalized, and `weight` and `bias`
            among its `parts`.
        axes: those of the means.
        centered: False where the mean stays.
    """
    rank = node.inputs[0].ndim
    others = tuple(axis for axis in range(rank) if axis not in axes)
    is_last = others == tuple(range(len(others))) and len(axes) == 1
    called = "axis" if len(axes) == 1 else "axes"
    below = (
        f"_{{{called} {', '.join(map(str, axes))}}}" if others and not is_last else ""
    )
    eps = f"{node.attributes['eps']:.6g}"
    text = f"<0> / √{{mean{below}(<0>²) + {eps}}}"
    if centered:
        text = f"(<0> - mean{below}(<0>)) / √{{var{below}(<0>) + {eps}}}"
    places = {part: place for place, part in enumerate(_named_parts(node), 1)}
    if "weight" in places:
        text = f"<{places['weight']}> ⊙ ({text})"
    return f"{text} + <{places['bias']}>" if "bias" in places else text


def _named_parts(node: Node) -> list[str]:
    """The names of the inputs of a normalization after the first."""
    rest = "weight" if len(node.inputs) > 1 else ""
    return node.attributes.get("parts", rest).split()


def norm_letters(
    node: Node, axes: tuple[int, ...], *, centered: bool = True
) -> dict[str, str]:
    """The letters in the gradients of a normalization, see `written_norm`."""
    rank = node.inputs[0].ndim
    is_last = axes == tuple(range(rank - len(axes), rank))
    middle, letters = "input", dict[str, str]()
    if centered:
        middle = f"input - mean_of(input, {axes})"
    if centered and not is_last:
        middle, letters["μ"] = "input - μ", f"mean_of(input, {axes})"
    letters["σ"] = f"sqrt(mean_of(({middle}) ** 2, {axes}) + eps)"
    letters["x̂"] = f"({middle}) / σ"
    if is_last and "weight" in _named_parts(node):
        letters["g"] = "weight * d"
    return letters


def norm_gradients(
    node: Node, axes: tuple[int, ...], *, centered: bool = True
) -> tuple[str | None, ...]:
    """The gradients of a normalization over `norm_letters`."""
    parts = _named_parts(node)
    g = "g" if "weight" in parts else "d"
    middle = f" - mean_of({g}, {axes})" if centered else ""
    rank, weights = node.inputs[0].ndim, node.inputs[1:]
    others = tuple(axis for axis in range(rank) if axis not in axes)
    is_last = axes == tuple(range(rank - len(axes), rank))
    rows = others if is_last else axes
    of_parts = {"weight": f"sum(d * x̂, {rows})", "bias": f"sum(d, {rows})"}
    if not is_last and "weight" in parts:
        # One weight for each channel, which is a factor of the whole.
        flow = f"d - mean_of(d, {axes}) - x̂ * mean_of(d * x̂, {axes})"
        whole = f"channels(weight, d) / σ * ({flow})"
    else:
        whole = f"({g}{middle} - x̂ * mean_of({g} * x̂, {axes})) / σ"
    return (
        whole,
        *(of_parts.get(part) for part, _ in zip(parts, weights, strict=True)),
    )


def _gradients(node: Node) -> tuple[str]:
    if not node.attributes.get("centered", True):
        power = "mean_of(input ** 2, axes)"
        return (f"(d - out * mean_of(out * d, axes)) / sqrt({power} + eps)",)
    power = "mean_of((input - mean_of(input, axes)) ** 2, axes)"
    flow = "d - mean_of(d, axes) - out * mean_of(out * d, axes)"
    return (f"({flow}) / sqrt({power} + eps)",)


STANDARDIZE = Op(
    name="standardize",
    mathematics=Mathematics(
        formula=lambda node: (
            "(input - mean(input, axes, True))"
            " / sqrt(mean((input - mean(input, axes, True)) ** 2, axes, True) + eps)"
            if node.attributes.get("centered", True)
            else "input / sqrt(mean(input ** 2, axes, True) + eps)"
        ),
        is_known=True,
        written=lambda node: written_norm(
            node,
            node.attributes["axes"],
            centered=node.attributes.get("centered", True),
        ),
        gradients=_gradients,
    ),
    inputs=("input",),
    infer=_infer,
    expand=_expand,
    batch=along_axes,
    vjp=_vjp,
    calls=(
        Call("standardize(x, eps=eps)", (_STANDARDIZE,), _along_last, _of_rows),
        Call(
            "standardize_backward(d_y, y, deviation)",
            (_STANDARDIZE_BACKWARD,),
            _backward_along_last,
            _of_rows_backward,
        ),
    ),
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
