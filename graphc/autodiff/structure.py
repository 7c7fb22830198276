"""Jacobians that come out as what they are: a matrix, a diagonal, blocks.

The Jacobian of a node by a variable is carried forward through the graph as a value of
shape `node.shape + variable.shape`, but as one of the variable's shape where it is
diagonal, which elementwise ops keep. So that of `W @ x` is `W`, and that of `relu(x)`
the diagonal matrix of its slopes, with no product with unit vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..ir.dims import Dim
from ..ir.facts import Role
from ..ir.node import Node
from ..ir.op import Op
from ..ir.origin import Derivative, derived
from ..ir.types import has_derivatives
from ..ir.walk import ancestors, meaning_of, topological_order
from ..ops.diagonals import diag
from ..ops.einsum import einsum
from ..ops.indexing import GETITEM
from ..ops.joining import CONCATENATE, concatenate
from ..ops.linalg import MATMUL
from ..ops.products import VECDOT
from ..ops.ranges import eye
from ..ops.reduction import MEAN, SUM
from ..ops.shape import (
    BROADCAST_TO,
    EXPAND_DIMS,
    RESHAPE,
    SQUEEZE,
    TRANSPOSE,
    broadcast_to,
    reshape,
    transpose,
)
from ..ops.slices import Slice
from ..ops.source import ASTYPE, astype, ones_like, zeros
from .reverse import differentiable_inputs

NAMED = 64
"""Numbers that a named size stands for, where costs are compared."""


def count_of(node: Node) -> int:
    """The number of elements of a node, or a guess."""
    return math.prod(NAMED if isinstance(d, Dim) else int(d) for d in node.shape)


class UnstructuredError(Exception):
    """An op on the way has no rule here."""


@dataclass(frozen=True, eq=False)
class Diagonal:
    """The Jacobian of a node of the variable's shape, each element by its own."""

    value: Node | None
    """The diagonal, of the variable's shape; None for ones."""


@dataclass(frozen=True, eq=False)
class Dense:
    """The Jacobian in full, of shape `node.shape + variable.shape`."""

    value: Node


Part = Diagonal | Dense


def structured_jacobian(y: Node, x: Node, limit: int) -> Node | None:
    """The Jacobian of `y` by `x`, of shape `y.shape + x.shape`.

    Args:
        y, x: nodes of integer dimensions.
        limit: numbers that Jacobians on the way may have, all together.

    Returns:
        None where an op on the way has no rule, or there would be more numbers.
    """
    order = topological_order(
        ancestors((y,), differentiable_inputs), differentiable_inputs
    )
    run = _Run(x, limit)
    for node in order:
        try:
            run.visit(node)
        except UnstructuredError:
            return None
    part = run.parts.get(y)
    if part is None:
        return zeros((*y.shape, *x.shape), y.dtype)
    with derived(y, "jacobian", derivative=Derivative(y, "forward")):
        return astype(run.full(part), y.dtype)


