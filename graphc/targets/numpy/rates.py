"""Schedules as functions of time, which updates and logs call."""

from __future__ import annotations

import ast
import re
from collections.abc import Container
from itertools import chain, count

from ...ir.node import Node
from ...program.function import Declared, Function
from ...program.lower import lower
from ...program.plan import Rate, TrainingPlan
from ...pysource.writer import Writer
from .constants import Constants
from .expressions import assign, call, name, subscript
from .function import Wording, write_function
from .names import Names

_ARGUMENTS = {
    "step": "of update `step`, from 1,",
    "epoch": "after `epoch` whole epochs",
}


class Rates:
    """The functions of a module that give step sizes."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._rates = {rate.value: rate for rate in plan.rates}
        self._functions: dict[Node, Function] = {}
        taken: set[str] = set()
        for value, rate in self._rates.items():
            wish = "learning_rate"
            if rate.owner and len(plan.rates) > 1:
                wish = re.sub(r"\W", "_", rate.owner.lower()) + "_" + wish
            numbered = (f"{wish}_{number}" for number in count(2))
            found = next(n for n in chain([wish], numbered) if n not in taken)
            taken.add(found)
            clock = tuple(_clock(rate).values())
            declared = Declared(found, rate.graph, clock, source="")
            self._functions[value] = lower(declared, fast=False)

    def __contains__(self, value: Node) -> bool:
        return value in self._rates

    def reads_step(self, value: Node) -> bool:
        """True where a step size depends on the number of the update."""
        return "step" in _clock(self._rates[value])

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions, lowered."""
        return tuple(self._functions.values())

    def call(self, value: Node, variables: Container[str] = ()) -> ast.expr:
        """A step size by a call; what is no variable is taken from the state."""
        given = [
            name(key) if key in variables else subscript(name("state"), key)
            for key in _clock(self._rates[value])
        ]
        return call(self._functions[value].name, *given)

    def assign(
        self, value: Node, names: Names, variables: Container[str] = ()
    ) -> ast.stmt:
        """A statement that gives a placeholder its value, see `call`."""
        names.assign([value])
        return assign(names[value], self.call(value, variables))

    def write(self, writer: Writer, names: Names, constants: Constants) -> None:
        """Write the functions."""
        for value, rate in self._rates.items():
            clock = _clock(rate)
            when = " ".join(text for key, text in _ARGUMENTS.items() if key in clock)
            wording = Wording(
                f"Return the step size {when.rstrip(',')}.",
                lambda values: [ast.Return(values[0])],
            )
            scope = names.function_scope()
            for key, node in clock.items():
                scope.alias(node, key)
            function = self._functions[value]
            write_function(writer, function, wording, scope, constants)


def _clock(rate: Rate) -> dict[str, Node]:
    """The arguments of a function, in their order."""
    found = {str(node.name): node for node in rate.graph.inputs}
    return {key: found[key] for key in _ARGUMENTS if key in found}
