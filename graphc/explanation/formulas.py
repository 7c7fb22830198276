"""Both sides of a rewrite as formulas over the same names."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import GraphcError
from ..ir.node import Node
from ..ir.types import TupleType
from ..ir.walk import ancestors
from ..notation.formula import System, text_printer

_LONGEST = 60
"""Characters beyond which what both sides have in common gets a name."""


def sides(before: Node, after: Node) -> tuple[str, str]:
    """The formula of a node, and that of the node that takes its place.

    Values with names stand by them. Where that is too long to read, parts that both
    sides are made of are called `x1`, `x2`, ...

    >>> import graphc as gc
    >>> x = gc.input("x", (3,))
    >>> sides(gc.log(gc.exp(x)), x)
    ('log(exp(x))', 'x')
    """
    if before.op is after.op and before.attributes == after.attributes:
        # Operands of one may be copies of those of the other, with names of their own.
        (same,) = formulas([after])
        return same, same
    texts = formulas([before, after])
    if max(map(len, texts)) > _LONGEST:
        of_after = set(ancestors([after]))
        shared = [node for node in ancestors([before]) if node in of_after]
        short = formulas([before, after], [node for node in shared if node.inputs])
        texts = min(texts, short, key=lambda found: sum(map(len, found)))
    one, other = texts
    return one, other


def formulas(nodes: Sequence[Node], leaves: Sequence[Node] = ()) -> list[str]:
    """The formulas of nodes, over the named values that they are made of.

    Args:
        nodes: any nodes; one that another is made of stands by its name.
        leaves: values besides that stand by a name.
    """
    if any(isinstance(node.type, TupleType) for node in nodes):
        return [*map(repr, nodes)]
    inside = set(ancestors(parent for node in nodes for parent in node.inputs))
    named = {n for n in inside if n.label and not isinstance(n.type, TupleType)}
    try:
        system = System(nodes, leaves=named.union(leaves))
        values, symbols = system.values, system.symbols
        printer = text_printer([*values.values(), *symbols.values()])
        return [
            printer(values[node] if node in values else symbols[node])
            for node in system.outputs
        ]
    except GraphcError:
        return [*map(repr, nodes)]
