"""Sums and maxima of windows, and where each maximum is.

The first of equal maxima, in C order, is the maximum: its position gets the gradient.
NumPy has no fast reduction over the axes of small windows, so the fast forms go
through the positions inside a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Shape, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, ValueRange
from ..ir.types import TensorType, is_integer
from .element_texts import at, elements, in_window, letters, over
from .shape import broadcast_to, expand_dims
from .windows import ADD_WINDOWS, Windows, check_windows, windows_fit
from .windows_as_loops import (
    position_of_largest,
    put_in_windows,
    reduced_windows,
    taken_of_windows,
)


def _pool_infer(
    x: TensorType,
    *,
    window_shape: tuple[int, ...],
    axis: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> TensorType:
    sizes = check_windows(x.shape, window_shape, axis, stride, dilation)
    return x.with_shape(tuple(sizes))


def _over(node: Node) -> Windows:
    return Windows(node, node.inputs[0].shape)


def _reduction(function: str, node: Node) -> str:
    windows = _over(node)
    if windows.cover():
        text, inside = windows.split()
        return f"{function}({text}, axis={inside})"
    inside = tuple(range(-len(windows.axis), 0))
    return f"{function}({windows.view()}, axis={inside})"


_SHAPES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 4, 6), {"window_shape": (2, 3), "axis": (1, 2), "stride": (2, 3)}),
    ((7, 2), {"window_shape": (3,), "axis": (0,), "stride": (2,)}),
    ((0, 3), {"window_shape": (2,), "axis": (1,), "stride": (1,)}),
)
_DILATIONS = ((1, 1), (2,), (1,))
_CASES = tuple(
    (shape, {**attributes, "dilation": dilation})
    for (shape, attributes), dilation in zip(_SHAPES, _DILATIONS, strict=True)
)
_POOLED = ((2, 2, 2), (2, 2), (0, 2))


def _sum_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    window: tuple[int, ...] = out.attributes["window_shape"]
    axes = tuple(range(g.ndim, g.ndim + len(window)))
    spread = broadcast_to(expand_dims(g, axes), (*g.shape, *window))
    return (ADD_WINDOWS(spread, shape=x.shape, place=x.ndim, **out.attributes),)


def _sum_into(node: Node) -> str:
    windows = _over(node)
    return f"out.fill(0)\n{windows.loops(f'out += x[{windows.at_position()}]')}"


def _elements(node: Node, function: str) -> str:
    windows, names = _over(node), letters(node.ndim)
    inside, index = letters(len(windows.axis), 10), list(names)
    steps = zip(windows.axis, inside, windows.stride, windows.dilation, strict=True)
    for axis, k, stride, dilation in steps:
        index[axis] = in_window(names[axis], k, stride, dilation)
    bound = [f"{k} < {n}" for k, n in zip(inside, windows.window, strict=True)]
    return elements(names, over(at("x", index), bound, function))


SUM_WINDOWS = Op(
    name="sum_windows",
    mathematics=Mathematics(elements=lambda node: _elements(node, "total")),
    inputs=("x",),
    infer=_pool_infer,
    facts=Facts(
        nonnegative="all",
        finite="all",
        multiply_adds=lambda node: (*node.shape, *node.attributes["window_shape"]),
    ),
    kind="contraction",
    loops=reduced_windows("+"),
    numpy=lambda node: _reduction("np.sum", node),
    into=_sum_into,
    vjp=_sum_vjp,
    jvp="linear",
    size_bounds=windows_fit,
    cases=tuple(Case((shape,), attributes) for shape, attributes in _CASES),
)
"""The sum of each window."""


def _max_into(node: Node) -> str:
    windows = _over(node)
    loop = windows.loops(f"np.maximum(out, x[{windows.at_position()}], out=out)")
    return f"out[...] = x[{windows.at_position(first=True)}]\n{loop}"


def _max_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    position = MAX_POSITION(x, out, **out.attributes)
    return (PUT_IN_WINDOWS(g, position, shape=x.shape, **out.attributes),)


def _max_jvp(tangents: tuple[Any, ...], out: Node, x: Node) -> Node:
    position = MAX_POSITION(x, out, **out.attributes)
    return TAKE_OF_WINDOWS(tangents[0], position, **out.attributes)


MAX_WINDOWS = Op(
    name="max_windows",
    mathematics=Mathematics(
        elements=lambda node: _elements(node, "largest"),
        adjoints=("unpool_{<0>}(<d>)",),
    ),
    inputs=("x",),
    infer=_pool_infer,
    facts=Facts(nonnegative="all", finite="all", overflows=False),
    kind="movement",
    loops=reduced_windows("max"),
    numpy=lambda node: _reduction("np.max", node),
    into=_max_into,
    vjp=_max_vjp,
    jvp=_max_jvp,
    size_bounds=windows_fit,
    cases=tuple(Case((shape,), attributes) for shape, attributes in _CASES),
)
"""The maximum of each window; NaN where there is one."""


def _position_infer(
    x: TensorType, largest: TensorType, **attributes: Any
) -> TensorType:
    expected = _pool_infer(x, **attributes)
    if largest.shape != expected.shape:
        raise ShapeError(
            f"requires maxima of shape {format_shape(expected.shape)}, "
            f"got {format_shape(largest.shape)}"
        )
    return TensorType(np.dtype(np.intp), largest.shape)


def _finding(node: Node) -> str:
    windows = _over(node)
    return windows.loops(
        f"out[x[{windows.at_position()}] == largest] = {windows.number()}",
        backwards=True,
    )


def _position_range(node: Node, _: Any) -> ValueRange:
    count = product(node.attributes["window_shape"])
    return ValueRange(0, count - 1, True)


MAX_POSITION = Op(
    name="max_position",
    inputs=("x", "largest"),
    infer=_position_infer,
    facts=Facts(zero_sign="ignored"),
    kind="movement",
    loops=position_of_largest,
    numpy=lambda node: f"out = np.zeros(largest.shape, dtype)\n{_finding(node)}",
    into=lambda node: f"out.fill(0)\n{_finding(node)}",
    value_range=_position_range,
    size_bounds=windows_fit,
    cases=tuple(
        Case((shape, pooled), attributes)
        for (shape, attributes), pooled in zip(_CASES, _POOLED, strict=True)
    ),
)
"""The first position in each window, in C order, of its maximum; 0 if that is NaN."""


def _take_infer(x: TensorType, position: TensorType, **attributes: Any) -> TensorType:
    expected = _pool_infer(x, **attributes)
    if position.shape != expected.shape or not is_integer(position.dtype):
        raise ShapeError(
            f"requires integers of shape {format_shape(expected.shape)}, got {position}"
        )
    return expected


def _taking(node: Node) -> str:
    windows = _over(node)
    values = f"x[{windows.at_position()}]"
    return windows.loops(
        f"np.copyto(out, {values}, where=position == {windows.number()})"
    )


TAKE_OF_WINDOWS = Op(
    name="take_of_windows",
    inputs=("x", "position"),
    infer=_take_infer,
    facts=Facts(nonnegative=(0,), finite=(0,), overflows=False),
    kind="movement",
    loops=taken_of_windows,
    numpy=lambda node: f"out = np.zeros(position.shape, dtype)\n{_taking(node)}",
    into=lambda node: f"out.fill(0)\n{_taking(node)}",
    size_bounds=windows_fit,
    vjp=lambda g, out, x, position: (
        PUT_IN_WINDOWS(g, position, shape=x.shape, **out.attributes),
        None,
    ),
    jvp=lambda tangents, out, x, position: TAKE_OF_WINDOWS(
        tangents[0], position, **out.attributes
    ),
    cases=tuple(
        Case(
            (shape, pooled),
            attributes,
            dtypes=("", "int64"),
            maximum=(None, int(np.prod(attributes["window_shape"]))),
        )
        for (shape, attributes), pooled in zip(_CASES, _POOLED, strict=True)
    ),
)
"""The element at a position of each window."""


def _put_infer(
    x: TensorType, position: TensorType, *, shape: Shape, **attributes: Any
) -> TensorType:
    whole = TensorType(x.dtype, shape)
    expected = _take_infer(whole, position, **attributes)
    if x.shape != expected.shape:
        raise ShapeError(
            f"requires values of shape {format_shape(expected.shape)}, "
            f"got {format_shape(x.shape)}"
        )
    return whole


def _putting(node: Node) -> str:
    windows = Windows(node, node.attributes["shape"])
    place = f"out[{windows.at_position()}]"
    chosen = f"position == {windows.number()}"
    if windows.are_disjoint():
        return windows.loops(f"np.copyto({place}, x, where={chosen})")
    return windows.loops(f"{place} += np.where({chosen}, x, 0)")


PUT_IN_WINDOWS = Op(
    name="put_in_windows",
    inputs=("x", "position"),
    infer=_put_infer,
    facts=Facts(
        nonnegative=(0,),
        finite=(0,),
        multiply_adds=lambda node: node.inputs[0].shape,
    ),
    kind="movement",
    loops=put_in_windows,
    numpy=lambda node: f"out = np.zeros(shape, dtype)\n{_putting(node)}",
    into=lambda node: f"out.fill(0)\n{_putting(node)}",
    size_bounds=windows_fit,
    vjp=lambda g, out, x, position: (
        TAKE_OF_WINDOWS(
            g, position, **{k: v for k, v in out.attributes.items() if k != "shape"}
        ),
        None,
    ),
    jvp=lambda tangents, out, x, position: PUT_IN_WINDOWS(
        tangents[0], position, **out.attributes
    ),
    cases=tuple(
        Case(
            (pooled, pooled),
            {**attributes, "shape": shape},
            dtypes=("", "int64"),
            maximum=(None, int(np.prod(attributes["window_shape"]))),
        )
        for (shape, attributes), pooled in zip(_CASES, _POOLED, strict=True)
    ),
)
"""An array of zeros to which each element of `x` is added at a position of a window."""
