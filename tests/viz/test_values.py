"""Values and gradients in drawings are those that NumPy computes by hand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ArgumentError, FeedError
from graphc.runtime.summaries import in_a_line, in_lines
from graphc.viz.drawing import render

X = np.array([1.0, -2.0, 0.5])
W = np.array([[1.0, 0.5, -1.0], [2.0, 1.0, 4.0]])
Z = W @ X
DZ = 2 * np.maximum(Z, 0) * (Z > 0)
"""Of `sum(relu(W x)^2)`, by hand."""


def matrix(name, array):
    rows = [", ".join(f"{v + 0.0:.4g}" for v in row) for row in array]
    return f"{name} = [" + ",\n".join(f"[{row}]" for row in rows) + "]"


def vector(name, array):
    return f"{name} = [{', '.join(f'{v + 0.0:.4g}' for v in array)}]".strip()


@pytest.fixture
def loss():
    x = gc.input("x", (3,), "float64")
    w = gc.parameter("W", (2, 3), W, dtype="float64")
    z = (w @ x).named("z")
    return gc.sum(gc.nn.relu(z) ** 2).named("loss")


def test_an_overlay_has_values_in_nodes_and_gradients_beside(loss, read):
    drawing = render(loss, backward="overlay", feeds={"x": X})
    picture = read(drawing)
    plain = read(render(loss, backward="overlay"))
    weight = picture.find("W", "float64 (2, 3)", "6 values", matrix("", W).strip())
    z = picture.find("z", "@", vector("", Z))
    total = picture.find("loss", "sum", f"= {(np.maximum(Z, 0) ** 2).sum():.4g}")
    beside = {tail: label for tail, head, label in picture.kind("value")}
    assert beside[weight] == matrix("d_W", np.outer(DZ, X))
    assert beside[z] == vector("d_z", DZ)
    assert beside[total] == "d_loss = 1"
    assert all(tail == head for tail, head, _ in picture.kind("value"))
    # Otherwise the drawing is what it is without values.
    assert picture.kind("gradient") == plain.kind("gradient")
    assert picture.kind("forward") == plain.kind("forward")
    texts = {
        "".join(text.itertext()).strip(): text.get("fill")
        for text in ElementTree.fromstring(drawing._repr_svg_()).iter()
        if text.tag.endswith("text")
    }
    assert texts[vector("d_z", DZ)] == "#b03a14"
    assert texts[vector("", Z)] != "#b03a14"


def test_graphs_of_all_kinds_have_values(loss, read):
    forward = read(render(loss, feeds={"x": X}, level="primitive"))
    assert not forward.kind("value")
    assert forward.find("z", "@", vector("", Z))
    for level in ("block", "primitive"):
        backward = render(loss, backward="graph", feeds={"x": X}, level=level)
        labels = [v["label"] for v in read(backward).vertices.values()]
        assert any(matrix("", np.outer(DZ, X)).strip() in label for label in labels)
        assert f"relu\nforward value\n{vector('', np.maximum(Z, 0))}" in labels
        assert "d_loss = 1" in labels
        overlay = render(loss, backward="overlay", feeds={"x": X}, level=level)
        assert matrix("d_W", np.outer(DZ, X)) in [
            label for *_, label in read(overlay).kind("value")
        ]


def test_trainers_and_compiled_functions_show_their_parameters(loss, read):
    trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.1))
    trainer.parameters["W"] = 2 * W
    picture = read(render(trainer, backward="overlay", feeds={"x": X}))
    assert picture.find("z", "@", vector("", 2 * Z))
    unused = gc.input("unused", ("n",))
    compiled = gc.compile({"z": loss, "c": gc.grad(gc.sum(unused), unused)})
    compiled.parameters["W"] = 3 * W
    feeds = {"x": X, "unused": np.zeros(8)}
    labels = [v["label"] for v in read(render(compiled, feeds=feeds)).vertices.values()]
    assert any(matrix("", 3 * W).strip() in label for label in labels)


def test_bodies_are_drawn_without_values(read):
    x = gc.input("x", (), "float64")
    end, _ = gc.scan(lambda c, _: (c * 2.0, c), x, None, length=3)
    picture = read(render(end.named("end"), feeds={"x": 1.5}))
    labels = [vertex["label"] for vertex in picture.vertices.values()]
    assert sum("= 12" in label for label in labels) == 1


@pytest.mark.parametrize(
    ("feeds", "error", "words"),
    [
        ({}, FeedError, "'x'|x: float64"),
        ({"x": X, "y": X}, FeedError, "'y' is not an input"),
        ({"x": X[:2]}, FeedError, r"\(3,\)"),
        ([X], ArgumentError, "feeds"),
    ],
)
def test_wrong_feeds_are_told_as_by_evaluate(loss, feeds, error, words):
    with pytest.raises(error, match=words):
        render(loss, feeds=feeds)


@pytest.mark.parametrize(
    ("array", "lines", "line"),
    [
        (-0.0, ["v = 0"], "0"),
        (np.float32(1 / 3), ["v = 0.3333"], "0.3333"),
        (True, ["v = True"], "True"),
        ([], ["v (0,), empty"], "empty"),
        (1 + 2j, ["v = 1+2j"], "1+2j"),
        (np.arange(9), ["v (9,), mean 4", "from 0 to 8"], "mean 4, from 0 to 8"),
        (np.arange(9) > 6, ["v (9,), 2 of 9 true"], "2 of 9 true"),
        (
            [np.nan, np.inf, *range(5)],
            ["v (7,), mean 2", "from 0 to 4", "1 NaN", "1 inf"],
            "mean 2, from 0 to 4, 1 NaN, 1 inf",
        ),
        (
            np.full(7, 3 + 4j),
            ["v (7,), mean 3+4j", "magnitude from 5 to 5"],
            "mean 3+4j, magnitude from 5 to 5",
        ),
    ],
)
def test_arrays_in_words(array, lines, line):
    array = np.asarray(array)
    assert [*in_lines(array, "v")] == lines
    assert in_a_line(array) == line


def test_long_names_and_what_is_not_finite(read):
    array = np.array([1e-08, 123456.0])
    assert in_lines(array, "n" * 30) == ("n" * 30 + " =", "[1e-08, 1.235e+05]")
    x = gc.input("x", (2,), "float64")
    w = gc.parameter("w", (2,), 1.0, dtype="float64")
    loss = gc.sum(gc.log(x) * w).named("loss")
    picture = read(render(loss, feeds={"x": [1.0, -1.0]}, backward="overlay"))
    red = [
        v["label"].split("\n")[0]
        for v in picture.vertices.values()
        if "d00000" in v["color"]
    ]
    assert sorted(red) == ["log", "loss", "loss", "multiply"]
    marked = {
        label: "d00000" in edge.get("color", "")
        for *_, edge in picture.edges
        if edge["class"] == "value"
        for label in [edge["label"]]
    }
    assert marked["d_w = [0, nan]"]
    assert not marked["d_loss = 1"]


def test_long_numbers_are_summarised():
    array = np.array([-1.23456e-15] * 6)
    assert re.match(r"v \(6,\), mean -1.235e-15", in_lines(array, "v")[0])
