"""Numbers that programs hold as named constants, so that a reader can change them.

An option such as `beta1` is a Python float that knows its name. Arithmetic with it
gives floats that know how they were computed, so that `1 - beta1` meets an array as
`1.0 - BETA1`. No pass looks into such a number: what a rewrite took from its value
would not change with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast


@dataclass(frozen=True)
class Setting:
    """A hyperparameter: its name in lower case, and its value."""

    name: str
    value: float
    owner: str = field(default="", compare=False, repr=False)
    """Name of the layer or of the group that it belongs to; empty for that of all."""
    place: int = field(default=1000, compare=False, repr=False)
    """Programs list those of a small place first."""


Term: TypeAlias = "Setting | float | tuple[str, Term] | tuple[str, Term, Term]"
"""A setting, a number, or an operator of Python's with what it is applied to."""


class Hyperparameter(float):
    """A float that is a setting, or is computed from some.

    >>> beta = Hyperparameter.called("beta", 0.75)
    >>> 1.0 - beta
    0.25
    >>> (1.0 - beta).term
    ('-', 1.0, Setting(name='beta', value=0.75))
    """

    __slots__ = ("term",)

    term: Term

    def __new__(cls, value: float, term: Term) -> Hyperparameter:
        """A value, and how it is computed."""
        made = super().__new__(cls, value)
        made.term = term
        return made

    @classmethod
    def called(
        cls, name: str, value: float, owner: str = "", place: int = 1000
    ) -> Hyperparameter:
        """A setting of this name, by default of the layer that is being called."""
        plain = int(value) if isinstance(value, int) else float(value)
        owner = owner or _owner.get()
        return cls(value, Setting(name, plain, owner, place))

    def __reduce__(self) -> tuple[type[Hyperparameter], tuple[float, Term]]:
        return Hyperparameter, (float(self), self.term)

    def _with(self, symbol: str, other: Any, *, is_first: bool) -> Any:
        if type(other) not in (int, float, Hyperparameter):
            return NotImplemented  # A node, which takes it as a number.
        pair = (self, other) if is_first else (other, self)
        value = _OPERATORS[symbol](*(float(each) for each in pair))
        first, second = (term_of(each) for each in pair)
        return Hyperparameter(value, (symbol, first, second))

    def __add__(self, value: Any) -> Any:
        return self._with("+", value, is_first=True)

    def __radd__(self, value: Any) -> Any:
        return self._with("+", value, is_first=False)

    def __sub__(self, value: Any) -> Any:
        return self._with("-", value, is_first=True)

    def __rsub__(self, value: Any) -> Any:
        return self._with("-", value, is_first=False)

    def __mul__(self, value: Any) -> Any:
        return self._with("*", value, is_first=True)

    def __rmul__(self, value: Any) -> Any:
        return self._with("*", value, is_first=False)

    def __truediv__(self, value: Any) -> Any:
        return self._with("/", value, is_first=True)

    def __rtruediv__(self, value: Any) -> Any:
        return self._with("/", value, is_first=False)

    def __pow__(self, value: Any, mod: None = None, /) -> Any:
        return self._with("**", value, is_first=True)

    def __rpow__(self, value: Any, mod: None = None, /) -> Any:
        return self._with("**", value, is_first=False)

    def __neg__(self) -> Any:
        return Hyperparameter(-float(self), ("-", self.term))


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": float.__add__,
    "-": float.__sub__,
    "*": float.__mul__,
    "/": float.__truediv__,
    "**": float.__pow__,
}


_owner: ContextVar[str] = ContextVar("owner", default="")


@contextmanager
def owned_by(owner: str) -> Generator[None]:
    """A layer, group of parameters or loss, whose hyperparameters are read in it."""
    token = _owner.set(owner or _owner.get())
    try:
        yield
    finally:
        _owner.reset(token)


def term_read(value: object) -> Term | None:
    """The term of a hyperparameter that a graph reads, with what it belongs to."""
    return _owned(value.term) if isinstance(value, Hyperparameter) else None


def _owned(term: Term) -> Term:
    if isinstance(term, Setting):
        return term if term.owner else replace(term, owner=_owner.get())
    if not isinstance(term, tuple):
        return term
    symbol, *parts = cast("tuple[Any, ...]", term)
    return cast("Term", (symbol, *map(_owned, parts)))


def term_of(value: float) -> Term:
    """The computation of a number; for one that is not a hyperparameter, itself."""
    return value.term if isinstance(value, Hyperparameter) else float(value)


def settings_of(term: Term) -> Iterator[Setting]:
    """The settings that a number is computed from."""
    if isinstance(term, Setting):
        yield term
    elif isinstance(term, tuple):
        for part in cast("tuple[Any, ...]", term)[1:]:
            yield from settings_of(part)
