"""The layout of training programs, from docstring to command line."""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ...harness import harness_source
from ...ir.graph import Graph
from ...ir.node import Node
from ...program.footprint import Footprint
from ...program.forms import Forms
from ...program.function import Declared
from ...program.groups import rule_values
from ...program.lower import lower
from ...program.plan import Continued, Kind, Style, TrainingPlan
from ...program.storage import is_free
from ...program.update import LoweredUpdate, lower_update
from ...program.update_loops import UpdateLoops, update_in_loops
from ...pysource.plain import without_annotations
from ...pysource.writer import Writer
from ..c.module import supports
from .constants import Constants
from .expressions import assign, call, mapping, name, parse, subscript
from .function import Wording, write_function
from .header import write_facts, write_model_facts, write_requirements
from .headings import Made, hashed, head_of
from .helpers import called_helpers, names_of_helpers, write_helper
from .initializers import start_helpers, write_init
from .memory_order import MemoryOrder, footprint_of, write_rules
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
from .rates import Rates
from .settings import Settings
from .sidecar import Sidecar
from .state import write_averages, write_state
from .train_step import (
    names_of_steps,
    training_function,
    training_name,
    variables_of_steps,
    write_accumulation,
    write_loss_and_gradients,
    write_train_step,
)
from .update import update_name, write_scratch, write_update
from .update_in_c import (
    step_in_c,
    write_draws_table,
    write_update_in_c,
    write_updates_table,
)
from .values import Values

# What is fixed in the code that is generated here: no value and no size goes by these.
# A test reads emitted programs for more.
_MODULE_NAMES = (
    *("dtype", "thread", "parameters", "state", "seed", "rng", "step", "epoch"),
    *("scale", "MODEL", "GRAPH_HASH", "OPTIMIZER", "HYPERPARAMETERS"),
    *("GRAPHC_VERSION", "INPUTS", "PARAMETERS", "METRICS", "PREDICT_INPUTS", "OUTPUTS"),
    *(
        "TOTALS",
        "PLATEAU",
        "ROW_AXES",
        "ROW_INPUTS",
        "BATCH_SIZE",
        "RULES",
        "STRICT",
        "THREADS",
        "TILE",
        "UNCHECKED",
        "STREAMS",
        "DRAW_AXES",
    ),
    # Options of the command line, which constants are, too.
    *("HELP", "LR", "DATA", "DEV", "TEST", "COLUMNS", "EPOCHS", "INIT", "SEED", "BEST"),
    *("PATIENCE", "EVALUATIONS_PER_EPOCH", "OUT", "CHECKPOINT", "CHECKPOINT_EVERY"),
    *("DROP_LAST", "RESUME", "PREDICT", "CHECK", "micro_batches"),
    *("totals", "averaged_parameters", "finish_metrics", "update_plateau"),
    *("init_parameters", "init_state", "forward", "predict", "loss_and_gradients"),
    *(
        "loss_weight",
        "update_scratch",
        *("C_UPDATES", "C_DRAWS", "drawn"),
        *("then", "start_sum"),
        "index_arrays",
        "gradients",
        "buffers",
    ),
    *("forward_workspace", "predict_workspace", "train_step", "LOSSES", "RULES_OF"),
)


