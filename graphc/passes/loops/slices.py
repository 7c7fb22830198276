"""Equal slices of an array in a loop, such as gates: stacked, and computed together.

A slice of columns is strided, and NumPy takes two or three times as long for it as for
a block of memory. It also takes as long to begin with an operation as to compute some
thousand numbers, so that one for several slices is faster than one for each.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.origin import replacing
from ...ir.types import TensorType
from ...ir.walk import attributes_key
from ...ops.control import RESULT, argument
from ...ops.indexing import GETITEM
from ...ops.layout import contiguous
from ...ops.linalg import MATMUL
from ...ops.shape import TRANSPOSE
from ...ops.slices import Slice, whole_index
from ..base import adopt
from .parts import Changed, LoopParts, change_loops, outputs_of
from .splitting import aligned, is_split_by_operands, may_be_ordered, split

_RULE = "f(x[:, :n]), f(x[:, n:]) -> f(x stacked)"
_SOUND = "f is elementwise, and x is read by equal slices alone"


@dataclass(frozen=True)
class StackSlices:
    """Compute with equal slices of an array at once, in a stack of them.

    Before: primitives. After: in a body, an array that is read by equal slices of its
    last axis has them along its first axis, if some of them are operands of the same
    ops, which are one each. Products are made so by stacks of weights.
    Sound when the ops are elementwise.
    """

    name: str = "stack slices in loops"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with loops that compute several slices at once."""
        once = {node for node, users in graph.users.items() if len(users) == 1}
        return change_loops(graph, partial(_stacked, outside=once - {*graph.outputs}))


def _stacked(
    parts: LoopParts, read: frozenset[int], *, outside: Collection[Node]
) -> Changed | None:
    body = Graph(outputs_of(parts))
    families: dict[tuple[int, int], list[Node]] = {}
    for node in body.nodes:
        found = _sizes(node, body)
        if found is not None:
            families.setdefault(found, []).append(node)
    for (_, width), roots in families.items():
        family = _Family(body, roots, width)
        stacking = _Stacking(parts, body, family, outside)
        if family.runs:
            return stacking.changed()
    return None


def _sizes(node: Node, body: Graph) -> tuple[int, int] | None:
    """The size of the last axis, and of the slices of it by which alone it is read."""
    whole = node.shape[-1] if node.shape else None
    users = body.users.get(node, ())
    if not isinstance(whole, int) or not users or node in {*body.outputs}:
        return None
    found = [_bounds(user) for user in users]
    bounds = [each for each in found if each is not None]
    widths = {stop - start for start, stop in bounds}
    if len(bounds) < len(found) or len(widths) != 1 or len({*bounds}) < 2:
        return None
    (width,) = widths
    is_equal = not whole % width and not any(start % width for start, _ in bounds)
    return (whole, width) if is_equal else None


def _bounds(node: Node) -> tuple[int, int] | None:
    """The first and last place of a slice of the last axis, if a node is one."""
    if node.op is not GETITEM or len(node.inputs) != 1:
        return None
    index: tuple[Any, ...] = node.attributes["index"]
    *others, last = index
    if len(others) + 1 != node.inputs[0].ndim or not isinstance(last, Slice):
        return None
    if not all(isinstance(each, Slice) and each.is_full for each in others):
        return None
    start = 0 if last.start is None else last.start
    stop = node.inputs[0].shape[-1] if last.stop is None else last.stop
    if not isinstance(start, int) or not isinstance(stop, int) or last.step is not None:
        return None
    return (start, stop) if 0 <= start < stop else None


