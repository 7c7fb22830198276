"""An account of the passes: the size of the graph after each, and the rules it used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..ir.graph import Graph
from ..ir.node import Node
from ..passes.base import Rewrite
from ..passes.pipeline import Optimization, Stage
from ..viz.text import place, shortened
from .formulas import sides
from .loops import holder, loop_sides
from .sections import Item, Section
from .sizes import Size

Rules = Literal["none", "first", "all"]
"""The rewrites to show: none, the first by each rule of a pass, or all that differ."""


@dataclass(frozen=True, eq=False)
class RuleRecord:
    """Rewrites of one pass by one rule."""

    rule: str
    """The pattern and what becomes of it."""
    sound_when: str
    """The condition under which both sides agree, which the rule checks."""
    rewrites: tuple[Rewrite, ...]

    @property
    def count(self) -> int:
        """The number of nodes that it rewrote."""
        return len(self.rewrites)

    @cached_property
    def formulas(self) -> Mapping[tuple[str, str, str], int]:
        """Formula before, formula after and the user's line: the count of each."""
        found: dict[tuple[str, str, str], int] = {}
        for rewrite in self.rewrites:
            key = _described(rewrite)
            found[key] = found.get(key, 0) + 1
        return found

    def item(self, rules: Rules) -> Item:
        """The rule, one or all of its rewrites, and why they are sound."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        if rules == "all":
            texts = [_line(*key, count) for key, count in self.formulas.items()]
        else:
            # A number, which has no inputs, says little.
            told = (each for each in self.rewrites if each.before.inputs)
            before, after, where = _described(next(told, self.rewrites[0]))
            texts = [_line(shortened(before, 60), shortened(after, 60), where, 1)]
        return Item(f"{self.rule}{times}", (*texts, f"sound: {self.sound_when}"))


def _described(rewrite: Rewrite) -> tuple[str, str, str]:
    told = loop_sides(rewrite.before, rewrite.after)
    return (*(told or sides(rewrite.before, rewrite.after)), place(rewrite.location))


def _line(before: str, after: str, where: str, count: int) -> str:
    formula = before if before == after else f"{before}  ->  {after}"
    times = f", {count} times" if count > 1 else ""
    return f"{formula}    {where}{times}".rstrip()


@dataclass(frozen=True, eq=False)
class PassRecord:
    """One pass over a graph."""

    name: str
    reason: str
    """The condition under which what it does is sound."""
    before: Size
    after: Size
    rules: tuple[RuleRecord, ...]

    @property
    def has_changed(self) -> bool:
        """True where the pass did anything."""
        return bool(self.rules) or self.before != self.after

    def items(self, rules: Rules) -> list[Item]:
        """The account of its rules, or of itself where it has none."""
        if rules == "none" or not self.has_changed:
            return []
        if not self.rules:
            return [Item(f"{self.name}:", (f"sound: {self.reason}",))]
        inside = [rule.item(rules) for rule in self.rules]
        return [Item(f"{self.name}:"), *(_indented(item) for item in inside)]


def _indented(item: Item) -> Item:
    return Item(f"  {item.heading}", tuple(f"  {line}" for line in item.lines))


def record(stage: Stage, before: Size, after: Size) -> PassRecord:
    """The account of one stage of an optimisation."""
    grouped: dict[str, dict[Node, Rewrite]] = {}
    for rewrite in stage.rewrites:
        # Results of one loop are noted one by one.
        whole = holder(rewrite.before)
        whole = rewrite.before if whole is None else whole
        grouped.setdefault(rewrite.rule, {}).setdefault(whole, rewrite)
    rules = [
        RuleRecord(rule, found[0].sound_when, found)
        for rule, each in grouped.items()
        for found in [tuple(each.values())]
    ]
    return PassRecord(stage.step.name, _reason(stage.step), before, after, tuple(rules))


def _reason(step: object) -> str:
    """The sentence of a pass's docstring that says when it is sound."""
    text = " ".join((type(step).__doc__ or "").split())
    _, _, reason = text.partition("Sound when ")
    return f"when {reason.partition('. ')[0].rstrip('.')}"


def passes_section(
    title: str, optimization: Optimization, rules: Rules, sizes: Mapping[str, int]
) -> tuple[Section, Graph]:
    """The account of all passes over a graph, and the graph in the end."""
    size = Size.of(optimization.graph, sizes)
    rows = [("as declared", *size.cells())]
    records: list[PassRecord] = []
    graph = optimization.graph
    for stage in optimization.stages():
        is_same = stage.after is stage.before
        graph = stage.after
        after = size if is_same else Size.of(graph, sizes)
        records.append(record(stage, size, after))
        size = after
        if records[-1].has_changed:
            rows.append((stage.step.name, *size.cells()))
    items = [item for each in records for item in each.items(rules)]
    section = Section(
        title,
        tuple(records),
        ("after", "nodes", "multiply-adds", "bytes"),
        tuple(rows),
        items=tuple(items),
        notes=_unchanged(records) if rules == "all" else (),
    )
    return section, graph


def _unchanged(records: Sequence[PassRecord]) -> tuple[str, ...]:
    changed = {each.name for each in records if each.has_changed}
    names = dict.fromkeys(r.name for r in records if r.name not in changed)
    return (f"nothing to do for: {', '.join(names)}",) if names else ()
