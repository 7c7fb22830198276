"""Training programs: a loss and an optimizer in, all graphs of a program out.

Here the packages meet: differentiation, optimizer, passes, printer and runtime know
nothing of one another.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from ..autodiff.reverse import grad
from ..errors import DifferentiationError, GraphError, ShapeError
from ..ir.collector import paused
from ..ir.dims import Dim, format_shape
from ..ir.facts import Role
from ..ir.fingerprint import graph_hash
from ..ir.graph import Graph
from ..ir.labels import admitted, computed_positions, label_bounds
from ..ir.naming import number_unnamed
from ..ir.node import Node
from ..ir.sizes import size_bounds
from ..ir.types import TensorType
from ..metrics.evaluation import Metrics, evaluation_of, modes_of, placeholder
from ..nn.evaluation import evaluation_mode
from ..ops.outer_broadcast import outer_broadcast_of
from ..ops.source import ArrayLike, dimension
from ..optim.base import Clock, Optimizer, options_of, slots_under
from ..optim.plateau import ReduceLROnPlateau, update_plateau
from ..passes.one_row import for_one_row
from ..passes.pipeline import optimize
from ..program.footprint import Footprint
from ..program.groups import ParameterUpdate, Update
from ..program.plan import Plateau, Style, TrainingPlan
from ..program.schedule import Tiling
from ..runtime.load import Program
from ..targets.numpy.training import emit_training
from ..version import __version__
from .persistent import Selection, assignments, trained_parameters


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
        return emit_training(self.plan, "fast").footprint

    def emit(self, style: Style) -> str:
        """The text in another style."""
        return emit_training(self.plan, style).source

    def reloaded(self, style: Style | None = None) -> TrainingProgram:
        """The same program loaded once more, in this or another style."""
        return TrainingProgram.of(self.plan, style or self.style)

    @staticmethod
    def of(plan: TrainingPlan, style: Style) -> TrainingProgram:
        """The program of a plan, emitted and loaded."""
        emitted = emit_training(plan, style)
        program = Program(emitted.source, emitted.lines, emitted.positions)
        return TrainingProgram(plan, program, style)


def training_program(
    loss: Node,
    optimizer: Optimizer,
    *,
    style: Style = "fast",
    **options: Any,
) -> TrainingProgram:
    """Differentiate a loss, attach an optimizer, optimise, emit and load.

    Args:
        loss, optimizer, options: see `training_plan`.
        style: of the program that runs.

    Raises:
        DifferentiationError: the loss is not a floating scalar or has no parameters.
        NamingError: two inputs or parameters share a name.
    """
    with paused():
        plan = training_plan(loss, optimizer, **options)
        return TrainingProgram.of(plan, style)


def training_plan(
    loss: Node,
    optimizer: Optimizer,
    *,
    metrics: Metrics = MappingProxyType({}),
    outputs: Node | Mapping[str, Node] | None = None,
    simplify: bool = True,
    plateau: ReduceLROnPlateau | None = None,
    tiling: Tiling | None = None,
    strict: bool = False,
    parameters: Selection | None = None,
    updates: Mapping[Node, ArrayLike] | None = None,
) -> TrainingPlan:
    """All graphs of a training program, optimised."""
    predicted = _outputs(loss, outputs)
    measured = evaluation_of(loss, metrics)
    trained = trained_parameters(loss, parameters)
    _check_loss(loss, trained)
    assigned = assignments(loss, updates or {}, trained)
    shown_too = (*measured.outputs.values(), *predicted.values())
    declared = Graph((loss, *shown_too, *assigned, *assigned.values()))
    number_unnamed(declared.nodes, finally_=True)
    declared.check_names()
    gradients = grad(loss, list(trained))
    named = loss if loss.name else loss.named("loss")
    results = [
        node if node.name else node.named(key.replace(".", "_"))
        for key, node in measured.outputs.items()
    ]

    def final(graph: Graph) -> Graph:
        return optimize(graph, simplify=simplify)

    evaluated = evaluation_mode(Graph((named, *results)))
    shown = evaluation_mode(Graph(tuple(predicted.values())))
    trained_on = Graph((named, *gradients, *assigned.values()))
    needs = {"forward": evaluated, "predict": shown, "training": trained_on}
    state = optimizer.init_state(trained)
    title = _title(loss)
    training = final(trained_on)
    finish, weight = measured.finish, measured.weight
    positions = _positions(declared)
    fingerprint = graph_hash((*declared.outputs, *(finish.outputs if finish else ())))
    return TrainingPlan(
        title=title,
        docstring=_docstring(title, loss, declared, trained, fingerprint, optimizer),
        version=__version__,
        hash=fingerprint,
        inputs=declared.inputs,
        bounds=label_bounds(declared),
        parameters=declared.parameters,
        forward=final(evaluated),
        metrics=modes_of(metrics),
        outputs=tuple(predicted),
        predict=final(shown) if predicted else None,
        size_bounds={key: size_bounds(graph) for key, graph in needs.items()},
        training=training,
        one_row=for_one_row(training, declared.inputs),
        trained=trained,
        assigned=assigned,
        state=state,
        update=_update(optimizer, trained, state, simplify),
        step_sizes=final(Graph(tuple(optimizer.all_step_sizes(Clock(**_clock()))))),
        micro_batches=optimizer.micro_batches,
        options=options_of(optimizer),
        results=tuple(measured.outputs),
        totals=measured.totals,
        finish=finish and final(finish),
        loss_weight=None if weight is None else final(Graph((weight,))),
        tiling=tiling or Tiling(),
        plateau=None if plateau is None else _plateau(plateau),
        averages=_averages(optimizer, trained, state),
        strict=strict,
        admitted=admitted(declared.meanings),
        positions=positions and final(positions),
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
    return Plateau(asdict(plateau), state, inspect.getsource(update_plateau))


def _check_loss(loss: Node, trained: Sequence[Node]) -> None:
    if loss.shape:
        raise DifferentiationError(
            f"a loss must be a scalar, got {loss.type}",
            hint="gc.mean(loss) or gc.sum(loss)",
            node=loss.describe(),
        )
    if not trained:
        raise DifferentiationError(
            "the loss depends on no parameter, so there is nothing to train",
            hint="gc.parameter(...) or a layer of gc.nn",
            node=loss.describe(),
        )
    for node in Graph((loss,)).nodes:
        is_declared = not node.origin.rules and node.origin.block is None
        if is_declared and node.op.kind == "elementwise":
            found = outer_broadcast_of(node.inputs)
            if found is not None:
                message, hint = found
                raise ShapeError(
                    f"a loss must not compare rows with one another by accident: "
                    f"{message}",
                    at=node,
                    hint=hint,
                )


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


def _docstring(
    title: str,
    loss: Node,
    declared: Graph,
    trained: Sequence[Node],
    fingerprint: str,
    optimizer: Optimizer,
) -> str:
    location = loss.origin.location
    file = Path(location.file).name if location else "an unnamed file"
    rows = [
        f"    {node.name}  {node.dtype} {format_shape(node.shape)}"
        f"{_note(node, declared, trained)}"
        for node in (*declared.inputs, *declared.parameters)
    ]
    count = sum(int(node.size) for node in trained)
    return "\n".join(
        [
            f"Train {title} with nothing but NumPy.",
            "",
            f"Written by graphc {__version__} from {file}; graph {fingerprint}.",
            f"Optimizer: {type(optimizer).__name__}. "
            f"{count:,} trainable numbers in {len(trained)} parameters.",
            "",
            *rows,
        ]
    )


def _note(node: Node, declared: Graph, trained: Sequence[Node]) -> str:
    if node in {*trained, *declared.inputs}:
        return ""
    return ", frozen" if node.op.role is Role.PARAMETER else ", a buffer"


def _averages(
    optimizer: Optimizer, trained: Sequence[Node], state: Mapping[str, Node]
) -> dict[str, str]:
    """The slots with averages to evaluate with, by the names of their parameters."""
    slots = {placeholder(key, node.type): key for key, node in state.items()}
    by_key = {key: node for node, key in slots.items()}
    averaged = optimizer.averaged(trained, by_key)
    pairs = zip(trained, averaged, strict=True)
    return {str(node.name): slots[mean] for node, mean in pairs if mean is not node}


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
    graph = optimize(Graph((*new, *new_state.values())), simplify=simplify)
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
        rules=tuple(rules),
        clock=clock,
        shared=shared,
        title=type(optimizer).__name__,
        decaying=tuple(sorted(kept & optimizer.decaying_slots)),
        hash=graph_hash((*new, *new_state.values())),
    )
