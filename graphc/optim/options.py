"""Checks of hyper-parameters: what was required, what was given, at the user's line.

They also turn integers and NumPy scalars into Python floats, which are weak in NumPy's
promotion and so leave a parameter's dtype alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import numpy as np

from ..errors import ArgumentError, OptionError
from ..ir.origin import here


class _Required:
    """What stands for an argument without a default behind one that has one."""

    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""The default of an option that has to be given, so that it may stand in torch's order
though the step size before it may be left out."""


class Options:
    """The fields of a frozen dataclass, checked and normalised in `__post_init__`."""

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._name = type(owner).__name__

    def fail(self, message: str, hint: str | None = None) -> OptionError:
        """An error about the owner, at the user's line."""
        return OptionError(
            f"{self._name} requires {message}",
            node=self._name,
            location=str(here().location),
            hint=hint,
        )

    def required(self) -> None:
        """Raise unless all that has no default is given."""
        for name, value in vars(self._owner).items():
            if value is REQUIRED:
                names = ", ".join(f.name for f in fields(cast(Any, self._owner)))
                raise ArgumentError(
                    f"{self._name} requires the argument {name}",
                    node=self._name,
                    location=str(here().location),
                    hint=f"{self._name} takes {names}",
                )

    def step_size(self, name: str = "lr") -> None:
        """A number of at least 0, or a schedule."""
        if not callable(self._get(name)):
            hint = "a number such as 0.01, or a schedule: StepLR(0.1, step_size=30)"
            self.real(name, low=0.0, hint=hint)

    def real(
        self,
        *names: str,
        low: float = -math.inf,
        high: float = math.inf,
        above: float = -math.inf,
        below: float = math.inf,
        hint: str | None = None,
    ) -> None:
        """Finite numbers with `low <= value <= high` and `above < value < below`."""
        for name in names:
            value = self._real(name, self._get(name), low, high, above, below, hint)
            self._set(name, value)

    def reals(
        self,
        name: str,
        *,
        low: float = -math.inf,
        above: float = -math.inf,
        below: float = math.inf,
        length: int = 2,
        optional: int = 0,
    ) -> None:
        """A tuple of numbers within the same bounds; the first ones may be None."""
        values: Any = self._get(name)
        if not isinstance(values, tuple | list) or len(cast(Any, values)) != length:
            raise self.fail(f"{name} to be {length} numbers, got {values!r}")
        checked = tuple(
            None
            if item is None and i < optional
            else self._real(f"{name}[{i}]", item, low, math.inf, above, below, None)
            for i, item in enumerate(cast("tuple[Any, ...]", values))
        )
        self._set(name, checked)

    def integer(self, *names: str, low: int) -> None:
        """Whole numbers of at least `low`."""
        for name in names:
            value: Any = self._get(name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or not low <= value < 2**63:
                raise self.fail(f"{name} to be an integer >= {low}, got {value!r}")
            self._set(name, int(cast(int, value)))

    def integers(self, name: str, *, low: int) -> None:
        """A tuple of whole numbers of at least `low`."""
        values: Any = self._get(name)
        if not isinstance(values, tuple | list):
            raise self.fail(f"{name} to be a list of integers, got {values!r}")
        items = cast("tuple[Any, ...]", tuple(values))  # pyright: ignore[reportUnknownArgumentType]
        for item in items:
            if isinstance(item, bool) or not isinstance(item, int) or item < low:
                raise self.fail(f"{name} to be integers >= {low}, got {values!r}")
        self._set(name, items)

    def flag(self, *names: str) -> None:
        """True or False, and nothing that merely counts as such."""
        for name in names:
            if not isinstance(self._get(name), bool):
                raise self.fail(f"{name} to be True or False, got {self._get(name)!r}")

    def choice(self, name: str, *choices: object) -> None:
        """One of a few values."""
        value = self._get(name)
        # By type, because an array compares with each of its elements.
        alike = [c for c in choices if value is c or type(value) is type(c)]
        if value not in alike:
            listed = ", ".join(map(repr, choices))
            raise self.fail(f"{name} to be one of {listed}; got {value!r}")

    def function(self, name: str) -> Callable[..., Any]:
        """A callable."""
        value = self._get(name)
        if not callable(value):
            raise self.fail(f"{name} to be a function, got {value!r}")
        return value

    def _real(
        self,
        name: str,
        value: Any,
        low: float,
        high: float,
        above: float,
        below: float,
        hint: str | None,
    ) -> float:
        required = _condition(name, low, high, above, below)
        try:
            number = math.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        inside = low <= number <= high and above < number < below
        if not math.isfinite(number) or not inside:
            raise self.fail(f"{required}, got {name}={value!r}", hint)
        return number

    def _get(self, name: str) -> object:
        return getattr(self._owner, name)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self._owner, name, value)


def _condition(name: str, low: float, high: float, above: float, below: float) -> str:
    lower = f"{low:g} <= " if low > -math.inf else f"{above:g} < "
    upper = f" <= {high:g}" if high < math.inf else f" < {below:g}"
    bounded_below = low > -math.inf or above > -math.inf
    bounded_above = high < math.inf or below < math.inf
    if bounded_below and bounded_above:
        return f"{lower}{name}{upper}"
    if bounded_below:
        return f"{name} >= {low:g}" if low > -math.inf else f"{name} > {above:g}"
    return f"{name}{upper}" if bounded_above else f"{name} to be a finite number"
