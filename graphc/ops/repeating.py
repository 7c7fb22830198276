"""Arrays that are repeated, as a whole or element by element."""

from __future__ import annotations

import math
import operator
from typing import Any, cast

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError, ShapeError, UnsupportedError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dim, Dimension, Shape, as_dimension, as_shape, format_shape
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .as_loops import tiled
from .axes import normalize_axis
from .element_texts import at, elements, letters, size_text
from .indexing import SCATTER_ADD
from .rearranged_as_loops import repeated
from .shape import reshape
from .slices import ARRAY, whole_index
from .source import ArrayLike, as_node, constant, zeros


def source_of(size: Dimension) -> str:
    """A size in the source of a template."""
    return size.source("dim_") if isinstance(size, Dim) else str(size)


def _shape_source(shape: Shape) -> str:
    return ", ".join(source_of(size) for size in shape)


def _tile_infer(x: TensorType, *, reps: Shape) -> TensorType:
    if len(reps) < x.ndim:
        raise ShapeError(f"requires a number for each axis, got {reps}")
    sizes = (1,) * (len(reps) - x.ndim) + x.shape
    return x.with_shape(tuple(s * r for s, r in zip(sizes, reps, strict=True)))


def _tiled_parts(shape: Shape, reps: Shape) -> tuple[Shape, tuple[int, ...], str]:
    """The result's shape with an axis for repetitions before each that is repeated,
    these axes, and the index that gives the array itself as many axes."""
    sizes = (1,) * (len(reps) - len(shape)) + shape
    parts: list[Dimension] = []
    repeated: list[int] = []
    index: list[str] = []
    for axis, (size, times) in enumerate(zip(sizes, reps, strict=True)):
        if times != 1:
            repeated.append(len(parts))
            parts.append(times)
            index.append("None")
        parts.append(size)
        index.append(":" if axis >= len(reps) - len(shape) else "None")
    return tuple(parts), tuple(repeated), ", ".join(index)


def _tile_into(node: Node) -> str:
    x = node.inputs[0]
    parts, _, index = _tiled_parts(x.shape, node.attributes["reps"])
    return f"out.reshape({_shape_source(parts)})[...] = x[{index}]"


def _tile_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    parts, repeated, _ = _tiled_parts(x.shape, out.attributes["reps"])
    return (reshape(reshape(g, parts).sum(repeated), x.shape),)


def _tile_of_examples(batch: Batch, node: Node) -> Node:
    (x,), reps = node.inputs, node.attributes["reps"]
    reps = (*(1,) * (x.ndim - len(reps)), *reps)
    return node.op(batch.aligned(x, node.ndim), reps=(1, *reps))


def _tile_elements(node: Node) -> str:
    (x,), names = node.inputs, letters(node.ndim)
    own = zip(names[node.ndim - x.ndim :], x.shape, node.shape[-x.ndim :], strict=True)
    taken = [i if n == m else f"mod({i}, {size_text(n)})" for i, n, m in own]
    return elements(names, at("x", taken if x.ndim else []))


TILE = Op(
    name="tile",
    mathematics=Mathematics(elements=_tile_elements),
    inputs=("x",),
    infer=_tile_infer,
    facts=Facts(rearranges=True),
    kind="movement",
    loops=tiled,
    numpy="np.tile(x, reps)",
    into=_tile_into,
    vjp=_tile_vjp,
    jvp="linear",
    batch=_tile_of_examples,
    size_bounds=lambda node: [(0, each) for each in node.attributes["reps"]],
    cases=(
        Case(((3, 4),), {"reps": (2, 1)}),
        Case(((3,),), {"reps": (2, 1, 3)}),
        Case(((0, 2),), {"reps": (2, 2)}),
    ),
)


@array_function
def tile(A: ArrayLike, reps: Any) -> Node:
    """`A` repeated `reps` times along each axis.

    Args:
        A: an array.
        reps: a number for each axis, for the last ones where there are fewer; new axes
            in front where there are more.

    Raises:
        ShapeError: `reps` are not sizes.

    >>> import graphc as gc
    >>> gc.evaluate(gc.tile([1, 2], (2, 2)), {})
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]])
    """
    x = as_node(A)
    try:
        times = as_shape(reps)
    except GraphcError as error:
        raise error.locate(node=f"tile({x.describe()})") from None
    times = (1,) * (x.ndim - len(times)) + times
    if all(each == 1 for each in times):
        return reshape(x, (1,) * (len(times) - x.ndim) + x.shape)
    return TILE(x, reps=times)


def _repeat_infer(x: TensorType, *, repeats: Any, axis: int) -> TensorType:
    size = x.shape[axis]
    if isinstance(repeats, tuple):
        counts = cast("tuple[int, ...]", repeats)
        if len(counts) != size:
            raise ShapeError(
                f"requires a count for each of {size} along axis {axis}, "
                f"got {len(counts)}"
            )
        size = sum(counts)
    else:
        size = size * repeats
    return x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :]))


def _repeated_parts(node: Node) -> Shape:
    """The result's shape with an axis for repetitions after the repeated one."""
    axis: int = node.attributes["axis"]
    shape = node.inputs[0].shape
    return (*shape[: axis + 1], node.attributes["repeats"], *shape[axis + 1 :])


def _repeat_into(node: Node) -> str:
    if isinstance(node.attributes["repeats"], tuple):
        return "out[...] = np.repeat(x, repeats, axis=axis)"
    index = ":, " * (node.attributes["axis"] + 1) + "None"
    parts = _shape_source(_repeated_parts(node))
    return f"out.reshape({parts})[...] = x[{index}]"


