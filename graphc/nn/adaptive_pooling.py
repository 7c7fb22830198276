"""Pooling to a given number of bins, and by a norm.

Bin `i` of `n` along an axis of `size` elements is from `i * size // n` up to
`ceil((i + 1) * size / n)`. Where `n` divides `size`, bins are windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from ..errors import OptionError, ShapeError
from ..ir.dims import Dimension, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.arithmetic import abs, sign
from ..ops.element_texts import at, elements, letters, over
from ..ops.exponential import power
from ..ops.indexing import getitem
from ..ops.pooling import MAX_POSITION, MAX_WINDOWS, SUM_WINDOWS
from ..ops.shape import moveaxis
from ..ops.source import ArrayLike, as_node, constant
from ..ops.type_rules import floating
from .activations import relu
from .examples import merged
from .pooling import avg_pool1d, avg_pool2d, avg_pool3d
from .spatial import check_rank, per_axis


def _sizes(count: int, output_size: Any, x: Node) -> tuple[Dimension, ...]:
    """The sizes of the result; None is that of the input."""
    check_rank(x.shape, count)
    several = isinstance(output_size, tuple | list)
    items = list(cast("Sequence[Any]", output_size)) if several else [output_size]
    if len(items) == 1:
        items *= count
    if len(items) != count:
        raise OptionError(
            f"output_size must be a size or {count} of them, got {output_size!r}",
            node=x.describe(),
        )
    return tuple(
        x.shape[number - count]
        if item is None
        else per_axis(item, 1, "output_size", x)[0]
        for number, item in enumerate(items)
    )


def _infer(input: TensorType, *, output_size: tuple[Dimension, ...]) -> TensorType:
    count = len(output_size)
    check_rank(input.shape, count)
    for size, bins in zip(input.shape[-count:], output_size, strict=True):
        if size == 0 or (not isinstance(size, int) and size != bins and bins != 1):
            raise ShapeError(
                "requires positive integer spatial sizes, or one bin, got "
                f"{format_shape(input.shape)} for output_size {output_size}"
            )
    return input.with_shape((*input.shape[:-count], *output_size))


def _avg_infer(input: TensorType, **options: Any) -> TensorType:
    return _infer(floating(input), **options)


def _windows(x: Node, output_size: tuple[Dimension, ...]) -> dict[str, Any] | None:
    """Attributes of windows that are the bins, where there are such."""
    count = len(output_size)
    window: list[int] = []
    for size, bins in zip(x.shape[-count:], output_size, strict=True):
        if size == bins:
            window.append(1)
        elif isinstance(size, int) and isinstance(bins, int) and size % bins == 0:
            window.append(size // bins)
        else:
            return None
    return {
        "window_shape": tuple(window),
        "axis": tuple(range(x.ndim - count, x.ndim)),
        "stride": tuple(window),
        "dilation": (1,) * count,
    }


def _bins(size: int, count: int) -> list[tuple[int, int]]:
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _avg_expand(input: Node, *, output_size: tuple[Dimension, ...]) -> Node:
    count = len(output_size)
    if all(bins == 1 for bins in output_size):
        return input.mean(tuple(range(input.ndim - count, input.ndim)), keepdims=True)
    windows = _windows(input, output_size)
    if windows is not None:
        elements = float(math.prod(windows["window_shape"]))
        return SUM_WINDOWS(input, **windows).named("total") / elements
    # A mean over a box is a mean along one axis after the other.
    for number, bins in enumerate(output_size):
        axis = number - count
        size = input.shape[axis]
        if size == bins:
            continue
        if bins == 1:
            input = input.mean(axis, keepdims=True)
            continue
        shares = np.zeros((int(size), int(bins)), input.dtype)
        for column, (start, stop) in enumerate(_bins(int(size), int(bins))):
            shares[start:stop, column] = 1.0 / (stop - start)
        weights = constant(shares).named("shares")
        input = moveaxis(moveaxis(input, axis, -1) @ weights, -1, axis)
    return input


def _cases(count: int, bins: tuple[int, ...]) -> tuple[Case, ...]:
    spatial = ((5,), (4, 5), (2, 3, 4))[count - 1]
    cases = [Case(((2, 2, *spatial),), {"output_size": bins})]
    if count == 2:
        cases.append(Case(((2, 4, 6),), {"output_size": (2, 3)}))
    return tuple(cases)


_BINS = ((3,), (4, 3), (2, 1, 3))


def written_bins(node: Node, word: str) -> str:
    """The form of a pool to a number of bins: `avgpool_{→ 2×2}(x)`."""
    sizes = "×".join(map(str, node.attributes["output_size"]))
    return f"{word}_{{→ {sizes}}}(<0>)"


def _mean_elements(node: Node) -> str:
    """The mean of a bin."""
    bins = node.attributes["output_size"]
    count, outer = len(bins), letters(node.ndim)
    lead, windows, inside = outer[:-count], outer[-count:], letters(count, 8)
    sizes = node.inputs[0].shape[-count:]
    taken, bound = list[str](), list[str]()
    factors, divisors = list[str](), list[str]()
    for i, k, n, size in zip(windows, inside, bins, sizes, strict=True):
        if size == n:
            taken.append(i)
        elif size % n == 0:
            taken.append(f"{size // n}*{i} + {k}")
            bound.append(f"{k} < {size // n}")
            divisors.append(f"{size // n}")
        else:
            first, last = f"floor({size}*{i} / {n})", f"ceiling({size}*({i} + 1) / {n})"
            taken.append(k)
            bound.append(f"{k} < {size}")
            factors.append(f"indicator({first} <= {k} and {k} < {last})")
            divisors.append(f"({last} - {first})")
    body = " * ".join([*factors, at("input", [*lead, *taken])])
    body += f" / ({' * '.join(divisors)})" if divisors else ""
    return elements(outer, over(body, bound))


def _largest_elements(node: Node) -> str | None:
    """The maximum of a bin, where bins are windows."""
    windows = _windows(node.inputs[0], node.attributes["output_size"])
    if windows is None:
        return None
    shape = windows["window_shape"]
    outer, inside = letters(node.ndim), letters(len(shape), 8)
    places = zip(outer[-len(shape) :], inside, shape, strict=True)
    taken = [f"{n}*{i} + {k}" for i, k, n in places]
    x = at("input", [*outer[: -len(shape)], *taken])
    bound = [f"{k} < {n}" for k, n in zip(inside, shape, strict=True)]
    return elements(outer, over(x, bound, "largest"))


ADAPTIVE_AVG_POOL = tuple(
    Op(
        mathematics=Mathematics(
            written=lambda node: written_bins(node, "avgpool"),
            elements=_mean_elements,
            adjoints=lambda node: (
                (written_bins(node, "avgpool").replace("(<0>)", "^T(<d>)"),)
                if _windows(node.inputs[0], node.attributes["output_size"]) is None
                else ()
            ),
        ),
        name=f"adaptive_avg_pool{count}d",
        inputs=("input",),
        infer=_avg_infer,
        expand=_avg_expand,
        batch=merged(count),
        cases=_cases(count, _BINS[count - 1]),
    )
    for count in (1, 2, 3)
)


def _gathered(x: Node, output_size: tuple[Dimension, ...]) -> tuple[Node, Any]:
    """`x` with the elements of each bin side by side, and bins as windows of them.

    Shorter bins repeat their last element, which then is not the first maximum.
    """
    count = len(output_size)
    windows = _windows(x, output_size)
    if windows is not None:
        return x, windows
    longest: list[int] = []
    for number, bins in enumerate(output_size):
        axis = x.ndim - count + number
        size = x.shape[axis]
        if size == bins:
            longest.append(1)
            continue
        if not isinstance(size, int):
            raise ShapeError(f"requires integer spatial sizes, got {size}")
        pairs = _bins(size, int(bins))
        most = max(stop - start for start, stop in pairs)
        longest.append(most)
        places = [
            min(start + step, stop - 1) for start, stop in pairs for step in range(most)
        ]
        if places != list(range(size)):
            x = getitem(x, (*(slice(None),) * axis, np.array(places)))
    return x, {
        "window_shape": tuple(longest),
        "axis": tuple(range(x.ndim - count, x.ndim)),
        "stride": tuple(longest),
        "dilation": (1,) * count,
    }


def _max_expand(input: Node, *, output_size: tuple[Dimension, ...]) -> Node:
    x, windows = _gathered(input, output_size)
    return MAX_WINDOWS(x, **windows)


ADAPTIVE_MAX_POOL = tuple(
    Op(
        mathematics=Mathematics(
            written=lambda node: written_bins(node, "maxpool"),
            elements=_largest_elements,
            adjoints=("unpool_{<0>}(<d>)",),
        ),
        name=f"adaptive_max_pool{count}d",
        inputs=("input",),
        infer=_infer,
        expand=_max_expand,
        batch=merged(count),
        cases=_cases(count, _BINS[count - 1]),
    )
    for count in (1, 2, 3)
)


def _max_indices(input: Node, output_size: tuple[Dimension, ...]) -> Node:
    """Positions of the maxima in the flat spatial axes."""
    count = len(output_size)
    x, windows = _gathered(input, output_size)
    inside = MAX_POSITION(x, MAX_WINDOWS(x, **windows), **windows)
    flat: Any = 0
    for number, bins in enumerate(output_size):
        size, rest = input.shape[number - count], windows["window_shape"]
        starts = np.array([start for start, _ in _bins(int(size), int(bins))])
        starts = starts.reshape(-1, *(1 for _ in rest[number + 1 :]))
        step = math.prod(rest[number + 1 :])
        along = inside // step % rest[number]
        flat = flat * size + (along + starts)
    return flat


def _adaptive_max_pool(
    count: int, input: ArrayLike, output_size: Any, return_indices: Any
) -> Any:
    x = as_node(input)
    sizes = _sizes(count, output_size, x)
    y = ADAPTIVE_MAX_POOL[count - 1](x, output_size=sizes)
    return (y, _max_indices(x, sizes)) if return_indices else y


def adaptive_avg_pool1d(input: ArrayLike, output_size: Any) -> Node:
    """Means of a given number of bins along one axis, see `adaptive_avg_pool2d`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.adaptive_avg_pool1d([[1.0, 3.0, 2.0]], 2), {})
    array([[2. , 2.5]])
    """
    x = as_node(input)
    return ADAPTIVE_AVG_POOL[0](x, output_size=_sizes(1, output_size, x))


def adaptive_avg_pool2d(input: ArrayLike, output_size: Any) -> Node:
    """Means of a given number of bins along height and width.

    Bin `i` of `n` is from `i * size // n` up to `ceil((i + 1) * size / n)`.

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`,
            floating.
        output_size: the number of bins, or one for each spatial axis; None for as many
            as the input has elements.

    Returns:
        `(batch, channels, bins, bins)`.

    Raises:
        OptionError: sizes that are not positive, or not as many as axes.
        ShapeError: an input without elements, or of named sizes and several bins.

    >>> import graphc as gc
    >>> gc.nn.adaptive_avg_pool2d(gc.input("x", ("batch", 8, 7, 7)), 1)
    <adaptive_avg_pool2d float32 (batch, 8, 1, 1)>
    """
    x = as_node(input)
    return ADAPTIVE_AVG_POOL[1](x, output_size=_sizes(2, output_size, x))


def adaptive_avg_pool3d(input: ArrayLike, output_size: Any) -> Node:
    """Means of a given number of bins along three axes, see `adaptive_avg_pool2d`.

    >>> import graphc as gc
    >>> gc.nn.adaptive_avg_pool3d(gc.input("x", ("batch", 8, 4, 7, 7)), (2, 1, 1))
    <adaptive_avg_pool3d float32 (batch, 8, 2, 1, 1)>
    """
    x = as_node(input)
    return ADAPTIVE_AVG_POOL[2](x, output_size=_sizes(3, output_size, x))


def adaptive_max_pool1d(
    input: ArrayLike, output_size: Any, return_indices: bool = False
) -> Any:
    """Maxima of a given number of bins along one axis, see `adaptive_max_pool2d`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.adaptive_max_pool1d([[1.0, 3.0, 2.0]], 2), {})
    array([[3., 3.]])
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: ArrayLike, output_size: Any, return_indices: bool = False
) -> Any:
    """Maxima of a given number of bins along height and width.

    The gradient goes to the first of equal maxima, in C order.

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`.
        output_size: as of `adaptive_avg_pool2d`.
        return_indices: True to return the positions of the maxima, too, in the flat
            spatial axes.

    Returns:
        `(batch, channels, bins, bins)`, and with `return_indices` integers of that
        shape.

    Raises:
        OptionError: sizes that are not positive, or not as many as axes.
        ShapeError: an input without elements, or of named sizes.

    >>> import graphc as gc
    >>> gc.nn.adaptive_max_pool2d(gc.input("x", ("batch", 8, 7, 7)), 3)
    <adaptive_max_pool2d float32 (batch, 8, 3, 3)>
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(
    input: ArrayLike, output_size: Any, return_indices: bool = False
) -> Any:
    """Maxima of a given number of bins along three axes, see `adaptive_max_pool2d`.

    >>> import graphc as gc
    >>> gc.nn.adaptive_max_pool3d(gc.input("x", ("batch", 8, 4, 6, 6)), 2)
    <adaptive_max_pool3d float32 (batch, 8, 2, 2, 2)>
    """
    return _adaptive_max_pool(3, input, output_size, return_indices)