def emit_training(
    plan: TrainingPlan,
    style: Style,
    kind: Kind = "whole",
    include: frozenset[str] = frozenset(),
    file: str = "",
) -> Emitted:
    """The standalone training program of a model.

    Args:
        plan: of the program.
        style: of the text.
        kind: `"whole"` for the program of a `Trainer`, `"short"` for one to read, and
            `"model"` for its mathematics with a loop of a page.
        include: what a short one has besides its core.
        file: the name of the file to write to; with one, long arrays are beside it.
    """
    trainings = (step.training for step in plan.steps)
    graphs = [plan.forward, *trainings, plan.predict]
    check_sizes([graph for graph in graphs if graph is not None], plan.inputs)
    fast = style != "readable"
    native = None
    if style == "native":
        # Ranks share draws in Python.
        native = _supports_shared if plan.is_shared else supports
    layout = MemoryOrder(plan) if fast else None
    positions: dict[str, Node] = {}
    updates = [lower_update(step.update, fast=fast) for step in plan.steps]
    loops = _updates_in_c(plan, updates) if native is not None else {}
    in_c = () if plan.is_shared else tuple(loops)
    functions = [
        (lower(declared, fast=fast, native=native), wording)
        for declared, wording in _functions(plan, layout, kind, in_c)
    ]
    if plan.positions is not None and kind != "model":
        declared, wording = _index_arrays(plan, plan.positions, positions)
        functions.append((lower(declared, fast=False), wording))
    rates = Rates(plan)
    small = [
        (lower(declared, fast=False), wording)
        for declared, wording in _small_functions(plan, kind, rates)
    ]
    lowered = [function for function, _ in functions]
    helpers = start_helpers(plan.parameters)
    parts = [*lowered, *(function for function, _ in small)]
    in_numpy = {
        step.name: update
        for step, update in zip(plan.steps, updates, strict=True)
        if step.name not in loops
    }
    parts += [*in_numpy.values(), *rates.functions]
    used = [form for part in parts for form in part.forms_used()]
    state = Graph(tuple(plan.state.values()))
    forms = Forms(state)
    used += [forms[node] for node in state.nodes if not is_free(node)]
    helpers += called_helpers(used)
    names = _names(plan, helpers, rates)
    sidecar = Sidecar.beside(file)
    settings = Settings(names, _graphs(plan))
    constants = Constants(names, settings, sidecar)
    constants.c.threads = plan.tiling.threads
    writer, text = Writer(), Writer()
    told = [*dict.fromkeys(helpers)]
    later = [] if plan.plateau is None else [plan.plateau.source]
    if kind != "whole":
        told, later = map(without_annotations, told), map(without_annotations, later)
    for helper in told:
        write_helper(writer, text, helper)
    order = layout.parameters if layout is not None else None
    write_init(text, plan.parameters, constants, order)
    scope = names.function_scope()
    scope.assign(state.nodes)
    write_state(text, plan, Values(scope, constants, forms), layout, kind == "whole")
    calls = {
        function.name: write_function(text, function, wording, names, constants)
        for function, wording in functions
    }
    if any(update.needs_scratch for update in in_numpy.values()):
        write_scratch(text)
    rates.write(text, names, constants)
    for step, update in zip(plan.steps, updates, strict=True):
        scope = names.function_scope(["name", "slots"])
        flushes = kind != "model"
        given = (scope, constants, rates, step.name)
        if step.name in loops:
            write_update_in_c(text, loops[step.name], *given, flushes=flushes)
        else:
            write_update(text, update, *given, flushes=flushes)
    if "steps" in plan.features or plan.assigned:
        write_loss_and_gradients(text, plan, names, kind)
    following: dict[str, LoweredUpdate] = {}
    early = {f.name for f in lowered if f.starts_sums}
    is_silent = not plan.rates
    for step, update in zip(plan.steps, updates, strict=True):
        function = next(f for f in lowered if f.name == training_name(step))
        is_silent = is_silent and len(function.steps) == 1
        if function.last_region is None:
            continue
        following[step.name] = update
        new = dict(zip(step.assigned, step.new_values.values(), strict=True))
        constants.c.add_step(
            step_in_c(step.name),
            update_name(step.name),
            constants.c_regions[function.name],
            step.training.outputs[0],
            {node: (str(names[node]), value) for node, value in new.items()},
            checks=kind != "model",
        )
    is_silent = is_silent and len(following) == len(plan.steps)
    if any(each.draws for each in loops.values()):
        write_draws_table(text, loops)
    write_train_step(
        text, plan, names, calls, kind, following, early, is_silent=is_silent
    )
    if plan.micro_batches > 1 and kind != "model":
        write_accumulation(text, plan, settings)
    if plan.averages:
        write_averages(text, plan)
    for function, wording in small:
        scope = names.function_scope()
        for node in plan.step_sizes.inputs:
            if node not in rates:
                scope.alias(node, str(node.name))
        write_function(text, function, wording, scope, constants)
    for helper in later:
        write_helper(writer, text, helper)
    features = called_features(lowered)
    if layout is not None:
        features |= {"arrays", "flat"}
        if plan.sums_in_place:
            features |= {"sums_in_place"}
        if any(function.starts_sums for function in lowered):
            features |= {"early_sums"}
        if loops:
            features |= {"c_calls", "c_update", "native"}
            if any(each.is_shared for each in loops.values()):
                features |= {"cores"}
        if any(each.draws for each in loops.values()):
            features |= {"c_draws", "streams"}
        if in_numpy:
            features |= {"update_tiles"}
    arrays = Writer()
    constants.write(arrays)
    features |= plan.features | {kind} | include
    if "LEARNING_RATE" in settings.used:
        features |= {"learning_rate"}
    used = None if kind == "whole" else frozenset(_names_in(text.source()))
    harness = harness_source(features, used=used)
    if used is not None:
        used |= _names_in(harness.text)
    footprint = Footprint()
    part = "model" if kind == "model" else "program"
    parts = ("all",) if kind == "whole" else tuple(sorted(include))
    docstring = head_of(plan, Made(part, style, parts, file=file))
    if layout is not None:
        room = sum(each.room for each in loops.values())
        footprint = footprint_of(plan, lowered, [*in_numpy.values()], room)
        docstring += f"\n\nArrays of a training step, in bytes:\n\n{footprint}"
    writer.docstring(docstring)
    if kind == "whole":
        writer.from_import("__future__", "annotations")
    write_imports(writer, harness)
    if kind == "model":
        write_model_facts(writer, plan, used or ())
    else:
        write_requirements(writer)
        write_facts(writer, plan, used)
    settings.write(writer, lists=kind != "model")
    tiled = features if in_numpy else features - {"flat"}
    write_tiling(writer, plan.tiling, tiled)
    write_streams(writer, plan.draws)
    if plan.is_shared and plan.draws:
        writer.comment("Those of them that draw for each row, and the axis of rows.")
        writer.statement(assign("DRAW_AXES", parse(repr(plan.draw_axes))))
    if loops:
        write_updates_table(writer, loops)
    if layout is not None and in_numpy:
        write_rules(writer, in_numpy)
    if sidecar is not None:
        sidecar.write(writer)
    writer.append(arrays)
    writer.append(text)
    writer.raw(harness.text)
    content = b"" if sidecar is None else sidecar.content
    lines = nodes_of_lines(writer)
    return Emitted(hashed(writer.source()), lines, footprint, positions, content)


