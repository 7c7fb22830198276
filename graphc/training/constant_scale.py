"""Training plans whose step sizes nothing but their own schedule changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.graph import Graph
from ..ir.node import Node
from ..ops.source import constant
from ..program.groups import ParameterUpdate, Update
from ..program.plan import TrainingPlan


def unscaled(plan: TrainingPlan) -> TrainingPlan:
    """A plan without the factor on step sizes, which is 1 where no plateau changes it.

    The same numbers to the last bit, because a factor of 1 changes none.
    """
    if plan.plateau is not None or plan.learning_rate is not None:
        return plan
    steps = [replace(step, update=_unscaled(step.update)) for step in plan.steps]
    clock = [node for node in plan.step_sizes.inputs if node.name == "scale"]
    sizes = _fixed(plan.step_sizes.outputs, clock)
    return replace(plan, steps=tuple(steps), step_sizes=Graph(tuple(sizes)))


def _unscaled(update: Update) -> Update:
    values = [
        *(rule.new_parameter for rule in update.rules),
        *(value for rule in update.rules for value in rule.new_slots.values()),
        *(value for _, value in update.shared.values()),
    ]
    found = iter(_fixed(values, [update.clock["scale"]]))
    new = [next(found) for _ in update.rules]
    rules: list[ParameterUpdate] = []
    for rule, parameter in zip(update.rules, new, strict=True):
        slots = {key: next(found) for key in rule.new_slots}
        rules.append(replace(rule, new_parameter=parameter, new_slots=slots))
    shared = {key: (node, next(found)) for key, (node, _) in update.shared.items()}
    return replace(update, rules=tuple(rules), shared=shared)


def _fixed(outputs: Sequence[Node], scales: Sequence[Node]) -> Sequence[Node]:
    """Values without the factor, whose name a parameter may have, too.

    Nothing else changes: other passes would round otherwise.
    """
    one = constant(1.0)
    images: dict[Node, Node] = {}
    for node in Graph(tuple(outputs)).nodes:
        given = tuple(images[each] for each in node.inputs)
        others = [each for each in given if each is not one]
        is_product = node.op.facts.neutral == (1.0, 1.0) and len(others) == 1
        if any(node is scale for scale in scales):
            images[node] = one
        elif is_product and others[0].type == node.type:
            images[node] = others[0]
        else:
            images[node] = node.with_inputs(given)
    return [images[node] for node in outputs]
