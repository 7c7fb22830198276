"""The content of a drawing, before any of it is DOT: vertices, edges and clusters.

A scene is plain data with keys that count from the first node in topological order, so
that the same declaration gives the same bytes in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..ir.called import called_in_words, shown
from ..ir.dims import format_shape
from ..ir.facts import NAMED, Role
from ..ir.node import Node
from ..ir.op import result_name
from ..ir.types import TupleType
from ..ir.walk import reading_order
from .notation import label, operand_words, scalar_text, type_text
from .text import place

VertexRole = Literal[
    "input",
    "parameter",
    "constant",
    "op",
    "block",
    "output",
    "gradient",
    "gradient-block",
    "gradient-output",
    "value",
]
"""Kind of vertex; each role has a shape, a border and a colour of its own."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """One shape of a drawing."""

    key: str
    role: VertexRole
    lines: tuple[str, ...]
    tooltip: tuple[str, ...]
    cluster: int | None = None
    node: Node | None = field(default=None, compare=False, repr=False)
    """The node it shows; that which it marks, for an output."""
    gradients: tuple[tuple[str, Node], ...] = field(
        default=(), compare=False, repr=False
    )
    """The gradients of the value, with what each is called."""
    value: tuple[str, ...] = ()
    """The value in words, where inputs are fed."""
    gradient: tuple[str, ...] = ()
    """The gradients in words, where inputs are fed."""
    is_finite: tuple[bool, bool] = (True, True)
    """False for a value, and for gradients, with an infinity or NaN in it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from one vertex to another."""

    tail: str
    head: str
    lines: tuple[str, ...]
    tooltip: tuple[str, ...] = ()
    is_gradient: bool = False
    state: Literal["shown", "lit", "hidden"] = "shown"
    """Of one of several drawings: the edge that it is about, or one of later ones,
    which keeps its place."""
    by: Node | None = field(default=None, compare=False, repr=False)
    """Of a gradient: the value that it is the gradient by."""
    values: tuple[Node, ...] = field(default=(), compare=False, repr=False)
    """The gradients that flow along it; their sum is what it adds."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around the primitives of one block."""

    number: int
    parent: int | None
    lines: tuple[str, ...]
    tooltip: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole drawing."""

    name: str
    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...] = ()
    remark: str = ""
    """A line below the drawing."""
    through: Callable[[Sequence[Node], Node], str] | None = None
    """The gradient by a value, of which others are computed, as a formula of theirs."""
    rankdir: Literal["TB", "LR"] = "TB"
    """The direction of edges: down, or to the right."""


def drawn_order(
    outputs: Iterable[Node], leaves: Mapping[Node, str] | None = None
) -> tuple[Node, ...]:
    """The nodes of a drawing, inputs first; what is behind `leaves` is left out.

    Depth first along the inputs as they are written, and not by the order of creation:
    blocks are expanded when something first asks for it, and a drawing must not show
    what was asked before.
    """
    stops = leaves or {}
    return reading_order(
        outputs, lambda node: () if node in stops else shown(node).inputs
    )


def build_scene(
    name: str,
    outputs: Sequence[tuple[str, Node]],
    *,
    leaves: Mapping[Node, str] | None = None,
    named: Mapping[Node, str] | None = None,
    extra: Mapping[Node, tuple[str, ...]] | None = None,
    clusters: bool = False,
) -> Scene:
    """Lay down vertices, edges and clusters for nodes and all that is behind them.

    Args:
        name: of the drawing.
        outputs: the nodes to mark as results, each with what it is called.
        leaves: values whose own inputs are not drawn, with what they are called.
        named: values that other labels refer to and so have to show their name.
        extra: further lines of a vertex's label.
        clusters: whether to frame the nodes that came from one block.
    """
    order = drawn_order((node for _, node in outputs), leaves)
    marked = {node for _, node in outputs}
    folded = {
        node: text
        for node in order
        if node not in marked
        and node not in (named or {})
        and (text := scalar_text(node)) is not None
    }
    keys = {
        node: f"n{position}"
        for position, node in enumerate(n for n in order if n not in folded)
    }
    named = {**(leaves or {}), **(named or {})}
    frames = _Frames(clusters)
    output_names = {(label_, node) for label_, node in outputs}
    vertices: list[Vertex] = []
    edges: list[Edge] = []
    for node, key in keys.items():
        is_leaf = node in (leaves or {})
        lines = _lines(node, folded, (leaves or {}).get(node), named)
        if lines[0] != node.label and (node.label or "", node) in output_names:
            lines = tuple(line for line in lines if line != node.label)
        vertices.append(
            Vertex(
                key,
                role_of(node, is_leaf),
                (*lines, *(extra or {}).get(node, ())),
                describe(node),
                None if is_leaf else frames.of(node),
                node,
            )
        )
        if is_leaf:
            continue
        inputs, words = shown(node).inputs, operand_words(shown(node))
        for parent, word in zip(inputs, words, strict=True):
            if parent not in folded:
                shape = shape_text(parent)
                text = f"{word} {shape}" if word else shape
                edges.append(Edge(keys[parent], key, (text,), describe(parent)))
    for position, (text, node) in enumerate(outputs):
        role: VertexRole = "gradient-output" if node.origin.derivative else "output"
        key = f"out{position}"
        vertices.append(Vertex(key, role, (text,), describe(node), None, node))
        edges.append(Edge(keys[node], key, (format_shape(node.shape),), describe(node)))
    return Scene(name, tuple(vertices), tuple(edges), tuple(frames.found))


def role_of(node: Node, is_leaf: bool = False) -> VertexRole:
    """The kind of vertex that a node is in a drawing."""
    if node.op.role in (Role.INPUT, Role.ARGUMENT):
        return "input"
    if node.op.role in NAMED:
        return "parameter"
    if is_leaf:
        return "value"
    if node.op.role in (Role.CONSTANT, Role.FULL, Role.SIZE):
        return "constant"
    has_inside = node.op.is_block or bool(shown(node).op.bodies)
    if node.origin.derivative:
        return "gradient-block" if has_inside else "gradient"
    return "block" if has_inside else "op"


def shape_text(node: Node) -> str:
    """The shape of a value on an edge; several values together have none."""
    return "" if isinstance(node.type, TupleType) else format_shape(node.shape)


def _lines(
    node: Node,
    folded: Mapping[Node, str],
    leaf: str | None,
    named: Mapping[Node, str],
) -> tuple[str, ...]:
    """The label of a vertex: what it is called, and what it is."""
    if node.op.role is Role.PARAMETER:
        size = node.size
        count = f"{size:,}" if isinstance(size, int) else str(size)
        return (
            node.name or "",
            type_text(node),
            f"{count} value{'' if count == '1' else 's'}",
        )
    if node.op.role is Role.BUFFER:
        return (node.name or "", type_text(node), node.op.name)
    if node.op.role in (Role.INPUT, Role.ARGUMENT):
        return (node.name or "argument", type_text(node))
    if leaf is not None:
        return (leaf, "forward value")
    if node.op.role is Role.CONSTANT:
        return _constant_lines(node)
    whole = shown(node)
    operands = [folded.get(parent) for parent in whole.inputs]
    text = result_name(node) or label(whole, operands, named)
    source = node.origin.gradient_of
    called = named.get(node) or node.label or whole.label
    # The gradients of parameters and inputs are results and marked as such.
    if called is None and source is not None and source.inputs and source.label:
        called = f"d_{source.label}"
    formula = whole.op.facts.formula
    below = () if formula is None else (_shortened(formula),)
    if called is None or called == text or text.startswith(f"{called}("):
        return (text, *below)
    return (called, text, *below)


def _shortened(formula: str) -> str:
    longest = 48
    return formula if len(formula) <= longest else f"{formula[: longest - 2]} …"


def _constant_lines(node: Node) -> tuple[str, ...]:
    array = node.attributes["value"].array
    if array.size > 4:
        return (node.name or "constant", type_text(node))
    values = str(array.tolist())
    return (node.name, values) if node.name else (values,)


def describe(node: Node) -> tuple[str, ...]:
    """The tooltip of a node: what it is, where it was written, how it was derived."""
    whole = shown(node)
    name = node.label or whole.label
    lines = [f"{whole.op.name}{f' {name}' if name else ''}: {node.type}"]
    where = place(node.origin.location)
    if where:
        lines.append(where)
    source = node.origin.gradient_of
    if source is not None:
        lines.append(f"gradient of {called_in_words(source)}")
    rules = node.origin.rules
    if rules:
        # Each order of differentiation adds one; the last few say what happened here.
        dots = "… " if len(rules) > 6 else ""
        lines.append(f"derived by {dots}{', then '.join(rules[-6:])}")
    return tuple(lines)


class _Frames:
    """Numbers the blocks that nodes come from, outer ones first."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.found: list[Cluster] = []
        self._numbers: dict[tuple[Node, bool], int] = {}

    def of(self, node: Node) -> int | None:
        """The innermost cluster of a node."""
        if not self.wanted or node.op.role in NAMED:
            return None
        # What differentiation derives from a block's primitives inherits the block,
        # and yet a backward pass is no part of the forward one.
        derivative = node.origin.derivative is not None
        chain = blocks_around(node)
        number: int | None = None
        for block in chain:
            known = self._numbers.get((block, derivative))
            if known is None:
                known = len(self.found)
                self._numbers[block, derivative] = known
                title = _block_title(block)
                if derivative and not block.origin.derivative:
                    title = f"backward of {title}"
                self.found.append(Cluster(known, number, (title,), describe(block)))
            number = known
        return number


def blocks_around(node: Node) -> list[Node]:
    """The blocks that a node came from, the outermost first."""
    chain: list[Node] = []
    block = node.origin.block
    while block is not None:
        chain.append(block)
        block = block.origin.block
    return chain[::-1]


def _block_title(block: Node) -> str:
    title = label(block, [None] * len(block.inputs))
    return f"{title} · {block.name}" if block.name else title
