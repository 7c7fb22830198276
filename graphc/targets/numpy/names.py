"""Variable names of emitted code: the user's if there is one, `d_<name>` for adjoints.

A module has one scope, each of its functions a scope inside it. What a function calls
its values stays there, so that the next one starts with short names again.
"""

from __future__ import annotations

import ast
import builtins
import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from string import Formatter

from ...ir.facts import Role
from ...ir.node import Node
from ...ir.op import result_name
from ...ir.origin import label_of
from ...ir.types import is_floating
from ...program.grouping import is_told

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
        self._by_line: dict[int, str] = {}
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
        scope._by_line = dict(self._by_line)
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

    def assign(self, nodes: Iterable[Node], among: Iterable[Node] = ()) -> None:
        """Name the nodes of one function that have no name yet, in order.

        Those that a user named come first, so that no other one takes their names.

        Args:
            nodes: those that need a name.
            among: all nodes of the function, if these are not all.
        """
        nodes = tuple(nodes)
        among = tuple(among) or nodes
        viewed, terms = _named_views(among), _terms(among)
        seen: set[tuple[int, ...]] = set()
        waiting: list[Node] = []
        for node in nodes:
            if node.index in self._by_index:
                continue
            known = self._by_order.get(node.order)
            if node.op.role is Role.ARGUMENT and node.name in self.outside:
                self.outside.discard(node.name)
                self.alias(node, node.name)
            elif known is not None and node.order not in seen:
                self.alias(node, known)
            elif node.source_name is not None and node.source_name.text:
                self.alias(node, self.reserve(node.source_name.text))
            else:
                waiting.append(node)
            seen.add(node.order)
        for node in waiting:
            self.alias(node, self.reserve(self._wish(viewed.get(node, node), terms)))

    def alias(self, node: Node, name: str) -> None:
        """Let `node` go by a name that is taken already."""
        self._by_index[node.index] = name
        self._by_order.setdefault(node.order, name)
        if node.source_name is not None:
            self._by_line.setdefault(id(node.source_name), name)

    def __getitem__(self, node: Node) -> str:
        return self._by_index[node.index]

    def __contains__(self, node: Node) -> bool:
        return node.index in self._by_index

    def _wish(self, node: Node, terms: Mapping[Node, str]) -> str:
        depth, own = 0, node
        while (forward := node.origin.gradient_of) is not None:
            if node.source_name is not None and node.source_name.text:
                break
            node, depth = forward, depth + 1
        given = _of_derivative(node) or _of_block(node)
        given = given or node.label or result_name(node)
        known = self._by_order.get(node.order) if depth or not given else None
        if depth and known is None:
            # Of what a block became, which has the name of its line.
            known = self._by_line.get(id(node.source_name))
        if not given and not known and own in terms:
            return terms[own]
        wish = given or known or self._role(node)
        if node.op.role is Role.RESULT and given is None:
            source = node.inputs[0]
            wish = f"{source.label or source.op.name}_{wish}"
        return "d_" * depth + (known or wish)

    def _role(self, node: Node) -> str:
        """The name of a value by what it is computed from."""
        inputs = dict(zip(node.op.inputs, node.inputs, strict=False))
        first = next(iter(inputs), None)
        told = {key: told for key, each in inputs.items() if (told := self._told(each))}
        is_scaled = any(each.op.role is Role.CONSTANT for each in node.inputs)
        patterns = node.op.facts.called or _of_operator(node)
        if first is not None and not patterns:
            patterns = (f"{node.op.name}_{{{first}}}",)
        for pattern in patterns:
            wanted = {key for _, key, _, _ in Formatter().parse(pattern) if key}
            fits = node.op.kind != "elementwise" or is_scaled
            if wanted <= told.keys() and (fits or len(wanted) in (0, len(inputs))):
                name = pattern.format_map(told)
                if len(name) <= _LONGEST:
                    return name
        return node.op.name

    def _told(self, node: Node) -> str | None:
        """The name that somebody gave a value, or what it is a view of."""
        while node.op.is_view(node) and node.label is None:
            node = node.inputs[0]
        if node.label is None or node.index not in self._by_index:
            return None
        variable = self._by_index[node.index]
        # Numbers of variables in the midst of a name say nothing.
        return node.label.replace(".", "_") if variable[-1].isdigit() else variable


def _of_operator(node: Node) -> tuple[str, ...]:
    """Names for what an operator computes, in words."""
    op = node.op
    if op.role is Role.FULL:
        usual = {0: "zeros", 1: "ones"}
        return (usual.get(node.attributes["value"], "filled"),)
    if op.numpy is None or op.is_statements(node) or op.bodies:
        return ()
    match op.parsed(op.template(node)).body[0]:
        case ast.Expr(ast.BinOp(op=operator) | ast.UnaryOp(op=operator)):
            return _WORDS.get(type(operator), ())
        case _:
            return ()


_WORDS: dict[type[ast.operator | ast.unaryop], tuple[str, ...]] = {
    ast.Add: ("{x1}_plus_{x2}", "total"),
    ast.Sub: ("{x1}_minus_{x2}", "difference"),
    ast.Mult: ("{x1}_times_{x2}", "scaled_{x1}", "scaled_{x2}", "product"),
    ast.MatMult: ("{x1}_times_{x2}", "product"),
    ast.Div: ("{x1}_over_{x2}", "scaled_{x1}", "quotient"),
    ast.USub: ("minus_{x}", "negated"),
}


def _of_block(node: Node) -> str | None:
    """The name of a block's value that is only the block's own: with that of its input,
    if there is one."""
    block = node.origin.block
    if block is None or block.name is not None or not block.inputs:
        return None
    if not block.op.says_no_more(node.label):
        return None
    told = block.inputs[0].label
    name = f"{block.op.name}_{told}".replace(".", "_")
    return name if told and len(name) <= _LONGEST else None


def _of_derivative(node: Node) -> str | None:
    """The name of a slope, with that of the value whose slope it is."""
    derivative = node.origin.derivative
    if derivative is None or node.name != "slope" or is_told(node):
        return None
    told = derivative.through.label
    name = f"{told}_slope".replace(".", "_")
    return name if told and len(name) <= _LONGEST else None


_LONGEST = 24
"""Characters in a name that is made of others."""


def _terms(nodes: Sequence[Node]) -> dict[Node, str]:
    """Names for values without one that are terms of a sum that has one."""
    uses = Counter(parent for node in nodes for parent in node.inputs)
    found: dict[Node, str] = {}
    for node in reversed(nodes):
        name = label_of(node) if _is_named(node) else None
        term = f"{name.replace('.', '_')}_term" if name else found.get(node)
        if term and 0.0 in node.op.facts.neutral and is_floating(node.dtype):
            parts = [n for n in node.inputs if uses[n] == 1 and not n.op.is_view(n)]
            found.update(dict.fromkeys(parts, term))
    return found


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
