"""Optimizers: pure rules in nodes, from old parameters and state to new ones.

    (parameter, gradient, state, clock) -> (new parameter, new state)

So the passes optimise an update as they optimise a forward pass, the printer emits it,
and it can be drawn. A rule never branches on a value, which is known only when the
program runs; a first step is made special by a factor that depends on the clock,
or the state's initial value.

Scalars (step size, bias corrections) are computed once an update as float64 nodes and
cast to a parameter's dtype right before they multiply it: a float64 scalar would turn
a float32 parameter into float64.

Parameters of float16 are updated in float32, and so is their state: an `eps` of 1e-8
and the squares of usual gradients are 0 in float16.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeAlias, cast

from ..arguments import Within, shown, unlisted
from ..arguments.elsewhere import PARAMETERS_OF_OPTIMIZERS
from ..errors import DTypeError, NamingError, OptionError, ShapeError
from ..ir.facts import NAMED, Role
from ..ir.literal import scalar_value
from ..ir.node import Node
from ..ir.origin import derived
from ..ir.types import is_floating
from ..ir.walk import ancestors
from ..ops.source import astype, constant
from .formulas import decayed, wide
from .options import Options


@dataclass(frozen=True)
class Clock:
    """The time of an update, as float64 nodes of shape `()`.

    Args:
        step: the number of this update, counting from 1.
        epoch: the number of completed epochs, counting from 0.
        scale: a factor on the step size that the training loop may change between
            updates, as decay on a plateau does; normally 1.

    >>> import graphc as gc
    >>> Clock.constant(step=1).step
    <constant float64 ()>
    """

    step: Node
    epoch: Node
    scale: Node

    @classmethod
    def constant(cls, step: float, epoch: float = 0, scale: float = 1.0) -> Clock:
        """A clock that stands still, to look at or to test one update."""
        return cls(*(constant(float(value)) for value in (step, epoch, scale)))


State: TypeAlias = dict[str, Node]
"""Arrays that an optimizer remembers between updates, by name."""

StepSize: TypeAlias = (
    Annotated[
        float,
        Within(
            low=0.0,
            hint="a number such as 0.01, or a schedule: StepLR(0.1, step_size=30)",
        ),
    ]
    | Callable[[Clock], Any]
)
"""A constant, or a schedule: any function of the clock that gives a scalar node."""


@unlisted(
    *("all_step_sizes", "called", "decay_size", "decaying", "decaying_slots"),
    *("decays_itself", "first_place", "micro_batches"),
)
class Optimizer(ABC):
    """A rule that moves parameters; the training loop holds the state between calls.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), gc.init.ones())
    >>> list(gc.optim.SGD(0.1, momentum=0.9).init_state([w]))
    ['w.momentum_buffer']
    """

    @abstractmethod
    def init_state(self, parameters: Sequence[Node]) -> State:
        """The state before the first update, as nodes.

        Args:
            parameters: floating nodes with names.

        Returns:
            Initial values by name: `"hidden.weight.momentum_buffer"`. They may be
            computed from the parameters' initial values.

        Raises:
            DTypeError, NamingError: for a parameter that is not floating or has no
                name.
        """

    @abstractmethod
    def apply(
        self,
        parameters: Sequence[Node],
        gradients: Sequence[Node],
        state: Mapping[str, Node],
        clock: Clock,
    ) -> tuple[list[Node], State]:
        """One update.

        Args:
            parameters: floating nodes with names.
            gradients: one for each parameter, of its type.
            state: a node under each name that `init_state` gave.
            clock: the time of the update.

        Returns:
            The new parameters, in order, and the new state, under the same names.

        Raises:
            ShapeError, DTypeError: for gradients that don't fit the parameters.
        """

    @abstractmethod
    def step_size(self, clock: Clock) -> Node:
        """The step size of an update, a float64 node of shape `()`, which logs show."""

    def all_step_sizes(self, clock: Clock) -> list[Node]:
        """All step sizes of an update, `step_size` first; several where groups differ.

        The training loop takes no update in which one of them is not a number.
        """
        return [self.step_size(clock)]

    @property
    def micro_batches(self) -> int:
        """The number of batches to an update; more than 1 where gradients add up."""
        return 1

    @property
    def decaying_slots(self) -> frozenset[str]:
        """Names of slots that fade to nothing where gradients stay zero.

        The training loop sets their remains to zero now and then, because
        processors are slow with numbers that are nearly 0.
        """
        return frozenset()

    def averaged(
        self, parameters: Sequence[Node], state: Mapping[str, Node]
    ) -> list[Node]:
        """The parameters to evaluate with, where an optimizer keeps averages of them.

        The parameters themselves, unless an `EMA` is in the chain.
        """
        return list(parameters)


def called_with(optimizer: object) -> str:
    """A call of an optimizer or a schedule with the options that are not numbers.

    >>> from graphc.optim import SGD, ExponentialLR
    >>> called_with(SGD(ExponentialLR(0.1, gamma=0.5), momentum=0.9, nesterov=True))
    'SGD(lr=ExponentialLR, nesterov=True)'
    """
    given: list[str] = []
    for field in fields(optimizer) if is_dataclass(optimizer) else ():
        value = getattr(optimizer, field.name)
        if value != field.default and not _is_number(value):
            is_known = isinstance(value, Options)
            shown = called_with(value) if is_known else repr(value)
            given.append(f"{field.name}={shown}")
    # The address of a function differs from run to run.
    found = type(optimizer).__name__ + (f"({', '.join(given)})" if given else "")
    return re.sub(r" at 0x[0-9a-fA-F]+", "", found)


def _is_number(value: object) -> bool:
    """True for a number, and for several."""
    if isinstance(value, tuple):
        return all(map(_is_number, cast("tuple[object, ...]", value)))
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Rule(Options, Optimizer):
    """An optimizer that treats every parameter by itself and alike.

    A subclass is a frozen dataclass of its options, `update` with the textbook's
    formula, and `slots` with the state of one parameter, if there is any:

        @dataclass(frozen=True)
        class Momentum(Rule):
            beta: Decay = 0.9
            weight_decay: NonNegative = 0.0
            maximize: bool = False
            decaying = ("velocity",)

            def slots(self, parameter):
                return {"velocity": zeros_like(parameter)}

            def update(self, parameter, gradient, state, clock):
                velocity = self.beta * state["velocity"] + gradient
                velocity = velocity.named("velocity")
                step_size = in_dtype_of(parameter, self.step_size(clock))
                return parameter - step_size * velocity, {"velocity": velocity}

    - Annotations are the checks of options, see `options`.
    - A rule that declares `maximize` or `weight_decay` gets the gradient to descend:
      negated, and with that of the L2 penalty added, or else its parameter decayed,
      where `decoupled_weight_decay`. One that `decays_itself` does so in its formula.
    - Programs write an update as statements, one for each value that is used twice or
      lies more than three operations deep: these need a name, by `.named()`, that is
      not the name of an op.
    - A formula can't branch on values; `where` chooses between them. Scalars are
      float64, and go through `in_dtype_of` before they meet a parameter; this and
      other parts of formulas are in `formulas`.

    >>> import graphc as gc
    >>> w, gradient = gc.parameter("w", (2,), [1.0, 2.0]), gc.constant([0.5, 1.0])
    >>> state, clock = {"momentum_buffer": gc.zeros(2)}, gc.optim.Clock.constant(step=1)
    >>> new, _ = gc.optim.SGD(0.5, momentum=0.9).update(w, gradient, state, clock)
    >>> gc.evaluate(new, {})
    array([0.75, 1.5 ])
    """

    lr: StepSize = 1e-3

    called = MappingProxyType({"lr": "learning_rate"})

    # Options that a rule need not have; one that has them declares them as fields.
    maximize = False
    weight_decay = 0.0
    decoupled_weight_decay = False

    decays_itself: ClassVar[bool] = False
    """True where weight decay is a part of `update`."""
    decaying: ClassVar[tuple[str, ...]] = ()
    """Slots that fade to nothing where gradients stay zero, as running means of
    gradients do. Means of squares are not among them: some rules divide by their
    roots."""

    def __post_init__(self) -> None:
        """Raise unless every field is given and fits its annotation."""
        # A layer and its list of parameters may be called, as a schedule is.
        if hasattr(self.lr, "parameters") or isinstance(self.lr, list):
            raise self._failure(
                f"a step size, got {shown(cast('Any', self).lr)}",
                PARAMETERS_OF_OPTIMIZERS,
            )
        super().__post_init__()

    @property
    def decaying_slots(self) -> frozenset[str]:
        """See `Optimizer.decaying_slots`."""
        return frozenset(self.decaying)

    def slots(self, parameter: Node) -> State:
        """The initial state of one parameter, under torch's names."""
        return {}

    @abstractmethod
    def update(
        self, parameter: Node, gradient: Node, state: Mapping[str, Node], clock: Clock
    ) -> tuple[Node, State]:
        """The new value of one parameter, and its new state."""

    def decay_size(self, clock: Clock) -> Node:
        """The factor on decoupled weight decay."""
        return self.step_size(clock)

    def _descent(
        self, parameter: Node, gradient: Node, clock: Clock
    ) -> tuple[Node, Node]:
        """The parameter to start from and the gradient to descend.

        `g + weight_decay * w` is the gradient of `loss + weight_decay / 2 *
        sum(w**2)`: coupled weight decay.
        """
        if self.maximize:
            gradient = (-gradient).named("negated_gradient")
        if not self.weight_decay or self.decays_itself:
            return parameter, gradient
        if self.decoupled_weight_decay:
            size = self.decay_size(clock)
            return decayed(parameter, size, self.weight_decay), gradient
        gradient = gradient + self.weight_decay * parameter
        return parameter, gradient.named("decayed_gradient")

    def init_state(self, parameters: Sequence[Node]) -> State:
        """See `Optimizer.init_state`."""
        state: State = {}
        for parameter in parameters:
            name = parameter_name(parameter, self)
            with derived(parameter, f"{type(self).__name__} state"):
                slots = self.slots(wide(parameter))
            state |= {f"{name}.{slot}": value for slot, value in slots.items()}
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
        new_parameters: list[Node] = []
        new_state: State = {}
        for parameter, gradient in zip(parameters, gradients, strict=True):
            prefix = f"{parameter_name(parameter, self)}."
            own = slots_under(prefix, state)
            with derived(parameter, f"{type(self).__name__} update"):
                old = self._descent(wide(parameter), wide(gradient), clock)
                new_parameter, slots = self.update(*old, own, clock)
                new_parameter = astype(new_parameter, parameter.dtype)
                new_parameter = new_parameter.named("new_parameter")
            new_parameters.append(new_parameter)
            new_state |= {prefix + slot: slots[slot] for slot in own}
        return new_parameters, new_state

    def step_size(self, clock: Clock) -> Node:
        """See `Optimizer.step_size`."""
        size = (
            constant(self.lr) if isinstance(self.lr, float) else _scheduled(self, clock)
        )
        if scalar_value(clock.scale) != 1.0:
            size = size * clock.scale
        return size if size.op.role is Role.CONSTANT else size.named("step_size")


