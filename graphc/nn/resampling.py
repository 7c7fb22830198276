"""Interpolation between the elements of images.

All modes but the nearest element are products with one matrix an axis. The matrix
follows from the positions between elements, so the program computes it from sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast

import numpy as np

from ..errors import OptionError, ShapeError, UnsupportedError
from ..ir.dims import format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.arithmetic import abs, maximum
from ..ops.clipping import clip
from ..ops.element_texts import at, elements, letters, over
from ..ops.indexing import getitem
from ..ops.rounding import floor
from ..ops.shape import broadcast_to, expand_dims, moveaxis, reshape
from ..ops.source import ArrayLike, arange, as_node, astype
from ..ops.type_rules import floating
from .adaptive_pooling import ADAPTIVE_AVG_POOL
from .spatial import per_axis

_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_ANY_RANK = ("nearest", "nearest-exact", "area")


def _infer(
    input: TensorType,
    *,
    size: tuple[int, ...],
    mode: str,
    align_corners: bool,
    scales: tuple[float | None, ...],
) -> TensorType:
    if mode not in ("nearest", "nearest-exact"):
        floating(input)
    return input.with_shape((*input.shape[:2], *size))


def _expand(
    input: Node,
    *,
    size: tuple[int, ...],
    mode: str,
    align_corners: bool,
    scales: tuple[float | None, ...],
) -> Node:
    if mode == "area":
        return ADAPTIVE_AVG_POOL[len(size) - 1](input, output_size=size)
    if mode in ("nearest", "nearest-exact"):
        return _nearest(input, size, scales, exact=mode == "nearest-exact")
    for number, count in enumerate(size):
        axis = number + 2
        given = cast(int, input.shape[axis])
        # Where sizes are the same torch copies, whatever the factor, but for cubics.
        if given == count and (mode != "bicubic" or scales[number] in (None, 1.0)):
            continue
        step = _step(given, count, scales[number], align_corners)
        positions = astype(arange(count), input.dtype)
        if align_corners:
            positions = positions * step
        else:
            positions = (positions + 0.5) * step - 0.5
        positions = positions.named("positions")
        weights = _cubic if mode == "bicubic" else _linear
        matrix = weights(positions, given).named("weights")
        input = moveaxis(moveaxis(input, axis, -1) @ matrix, -1, axis)
    return input


def _step(given: int, count: int, scale: float | None, align_corners: bool) -> float:
    """Steps between positions in the input."""
    if align_corners:
        return (given - 1) / (count - 1) if count > 1 else 0.0
    return given / count if scale is None else 1.0 / scale


def _linear(positions: Node, size: int) -> Node:
    """The weight of each element for each position: 1 less its distance."""
    inside = clip(positions, 0.0, float(size - 1))
    elements = expand_dims(astype(arange(size), positions.dtype), 1)
    return maximum(1.0 - abs(inside - elements), 0.0)


def _cubic(positions: Node, size: int) -> Node:
    """The weight of each element for each position by a cubic of its distance."""
    first = floor(positions).named("first")
    rest = (positions - first).named("rest")
    elements = expand_dims(astype(arange(size), positions.dtype), 1)
    total: Any = 0.0
    for tap in (-1, 0, 1, 2):
        place = clip(first + float(tap), 0.0, float(size - 1))
        is_there = astype(elements == place, positions.dtype)
        total = total + is_there * cubic_weight(rest, tap)
    return total


def cubic_weight(rest: Node, tap: int) -> Node:
    """The weight of one of four elements around a position, `rest` after the second.

    Source: Keys 1981, "Cubic convolution interpolation for digital image processing",
    with `a = -3/4`.
    """
    a = -0.75
    distance = rest - float(tap) if tap <= 0 else float(tap) - rest
    if tap in (0, 1):
        return ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
    return ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a


def _nearest(
    x: Node, size: tuple[int, ...], scales: tuple[float | None, ...], *, exact: bool
) -> Node:
    shape: list[Any] = list(x.shape[:2])
    repeated: list[Any] = list(x.shape[:2])
    new: list[int] = []
    for number, count in enumerate(size):
        axis = number + 2
        given = cast(int, x.shape[axis])
        # For pictures of the same size, or twice as large, torch goes by no factor.
        is_plain = not exact and len(size) == 2 and count in (given, 2 * given)
        is_plain |= scales[number] in (None, count / given)
        if count % given == 0 and is_plain:
            new.append(len(repeated) + 1)
            repeated += [given, count // given]
            shape.append(count)
            continue
        # torch computes the positions in single precision.
        step = np.float32(_step(given, count, scales[number], align_corners=False))
        offset = np.float32(0.5 if exact else 0.0)
        places = (np.arange(count, dtype=np.float32) + offset) * step
        places = np.minimum(places.astype(np.int64), given - 1)
        x = getitem(x, (*(slice(None),) * axis, places))
        new.append(len(repeated) + 1)
        repeated += [count, 1]
        shape.append(count)
    if all(repeated[axis] == 1 for axis in new):
        return x
    return reshape(broadcast_to(expand_dims(x, tuple(new)), tuple(repeated)), shape)


def _elements(node: Node) -> str | None:
    """The nearest element, or those around a place by their distances to it."""
    names = ("mode", "align_corners", "size", "scales")
    mode, align, sizes, scales = (node.attributes[name] for name in names)
    if mode not in ("nearest", "linear", "bilinear", "trilinear"):
        return None
    count, outer = len(sizes), letters(node.ndim)
    index, bound, weights = list(outer), list[str](), list[str]()
    for number, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        axis = number + 2
        given, i, k = node.inputs[0].shape[axis], outer[axis], letters(count, 8)[number]
        if not isinstance(given, int):
            return None
        if size == given:
            continue
        step = Fraction(given, size) if scale is None else Fraction(1 / scale)
        if align:
            step = Fraction(given - 1, max(1, size - 1))
        top, under = step.limit_denominator(1000).as_integer_ratio()
        if mode == "nearest":
            index[axis] = f"floor({top}*{i} / {under})"
            continue
        place = f"{top}*{i} / {under}"
        if not align:
            shift = Fraction(top, 2 * under) - Fraction(1, 2)
            place += f" + {shift.numerator}/{shift.denominator}"
            place = f"Min(Max({place}, 0), {given - 1})"
        index[axis] = k
        bound.append(k)
        weights.append(f"Max(0, 1 - Abs({place} - {k}))")
    body = " * ".join([*weights, at("input", index)])
    return elements(outer, over(body, bound))


INTERPOLATE = Op(
    name="interpolate",
    mathematics=Mathematics(
        elements=_elements, symbol="resize", adjoints=("resize_{<options>}^T(<d>)",)
    ),
    inputs=("input",),
    infer=_infer,
    expand=_expand,
    cases=tuple(
        Case(
            (shape,),
            {"size": size, "mode": mode, "align_corners": align, "scales": scales},
        )
        for shape, size, mode, align, scales in (
            ((2, 1, 3, 2), (5, 4), "nearest", False, (None, None)),
            ((2, 2, 3), (7,), "linear", False, (2.5,)),
            ((1, 2, 3, 4), (5, 2), "bilinear", True, (None, None)),
            ((1, 1, 3, 4), (5, 3), "bicubic", False, (None, None)),
        )
    ),
)


def interpolate(
    input: ArrayLike,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Node:
    """Images of another size, by elements near each position in the input.

    Element `j` is at `(j + 1/2) * s - 1/2` in the input, with a step of
    `s = size of input / size of output`, and with `align_corners` at `j * s`, with
    `s = (size of input - 1) / (size of output - 1)`.

    Args:
        input: `(batch, channels, ...)` with one to three integer spatial sizes.
        size: spatial sizes of the result: an integer, or one for each axis.
        scale_factor: in its place factors of the sizes, rounded down.
        mode: `"nearest"`: element `floor(j * s)`; `"nearest-exact"`: that nearest to
            the position; `"linear"`, `"bilinear"` or `"trilinear"`, by the number of
            axes: between two elements along each; `"bicubic"`: between four; `"area"`:
            means over what each element covers.
        align_corners: True for the corners of both images in the same places; for the
            linear and cubic modes.
        recompute_scale_factor: True for a step by the sizes, where `scale_factor` tells
            it otherwise.
        antialias: False.

    Returns:
        `(batch, channels, ...)` with the new sizes.

    Raises:
        OptionError: both or none of `size` and `scale_factor`, a mode that does not
            exist or is for another number of axes.
        ShapeError: spatial sizes that are not positive integers.

    Source: Keys 1981, "Cubic convolution interpolation for digital image processing".

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3, 8, 8))
    >>> gc.nn.interpolate(x, scale_factor=2, mode="bilinear")
    <interpolate float32 (batch, 3, 16, 16)>
    """
    x = as_node(input)
    count = x.ndim - 2
    at = x.describe()
    if not 1 <= count <= 3:
        raise ShapeError(
            "interpolate requires input of shape (batch, channels, ...) with one to "
            f"three spatial axes, got {format_shape(x.shape)}",
            node=at,
        )
    if mode not in _RANKS and mode not in _ANY_RANK:
        modes = ", ".join(map(repr, (*_ANY_RANK, *_RANKS)))
        raise OptionError(f"mode must be one of {modes}, got {mode!r}", node=at)
    if _RANKS.get(mode, count) != count:
        fitting = ("linear", "bilinear", "trilinear")[count - 1]
        raise OptionError(
            f"mode {mode!r} is for {_RANKS[mode]} spatial axes, got {count}",
            node=at,
            hint=f'mode="{fitting}"',
        )
    if align_corners is not None and mode in _ANY_RANK:
        raise OptionError(
            f"align_corners is for linear and cubic modes, got mode={mode!r}", node=at
        )
    if antialias:
        raise UnsupportedError(
            "interpolate has no antialias=True",
            node=at,
            hint='mode="area", or avg_pool2d before it',
        )
    sizes, scales = _sizes(x, size, scale_factor, bool(recompute_scale_factor))
    return INTERPOLATE(
        x, size=sizes, mode=mode, align_corners=bool(align_corners), scales=scales
    )


def _sizes(
    x: Node, size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Sizes of the result, and the factors that tell steps otherwise than these do."""
    count = x.ndim - 2
    if (size is None) == (scale_factor is None):
        raise OptionError(
            f"requires either size or scale_factor, got size={size!r} and "
            f"scale_factor={scale_factor!r}",
            node=x.describe(),
        )
    given: list[int] = []
    for each in x.shape[2:]:
        if not isinstance(each, int) or not each:
            raise ShapeError(
                f"requires positive integer spatial sizes, got {format_shape(x.shape)}",
                node=x.describe(),
            )
        given.append(each)
    if scale_factor is None:
        return per_axis(size, count, "size", x), (None,) * count
    several = isinstance(scale_factor, tuple | list)
    factors = list(cast("Sequence[Any]", scale_factor)) if several else [scale_factor]
    if len(factors) == 1:
        factors *= count
    is_number = all(
        isinstance(each, int | float)
        and not isinstance(each, bool)
        and 0 < each < 2**31
        for each in factors
    )
    if len(factors) != count or not is_number:
        raise OptionError(
            f"scale_factor must be a positive number or {count} of them, "
            f"got {scale_factor!r}",
            node=x.describe(),
        )
    scales = [float(each) for each in factors]
    sizes = [math.floor(n * scale) for n, scale in zip(given, scales, strict=True)]
    if not all(sizes):
        raise ShapeError(
            f"requires a result with elements, got sizes {tuple(sizes)} for "
            f"scale_factor {scale_factor!r}",
            node=x.describe(),
        )
    return tuple(sizes), (None,) * count if recompute else tuple(scales)
