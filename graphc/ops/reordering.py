"""Arrays whose elements go along an axis in another order: reversed, or rolled."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, cast

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from .as_loops import flipped
from .axes import normalize_axes, normalize_axis, ordered_axes
from .element_texts import at, elements, letters, size_text
from .rearranged_as_loops import rolled
from .shape import reshape, transpose
from .source import ArrayLike, as_node
from .type_rules import same_type


def _one_or_several(items: tuple[int, ...]) -> str:
    return str(items[0] if len(items) == 1 else items)


FLIP = Op(
    name="flip",
    inputs=("x",),
    infer=same_type,
    kind="view",
    loops=flipped,
    numpy=lambda node: f"np.flip(x, axis={_one_or_several(node.attributes['axis'])})",
    vjp=lambda g, out, x: (FLIP(g, **out.attributes),),
    jvp="linear",
    cases=(Case(((3, 4),), {"axis": (0, 1)}), Case(((0, 3),), {"axis": (1,)})),
)


@array_function
def flip(m: ArrayLike, axis: Any = None) -> Node:
    """`m` with its elements along `axis` in reverse order: a view.

    Args:
        m: an array.
        axis: one axis or several; all where None.

    Raises:
        IndexRangeError, OptionError: an axis that is not there, or named twice.

    >>> import graphc as gc
    >>> gc.evaluate(gc.flip([[1, 2], [3, 4]], axis=1), {})
    array([[2, 1],
           [4, 3]])
    """
    x = as_node(m)
    axes = normalize_axes(axis, x)
    return FLIP(x, axis=axes) if axes else x


def _with_axes(m: ArrayLike, least: int, function: str) -> Node:
    x = as_node(m)
    if x.ndim < least:
        raise ShapeError(
            f"{function} requires at least {least} axes, got {format_shape(x.shape)}",
            node=x.describe(),
            hint=f"gc.atleast_{least}d(m)",
        )
    return x


@array_function
def flipud(m: ArrayLike) -> Node:
    """`m` with axis 0 in reverse order: its rows upside down.

    >>> import graphc as gc
    >>> gc.evaluate(gc.flipud([[1, 2], [3, 4]]), {})
    array([[3, 4],
           [1, 2]])
    """
    return flip(_with_axes(m, 1, "flipud"), 0)


@array_function
def fliplr(m: ArrayLike) -> Node:
    """`m` with axis 1 in reverse order: its columns from right to left.

    >>> import graphc as gc
    >>> gc.evaluate(gc.fliplr([[1, 2], [3, 4]]), {})
    array([[2, 1],
           [4, 3]])
    """
    return flip(_with_axes(m, 2, "fliplr"), 1)


@array_function
def rot90(m: ArrayLike, k: int = 1, axes: Any = (0, 1)) -> Node:
    """`m` rotated by `k` quarter turns in the plane of two axes: a view.

    Args:
        m: an array with at least two axes.
        k: the number of turns, from the first of `axes` towards the second.
        axes: the two axes of the plane.

    Raises:
        OptionError: `axes` are not two.

    >>> import graphc as gc
    >>> gc.evaluate(gc.rot90([[1, 2], [3, 4]]), {})
    array([[2, 4],
           [1, 3]])
    """
    x = _with_axes(m, 2, "rot90")
    plane = ordered_axes(axes, x.ndim, x, "axes")
    if len(plane) != 2:
        raise OptionError(
            f"rot90 requires two axes, got {axes!r}", node=x.describe(), hint="(0, 1)"
        )
    turns = operator.index(k) % 4
    if turns % 2 == 0:
        return flip(x, plane) if turns else x
    order = list(range(x.ndim))
    order[plane[0]], order[plane[1]] = plane[1], plane[0]
    if turns == 1:
        return transpose(flip(x, plane[1]), order)
    return flip(transpose(x, order), plane[1])


def _roll_numpy(node: Node) -> str:
    shift, axis = (_one_or_several(node.attributes[key]) for key in ("shift", "axis"))
    return f"np.roll(x, {shift}, axis={axis})"


def _roll_into(node: Node) -> str:
    """Two copies where that is all, without the array that `np.roll` makes."""
    shifts: tuple[int, ...] = node.attributes["shift"]
    shift, axis = shifts[0], cast("int", node.attributes["axis"][0])
    size = node.shape[axis]
    if len(shifts) > 1 or not isinstance(size, int) or not size or not shift % size:
        return f"out[...] = {_roll_numpy(node)}"
    shift %= size
    before = ":, " * axis
    return (
        f"out[{before}:{shift}] = x[{before}{size - shift}:]\n"
        f"out[{before}{shift}:] = x[{before}:{size - shift}]"
    )


def _roll_elements(node: Node) -> str:
    axes: tuple[int, ...] = node.attributes["axis"]
    shifts = zip(axes, node.attributes["shift"], strict=True)
    names = letters(node.ndim)
    index = list(names)
    for axis, shift in shifts:
        index[axis] = f"mod({index[axis]} - ({shift}), {size_text(node.shape[axis])})"
    return elements(names, at("x", index))


ROLL = Op(
    name="roll",
    mathematics=Mathematics(elements=_roll_elements),
    loops=rolled,
    inputs=("x",),
    infer=same_type,
    facts=Facts(rearranges=True),
    kind="movement",
    numpy=_roll_numpy,
    into=_roll_into,
    vjp=lambda g, out, x: (
        ROLL(
            g,
            shift=tuple(-by for by in out.attributes["shift"]),
            axis=out.attributes["axis"],
        ),
    ),
    jvp="linear",
    cases=(
        Case(((3, 4),), {"shift": (-1,), "axis": (1,)}),
        Case(((3, 4),), {"shift": (2, 1), "axis": (0, 1)}),
        Case(((0, 3),), {"shift": (4,), "axis": (0,)}),
    ),
)


@array_function
def roll(a: ArrayLike, shift: Any, axis: Any = None) -> Node:
    """`a` with its elements moved along `axis`; what leaves at one end enters at the
    other: `out[i] = a[(i - shift) % size]`.

    Args:
        a: an array.
        shift: by how many places, or a number for each axis.
        axis: one axis or several; the flat array where None.

    Raises:
        OptionError: more shifts than one, and not one for each axis.
        DTypeError: a shift that is not an integer.

    >>> import graphc as gc
    >>> gc.evaluate(gc.roll([1, 2, 3, 4], 1), {})
    array([4, 1, 2, 3])
    """
    x = as_node(a)
    shifts = _integers(shift, x)
    if axis is None:
        if x.ndim != 1:
            return reshape(roll(reshape(x, -1), shift, 0), x.shape)
        axis = 0
    several: list[Any] = (
        list(cast("Sequence[Any]", axis)) if isinstance(axis, tuple | list) else [axis]
    )
    axes = [normalize_axis(each, x.ndim, x) for each in several]
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    if len(shifts) != len(axes):
        raise OptionError(
            f"roll requires a shift for each axis, got {shift!r} and {axis!r}",
            node=x.describe(),
        )
    total: dict[int, int] = {}
    for along, by in zip(axes, shifts, strict=True):
        total[along] = total.get(along, 0) + by
    moved = {along: by for along, by in total.items() if by}
    if not moved:
        return x
    return ROLL(x, shift=tuple(moved.values()), axis=tuple(moved))


def _integers(shift: Any, x: Node) -> list[int]:
    several = cast("Any", shift if isinstance(shift, tuple | list) else [shift])
    try:
        return [operator.index(each) for each in several]
    except TypeError:
        raise DTypeError(
            f"roll requires shifts that are integers, got {shift!r}",
            node=x.describe(),
            hint="gc.take(a, (gc.arange(size) - shift) % size) for a computed shift",
        ) from None
