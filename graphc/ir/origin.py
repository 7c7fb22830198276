"""Where a node comes from: the user's line, and the rule that derived it, if any.

A node that a user wrote takes the line of the call outside this package. A node that
graphc derives (an adjoint, an expansion, a simplification) inherits the line of the
node it was derived from and adds the name of the rule, so that every report, error and
drawing can lead back to what the user wrote.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..errors import Location, current_origin, user_location

if TYPE_CHECKING:
    from .node import Node


@dataclass(frozen=True, slots=True)
class Origin:
    """The provenance of a node."""

    location: Location | None = None
    """The user's line."""
    rules: tuple[str, ...] = ()
    """The rules that derived it, the latest last; empty where a user wrote it."""
    block: Node | None = None
    """The block whose expansion it belongs to."""
    gradient_of: Node | None = None
    """The node whose adjoint it is."""


_place: ContextVar[tuple[int, ...]] = ContextVar("graphc_place", default=())


def place() -> tuple[int, ...]:
    """The place in the declared order inside which a node created now stands."""
    return _place.get()


def is_declared_by_user() -> bool:
    """Whether a node created now is the user's and not derived from others."""
    return current_origin.get() is None


def here() -> Origin:
    """The origin that a node created now gets."""
    current = current_origin.get()
    if isinstance(current, replacing):
        return current.origin
    return cast("Origin | None", current) or Origin(user_location())


@contextmanager
def derived(
    source: Node, rule: str | None = None, *, block: Node | None = None
) -> Generator[None]:
    """Give nodes created inside the line of `source`, and `rule` as provenance."""
    origin = source.origin
    token = current_origin.set(
        Origin(
            location=origin.location,
            rules=(*origin.rules, rule) if rule else origin.rules,
            block=block if block is not None else origin.block,
        )
    )
    try:
        yield
    finally:
        current_origin.reset(token)


@contextmanager
def within(old: Node) -> Generator[None]:
    """Let nodes created inside stand at the place of `old` in the declared order."""
    token = _place.set(old.order)
    try:
        yield
    finally:
        _place.reset(token)


class replacing:
    """Give nodes created inside the line and the place in the order of `old`.

    A class, because passes enter it for every node, and a generator's context would
    cost them most of their time; and entered once for all the rules that are tried on
    a node, of which hardly any creates one: `rule` says which is being tried.
    """

    __slots__ = ("_old", "_outer", "_place", "rule")

    def __init__(self, old: Node, rule: str = "") -> None:
        self._old = old
        self.rule = rule

    @property
    def location(self) -> Location | None:
        """The line of the node that is replaced."""
        return self._old.origin.location

    @property
    def origin(self) -> Origin:
        """The origin of a node created now."""
        origin = self._old.origin
        return Origin(origin.location, (*origin.rules, self.rule), origin.block)

    def __enter__(self) -> replacing:
        self._place = _place.set(self._old.order)
        self._outer = current_origin.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        current_origin.reset(self._outer)
        _place.reset(self._place)
