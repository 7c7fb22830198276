"""Ops on several examples at once: arrays with one more axis, the mapped one, in front.

See `Op.batch`, by which an op says what it is there; `ops.batching` applies it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from .dims import Dimension

if TYPE_CHECKING:
    from .graph import Graph
    from .node import Node


class Batch(Protocol):
    """The values of a graph for several examples, as far as they are known.

    A value that is the same for all of them has no mapped axis.
    """

    size: Dimension
    """The number of examples."""

    def is_mapped(self, node: Node) -> bool:
        """True where the value of an original node has the mapped axis."""
        ...

    def value(self, node: Node) -> Node:
        """The value of an original node; if mapped, with the mapped axis first."""
        ...

    def stacked(self, node: Node) -> Node:
        """The same with the mapped axis, along which it is repeated if not mapped."""
        ...

    def aligned(self, node: Node, ndim: int) -> Node:
        """The same, as it broadcasts with examples of `ndim` axes each."""
        ...

    def attributes(self, node: Node) -> dict[str, Any]:
        """The attributes of an original node, where its arrays have the mapped axis.

        Those that are axes (`axis`, `axis1`, `axis2`, a tuple of `axes`, `dim`,
        `place`) are counted after it, and a `shape` begins with it.
        """
        ...

    def body(
        self, body: Graph, mapped: Sequence[bool], stacked: Sequence[bool] = ()
    ) -> tuple[Graph, tuple[bool, ...]]:
        """The body for several examples.

        Args:
            body: a graph with arguments.
            mapped: for each argument, True where it is passed with the mapped axis.
            stacked: for each result, True where it must have the mapped axis, even if
                it is the same for all examples.

        Returns:
            The body, and for each of its results True where it has the mapped axis.
        """
        ...


Rule = Callable[[Batch, "Node"], "Node | Sequence[Node] | None"]
"""The value of an original node; of one that has several results, those of each. It is
mapped if it has an axis more. None, of a block, for that of its expansion."""


def elementwise(batch: Batch, node: Node) -> Node:
    """The op applied to inputs that broadcast."""
    ndim = node.ndim
    inputs = tuple([batch.aligned(parent, ndim) for parent in node.inputs])
    return node.op.build(inputs, node.attributes)


def along_axes(batch: Batch, node: Node) -> Node:
    """The op applied to stacked inputs, with its axes counted after the mapped one."""
    inputs = tuple([batch.stacked(parent) for parent in node.inputs])
    return node.op.build(inputs, batch.attributes(node))


def shared_after(count: int) -> Rule:
    """`along_axes`, for blocks that need the same arrays for all examples.

    Args:
        count: the number of inputs that may differ; the others are arrays such as
            weights. Where these differ, too, the block is expanded.
    """

    def rule(batch: Batch, node: Node) -> Node | None:
        given, others = node.inputs[:count], node.inputs[count:]
        if any(map(batch.is_mapped, others)):
            return None
        inputs = (*map(batch.stacked, given), *map(batch.value, others))
        return node.op.build(inputs, batch.attributes(node))

    return rule


_AXES = frozenset({"axis", "axis1", "axis2", "dim", "place"})


def shifted_attributes(node: Node, size: Dimension) -> dict[str, Any]:
    """See `Batch.attributes`."""
    found: dict[str, Any] = {}
    for name, value in node.attributes.items():
        if name == "shape":
            value = (size, *value)
        elif name in _AXES or (name == "axes" and isinstance(value, tuple)):
            value = _shifted(value)
        found[name] = value
    return found


def _shifted(axis: Any) -> Any:
    if isinstance(axis, tuple):
        return tuple([_shifted(each) for each in cast("tuple[Any, ...]", axis)])
    # Axes that are counted from the end stay where they are.
    return axis if axis < 0 else axis + 1
