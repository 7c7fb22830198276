"""Documents: text with possible line breaks, and where they break.

A tree first becomes a small document in the sense of Wadler, "A prettier printer"
(2003): text, possible line breaks, and groups that are flat if they fit, and broken
otherwise. What may break is decided elsewhere; this file only measures and lays out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88
INDENT = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """Text that depends on its group; ``broken=None`` stands for a line break."""

    flat: str
    broken: str | None


@dataclass(slots=True)
class Indent:
    """Parts whose line breaks are indented by one more level."""

    parts: list[Document]


@dataclass(slots=True)
class Group:
    """Parts that are laid out flat if they fit on the line, and broken otherwise."""

    parts: list[Document]
    always_broken: bool = False


Document: TypeAlias = "str | Choice | Indent | Group | list[Document]"

SPACE_OR_BREAK = Choice(" ", None)
BREAK = Choice("", None)
TRAILING_COMMA = Choice("", ",")


def join(items: Sequence[Document]) -> list[Document]:
    """Items with a comma and a possible break between them."""
    joined: list[Document] = []
    for item in items:
        if joined:
            joined += [",", SPACE_OR_BREAK]
        joined.append(item)
    return joined


def brackets(start: str, parts: list[Document], end: str) -> Document:
    """Parts in brackets, which stand on lines of their own if the parts do not fit."""
    if not parts:
        return start + end
    return Group([start, Indent([BREAK, *parts]), BREAK, end])


def flat_text(document: Document) -> str:
    """The text without any break."""
    pieces: list[str] = []
    stack: list[Document] = [document]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part, Choice):
            pieces.append(part.flat)
        elif isinstance(part, list):
            stack.extend(reversed(part))
        else:
            stack.extend(reversed(part.parts))
    return "".join(pieces)


def columns(text: str) -> int:
    """Return how many columns ``text`` takes; East Asian wide signs take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def render(
    document: Document, indent: int, width: int, *, explode: bool = False
) -> list[str]:
    """Lay out ``document``; ``explode`` breaks every group, whether it fits or not."""
    lines: list[str] = []
    line = " " * indent
    stack: list[tuple[Document, int, bool]] = [(document, indent, True)]
    while stack:
        part, column, broken = stack.pop()
        match part:
            case str():
                line += part
            case Choice(broken=None) if broken:
                lines.append(line)
                line = " " * column
            case Choice(flat=flat, broken=other):
                line += flat if other is None or not broken else other
            case Indent(parts=parts):
                inner = column + INDENT
                stack.extend((p, inner, broken) for p in reversed(parts))
            case Group(parts=parts, always_broken=always):
                if not always and not explode:
                    broken = not _fits(part, stack, width - columns(line))
                stack.extend((p, column, broken or always) for p in reversed(parts))
            case parts:
                stack.extend((p, column, broken) for p in reversed(parts))
    return [*lines, line]


def _fits(group: Group, after: list[tuple[Document, int, bool]], space: int) -> bool:
    """True where ``group`` is flat within ``space``, up to the next line break."""
    position = len(after)
    stack: list[tuple[Document, bool]] = [
        (part, False) for part in reversed(group.parts)
    ]
    while space >= 0:
        if not stack:
            if not position:
                return True
            position -= 1
            stack.append((after[position][0], after[position][2]))
        part, broken = stack.pop()
        match part:
            case str():
                space -= columns(part)
            case Choice(broken=None) if broken:
                return True
            case Choice(flat=flat, broken=other):
                space -= len(flat if other is None or not broken else other)
            case Indent(parts=parts) | Group(parts=parts):
                stack.extend((p, broken) for p in reversed(parts))
            case parts:
                stack.extend((p, broken) for p in reversed(parts))
    return False
