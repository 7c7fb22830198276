"""Where a node comes from: the user's line, and the rule that derived it, if any.

A node that a user wrote takes the line of the call outside this package. A node that
graphc derives (an adjoint, an expansion, a simplification) inherits the line of the
node it was derived from and adds the name of the rule, so that every report, error and
drawing can lead back to what the user wrote.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .node import Node

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_NAME = __name__.split(".")[0]


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a user's file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


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


_current: ContextVar[Origin | replacing | None] = ContextVar(
    "graphc_origin", default=None
)
_place: ContextVar[tuple[int, ...]] = ContextVar("graphc_place", default=())


def user_location() -> Location | None:
    """The innermost line on the stack that is outside this package."""
    frame = _user_frame()
    if frame is None:
        return None
    return Location(frame.f_code.co_filename, frame.f_lineno)


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and not _is_generated(frame):
            return frame
        frame = frame.f_back
    return None


def warn_at_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost line outside this package, as often as filters say."""
    frame = _user_frame()
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_generated(frame: FrameType) -> bool:
    """Whether it is a dataclass's method, of a program that runs, or Python's own."""
    # Such a method has no file, but a module.
    module = str(frame.f_globals.get("__name__"))
    file = frame.f_code.co_filename
    of_package = file == "<string>" and module.split(".")[0] == _NAME
    return of_package or file.startswith(("<graphc ", "<frozen "))


def place() -> tuple[int, ...]:
    """The place in the declared order inside which a node created now stands."""
    return _place.get()


def is_declared_by_user() -> bool:
    """Whether a node created now is the user's and not derived from others."""
    return _current.get() is None


def here() -> Origin:
    """The origin that a node created now gets."""
    current = _current.get()
    if isinstance(current, replacing):
        return current.origin
    return current or Origin(user_location())


@contextmanager
def derived(
    source: Node, rule: str | None = None, *, block: Node | None = None
) -> Generator[None]:
    """Give nodes created inside the line of `source`, and `rule` as provenance."""
    origin = source.origin
    token = _current.set(
        Origin(
            location=origin.location,
            rules=(*origin.rules, rule) if rule else origin.rules,
            block=block if block is not None else origin.block,
        )
    )
    try:
        yield
    finally:
        _current.reset(token)


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
    def origin(self) -> Origin:
        """What a node created now gets."""
        origin = self._old.origin
        return Origin(origin.location, (*origin.rules, self.rule), origin.block)

    def __enter__(self) -> replacing:
        self._place = _place.set(self._old.order)
        self._outer = _current.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _current.reset(self._outer)
        _place.reset(self._place)
