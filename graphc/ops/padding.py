"""Arrays with elements added before and after those that are there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from ..errors import DTypeError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dim, Dimension, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange, ValueRanges
from ..ir.types import TensorType
from .as_loops import padded
from .element_texts import at, elements, letters, size_text
from .extrema import max, min
from .indexing import ADD_AT, GETITEM, SCATTER_ADD, slice_axis
from .joining import concatenate
from .numbers import numbers
from .reduction import mean
from .reordering import flip
from .repeating import source_of
from .shape import broadcast_to
from .slices import ARRAY, Slice, whole_index
from .source import ArrayLike, arange, as_node, astype, constant

Widths: TypeAlias = tuple[tuple[Dimension, Dimension], ...]
"""For each axis the number of elements to add before and after."""

_REPEATING = ("edge", "reflect", "symmetric", "wrap")
"""Modes that add elements of the array, each at a place that the shape tells."""


def _pad_infer(
    x: TensorType, *, pad_width: Widths, mode: str, constant_values: float
) -> TensorType:
    if len(pad_width) != x.ndim:
        raise ShapeError(
            f"requires widths for each of {x.ndim} axes, got {len(pad_width)}"
        )
    for axis, (size, widths) in enumerate(zip(x.shape, pad_width, strict=True)):
        if mode != "constant" and size == 0 and widths != (0, 0):
            raise ShapeError(
                f"mode {mode!r} has nothing to repeat along axis {axis} of size 0",
                hint='mode="constant"',
            )
    sizes = zip(x.shape, pad_width, strict=True)
    return x.with_shape(tuple(before + size + after for size, (before, after) in sizes))


def _pad_numpy(node: Node) -> str:
    widths: Widths = node.attributes["pad_width"]
    pairs = [f"({source_of(before)}, {source_of(after)})" for before, after in widths]
    arguments = f"x, ({', '.join(pairs)}{',' if len(pairs) == 1 else ''})"
    if node.attributes["mode"] != "constant":
        return f"np.pad({arguments}, mode=mode)"
    if repr(node.attributes["constant_values"]) in ("0.0", "0", "False"):
        return f"np.pad({arguments})"
    return f"np.pad({arguments}, constant_values={_number(node)})"


def _number(node: Node) -> str:
    lowest = node.attributes["constant_values"] == float("-inf")
    return "-np.inf" if lowest else "constant_values"


def _inside(node: Node) -> list[Any]:
    """The index of the array in the padded one."""
    index = whole_index(node.inputs[0].shape)
    widths: Widths = node.attributes["pad_width"]
    for axis, (before, after) in enumerate(widths):
        if (before, after) != (0, 0):
            size = node.inputs[0].shape[axis]
            index[axis] = Slice(before, before + size, None, size)
    return index


def _pad_into(node: Node) -> str:
    """A number all over and the array in its midst: `np.pad` does it step by step."""
    if node.attributes["mode"] != "constant":
        return f"out[...] = {_pad_numpy(node)}"
    items = [
        ":" if item.is_full else f"{source_of(item.start)}:{source_of(item.stop)}"
        for item in _inside(node)
    ]
    while len(items) > 1 and items[-1] == ":":
        items.pop()
    return f"out.fill({_number(node)})\nout[{', '.join(items)}] = x"


def _pad_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    mode: str = out.attributes["mode"]
    if mode == "constant":
        return (GETITEM(g, index=tuple(_inside(out))),)
    widths: Widths = out.attributes["pad_width"]
    for axis, (before, after) in enumerate(widths):
        if (before, after) != (0, 0):
            g = _folded(g, axis, before, after, mode)
    return (g,)


def _folded(g: Node, axis: int, before: Dimension, after: Dimension, mode: str) -> Node:
    """Copies along an axis added to the elements that they were taken from."""
    total = g.shape[axis]
    size = total - before - after
    most: Dimension = size - 1 if mode == "reflect" else size
    known = [each for each in (before, after, most) if isinstance(each, int)]
    repeats_once = len(known) == 3 and known[0] <= known[2] and known[1] <= known[2]
    if mode != "edge" and not repeats_once:
        return _folded_by_position(g, axis, before, after, mode)
    folded = slice_axis(g, axis, before, before + size)
    for start, width, at_end in ((0, before, False), (before + size, after, True)):
        if width == 0:
            continue
        part = slice_axis(g, axis, start, start + width)
        if mode == "edge":
            part, width = part.sum(axis, keepdims=True), 1
        elif mode != "wrap":
            part = flip(part, axis)
        first: Dimension = size - width if at_end != (mode == "wrap") else 0
        if mode == "reflect":
            first = first - 1 if at_end else 1
        index = whole_index(folded.shape)
        index[axis] = Slice(first, first + width, None, width)
        folded = ADD_AT(folded, part, index=tuple(index))
    return folded


def _folded_by_position(
    g: Node, axis: int, before: Dimension, after: Dimension, mode: str
) -> Node:
    size = g.shape[axis] - before - after
    places = PAD(
        arange(size), pad_width=((before, after),), mode=mode, constant_values=0
    )
    index = whole_index(g.shape)
    index[axis] = ARRAY
    shape = (*g.shape[:axis], size, *g.shape[axis + 1 :])
    return SCATTER_ADD(g, places, index=tuple(index), shape=shape)


def _pad_jvp(tangents: tuple[Any, ...], out: Node, x: Node) -> Node:
    return PAD(tangents[0], **{**out.attributes, "constant_values": 0.0})


def _pad_bounds(node: Node) -> list[tuple[Dimension, Dimension]]:
    widths: Widths = node.attributes["pad_width"]
    found = [(cast("Dimension", 0), each) for pair in widths for each in pair]
    if node.attributes["mode"] != "constant":
        sizes = zip(node.inputs[0].shape, widths, strict=True)
        found += [(1, size) for size, pair in sizes if pair != (0, 0)]
    return found


def _pad_range(node: Node, ranges: ValueRanges) -> ValueRange | None:
    return None if node.attributes["mode"] == "constant" else ranges[0]


def _pad_of_examples(batch: Batch, node: Node) -> Node:
    widths = ((0, 0), *node.attributes["pad_width"])
    given = {**node.attributes, "pad_width": widths}
    return node.op(batch.value(node.inputs[0]), **given)


def _elements(node: Node) -> str | None:
    """The array between zeros, or between elements of its ends."""
    mode, names = node.attributes["mode"], letters(node.ndim)
    is_of_zeros = mode == "constant" and not node.attributes["constant_values"]
    sizes = zip(names, node.inputs[0].shape, node.attributes["pad_width"], strict=True)
    index: list[str] = []
    for i, n, widths in sizes:
        inner = f"{i} - {size_text(widths[0])}"
        if widths == (0, 0):
            index.append(i)
        elif is_of_zeros:
            index.append(inner)
        elif mode == "edge":
            index.append(f"Max(0, Min({inner}, {size_text(n - 1)}))")
        elif mode == "wrap":
            index.append(f"mod({inner}, {size_text(n)})")
        else:
            return None
    return elements(names, at("x", index))


def _gradients(node: Node) -> tuple[str | None, ...]:
    """Between constants, the gradient is that of the part that is the array."""
    value = node.attributes["constant_values"]
    if node.attributes["mode"] != "constant" or not value:
        return ()
    names = letters(node.ndim)
    pairs = zip(names, node.attributes["pad_width"], strict=True)
    index = [f"{i} + {size_text(before)}" for i, (before, _) in pairs]
    return (elements(names, at("d", index)),)


PAD = Op(
    name="pad",
    mathematics=Mathematics(elements=_elements, gradients=_gradients),
    inputs=("x",),
    infer=_pad_infer,
    facts=Facts(zero_sign="kept"),
    kind="movement",
    loops=padded,
    numpy=_pad_numpy,
    into=_pad_into,
    vjp=_pad_vjp,
    jvp=_pad_jvp,
    value_range=_pad_range,
    size_bounds=_pad_bounds,
    batch=_pad_of_examples,
    cases=(
        Case(
            ((3, 4),),
            {"pad_width": ((1, 2), (0, 0)), "mode": "constant", "constant_values": 1.5},
        ),
        Case(
            ((0, 2),),
            {
                "pad_width": ((0, 0), (1, 1)),
                "mode": "constant",
                "constant_values": float("-inf"),
            },
        ),
        *(
            Case(
                ((3, 4),),
                {"pad_width": widths, "mode": mode, "constant_values": 0.0},
            )
            for mode, widths in (
                ("constant", ((0, 0), (1, 0))),
                ("edge", ((2, 0), (1, 5))),
                ("reflect", ((2, 1), (0, 3))),
                ("symmetric", ((0, 3), (2, 0))),
                ("wrap", ((1, 7), (2, 3))),
            )
        ),
    ),
)


@array_function
def pad(
    array: ArrayLike,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: int | None = None,
    reflect_type: str = "even",
) -> Node:
    """`array` with elements added before and after it along each axis.

    Args:
        array: the array.
        pad_width: how many to add: a number, `(before, after)` for all axes, or a pair
            for each axis; a dict of axes to numbers or pairs, too. Sizes may be named.
        mode: `"constant"`: a number. `"edge"`: the first or last element again.
            `"reflect"`: the elements next to it, mirrored at it; `"symmetric"`:
            mirrored together with it. `"wrap"`: from the other end.
            `"linear_ramp"`: from the edge to a number in equal steps. `"maximum"`,
            `"mean"`, `"minimum"`: of the elements along the axis.
        constant_values, end_values: the number, or numbers as `pad_width` has them, of
            modes `"constant"` and `"linear_ramp"`.
        stat_length: how many elements at the edge the last three modes take; all
            where None.
        reflect_type: `"even"`.

    Raises:
        OptionError: a mode that does not exist, or a negative width.
        ShapeError: widths for another number of axes, or nothing to repeat.

    >>> import graphc as gc
    >>> gc.evaluate(gc.pad([1, 2, 3], 1), {})
    array([0, 1, 2, 3, 0])
    >>> gc.evaluate(gc.pad([1, 2, 3], (2, 1), mode="reflect"), {})
    array([3, 2, 1, 2, 3, 2])
    """
    x = as_node(array)
    widths = _widths(pad_width, x)
    if reflect_type != "even":
        raise UnsupportedError(
            f'pad has reflect_type="even" alone, got {reflect_type!r}',
            node=x.describe(),
            hint='2 * edge - gc.pad(x, pad_width, mode="reflect")',
        )
    if mode == "constant":
        values = _pairs(constant_values, x, "constant_values")
        return _with_constants(x, widths, values)
    if mode in _REPEATING:
        if all(pair == (0, 0) for pair in widths):
            return x
        return PAD(x, pad_width=widths, mode=mode, constant_values=0.0)
    ends = _pairs(end_values, x, "end_values")
    for axis, pair in enumerate(widths):
        if pair != (0, 0):
            x = _padded_along(x, axis, pair, mode, ends[axis], stat_length)
    return x


def _with_constants(x: Node, widths: Widths, values: Any) -> Node:
    found = [numbers(each, x.dtype).item() for pair in values for each in pair]
    if all(repr(each) == repr(found[0]) for each in found):
        if all(pair == (0, 0) for pair in widths):
            return x
        number = found[0] if found else 0.0
        return PAD(x, pad_width=widths, mode="constant", constant_values=number)
    for axis, (pair, two) in enumerate(zip(widths, values, strict=True)):
        for side, number in enumerate(two):
            only: list[tuple[Dimension, Dimension]] = [(0, 0)] * x.ndim
            only[axis] = (pair[0], 0) if side == 0 else (0, pair[1])
            x = _with_constants(x, tuple(only), [(number, number)])
    return x


def _padded_along(
    x: Node,
    axis: int,
    widths: tuple[Dimension, Dimension],
    mode: str,
    ends: tuple[Any, Any],
    stat_length: int | None,
) -> Node:
    size = x.shape[axis]
    if stat_length is not None and stat_length < 1:
        raise OptionError(f"stat_length must be positive, got {stat_length}")
    parts: list[Node] = [x]
    for side, (width, end) in enumerate(zip(widths, ends, strict=True)):
        if width == 0:
            continue
        if mode == "linear_ramp":
            part = _ramp(x, axis, width, end, at_end=side == 1)
        elif mode in _STATISTICS:
            known = isinstance(size, int) and stat_length is not None
            count = min_of(int(size), stat_length or 0) if known else size
            start = size - count if side == 1 else 0
            edge = slice_axis(x, axis, start, start + count)
            found = _STATISTICS[mode](edge, axis=axis, keepdims=True)
            shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
            part = broadcast_to(astype(found, x.dtype), shape)
        else:
            modes = ("constant", *_REPEATING, "linear_ramp", *_STATISTICS)
            raise OptionError(
                f"mode must be one of {', '.join(map(repr, modes))}, got {mode!r}",
                node=x.describe(),
            )
        parts.insert(0 if side == 0 else len(parts), part)
    return concatenate(parts, axis)


def min_of(first: int, second: int) -> int:
    """The smaller of two integers."""
    return first if first < second else second


def _ramp(x: Node, axis: int, width: Dimension, end: Any, *, at_end: bool) -> Node:
    """From a number to the edge, which is not part of it, in equal steps."""
    size = x.shape[axis]
    steps = int(width)
    edge = slice_axis(x, axis, size - 1 if at_end else 0, size if at_end else 1)
    shape = [1] * x.ndim
    shape[axis] = steps
    weights = (np.arange(steps) / steps).reshape(shape)
    if at_end:
        weights = weights[(slice(None),) * axis + (slice(None, None, -1),)]
    start = numbers(end, x.dtype)
    ramp = start + (edge - start) * constant(weights, _floating(x))
    return astype(ramp, x.dtype)


def _floating(x: Node) -> Any:
    return x.dtype if x.dtype.kind == "f" else np.dtype("float64")


_STATISTICS: dict[str, Callable[..., Node]] = {
    "maximum": max,
    "mean": mean,
    "minimum": min,
}


def _widths(pad_width: Any, x: Node) -> Widths:
    pairs = _pairs(pad_width, x, "pad_width")
    return tuple((_width(before, x), _width(after, x)) for before, after in pairs)


def _width(value: Any, x: Node) -> Dimension:
    if isinstance(value, Dim):
        return value
    try:
        width = operator.index(value)
    except TypeError:
        raise DTypeError(
            f"pad_width must be integers, got {value!r}", node=x.describe()
        ) from None
    if width < 0:
        raise OptionError(
            f"pad_width must not be negative, got {width}",
            node=x.describe(),
            hint="x[1:-1] takes away what is not wanted",
        )
    return width


def _pairs(value: Any, x: Node, what: str) -> list[tuple[Any, Any]]:
    """A number, a pair, or a pair for each axis, as a pair for each axis."""
    if isinstance(value, dict):
        given = cast("dict[Any, Any]", value)
        pairs: list[tuple[Any, Any]] = [(0, 0)] * x.ndim
        for axis, each in given.items():
            if not isinstance(axis, int) or not -x.ndim <= axis < x.ndim:
                raise _wrong(value, x, what)
            pairs[axis] = _pair(each, x, what)
        return pairs
    if not isinstance(value, tuple | list | np.ndarray):
        return [(value, value)] * x.ndim
    items = list(cast("Sequence[Any]", value))
    if any(isinstance(item, tuple | list | np.ndarray) for item in items):
        pairs = [_pair(item, x, what) for item in items]
        if len(pairs) == 1:
            return pairs * x.ndim
        if len(pairs) != x.ndim:
            raise _wrong(value, x, what)
        return pairs
    return [_pair(items, x, what)] * x.ndim


def _pair(value: Any, x: Node, what: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list | np.ndarray):
        return value, value
    items = list(cast("Sequence[Any]", value))
    if len(items) not in (1, 2):
        raise _wrong(value, x, what)
    return items[0], items[-1]


def _wrong(value: Any, x: Node, what: str) -> ShapeError:
    return ShapeError(
        f"{what} must be a number, (before, after), or a pair for each axis of "
        f"{format_shape(x.shape)}, got {value!r}",
        node=x.describe(),
        hint="((1, 1), (0, 0)) for one row above and one below a matrix",
    )
