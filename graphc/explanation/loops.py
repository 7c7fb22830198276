"""Loops, branches and functions in an account, whose formulas would say little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..ir.dims import Dimension
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.origin import label_of
from ..viz.text import place, shortened
from .formulas import formulas
from .sections import Section
from .sizes import Size, number

_LONGEST = 24
"""The most characters of the formula of a new operand, which is left out beyond."""


def holder(node: Node) -> Node | None:
    """The loop, branch or function that a value is a result of, or that it is."""
    if node.op.role is Role.RESULT:
        node = node.inputs[0]
    return node if node.bodies else None


def loop_sides(before: Node, after: Node) -> tuple[str, str] | None:
    """Descriptions of a loop, branch or function, and of what is in its place.

    Returns:
        None where the value is no result of such.
    """
    old, new = holder(before), holder(after)
    if old is None:
        return None
    name = f"{_called(old)}: "
    if new is None:
        (formula,) = formulas([after])
        return f"{name}{_described(old)}", shortened(formula)
    given = [node for node in dict.fromkeys(new.inputs) if node not in set(old.inputs)]
    texts = [text for text in formulas(given) if len(text) <= _LONGEST]
    more = f", one is {texts[0]}" if texts else ""
    one, other = f"{name}{_described(old)}", f"{_described(new)}{more}"
    return one, one if one == f"{name}{other}" else other


def _described(node: Node) -> str:
    """The size of a loop, branch or function in words."""
    count = sum(len(body.nodes) for body in node.bodies)
    results = len(node.bodies[-1].outputs)
    return (
        f"{_counted(count, 'node')}, {_counted(results, 'result')}, "
        f"{_counted(len(node.inputs), 'operand')}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _called(node: Node) -> str:
    return label_of(node) or node.op.name


@dataclass(frozen=True)
class BodyRecord:
    """The size of one run of the body of a loop, branch or function."""

    name: str
    runs: str
    """The number of runs in words: `12 steps`, `called 3 times`."""
    size: Size
    line: str

    def cells(self) -> tuple[str, ...]:
        """The record as text."""
        return (self.name, self.runs, *self.size.cells(), self.line)


def bodies_section(
    title: str, graph: Graph, sizes: Mapping[str, int]
) -> Section | None:
    """The account of bodies in an optimised graph; None where there are none."""
    found = [*_bodies(graph, sizes)]
    if not found:
        return None
    return Section(
        f"{title}, for one run",
        tuple(found),
        ("body", "runs", "nodes", "multiply-adds", "bytes", "line"),
        tuple(each.cells() for each in found),
        texts=1,
        leading=2,
    )


def _bodies(graph: Graph, sizes: Mapping[str, int]) -> Iterator[BodyRecord]:
    holders: dict[tuple[Graph, str], list[Node]] = {}
    for each in graph.nested:
        for node in each.nodes:
            for name, body in zip(node.op.bodies, node.bodies, strict=True):
                of = f", {name}" if len(node.bodies) > 1 else ""
                holders.setdefault((body, of), []).append(node)
    for (body, of), nodes in holders.items():
        node = nodes[0]
        yield BodyRecord(
            _called(node) + of,
            _runs(node, len(nodes)),
            Size.of(body, sizes),
            place(node.origin.location),
        )


def _runs(node: Node, count: int) -> str:
    times = "" if count == 1 else f"{count} times "
    if node.op.role is Role.LOOP:
        length: Dimension = node.attributes["length"]
        return f"{times}{number(length)} steps"
    if node.op.role is Role.WHILE:
        return f"{times}until the test fails"
    if node.op.role is Role.BRANCH:
        return f"{times}if it is chosen"
    return times.strip() or "once"
