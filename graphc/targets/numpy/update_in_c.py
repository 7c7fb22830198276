"""An optimizer's update in C, as Python calls it."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping

from ...ir.node import Node
from ...program.update import LoweredUpdate
from ...program.update_loops import UpdateLoops
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import assign, call, mapping, name, parse, subscript
from .names import Names
from .rates import Rates
from .update import ARGUMENTS, update_name, write_flush
from .values import Values


def numbers_name(step: str) -> str:
    """The function that tells the numbers of an update."""
    return f"{update_name(step)}_numbers"


def step_in_c(step: str) -> str:
    """The function in C of a step of training."""
    return f"train_{step}_step" if step else "train_step"


def write_update_in_c(
    writer: Writer,
    loops: UpdateLoops,
    names: Names,
    constants: Constants,
    rates: Rates,
    step: str = "",
    *,
    flushes: bool = True,
) -> None:
    """Write `update(parameters, gradients, state)`, which calls C, and print that.

    Args:
        writer: to write to.
        loops: the update.
        names, constants, rates: of the module.
        step: the name of the step where a program has several, which counts them.
        flushes: True where state that has nearly decayed is set to zero.
    """
    lowered = loops.lowered
    texts = _write_numbers(writer, loops, names, constants, rates, step)
    scope = names.function_scope()
    known = dict.fromkeys((*loops.arrays, *loops.results, *loops.shared.names))
    scope.assign(node for node in known if node not in scope)
    rules: list[Names] = []
    for group in loops.groups:
        own = scope.function_scope()
        own.assign(node for node in group.variables if node not in own)
        rules.append(own)
    wishes = {node: _wish(text) for node, text in texts.items()}
    places = {text: place for place, text in enumerate(dict.fromkeys(texts.values()))}
    numbers = {node: (places[text], wishes[node]) for node, text in texts.items()}
    constants.c.add_update(update_name(step), loops, scope, rules, numbers)
    with writer.function(update_name(step), [*ARGUMENTS]):
        what = f"the {step} loss" if step else "parameters and state"
        whole = (
            f"Apply one step of {lowered.update.title} {'for' if step else 'to'} "
            f"{what}, in place."
        )
        writer.docstring("\n".join(textwrap.wrap(whole, 80)))
        writer.statement(ast.Expr(ast.Call(update_call(step), [], [])))
        write_after_update(writer, lowered, step, flushes=flushes)


def update_call(step: str) -> ast.expr:
    """The expression that is the update of a step in C."""
    numbers = call(numbers_name(step), name("state"))
    given = [*map(name, ARGUMENTS), numbers, *([ast.Constant(step)] if step else [])]
    return call("update_call", *given)


def write_after_update(
    writer: Writer, lowered: LoweredUpdate, step: str, *, flushes: bool
) -> None:
    """Write what follows an update in C."""
    if not step:
        writer.statement(ast.parse('state["step"] += 1').body[0])
    if lowered.update.decaying and flushes:
        write_flush(writer, lowered.update.decaying)


def _write_numbers(
    writer: Writer,
    loops: UpdateLoops,
    names: Names,
    constants: Constants,
    rates: Rates,
    step: str,
) -> dict[Node, str]:
    """Write the function that tells an update the numbers that it reads."""
    clock = {node: key for key, node in loops.lowered.clock.items()}
    rated = [node for node in clock if node in rates]
    reads_step = any(clock.get(node) == "step" for node in loops.numbers)
    with writer.function(numbers_name(step), ["state"]):
        writer.docstring("Return what the update in C computes with besides arrays.")
        own: list[str] = []
        if reads_step or any(rates.reads_step(node) for node in rated):
            own = ["step"]
            count = 'step = state["step"]' if step else 'step = state["step"] + 1'
            writer.statement(ast.parse(count).body[0])
        for node, key in clock.items():
            if node not in rates:
                names.alias(node, key)
        for node in rated:
            writer.statement(rates.assign(node, names, own))
        values = Values(names, constants, loops.lowered.forms)
        numbers = {
            node: subscript(name("state"), clock[node])
            if node in clock and node not in rates and clock[node] != "step"
            else values.number(node)
            for node in loops.numbers
        }
        texts = {node: ast.unparse(number) for node, number in numbers.items()}
        unique = {texts[node]: number for node, number in numbers.items()}
        writer.statement(ast.Return(ast.Tuple([*unique.values()], ast.Load())))
    return texts


def _wish(text: str) -> str:
    """A name in C: `beta1` for `BETA1`, and `one_minus_beta1` for `1.0 - BETA1`."""
    text = re.sub(r"\b1(?:\.0)? - ", "one_minus_", text.lower())
    text = re.sub(r"""state\['(\w+)'\]""", r"\1", text)
    return text if text.isidentifier() else "number"


def write_updates_table(writer: Writer, updates: Mapping[str, UpdateLoops]) -> None:
    """Write the constant that says what updates in C run over."""
    writer.comment(
        "Of each update in C, by its loss: its function and that of a step of training"
    )
    writer.comment(
        "with it, arrays that it reads by themselves and, of each rule, the parameters,"
    )
    writer.comment("what the optimizer keeps of each, and the dtypes of all these.")
    tables = [_table(step, loops) for step, loops in updates.items()]
    writer.statement(assign("C_UPDATES", mapping([*updates], tables)))


def _table(step: str, loops: UpdateLoops) -> ast.expr:
    update = loops.lowered.update
    kept = {node: ("slots", key) for key, (node, _) in update.shared.items()}
    for rule in update.rules:
        own = str(rule.parameter.name)
        kept[rule.parameter] = ("parameters", own)
        kept[rule.gradient] = ("gradients", own)
        kept |= {n: ("slots", f"{own}.{key}") for key, n in rule.slots.items()}
    alone = tuple((*kept[n], n.dtype.name, n.shape) for n in loops.arrays)
    rules = tuple(
        (
            group.group.names,
            tuple(group.group.rule.slots),
            tuple(node.dtype.name for node in group.columns),
        )
        for group in loops.groups
    )
    return parse(repr((update_name(step), step_in_c(step), alone, rules)))
