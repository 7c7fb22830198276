"""Application of tables of rules: from the inputs up, in linear time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.op import Op
from ..ir.origin import replacing
from .algebra.signs import zeros_with_visible_signs
from .base import adopt, note
from .surroundings import chooses, surroundings

_MAXIMUM_REWRITES = 32


class Uses:
    """Uses of each value, while its users are being rewritten."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._count: dict[Node, int] = {}
        self.rewriting: Node | None = None
        """The node of the graph that rules are being tried on."""

    @cached_property
    def _visible(self) -> set[Node]:
        graph, known = self._graph, surroundings()
        if known is not None and graph in known.program.nested:
            return known.visible
        return zeros_with_visible_signs(graph.nodes, graph.used_elsewhere)

    @cached_property
    def chooses(self) -> bool:
        """True where a user may have chosen, maybe to be rid of what is no number.

        In a body alone that is not known, since its results may be chosen from.
        """
        known = surroundings()
        if known is not None:
            return known.chooses
        return bool(self._graph.used_elsewhere) or chooses(self._graph)

    @property
    def shows_signs(self) -> bool:
        """True where the sign of a zero matters at the node that is being rewritten."""
        return self.rewriting in self._visible

    def add(self, node: Node, count: int) -> None:
        """Note that `count` more users take `node`."""
        self._count[node] = self._count.get(node, 0) + count

    def once(self, node: Node) -> bool:
        """True where a node has a single user, so that rewriting it away saves it.

        False of a node that the last rule made, whose users are not known yet.
        """
        return self._count.get(node, 2) <= 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rewrite of one node, in the light of the nodes that it is made of."""

    name: str
    """The pattern and what becomes of it: `x * 1 -> x`."""
    ops: tuple[Op, ...]
    """The ops that the root of the pattern may be; any where empty."""
    rewrite: Callable[[Node, Any], Node | None]
    """The replacement, or None where the pattern does not match; given the node, and
    what its pass knows of the graph around it."""
    sound_when: str
    """The condition under which both sides agree; `rewrite` holds it."""
    accuracy: Literal["exact", "rounding"] = "exact"
    """Agreement of both sides: bit for bit, or within a few units in the last place."""


class RuleTable(dict[Op, tuple[Rule, ...]]):
    """The rules for each op, looked for when the first such node is met."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, op: Op) -> tuple[Rule, ...]:
        found = tuple(r for r in self._rules if not r.ops or op in r.ops)
        self[op] = found
        return found

    def first_match(
        self,
        node: Node,
        context: object,
        fits: Callable[[Node], bool] = lambda found: True,
    ) -> Node | None:
        """The node that the first rule that matches makes of one.

        Args:
            node: the node that rules are tried on.
            context: what rules are told of the graph.
            fits: whether a result may take the place of `node`.
        """
        with replacing(node) as scope:
            for rule in self[node.op]:
                scope.rule = rule.name
                found = rule.rewrite(node, context)
                if found is not None and found is not node and fits(found):
                    found = adopt(node, found)
                    note(rule.name, rule.sound_when, node, found)
                    return found
        return None


def apply_rules(graph: Graph, rules: Sequence[Rule]) -> Graph:
    """Apply the first rule that matches, repeatedly, to each node, inputs first."""
    table = RuleTable(rules)
    counts: dict[Node, int] = dict.fromkeys(graph.nodes, 0)
    for node in graph.nodes:
        for parent in node.inputs:
            counts[parent] += 1
    for output in graph.outputs:
        counts[output] += 1
    uses = Uses(graph)
    images: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple([images[parent] for parent in node.inputs])
        uses.rewriting = node
        image = _rewrite(node.with_inputs(inputs), table, uses)
        images[node] = image
        uses.add(image, counts[node])
    return graph.with_outputs(tuple(images[output] for output in graph.outputs))


def _rewrite(node: Node, table: RuleTable, uses: Uses) -> Node:
    for _ in range(_MAXIMUM_REWRITES):
        found = table.first_match(node, uses)
        if found is None:
            return node
        node = found
    return node