def _supports_shared(node: Node) -> bool:
    """True for a value that C computes where ranks share batches."""
    return node.op.pure and supports(node)


def _graphs(plan: TrainingPlan) -> list[Graph]:
    """All graphs of a program, those of updates first."""
    found = [Graph(rule_values(step.update)) for step in plan.steps]
    found += [step.training for step in plan.steps]
    found.append(Graph(tuple(plan.state.values())))
    after = plan.after_predict and plan.after_predict.graph
    others = (plan.step_sizes, plan.forward, plan.predict, after)
    others = (*others, plan.loss_weight, plan.finish, plan.positions)
    found += [rate.graph for rate in plan.rates]
    return [*found, *(graph for graph in others if graph is not None)]


def _names_in(source: str) -> set[str]:
    tree = ast.parse(source)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _names(plan: TrainingPlan, helpers: Sequence[str], rates: Rates) -> Names:
    """The scope of the module, with the names of inputs and parameters."""
    needed = {"arrays", "c_calls", "c_update", "cores", "flat", "indexing", "native"}
    needed |= {"early_sums", "sums_in_place", "streams", "tiles", "update_tiles"}
    every = harness_source(plan.features | needed | {"whole"})
    taken = names_of_helpers(helpers)
    taken |= {function.name for function in rates.functions}
    taken |= {*_MODULE_NAMES, *names_of_steps(plan), *defined_names(every)}
    names = module_names(plan.inputs, taken, variables_of_steps(plan))
    names.assign(plan.parameters)
    names.outside.update(names[node] for node in plan.parameters)
    return names


def _updates_in_c(
    plan: TrainingPlan, updates: Sequence[LoweredUpdate]
) -> dict[str, UpdateLoops]:
    """The updates that have a form as loops, by the names of their losses."""
    found = {
        step.name: update_in_loops(update, supports, step.assigned)
        for step, update in zip(plan.steps, updates, strict=True)
    }
    return {name: loops for name, loops in found.items() if loops is not None}


