"""Training plans in which each schedule stands once, as a function of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from ..ir.graph import Graph
from ..ir.hyperparameters import settings_of
from ..ir.literal import term_of_constant
from ..ir.node import Node
from ..ir.walk import Numbering, ancestors, identity_key
from ..metrics.evaluation import placeholder
from ..ops.arithmetic import multiply
from ..program.groups import rule_values, with_values
from ..program.plan import Rate, TrainingPlan


def with_rates(plan: TrainingPlan) -> TrainingPlan:
    """A plan whose updates and step sizes call what schedules give.

    An update whose rewriting took the schedule apart computes it as before. The same
    numbers to the last bit, because each is computed by the same operations.
    """
    clocks = [{n: str(n.name) for n in plan.step_sizes.inputs}]
    clocks += [{n: key for key, n in s.update.clock.items()} for s in plan.steps]
    times = {node: key for clock in clocks for node, key in clock.items()}

    def leaf(node: Node) -> Hashable | None:
        return times.get(node) or identity_key(node)

    number = Numbering(leaf)
    rates: dict[int, Rate] = {}
    for size in plan.step_sizes.outputs:
        schedule = _without_scale(size, times)
        read = {times.get(node) for node in ancestors([schedule])}
        if schedule.inputs and not read.isdisjoint(("step", "epoch")):
            wish = "step_size" if schedule is size else "scheduled_step_size"
            value = placeholder(wish, schedule.type)
            rates.setdefault(number(schedule), Rate(value, Graph((schedule,))))
    if not rates:
        return plan
    schedules = [rate.graph.outputs[0] for rate in rates.values()]
    owners = zip(rates.items(), _owners(schedules), strict=True)
    rates = {place: replace(rate, owner=owner) for (place, rate), owner in owners}

    def called(outputs: Sequence[Node]) -> tuple[Node, ...]:
        images: dict[Node, Node] = {}
        for node in Graph(tuple(outputs)).nodes:
            rate = rates.get(number(node))
            given = tuple(images[each] for each in node.inputs)
            images[node] = rate.value if rate is not None else node.with_inputs(given)
        return tuple(images[node] for node in outputs)

    values = {f"rate{place}": r.value for place, r in enumerate(rates.values())}
    steps = [
        replace(
            step,
            update=replace(
                with_values(step.update, called(rule_values(step.update))),
                clock={**step.update.clock, **values},
            ),
        )
        for step in plan.steps
    ]
    return replace(
        plan,
        steps=tuple(steps),
        step_sizes=Graph(called(plan.step_sizes.outputs)),
        rates=tuple(rates.values()),
    )


def _without_scale(size: Node, times: Mapping[Node, str]) -> Node:
    """A step size before the factor that decays on a plateau."""
    if size.op is multiply.op:
        others = [node for node in size.inputs if times.get(node) != "scale"]
        return others[0] if len(others) == 1 else size
    return size


def _owners(schedules: Sequence[Node]) -> list[str]:
    """Names of the groups or the losses that the numbers of schedules belong to.

    A number that several share belongs to the first one: what fewer have tells more.
    """
    found: list[set[str]] = []
    for schedule in schedules:
        terms = (term_of_constant(node) for node in ancestors([schedule]))
        settings = [s for term in terms if term is not None for s in settings_of(term)]
        found.append({each.owner for each in settings} or {""})
    counts = Counter(owner for owners in found for owner in owners)
    return [min(owners, key=lambda each: (counts[each], each)) for owners in found]
