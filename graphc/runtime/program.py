"""Run emitted text: exactly the lines that are written to a file, and traceable.

The text is registered with `linecache`, so a traceback shows the emitted line; a note
on the exception adds the user's line that declared the node.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ..ir.node import Node

__all__ = ["Program"]


class Program:
    """A module made of emitted source, and what its variables stand for."""

    def __init__(
        self, source: str, variables: Mapping[str, Mapping[str, Node]]
    ) -> None:
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
    def tracing(self) -> Iterator[None]:
        """Add the user's line to exceptions that arise in emitted code."""
        try:
            yield
        except Exception as error:
            note = self._note(error)
            if note:
                error.add_note(note)
            raise

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a function of the module, with `tracing`."""
        with self.tracing():
            return getattr(self.module, function)(*arguments, **keywords)

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
                name = function.name.removesuffix("_workspace")
                variables = self._variables.get(name, {})
                for statement in ast.walk(function):
                    if not isinstance(statement, ast.Assign | ast.Expr):
                        continue
                    for target in _targets(statement):
                        if _spans(statement, line) and target in variables:
                            return variables[target]
        return None


def _spans(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _targets(statement: ast.Assign | ast.Expr) -> Iterator[str]:
    """The variables that a statement assigns or writes into."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id
    elif isinstance(call := statement.value, ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "out" and isinstance(keyword.value, ast.Name):
                yield keyword.value.id
        if call.args and isinstance(call.args[0], ast.Name):
            yield call.args[0].id
