"""The parts of a training program, before it is text."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..ir.dims import Dim, Dimension, symbols_of
from ..ir.evaluate import stream_name
from ..ir.graph import Graph, OneRow
from ..ir.labels import LabelBounds
from ..ir.node import Node
from ..ir.sizes import SizeBound, inputs_for_sizes
from .groups import Update, rule_nodes
from .schedule import Tiling

Style = Literal["readable", "fast", "native"]
"""Text that is made to be read, to run fast, or to run faster in C."""

RunStyle = Literal["readable", "fast", "native", "auto"]
"""The style of a program that runs here, where the machine may decide."""


Kind = Literal["whole", "short", "model"]
"""The program of a trainer, one to read, or its mathematics with a loop of a page."""


@dataclass(frozen=True)
class Plateau:
    """Decay of the step size on a plateau."""

    options: Mapping[str, Any]
    state: tuple[float, ...]
    """At the start."""
    source: str
    """The function `update_plateau`."""


@dataclass(frozen=True)
class Rate:
    """A step size that a schedule gives: a function of time."""

    value: Node
    """The placeholder in its place, in updates and in step sizes."""
    graph: Graph
    """The schedule, from placeholders of the clock."""
    owner: str = ""
    """Name of the group of parameters, or of the loss, that it belongs to."""


@dataclass(frozen=True)
class TrainingStep:
    """A loss, its gradients, and the update of the parameters that it trains."""

    training: Graph
    """In training mode: the loss, a gradient for each of `trained`, and a new value for
    each of `assigned`."""
    trained: tuple[Node, ...]
    update: Update
    name: str = ""
    """That of its loss; empty where a program has only one."""
    assigned: Mapping[Node, Node] = field(default_factory=dict[Node, Node])
    """Buffers, and parameters that are not trained, with what the step assigns to each,
    as declared."""
    one_row: OneRow | None = None
    """`training` for batches of one row, where that saves time."""
    size_bounds: tuple[SizeBound, ...] = ()
    """Conditions on named sizes."""

    @property
    def gradients(self) -> Mapping[str, Node]:
        """The gradients by the names of the parameters."""
        names = [str(node.name) for node in self.trained]
        return dict(zip(names, self.training.outputs[1:], strict=False))

    @property
    def new_values(self) -> Mapping[str, Node]:
        """The new values that the step assigns, by name."""
        names = [str(node.name) for node in self.assigned]
        values = self.training.outputs[1 + len(self.trained) :]
        return dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class Continued:
    """A graph that goes on from what another one computed."""

    graph: Graph
    given: tuple[Node, ...]
    """Placeholders for the outputs of the other."""


@dataclass(frozen=True)
class TrainingPlan:
    """The optimised graphs of a training program and what to call things."""

    title: str
    file: str
    """The name of the user's file."""
    optimizer: str
    """The names of the optimizers, for people."""
    trained_numbers: int
    untrained: Mapping[str, str]
    """Parameters that no step trains, and what they are."""
    version: str
    hash: str
    inputs: tuple[Node, ...]
    bounds: Mapping[Node, LabelBounds]
    """Inclusive bounds of inputs that are labels."""
    parameters: tuple[Node, ...]
    forward: Graph
    """In evaluation mode: the loss, then `metrics`, then `outputs`."""
    metrics: Mapping[str, str | None]
    """Of each metric whether the largest ("max") or the smallest ("min") is best."""
    outputs: tuple[str, ...]
    predict: Graph | None
    """`outputs` alone."""
    after_predict: Continued | None
    """`forward` from what `predict` returns, where it needs nothing else of that."""
    steps: tuple[TrainingStep, ...]
    """One, or that of each loss, in their order."""
    state: Mapping[str, Node]
    """The initial state of optimizers, from parameters."""
    step_sizes: Graph
    """The step sizes of all updates, from placeholders of the clock; logs show the
    first one."""
    rates: tuple[Rate, ...] = field(default=(), kw_only=True)
    """Schedules that are functions of their own."""
    options: str
    """Optimizers without their numbers, and the fingerprints of their rules."""
    results: tuple[str, ...] = ()
    """Values of `forward` besides the loss: metrics, or parts that they are made of."""
    totals: tuple[str, ...] = ()
    """Those of `results` that are summed over batches."""
    finish: Graph | None = None
    """Loss and metrics from placeholders called as `results`, where they differ."""
    loss_weight: Graph | None = None
    """The weight of a batch in the mean of the loss, where that is not its rows."""
    tiling: Tiling = field(default_factory=Tiling)
    plateau: Plateau | None = None
    micro_batches: int = 1
    """Batches that an update takes."""
    averages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Slots that hold averages to evaluate with, by the names of the parameters."""

    admitted: Mapping[Node, tuple[str, ...]] = field(
        default_factory=dict[Node, tuple[str, ...]]
    )
    """Values that inputs may hold and that are not finite."""
    positions: Graph | None = None
    """Positions that are computed from inputs alone, each with the least and the
    largest value that it may have."""
    size_bounds: Mapping[str, tuple[SizeBound, ...]] = field(
        default_factory=dict[str, tuple[SizeBound, ...]]
    )
    """Conditions on named sizes of `forward` and `predict`."""
    unchecked: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters whose gradients finite differences do not tell, with the reasons."""
    is_simplified: bool = True
    """False where graphs are as written."""
    is_shared: bool = False
    """True where processes that run together share each batch by rows."""
    strict: bool = False
    """True where data of a wider dtype than an input's is refused, and not rounded."""

    def __deepcopy__(self, memo: object) -> TrainingPlan:
        return self  # Nothing in it changes.

    @property
    def sums_in_place(self) -> bool:
        """True where ranks add up gradients, whose dtypes MPI has, where they are."""
        trained = [node for step in self.steps for node in step.trained]
        return self.is_shared and all(node.dtype.itemsize > 2 for node in trained)

    @property
    def row_dimension(self) -> Dimension | None:
        """The number of rows: the first named size of a first axis, or the first."""
        firsts = [node.shape[0] for node in self.inputs if node.shape]
        named = [size for size in firsts if isinstance(size, Dim)]
        return (*named, *firsts, None)[0]

    @property
    def row_axes(self) -> Mapping[str, int]:
        """For each placeholder that has a row for each example, the axis of rows.

        They share the first axis of the first one that has a named size there, or, if
        there is none, an axis. The others go whole to every batch.
        """
        rows = self.row_dimension
        count = None if isinstance(rows, Dim) else 1
        return {
            str(node.name): node.shape.index(rows)
            for node in self.inputs
            if rows in node.shape[:count]
        }

    @property
    def fixed_rows(self) -> int | None:
        """The number of rows that data of all batches has, where the model fixes it."""
        shapes = {str(node.name): node.shape for node in self.inputs}
        rows = (shapes[name][axis] for name, axis in self.row_axes.items())
        return next((int(size) for size in rows if not isinstance(size, Dim)), None)

    @property
    def predict_inputs(self) -> tuple[Node, ...]:
        """The placeholders that `predict` takes: for their values, or for sizes."""
        if self.predict is None:
            return ()
        bounds = self.size_bounds.get("predict", ())
        names = {name for bound in bounds for name in bound.symbols}
        needed = self.predict.inputs
        symbols = names.union(self.predict.symbols)
        taken = {*needed, *inputs_for_sizes(self.inputs, needed, symbols)}
        return tuple(node for node in self.inputs if node in taken)

    @property
    def assigned(self) -> Mapping[Node, Node]:
        """All that steps assign besides the parameters that they train, as declared."""
        return {node: value for s in self.steps for node, value in s.assigned.items()}

    @property
    def all_size_bounds(self) -> tuple[SizeBound, ...]:
        """Conditions on named sizes that any function needs."""
        own = [step.size_bounds for step in self.steps]
        return tuple(itertools.chain(*self.size_bounds.values(), *own))

    @property
    def draws(self) -> tuple[Node, ...]:
        """The random draws of all functions."""
        graphs = [self.forward, *(step.training for step in self.steps)]
        graphs += [] if self.predict is None else [self.predict]
        draws = [node for graph in graphs for node in graph.draws]
        updates = [rule for step in self.steps for rule in step.update.rules]
        rules = (node for rule in updates for node in rule_nodes(rule))
        return (*draws, *(node for node in rules if not node.op.pure))

    @property
    def draw_axes(self) -> Mapping[str, int]:
        """For each stream of draws that has numbers of rows, the axis of rows."""
        rows = str(self.row_dimension)
        return {
            stream_name(node): axis
            for node in self.draws
            for axis, size in enumerate(node.shape)
            if rows in symbols_of((size,))
        }

    @property
    def is_scheduled(self) -> bool:
        """True where the step size depends on when the update happens."""
        clock = ("step", "epoch")
        return any(n.name in clock for n in self.step_sizes.inputs) or bool(self.rates)

    @property
    def features(self) -> frozenset[str]:
        """Parts of the training loop that this model needs."""
        wanted = {
            "accumulation": self.micro_batches > 1,
            "averages": bool(self.averages),
            "buffers": bool(self.assigned),
            "computed_positions": self.positions is not None,
            "later_rows": any(self.row_axes.values()),
            "fixed_rows": self.fixed_rows is not None,
            "denormals": any(step.update.decaying for step in self.steps),
            "mpi": self.is_shared,
            "groups": self.is_scheduled and len(self.step_sizes.outputs) > 1,
            "plateau": self.plateau is not None,
            "predict": self.predict is not None,
            "random_scores": self.is_shared and bool(self.forward.draws),
            "schedule": self.is_scheduled,
            "strict": self.strict,
            "shared_draws": self.is_shared and bool(self.draws),
            "steps": any(step.name for step in self.steps),
            "streams": bool(self.draws),
            "totals": self.finish is not None,
            "unchecked": bool(self.unchecked),
            "weights": self.loss_weight is not None,
            "shared_inputs": not (0 < len(self.inputs) == len(self.row_axes)),
        }
        return frozenset(feature for feature, needed in wanted.items() if needed)
