"""An account of memory: by layer, and at the moment when most of it is in use.

A value is counted from when it is computed until it is read last, views as what they
look into. A compiled program needs less where a result takes the place of an operand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..ir.dims import Dim, Dimension
from ..ir.facts import PERSISTENT
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import label_of
from ..ir.types import TupleType
from ..program.storage import readers, storage_of
from ..viz.costs import evaluated, size_of, total
from ..viz.text import place
from .passes import number
from .sections import Section

_ROWS = 32
"""The number that a size which is not given is taken for, to find the peak."""


@dataclass(frozen=True)
class LayerMemory:
    """The bytes that belong to a layer, or to another value with a name."""

    name: str
    parameters: Dimension
    """Of what is stored, buffers included."""
    kept: Dimension
    """Of values that the backward pass reads."""
    values: Dimension
    """Of all values of the forward pass."""
    line: str
    node: Node | None = field(default=None, compare=False, repr=False)
    """The layer, or the value; None for all together."""

    @property
    def sizes(self) -> tuple[Dimension, ...]:
        """All numbers."""
        return (self.parameters, self.kept, self.values)

    def cells(self) -> tuple[str, ...]:
        """The record as text."""
        return (self.name, *map(number, self.sizes), self.line)


@dataclass(frozen=True)
class Peak:
    """The moment when most bytes are in use."""

    node: Node
    """The value that is computed then."""
    bytes: Dimension
    """Of all values that are in use, besides inputs and parameters."""

    def __str__(self) -> str:
        node = self.node
        way = "forward" if node.origin.derivative is None else "backward"
        where = place(node.origin.location)
        return (
            f"peak: {number(self.bytes)} bytes of values, in the {way} pass, while "
            f"{label_of(node) or node.op.name} is computed ({where})"
        )


def memory_section(title: str, graph: Graph, sizes: Mapping[str, int]) -> Section:
    """The account of an optimised graph of a loss and its gradients."""
    owner = _owners(graph)
    kept = _kept(graph)
    stored: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if node in owner:
            stored.setdefault(owner[node], []).append(node)
    records = [
        LayerMemory(
            label_of(layer) or layer.op.name,
            _bytes((n for n in nodes if n.op.role in PERSISTENT), sizes),
            _bytes((n for n in nodes if n in kept), sizes),
            _bytes(filter(_is_computed, nodes), sizes),
            place(layer.origin.location),
            layer,
        )
        for layer, nodes in stored.items()
    ]
    records = [each for each in records if any(each.sizes)]
    whole = LayerMemory(
        "in all",
        total(each.parameters for each in records),
        total(each.kept for each in records),
        total(each.values for each in records),
        "",
    )
    peak = find_peak(graph, sizes)
    notes = [] if peak is None else [str(peak)]
    if unknown := [name for name in graph.symbols if name not in sizes]:
        given = ", ".join(f"{name} = {_ROWS}" for name in unknown)
        notes.append(f"the moment of the peak is found for {given}")
    if any(node.bodies for node in graph.nodes):
        notes.append("values inside the bodies of loops and functions are not counted")
    return Section(
        f"{title}, in bytes",
        (*records, *(() if peak is None else (peak,))),
        ("layer", "parameters", "kept for backward", "values forward", "line"),
        tuple(each.cells() for each in (*records, whole)),
        texts=1,
        notes=tuple(notes),
    )


def is_differentiated(graph: Graph) -> bool:
    """True where a graph has a backward pass."""
    return any(map(_is_backward, graph.nodes))


def find_peak(graph: Graph, sizes: Mapping[str, int]) -> Peak | None:
    """The moment when most bytes are in use; None where nothing is computed."""
    order, last = graph.nodes, _last_reads(graph)
    full = {**dict.fromkeys(graph.symbols, _ROWS), **sizes}
    changes = [0] * (len(order) + 2)
    for position, node in enumerate(order):
        if node in last:
            count = _bytes([node], full)
            assert isinstance(count, int)
            changes[position] += count
            changes[last[node] + 1] -= count
    used = most = at = 0
    for position in range(len(order)):
        used += changes[position]
        if used > most:
            most, at = used, position
    if not most:
        return None
    alive = [n for p, n in enumerate(order) if n in last and p <= at <= last[n]]
    return Peak(order[at], _bytes(alive, sizes))


def _last_reads(graph: Graph) -> dict[Node, int]:
    """The place of the last reader of each value that is computed; outputs stay."""
    views = {node for node in graph.nodes if node.op.is_view(node)}
    last: dict[Node, int] = {}
    for position, node in enumerate(graph.nodes):
        if _is_computed(node):
            last[node] = position
        if node not in views:
            for read in readers(node, views):
                if read in last:
                    last[read] = position
    for output in graph.outputs:
        if storage_of(output) in last:
            last[storage_of(output)] = len(graph.nodes)
    return last


def _is_computed(node: Node) -> bool:
    """True for a value that has memory of its own."""
    is_tensor = not isinstance(node.type, TupleType)
    return is_tensor and node.op.kind != "source" and not node.op.is_view(node)


def _is_backward(node: Node) -> bool:
    return node.origin.derivative is not None


def _kept(graph: Graph) -> set[Node]:
    """Values of the forward pass that the backward pass reads."""
    views = {node for node in graph.nodes if node.op.is_view(node)}
    return {
        read
        for node in graph.nodes
        if _is_backward(node)
        for read in (*readers(node, views), storage_of(node))
        if _is_computed(read) and not _is_backward(read)
    }


def _owners(graph: Graph) -> dict[Node, Node]:
    """The layer, or other value, that each value of the forward pass belongs to.

    It is the outermost block that a value is inside of. Parameters belong to what reads
    them first.
    """
    found: dict[Node, Node] = {}
    views = {node for node in graph.nodes if node.op.is_view(node)}
    for node in graph.nodes:
        if node.op.kind == "source" or _is_backward(node):
            continue
        layer = node
        while layer.origin.block is not None:
            layer = layer.origin.block
        found[node] = layer
        for parent in readers(node, views):
            if parent.op.role in PERSISTENT:
                found.setdefault(parent, layer)
    for node in graph.parameters:
        found.setdefault(node, node)
    return found


def _bytes(nodes: Iterable[Node], sizes: Mapping[str, int]) -> Dimension:
    found = total(size_of(node.shape) * node.dtype.itemsize for node in nodes)
    return evaluated(found, sizes) if isinstance(found, Dim) else found
