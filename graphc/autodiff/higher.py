"""Jacobians, Hessians and Hessian-vector products, built from the two modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.dims import Dim
from ..ir.nest import refill
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import ancestors
from ..ops.batching import batched, stacked
from ..ops.control import argument
from ..ops.ranges import eye
from ..ops.shape import moveaxis, reshape
from ..ops.source import ones_like, zeros
from .forward import jvp
from .reverse import as_targets, differentiable_inputs, grad, vjp
from .structure import count_of, structured_jacobian


def jacobian(y: Node, wrt: Any) -> Any:
    """All partial derivatives of `y`: an array of shape `y.shape + wrt.shape`.

    A Jacobian that is a matrix of the graph, a diagonal or blocks comes out as such:
    that of `W @ x` is `W`. Others are the VJP of all unit vectors of the shape of `y`
    at once, or the JVP of those of the shape of `wrt` where they are fewer.

    Args:
        y: a floating node.
        wrt: a node, or a list, tuple or dict of nodes.

    Raises:
        DifferentiationError: `y` or a node of `wrt` is an integer.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.jacobian(x * x, x), {"x": [3.0, 4.0]})
    array([[6., 0.],
           [0., 8.]])
    """
    targets = as_targets(wrt)
    if y.size == 0:
        empty = [zeros((*y.shape, *target.shape), target.dtype) for target in targets]
        return refill(wrt, [node.made_of((y, *targets)) for node in empty])
    found = {target: _structured(y, target) for target in targets}
    others = [target for target, known in found.items() if known is None]
    by_columns = [t for t in others if _has_fewer(t, y)]
    by_rows = [target for target in others if target not in set(by_columns)]
    found |= {target: _columns(y, target) for target in by_columns}
    found |= dict(zip(by_rows, _rows(y, by_rows), strict=True))
    results = [found[target] for target in targets]
    return refill(wrt, [n.made_of((y, *targets)) for n in results if n is not None])


def _has_fewer(node: Node, other: Node) -> bool:
    """True where one node has fewer elements than another, as far as is known."""
    if not _is_static(node):
        return False
    return not _is_static(other) or int(node.size) < int(other.size)


def _is_static(node: Node) -> bool:
    is_one = not isinstance(node.type, TupleType)
    return is_one and not any(isinstance(size, Dim) for size in node.shape)


def _structured(y: Node, target: Node) -> Node | None:
    """The Jacobian carried forward, where that takes no more numbers than by rows."""
    are_static = _is_static(target) and _is_static(y)
    if not are_static or y.size == 1 or target is y:
        return None
    nodes = ancestors((y,), differentiable_inputs)
    sizes = [count_of(n) for n in nodes if not isinstance(n.type, TupleType)]
    return structured_jacobian(y, target, limit=int(y.size) * sum(sizes))


def _unit_seeds(node: Node) -> tuple[Node, Node]:
    """An argument for a cotangent or tangent of a node, and all unit ones."""
    count = node.size
    units = reshape(eye(count, dtype=node.dtype), (count, *node.shape))
    return argument(0, node.type, f"d_{node.name or 'output'}"), units


def _columns(y: Node, target: Node) -> Node:
    """By forward mode along all unit vectors at once."""
    tangent, units = _unit_seeds(target)
    moved = jvp(y, target, tangent)
    (columns,) = _of_all([moved], tangent, units)
    return reshape(moveaxis(columns, 0, -1), (*y.shape, *target.shape))


def _rows(y: Node, targets: Sequence[Node]) -> list[Node]:
    """By reverse mode from all unit vectors at once."""
    if not targets:
        return []
    if y.size == 1:
        rows = vjp(y, list(targets), ones_like(y), unused="zeros")
        return [reshape(row, (*y.shape, *row.shape)) for row in rows]
    cotangent, units = _unit_seeds(y)
    adjoints = vjp(y, list(targets), cotangent, unused="zeros")
    rows = _of_all(adjoints, cotangent, units)
    return [
        reshape(row, (*y.shape, *target.shape))
        for row, target in zip(rows, targets, strict=True)
    ]


def _of_all(outputs: Sequence[Node], seed: Node, units: Node) -> list[Node]:
    """Outputs that depend on a seed, for all unit ones in its place."""
    size = units.shape[0]
    values = batched(outputs, {seed: units}, size, since=seed)
    pairs = zip(outputs, values, strict=True)
    return [stacked(value, output, size) for output, value in pairs]


def hvp(y: Node, wrt: Any, tangents: Any) -> Any:
    """The product of the Hessian of a scalar with tangents, forward over reverse.

    `result[i] = sum_j d2y/(dwrt[i] dwrt[j]) @ tangents[j]`, at the cost of a few
    evaluations of `y` (Pearlmutter 1994, "Fast exact multiplication by the Hessian").

    Args:
        y: a floating scalar node.
        wrt: a node, or a list, tuple or dict of nodes.
        tangents: one array or node for each, of its shape.

    Returns:
        A node for each of `wrt`, of its shape, structured as `wrt`.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.hvp(gc.sum(x**3), x, [1.0, 0.0]), {"x": [3.0, 4.0]})
    array([18.,  0.])
    """
    targets = as_targets(wrt)
    gradients = grad(y, list(targets), unused="zeros")
    return refill(wrt, [jvp(g, wrt, tangents) for g in gradients])


def hessian(y: Node, wrt: Any) -> Any:
    """All second derivatives of a scalar.

    Args:
        y: a floating scalar node.
        wrt: a node, or a list, tuple or dict of nodes.

    Returns:
        An array of shape `wrt.shape + wrt.shape`. Where there are several nodes, the
        blocks of the matrix: for each node, in the structure of `wrt`, the derivatives
        of the gradient by it, in the same structure, so that `hessian(y, [a, b])[0][1]`
        has shape `a.shape + b.shape`.

    Raises:
        DifferentiationError: as `gc.grad` and `gc.jacobian`.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.hessian(x[0] * x[1] ** 2, x), {"x": [3.0, 4.0]})
    array([[0., 8.],
           [8., 6.]])
    """
    gradients = grad(y, list(as_targets(wrt)))
    return refill(wrt, [jacobian(gradient, wrt) for gradient in gradients])