@dataclass
class _Family:
    """Arrays of a body with slices of the same number and width."""

    body: Graph
    roots: list[Node]
    width: int
    kinds: dict[Node, tuple[int, int]] = field(
        default_factory=dict[Node, tuple[int, int]]
    )
    """Of each slice, and of what is computed of one, the number of its kind, and the
    place of the slice."""

    def __post_init__(self) -> None:
        self._known = {*self.roots}
        numbers: dict[Hashable, int] = {}
        places: dict[int, dict[int, Node]] = {}
        for node in self.body.nodes:
            found = self._kind(node)
            if found is None:
                continue
            key, place = found
            kind = numbers.setdefault(key, len(numbers))
            if place not in places.setdefault(kind, {}):
                self.kinds[node] = kind, place
                places[kind][place] = node
        self._members = [each for each in places.values() if not self._is_slices(each)]
        self.order = tuple(range(self.roots[0].shape[-1] // self.width))
        """The slices, as they stand in a stack."""
        self.runs = [*self._runs()]
        """Values of neighbouring slices that one op may compute."""

    def _is_slices(self, members: Mapping[int, Node]) -> bool:
        return any(map(self.is_slice, members.values()))

    def _runs(self) -> Iterator[list[Node]]:
        for members in self._members:
            placed = {
                place: members[old]
                for place, old in enumerate(self.order)
                if old in members
            }
            yield from (run for run in _neighbours(placed) if len(run) > 1)

    def reorder(self) -> None:
        """Let slices that are used alike be neighbours."""
        uses: dict[int, list[int]] = {place: [] for place in self.order}
        for kind, members in enumerate(self._members):
            for place in members:
                uses[place].append(kind)
        self.order = tuple(sorted(self.order, key=lambda place: (uses[place], place)))
        places = {old: place for place, old in enumerate(self.order)}
        self.kinds = {n: (kind, places[old]) for n, (kind, old) in self.kinds.items()}
        self.runs = [*self._runs()]

    def is_slice(self, node: Node) -> bool:
        """True for a slice of one of the arrays."""
        return bool(node.inputs) and node.inputs[0] in self._known

    def _kind(self, node: Node) -> tuple[Hashable, int] | None:
        bounds = _bounds(node) if self.is_slice(node) else None
        if bounds is not None:
            return node.inputs[0], bounds[0] // self.width
        if node.op.kind != "elementwise" or not node.op.pure:
            return None
        known = [self.kinds.get(parent) for parent in node.inputs]
        places = {each[1] for each in known if each is not None}
        if len(places) != 1 or not all(
            parent.shape == node.shape if each else not parent.shape
            for parent, each in zip(node.inputs, known, strict=True)
        ):
            return None
        inputs = tuple(
            parent if each is None else each[0]
            for parent, each in zip(node.inputs, known, strict=True)
        )
        (place,) = places
        return (node.op.name, attributes_key(node.attributes), inputs), place


def _neighbours(members: Mapping[int, Node]) -> Iterator[list[Node]]:
    """Runs of values of consecutive places."""
    order = sorted(members)
    for _, run in itertools.groupby(enumerate(order), lambda pair: pair[1] - pair[0]):
        yield [members[place] for _, place in run]


class _Stacking:
    """The way to a loop that computes with stacks of slices."""

    def __init__(
        self, parts: LoopParts, body: Graph, family: _Family, outside: Collection[Node]
    ) -> None:
        self._parts, self._body, self._family = parts, body, family
        self._outside, self._roots = outside, {*family.roots}
        self._items, self._shared = list(parts.items), list(parts.shared)
        if all(map(self._may_be_ordered, family.roots)):
            family.reorder()
        self._runs = {node: run for run in family.runs for node in run}
        self._images: dict[Node, Node] = {}
        self._stacks: dict[Node, Node] = {}
        """Arrays with slices along their first axis, by the array as it was, or by the
        first of the values that are computed together."""

    def changed(self) -> Changed:
        """The loop, and what its results have become."""
        parts, family = self._parts, self._family
        for node in self._body.nodes:
            with replacing(node, _RULE):
                if node in self._runs or self._is_slice(node):
                    self._images[node] = adopt(node, self._slice(node))
                else:
                    inputs = tuple(self._images[parent] for parent in node.inputs)
                    self._images[node] = node.with_inputs(inputs)
        carries = tuple(
            replace(each, next=self._images[each.next]) for each in parts.carries
        )
        stacked = {*parts.values}
        whole = {n for run in family.runs if stacked.issuperset(run) for n in run}
        values = dict.fromkeys(
            self._stack(node) if node in whole else self._images[node]
            for node in parts.values
        )
        loop = replace(
            parts,
            carries=carries,
            items=tuple(self._items),
            shared=tuple(self._shared),
            values=tuple(values),
        ).build()
        places = {value: len(carries) + i for i, value in enumerate(values)}
        results: dict[int, int | Node] = {i: i for i in range(len(carries))}
        for index, node in enumerate(parts.values, len(carries)):
            if node in whole:
                place = places[self._stack(node)]
                stack = RESULT.build((loop,), {"index": place})
                found = _item(stack, self._place(node), 1)
                results[index] = found.copy(
                    name=f"all_{node.name}" if node.name else None
                )
            else:
                results[index] = places[self._images[node]]
        return Changed(loop, results, {_RULE: _SOUND})

    def _slice(self, node: Node) -> Node:
        """A slice, or a value that is computed with others, out of their stack."""
        if node in self._runs:
            return _item(self._stack(node), self._place(node), 0)
        return _item(self._root(node.inputs[0]), self._family.kinds[node][1], 0)

    def _is_slice(self, node: Node) -> bool:
        return self._family.is_slice(node) and node in self._family.kinds

    def _place(self, node: Node) -> int:
        """The place of a value among those that are computed with it."""
        kinds = self._family.kinds
        return kinds[node][1] - kinds[self._runs[node][0]][1]

    def _stack(self, node: Node) -> Node:
        """The stack of the values that are computed with one."""
        run = self._runs[node]
        if run[0] not in self._stacks:
            inputs = tuple(self._operand(each, run) for each in run[0].inputs)
            stack = run[0].op.build(inputs, run[0].attributes, name=_common_name(run))
            self._stacks[run[0]] = stack
        return self._stacks[run[0]]

    def _operand(self, node: Node, run: list[Node]) -> Node:
        """The stack of slices of one operand, for values that are computed together."""
        kinds = self._family.kinds
        if node not in kinds:
            return self._images[node]
        if self._family.is_slice(node):
            stack, first = self._root(node.inputs[0]), 0
        else:
            stack, first = self._stack(node), kinds[self._runs[node][0]][1]
        start = kinds[run[0]][1] - first
        if len(run) == stack.shape[0]:
            return stack
        index = whole_index(stack.shape)
        index[0] = Slice(start, start + len(run), None, len(run))
        return GETITEM(stack, index=tuple(index))

    def _root(self, node: Node) -> Node:
        """An array with its slices along a first axis."""
        if node not in self._stacks:
            found = self._split(node)
            # The copy of an argument is none of the loop's.
            if found.name is None and found.op.role is not Role.ARGUMENT:
                found = found.copy(name=node.name)
            self._stacks[node] = found
        return self._stacks[node]

    def _split(self, node: Node) -> Node:
        """The slices of a value of a step along a first axis."""
        width, order = self._family.width, self._family.order
        for pairs, lead in ((self._shared, 0), (self._items, 1)):
            for variable, value in pairs:
                if variable is node:
                    slices = split(value, width, order, lead, self._outside)
                    if not lead and slices.op is TRANSPOSE:
                        name = f"{value.name}_slices" if value.name else None
                        slices = contiguous(slices).copy(name=name)
                    return self._argument(node, slices, pairs)
        if self._is_split_by_operands(node):
            inputs = (
                self._split(p) if p.ndim else self._images[p] for p in node.inputs
            )
            operands = tuple(aligned(p, node.ndim + 1) for p in inputs)
            return node.op.build(operands, node.attributes, name=node.name)
        if self._is_product(node):
            x1, x2 = node.inputs
            return MATMUL(self._images[x1], self._split(x2)).copy(name=node.name)
        return split(self._images[node], width, order)

    def _is_split_by_operands(self, node: Node) -> bool:
        return self._is_for_slices(node) and is_split_by_operands(node)

    def _is_for_slices(self, node: Node) -> bool:
        """True for a value that nothing needs as it is."""
        is_read_once = len(self._body.users.get(node, ())) == 1
        return is_read_once or node in self._roots

    def _is_product(self, node: Node) -> bool:
        """True for a product of a row or of rows and a matrix outside of the loop."""
        return (
            node.op is MATMUL
            and self._is_for_slices(node)
            and node.inputs[0].ndim <= node.inputs[1].ndim == 2
            and any(variable is node.inputs[1] for variable, _ in self._shared)
        )

    def _may_be_ordered(self, node: Node) -> bool:
        """True where another order of slices costs no more than one of weights."""
        for variable, value in self._shared:
            if variable is node:
                return value.ndim <= 2
        for variable, value in self._items:
            if variable is node:
                return may_be_ordered(value, self._outside)
        if self._is_split_by_operands(node):
            return all(not p.ndim or self._may_be_ordered(p) for p in node.inputs)
        return self._is_product(node)

    def _argument(
        self, node: Node, value: Node, pairs: list[tuple[Node, Node]]
    ) -> Node:
        """A new argument of the body for the slices of one."""
        for variable, known in pairs:
            if known is value:
                return variable
        place = len(self._body.nodes) + len(self._items) + len(self._shared)
        kind = value.type if pairs is self._shared else _without_first_axis(value)
        variable = argument(place, kind, node.name)
        pairs.append((variable, value))
        return variable


def _item(stack: Node, place: int, axis: int) -> Node:
    """The value at a place along an axis of a stack."""
    index = whole_index(stack.shape)
    index[axis] = place
    return GETITEM(stack, index=tuple(index))


def _without_first_axis(value: Node) -> TensorType:
    return value.type.with_shape(value.shape[1:])


def _common_name(nodes: Iterable[Node]) -> str | None:
    """The words that the names of nodes end in."""
    names = [(node.name or "").split("_")[::-1] for node in nodes]
    words = itertools.takewhile(
        lambda same: len({*same}) == 1, zip(*names, strict=False)
    )
    return "_".join(word for word, *_ in [*words][::-1]) or None
