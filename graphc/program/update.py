"""The optimizer's update as steps: what is shared, then a loop for each group.

The loop of an elementwise rule may go over tiles of the arrays that parameters,
gradients and state are views of; any other goes over the names of the parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import DType, TensorType
from ..ir.walk import ancestors
from .footprint import CACHE_LINE
from .forms import Form, Forms
from .function import Compute
from .groups import (
    ParameterUpdate,
    Update,
    groups_of,
    is_elementwise,
    overwritten_nodes,
    parts_of_formulas,
    rule_nodes,
    shared_nodes,
)
from .memory import MemoryPlan, plan_memory
from .steps import named_where_read, reads, step_of
from .storage import is_written, storage_of

Copies = tuple[tuple[Node, Node], ...]
"""New values with the placeholders of the arrays that they replace, all at once."""


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that follow one rule, and the steps of the rule."""

    rules: tuple[ParameterUpdate, ...]
    rule: ParameterUpdate
    """The one that is written: what is right for all axes of a matrix is right for
    those of a vector."""
    is_tiled: bool
    """True where the loop goes over tiles of many parameters."""
    formulas: tuple[tuple[Compute, ...], ...]
    """Steps that compute a value together, each after those it needs."""
    forms: Forms
    plain: Forms
    """Forms in which each formula is one expression."""
    unnamed: frozenset[Node]
    """Parts of formulas that go by the name of their array."""
    scratch: tuple[Node, ...]
    """Values that an array to work in is allocated for."""
    arrays: Mapping[Node, Node]
    copies: tuple[Copies, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(str(rule.parameter.name) for rule in self.rules)

    def scratch_arrays(self, tile: int) -> set[tuple[object, int, DType]]:
        """The arrays to work in that are asked for: key, numbers and dtype."""
        if self.is_tiled:
            count = sum(int(rule.parameter.size) for rule in self.rules)
            return {
                ((self.names, position), min(tile, count), node.dtype)
                for position, node in enumerate(self.scratch)
            }
        kinds = {
            (position, TensorType(node.dtype, rule.parameter.shape))
            for position, node in enumerate(self.scratch)
            for rule in self.rules
        }
        return {(kind, int(kind[1].size), kind[1].dtype) for kind in kinds}


@dataclass(frozen=True, eq=False)
class LoweredUpdate:
    """An update as it will be printed."""

    update: Update
    clock: Mapping[str, Node]
    """The placeholders of the training state that are read."""
    fetched: tuple[tuple[ParameterUpdate, Node, bool], ...]
    """Placeholders that shared values read; True where a loop overwrites the array."""
    shared: tuple[Compute, ...]
    forms: Forms
    """Those of shared values."""
    named: tuple[Node, ...]
    """Shared values that go by a name."""
    groups: tuple[Group, ...]
    copies: tuple[Copies, ...]
    """Of state that belongs to no parameter."""
    is_random: bool
    reads_slots: bool
    """True where state is looked up by name, and not only gone through in tiles."""

    @property
    def needs_scratch(self) -> bool:
        """True where a loop over names needs arrays to work in."""
        return any(group.scratch for group in self.groups if not group.is_tiled)

    def forms_used(self) -> Iterator[Form]:
        """The forms of everything that its code computes."""
        for each in self.shared:
            yield from self.forms.within(each.form)
        for group in self.groups:
            for formula in group.formulas:
                for each in formula:
                    yield from group.forms.within(each.form)


def update_bytes(updates: Iterable[LoweredUpdate], tile: int) -> int:
    """The size of the arrays that updates work in."""
    groups = [group for update in updates for group in update.groups]
    asked = {array for group in groups for array in group.scratch_arrays(tile)}
    return sum(count * dtype.itemsize + CACHE_LINE for _, count, dtype in asked)


def lower_update(update: Update, *, fast: bool) -> LoweredUpdate:
    """Decide how an update is computed, in fast or in readable style."""
    shared = shared_nodes(update)
    known = set(shared)
    groups = tuple(
        _group(rules, known, fast=fast) for rules in groups_of(update, known)
    )
    forms = _shared_forms(update, shared)
    clock = {key: node for key, node in update.clock.items() if node in known}
    ticking = set(update.clock.values())
    overwritten = overwritten_nodes(update, known)
    placeholders = [
        (rule, node) for rule in update.rules for _, node in rule.placeholders()
    ]
    read = {node for _, node in placeholders}
    slots = {node for rule in update.rules for node in rule.slots.values()}
    by_name = any(group.rule.slots and not group.is_tiled for group in groups)
    pairs = [(value, slot) for slot, value in update.shared.values()]
    return LoweredUpdate(
        update,
        clock,
        tuple((rule, n, n in overwritten) for rule, n in placeholders if n in known),
        tuple(
            step_of(node, forms, MemoryPlan())
            for node in shared
            if node not in ticking and not forms.is_inline(node)
        ),
        forms,
        tuple(node for node in shared if node in read or not forms.is_inline(node)),
        groups,
        tuple(_in_order(pairs)),
        any(not node.op.pure for rule in update.rules for node in rule_nodes(rule)),
        bool(update.shared) or by_name or not slots.isdisjoint(known),
    )


def _shared_forms(update: Update, shared: Sequence[Node]) -> Forms:
    """The forms of shared values, formulas as one expression."""
    known = set(shared)
    everything = Graph((*(v for r in update.rules for v, _ in r.outputs()), *shared))
    inline = {node for node in parts_of_formulas(everything.nodes) if node in known}
    inline -= {
        node for user in everything.nodes if user not in known for node in user.inputs
    }
    inline -= {value for _, value in update.shared.values()}
    inline -= {value for rule in update.rules for value, _ in rule.outputs()}
    graph = Graph(tuple(node for node in shared if node not in inline))
    return Forms(graph, inline=inline)


def _group(rules: Sequence[ParameterUpdate], shared: set[Node], *, fast: bool) -> Group:
    rule = max(rules, key=lambda rule: rule.parameter.ndim)
    own_shape = rule.parameter.shape
    placeholders = {node for _, node in rule.placeholders()}
    known = shared | placeholders
    graph = Graph(tuple(value for value, _ in rule.outputs()))
    reached = ancestors(graph.outputs, lambda n: () if n in known else n.inputs)
    inside = set(reached) - shared
    own = [node for node in graph.nodes if node in inside]
    parts = (parts_of_formulas(own) & set(own)) - set(graph.outputs)
    forms = plain = Forms(graph, inline=parts)
    parts = {node for node in parts if plain.is_inline(node)}
    unnamed: set[Node] = set()
    if fast:
        unnamed = {n for n in parts if is_written(n) and n.shape == own_shape}
        forms = Forms(graph, fast=True, inline=parts - unnamed)
    formulas = [
        [part for part in formula if not forms.is_inline(part)]
        for formula in _formulas(own, parts)
    ]
    memory = MemoryPlan()
    if fast:
        nodes = [node for formula in formulas for node in formula]
        inline = {node for node in graph.nodes if forms.is_inline(node)}
        memory = plan_memory(
            nodes,
            inline - placeholders,
            graph.outputs,
            fresh={node for node in nodes if node.shape != own_shape},
            destinations={v: old for v, old in rule.outputs() if v not in known},
        )
    copied = [
        (value, old)
        for value, old in rule.outputs()
        if value is not old and memory.arrays.get(value) is not old
    ]
    steps = [step_of(node, forms, memory) for nodes in formulas for node in nodes]
    read = reads(steps, forms)
    read.update(each for value, _ in copied for each in forms.read_by_value(value))
    named = {step.node: step for step in named_where_read(steps, read)}
    return Group(
        tuple(rules),
        rule,
        fast and is_elementwise(rules[0], shared),
        tuple(tuple(named[node] for node in nodes) for nodes in formulas if nodes),
        forms,
        plain,
        frozenset(unnamed),
        tuple(memory.allocated),
        memory.arrays,
        tuple(_in_order(copied)),
    )


def _formulas(nodes: Sequence[Node], parts: set[Node]) -> list[list[Node]]:
    """The nodes that are not parts, in their order, each after the parts of it."""

    def parts_and(node: Node) -> Iterator[Node]:
        for parent in node.inputs:
            if parent in parts:
                yield from parts_and(parent)
        yield node

    return [list(parts_and(node)) for node in nodes if node not in parts]


def _in_order(pairs: Sequence[tuple[Node, Node]]) -> Iterator[Copies]:
    """Values with what they replace, such that nothing is replaced before it is read.

    Arrays that are exchanged have to be replaced together.
    """
    waiting = list(pairs)
    while waiting:
        read = {
            storage_of(value) for value, old in waiting if storage_of(value) is not old
        }
        ready = [pair for pair in waiting if pair[1] not in read]
        if not ready:
            yield tuple(waiting)
            return
        waiting = [pair for pair in waiting if pair[1] in read]
        yield from ((pair,) for pair in ready)
