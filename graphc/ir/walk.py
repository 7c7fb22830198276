"""Orders in which nodes are walked, and numbers that tell equal nodes.

Nothing here is recursive, since a chain of nodes may have any length.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, cast

from .facts import NAMED
from .node import Attributes, Node

Dependencies = Callable[[Node], tuple[Node, ...]]


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes that a node depends on as it stands."""
    return node.inputs


def meaning_of(node: Node) -> tuple[Node, ...]:
    """The nodes that a node depends on when blocks are seen through to expansions."""
    return (node.expansion,) if node.op.is_block else node.inputs


def ancestors(
    outputs: Iterable[Node], dependencies: Dependencies = inputs_of
) -> list[Node]:
    """The outputs and every node they depend on, each once, in no special order."""
    seen: set[int] = set()
    found: list[Node] = []
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.index not in seen:
            seen.add(node.index)
            found.append(node)
            stack.extend(dependencies(node))
    return found


def reading_order(
    outputs: Iterable[Node], dependencies: Dependencies = inputs_of
) -> tuple[Node, ...]:
    """Each node after what it depends on, in the order in which it is first needed.

    Depth first along the inputs as they are written, whenever nodes were created.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack = [(node, False) for node in reversed(tuple(outputs))]
    while stack:
        node, is_ready = stack.pop()
        if node in done:
            continue
        if is_ready:
            done.add(node)
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend(
                (parent, False)
                for parent in reversed(dependencies(node))
                if parent not in done
            )
    return tuple(order)


def topological_order(
    nodes: Iterable[Node], dependencies: Dependencies = inputs_of
) -> tuple[Node, ...]:
    """Nodes, inputs first; where there is a choice, the order of declaration decides.

    This is networkx's lexicographical topological sort, so the same declaration gives
    the same program whatever the hash seed.
    """
    by_index = {node.index: node for node in nodes}

    def key(index: int) -> tuple[tuple[int, ...], int]:
        return by_index[index].order, index

    # Declared order is nearly always topological, and then it is the smallest.
    declared = sorted(by_index, key=key)
    placed: set[int] = set()
    for index in declared:
        if any(
            parent.index in by_index and parent.index not in placed
            for parent in dependencies(by_index[index])
        ):
            break
        placed.add(index)
    else:
        return tuple(by_index[index] for index in declared)

    # Imported here because `import graphc` must stay fast.
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(by_index)
    graph.add_edges_from(
        (parent.index, index)
        for index, node in by_index.items()
        for parent in dependencies(node)
        if parent.index in by_index
    )
    order = cast("Iterator[int]", nx.lexicographical_topological_sort(graph, key=key))
    return tuple(by_index[index] for index in order)


# Equality -----------------------------------------------------------------------------


def attributes_key(attributes: Attributes) -> tuple[Any, ...]:
    """A hashable key under which equal attributes, and only those, agree.

    Floats go by their text because 0.0 == -0.0 and nan != nan.
    """

    def key(value: Any) -> Any:
        if isinstance(value, float):
            return ("float", repr(value))
        if isinstance(value, tuple):
            return tuple(key(item) for item in cast("tuple[Any, ...]", value))
        return (type(value).__name__, value)

    return tuple((name, key(attributes[name])) for name in sorted(attributes))


def structural_key(node: Node, inputs: tuple[int, ...]) -> Hashable:
    """Everything that decides the value of a node, given numbers of its inputs."""
    return (node.op.key, inputs, attributes_key(node.attributes), node.type)


def identity_key(node: Node) -> Hashable | None:
    """The key of a node that equals itself alone: an input, a parameter, a draw."""
    is_unique = not node.op.pure or node.op.role in NAMED
    return node.index if is_unique else None


class Numbering:
    """Numbers of nodes: the same for two nodes that are written alike.

    Nodes are written alike if they apply the same op to nodes that are, down to leaves
    of the same key.
    """

    def __init__(
        self,
        leaf: Callable[[Node], Hashable | None] = identity_key,
        key: Callable[[Node, tuple[int, ...]], Hashable] = structural_key,
    ) -> None:
        """
        Args:
            leaf: the key of a node that is not looked into, None of another.
            key: that of a node that is looked into, given the numbers of its inputs.
        """
        self._leaf, self._key = leaf, key
        self._numbers: dict[Node, int] = {}
        self._table: dict[Hashable, int] = {}

    def __call__(self, root: Node) -> int:
        """The number of a node."""
        numbers, table = self._numbers, self._table
        stack = [root]
        while stack:
            node = stack.pop()
            if node in numbers:
                continue
            key = self._leaf(node)
            if key is None:
                waiting = [parent for parent in node.inputs if parent not in numbers]
                if waiting:
                    stack += (node, *reversed(waiting))
                    continue
                key = self._key(node, tuple([numbers[p] for p in node.inputs]))
            numbers[node] = table.setdefault(key, len(table))
        return numbers[root]

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """All keys by number: equal for structures that are the same."""
        return tuple(self._table)
