"""Which labels may be fed to a graph.

NumPy would read a label of -1 as the last class, so a runtime checks what is fed for an
op's labels before it runs the graph.
"""

from __future__ import annotations

from typing import NamedTuple

from .graph import Graph
from .node import Node
from .types import is_integer

__all__ = ["LabelBounds", "label_bounds"]


class LabelBounds(NamedTuple):
    """Which labels may be fed."""

    low: int
    """The smallest label, 0."""
    high: int
    """The largest label, the number of classes less one."""
    ignored: int | None = None
    """The one value outside the bounds that is allowed, because it is ignored."""


_KEEPS_VALUES = frozenset(
    ("astype", "broadcast_to", "expand_dims", "reshape", "squeeze", "transpose")
)


def label_bounds(graph: Graph) -> dict[Node, LabelBounds]:
    """What each input that holds labels may contain.

    An input has bounds if it is the target of `nll_loss` or `cross_entropy`, as it is
    or in another shape or integer dtype; labels that the graph computes have none.
    Where several losses use one input, the narrowest bounds hold, and a label is
    ignored only if all of them ignore it.

    Args:
        graph: a graph with its blocks; what is expanded already is not seen.

    Returns:
        Inclusive bounds by input node; no entry where the number of classes is known
        only at run time.

    >>> import graphc as gc
    >>> from graphc.ir import Graph
    >>> logits = gc.input("logits", ("batch", 10))
    >>> labels = gc.input("labels", ("batch",), "int64")
    >>> label_bounds(Graph((gc.nn.cross_entropy(logits, labels),)))
    {<input 'labels' int64 (batch,)>: LabelBounds(low=0, high=9, ignored=None)}
    """
    bounds: dict[Node, LabelBounds] = {}
    for node in graph.meanings:
        if node.op.labels is None:
            continue
        source, classes, ignored = node.op.labels(node)
        while source.op.name in _KEEPS_VALUES and is_integer(source.dtype):
            source = source.inputs[0]
        if source.op.name != "input" or not isinstance(classes, int):
            continue
        high = classes - 1
        if source in bounds:
            other = bounds[source]
            high = min(high, other.high)
            ignored = ignored if ignored == other.ignored else None
        bounds[source] = LabelBounds(0, high, ignored)
    return bounds
