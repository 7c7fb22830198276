"""Numbers of optimizers and schedules are hyperparameters wherever they count.

Two optimizers that differ in a number give the same nodes, but for that number itself
and what is computed from it by its name: no copy of it is anywhere else.
"""

from contextlib import suppress
from dataclasses import fields, is_dataclass, replace

import graphc as gc
from graphc import optim
from graphc.errors import OptionError
from graphc.ir.hyperparameters import Hyperparameter, settings_of
from graphc.ir.literal import Literal
from graphc.ir.walk import ancestors, topological_order

from .cases import SCHEDULES, examples

STRUCTURE = {"norm_type", "ns_steps", "axis", "epochs"}
"""Options that decide which formula there is."""


def changes(option):
    """Options that differ in one number, with the name of the field."""
    for field in fields(option):
        value = getattr(option, field.name)
        if field.name in STRUCTURE or not field.init:
            continue
        others = []
        if isinstance(value, bool) or not value:
            continue
        if isinstance(value, float):
            others = [value * 0.75]
        elif isinstance(value, int):
            others = [value + 1]
        elif isinstance(value, tuple | list) and not is_dataclass(value[0]):
            for place, item in enumerate(value):
                if item:
                    new = item + 2 * place + 1 if isinstance(item, int) else item * 0.75
                    others.append((*value[:place], new, *value[place + 1 :]))
        elif is_dataclass(value):
            others = [other for _, other in changes(value)]
        for other in others:
            with suppress(OptionError):
                yield field.name, replace(option, **{field.name: other})


def written(nodes):
    """All that decides the values of nodes, numbers of hyperparameters left out."""
    nodes = list(nodes)
    order = topological_order(ancestors(nodes))
    number = {node: place for place, node in enumerate(order)}
    return [
        (
            node.op.name,
            tuple(number[parent] for parent in node.inputs),
            {key: plain(value) for key, value in node.attributes.items()},
            node.type,
        )
        for node in order
    ], [number[node] for node in nodes]


def plain(value):
    """An attribute; of a hyperparameter how it is computed."""
    term = getattr(value, "term", None)
    if not isinstance(value, Literal | Hyperparameter) or term is None:
        return value
    names = [each.name for each in settings_of(term)]
    text = repr(term)
    for each in settings_of(term):
        text = text.replace(f"value={each.value!r}", "")
    return (text, names)


def update(rule):
    """The update of one matrix, and its state."""
    weight = gc.parameter("weight", (3, 2), gc.init.zeros())
    gradient = gc.input("gradient", (3, 2))
    state = rule.init_state([weight])
    clock = optim.Clock(*(gc.input(key, (), "float64") for key in "tes"))
    slots = {
        k: gc.input(f"slot{i}", n.shape, n.dtype)
        for i, (k, n) in enumerate(state.items())
    }
    new, new_state = rule.apply([weight], [gradient], slots, clock)
    sizes = rule.all_step_sizes(clock)
    return [*new, *new_state.values(), *state.values(), *sizes]


def test_numbers_of_optimizers_are_nowhere_but_under_their_names():
    for name, rule in examples(but=("ParameterGroups",)).items():
        before = written(update(rule))
        others = [*changes(rule)]
        assert others, name
        for option, other in others:
            # With a small second beta RAdam never divides.
            is_structure = (name, option) == ("RAdam-0", "betas")
            assert is_structure or written(update(other)) == before, (name, option)


def test_numbers_of_schedules_are_nowhere_but_under_their_names():
    clock = optim.Clock(*(gc.input(key, (), "float64") for key in "tes"))
    for name, schedule in SCHEDULES.items():
        before = written([schedule(clock)])
        for option, other in changes(schedule):
            assert written([other(clock)]) == before, (name, option)