def _functions(
    plan: TrainingPlan,
    layout: MemoryOrder | None,
    kind: Kind,
    in_c: Collection[str],
) -> list[tuple[Declared, Wording]]:
    """The functions that are in the style of the program.

    Args:
        plan: of the program.
        layout: the order of arrays in memory, in fast style.
        kind: of the program.
        in_c: names of losses whose updates run in C.
    """
    results = ("loss", *plan.results)
    what = "the loss and the metrics of a batch"
    if plan.finish is not None:
        what = "the loss of a batch and what metrics are made of"
    common: dict[str, Any] = {
        "inputs": plan.inputs,
        "converts": True,
        "tile": plan.tiling.size,
        # Plain indexing finds most positions out of bounds itself; what is fast wraps.
        "is_checked": kind != "model" or layout is not None,
    }
    forward = Declared("forward", plan.forward, **common)
    forward = replace(forward, random=bool(plan.forward.draws))
    wording = Wording(
        f"Return {what}, in evaluation mode.",
        lambda values: [ast.Return(mapping(results, values))],
    )
    after = plan.after_predict
    if after is not None and layout is None and kind != "model":
        forward = replace(forward, graph=after.graph, given=after.given)
        wording = replace(wording, opening=functools.partial(_predicted, plan, after))
    functions = [(forward, wording)]
    if plan.predict is not None and kind != "model":
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
        functions.insert(0, (predict, wording))
    bounds = {**plan.size_bounds}
    for step in plan.steps:
        order = layout.gradients[step.name] if layout is not None else None
        is_random = kind == "whole" or bool(step.training.draws)
        given = {**common, "random": is_random, "is_shared": plan.sums_in_place}
        then = step.name in in_c
        functions.append(training_function(step, order, given, then=then))
        bounds[training_name(step)] = step.size_bounds
    error = "ValueError" if kind == "model" else "DataError"
    return [
        (
            replace(declared, size_bounds=bounds.get(declared.name, ())),
            replace(wording, size_error=error),
        )
        for declared, wording in functions
    ]


def _predicted(plan: TrainingPlan, after: Continued, names: Names) -> list[ast.stmt]:
    """Take what `predict` returns."""
    arguments = [names[node] for node in plan.predict_inputs]
    value = call("predict", *map(name, ("parameters", *arguments)))
    variables = [names[node] for node in after.given]
    if len(variables) == 1:
        return [assign(variables[0], value)]
    outputs = names.reserve("outputs")
    taken = [subscript(name(outputs), key) for key in plan.outputs]
    return [
        assign(outputs, value),
        *(assign(v, t) for v, t in zip(variables, taken, strict=True)),
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


def _small_functions(
    plan: TrainingPlan, kind: Kind, rates: Rates
) -> list[tuple[Declared, Wording]]:
    """Functions of a few numbers, in plain style whatever that of the rest."""

    def as_float(values: Sequence[ast.expr]) -> list[ast.stmt]:
        match values[0]:
            case ast.Call(ast.Attribute(attr="float64"), [ast.Name() as constant], []):
                return [ast.Return(constant)]
            case value:
                return [ast.Return(call("float", value))]

    def sizes(function: str, outputs: Sequence[Node], wording: Wording) -> None:
        """Add a function of step sizes, which take what schedules give."""
        graph = Graph(tuple(outputs))
        given = tuple(node for node in graph.inputs if node in rates)

        def opening(names: Names) -> list[ast.stmt]:
            return [rates.assign(node, names) for node in given]

        declared = Declared(function, graph, given=given, source="state")
        wording = replace(wording, opening=opening)
        functions.append((declared, wording))

    functions: list[tuple[Declared, Wording]] = []
    outputs = plan.step_sizes.outputs
    if kind != "model" or plan.plateau is not None:
        told = Wording("Return the step size of the last update.", as_float)
        sizes("step_size", outputs[:1], told)
    if "groups" in plan.features and kind != "model":
        told = Wording(
            "Return the step sizes of all groups in the last update.",
            lambda values: [ast.Return(ast.List(list(values), ast.Load()))],
        )
        sizes("step_sizes", outputs, told)
    if plan.loss_weight is not None and kind != "model":
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
