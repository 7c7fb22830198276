"""Windows of images as columns of a matrix, and back."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..ir.dims import Dimension, Shape, format_shape, product
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.shape import reshape
from ..ops.source import ArrayLike, as_node
from ..ops.windows import ADD_WINDOWS, COPY_WINDOWS, span, window_count
from .spatial import check_rank, padded, per_axis

Pair = tuple[int, int]


def _counts(
    shape: Shape, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> tuple[Dimension, ...]:
    """The number of windows along each of the last two axes."""
    found: list[Dimension] = []
    for number in range(2):
        size = shape[number - 2] + 2 * padding[number]
        reach = span(kernel_size[number], dilation[number])
        if isinstance(size, int) and size < reach:
            raise ShapeError(
                f"requires windows that fit, got {kernel_size} with dilation "
                f"{dilation} for {format_shape(shape[-2:])} with padding {padding}"
            )
        found.append(
            window_count(size, kernel_size[number], stride[number], dilation[number])
        )
    return tuple(found)


def _unfold_infer(input: TensorType, *, kernel_size: Pair, **others: Any) -> TensorType:
    check_rank(input.shape, 2)
    *batch, channels, _, _ = input.shape
    places = product(_counts(input.shape, kernel_size, **others))
    return input.with_shape((*batch, channels * product(kernel_size), places))


def _unfold_expand(
    input: Node, *, kernel_size: Pair, dilation: Pair, padding: Pair, stride: Pair
) -> Node:
    rank = input.ndim
    axes = (rank - 2, rank - 1)
    widths = tuple((width, width) for width in padding)
    columns = COPY_WINDOWS(
        padded(input, widths, axes),
        window_shape=kernel_size,
        axis=axes,
        stride=stride,
        dilation=dilation,
        place=rank - 2,
    )
    *batch, channels = columns.shape[: rank - 2]
    rows = channels * product(kernel_size)
    return reshape(columns, (*batch, rows, product(columns.shape[-2:])))


_PLAIN = {"kernel_size": (2, 3), "dilation": (1, 1), "padding": (0, 0)}
_STRIDED = {"kernel_size": (2, 2), "dilation": (2, 1), "padding": (1, 0)}

UNFOLD = Op(
    name="unfold",
    inputs=("input",),
    infer=_unfold_infer,
    expand=_unfold_expand,
    cases=(
        Case(((2, 2, 3, 4),), {**_PLAIN, "stride": (1, 1)}),
        Case(((2, 3, 5),), {**_STRIDED, "stride": (1, 2)}),
    ),
)


def _options(x: Node, **options: Any) -> dict[str, tuple[int, ...]]:
    least = {"padding": 0, "output_size": 0}
    return {
        what: per_axis(value, 2, what, x, least=least.get(what, 1))
        for what, value in options.items()
    }


def unfold(
    input: ArrayLike,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Node:
    """Windows of images as columns, of which a convolution is a product.

    `y[n, (c, k, l), (i, j)] = input[n, c, stride*i + dilation*k, stride*j + ...]`

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`.
        kernel_size: the size of windows; this and the rest are an integer, or two.
        dilation: steps between the elements of a window.
        padding: zeros at both ends of the spatial axes.
        stride: steps between windows.

    Returns:
        `(batch, channels * kernel elements, windows)`.

    Raises:
        ShapeError: a window is larger than the padded input.

    >>> import graphc as gc
    >>> gc.nn.unfold(gc.input("x", ("batch", 3, 8, 8)), 3)
    <unfold float32 (batch, 27, 36)>
    """
    x = as_node(input)
    return UNFOLD(
        x,
        **_options(
            x,
            kernel_size=kernel_size,
            dilation=dilation,
            padding=padding,
            stride=stride,
        ),
    )


def _fold_infer(
    input: TensorType, *, output_size: Pair, kernel_size: Pair, **others: Any
) -> TensorType:
    if input.ndim not in (2, 3):
        raise ShapeError(
            "requires input of shape (batch, channels * kernel elements, windows), or "
            f"without the batch, got {format_shape(input.shape)}"
        )
    *batch, rows, places = input.shape
    size = int(product(kernel_size))
    channels = rows // size
    if channels * size != rows:
        raise ShapeError(
            f"requires rows that are a multiple of {size}, the elements of a kernel "
            f"{kernel_size}, got {format_shape(input.shape)}"
        )
    expected = product(_counts(output_size, kernel_size, **others))
    if places != expected:
        raise ShapeError(
            f"requires {expected} windows for output_size {output_size} and "
            f"kernel_size {kernel_size}, got {format_shape(input.shape)}"
        )
    return input.with_shape((*batch, channels, *output_size))


def _fold_expand(
    input: Node,
    *,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair,
    padding: Pair,
    stride: Pair,
) -> Node:
    *batch, rows, _ = input.shape
    lead = (*batch, rows // int(product(kernel_size)))
    counts = _counts(output_size, kernel_size, dilation, padding, stride)
    sizes = [size + 2 * p for size, p in zip(output_size, padding, strict=True)]
    axes = (len(lead), len(lead) + 1)
    summed = ADD_WINDOWS(
        reshape(input, (*lead, *kernel_size, *counts)),
        shape=(*lead, *sizes),
        window_shape=kernel_size,
        axis=axes,
        stride=stride,
        dilation=dilation,
        place=len(lead),
    )
    return padded(summed, tuple((-p, -p) for p in padding), axes)


FOLD = Op(
    name="fold",
    inputs=("input",),
    infer=_fold_infer,
    expand=_fold_expand,
    cases=(
        Case(((2, 12, 4),), {**_PLAIN, "output_size": (3, 4), "stride": (1, 1)}),
        Case(((8, 6),), {**_STRIDED, "output_size": (3, 4), "stride": (1, 2)}),
    ),
)


def fold(
    input: ArrayLike,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Node:
    """Columns of windows added up where they came from: the adjoint of `unfold`.

    `y[n, c, stride*i + dilation*k, stride*j + ...] += input[n, (c, k, l), (i, j)]`

    Args:
        input: `(batch, channels * kernel elements, windows)`, or without the batch.
        output_size: height and width of the result.
        kernel_size, dilation, padding, stride: as of `unfold`.

    Returns:
        `(batch, channels, height, width)`.

    Raises:
        ShapeError: rows or columns that don't fit.

    >>> import graphc as gc
    >>> gc.nn.fold(gc.input("x", ("batch", 27, 36)), (8, 8), 3)
    <fold float32 (batch, 3, 8, 8)>
    """
    x = as_node(input)
    return FOLD(
        x,
        **_options(
            x,
            output_size=output_size,
            kernel_size=kernel_size,
            dilation=dilation,
            padding=padding,
            stride=stride,
        ),
    )
