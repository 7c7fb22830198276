"""Training programs: losses and optimizers in, all graphs of a program out.

Here the packages meet: differentiation, optimizer, passes, printer and runtime know
nothing of one another.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from ..autodiff.reverse import grad
from ..autodiff.unchecked import what_checks_leave_out
from ..errors import GraphError
from ..extras import import_extra
from ..harness.ranks import launched
from ..ir.collector import paused
from ..ir.dims import Dim
from ..ir.facts import Role
from ..ir.fingerprint import graph_hash
from ..ir.graph import Graph
from ..ir.hyperparameters import owned_by
from ..ir.labels import admitted, computed_positions, label_bounds
from ..ir.naming import number_unnamed
from ..ir.node import Node
from ..ir.sizes import size_bounds
from ..ir.types import TensorType
from ..metrics.evaluation import (
    Evaluation,
    Metrics,
    evaluation_of,
    modes_of,
    placeholder,
)
from ..nn.evaluation import evaluation_mode
from ..ops.source import ArrayLike, dimension
from ..optim.base import Clock, Optimizer, called_with, slots_under
from ..optim.plateau import ReduceLROnPlateau, update_plateau
from ..passes.one_row import for_one_row
from ..passes.pipeline import accelerate, optimize
from ..program.footprint import Footprint
from ..program.groups import ParameterUpdate, Update
from ..program.plan import Kind, Plateau, Style, TrainingPlan, TrainingStep
from ..program.schedule import Tiling
from ..runtime.load import Program
from ..targets.numpy.module import Emitted
from ..targets.numpy.predicting import emit_predict
from ..targets.numpy.training import emit_training
from ..version import __version__
from .constant_scale import unscaled
from .evaluation import after_outputs
from .objectives import (
    Losses,
    Objective,
    Optimizers,
    Selections,
    losses_by_name,
    measured_with,
    objectives_of,
    total_loss,
)
from .rates import with_rates


@dataclass(frozen=True)
class TrainingProgram:
    """A model's training program: its plan, its text and the module that runs it."""

    plan: TrainingPlan
    program: Program
    style: Style

    @property
    def source(self) -> str:
        """The emitted text."""
        return self.program.source

    @property
    def module(self) -> ModuleType:
        """The module that the text defines."""
        return self.program.module

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The placeholders, in order."""
        return self.plan.inputs

    @cached_property
    def footprint(self) -> Footprint:
        """The bytes that a training step in fast style keeps allocated."""
        return emit_training(_in_style(self.plan, "fast"), "fast").footprint

    def emit(
        self, style: Style, kind: Kind, include: frozenset[str], file: str
    ) -> Emitted:
        """The text of a program, in any style.

        Args:
            style: of the text.
            kind: of the program.
            include: what a short one has of `PARTS`.
            file: the name of the file to write to.
        """
        plan = self.plan if kind == "whole" else unscaled(self.plan)
        plan = replace(plan, is_shared="mpi" in include)
        return emit_training(_in_style(plan, style), style, kind, include, file)

    def emit_predict(
        self,
        style: Style,
        trained: Mapping[str, np.ndarray[Any, Any]] | None,
        file: str,
    ) -> Emitted:
        """The text of inference alone, with or without parameters in it."""
        return emit_predict(_in_style(self.plan, style), style, trained, file)

    def reloaded(self, style: Style | None = None) -> TrainingProgram:
        """The same program loaded once more, in this or another style."""
        return TrainingProgram.of(self.plan, style or self.style)

    @staticmethod
    def of(plan: TrainingPlan, style: Style) -> TrainingProgram:
        """The program of a plan, emitted and loaded; of a rank, where it is one."""
        if launched()[0] > 1:
            import_extra(
                "mpi4py.MPI",
                "this process is one of several ranks, which need mpi4py",
                "pip install 'graphc[mpi]', or start it without mpiexec",
            )
            plan = replace(plan, is_shared=True)
        emitted = emit_training(_in_style(plan, style), style)
        program = Program(emitted.source, emitted.lines, emitted.positions)
        return TrainingProgram(plan, program, style)


def training_program(
    loss: Losses,
    optimizer: Optimizers,
    *,
    style: Style = "fast",
    **options: Any,
) -> TrainingProgram:
    """Differentiate losses, attach optimizers, optimise, emit and load.

    Args:
        loss, optimizer, options: see `training_plan`.
        style: of the program that runs.

    Raises:
        DifferentiationError: a loss is not a floating scalar or has no parameters.
        NamingError: two inputs or parameters share a name.
    """
    with paused():
        plan = training_plan(loss, optimizer, **options)
        return TrainingProgram.of(plan, style)


def training_plan(
    loss: Losses,
    optimizer: Optimizers,
    *,
    metrics: Metrics = MappingProxyType({}),
    outputs: Node | Mapping[str, Node] | None = None,
    simplify: bool = True,
    plateau: ReduceLROnPlateau | None = None,
    tiling: Tiling | None = None,
    strict: bool = False,
    shared: bool = False,
    parameters: Selections | None = None,
    updates: Mapping[Node, ArrayLike] | None = None,
) -> TrainingPlan:
    """All graphs of a training program, optimised."""
    objectives = objectives_of(loss, optimizer, parameters, updates or {})
    metrics = measured_with(losses_by_name(loss), metrics)
    total = total_loss(loss)
    predicted = _outputs(total, outputs)
    measured = evaluation_of(total, metrics)
    trained = tuple(node for each in objectives for node in each.trained)
    shown_too = (*measured.outputs.values(), *predicted.values())
    buffers = [node for each in objectives for node in each.assigned]
    values = [node for each in objectives for node in each.assigned.values()]
    declared = Graph((total, *shown_too, *buffers, *values))
    number_unnamed(declared.nodes, finally_=True)
    declared.check_names()
    named = total if total.name else total.named("loss")
    results = [
        node if node.name else node.named(key.replace(".", "_"))
        for key, node in measured.outputs.items()
    ]

    def final(graph: Graph) -> Graph:
        return optimize(graph, simplify=simplify)

    evaluated = evaluation_mode(Graph((named, *results, *predicted.values())))
    needs = dict(zip(("forward", "predict"), _halves(evaluated, measured), strict=True))
    forward, predict = _halves(final(evaluated), measured)
    parts = [_step(each, simplify) for each in objectives]
    state = {key: node for _, own in parts for key, node in own.items()}
    finish, weight = measured.finish, measured.weight
    positions = _positions(declared)
    fingerprint = graph_hash((*declared.outputs, *(finish.outputs if finish else ())))
    return TrainingPlan(
        title=_title(total),
        file=_file(total),
        optimizer=_optimizers(objectives),
        trained_numbers=sum(int(node.size) for node in trained),
        untrained={
            str(node.name): "frozen" if node.op.role is Role.PARAMETER else "a buffer"
            for node in declared.parameters
            if node not in {*trained}
        },
        version=__version__,
        hash=fingerprint,
        inputs=declared.inputs,
        bounds=label_bounds(declared),
        parameters=declared.parameters,
        forward=forward,
        metrics=modes_of(metrics),
        outputs=tuple(predicted),
        predict=predict if predicted else None,
        after_predict=after_outputs(forward, predict) if predicted else None,
        size_bounds={key: size_bounds(graph) for key, graph in needs.items()},
        steps=tuple(step for step, _ in parts),
        state=state,
        step_sizes=final(_step_sizes(objectives)),
        micro_batches=objectives[0].optimizer.micro_batches,
        options=_options(objectives, [step for step, _ in parts]),
        results=tuple(measured.outputs),
        totals=measured.totals,
        finish=finish and final(finish),
        loss_weight=None if weight is None else final(Graph((weight,))),
        tiling=tiling or Tiling(),
        plateau=None if plateau is None else _plateau(plateau),
        averages=_averages(objectives, state),
        unchecked=_unchecked(objectives),
        strict=strict,
        is_shared=shared,
        is_simplified=simplify,
        admitted=admitted(declared.meanings),
        positions=positions and final(positions),
    )


def _in_style(plan: TrainingPlan, style: Style) -> TrainingPlan:
    """The plan as a style computes it."""
    plan = with_rates(plan)
    if style == "readable":
        return plan
    fast = _unchanged
    if plan.is_simplified:
        fast = partial(accelerate, native=style == "native")
    steps = list[TrainingStep]()
    for step in plan.steps:
        training = fast(step.training)
        # Ranks tell the axis of rows.
        one_row = for_one_row(training, plan.inputs, keeps_draws=plan.is_shared)
        steps.append(replace(step, training=training, one_row=one_row))
    return replace(
        plan,
        forward=fast(plan.forward),
        predict=plan.predict and fast(plan.predict),
        steps=tuple(steps),
    )


def _unchanged(graph: Graph) -> Graph:
    return graph


def _halves(graph: Graph, measured: Evaluation) -> tuple[Graph, Graph]:
    """The loss and what is measured, and the outputs that are predicted."""
    count = 1 + len(measured.outputs)
    return Graph(graph.outputs[:count]), Graph(graph.outputs[count:])


def _unchecked(objectives: Sequence[Objective]) -> dict[str, str]:
    """Parameters whose gradients finite differences do not tell, with the reasons."""
    found: dict[str, str] = {}
    for each in objectives:
        found |= what_checks_leave_out(each.loss, each.trained)
    return found


def _step(objective: Objective, simplify: bool) -> tuple[TrainingStep, dict[str, Node]]:
    """The step of a loss, and the state of its optimizer."""
    loss, trained, name = objective.loss, objective.trained, objective.name
    gradients = grad(loss, list(trained))
    if name:
        loss = loss.named(f"{name}_loss")
    elif not loss.name:
        loss = loss.named("loss")
    trained_on = Graph((loss, *gradients, *objective.assigned.values()))
    training = optimize(trained_on, simplify=simplify)
    with owned_by(name):
        state = objective.optimizer.init_state(trained)
        update = _update(objective.optimizer, trained, state, simplify)
    if name:
        # Another optimizer may keep something of the same name.
        keys = {key: f"{name}.{key}" for key in update.shared}
        state = {keys.get(key, key): node for key, node in state.items()}
        shared = {keys[key]: pair for key, pair in update.shared.items()}
        update = replace(update, shared=shared)
    step = TrainingStep(
        training,
        trained,
        update,
        name,
        objective.assigned,
        size_bounds=size_bounds(trained_on),
    )
    return step, state


def _step_sizes(objectives: Sequence[Objective]) -> Graph:
    clock = Clock(**_clock())
    optimizers = {id(each.optimizer): each for each in reversed(objectives)}
    sizes: list[Node] = []
    for each in reversed(optimizers.values()):
        with owned_by(each.name):
            sizes += each.optimizer.all_step_sizes(clock)
    return Graph(tuple(sizes))


def _options(objectives: Sequence[Objective], steps: Sequence[TrainingStep]) -> str:
    """Optimizers without their numbers, and what tells their rules apart."""
    return ", ".join(
        f"{each.name} {called_with(each.optimizer)} {step.update.hash}".strip()
        for each, step in zip(objectives, steps, strict=True)
    )


def _positions(declared: Graph) -> Graph | None:
    """Positions that are computed from data, with the bounds they must be within.

    Rows are counted by the first named size that an input has at its first axis.
    """
    firsts = [node.shape[0] for node in declared.inputs if node.shape]
    rows = next((size for size in firsts if isinstance(size, Dim)), None)
    found = computed_positions(declared, rows)
    bounds = np.dtype("int64")
    nodes = [
        node
        for positions, low, high in found
        for node in (positions, dimension(low, bounds), dimension(high, bounds))
    ]
    return Graph(tuple(nodes)) if nodes else None


def _clock() -> dict[str, Node]:
    scalar = TensorType(np.dtype("float64"), ())
    return {key: placeholder(key, scalar) for key in ("step", "epoch", "scale")}


def _plateau(plateau: ReduceLROnPlateau) -> Plateau:
    state = tuple(plateau.initial())
    source = f"import math\n\n\n{inspect.getsource(update_plateau)}"
    return Plateau(asdict(plateau), state, source)


def _outputs(loss: Node, outputs: Node | Mapping[str, Node] | None) -> dict[str, Node]:
    """The results of `predict`: as asked, or the node that a loss block takes first."""
    if isinstance(outputs, Node):
        return {outputs.name or "output": outputs}
    if outputs is not None:
        return dict(outputs)
    if loss.op.is_block and loss.op.inputs[0] == "input":
        return {"output": loss.inputs[0]}
    return {}


def _title(loss: Node) -> str:
    location = loss.origin.location
    return Path(location.file).stem if location else "model"


def _file(loss: Node) -> str:
    location = loss.origin.location
    return Path(location.file).name if location else "an unnamed file"


def _optimizers(objectives: Sequence[Objective]) -> str:
    names = [f"{_called(o.optimizer)} {o.name and f'({o.name})'}" for o in objectives]
    return ", ".join(name.strip() for name in names)


def _called(optimizer: Optimizer) -> str:
    """The name of an optimizer, and of that in it: `ClipByGlobalNorm(SGD)`."""
    inner = getattr(optimizer, "inner", None)
    name = type(optimizer).__name__
    return f"{name}({_called(inner)})" if isinstance(inner, Optimizer) else name


def _averages(
    objectives: Sequence[Objective], state: Mapping[str, Node]
) -> dict[str, str]:
    """The slots with averages to evaluate with, by the names of their parameters."""
    slots = {placeholder(key, node.type): key for key, node in state.items()}
    by_key = {key: node for node, key in slots.items()}
    found: dict[str, str] = {}
    for each in objectives:
        averaged = each.optimizer.averaged(each.trained, by_key)
        pairs = zip(each.trained, averaged, strict=True)
        found |= {str(n.name): slots[mean] for n, mean in pairs if mean is not n}
    return found


def _update(
    optimizer: Optimizer,
    trained: Sequence[Node],
    state: Mapping[str, Node],
    simplify: bool,
) -> Update:
    """The optimizer's rules over placeholders, optimised together."""
    clock = _clock()
    old = [placeholder(str(node.name), node.type) for node in trained]
    gradients = [placeholder(f"d_{node.name}", node.type) for node in trained]
    slots = {key: placeholder(key, node.type) for key, node in state.items()}
    new, new_state = optimizer.apply(old, gradients, slots, Clock(**clock))
    if set(new_state) != set(slots):
        raise GraphError(
            f"{type(optimizer).__name__} must give new values for "
            f"{sorted(slots)}, gave {sorted(new_state)}"
        )
    declared = Graph((*new, *new_state.values()))
    graph = optimize(declared, simplify=simplify)
    values = graph.outputs
    states = dict(zip(new_state, values[len(new) :], strict=True))
    rules: list[ParameterUpdate] = []
    owned: set[str] = set()
    for position, node in enumerate(trained):
        prefix = f"{node.name}."
        own = slots_under(prefix, slots)
        owned |= {prefix + slot for slot in own}
        rules.append(
            ParameterUpdate(
                parameter=old[position],
                gradient=gradients[position],
                slots=own,
                new_parameter=values[position],
                new_slots={slot: states[prefix + slot] for slot in own},
            )
        )
    shared = {key: (slots[key], states[key]) for key in slots if key not in owned}
    kept = {slot for rule in rules for slot in rule.slots}
    return Update(
        declared=declared,
        rules=tuple(rules),
        clock=clock,
        shared=shared,
        title=_called(optimizer),
        decaying=tuple(sorted(kept & optimizer.decaying_slots)),
        hash=graph_hash((*new, *new_state.values())),
    )
