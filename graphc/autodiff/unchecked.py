"""Parts of gradients that finite differences do not tell.

A gradient that stops, or follows a rule of the user's, is not the slope of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..ir.bodies import is_with_rules
from ..ir.node import Node
from ..ir.types import has_derivatives
from ..ir.walk import ancestors, meaning_of, topological_order
from ..ops.source import STOP_GRADIENT


@dataclass(frozen=True)
class Unchecked:
    """A part of gradients that is not held against finite differences."""

    node: Node
    """A function with derivative rules of the user's, or a gradient that stops."""
    variables: tuple[Node, ...]
    """The variables of which it is a part of the gradient."""

    def describe(self) -> str:
        """The function, and the file's name and line where it was called."""
        called = f" {self.node.name}" if self.node.bodies and self.node.name else ""
        text, location = f"{self.node.op.name}{called}", self.node.origin.location
        if location is None:
            return text
        return f"{text}, {location.file.rpartition('/')[2]}:{location.line}"

    def __str__(self) -> str:
        names = ", ".join(node.name or node.op.name for node in self.variables)
        return f"not checked: what flows to {names} through {self.describe()}"


def stops(node: Node) -> bool:
    """True where a gradient stops that the value has."""
    return node.op is STOP_GRADIENT and not node.attributes.get("exact", False)


def is_apart(node: Node) -> bool:
    """True where a gradient is not the slope of the value: it stops, or has a rule."""
    return stops(node) or is_with_rules(node)


def holds(node: Node, is_one: Callable[[Node], bool]) -> bool:
    """True where a body of a node has a node of a kind."""
    parts = (part for body in node.bodies for part in body.nested)
    return any(is_one(inside) for part in parts for inside in part.meanings)


def unchecked_parts(
    loss: Node, variables: Sequence[Node], is_one: Callable[[Node], bool]
) -> tuple[Unchecked, ...]:
    """The nodes of a kind between variables and a loss, along floating values.

    Args:
        loss: what is differentiated.
        variables: by what.
        is_one: tells the nodes of the kind.
    """
    reached = set[Node]()
    stack = [loss]
    while stack:
        node = stack.pop()
        if node not in reached and has_derivatives(node.type):
            reached.add(node)
            stack += meaning_of(node)
    behind: dict[Node, frozenset[Node]] = {}
    for node in topological_order(ancestors([loss], meaning_of), meaning_of):
        found = {node} if node in set(variables) else set[Node]()
        if has_derivatives(node.type):
            found.update(*(behind[parent] for parent in meaning_of(node)))
        behind[node] = frozenset(found)
    return tuple(
        Unchecked(node, tuple(v for v in variables if v in known))
        for node, known in behind.items()
        if known and node in reached and is_one(node)
    )


def _is_or_holds(node: Node) -> bool:
    return is_apart(node) or holds(node, is_apart)


def what_checks_leave_out(loss: Node, variables: Sequence[Node]) -> dict[str, str]:
    """The variables whose gradient is not the slope of the loss, with the reasons."""
    found: dict[str, str] = {}
    for part in unchecked_parts(loss, variables, _is_or_holds):
        for variable in part.variables:
            known = found.get(str(variable.name))
            reasons = [*(known.split("; ") if known else []), part.describe()]
            found[str(variable.name)] = "; ".join(dict.fromkeys(reasons))
    return found
