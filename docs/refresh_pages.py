"""Bring what the pages show of graphc's work up to date.

    python docs/refresh_pages.py [PAGE.md ...]

runs the blocks of pages, all of docs/ by default, one after the other, and puts in what
came of them:

- what a session (`>>>`) or a command (`$ graphc ...`, `$ python` with a file that is
  there) prints, where it is not what stands there already, `...` being anything;
- pieces of emitted code, below a comment that says where they come from:
  `<!-- emitted by trainer.source: def update -->` is the part of the text
  `trainer.source` from the line `def update...` to the next one that is indented no
  more, or, where it starts with a comment, to the next empty line;
- pictures, `(images/NAME)`, that the blocks saved under this name.

A block below `<!-- file: NAME.py -->` is saved as this file, and not run. A test fails
where a page is behind what the compiler makes.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import linecache
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphc.cli import main as command

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

BLOCK = re.compile(
    r"^(?:<!-- file: (?P<file>[\w.]+) -->\n)?"
    r"```(?P<kind>python|console)\n(?P<body>.*?)^```",
    re.S | re.M,
)
EXCERPT = re.compile(
    r"(<!-- emitted by (?P<text>[^:\n]+): (?P<start>.+?) -->\n```py\n).*?```", re.S
)
COMMAND = re.compile(
    r"(?P<line>^\$ (?P<command>.*)\n)(?P<printed>(?:(?!\$ ).*\n)*)", re.M
)
PICTURE = re.compile(r"\]\(images/([\w.]+)\)")


def refreshed(page: str, name: str) -> str:
    """The page with what its blocks print and emit now; they run in this folder."""
    scope: dict[str, Any] = {"__name__": Path(name).stem}
    doctest_of = _Recorder()

    def block(found: re.Match[str]) -> str:
        body, line = found["body"], page[: found.start("body")].count("\n")
        if found["file"]:
            Path(found["file"]).write_text(body, "utf-8")
            importlib.invalidate_caches()
        elif found["kind"] == "console":
            body = _commands(body)
        elif body.lstrip().startswith(">>>"):
            body = doctest_of.session(body, scope, name, line)
        else:
            # As a cell of a notebook, whose lines name nodes.
            text, cell = "\n" * line + body, f"<{name}, line {line}>"
            linecache.cache[cell] = len(text), None, text.splitlines(True), cell
            exec(compile(text, cell, "exec"), scope)
        return found[0].replace(found["body"], body)

    def excerpt(found: re.Match[str]) -> str:
        return f"{found[1]}{piece(eval(found['text'], scope), found['start'])}```"

    now = EXCERPT.sub(excerpt, BLOCK.sub(block, page))
    # Another page has files of the same names.
    for path in Path().glob("*.py"):
        sys.modules.pop(path.stem, None)
    return now


class _Recorder(doctest.DocTestRunner):
    """Keeps what examples print in place of what was expected."""

    def __init__(self) -> None:
        super().__init__(optionflags=OPTIONS, verbose=False)
        self.printed: dict[int, str] = {}

    def session(self, body: str, scope: dict[str, Any], name: str, line: int) -> str:
        """The session with what its examples print."""
        test = doctest.DocTestParser().get_doctest(body, {}, name, name, line)
        test.globs = scope
        self.printed.clear()
        self.run(test, out=lambda text: None, clear_globs=False)
        lines = body.splitlines(keepends=True)
        for example in reversed(test.examples):
            if example.lineno in self.printed:
                first = example.lineno + example.source.count("\n")
                got = self.printed[example.lineno]
                got = re.sub(r"(?m)^$(?=\n)", "<BLANKLINE>", got)
                lines[first : first + example.want.count("\n")] = [got]
        return "".join(lines)

    def report_failure(
        self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str
    ) -> None:
        self.printed[example.lineno] = got

    def report_unexpected_exception(
        self, out: Any, test: doctest.DocTest, example: doctest.Example, exc_info: Any
    ) -> None:
        raise exc_info[1]


def _commands(body: str) -> str:
    """A block of shell commands with what they print, if they are of this page."""

    def ran(found: re.Match[str]) -> str:
        program, *arguments = shlex.split(found["command"])
        if program == "graphc":
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                command(arguments)
            printed = out.getvalue()
        elif program == "python" and Path(arguments[0]).exists():
            done = [sys.executable, "-I", *arguments]
            printed = subprocess.run(
                done, check=True, capture_output=True, text=True
            ).stdout
        else:
            return found[0]
        same = doctest.OutputChecker().check_output(found["printed"], printed, OPTIONS)
        return found[0] if same else f"{found['line']}{printed}"

    return COMMAND.sub(ran, body)


def piece(text: str, start: str) -> str:
    """The part of a text that a comment asks for."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(start))
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = first + 1
    while last < len(lines) and not _ends(lines[last], indent, start):
        last += 1
    return textwrap.dedent("\n".join(lines[first:last])).rstrip() + "\n"


def _ends(line: str, indent: int, start: str) -> bool:
    if start.startswith("#") or not line.strip():
        return start.startswith("#") and not line.strip()
    return len(line) - len(line.lstrip()) <= indent


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Blocks save their files where they run."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def words(drawing: Path) -> list[str]:
    """The words of a drawing, wherever Graphviz put them."""
    return sorted(re.findall(r"<text[^>]*>(.*?)</text>", drawing.read_text("utf-8")))


def _keep(made: Path, shown: Path) -> None:
    """Replace a picture, but for one that another Graphviz only placed otherwise."""
    if made.exists() and not (
        made.suffix == ".svg" and shown.exists() and words(made) == words(shown)
    ):
        shutil.copy(made, shown)


def main(names: list[str]) -> int:
    pages = [Path(name).resolve() for name in names] or sorted(DOCS.glob("*.md"))
    for page in pages:
        text = page.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder:
            with inside(Path(folder)):
                text = refreshed(text, page.name)
            for picture in PICTURE.findall(text):
                _keep(Path(folder) / picture, IMAGES / picture)
        page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
