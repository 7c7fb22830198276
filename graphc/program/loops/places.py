"""Matrices whose elements stand at places of a smaller array.

The windows of an image, as a matrix, have each of its numbers many times. A product
that reads them where they are needs no copy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...ir.dims import Dim, Dimension, product
from ...ir.node import Node
from ...ir.scalar import (
    ByElement,
    Counter,
    Index,
    LoopForm,
    Number,
    Scalar,
    flat,
    without_ones,
)
from .affine import affine

Axis = tuple[tuple[Dimension, Dimension], ...]
"""An axis that several axes of an array make up: of each the size, and elements from
one position to the next."""

MOST_DIGITS = 8
"""As many axes of an array may make up one of a matrix."""


@dataclass(frozen=True, eq=False)
class Places:
    """The places of a matrix, or of a stack of them."""

    node: Node
    """The array."""
    start: Scalar
    axes: tuple[Axis, ...]
    path: tuple[Node, ...]
    """The matrix, and the values between it and the array."""
    is_repeated: bool
    """True where the matrix has more axes than the array."""

    @property
    def is_matrix(self) -> bool:
        """True where each axis has one step."""
        return all(len(axis) <= 1 for axis in self.axes)

    @property
    def is_transposed(self) -> bool:
        """True where neighbours in the array are not those along the last axis."""
        last = [axis[-1][1] == 1 for axis in self.axes if axis]
        return any(last) and not last[-1]

    def has_neighbours(self, *, along_longer: bool = False) -> bool:
        """True where neighbours along one of the last two axes are so in the array.

        Args:
            along_longer: True to ask for the longer one of the two.
        """
        axes = [axis for axis in self.axes[-2:] if axis]
        if along_longer:
            axes = sorted(axes, key=_length)[-1:]
        return not axes or any(axis[-1][1] == 1 for axis in axes)


def _length(axis: Axis) -> float:
    size = product(tuple(size for size, _ in axis))
    return float("inf") if isinstance(size, Dim) else size


def places_of(
    node: Node,
    forms: Mapping[Node, LoopForm | None],
    is_outside: Callable[[Node], bool],
) -> Places | None:
    """The places at which the elements of a matrix stand in the array behind it."""
    axes = [[] if size == 1 else [Counter(size)] for size in node.shape]
    index: Index = tuple(axis[0] if axis else Number(0) for axis in axes)
    path: list[Node] = []
    while not is_outside(node):
        form = forms.get(node)
        if not isinstance(form, ByElement):
            break
        step = _unshaped if form.in_order else _moved
        found = step(node, form, index, axes)
        if found is None:
            break
        path.append(node)
        node, index = found
    counters = [counter for axis in axes for counter in axis]
    known = affine(flat(node.shape, index), counters)
    if known is None:
        return None
    steps = dict(zip(counters, known[1], strict=True))
    joined = tuple(_joined([(c.size, steps[c]) for c in axis]) for axis in axes)
    is_stack = all(len(axis) <= 1 for axis in joined[:-2])
    if not is_stack or max(map(len, joined), default=0) > MOST_DIGITS:
        return None
    is_repeated = len(counters) > len(without_ones(node.shape))
    return Places(node, known[0], joined, tuple(path), is_repeated)


def _joined(axis: Sequence[tuple[Dimension, Dimension]]) -> Axis:
    """An axis, with those made one that go on where the next one ends."""
    found: list[tuple[Dimension, Dimension]] = []
    for size, step in axis:
        if found and found[-1][1] == size * step:
            size = found.pop()[0] * size
        found.append((size, step))
    return tuple(found)


def _moved(
    node: Node, form: ByElement, index: Index, axes: object
) -> tuple[Node, Index] | None:
    """The element of the input that an element is, if it is one as it stands."""
    del axes
    found: list[tuple[Node, Index]] = []
    mark = Counter(0)

    def at(x: Node, place: Index) -> Scalar:
        found.append((x, place))
        return mark

    is_moved = form.value(index, at) is mark and len(found) == 1
    return found[0] if is_moved else None


def _unshaped(
    node: Node, form: ByElement, index: Index, axes: list[list[Counter]]
) -> tuple[Node, Index] | None:
    """The same before a reshape, whose axes are split where it has joined some."""
    del form
    x = node.inputs[0]
    groups = _groups(node.shape, x.shape)
    if groups is None:
        return None
    found: list[Scalar] = [Number(0)] * x.ndim
    split: dict[Counter, list[Counter]] = {}
    for place, group in zip(index, groups, strict=True):
        if len(group) == 1:
            found[group[0]] = place
        elif group:
            if not isinstance(place, Counter):
                return None
            split[place] = [Counter(x.shape[each]) for each in group]
            for each, counter in zip(group, split[place], strict=True):
                found[each] = counter
    for axis in axes:
        axis[:] = [new for old in axis for new in split.get(old, [old])]
    return x, tuple(found)


def _groups(
    shape: Sequence[Dimension], wanted: Sequence[Dimension]
) -> list[list[int]] | None:
    """For each axis of a shape, those of another that it joins."""
    groups: list[list[int]] = []
    rest = [axis for axis, size in enumerate(wanted) if size != 1]
    for size in shape:
        group: list[int] = []
        while rest and product(tuple(wanted[each] for each in group)) != size:
            group.append(rest.pop(0))
        if product(tuple(wanted[each] for each in group)) != size:
            return None
        groups.append(group)
    return None if rest else groups
