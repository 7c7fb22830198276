"""Arrays that products of matrices and routines read as they lie in memory."""

from __future__ import annotations

from collections.abc import Callable

from ...ir.dims import Dimension
from ...ir.node import Node
from ...ir.scalar import Counter, Load, Number, Scalar, flat
from .affine import affine
from .elements import Elements
from .tree import Operand, Product

Store = Callable[[Node], None]
"""Computes a value to memory."""


def product_of(node: Node, elements: Elements, store: Store) -> Product:
    """A product of matrices.

    Args:
        node: its node.
        elements: what the values are made of.
        store: computes an operand that does not lie in memory.
    """
    left, right = node.inputs
    stack = node.shape[: node.ndim - (left.ndim > 1) - (right.ndim > 1)]
    rows = left.shape[-2] if left.ndim > 1 else 1
    columns = right.shape[-1] if right.ndim > 1 else 1
    inner = left.shape[-1]
    first = _at_places(node, left, stack, elements) or _operand(
        left, stack, elements, store, is_vector=left.ndim == 1
    )
    second = _at_places(node, right, stack, elements) or _operand(
        right, stack, elements, store, is_vector=right.ndim == 1, is_right=True
    )
    # Matrices one below another, all times the same one, are a single matrix.
    while stack and first.axes is None and second.stack[-1] == 0:
        step = first.stack[-1]
        if rows == 1:
            first.rows = step
        elif step != rows * first.rows:
            break
        rows, stack = rows * stack[-1], stack[:-1]
        first.stack, second.stack = first.stack[:-1], second.stack[:-1]
    return Product(node, (rows, columns, inner), first, second, stack)


def _at_places(
    node: Node, x: Node, stack: tuple[Dimension, ...], elements: Elements
) -> Operand | None:
    """An operand that is read where it is, if it may be."""
    places = elements.places.get((node, x))
    if places is None:
        return None
    *lead, rows, columns = places.axes
    steps = [sum((step for _, step in axis), 0) for axis in lead]
    steps = [0] * (len(stack) - len(lead)) + steps
    array, start = places.node, places.start
    return Operand(array, start, 0, 0, tuple(steps), (rows, columns))


def _operand(
    node: Node,
    stack: tuple[Dimension, ...],
    elements: Elements,
    store: Store,
    *,
    is_vector: bool,
    is_right: bool = False,
) -> Operand:
    """An operand as it lies in memory; one that has no such form is stored."""
    own = len(node.shape) - (1 if is_vector else 2)
    found = _in_memory(node, elements)
    if found is None:
        store(node)
        found = _in_memory(node, elements)
    assert found is not None, node
    array, start, steps = found
    last = steps[own:]
    if is_vector:
        last = [last[0], 0] if is_right else [0, last[0]]
    lead = [
        step if size != 1 else 0
        for step, size in zip(steps[:own], node.shape, strict=False)
    ]
    lead = [0] * (len(stack) - own) + lead
    return Operand(array, start, *last, stack=tuple(lead))


def _in_memory(
    node: Node, elements: Elements
) -> tuple[Node, Scalar, list[Dimension]] | None:
    """The array that has a matrix, or matrices, where it starts, and the steps along
    its axes, if neighbours along one of the last two are neighbours there."""
    counters = [Counter(size) for size in node.shape]
    element = elements.at(node, tuple(counters))
    if isinstance(element, Load):
        found = affine(flat(element.shape, element.index), counters)
        if found is not None:
            is_single = all(size == 1 for size in node.shape[-2:])
            if 1 in found[1][-2:] or is_single:
                return element.node, *found
    places = elements.places_in_memory(node)
    if places is None or not places.is_matrix or not places.has_neighbours():
        return None
    return places.node, places.start, [a[0][1] if a else 0 for a in places.axes]


def whole_array(node: Node, elements: Elements, store: Store) -> Node:
    """The array that has the elements of a value in their order."""
    counters = [Counter(size) for size in node.shape]
    element = elements.at(node, tuple(counters))
    if isinstance(element, Load):
        same = affine(flat(node.shape, tuple(counters)), counters)
        found = affine(flat(element.shape, element.index), counters)
        if found is not None and same is not None:
            ones = [size == 1 for size in node.shape]
            steps = zip(ones, found[1], same[1], strict=True)
            if found[0] == Number(0) and all(o or a == b for o, a, b in steps):
                return element.node
    store(node)
    return node
