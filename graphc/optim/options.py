"""Hyper-parameters as dataclass fields whose annotations say which values they take.

    betas: tuple[Decay, Decay] = (0.9, 0.999)
    dialect: Literal["torch", "keras"] = "torch"

Fields are checked when a rule is made, and integers and NumPy scalars become Python
floats, which are weak in NumPy's promotion and so leave a parameter's dtype alone.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin

import numpy as np

from ..arguments import Within
from ..errors import ArgumentError, OptionError


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
    """A frozen dataclass whose fields are checked and normalised when it is made."""

    def __post_init__(self) -> None:
        """Raise unless every field is given and fits its annotation."""
        hints = _annotations(type(self))
        names = [field.name for field in fields(cast(Any, self))]
        owner = type(self).__name__
        for name in names:
            if getattr(self, name) is REQUIRED:
                raise ArgumentError(
                    f"{owner} requires the argument {name}",
                    node=owner,
                    hint=f"{owner} takes {', '.join(names)}",
                )
        for name in names:
            value = self._checked(name, hints.get(name), getattr(self, name))
            object.__setattr__(self, name, value)

    def _failure(self, message: str, hint: str | None = None) -> OptionError:
        """An error about the options, at the user's line."""
        name = type(self).__name__
        return OptionError(f"{name} requires {message}", node=name, hint=hint)

    def _checked(self, name: str, hint: Any, value: Any) -> Any:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            if any(_is_a(value, arm) for arm in arguments):
                return value
            return self._checked(name, arguments[0], value)
        if origin is Annotated:
            check = self._integer if arguments[0] is int else self._real
            return check(name, arguments[1], value)
        if origin is Literal:
            self._choice(name, arguments, value)
        elif origin is tuple and arguments[-1] is not Ellipsis:
            return self._reals(name, arguments, value)
        elif origin in (tuple, Sequence) and get_origin(arguments[0]) is Annotated:
            return self._integers(name, get_args(arguments[0])[1], value)
        elif hint is float:
            return self._real(name, Within(finite=False), value)
        elif hint is bool and not isinstance(value, bool):
            raise self._failure(f"{name} to be True or False, got {value!r}")
        elif origin is Callable and not callable(value):
            raise self._failure(f"{name} to be a function, got {value!r}")
        return value

    def _real(self, name: str, within: Within, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool | str) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not within.admits(number):
            required = within.condition(name)
            raise self._failure(f"{required}, got {name}={value!r}", within.hint)
        return number

    def _reals(self, name: str, hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        if not isinstance(value, tuple | list) or len(cast(Any, value)) != len(hints):
            raise self._failure(f"{name} to be {len(hints)} numbers, got {value!r}")
        items = enumerate(zip(hints, cast("list[Any]", value), strict=True))
        return tuple(self._checked(f"{name}[{i}]", *pair) for i, pair in items)

    def _integer(self, name: str, within: Within, value: Any) -> int:
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not within.low <= value < 2**63:
            raise self._failure(
                f"{name} to be an integer >= {within.low}, got {value!r}"
            )
        return int(cast(int, value))

    def _integers(self, name: str, within: Within, value: Any) -> tuple[int, ...]:
        if not isinstance(value, tuple | list):
            raise self._failure(f"{name} to be a list of integers, got {value!r}")
        items = cast("tuple[Any, ...]", tuple(value))  # pyright: ignore[reportUnknownArgumentType]
        for item in items:
            if isinstance(item, bool) or not isinstance(item, int) or item < within.low:
                wanted = f"{name} to be integers >= {within.low}"
                raise self._failure(f"{wanted}, got {value!r}")
        return items

    def _choice(self, name: str, choices: Sequence[object], value: object) -> None:
        # By type, because an array compares with each of its elements.
        alike = [c for c in choices if value is c or type(value) is type(c)]
        if value not in alike:
            listed = ", ".join(map(repr, choices))
            raise self._failure(f"{name} to be one of {listed}; got {value!r}")


def _is_a(value: object, hint: Any) -> bool:
    """True for a value that one arm of a union admits without another check."""
    if get_origin(hint) is Callable:
        return callable(value)
    is_class = isinstance(hint, type) and get_origin(hint) is None
    return is_class and hint is not float and isinstance(value, hint)


@functools.cache
def _annotations(kind: type) -> dict[str, Any]:
    """The annotations of a class and its bases, as types."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        # Names that only a function knows, in which a user's class was defined.
        with suppress(NameError):
            hints = inspect.get_annotations(base, eval_str=True)
            # A plain float takes nothing back: a step size may still be a schedule.
            found |= {
                n: h for n, h in hints.items() if h is not float or n not in found
            }
    return found
