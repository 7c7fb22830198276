"""Training plans whose step sizes nothing but their own schedule changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.graph import Graph
from ..ir.node import Node
from ..ops.source import constant
from ..passes.pipeline import optimize
from ..program.groups import ParameterUpdate, Update
from ..program.plan import TrainingPlan


def unscaled(plan: TrainingPlan) -> TrainingPlan:
    """A plan without the factor on step sizes, which is 1 where no plateau changes it.

    The same numbers to the last bit, because a factor of 1 changes none.
    """
    if plan.plateau is not None:
        return plan
    steps = [replace(step, update=_unscaled(step.update)) for step in plan.steps]
    sizes = _fixed(plan.step_sizes.outputs)
    return replace(plan, steps=tuple(steps), step_sizes=Graph(tuple(sizes)))


def _unscaled(update: Update) -> Update:
    values = [
        *(rule.new_parameter for rule in update.rules),
        *(value for rule in update.rules for value in rule.new_slots.values()),
        *(value for _, value in update.shared.values()),
    ]
    found = iter(_fixed(values))
    new = [next(found) for _ in update.rules]
    rules: list[ParameterUpdate] = []
    for rule, parameter in zip(update.rules, new, strict=True):
        slots = {key: next(found) for key in rule.new_slots}
        rules.append(replace(rule, new_parameter=parameter, new_slots=slots))
    shared = {key: (node, next(found)) for key, (node, _) in update.shared.items()}
    return replace(update, rules=tuple(rules), shared=shared)


def _fixed(outputs: Sequence[Node]) -> Sequence[Node]:
    """Values with 1 in place of the factor."""
    images: dict[Node, Node] = {}
    for node in Graph(tuple(outputs)).nodes:
        given = tuple(images[each] for each in node.inputs)
        same = all(a is b for a, b in zip(given, node.inputs, strict=True))
        images[node] = node if same else node.with_inputs(given)
        if node.name == "scale" and not node.inputs:
            images[node] = constant(1.0)
    return optimize(Graph(tuple(images[node] for node in outputs))).outputs
