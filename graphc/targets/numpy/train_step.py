"""The functions that differentiate losses, and the step of training that calls them.

A program of one loss has one of each. Where there are several losses, each has its own
functions under its name, and a step of training goes through them in order.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...ir.facts import NAMED
from ...program.function import Declared
from ...program.plan import Kind, TrainingPlan, TrainingStep
from ...program.storage import storage_of
from ...program.update import LoweredUpdate
from ...program.workspace import Persistent
from ...pysource.writer import Writer
from .expressions import assign, call, mapping, name, parse, subscript
from .function import Wording
from .names import Names
from .settings import Settings
from .update import update_name
from .update_in_c import (
    has_rest_of_update,
    numbers_name,
    update_call,
    update_draws_name,
    write_after_update,
)

_LOSS_AND_GRADIENTS = "Return the loss of a batch and its gradient by each parameter."


def training_name(step: TrainingStep) -> str:
    """The function that differentiates the loss of a step."""
    function = "loss_gradients_and_buffers" if step.assigned else "loss_and_gradients"
    return _prefixed(step, function)


def _prefixed(step: TrainingStep, wish: str) -> str:
    return f"{step.name}_{wish}" if step.name else wish


def names_of_steps(plan: TrainingPlan) -> Iterator[str]:
    """The names of the functions of steps."""
    for step in plan.steps:
        yield _prefixed(step, "gradient_arrays")
        yield from (update_name(step.name), numbers_name(step.name))
        yield update_draws_name(step.name)
        for function in ("loss_and_gradients", "loss_gradients_and_buffers"):
            own = _prefixed(step, function)
            for row in (own, f"{own}_for_one_row"):
                yield from (row, f"{row}_workspace")
            yield f"{own}_in_place"


def variables_of_steps(plan: TrainingPlan) -> Iterator[str]:
    """The variables of the functions that call them."""
    for step in plan.steps:
        yield _prefixed(step, "gradients")
        yield _prefixed(step, "loss")


def training_function(
    step: TrainingStep,
    order: tuple[str, ...] | None,
    common: Mapping[str, Any],
    *,
    then: bool,
) -> tuple[Declared, Wording]:
    """The function that differentiates the loss of a step.

    Args:
        step: the step.
        order: in fast style, the order of gradients in memory.
        common: of all functions of the program, as `Declared` takes it.
        then: True where an update in another language may follow.
    """
    persistent = None
    new_values = [*step.new_values.values()]
    common = {**common, "then": (step.training.outputs[0], *new_values) if then else ()}
    if order is not None:
        allocation = _prefixed(step, "gradient_arrays")
        persistent = Persistent("gradients", allocation, step.gradients, order)
    results = ("loss", "gradients", *(["buffers"] if step.assigned else []))
    docstring = _LOSS_AND_GRADIENTS
    if step.name:
        docstring = (
            f"Return the {step.name} loss of a batch, and its gradient by each\n"
            "parameter that it trains."
        )
    if step.assigned:
        whose = f"{step.name} loss" if step.name else "loss"
        docstring = (
            f"Return the {whose} of a batch, its gradient by each parameter, and what "
            "the\nstep assigns to buffers."
        )

    def ending(values: Sequence[ast.expr]) -> list[ast.stmt]:
        count = 1 + len(step.trained)
        statements: list[ast.stmt] = []
        if persistent is None:
            gradients = mapping(list(step.gradients), values[1:count])
            statements.append(assign("gradients", gradients))
        if step.assigned:
            # What would be another parameter's own array changes with it.
            new = [
                call("np.copy", value) if storage_of(node).op.role in NAMED else value
                for value, node in zip(
                    values[count:], step.new_values.values(), strict=True
                )
            ]
            statements.append(assign("buffers", mapping(list(step.new_values), new)))
        returned = [values[0], *map(name, results[1:])]
        return [*statements, ast.Return(ast.Tuple(returned, ast.Load()))]

    return (
        Declared(
            training_name(step),
            step.training,
            persistent=persistent,
            one_row=step.one_row,
            **common,
        ),
        Wording(docstring, ending, results=results, reserved=results[1:]),
    )


def write_loss_and_gradients(
    writer: Writer, plan: TrainingPlan, names: Names, kind: Kind
) -> None:
    """Write the function without what steps assign, for those who ask; all losses."""
    given = ["parameters", *(names[node] for node in plan.inputs)]
    draws = kind == "whole" or any(step.training.draws for step in plan.steps)
    first_two = ast.Slice(None, ast.Constant(2))

    def found(step: TrainingStep) -> ast.expr:
        passed = [*given, "rng"] if kind == "whole" or step.training.draws else given
        result = call(training_name(step), *map(name, passed))
        if step.assigned:
            return ast.Subscript(result, first_two, ast.Load())
        return result

    arguments = [*given, *["rng=None"] * draws]
    with writer.function("loss_and_gradients", arguments):
        if "steps" not in plan.features:
            writer.docstring(_LOSS_AND_GRADIENTS)
            writer.statement(ast.Return(found(plan.steps[0])))
            return
        writer.docstring(
            "Return the sum of the losses of a batch and, by each parameter, the\n"
            "gradient of the loss that trains it."
        )
        losses = [_prefixed(step, "loss") for step in plan.steps]
        gradients = [_prefixed(step, "gradients") for step in plan.steps]
        for step, *targets in zip(plan.steps, losses, gradients, strict=True):
            writer.statement(_assign_all(targets, found(step)))
        total, merged = parse(" + ".join(losses)), parse(" | ".join(gradients))
        writer.statement(ast.Return(ast.Tuple([total, merged], ast.Load())))
    keys = [step.name for step in plan.steps]
    functions = [name(training_name(step)) for step in plan.steps]
    writer.blank()
    writer.comment("Of each loss, the function that differentiates it.")
    writer.statement(assign("LOSSES", mapping(keys, functions)))


def shared_call(
    step: TrainingStep, gradients: ast.expr, early: Collection[str]
) -> ast.expr:
    """A call that gives loss and gradients of rows, as one that shares them."""
    assert isinstance(gradients, ast.Call)
    told = {"starts_sums": ast.Constant(True)} if training_name(step) in early else {}
    return call("share_gradients", gradients.func, *gradients.args, **told)


def write_train_step(
    writer: Writer,
    plan: TrainingPlan,
    names: Names,
    calls: Mapping[str, ast.expr],
    kind: Kind,
    following: Mapping[str, LoweredUpdate],
    early: Collection[str],
    *,
    is_silent: bool = False,
) -> None:
    """Write the function that takes a step of each loss.

    Args:
        writer: to write to.
        plan: of the program.
        names: of the module.
        calls: by name of a function, a call on its own arguments.
        kind: of the program; a model takes every step.
        following: updates that run in the call of a function in C that computes
            gradients, by the names of their losses.
        early: functions that tell of gradients that are known early.
        is_silent: True where nothing in it can warn.
    """
    arguments = [names[node] for node in plan.inputs]
    # Numbers of a training underflow all the time; the loss tells of those that matter.
    silent = ['np.errstate(all="ignore")']
    several, is_model = "steps" in plan.features, kind == "model"
    parameters = ["parameters", "state", *arguments]
    if not is_model:
        writer.import_("math")
    decorators = [] if is_model or is_silent else silent
    with writer.function("train_step", parameters, decorators=decorators):
        told = _SEVERAL_STEPS if several else _ONE_STEP
        writer.docstring(told.partition("\n")[0] if is_model else told)
        if plan.averages and not is_model:
            writer.statement(ast.Expr(parse("take_up(parameters, state)")))
        if plan.is_scheduled and not is_model:
            writer.statement(ast.Expr(parse("check_step_size(state)")))
        if kind == "whole" or any(step.training.draws for step in plan.steps):
            writer.statement(assign("rng", subscript(name("state"), "rng")))
        if several:
            writer.statement(ast.parse('state["step"] += 1').body[0])
        for step in plan.steps:
            if several:
                writer.blank()
            gradients = calls[training_name(step)]
            if step.name in following:
                update = following[step.name]
                _write_whole_step(writer, step, gradients, update, is_model)
            else:
                if plan.is_shared:
                    gradients = shared_call(step, gradients, early)
                _write_step(writer, step, gradients, is_model)
        losses = " + ".join(_prefixed(step, "loss") for step in plan.steps)
        if several:
            writer.blank()
        writer.statement(ast.Return(parse(f"float({losses})")))


_ONE_STEP = """\
Take one step on a batch, in place; return the loss before the step.

