"""The layout of training programs, from docstring to command line."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...harness import harness_source
from ...ir.dims import symbols_of
from ...ir.facts import PERSISTENT
from ...ir.graph import Graph
from ...ir.node import Node
from ...program.footprint import Footprint, flat_bytes
from ...program.forms import Forms
from ...program.function import Declared, Function
from ...program.groups import ParameterUpdate, Update, groups_of, shared_nodes
from ...program.lower import lower
from ...program.memory import MemoryPlan
from ...program.plan import Style, TrainingPlan
from ...program.schedule import TILE
from ...program.steps import step_of
from ...program.storage import is_free
from ...program.update import LoweredUpdate, lower_update, update_bytes
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import assign, call, literal, mapping, name, parse, subscript
from .function import Wording, write_function
from .header import write_facts, write_requirements
from .helpers import called_helpers, names_of_helpers, write_helper
from .initializers import start_helpers, write_init
from .module import (
    Emitted,
    called_features,
    check_sizes,
    defined_names,
    module_names,
    nodes_of_lines,
    write_imports,
    write_streams,
    write_tiling,
)
from .names import Names
from .train_step import (
    names_of_steps,
    training_function,
    training_name,
    variables_of_steps,
    write_loss_and_gradients,
    write_train_step,
)
from .update import write_scratch, write_update
from .values import Values

# What is fixed in the code that is generated here: no value and no size goes by these.
# A test reads emitted programs for more.
_MODULE_NAMES = (
    *("dtype", "thread", "parameters", "state", "seed", "rng", "step", "epoch"),
    *("scale", "OLDEST_PYTHON", "OLDEST_NUMPY", "MODEL", "GRAPH_HASH", "OPTIMIZER"),
    *("GRAPHC_VERSION", "INPUTS", "PARAMETERS", "METRICS", "PREDICT_INPUTS", "OUTPUTS"),
    *(
        "MICRO_BATCHES",
        "TOTALS",
        "PLATEAU",
        "RULES",
        "STRICT",
        "THREADS",
        "TILE",
        "UNCHECKED",
        "STREAMS",
    ),
    *("totals", "averaged_parameters", "finish_metrics", "update_plateau"),
    *("init_parameters", "init_state", "forward", "predict", "loss_and_gradients"),
    *("loss_weight", "update_scratch", "index_arrays", "gradients", "buffers"),
    *("forward_workspace", "predict_workspace", "train_step", "LOSSES", "RULES_OF"),
)


def emit_training(plan: TrainingPlan, style: Style) -> Emitted:
    """The standalone training program of a model."""
    trainings = (step.training for step in plan.steps)
    graphs = [plan.forward, *trainings, plan.predict]
    check_sizes([graph for graph in graphs if graph is not None], plan.inputs)
    fast = style == "fast"
    layout = _MemoryOrder(plan) if fast else None
    positions: dict[str, Node] = {}
    functions = [
        (lower(declared, fast=fast), wording)
        for declared, wording in _functions(plan, layout)
    ]
    if plan.positions is not None:
        declared, wording = _index_arrays(plan, plan.positions, positions)
        functions.append((lower(declared, fast=False), wording))
    small = [
        (lower(declared, fast=False), wording)
        for declared, wording in _small_functions(plan)
    ]
    updates = [lower_update(step.update, fast=fast) for step in plan.steps]
    lowered = [function for function, _ in functions]
    helpers = start_helpers(plan.parameters)
    parts = [*lowered, *(function for function, _ in small), *updates]
    used = [form for part in parts for form in part.forms_used()]
    state = Graph(tuple(plan.state.values()))
    forms = Forms(state)
    used += [forms[node] for node in state.nodes if not is_free(node)]
    helpers += called_helpers(used)
    names = _names(plan, helpers)
    constants = Constants(names)
    writer, text = Writer(), Writer()
    for helper in dict.fromkeys(helpers):
        write_helper(writer, text, helper)
    order = layout.parameters if layout is not None else None
    write_init(text, plan.parameters, constants, order)
    scope = names.function_scope()
    scope.assign(state.nodes)
    _write_state(text, plan, Values(scope, constants, forms), layout)
    calls = {
        function.name: write_function(text, function, wording, names, constants)
        for function, wording in functions
    }
    if any(update.needs_scratch for update in updates):
        write_scratch(text)
    for step, update in zip(plan.steps, updates, strict=True):
        scope = names.function_scope(["name", "slots"])
        write_update(text, update, scope, constants, step.name)
    if "steps" in plan.features or plan.assigned:
        write_loss_and_gradients(text, plan, names)
    write_train_step(text, plan, names, calls)
    if plan.averages:
        _write_averages(text, plan)
    for function, wording in small:
        scope = names.function_scope()
        for node in plan.step_sizes.inputs:
            scope.alias(node, str(node.name))
        write_function(text, function, wording, scope, constants)
    if plan.plateau is not None:
        write_helper(writer, text, plan.plateau.source)
    features = called_features(lowered)
    if layout is not None:
        features |= {"arrays", "flat"}
    harness = harness_source(plan.features | features)
    footprint = Footprint()
    docstring = plan.docstring
    if layout is not None:
        footprint = _footprint(plan, lowered, updates)
        docstring += f"\n\nArrays of a training step, in bytes:\n\n{footprint}"
    writer.docstring(docstring)
    writer.from_import("__future__", "annotations")
    write_imports(writer, harness)
    write_requirements(writer)
    write_facts(writer, plan)
    write_tiling(writer, plan.tiling, features)
    write_streams(writer, plan.draws)
    if layout is not None:
        _write_rules(writer, plan, updates)
    constants.write(writer)
    writer.append(text)
    writer.raw(harness.text)
    return Emitted(writer.source(), nodes_of_lines(writer), footprint, positions)


def _names(plan: TrainingPlan, helpers: Sequence[str]) -> Names:
    """The scope of the module, with the names of inputs and parameters."""
    needed = {"arrays", "flat", "indexing", "streams", "tiles"}
    every = harness_source(plan.features | needed)
    taken = names_of_helpers(helpers)
    taken |= {*_MODULE_NAMES, *names_of_steps(plan), *defined_names(every)}
    names = module_names(plan.inputs, taken, variables_of_steps(plan))
    names.assign(plan.parameters)
    names.outside.update(names[node] for node in plan.parameters)
    return names


def _footprint(
    plan: TrainingPlan,
    functions: Sequence[Function],
    updates: Sequence[LoweredUpdate],
) -> Footprint:
    """The bytes that a training step keeps allocated in fast style."""
    tile = plan.tiling.size or TILE
    differentiating = {training_name(step) for step in plan.steps}
    trainings = [f.footprint(tile) for f in functions if f.name in differentiating]
    names = symbols_of(size for node in plan.inputs for size in node.shape)
    return replace(
        functools.reduce(Footprint.together, trainings).of_program(names),
        parameters=flat_bytes(node.type for node in plan.parameters),
        state=flat_bytes(node.type for node in plan.state.values()),
        update=update_bytes(updates, tile),
    )


class _MemoryOrder:
    """The order of arrays in memory: those that follow one rule stand together."""

    def __init__(self, plan: TrainingPlan) -> None:
        self.gradients: dict[str, tuple[str, ...]] = {}
        """Those of each step, by its name."""
        trained: list[str] = []
        kept: list[str] = []
        for step in plan.steps:
            rules = [rule for group in _groups(step.update) for rule in group]
            own = tuple(str(rule.parameter.name) for rule in rules)
            self.gradients[step.name] = own
            trained += own
            kept += [
                f"{rule.parameter.name}.{slot}"
                for slot in dict.fromkeys(slot for rule in rules for slot in rule.slots)
                for rule in rules
                if slot in rule.slots
            ]
        others = [str(node.name) for node in plan.parameters]
        self.parameters = tuple(dict.fromkeys([*trained, *others]))
        self.slots = tuple(dict.fromkeys([*kept, *plan.state]))


def _groups(update: Update) -> list[list[ParameterUpdate]]:
    """The rules of an update, those of a group together."""
    return groups_of(update, set(shared_nodes(update)))


def _write_rules(
    writer: Writer, plan: TrainingPlan, updates: Sequence[LoweredUpdate]
) -> None:
    tables = {
        step.name: tuple(
            (
                group.names,
                tuple(group.rule.slots),
                tuple(str(node.dtype) for node in group.scratch),
            )
            for group in update.groups
            if group.is_tiled
        )
        for step, update in zip(plan.steps, updates, strict=True)
    }
    if "steps" in plan.features:
        writer.comment(
            "Of each rule of the updates, by their losses: its parameters, what the"
        )
        writer.comment("optimizer keeps of each, and the dtypes of arrays to work in.")
        writer.statement(assign("RULES_OF", parse(repr(tables))))
        return
    writer.comment(
        "Of each rule of the update: its parameters, what the optimizer keeps"
    )
    writer.comment("of each, and the dtypes of arrays to work in.")
    writer.statement(assign("RULES", parse(repr(tables[""]))))


def _write_state(
    writer: Writer, plan: TrainingPlan, values: Values, layout: _MemoryOrder | None
) -> None:
    order = layout.slots if layout is not None else tuple(plan.state)
    scope, forms = values.names, values.forms
    graph = Graph(tuple(plan.state.values()))
    with writer.function("init_state", ["parameters", "seed=0"]):
        writer.docstring("Return what training remembers from step to step.")
        used = [node for node in graph.nodes if node.op.role in PERSISTENT]
        for node in used:
            stored = subscript(name("parameters"), node.name)
            writer.statement(assign(scope[node], stored))
        for node in graph.nodes:
            if not forms.is_inline(node) and node.op.kind != "source":
                step = step_of(node, forms, MemoryPlan())
                for statement in values.computed(step, scope[node], scope[node]):
                    writer.statement(statement)
        slots: list[ast.expr] = []
        for key in order:
            node = plan.state[key]
            if node.op.kind == "source" and node.op.numpy is not None:
                slots.append(values.expression(forms[node]))
            elif node.op.role in PERSISTENT:
                slots.append(parse(f"{scope[node]}.copy()"))
            else:
                slots.append(values.value(node))
        slot_names: list[ast.expr] = [ast.Constant(key) for key in order]
        table: ast.expr = ast.Dict(list(slot_names), slots)
        if layout is not None and slots:
            table = call("side_by_side", table)
        fields: dict[str, ast.expr] = {
            "step": ast.Constant(0),
            "epoch": ast.Constant(0),
            "scale": ast.Constant(1.0),
            "rng": parse("random_streams(seed)" if plan.draws else "{}"),
            "slots": table,
        }
        if plan.plateau is not None:
            start = [literal(value, str) for value in plan.plateau.state]
            fields["plateau"] = ast.List(start, ast.Load())
        keys: list[ast.expr] = [ast.Constant(key) for key in fields]
        writer.statement(ast.Return(ast.Dict(list(keys), list(fields.values()))))


def _functions(
    plan: TrainingPlan, layout: _MemoryOrder | None
) -> list[tuple[Declared, Wording]]:
    """The functions that are in the style of the program."""
    results = ("loss", *plan.results)
    what = "the loss and the metrics of a batch"
    if plan.finish is not None:
        what = "the loss of a batch and what metrics are made of"
    common: dict[str, Any] = {
        "inputs": plan.inputs,
        "converts": True,
        "tile": plan.tiling.size,
    }
    forward = Declared("forward", plan.forward, **common)
    functions = [
        (
            replace(forward, random=bool(plan.forward.draws)),
            Wording(
                f"Return {what}, in evaluation mode.",
                lambda values: [ast.Return(mapping(results, values))],
            ),
        )
    ]
    if plan.predict is not None:
        predict = Declared("predict", plan.predict, **common)
        predict = replace(
            predict,
            inputs=plan.predict_inputs,
            random=bool(plan.predict.draws),
        )
        wording = Wording(
            "Return the model's outputs for a batch, in evaluation mode.",
            lambda values: [ast.Return(_one_or_dict(plan.outputs, values))],
        )
        functions.append((predict, wording))
    bounds = {**plan.size_bounds}
    for step in plan.steps:
        order = layout.gradients[step.name] if layout is not None else None
        functions.append(training_function(step, order, common))
        bounds[training_name(step)] = step.size_bounds
    return [
        (
            replace(declared, size_bounds=bounds.get(declared.name, ())),
            replace(wording, size_error="DataError"),
        )
        for declared, wording in functions
    ]


def _index_arrays(
    plan: TrainingPlan, graph: Graph, texts: dict[str, Node]
) -> tuple[Declared, Wording]:
    def ending(values: Sequence[ast.expr]) -> list[ast.stmt]:
        parts = [values[start : start + 3] for start in range(0, len(values), 3)]
        labels = [ast.unparse(part[0]) for part in parts]
        texts.update(zip(labels, graph.outputs[::3], strict=True))
        named = [
            ast.Tuple([ast.Constant(label), *part], ast.Load())
            for label, part in zip(labels, parts, strict=True)
        ]
        return [ast.Return(ast.List(list(named), ast.Load()))]

    return (
        Declared("index_arrays", graph, plan.inputs, source=""),
        Wording(
            "Return what is computed from data to index with, and its bounds.", ending
        ),
    )


def _small_functions(plan: TrainingPlan) -> list[tuple[Declared, Wording]]:
    """Functions of a few numbers, in plain style whatever that of the rest."""

    def as_float(values: Sequence[ast.expr]) -> list[ast.stmt]:
        return [ast.Return(call("float", values[0]))]

    functions = [
        (
            Declared("step_size", Graph(plan.step_sizes.outputs[:1]), source="state"),
            Wording("Return the step size of the last update.", as_float),
        )
    ]
    if "groups" in plan.features:
        wording = Wording(
            "Return the step sizes of all groups in the last update.",
            lambda values: [ast.Return(ast.List(list(values), ast.Load()))],
        )
        declared = Declared("step_sizes", plan.step_sizes, source="state")
        functions.append((declared, wording))
    if plan.loss_weight is not None:
        wording = Wording(
            "Return how much a batch counts in the mean of the loss.", as_float
        )
        declared = Declared("loss_weight", plan.loss_weight, plan.inputs)
        functions.append((declared, wording))
    if plan.finish is not None:
        keys = ("loss", *plan.metrics)
        wording = Wording(
            "Return the loss and the metrics of a data set from sums and means\n"
            "of what `forward` returns.",
            lambda values: [ast.Return(mapping(keys, values))],
        )
        declared = Declared("finish_metrics", plan.finish, source="totals")
        functions.append((declared, wording))
    return functions


def _one_or_dict(keys: Sequence[str], values: Sequence[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else mapping(keys, values)


def _write_averages(writer: Writer, plan: TrainingPlan) -> None:
    with writer.function("averaged_parameters", ["parameters", "state"]):
        writer.docstring(
            "Return the parameters with the optimizer's averages in their places."
        )
        writer.statement(assign("slots", subscript(name("state"), "slots")))
        slots = [subscript(name("slots"), slot) for slot in plan.averages.values()]
        writer.statement(assign("averages", mapping(list(plan.averages), slots)))
        writer.statement(ast.Return(parse("parameters | averages")))