class _Run:
    """The Jacobians by one variable of the nodes that depend on it."""

    def __init__(self, x: Node, limit: int) -> None:
        self.x, self.left = x, limit
        self.parts: dict[Node, Part] = {x: Diagonal(None)}

    def visit(self, node: Node) -> None:
        """Find the Jacobian of a node from those of its inputs."""
        if node in self.parts or not has_derivatives(node.type):
            return
        inputs = differentiable_inputs(node)
        if not any(parent in self.parts for parent in inputs):
            return
        if node.op.role is Role.RESULT or node.op.bodies:
            raise UnstructuredError
        if node.op.is_block and node.op.vjp is None:
            self.parts[node] = self.parts[meaning_of(node)[0]]
            return
        if node.op.vjp is None:
            return
        with derived(node, "jacobian", derivative=Derivative(node, "forward")):
            part = self._part(node)
        if part is not None:
            self.parts[node] = part
            if isinstance(part, Dense):
                self.left -= count_of(part.value)
            if self.left < 0:
                raise UnstructuredError

    def _part(self, node: Node) -> Part | None:
        if node.op.jvp == "diagonal":
            return self._elementwise(node)
        rule = _RULES.get(node.op)
        if rule is None:
            raise UnstructuredError
        return rule(self, node)

    def full(self, part: Part) -> Node:
        """A Jacobian in full."""
        if isinstance(part, Dense):
            return part.value
        shape = (*self.x.shape, *self.x.shape)
        if part.value is None:
            return reshape(eye(self.x.size, dtype=self.x.dtype), shape)
        value = part.value
        if not value.ndim:
            return value
        return reshape(diag(reshape(value, (-1,))), shape)

    def dense(self, node: Node) -> Node:
        """The Jacobian of an input in full; zeros where it does not move."""
        part = self.parts.get(node)
        if part is None:
            return zeros((*node.shape, *self.x.shape), node.dtype)
        return self.full(part)

    def _elementwise(self, node: Node) -> Part | None:
        unit = ones_like(node)
        slopes = node.op.adjoints(unit, node, node.inputs)
        found: Part | None = None
        for parent, slope in zip(node.inputs, slopes, strict=True):
            if parent in self.parts and slope is not None:
                term = self._scaled(node, parent, slope)
                found = term if found is None else self._sum(found, term)
        return found

    def _scaled(self, node: Node, parent: Node, slope: Node) -> Part:
        part = self.parts[parent]
        slope = broadcast_to(slope, node.shape)
        if isinstance(part, Diagonal) and parent.shape == node.shape:
            return Diagonal(slope if part.value is None else slope * part.value)
        trailing = self.x.shape
        lead = (1,) * (node.ndim - parent.ndim)
        jacobian = reshape(self.full(part), (*lead, *parent.shape, *trailing))
        factor = reshape(slope, (*node.shape, *(1,) * len(trailing)))
        return Dense(factor * jacobian)

    def _sum(self, a: Part, b: Part) -> Part:
        if isinstance(a, Diagonal) and isinstance(b, Diagonal):
            one, other = (
                ones_like(self.x) if part.value is None else part.value
                for part in (a, b)
            )
            return Diagonal(one + other)
        return Dense(self.full(a) + self.full(b))


Rule = Callable[[_Run, Node], Part | None]


def _cast(run: _Run, node: Node) -> Part:
    part = run.parts[node.inputs[0]]
    if isinstance(part, Diagonal):
        value = None if part.value is None else astype(part.value, node.dtype)
        return Diagonal(value)
    return Dense(astype(part.value, node.dtype))


def _same_attributes(run: _Run, node: Node) -> Part:
    """Axes are counted from the first, so that those of the variable come after."""
    return Dense(node.op.build((run.dense(node.inputs[0]),), node.attributes))


def _to_shape(run: _Run, node: Node) -> Part:
    return Dense(reshape(run.dense(node.inputs[0]), (*node.shape, *run.x.shape)))


def _broadcast(run: _Run, node: Node) -> Part:
    parent = node.inputs[0]
    lead = (1,) * (node.ndim - parent.ndim)
    trailing = run.x.shape
    jacobian = reshape(run.dense(parent), (*lead, *parent.shape, *trailing))
    return Dense(broadcast_to(jacobian, (*node.shape, *trailing)))


def _transposed(run: _Run, node: Node) -> Part:
    jacobian = run.dense(node.inputs[0])
    axes: tuple[int, ...] = node.attributes["axes"]
    return Dense(transpose(jacobian, (*axes, *range(node.ndim, jacobian.ndim))))


def _reduced(run: _Run, node: Node) -> Part:
    parent = node.inputs[0]
    axes = node.attributes["axis"]
    axes = tuple(range(parent.ndim)) if axes is None else axes
    part = run.parts[parent]
    if isinstance(part, Diagonal) and set(axes) == {*range(parent.ndim)}:
        # Each element of the variable is in the sum once.
        value = ones_like(run.x) if part.value is None else part.value
        value = value if node.op is SUM else value / parent.size
        return Dense(reshape(value, (*node.shape, *run.x.shape)))
    attributes = {**node.attributes, "axis": axes}
    return Dense(node.op.build((run.full(part),), attributes))


def _joined(run: _Run, node: Node) -> Part:
    axis: int = node.attributes["axis"]
    parts = [astype(run.dense(parent), node.dtype) for parent in node.inputs]
    return Dense(concatenate(parts, axis))


