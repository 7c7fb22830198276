"""Run emitted text: exactly the lines that are written to a file, and traceable.

The text is registered with `linecache`, so a traceback shows the emitted line; a note
on the exception adds the user's line that declared the node.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from ..ir.node import Node
from .heap import keep_freed_memory

__all__ = ["Program", "silently"]

Result = TypeVar("Result")

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


class Program:
    """A module made of emitted source, and what its variables stand for."""

    def __init__(
        self, source: str, variables: Mapping[str, Mapping[str, Node]]
    ) -> None:
        keep_freed_memory()
        digest = hashlib.sha256(source.encode()).hexdigest()[:12]
        self.source = source
        """The text that runs."""
        self.filename = f"<graphc {digest}>"
        self._variables = variables
        self.module = ModuleType(f"graphc_emitted_{digest}")
        """The module that the text defines."""
        lines = source.splitlines(keepends=True)
        # A modification time of None keeps linecache from looking for a file.
        linecache.cache[self.filename] = (len(source), None, lines, self.filename)
        exec(compile(source, self.filename, "exec"), self.module.__dict__)

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
            self._explain(error)
            raise

    def _explain(self, error: Exception) -> None:
        note = self._note(error)
        if note:
            error.add_note(note)

    def _note(self, error: BaseException) -> str | None:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == self.filename and frame.lineno is not None
        ]
        node = self.node_at(lines[-1]) if lines else None
        if node is None:
            return None
        return f"graphc: {node.describe()}, declared at {node.origin.location}"

    def node_at(self, line: int) -> Node | None:
        """The node that a line of the text computes."""
        for function in ast.parse(self.source).body:
            if isinstance(function, ast.FunctionDef) and _spans(function, line):
                name = function.name.removesuffix("_in_place")
                variables = self._variables.get(name, {})
                return variables.get(_target(function.body, line) or "")
        return None


def _spans(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _target(body: Sequence[ast.stmt], line: int) -> str | None:
    """The variable that the statement at a line gives its value."""
    for position, statement in enumerate(body):
        if not _spans(statement, line):
            continue
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            return target.id if isinstance(target, ast.Name) else None
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            # `np.copyto(array, ...)`, which `value = array` may follow.
            array = ast.unparse(statement.value.args[0])
            match body[position + 1 : position + 2]:
                case [ast.Assign([ast.Name(target)], ast.Name(source))] if (
                    source == array
                ):
                    return target
                case _:
                    return array
    return None
