"""Exact algebra: the table of named rules, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...ir.graph import Graph
from ..rewriting import Rule, apply_rules
from .arithmetic import ARITHMETIC
from .declared import DECLARED
from .fills import FILLS
from .masks import MASKS
from .movement import MOVEMENT
from .parts import PARTS
from .powers import POWERS

RULES: tuple[Rule, ...] = (
    *DECLARED,
    *ARITHMETIC,
    *POWERS,
    *MASKS,
    *FILLS,
    *MOVEMENT,
    *PARTS,
)
"""Every rule says when it is sound, and whether bit for bit or but for rounding."""


@dataclass(frozen=True)
class Algebra:
    """Rewrite each node by the first rule of a table that matches.

    Before: primitives. After: none of the rules matches a node, or the inputs that the
    node had. Sound when each rule is, for zeros of both signs, infinities and NaN, and
    in the same dtype; a rule marked "rounding" may differ in the last places.
    """

    name: str = "algebra"
    rules: Sequence[Rule] = RULES

    @property
    def reasons(self) -> Mapping[str, str]:
        """Each rule, and when it is sound."""
        return {rule.name: rule.sound_when for rule in self.rules}

    def run(self, graph: Graph) -> Graph:
        """The graph with every rule applied."""
        return apply_rules(graph, self.rules)
