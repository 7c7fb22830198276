"""Loss and metrics of a data set, from those of its batches.

The mean over a data set is the mean over its batches, weighted by rows. A score that is
not a mean over rows (an F1 score, a loss over labels of which some are ignored, a
function of means) is computed from totals, which do add up: see `Metric`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..errors import NamingError, OptionError, ShapeError
from ..ir.dims import Dim, check_identifier, format_shape
from ..ir.fingerprint import graph_hash
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import derived
from ..ir.types import TensorType
from ..ops.arithmetic import where
from ..ops.source import INPUT, as_node, dimension
from .loss_means import LossMeans
from .metric import Metric

Metrics: TypeAlias = Mapping[str, "Node | Metric"]


@dataclass(frozen=True)
class Evaluation:
    """The results of an emitted `forward`, and the way from them to scores."""

    outputs: dict[str, Node]
    """The results of `forward` besides the loss, by key."""
    totals: tuple[str, ...]
    """Keys whose values are summed over batches; those of others are averaged."""
    finish: Graph | None
    """Loss and metrics, from placeholders called by the keys; None where they are the
    averages themselves."""
    weight: Node | None
    """The weight of a batch in the mean of the loss; None for its rows."""


def placeholder(name: str, kind: TensorType) -> Node:
    """An input that graphc declares for itself."""
    return INPUT.build((), {"shape": kind.shape, "dtype": kind.dtype}, name=name)


def check_metric_name(name: object) -> None:
    """Raise `NamingError` unless a metric may be called so."""
    if check_identifier(name, "metric name") == "loss":
        raise NamingError(
            "a metric can't be called 'loss', the loss has that name",
            hint="'cross_entropy'",
        )


def metric_nodes(metrics: Metrics) -> dict[str, Node]:
    """The nodes to compute for a batch: metrics, and totals of each `Metric`."""
    nodes: dict[str, Node] = {}
    for name, metric in metrics.items():
        if isinstance(metric, Metric):
            for total, node in metric.totals.items():
                nodes[f"{name}.{total}"] = node
        else:
            nodes[name] = metric
    return nodes


def modes_of(metrics: Metrics) -> dict[str, str | None]:
    """The better direction of each metric, "max" or "min"; None where unknown."""
    return {
        name: metric.mode if isinstance(metric, Metric) else None
        for name, metric in metrics.items()
    }


def evaluation_of(loss: Node, metrics: Metrics) -> Evaluation:
    """The evaluation of a loss and metrics.

    Raises:
        ShapeError: a metric that is not a scalar, or a total whose size is not fixed.
        OptionError: a metric that is neither a node nor a `Metric`.
    """
    for name, metric in metrics.items():
        _check_metric(name, metric)
    of_loss, weight = _summed(loss, weighted=True)
    measured: dict[str, Node | Metric] = {"loss": of_loss or loss}
    for name, metric in metrics.items():
        summed = None if isinstance(metric, Metric) else _summed(metric)[0]
        measured[name] = summed or metric
    outputs = metric_nodes(measured)
    outputs.pop("loss", None)
    totals = tuple(key for key in outputs if "." in key)
    if not totals:
        return Evaluation(outputs, (), None, weight)
    float64 = np.dtype("float64")
    scalar = TensorType(float64, ())
    results: list[Node] = []
    for name, metric in measured.items():
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
        raise OptionError(f"metric {name!r} must be a node or a Metric, got {metric!r}")


def _check_scalar(name: str, node: Node, location: str) -> None:
    if node.shape:
        raise ShapeError(
            f"metric {name!r} must be a scalar, got {format_shape(node.shape)}",
            node=node.describe(),
            location=location,
            hint="gc.mean(metric)",
        )


def _summed(node: Node, *, weighted: bool = False) -> tuple[Metric | None, Node | None]:
    """The totals of a batch from which the value of a node over a data set follows.

    Args:
        node: a scalar.
        weighted: True if batches may have another weight than their rows.

    Returns:
        A `Metric` of totals; None where a mean of the values of batches will do. And
        the weight of a batch in that mean, None for its rows; with totals it is its
        rows, or 0 where it has no value.
    """
    parts = LossMeans(node)
    hashes = {w: graph_hash((w,)) for w in parts.weights.values() if w is not None}
    # Equal weights are one node; the weight by rows is None.
    first = {hashed: w for w, hashed in reversed(hashes.items())}
    weights = {
        p: None if w is None else first[hashes[w]] for p, w in parts.weights.items()
    }
    distinct = tuple(dict.fromkeys(weights.values()))
    is_mean = parts.is_linear and len(distinct) < 2
    only = distinct[0] if distinct else None
    if is_mean and (weighted or only is None):
        return None, only
    weights |= dict.fromkeys(parts.penalties)
    sizes = [node.shape[0] for node in Graph((node,)).inputs if node.shape]
    named = [size for size in sizes if isinstance(size, Dim)]
    totals: dict[str, Node] = {}
    with derived(node, "totals"):
        rows = dimension((*named, *sizes, 1)[0], np.dtype("float64"))
        counts = {w: rows if w is None else w for w in dict.fromkeys(weights.values())}
        keys = {w: f"weight_{i}" for i, w in enumerate(counts)}
        for i, (part, own) in enumerate(weights.items()):
            # A mean of nothing, which is NaN, counts nothing.
            share = where(counts[own] == 0.0, 0.0, part * counts[own])
            totals[f"part_{i}"] = part * rows if own is None else share
        totals |= {keys[w]: count for w, count in counts.items()}
        weight = None
        for each in first.values():
            weight = where(each == 0.0, 0.0, rows if weight is None else weight)

    def result(**sums: Node) -> Node:
        means = {
            part: sums[f"part_{i}"] / sums[keys[own]]
            for i, (part, own) in enumerate(weights.items())
        }
        return parts.with_means(means)

    return Metric(totals, result), weight
