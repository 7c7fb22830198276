"""The interface of a pass, and the record of what passes did.

A pass never touches the graph it is given. It builds another one of the same outputs,
in the same order and of the same types, and every node that it creates stands at the
place, and carries the line, of the node it replaces.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from ..errors import GraphError
from ..ir.facts import Role
from ..ir.graph import Graph
from ..ir.node import Node
from ..locations import Location


class Pass(Protocol):
    """A transformation of graphs. Implemented by frozen dataclasses."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def reasons(self) -> Mapping[str, str]:
        """Every rule that its rewrites go by, and when that rule is sound."""
        ...

    def run(self, graph: Graph) -> Graph:
        """An equal graph; the given one stays as it is."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Rewrite:
    """One change that a pass made: which node, by which rule, and why it may."""

    rule: str
    sound_when: str
    before: Node
    after: Node

    @property
    def location(self) -> Location | None:
        """The user's line that declared, or led to, the node that was replaced."""
        return self.before.origin.location

    def __str__(self) -> str:
        return (
            f"{self.location}: {self.rule}: {self.before.describe()} -> "
            f"{self.after.describe()} (sound when {self.sound_when})"
        )


records: ContextVar[list[Rewrite] | None] = ContextVar("graphc_rewrites", default=None)


@contextmanager
def recording() -> Generator[list[Rewrite]]:
    """Collect the rewrites that passes make inside."""
    found: list[Rewrite] = []
    token = records.set(found)
    try:
        yield found
    finally:
        records.reset(token)


def note(rule: str, sound_when: str, before: Node, after: Node) -> None:
    """Add a rewrite to the record, if one is being kept."""
    found = records.get()
    if found is not None:
        found.append(Rewrite(rule, sound_when, before, after))


def adopt(old: Node, new: Node) -> Node:
    """`new` in the place of `old`, under its name and as the adjoint that it was.

    A node that has a name of its own, or is the adjoint of something already, keeps
    both; inputs, parameters and random draws must stay the one node they are.
    """
    if new.type != old.type:
        raise GraphError(f"a rewrite of type {old.type} gave type {new.type}", at=old)
    if (
        new.op.kind == "source" and new.op.role is not Role.CONSTANT
    ) or not new.op.pure:
        return new
    name, origin = new.name or old.name, new.origin
    if origin.gradient_of is None:
        origin = origin.adjoint_of(old.origin.gradient_of)
    told = new.source_name
    # What a block calls its parts is for want of a name of the user's.
    if told is None and (new.name is None or new.origin.block is not None):
        told = old.source_name
    if name == new.name and origin is new.origin and told is new.source_name:
        return new
    return new.copy(name=name, origin=origin).told(told)
