"""Variable names of emitted code: the user's where there are any, `d_<name>` for adjoints.

Names are handed out per module, so that a value is called the same in every function.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable

from ..ir.node import Node

__all__ = ["Names"]

_RESERVED = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins))


class Names:
    """Distinct Python identifiers for nodes.

    A node that a pass put in another's place has its place in the declared order, and
    gets its name, so that a value is called the same in every function of a module.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken: set[str] = set(reserved)
        self._by_index: dict[int, str] = {}
        self._by_order: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._symbols: dict[str, str] = {}

    def symbol(self, text: str) -> str:
        """The variable of a named size."""
        if text not in self._symbols:
            self._symbols[text] = self.reserve(text)
        return self._symbols[text]

    def reserve(self, name: str) -> str:
        """A name close to `name` that nothing else has, now taken."""
        if name in _RESERVED:
            name = f"{name}_value"
        candidate = name
        while candidate in self._taken:
            count = self._counts.get(name, 1) + 1
            self._counts[name] = count
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate

    def assign(self, nodes: Iterable[Node]) -> None:
        """Name the nodes of one function that have no name yet, in order."""
        seen: set[int] = set()
        for node in nodes:
            if node.index in self._by_index:
                seen.add(node.order)
                continue
            known = self._by_order.get(node.order)
            if known is None or node.order in seen:
                known = self.reserve(self._wish(node))
            self.alias(node, known)
            seen.add(node.order)

    def alias(self, node: Node, name: str) -> None:
        """Let `node` go by a name that is taken already."""
        self._by_index[node.index] = name
        self._by_order.setdefault(node.order, name)

    def child(self) -> Names:
        """A scope inside this one: what it adds stays there."""
        scope = Names(self._taken)
        scope._by_order = dict(self._by_order)
        scope._by_index = dict(self._by_index)
        scope._counts = dict(self._counts)
        scope._symbols = dict(self._symbols)
        return scope

    def __getitem__(self, node: Node) -> str:
        return self._by_index[node.index]

    def __contains__(self, node: Node) -> bool:
        return node.index in self._by_index

    def _wish(self, node: Node) -> str:
        depth = 0
        while (forward := node.origin.gradient_of) is not None:
            node, depth = forward, depth + 1
        name = self._by_order.get(node.order) or (node.name or node.op.name).replace(
            ".", "_"
        )
        return "d_" * depth + name
