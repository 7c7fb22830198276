"""What is written as `x * (1 + tanh(u)) / 2`, as the usual formula for GELU is.

The factor is a sigmoid, which is quicker to compute and keeps the digits of its left
tail, where `1 + tanh(u)` cancels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...ir.node import Node
from ...ir.op import OPS
from ...ops.arithmetic import multiply, square
from ..algebra.values import uniform_value
from .matching import View

_MOST_FACTORS = 16
"""Nodes of a product that are looked at: every node of a long one asks again."""
_DEEPEST = 12
_SMALLEST = 1e-3
"""What a number that is left over may be, and its inverse."""
_HIGHEST = 3
"""The degree of the polynomials that are looked for."""


def sigmoid_gate(node: Node, view: View) -> Node | None:
    """`x * sigmoid(2*u)`, where a product has the factors `1/2` and `1 + tanh(u)`.

    There is one factor besides, as two of them may overflow where these, multiplied in
    another order, do not. In half precision, derivatives of the cubic would as well.
    """
    if node.dtype.kind != "f" or node.dtype.itemsize < 4 or "sigmoid" not in OPS:
        return None
    numbers, others, argument = list[float](), list[Node](), None
    stack = [node]
    for _ in range(_MOST_FACTORS):
        if not stack:
            break
        factor = stack.pop()
        if (value := _number(factor)) is not None:
            numbers.append(value)
        elif (scaled := _over_number(factor, view)) is not None:
            numbers.append(1.0 / scaled[1])
            stack.append(scaled[0])
        elif view.match(factor, "multiply"):
            stack.extend(reversed(factor.inputs))
        elif argument is None and (u := _one_plus_tanh(factor, view)) is not None:
            argument = u
        else:
            others.append(factor)
    if argument is None or not numbers or stack or len(others) > 1:
        return None
    scale = 2.0 * math.prod(numbers)
    if not _SMALLEST <= abs(scale) <= 1.0 / _SMALLEST:
        return None
    result = OPS["sigmoid"](_twice(argument, view))
    for other in others:
        result = multiply(other, result)
    return result if scale == 1.0 else multiply(result, scale)


def _number(node: Node) -> float | None:
    value = None if node.shape else uniform_value(node)
    return None if value is None else float(value)


def _over_number(node: Node, view: View) -> tuple[Node, float] | None:
    """The `x` and `c` of `x / c`."""
    if not view.match(node, "divide"):
        return None
    divisor = _number(node.inputs[1])
    return (node.inputs[0], divisor) if divisor else None


def _one_plus_tanh(node: Node, view: View) -> Node | None:
    """The `u` of `1 + tanh(u)`."""
    inner = view.plus_one(node)
    if inner is None or not view.match(inner, "tanh"):
        return None
    return inner.inputs[0]


def _twice(node: Node, view: View) -> Node:
    """`2 * u`; of `a*x + b*x**3` by Horner's rule."""
    variables: dict[Node, None] = {}
    found = _polynomial(node, view, variables, _DEEPEST)
    if found is None or len(variables) != 1 or set(found) != {1, 3}:
        return multiply(node, 2.0)
    (x,) = variables
    if x.type != node.type:
        return multiply(node, 2.0)
    return x * (2.0 * found[3] * square(x) + 2.0 * found[1])


_Polynomial = Mapping[int, float]
"""Coefficients by degree."""


def _polynomial(
    node: Node, view: View, variables: dict[Node, None], depth: int
) -> _Polynomial | None:
    """A node as a polynomial; what is none is a variable. None of a high degree."""
    if (value := _number(node)) is not None:
        return {0: value}
    name = node.op.name if view.match(node, node.op.name) and depth else ""
    if name in ("add", "subtract", "multiply"):
        x, y = (_polynomial(p, view, variables, depth - 1) for p in node.inputs)
        if x is None or y is None:
            return None
        if name == "multiply":
            return _product(x, y)
        return _sum(x, y, 1.0 if name == "add" else -1.0)
    if name == "square" or (name == "power" and _number(node.inputs[1]) == 2.0):
        x = _polynomial(node.inputs[0], view, variables, depth - 1)
        return None if x is None else _product(x, x)
    if name == "power" and _number(node.inputs[1]) == 3.0:
        x = _polynomial(node.inputs[0], view, variables, depth - 1)
        square_of = None if x is None else _product(x, x)
        return None if x is None or square_of is None else _product(square_of, x)
    variables[node] = None
    return {1: 1.0}


def _sum(x: _Polynomial, y: _Polynomial, sign: float) -> _Polynomial:
    return {d: x.get(d, 0.0) + sign * y.get(d, 0.0) for d in {**x, **y}}


def _product(x: _Polynomial, y: _Polynomial) -> _Polynomial | None:
    found: dict[int, float] = {}
    for left, a in x.items():
        for right, b in y.items():
            found[left + right] = found.get(left + right, 0.0) + a * b
    return found if max(found) <= _HIGHEST else None
