"""Dense layers as columns of circles; other networks are refused."""

from __future__ import annotations

import re

import pytest

import graphc as gc
from graphc.errors import OptionError

Edge = tuple[str, str]


def read(source: str) -> tuple[dict[str, int], set[Edge], list[str]]:
    """Circles by column, edges, and captions."""
    circles: dict[str, int] = {}
    for column in re.findall(r"^  (c\d+)_\d+ \[", source, re.MULTILINE):
        circles[column] = circles.get(column, 0) + 1
    edges = set(re.findall(r"^  (c\d+_\d+) -> (c\d+_\d+);", source, re.MULTILINE))
    captions = re.findall(r'^  t\d+ \[.*label="([^"]*)"', source, re.MULTILINE)
    return circles, edges, [caption.replace("\\n", "\n") for caption in captions]


def test_layers_are_columns_with_their_equations() -> None:
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    W1, b1 = gc.parameter("W1", (5, 4)), gc.parameter("b1", (5,))
    W2, b2 = gc.parameter("W2", (5, 3)), gc.parameter("b2", (3,))
    z1 = gc.nn.sigmoid(gc.nn.linear(x, W1, b1))
    z2 = z1 @ W2 + b2
    loss = gc.nn.cross_entropy(z2, y)
    drawing = gc.render(loss, level="neuron")
    circles, edges, captions = read(drawing.source)
    assert circles == {"c0": 4, "c1": 5, "c2": 3}
    assert len(edges) == 4 * 5 + 5 * 3
    assert drawing.source.count('label="σ"') == 5
    assert captions[0] == "x\n4 features"
    assert captions[1] == "z1 = σ(W1 x + b1)\n5 neurons"
    assert captions[2].endswith("3 neurons")
    assert "z2 = " in captions[2]
    assert drawing.source == gc.render(loss, level="neuron").source
    assert drawing._repr_svg_().count("<ellipse") == 12


def test_of_many_neurons_the_first_and_the_last_are_drawn() -> None:
    x = gc.input("image", ("batch", 1, 28, 28))
    layers = [gc.nn.Linear(784, 30), gc.nn.ReLU(), gc.nn.Linear(30, 10)]
    network = gc.nn.Sequential(gc.nn.Flatten(), *layers)
    circles, edges, captions = read(gc.render(network(x), level="neuron").source)
    assert circles == {"c0": 7, "c1": 7, "c2": 10}
    assert len(edges) == 7 * 7 + 7 * 10
    assert captions[0].endswith("784 features")


def test_other_networks_are_refused() -> None:
    x = gc.input("x", ("batch", 4))
    layer = gc.nn.Linear(4, 4)
    h = layer(x)
    for target in (gc.nn.Linear(4, 4)(gc.nn.relu(h)) + h, gc.exp(x)):
        with pytest.raises(OptionError, match="dense layers, one after the other"):
            gc.render(target, level="neuron")
    with pytest.raises(OptionError, match="without backward"):
        gc.render(h, level="neuron", backward="overlay")
