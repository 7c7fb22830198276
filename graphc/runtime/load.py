"""Run emitted text: exactly the lines that are written to a file, and traceable.

The text is registered with `linecache`, so a traceback shows the emitted line; a note
on the exception adds the user's line that declared the node.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import linecache
import traceback
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from ..errors import FeedError
from ..ir.node import Node
from .heap import keep_freed_memory

Result = TypeVar("Result")

_numbers = itertools.count(1)
"""Programs of one text have a file each, which is forgotten with the program."""

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
        self.filename = f"<graphc {digest}.{next(_numbers)}>"
        self._variables = variables
        self.module = ModuleType(f"graphc_emitted_{digest}")
        """The module that the text defines."""
        lines = source.splitlines(keepends=True)
        # A modification time of None keeps linecache from looking for a file.
        linecache.cache[self.filename] = (len(source), None, lines, self.filename)
        weakref.finalize(self.module, linecache.cache.pop, self.filename, None)
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
            if isinstance(error, getattr(self.module, "DataError", ())):
                raise self._located(error) from None
            if isinstance(error, ValueError):
                # NumPy's own, of values that it can't compute with.
                raise self._located(error) from error
            self._explain(error)
            raise

    def _located(self, error: Exception) -> FeedError:
        """What the text says of its arrays, with the user's line."""
        node = self.node_of(error)
        if node is None:
            return FeedError(str(error))
        location = str(node.origin.location)
        return FeedError(str(error), node=node.describe(), location=location)

    def _explain(self, error: Exception) -> None:
        node = self.node_of(error)
        if node is not None:
            where = node.origin.location
            error.add_note(f"graphc: {node.describe()}, declared at {where}")

    def node_of(self, error: BaseException) -> Node | None:
        """The node that was computed, or checked, when an error arose."""
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == self.filename and frame.lineno is not None
        ]
        nodes = (self.node_at(line) for line in reversed(lines))
        return next((node for node in nodes if node is not None), None)

    def variable(self, function: str, name: str) -> Node | None:
        """The node that a variable of a function stands for."""
        return self._variables.get(function, {}).get(name)

    def node_at(self, line: int) -> Node | None:
        """The node that a line of the text computes."""
        for function in ast.parse(self.source).body:
            if isinstance(function, ast.FunctionDef) and _spans(function, line):
                name = function.name.removesuffix("_in_place")
                variables = self._variables.get(name)
                target = _target(function.body, line) if variables else None
                return variables.get(target) if variables and target else None
        return None


def _spans(statement: ast.stmt, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def _target(body: Sequence[ast.stmt], line: int) -> str | None:
    """The variable that the statement at a line gives its value."""
    for position, statement in enumerate(body):
        if not _spans(statement, line):
            continue
        if isinstance(statement, ast.Assign) and isinstance(
            statement.targets[0], ast.Name
        ):
            return statement.targets[0].id
        array = _written_array(statement)
        # Of several statements that fill an array, `value = array` may be the last.
        for later in body[position + 1 :]:
            match later:
                case ast.Assign([ast.Name(target)], ast.Name(source)):
                    return target if source == array else array
                case _ if _written_array(later) != array or _has_out(later):
                    break
                case _:
                    pass
        return array
    return None


def _has_out(statement: ast.stmt) -> bool:
    """Whether a statement is one call that writes all of an array."""
    match statement:
        case ast.Expr(ast.Call(keywords=keywords)):
            return any(keyword.arg == "out" for keyword in keywords)
        case _:
            return False


def _written_array(statement: ast.stmt) -> str | None:
    """The array that a statement writes to: in `np.exp(x, out=array)`,
    `array[...] = x`, `array.fill(0)` and `np.copyto(array, x)`."""
    match statement:
        case ast.Assign([ast.Subscript(ast.Name(array))]):
            return array
        case ast.Expr(ast.Call() as written):
            outs = [word.value for word in written.keywords if word.arg == "out"]
            match written.func:
                case ast.Attribute(ast.Name(owner)) if owner != "np" and not outs:
                    return owner
                case _:
                    return ast.unparse([*outs, *written.args][0])
        case _:
            return None
