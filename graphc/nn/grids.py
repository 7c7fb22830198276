"""Images read at positions of a grid, and grids of affine maps of positions.

Positions are from -1 to 1 across the image, the last axis first: `(x, y)`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.dims import Dimension, Shape, as_shape, format_shape, product
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from ..ops.along_axis import take_along_axis
from ..ops.arithmetic import abs, where
from ..ops.clipping import clip
from ..ops.rounding import floor, rint
from ..ops.shape import broadcast_to, expand_dims, reshape
from ..ops.source import ArrayLike, arange, as_node, astype, dimension
from ..ops.type_rules import floating
from .resampling import cubic_weight

_TAPS = {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}
_BORDERS = ("zeros", "border", "reflection")


def _sample_infer(
    input: TensorType,
    grid: TensorType,
    *,
    mode: str,
    padding_mode: str,
    align_corners: bool,
) -> TensorType:
    floating(input)
    floating(grid, "grid")
    count = input.ndim - 2
    if count not in (2, 3):
        raise ShapeError(
            "requires input of shape (batch, channels, height, width), or with a "
            f"depth, got {format_shape(input.shape)}"
        )
    if (
        grid.ndim != input.ndim
        or grid.shape[0] != input.shape[0]
        or grid.shape[-1] != count
    ):
        raise ShapeError(
            f"requires a grid of shape (batch, ..., {count}) of rank {input.ndim}, "
            f"got {format_shape(grid.shape)} for input {format_shape(input.shape)}"
        )
    if mode == "bicubic" and count != 2:
        raise OptionError("mode 'bicubic' is for images with two spatial axes")
    if any(size == 0 for size in input.shape[2:]):
        raise ShapeError(f"requires pixels, got {format_shape(input.shape)}")
    dtype = np.result_type(input.dtype, grid.dtype)
    return TensorType(dtype, (*input.shape[:2], *grid.shape[1:-1]))


def _sample_expand(
    input: Node, grid: Node, *, mode: str, padding_mode: str, align_corners: bool
) -> Node:
    sizes = input.shape[2:]
    batch, channels = input.shape[:2]
    places = grid.shape[1:-1]
    along: list[list[tuple[Node, Node | None]]] = []
    for number, size in enumerate(sizes):
        # The grid has the last axis first.
        position = grid[..., len(sizes) - 1 - number]
        along.append(_taps(position, size, mode, padding_mode, align_corners))
    flat = reshape(input, (batch, channels, product(sizes)))
    total: Node | None = None
    for corner in itertools.product(*along):
        index, weight = _corner(corner, sizes)
        chosen = reshape(astype(index, "int64"), (batch, 1, product(places)))
        chosen = broadcast_to(chosen, (batch, channels, product(places)))
        pixels = take_along_axis(flat, chosen, -1)
        pixels = reshape(pixels, (batch, channels, *places))
        if weight is not None:
            pixels = pixels * expand_dims(weight, 1)
        total = pixels if total is None else total + pixels
    assert total is not None
    return astype(total, np.result_type(input.dtype, grid.dtype))


def _corner(
    corner: Sequence[tuple[Node, Node | None]], sizes: Shape
) -> tuple[Node, Node | None]:
    """The position in the flat image, and the weight, of one neighbour of each."""
    index, weight = corner[0]
    for number, (place, factor) in enumerate(corner[1:], 1):
        index = index * _number(sizes[number], index) + place
        if factor is not None:
            weight = factor if weight is None else weight * factor
    return index, weight


def _number(size: Dimension, like: Node) -> Node:
    return dimension(size, like.dtype)


def _taps(
    position: Node, size: Dimension, mode: str, border: str, align_corners: bool
) -> list[tuple[Node, Node | None]]:
    """The elements along an axis that are read for each position, with weights."""
    count = _number(size, position)
    if align_corners:
        x = (position + 1.0) * ((count - 1.0) * 0.5)
    else:
        x = ((position + 1.0) * count - 1.0) * 0.5
    if mode != "bicubic":
        x = _bounded(x, count, border, align_corners)
    x = x.named("position")
    first = rint(x) if mode == "nearest" else floor(x)
    rest = x - first
    found: list[tuple[Node, Node | None]] = []
    for tap in _TAPS[mode]:
        place = first + float(tap) if tap else first
        weight: Node | None = None
        if mode == "bilinear":
            weight = rest if tap else 1.0 - rest
        elif mode == "bicubic":
            weight = cubic_weight(rest, tap)
            place = _bounded(place, count, border, align_corners)
        inside = clip(place, 0.0, count - 1.0)
        if border == "zeros":
            is_inside = astype(place == inside, x.dtype)
            weight = is_inside if weight is None else weight * is_inside
        found.append((inside, weight))
    return found


def _bounded(x: Node, count: Node, border: str, align_corners: bool) -> Node:
    """Positions outside of an image taken for some inside of it."""
    if border == "zeros":
        return x
    if border == "reflection":
        low = 0.0 if align_corners else -0.5
        width = count - 1.0 if align_corners else count
        distance = abs(x - low)
        # An image of one pixel has no width to be reflected in.
        safe = where(width == 0.0, 1.0, width)
        times = floor(distance / safe)
        rest = distance - times * safe
        is_even = floor(times * 0.5) * 2.0 == times
        x = where(is_even, rest, safe - rest) + low
    return clip(x, 0.0, count - 1.0)


_SAMPLE_CASES = (("bilinear", "zeros", False), ("bicubic", "reflection", True))

GRID_SAMPLE = Op(
    name="grid_sample",
    inputs=("input", "grid"),
    infer=_sample_infer,
    expand=_sample_expand,
    cases=tuple(
        Case(
            ((2, 2, 3, 4), (2, 2, 1, 2)),
            {"mode": mode, "padding_mode": border, "align_corners": align},
            low=-1.1,
            high=1.1,
        )
        for mode, border, align in _SAMPLE_CASES
    ),
)


def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Node:
    """Images read at the positions of a grid, between pixels by interpolation.

    `y[n, c, i, j] = input[n, c, y, x]` with `(x, y) = grid[n, i, j]`, of which -1 and 1
    are the edges of the image, or the centres of the first and last pixel with
    `align_corners`.

    Args:
        input: `(batch, channels, height, width)`, or with a depth before the height.
        grid: `(batch, height, width, 2)` of `(x, y)`, or with a depth and `(x, y, z)`.
        mode: `"bilinear"`, `"nearest"` or `"bicubic"`.
        padding_mode: the values outside of the image: `"zeros"`, `"border"` for the
            nearest pixel, `"reflection"` for the image mirrored at its edges.
        align_corners: see above; None is False.

    Returns:
        `(batch, channels, height, width)`, with sizes of the grid.

    Raises:
        ShapeError: a grid that does not fit the input.
        OptionError: a mode that does not exist.

    Source: Jaderberg et al. 2015, "Spatial transformer networks".

    >>> import graphc as gc
    >>> x = gc.constant([[[[1.0, 2.0], [3.0, 5.0]]]])
    >>> centre = gc.zeros((1, 1, 1, 2), "float64")
    >>> gc.evaluate(gc.nn.grid_sample(x, centre), {})
    array([[[[2.75]]]])
    """
    for what, value, choices in (
        ("mode", mode, tuple(_TAPS)),
        ("padding_mode", padding_mode, _BORDERS),
    ):
        if value not in choices:
            names = ", ".join(map(repr, choices))
            raise OptionError(f"{what} must be one of {names}, got {value!r}")
    return GRID_SAMPLE(
        as_node(input),
        as_node(grid),
        mode=mode,
        padding_mode=padding_mode,
        align_corners=bool(align_corners),
    )


def _affine_infer(theta: TensorType, *, size: Shape, align_corners: bool) -> TensorType:
    floating(theta, "theta")
    count = len(size) - 2
    if count not in (2, 3):
        raise ShapeError(
            "requires a size of (batch, channels, height, width), or with a depth, "
            f"got {format_shape(size)}"
        )
    if theta.shape != (size[0], count, count + 1):
        raise ShapeError(
            f"requires theta of shape {format_shape((size[0], count, count + 1))}, "
            f"got {format_shape(theta.shape)}"
        )
    return theta.with_shape((size[0], *size[2:], count))


def _affine_expand(theta: Node, *, size: Shape, align_corners: bool) -> Node:
    count = len(size) - 2
    # One matrix for each pixel, by broadcasting.
    maps = expand_dims(theta, tuple(range(1, count + 1)))
    total = maps[..., count]
    for number, pixels in enumerate(size[2:]):
        n = _number(pixels, theta)
        steps = astype(arange(pixels), theta.dtype)
        if align_corners:
            along = steps * 2.0 / (n - 1.0) - 1.0 if pixels != 1 else steps
        else:
            along = (steps * 2.0 + 1.0) / n - 1.0
        along = reshape(along, (pixels, *(1 for _ in range(count - number))))
        total = total + maps[..., count - 1 - number] * along
    return broadcast_to(total, (size[0], *size[2:], count))


AFFINE_GRID = Op(
    name="affine_grid",
    inputs=("theta",),
    infer=_affine_infer,
    expand=_affine_expand,
    cases=(
        Case(((2, 2, 3),), {"size": (2, 1, 3, 2), "align_corners": False}),
        Case(((1, 3, 4),), {"size": (1, 1, 2, 1, 3), "align_corners": True}),
    ),
)


def affine_grid(theta: ArrayLike, size: Any, align_corners: bool | None = None) -> Node:
    """Positions of pixels after an affine map, for `grid_sample`.

    `y[n, i, j] = theta[n] @ (x_j, y_i, 1)`, with positions from -1 to 1.

    Args:
        theta: `(batch, 2, 3)`, or `(batch, 3, 4)` for volumes.
        size: `(batch, channels, height, width)`, or with a depth.
        align_corners: True where -1 and 1 are the centres of the outermost pixels, and
            not the edges of the image; None is False.

    Returns:
        `(batch, height, width, 2)`, or with a depth and three coordinates.

    Raises:
        ShapeError: `theta` does not fit `size`.

    Source: Jaderberg et al. 2015, "Spatial transformer networks".

    >>> import graphc as gc
    >>> identity = [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    >>> gc.evaluate(gc.nn.affine_grid(identity, (1, 1, 1, 2)), {})
    array([[[[-0.5,  0. ],
             [ 0.5,  0. ]]]])
    """
    if not isinstance(size, tuple | list):
        raise DTypeError(f"size must be a tuple of sizes, got {size!r}")
    sizes = as_shape(cast("Any", size))
    return AFFINE_GRID(as_node(theta), size=sizes, align_corners=bool(align_corners))
