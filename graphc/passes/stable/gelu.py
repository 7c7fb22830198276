"""Products written as `x * (1 + tanh(u)) / 2`, as the usual formula for GELU is.

The factor is a sigmoid, which is quicker to compute and keeps the digits of its left
tail, where `1 + tanh(u)` cancels.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from ...ir.facts import Formula
from ...ir.literal import scalar_value
from ...ir.node import Node
from ...ops.arithmetic import add, divide, multiply, square, subtract
from ...ops.exponential import power, tanh
from .forms import stable
from .matching import View

_MOST_FACTORS = 16
"""Nodes of a product that are looked at: every node of a long one asks again."""
_DEEPEST = 12
_SMALLEST = 1e-3
"""The least size of a number that is left over, and of its inverse."""
_HIGHEST = 3
"""The degree of the polynomials that are looked for."""
_OPERATORS = {
    add.op: operator.add,
    multiply.op: operator.mul,
    subtract.op: operator.sub,
}


def gated_by_tanh(node: Node, view: View) -> Node | None:
    """`x * sigmoid(2*u)`, where a product has the factors `1/2` and `1 + tanh(u)`.

    There is one factor besides, as two of them may overflow where these, multiplied in
    another order, do not. In half precision, derivatives of the cubic would as well.
    """
    if node.dtype.kind != "f" or node.dtype.itemsize < 4:
        return None
    numbers, others, argument = list[float](), list[Node](), None
    stack = [node]
    for _ in range(_MOST_FACTORS):
        if not stack:
            break
        factor = stack.pop()
        if (value := scalar_value(factor)) is not None:
            numbers.append(value)
        elif (scaled := _over_number(factor, view)) is not None:
            numbers.append(1.0 / scaled[1])
            stack.append(scaled[0])
        elif view.match(factor, multiply.op):
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
    result = stable(Formula.SIGMOID, _twice(argument, view))
    for other in others:
        result = multiply(other, result)
    return result if scale == 1.0 else multiply(result, scale)


def _over_number(node: Node, view: View) -> tuple[Node, float] | None:
    """The `x` and `c` of `x / c`."""
    if not view.match(node, divide.op):
        return None
    divisor = scalar_value(node.inputs[1])
    return (node.inputs[0], divisor) if divisor else None


def _one_plus_tanh(node: Node, view: View) -> Node | None:
    """The `u` of `1 + tanh(u)`."""
    inner = view.plus_one(node)
    if inner is None or not view.match(inner, tanh.op):
        return None
    return inner.inputs[0]


def _twice(node: Node, view: View) -> Node:
    """`2 * u`; of `a*x + b*x**3` by Horner's rule."""
    variables: set[Node] = set()
    found = _polynomial(node, view, variables, _DEEPEST)
    if found is not None and len(variables) == 1 and found.order == 3:
        (x,) = variables
        cubic, square_, linear, rest = (2.0 * float(c) for c in found.coeffs)
        if square_ == rest == 0.0 and x.type == node.type:
            return x * (cubic * square(x) + linear)
    return multiply(node, 2.0)


def _polynomial(
    node: Node, view: View, variables: set[Node], depth: int
) -> np.poly1d | None:
    """A node as a polynomial; None of a high degree. All else is a variable."""
    if (value := scalar_value(node)) is not None:
        return np.poly1d([value])
    if depth and view.match(node, *_OPERATORS):
        x, y = (_polynomial(p, view, variables, depth - 1) for p in node.inputs)
        found = None if x is None or y is None else _OPERATORS[node.op](x, y)
    elif depth and (exponent := _exponent(node, view)):
        x = _polynomial(node.inputs[0], view, variables, depth - 1)
        found = None if x is None else x**exponent
    else:
        variables.add(node)
        return np.poly1d([1.0, 0.0])
    return found if found is not None and found.order <= _HIGHEST else None


def _exponent(node: Node, view: View) -> int | None:
    """The `n` of `x**n` that is small enough for a polynomial."""
    if view.match(node, square.op):
        return 2
    value = scalar_value(node.inputs[1]) if view.match(node, power.op) else None
    return int(value) if value in (2.0, 3.0) else None
