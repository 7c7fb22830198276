"""Lines of a user's files, and the functions on the stack that are graphc's own."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol


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


PACKAGE = str(Path(__file__).resolve().parent) + os.sep
NOT_THE_USERS = (PACKAGE, "<graphc ", "<frozen ", contextlib.__file__)
"""Beginnings of the names of files: this package's, those of programs that run, and
Python's own, which call context managers' bodies among others."""


frame_above = sys._getframe  # pyright: ignore[reportPrivateUsage]
"""The frame of the function that calls it, or one that many calls above."""

_is_ours: dict[str, bool] = {}
"""Names of files that were met."""

_between: list[str] = []
"""Folders of libraries that users call, and that call graphc and users' functions."""


def pass_by(folder: str) -> None:
    """Take no line of the files in a folder for the user's."""
    _between.append(folder + os.sep)
    _is_ours.clear()


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
        known = _is_ours[file] = file.startswith((*NOT_THE_USERS, *_between))
    if known or file != "<string>":
        return known
    return is_generated(frame)


def is_generated(frame: FrameType) -> bool:
    """True for a dataclass's own methods, which have no file, be it the user's class
    or ours."""
    code = frame.f_code
    return code.co_filename == "<string>" and code.co_qualname.startswith(
        "__create_fn__"
    )


_LIBRARIES = ("graphc", "numpy", "sympy", "mpmath", "networkx", "graphviz", "scipy")


def is_of_library(frame: FrameType) -> bool:
    """True for a function of Python's library, or of those that graphc calls."""
    # Templates that the interpreter evaluates have no name.
    root = str(frame.f_globals.get("__name__", "graphc")).split(".")[0]
    return root.startswith(_LIBRARIES) or root in sys.stdlib_module_names
