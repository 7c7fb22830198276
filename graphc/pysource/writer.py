"""Write whole modules as ``ruff format`` leaves them: blocks, comments, blank lines.

Statements are laid out one by one (see ``statement_text``); what stands between them,
and the imports that are known only when everything is written, is this file's business.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from inspect import cleandoc
from typing import Literal

from .expression_text import format_expression, identifier
from .layout import (
    BREAK,
    INDENT,
    TRAILING_COMMA,
    WIDTH,
    Choice,
    Document,
    Group,
    Indent,
    columns,
    join,
    render,
)
from .statement_text import Header, format_header, format_statement

_Start = Literal["file", "definition", "plain", "docstring"]
_Kind = Literal["code", "comment", "definition", "clause"]
_DEFINITIONS = ast.FunctionDef | ast.ClassDef

# Comments that tools obey; text from outside must not switch them off.
_PRAGMA = re.compile(
    r"(?i)\b(?:(?:fmt|yapf|isort|ruff|pyright|flake8)\s*:"
    r"|type\s*:\s*ignore|coding[:=]|noqa)"
)


class Writer:
    """Collect statements, comments and blocks into the text of one module.

    Blank lines around definitions, imports and docstrings are the writer's business;
    ``blank`` only adds to them. Imports may be asked for at any time.

    Example:
        >>> writer = Writer()
        >>> writer.import_("numpy", "np")
        >>> with writer.function("double", ["x"]):
        ...     writer.statement(ast.parse("return 2 * x").body[0], "weak scalar")
        >>> print(writer.source(), end="")
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def double(x):
            return 2 * x  # weak scalar
    """

    def __init__(self, *, width: int = WIDTH) -> None:
        self._width = width
        self._lines: list[str] = []
        # For each line the thing that it was written for, if that was said.
        self._subjects: list[object] = []
        self._subject: object = None
        self._depth = 0
        self._docstring: list[str] = []
        self._imports: set[tuple[str, str | None]] = set()
        self._imports_if_used: set[tuple[str, str | None]] = set()
        self._from_imports: dict[str, set[str]] = {}
        self._start: _Start | None = "file"
        self._blanks = 0
        self._after_definition = False
        self._has_code = False
        self._in_class = False
        self._opens_with_definition = False
        # Where a run of comments begins, and how many blank lines a definition that
        # follows it wants there.
        self._comment_run: tuple[int, int] | None = None

    def statement(
        self, node: ast.stmt, comment: str | None = None, beside: str | None = None
    ) -> None:
        """Write a statement.

        Args:
            node: the statement.
            comment: what stands after it or, if long, above it.
            beside: what stands after it if there is place, and else nowhere.
        """
        if isinstance(node, Header):
            if comment is not None:
                self.comment(comment)
            self._compound(node)
            return
        if isinstance(node, ast.Try):
            if comment is not None:
                self.comment(comment)
            self._try(node)
            return
        lines = format_statement(node, self._indent, width=self._width)
        if comment is not None:
            line = f"{lines[0]}  # {comment_text(comment)}"
            if len(lines) == 1 and columns(line) <= self._width:
                lines = [line]
            else:
                self.comment(comment)
        if beside is not None and len(lines) == 1:
            line = f"{lines[0]}  # {comment_text(beside)}"
            lines = [line] if columns(line) <= self._width else lines
        self._emit(lines, "code")

    def _compound(self, node: Header, word: str = "") -> None:
        """Write a statement that holds others."""
        header = node
        if word and isinstance(node, ast.If):
            header = f"{word} {format_expression(node.test)}:"
        body = node.body
        with self.block(header):
            if isinstance(node, _DEFINITIONS) and ast.get_docstring(node) is not None:
                self.docstring(ast.get_docstring(node) or "")
                body = body[1:]
            for statement in body:
                self.statement(statement)
        match node:
            case ast.If(orelse=[ast.If() as other]):
                self._compound(other, "elif")
            case ast.If(orelse=others) | ast.For(orelse=others):
                self._clause("else:", others)
            case ast.While(orelse=others):
                self._clause("else:", others)
            case _:
                pass

    def _try(self, node: ast.Try) -> None:
        """Write a statement that handles exceptions."""
        self._clause("try:", node.body)
        for handler in node.handlers:
            caught = (
                "" if handler.type is None else f" {format_expression(handler.type)}"
            )
            called = "" if handler.name is None else f" as {identifier(handler.name)}"
            self._clause(f"except{caught}{called}:", handler.body)
        self._clause("else:", node.orelse)
        self._clause("finally:", node.finalbody)

    def _clause(self, header: str, body: Sequence[ast.stmt]) -> None:
        """Write a part of a statement, if it has any statements."""
        if body:
            with self.block(header):
                for statement in body:
                    self.statement(statement)

    @contextmanager
    def about(self, subject: object) -> Generator[None]:
        """Record that the lines written meanwhile belong to a thing, see ``subjects``.

        Within, another thing may take over for some lines, or None.
        """
        before, self._subject = self._subject, subject
        try:
            yield
        finally:
            self._subject = before

    def comment(self, text: str) -> None:
        """Write lines of comment, wrapped; a line break in ``text`` is kept."""
        room = max(self._width - self._indent - 2, 20)
        lines: list[str] = []
        for paragraph in text.splitlines() or [""]:
            plain = comment_text(paragraph)
            wrapped = textwrap.wrap(
                plain, room, break_long_words=False, break_on_hyphens=False
            )
            lines += [f"# {line}" for line in wrapped] or ["#"]
        self._emit([" " * self._indent + line for line in lines], "comment")

    def heading(self, text: str) -> None:
        """Write a comment that opens a phase, set off by a blank line."""
        self.blank()
        self.comment(text)

    def blank(self, count: int = 1) -> None:
        """Ask for blank lines; there are none where a block starts, two at most."""
        self._blanks = max(self._blanks, min(count, 1 if self._depth else 2))

    def docstring(self, text: str) -> None:
        """Write ``text`` as the docstring of the module, class or function just opened.

        Raises:
            ValueError: something was written before it, or the block takes none.
        """
        lines = docstring_lines(text, self._indent)
        if self._start == "file" and not self._docstring:
            self._docstring = lines
        elif self._start == "definition":
            self._emit(lines, "code")
            self._start = "docstring"
        else:
            raise ValueError("a docstring comes first in a module, class or function")

    @contextmanager
    def block(self, header: str | Header) -> Generator[None]:
        """Write a header such as ``"if step > 0:"`` and indent what follows.

        Raises:
            ValueError: the text is not a header of a block.
        """
        lines, kind = self._header(header)
        self._emit(lines, kind)
        self._has_code = False
        self._start = "definition" if kind == "definition" else "plain"
        start = " " * self._indent + "class "
        self._in_class = any(line.startswith(start) for line in lines)
        self._depth += 1
        yield
        if not self._has_code:
            self._emit([" " * self._indent + "pass"], "code")
        self._depth -= 1
        self._has_code = True
        self._start = None
        self._blanks = 0
        self._comment_run = None
        self._after_definition |= kind == "definition"

    @contextmanager
    def function(
        self,
        name: str,
        parameters: Sequence[str] = (),
        *,
        returns: str | None = None,
        decorators: Sequence[str] = (),
    ) -> Generator[None]:
        """Write a function's header, as in ``function("f", ["x: int = 0", "*", "y"])``.

        Raises:
            ValueError: the parts do not make a function header.
        """
        # A line break after the parameters keeps a "#" in them from hiding the rest.
        arrow = "" if returns is None else f" -> ({returns}\n)"
        text = f"def {identifier(name)}({', '.join(parameters)}\n){arrow}:"
        node = _parse_header(text)
        if not isinstance(node, ast.FunctionDef):
            raise ValueError(f"{text!r} is not a function header")
        node.decorator_list = [_parse_expression(text) for text in decorators]
        with self.block(node):
            yield

    def raw(self, text: str) -> None:
        """Write formatted source text at the top level, set off by blank lines."""
        if self._depth:
            raise ValueError("raw text belongs to the top level")
        first_defines, last_defines = _ends_that_define(text)
        self.blank()
        self._emit(
            text.strip("\n").split("\n"), "definition" if first_defines else "code"
        )
        self._after_definition = last_defines
        self.blank()

    def append(self, other: Writer) -> None:
        """Write what `other` holds at the top level, and take over its imports."""
        self._imports |= other._imports
        for module, names in other._from_imports.items():
            self._from_imports.setdefault(module, set()).update(names)
        if not other._lines:
            return
        if self._depth:
            raise ValueError("whole modules belong to the top level")
        self.blank()
        start = len(self._lines)
        self._emit(
            other._lines, "definition" if other._opens_with_definition else "code"
        )
        self._subjects[start:] = [None] * (len(self._lines) - start)
        self._subjects[-len(other._lines) :] = other._subjects
        self._after_definition = other._after_definition
        self.blank()

    def import_(
        self, module: str, alias: str | None = None, *, if_used: bool = False
    ) -> None:
        """Ask for ``import module as alias`` at the head of the file.

        Args:
            module, alias: those of the statement.
            if_used: True where it is left out if no line has ``alias.`` in it.
        """
        for part in [*module.split("."), *([] if alias is None else [alias])]:
            identifier(part)
        self._imports.add((module, alias))
        if if_used:
            self._imports_if_used.add((module, alias))

    def from_import(self, module: str, name: str) -> None:
        """Ask for ``from module import name`` at the head of the file."""
        for part in [*module.split("."), name]:
            identifier(part)
        self._from_imports.setdefault(module, set()).add(name)

    def source(self) -> str:
        """Return the text of the module: empty, or with one line break at its end."""
        return "".join(f"{line}\n" for line in [*self._head(), *self._lines])

    def subjects(self) -> dict[int, object]:
        """Return the things that lines of ``source`` belong to, by number from 1."""
        first = len(self._head()) + 1
        numbered = enumerate(self._subjects, first)
        return {line: thing for line, thing in numbered if thing is not None}

    def _head(self) -> list[str]:
        """The docstring and the imports, which are known last."""
        lines = list(self._docstring)
        imports = self._import_lines()
        if imports:
            lines += [*([""] if lines else []), *imports]
        if lines and self._lines:
            lines += [""] * (2 if self._opens_with_definition else 1)
        return lines

    @property
    def _indent(self) -> int:
        return INDENT * self._depth

    def _emit(self, lines: list[str], kind: _Kind) -> None:
        wanted = self._blanks_before(kind)
        if kind == "definition":
            run = self._comment_run
            if run is not None and not self._blanks:
                # A comment right above a definition belongs to it.
                self._lines[run[0] : run[0]] = [""] * run[1]
                self._subjects[run[0] : run[0]] = [None] * run[1]
                wanted = 0
            at_top = not self._lines if run is None or wanted else run[0] == 0
            self._opens_with_definition |= at_top
        if kind != "comment":
            self._comment_run = None
            self._has_code = True
        elif self._comment_run is None or wanted:
            # Blank lines go before a comment that starts a block in no case.
            inner = self._start in ("file", "definition", "plain")
            missing = 0 if inner else self._blanks_before("definition") - wanted
            self._comment_run = (len(self._lines) + wanted, missing)
        self._lines += [""] * wanted + lines
        self._subjects += [None] * wanted
        self._subjects += [None if kind == "comment" else self._subject] * len(lines)
        self._start = None
        self._blanks = 0
        self._after_definition = False

    def _blanks_before(self, kind: _Kind) -> int:
        if kind == "clause" or self._start in ("file", "definition"):
            return 0
        if self._start == "plain":
            return int(kind == "definition")
        if self._start == "docstring":
            return int(kind == "definition" or self._in_class)
        if kind == "definition" or self._after_definition:
            return 1 if self._depth else 2
        # Ruff allows one blank line only above a module's first statement.
        return self._blanks if self._has_code else min(self._blanks, 1)

    def _header(self, header: str | Header) -> tuple[list[str], _Kind]:
        indent, width = self._indent, self._width
        if isinstance(header, str):
            text = header.strip()
            word = re.split(r"\W", text, maxsplit=1)[0]
            if word in ("else", "try", "finally", "except"):
                start = "" if word == "try" else "try:\n    pass\n"
                end = "\nfinally:\n    pass" if word == "try" else ""
                if word == "else":
                    start = "if 1:\n    pass\n"
                _parse(f"{start}{text}\n    pass{end}", text)
                return [" " * indent + text], "code" if word == "try" else "clause"
            header = _parse_header(text[2:] if word == "elif" else text)
        else:
            word = "while" if isinstance(header, ast.While) else "if"
        lines = format_header(header, word, indent, width)
        if isinstance(header, _DEFINITIONS):
            marks = [f"@{format_expression(mark)}" for mark in header.decorator_list]
            return [*(" " * indent + mark for mark in marks), *lines], "definition"
        return lines, "clause" if word == "elif" else "code"

    def _import_lines(self) -> list[str]:
        """Print the imports in the order of ruff's rule I001: by section, then name."""
        sections: dict[int, list[tuple[object, list[str]]]] = {}
        for module, alias in self._imports:
            if (module, alias) in self._imports_if_used and not any(
                f"{alias or module}." in line for line in self._lines
            ):
                continue
            text = f"import {module}" + ("" if alias is None else f" as {alias}")
            key = (0, _natural(module), alias or "")
            sections.setdefault(_section(module), []).append((key, [text]))
        for module, names in self._from_imports.items():
            ordered: list[Document] = [*sorted(names, key=_member_order)]
            listed: list[Document] = [*join(ordered), TRAILING_COMMA]
            parts: list[Document] = [
                Choice("", "("),
                Indent([BREAK, *listed]),
                BREAK,
            ]
            group = Group([*parts, Choice("", ")")])
            lines = render([f"from {module} import ", group], 0, self._width)
            sections.setdefault(_section(module), []).append(
                ((1, _natural(module), ""), lines)
            )
        found: list[str] = []
        for _, section in sorted(sections.items()):
            found += [""] if found else []
            for _, lines in sorted(section):
                found += lines
        return found


