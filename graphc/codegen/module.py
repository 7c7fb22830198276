"""The layout of emitted modules: what stands where, from docstring to command line."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import GraphError
from ..ir.dims import Dim, symbols_of
from ..ir.graph import Graph
from ..ir.labels import LabelBounds
from ..ir.node import Node
from .expressions import assign, call, literal, name, parse, subscript
from .function import Function, Style, write_function
from .harness import HarnessSource, harness_source
from .names import Names
from .operands import Constants, Operands
from .starts import start_helpers, top_level_names, write_helper, write_init
from .update import Update, write_update
from .writer import Writer

__all__ = ["Emitted", "Plateau", "TrainingPlan", "emit_function", "emit_training"]


@dataclass(frozen=True)
class Emitted:
    """The text of a module, and what the variables of its functions stand for."""

    source: str
    variables: Mapping[str, Mapping[str, Node]]


@dataclass(frozen=True)
class Plateau:
    """Decay of the step size on a plateau."""

    options: Mapping[str, Any]
    state: tuple[float, ...]
    """At the start."""
    source: str
    """The function `update_plateau`."""


@dataclass(frozen=True)
class TrainingPlan:
    """The optimised graphs of a training program and what to call things."""

    title: str
    docstring: str
    version: str
    hash: str
    inputs: tuple[Node, ...]
    bounds: Mapping[Node, LabelBounds]
    """Inclusive bounds of inputs that are labels."""
    parameters: tuple[Node, ...]
    forward: Graph
    """In evaluation mode: the loss, then `metrics`, then `outputs`."""
    metrics: tuple[str, ...]
    outputs: tuple[str, ...]
    predict: Graph | None
    """`outputs` alone."""
    training: Graph
    """In training mode: the loss, then a gradient for each of `trained`."""
    trained: tuple[Node, ...]
    state: Mapping[str, Node]
    """The optimizer's initial state, from parameters."""
    update: Update
    step_sizes: Graph
    """The step sizes of an update, from placeholders of the clock; logs show the first
    one."""
    results: tuple[str, ...]
    """What `forward` computes besides the loss: metrics, or what they are made of."""
    totals: tuple[str, ...] = ()
    """Those of `results` that are summed over batches."""
    finish: Graph | None = None
    """Loss and metrics from placeholders called as `results`, where they differ."""
    plateau: Plateau | None = None
    micro_batches: int = 1
    """How many batches an update takes."""
    averages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slots that hold averages to evaluate with, by the names of the parameters."""

    @property
    def is_scheduled(self) -> bool:
        """Whether the step size depends on when the update happens."""
        return any(node.name in ("step", "epoch") for node in self.step_sizes.inputs)

    @property
    def features(self) -> frozenset[str]:
        """What the training loop needs for this model."""
        wanted = {
            "accumulation": self.micro_batches > 1,
            "averages": bool(self.averages),
            "groups": self.is_scheduled and len(self.step_sizes.outputs) > 1,
            "plateau": self.plateau is not None,
            "schedule": self.is_scheduled,
            "totals": self.finish is not None,
        }
        return frozenset(feature for feature, needed in wanted.items() if needed)


def _check_sizes(graphs: Sequence[Graph], inputs: Sequence[Node]) -> None:
    known = {
        size.text
        for node in inputs
        for size in node.shape
        if isinstance(size, Dim) and size.is_symbol
    }
    for graph in graphs:
        for node in graph.nodes:
            for size in node.shape:
                if not isinstance(size, Dim):
                    continue
                unknown = [s for s in size.symbols() if s not in known]
                if unknown:
                    raise GraphError(
                        f"no input tells the size {unknown[0]!r}",
                        node=node.describe(),
                        location=str(node.origin.location),
                        hint=f"an input with {unknown[0]!r} as one of its dimensions",
                    )


def _is_random(graph: Graph) -> bool:
    return any(not node.op.pure for node in graph.nodes)


def _write_constants(writer: Writer, constants: Constants) -> None:
    for variable, value in constants.definitions():
        if "b85decode" in ast.dump(value):
            writer.import_("base64")
        writer.statement(assign(variable, value))


def _names(inputs: Sequence[Node], reserved: Sequence[str]) -> Names:
    """A scope in which inputs and sizes have their own names, where those are free."""
    locals_ = Names((*reserved, *_LOCAL_NAMES))
    locals_.assign(inputs)
    names = Names(reserved)
    for node in inputs:
        names.alias(node, names.reserve(locals_[node]))
    for symbol in symbols_of(size for node in inputs for size in node.shape):
        names.symbol(symbol)
    return names


def _body(writer: Writer, constants: Constants, functions: Writer) -> None:
    """Constants come first, though what they are is known last."""
    _write_constants(writer, constants)
    writer.append(functions)


def emit_function(
    graph: Graph,
    inputs: Sequence[Node],
    *,
    docstring: str,
    style: Style,
    title: str = "compute",
) -> Emitted:
    """A module with one function, `compute(parameters, *inputs)`, giving a tuple."""
    _check_sizes([graph], inputs)
    names = _names(inputs, ["np", "parameters", "rng", "dtype", title, "lru_cache"])
    constants = Constants(names)
    writer, functions = Writer(), Writer()
    writer.docstring(docstring)
    writer.import_("numpy", "np")
    function = Function(
        name=title,
        graph=graph,
        inputs=tuple(inputs),
        ending=lambda values: [ast.Return(ast.Tuple(list(values), ast.Load()))],
        docstring="Return the outputs as a tuple.",
        random=_is_random(graph),
    )
    written = write_function(functions, function, names, constants, style)
    _body(writer, constants, functions)
    return Emitted(writer.source(), {title: written.variables})


# What fixed parts of emitted functions call their own values: no input goes by these.
_LOCAL_NAMES = ("loss", "gradients", "name", "parameter", "gradient", "slots")
_MODULE_NAMES = (
    "dtype",
    "np",
    "parameters",
    "state",
    "seed",
    "rng",
    "run",
    "cache",
    "deepcopy",
    "lru_cache",
    "base64",
    "step",
    "epoch",
    "scale",
    "MODEL",
    "GRAPH_HASH",
    "OPTIMIZER",
    "GRAPHC_VERSION",
    "INPUTS",
    "PARAMETERS",
    "METRICS",
    "MICRO_BATCHES",
    "TOTALS",
    "PLATEAU",
    "totals",
    "averaged_parameters",
    "finish_metrics",
    "update_plateau",
    "init_parameters",
    "init_state",
    "forward",
    "predict",
    "loss_and_gradients",
    "update",
    "update_scratch",
    "forward_workspace",
    "predict_workspace",
    "loss_and_gradients_workspace",
    "loss_and_gradients_in_place",
    "train_step",
)


def _defined_names(harness: HarnessSource) -> set[str]:
    """What the training loop defines and imports at the top level."""
    names = {alias or module for module, alias in harness.imports}
    names |= {item for _, item in harness.from_imports}
    return names | top_level_names(harness.text)


def emit_training(plan: TrainingPlan, style: Style) -> Emitted:
    """The standalone training program of a model."""
    _check_sizes([plan.forward, plan.training], plan.inputs)
    harness = harness_source(plan.features)
    helpers = start_helpers(plan.parameters)
    reserved = {name for helper in helpers for name in top_level_names(helper)}
    names = _names(
        plan.inputs, [*_MODULE_NAMES, *_defined_names(harness), *sorted(reserved)]
    )
    names.assign(plan.parameters)
    constants = Constants(names)
    writer, functions = Writer(), Writer()
    writer.docstring(plan.docstring)
    writer.import_("numpy", "np")
    for module, alias in harness.imports:
        writer.import_(module, alias)
    for module, item in harness.from_imports:
        writer.from_import(module, item)
    _write_facts(writer, plan)
    for helper in helpers:
        write_helper(writer, functions, helper)
    write_init(functions, plan.parameters, constants)
    _write_state(functions, plan, names, constants)
    written = {
        function.name: write_function(functions, function, names, constants, style)
        for function in _functions(plan, style)
    }
    scope = names.function_scope(["name", "slots"])
    write_update(functions, plan.update, scope, constants, style)
    gradients = written["loss_and_gradients"].quick_call
    _write_train_step(functions, plan, names, gradients)
    if plan.averages:
        _write_averages(functions, plan)
    for function in _small_functions(plan):
        scope = names.function_scope()
        for node in plan.step_sizes.inputs:
            scope.alias(node, str(node.name))
        write_function(functions, function, scope, constants, "readable")
    if plan.plateau is not None:
        write_helper(writer, functions, plan.plateau.source)
    _body(writer, constants, functions)
    writer.raw(harness.text)
    variables = {key: value.variables for key, value in written.items()}
    return Emitted(writer.source(), variables)


def _write_facts(writer: Writer, plan: TrainingPlan) -> None:
    inputs = {
        node.name: (str(node.dtype), _plain(node.shape), _bounds(plan.bounds.get(node)))
        for node in plan.inputs
    }
    parameters = {
        node.name: (str(node.dtype), _plain(node.shape)) for node in plan.parameters
    }
    facts: dict[str, Any] = {
        "MODEL": plan.title,
        "GRAPHC_VERSION": plan.version,
        "GRAPH_HASH": plan.hash,
        "OPTIMIZER": f"{plan.update.title} {plan.update.hash}",
    }
    for key, value in facts.items():
        writer.statement(assign(key, parse(repr(value))))
    writer.heading("Of each input: dtype, shape, and the bounds of labels.")
    writer.statement(assign("INPUTS", parse(repr(inputs))))
    writer.comment("Of each parameter: dtype and shape.")
    writer.statement(assign("PARAMETERS", parse(repr(parameters))))
    writer.statement(assign("METRICS", parse(repr(plan.metrics))))
    if plan.finish is not None:
        writer.comment("What `forward` returns that is summed over batches.")
        writer.statement(assign("TOTALS", parse(repr(plan.totals))))
    if plan.micro_batches > 1:
        writer.comment("How many batches an update takes.")
        writer.statement(assign("MICRO_BATCHES", parse(repr(plan.micro_batches))))
    if plan.plateau is not None:
        writer.comment("When and how much the step size decays.")
        writer.statement(assign("PLATEAU", parse(repr(dict(plan.plateau.options)))))


def _bounds(bounds: LabelBounds | None) -> tuple[int, ...] | None:
    """Smallest and largest label, and the ignored one if there is one."""
    if bounds is None:
        return None
    return tuple(bound for bound in bounds if bound is not None)


def _plain(shape: tuple[Any, ...]) -> tuple[int | str, ...]:
    return tuple(str(size) if isinstance(size, Dim) else size for size in shape)


def _write_state(
    writer: Writer, plan: TrainingPlan, names: Names, constants: Constants
) -> None:
    graph = Graph(tuple(plan.state.values()))
    scope = names.function_scope()
    scope.assign(graph.nodes)
    operands = Operands(graph, scope, constants)
    with writer.function("init_state", ["parameters", "seed=0"]):
        writer.docstring("Return what training remembers from step to step.")
        used = [node for node in graph.nodes if node.op.name == "parameter"]
        for node in used:
            stored = subscript(name("parameters"), node.name)
            writer.statement(assign(scope[node], stored))
        for node in graph.nodes:
            if not operands.is_inline(node) and node.op.kind != "source":
                for statement in operands.statements(node, scope[node]):
                    writer.statement(statement)
        slots: list[ast.expr] = []
        for node in plan.state.values():
            if node.op.kind == "source" and node.op.numpy is not None:
                slots.append(operands.expression(node))
            elif node.op.name == "parameter":
                slots.append(parse(f"{scope[node]}.copy()"))
            else:
                slots.append(operands.value(node))
        slot_names: list[ast.expr] = [ast.Constant(key) for key in plan.state]
        fields: dict[str, ast.expr] = {
            "step": ast.Constant(0),
            "epoch": ast.Constant(0),
            "scale": ast.Constant(1.0),
            "rng": parse("np.random.default_rng([seed, 1])"),
            "slots": ast.Dict(list(slot_names), slots),
        }
        if plan.plateau is not None:
            start = [literal(value, str) for value in plan.plateau.state]
            fields["plateau"] = ast.List(start, ast.Load())
        keys: list[ast.expr] = [ast.Constant(key) for key in fields]
        writer.statement(ast.Return(ast.Dict(list(keys), list(fields.values()))))


def _functions(plan: TrainingPlan, style: Style) -> list[Function]:
    inputs = plan.inputs
    results = ("loss", *plan.results)
    what = "the loss and the metrics of a batch"
    if plan.finish is not None:
        what = "the loss of a batch and what metrics are made of"
    functions = [
        Function(
            name="forward",
            graph=plan.forward,
            inputs=inputs,
            ending=lambda values: [ast.Return(_dict(results, values))],
            docstring=f"Return {what}, in evaluation mode.",
        )
    ]
    if plan.predict is not None:
        needed = set(plan.predict.inputs)
        functions.append(
            Function(
                name="predict",
                graph=plan.predict,
                inputs=tuple(node for node in inputs if node in needed),
                ending=lambda values: [ast.Return(_one_or_dict(plan.outputs, values))],
                docstring="Return the model's outputs for a batch, in evaluation mode.",
            )
        )
    trained = tuple(str(node.name) for node in plan.trained)
    functions.append(
        Function(
            name="loss_and_gradients",
            graph=plan.training,
            inputs=inputs,
            ending=lambda values: [
                assign("gradients", _dict(trained, values[1:])),
                ast.Return(ast.Tuple([values[0], name("gradients")], ast.Load())),
            ],
            reserved=("gradients",),
            docstring="Return the loss of a batch and its gradient by each parameter.",
            random=True,
            kept=plan.training.outputs[1:] if style == "fast" else (),
        )
    )
    return functions


def _small_functions(plan: TrainingPlan) -> list[Function]:
    """What is computed from a few numbers, in plain style whatever that of the rest."""
    functions = [
        Function(
            name="step_size",
            graph=Graph(plan.step_sizes.outputs[:1]),
            inputs=(),
            ending=lambda values: [ast.Return(call("float", values[0]))],
            docstring="Return the step size of the last update.",
            source="state",
        )
    ]
    if "groups" in plan.features:
        functions.append(
            Function(
                name="step_sizes",
                graph=plan.step_sizes,
                inputs=(),
                ending=lambda values: [ast.Return(ast.List(list(values), ast.Load()))],
                docstring="Return the step sizes of all groups in the last update.",
                source="state",
            )
        )
    if plan.finish is not None:
        keys = ("loss", *plan.metrics)
        functions.append(
            Function(
                name="finish_metrics",
                graph=plan.finish,
                inputs=(),
                ending=lambda values: [ast.Return(_dict(keys, values))],
                docstring="Return the loss and the metrics of a data set from sums and "
                "means\nof what `forward` returns.",
                source="totals",
            )
        )
    return functions


def _dict(keys: Sequence[str], values: Sequence[ast.expr]) -> ast.expr:
    return ast.Dict([ast.Constant(key) for key in keys], list(values))


def _one_or_dict(keys: Sequence[str], values: Sequence[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else _dict(keys, values)


def _write_averages(writer: Writer, plan: TrainingPlan) -> None:
    with writer.function("averaged_parameters", ["parameters", "state"]):
        writer.docstring(
            "Return the parameters with the optimizer's averages in their places."
        )
        writer.statement(assign("slots", subscript(name("state"), "slots")))
        slots = [subscript(name("slots"), slot) for slot in plan.averages.values()]
        writer.statement(assign("averages", _dict(list(plan.averages), slots)))
        writer.statement(ast.Return(parse("parameters | averages")))


def _write_train_step(
    writer: Writer, plan: TrainingPlan, names: Names, gradients: ast.expr
) -> None:
    arguments = [names[node] for node in plan.inputs]
    with writer.function("train_step", ["parameters", "state", *arguments]):
        writer.docstring(
            "Take one step on a batch, in place; return the loss before the step.\n\n"
            "Nothing is updated if that is not finite."
        )
        if plan.is_scheduled:
            writer.statement(ast.Expr(parse("check_step_size(state)")))
        writer.statement(assign("rng", subscript(name("state"), "rng")))
        stored: list[ast.expr] = [
            ast.Name("loss", ast.Store()),
            ast.Name("gradients", ast.Store()),
        ]
        target = ast.Tuple(stored, ast.Store())
        writer.statement(ast.Assign([target], gradients))
        with writer.block("if math.isfinite(loss):"):
            writer.statement(ast.Expr(parse("update(parameters, gradients, state)")))
        writer.statement(ast.Return(parse("float(loss)")))
