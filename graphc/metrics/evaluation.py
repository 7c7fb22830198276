"""What is measured over a data set, and how batches add up to it.

A mean over a batch is a number of its rows; a mean over a data set is the mean of
those, weighted by rows. What is no mean of rows (an F1 score, a loss over labels of
which some are ignored) is computed from totals, which do add up: see `Metric`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np

from ..errors import GraphcError, NamingError, OptionError, ShapeError
from ..ir.dims import Dim, check_identifier, format_shape
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import derived, here
from ..ir.types import TensorType
from ..nn.entropy import CROSS_ENTROPY, WEIGHTED_CROSS_ENTROPY
from ..nn.losses import NLL_LOSS, kept_labels, shares_of
from ..ops.reduction import sum
from ..ops.source import INPUT, as_node
from .metric import Metric

__all__ = [
    "Evaluation",
    "Metrics",
    "check_metric_name",
    "evaluation_of",
    "metric_nodes",
    "modes_of",
    "placeholder",
]

Metrics: TypeAlias = Mapping[str, "Node | Metric"]

_MEANS = (CROSS_ENTROPY, NLL_LOSS, WEIGHTED_CROSS_ENTROPY)
"""Losses by labels, some of which may be ignored or count more than others."""


@dataclass(frozen=True)
class Evaluation:
    """What an emitted `forward` returns, and what becomes of it."""

    outputs: dict[str, Node]
    """What `forward` returns besides the loss, by key."""
    totals: tuple[str, ...]
    """Keys whose values are summed over batches; those of others are averaged."""
    finish: Graph | None
    """Loss and metrics, from placeholders called by the keys; None where they are the
    averages themselves."""
    weight: Node | None
    """How much a batch counts in the mean of the loss; None for its rows."""


def placeholder(name: str, kind: TensorType) -> Node:
    """An input that no one declared."""
    return INPUT.build((), {"shape": kind.shape, "dtype": kind.dtype}, name=name)


def check_metric_name(name: object) -> None:
    """Raise `NamingError` unless a metric may be called so."""
    try:
        if check_identifier(name, "metric name") == "loss":
            raise NamingError(
                "a metric can't be called 'loss', the loss has that name",
                hint="'cross_entropy'",
            )
    except GraphcError as error:
        raise error.locate(location=str(here().location)) from None


def metric_nodes(metrics: Metrics) -> dict[str, Node]:
    """What a batch gives: metrics, and the totals of those that are made of totals."""
    nodes: dict[str, Node] = {}
    for name, metric in metrics.items():
        if isinstance(metric, Metric):
            for total, node in metric.totals.items():
                nodes[f"{name}.{total}"] = node
        else:
            nodes[name] = metric
    return nodes


def modes_of(metrics: Metrics) -> dict[str, str | None]:
    """Which is best of each metric, "max" or "min"; None where it does not say."""
    return {
        name: metric.mode if isinstance(metric, Metric) else None
        for name, metric in metrics.items()
    }


def evaluation_of(loss: Node, metrics: Metrics) -> Evaluation:
    """How to measure a loss and metrics.

    Raises:
        ShapeError: a metric that is no scalar, or a total whose size is not fixed.
        OptionError: a metric that is neither a node nor a `Metric`.
    """
    for name, metric in metrics.items():
        _check_metric(name, metric)
    outputs = metric_nodes(metrics)
    totals = tuple(key for key in outputs if "." in key)
    weight = _loss_weight(loss)
    if not totals:
        return Evaluation(outputs, (), None, weight)
    float64 = np.dtype("float64")
    scalar = TensorType(float64, ())
    results = [placeholder("loss", scalar)]
    for name, metric in metrics.items():
        if isinstance(metric, Metric):
            given = {
                total: placeholder(f"{name}.{total}", TensorType(float64, node.shape))
                for total, node in metric.totals.items()
            }
            result = as_node(metric.result(**given))
            _check_scalar(name, result, metric.location)
            results.append(result if result.name else result.named(name))
        else:
            results.append(placeholder(name, scalar))
    return Evaluation(outputs, totals, Graph(tuple(results)), weight)


def _check_metric(name: str, metric: object) -> None:
    if isinstance(metric, Metric):
        for total, node in metric.totals.items():
            sizes = [str(size) for size in node.shape if isinstance(size, Dim)]
            if sizes:
                raise ShapeError(
                    f"total {total!r} of metric {name!r} must have a fixed shape to be "
                    f"summed over batches, got {format_shape(node.shape)}",
                    node=node.describe(),
                    location=metric.location,
                    hint=f"a sum over {sizes[0]}",
                )
    elif isinstance(metric, Node):
        _check_scalar(name, metric, str(metric.origin.location))
    else:
        raise OptionError(
            f"metric {name!r} must be a node or a Metric, got {metric!r}",
            location=str(here().location),
        )


def _check_scalar(name: str, node: Node, location: str) -> None:
    if node.shape:
        raise ShapeError(
            f"metric {name!r} must be a scalar, got {format_shape(node.shape)}",
            node=node.describe(),
            location=location,
            hint="gc.mean(metric)",
        )


def _loss_weight(loss: Node) -> Node | None:
    """How much a batch counts in the mean of the loss, where that is not its rows.

    The number of labels that are not ignored, or the sum of their weights. Where the
    loss has several such means, there is no one weight, and rows have to do.
    """
    found: dict[object, Node] = {}
    for node in Graph((loss,)).meanings:
        if node.op not in _MEANS or node.attributes["reduction"] != "mean":
            continue
        input, target, *weight = node.inputs
        ignored = cast("int | None", node.attributes["ignore_index"])
        if ignored is None and not weight:
            continue
        key = (target, *weight, ignored)
        if key not in found:
            # Derived, so that its names are hints, which users' names go before.
            with derived(loss, "weight of the loss"):
                labels, kept = kept_labels(target, ignored)
                shares = shares_of(labels, kept, tuple(weight), input)
                found[key] = sum(shares.astype("float64"))
    return next(iter(found.values())) if len(found) == 1 else None
