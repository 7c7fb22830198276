"""Variable names of emitted code: the user's if there is one, `d_<name>` for adjoints.

A module has one scope, each of its functions a scope inside it. What a function calls
its values stays there, so that the next one starts with short names again.
"""

from __future__ import annotations

import ast
import builtins
import keyword
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from string import Formatter
from typing import NamedTuple

from ...ir.facts import Role
from ...ir.node import Node
from ...ir.op import result_name
from ...ir.origin import label_of
from ...ir.types import is_floating
from ...program.grouping import is_named, is_told

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
        viewed, terms = _named_views(among, {*nodes}), _terms(among)
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
        if not given and not known:
            if own in terms:
                return terms[own]
            if (of_view := self._of_view(own, depth)) is not None:
                return of_view
            if depth and self._role(own, node) is None:
                # By what it is computed from, then.
                return self._described(own) or "d_" * depth + _of_kind(node)
        wish = given or known or self._role(own if depth else None, node)
        wish = wish or _of_kind(node)
        if node.op.role is Role.RESULT and given is None:
            source = node.inputs[0]
            wish = f"{source.label or source.op.name}_{wish}"
        return "d_" * depth + (known or wish)

    def _of_view(self, node: Node, depth: int) -> str | None:
        """The name of a view of an adjoint, or of a value that no variable has."""
        if not node.op.rearranges or not node.inputs:
            return None
        (source, *_) = node.inputs
        variable = self._by_index.get(source.index)
        if depth:
            called = variable and label_of(source)
            told = {node.op.inputs[0]: called.replace(".", "_")} if called else {}
            return _filled(node.op.facts.called[:1], told)
        if variable is not None or source.origin.gradient_of is not None:
            return None
        is_moved = source.op.rearranges
        return source.label or (None if is_moved else self._described(source))

    def _role(self, adjoint: Node | None, node: Node) -> str | None:
        """The name of a value by what it is computed from, or is for.

        Args:
            adjoint: the value, if it is one.
            node: the value, or what it is the adjoint of.
        """
        received = None if adjoint is None else _as_input(adjoint)
        if received is not None and received.is_told:
            return received.name
        return self._described(node) or (received and received.name)

    def _described(self, node: Node, *, briefly: bool = False) -> str | None:
        """The name of a value by what it is computed from, if that has names.

        Args:
            node: the value.
            briefly: by one other value.
        """
        inputs = dict(zip(node.op.inputs, node.inputs, strict=False))
        told = {key: told for key, each in inputs.items() if (told := self._told(each))}
        is_elementwise = node.op.kind == "elementwise"
        if briefly and not is_elementwise:
            return None
        is_scaled = any(each.op.role is Role.CONSTANT for each in node.inputs)
        patterns = _patterns(node)
        first = next(iter(inputs), None)
        is_function = len(inputs) == 1 or (first and _viewed(inputs[first]).label)
        if is_function and not patterns:
            patterns = (f"{node.op.name}_{{{first}}}",)
        for pattern in patterns:
            wanted = _keys(pattern)
            fits = is_scaled or not is_elementwise or len(wanted) == len(inputs)
            fits |= pattern.startswith("weighted")
            if wanted and fits and not (briefly and len(wanted) > 1):
                name = _filled((pattern,), told)
                if name is not None:
                    return name
        return None

    def _told(self, node: Node) -> str | None:
        """The name that somebody gave a value, or what it is a view of, or made of."""
        node = _viewed(node)
        variable = self._by_index.get(node.index)
        # Numbers of variables in the midst of a name say nothing.
        says = variable is not None and not variable[-1].isdigit()
        if node.label is not None:
            return variable if says else node.label.replace(".", "_")
        if node.op.role is Role.CONSTANT:
            value = node.attributes["value"].array
            return None if value.shape else _NUMBERS.get(value.item())
        if node.op.role is Role.RESULT:
            return variable if says else None
        return self._described(node, briefly=True)


def _viewed(node: Node) -> Node:
    """The value that a view without a name looks into."""
    while node.op.is_view(node) and node.label is None:
        node = node.inputs[0]
    return node


def _keys(pattern: str) -> set[str]:
    return {key for _, key, _, _ in Formatter().parse(pattern) if key}


def _filled(patterns: Sequence[str], told: Mapping[str, str]) -> str | None:
    """The first pattern whose names are all there, if that is short enough."""
    for pattern in patterns:
        if _keys(pattern) <= told.keys():
            name = pattern.format_map(told)
            return name if len(name) <= _LONGEST else None
    return None