def _section(module: str) -> int:
    root = module.partition(".")[0]
    return 0 if root == "__future__" else 1 if root in sys.stdlib_module_names else 2


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if part.isdigit() else part for part in parts], name


def _member_order(name: str) -> tuple[int, tuple[list[str | int], str]]:
    if name.isupper() and len(name) > 1:
        return 0, _natural(name)
    return 1 if name[:1].isupper() else 2, _natural(name)


def comment_text(text: str) -> str:
    """Return ``text`` on one line, without what would end or rule the comment."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return _PRAGMA.sub(lambda found: f"'{found[0]}'", " ".join(plain.split()))


def docstring_lines(text: str, indent: int) -> list[str]:
    """Return the lines of a docstring with this text."""
    # Twice: ruff too measures the indentation without the first line that is left.
    tidy = cleandoc(cleandoc(text.replace("\r\n", "\n").replace("\r", "\n")))
    lines: list[str] = []
    for line in tidy.lstrip().split("\n"):
        signs = (s if s.isprintable() else repr(s)[1:-1] for s in line.rstrip())
        body = "".join(r"\\" if sign == "\\" else sign for sign in signs)
        lines.append(body.replace('"""', r"\"\"\""))
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    margin = " " * indent
    # Ruff parts a quotation mark from those that delimit the text.
    start = margin + '"""' + (" " if lines[0][:1] in ('"', "") else "") + lines[0]
    if len(lines) == 1:
        bare_quote = re.search(r'(?<!\\)(\\\\)*"$', lines[0])
        return [start + (" " if bare_quote else "") + '"""']
    rest = [margin + line if line else "" for line in lines[1:]]
    return [start, *rest, margin + '"""']


@functools.lru_cache(maxsize=64)
def _ends_that_define(text: str) -> tuple[bool, bool]:
    """True for the first and the last statement where it is a function or class.

    A heading above the first one does not belong to it.
    """
    defines = [isinstance(node, _DEFINITIONS) for node in ast.parse(text).body]
    is_headed = re.match(r"(#.*\n)+\n", text) is not None
    return defines[:1] == [True] and not is_headed, defines[-1:] == [True]


def _parse(source: str, shown: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{shown!r} does not parse: {error}") from error


def _parse_header(text: str) -> Header:
    match _parse(f"{text}\n    pass", text).body:
        case [node] if isinstance(node, Header) and len(node.body) == 1:
            return node
        case _:
            raise ValueError(f"{text!r} is not a header of a block")


def _parse_expression(text: str) -> ast.expr:
    match _parse(f"({text}\n)", text).body:
        case [ast.Expr(value=value)]:
            return value
        case _:
            raise ValueError(f"{text!r} is not an expression")
