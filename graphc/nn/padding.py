"""Borders around arrays, in torch's order of arguments."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError
from ..ir.dims import Dimension, format_shape
from ..ir.node import Node
from ..ops.border import BORDER
from ..ops.indexing import getitem, slice_axis
from ..ops.joining import concatenate
from ..ops.numbers import numbers
from ..ops.shape import broadcast_to
from ..ops.source import ArrayLike, as_node
from ..ops.windows import whole_numbers
from .spatial import Widths, cropped, padded


def pad(input: ArrayLike, pad: Any, mode: str = "constant", value: Any = None) -> Node:
    """`input` with elements added at both ends of its last axes, as torch pads.

    NumPy's order of arguments is that of `gc.pad`.

    Args:
        input: an array.
        pad: `(left, right)` of the last axis, then `(top, bottom)` of the one before
            it, and so on; negative numbers take elements away.
        mode: `"constant"` adds `value`; `"reflect"` the elements next to the edge,
            mirrored at it; `"replicate"` the edge again; `"circular"` elements from
            the other end.
        value: the number to add; 0 where None.

    Raises:
        OptionError: a mode that does not exist, an odd number of widths, or a value
            for another mode than `"constant"`.
        ShapeError: more to add than the axis has, or more axes than there are.

    >>> import graphc as gc
    >>> gc.evaluate(gc.nn.pad([[1.0, 2.0, 3.0]], (2, 1), mode="reflect"), {})
    array([[3., 2., 1., 2., 3., 2.]])
    """
    x = as_node(input)
    flat = whole_numbers(pad, "pad", x.describe(), least=-(2**31))
    if len(flat) % 2 or len(flat) > 2 * x.ndim:
        raise OptionError(
            f"pad must have two widths for each of up to {x.ndim} axes, got {pad!r}",
            node=x.describe(),
        )
    widths = tuple(zip(flat[::2], flat[1::2], strict=True))
    axes = tuple(range(x.ndim - 1, x.ndim - 1 - len(widths), -1))
    if mode == "constant":
        number = 0 if value is None else value
        return _with_number(x, widths, axes, numbers(number, x.dtype).item())
    if mode not in _MODES:
        modes = ", ".join(map(repr, ("constant", *_MODES)))
        raise OptionError(f"mode must be one of {modes}, got {mode!r}")
    if value is not None:
        raise OptionError(
            f'value is for mode="constant", got {value!r} for mode={mode!r}',
            node=x.describe(),
        )
    for axis, (before, after) in zip(axes, widths, strict=True):
        x = cropped(x, [(max(-before, 0), max(-after, 0))], [axis])
        x = _extended(x, axis, max(before, 0), max(after, 0), mode)
    return x


_MODES = ("reflect", "replicate", "circular")


def _with_number(x: Node, widths: Widths, axes: tuple[int, ...], value: Any) -> Node:
    if not value:
        return padded(x, widths, axes)
    taken = [(max(-before, 0), max(-after, 0)) for before, after in widths]
    x = cropped(x, taken, axes)
    pairs = [(0, 0)] * x.ndim
    for axis, (before, after) in zip(axes, widths, strict=True):
        pairs[axis] = (max(before, 0), max(after, 0))
    return BORDER(x, pad_width=tuple(pairs), value=value)


def _extended(x: Node, axis: int, before: int, after: int, mode: str) -> Node:
    """`x` with elements of its own added at the ends of an axis."""
    size = x.shape[axis]
    most = {"reflect": 1, "circular": 0, "replicate": None}[mode]
    if most is None:
        too_many = size == 0 and (before or after)
    else:
        too_many = isinstance(size, int) and max(before, after) > size - most
    if too_many:
        raise ShapeError(
            f"requires an axis as long as what mode {mode!r} adds, got "
            f"{format_shape(x.shape)} with {(before, after)} along axis {axis}",
            node=x.describe(),
        )
    parts = [_part(x, axis, before, mode, at_end=False)] if before else []
    parts.append(x)
    if after:
        parts.append(_part(x, axis, after, mode, at_end=True))
    return concatenate(parts, axis) if len(parts) > 1 else x


def _part(x: Node, axis: int, width: int, mode: str, *, at_end: bool) -> Node:
    size = x.shape[axis]
    if mode == "replicate":
        edge = slice_axis(x, axis, size - 1 if at_end else 0, size if at_end else 1)
        return broadcast_to(edge, (*x.shape[:axis], width, *x.shape[axis + 1 :]))
    if mode == "circular":
        start: Dimension = 0 if at_end else size - width
        return slice_axis(x, axis, start, start + width)
    start = size - 1 - width if at_end else 1
    part = slice_axis(x, axis, start, start + width)
    return getitem(part, (*(slice(None),) * axis, slice(None, None, -1)))
