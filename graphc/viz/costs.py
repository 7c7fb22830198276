"""Cost of a node: multiply-adds, elements and bytes, with named sizes kept symbolic.

The counts are those by which models are compared: one for each pair of numbers that a
product multiplies and adds, and one for each element that any other op computes. What
only moves or views elements counts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ..ir.dims import Dim, Dimension, product
from ..ir.node import Node
from ..ir.walk import meaning_of, reading_order

size_of = lru_cache(maxsize=4096)(product)
"""The number of elements of a shape."""


def multiply_adds(node: Node) -> Dimension:
    """The multiply-adds of one node; of a block, call or loop, those of what is inside.

    A loop that ends by a test counts once, and a branch with both its sides.

    Args:
        node: a node of any op.

    Returns:
        `n*k*m` for a product of `(n, k)` and `(k, m)`, the elements of the input for a
        reduction, those of the output for an elementwise op, and 0 for a source, a
        view or a movement.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("batch", 64)), gc.parameter("w", (64, 32))
    >>> multiply_adds(x @ w), multiply_adds(gc.exp(x)), multiply_adds(w.T)
    (2048*batch, 64*batch, 0)
    """
    if node.op.is_block:
        return _block(node)
    if node.op.bodies:
        inside = [n for body in node.bodies for n in body.meanings]
        once = total(multiply_adds(n) for n in inside if not n.op.is_block)
        return once * node.attributes["length"] if "length" in node.attributes else once
    if node.op.facts.multiply_adds is not None:
        return size_of(node.op.facts.multiply_adds(node))
    if node.op.kind == "elementwise":
        return size_of(node.shape)
    return size_of(node.inputs[0].shape) if node.op.kind == "reduction" else 0


def _block(block: Node) -> Dimension:
    inputs = set(block.inputs)
    inside = reading_order(
        [block.expansion], lambda node: () if node in inputs else meaning_of(node)
    )
    return total(
        multiply_adds(node)
        for node in inside
        if node not in inputs and not node.op.is_block
    )


def total(values: Iterable[Dimension]) -> Dimension:
    """The sum of sizes.

    >>> from graphc.ir import Dim
    >>> total([2, Dim("batch"), 3, Dim("batch")])
    2*batch + 5
    """
    known = 0
    # Symbolic sums are slow, and few sizes of a graph are different.
    symbolic: Counter[Dim] = Counter()
    for value in values:
        if isinstance(value, Dim):
            symbolic[value] += 1
        else:
            known += value
    result: Dimension = known
    for value, count in symbolic.items():
        result = result + value * count
    return result


def evaluated(value: Dimension, sizes: Mapping[str, int]) -> Dimension:
    """A size as an int where all the names it depends on are given.

    >>> from graphc.ir import Dim
    >>> evaluated(Dim("batch") * 64, {"batch": 32}), evaluated(Dim("time"), {})
    (2048, time)
    """
    if isinstance(value, Dim) and all(name in sizes for name in value.symbols()):
        return value.evaluate(sizes)
    return value
