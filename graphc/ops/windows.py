"""Windows that slide over an array: a view of them, a copy, and their sum.

Convolutions, pooling and `fold` are made of these. A window is as many elements along
some axes, `dilation` apart, and one starts every `stride` elements.

What needs all windows goes through the positions inside a window one by one, since the
elements at one position are a strided slice of the array.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, cast

from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.dims import Dim, Dimension, Shape, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Application, Call, Case, Op
from ..ir.types import TensorType
from .axes import ordered_axes
from .element_texts import at, elements, in_window, letters
from .shape import broadcast_to, expand_dims, reshape, transpose
from .source import ArrayLike, as_node
from .windows_as_loops import added_windows, all_windows

_MOST_POSITIONS = 64
"""Up to how many positions a copy of windows is made position by position: the rows
that NumPy then copies are longer."""


def source_of(size: Dimension) -> str:
    """A size as NumPy source of a template."""
    return size.source("dim_") if isinstance(size, Dim) else str(size)


def span(window: int, dilation: int) -> int:
    """The number of elements from the first to the last one of a window."""
    return (window - 1) * dilation + 1


def window_count(size: Dimension, window: int, stride: int, dilation: int) -> Dimension:
    """The number of windows along an axis."""
    return (size - span(window, dilation)) // stride + 1


class Windows:
    """The windows that the attributes of a node describe, over an array of `shape`."""

    def __init__(self, node: Node, shape: Shape) -> None:
        attributes = node.attributes
        self.shape = shape
        self.window: tuple[int, ...] = attributes["window_shape"]
        self.axis: tuple[int, ...] = attributes["axis"]
        self.stride: tuple[int, ...] = attributes["stride"]
        self.dilation: tuple[int, ...] = attributes["dilation"]
        self.place: int = attributes.get("place", len(shape))
        self.variables = "ijklmn"[: len(self.axis)]

    def counts(self) -> tuple[Dimension, ...]:
        """The number of windows along each of the axes."""
        parts = zip(self.axis, self.window, self.stride, self.dilation, strict=True)
        return tuple(window_count(self.shape[a], w, s, d) for a, w, s, d in parts)

    def loops(self, *body: str, backwards: bool = False) -> str:
        """Statements for each position inside a window, which variables name."""
        lines: list[str] = []
        for variable, size in zip(self.variables, self.window, strict=True):
            positions = f"reversed(range({size}))" if backwards else f"range({size})"
            if size != 1:
                lines.append(f"{'    ' * len(lines)}for {variable} in {positions}:")
        indent = "    " * len(lines)
        return "\n".join([*lines, *(f"{indent}{each}" for each in body)])

    def at_position(self, *, first: bool = False) -> str:
        """The index of the elements at a position, or at the first: one a window."""
        items = [":"] * len(self.shape)
        for number, count in enumerate(self.counts()):
            items[self.axis[number]] = self._slice(number, count, first=first)
        while items and items[-1] == ":":
            items.pop()
        return ", ".join(items) or "..."

    def _slice(self, number: int, count: Dimension, *, first: bool) -> str:
        stride, dilation = self.stride[number], self.dilation[number]
        reach = source_of((count - 1) * stride + 1)
        step = "" if stride == 1 else f":{stride}"
        if first or self.window[number] == 1:
            return f":{reach}{step}"
        variable = self.variables[number]
        start = variable if dilation == 1 else f"{dilation} * {variable}"
        return f"{start}:{start} + {reach}{step}"

    def number(self) -> str:
        """The number of a position inside a window, in C order."""
        terms: list[str] = []
        for axis, variable in enumerate(self.variables):
            factor = int(cast(int, product(self.window[axis + 1 :])))
            if self.window[axis] != 1:
                terms.append(variable if factor == 1 else f"{factor} * {variable}")
        return " + ".join(terms) or "0"

    def in_windows(self) -> str:
        """The index of the same elements in an array of all windows."""
        inside = [
            "0" if size == 1 else variable
            for variable, size in zip(self.variables, self.window, strict=True)
        ]
        if self.place == len(self.shape):
            return ", ".join(["...", *inside])
        return ", ".join([*[":"] * self.place, *inside])

    def view(self, x: str = "x") -> str:
        """NumPy source of a view of all windows."""
        spans = tuple(map(span, self.window, self.dilation))
        text = (
            f"np.lib.stride_tricks.sliding_window_view({x}, {spans}, axis={self.axis})"
        )
        steps = [":"] * (len(self.shape) + len(self.axis))
        for number, axis in enumerate(self.axis):
            if self.stride[number] != 1:
                steps[axis] = f"::{self.stride[number]}"
            if self.dilation[number] != 1:
                steps[len(self.shape) + number] = f"::{self.dilation[number]}"
        while steps and steps[-1] == ":":
            steps.pop()
        if steps:
            text = f"{text}[{', '.join(steps)}]"
        if self.place != len(self.shape):
            order = list(range(len(self.shape)))
            count = len(self.axis)
            order[self.place : self.place] = range(
                len(self.shape), len(self.shape) + count
            )
            text = f"{text}.transpose({', '.join(map(str, order))})"
        return text

    def are_disjoint(self) -> bool:
        """True where no element is in two windows."""
        spans = map(span, self.window, self.dilation)
        return all(s >= reach for s, reach in zip(self.stride, spans, strict=True))

    def cover(self) -> bool:
        """True where windows neither overlap nor leave anything between them."""
        return all(
            d == 1 and w == s and self.shape[a] == c * s
            for a, w, s, d, c in zip(
                self.axis,
                self.window,
                self.stride,
                self.dilation,
                self.counts(),
                strict=True,
            )
        )

    def split(self, x: str = "x") -> tuple[str, tuple[int, ...]]:
        """NumPy source of `x` with each axis in two, and the axes inside windows.

        For windows that cover the array.
        """
        sizes: list[str] = []
        inside: list[int] = []
        counts = dict(zip(self.axis, self.counts(), strict=True))
        windows = dict(zip(self.axis, self.window, strict=True))
        for axis, size in enumerate(self.shape):
            if axis not in counts:
                sizes.append(source_of(size))
                continue
            inside.append(len(sizes) + 1)
            sizes += [source_of(counts[axis]), str(windows[axis])]
        return f"{x}.reshape({', '.join(sizes)})", tuple(inside)


def check_windows(
    shape: Shape,
    window_shape: tuple[int, ...],
    axis: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> list[Dimension]:
    """`shape` with the number of windows along each of `axis`."""
    sizes = list(shape)
    for number, a in enumerate(axis):
        reach = span(window_shape[number], dilation[number])
        size = shape[a]
        if isinstance(size, int) and size < reach:
            raise ShapeError(
                f"requires at least {reach} elements along axis {a} for a window of "
                f"{window_shape[number]}, got {format_shape(shape)}"
            )
        sizes[a] = window_count(
            size, window_shape[number], *_step(stride, dilation, number)
        )
    return sizes


def _step(
    stride: tuple[int, ...], dilation: tuple[int, ...], number: int
) -> tuple[int, int]:
    return stride[number], dilation[number]


def _windows_infer(
    x: TensorType,
    *,
    window_shape: tuple[int, ...],
    axis: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    place: int,
) -> TensorType:
    sizes = check_windows(x.shape, window_shape, axis, stride, dilation)
    return x.with_shape((*sizes[:place], *window_shape, *sizes[place:]))


def windows_fit(node: Node) -> Iterator[tuple[Dimension, Dimension]]:
    """Along each axis there is room for a window, whatever the named sizes are."""
    shape = node.attributes.get("shape", node.inputs[0].shape)
    windows = Windows(node, shape)
    for number, axis in enumerate(windows.axis):
        yield span(windows.window[number], windows.dilation[number]), shape[axis]


def _windows_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    return (ADD_WINDOWS(g, shape=x.shape, **out.attributes),)


def _over(node: Node) -> Windows:
    return Windows(node, node.inputs[0].shape)


def _attributes(
    window: tuple[int, ...],
    axis: tuple[int, ...],
    stride: int = 1,
    dilation: int = 1,
    **others: Any,
) -> dict[str, Any]:
    return {
        "window_shape": window,
        "axis": axis,
        "stride": (stride,) * len(axis),
        "dilation": (dilation,) * len(axis),
        **others,
    }


_CASES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 5, 4), _attributes((3, 2), (1, 2), place=3)),
    ((7, 2), _attributes((2,), (0,), 2, 3, place=0)),
    ((0, 3, 3), _attributes((1, 3), (1, 2), 2, place=1)),
)


def _windows_elements(node: Node) -> str:
    windows, names = _over(node), letters(node.ndim)
    count = len(windows.axis)
    inside = names[windows.place : windows.place + count]
    index = [*names[: windows.place], *names[windows.place + count :]]
    steps = zip(windows.axis, inside, windows.stride, windows.dilation, strict=True)
    for axis, k, stride, dilation in steps:
        index[axis] = in_window(index[axis], k, stride, dilation)
    return elements(names, at("x", index))


SLIDING_WINDOW_VIEW = Op(
    name="sliding_window_view",
    mathematics=Mathematics(elements=_windows_elements),
    inputs=("x",),
    infer=_windows_infer,
    kind="view",
    loops=all_windows,
    numpy=lambda node: _over(node).view(),
    vjp=_windows_vjp,
    jvp="linear",
    size_bounds=windows_fit,
    cases=tuple(Case((shape,), attributes) for shape, attributes in _CASES),
)
"""All windows, as axes that stand at `place` in the result."""


def _copy_into(node: Node) -> str:
    windows = _over(node)
    if cast(int, product(windows.window)) > _MOST_POSITIONS:
        return f"out[...] = {windows.view()}"
    return windows.loops(f"out[{windows.in_windows()}] = x[{windows.at_position()}]")


_CONV_WINDOWS = '''
def conv_windows(x, window):
    """Copy all windows over the axes after the first, whose axes then come second.

    From (channels, *sizes, ...) to (channels, *window, *places, ...).
    """
    axes = tuple(range(1, 1 + len(window)))
    windows = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    return np.moveaxis(windows, range(-len(window), 0), axes).copy()
'''


def _copy_numpy(node: Node) -> str:
    over = _over(node)
    ones = (1,) * len(over.axis)
    follow = over.axis == tuple(range(1, 1 + len(ones)))
    if follow and over.place == 1 and over.stride == over.dilation == ones:
        return f"conv_windows(x, {over.window})"
    return f"{over.view()}.copy()"


COPY_WINDOWS = Op(
    name="copy_windows",
    mathematics=Mathematics(symbol="windows", elements=_windows_elements),
    inputs=("x",),
    infer=_windows_infer,
    facts=Facts(rearranges=True),
    kind="movement",
    loops=all_windows,
    numpy=_copy_numpy,
    into=_copy_into,
    helpers=(_CONV_WINDOWS,),
    vjp=_windows_vjp,
    jvp="linear",
    size_bounds=windows_fit,
    cases=(
        *(Case((shape,), attributes) for shape, attributes in _CASES),
        Case(((2, 3, 2),), _attributes((2,), (1,), place=1)),
        Case(((70,),), _attributes((65,), (0,), 3, place=0)),
    ),
)
"""`SLIDING_WINDOW_VIEW` as an array in C order."""


def _add_infer(
    windows: TensorType, *, shape: Shape, place: int, **attributes: Any
) -> TensorType:
    whole = TensorType(windows.dtype, shape)
    expected = _windows_infer(whole, place=place, **attributes)
    if expected.shape != windows.shape:
        raise ShapeError(
            f"requires windows of shape {format_shape(expected.shape)}, "
            f"got {format_shape(windows.shape)}"
        )
    return whole


def _adding(node: Node) -> str:
    over = Windows(node, node.attributes["shape"])
    if not node.inputs[0].op.is_view(node.inputs[0]):
        return over.loops(f"out[{over.at_position()}] += windows[{over.in_windows()}]")
    # A view is made once, and not at every position.
    loop = over.loops(f"out[{over.at_position()}] += parts[{over.in_windows()}]")
    return f"parts = windows\n{loop}"


def _add_vjp(g: Node, out: Node, windows: Node) -> tuple[Node]:
    attributes = {k: v for k, v in out.attributes.items() if k != "shape"}
    return (SLIDING_WINDOW_VIEW(g, **attributes),)


def _repeated(x: Node, *, window: tuple[int, ...]) -> Node:
    """Each element at all places of a window of its own, along the last axes."""
    count, first = len(window), x.ndim - len(window)
    whole = expand_dims(x, tuple(range(x.ndim, x.ndim + count)))
    whole = broadcast_to(whole, (*x.shape, *window))
    pairs = ((first + number, x.ndim + number) for number in range(count))
    order = (*range(first), *(axis for pair in pairs for axis in pair))
    sizes = zip(x.shape[first:], window, strict=True)
    shape = (*x.shape[:first], *(size * n for size, n in sizes))
    return reshape(transpose(whole, order), shape)


def _repeated_numpy(node: Node) -> str:
    text, window = "x", node.attributes["window"]
    for axis, size in enumerate(window, node.ndim - len(window)):
        text = f"np.repeat({text}, {size}, axis={axis})"
    return text


def _repetitions(type: TensorType) -> Iterator[Application]:
    """Square windows over the axes after those of examples and channels."""
    sizes = type.shape[2:]
    if 1 <= len(sizes) <= 3 and all(isinstance(size, int) for size in sizes):
        for window in range(2, 9):
            counts = [int(size) // window for size in sizes]
            if sizes == tuple(count * window for count in counts):
                options = {"window": (window,) * len(sizes)}
                yield (type.with_shape((*type.shape[:2], *counts)),), options


ADD_WINDOWS = Op(
    name="add_windows",
    mathematics=Mathematics(
        transposes=lambda node: (
            COPY_WINDOWS,
            {k: v for k, v in node.attributes.items() if k != "shape"},
        )
    ),
    inputs=("windows",),
    infer=_add_infer,
    facts=Facts(
        nonnegative=(0,),
        finite=(0,),
        multiply_adds=lambda node: node.inputs[0].shape,
    ),
    kind="movement",
    loops=added_windows,
    numpy=lambda node: f"out = np.zeros(shape, dtype)\n{_adding(node)}",
    into=lambda node: f"out.fill(0)\n{_adding(node)}",
    vjp=_add_vjp,
    jvp="linear",
    size_bounds=windows_fit,
    calls=(Call(_repeated_numpy, (), _repeated, _repetitions),),
    cases=(
        Case(((2, 3, 3, 3, 2),), {**_CASES[0][1], "shape": (2, 5, 4)}),
        Case(((2, 2, 2),), {**_CASES[1][1], "shape": (7, 2)}),
        Case(((0, 1, 3, 2, 1),), {**_CASES[2][1], "shape": (0, 3, 3)}),
    ),
)
"""An array in which each element is the sum of its places in all windows."""


@array_function
def sliding_window_view(x: ArrayLike, window_shape: Any, axis: Any = None) -> Node:
    """A view of all windows of `x` of a shape, as NumPy's function of that name.

    `out[..., i, ..., k] = x[..., i + k, ...]`

    Args:
        x: an array.
        window_shape: the size of windows: an integer, or one for each of `axis`.
        axis: the axes along which they slide; all where None.

    Returns:
        The shape of `x` with `size - window + 1` windows along each of `axis`, and
        after it the axes of `window_shape`.

    Raises:
        ShapeError: a window is larger than its axis.
        OptionError: not as many sizes as axes, or one below 1.

    >>> import graphc as gc
    >>> gc.evaluate(gc.sliding_window_view([1.0, 2.0, 3.0, 4.0], 3), {})
    array([[1., 2., 3.],
           [2., 3., 4.]])
    """
    node = as_node(x)
    sizes = whole_numbers(window_shape, "window_shape", node.describe())
    axes = ordered_axes(
        tuple(range(node.ndim)) if axis is None else axis, node.ndim, node
    )
    if len(sizes) != len(axes):
        raise OptionError(
            f"window_shape must have a size for each of the axes {axes}, "
            f"got {window_shape!r}",
            node=node.describe(),
        )
    ones = (1,) * len(axes)
    return SLIDING_WINDOW_VIEW(
        node,
        window_shape=sizes,
        axis=axes,
        stride=ones,
        dilation=ones,
        place=node.ndim,
    )


def whole_numbers(value: Any, what: str, at: str, *, least: int = 1) -> tuple[int, ...]:
    """One integer or several, none below `least`."""
    several = (
        cast("Sequence[Any]", value) if isinstance(value, tuple | list) else (value,)
    )
    numbers: list[int] = []
    for item in several:
        try:
            if isinstance(item, bool):
                raise TypeError
            numbers.append(operator.index(item))
        except TypeError:
            raise DTypeError(
                f"{what} must be an integer or several, got {value!r}",
                node=at,
            ) from None
    if any(number < least for number in numbers):
        raise OptionError(f"{what} must not be below {least}, got {value!r}", node=at)
    if any(number >= 2**31 for number in numbers):
        raise OptionError(f"{what} must be less than 2**31, got {value!r}", node=at)
    return tuple(numbers)
