"""Derivatives regrouped: numbers merged, common factors taken out of sums.

The chain rule gives a sum over paths, each a product, and every path repeats what it
shares with the others. What a user wrote is never regrouped; a derivative was written
by nobody, and of its groupings the one with the fewest operations is taken. Taking a
factor out rounds less often, too: `a*x - b*x` loses the digits that cancel, and
`(a - b) * x` does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import replacing
from ..ops.arithmetic import add, divide, multiply, negative
from ..ops.source import astype, constant
from .base import adopt, note
from .masks import is_derivative

__all__ = ["RULE", "regroup"]

RULE = "derivative -> fewer products"
_SOUND = (
    "no value in it is infinite, and none overflows; what is regrouped has no other use"
)

_SUMS = frozenset({"add", "subtract"})
_PRODUCTS = frozenset({"multiply", "divide", "negative"})
_LARGEST = 24
"""How many operations are regrouped at once, so that it stays cheap."""

_Key = tuple[int, bool]


@dataclass(frozen=True, eq=False)
class _Factor:
    node: Node
    below: bool = False
    """Whether it divides."""

    @property
    def key(self) -> _Key:
        """Equal for the same factor; `==` of nodes is an op."""
        return (self.node.index, self.below)

    @property
    def is_number(self) -> bool:
        """Whether it has no axes, so that an operation on it costs next to nothing."""
        return not self.node.shape


@dataclass(frozen=True, eq=False)
class _Term:
    """A product in its factors, in the order of their use, with a sign."""

    factors: tuple[_Factor, ...]
    minus: bool = False

    def times(self, factors: Iterable[_Factor]) -> _Term:
        """The product with more factors in front."""
        return replace(self, factors=(*factors, *self.factors))

    def without(self, key: _Key) -> _Term | None:
        """The product of the others, where one of the factors has this key."""
        for place, factor in enumerate(self.factors):
            if factor.key == key:
                others = self.factors[:place] + self.factors[place + 1 :]
                return replace(self, factors=others)
        return None

    @property
    def has_number(self) -> bool:
        """Whether another number would cost no further operation."""
        return not self.factors or any(factor.is_number for factor in self.factors)


def regroup(graph: Graph) -> Graph:
    """The graph with the elementwise sums and products of its derivatives regrouped.

    Before: primitives. After: in what differentiation made, no sum of products has a
    factor that most of its terms share, and a product has one number at most. Sound
    when no value in it is infinite or overflows.
    """
    context = _Context(graph)
    images = context.images
    for node in graph.nodes:
        image = node.with_inputs(tuple([images[parent] for parent in node.inputs]))
        if node not in context.inside and _takes_part(node):
            image = _Region(node, image, context).result()
        images[node] = image
        context.present.add(image)
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def _takes_part(node: Node) -> bool:
    """Whether a node is an elementwise sum or product that differentiation made."""
    return (
        (node.op.name in _SUMS or node.op.name in _PRODUCTS)
        and node.dtype.kind == "f"
        and bool(node.shape)
        and is_derivative(node)
    )


class _Context:
    """The graph, and what has been made of it so far."""

    def __init__(self, graph: Graph) -> None:
        self.users = graph.users
        self.outputs = set(graph.outputs)
        self.images: dict[Node, Node] = {}
        self.present: set[Node] = set()
        self.inside = {node for node in graph.nodes if self._is_inside(node)}
        """Nodes that are computed for one other sum or product alone."""
        self.known = {
            frozenset({_Factor(x).key, _Factor(y).key}): node
            for node in graph.nodes
            if node.op.name == "multiply" and node not in self.inside
            for x, y in [node.inputs]
            if x is not y and x.shape == y.shape
        }
        """Products of two arrays that are computed anyway, by their factors."""

    def _is_inside(self, node: Node) -> bool:
        users = self.users[node]
        if len(users) != 1 or node in self.outputs or not _takes_part(node):
            return False
        user = users[0]
        if user.type != node.type or not _takes_part(user):
            return False
        first = user.inputs[0] is node
        if node.op.name in _PRODUCTS:
            return first or user.op.name != "divide"
        # A sum in a product is a factor, and one in brackets is added up first, as it
        # may have been written to find out what was lost by rounding.
        return first and user.op.name in _SUMS


class _Region:
    """One sum or product, down to what is computed for others as well."""

    def __init__(self, root: Node, image: Node, context: _Context) -> None:
        self._root = root
        self._image = image
        self._context = context
        self._region: set[Node] = set()

    def result(self) -> Node:
        """The cheapest grouping: the given one where none has fewer operations."""
        terms = self._terms(self._root)
        if len(self._region) < 2 or not self._is_of_one_dtype(terms):
            return self._image
        with replacing(self._root, RULE):
            found = self._sum(self._regrouped(terms))
        if found.type != self._root.type or self._cost(found) >= len(self._region):
            return self._image
        found = adopt(self._root, found)
        note(RULE, _SOUND, self._root, found)
        return found

    def _is_of_one_dtype(self, terms: Sequence[_Term]) -> bool:
        """Whether no grouping computes in a narrower dtype; masks do not count."""
        dtypes = {factor.node.dtype for term in terms for factor in term.factors}
        return dtypes <= {self._root.dtype, np.dtype(bool)}

    # What was written

    def _terms(self, root: Node) -> list[_Term]:
        """A sum in its terms, and each of these in its factors."""
        terms: list[_Term] = []
        stack = [(root, False)]
        while stack:
            node, minus = stack.pop()
            if node.op.name in _SUMS and self._belongs(node):
                self._region.add(node)
                x, y = node.inputs
                stack += [(y, minus ^ (node.op.name == "subtract")), (x, minus)]
            else:
                terms.append(self._term(node, minus))
        return terms

    def _belongs(self, node: Node) -> bool:
        if len(self._region) >= _LARGEST:
            return False
        return node is self._root or node in self._context.inside

    def _term(self, root: Node, minus: bool) -> _Term:
        factors: list[_Factor] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if node.op.name not in _PRODUCTS or not self._belongs(node):
                factors.append(_Factor(node))
                continue
            self._region.add(node)
            if node.op.name == "negative":
                minus = not minus
            elif node.op.name == "divide":
                factors.append(_Factor(node.inputs[1], below=True))
            stack += reversed(node.inputs[: 2 if node.op.name == "multiply" else 1])
        return _Term(tuple(factors), minus)

    # What it becomes

    def _regrouped(self, terms: Sequence[_Term]) -> list[_Term]:
        """The same sum in as few products as taking out one factor at a time gives."""
        found = list(terms)
        while (common := self._common(found)) is not None:
            split = [(term, term.without(common.key)) for term in found]
            inner = [others for _, others in split if others is not None]
            found = [term for term, others in split if others is None]
            outer = _Term((common,))
            if self._is_taken_out(common, len(inner)):
                self._context.inside.add(common.node)
                outer = self._term(common.node, False)
            found.append(self._product_of_sums(outer, inner))
        return found

    def _common(self, terms: Sequence[_Term]) -> _Factor | None:
        """The array that most terms have as a factor, if taking it out helps."""
        counts = Counter(k for term in terms for k in {f.key for f in term.factors})
        # Of a term that is the factor itself no product is saved.
        alone = Counter(term.factors[0].key for term in terms if len(term.factors) == 1)
        shared = [
            factor
            for factor in (factor for term in terms for factor in term.factors)
            if counts[factor.key] > 1
            and not factor.is_number
            and (
                counts[factor.key] - alone[factor.key] > 1
                or self._is_taken_out(factor, counts[factor.key])
            )
        ]
        full = self._root.shape
        return max(
            shared,
            key=lambda f: (counts[f.key], f.node.shape == full),
            default=None,
        )

    def _is_taken_out(self, common: _Factor, count: int) -> bool:
        """Whether a factor has no other use than the terms that it was taken out of."""
        node = common.node
        if common.below or node.op.name not in _PRODUCTS or not _takes_part(node):
            return False
        users = self._context.users.get(node, [])
        return (
            len(users) == count
            and all(user in self._region for user in users)
            and node not in self._context.outputs
        )

    def _product_of_sums(self, outer: _Term, inner: Sequence[_Term]) -> _Term:
        numbers = [f for f in outer.factors if f.is_number]
        if numbers and all(term.has_number for term in inner):
            inner = [term.times(numbers) for term in inner]
            arrays = tuple(f for f in outer.factors if not f.is_number)
            outer = replace(outer, factors=arrays)
        total = _Factor(self._sum(self._regrouped(inner)))
        return replace(outer, factors=(*outer.factors, total))

    def _sum(self, terms: Sequence[_Term]) -> Node:
        """The nodes of a sum, the terms with a minus last."""
        total: Node | None = None
        for term in sorted(terms, key=lambda term: term.minus):
            value = self._build(term)
            if total is not None and value.dtype == total.dtype == np.dtype(bool):
                # Of masks, a sum is whether either holds.
                total = astype(total, self._root.dtype)
            if term.minus:
                total = self._negative(value) if total is None else total - value
            else:
                total = value if total is None else add(total, value)
        assert total is not None
        return total

    def _negative(self, value: Node) -> Node:
        return negative(astype(value, self._root.dtype))

    def _build(self, term: _Term) -> Node:
        """The nodes of a product without its sign; small arrays come first."""
        shape = self._root.shape
        factors = self._shortened(term.factors)
        large = [f for f in factors if f.node.shape == shape]
        small = [f for f in factors if f.node.shape != shape]
        small.sort(key=lambda f: f.node.ndim)
        above = _product(large, below=False)
        scale = _quotient(small)
        if above is None or scale is None:
            found = _quotient([*small, *large])
            return constant(1.0, self._root.dtype) if found is None else found
        below = _product(large, below=True)
        result = above if below is None else divide(above, below)
        divisor = _product(small, below=True)
        if divisor is not None and all(f.below for f in small):
            return divide(result, divisor)
        return multiply(result, scale)

    def _shortened(self, factors: Sequence[_Factor]) -> list[_Factor]:
        """The factors as they are now, two of them in one where that is known."""
        images = self._context.images
        rest = list(factors)
        for place, first in enumerate(factors):
            for second in factors[place + 1 :]:
                product = self._context.known.get(frozenset({first.key, second.key}))
                if product is None or product not in images:
                    continue
                if first in rest and second in rest:
                    rest[rest.index(first)] = _Factor(product)
                    rest.remove(second)
        return [replace(f, node=images.get(f.node, f.node)) for f in rest]

    def _cost(self, found: Node) -> int:
        """How many new arrays of full size are computed."""
        seen: set[Node] = set()
        stack = [found]
        count = 0
        while stack:
            node = stack.pop()
            if node not in seen and node not in self._context.present:
                seen.add(node)
                count += node.shape == self._root.shape
                stack.extend(node.inputs)
        return count


def _product(factors: Sequence[_Factor], *, below: bool) -> Node | None:
    """The product of the factors on one side of the line."""
    product: Node | None = None
    for factor in factors:
        if factor.below == below:
            node = factor.node
            product = node if product is None else multiply(product, node)
    return product


def _quotient(factors: Sequence[_Factor]) -> Node | None:
    above = _product(factors, below=False)
    below = _product(factors, below=True)
    if below is None:
        return above
    return divide(constant(1.0, below.dtype) if above is None else above, below)
