"""The compiler's account on a page: passes with their rules, and memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..explanation.explain import explain
from ..explanation.memory import LayerMemory, Peak
from ..explanation.passes import PassRecord, RuleRecord
from ..explanation.sections import Section
from ..ir.node import Node
from ..viz.text import printable
from .graph import PageGraph

_MOST_REWRITES = 12
"""The most rewrites by one rule that are written out."""


def account(
    graph: PageGraph, target: Any, sizes: Mapping[str, int]
) -> list[Mapping[str, Any]]:
    """The sections of `gc.explain`, with the vertices that each part is about."""
    sections = explain(target, rules="none", **sizes).sections
    return [_section(graph, section) for section in sections]


def _section(graph: PageGraph, section: Section) -> Mapping[str, Any]:
    records = section.records
    layers = [each for each in records if isinstance(each, LayerMemory)]
    about = [None if each.node is None else graph.find(each.node) for each in layers]
    peak = [_vertex(graph, each.node) for each in records if isinstance(each, Peak)]
    return {
        "title": printable(section.title),
        "headings": section.headings,
        "rows": [[*map(printable, cells)] for cells in section.rows],
        "vertices": about,
        "peak": peak[0] if peak else None,
        "notes": [*map(printable, section.notes)],
        "passes": [
            {
                "name": each.name,
                "reason": each.reason,
                "rules": [_rule(graph, rule) for rule in each.rules],
            }
            for each in records
            if isinstance(each, PassRecord) and each.has_changed
        ],
    }


def _rule(graph: PageGraph, rule: RuleRecord) -> Mapping[str, Any]:
    vertices: dict[int, None] = {}
    for rewrite in rule.rewrites:
        for each in (_vertex(graph, rewrite.before), *graph.ends(rewrite.before)):
            if each is not None:
                vertices[each] = None
    formulas = [*rule.formulas.items()][:_MOST_REWRITES]
    return {
        "rule": printable(rule.rule),
        "sound": printable(rule.sound_when),
        "count": rule.count,
        "rewrites": [
            [printable(before), printable(after), printable(line), count]
            for (before, after, line), count in formulas
        ],
        "vertices": [*vertices],
    }


def _vertex(graph: PageGraph, node: Node) -> int | None:
    """The vertex of a node; of one in a derivative that which it leads through."""
    derivative = node.origin.derivative
    if derivative is None:
        return graph.find(node)
    return graph.backward.get(node, graph.find(derivative.through))
