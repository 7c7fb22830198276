"""Pooling: maxima, means and norms of windows that slide over spatial axes.

Sizes, strides and paddings are an integer, or one for each spatial axis. With
`ceil_mode` a last window may reach beyond the array, as long as it starts inside it or
the padding before it.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import product
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import DType, TensorType
from ..ops.element_texts import at, elements, in_window, letters, over
from ..ops.pooling import MAX_POSITION, MAX_WINDOWS, SUM_WINDOWS
from ..ops.shape import reshape
from ..ops.source import ArrayLike, arange, as_node, constant
from ..ops.type_rules import floating
from .examples import merged
from .pool_options import Pool, pool_options, with_border
from .spatial import Widths, check_rank


def _pool_infer(input: TensorType, **options: Any) -> TensorType:
    pool = Pool(**options)
    count = len(pool.kernel_size)
    check_rank(input.shape, count)
    return input.with_shape((*input.shape[:-count], *pool.sizes(input.shape)))


def _least(dtype: DType) -> Any:
    """A number that no element of a dtype is below."""
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _max_expand(input: Node, **options: Any) -> Node:
    pool = Pool(**options)
    x = with_border(input, pool.widths(input.shape), _least(input.dtype))
    return MAX_WINDOWS(x, **pool.windows(x))


_SPATIAL = ((7,), (4, 5), (2, 3, 4))


def _cases(count: int, **more: Any) -> tuple[Case, ...]:
    spatial = _SPATIAL[count - 1]
    ones, twos, none = (1,) * count, (2,) * count, (0,) * count
    cases = [
        Case(
            ((2, 2, *spatial),),
            {**Pool(twos, twos, none, ones, False)._asdict(), **more},
        )
    ]
    if count < 3:
        padded = Pool((3,) * count, twos, ones, ones, True)
        cases.append(Case(((2, *spatial),), {**padded._asdict(), **more}))
    return tuple(cases)


def written_pool(node: Node, word: str) -> str:
    """The form of a pool in formulas: `maxpool_{2×2}(x)`."""
    sizes, stride = node.attributes["kernel_size"], node.attributes["stride"]
    below = "×".join(map(str, sizes))
    if stride != sizes:
        below += f", stride {'×'.join(map(str, stride))}"
    for name, usual in (("padding", 0), ("dilation", 1)):
        found = node.attributes.get(name, ())
        if any(size != usual for size in found):
            below += f", {name} {'×'.join(map(str, found))}"
    return f"{word}_{{{below}}}(<0>)"


def _elements(node: Node, function: str, share: str = "") -> str:
    """The maximum, or the sum, of what is in a window."""
    options = node.attributes
    names = ("kernel_size", "stride", "padding")
    sizes, stride, padding = (options[name] for name in names)
    count = len(sizes)
    dilation = options.get("dilation", (1,) * count)
    outer = letters(node.ndim)
    lead, windows = outer[:-count], outer[-count:]
    inside = letters(count, 8)
    steps = zip(windows, inside, stride, dilation, padding, strict=True)
    x = at("input", [*lead, *(in_window(*step) for step in steps)])
    bound = [f"{k} < {n}" for k, n in zip(inside, sizes, strict=True)]
    return elements(outer, over(x, bound, function) + share)


def _mean_elements(node: Node) -> str:
    """The sum of a window over the number of its elements."""
    options = node.attributes
    count = len(options["kernel_size"])
    shape, divisor = node.inputs[0].shape, options["divisor_override"]
    pool = Pool(*(options[name] for name in Pool._fields))
    pairs = zip(pool.widths(shape), pool.padding, strict=True)
    is_beyond = any(after > before for (_, after), before in pairs)
    with_padding = options["count_include_pad"]
    if divisor is None and not is_beyond and (with_padding or not any(pool.padding)):
        divisor = int(np.prod(pool.kernel_size))
    if divisor is not None:
        return _elements(node, "total", f" / {divisor}")
    parts: list[str] = []
    for number, (i, k, s, p) in enumerate(
        zip(letters(node.ndim)[-count:], *pool[:3], strict=True)
    ):
        size, border = int(shape[number - count]), p if with_padding else 0
        low, high = f"Max({s}*{i} - {p}, {-border})", f"{size + border}"
        parts.append(f"(Min({s}*{i} + {k - p}, {high}) - {low})")
    return _elements(node, "total", f" / ({' * '.join(parts)})")


MAX_POOL = tuple(
    Op(
        name=f"max_pool{count}d",
        mathematics=Mathematics(
            written=lambda node: written_pool(node, "maxpool"),
            elements=lambda node: _elements(node, "largest"),
            adjoints=("unpool_{<0>}(<d>)",),
        ),
        inputs=("input",),
        infer=_pool_infer,
        expand=_max_expand,
        batch=merged(count),
        cases=_cases(count),
    )
    for count in (1, 2, 3)
)


def _max_pool(count: int, input: ArrayLike, return_indices: Any, *options: Any) -> Any:
    x = as_node(input)
    kernel_size, stride, padding, dilation, ceil_mode = options
    chosen = pool_options(count, x, kernel_size, stride, padding, ceil_mode, dilation)
    y = MAX_POOL[count - 1](x, **chosen)
    return (y, _indices(x, Pool(**chosen))) if return_indices else y


def _indices(input: Node, pool: Pool) -> Node:
    """Positions of the maxima in the flat spatial axes, as torch counts them."""
    count = len(pool.kernel_size)
    sizes = input.shape[-count:]
    x = with_border(input, pool.widths(input.shape), _least(input.dtype))
    attributes = pool.windows(x)
    inside = MAX_POSITION(x, MAX_WINDOWS(x, **attributes), **attributes)
    flat: Any = 0
    for number in range(count):
        rest = cast(int, product(pool.kernel_size[number + 1 :]))
        along = inside // rest % pool.kernel_size[number]
        starts = arange(inside.shape[number - count]) * pool.stride[number]
        starts = reshape(starts, (-1, *(1 for _ in pool.kernel_size[number + 1 :])))
        place = starts + along * pool.dilation[number] - pool.padding[number]
        flat = flat * sizes[number] + place
    return flat


def max_pool1d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima of windows along one axis: `max_pool2d` without the height.

    `y[n, c, t] = max_k input[n, c, stride*t + dilation*k]`

    Args:
        input: `(batch, channels, length)` or `(channels, length)`.
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as of
            `max_pool2d`.

    Returns:
        The maxima, and with `return_indices` their positions.

    Raises:
        ShapeError: a window is larger than the input.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.max_pool1d([[1.0, 3.0, 2.0, 0.0]], 2), {})
    array([[3., 2.]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(1, input, return_indices, *options)


def max_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima of windows that slide over images.

    `y[n, c, i, j] = max_(k, l) input[n, c, stride*i + dilation*k, stride*j + ...]`

    The gradient goes to the first of equal maxima, in C order.

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`.
        kernel_size: the size of windows; this and the next three are an integer, or one
            for each spatial axis.
        stride: steps between windows; `kernel_size` where None.
        padding: elements of -inf at both ends of the spatial axes, at most half of
            `kernel_size`.
        dilation: steps between the elements of a window.
        ceil_mode: True for a last window that reaches beyond the input.
        return_indices: True to return the positions of the maxima, too, in the flat
            spatial axes.

    Returns:
        `(batch, channels, height, width)`, with sizes of
        `(size + 2*padding - dilation*(kernel_size - 1) - 1) // stride + 1`; and with
        `return_indices` integers of that shape.

    Raises:
        ShapeError: a window is larger than the input.
        OptionError: more padding than half a window, or sizes that are not positive.

    >>> import graphc as gc
    >>> gc.nn.max_pool2d(gc.input("x", ("batch", 6, 24, 24)), 2)
    <max_pool2d float32 (batch, 6, 12, 12)>
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(2, input, return_indices, *options)


def max_pool3d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima of windows that slide over volumes: `max_pool2d` with a depth.

    `y[n, c, p] = max_k input[n, c, stride*p + dilation*k]` for `p`, `k` on three axes.

    Args:
        input: `(batch, channels, depth, height, width)`, or without the batch.
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as of
            `max_pool2d`.

    Returns:
        The maxima, and with `return_indices` their positions.

    Raises:
        ShapeError: a window is larger than the input.

    >>> import graphc as gc
    >>> gc.nn.max_pool3d(gc.input("x", ("batch", 2, 8, 8, 8)), 2)
    <max_pool3d float32 (batch, 2, 4, 4, 4)>
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(3, input, return_indices, *options)


def _avg_infer(
    input: TensorType,
    *,
    count_include_pad: bool,
    divisor_override: int | None,
    **options: Any,
) -> TensorType:
    return _pool_infer(floating(input), **options)


def _avg_expand(
    input: Node,
    *,
    count_include_pad: bool,
    divisor_override: int | None,
    **options: Any,
) -> Node:
    pool = Pool(**options)
    widths = pool.widths(input.shape)
    x = with_border(input, widths, 0.0)
    total = SUM_WINDOWS(x, **pool.windows(x)).named("total")
    if divisor_override is not None:
        return total / float(divisor_override)
    return total / _divisor(input, pool, widths, count_include_pad)


def _divisor(input: Node, pool: Pool, widths: Widths, with_padding: bool) -> Any:
    """Elements of each window: one number, or an array of them."""
    count = len(pool.kernel_size)
    beyond = any(
        after > padding
        for (_, after), padding in zip(widths, pool.padding, strict=True)
    )
    if not beyond and (with_padding or not any(pool.padding)):
        return float(np.prod(pool.kernel_size))
    counts: Any = np.ones((), input.dtype)
    for number in range(count):
        size = input.shape[number - count]
        if not isinstance(size, int):
            raise ShapeError(
                f"requires integer spatial sizes with count_include_pad=False, got "
                f"{size}"
            )
        padding = pool.padding[number]
        starts = np.arange(int(pool.sizes(input.shape)[number])) * pool.stride[number]
        starts -= padding
        low, high = (-padding, size + padding) if with_padding else (0, size)
        last = np.minimum(starts + pool.kernel_size[number], high)
        counts = counts[..., None] * (last - np.maximum(starts, low))
    return constant(counts.astype(input.dtype))


AVG_POOL = tuple(
    Op(
        name=f"avg_pool{count}d",
        mathematics=Mathematics(
            written=lambda node: written_pool(node, "avgpool"),
            elements=_mean_elements,
            adjoints=lambda node: (
                (written_pool(node, "avgpool").replace("(<0>)", "^T(<d>)"),)
                if node.attributes["stride"] != node.attributes["kernel_size"]
                else ()
            ),
        ),
        inputs=("input",),
        infer=_avg_infer,
        expand=_avg_expand,
        batch=merged(count),
        cases=_cases(count, count_include_pad=False, divisor_override=None),
    )
    for count in (1, 2, 3)
)


def _avg_pool(
    count: int,
    input: ArrayLike,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: Any,
    count_include_pad: Any,
    divisor_override: Any = None,
) -> Node:
    x = as_node(input)
    if divisor_override is not None:
        if divisor_override == 0:
            raise OptionError("divisor_override must not be 0", node=x.describe())
        divisor_override = int(divisor_override)
    return AVG_POOL[count - 1](
        x,
        **pool_options(count, x, kernel_size, stride, padding, ceil_mode),
        count_include_pad=bool(count_include_pad),
        divisor_override=divisor_override,
    )


def avg_pool1d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Node:
    """Means of windows along one axis: `avg_pool2d` without the height.

    `y[n, c, t] = mean_k input[n, c, stride*t + k]`

    Args:
        input: `(batch, channels, length)` or `(channels, length)`, floating.
        kernel_size, stride, padding, ceil_mode, count_include_pad: as of `avg_pool2d`.

    Returns:
        `(batch, channels, length)`, with a length as of `avg_pool2d`.

    Raises:
        ShapeError: a window is larger than the input.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.avg_pool1d([[1.0, 3.0, 2.0, 0.0]], 2), {})
    array([[2., 1.]])
    """
    return _avg_pool(
        1, input, kernel_size, stride, padding, ceil_mode, count_include_pad
    )


def avg_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Node:
    """Means of windows that slide over images.

    `y[n, c, i, j] = mean_(k, l) input[n, c, stride*i + k, stride*j + l]`

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`,
            floating.
        kernel_size: the size of windows; this and the next two are an integer, or one
            for each spatial axis.
        stride: steps between windows; `kernel_size` where None.
        padding: zeros at both ends of the spatial axes, at most half of `kernel_size`.
        ceil_mode: True for a last window that reaches beyond the input.
        count_include_pad: True for means over the zeros of the padding, too.
        divisor_override: a number to divide by in place of the count of elements.

    Returns:
        `(batch, channels, height, width)`, with sizes of
        `(size + 2*padding - kernel_size) // stride + 1`.

    Raises:
        ShapeError: a window is larger than the input.
        OptionError: more padding than half a window, or a divisor of 0.
        DTypeError: `input` is not floating.

    >>> import graphc as gc
    >>> gc.nn.avg_pool2d(gc.input("x", ("batch", 6, 24, 24)), 3, stride=2, padding=1)
    <avg_pool2d float32 (batch, 6, 12, 12)>
    """
    return _avg_pool(
        2,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


def avg_pool3d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Node:
    """Means of windows that slide over volumes: `avg_pool2d` with a depth.

    `y[n, c, p] = mean_k input[n, c, stride*p + k]` for `p`, `k` on three axes.

    Args:
        input: `(batch, channels, depth, height, width)`, or without the batch.
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override:
            as of `avg_pool2d`.

    Returns:
        `(batch, channels, depth, height, width)`, with sizes as of `avg_pool2d`.

    Raises:
        ShapeError: a window is larger than the input.

    >>> import graphc as gc
    >>> gc.nn.avg_pool3d(gc.input("x", ("batch", 2, 8, 8, 8)), 2)
    <avg_pool3d float32 (batch, 2, 4, 4, 4)>
    """
    return _avg_pool(
        3,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )
