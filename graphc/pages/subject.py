"""The things that a page can be of, and what it needs to know of each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..autodiff.reverse import as_targets, backward, grad, unit_cotangent
from ..errors import DifferentiationError
from ..ir.collector import paused
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.types import TupleType, is_floating
from ..runtime.compiler import CompiledFunction, compile_nodes
from ..runtime.load import Program, silently
from ..targets.numpy.module import Emitted
from ..training.trainer import Trainer
from ..viz.drawing import named_outputs

Loss = tuple[str, Node, tuple[Node, ...]]
"""A title, a scalar, and the nodes that it is differentiated by."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The nodes of a page, and what computes them."""

    outputs: Sequence[tuple[str, Node]]
    losses: Sequence[Loss]
    target: Any
    """The trainer, or a compiled function of the outputs and their gradients."""

    @staticmethod
    def of(target: Any, wrt: Any = None) -> Subject:
        """The subject that a target of `gc.page` stands for.

        Raises:
            OptionError: the target is none.
            DifferentiationError: `wrt` is no part of what a scalar depends on.
        """
        if isinstance(target, Trainer):
            outputs = named_outputs(target)
            by_name = dict(outputs)
            losses = [(k, by_name[k], v) for k, v in target.trained.items()]
            return Subject(outputs, losses, target)
        if isinstance(target, CompiledFunction):
            declared = target.optimization.graph.outputs
            forward = [node for node in declared if node.origin.derivative is None]
            outputs = named_outputs(forward or list(declared))
            return Subject(outputs, _losses(outputs, wrt), target)
        outputs = named_outputs(target, "page")
        losses = _losses(outputs, wrt)
        nodes = [node for _, node in outputs]
        with paused():
            for _, loss, targets in losses:
                nodes += grad(loss, list(targets))
        return Subject(outputs, losses, compile_nodes(nodes, style="readable"))

    @property
    def trained(self) -> Mapping[str, Sequence[Node]]:
        """The nodes that each loss is differentiated by."""
        return {name: nodes for name, _, nodes in self.losses}

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The values of parameters by name; of nodes alone their start."""
        return self.target.parameters

    @cached_property
    def emitted(self) -> Emitted:
        """The text that computes the values, and the nodes of its lines."""
        if isinstance(self.target, Trainer):
            return self.target.emitted("readable", "model", ())
        return self.target.emitted

    def runner(self, arrays: Mapping[str, Any]) -> Callable[[], object]:
        """A function that runs the text once, and changes nothing.

        Args:
            arrays: inputs by name, of the dtypes that these have.
        """
        if not isinstance(self.target, Trainer):
            function = copy.copy(self.target)
            names = [str(node.name) for node in function.input_nodes]
            feeds = {name: arrays[name] for name in names if name in arrays}
            return lambda: function(**feeds)
        module: Any = Program(self.emitted.source, self.emitted.lines).module
        parameters = {k: np.array(v) for k, v in self.parameters.items()}
        state = module.init_state(parameters)
        bound = [arrays[name] for name in module.INPUTS]
        drawn = {"rng": state["rng"]} if "rng" in state else {}
        return lambda: silently(module.loss_and_gradients, parameters, *bound, **drawn)


def _losses(outputs: Sequence[tuple[str, Node]], wrt: Any) -> list[Loss]:
    """The scalar that is differentiated, if there is one, and by what.

    Raises:
        DifferentiationError: `wrt` was given, and it is no part of what one depends on.
    """
    scalars = [
        (name, node)
        for name, node in outputs
        if not isinstance(node.type, TupleType)
        and not node.shape
        and is_floating(node.dtype)
    ]
    if wrt is not None:
        targets = as_targets(wrt)
        if len(scalars) != 1:
            raise DifferentiationError(
                f"gradients by wrt are of one floating scalar, got {len(scalars)}",
                hint="a page of the loss alone",
            )
        grad(scalars[0][1], list(targets))  # Raises where it does not depend on them.
        return [(*scalars[0], targets)]
    found = [(name, node, _targets(node)) for name, node in scalars]
    found = [each for each in found if each[2]]
    named = [each for each in found if each[0] == "loss"]
    chosen = named if len(named) == 1 else found
    return chosen if len(chosen) == 1 else []


def _targets(loss: Node) -> tuple[Node, ...]:
    """The parameters that a scalar has gradients by, or else its floating inputs."""
    graph = Graph((loss,))
    floating = tuple(node for node in graph.inputs if is_floating(node.dtype))
    for nodes in (graph.trainable, floating):
        reached = backward([loss], [unit_cotangent(loss)], nodes).of
        if found := tuple(node for node in nodes if node in reached):
            return found
    return ()
