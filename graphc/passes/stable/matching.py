"""Recognition of exponentials, softmax, sigmoid, and of their logarithms.

A textbook writes the same value in many ways. Everything here answers one of two
questions about a node: is it written as this function of something, and how is its
logarithm computed without leaving the range of floats?
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set

import numpy as np

from ...ir.dims import Dimension, Shape
from ...ir.facts import Formula
from ...ir.literal import constant_of, is_constant, is_uniform, uniform_value
from ...ir.node import Node
from ...ir.op import Op
from ...ir.walk import Numbering, identity_key
from ...ops.along_axis import TAKE_ALONG_AXIS
from ...ops.arithmetic import (
    WHERE,
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    sqrt,
    subtract,
    where,
)
from ...ops.comparison import isfinite
from ...ops.exponential import exp, log, logaddexp, power
from ...ops.extrema import MAX, MAX_FROM, largest_along
from ...ops.indexing import GETITEM
from ...ops.products import PROD
from ...ops.reduction import SUM
from ...ops.reduction import sum as sum_along
from ...ops.shape import (
    EXPAND_DIMS,
    RESHAPE,
    SQUEEZE,
    TRANSPOSE,
    reshape,
    squeeze,
    transpose,
)
from ...ops.source import ARANGE, STOP_GRADIENT, astype, stop_gradient
from ..algebra.values import never_negative_zero
from .forms import computes, stable

_RESHAPING = (EXPAND_DIMS, RESHAPE, SQUEEZE)
_DEEPEST = 12


class View:
    """The graph as rules see it: some nodes are not to be looked into.

    A node that a derivative is taken by is such a node. A rewrite that bypassed it
    would leave nothing of the function to differentiate by it.
    """

    def __init__(self, opaque: Set[Node], shows_signs: Callable[[], bool]) -> None:
        """
        Args:
            opaque: the nodes that are not to be looked into.
            shows_signs: tells whether the sign of a zero matters at the node that is
                being rewritten.
        """
        self._opaque = opaque
        self._shows_signs = shows_signs
        self._number = Numbering(leaf=self._leaf_key)
        self._logs: dict[tuple[Node, int], Node | None] = {}

    def match(self, node: Node, *ops: Op) -> bool:
        """True for a node of one of these ops that may be looked into."""
        return node.op in ops and node not in self._opaque

    def is_stable(self, node: Node, *formulas: Formula) -> bool:
        """True for the stable form of a formula, if it may be looked into."""
        declared = any(computes(node.op, formula) for formula in formulas)
        return declared and node not in self._opaque

    def same(self, a: Node, b: Node) -> bool:
        """True for two nodes that are written alike down to nodes that they share."""
        return a is b or self._number(a) == self._number(b)

    def _leaf_key(self, node: Node) -> Hashable | None:
        return node.index if node in self._opaque else identity_key(node)

    def positive_zeros(self, node: Node, argument: Node) -> Node:
        """`node`, zero where `argument` is, without -0.0 where that could be told."""
        if never_negative_zero(argument) or not self._shows_signs():
            return node
        return node + 0.0

    # What a node is written as

    def exp_of(self, node: Node) -> Node | None:
        """The `t` of `exp(t)`."""
        if node.dtype.kind != "f" or not self.match(node, exp.op):
            return None
        # Of integers, in the dtype that their exponential is computed in.
        return astype(node.inputs[0], node.dtype)

    def plus_one(self, node: Node) -> Node | None:
        """The `u` of `1 + u`, which integers may wrap."""
        return self._beside(node, add.op, 1.0) if node.dtype.kind == "f" else None

    def _beside(self, node: Node, op: Op, number: float) -> Node | None:
        """The operand of a sum or product whose other operand is a number."""
        if self.match(node, op):
            for one, other in (node.inputs, node.inputs[::-1]):
                if is_uniform(one, number) and other.type == node.type:
                    return other
        return None

    def one_minus(self, node: Node) -> Node | None:
        """The `u` of `1 - u`."""
        if self.match(node, subtract.op) and is_uniform(node.inputs[0], 1.0):
            floating = node.dtype.kind == "f"
            u = node.inputs[1]
            return u if floating and u.type == node.type else None
        other = self.plus_one(node)
        if other is not None and self.match(other, negative.op):
            return other.inputs[0]
        return None

    def inverse_of(self, node: Node) -> Node | None:
        """The `d` of `1 / d`."""
        if self.match(node, reciprocal.op):
            return node.inputs[0]
        if self.match(node, divide.op) and is_uniform(node.inputs[0], 1.0):
            return node.inputs[1] if node.inputs[1].type == node.type else None
        if self.match(node, power.op) and is_uniform(node.inputs[1], -1.0):
            return node.inputs[0] if node.inputs[0].type == node.type else None
        return None

    def negated(self, node: Node) -> Node | None:
        """The `x` of `-x`."""
        if self.match(node, negative.op):
            return node.inputs[0]
        return self._beside(node, multiply.op, -1.0)

    def opposite(self, node: Node) -> Node:
        """`-x`, which is `y` where `x` is written as `-y`."""
        found = self.negated(node)
        return negative(node) if found is None else found

    def sigmoid_of(self, node: Node) -> Node | None:
        """The `x` of `1 / (1 + exp(-x))` or `exp(x) / (1 + exp(x))`."""
        if self.is_stable(node, Formula.SIGMOID):
            return node.inputs[0]
        denominator = self.inverse_of(node)
        if denominator is not None:
            exponent = self._exp_plus_one(denominator)
            return None if exponent is None else self.opposite(exponent)
        if self.match(node, divide.op):
            above = self.exp_of(node.inputs[0])
            below = self._exp_plus_one(node.inputs[1])
            if above is not None and below is not None and self.same(above, below):
                return above
        return None

    def _exp_plus_one(self, node: Node) -> Node | None:
        other = self.plus_one(node)
        return None if other is None else self.exp_of(other)

    def tanh_of(self, node: Node) -> Node | None:
        """The `x` of `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`."""
        if not self.match(node, divide.op):
            return None
        above, below = node.inputs
        if not (self.match(above, subtract.op) and self.match(below, add.op)):
            return None
        terms = [self.exp_of(term) for term in (*above.inputs, *below.inputs)]
        x, minus_x = terms[:2]
        if x is None or minus_x is None:
            return None
        negated = self.negated(minus_x)
        if negated is None or not self.same(negated, x):
            return None
        for first, second in (terms[2:], terms[:1:-1]):
            if first is None or second is None:
                return None
            if self.same(first, x) and self.same(second, minus_x):
                return x
        return None

    def _without_reshapes(self, node: Node) -> Node:
        for _ in range(_DEEPEST):
            if not self.match(node, *_RESHAPING, GETITEM):
                break
            if node.op is GETITEM and not _only_new_axes(node):
                break
            node = node.inputs[0]
        return node

    def softmax_of(self, node: Node) -> tuple[Node, tuple[int, ...]] | None:
        """The `t` and axes of `exp(t) / sum(exp(t), axes, keepdims=True)`."""
        if self.is_stable(node, Formula.SOFTMAX, Formula.SOFTMAX_QUOTIENT):
            return node.inputs[0], (node.attributes["axis"],)
        if self.match(node, divide.op):
            return self._quotient(node, *node.inputs)
        if self.match(node, multiply.op):
            for above, factor in (node.inputs, node.inputs[::-1]):
                if (below := self.inverse_of(factor)) is not None:
                    return self._quotient(node, above, below)
        return None

    def _quotient(
        self, node: Node, above: Node, below: Node
    ) -> tuple[Node, tuple[int, ...]] | None:
        """The `t` and axes of a quotient, also of `exp(t).T / exp(t).sum(axis=1)`.

        The sum has to broadcast as with `keepdims=True`, whatever way its axes of size
        1 were kept or restored.
        """
        powers, order = above, tuple(range(above.ndim))
        if self.match(above, TRANSPOSE):
            powers, order = above.inputs[0], above.attributes["axes"]
        core = self._without_reshapes(below)
        exponent = self.exp_of(powers)
        summed = self.exp_of(core.inputs[0]) if self.match(core, SUM) else None
        if exponent is None or summed is None or not self.same(exponent, summed):
            return None
        reduced: tuple[int, ...] = core.attributes["axis"]
        left = [order.index(a) for a in range(exponent.ndim) if a not in reduced]
        axes = tuple(sorted(order.index(axis) for axis in reduced))
        padded = (1,) * (above.ndim - below.ndim) + below.shape
        aligned = left == sorted(left) and padded == _kept(above.shape, axes)
        if not aligned or above.type != node.type:
            return None
        return (exponent if powers is above else transpose(exponent, order)), axes

    def picked_log_softmax_of(self, node: Node) -> tuple[Node, Node] | None:
        """The `x` and `labels` of `log_softmax(x)[arange(rows), labels]`."""
        if not self.match(node, GETITEM, TAKE_ALONG_AXIS):
            return None
        logs, *arrays = node.inputs
        if not self.is_stable(logs, Formula.LOG_SOFTMAX) or logs.ndim > 2 or not arrays:
            return None
        labels = arrays[-1]
        axis: int = logs.attributes["axis"]
        if axis != logs.ndim - 1:
            return None
        if node.op is TAKE_ALONG_AXIS:
            if node.attributes["axis"] != axis or node.shape != _kept(
                logs.shape, (axis,)
            ):
                return None
            return logs.inputs[0], squeeze(labels, axis)
        whole = len(arrays) == logs.ndim and node.shape == logs.shape[:axis]
        if not whole or any(not _counts(a, logs.shape[0]) for a in arrays[:axis]):
            return None
        return logs.inputs[0], labels

    def unshifted(self, exponent: Node, axes: tuple[int, ...]) -> Node | None:
        """The `x` of `x - max(x, axes)`."""
        if not self.match(exponent, subtract.op):
            return None
        x, shift = exponent.inputs
        for _ in range(_DEEPEST):
            if shift.op is WHERE and shift.inputs[0].op is isfinite.op:
                shift = shift.inputs[1]
            elif shift.op in _RESHAPING or shift.op is STOP_GRADIENT:
                shift = shift.inputs[0]
            else:
                break
        whole = shift.op in (MAX, MAX_FROM) and shift.attributes["axis"] == axes
        return x if whole and self.same(shift.inputs[0], x) else None

    # How the logarithm of a node is computed

    def log_of(self, node: Node, depth: int = _DEEPEST) -> Node | None:
        """The logarithm of a node in a stable form; None where none is known.

        Every node with such a form is positive wherever it is a number.
        """
        if depth == _DEEPEST:
            self._logs.clear()
        # Remembered, as what is multiplied by itself would double with each level.
        if (node, depth) not in self._logs:
            self._logs[node, depth] = self._log_of(node, depth)
        return self._logs[node, depth]

    def _log_of(self, node: Node, depth: int) -> Node | None:
        if depth == 0 or node.dtype.kind != "f":
            return None
        if (x := self.exp_of(node)) is not None:
            return x
        if (x := self.sigmoid_of(node)) is not None:
            return stable(Formula.LOG_SIGMOID, x)
        if (found := self.softmax_of(node)) is not None:
            x = self.unshifted(*found)
            return log_softmax(found[0] if x is None else x, found[1])
        if (result := self._log_of_sum(node)) is not None:
            return result
        if (result := self._log_of_reduction(node, depth)) is not None:
            return result
        return self._log_of_composite(node, depth)

    def _log_of_sum(self, node: Node) -> Node | None:
        u = self.one_minus(node)
        x = None if u is None else self.sigmoid_of(u)
        if x is not None:
            return negative(stable(Formula.SOFTPLUS, x))
        if not self.match(node, add.op):
            return None
        left, right = node.inputs
        terms = [self._log_of_term(term, node) for term in (left, right)]
        if terms[0] is None or terms[1] is None:
            return None
        if uniform_value(left) is not None:
            left, right = right, left
            terms.reverse()
        if is_uniform(right, 1.0) and terms[0].type == node.type:
            return stable(Formula.SOFTPLUS, terms[0])
        return logaddexp(terms[0], terms[1])

    def _log_of_term(self, term: Node, whole: Node) -> Node | None:
        exponent = self.exp_of(term)
        return _log_of_constant(term, whole) if exponent is None else exponent

    def _log_of_reduction(self, node: Node, depth: int) -> Node | None:
        if self.match(node, PROD):
            inner = self.log_of(node.inputs[0], depth - 1)
            if inner is None:
                return None
            return SUM.build((inner,), node.attributes)
        if not self.match(node, SUM):
            return None
        exponent = self.exp_of(node.inputs[0])
        axes: tuple[int, ...] = node.attributes["axis"]
        if exponent is None or not axes:
            return None
        if self.unshifted(exponent, axes) is not None:
            return log(node)
        shift = _shift(exponent, axes)
        total = sum_along(exp(exponent - shift), axes, keepdims=True)
        result = log(total) + shift
        return result if node.attributes["keepdims"] else squeeze(result, axes)

    def _log_of_composite(self, node: Node, depth: int) -> Node | None:
        if node.op.rearranges and node not in self._opaque:
            inner = self.log_of(node.inputs[0], depth - 1)
            if inner is None:
                return None
            moved = node.op.build((inner, *node.inputs[1:]), node.attributes)
            found = self.picked_log_softmax_of(moved)
            return moved if found is None else log_likelihood(moved, *found)
        if self.match(node, WHERE):
            condition, x, y = node.inputs
            pair = self._log_of_pair(x, y, node, depth)
            return None if pair is None else where(condition, *pair)
        if self.match(node, multiply.op, divide.op):
            x, y = node.inputs
            pair = self._log_of_pair(x, y, node, depth)
            if pair is None:
                return None
            left, right = pair
            return left + right if node.op is multiply.op else left - right
        if self.match(node, sqrt.op):
            inner = self.log_of(node.inputs[0], depth - 1)
            return None if inner is None else multiply(inner, 0.5)
        return None

    def _log_of_pair(
        self, x: Node, y: Node, whole: Node, depth: int
    ) -> tuple[Node, Node] | None:
        """The logarithms of the two operands of `whole`, in its dtype."""
        # The logarithm of a narrower operand would be rounded to its few digits.
        left, right = (
            self.log_of(operand, depth - 1) if operand.dtype == whole.dtype else None
            for operand in (x, y)
        )
        if left is None and right is None:
            return None
        left = _log_of_constant(x, whole) if left is None else left
        right = _log_of_constant(y, whole) if right is None else right
        return None if left is None or right is None else (left, right)


def _log_of_constant(node: Node, whole: Node) -> Node | None:
    """The logarithm of a positive number, in the dtype of what it is an operand of."""
    value = uniform_value(node)
    if value is None or not 0.0 < float(value) < float("inf"):
        return None
    return log(astype(node, whole.dtype))


def _kept(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def _counts(node: Node, size: Dimension) -> bool:
    """True for `arange(size)`."""
    if node.op is ARANGE:
        return node.attributes["size"] == size
    if not is_constant(node) or not isinstance(size, int):
        return False
    return bool(np.array_equal(constant_of(node), np.arange(size)))


def _only_new_axes(node: Node) -> bool:
    return len(node.inputs) == 1 and all(
        item is None or getattr(item, "is_full", False)
        for item in node.attributes["index"]
    )


def softmax(x: Node, axes: tuple[int, ...]) -> Node:
    """`exp(x) / sum(exp(x))` over axes, shifted by the maximum."""
    if len(axes) == 1:
        return stable(Formula.SOFTMAX_QUOTIENT, x, axis=axes[0])
    exponentials = exp(x - _shift(x, axes))
    return exponentials / sum_along(exponentials, axes, keepdims=True)


def log_softmax(x: Node, axes: tuple[int, ...]) -> Node:
    """The logarithm of softmax over axes, shifted by the maximum."""
    if len(axes) == 1:
        return stable(Formula.LOG_SOFTMAX, x, axis=axes[0])
    shifted = x - _shift(x, axes)
    return shifted - log(sum_along(exp(shifted), axes, keepdims=True))


def log_likelihood(node: Node, x: Node, labels: Node) -> Node:
    """The logarithm of the softmax of `x` at labels, in the shape of `node`."""
    losses = stable(Formula.CROSS_ENTROPY, x, labels)
    return reshape(negative(losses), node.shape)


def _shift(x: Node, axes: tuple[int, ...]) -> Node:
    largest = stop_gradient(largest_along(x, axes))
    # An infinity would make NaN of what the sum without a shift gets right.
    return where(isfinite(largest), largest, 0.0)
