"""Optimizers around optimizers: the base of clipping, accumulation and averages.

A transformation is an optimizer itself, so they nest. The outermost one sees the
gradient first:

>>> from graphc.optim import Adam, ClipByGlobalNorm, GradientNoise
>>> optimizer = ClipByGlobalNorm(GradientNoise(Adam(1e-3)), max_norm=1.0)

clips, then adds noise, then does Adam's update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import NamingError
from ..ir.node import Node
from ..ir.origin import derived
from .base import Clock, Optimizer, State, check_gradients, parameter_name
from .options import Options


@dataclass(frozen=True)
class Transformation(Options, Optimizer):
    """An optimizer around another one. A subclass overrides what it changes.

    Args:
        inner: the optimizer that does the update.

    >>> import graphc as gc
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SignedGradients(gc.optim.Transformation):
    ...     def gradient(self, parameter, gradient, clock):
    ...         return gc.sign(gradient)
    >>> w = gc.parameter("w", (2,), [1.0, 1.0], "float64")
    >>> optimizer = SignedGradients(gc.optim.SGD(0.25))
    >>> clock = gc.optim.Clock.constant(step=1)
    >>> new, _ = optimizer.apply([w], [gc.constant([3.0, -0.1])], {}, clock)
    >>> gc.evaluate(new[0], {})
    array([0.75, 1.25])
    """

    inner: Optimizer

    slot: ClassVar[str | None] = None
    """Name of the transformation's own array for each parameter, if it keeps one."""

    def start(self, parameter: Node) -> Node:
        """The initial value of the slot."""
        return parameter

    def gradient(self, parameter: Node, gradient: Node, clock: Clock) -> Node:
        """The gradient that the inner optimizer gets in place of this one."""
        return gradient

    def gradients(
        self, parameters: Sequence[Node], gradients: Sequence[Node], clock: Clock
    ) -> list[Node]:
        """The gradients that the inner optimizer gets, where one depends on all."""
        changed: list[Node] = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            with derived(parameter, type(self).__name__):
                changed.append(self.gradient(parameter, gradient, clock))
        return changed

    def after(
        self, parameter: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """The parameter in place of the one that the inner optimizer gave.

        Args:
            parameter: the value that the inner optimizer gave.
            state: the slot, by its name.
            clock: the time of the update.

        Returns:
            The new parameter, and the new slot by its name.
        """
        return parameter, dict(state)

    def init_state(self, parameters: Sequence[Node]) -> State:
        """See `Optimizer.init_state`."""
        inner = self.inner.init_state(parameters)
        starts = [self.start(p) for p in parameters if self.slot]
        return self._with_own(inner, parameters, starts)

    def apply(
        self,
        parameters: Sequence[Node],
        gradients: Sequence[Node],
        state: Mapping[str, Node],
        clock: Clock,
    ) -> tuple[list[Node], State]:
        """See `Optimizer.apply`."""
        check_gradients(parameters, gradients, self)
        changed = self.gradients(parameters, gradients, clock)
        inner = self._inner_state(parameters, state)
        values, new_state = self.inner.apply(parameters, changed, inner, clock)
        new: list[Node] = []
        slots: list[Node] = []
        for parameter, value in zip(parameters, values, strict=True):
            own = {self.slot: state[self._key(parameter)]} if self.slot else {}
            with derived(parameter, type(self).__name__):
                value, own = self.after(value, own, clock)
            new.append(value)
            slots += own.values()
        return new, self._with_own(new_state, parameters, slots)

    def step_size(self, clock: Clock) -> Node:
        """See `Optimizer.step_size`."""
        return self.inner.step_size(clock)

    def all_step_sizes(self, clock: Clock) -> list[Node]:
        """See `Optimizer.all_step_sizes`."""
        return self.inner.all_step_sizes(clock)

    @property
    def micro_batches(self) -> int:
        """See `Optimizer.micro_batches`."""
        return self.inner.micro_batches

    @property
    def decaying_slots(self) -> frozenset[str]:
        """See `Optimizer.decaying_slots`."""
        return self.inner.decaying_slots

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """See `Optimizer.averaged`."""
        return self.inner.averaged(parameters, self._inner_state(parameters, state))

    def _key(self, parameter: Node) -> str:
        return f"{parameter_name(parameter, self)}.{self.slot}"

    def _inner_state(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> State:
        own = {self._key(parameter) for parameter in parameters if self.slot}
        return {key: value for key, value in state.items() if key not in own}

    def _with_own(
        self, inner: State, parameters: Sequence[Node], values: Sequence[Node]
    ) -> State:
        keys = [self._key(parameter) for parameter in parameters if self.slot]
        own = dict(zip(keys, values, strict=True))
        twice = sorted(own.keys() & inner.keys())
        if twice:
            raise NamingError(
                f"two optimizers in the chain keep state under the name {twice[0]!r}",
                node=type(self).__name__,
                hint=f"one {type(self).__name__} is enough",
            )
        return inner | own
