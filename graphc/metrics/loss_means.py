"""The means that a loss is made of, and the weights of batches in them.

A mean over rows counts by its rows. A mean over labels of which some are ignored, or
count more than others, counts by their number or weight; and so does a mean that is
written as a quotient, `sum(losses * mask) / sum(mask)`. A sum over a number of rows,
`sum(losses) / x.shape[0]`, is the mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import cast

from ..ir.facts import PERSISTENT, Role
from ..ir.graph import Graph, symbols_in
from ..ir.node import Node
from ..ir.origin import derived
from ..ir.walk import ancestors, topological_order
from ..nn.losses.cross_entropy import CROSS_ENTROPY, WEIGHTED_CROSS_ENTROPY
from ..nn.losses.labels import kept_labels, nll, shares_of
from ..ops.arithmetic import WHERE, add, divide, maximum, multiply, negative, subtract
from ..ops.clipping import CLIP
from ..ops.reduction import MEAN, SUM, sum
from ..ops.source import ASTYPE, DIMENSION

_LABELLED = (CROSS_ENTROPY, nll.op, WEIGHTED_CROSS_ENTROPY)
"""Losses by labels, some of which may be ignored or count more than others."""

_LINEAR = (add.op, ASTYPE, divide.op, multiply.op, negative.op, subtract.op)
_GUARDS = (*_LINEAR, CLIP, maximum.op, WHERE)
"""Ops that keep a sum of weights from being zero, besides factors and small terms."""


class LossMeans:
    """A loss as a formula of means."""

    def __init__(self, loss: Node) -> None:
        self.loss = loss
        self._weights: dict[Node, Node | None] = {}

    @cached_property
    def _varying(self) -> frozenset[Node]:
        """The nodes that depend on a batch, be it on the number of its rows alone."""
        found: set[Node] = set()
        for node in Graph((self.loss,)).meanings:
            depends = (node.expansion,) if node.op.is_block else node.inputs
            is_read = node.op.role is Role.INPUT or symbols_in(node)
            if is_read or not found.isdisjoint(depends):
                found.add(node)
        return frozenset(found)

    @cached_property
    def weights(self) -> dict[Node, Node | None]:
        """The weight of a batch in each mean that depends on it; None for its rows."""
        ends = (node for node in self._formula if not self._terms(node))
        return {node: self._weight(node) for node in ends if node in self._varying}

    @cached_property
    def penalties(self) -> list[Node]:
        """The terms of the formula that depend on parameters alone."""
        ends = (node for node in self._formula if not self._terms(node))
        others = (node for node in ends if node not in self._varying)
        return [node for node in others if Graph((node,)).parameters]

    def with_means(self, means: Mapping[Node, Node]) -> Node:
        """The loss with other nodes in the places of means and penalties."""
        new: dict[Node, Node] = {}
        for node in self._formula:
            terms = self._terms(node)
            if not terms:
                new[node] = means.get(node, node)
            elif node.op.is_block or node.op is ASTYPE:
                new[node] = new[terms[0]]
            else:
                new[node] = node.op(*(new[term] for term in terms), **node.attributes)
        return new[self.loss]

    @cached_property
    def _formula(self) -> tuple[Node, ...]:
        return topological_order(ancestors((self.loss,), self._terms), self._terms)

    def _terms(self, node: Node) -> tuple[Node, ...]:
        """The operands of a scalar of the formula; none where it is a mean itself."""
        if node.shape or node not in self._varying or self._is_mean(node):
            return ()
        if node.op.is_block:
            return (node.expansion,)
        return node.inputs if node.op.kind == "elementwise" else ()

    @cached_property
    def is_linear(self) -> bool:
        """True if the mean of the losses of batches is the loss of the mean."""
        return all(self._is_linear(node) for node in self._formula if self._terms(node))

    def _is_linear(self, node: Node) -> bool:
        varying = [each in self._varying for each in node.inputs]
        return node.op.is_block or (
            node.op in _LINEAR
            and not (node.op is multiply.op and all(varying))
            and not (node.op is divide.op and varying[-1])
        )

    def _is_mean(self, node: Node) -> bool:
        """True for a mean that has a weight, and for sums over a number of rows."""
        if self._weight(node) is not None:
            return True
        if node.op is not divide.op:
            return False
        above, below = node.inputs
        while below.op is ASTYPE:
            (below,) = below.inputs
        sums = self._reductions(above) if below.op is DIMENSION else []
        varying = (each.op is SUM and each in self._varying for each in sums)
        return bool(sums) and all(varying)

    def _weight(self, node: Node) -> Node | None:
        """The weight of a batch in a mean, where that is not its rows."""
        if node not in self._weights:
            # Derived, so that its names are hints, which users' names go before.
            with derived(self.loss, "weight of the loss"):
                self._weights[node] = self._found_weight(node)
        return self._weights[node]

    def _found_weight(self, node: Node) -> Node | None:
        if node.op in _LABELLED and node.attributes["reduction"] == "mean":
            input, target, *weight = node.inputs
            ignored = cast("int | None", node.attributes["ignore_index"])
            if ignored is None and not weight:
                return None
            labels, kept = kept_labels(target, ignored)
            shares = shares_of(labels, kept, weight[0] if weight else None, input)
            return sum(shares.astype("float64"))
        if node.op is not divide.op or node.shape:
            return None
        above, below = (self._reductions(part) for part in node.inputs)
        if len(below) != 1 or {each.op for each in above} != {below[0].op}:
            return None
        counted = below[0].inputs[0]
        if any(n.op.role in PERSISTENT or not n.op.pure for n in ancestors((counted,))):
            return None
        return sum(counted.astype("float64"))

    def _reductions(self, node: Node) -> list[Node]:
        """The sums or means that a scalar is made of; nothing if of others, too."""
        found: dict[Node, None] = {}
        stack = [node]
        while stack:
            node = stack.pop()
            inputs = node.inputs
            if node.op in (MEAN, SUM):
                found[node] = None
                continue
            if node.op.is_block:
                inputs = (node.expansion,)
            elif node.op not in _GUARDS:
                return []
            elif node.op is WHERE:
                inputs = inputs[1:]
            varying = [each for each in inputs if each in self._varying]
            if node.op is multiply.op and len(varying) > 1:
                return []
            if node.op is divide.op and inputs[-1] in self._varying:
                return []
            stack += varying
        return list(found)