def _indexed(run: _Run, node: Node) -> Part:
    if len(node.inputs) != 1:
        raise UnstructuredError
    index = tuple(
        slice(item.start, item.stop, item.step) if isinstance(item, Slice) else item
        for item in node.attributes["index"]
    )
    return Dense(run.dense(node.inputs[0])[index])


def _vector_product(run: _Run, node: Node) -> Part:
    if any(parent.ndim != 1 for parent in node.inputs):
        raise UnstructuredError
    return _total(
        run,
        node,
        lambda a, other: einsum("j,jt->t", other, a),
        lambda value, other: other if value is None else value * other,
    )


def _product(run: _Run, node: Node) -> Part:
    """Of two matrices, or a matrix and a vector."""
    left, right = node.inputs
    ranks = left.ndim, right.ndim
    if ranks == (1, 1):
        return _vector_product(run, node)
    if ranks not in ((1, 2), (2, 1), (2, 2)):
        raise UnstructuredError
    rows, columns = ("" if left.ndim == 1 else "i"), ("" if right.ndim == 1 else "k")
    terms: list[Node] = []
    for position, (parent, other) in enumerate(((left, right), (right, left))):
        part = run.parts.get(parent)
        if part is None:
            continue
        matrix = other if position else transpose(other) if other.ndim == 2 else other
        if isinstance(part, Diagonal) and parent.ndim == 1:
            # Of `W @ x` it is `W`, and of `x @ W` its transpose.
            terms.append(matrix if part.value is None else matrix * part.value)
            continue
        if isinstance(part, Diagonal):
            terms.append(_blocks(part.value, node, matrix, position))
            continue
        spread = reshape(part.value, (*parent.shape, -1))
        own = f"{rows}j" if position == 0 else f"j{columns}"
        others = f"j{columns}" if position == 0 else f"{rows}j"
        product = einsum(f"{own}t,{others}->{rows}{columns}t", spread, other)
        terms.append(reshape(product, (*node.shape, *run.x.shape)))
    return Dense(_added(terms))


def _blocks(value: Node | None, node: Node, matrix: Node, position: int) -> Node:
    """The Jacobian of a product by a matrix of which row `i` makes row `i` of the
    product, or column `k` column `k`: the other factor, once for each of them.

    Args:
        value: the diagonal by which the matrix moves; None for ones.
        node: the product.
        matrix: the Jacobian of one row, or column.
        position: 0 where rows make rows, 1 where columns make columns.
    """
    kept = eye(node.shape[position and -1], dtype=node.dtype)
    if not position:
        # (i, k, i', j)
        lead, tail = "k" if node.ndim == 2 else "", "j"
        found = einsum(f"iI,{lead}j->i{lead}I{tail}", kept, matrix)
    else:
        # (i, k, j, k')
        lead = "i" if node.ndim == 2 else ""
        found = einsum(f"{lead}j,kK->{lead}kjK", matrix, kept)
    return found if value is None else found * value


def _total(
    run: _Run,
    node: Node,
    of_dense: Callable[[Node, Node], Node],
    of_diagonal: Callable[[Node | None, Node], Node],
) -> Part:
    """The sum over both factors of a product, one moving and the other not."""
    terms: list[Node] = []
    for parent, other in (node.inputs, node.inputs[::-1]):
        part = run.parts.get(parent)
        if isinstance(part, Diagonal):
            terms.append(of_diagonal(part.value, other))
        elif part is not None:
            spread = reshape(part.value, (*parent.shape, -1))
            terms.append(reshape(of_dense(spread, other), run.x.shape))
    return Dense(_added(terms))


def _added(terms: Sequence[Node]) -> Node:
    total, *others = terms
    for term in others:
        total = total + term
    return total


_RULES: Mapping[Op, Rule] = {
    ASTYPE: _cast,
    BROADCAST_TO: _broadcast,
    CONCATENATE: _joined,
    EXPAND_DIMS: _same_attributes,
    GETITEM: _indexed,
    MATMUL: _product,
    MEAN: _reduced,
    RESHAPE: _to_shape,
    SQUEEZE: _same_attributes,
    SUM: _reduced,
    TRANSPOSE: _transposed,
    VECDOT: _vector_product,
}
