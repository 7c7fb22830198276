"""Blocks become the primitives that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.bodies import inline, is_with_rules
from ..ir.graph import Graph, expand


@dataclass(frozen=True)
class ExpandBlocks:
    """Replace every block by its expansion, and functions with rules by their bodies.

    Before: any graph. After: no block, and no function whose derivative rules are the
    user's, which have been applied by now; the forward and the backward pass share the
    one expansion that each block has. Sound when a block's expansion has the block's
    meaning, which is how a block is defined.
    """

    name: str = "expand blocks"

    @property
    def reasons(self) -> Mapping[str, str]:
        """None: an expansion is what its block means."""
        return {}

    def run(self, graph: Graph) -> Graph:
        """The graph in primitives."""
        return expand(inline(graph, which=is_with_rules))
