"""Which array each value is written to: liveness, in-place updates and shared buffers.

Values are visited in the order of their statements. A value that dies where an
elementwise op consumes it lends its array to the result; an array whose last reader has
run is given to the next value of the same type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..ir.dims import Dimension
from ..ir.node import Node
from ..ir.types import TensorType

__all__ = ["MemoryPlan", "plan_memory", "storage_of"]


@dataclass
class MemoryPlan:
    """The arrays of one function."""

    allocated: list[Node] = field(default_factory=list[Node])
    """Values that get an array of their own, in order."""
    arrays: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """The array that a value is written to, known by the value it was allocated for.
    Values without one are computed as expressions."""

    @property
    def bytes(self) -> Dimension:
        """The size of the workspace."""
        total: Dimension = 0
        for node in self.allocated:
            total = total + node.type.size * node.dtype.itemsize
        return total


def storage_of(node: Node) -> Node:
    """The node whose array a view looks into."""
    while node.op.is_view(node):
        node = node.inputs[0]
    return node


def plan_memory(
    statements: Sequence[Node],
    inline: Collection[Node],
    kept: Collection[Node],
    fresh: Collection[Node] = (),
    destinations: Mapping[Node, Node] | None = None,
) -> MemoryPlan:
    """Assign arrays to the values that `statements` compute.

    Args:
        statements: nodes in the order in which they are computed.
        inline: views that are written inside the expression of their user.
        kept: values that must outlive the function's run.
        fresh: values that need a new array at each run.
        destinations: outputs that replace a stored array, with the node that reads it.
    """
    plan = MemoryPlan()
    destinations = destinations or {}
    last_use = _last_uses(statements, inline, kept)
    free: dict[TensorType, list[Node]] = {}
    alive: dict[Node, Node] = {}
    for position, node in enumerate(statements):
        if not _is_written(node) or node in fresh:
            continue
        target = destinations.get(node)
        if target is not None and last_use.get(target, -1) <= position:
            plan.arrays[node] = target
        else:
            dying = _dying_input(node, position, last_use, alive)
            if dying is not None:
                array = alive.pop(dying)
            elif free.get(node.type):
                array = free[node.type].pop()
            else:
                array = node
                plan.allocated.append(node)
            plan.arrays[node] = alive[node] = array
        for dead in _deaths(node, position, inline, last_use, alive):
            array = alive.pop(dead)
            free.setdefault(array.type, []).append(array)
    return plan


def _is_written(node: Node) -> bool:
    return (
        node.ndim > 0
        and not node.op.is_view(node)
        and node.op.template_into(node) is not None
    )


def _readers(node: Node, inline: Collection[Node]) -> list[Node]:
    """The arrays that a statement reads, through the views written inside it."""
    found: list[Node] = []
    stack = list(node.inputs)
    while stack:
        parent = stack.pop()
        if parent in inline:
            stack.extend(parent.inputs)
        else:
            found.append(parent)
    return found


def _last_uses(
    statements: Sequence[Node], inline: Collection[Node], kept: Collection[Node]
) -> dict[Node, int]:
    last: dict[Node, int] = {}
    for position, node in enumerate(statements):
        for parent in _readers(node, inline):
            last[storage_of(parent)] = position
            # A view made by a statement of its own is read where it is used.
            last[parent] = position
    for position, node in enumerate(statements):
        if node.op.is_view(node):
            storage = storage_of(node)
            last[storage] = max(last.get(storage, position), last.get(node, position))
    for node in kept:
        last[storage_of(node)] = len(statements)
    return last


def _dying_input(
    node: Node,
    position: int,
    last_use: Mapping[Node, int],
    alive: Mapping[Node, Node],
) -> Node | None:
    template = node.op.template_into(node)
    if node.op.kind != "elementwise" or template is None or "\n" in template:
        return None
    for parent in node.inputs:
        if (
            parent in alive
            and parent.type == node.type
            and last_use[parent] == position
        ):
            return parent
    return None


def _deaths(
    node: Node,
    position: int,
    inline: Collection[Node],
    last_use: Mapping[Node, int],
    alive: Mapping[Node, Node],
) -> list[Node]:
    storages = (storage_of(parent) for parent in _readers(node, inline))
    return [
        storage
        for storage in dict.fromkeys(storages)
        if storage in alive and last_use[storage] == position
    ]
