"""Convolutions and their transposes, as products of a matrix of weights with windows.

A matrix of all windows is multiplied by that of the weights. The batch is the last axis
meanwhile: a window then is copied, or added to others, in long runs of memory, whatever
the stride, and one product of matrices serves all images. Where such functions follow
one another, `passes.algebra` leaves the axes in that order between them.

Source: Chellapilla et al. 2006, "High performance convolutional neural networks for
document processing"; the order of the axes: Krizhevsky 2014, "One weird trick for
parallelizing convolutional neural networks".
"""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError
from ..ir.dims import Dimension, Shape, format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.element_texts import at, elements, in_window, letters, over
from ..ops.layout import contiguous
from ..ops.shape import expand_dims, reshape
from ..ops.source import ArrayLike, as_node
from ..ops.windows import COPY_WINDOWS, span, window_count
from .examples import merged
from .spatial import (
    Widths,
    batch_first,
    batch_last,
    check_convolution,
    check_groups,
    kernel_sizes,
    number_of_groups,
    padded,
    per_axis,
    result_type,
    sizes_of,
)


def _conv_infer(
    input: TensorType,
    weight: TensorType,
    *bias: TensorType,
    stride: tuple[int, ...],
    padding: Widths,
    dilation: tuple[int, ...],
    groups: int,
) -> TensorType:
    count = len(stride)
    if weight.ndim == count + 2:
        inputs, outputs = weight.shape[1] * groups, weight.shape[0]
        check_groups(outputs, groups, "output")
    else:
        inputs, outputs = 0, 0
    check_convolution(
        input, weight, bias, ("out", "in / groups"), outputs, inputs, count
    )
    sizes: list[Dimension] = []
    for number in range(count):
        size = input.shape[number - count] + sum(padding[number])
        window = kernel_sizes(weight.shape)[number]
        if isinstance(size, int) and size < span(window, dilation[number]):
            raise ShapeError(
                f"requires input as large as the kernel, got "
                f"{format_shape(input.shape)} with padding {padding} for weight "
                f"{format_shape(weight.shape)} with dilation {dilation}"
            )
        sizes.append(window_count(size, window, stride[number], dilation[number]))
    return result_type(input.shape, outputs, tuple(sizes), input, weight, *bias)


def _conv_expand(
    input: Node,
    weight: Node,
    *bias: Node,
    stride: tuple[int, ...],
    padding: Widths,
    dilation: tuple[int, ...],
    groups: int,
) -> Node:
    count = len(stride)
    kernel = kernel_sizes(weight.shape)
    axes = tuple(range(1, count + 1))
    x = batch_last(input, count)
    if any(width for pair in padding for width in pair):
        x = padded(x, padding, axes).named("padded")
    else:
        x = contiguous(x).named("batch_last")
    if kernel == stride == (1,) * count:
        columns = expand_dims(x, axes)
    else:
        columns = COPY_WINDOWS(
            x,
            window_shape=kernel,
            axis=axes,
            stride=stride,
            dilation=dilation,
            place=1,
        ).named("columns")
    places = columns.shape[count + 1 :]
    outputs, inputs = weight.shape[:2]
    rows, terms = product(places), inputs * product(kernel)
    if groups == 1:
        matrix = reshape(weight, (outputs, terms))
        weighted = matrix @ reshape(columns, (terms, rows))
    else:
        each = outputs // groups
        stack = reshape(weight, (groups, each, terms))
        weighted = stack @ reshape(columns, (groups, terms, rows))
        weighted = reshape(weighted, (outputs, rows))
    if bias:
        weighted = weighted.named("weighted") + expand_dims(bias[0], 1)
    return batch_first(reshape(weighted, (outputs, *places)), count)


_KERNELS = ((3,), (3, 2), (1, 2, 2))
_SPATIAL = ((5,), (4, 3), (2, 3, 3))


def _conv_cases(count: int) -> tuple[Case, ...]:
    kernel, spatial = _KERNELS[count - 1], _SPATIAL[count - 1]
    ones, twos = (1,) * count, (2,) * count
    plain = {
        "stride": ones,
        "padding": ((0, 0),) * count,
        "dilation": ones,
        "groups": 1,
    }
    strided = {
        "stride": twos,
        "padding": ((2, 1),) * count,
        "dilation": twos,
        "groups": 2,
    }
    cases = [
        Case(((2, 2, *spatial), (3, 2, *kernel), (3,)), plain),
        Case(((2, 4, *spatial), (4, 2, *kernel)), strided),
    ]
    if count == 2:
        cases.append(Case(((2, *spatial), (3, 2, 1, 1), (3,)), plain))
    return tuple(cases)


def _elements(node: Node) -> str:
    """Sums over channels and the places inside a window, see `conv2d`."""
    count = len(node.attributes["stride"])
    each, groups = node.inputs[1].shape[0], node.attributes["groups"]
    batch, (o, *rest) = letters(node.ndim - count - 1), letters(9, 1)
    places, (c, *inside) = rest[:count], rest[count : 2 * count + 1]
    attributes = (node.attributes[n] for n in ("stride", "dilation", "padding"))
    steps = zip(places, inside, *attributes, strict=True)
    taken = [in_window(i, k, s, d, pad[0]) for i, k, s, d, pad in steps]
    first = (
        ""
        if groups == 1
        else f"{node.inputs[1].shape[1]}*floor({o}/({each // groups})) + "
    )
    x = at("input", [*batch, f"{first}{c}", *taken])
    body = over(f"{at('weight', [o, c, *inside])} * {x}", [c, *inside])
    bias = f" + bias[{o}]" if len(node.inputs) > 2 else ""
    return elements([*batch, o, *places], body + bias)


