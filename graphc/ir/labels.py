"""Bounds of labels and positions that are fed to a graph, or computed in it.

NumPy would read a label of -1 as the last class. So whatever indexes an axis and is
not known from the declaration has to be from 0 to the size of the axis less one, and is
checked before the arrays are used: what is fed, when it is fed, and what is computed
from it, where it is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .dims import Dim, Dimension
from .facts import PERSISTENT, Role
from .graph import Graph
from .node import Node
from .op import ValueRange
from .walk import ancestors


class LabelBounds(NamedTuple):
    """Bounds of the labels that may be fed."""

    low: int
    """The smallest label, 0 unless the graph shifts them."""
    high: int
    """The largest label, for labels from 0 the number of classes less one."""
    ignored: int | None = None
    """The one value outside the bounds that is allowed, because it is ignored."""


class PositionCheck(NamedTuple):
    """A check before a node is computed."""

    position: int
    """The input that is checked."""
    low: Dimension
    high: Dimension


_DEPTH = 16
"""Number of ops by which the computation of positions is followed."""


def _range_of(node: Node, depth: int = _DEPTH) -> ValueRange | None:
    """The range of the elements of a node, as far as it is known."""
    if (node.op.value_range is None and node.op.kind != "view") or not depth:
        return None
    ranges = tuple(_range_of(parent, depth - 1) for parent in node.inputs)
    return (
        ranges[0] if node.op.value_range is None else node.op.value_range(node, ranges)
    )


def _at_most(small: Dimension, large: Dimension) -> bool:
    """True where one size is at most another, whatever names in them stand for."""
    rest = large - small
    return isinstance(rest, int) and rest >= 0


def position_checks(node: Node) -> tuple[PositionCheck, ...]:
    """The inputs of a node that index, but for those that are known to be in bounds.

    Negative positions count from the end where the declaration itself says them.
    """
    if node.op.positions is None:
        return ()
    checks: list[PositionCheck] = []
    for index, size in node.op.positions(node):
        known = _range_of(node.inputs[index])
        least = 0 - size if known is not None and known.is_static else 0
        if (
            known is None
            or not (_at_most(0, known.low) or _at_most(least, known.low))
            or not _at_most(known.high, size - 1)
        ):
            checks.append(PositionCheck(index, least, size - 1))
    return tuple(checks)


def counts_from_end(node: Node) -> bool:
    """True where the declaration itself says negative positions."""
    found = () if node.op.positions is None else node.op.positions(node)
    ranges = [_range_of(node.inputs[index]) for index, _ in found]
    return any(r is not None and r.is_static and not _at_most(0, r.low) for r in ranges)


def _source_of(
    node: Node, low: int, high: int, ignored: int | None = None
) -> tuple[Node, LabelBounds] | None:
    """The input that positions between these bounds stem from, and its own bounds.

    In a body it is an argument.
    """
    while node.op.role not in (Role.INPUT, Role.ARGUMENT):
        if node.op.kind == "view":
            node = node.inputs[0]
            continue
        found = node.op.input_range and node.op.input_range(node, low, high)
        if not found or (found[3] is not None and ignored is not None):
            return None
        node, least, most, other = found
        if ignored is not None:
            # What is ignored is shifted as the bounds are.
            ignored += int(least) - low
        low, high = int(least), int(most)
        ignored = other if other is not None else ignored
    return node, LabelBounds(low, high, ignored)


def row_axis(positions: Node) -> int | None:
    """The axis along which positions belong to rows of data, as far as that is known.

    It is the one that has a named size, of several the first axis; what is fed in fixed
    sizes has rows along its first axis. A size that is computed, of a reshaped array,
    counts something else.
    """
    named = [
        axis
        for axis, size in enumerate(positions.shape)
        if isinstance(size, Dim) and str(size).isidentifier()
    ]
    if len(named) == 1 or 0 in named:
        return named[0]
    is_fed = positions.op.role is Role.INPUT and positions.ndim > 0
    return 0 if is_fed and not named else None


def label_bounds(graph: Graph) -> dict[Node, LabelBounds]:
    """Bounds of each input that holds labels or positions.

    An input has bounds if something is indexed by it: as it is, in another shape or
    integer dtype, shifted by a number, or with one value replaced because a loss
    ignores it. Where several things are, the narrowest bounds hold, and a label is
    ignored only if all of them ignore it.

    Args:
        graph: any graph.

    Returns:
        Inclusive bounds by input node; no entry where the size of the axis is known
        only at run time.

    >>> import graphc as gc
    >>> from graphc.ir import Graph
    >>> logits = gc.input("logits", ("batch", 10))
    >>> labels = gc.input("labels", ("batch",), "int64")
    >>> label_bounds(Graph((gc.nn.cross_entropy(logits, labels),)))
    {<input 'labels' int64 (batch,)>: LabelBounds(low=0, high=9, ignored=None)}
    """
    bounds: dict[Node, LabelBounds] = {}
    for found in (_source_of(*wanted) for wanted in _bounded_in(graph)):
        if found is None:
            continue
        source, own = found
        other = bounds.get(source, own)
        bounds[source] = LabelBounds(
            max(own.low, other.low),
            min(own.high, other.high),
            own.ignored if own.ignored == other.ignored else None,
        )
    return bounds


def _bounded_in(graph: Graph) -> Iterator[tuple[Node, int, int, int | None]]:
    """Positions with the bounds that they must have, and what is ignored besides."""
    for node in graph.meanings:
        for index, low, high in position_checks(node):
            if isinstance(low, int) and isinstance(high, int):
                yield node.inputs[index], low, high, None
        for body in node.bodies:
            for argument, own in label_bounds(body).items():
                index: int = argument.attributes["index"]
                yield node.inputs[index], own.low, own.high, own.ignored


def computed_positions(
    graph: Graph, rows: Dimension | None
) -> list[tuple[Node, Dimension, Dimension]]:
    """Positions that are computed from inputs alone, with their inclusive bounds.

    Data can be checked for them before anything else is computed.

    Args:
        graph: any graph.
        rows: the size that counts rows. What is bounded by it holds for batches only.
    """
    found: dict[tuple[Node, str], tuple[Node, Dimension, Dimension]] = {}
    for node in graph.meanings:
        for index, low, high in position_checks(node):
            positions = node.inputs[index]
            by_rows = isinstance(high, Dim) and str(rows) in high.symbols()
            sizes = isinstance(low, Dim) or isinstance(high, Dim)
            if by_rows or (not sizes and _source_of(positions, int(low), int(high))):
                continue
            if _needs_only_inputs(positions):
                found[positions, str(high)] = positions, low, high
    return list(found.values())


def _needs_only_inputs(node: Node) -> bool:
    nodes = ancestors([node])
    return any(n.op.role is Role.INPUT for n in nodes) and all(
        n.op.role not in PERSISTENT and n.op.pure for n in nodes
    )


def admitted(nodes: Iterable[Node]) -> dict[Node, tuple[str, ...]]:
    """Kinds of values that are not finite which a floating input may hold.

    That is what the graph asks for, by `isnan` say, of the input or of parts of it.
    """
    found: dict[Node, set[str]] = {}
    for node in nodes:
        wanted = {0: node.op.admits} if node.op.admits else {}
        for body in node.bodies:
            for argument, kinds in admitted(body.meanings).items():
                index = argument.attributes["index"]
                wanted[index] = (*wanted.get(index, ()), *kinds)
        for index, kinds in wanted.items():
            source = node.inputs[index]
            while source.op.kind in ("view", "movement"):
                source = source.inputs[0]
            is_fed = source.op.role in (Role.INPUT, Role.ARGUMENT)
            if is_fed and source.dtype.kind == "f":
                found.setdefault(source, set()).update(kinds)
    return {node: tuple(sorted(kinds, reverse=True)) for node, kinds in found.items()}
