"""Parts of a function that another language computes.

The values that it can compute are taken together, as many as the order of computation
allows, and the few that it can't stand between them as steps of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dimension, symbols_of
from ..ir.facts import Role
from ..ir.node import Node
from .forms import Forms
from .loops.arena import arena_of, room_of, room_of_calls
from .loops.elements import form_of, is_outside
from .loops.nests import nests_of
from .loops.symbols import symbols_in_items
from .loops.tree import Arena, Nests, RoutineCall, read_by, written_by


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
        return room_of(self.nests.items, self.arena) + room_of_calls(self.nests)

    @property
    def routines(self) -> tuple[RoutineCall, ...]:
        """The calls of functions written by hand."""
        return tuple(i for i in self.nests.items if isinstance(i, RoutineCall))

    @property
    def draws(self) -> tuple[Node, ...]:
        """The random draws, which need their generators."""
        return tuple(each.node for each in self.routines if each.routine.draws)

    @property
    def has_room(self) -> bool:
        """True where it needs memory besides that of its results."""
        return self.room != 0


def split(
    nodes: Sequence[Node],
    wanted: Sequence[Node],
    forms: Forms,
    outputs: Iterable[Node],
    supports: Supports,
    stages: Mapping[Node, int],
) -> list[Node | Region]:
    """Regions, and the values between them.

    Args:
        nodes: all values of a graph, in their order.
        wanted: those that have a statement.
        forms: theirs.
        outputs: what is read after all of them.
        supports: says which values a region may have.
        stages: for each value a number; those of a larger one come later.
    """
    inline = {*nodes} - {*wanted}
    levels = _levels(nodes, inline, forms, supports, stages)
    members: dict[int, list[Node]] = {}
    for node in wanted:
        members.setdefault(levels[node], []).append(node)
    read = {each for output in outputs for each in _read_as(output, inline)}
    made: dict[int, list[Node | Region]] = {}
    for level in sorted(members, reverse=True):
        found = members[level]
        if level % 2:
            made[level] = [*found]
            for node in found:
                read.update(a for x in node.inputs for a in _read_as(x, inline))
                read.update(check.positions for check in forms.checks(node))
            continue
        own = {*found}
        results = tuple(
            node for node in nodes if node in read and _value_of(node) in own
        )
        if not results:
            continue
        elsewhere = {n for n in wanted if n not in own}
        elsewhere |= {n for n in inline if n.inputs and form_of(n) is None}
        elsewhere |= {
            n for n in inline if _value_of(n) is not n and _value_of(n) not in own
        }
        nests = nests_of(nodes, results, elsewhere)
        given = _given(nests, results)
        for node in given:
            read.update(_read_as(node, inline))
        for node in found:
            read.update(check.positions for check in forms.checks(node))
        arena = arena_of(nests)
        made[level] = [Region(nests, arena, given, results, tuple(found))]
    return [each for level in sorted(made) for each in made[level]]


def _value_of(node: Node) -> Node:
    """The value with a statement that another one is, or is a result of."""
    return node.inputs[0] if node.op.role is Role.RESULT else node


def _read_as(node: Node, inline: Collection[Node]) -> Iterator[Node]:
    """The values that code reads for one, through those that stand inside it."""
    if node.op.role is Role.RESULT or node not in inline:
        yield node
    else:
        for each in node.inputs:
            yield from _read_as(each, inline)


def _levels(
    nodes: Sequence[Node],
    inline: Collection[Node],
    forms: Forms,
    supports: Supports,
    stages: Mapping[Node, int],
) -> Mapping[Node, int]:
    """For each value how often the way to it changes sides: even in a region.

    What is drawn from nothing stands before all regions, so that it parts none.
    """
    levels: dict[Node, int] = {}
    stage = least = 0
    for node in sorted(nodes, key=stages.__getitem__):
        if stages[node] > stage:
            stage, least = stages[node], max(levels.values(), default=0) // 2 * 2 + 2
        level = max((levels[x] for x in node.inputs), default=least)
        level = max(level, least)
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
    own = {*nests.names, *results}
    own.update(*map(written_by, nests.items))
    found: dict[Node, None] = {}
    for item in nests.items:
        found.update(read_by(item))
    return tuple(node for node in found if node not in own)