Nothing is updated if that is not finite, or if a gradient is not, which
is a FloatingPointError."""

_SEVERAL_STEPS = """\
Take a step of each loss on a batch, in place; return the sum of the losses.

Each is computed with what the steps before it have changed. No step is taken of
a loss that is not finite. A gradient that is not is a FloatingPointError, before
which the steps of the losses before it have been taken."""


def _write_step(
    writer: Writer, step: TrainingStep, gradients: ast.expr, is_model: bool
) -> None:
    """Write the statements that differentiate a loss and update its parameters."""
    updated = ast.Expr(parse(f"{update_name(step.name)}(parameters, gradients, state)"))
    loss = _prefixed(step, "loss")
    results = [loss, "gradients", *(["buffers"] if step.assigned else [])]
    writer.statement(_assign_all(results, gradients))
    if is_model:
        if step.assigned:
            copied = "for key in buffers:\n    parameters[key][...] = buffers[key]"
            writer.statement(ast.parse(copied).body[0])
        writer.statement(updated)
        return
    with writer.block(f"if math.isfinite({loss}):"):
        writer.statement(ast.Expr(parse("check_finite(gradients)")))
        if step.assigned:
            writer.statement(ast.Expr(parse("assign(parameters, buffers)")))
        writer.statement(updated)


def _write_whole_step(
    writer: Writer,
    step: TrainingStep,
    call_in_c: ast.expr,
    update: LoweredUpdate,
    is_model: bool,
) -> None:
    """Write the statements that call a function in C for gradients and update."""
    allocation = _prefixed(step, "gradient_arrays")
    writer.statement(assign("gradients", parse(f"{allocation}(get_ident())")))
    writer.statement(assign("then", update_call(step.name)))
    loss = _prefixed(step, "loss")
    results = [loss, "gradients", *(["buffers"] if step.assigned else [])]
    writer.statement(_assign_all(results, call_in_c))
    if is_model:
        write_after_update(writer, update, step.name, flushes=False)
        return
    if has_rest_of_update(update, step.name):
        with writer.block("if then.is_done:"):
            write_after_update(writer, update, step.name, flushes=True)
        problem = f"elif math.isfinite({loss}):"
    else:
        problem = f"if not then.is_done and math.isfinite({loss}):"
    with writer.block(problem):
        writer.statement(ast.Expr(parse("check_finite(gradients)")))
        if step.assigned:
            writer.statement(ast.Expr(parse("assign(parameters, buffers)")))


def _assign_all(targets: Sequence[str], value: ast.expr) -> ast.stmt:
    stored = [ast.Name(target, ast.Store()) for target in targets]
    return ast.Assign([ast.Tuple(list(stored), ast.Store())], value)


def write_accumulation(writer: Writer, plan: TrainingPlan, settings: Settings) -> None:
    """Write the function that tells the batches of an update."""
    steps = [
        variable
        for variable, each in settings.used.items()
        if each.name == "accumulation_steps" and each.value == plan.micro_batches
    ]
    value = name(steps[0]) if len(steps) == 1 else ast.Constant(plan.micro_batches)
    with writer.function("micro_batches"):
        writer.docstring("Return how many batches an update takes.")
        writer.statement(ast.Return(value))
