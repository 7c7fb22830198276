"""The exceptions of graphc: requirement, value given, place, and what to try.

Every class also subclasses the built-in that fits, so that `except ValueError` in
users' code keeps its meaning. An error finds the user's line when it is made. Its text
is assembled from parts, because the part that knows what is wrong (a type rule, say)
rarely knows the node. Its traceback ends at that line, too: `full_tracebacks` shows the
functions of graphc below it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import linecache
import os
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

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
    "full_tracebacks",
]


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a user's file, or of a cell of a notebook."""

    file: str
    line: int

    def __str__(self) -> str:
        cell = self.cell
        return f"{cell}, line {self.line}" if cell else f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """The line as `model.py:14`; the folder would differ between machines."""
        cell = self.cell
        file = self.file.replace(chr(92), "/").rsplit("/", 1)[-1]
        return f"{cell}, line {self.line}" if cell else f"{file}:{self.line}"

    @property
    def cell(self) -> str | None:
        """The cell as IPython calls it, such as `Cell In[3]`; None outside of cells."""
        # A notebook runs in IPython, which then has been imported.
        get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
        shell: Any = get_shell and get_shell()
        try:
            known = shell.compile.format_code_name(self.file)
        except AttributeError:
            return None  # There is no shell, or one of an old version.
        return " ".join(known) if known else None

    @property
    def code(self) -> str:
        """The text of the line, where it is at hand."""
        return linecache.getline(self.file, self.line).strip()


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
    return _is_generated(frame)


def _is_generated(frame: FrameType) -> bool:
    """True for a dataclass's own methods, which have no file, be it the user's class
    or ours."""
    code = frame.f_code
    return code.co_filename == "<string>" and code.co_qualname.startswith(
        "__create_fn__"
    )


def __dir__() -> list[str]:
    return __all__


_F = TypeVar("_F", bound=Callable[..., Any])

_tracebacks_are_full = False


def full_tracebacks(shown: bool = True) -> None:
    """Show graphc's own functions in the tracebacks of its errors, or hide them again.

    A traceback ends at the line of yours that graphc could do nothing with. Those of
    an `InternalError`, which is a fault of graphc's, are always full.

    Args:
        shown: True to show them, False to hide them.

    >>> import graphc as gc
    >>> gc.full_tracebacks()
    >>> gc.full_tracebacks(False)
    """
    global _tracebacks_are_full
    _tracebacks_are_full = bool(shown)


def hide_inner_frames(error: GraphcError) -> None:
    """Leave graphc's functions out of the traceback of an error.

    It is for `except` clauses that go on with a bare `raise`, which does not add their
    own function again.
    """
    if _tracebacks_are_full or isinstance(error, InternalError):
        return
    error.__traceback__ = _without_inner(error.__traceback__, _NOT_THE_USERS)
    # A program that was emitted is shown where NumPy raised in it.
    if isinstance(cause := error.__cause__, Exception):
        cause.__traceback__ = _without_inner(cause.__traceback__, (_PACKAGE,))


def without_inner_frames(function: _F) -> _F:
    """Decorate a public function, so that its errors end at the line of its caller."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except GraphcError as error:
            hide_inner_frames(error)
            raise

    return cast("_F", call)


def _without_inner(
    trace: TracebackType | None, hidden: tuple[str, ...]
) -> TracebackType | None:
    kept: list[TracebackType] = []
    inside = False
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename.startswith(hidden) or _is_generated(frame):
            inside = True
        elif not (inside and is_of_library(frame)):
            kept.append(trace)
            inside = False
        trace = trace.tb_next
    for outer in reversed(kept):
        outer.tb_next, trace = trace, outer
    return trace


_LIBRARIES = ("graphc", "numpy", "sympy", "mpmath", "networkx", "graphviz", "scipy")


def is_of_library(frame: FrameType) -> bool:
    """True for a function of Python's library, or of those that graphc calls."""
    # Templates that the interpreter evaluates have no name.
    root = str(frame.f_globals.get("__name__", "graphc")).split(".")[0]
    return root.startswith(_LIBRARIES) or root in sys.stdlib_module_names


class GraphcError(Exception):
    """Base of all errors that graphc raises on purpose.

    `message` says what was required and what was given; `node` names the node or op
    concerned, `location` is the user's `file:line`, and `hint` says what to try.
    `at` is a node whose declaration is at fault, and gives both `node` and `location`.
    Otherwise the location is the line of the node from which graphc derives others
    now, or else the innermost line on the stack that is the user's. In a notebook it
    is the cell, as `Cell In[3], line 2`, and the message has the text of the line.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        location: str | Location | None = None,
        hint: str | None = None,
        at: Declared | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.location: str | None = None
        self.hint = hint
        self._code = ""
        if isinstance(location, Location):
            self.stand_at(location)
        else:
            self.location = location
        self._is_located = location is not None
        if at is not None:
            self.locate(at=at)
        if self.location is None:
            origin = current_origin.get()
            known = origin.location if origin is not None else None
            found = known or user_location()
            if found is not None:
                self.stand_at(found)

    def stand_at(self, location: Location) -> None:
        """Tell this place."""
        self.location = str(location)
        # A traceback has no line of a cell that has run before.
        if not os.path.exists(location.file):
            self._code = location.code

    def locate(self, *, node: str | None = None, at: Declared | None = None) -> Self:
        """Say which node it is about, and where, unless whoever made it said so."""
        self.node = self.node or node
        if at is not None:
            self.node = self.node or at.describe()
            if not self._is_located and at.origin.location is not None:
                self.stand_at(at.origin.location)
                self._is_located = True
        return self

    def __str__(self) -> str:
        lines = [self.message]
        if self.node:
            lines.append(f"  node: {self.node}")
        if self.location:
            code = f": {self._code}" if self._code else ""
            lines.append(f"  at:   {self.location}{code}")
        if self.hint:
            lines.append(f"  try:  {self.hint}")
        return "\n".join(lines)


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
