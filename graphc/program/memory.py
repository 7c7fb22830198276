"""The array that each value is written to: liveness, in-place updates, shared buffers.

Values are visited in the order of their statements. A value that dies where an
elementwise op consumes it lends its array to the result; an array whose last reader has
run is given to the next value of the same type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir.bodies import value_of_result
from ..ir.dims import Dimension
from ..ir.node import Node
from ..ir.types import TensorType
from .schedule import Chain
from .storage import (
    arrays_of_results,
    is_written,
    readers,
    storage_of,
    writes_in_place,
)


@dataclass(frozen=True, eq=False)
class Given:
    """The arrays that a call gives a function for its results."""

    owners: tuple[Node, ...]
    """The values that they are planned for, in the order of the function."""
    holders: Mapping[Node, Node]
    """Results of the call, and the value in whose array they are."""


def given_for_results(
    call: Node, users: Sequence[Node], kept: Collection[Node]
) -> Given:
    """Arrays that a call gives for its results, those that none of `users` reads, too.

    Of an array that no result is, the owner is a copy of the value in the function. Of
    several nodes that read one result, it is that of `kept`, if there is one.
    """
    ordered = sorted(filter(is_written, users), key=lambda user: user in kept)
    whole = {value_of_result(user): user for user in ordered}
    storages = {user: storage_of(value_of_result(user)) for user in users}
    read = set(storages.values())
    owners = {
        node: whole[node]
        if node in whole
        else node.copy(name=None if node in read else "unused")
        for node in arrays_of_results(call.bodies[0])
    }
    return Given(
        tuple(owners.values()),
        {user: owners[node] for user, node in storages.items() if node in owners},
    )


@dataclass
class MemoryPlan:
    """The arrays of one function."""

    allocated: list[Node] = field(default_factory=list[Node])
    """Values that get an array of their own, in order."""
    arrays: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """The array that a value is written to, known by the value it was allocated for.
    Values without one are computed as expressions."""
    scratch: dict[Chain, list[Node]] = field(default_factory=dict[Chain, list[Node]])
    """Values that get an array of one tile, by the chain that works in it."""
    fresh: set[Node] = field(default_factory=set[Node])
    """Values of chains and results of calls that get a new array at each run."""
    given: Mapping[Node, Given] = field(default_factory=dict[Node, Given])
    """The arrays that calls give for results."""

    @property
    def bytes(self) -> Dimension:
        """The size of the workspace, without the scratch of chains."""
        total: Dimension = 0
        for node in self.allocated:
            total = total + node.type.size * node.dtype.itemsize
        return total


def plan_memory(
    statements: Sequence[Node],
    inline: Collection[Node],
    kept: Collection[Node],
    fresh: Collection[Node] = (),
    destinations: Mapping[Node, Node] | None = None,
    dedicated: Collection[Node] = (),
    chains: Sequence[Chain] = (),
    given: Mapping[Node, Given] | None = None,
) -> MemoryPlan:
    """Assign arrays to the values that `statements` compute.

    Args:
        statements: nodes in the order in which they are computed.
        inline: views that are written inside the expression of their user.
        kept: values that must outlive the function's run.
        fresh: values that need a new array at each run.
        destinations: outputs that replace a stored array, with the node that reads it.
        dedicated: outputs that have an array of their own already.
        chains: runs of statements that go through their arrays tile by tile.
        given: the arrays that calls give for results, without the arrays.
    """
    given = given or {}
    planner = _Planner(statements, inline, kept, given)
    fresh = {*map(planner.storage, fresh)}
    chain_of = {node: chain for chain in chains for node in chain.nodes}
    destinations = destinations or {}
    for position, statement in enumerate(statements):
        planner.enter(chain_of.get(statement))
        call = given.get(statement)
        for node in (statement,) if call is None else call.owners:
            target = destinations.get(node)
            if call is None and not is_written(node):
                pass
            elif node in dedicated:
                planner.plan.arrays[node] = node
            elif node in fresh:
                if statement in chain_of or call is not None:
                    planner.plan.arrays[node] = node
                    planner.plan.fresh.add(node)
            elif target is not None and planner.may_replace(
                statement, target, position
            ):
                planner.plan.arrays[node] = target
            elif (
                lent := planner.lent_placeholder(node, position, destinations)
            ) is not None:
                planner.plan.arrays[node] = lent
            else:
                planner.assign(node, position)
        planner.release(statement, position)
    planner.enter(None)
    return planner.plan


class _Planner:
    """The arrays that hold a value, are free, or are scratch."""

    def __init__(
        self,
        statements: Sequence[Node],
        inline: Collection[Node],
        kept: Collection[Node],
        given: Mapping[Node, Given],
    ) -> None:
        self.plan = MemoryPlan(given=given)
        self._inline = inline
        self._holders = {
            k: v for each in given.values() for k, v in each.holders.items()
        }
        self._last_use = self._last_uses(statements, kept)
        self._users: dict[Node, list[Node]] = {}
        for node in statements:
            for parent in dict.fromkeys(readers(node, inline)):
                self._users.setdefault(parent, []).append(node)
        self._alive: dict[Node, Node] = {}
        self._free: dict[TensorType, list[Node]] = {}
        self._free_scratch: dict[TensorType, list[Node]] = {}
        self._freed_in_chain: list[Node] = []
        self._chain: Chain | None = None
        self._viewed: set[Node] = set()
        self._scratch: set[Node] = set()

    def enter(self, chain: Chain | None) -> None:
        """Go on in a chain, another one, or none."""
        if chain is self._chain:
            return
        # An array that dies in a chain is still read by the chain's later tiles.
        for array in self._freed_in_chain:
            self._free.setdefault(array.type, []).append(array)
        self._freed_in_chain, self._free_scratch = [], {}
        self._chain = chain
        self._viewed = {
            storage
            for node in (chain.nodes if chain is not None else ())
            for storage in self._viewed_by(node)
        }

    def storage(self, node: Node) -> Node:
        """The node whose array a view, or a result of a call, looks into."""
        storage = storage_of(node)
        return self._holders.get(storage, storage)

    def _viewed_by(self, node: Node) -> set[Node]:
        """The nodes whose arrays a value reads through views."""
        storages = {parent: self.storage(parent) for parent in node.inputs}
        return {found for parent, found in storages.items() if found is not parent}

    def is_read_no_more(self, node: Node, position: int) -> bool:
        """True where no later statement reads a value."""
        return self._last_use.get(node, -1) <= position

    def may_replace(self, node: Node, target: Node, position: int) -> bool:
        """True where a value may be written over a stored array."""
        read = [parent for parent in node.inputs if storage_of(parent) is target]
        in_place = writes_in_place(node) and all(parent is target for parent in read)
        return self.is_read_no_more(target, position) and (in_place or not read)

    def lent_placeholder(
        self, node: Node, position: int, destinations: Mapping[Node, Node]
    ) -> Node | None:
        """A stored array that dies here and that only the next value replaces.

        In `exp_avg = 0.9 * exp_avg + 0.1 * gradient` the first product is written to
        the array of `exp_avg` already.
        """
        users = self._users.get(node, [])
        target = destinations.get(users[0]) if len(users) == 1 else None
        if (
            target is not None
            and target.type == node.type
            and any(parent is target for parent in node.inputs)
            and self.may_replace(node, target, position)
            and writes_in_place(users[0])
        ):
            return target
        return None

    def assign(self, node: Node, position: int) -> None:
        """Find an array for a value."""
        local = self._chain is not None and node not in self._chain.outputs
        dying = self._dying_input(node, position, local)
        free = self._free_scratch if local else self._free
        if dying is not None:
            array = self._alive.pop(dying)
        elif free.get(node.type):
            array = free[node.type].pop()
        else:
            array = node
            if local and self._chain is not None:
                self.plan.scratch.setdefault(self._chain, []).append(node)
                self._scratch.add(node)
            else:
                self.plan.allocated.append(node)
        self.plan.arrays[node] = self._alive[node] = array

    def release(self, node: Node, position: int) -> None:
        """Free the arrays that no later statement reads."""
        read = readers(node, self._inline)
        given = self.plan.given.get(node)
        # What nothing reads is given all the same, and is free again.
        owners = () if given is None else given.owners
        for storage in dict.fromkeys((*map(self.storage, read), *owners)):
            if storage not in self._alive or not self.is_read_no_more(
                storage, position
            ):
                continue
            array = self._alive.pop(storage)
            if array in self._scratch:
                self._free_scratch.setdefault(array.type, []).append(array)
            elif self._chain is not None:
                self._freed_in_chain.append(array)
            else:
                self._free.setdefault(array.type, []).append(array)

    def _dying_input(self, node: Node, position: int, local: bool) -> Node | None:
        """An input that lends its array to the result, as no one reads it any more."""
        if not writes_in_place(node):
            return None
        viewed = self._viewed | self._viewed_by(node)
        for parent in node.inputs:
            if (
                parent in self._alive
                and parent.type == node.type
                and parent not in viewed
                and self.is_read_no_more(parent, position)
                and (local or self._alive[parent] not in self._scratch)
            ):
                return parent
        return None

    def _last_uses(
        self, statements: Sequence[Node], kept: Collection[Node]
    ) -> dict[Node, int]:
        last: dict[Node, int] = {}
        for position, node in enumerate(statements):
            for parent in readers(node, self._inline):
                last[self.storage(parent)] = position
                # A view made by a statement of its own is read where it is used.
                last[parent] = position
        for position, node in enumerate(statements):
            if node.op.is_view(node):
                storage = self.storage(node)
                last[storage] = max(
                    last.get(storage, position), last.get(node, position)
                )
        for node in kept:
            last[self.storage(node)] = len(statements)
        return last
