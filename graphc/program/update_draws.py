"""Random draws of an optimizer's update, as arrays that another language is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir.evaluate import stream_name
from ..ir.graph import Graph, rebuild
from ..ir.node import Node
from .groups import ParameterUpdate, rule_nodes, rule_values, with_values
from .update import LoweredUpdate, lower_update


@dataclass(frozen=True, eq=False)
class RuleDraw:
    """A draw of the rule of a parameter."""

    parameter: str
    label: str
    """Its name within the rule."""
    node: Node


def with_draws_given(
    lowered: LoweredUpdate,
) -> tuple[LoweredUpdate, tuple[RuleDraw, ...]] | None:
    """The update with what it draws as state, and the draws in their order.

    None where a draw has no array of its own to be written to.
    """
    placeholders: dict[Node, Node] = {}
    slots: dict[str, dict[str, Node]] = {}
    draws: list[RuleDraw] = []
    shared = {*lowered.named}
    for rule in (rule for group in lowered.groups for rule in group.rules):
        name = str(rule.parameter.name)
        own = slots.setdefault(name, {})
        for node in rule_nodes(rule):
            if node.op.pure:
                continue
            if node.inputs or node in shared or node.op.template_into(node) is None:
                return None
            label = stream_name(node)
            while label in {*rule.slots, *own, "parameter", "gradient"}:
                label += "_drawn"
            own[label] = placeholders[node] = _like(rule.gradient, node, label)
            draws.append(RuleDraw(name, label, node))
    update = lowered.update
    values = Graph(rule_values(update))
    given = rebuild(values, lambda node: placeholders.get(node, node))
    update = with_values(update, given.outputs)
    rules = tuple(_with_slots(r, slots[str(r.parameter.name)]) for r in update.rules)
    return lower_update(replace(update, rules=rules), fast=True), tuple(draws)


def _like(pattern: Node, node: Node, name: str) -> Node:
    """A placeholder of the type of a value."""
    attributes = {**pattern.attributes, "shape": node.shape, "dtype": node.dtype}
    return Node(pattern.op, (), attributes, node.type, name=name)


def _with_slots(rule: ParameterUpdate, own: dict[str, Node]) -> ParameterUpdate:
    """A rule with state that stays as it is."""
    return replace(
        rule, slots={**rule.slots, **own}, new_slots={**rule.new_slots, **own}
    )
