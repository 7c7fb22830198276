"""The parts of a training program, before it is text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..ir.graph import Graph, OneRow
from ..ir.labels import LabelBounds
from ..ir.node import Node
from ..ir.sizes import SizeBound, inputs_for_sizes
from .groups import Update, rule_nodes
from .schedule import Tiling

Style = Literal["readable", "fast"]
"""Text that is made to be read, or to run fast."""


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
    metrics: Mapping[str, str | None]
    """Of each metric whether the largest ("max") or the smallest ("min") is best."""
    outputs: tuple[str, ...]
    predict: Graph | None
    """`outputs` alone."""
    training: Graph
    """In training mode: the loss, a gradient for each of `trained`, and a new value for
    each of `assigned`."""
    trained: tuple[Node, ...]
    state: Mapping[str, Node]
    """The optimizer's initial state, from parameters."""
    update: Update
    step_sizes: Graph
    """The step sizes of an update, from placeholders of the clock; logs show the first
    one."""
    options: Mapping[str, str]
    """The optimizer's options by name, as text."""
    assigned: Mapping[Node, Node] = field(default_factory=dict[Node, Node])
    """Buffers, and parameters that are not trained, with what a step assigns to each,
    as declared."""
    results: tuple[str, ...] = ()
    """Values of `forward` besides the loss: metrics, or parts that they are made of."""
    totals: tuple[str, ...] = ()
    """Those of `results` that are summed over batches."""
    finish: Graph | None = None
    """Loss and metrics from placeholders called as `results`, where they differ."""
    loss_weight: Graph | None = None
    """The weight of a batch in the mean of the loss, where that is not its rows."""
    one_row: OneRow | None = None
    """`training` for batches of one row, where that saves time."""
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
    """Conditions on named sizes, by the function that needs them."""
    strict: bool = False
    """True where data of a wider dtype than an input's is refused, and not rounded."""

    def __deepcopy__(self, memo: object) -> TrainingPlan:
        return self  # Nothing in it changes.

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
    def gradients(self) -> Mapping[str, Node]:
        """The gradients by the names of the parameters."""
        names = [str(node.name) for node in self.trained]
        return dict(zip(names, self.training.outputs[1:], strict=False))

    @property
    def new_values(self) -> Mapping[str, Node]:
        """The new values that a step assigns, by name."""
        names = [str(node.name) for node in self.assigned]
        values = self.training.outputs[1 + len(self.trained) :]
        return dict(zip(names, values, strict=True))

    @property
    def draws(self) -> tuple[Node, ...]:
        """The random draws of all functions."""
        graphs = [self.forward, self.training]
        graphs += [] if self.predict is None else [self.predict]
        draws = [node for graph in graphs for node in graph.draws]
        rules = (node for rule in self.update.rules for node in rule_nodes(rule))
        return (*draws, *(node for node in rules if not node.op.pure))

    @property
    def is_scheduled(self) -> bool:
        """True where the step size depends on when the update happens."""
        return any(node.name in ("step", "epoch") for node in self.step_sizes.inputs)

    @property
    def features(self) -> frozenset[str]:
        """Parts of the training loop that this model needs."""
        wanted = {
            "accumulation": self.micro_batches > 1,
            "averages": bool(self.averages),
            "buffers": bool(self.assigned),
            "computed_positions": self.positions is not None,
            "denormals": bool(self.update.decaying),
            "groups": self.is_scheduled and len(self.step_sizes.outputs) > 1,
            "plateau": self.plateau is not None,
            "predict": self.predict is not None,
            "schedule": self.is_scheduled,
            "streams": bool(self.draws),
            "totals": self.finish is not None,
            "weights": self.loss_weight is not None,
        }
        return frozenset(feature for feature, needed in wanted.items() if needed)
