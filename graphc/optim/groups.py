"""Parameters with optimizers of their own, chosen by name or by predicate."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TypeAlias

from ..errors import NamingError
from ..ir.hyperparameters import owned_by
from ..ir.node import Node
from .base import Clock, Optimizer, State, check_gradients, parameter_name
from .options import Options

Selector: TypeAlias = str | Callable[[Node], bool]
"""A pattern for names, as for files (`"*.bias"`), or a predicate of the parameter."""


@dataclass(frozen=True, eq=False)
class ParameterGroups(Options, Optimizer):
    """Different optimizers, or options, for different parameters.

    The first selector that matches a parameter decides.

    Args:
        groups: optimizers by selector. A selector is a pattern, in which `*` stands
            for any characters, or a function of a parameter's node.
        default: the optimizer of parameters that no selector matches.

    Raises:
        OptionError: something else than selectors and optimizers.
        NamingError: when parameters are known: a selector that matches none of them,
            or a parameter without an optimizer.

    Biases without weight decay:

    >>> import graphc as gc
    >>> from graphc.optim import SGD, Clock
    >>> w = gc.parameter("layer.weight", (), 1.0, "float64")
    >>> b = gc.parameter("layer.bias", (), 1.0, "float64")
    >>> optimizer = ParameterGroups(
    ...     {"*.bias": SGD(0.1)}, default=SGD(0.1, weight_decay=1.0)
    ... )
    >>> zero = gc.constant(0.0)
    >>> new, _ = optimizer.apply([w, b], [zero, zero], {}, Clock.constant(step=1))
    >>> gc.evaluate(new, {})
    [array(0.9), array(1.)]
    """

    groups: Mapping[Selector, Optimizer]
    default: Optimizer | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", MappingProxyType(dict(self.groups)))

    def assign(self, parameters: Sequence[Node]) -> list[tuple[Optimizer, list[Node]]]:
        """Each optimizer that is used with its parameters, in the order of groups."""
        members: dict[Selector | None, list[Node]] = {
            selector: [] for selector in [*self.groups, None]
        }
        for parameter in parameters:
            members[self._selector_of(parameter)].append(parameter)
        optimizers = {**self.groups, None: self.default}
        if members[None] and self.default is None:
            raise NamingError(
                f"no group matches {members[None][0].describe()}, and there is no "
                "default",
                node=type(self).__name__,
                hint="default=SGD(0.1)",
            )
        for selector in self.groups:
            matched = any(_matches(selector, parameter) for parameter in parameters)
            if not matched:
                names = ", ".join(str(parameter.name) for parameter in parameters)
                raise NamingError(
                    f"{selector!r} matches no parameter; there are {names or 'none'}",
                    node=type(self).__name__,
                )
        return [
            (optimizer, nodes)
            for selector, nodes in members.items()
            if nodes and (optimizer := optimizers[selector]) is not None
        ]

    def _selector_of(self, parameter: Node) -> Selector | None:
        parameter_name(parameter, self)
        for selector in self.groups:
            if _matches(selector, parameter):
                return selector
        return None

    def init_state(self, parameters: Sequence[Node]) -> State:
        """See `Optimizer.init_state`."""
        state: State = {}
        for optimizer, members in self.assign(parameters):
            with self._owned(optimizer):
                state |= optimizer.init_state(members)
        return state

    def apply(
        self,
        parameters: Sequence[Node],
        gradients: Sequence[Node],
        state: Mapping[str, Node],
        clock: Clock,
    ) -> tuple[list[Node], State]:
        """See `Optimizer.apply`."""
        check_gradients(parameters, gradients, self)
        gradient_of = dict(zip(parameters, gradients, strict=True))
        new: dict[Node, Node] = {}
        new_state: State = {}
        for optimizer, members in self.assign(parameters):
            own = _state_of(members, state)
            with self._owned(optimizer):
                values, own = optimizer.apply(
                    members, [gradient_of[node] for node in members], own, clock
                )
            new |= dict(zip(members, values, strict=True))
            new_state |= own
        return [new[parameter] for parameter in parameters], new_state

    @property
    def _members(self) -> list[Optimizer]:
        return [*self.groups.values(), *([self.default] if self.default else [])]

    def step_size(self, clock: Clock) -> Node:
        """The default's step size, or the first group's where there is no default."""
        optimizer = self.default or next(iter(self.groups.values()))
        with self._owned(optimizer):
            return optimizer.step_size(clock)

    def _owned(self, optimizer: Optimizer) -> AbstractContextManager[None]:
        """Hyperparameters belong to a group, `BIAS_LEARNING_RATE` to `"*.bias"`."""
        selectors = [s for s, other in self.groups.items() if other is optimizer]
        owner = selectors[0] if selectors and isinstance(selectors[0], str) else ""
        return owned_by("_".join(re.findall(r"\w+", owner)))

    def all_step_sizes(self, clock: Clock) -> list[Node]:
        """See `Optimizer.all_step_sizes`."""
        first = self.default or next(iter(self.groups.values()))
        others = [each for each in self.groups.values() if each is not first]
        found: list[Node] = []
        for each in (first, *others):
            with self._owned(each):
                found += each.all_step_sizes(clock)
        return found

    @property
    def micro_batches(self) -> int:
        """The least number of batches that gives every group a whole update."""
        return math.lcm(*(member.micro_batches for member in self._members))

    @property
    def decaying_slots(self) -> frozenset[str]:
        """See `Optimizer.decaying_slots`."""
        return frozenset[str]().union(*(m.decaying_slots for m in self._members))

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """See `Optimizer.averaged`."""
        new: dict[Node, Node] = {}
        for optimizer, members in self.assign(parameters):
            values = optimizer.averaged(members, _state_of(members, state))
            new |= dict(zip(members, values, strict=True))
        return [new[parameter] for parameter in parameters]


def _matches(selector: Selector, parameter: Node) -> bool:
    if isinstance(selector, str):
        return fnmatchcase(str(parameter.name), selector)
    return bool(selector(parameter))


def _state_of(members: Sequence[Node], state: Mapping[str, Node]) -> State:
    names = {str(parameter.name) for parameter in members}
    return {
        key: value for key, value in state.items() if key.rpartition(".")[0] in names
    }
