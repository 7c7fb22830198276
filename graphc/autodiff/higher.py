"""Jacobians, Hessians and Hessian-vector products, built from the two modes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import DifferentiationError
from ..ir.dims import Dim
from ..ir.nest import refill
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import ancestors
from ..ops.joining import stack
from ..ops.shape import reshape
from ..ops.source import zeros
from .forward import jvp
from .reverse import as_targets, differentiable_inputs, grad, vjp
from .structure import count_of, structured_jacobian


def jacobian(y: Node, wrt: Any) -> Any:
    """All partial derivatives of `y`: an array of shape `y.shape + wrt.shape`.

    A Jacobian that is a matrix of the graph, a diagonal or blocks comes out as such:
    that of `W @ x` is `W`. Others are built from one VJP for each element of `y`, or
    one JVP for each of `wrt` where those are fewer, so that the graph grows with it.

    Args:
        y: a floating node of integer dimensions.
        wrt: a node, or a list, tuple or dict of nodes.

    Raises:
        DifferentiationError: a dimension of `y` is known only at run time.

    >>> import graphc as gc
    >>> x = gc.input("x", (2,), "float64")
    >>> gc.evaluate(gc.jacobian(x * x, x), {"x": [3.0, 4.0]})
    array([[6., 0.],
           [0., 8.]])
    """
    if any(isinstance(size, Dim) for size in y.shape):
        raise DifferentiationError(
            f"jacobian requires integer dimensions, got {y.type}",
            node=y.describe(),
            hint="gc.vjp or gc.jvp, which never form the matrix",
        )
    targets = as_targets(wrt)
    sizes = tuple(int(size) for size in y.shape)
    count = math.prod(sizes)
    if not count:
        empty = [zeros((*sizes, *target.shape), target.dtype) for target in targets]
        return refill(wrt, [node.made_of((y, *targets)) for node in empty])
    found = {target: _structured(y, target) for target in targets}
    others = [target for target, known in found.items() if known is None]
    by_columns = [t for t in others if _is_static(t) and int(t.size) < count]
    by_rows = [target for target in others if target not in set(by_columns)]
    found |= {target: _columns(y, target) for target in by_columns}
    found |= dict(zip(by_rows, _rows(y, by_rows), strict=True))
    results = [found[target] for target in targets]
    return refill(wrt, [n.made_of((y, *targets)) for n in results if n is not None])


def _is_static(node: Node) -> bool:
    is_one = not isinstance(node.type, TupleType)
    return is_one and not any(isinstance(size, Dim) for size in node.shape)


def _structured(y: Node, target: Node) -> Node | None:
    """The Jacobian carried forward, where that takes no more numbers than by rows."""
    if not _is_static(target) or y.size == 1 or target is y:
        return None
    nodes = ancestors((y,), differentiable_inputs)
    sizes = [count_of(n) for n in nodes if not isinstance(n.type, TupleType)]
    return structured_jacobian(y, target, limit=int(y.size) * sum(sizes))


def _units(node: Node) -> Iterator[np.ndarray[Any, Any]]:
    """Arrays of the type of a node, each with a single 1."""
    for position in range(int(node.size)):
        unit = np.zeros(node.shape, node.dtype)
        unit.flat[position] = 1
        yield unit


def _columns(y: Node, target: Node) -> Node:
    columns = [jvp(y, target, unit) for unit in _units(target)]
    return reshape(stack(columns, axis=-1), (*y.shape, *target.shape))


def _rows(y: Node, targets: Sequence[Node]) -> list[Node]:
    if not targets:
        return []
    rows = [vjp(y, list(targets), unit, unused="zeros") for unit in _units(y)]
    return [
        reshape(stack([row[i] for row in rows]), (*y.shape, *target.shape))
        for i, target in enumerate(targets)
    ]


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
