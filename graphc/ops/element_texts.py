"""Parts of `Mathematics.elements`: letters of indices, and places in windows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..ir.dims import Dimension, Shape
from ..ir.node import Node
from .slices import ARRAY, Index, Slice

LETTERS = "ijklmnpqrstuvwzabcefgh"
"""Letters of indices; `d` is a gradient, `x` and `o` are inputs and results."""


def letters(count: int, start: int = 0) -> list[str]:
    """As many letters, from some place on."""
    return [*LETTERS[start : start + count]]


def in_window(
    window: str, inside: str, stride: int = 1, dilation: int = 1, before: Dimension = 0
) -> str:
    """The place of an element of a window: `2*i + k - 1`."""
    text = f"{stride}*{window} + {dilation}*{inside}"
    return f"{text} - ({size_text(before)})" if before else text


def size_text(value: Dimension) -> str:
    """A size, in which names are told from letters."""
    return str(value) if isinstance(value, int) else f"({value.source('dim_')})"


def at(name: str, indices: Sequence[str]) -> str:
    """An element of an input, which may be a scalar."""
    return f"{name}[{', '.join(indices)}]" if indices else name


def over(body: str, bound: Sequence[str], function: str = "total") -> str:
    """A sum, or the maximum, over letters."""
    return f"{function}({', '.join([body, *bound])})" if bound else body


def elements(indices: Sequence[str], body: str) -> str:
    """The text of a formula by elements."""
    return f"{' '.join(indices)}: {body}"


def of_index(index: Index, shape: Shape, rank: int, arrays: Sequence[Node]) -> str:
    """The elements of what an index takes, see `slices.indexed_shape`.

    Args:
        index: of an array of a shape.
        shape: that shape.
        rank: the number of axes of the result.
        arrays: those of integers in the index.
    """
    merged = max((array.ndim for array in arrays), default=0)
    advanced = [item == ARRAY or (arrays and isinstance(item, int)) for item in index]
    first = advanced.index(True) if arrays else len(index)
    last = len(index) - advanced[::-1].index(True) if arrays else first
    is_split = not all(advanced[first:last])
    names = letters(rank)
    free = names[merged:] if is_split else names
    common = names[:merged] if is_split else None
    taken: list[str] = []
    left, sizes = list(arrays), iter(shape)
    for item, is_advanced in zip(index, advanced, strict=True):
        if item is None:
            free = free[1:]
            continue
        length = next(sizes)
        if is_advanced and common is None:
            common, free = free[:merged], free[merged:]
        if item == ARRAY:
            array = left.pop(0)
            own = (common or [])[merged - array.ndim :]
            own = ["0" if n == 1 else k for k, n in zip(own, array.shape, strict=True)]
            taken.append(at(f"arrays{len(arrays) - len(left) - 1}", own))
        elif isinstance(item, Slice):
            taken.append(_of_slice(item, free[0], length))
            free = free[1:]
        else:
            taken.append(size_text(item if item >= 0 else length + item))
    return elements(names, at("x", taken))


def _of_slice(item: Slice, letter: str, length: Dimension) -> str:
    """The place of an element of a slice."""
    step = item.step or 1
    start = item.start
    if start is None:
        start = 0 if step > 0 else length - 1
    elif isinstance(start, int) and start < 0:
        start = length + start
    if isinstance(start, int) and isinstance(length, int):
        start = min(start, length if step > 0 else length - 1)
    return f"{step}*{letter} + {size_text(start)}"


def _along(node: Node) -> tuple[list[str], list[str], str, str]:
    """Indices, the same with another letter along the axis, and the two letters."""
    axis: int = node.attributes["axis"]
    names, other = letters(node.ndim), LETTERS[node.ndim]
    return names, [*names[:axis], other, *names[axis + 1 :]], names[axis], other


def up_to(node: Node, x: str) -> str:
    """The sum of the elements up to each along an axis."""
    names, inner, own, k = _along(node)
    return elements(names, over(f"indicator({k} <= {own}) * {at(x, inner)}", [k]))


def from_on(node: Node, later: str, here: str = "") -> str:
    """The sum from each element on, of what stands there, and of the element.

    Args:
        node: a running total.
        later: a formula of arrays, each taken at the letter of the sum.
        here: what follows it, of arrays taken at the element: `/ x`.
    """
    names, inner, own, k = _along(node)
    far = _NAME.sub(lambda name: at(name[0], inner), later)
    near = _NAME.sub(lambda name: at(name[0], names), here)
    return elements(names, over(f"indicator({k} >= {own}) * ({far} {near})", [k]))


_NAME = re.compile(r"\b(d|out|x)\b")
