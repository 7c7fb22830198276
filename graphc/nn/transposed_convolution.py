"""Transposed convolutions: each element of the input adds a kernel to the output.

The batch is the last axis meanwhile, see `convolution`.
"""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError
from ..ir.dims import Dimension, format_shape, product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.element_texts import at, elements, letters, over
from ..ops.layout import contiguous
from ..ops.shape import reshape, transpose
from ..ops.source import ArrayLike, as_node
from ..ops.windows import ADD_WINDOWS, span
from .convolution import bias_gradient
from .examples import merged
from .spatial import (
    batch_first,
    batch_last,
    check_convolution,
    check_groups,
    kernel_sizes,
    number_of_groups,
    padded,
    per_axis,
    result_type,
)

_KERNELS = ((3,), (3, 2), (1, 2, 2))
_SPATIAL = ((5,), (4, 3), (2, 3, 3))


def _transpose_infer(
    input: TensorType,
    weight: TensorType,
    *bias: TensorType,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    groups: int,
    dilation: tuple[int, ...],
) -> TensorType:
    count = len(stride)
    if weight.ndim == count + 2:
        inputs, outputs = weight.shape[0], weight.shape[1] * groups
        check_groups(inputs, groups, "input")
    else:
        inputs, outputs = 0, 0
    check_convolution(
        input, weight, bias, ("in", "out / groups"), outputs, inputs, count
    )
    sizes: list[Dimension] = []
    for number, window in enumerate(kernel_sizes(weight.shape)):
        if output_padding[number] >= max(stride[number], dilation[number]):
            raise OptionError(
                "requires an output_padding below stride or dilation, got "
                f"{output_padding} for stride {stride} and dilation {dilation}"
            )
        size = (input.shape[number - count] - 1) * stride[number]
        size = size + span(window, dilation[number])
        size = size + output_padding[number] - 2 * padding[number]
        if isinstance(size, int) and size < 1:
            raise ShapeError(
                f"requires an output of positive sizes, got {size} along spatial axis "
                f"{number} for input {format_shape(input.shape)} and padding {padding}"
            )
        sizes.append(size)
    return result_type(input.shape, outputs, tuple(sizes), input, weight, *bias)


def _transpose_expand(
    input: Node,
    weight: Node,
    *bias: Node,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    output_padding: tuple[int, ...],
    groups: int,
    dilation: tuple[int, ...],
) -> Node:
    count = len(stride)
    kernel = kernel_sizes(weight.shape)
    x = contiguous(batch_last(input, count)).named("batch_last")
    inputs, each = weight.shape[:2]
    places, rows = x.shape[1:], product(x.shape[1:])
    terms, share = each * product(kernel), inputs // groups
    if groups == 1:
        columns = reshape(weight, (inputs, terms)).T @ reshape(x, (inputs, rows))
    else:
        stack = transpose(reshape(weight, (groups, share, terms)), (0, 2, 1))
        columns = stack @ reshape(x, (groups, share, rows))
    outputs = each * groups
    columns = reshape(columns.named("columns"), (outputs, *kernel, *places))
    sizes = [
        (places[number] - 1) * stride[number] + span(kernel[number], dilation[number])
        for number in range(count)
    ]
    axes = tuple(range(1, count + 1))
    summed = ADD_WINDOWS(
        columns,
        shape=(outputs, *sizes, *places[count:]),
        window_shape=kernel,
        axis=axes,
        stride=stride,
        dilation=dilation,
        place=1,
    )
    widths = tuple((-p, o - p) for p, o in zip(padding, output_padding, strict=True))
    y = padded(summed.named("summed"), widths, axes)
    if bias:
        y = y + reshape(bias[0], (outputs, *(1 for _ in y.shape[1:])))
    return batch_first(y, count)


def _transpose_cases(count: int) -> tuple[Case, ...]:
    kernel, spatial = _KERNELS[count - 1], (3,) + (2,) * (count - 1)
    plain = {
        "stride": (1,) * count,
        "padding": (0,) * count,
        "output_padding": (0,) * count,
        "groups": 1,
        "dilation": (1,) * count,
    }
    strided = {
        "stride": (2,) * count,
        "padding": (0,) * (count - 1) + (1,),
        "output_padding": (1,) * count,
        "groups": 2,
        "dilation": (1,) * count,
    }
    cases = [Case(((2, 4, *spatial), (4, 1, *kernel)), strided)]
    if count < 3:
        cases.append(Case(((2, *spatial), (2, 3, *kernel), (3,)), plain))
    return tuple(cases)


