"""Text for pictures and tables, safe to show whatever names a user chose.

Names, dictionary keys and file names are other people's text. A control character
makes an SVG that no browser opens, a direction mark turns a label around, and a
backslash or an entity means something to Graphviz; so all of them are written out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..locations import Location

LABEL_WIDTH = 48
"""The most characters that a line of a label has."""

_TOOLTIP_WIDTH = 400


def printable(text: str) -> str:
    r"""`text` with every character that can't be seen written as an escape.

    >>> printable("a\tb\x00")
    'a\\tb\\x00'
    >>> printable("größe")
    'größe'
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def shortened(text: str, width: int = LABEL_WIDTH) -> str:
    """`text` in at most `width` characters, the middle left out where it is longer.

    >>> shortened("abcdefghij", 7)
    'abc…hij'
    """
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def quoted(lines: Iterable[str], *, tooltip: bool = False, gap: str = "") -> str:
    r"""Lines of text as one string of the DOT language that shows exactly them.

    Args:
        lines: any text, one entry for each line of the label.
        tooltip: True to allow the long lines of a tooltip.
        gap: text at both ends of each line.

    >>> print(quoted(['say "hi"', "a&lt;b"]))
    "say \"hi\"\na&amp;lt;b"
    """
    width = _TOOLTIP_WIDTH if tooltip else LABEL_WIDTH
    parts: list[str] = []
    for line in lines:
        text = shortened(printable(line), width)
        # Graphviz reads entities and backslash escapes in labels.
        text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        parts.append(gap + text + gap)
    return '"' + "\\n".join(parts) + '"'


def place(location: Location | None) -> str:
    """A user's line as `model.py:14`; the folder would differ between machines.

    >>> place(Location("/home/ada/model.py", 14))
    'model.py:14'
    """
    if location is None:
        return ""
    return location.short
