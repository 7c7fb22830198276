"""Forms as loops of ops that add up powers and products."""

from __future__ import annotations

from ..ir.dims import Dimension
from ..ir.node import Node
from ..ir.scalar import (
    At,
    Index,
    LoopForm,
    Number,
    Operation,
    Reduction,
    Scalar,
    broadcast,
)
from .as_loops import reduced


def normed(node: Node) -> LoopForm | None:
    """Roots of sums of powers."""
    form = reduced("+")(node)
    if not isinstance(form, Reduction) or node.inputs[0].dtype != node.dtype:
        return None
    order: float = node.attributes["ord"]
    number = Number(float(order), node.dtype)
    inverse = Number(1.0 / float(order), node.dtype)

    def term(index: Index, inner: Index, at: At) -> Scalar:
        element = form.term(index, inner, at)
        if order == 2.0:
            return Operation("square", (element,), node.dtype)
        size = Operation("absolute", (element,), node.dtype)
        return Operation("pow", (size, number), node.dtype)

    def finish(total: Scalar) -> Scalar:
        if order == 2.0:
            return Operation("sqrt", (total,), node.dtype)
        return Operation("pow", (total, inverse), node.dtype)

    return Reduction("+", form.sizes, term, finish=finish)


def distances(node: Node) -> LoopForm | None:
    """Distances of rows from rows."""
    x1, x2 = node.inputs
    if any(x.dtype != node.dtype for x in node.inputs):
        return None

    def term(index: Index, inner: Index, at: At) -> Scalar:
        *stack, row, other = index
        first = at(x1, broadcast((*stack, row, *inner), x1.shape))
        second = at(x2, broadcast((*stack, other, *inner), x2.shape))
        difference = Operation("-", (first, second), node.dtype)
        return Operation("square", (difference,), node.dtype)

    def finish(total: Scalar) -> Scalar:
        return Operation("sqrt", (total,), node.dtype)

    return Reduction("+", (x1.shape[-1],), term, finish=finish)


def contracted(node: Node) -> LoopForm | None:
    """Sums of products of elements, as subscripts say."""
    given, _, result = node.attributes["subscripts"].replace(" ", "").partition("->")
    labels = given.split(",")
    same = all(x.dtype == node.dtype for x in node.inputs) and node.dtype.kind in "fiu"
    if not same or "." in given:
        return None
    sizes: dict[str, Dimension] = {}
    for letters, x in zip(labels, node.inputs, strict=True):
        for letter, size in zip(letters, x.shape, strict=True):
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
    inside = [letter for letter in sizes if letter not in result]

    def term(index: Index, inner: Index, at: At) -> Scalar:
        places = dict(zip((*result, *inside), (*index, *inner), strict=True))
        found: Scalar | None = None
        for letters, x in zip(labels, node.inputs, strict=True):
            own = broadcast(tuple(places[letter] for letter in letters), x.shape)
            factor = at(x, own)
            if found is None:
                found = factor
            else:
                found = Operation("*", (found, factor), node.dtype)
        assert found is not None
        return found

    return Reduction("+", tuple(sizes[letter] for letter in inside), term)
