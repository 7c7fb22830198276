"""Sums over all steps of what each adds, without arrays of all terms where possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...ir.node import Node
from ...ops.arithmetic import add, multiply, negative, subtract
from ...ops.contraction import contract
from ...ops.linalg import MATMUL
from ...ops.reduction import SUM, sum
from ...ops.shape import EXPAND_DIMS, RESHAPE, SQUEEZE, TRANSPOSE

_MOVES = (EXPAND_DIMS, RESHAPE, SQUEEZE, TRANSPOSE)
"""Ops that give each element another place: the sum may be taken before them."""


def leaves_of_total(term: Node, is_same: Callable[[Node], bool]) -> list[Node]:
    """The values of which all steps' are needed, for the sum of a term.

    Args:
        term: what each step adds.
        is_same: True for a value that is the same in all steps.
    """
    op = term.op
    if op in _MOVES or op is negative.op:
        return leaves_of_total(term.inputs[0], is_same)
    if _is_sum(term):
        return [leaf for p in term.inputs for leaf in leaves_of_total(p, is_same)]
    if _is_product(term):
        changing = [node for node in term.inputs if not is_same(node)]
        if len(changing) == 1:
            return leaves_of_total(changing[0], is_same)
        strip = _plain if op is MATMUL else _without_ones
        return [strip(node)[0] for node in changing]
    if op is SUM:
        return [term.inputs[0]]
    return [term]


def total_of(
    term: Node,
    stacks: Mapping[Node, Node],
    known: Mapping[Node, Node],
    is_same: Callable[[Node], bool],
) -> Node:
    """The sum of a term over all steps.

    Args:
        term: what each step adds.
        stacks: the values of all steps of its leaves, along a first axis.
        known: the values outside of what is the same in all steps.
        is_same: True for a value that is the same in all steps.
    """

    def total(node: Node) -> Node:
        return total_of(node, stacks, known, is_same)

    op = term.op
    if op in _MOVES or op is negative.op or _is_sum(term):
        return term.with_inputs(tuple(total(parent) for parent in term.inputs))
    if _is_product(term):
        changing = [node for node in term.inputs if not is_same(node)]
        if len(changing) == 1:
            inputs = (
                total(node) if node is changing[0] else known.get(node, node)
                for node in term.inputs
            )
            return term.with_inputs(tuple(inputs))
        return _product(term, stacks)
    if op is SUM:
        axes = (0, *(axis + 1 for axis in term.attributes["axis"]))
        found = SUM(stacks[term.inputs[0]], axis=axes, keepdims=False)
        return found if found.shape == term.shape else found.reshape(term.shape)
    return sum(stacks[term], axis=0)


def _is_sum(node: Node) -> bool:
    """True for a sum or difference of terms that nothing broadcasts."""
    is_either = node.op in (add.op, subtract.op)
    return is_either and all(parent.type == node.type for parent in node.inputs)


def _is_product(node: Node) -> bool:
    """True for a product of which each element is linear in both operands."""
    if node.op is multiply.op:
        return all(p.dtype == node.dtype for p in node.inputs) and _is_covered(node)
    if node.op is not MATMUL:
        return False
    x1, x2 = node.inputs
    return x1.dtype == x2.dtype and x1.ndim <= 2 and x2.ndim <= 2


def _is_covered(node: Node) -> bool:
    """True where nothing but new axes is broadcast, and no axis of the result is new
    in both operands."""
    covered: set[int] = set()
    for parent in node.inputs:
        found, axes = _without_ones(parent)
        places = [axis + node.ndim - parent.ndim for axis in axes]
        if found.shape != tuple(node.shape[place] for place in places):
            return False
        covered.update(places)
    return len(covered) == node.ndim


def _without_ones(node: Node) -> tuple[Node, tuple[int, ...]]:
    """An operand, or what it is with axes of size 1; and the axes of the whole that
    the axes of that are."""
    axes = tuple(range(node.ndim))
    if node.op is EXPAND_DIMS:
        new = {axis % node.ndim for axis in node.attributes["axis"]}
        return node.inputs[0], tuple(axis for axis in axes if axis not in new)
    return node, axes


def _plain(node: Node) -> tuple[Node, bool]:
    """A matrix, or the one that it is the transpose of; and True if it is one."""
    if node.op is TRANSPOSE and node.ndim == 2 and node.attributes["axes"] == (1, 0):
        return node.inputs[0], True
    return node, False


def _product(term: Node, stacks: Mapping[Node, Node]) -> Node:
    """The sum over steps of a product of two values that steps change."""
    x1, x2 = term.inputs
    if term.op is MATMUL:
        left, is_left_turned = _plain(x1)
        right, is_right_turned = _plain(x2)
        rows = ("row",) if x1.ndim == 2 else ()
        columns = ("column",) if x2.ndim == 2 else ()
        first, second = (*rows, "inner"), ("inner", *columns)
        first = first[::-1] if is_left_turned else first
        second = second[::-1] if is_right_turned else second
        wanted = (*rows, *columns)
    else:
        left, places = _without_ones(x1)
        right, others = _without_ones(x2)
        ahead, behind = term.ndim - x1.ndim, term.ndim - x2.ndim
        first = tuple(str(place + ahead) for place in places)
        second = tuple(str(place + behind) for place in others)
        wanted = tuple(str(axis) for axis in range(term.ndim))
    return contract(
        stacks[left], ("step", *first), stacks[right], ("step", *second), wanted
    )
