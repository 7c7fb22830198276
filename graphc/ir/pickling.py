"""Nodes as pickles: a table of the graph that they belong to, with ops by name.

Pickle follows references by recursion, which a chain of some thousand nodes exceeds.
So a node is pickled as the flat table of all that it refers to, in which nodes are
named by their position in the order of creation. Rows of a table are shared by all
nodes of one pickle, and so are, when it is read, the nodes that they stand for.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from weakref import WeakValueDictionary

from ..errors import GraphError
from ..locations import Location
from .node import Derivation, DerivativeRequest, Node
from .op import OPS, Op
from .origin import Derivative, Origin
from .source_names import SourceName
from .types import TensorType


@dataclass(frozen=True)
class Called:
    """A layer of which no more is left than its name."""

    name: str


@dataclass(eq=False)
class Row:
    """One node of a table; other nodes are referred to by their index."""

    index: int
    op: Op
    inputs: tuple[int, ...]
    attributes: Mapping[str, Any]
    type: TensorType
    name: str | None
    source_name: SourceName | None
    layer: str | None
    order: tuple[int, ...]
    location: Location | None
    rules: tuple[str, ...]
    block: int | None
    derivative: tuple[int, Literal["reverse", "forward"], int | None] | None
    expansion: int | None
    derivation: tuple[tuple[int, ...], tuple[int, ...], Callable[..., Any], int] | None

    node: Node | None = None
    """The node that it became when it was read."""

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"node": None}


_rows: WeakValueDictionary[int, Row] = WeakValueDictionary()
"""Rows that a pickle is being made of. Whoever pickles keeps them alive meanwhile."""


def _references(node: Node) -> list[Node]:
    """All nodes that a node refers to."""
    origin, derivation = node.origin, node.derivation
    others = [origin.block, origin.gradient_of, node.known_expansion]
    if origin.derivative is not None:
        others.append(origin.derivative.through)
    found = [*node.inputs, *(other for other in others if other is not None)]
    if derivation is not None:
        found += derivation.request.sources
    return found


def _row(node: Node) -> Row:
    row = _rows.get(node.index)
    if row is not None:
        return row
    origin, expansion = node.origin, node.known_expansion
    derivation = None
    if node.derivation is not None:
        request = node.derivation.request
        sources, variables = map(_indices, (request.sources, request.variables))
        derivation = sources, variables, request.derive, node.derivation.position
    derivative = None
    if (part := origin.derivative) is not None:
        of = None if part.of is None else part.of.index
        derivative = part.through.index, part.mode, of
    row = Row(
        index=node.index,
        op=node.op,
        inputs=_indices(node.inputs),
        attributes=dict(node.attributes),
        type=node.type,
        name=node.name,
        source_name=node.source_name,
        layer=None if origin.layer is None else origin.layer.name,
        order=node.order,
        location=origin.location,
        rules=origin.rules,
        block=None if origin.block is None else origin.block.index,
        derivative=derivative,
        expansion=None if expansion is None else expansion.index,
        derivation=derivation,
    )
    _rows[node.index] = row
    return row


def _indices(nodes: tuple[Node, ...]) -> tuple[int, ...]:
    return tuple(node.index for node in nodes)


def _table(nodes: Iterable[Node]) -> tuple[Row, ...]:
    """The rows of nodes and of all that they refer to, in the order of creation."""
    stack = list(nodes)
    found = {node.index: node for node in stack}
    while stack:
        for other in _references(stack.pop()):
            if other.index not in found:
                found[other.index] = other
                stack.append(other)
    return tuple(_row(found[index]) for index in sorted(found))


def _nodes_of(rows: tuple[Row, ...], indices: tuple[int, ...]) -> tuple[Node, ...]:
    """Nodes of a table by their indices; rows read before keep their nodes."""
    new = [row for row in rows if row.node is None]
    nodes: dict[int, Node] = {r.index: r.node for r in rows if r.node is not None}
    for row in new:
        row.node = nodes[row.index] = Node(
            row.op,
            tuple(nodes[parent] for parent in row.inputs),
            row.attributes,
            row.type,
            name=row.name,
            origin=Origin(
                row.location, row.rules, layer=Called(row.layer) if row.layer else None
            ),
            order=row.order,
        ).told(row.source_name)
    requests: dict[tuple[int, ...], DerivativeRequest] = {}
    for row in new:
        _refer(row, nodes, requests)
    return tuple(nodes[index] for index in indices)


def _node_of(rows: tuple[Row, ...], index: int) -> Node:
    return _nodes_of(rows, (index,))[0]


def _refer(
    row: Row,
    nodes: Mapping[int, Node],
    requests: dict[tuple[int, ...], DerivativeRequest],
) -> None:
    """Add what a node refers to besides its inputs, which may be younger than it."""
    node = nodes[row.index]
    set_field = object.__setattr__
    block = None if row.block is None else nodes[row.block]
    derivative = None
    if row.derivative is not None:
        through, mode, of = row.derivative
        adjoint_of = None if of is None else nodes[of]
        derivative = Derivative(nodes[through], mode, adjoint_of)
    origin = replace(node.origin, block=block, derivative=derivative)
    set_field(node, "origin", origin)
    if row.expansion is not None:
        set_field(node, "_expansion", nodes[row.expansion])
    if row.derivation is not None:
        sources, variables, derive, position = row.derivation
        if sources not in requests:
            requests[sources] = DerivativeRequest(
                tuple(nodes[source] for source in sources),
                tuple(nodes[variable] for variable in variables),
                derive,
            )
        set_field(node, "derivation", Derivation(requests[sources], position))


class Together(tuple[Node, ...]):
    """Nodes that are pickled as one table; they come back as a plain tuple."""

    __slots__ = ()

    def __deepcopy__(self, memo: object) -> tuple[Node, ...]:
        return tuple(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _nodes_of, (_table(self), _indices(self))


def op_named(name: str) -> Op:
    """The op that is declared under a name."""
    if name not in OPS:
        raise GraphError(
            f"a pickled node has the op {name!r}, which is not declared here",
            hint="import the module that declares it before the pickle is read",
        )
    return OPS[name]


def _reduce_node(node: Node) -> tuple[Any, ...]:
    return _node_of, (_table((node,)), node.index)


def _reduce_op(op: Op) -> tuple[Any, ...]:
    return op.recipe or (op_named, (op.name,))


copyreg.pickle(Node, _reduce_node)
copyreg.pickle(Op, _reduce_op)
