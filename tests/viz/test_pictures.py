"""PNG and PDF from SVG: shapes at their places, text of all kinds, the same bytes."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from graphc.viz.backend import render_dot

SHAPES = r"""
digraph { node [style=filled, label=""] pad=0 nodesep=0.5
  a [shape=box, fillcolor="#ff0000"] b [shape=ellipse, fillcolor="#00ff00"]
  c [shape=cylinder, fillcolor="#0000ff"]
  a -> c [style=dashed] b -> c [color=transparent, label="∂L/∂W_α ⊙ Σ x² $a$ 字"]
}
"""


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a system Graphviz."""
    monkeypatch.setenv("PATH", "")


def pixels(dot: str) -> Any:
    png = io.BytesIO(render_dot(dot, "png"))
    return (matplotlib.image.imread(png)[..., :3] * 255).round()


def test_shapes_stand_at_their_places_in_their_colours() -> None:
    image = pixels(SHAPES)
    places = {
        name: np.argwhere((image == colour).all(axis=-1)).mean(axis=0)
        for name, colour in {
            "a": (255, 0, 0),
            "b": (0, 255, 0),
            "c": (0, 0, 255),
        }.items()
    }
    assert places["a"][1] < places["c"][1] < places["b"][1]
    assert places["a"][0] == pytest.approx(places["b"][0], abs=2)
    assert places["c"][0] > places["a"][0] + 100


@pytest.mark.parametrize("text", ["∂", "σ", "⊙", "Σ", "W²"])
def test_text_is_drawn(text: str) -> None:
    dot = f'digraph {{ x [label="{text}", shape=plain] }}'
    image = pixels(dot)
    assert (image < 100).any()
    # A glyph that the font lacks would be drawn as the same box as any other one.
    assert not np.array_equal(image, pixels(dot.replace(text, "字" * len(text))))


def test_the_same_drawing_gives_the_same_bytes() -> None:
    for format in ("png", "pdf"):
        first = render_dot(SHAPES, format)
        assert render_dot(SHAPES, format) == first
    assert first.startswith(b"%PDF-")


def test_a_tall_drawing_stays_a_file_that_viewers_open() -> None:
    image = pixels("digraph { node [height=40]; a -> b -> c }")
    assert 7_000 < image.shape[0] <= 8_000
