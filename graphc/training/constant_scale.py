"""Training plans whose step sizes nothing but their own schedule changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.literal import number_of, term_of_constant
from ..ir.node import Node
from ..ir.op import Op
from ..ops.arithmetic import add, divide, multiply, subtract
from ..ops.source import ASTYPE, astype, constant
from ..program.groups import Update, rule_values, with_values
from ..program.plan import TrainingPlan


def unscaled(plan: TrainingPlan) -> TrainingPlan:
    """A plan without the factor on step sizes, which is 1 where no plateau changes it.

    The same numbers to the last bit, because a factor of 1 changes none.
    """
    if plan.plateau is not None:
        return plan
    steps = [replace(step, update=_unscaled(step.update)) for step in plan.steps]
    clock = [node for node in plan.step_sizes.inputs if node.name == "scale"]
    sizes = _fixed(plan.step_sizes.outputs, clock)
    return replace(plan, steps=tuple(steps), step_sizes=Graph(tuple(sizes)))


def _unscaled(update: Update) -> Update:
    return with_values(update, _fixed(rule_values(update), [update.clock["scale"]]))


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
            images[node] = _named_as(node, others[0])
        elif (computed := _hyperparameter(node, given)) is not None:
            images[node] = computed
        else:
            images[node] = node.with_inputs(given)
    return [images[node] for node in outputs]


def _named_as(product: Node, value: Node) -> Node:
    """A value in place of a product, under the name of that if it has none."""
    is_known = value.name is not None or value.op.role is Role.CONSTANT
    return value if is_known or product.name is None else value.named(product.name)


def _hyperparameter(node: Node, given: Sequence[Node]) -> Node | None:
    """A number that is computed from hyperparameters alone, as Python does it."""
    if not given or node.shape or not any(term_of_constant(each) for each in given):
        return None
    if node.op is ASTYPE:
        return astype(given[0], node.dtype)
    function = _ARITHMETIC.get(node.op)
    numbers = [n for each in given if (n := number_of(each)) is not None]
    if function is None or node.dtype != "float64" or len(numbers) < len(given):
        return None
    return constant(function(*numbers))


_ARITHMETIC: Mapping[Op, Callable[[float, float], float]] = {
    add.op: lambda x1, x2: x1 + x2,
    subtract.op: lambda x1, x2: x1 - x2,
    multiply.op: lambda x1, x2: x1 * x2,
    divide.op: lambda x1, x2: x1 / x2,
}
