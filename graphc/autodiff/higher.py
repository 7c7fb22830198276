"""Jacobians, Hessians and Hessian-vector products, built from the two modes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DifferentiationError
from ..ir.dims import Dim
from ..ir.nest import refill
from ..ir.node import Node
from ..ops.joining import stack
from ..ops.shape import reshape
from ..ops.source import zeros
from .forward import jvp
from .reverse import as_targets, grad, vjp


def jacobian(y: Node, wrt: Any) -> Any:
    """All partial derivatives of `y`: an array of shape `y.shape + wrt.shape`.

    Built from one VJP for each element of `y`, so the graph grows with its size.

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
    rows: list[list[Node]] = []
    for position in range(count):
        cotangent = np.zeros(sizes, y.dtype)
        cotangent.flat[position] = 1
        rows.append(vjp(y, list(targets), cotangent, unused="zeros"))
    results = [
        reshape(stack([row[i] for row in rows]), (*sizes, *target.shape))
        for i, target in enumerate(targets)
    ]
    return refill(wrt, results)


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
