"""Facts about a node's value that hold for all data: constants, signs."""

from __future__ import annotations

import numpy as np

from ...ir.facts import Role, inputs_that
from ...ir.literal import constant_of, is_constant, without_views
from ...ir.node import Node
from ...ops.arithmetic import add, multiply, subtract
from ...ops.exponential import log, log2, log10
from ...ops.products import VECDOT

_LARGEST = 1024
_DEPTH = 6


def is_nonnegative(node: Node, depth: int = _DEPTH) -> bool:
    """True where each element is known to be NaN or in [+0, inf], and so never -0.0."""
    node = without_views(node)
    if node.dtype.kind in "bu" or node.op.role is Role.SIZE:
        return True
    if node.op.role is Role.FULL:
        return not np.signbit(node.attributes["value"])
    if is_constant(node):
        array = constant_of(node)
        return array.size <= _LARGEST and not np.signbit(array).any()
    facts = node.op.facts
    needed = inputs_that(facts.nonnegative, node)
    # What is so for all numbers is not so for the smallest integer.
    if node.dtype.kind == "i" and (facts.overflows or not needed):
        return False
    if node.op in _PRODUCTS and node.inputs[0] is node.inputs[1]:
        return True
    return needed is not None and all(
        depth > 0 and is_nonnegative(value, depth - 1) for value in needed
    )


_PRODUCTS = (multiply.op, VECDOT)
_LOGARITHMS = (log.op, log2.op, log10.op)


def never_negative_zero(node: Node, depth: int = _DEPTH) -> bool:
    """True where no element can be -0.0."""
    if node.dtype.kind != "f" or is_nonnegative(node, depth):
        return True
    node = without_views(node)
    if is_constant(node):
        array = constant_of(node)
        return array.size <= _LARGEST and not (np.signbit(array) & (array == 0)).any()
    if node.op in _LOGARITHMS:
        return True
    # Rounded to nearest, only -0.0 + -0.0 and -0.0 - 0.0 are -0.0.
    terms = node.inputs if node.op is add.op else ()
    terms = node.inputs[:1] if node.op is subtract.op else terms
    return depth > 0 and any(never_negative_zero(term, depth - 1) for term in terms)