def bias_gradient(node: Node) -> tuple[str | None, ...]:
    """Of the bias, the sum over all axes but that of channels."""
    channels = node.ndim - len(node.attributes["stride"]) - 1
    axes = tuple(axis for axis in range(node.ndim) if axis != channels)
    return (None, None, f"sum(d, {axes})")


CONV = tuple(
    Op(
        name=f"conv{count}d",
        mathematics=Mathematics(
            written=lambda node: (
                "<1> ∗_{<options>} <0>" + (" + <2>" if len(node.inputs) > 2 else "")
            ),
            gradients=bias_gradient,
            elements=_elements,
            adjoints=("<1> ∗^T <d>", "<0> ⋆ <d>"),
        ),
        inputs=("input", "weight", "*bias"),
        infer=_conv_infer,
        expand=_conv_expand,
        batch=merged(count),
        cases=_conv_cases(count),
    )
    for count in (1, 2, 3)
)


def _conv(
    count: int,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Node:
    x, w = as_node(input), as_node(weight)
    strides = per_axis(stride, count, "stride", x)
    dilations = per_axis(dilation, count, "dilation", x)
    nodes = (x, w) if bias is None else (x, w, as_node(bias))
    return CONV[count - 1](
        *nodes,
        stride=strides,
        padding=padding_widths(padding, w.shape[2:], strides, dilations, w.describe()),
        dilation=dilations,
        groups=number_of_groups(groups, w),
    )


def padding_widths(
    padding: Any,
    kernel: Shape,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    at: str,
) -> Widths:
    """The widths of zeros that `padding` means, in numbers or in words."""
    count = len(stride)
    if not isinstance(padding, str):
        widths = sizes_of(padding, count, "padding", at, least=0)
        return tuple((width, width) for width in widths)
    if padding == "valid":
        return ((0, 0),) * count
    if padding != "same":
        raise OptionError(
            f'padding must be integers, "same" or "valid", got {padding!r}', node=at
        )
    if stride != (1,) * count:
        raise OptionError(f'padding="same" requires stride 1, got {stride}', node=at)
    totals = [
        span(int(size), each) - 1 for size, each in zip(kernel, dilation, strict=False)
    ]
    return tuple((total // 2, total - total // 2) for total in totals)


def conv1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Node:
    """Convolution along one axis: `conv2d` without the height.

    `y[n, o, t] = sum_(c, k) weight[o, c, k] * input[n, c, stride*t + dilation*k]`

    Args:
        input: `(batch, in, length)` or `(in, length)`.
        weight: `(out, in / groups, kernel)`.
        bias, stride, padding, dilation, groups: as of `conv2d`.

    Returns:
        `(batch, out, length)`, with a length as of `conv2d`.

    Raises:
        ShapeError: shapes that don't fit.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 4, 100))
    >>> gc.nn.conv1d(x, gc.parameter("w", (8, 4, 5)), stride=2)
    <conv1d float32 (batch, 8, 48)>
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Node:
    """Convolution of images, which is a cross-correlation: the kernel is not flipped.

    `y[n, o, i, j] = sum_(c, k, l) weight[o, c, k, l] * input[n, c, i + k, j + l]`
    with stride and dilation 1, and the bias of `o` is added; with others of
    `input[n, c, stride*i + dilation*k, ...]`.

    Args:
        input: `(batch, in, height, width)` or `(in, height, width)`.
        weight: `(out, in / groups, kernel height, kernel width)`.
        bias: `(out,)`, or None for none.
        stride: steps between windows; this and the next two are an integer, or one for
            each spatial axis.
        padding: zeros at both ends of the spatial axes; `"valid"` for none, `"same"`
            for as many as give the result the size of the input.
        dilation: steps between the elements of a window.
        groups: parts of the channels, each of which is convolved with its own part of
            the weight.

    Returns:
        `(batch, out, height, width)`, with sizes of
        `(size + 2*padding - dilation*(kernel - 1) - 1) // stride + 1`.

    Raises:
        ShapeError: shapes that don't fit, or a kernel larger than the input.
        OptionError: a stride, padding, dilation or number of groups that can't be.
        DTypeError: input or weight is not floating.

    Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep
    learning".

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 1, 28, 28))
    >>> gc.nn.conv2d(x, gc.parameter("w", (6, 1, 5, 5)), padding=2)
    <conv2d float32 (batch, 6, 28, 28)>
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Node:
    """Convolution of volumes: `conv2d` with a depth.

    `y[n, o, p] = sum_(c, k) weight[o, c, k] * input[n, c, stride*p + dilation*k]`
    with positions `p` and `k` along three axes.

    Args:
        input: `(batch, in, depth, height, width)` or `(in, depth, height, width)`.
        weight: `(out, in / groups, ...)`, with the three sizes of the kernel.
        bias, stride, padding, dilation, groups: as of `conv2d`.

    Returns:
        `(batch, out, depth, height, width)`, with sizes as of `conv2d`.

    Raises:
        ShapeError: shapes that don't fit.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 1, 8, 8, 8))
    >>> gc.nn.conv3d(x, gc.parameter("w", (2, 1, 3, 3, 3)))
    <conv3d float32 (batch, 2, 6, 6, 6)>
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)
