"""Choices written as products with a mask.

NumPy chooses between two values element by element, and guesses wrong about every
other element of a mask that looks random: `np.where` and `np.copyto(..., where=mask)`
take about ten times as long as a product of the same size. A product is also how a
textbook writes the derivative of a rectifier.

They differ where the value that is not chosen is no number, because `nan * 0` is NaN.
A choice that a user wrote may be there to be rid of it, so where there is one, choices
are rewritten only if the value is a number whatever comes in. Elsewhere the derivative
of a rectifier, a maximum or a clipped value is written as the product that it is by
definition, if what flows back is finite by the way it is computed from parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...ir.facts import PERSISTENT, Role, inputs_that
from ...ir.literal import constant_of, is_constant, uniform_value, without_views
from ...ir.node import Node
from ...ops.arithmetic import WHERE, add, divide, minimum, multiply, sqrt
from ...ops.comparison import invert
from ...ops.exponential import exp
from ...ops.linalg import MATMUL
from ...ops.source import constant
from ..rewriting import Rule, Uses
from ..surroundings import is_of_choice, is_parameter, standing_for
from .values import is_nonnegative

_MOST = 64
"""The number of values that are looked at, so that it stays cheap."""


def is_number(root: Node) -> bool:
    """True where no element can be infinite or NaN, whatever the inputs are."""
    return _all_values(root, _number_if)


def is_finite(root: Node) -> bool:
    """True where every element is known to be finite, short of overflow.

    Nothing is known of inputs: NaN may stand for what is missing. Parameters are
    finite, or their training has failed already.
    """
    return _all_values(root, _finite_if)


def _all_values(root: Node, needs: Callable[[Node], tuple[Node, ...] | None]) -> bool:
    """True where a fact holds of a node, and of all nodes that `needs` names for it."""
    seen: set[Node] = set()
    stack = [root]
    while stack:
        node = without_views(stack.pop())
        if node in seen or node.dtype.kind != "f":
            continue
        seen.add(node)
        needed = needs(node)
        if needed is None or len(seen) > _MOST:
            return False
        stack += needed
    return True


def _number_if(node: Node) -> tuple[Node, ...] | None:
    """Nodes that must be numbers for a node to be one; None where none would do."""
    if is_constant(node) and np.isfinite(constant_of(node)).all():
        return ()
    if node.op.role is Role.FULL and math.isfinite(node.attributes["value"]):
        return ()
    facts = node.op.facts
    return None if facts.overflows else inputs_that(facts.finite, node)


def _finite_if(node: Node) -> tuple[Node, ...] | None:
    """Nodes that must be finite for a node to be so; None where none would do."""
    if node.op.role in {*PERSISTENT, Role.SIZE}:
        return ()
    if values := standing_for(node):
        return values
    if node.op is MATMUL:
        # An infinity or NaN in the other operand is spread over whole rows, so no
        # choice between elements of these would be of use.
        return () if any(map(is_parameter, node.inputs)) else node.inputs
    if node.op is exp.op and _is_bounded_above(node.inputs[0]):
        return node.inputs
    if node.op is sqrt.op and _is_away_from_zero(node):
        return node.inputs
    if node.op is divide.op and _is_away_from_zero(node.inputs[1]):
        return node.inputs
    needed = inputs_that(node.op.facts.finite, node)
    return _number_if(node) if needed is None else needed


def _is_bounded_above(node: Node) -> bool:
    """True where an exponential of a node is known not to overflow."""
    if node.op is not minimum.op:
        return False
    bounds = [uniform_value(value) for value in node.inputs]
    largest = math.log(float(np.finfo(node.dtype).max))
    return any(bound is not None and float(bound) < largest for bound in bounds)


def _is_away_from_zero(node: Node) -> bool:
    """True where every element is known to be at least some positive number."""
    node = without_views(node)
    if node.op is sqrt.op:
        node = without_views(node.inputs[0])
    value = uniform_value(node)
    if value is not None:
        return abs(float(value)) > 0.0
    if node.op is add.op:
        x, y = node.inputs
        return (_is_positive(x) and is_nonnegative(y)) or (
            _is_positive(y) and is_nonnegative(x)
        )
    return node.op.role is Role.SIZE


def _is_positive(node: Node) -> bool:
    value = uniform_value(node)
    return value is not None and math.inf > float(value) > 0.0


def _masked(node: Node, is_safe: Callable[[Node], bool]) -> Node | None:
    """The product that a choice between a value and 0 is."""
    condition, x, y = node.inputs
    for value, other, mask in ((x, y, condition), (y, x, None)):
        zero = uniform_value(other)
        if zero is None or float(zero) != 0.0 or not is_safe(value):
            continue
        found = multiply(value, invert(condition) if mask is None else mask)
        return found if found.type == node.type else None
    return None


def _masked_integers(node: Node, uses: Uses) -> Node | None:
    return _masked(node, is_number) if node.dtype.kind in "iu" else None


def _masked_derivative(node: Node, uses: Uses) -> Node | None:
    if node.dtype.kind != "f" or not node.origin.derivative or uses.shows_signs:
        return None
    # In half precision, what overflows is nothing out of the ordinary.
    strict = is_of_choice(node) or uses.chooses or node.dtype.itemsize < 4
    return _masked(node, is_number if strict else is_finite)


def _of_two_numbers(node: Node, uses: Uses) -> Node | None:
    condition, x, y = node.inputs
    one, other = uniform_value(x), uniform_value(y)
    if one is None or other is None or node.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        difference = np.subtract(one, other, dtype=node.dtype)
        back = [np.add(difference * c, other, dtype=node.dtype) for c in (True, False)]
    # Bit for bit, so that 0.0 does not stand for -0.0.
    exact = all(
        found.tobytes() == value.astype(node.dtype).tobytes()
        for found, value in zip(back, (one, other), strict=True)
    )
    if not exact or not np.isfinite(difference):
        return None
    scaled = multiply(condition, constant(difference, node.dtype))
    found = add(scaled, constant(float(other), node.dtype))
    return found if found.type == node.type else None


MASKS = (
    Rule(
        "where(c, n, 0) -> n * c",
        (WHERE,),
        _masked_integers,
        "for all integers",
    ),
    Rule(
        "where(c, x, 0) -> x * c, in a derivative",
        (WHERE,),
        _masked_derivative,
        "x is a number whatever comes in; or it is finite but for overflow, as a "
        "product with a matrix of parameters or a sum of products of such is, the "
        "choice is that of a rectifier, and nobody wrote another into the graph; "
        "nothing divides by it, as 0 may become -0.0",
        "rounding",
    ),
    Rule(
        "where(c, a, b) -> c * (a - b) + b",
        (WHERE,),
        _of_two_numbers,
        "a and b are numbers, and a - b + b is a without rounding",
    ),
)
