"""Variable names of emitted code: the user's if there is one, `d_<name>` for adjoints.

A module has one scope, each of its functions a scope inside it. What a function calls
its values stays there, so that the next one starts with short names again.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ...ir.facts import Role
from ...ir.node import Node
from ...ir.op import result_name

_RESERVED = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))


class Names:
    """Distinct Python identifiers for nodes and named sizes.

    A node that a pass put in another's place has its place in the declared order, and
    goes by its name.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken: set[str] = set(reserved)
        self._module: set[str] = self._taken
        self._everywhere: set[str] = set(reserved)
        self._by_index: dict[int, str] = {}
        self._by_order: dict[tuple[int, ...], str] = {}
        self._symbols: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._temporaries: dict[str, str] = {}
        self.outside: set[str] = set()
        """Names of inputs and parameters. A function of a body knows none, so an
        argument may go by the name of one."""

    def function_scope(self, reserved: Iterable[str] = ()) -> Names:
        """A scope inside this one: what it adds stays there."""
        scope = Names((*self._taken, *reserved))
        scope._module = self._module
        scope._everywhere = self._everywhere
        scope._by_index = dict(self._by_index)
        scope._by_order = dict(self._by_order)
        scope._symbols = dict(self._symbols)
        scope._counts = dict(self._counts)
        scope.outside = set(self.outside)
        return scope

    def reserve(self, wish: str) -> str:
        """A name close to `wish` that nothing in this scope has, now taken."""
        name = self._unused(wish, lambda n: n in self._taken or n in self._module)
        self._taken.add(name)
        self._everywhere.add(name)
        return name

    def temporary(self, wish: str) -> str:
        """A variable of this scope for what a template calls its own.

        It is free between templates, so one serves all that wish for it.
        """
        if wish not in self._temporaries:
            self._temporaries[wish] = self.reserve(wish)
        return self._temporaries[wish]

    def reserve_in_module(self, wish: str) -> str:
        """A name for the module's top level, which no function uses for its own."""
        name = self._unused(wish, lambda n: n in self._everywhere)
        self._module.add(name)
        self._everywhere.add(name)
        return name

    def _unused(self, wish: str, is_used: Callable[[str], bool]) -> str:
        wish = wish.replace(".", "_")
        if wish in _RESERVED:
            wish = f"{wish}_value"
        name = wish
        while is_used(name):
            self._counts[wish] = self._counts.get(wish, 1) + 1
            name = f"{wish}_{self._counts[wish]}"
        return name

    def symbol(self, text: str) -> str:
        """The variable of a named size."""
        if text not in self._symbols:
            self._symbols[text] = self.reserve(text)
        return self._symbols[text]

    def assign(self, nodes: Iterable[Node]) -> None:
        """Name the nodes of one function that have no name yet, in order."""
        nodes = tuple(nodes)
        viewed = _named_views(nodes)
        seen: set[tuple[int, ...]] = set()
        for node in nodes:
            if node.index not in self._by_index:
                known = self._by_order.get(node.order)
                if node.op.role is Role.ARGUMENT and node.name in self.outside:
                    known = node.name
                    self.outside.discard(known)
                elif known is None or node.order in seen:
                    known = self.reserve(self._wish(viewed.get(node, node)))
                self.alias(node, known)
            seen.add(node.order)

    def alias(self, node: Node, name: str) -> None:
        """Let `node` go by a name that is taken already."""
        self._by_index[node.index] = name
        self._by_order.setdefault(node.order, name)

    def __getitem__(self, node: Node) -> str:
        return self._by_index[node.index]

    def __contains__(self, node: Node) -> bool:
        return node.index in self._by_index

    def _wish(self, node: Node) -> str:
        depth = 0
        while (forward := node.origin.gradient_of) is not None:
            if node.source_name is not None and node.source_name.text:
                break
            node, depth = forward, depth + 1
        given = node.label or result_name(node)
        known = self._by_order.get(node.order) if depth or not given else None
        wish = given or node.op.name
        if node.op.role is Role.RESULT and given is None:
            source = node.inputs[0]
            wish = f"{source.label or source.op.name}_{wish}"
        return "d_" * depth + (known or wish)


def _named_views(nodes: Sequence[Node]) -> dict[Node, Node]:
    """For each value without a name, the view of it that has one, if it is the only
    user: what it says is said of the value."""
    uses = Counter(parent for node in nodes for parent in node.inputs)
    found: dict[Node, Node] = {}
    for node in reversed(nodes):
        view = found.get(node, node)
        if node.op.is_view(node) and _is_named(view):
            (value,) = node.inputs[:1]
            if uses[value] == 1 and not _is_named(value):
                found[value] = view
    return found


def _is_named(node: Node) -> bool:
    return node.label is not None or node.origin.gradient_of is not None
