"""Sections of an explanation, printed as text, as Markdown and as HTML.

Names and files are other people's text: control characters are written out, and nothing
of it is markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..viz.text import printable


@dataclass(frozen=True)
class Item:
    """A heading, and lines below it."""

    heading: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A title, a table, and items below it."""

    title: str
    records: tuple[Any, ...]
    """The data that it tells of."""
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Cells of the table."""
    texts: int = 0
    """The number of columns at the end that are text."""
    leading: int = 1
    """The number of columns at the beginning that are text."""
    items: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences between the table and the items."""

    def _is_text(self, column: int) -> bool:
        return column < self.leading or column >= len(self.headings) - self.texts

    def text(self) -> str:
        """The section as plain text."""
        lines = [printable(self.title)]
        table = [self.headings, *self.rows] if self.rows else []
        table = [tuple(map(printable, cells)) for cells in table]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for cells in table:
            padded = [
                cell.ljust(width) if self._is_text(column) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            lines.append(f"  {'  '.join(padded)}".rstrip())
        lines += [f"  {printable(note)}" for note in self.notes]
        for item in self.items:
            lines.append(f"  {printable(item.heading)}")
            lines += [f"    {printable(line)}" for line in item.lines]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The section under a heading."""
        parts = [f"## {_marked(self.title)}"]
        if self.rows:
            rules = [
                "---" if self._is_text(c) else "---:" for c in range(len(self.headings))
            ]
            rows = [self.headings, tuple(rules)]
            rows += [tuple(map(_cell, cells)) for cells in self.rows]
            parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in rows))
        parts += [_marked(note) for note in self.notes]
        for item in self.items:
            lines = [f"- {_code(item.heading)}"]
            lines += [f"  - {_code(line)}" for line in item.lines]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def html(self) -> str:
        """The section as a part of a page."""
        parts = [f"<h4>{_escaped(self.title)}</h4>"]
        if self.rows:
            head = "".join(f"<th>{_escaped(cell)}</th>" for cell in self.headings)
            body = "".join(
                f"<tr>{''.join(f'<td>{_escaped(cell)}</td>' for cell in cells)}</tr>"
                for cells in self.rows
            )
            parts.append(f"<table><tr>{head}</tr>{body}</table>")
        parts += [f"<p>{_escaped(note)}</p>" for note in self.notes]
        for item in self.items:
            lines = "".join(f"<li>{_escaped(line)}</li>" for line in item.lines)
            parts.append(f"<p><code>{_escaped(item.heading)}</code></p>")
            parts.append(f"<ul>{lines}</ul>" if lines else "")
        return "".join(parts)


def _escaped(text: str) -> str:
    return html.escape(printable(text))


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39))}`"


def _cell(text: str) -> str:
    return _code(text).replace("|", "\\|") if text else ""


def _marked(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in printable(text))


@dataclass(frozen=True)
class Explanation:
    """An account that prints as text, and is data to iterate over.

    In a notebook it is tables. `list(explanation)` gives its records: of passes,
    parts of memory, or a failure.
    """

    sections: tuple[Section, ...] = field(repr=False)
    """The parts, in order."""

    def __str__(self) -> str:
        return "\n\n".join(section.text() for section in self.sections)

    __repr__ = __str__

    @property
    def markdown(self) -> str:
        """The account with headings, tables and lists."""
        return "\n\n".join(section.markdown() for section in self.sections)

    def _repr_html_(self) -> str:
        return "".join(section.html() for section in self.sections)

    def __iter__(self) -> Iterator[Any]:
        for section in self.sections:
            yield from section.records
