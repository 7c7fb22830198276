"""Run emitted text: exactly the lines that are written to a file, and traceable.

The text is registered with `linecache`, so a traceback shows the emitted line; a note
on the exception adds the user's line that declared the node.
"""

from __future__ import annotations

import hashlib
import itertools
import linecache
import traceback
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import Context
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from ..errors import CompilerError, FeedError, LinAlgError
from ..harness import native
from ..ir.node import Node
from .heap import keep_freed_memory

Result = TypeVar("Result")

_numbers = itertools.count(1)
"""Programs of one text have a file each, which is forgotten with the program."""

EMITTED = "<graphc "
"""The beginning of the file names of emitted text."""

_silent = Context()
_silent.run(np.seterr, all="ignore")


def silently(
    function: Callable[..., Result], *arguments: Any, **keywords: Any
) -> Result:
    """Call a function without NumPy's warnings of overflow and the like.

    It is `np.errstate(all="ignore")` at a tenth of the cost, which small programs feel.
    """
    # A copy, because a context can't be entered twice, as by two threads.
    return _silent.copy().run(function, *arguments, **keywords)


def compiler_error(error: Exception) -> CompilerError:
    """Error of graphc's for one of emitted text that can't be compiled."""
    return CompilerError(
        str(error),
        hint="style='fast', which needs only NumPy, or 'auto', which decides itself",
    )


class Program:
    """A module made of emitted source, and the nodes that its lines compute."""

    def __init__(
        self,
        source: str,
        lines: Mapping[int, Node],
        positions: Mapping[str, Node] | None = None,
    ) -> None:
        keep_freed_memory()
        digest = hashlib.sha256(source.encode()).hexdigest()[:12]
        self.source = source
        """The text that runs."""
        self.filename = f"{EMITTED}{digest}.{next(_numbers)}>"
        self.positions = positions or {}
        """Computed positions by what checks of data call them."""
        self._nodes = lines
        self.module = ModuleType(f"graphc_emitted_{digest}")
        """The module that the text defines."""
        text = source.splitlines(keepends=True)
        # A modification time of None keeps linecache from looking for a file.
        linecache.cache[self.filename] = (len(source), None, text, self.filename)
        weakref.finalize(self.module, linecache.cache.pop, self.filename, None)
        exec(compile(source, self.filename, "exec"), self.module.__dict__)
        if hasattr(self.module, "warn_of_cache"):
            # Once for all programs of the process.
            vars(self.module)["warn_of_cache"] = native.warn_of_cache

    @contextmanager
    def tracing(self) -> Generator[None]:
        """Add the user's line to exceptions that arise in emitted code."""
        try:
            yield
        except Exception as error:
            self._explain(error)
            raise

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a function of the module as `silently` does, and with `tracing`."""
        # Both are spelled out here, which saves a microsecond.
        run = _silent.copy().run
        try:
            return run(getattr(self.module, function), *arguments, **keywords)
        except Exception as error:
            if isinstance(error, getattr(self.module, "DataError", ())):
                raise self._located(error) from None
            if isinstance(error, getattr(self.module, "CompilerError", ())):
                raise compiler_error(error) from None
            if isinstance(error, ValueError):
                # NumPy's own, of values that it can't compute with.
                raise self._located(error) from error
            self._explain(error)
            raise

    def _located(self, error: Exception) -> FeedError:
        """An error of the text about its arrays, with the user's line."""
        is_of_matrix = isinstance(error, np.linalg.LinAlgError)
        kind = LinAlgError if is_of_matrix else FeedError
        return kind(str(error), at=self.node_of(error))

    def _explain(self, error: Exception) -> None:
        node = self.node_of(error)
        if node is not None:
            where = node.origin.location
            error.add_note(f"graphc: {node.describe()}, declared at {where}")

    def node_of(self, error: BaseException) -> Node | None:
        """The node that was computed, or checked, when an error arose."""
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        nodes = (
            self._nodes.get(line)
            for frame, line in frames
            if frame.f_code.co_filename == self.filename
        )
        return next((node for node in nodes if node is not None), None)

    def node_at(self, line: int) -> Node | None:
        """The node that a line of the text computes, fetches, checks or replaces."""
        return self._nodes.get(line)
