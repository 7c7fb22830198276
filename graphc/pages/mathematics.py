"""The formulas of a page: of each value, and the derivation of its gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import GraphcError
from ..ir.node import Node
from ..ir.types import TupleType
from ..notation.derivation import derivation
from ..notation.formula import line, single_letters
from ..notation.mathml import MathML, mathml
from .graph import PageGraph

_MOST_PARTS = 90
"""Parts of a formula beyond which it is too long to read beside a graph."""


def formulas(graph: PageGraph) -> Mapping[int, str]:
    """The formula of each vertex of the forward graph, as MathML."""
    found: dict[int, str] = {}
    for shape in graph.shapes:
        node = shape.node
        is_told = not shape.is_backward and shape.refers is None and node.inputs
        if not is_told or shape.is_in_body or isinstance(node.type, TupleType):
            continue
        equation = line(node).equation
        if equation is None or equation.value.weight > _MOST_PARTS:
            continue
        printer = MathML(single_letters([equation.value]))
        found[shape.number] = mathml(equation.printed(printer))
    return found


def derivation_data(
    graph: PageGraph, losses: Sequence[tuple[str, Node, Sequence[Node]]]
) -> list[Mapping[str, Any]]:
    """The derivations of losses, each by what is trained.

    Args:
        graph: in which their nodes are found.
        losses: titles, scalars, and the nodes to differentiate by.
    """
    return [_derivation(graph, *each) for each in losses]


def _derivation(
    graph: PageGraph, title: str, loss: Node, wrt: Sequence[Node]
) -> Mapping[str, Any]:
    try:
        found = derivation(loss, list(wrt))
    except GraphcError as error:
        return {"title": title, "note": str(error), "sections": []}
    sections = [
        {
            "title": name,
            "lines": [
                {
                    "vertex": None if node is None else graph.find(node),
                    "forms": [mathml(form) for form in forms],
                }
                for node, forms in lines
            ],
        }
        for name, lines in found.lines_of_nodes(MathML(found.letters))
    ]
    note = " ".join(found.remarks)
    return {"title": title, "note": note, "sections": sections}
