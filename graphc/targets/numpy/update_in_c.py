"""An optimizer's update in C, as Python calls it."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping

from ...ir.evaluate import stream_name
from ...ir.graph import Graph
from ...ir.node import Node
from ...program.forms import Forms
from ...program.function import Compute
from ...program.update import LoweredUpdate
from ...program.update_draws import RuleDraw
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
    for group in loops.rules:
        own = scope.function_scope()
        own.assign(node for node in group.variables if node not in own)
        rules.append(own)
    wishes = {node: _wish(text) for node, text in texts.items()}
    places = {text: place for place, text in enumerate(dict.fromkeys(texts.values()))}
    numbers = {node: (places[text], wishes[node]) for node, text in texts.items()}
    constants.c.add_update(update_name(step), loops, scope, rules, numbers)
    if loops.draws:
        _write_draws(writer, loops, names, constants, step)
    with writer.function(update_name(step), [*ARGUMENTS]):
        what = f"the {step} loss" if step else "parameters and state"
        whole = (
            f"Apply one step of {lowered.update.title} {'for' if step else 'to'} "
            f"{what}, in place."
        )
        writer.docstring("\n".join(textwrap.wrap(whole, 80)))
        writer.statement(ast.Expr(ast.Call(update_call(step), [], [])))
        write_after_update(writer, lowered, step, flushes=flushes)


def _write_draws(
    writer: Writer, loops: UpdateLoops, names: Names, constants: Constants, step: str
) -> None:
    """Write the function that draws what an update is given."""
    by_text: list[tuple[tuple[str, ...], list[str], list[ast.stmt]]] = []
    rules: dict[str, list[RuleDraw]] = {}
    for draw in loops.draws:
        rules.setdefault(draw.parameter, []).append(draw)
    for parameter, draws in rules.items():
        scope = names.function_scope(["rng", "drawn", "name"])
        statements: list[ast.stmt] = []
        for draw in draws:
            array = scope.reserve(draw.label)
            scope.alias(draw.node, array)
            key = parse(f"name + {f'.{draw.label}'!r}")
            drawn = ast.Subscript(name("drawn"), key, ast.Load())
            statements.append(assign(array, drawn))
            forms = Forms(Graph((draw.node,)), fast=True)
            values = Values(scope, constants, forms)
            compute = Compute(draw.node, forms.into(draw.node)[1], draw.node)
            statements += values.computed(compute, array, array)
        text = tuple(map(ast.dump, statements))
        if by_text and by_text[-1][0] == text:
            by_text[-1][1].append(parameter)
        else:
            by_text.append((text, [parameter], statements))
    with writer.function(update_draws_name(step), ["rng", "drawn"]):
        writer.docstring("Draw what the update in C is given.")
        for _, parameters, statements in by_text:
            every = ast.Tuple([ast.Constant(p) for p in parameters], ast.Load())
            with writer.block(ast.For(ast.Name("name", ast.Store()), every, [], [])):
                for statement in statements:
                    writer.statement(statement)


def update_draws_name(step: str) -> str:
    """The function that draws what an update is given."""
    return f"draw_for_{update_name(step)}"


def write_draws_table(writer: Writer, updates: Mapping[str, UpdateLoops]) -> None:
    """Write the constant that says what updates in C are given."""
    writer.comment(
        "Of each update in C that draws, by its loss: the function that draws"
    )
    writer.comment("for it, the streams, and the dtypes and shapes of the arrays.")
    tables: list[ast.expr] = []
    drawing = {step: loops for step, loops in updates.items() if loops.draws}
    for step, loops in drawing.items():
        draws = {(d.parameter, d.label): d.node for d in loops.draws}
        in_order = [
            (parameter, label)
            for rule in loops.rules
            for label in rule.rule.slots
            for parameter in rule.names
            if (parameter, label) in draws
        ]
        arrays = {
            f"{parameter}.{label}": (draws[parameter, label].dtype.name, shape)
            for parameter, label in in_order
            for shape in [draws[parameter, label].shape]
        }
        streams = tuple(dict.fromkeys(stream_name(d.node) for d in loops.draws))
        table = [
            name(update_draws_name(step)),
            parse(repr(streams)),
            parse(repr(arrays)),
        ]
        tables.append(ast.Tuple(table, ast.Load()))
    writer.statement(assign("C_DRAWS", mapping([*drawing], tables)))


def update_call(step: str) -> ast.expr:
    """The expression that is the update of a step in C."""
    numbers = call(numbers_name(step), name("state"))
    given = [*map(name, ARGUMENTS), numbers, *([ast.Constant(step)] if step else [])]
    return call("update_call", *given)


def has_rest_of_update(lowered: LoweredUpdate, step: str) -> bool:
    """True where something follows an update in C."""
    return not step or bool(lowered.update.decaying)


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
    told = (
        "Of each update in C, by its loss: its function and that of a step of training "
        "with it; the bytes that it works in; arrays that it takes by themselves, and "
        "if it writes to them; and of each rule the parameters, what the optimizer "
        "keeps of each, the dtypes of all these and, where a rule is not the same for "
        "each number, the shapes that are not those of the parameters."
    )
    for line in textwrap.wrap(told, 84):
        writer.comment(line)
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
    kept |= {node: ("parameters", str(node.name)) for node in loops.assigned}
    every = (*loops.arrays, *loops.assigned)
    written = {*loops.assigned, *(slot for _, slot in loops.replaced)}
    alone = tuple((*kept[n], n.dtype.name, n.shape, n in written) for n in every)
    rules = tuple(
        (
            each.names,
            tuple(each.rule.slots),
            tuple(node.dtype.name for node in each.columns),
            each.shapes,
        )
        for each in loops.rules
    )
    table = (update_name(step), step_in_c(step), loops.room, alone, rules)
    return parse(repr(table))
