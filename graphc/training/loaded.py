"""A training program that is loaded, with the parameters and the state that it trains.

A copy or a pickle has the plan of the program and a snapshot of parameters and state,
so that it shares nothing that changes with the original.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

from ..arguments import Seed, entry
from ..autodiff.reverse import grad
from ..errors import OptionError
from ..ir.collector import paused
from ..ir.graph import Graph
from ..ir.node import Node
from ..metrics.evaluation import Metrics, metric_nodes
from ..passes.pipeline import Optimization
from ..program.footprint import Footprint
from ..program.plan import RunStyle
from ..runtime.diagnosis import Failure
from ..runtime.feeds import Binder
from ..runtime.fresh_parameters import TRAINERS
from ..runtime.html import html_text
from ..runtime.parameters import Array, LazyState, LiveParameters
from ..runtime.styles import style_here
from .assemble import TrainingProgram
from .history import History
from .input_files import InputFiles
from .row_means import check_shared


@partial(entry, label="gc.Trainer")
class LoadedProgram(LazyState):
    """The part of a trainer that is there before it trains."""

    loss: Node
    """The node that is minimised; the sum where there are several."""
    losses: Mapping[str, Node]
    """Several losses by name; nothing where there is one."""
    metrics: Metrics
    """Nodes or totals that are measured, by name."""
    seed: int
    history: History
    """That of the last `fit`, or of a checkpoint that was loaded."""

    last_failure: Failure | None = None
    """The last step that was not taken, because a loss or a gradient was not finite;
    `gc.explain` tells of it."""

    _is_reproducible = False
    """True where every batch is computed in the same parts, see `Trainer`."""

    _is_loaded = False
    """True once parameters were read from a file."""

    def _start(self, compiled: TrainingProgram) -> None:
        """Take a program; parameters and state start when they are first needed."""
        self._compiled = compiled
        self._module: Any = compiled.module
        self._inputs = tuple(compiled.inputs)
        plan = compiled.plan
        if plan.is_shared:
            check_shared(plan, [*self.losses.values()] or [self.loss])
            self._module.REPRODUCIBLE = self._is_reproducible
            self._module.ranks()
        self._binder = Binder(self._inputs, plan.bounds, strict=plan.strict)
        nodes = (self.loss, *self.metric_nodes.values())
        self._files = InputFiles(self._module, nodes)
        self._is_busy = False
        self._first_seed = self.seed
        for name in _CHANGING & vars(self).keys():
            delattr(self, name)
        TRAINERS.add(self)

    def _begin(self) -> tuple[dict[str, Array], dict[str, Any]]:
        arrays = self._module.init_parameters(self._first_seed)
        return arrays, self._module.init_state(arrays, self._first_seed)

    def restarted(
        self, *, seed: Seed | None = None, style: RunStyle | None = None
    ) -> Self:
        """Another trainer of the same model, at the start of its training.

        Args:
            seed: of the new trainer; by default that of this one.
            style: of the program that it runs; by default that of this one.

        Returns:
            A trainer that shares nothing that changes with this one.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.seed = self.seed if seed is None else int(seed)
        other.history, other._is_loaded = History(), False
        other._start(self._compiled.reloaded(style and style_here(style)))
        return other

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in vars(self).items() if k not in _LOADED | _CHANGING}
        saved = None
        if self._is_begun:
            saved = self._module.snapshot(self._arrays, self._state)
        plan, style = self._compiled.plan, self._compiled.style
        return {**kept, "plan": plan, "style": style, "saved": saved}

    def __setstate__(self, state: dict[str, Any]) -> None:
        plan, saved, style = (state.pop(key) for key in ("plan", "saved", "style"))
        vars(self).update(state)
        seed, self.seed = self.seed, state["_first_seed"]
        self._start(TrainingProgram.of(plan, style))
        self.seed = seed
        if saved is not None:
            self._module.restore(saved, self._arrays, self._state)

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Refuse to begin a run while another one goes on, as in its callbacks."""
        if self._is_busy:
            raise OptionError(
                "a run of this trainer is going on, and a second one would change the "
                "parameters under it",
                node="gc.Trainer.fit",
                hint="copy.deepcopy(trainer) or trainer.restarted() for another one",
            )
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    @property
    def parameters(self) -> LiveParameters:
        """The parameters by name, as live arrays."""
        return LiveParameters(self._compiled.plan.parameters, self._arrays)

    @parameters.setter
    def parameters(self, values: Mapping[str, Any]) -> None:
        """Copy values into the parameters, by name."""
        self.parameters.assign(values)
        if not self.steps:  # Averages of parameters start from these.
            self._state |= self._module.init_state(self._arrays, self._first_seed)

    @property
    def metric_nodes(self) -> dict[str, Node]:
        """The nodes that metrics are made of, by name; each of several losses too."""
        return metric_nodes({**self.losses, **self.metrics})

    @property
    def trained(self) -> dict[str, tuple[Node, ...]]:
        """The parameters that each loss trains, by its name; a single one is `loss`."""
        wanted = [
            (step.name or "loss", {str(node.name) for node in step.trained})
            for step in self._compiled.plan.steps
        ]
        known = Graph((self.loss,)).trainable
        return {
            name: tuple(node for node in known if node.name in names)
            for name, names in wanted
        }

    def optimizations(self) -> dict[str, Optimization]:
        """The graphs of a training step as declared, by the names of several losses.

        Each has the loss, its gradients, and what is assigned to buffers.
        """
        plan, style = self._compiled.plan, self._compiled.style
        is_fast, is_native = style != "readable", style == "native"
        found: dict[str, Optimization] = {}
        for step in plan.steps:
            loss = self.losses[step.name] if step.name else self.loss
            trained = self.trained[step.name or "loss"]
            with paused():
                gradients = grad(loss, list(trained))
            graph = Graph((loss, *gradients, *step.assigned.values()))
            found[step.name] = Optimization(
                graph, plan.is_simplified, is_fast, is_native
            )
        return found

    @property
    def prediction(self) -> Graph | None:
        """The optimised graph of `predict`, if the program has outputs."""
        return self._compiled.plan.predict

    def update_optimizations(self) -> dict[str, Optimization]:
        """The graphs of the optimizers' updates, by their names for people."""
        plan, fast = self._compiled.plan, self._compiled.style == "fast"
        found: dict[str, Optimization] = {}
        for step in plan.steps:
            title = step.update.title
            title = f"{title} for {step.name}" if step.name else title
            found[title] = Optimization(step.update.declared, plan.is_simplified, fast)
        return found

    @property
    def updates(self) -> Mapping[Node, Node]:
        """Buffers, with what a step assigns to each of them."""
        return self._compiled.plan.assigned

    @property
    def footprint(self) -> Footprint:
        """The bytes of the arrays that a training step in fast style keeps allocated.

        `footprint.at(batch=32)` is their number for given sizes.
        """
        return self._compiled.footprint

    @property
    def source(self) -> str:
        """The text of the program that runs."""
        return self._compiled.source

    @property
    def module(self) -> Any:
        """The program that runs: `forward`, `predict`, `train_step`, ..."""
        return self._module

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        return int(self._state["step"]) if self._is_begun else 0

    @property
    def is_trained(self) -> bool:
        """True once parameters differ from their start."""
        return self._is_loaded or bool(self.steps)

    @property
    def parameter_nodes(self) -> tuple[Node, ...]:
        """The parameters as nodes, in the order of declaration."""
        return tuple(self._compiled.plan.parameters)

    def __repr__(self) -> str:
        size = sum(int(node.size) for node in self._compiled.plan.parameters)
        return f"<Trainer of {self.loss!r}, {size:,} parameters, step {self.steps}>"

    def _repr_html_(self) -> str:
        """The text and the history, by which notebooks show it."""
        history = [repr(self.history)] if len(self.history) else []
        return html_text("\n\n".join([repr(self), *history]))


_CHANGING = {"_arrays", "_state", "last_failure"}
_LOADED = {"_compiled", "_module", "_binder", "_inputs", "_files", "_is_busy"}
"""Attributes that follow from the plan."""
