"""Loops whose turns threads may share, and what a turn of them costs.

Each turn of such a loop writes to places of its own, and reads nothing that another one
writes. So the result is the same, bit for bit, whichever thread runs which turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...ir.dims import Dim, Dimension, product, symbols_of
from ...ir.node import Node
from ...ir.scalar import (
    Apply,
    Counter,
    Index,
    Load,
    Number,
    Operation,
    Scalar,
    parts,
    position,
)
from ..schedule import BATCH, batches_of
from .tree import (
    FINDING,
    Combine,
    Define,
    Item,
    Local,
    Loop,
    Row,
    Store,
    Turns,
    bodies_of,
    inside,
    loads_of,
    scalars,
    values_in,
)

PART = 262_144
"""The work that a thread takes at a time, in additions: some 20 microseconds. To wake
a thread takes 5 to 10. Tests lower it."""

LARGE = 8
"""Parts that a loop has for which threads are thought of, if its sizes may be large."""

MOST_PARTS = 32
"""Parts of a loop that has sums, each of which needs memory for its own."""

FUNCTION = 20
"""The cost of a function that declares none, as a multiple of that of an addition."""

UNBOUNDED = 2**30
"""The number that a named size is taken for which stands alone."""


def share_turns(items: Iterable[Item]) -> None:
    """Note the cost of a turn of each outermost loop that threads may share.

    Loops that are small whatever the sizes are have none.
    """
    for loop in items:
        if isinstance(loop, Loop):
            cost = _cost_of(loop.body)
            sums = _sums_of(loop)
            if sums is None or _largest(loop, loop.counter.size * cost) < LARGE * PART:
                continue
            # A turn takes longer than to add up the sums of a part.
            count = sum(node.type.size for node in sums)
            if not isinstance(count, int) or (sums and count > _at_least(cost)):
                continue
            loop.cost, loop.sums = cost, sums


def is_shared(items: Iterable[Item]) -> bool:
    """True where threads may share a loop among statements, or in their bodies."""
    return any(
        (isinstance(item, Loop) and item.cost is not None)
        or any(is_shared(body.nests.items) for body in bodies_of(item))
        or (isinstance(item, Turns) and is_shared(item.after))
        for item in items
    )


def _sums_of(loop: Loop) -> dict[Node, str] | None:
    """The arrays that turns combine values into; None where turns do more to others'
    places than that."""
    within = [each for item in loop.body for each in inside(item)]
    accumulators = {
        a for e in (loop, *within) if isinstance(e, Loop) for a in e.accumulators
    }
    own = {each.node for each in within if isinstance(each, Row)}
    places: dict[Node, set[object]] = {}
    combined: dict[Node, set[str]] = {}
    for each in within:
        match each:
            case Local() | Define() | Row() | Loop():
                continue
            case Combine(accumulator):
                if accumulator not in accumulators or accumulator.combine in FINDING:
                    return None
            case Store(node, index, _, combine, shape):
                place = _turn(loop, node.shape if shape is None else shape, index)
                if node not in own:
                    places.setdefault(node, set()).add(place)
                    combined.setdefault(node, set()).add(combine)
            case _:
                return None
    for each in within:
        for load in loads_of(each):
            if load.node in places:
                places[load.node].add(_turn(loop, load.shape, load.index))
                combined[load.node].add("")
    sums: dict[Node, str] = {}
    for node, found in places.items():
        if len(found) == 1 and None not in found:
            continue
        if len(combined[node]) > 1 or "" in combined[node]:
            return None
        (sums[node],) = combined[node]
    return sums


def _turn(loop: Loop, shape: Sequence[Dimension], index: Index) -> object:
    """The distance between places of turns, and whether more stand between these of
    one turn; None where turns have no places of their own."""
    for axis, each in enumerate(index):
        step = product(shape[axis + 1 :])
        first = all(i == Number(0) for i in index[:axis])
        match each:
            case Counter() if each is loop.counter:
                return step, first
            case Operation("+", (Operation("*", (left, count)), Counter() as rest)) if (
                left is loop.counter and position(rest.size) == count
            ):
                return step * rest.size, first
            case _:
                continue
    return None


def _cost_of(items: Iterable[Item]) -> Dimension:
    """The cost of statements, as a multiple of that of an addition."""
    total: Dimension = 0
    for item in items:
        if isinstance(item, Loop):
            total = total + item.counter.size * _cost_of(item.body)
        else:
            total = total + sum(map(_cost, scalars(item)))
            total = total + (1 if isinstance(item, Store) else 0)
    return total


def _cost(scalar: Scalar) -> int:
    """The cost of a value."""
    total = 0
    for part in parts(scalar):
        match part:
            case Load():
                total += 1
            case Apply(node, _):
                cost = node.op.facts.cost
                if isinstance(cost, tuple):
                    cost = cost[node.dtype.itemsize > 4]
                total += FUNCTION if cost is None else int(cost + 0.5)
            case Operation(operator, _) if operator.isidentifier():
                total += FUNCTION if operator not in ("if", "place", "float") else 1
            case _:
                continue
    return total


def _largest(loop: Loop, cost: Dimension) -> int:
    """A cost, where named sizes that count rows are large."""
    if not isinstance(cost, Dim):
        return cost
    rows = {*symbols_of(batches_of(values_in([loop])))}
    symbols = symbols_of((cost,))
    return cost.evaluate({s: BATCH if s in rows else UNBOUNDED for s in symbols})


def _at_least(cost: Dimension) -> int:
    """A cost, where named sizes are 1."""
    if not isinstance(cost, Dim):
        return cost
    return cost.evaluate(dict.fromkeys(symbols_of((cost,)), 1))
