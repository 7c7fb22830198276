"""Losses, each with the parameters that it trains and the optimizer that moves them.

Most trainers have one. Where there are several, as the two of a GAN, a step of training
takes a step of each in their order.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from ..errors import DifferentiationError, NamingError, OptionError, ShapeError
from ..ir.dims import check_identifier
from ..ir.graph import Graph
from ..ir.node import Node
from ..metrics.evaluation import Metrics
from ..nn.layer import Layer
from ..ops.outer_broadcast import outer_broadcast_of
from ..ops.source import ArrayLike
from ..optim.base import Optimizer
from .persistent import Selection, assignments, trained_parameters

_T = TypeVar("_T")

Losses: TypeAlias = Node | Mapping[str, Node]
"""A loss, or several by name."""

Optimizers: TypeAlias = Optimizer | Mapping[str, Optimizer]
"""An optimizer of all losses, or one of each by its name."""

Selections: TypeAlias = Selection | Mapping[str, Selection]
"""Parameters to train; with several losses, those of each by its name."""


@dataclass(frozen=True)
class Objective:
    """A loss, and what a step does about it."""

    loss: Node
    optimizer: Optimizer
    trained: tuple[Node, ...]
    assigned: Mapping[Node, Node]
    """Buffers with what the step assigns to each."""
    name: str = ""
    """Empty where there is one loss only."""


def losses_by_name(loss: Losses) -> dict[str, Node]:
    """The losses where there are several; nothing for one.

    Raises:
        NamingError: a name that is not an identifier, or that of their sum.
    """
    if isinstance(loss, Node):
        return {}
    for name in loss:
        if check_identifier(name, "loss name") == "loss":
            raise NamingError(
                "one of several losses can't be called 'loss', their sum has that name",
                hint="'generator'",
            )
    if not loss:
        raise OptionError("requires a loss, got an empty dict")
    return dict(loss)


def total_loss(loss: Losses) -> Node:
    """The loss, or the sum of several."""
    if isinstance(loss, Node):
        return loss
    return functools.reduce(operator.add, loss.values()).named("loss")


def measured_with(losses: Mapping[str, Node], metrics: Metrics) -> Metrics:
    """All that is measured besides `loss`: each of several losses, and metrics."""
    for name in metrics:
        if name in losses:
            raise NamingError(
                f"a metric can't be called {name!r}, a loss has that name, and is "
                "measured without being asked for"
            )
    return {**losses, **metrics}


def objectives_of(
    loss: Losses,
    optimizer: Optimizers,
    parameters: Selections | None,
    updates: Mapping[Node, ArrayLike],
) -> tuple[Objective, ...]:
    """The losses with all that belongs to each, in the order of the steps.

    Raises:
        OptionError: dicts whose keys differ, or losses that train the same parameter.
        DifferentiationError: a loss that is not a scalar, or has no parameters.
    """
    losses = losses_by_name(loss)
    optimizers = _for_each(losses, "optimizer", optimizer)
    chosen = _for_each(losses, "parameters", parameters)
    each = {"": loss} if isinstance(loss, Node) else losses
    trained: dict[str, tuple[Node, ...]] = {}
    for name, node in each.items():
        trained[name] = trained_parameters(node, chosen[name])
        _check_loss(node, trained[name])
    _check_disjoint(trained)
    every = [node for nodes in trained.values() for node in nodes]
    found: list[Objective] = []
    for name, node in each.items():
        # What is assigned is what was before the first step, and no block changes it.
        assigned = assignments(node, {} if found else updates, every)
        if found:
            assigned = {b: value for b, value in assigned.items() if b not in updates}
        own = optimizers[name], trained[name], assigned
        found.append(Objective(node, *own, name))
    _check_micro_batches(found)
    return tuple(found)


def _for_each(
    losses: Mapping[str, Node], what: str, given: _T | Mapping[str, _T]
) -> Mapping[str, _T]:
    """The values that belong to each loss, by its name."""
    if not isinstance(given, Mapping):
        if losses and isinstance(given, Layer | Node | str | Sequence):
            raise OptionError(
                "parameters must be a dict where there are several losses, with those "
                f"of each: {', '.join(map(repr, losses))}",
                hint=_example(losses),
            )
        return dict.fromkeys(losses or [""], cast("_T", given))
    by_name = cast("Mapping[Any, _T]", given)
    if not losses:
        raise OptionError(
            f"{what} is a dict, which is for several losses, and loss is one node",
            hint=f"gc.Trainer({{{', '.join(f'{name!r}: ...' for name in by_name)}}}, "
            "...), with a loss for each",
        )
    missing = [name for name in losses if name not in by_name]
    unknown = [name for name in by_name if name not in losses]
    if missing or unknown:
        wrong = f"nothing for {missing[0]!r}" if missing else f"has {unknown[0]!r}"
        wrong = f"has {wrong}" if missing else wrong
        raise OptionError(
            f"{what} must have the keys of the losses, "
            f"{', '.join(map(repr, losses))}; it {wrong}"
        )
    return by_name


def _check_disjoint(trained: Mapping[str, Sequence[Node]]) -> None:
    owners: dict[Node, str] = {}
    for name, nodes in trained.items():
        for node in nodes:
            if node in owners:
                raise OptionError(
                    f"a parameter can be trained by one loss only, but {node.name!r} "
                    f"would be by {owners[node]!r} and {name!r}",
                    at=node,
                    hint=_example(trained),
                )
            owners[node] = name


def _example(names: Mapping[str, Any]) -> str:
    return f"parameters={{{', '.join(f'{name!r}: [...]' for name in names)}}}"


def _check_micro_batches(objectives: Sequence[Objective]) -> None:
    counts = {each.name: each.optimizer.micro_batches for each in objectives}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} for {name!r}" for name, count in counts.items())
        raise OptionError(
            "an update must take the same number of batches for all losses, "
            f"got {told}",
            hint="gc.optim.GradientAccumulation with the same `steps` for each",
        )


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
