"""Random graphs of which parts have become bodies that are called, and nested ones.

Some of them are computed again for their derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import graphc as gc
from graphc.ir import Graph, Node
from graphc.ops.control import call
from tests.random_graphs import Grower, Keep, is_smooth, leaves, outputs_of


def with_calls(outputs: Sequence[Node], seed: int, depth: int = 2) -> list[Node]:
    """Outputs of which some part is computed by a body, and parts of that, too.

    Where the body is called again, with smaller numbers, other values come out.
    """
    chance = Random(seed)
    order = Graph(tuple(outputs)).nodes
    low = chance.randrange(max(len(order) // 2, 1))
    high = chance.randrange(low, len(order)) + 1
    chosen = [node for node in order[low:high] if node.inputs and node.op.pure]
    entering = _unique(p for node in chosen for p in node.inputs if p not in {*chosen})
    used = {p for node in order if node not in {*chosen} for p in node.inputs}
    leaving = [node for node in chosen if node in used | {*outputs}]
    if not leaving:
        return list(outputs)

    def part(*arguments: Node) -> list[Node]:
        images = dict(zip(entering, arguments, strict=True))
        for node in chosen:
            images[node] = node.with_inputs(tuple(images[p] for p in node.inputs))
        found = [images[node] for node in leaving]
        return with_calls(found, seed + 1, depth - 1) if depth > 1 else found

    recomputed = Random(seed + 1).random() < 0.3
    apply = (lambda f, *nodes: gc.checkpoint(f)(*nodes)) if recomputed else call
    values: list[Node] = apply(part, *entering)
    for _ in range(chance.randrange(3)):
        again = apply(part, *[_smaller(node) for node in entering])
        values = [_mixed(a, b) for a, b in zip(values, again, strict=True)]
    images = dict(zip(leaving, values, strict=True))
    for node in order:
        if node not in images:
            inputs = tuple(images[parent] for parent in node.inputs)
            images[node] = node.with_inputs(inputs)
    return [images[output] for output in outputs]


def _unique(nodes: Any) -> list[Node]:
    return list(dict.fromkeys(nodes))


def _smaller(node: Node) -> Node:
    return node * 0.5 if node.dtype.kind == "f" else node


def _mixed(a: Node, b: Node) -> Node:
    return a + b * 0.125 if a.dtype.kind == "f" else a


def random_calls(seed: int, keep: Keep = is_smooth) -> tuple[list[Node], list[Node]]:
    """Leaves, and outputs with calls; gradients of the whole among the outputs."""
    chance = Random(seed)
    given = leaves()
    grower = Grower(chance, given, keep=keep)
    grower.grow(chance.randint(3, 7))
    loss, *others = with_calls(outputs_of(grower, given)[:4], seed)
    return given, [loss, *others, *gc.grad(loss, given, unused="zeros")]