def _elements(node: Node) -> str:
    """Elements of the input around each of the result, times the kernel there."""
    names = ("stride", "dilation", "padding")
    stride, dilation, padding = (node.attributes[name] for name in names)
    count = len(stride)
    inputs, each = node.inputs[1].shape[:2]
    groups = node.attributes["groups"]
    batch, (o, *rest) = letters(node.ndim - count - 1), letters(10, 1)
    places, (c, *inside) = rest[:count], rest[count : 2 * count + 1]
    windows, conditions, kernel = list[str](), list[str](), list[str]()
    for i, k, s, d, before in zip(
        places, inside, stride, dilation, padding, strict=True
    ):
        kernel.append(k if d > 1 else f"{i} + {before} - {s}*{k}")
        windows.append(k)
    if any(d > 1 for d in dilation):
        others = letters(count, 10)
        kernel = [
            k if d > 1 else text
            for k, d, text in zip(others, dilation, kernel, strict=True)
        ]
        conditions = [
            f"indicator(Eq({s}*{k} + {d}*{u}, {i} + {before}))"
            for i, k, u, s, d, before in zip(
                places, inside, others, stride, dilation, padding, strict=True
            )
            if d > 1
        ]
        windows += [u for u, d in zip(others, dilation, strict=True) if d > 1]
    channel, within = c, o
    if groups > 1:
        share = inputs // groups
        channel, within = f"{share}*floor({o}/({each})) + {c}", f"mod({o}, {each})"
    x = at("input", [*batch, channel, *inside])
    parts = [*conditions, at("weight", [channel, within, *kernel]), x]
    bound = [f"{c} < {inputs // groups}", *windows]
    bias = f" + bias[{o}]" if len(node.inputs) > 2 else ""
    return elements([*batch, o, *places], over(" * ".join(parts), bound) + bias)


CONV_TRANSPOSE = tuple(
    Op(
        name=f"conv_transpose{count}d",
        mathematics=Mathematics(
            written=lambda node: (
                "<1> ∗_{<options>}^T <0>" + (" + <2>" if len(node.inputs) > 2 else "")
            ),
            gradients=bias_gradient,
            elements=_elements,
            adjoints=("<1> ∗ <d>", "<d> ⋆ <0>"),
        ),
        inputs=("input", "weight", "*bias"),
        infer=_transpose_infer,
        expand=_transpose_expand,
        batch=merged(count),
        cases=_transpose_cases(count),
    )
    for count in (1, 2, 3)
)


def _conv_transpose(
    count: int,
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Node:
    x, w = as_node(input), as_node(weight)
    nodes = (x, w) if bias is None else (x, w, as_node(bias))
    return CONV_TRANSPOSE[count - 1](
        *nodes,
        stride=per_axis(stride, count, "stride", x),
        padding=per_axis(padding, count, "padding", x, least=0),
        output_padding=per_axis(output_padding, count, "output_padding", x, least=0),
        groups=number_of_groups(groups, w),
        dilation=per_axis(dilation, count, "dilation", x),
    )


def conv_transpose1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Node:
    """Transposed convolution along one axis: `conv_transpose2d` without the height.

    `y[n, o, stride*t + dilation*k] += weight[c, o, k] * input[n, c, t]`, from 0.

    Args:
        input: `(batch, in, length)` or `(in, length)`.
        weight: `(in, out / groups, kernel)`.
        bias, stride, padding, output_padding, groups, dilation: as of
            `conv_transpose2d`.

    Returns:
        `(batch, out, length)`, with a length as of `conv_transpose2d`.

    Raises:
        ShapeError: shapes that don't fit.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 4, 10))
    >>> gc.nn.conv_transpose1d(x, gc.parameter("w", (4, 2, 2)), stride=2)
    <conv_transpose1d float32 (batch, 2, 20)>
    """
    return _conv_transpose(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Node:
    """Transposed convolution of images: the adjoint of `conv2d` with the same weight.

    Each element of the input adds a kernel, multiplied by it, to the output:
    `y[n, o, i*stride + k, j*stride + l] += weight[c, o, k, l] * input[n, c, i, j]`.

    Args:
        input: `(batch, in, height, width)` or `(in, height, width)`.
        weight: `(in, out / groups, kernel height, kernel width)`.
        bias: `(out,)`, or None for none.
        stride: steps between kernels.
        padding: what is taken away at both ends of the spatial axes.
        output_padding: what is added at the far end, below stride or dilation.
        groups: parts of the channels, each with its own part of the weight.
        dilation: steps between the elements of a kernel.

    Returns:
        `(batch, out, height, width)`, with sizes of `(size - 1)*stride - 2*padding
        + dilation*(kernel - 1) + output_padding + 1`.

    Raises:
        ShapeError: shapes that don't fit.
        OptionError: an option that can't be.
        DTypeError: input or weight is not floating.

    Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep
    learning".

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 16, 7, 7))
    >>> gc.nn.conv_transpose2d(x, gc.parameter("w", (16, 8, 2, 2)), stride=2)
    <conv_transpose2d float32 (batch, 8, 14, 14)>
    """
    return _conv_transpose(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Node:
    """Transposed convolution of volumes: `conv_transpose2d` with a depth.

    `y[n, o, stride*p + dilation*k] += weight[c, o, k] * input[n, c, p]`, from 0, with
    positions `p` and `k` along three axes.

    Args:
        input: `(batch, in, depth, height, width)` or `(in, depth, height, width)`.
        weight: `(in, out / groups, ...)`, with the three sizes of the kernel.
        bias, stride, padding, output_padding, groups, dilation: as of
            `conv_transpose2d`.

    Returns:
        `(batch, out, depth, height, width)`, with sizes as of `conv_transpose2d`.

    Raises:
        ShapeError: shapes that don't fit.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 4, 5, 5, 5))
    >>> gc.nn.conv_transpose3d(x, gc.parameter("w", (4, 2, 2, 2, 2)), stride=2)
    <conv_transpose3d float32 (batch, 2, 10, 10, 10)>
    """
    return _conv_transpose(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
