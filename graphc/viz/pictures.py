"""SVG as a bitmap or as PDF, without programs or fonts of the system.

It reads only the SVG that Graphviz writes: polygons, ellipses, curves and text. Letters
are those of a font that matplotlib brings along, so that a picture is the same on
every machine, and Greek letters are there.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from ..errors import RenderError

if TYPE_CHECKING:
    from matplotlib.patches import Patch
    from matplotlib.text import Text

_DPI = 192
_MOST_PIXELS = 8_000
"""On a side; a larger bitmap would not fit in the memory of many a viewer."""

_FONT = "DejaVu Sans"
_FONT_SCALES = {"normal": 0.87, "bold": 0.82}
"""Widths of Helvetica, by which Graphviz measures, to those of the font."""

_SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_CURVE = re.compile(r"([MC])([^MCZz]*)")


def picture_of(svg: str, format: str) -> bytes:
    """A drawing that Graphviz wrote as SVG, as a bitmap or as PDF.

    Args:
        svg: the document.
        format: `"png"`, with 192 pixels an inch, or `"pdf"`.

    Raises:
        RenderError: if matplotlib is missing.
    """
    # Imported when needed: the package is optional and takes time to load.
    try:
        from matplotlib import figure
    except ImportError as error:
        raise RenderError(
            f"rendering {format} needs the `dot` program of Graphviz or the `draw` "
            "extra of graphc, and neither is installed",
            hint="`pip install matplotlib`, or save as svg",
        ) from error
    root = ElementTree.fromstring(svg.encode("utf-8"))
    left, top, width, height = _numbers(root.attrib["viewBox"])
    # The types of matplotlib are not complete.
    page: Any = figure.Figure(figsize=(width / 72, height / 72))
    axes = page.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left, left + width)
    axes.set_ylim(top + height, top)
    for artist in _artists(root):
        axes.add_artist(artist)
    dpi = min(_DPI, int(_MOST_PIXELS * 72 / max(width, height)))
    # No time of writing, so that the same drawing gives the same bytes.
    options: dict[str, Any] = {"metadata": {"Software": None}, "dpi": dpi}
    options["pil_kwargs"] = {"compress_level": 4}
    if format == "pdf":
        options = {"metadata": {"CreationDate": None, "Producer": None}}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is a box, and the picture is still of use.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        page.savefig(buffer, format=format, **options)
    return buffer.getvalue()


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


def _artists(root: ElementTree.Element) -> Iterator[Patch | Text]:
    """Shapes and lines of text, in the order in which they cover each other."""
    graph = root.find(f"{_SVG}g")
    assert graph is not None
    found = re.search(r"translate\(([^)]*)\)", graph.attrib["transform"])
    assert found is not None
    right, down = _numbers(found[1])
    for order, element in enumerate(graph.iter()):
        kind = element.tag.removeprefix(_SVG)
        artist = _text(element, right, down) if kind == "text" else None
        if kind in ("polygon", "polyline", "ellipse", "path"):
            artist = _patch(kind, element.attrib, right, down)
        if artist is not None:
            artist.set_zorder(order)
            yield artist


def _patch(kind: str, given: dict[str, str], right: float, down: float) -> Patch:
    """A polygon, an ellipse or a curve."""
    from matplotlib import patches, path

    dashes = given.get("stroke-dasharray")
    style: dict[str, Any] = {
        "facecolor": _colour(given.get("fill", "black")),
        "edgecolor": _colour(given.get("stroke", "none")),
        "linewidth": float(given.get("stroke-width", "1")),
        "linestyle": (0, _numbers(dashes)) if dashes else "solid",
        "joinstyle": "miter",
        "capstyle": "butt",
    }
    if kind == "ellipse":
        centre = float(given["cx"]) + right, float(given["cy"]) + down
        size = 2 * float(given["rx"]), 2 * float(given["ry"])
        return patches.Ellipse(centre, *size, **style)
    corners: list[tuple[float, float]] = []
    codes: list[int] = []
    parts = _CURVE.findall(given["d"]) if kind == "path" else [("M", given["points"])]
    for letter, text in parts:
        numbers = _numbers(text)
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        corners += [(x + right, y + down) for x, y in points]
        if letter == "C":
            codes += [int(path.Path.CURVE4)] * len(points)
        else:
            codes += [int(path.Path.MOVETO)]
            codes += [int(path.Path.LINETO)] * (len(points) - 1)
    return patches.PathPatch(path.Path(corners, codes), **style)


def _text(element: ElementTree.Element, right: float, down: float) -> Text:
    from matplotlib.text import Text

    given = element.attrib
    weight = given.get("font-weight", "normal")
    places: dict[str, Literal["left", "center", "right"]]
    places = {"middle": "center", "start": "left", "end": "right"}
    return Text(
        float(given["x"]) + right,
        float(given["y"]) + down,
        element.text or "",
        color=_colour(given.get("fill", "black")),
        fontfamily=_FONT,
        fontsize=float(given["font-size"]) * _FONT_SCALES[weight],
        fontweight=weight,
        fontstyle=given.get("font-style", "normal"),
        horizontalalignment=places[given.get("text-anchor", "start")],
        verticalalignment="baseline",
        parse_math=False,
    )


def _colour(text: str) -> str:
    return "none" if text == "transparent" else text