def _repeat_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    axis: int = out.attributes["axis"]
    if not isinstance(out.attributes["repeats"], tuple):
        return (reshape(g, _repeated_parts(out)).sum(axis + 1),)
    counts = cast("tuple[int, ...]", out.attributes["repeats"])
    places = constant(np.repeat(np.arange(len(counts)), counts))
    index = whole_index(x.shape)
    index[axis] = ARRAY
    return (SCATTER_ADD(g, places, index=tuple(index), shape=x.shape),)


def _repeat_elements(node: Node) -> str | None:
    """The place of the element that is repeated, as often as all others."""
    axis, count = node.attributes["axis"], node.attributes["repeats"]
    names = letters(node.ndim)
    if not isinstance(count, int):
        return None
    index = [*names[:axis], f"floor({names[axis]} / {count})", *names[axis + 1 :]]
    return elements(names, at("x", index))


REPEAT = Op(
    name="repeat",
    mathematics=Mathematics(elements=_repeat_elements),
    loops=repeated,
    inputs=("x",),
    infer=_repeat_infer,
    facts=Facts(rearranges=True),
    kind="movement",
    numpy="np.repeat(x, repeats, axis=axis)",
    into=_repeat_into,
    vjp=_repeat_vjp,
    jvp="linear",
    cases=(
        Case(((3, 4),), {"repeats": 2, "axis": 0}),
        Case(((3, 2),), {"repeats": (2, 0, 3), "axis": 0}),
        Case(((2, 0),), {"repeats": 3, "axis": 1}),
    ),
)


@array_function
def repeat(a: ArrayLike, repeats: Any, axis: int | None = None) -> Node:
    """Each element of `a` repeated, along `axis` or of the flat array where None.

    Args:
        a: an array.
        repeats: how often: one number or size, or a known count for each place.
        axis: along which; None for the flat array.

    Raises:
        UnsupportedError: counts that depend on data, as the shape would.
        OptionError: a negative count.
        ShapeError: not one count for each place.

    >>> import graphc as gc
    >>> gc.evaluate(gc.repeat([1, 2], 2), {})
    array([1, 1, 2, 2])
    >>> gc.evaluate(gc.repeat([[1], [2]], [1, 2], axis=0), {})
    array([[1],
           [2],
           [2]])
    """
    x = as_node(a)
    if axis is None:
        x, axis = reshape(x, -1), 0
    along = normalize_axis(axis, x.ndim, x)
    times = _counts(repeats, x)
    return x if times == 1 else REPEAT(x, repeats=times, axis=along)


def _counts(repeats: Any, x: Node) -> Any:
    """One number or size, or a tuple of numbers."""
    where = f"repeat({x.describe()})"
    if isinstance(repeats, Node):
        raise UnsupportedError(
            f"repeats {repeats.describe()} are known only when the program runs",
            node=where,
            hint="known counts, or gc.take with as many positions as are needed",
        )
    if isinstance(repeats, Dim | str):
        return as_dimension(repeats, "repeats")
    try:
        found = np.asarray(repeats)
        if not found.size:
            found = found.astype(np.intp)
        items = [operator.index(each) for each in found.reshape(-1)]
    except (TypeError, ValueError):
        raise DTypeError(
            f"repeats must be integers, got {repeats!r}", node=where
        ) from None
    if any(each < 0 for each in items):
        raise OptionError(f"repeats must not be negative, got {repeats!r}", node=where)
    if found.ndim > 1:
        raise ShapeError(
            f"repeats must be one number or a list, got {repeats!r}", node=where
        )
    return items[0] if len(items) == 1 else tuple(items)


def repeat_interleave(
    input: ArrayLike, repeats: Any, dim: int | None = None, *, output_size: Any = None
) -> Node:
    """torch's name of `gc.repeat`.

    Args:
        input: an array.
        repeats: how often, or a known count for each place.
        dim: along which axis; None for the flat array.
        output_size: the size of the result along it, which is known anyway.

    >>> import graphc as gc
    >>> gc.evaluate(gc.repeat_interleave([1, 2], 2), {})
    array([1, 1, 2, 2])
    """
    found = repeat(input, repeats, dim)
    size = found.shape[0 if dim is None else dim]
    if output_size is not None and str(size) != str(output_size):
        raise ShapeError(
            f"output_size must be {size}, got {output_size}", node=found.describe()
        )
    return found


@array_function
def resize(a: ArrayLike, new_shape: Any) -> Node:
    """The elements of `a`, again from the start where these are not enough.

    Args:
        a: an array of known sizes.
        new_shape: integers.

    Raises:
        UnsupportedError: a size that is known only when the program runs.

    >>> import graphc as gc
    >>> gc.evaluate(gc.resize([1, 2, 3], (2, 2)), {})
    array([[1, 2],
           [3, 1]])
    """
    x = as_node(a)
    shape = as_shape(new_shape)
    count, wanted = x.size, math.prod(int(size) for size in shape)
    if not isinstance(count, int):
        raise UnsupportedError(
            f"resize requires known sizes, got {format_shape(x.shape)}",
            node=x.describe(),
        )
    if not count or not wanted:
        return zeros(shape, x.dtype).made_of((x,))
    flat = tile(reshape(x, -1), -(-wanted // count))
    return reshape(flat[:wanted], shape)
