"""Parts of a function that another language computes.

The values that it can compute are taken together, as many as the order of computation
allows, and the few that it can't stand between them as steps of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dimension, symbols_of
from ..ir.node import Node
from ..ir.scalar import Load, parts
from .forms import Forms
from .loops.arena import Arena, arena_of
from .loops.elements import form_of, is_outside
from .loops.nests import Nests, nests_of
from .loops.symbols import symbols_in_items
from .loops.tree import Product, RoutineCall, inside, scalars
from .storage import readers


def is_number(node: Node) -> bool:
    """True for a value that may be passed as a Python float."""
    return node.ndim == 0 and node.dtype.kind == "f"


Supports = Callable[[Node], bool]
"""True for a value that the other language can compute."""


@dataclass(frozen=True, eq=False)
class Region:
    """Values that are computed together."""

    nests: Nests
    arena: Arena
    given: tuple[Node, ...]
    """Arrays that they read."""
    results: tuple[Node, ...]
    """Those that are read outside."""
    members: tuple[Node, ...]

    @property
    def numbers(self) -> tuple[Node, ...]:
        """Those of `given` that are passed as numbers, without an array."""
        return tuple(node for node in self.given if is_number(node))

    @property
    def read(self) -> tuple[Node, ...]:
        """Those of `given` that are arrays."""
        return tuple(node for node in self.given if not is_number(node))

    @property
    def first(self) -> Node:
        """The one that is computed first."""
        return self.members[0]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The named sizes that they depend on."""
        found = symbols_in_items(self.nests.items)
        found |= {*symbols_of(size for n in self.arena.places for size in n.shape)}
        return tuple(sorted(found))

    @property
    def room(self) -> Dimension:
        """The bytes that the values need which nothing reads outside."""
        total: Dimension = 0
        for node in self.arena.places:
            total = total + node.type.size * node.dtype.itemsize + ALIGNMENT
        return total + self.product_room + self.work

    @property
    def product_room(self) -> int:
        """The bytes that products of matrices work in, one after another."""
        sizes = [
            MOST_OF_A_PRODUCT * item.node.dtype.itemsize + ALIGNMENT
            for item in self.nests.items
            if isinstance(item, Product)
        ]
        return max(sizes, default=0)

    @property
    def routines(self) -> tuple[RoutineCall, ...]:
        """The calls of functions written by hand."""
        return tuple(i for i in self.nests.items if isinstance(i, RoutineCall))

    @property
    def draws(self) -> tuple[Node, ...]:
        """The random draws, which need their generators."""
        return tuple(each.node for each in self.routines if each.routine.draws)

    @property
    def work(self) -> Dimension:
        """The bytes that functions written by hand work in."""
        total: Dimension = 0
        for each in self.routines:
            total = total + each.routine.work
        return total

    @property
    def works(self) -> bool:
        """True where something needs memory to work in."""
        return self.product_room > 0 or self.work != 0

    @property
    def has_room(self) -> bool:
        """True where it needs memory besides that of its results."""
        return bool(self.arena.places) or self.works


MOST_OF_A_PRODUCT = 69_632
"""Numbers that a product of matrices works in, however large it is."""

ALIGNMENT = 64
"""Bytes: each array starts at a multiple of it."""


def split(
    nodes: Sequence[Node],
    wanted: Sequence[Node],
    forms: Forms,
    outputs: Iterable[Node],
    supports: Supports,
) -> list[Node | Region]:
    """Regions, and the values between them.

    Args:
        nodes: all values of a graph, in their order.
        wanted: those that have a statement.
        forms: theirs.
        outputs: what is read after all of them.
        supports: says which values a region may have.
    """
    inline = {*nodes} - {*wanted}
    levels = _levels(nodes, inline, forms, supports)
    members: dict[int, list[Node]] = {}
    for node in wanted:
        members.setdefault(levels[node], []).append(node)
    read = {
        each
        for output in outputs
        for each in ([output] if output not in inline else readers(output, inline))
    }
    place = {node: level for level, found in members.items() for node in found}
    made: dict[int, list[Node | Region]] = {}
    for level in sorted(members, reverse=True):
        found = members[level]
        if level % 2:
            made[level] = [*found]
            for node in found:
                read.update(readers(node, inline))
                read.update(check.positions for check in forms.checks(node))
            continue
        results = tuple(node for node in found if node in read)
        if not results:
            continue
        elsewhere = {n for n in wanted if place[n] != level}
        elsewhere |= {n for n in inline if n.inputs and form_of(n) is None}
        nests = nests_of(nodes, results, elsewhere)
        given = _given(nests, results)
        for node in given:
            read.update(readers(node, inline) if node in inline else (node,))
        for node in found:
            read.update(check.positions for check in forms.checks(node))
        arena = arena_of(nests.items, nests.arrays)
        made[level] = [Region(nests, arena, given, results, tuple(found))]
    return [each for level in sorted(made) for each in made[level]]


def _levels(
    nodes: Sequence[Node],
    inline: Collection[Node],
    forms: Forms,
    supports: Supports,
) -> Mapping[Node, int]:
    """For each value how often the way to it changes sides: even in a region.

    What is drawn from nothing stands before all regions, so that it parts none.
    """
    levels: dict[Node, int] = {}
    for node in nodes:
        level = max((levels[x] for x in node.inputs), default=0)
        if is_outside(node):
            levels[node] = 0
            continue
        if node in inline:
            is_told = form_of(node) is not None or level % 2 or not node.inputs
            levels[node] = level if is_told else level + 1
            continue
        checked = [c.positions for c in forms.checks(node)]
        after = max((levels[x] + 1 for x in checked if not is_outside(x)), default=0)
        level = max(level, after)
        if not node.op.pure and not node.inputs and not supports(node):
            levels[node] = -1
            continue
        levels[node] = level + (level % 2 if supports(node) else 1 - level % 2)
    return levels


def _given(nests: Nests, results: Sequence[Node]) -> tuple[Node, ...]:
    """The arrays that nests read and do not make."""
    own = {*nests.arrays, *nests.names, *results}
    found: dict[Node, None] = {}
    for item in nests.items:
        for each in inside(item):
            if isinstance(each, Product):
                found.update({each.left.node: None, each.right.node: None})
            if isinstance(each, RoutineCall):
                found.update(dict.fromkeys(each.arrays))
            for scalar in scalars(each):
                found.update(
                    (part.node, None)
                    for part in parts(scalar)
                    if isinstance(part, Load)
                )
    return tuple(node for node in found if node not in own)
