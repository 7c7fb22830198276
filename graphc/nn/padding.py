"""Borders around arrays, in torch's order of arguments."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError
from ..ir.dims import format_shape
from ..ir.node import Node
from ..ops.numbers import numbers
from ..ops.padding import PAD
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
        number = numbers(number, x.dtype).item()
        if not number:
            return padded(x, widths, axes)
        return _bordered(x, widths, axes, mode, number)
    if mode not in _MODES:
        modes = ", ".join(map(repr, ("constant", *_MODES)))
        raise OptionError(f"mode must be one of {modes}, got {mode!r}")
    if value is not None:
        raise OptionError(
            f'value is for mode="constant", got {value!r} for mode={mode!r}',
            node=x.describe(),
        )
    return _bordered(x, widths, axes, mode, 0.0)


_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""Modes under the names that they have in NumPy."""


def _bordered(
    x: Node, widths: Widths, axes: tuple[int, ...], mode: str, value: Any
) -> Node:
    taken = [(max(-before, 0), max(-after, 0)) for before, after in widths]
    x = cropped(x, taken, axes)
    pairs = [(0, 0)] * x.ndim
    for axis, (before, after) in zip(axes, widths, strict=True):
        pairs[axis] = (max(before, 0), max(after, 0))
        if mode != "constant":
            _check_length(x, axis, pairs[axis], mode)
    return PAD(
        x,
        pad_width=tuple(pairs),
        mode=_MODES.get(mode, mode),
        constant_values=value,
    )


def _check_length(x: Node, axis: int, widths: tuple[int, int], mode: str) -> None:
    """Raise where an axis is shorter than what is to be taken from it."""
    size = x.shape[axis]
    if mode == "replicate":
        is_short = size == 0 and widths != (0, 0)
    else:
        is_short = isinstance(size, int) and max(widths) > size - (mode == "reflect")
    if is_short:
        raise ShapeError(
            f"requires an axis as long as what mode {mode!r} adds, got "
            f"{format_shape(x.shape)} with {widths} along axis {axis}",
            node=x.describe(),
        )
