"""Hyper-parameters as dataclass fields whose annotations say which values they take.

    betas: tuple[Decay, Decay] = (0.9, 0.999)
    dialect: Literal["torch", "keras"] = "torch"

Fields are checked when a rule is made, and integers and NumPy scalars become Python
floats, which are weak in NumPy's promotion and so leave a parameter's dtype alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Annotated, Any, ClassVar, TypeAlias, cast

from ..arguments import Check, Within, check_of, shown
from ..errors import ArgumentError, OptionError
from ..ir.hyperparameters import Hyperparameter


class _Required:
    """Stand-in for an argument without a default behind one that has one."""

    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()
"""The default of an option that has to be given, so that it may stand in torch's order
though the step size before it may be left out."""


Finite: TypeAlias = Annotated[float, Within()]
NonNegative: TypeAlias = Annotated[float, Within(low=0.0)]
Positive: TypeAlias = Annotated[float, Within(above=0.0)]
Share: TypeAlias = Annotated[float, Within(low=0.0, high=1.0)]
Decay: TypeAlias = Annotated[float, Within(low=0.0, below=1.0)]
"""The part of a running mean that stays, less than all of it."""


class Options:
    """A frozen dataclass whose fields are checked and normalised when it is made.

    Numbers with a fraction are hyperparameters then, by the names of their fields.
    """

    called: ClassVar[Mapping[str, str]] = {}
    """Names of hyperparameters that are not those of the fields."""
    first_place: ClassVar[int] = 0
    """That of the first field among the constants of a program."""

    def __post_init__(self) -> None:
        """Raise unless every field is given and fits its annotation."""
        names = [field.name for field in fields(cast(Any, self))]
        owner = type(self).__name__
        for name in names:
            if getattr(self, name) is REQUIRED:
                raise ArgumentError(
                    f"{owner} requires the argument {name}",
                    node=owner,
                    hint=f"{owner} takes {', '.join(names)}",
                )
        for name, check in _checks(type(self)).items():
            value = getattr(self, name)
            if not check.allows(value):
                wanted = f"{name} to be {check.required}, got {shown(value)}"
                raise self._failure(wanted, check.hint)
            called = self.called.get(name, name)
            place = self.first_place + names.index(name)
            converted = _as_setting(called, check.convert(value), place)
            object.__setattr__(self, name, converted)

    def _setting(self, name: str) -> float:
        """A whole number of an option as a hyperparameter."""
        names = [field.name for field in fields(cast(Any, self))]
        place = self.first_place + names.index(name)
        called = self.called.get(name, name)
        return Hyperparameter.called(called, getattr(self, name), place=place)

    def _failure(self, message: str, hint: str | None = None) -> OptionError:
        """An error about the options, at the user's line."""
        name = type(self).__name__
        return OptionError(f"{name} requires {message}", node=name, hint=hint)


def _as_setting(name: str, value: Any, place: int) -> Any:
    """The numbers of an option as hyperparameters, of `betas` as `beta1`, `beta2`."""
    if isinstance(value, float):
        place = -1000 if name == "learning_rate" else place  # What is tuned first.
        return Hyperparameter.called(name, value, place=place)
    if not isinstance(value, tuple):
        return value
    items = cast("tuple[Any, ...]", value)
    stem = name.removesuffix("s")
    return tuple(
        _as_setting(f"{stem}{number}", item, place)
        for number, item in enumerate(items, 1)
    )


@functools.cache
def _checks(kind: Any) -> dict[str, Check]:
    """The checks of fields, by the annotations of a class and its bases."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        # Names that only a function knows, in which a user's class was defined.
        with suppress(NameError):
            hints = inspect.get_annotations(base, eval_str=True)
            # A plain float takes nothing back: a step size may still be a schedule.
            found |= {
                n: h for n, h in hints.items() if h is not float or n not in found
            }
    number = Annotated[float, Within(finite=False)]
    hints = {field.name: found.get(field.name, Any) for field in fields(kind)}
    return {n: check_of(number if h is float else h) for n, h in hints.items()}