def slots_under(prefix: str, state: Mapping[str, Node]) -> State:
    """One parameter's own state: `a.b.slot` belongs to `a.b` and not to `a`."""
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix) and "." not in key[len(prefix) :]
    }


def _scheduled(rule: Rule, clock: Clock) -> Node:
    schedule = cast("Callable[[Clock], Any]", rule.lr)
    value = schedule(clock)
    size = constant(value, "float64")
    # A clock may itself be computed: one that counts the updates of an accumulation.
    told = set(ancestors([clock.step, clock.epoch, clock.scale]))
    for node in ancestors([size]):
        if node.op.role in NAMED and node not in told:
            raise OptionError(
                f"a schedule may depend on its clock alone, not on {node.describe()}",
                node=type(rule).__name__,
                hint="arithmetic with clock.step and clock.epoch",
            )
    if size.shape:
        raise ShapeError(
            f"a schedule must give a scalar, got {size.type}",
            node=type(rule).__name__,
            hint="arithmetic with clock.step and clock.epoch, which are scalars",
        )
    return size


def parameter_name(parameter: Node, optimizer: Optimizer) -> str:
    """The name of a parameter that can be optimised, or an error."""
    if not is_floating(parameter.dtype):
        raise DTypeError(
            f"only floating parameters can be optimised, got {parameter.describe()}",
            node=type(optimizer).__name__,
        )
    if parameter.name is None:
        raise NamingError(
            f"parameters must have names, got {parameter.describe()}",
            node=type(optimizer).__name__,
        )
    return parameter.name


def check_gradients(
    parameters: Sequence[Node], gradients: Sequence[Node], optimizer: Optimizer
) -> None:
    """Raise unless there is one gradient of its type for each parameter."""
    if len(parameters) != len(gradients):
        raise ShapeError(
            f"requires a gradient for each parameter, got {len(gradients)} gradients "
            f"for {len(parameters)} parameters",
            node=type(optimizer).__name__,
        )
    names = [parameter_name(parameter, optimizer) for parameter in parameters]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise NamingError(
            f"two parameters have the name {sorted(twice)[0]!r}",
            node=type(optimizer).__name__,
        )
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if parameter.shape != gradient.shape or parameter.dtype != gradient.dtype:
            kind = ShapeError if parameter.shape != gradient.shape else DTypeError
            raise kind(
                f"requires a gradient of the type of its parameter, got "
                f"{gradient.type} for {parameter.describe()}",
                node=type(optimizer).__name__,
            )
