"""The findings of a comparison of gradients with finite differences."""

from __future__ import annotations

import html
from dataclasses import dataclass

from ..ir.node import Node
from .unchecked import Unchecked

TOLERANCE = 1e-5
"""The largest relative error of a gradient that counts as right."""


@dataclass(frozen=True)
class VariableCheck:
    """The gradient by one variable, compared with finite differences of the loss."""

    variable: Node
    error: float
    """The largest relative error along the directions tried."""

    @property
    def passed(self) -> bool:
        """True where the error is small enough."""
        return self.error <= TOLERANCE

    @property
    def name(self) -> str:
        """The name of the variable."""
        return self.variable.name or self.variable.op.name


@dataclass(frozen=True)
class NodeCheck:
    """The flows of a node, compared with finite differences of its value."""

    node: Node
    """The node whose derivative rule was tried."""
    input: Node | None
    """The input for which the rule does worst; None where instead the sum of what
    flows to `node` from all that use it is wrong."""
    error: float
    """The largest relative error."""

    @property
    def passed(self) -> bool:
        """True where the error is small enough."""
        return self.error <= TOLERANCE

    def __str__(self) -> str:
        label = f"{self.node.op.name} {self.node.name!r}" if self.node.name else ""
        where = f"{label or self.node.op.name}, declared at {self.node.origin.location}"
        if self.passed:
            return where
        if self.input is None:
            return f"{where}: what flows back to it does not add up"
        given = self.input.name or self.input.op.name
        return f"{where}: its derivative by {given!r} is wrong"


@dataclass(frozen=True)
class GradientReport:
    """The findings of `gc.check_gradients`. Printed, they are a table."""

    variables: tuple[VariableCheck, ...]
    """One for each variable, in the order asked for."""
    nodes: tuple[NodeCheck, ...]
    """One for each node that gradients flow through, from the inputs to the loss."""
    unchecked: tuple[Unchecked, ...] = ()
    """Functions with rules of their own, whose parts of gradients are left out."""

    @property
    def passed(self) -> bool:
        """True where all that was checked agrees with finite differences."""
        return all(check.passed for check in (*self.variables, *self.nodes))

    @property
    def worst(self) -> VariableCheck | None:
        """The variable with the largest error."""
        return max(self.variables, key=lambda check: check.error, default=None)

    @property
    def worst_node(self) -> NodeCheck | None:
        """The node with the largest error: where one is wrong, the one to look at."""
        return max(self.nodes, key=lambda check: check.error, default=None)

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.variables), default=0)
        lines = [
            f"{check.name:{width}}  relative error {check.error:.1e}  "
            f"{'ok' if check.passed else 'WRONG'}"
            for check in self.variables
        ]
        lines += dict.fromkeys(map(str, self.unchecked))
        agree = "agree with" if self.passed else "differ from"
        which = "all" if self.passed else "some"
        if self.passed and self.unchecked:
            which = "all other parts of"
        lines.append(f"{which} gradients {agree} finite differences in float64")
        worst = self.worst_node
        if worst is not None:
            lines.append(f"worst node: {worst} (relative error {worst.error:.1e})")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table, by which notebooks show it."""
        return f"<pre>{html.escape(str(self))}</pre>"
