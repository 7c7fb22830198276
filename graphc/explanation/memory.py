"""An account of memory: by layer, and at the moment when most of it is in use.

A value is counted from when it is computed until it is read last, views as what they
look into. A compiled program needs less where a result takes the place of an operand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..ir.dims import Dim, Dimension
from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import label_of
from ..ir.types import TupleType
from ..program.storage import readers, storage_of
from ..viz.costs import evaluated, size_of, total
from ..viz.text import place
from .owners import Owner, owners
from .sections import Section
from .sizes import number

_ROWS = 32
"""The number that a size which is not given is taken for, to find the peak."""


@dataclass(frozen=True)
class LayerMemory:
    """The bytes that belong to a layer, or to another value with a name."""

    name: str
    """That of a layer inside of others begins with theirs: `encoder.linear_1`."""
    level: int
    """The number of layers around it that have rows of their own."""
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
        name = "  " * self.level + self.name
        return (name, *map(number, self.sizes), self.line)


@dataclass(frozen=True)
class Peak:
    """The moment when most bytes are in use."""

    node: Node
    """The value that is computed then, or the loop or function that runs."""
    bytes: Dimension
    """Of all values that are in use, besides inputs and parameters."""
    inside: Node | None = None
    """The value in the body of the loop or function that is computed then."""
    way: str = ""
    """The pass in words, of a graph with a backward pass."""

    def __str__(self) -> str:
        node, told = self.node, _called(self.node)
        if self.inside is not None:
            node, told = self.inside, f"{_called(self.inside)} of {told}"
        return (
            f"peak: {number(self.bytes)} bytes of values, {self.way}while {told} is "
            f"computed ({place(node.origin.location)})"
        )


def _called(node: Node) -> str:
    return label_of(node) or node.op.name


def memory_section(
    title: str, graph: Graph, sizes: Mapping[str, int], depth: int | None = None
) -> Section:
    """The account of an optimised graph of a loss and its gradients.

    Args:
        title: of the section, without units.
        graph: with a backward pass.
        sizes: values of named sizes.
        depth: the levels of layers that have rows; None for all.
    """
    records = [*_layers(graph, sizes, depth)]
    outer = [each for each in records if not each.level]
    whole = LayerMemory(
        "in all",
        0,
        total(each.parameters for each in outer),
        total(each.kept for each in outer),
        total(each.values for each in outer),
        "",
    )
    peak = find_peak(graph, sizes)
    return Section(
        f"{title}, in bytes",
        (*records, *(() if peak is None else (peak,))),
        ("layer", "parameters", "kept for backward", "values forward", "line"),
        tuple(each.cells() for each in (*records, whole)),
        texts=1,
        notes=_peak_notes(graph, peak, sizes),
    )


def peak_notes(graph: Graph, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Sentences about the peak of a graph; none where nothing is computed."""
    return _peak_notes(graph, find_peak(graph, sizes), sizes)


def _peak_notes(
    graph: Graph, peak: Peak | None, sizes: Mapping[str, int]
) -> tuple[str, ...]:
    if peak is None:
        return ()
    notes = [str(peak)]
    if unknown := [name for name in graph.symbols if name not in sizes]:
        given = ", ".join(f"{name} = {_ROWS}" for name in unknown)
        notes.append(f"the moment of the peak is found for {given}")
    return tuple(notes)


def _layers(
    graph: Graph, sizes: Mapping[str, int], depth: int | None
) -> Iterator[LayerMemory]:
    """Layers and other values, those of layers below them."""
    kept = _kept(graph)
    owner = owners(graph)
    stored: dict[tuple[str, ...], list[Node]] = {}
    told: dict[tuple[str, ...], Owner] = {}
    places = {node: place for place, node in enumerate(graph.nodes)}

    def first_use(node: Node) -> int:
        if node.op.role in PERSISTENT:
            return min((places[user] for user in graph.users[node]), default=-1)
        return places[node]

    for node in sorted(owner, key=first_use):
        each = owner[node]
        for level in range(1, len(each.path) + 1):
            stored.setdefault(each.path[:level], []).append(node)
            # What a layer returns stands for it on a page.
            told[each.path[:level]] = each

    def records(around: tuple[str, ...]) -> Iterator[LayerMemory]:
        level = len(around)
        if level == depth:
            return
        for path, nodes in stored.items():
            if len(path) != level + 1 or path[:level] != around:
                continue
            found = LayerMemory(
                ".".join(path),
                level,
                _bytes((n for n in nodes if n.op.role in PERSISTENT), sizes),
                _bytes((n for n in nodes if n in kept), sizes),
                _bytes(filter(_is_computed, nodes), sizes),
                place(told[path].node.origin.location),
                told[path].node,
            )
            if any(found.sizes):
                yield found
                yield from records(path)

    return records(())


def is_differentiated(graph: Graph) -> bool:
    """True where a graph has a backward pass."""
    return any(map(_is_backward, graph.nodes))


def find_peak(graph: Graph, sizes: Mapping[str, int]) -> Peak | None:
    """The moment when most bytes are in use; None where nothing is computed.

    Results of loops and functions are there from when these begin, and what is in use
    in a body is in use while it runs.
    """
    full = {**dict.fromkeys(graph.symbols, _ROWS), **sizes}
    most = _moment(graph, full)
    if not most.bytes:
        return None
    way = ""
    if is_differentiated(graph):
        way = f"in the {'backward' if _is_backward(most.node) else 'forward'} pass, "
    return Peak(most.node, _bytes(most.alive, sizes), most.inside, way)


@dataclass(frozen=True, eq=False)
class _Moment:
    node: Node
    alive: tuple[Node, ...]
    """The values that are in use, those in bodies included."""
    bytes: int
    inside: Node | None
    """The value in a body that is computed then."""


def _moment(graph: Graph, full: Mapping[str, int]) -> _Moment:
    """The first of the moments when most bytes are in use, for known sizes."""
    order, last = graph.nodes, _last_reads(graph)
    place = {node: position for position, node in enumerate(order)}
    first = {n: place[n.inputs[0] if n.op.role is Role.RESULT else n] for n in last}
    changes = [0] * (len(order) + 2)
    for node in last:
        count = _known(_bytes([node], full))
        changes[first[node]] += count
        changes[last[node] + 1] -= count
    inner = {
        node: max((_moment(body, full) for body in node.bodies), key=lambda m: m.bytes)
        for node in order
        if node.bodies
    }
    used = most = at = 0
    for position, node in enumerate(order):
        used += changes[position]
        here = used + (inner[node].bytes if node in inner else 0)
        if here > most:
            most, at = here, position
    node = order[at]
    alive = tuple(n for n in last if first[n] <= at <= last[n])
    if node not in inner:
        return _Moment(node, alive, most, None)
    inside = inner[node]
    told = inside.node if inside.inside is None else inside.inside
    return _Moment(node, (*alive, *inside.alive), most, told)


def _last_reads(graph: Graph) -> dict[Node, int]:
    """The place of the last reader of each value that is computed; outputs stay.

    What a body returns is counted where it is called.
    """
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
    for output in graph.used_elsewhere:
        last.pop(storage_of(output), None)
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


def _bytes(nodes: Iterable[Node], sizes: Mapping[str, int]) -> Dimension:
    found = total(size_of(node.shape) * node.dtype.itemsize for node in nodes)
    return evaluated(found, sizes) if isinstance(found, Dim) else found


def _known(size: Dimension) -> int:
    assert isinstance(size, int)
    return size