_AVERAGE: tuple[Callable[..., Node], ...] = (avg_pool1d, avg_pool2d, avg_pool3d)


def _lp_pool(
    count: int,
    input: ArrayLike,
    norm_type: Any,
    kernel_size: Any,
    stride: Any,
    ceil_mode: bool,
) -> Node:
    x = as_node(input)
    is_number = isinstance(norm_type, int | float) and not isinstance(norm_type, bool)
    if not is_number or not norm_type or not -(2**31) < norm_type < 2**31:
        raise OptionError(
            f"norm_type must be a number other than 0, got {norm_type!r}",
            node=x.describe(),
        )
    elements = float(math.prod(per_axis(kernel_size, count, "kernel_size", x)))
    mean = _AVERAGE[count - 1](
        power(x, norm_type), kernel_size, stride, 0, ceil_mode
    ).named("mean")
    return power(sign(mean) * relu(abs(mean)) * elements, 1.0 / norm_type)


def lp_pool1d(
    input: ArrayLike,
    norm_type: Any,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Node:
    """Norms of windows along one axis, see `lp_pool2d`.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.lp_pool1d([[3.0, 4.0, 0.0, 2.0]], 2, 2), {})
    array([[5., 2.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: ArrayLike,
    norm_type: Any,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Node:
    """Norms of windows that slide over images: `sum(x**p)**(1/p)` of each.

    As in torch, the absolute value is not taken, so `p` should be even or the input
    positive, and the gradient of a window of zeros is not finite.

    Args:
        input: `(batch, channels, height, width)` or `(channels, height, width)`.
        norm_type: the exponent `p`.
        kernel_size, stride, ceil_mode: as of `max_pool2d`.

    Returns:
        `(batch, channels, height, width)`, with sizes as of `max_pool2d`.

    Raises:
        ShapeError: a window is larger than the input.

    >>> import graphc as gc
    >>> gc.nn.lp_pool2d(gc.input("x", ("batch", 6, 24, 24)), 2, 2)
    <power float32 (batch, 6, 12, 12)>
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: ArrayLike,
    norm_type: Any,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Node:
    """Norms of windows that slide over volumes, see `lp_pool2d`.

    >>> import graphc as gc
    >>> gc.nn.lp_pool3d(gc.input("x", ("batch", 6, 8, 8, 8)), 2, 2)
    <power float32 (batch, 6, 4, 4, 4)>
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
