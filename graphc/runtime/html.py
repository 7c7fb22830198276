"""Tables in notebooks. Names are other people's text, and stay text."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence

_RIGHT = ' style="text-align: right"'
_LEFT = ' style="text-align: left"'


def html_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Collection[str] = (),
    below: Iterable[str] = (),
) -> str:
    """A table as HTML, with every cell escaped.

    Args:
        headings: of the columns.
        rows: cells, as many as headings.
        numeric: headings of columns that are flush right.
        below: lines of text under the table.

    >>> html_table(["a"], [["<b>"]])
    '<table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    sides = [_RIGHT if heading in numeric else _LEFT for heading in headings]
    if not numeric:
        sides = [""] * len(sides)
    found = [(headings, "th"), *((cells, "td") for cells in rows)]
    text = "".join(
        "<tr>"
        + "".join(
            f"<{tag}{side}>{html.escape(cell)}</{tag}>"
            for cell, side in zip(cells, sides, strict=True)
        )
        + "</tr>"
        for cells, tag in found
    )
    lines = "<br>".join(html.escape(line) for line in below)
    return f"<table>{text}</table>" + (f"<p>{lines}</p>" if lines else "")


def html_text(text: str) -> str:
    """Text as HTML that keeps its lines and spaces.

    >>> html_text("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{html.escape(text)}</pre>"


def aligned(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Collection[str] = (),
) -> list[str]:
    """A table as lines of plain text, the headings underlined.

    >>> aligned(["name", "n"], [["x", "10"]], ["n"])
    ['name   n', '----  --', 'x     10']
    """
    table = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(headings))]
    lines: list[str] = []
    for cells in table:
        padded = (
            cell.rjust(width) if heading in numeric else cell.ljust(width)
            for heading, cell, width in zip(headings, cells, widths, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines
