"""Optimizers around optimizers: what clipping, accumulation and averages share.

A transformation is an optimizer itself, so they nest. The outermost one sees the
gradient first:

>>> from graphc.optim import Adam, ClipByGlobalNorm, GradientNoise
>>> optimizer = ClipByGlobalNorm(GradientNoise(Adam(1e-3)), max_norm=1.0)

clips, then adds noise, then does Adam's update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import NamingError
from ..ir.node import Node
from ..ir.origin import derived, here
from .base import Clock, Optimizer, State, check_gradients, parameter_name
from .options import Options


@dataclass(frozen=True)
class Transformation(Optimizer):
    """An optimizer around another one. A subclass overrides what it changes.

    Args:
        inner: the optimizer that does the update.
    """

    inner: Optimizer

    def _check(self) -> Options:
        options = Options(self)
        if not isinstance(self.inner, Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]
            name = type(self).__name__
            raise options.fail(
                f"an optimizer as its first argument, got {self.inner!r}",
                hint=f"{name}(SGD(0.1), ...)",
            )
        return options

    def gradient(self, parameter: Node, gradient: Node, clock: Clock) -> Node:
        """What the inner optimizer gets in place of a gradient."""
        return gradient

    def init_state(self, parameters: Sequence[Node]) -> State:
        """See `Optimizer.init_state`."""
        return self.inner.init_state(parameters)

    def apply(
        self,
        parameters: Sequence[Node],
        gradients: Sequence[Node],
        state: Mapping[str, Node],
        clock: Clock,
    ) -> tuple[list[Node], State]:
        """See `Optimizer.apply`."""
        check_gradients(parameters, gradients, self)
        changed: list[Node] = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            with derived(parameter, type(self).__name__):
                changed.append(self.gradient(parameter, gradient, clock))
        return self.inner.apply(parameters, changed, state, clock)

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

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """See `Optimizer.averaged`."""
        return self.inner.averaged(parameters, self._inner_state(parameters, state))

    # State of its own: one array for each parameter, in a slot of a fixed name.

    def _slot(self) -> str | None:
        return None

    def _keys(self, parameters: Sequence[Node]) -> list[str]:
        slot = self._slot()
        return [f"{parameter_name(p, self)}.{slot}" for p in parameters if slot]

    def _inner_state(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> State:
        own = set(self._keys(parameters))
        return {key: value for key, value in state.items() if key not in own}

    def _with_own(
        self, inner: State, parameters: Sequence[Node], values: Sequence[Node]
    ) -> State:
        own = dict(zip(self._keys(parameters), values, strict=True))
        twice = sorted(own.keys() & inner.keys())
        if twice:
            raise NamingError(
                f"two optimizers in the chain keep state under the name {twice[0]!r}",
                node=type(self).__name__,
                location=str(here().location),
                hint=f"one {type(self).__name__} is enough",
            )
        return inner | own
