"""Bring what tutorial.md shows of graphc's work up to date.

    python docs/refresh_tutorial.py

runs the blocks of the page, which draw its pictures, and puts in the pieces of emitted
code that it shows. A piece stands under a comment that says where it comes from:

    <!-- emitted by trainer.source: def update -->

is the part of the text `trainer.source` that starts with the line `def update...` and
ends before the next line that is indented no more, or, where it starts with a comment,
at the next empty line. A test fails where the page is behind what the compiler makes.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent / "tutorial.md"
IMAGES = PAGE.parent / "images"

EXCERPT = re.compile(
    r"(<!-- emitted by (?P<text>[\w.]+): (?P<start>.+?) -->\n```py\n).*?```", re.S
)


def run(page: str) -> dict[str, Any]:
    """Run the blocks of a page in the present folder; returns their names."""
    scope: dict[str, Any] = {"__name__": "tutorial"}
    for found in re.finditer(r"^```python\n(.*?)^```", page, re.S | re.M):
        if not found[1].startswith(">>>"):
            lines = page[: found.start(1)].count("\n")
            exec(compile("\n" * lines + found[1], str(PAGE), "exec"), scope)
    return scope


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


def refreshed(page: str, scope: dict[str, Any]) -> str:
    """The page with the emitted code as it is now."""

    def excerpt(found: re.Match[str]) -> str:
        text = eval(found["text"], scope)
        return f"{found[1]}{piece(text, found['start'])}```"

    return EXCERPT.sub(excerpt, page)


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Blocks save their pictures where they run."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main() -> int:
    page = PAGE.read_text("utf-8")
    IMAGES.mkdir(exist_ok=True)
    with inside(IMAGES):
        scope = run(page)
    PAGE.write_text(refreshed(page, scope), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
