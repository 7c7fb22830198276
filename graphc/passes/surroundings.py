"""Facts about a body from the program that it belongs to.

A body alone does not tell what its arguments are, nor what becomes of its results.
While a pass runs over a whole program, both can be looked up.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from ..ir.bodies import is_result_of_call, value_of_result
from ..ir.facts import PERSISTENT
from ..ir.graph import Graph
from ..ir.literal import without_views
from ..ir.node import Node
from ..ops.arithmetic import WHERE
from .algebra.signs import visible_in_program


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Facts about a whole program, for passes in its bodies."""

    program: Graph

    @cached_property
    def chooses(self) -> bool:
        """True where a user may have chosen, maybe to be rid of what is no number."""
        return chooses(self.program)

    @cached_property
    def passed(self) -> dict[Node, list[Node]]:
        """All values that stand for an argument of a body, if they can be told.

        Not those of what a loop carries, which are values of the body itself.
        """
        found: dict[Node, list[Node]] = {}
        carried: set[Node] = set()
        for node in (node for part in self.program.nested for node in part.nodes):
            count: int = node.attributes.get("carries", 0)
            for argument in (each for body in node.bodies for each in body.arguments):
                index: int = argument.attributes["index"]
                if index < count:
                    carried.add(argument)
                else:
                    found.setdefault(argument, []).append(node.inputs[index])
        return {node: given for node, given in found.items() if node not in carried}

    @cached_property
    def visible(self) -> set[Node]:
        """Values of which a zero of the other sign may change more than signs."""
        return visible_in_program(self.program)


_current: ContextVar[Surroundings | None] = ContextVar(
    "graphc_surroundings", default=None
)


def surroundings() -> Surroundings | None:
    """The program whose bodies a pass runs over now, if it does."""
    return _current.get()


@contextmanager
def inside(program: Graph) -> Generator[None]:
    """Let passes inside know what a program tells, unless they know a larger one."""
    if _current.get() is not None:
        yield
        return
    token = _current.set(Surroundings(program))
    try:
        yield
    finally:
        _current.reset(token)


def chooses(program: Graph) -> bool:
    """True where a program chooses by a node that a user wrote."""
    return any(_is_written_choice(node) for part in program.nested for node in part)


def _is_written_choice(node: Node) -> bool:
    """True where a node chooses, or is a choice's derivative, outside of a block."""
    written = not node.origin.rules or is_of_choice(node)
    is_choice = node.op is WHERE or bool(node.op.admits)
    return is_choice and written and node.origin.block is None


def is_of_choice(node: Node) -> bool:
    """True where the derivative rule of a choice made a node."""
    part = node.origin.derivative
    return part is not None and part.through.op is WHERE


def is_parameter(node: Node) -> bool:
    """True for a parameter or a buffer, and for what is one wherever it is passed."""
    node = without_views(node)
    if node.op.role in PERSISTENT:
        return True
    values = standing_for(node)
    return bool(values) and all(map(is_parameter, values))


def standing_for(node: Node) -> tuple[Node, ...]:
    """The values, one for each call, that an argument or a result of a call is.

    None at all for other nodes, and where they are not known.
    """
    known = _current.get()
    if known is None:
        return ()
    if is_result_of_call(node):
        return (value_of_result(node),)
    return tuple(known.passed.get(node, ()))
