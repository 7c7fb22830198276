"""Rules of an optimizer that look at whole arrays, as loop nests.

A rule that reduces (the norm of a parameter, the means of rows) or multiplies matrices
is a graph like any other, and is planned like one. New values are written in the place
of old ones, element by element, where nothing reads these any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dim, Shape
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.scalar import Counter, Index, Load, Number, without_ones
from ..ir.types import TensorType
from .groups import ParameterUpdate
from .loops.arena import arena_of, room_of, room_of_calls
from .loops.elements import is_known
from .loops.nests import nests_of
from .loops.replacing import may_replace
from .loops.tree import (
    Arena,
    Item,
    Loop,
    Nests,
    Store,
    read_by,
    values_in,
    written_by,
)

COUNT = Dim("count")
"""The numbers of a stretch of memory."""


@dataclass(frozen=True, eq=False)
class RuleNests:
    """The loop nests of some parameters that follow one rule, for each of them."""

    names: tuple[str, ...]
    """Those of the parameters."""
    rule: ParameterUpdate
    columns: tuple[Node, ...]
    """The arrays of a parameter: itself, its gradient and its state."""
    stored: frozenset[Node]
    """Those of them that are written to."""
    given: tuple[Node, ...]
    """Numbers that are read."""
    nests: Nests
    arena: Arena
    replaced: Mapping[Node, Node]
    """New values, and the array in whose place each is written."""
    sizes: tuple[int, ...]
    """The numbers that each parameter has."""

    @property
    def shapes(self) -> tuple[Shape | None, ...]:
        """Those of the arrays of a parameter; None for its own."""
        own = self.rule.parameter.shape
        return tuple(None if n.shape == own else n.shape for n in self.columns)

    @property
    def variables(self) -> tuple[Node, ...]:
        """The values that need a name, besides what is given."""
        outside = {*self.columns, *self.given}
        found = dict.fromkeys((*self.nests.arrays, *values_in(self.nests.items)))
        return tuple(node for node in found if node not in outside)

    @property
    def counts(self) -> bool:
        """True where the number of elements is passed."""
        return self.rule.parameter.shape == (COUNT,)

    @property
    def room(self) -> int:
        """The bytes that the largest of the parameters needs to work in."""
        room = room_of(self.nests.items, self.arena) + room_of_calls(self.nests)
        if isinstance(room, int):
            return room
        return max(room.evaluate({COUNT.text: size}) for size in self.sizes)


def nests_of_rules(
    rules: Sequence[ParameterUpdate], shared: Collection[Node]
) -> list[RuleNests] | None:
    """The loop nests of the rules of a group; None where they have no such form.

    Args:
        rules: equal but for the shape.
        shared: values that are computed before.
    """
    by_shape: dict[Shape, list[ParameterUpdate]] = {}
    flat: dict[Shape, ParameterUpdate] = {}
    for rule in rules:
        shape = rule.parameter.shape
        if (any_size := _flat(rule, shared)) is not None:
            shape = (COUNT,)
            flat.setdefault(shape, any_size)
        by_shape.setdefault(shape, []).append(rule)
    found: list[RuleNests] = []
    for shape, members in by_shape.items():
        nests = _nests(members, flat.get(shape, members[0]), shared)
        if nests is None:
            return None
        found.append(nests)
    return found


def _own(rule: ParameterUpdate, shared: Collection[Node]) -> list[Node]:
    """The values of a rule, without what is computed before, in their order."""
    known = {*shared, *(node for _, node in rule.placeholders())}
    needed: set[Node] = set()
    stack = [value for value, _ in rule.outputs()]
    while stack:
        node = stack.pop()
        if node not in needed and node not in known:
            needed.add(node)
            stack += node.inputs
    every = Graph(tuple(value for value, _ in rule.outputs())).nodes
    return [node for node in every if node in needed]


def _flat(rule: ParameterUpdate, shared: Collection[Node]) -> ParameterUpdate | None:
    """The rule for arrays as one row, of any size; None where axes matter.

    They don't where each number is treated alike, and sums go over all of them.
    """
    own = rule.parameter.shape
    if not own:
        return None
    new: dict[Node, Node] = {}
    for _, node in rule.placeholders():
        if node.ndim and node.shape != own:
            return None
        shape = (COUNT,) if node.shape == own else ()
        new[node] = _of_shape(node, shape)
    for node in _own(rule, shared):
        inputs = tuple(new.get(each, each) for each in node.inputs)
        attributes = node.attributes
        if not inputs and is_known(node):
            new[node] = _of_shape(node, (COUNT,)) if node.ndim else node
            continue
        if not inputs and not node.ndim:
            continue
        axes = attributes.get("axis")
        if node.op.kind == "reduction" and isinstance(axes, tuple) and not node.ndim:
            attributes = {**attributes, "axis": (0,), "keepdims": False}
        elif node.op.kind != "elementwise" or node.shape not in (own, ()):
            return None
        kind = node.op.infer(*(each.type for each in inputs), **attributes)
        assert isinstance(kind, TensorType)
        new[node] = Node(
            node.op,
            inputs,
            attributes,
            kind,
            name=node.name,
            origin=node.origin,
            order=node.order,
        )
    slots = {key: new[node] for key, node in rule.slots.items()}
    after = {key: new.get(value, value) for key, value in rule.new_slots.items()}
    value = new.get(rule.new_parameter, rule.new_parameter)
    parameter, gradient = new[rule.parameter], new[rule.gradient]
    return ParameterUpdate(parameter, gradient, slots, value, after)


def _of_shape(node: Node, shape: Shape) -> Node:
    """A value that is computed from nothing, in another shape."""
    if node.shape == shape:
        return node
    attributes = {**node.attributes, "shape": shape}
    kind = TensorType(node.dtype, shape)
    return Node(
        node.op,
        (),
        attributes,
        kind,
        name=node.name,
        origin=node.origin,
        order=node.order,
    )


def _nests(
    rules: Sequence[ParameterUpdate], rule: ParameterUpdate, shared: Collection[Node]
) -> RuleNests | None:
    columns = tuple(node for _, node in rule.placeholders())
    outside = {*columns, *shared}
    pairs = [(new, old) for new, old in rule.outputs() if new is not old]
    computed = [new for new, _ in pairs if new not in outside]
    if len({*computed}) < len(computed):
        return None
    for node in _own(rule, shared):
        # Nothing here could say that a position is wrong.
        if not node.op.pure or node.op.positions is not None:
            return None
    nodes = Graph(tuple(new for new, _ in pairs)).nodes
    nodes = _numbers_first(nodes, {node for node in columns if node.ndim})
    nests = nests_of(nodes, computed, outside, together=True)
    for loop in nests.items:
        if isinstance(loop, Loop):
            loop.cost, loop.sums = None, {}
    replaced: dict[Node, Node] = {}
    copied: list[tuple[Node, Node]] = []
    moved = {new for new, _ in pairs if new in outside}
    for new, old in pairs:
        is_free = new not in outside and old not in moved
        if is_free and may_replace(nests.items, old, new):
            replaced[new] = old
        else:
            copied.append((new, old))
    read = {new for new, _ in copied}
    if any(old in read for _, old in copied):
        return None
    nests.arrays += [new for new, _ in copied if new not in outside]
    copies = [_copy(old, new) for new, old in copied]
    if copies:
        places = nests.functions
        last = max(places.values(), default=-1)
        nests.items += copies
        nests.functions |= dict.fromkeys(copies, last + 1)
    found = dict.fromkeys(n for item in nests.items for n in read_by(item))
    made = {*nests.names, *columns}.union(*map(written_by, nests.items))
    given = tuple(node for node in found if node not in made)
    if any(node.ndim for node in given):
        return None
    return RuleNests(
        tuple(str(each.parameter.name) for each in rules),
        rule,
        columns,
        frozenset(old for _, old in pairs),
        given,
        nests,
        arena_of(nests),
        replaced,
        tuple(int(each.parameter.size) for each in rules),
    )


def _numbers_first(nodes: Sequence[Node], arrays: Collection[Node]) -> list[Node]:
    """An order in which numbers that no array is needed for part no loops."""
    late = {*arrays}
    for node in nodes:
        if node.ndim or not late.isdisjoint(node.inputs):
            late.add(node)
    return sorted(nodes, key=lambda node: node in late)


def _copy(target: Node, value: Node) -> Item:
    """A statement that copies a value to an array."""
    counters = [Counter(size) for size in without_ones(value.shape)]
    rest = iter(counters)
    index: Index = tuple(Number(0) if n == 1 else next(rest) for n in value.shape)
    item: Item = Store(target, index, Load(value, index, value.shape))
    for counter in reversed(counters):
        item = Loop(counter, [item])
    return item
