"""Sums and products in loops, with what is known before the loop on one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...ir.dims import product
from ...ir.graph import Graph
from ...ir.node import Node
from ...ir.origin import replacing
from ...ops.arithmetic import add, multiply
from ..base import adopt
from .parts import Changed, LoopParts, change_loops, outputs_of, substituted

_RULE = "(carried * x) * y -> carried * (x * y)"
_SOUND = (
    "x and y are the same whatever a loop carries, and no smaller than their product; "
    "sums, and products in derivatives, where no other use needs carried * x"
)


@dataclass(frozen=True)
class GroupKnown:
    """Put what depends on no carry together, so that it can be computed for all steps.

    Before: primitives. After: in a body, of a sum or a product that depends on a carry
    at most one operand does not. Sound when rounding may differ: sums and products are
    regrouped.
    """

    name: str = "group what is known before loops"

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {_RULE: _SOUND}

    def run(self, graph: Graph) -> Graph:
        """The graph with other sums and products in loops."""
        return change_loops(graph, _grouped)


def _grouped(parts: LoopParts, read: frozenset[int]) -> Changed | None:
    body = Graph(outputs_of(parts))
    uses = {node: len(users) for node, users in body.users.items()}
    for output in body.outputs:
        uses[output] = uses.get(output, 0) + 1
    moving = {each.variable for each in parts.carries}
    images: dict[Node, Node] = {}
    for node in body.nodes:
        image = node.with_inputs(tuple(images[parent] for parent in node.inputs))
        if any(parent in moving for parent in image.inputs) or not node.op.pure:
            moving.add(image)
            single = {images[p] for p in node.inputs if uses[p] == 1}
            grouped = _regrouped(image, moving, single)
            if grouped is not None:
                image = grouped
                moving.add(image)
        images[node] = image
    if all(node is image for node, image in images.items()):
        return None
    count = len(parts.carries) + len(parts.values)
    changed = substituted(parts, images).build()
    return Changed(changed, {i: i for i in range(count)}, {_RULE: _SOUND})


def _regrouped(node: Node, moving: set[Node], single: set[Node]) -> Node | None:
    """A sum or product with two known operands together; None where there are none."""
    if node.op not in (add.op, multiply.op) or node.dtype.kind != "f":
        return None
    if node.op is multiply.op and node.origin.derivative is None:
        return None
    inner, *known = sorted(node.inputs, key=lambda each: each not in moving)
    if inner.op is not node.op or inner not in single or known[0] in moving:
        return None
    carried, *others = sorted(inner.inputs, key=lambda each: each not in moving)
    if others[0] in moving or any(
        each.dtype != node.dtype for each in (carried, *others, *known)
    ):
        return None
    with replacing(node, _RULE):
        together = node.op.build((*others, *known), {})
        # An array of all steps must be no larger than those that are there.
        sizes = {product(each.shape) for each in together.inputs}
        if product(together.shape) not in sizes:
            return None
        if node.op is multiply.op:
            adjoint = inner.origin.gradient_of
            of = adjoint is not None and adjoint.name
            together = together.copy(name=f"{of}_slope" if of else "slope")
        found = node.op.build((carried, together), {})
    return adopt(node, found) if found.type == node.type else None
