"""Formulas that readable code computes by one call.

`sigmoid(x)` of a helper says more than the three statements that keep it from
overflowing, `np.log1p` more than the four that make up for not having it, and a softmax
or a normalisation is written once, however often it is used. Formulas are found by what
is computed, since passes may have put other nodes in a block's place.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.bodies import map_bodies, primitives
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.hyperparameters import Hyperparameter
from ..ir.literal import constant_of, term_of_constant
from ..ir.node import Node
from ..ir.op import OPS, Call, Kind, Op
from ..ir.types import TensorType, TupleType, is_floating
from ..ir.walk import ancestors, attributes_key


def outlined(graph: Graph) -> Graph:
    """The graph with calls in place of the formulas that have one, in bodies too.

    Before: primitives. After: where nothing else reads what is inside a formula, a node
    calls its helper, which computes the same to rounding.
    """
    graph = map_bodies(graph, outlined)
    found = _found_in(graph)
    if not found:
        return graph
    values = {
        value: (each, place)
        for each in found
        for place, value in enumerate(each.values)
        if value is not None
    }
    images: dict[Node, Node] = {}
    calls: dict[_Found, Node] = {}
    stack = [*reversed(graph.outputs)]
    while stack:
        node = stack[-1]
        each, place = values.get(node, (None, 0))
        needed = node.inputs if each is None else each.arguments
        waiting = [parent for parent in needed if parent not in images]
        if node not in images and waiting:
            stack += waiting
            continue
        stack.pop()
        if node in images:
            continue
        inputs = tuple(images[parent] for parent in needed)
        if each is None:
            images[node] = node.with_inputs(inputs)
            continue
        if each not in calls:
            calls[each] = each.call(inputs)
        call = calls[each]
        is_one = len(each.values) == 1
        images[node] = call if is_one else _result(call, place, node)
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def _result(call: Node, place: int, node: Node) -> Node:
    """The result of a call that a value of the graph is."""
    result = Node(
        _of_role(Role.RESULT),
        (call,),
        {"index": place},
        node.type,
        name=node.name,
        origin=node.origin,
        order=node.order,
    )
    return result.told(node.source_name)


@dataclass(frozen=True, eq=False)
class _Formula:
    """A formula of arguments of some types."""

    block: Op
    position: int
    options: Mapping[str, Any]
    arguments: tuple[Node, ...]
    values: tuple[Node, ...]

    @functools.cached_property
    def computed(self) -> frozenset[Node]:
        """The nodes that depend on arguments."""
        found = {*self.arguments}
        for node in Graph(self.values):
            if not found.isdisjoint(node.inputs):
                found.add(node)
        return frozenset(found.difference(self.arguments))

    @property
    def call(self) -> Call:
        """The declaration."""
        return self.block.calls[self.position]


@dataclass(frozen=True, eq=False)
class _Found:
    """A formula in a graph."""

    formula: _Formula
    bound: Mapping[Node, Node]
    """The nodes of the graph by those of the formula."""

    @functools.cached_property
    def values(self) -> tuple[Node | None, ...]:
        """The values; None for one that the graph does not have."""
        return tuple(self.bound.get(value) for value in self.formula.values)

    @functools.cached_property
    def parts(self) -> frozenset[Node]:
        """The nodes that are computed in it, its values included."""
        computed = self.formula.computed
        return frozenset(n for wanted, n in self.bound.items() if wanted in computed)

    @functools.cached_property
    def arguments(self) -> tuple[Node, ...]:
        """Those that are arrays."""
        arguments = self.formula.arguments
        return tuple(self.bound[each] for each in arguments if each.shape)

    def call(self, inputs: tuple[Node, ...]) -> Node:
        """The node that calls the helper."""
        formula, root = self.formula, self.values[0]
        assert root is not None
        pairs = list(zip(_names_of(formula.call), formula.arguments, strict=True))
        numbers = {
            key: _shortest(self.bound[each]) for key, each in pairs if not each.shape
        }
        arrays = tuple(key for key, each in pairs if each.shape)
        op = _op(formula.block, formula.position, arrays, _kind(formula))
        is_one = len(formula.values) == 1
        types = (value.type for value in formula.values)
        call = Node(
            op,
            inputs,
            {**formula.options, **numbers},
            root.type if is_one else TupleType.of(*types),
            name=root.name if is_one else None,
            origin=root.origin,
            order=root.order,
        )
        return call.told(root.source_name) if is_one else call


def _shortest(number: Node) -> float:
    """A constant as the shortest number that is read as it is."""
    value, term = float(str(constant_of(number))), term_of_constant(number)
    return value if term is None else Hyperparameter(value, term)


def _kind(formula: _Formula) -> Kind:
    kinds = {node.op.kind for node in formula.computed}
    return "elementwise" if kinds == {"elementwise"} else "contraction"


def _no_type(*types: TensorType, **options: Any) -> TensorType:
    raise TypeError("a call has the type of what it is in place of")


@functools.cache
def _op(block: Op, position: int, inputs: tuple[str, ...], kind: Kind) -> Op:
    """The op of a call."""
    call = block.calls[position]
    return Op(
        name=block.name,
        inputs=inputs,
        infer=_no_type,
        kind=kind,
        numpy=call.numpy,
        helpers=call.helpers,
        positions=call.positions,
        recipe=(_op, (block, position, inputs, kind)),
    )


@functools.cache
def _of_role(role: Role) -> Op:
    return next(op for op in OPS.values() if op.role is role)


def _names_of(call: Call) -> list[str]:
    """The arguments of a formula."""
    if call.formula is None:
        return ["x"]
    parameters = inspect.signature(call.formula).parameters.values()
    return [each.name for each in parameters if each.kind != each.KEYWORD_ONLY]


def _found_in(graph: Graph) -> list[_Found]:
    """The formulas of a graph that have a call, none of which shares a part."""
    taken: set[Node] = set()
    found: list[_Found] = []
    waiting: dict[Node, _Found] = {}
    for node in reversed(graph.nodes):
        if node in taken or not is_floating(node.dtype):
            continue
        for block, position in _by_root().get(node.op, ()):
            each = _matched(graph, block, position, node)
            if each is None or not taken.isdisjoint(each.parts):
                continue
            if _is_whole(each, graph, each.parts):
                found.append(each)
                taken |= each.parts
                break
            waiting.setdefault(node, each)
    # What two formulas share, and nothing else reads, each may compute by itself.
    while True:
        inside = taken.union(*(each.parts for each in waiting.values()))
        kept = {n: f for n, f in waiting.items() if _is_whole(f, graph, inside)}
        if len(kept) == len(waiting):
            return found + [f for n, f in kept.items() if n not in taken]
        waiting = kept


def _is_whole(found: _Found, graph: Graph, inside: Collection[Node]) -> bool:
    """True where what a formula computes on the way is read only inside formulas."""
    outputs = {*graph.outputs}
    values = {value for value in found.values if value is not None}
    for part in found.parts - values:
        if part.op.facts.involutive and part not in outputs:
            # To change a sign once more costs nothing.
            continue
        if part in outputs or any(user not in inside for user in graph.users[part]):
            return False
        if part.source_name is not None and part.source_name.text:
            # Who wrote the formula out wants to see it.
            return False
    # Where a value is needed for an argument, they can't come of one call.
    return len(values) == 1 or values.isdisjoint(ancestors(found.arguments))


_SAMPLES = tuple(
    TensorType(np.dtype("float32"), shape) for shape in ((2, 3), (2,), (1, 1, 2, 2))
)
"""Types of first values, of which every formula has one."""


@functools.cache
def _by_root() -> Mapping[Op, tuple[tuple[Op, int], ...]]:
    """The calls by the op of the value to look for, those of long formulas first."""
    found: dict[Op, list[tuple[int, Op, int]]] = {}
    for op in OPS.values():
        for position in range(len(op.calls)):
            formulas = (f for type in _SAMPLES for f in _formulas(op, position, type))
            first = next(formulas)
            each = (len(first.computed), op, position)
            found.setdefault(first.values[0].op, []).append(each)
    return {
        root: tuple(each[1:] for each in sorted(calls, key=lambda c: -c[0]))
        for root, calls in found.items()
    }


@functools.lru_cache(maxsize=1024)
def _formulas(block: Op, position: int, type: TensorType) -> tuple[_Formula, ...]:
    """The formulas of a call whose first value is of a type."""
    applications = block.calls[position].applications(type)
    return tuple(
        _formula(block, position, types, tuple(options.items()))
        for types, options in applications
    )


@functools.lru_cache(maxsize=1024)
def _formula(
    block: Op,
    position: int,
    types: tuple[TensorType, ...],
    options: tuple[tuple[str, Any], ...],
) -> _Formula:
    """A formula of arguments of some types."""
    passed, keywords = _of_role(Role.ARGUMENT), dict(options)
    arguments = tuple(
        Node(passed, (), {"index": index}, type) for index, type in enumerate(types)
    )
    formula = block.calls[position].formula or block
    values = formula(*arguments, **keywords)
    values = values if isinstance(values, tuple) else (values,)
    graph = primitives(Graph((*values, *arguments)))
    count = len(values)
    return _Formula(
        block, position, keywords, graph.outputs[count:], graph.outputs[:count]
    )


def _matched(graph: Graph, block: Op, position: int, node: Node) -> _Found | None:
    """A formula whose first value a node is."""
    for formula in _formulas(block, position, node.type):
        bound = _unified(formula.values[0], node, {})
        if bound is None or any(each not in bound for each in formula.arguments):
            continue
        # With the sizes of arguments: those of one may broadcast against another.
        types = tuple(bound[each].type for each in formula.arguments)
        exact = _formula(block, position, types, tuple(formula.options.items()))
        bound = _unified(exact.values[0], node, {})
        if bound is None or any(w.type != given.type for w, given in bound.items()):
            continue
        for value in exact.values[1:]:
            bound = _extended(value, graph, bound)
        return _Found(exact, bound)
    return None


def _extended(
    value: Node, graph: Graph, bound: Mapping[Node, Node]
) -> Mapping[Node, Node]:
    """With the node that a further value is, if there is one."""
    if value in bound or any(parent not in bound for parent in value.inputs):
        return bound
    wanted = tuple(bound[parent] for parent in value.inputs)
    for user in graph.users[wanted[0]]:
        if all(map(operator.is_, user.inputs, wanted)) and _is_alike(user, value):
            return {**bound, value: user}
    return bound


def _is_alike(x: Node, y: Node) -> bool:
    """True for one op with the same attributes, for values of one type."""
    attributes = attributes_key(x.attributes), attributes_key(y.attributes)
    return x.op is y.op and x.type == y.type and attributes[0] == attributes[1]


def _unified(
    wanted: Node, given: Node, bound: Mapping[Node, Node]
) -> Mapping[Node, Node] | None:
    """The nodes that those of a formula stand for; None where a node is another one."""
    if wanted in bound:
        return bound if bound[wanted] is given else None
    if wanted.dtype != given.dtype or wanted.ndim != given.ndim:
        return None
    if wanted.op.role is Role.ARGUMENT:
        is_number = given.op.role is Role.CONSTANT
        return {**bound, wanted: given} if is_number or wanted.shape else None
    if wanted.op is not given.op or len(wanted.inputs) != len(given.inputs):
        return None
    if attributes_key(wanted.attributes) != attributes_key(given.attributes):
        return None
    orders: list[Sequence[Node]] = [given.inputs]
    if wanted.op.facts.commutative == "exact":
        orders.append(given.inputs[::-1])
    for order in orders:
        found: Mapping[Node, Node] | None = {**bound, wanted: given}
        for parent, other in zip(wanted.inputs, order, strict=True):
            found = found if found is None else _unified(parent, other, found)
        if found is not None:
            return found
    return None
