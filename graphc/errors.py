"""The exceptions of graphc: requirement, value given, place, and what to try.

Every class also subclasses the built-in that fits, so that `except ValueError` in
users' code keeps its meaning. An error finds the user's line when it is made. Its text
is assembled from parts, because the part that knows what is wrong (a type rule, say)
rarely knows the node.
"""

from __future__ import annotations

import contextlib
import importlib
import linecache
import os
import sys
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, Self

import numpy as np

__all__ = [
    "ArgumentError",
    "BroadcastWarning",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "DifferentiationError",
    "FeedError",
    "GraphError",
    "GraphcError",
    "GraphcWarning",
    "IndexRangeError",
    "InternalError",
    "LinAlgError",
    "LogitsWarning",
    "MissingExtraError",
    "NamingError",
    "NoAttributeError",
    "NonFiniteError",
    "OptionError",
    "RenderError",
    "ShapeError",
    "UnknownNameError",
    "UnsupportedError",
    "UntrainedWarning",
]


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a user's file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Located(Protocol):
    """An object with a line of the user's: the origin of a node."""

    @property
    def location(self) -> Location | None:
        """The user's line."""
        ...


class Declared(Protocol):
    """An object that a user declared at some line: a node."""

    @property
    def origin(self) -> Located:
        """The provenance."""
        ...

    def describe(self) -> str:
        """The name and type, for a message."""
        ...


current_origin: ContextVar[Located | None] = ContextVar("graphc_origin", default=None)
"""The origin of nodes made now; None where they are the user's own."""


def user_location() -> Location | None:
    """The innermost line on the stack that is outside this package."""
    frame = _user_frame()
    if frame is None:
        return None
    return Location(frame.f_code.co_filename, frame.f_lineno)


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


_PACKAGE = str(Path(__file__).resolve().parent) + os.sep
_NOT_THE_USERS = (_PACKAGE, "<graphc ", "<frozen ", contextlib.__file__)
"""Beginnings of the names of files: this package's, those of programs that run, and
Python's own, which call context managers' bodies among others."""


frame_above = sys._getframe  # pyright: ignore[reportPrivateUsage]
"""The frame of the function that calls it, or one that many calls above."""

_is_ours: dict[str, bool] = {}
"""Names of files that were met."""


def _user_frame() -> FrameType | None:
    frame: FrameType | None = frame_above(1)
    while frame is not None and is_of_package(frame):
        frame = frame.f_back
    return frame


def is_of_package(frame: FrameType) -> bool:
    """True for a function of this package, or one that Python made for itself."""
    file = frame.f_code.co_filename
    known = _is_ours.get(file)
    if known is None:
        known = _is_ours[file] = file.startswith(_NOT_THE_USERS)
    if known or file != "<string>":
        return known
    # A dataclass's own methods have no file, be it the user's class or ours.
    return frame.f_code.co_qualname.startswith("__create_fn__")


class GraphcError(Exception):
    """Base of all errors that graphc raises on purpose.

    `message` says what was required and what was given; `node` names the node or op
    concerned, `location` is the user's `file:line`, and `hint` says what to try.
    `at` is a node whose declaration is at fault, and gives both `node` and `location`.
    Otherwise the location is the line of the node from which graphc derives others
    now, or else the innermost line on the stack that is the user's.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        location: str | None = None,
        hint: str | None = None,
        at: Declared | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.location = location
        self.hint = hint
        self._is_located = location is not None
        if at is not None:
            self.locate(at=at)
        if self.location is None:
            origin = current_origin.get()
            found = (origin and origin.location) or user_location()
            self.location = str(found) if found else None

    def locate(self, *, node: str | None = None, at: Declared | None = None) -> Self:
        """Say which node it is about, and where, unless whoever made it said so."""
        self.node = self.node or node
        if at is not None:
            self.node = self.node or at.describe()
            if not self._is_located and at.origin.location is not None:
                self.location = str(at.origin.location)
                self._is_located = True
        return self

    def __str__(self) -> str:
        lines = [self.message]
        if self.node:
            lines.append(f"  node: {self.node}")
        if self.location:
            lines.append(f"  at:   {_shown(self.location)}")
        if self.hint:
            lines.append(f"  try:  {self.hint}")
        return "\n".join(lines)


def _shown(location: str) -> str:
    """A place for a person: in a cell of a notebook, which has no file, its line."""
    file, _, number = location.rpartition(":")
    if not number.isdecimal() or os.path.exists(file):
        return location
    line = linecache.getline(file, int(number)).strip()
    return f"line {number} of the cell: {line}" if line else location


class ShapeError(GraphcError, ValueError):
    """Shapes that an op can't combine."""


class DTypeError(GraphcError, TypeError):
    """A dtype that an op can't take, or a value that is not a tensor."""


class IndexRangeError(GraphcError, IndexError):
    """An index or axis outside the range that a shape allows."""


class NamingError(GraphcError, ValueError):
    """A name that is not an identifier, is reserved, or is used twice."""


class OptionError(GraphcError, ValueError):
    """An argument outside the values that a function takes."""


class ArgumentError(OptionError, TypeError):
    """An argument that a function does not have, lacks, or can't take at all."""


class UnsupportedError(GraphcError, ValueError):
    """Something NumPy allows and a static graph does not."""


class GraphError(GraphcError, ValueError):
    """A graph that breaks an invariant of the IR."""


class DifferentiationError(GraphcError, ValueError):
    """A derivative that does not exist or was asked for wrongly."""


class FeedError(GraphcError, ValueError):
    """Arrays fed to a program that do not fit its inputs."""


class LinAlgError(FeedError, np.linalg.LinAlgError):
    """Matrices that have no result: singular, or not positive definite."""


class DataError(GraphcError, ValueError):
    """Training or evaluation data that a model can't take."""


class UnknownNameError(GraphcError, KeyError):
    """A name under which there is nothing."""


class NoAttributeError(GraphcError, AttributeError):
    """An attribute that a node does not have."""


class NonFiniteError(GraphcError, ArithmeticError):
    """A NaN or an infinity where a number was needed."""


class CheckpointError(GraphcError, ValueError):
    """A checkpoint that is damaged or belongs to another model."""


class RenderError(GraphcError, RuntimeError):
    """A drawing that can't be made here."""


class MissingExtraError(GraphcError, ImportError):
    """A feature whose optional package is not installed."""


def import_extra(module: str, need: str, hint: str) -> Any:
    """Import a module of an optional package, when it is needed.

    Args:
        module: its name.
        need: a sentence that says what needs which package.
        hint: how to install it.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{need}, which is not installed"
        raise MissingExtraError(message, hint=hint) from error


class InternalError(GraphcError, RuntimeError):
    """A failure that no check foresaw; its cause is the exception that arose."""


class GraphcWarning(UserWarning):
    """Base of all warnings of graphc, of things allowed that are hardly ever meant."""


class BroadcastWarning(GraphcWarning):
    """Arrays that broadcasting pairs row by row with each other."""


class LogitsWarning(GraphcWarning):
    """Probabilities where a loss takes logits."""


class UntrainedWarning(GraphcWarning):
    """Fresh parameters in the place of trained ones."""