_NUMBERS = {0.5: "half", 1.0: "one", 2.0: "two"}


def _of_kind(node: Node) -> str:
    """The word for what an op computes, which says nothing of what from."""
    return next((word for word in _patterns(node) if "{" not in word), node.op.name)


class _Received(NamedTuple):
    """The name of a value by the function of it that is computed."""

    name: str
    is_told: bool
    """True where the function's result has a name."""


def _as_input(adjoint: Node) -> _Received | None:
    """The name of what an adjoint is of, by the function that passes it on."""
    derivative = adjoint.origin.derivative
    if derivative is None:
        return None
    through = derivative.through
    is_function = len(through.inputs) == 1 and through.shape == through.inputs[0].shape
    if not is_function or through.op.rearranges or through.op.facts.involutive:
        return None
    name = f"{through.label or through.op.name}_input".replace(".", "_")
    return _Received(name, through.label is not None)


def _patterns(node: Node) -> tuple[str, ...]:
    return node.op.facts.called or _of_operator(node)


def _of_operator(node: Node) -> tuple[str, ...]:
    """Names for what an operator computes, in words."""
    op = node.op
    if op.role is Role.FULL:
        usual = {0: "zeros", 1: "ones"}
        return (usual.get(node.attributes["value"], "filled"),)
    if op.numpy is None or op.is_statements(node) or op.bodies:
        return ()
    match op.parsed(op.template(node)).body[0]:
        case ast.Expr(ast.BinOp(op=ast.Mult())) if words := _multiple(node):
            return words
        case ast.Expr(ast.BinOp(op=ast.Div())) if _is_weight_of_mean(node):
            return ("mean_weight",)
        case ast.Expr(ast.BinOp(op=operator) | ast.UnaryOp(op=operator)):
            return _WORDS.get(type(operator), ())
        case _:
            return ()


def _multiple(node: Node) -> tuple[str, ...]:
    """Names for twice a value, and for half of one."""
    for factor, key in zip(node.inputs, reversed(node.op.inputs), strict=True):
        if factor.op.role is Role.CONSTANT and not factor.shape:
            word = {0.5: "half", 2.0: "twice"}.get(
                factor.attributes["value"].array.item()
            )
            return (f"{word}_{{{key}}}", "product") if word else ()
    return ()


def _is_weight_of_mean(node: Node) -> bool:
    """True for the derivative of a mean: a number over that of rows."""
    roles = [each.op.role for each in node.inputs]
    return node.origin.derivative is not None and roles == [Role.CONSTANT, Role.SIZE]


_WORDS: dict[type[ast.operator | ast.unaryop], tuple[str, ...]] = {
    ast.Add: ("{x1}_plus_{x2}", "total"),
    ast.Sub: ("{x1}_minus_{x2}", "difference"),
    ast.Mult: (
        *("{x1}_times_{x2}", "scaled_{x1}", "scaled_{x2}"),
        *("weighted_{x2}", "weighted_{x1}", "product"),
    ),
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
    through = derivative.through
    name = f"{through.label or through.op.name}_slope".replace(".", "_")
    return name if len(name) <= _LONGEST else None


_LONGEST = 24
"""Characters in a name that is made of others."""


def _terms(nodes: Sequence[Node]) -> dict[Node, str]:
    """Names for values without one that are terms of a sum that has one."""
    uses = Counter(parent for node in nodes for parent in node.inputs)
    found: dict[Node, str] = {}
    for node in reversed(nodes):
        name = label_of(node) if is_named(node) else None
        term = f"{name.replace('.', '_')}_term" if name else found.get(node)
        if term and 0.0 in node.op.facts.neutral and is_floating(node.dtype):
            parts = [n for n in node.inputs if uses[n] == 1 and not n.op.is_view(n)]
            found.update(dict.fromkeys(parts, term))
    return found


def _named_views(
    nodes: Sequence[Node], variables: Collection[Node]
) -> dict[Node, Node]:
    """For each value without a name, the view of it that has one, if it is the only
    user: what it says is said of the value, unless both are variables of a user's name.
    """
    uses = Counter(parent for node in nodes for parent in node.inputs)
    found: dict[Node, Node] = {}
    for node in reversed(nodes):
        view = found.get(node, node)
        is_own = node in variables and is_told(node)
        if node.op.is_view(node) and _is_named(view) and not is_own:
            (value,) = node.inputs[:1]
            if uses[value] == 1 and not _is_named(value):
                found[value] = view
    return found


def _is_named(node: Node) -> bool:
    return node.label is not None or node.origin.gradient_of is not None
