"""Layers in frames, closed layers, and one of equal layers in a row."""

from __future__ import annotations

import re

import pytest

import graphc as gc
from graphc.errors import OptionError


class Residual(gc.nn.Layer):
    """`x + second(relu(first(x)))`."""

    def __init__(self, size: int, hidden: int, name: str | None = None) -> None:
        super().__init__(name)
        self.first = gc.nn.Linear(size, hidden)
        self.second = gc.nn.Linear(hidden, size)

    def forward(self, x: gc.Node) -> gc.Node:
        return x + self.second(gc.nn.relu(self.first(x)))


def network(sizes: list[int]) -> gc.Node:
    """Residual layers with as many hidden neurons, and a loss."""
    h = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    for n, hidden in enumerate(sizes):
        h = Residual(4, hidden, name=f"layer{n}")(h)
    return gc.nn.cross_entropy(gc.nn.Linear(4, 3, name="out")(h), y).named("loss")


def test_open_layers_stand_in_frames(read):
    picture = read(gc.render(network([5, 6]), depth=None))
    titles = {name: title for name, (_, title) in picture.clusters.items()}
    assert sorted(titles.values()) == ["layer0 · Residual", "layer1 · Residual"]
    weight = picture.find("layer0.first.weight", "(5, 4)", "20 values")
    assert titles[picture.cluster_of[weight]] == "layer0 · Residual"
    assert picture.cluster_of[picture.find("x", "(batch, 4)")] is None
    # A small graph is drawn so by itself.
    assert gc.render(network([5, 6])).source.count("subgraph") == 2


def test_a_closed_layer_is_one_node(read):
    picture = read(gc.render(network([5, 6]), depth=0, backward="overlay"))
    first = picture.find("layer0", "Residual", "49 parameters")
    second = picture.find("layer1", "Residual", "58 parameters")
    out = picture.find("out", "linear", "15 parameters")
    assert not picture.clusters
    assert len(picture.vertices) == 7
    edges = picture.kind("forward")
    assert [e for e in edges if e[0] == first] == [(first, second, "(batch, 4)")]
    gradients = {(tail, head): label for tail, head, label in picture.kind("gradient")}
    assert gradients[second, first] == ("d_layer0 (batch, 4)\n= (∂layer1/∂layer0)^T d")
    assert gradients[out, second] == "d_layer1 (batch, 4)\n= W_out^T d"


def test_long_gradients_have_letters_and_equal_windows_one_size(read):
    x = gc.input("x", ("batch", 1, 8, 8))
    pooled = gc.nn.avg_pool2d(x, 2)
    picture = read(gc.render([pooled, gc.nn.max_pool2d(x, (2, 4))]))
    assert picture.find("pooled", "avg_pool2d(kernel_size=2)")
    assert "kernel_size=(2, 4))" in str(picture.vertices)
    f = gc.exp(gc.reshape(pooled, ("batch", 16)) * gc.parameter("w", (16,)))
    loss = gc.mean(gc.square(gc.nn.LayerNorm(16, name="ln")(f)))
    source = gc.render(loss, backward="overlay").source
    flow = "= (g - mean(g) - mean(g ⊙ x̂) x̂) / σ"
    letters = "g = W_ln ⊙ d\\nx̂ = (f - mean(f)) / σ\\nσ = √("
    assert f"{flow}\\n{letters}" in source
    assert "Σ_rows x̂ ⊙ d" in source


def test_depth_opens_layers_one_by_one(read):
    picture = read(gc.render(network([5, 6]), depth=1))
    assert len(picture.clusters) == 2
    assert picture.find("layer0.first", "linear", "25 parameters")
    assert "parameter" not in picture.roles()


def test_one_of_equal_layers_in_a_row_is_drawn(read):
    picture = read(gc.render(network([5, 5, 5, 6]), depth=0, backward="overlay"))
    first = picture.find("layer0 … layer2   × 3", "Residual", "49 parameters")
    last = picture.find("layer3", "Residual", "58 parameters")
    assert (first, last, "(batch, 4)") in picture.kind("forward")
    heads = [(tail, head) for tail, head, _ in picture.kind("gradient")]
    assert (last, first) in heads
    assert len(picture.vertices) == 7
    opened = read(gc.render(network([5, 5, 5]), depth=1))
    assert "layer0 … layer2   × 3 · Residual" in {
        t for _, t in opened.clusters.values()
    }
    # Each has values of its own, and none is left out.
    feeds = {"x": [[1.0, 2.0, 3.0, 4.0]], "y": [0]}
    filled = gc.render(network([5, 5]), depth=0, feeds=feeds).source
    assert "×" not in filled


def test_layers_that_do_not_follow_each_other_are_all_drawn():
    x = gc.input("x", ("batch", 4))
    both = Residual(4, 5, name="a")(x) + Residual(4, 5, name="b")(x)
    assert "×" not in gc.render(both, depth=0).source
    shared = Residual(4, 5, name="a")(x)
    later = Residual(4, 5, name="b")(shared)
    assert "×" not in gc.render(later * shared, depth=0).source


def test_a_large_graph_is_closed_until_it_is_small(read):
    loss = network([*range(5, 17)])
    assert len(read(gc.render(loss)).vertices) <= 60
    assert len(read(gc.render(loss, depth=None)).vertices) > 60


def test_blocks_of_closed_layers_at_the_level_of_primitives(read):
    closed = read(gc.render(network([5, 6]), depth=0, level="primitive"))
    assert closed.find("layer0", "Residual", "49 parameters")
    assert closed.find("out", "linear", "15 parameters")
    opened = read(gc.render(network([5, 6]), depth=None, level="primitive"))
    parents = {title: parent for parent, title in opened.clusters.values()}
    assert opened.clusters[parents["relu"]][1] == "layer1 · Residual"


def test_directions_and_depths_that_there_are():
    loss = network([5])
    down, right = (gc.render(loss, rankdir=way).source for way in ("TB", "LR"))
    assert down.replace('"TB"', '"LR"') == right
    size = re.search(
        r'width="(\d+)pt" height="(\d+)pt"', gc.Drawing(right)._repr_svg_()
    )
    assert size is not None
    assert int(size[1]) > int(size[2])
    for bad in (-1, True, "all", 1.5):
        with pytest.raises(OptionError, match="depth must be"):
            gc.render(loss, depth=bad)
    with pytest.raises(OptionError, match="rankdir must be"):
        gc.render(loss, rankdir="RL")


def test_updates_of_buffers_are_left_out_where_layers_close(read):
    x, y = gc.input("x", ("batch", 4)), gc.input("y", ("batch",), "int64")
    layers = [gc.nn.Linear(4, 5, name="first"), gc.nn.BatchNorm1d(5, name="norm")]
    loss = gc.nn.cross_entropy(layers[1](layers[0](x)), y)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    whole = read(gc.render(trainer, depth=None))
    assert whole.find("new norm.running_mean")
    assert "norm.running_mean\n(5,)\nbuffer" in {
        v["label"] for v in whole.vertices.values()
    }
    picture = read(gc.render(trainer, depth=0))
    assert picture.find("norm", "batch_norm(momentum=0.1)", "10 parameters")
    assert len(picture.vertices) == 6


def test_a_loss_over_all_tokens_has_the_formula_of_one(read):
    x, y = gc.input("x", ("batch", 3, 4)), gc.input("y", ("batch", 3), "int64")
    z = gc.nn.Linear(4, 5, name="out")(x).reshape((-1, 5)).named("z")
    loss = gc.nn.cross_entropy(z, y.reshape(-1)).named("loss")
    labels = [e[2] for e in read(gc.render(loss, backward="overlay")).kind("gradient")]
    assert "d_z (3*batch, 5)\n= (1/rows) (p - onehot(y))\np = softmax(z)" in labels


def test_a_loop_is_closed_with_all_else():
    x = gc.input("x", ("time", 3))
    total, _ = gc.scan(lambda c, t: (c + t, c), gc.zeros(3), x)
    assert "subgraph" in gc.render(total).source
    assert "subgraph" not in gc.render(total, depth=0).source


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """The places of all lines of text, by a cautious width of letters."""
    found: list[tuple[float, float, float, float]] = []
    for attributes, text in re.findall(r"<text([^>]*)>([^<]*)<", svg):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        x, y, size = (float(given[name]) for name in ("x", "y", "font-size"))
        width = 0.42 * size * len(text.strip("\u00a0"))
        found.append((x - width / 2, y - 0.7 * size, x + width / 2, y))
    return found


@pytest.mark.parametrize(("count", "widest"), [(2, 1600), (12, 1000)])
def test_a_drawing_is_legible(count, widest):
    """Labels keep apart, and at the width of a page they are large enough to read."""
    svg = gc.render(network([*range(5, 5 + count)]), backward="overlay")._repr_svg_()
    size = re.search(r'width="(\d+)pt"', svg)
    assert size is not None
    assert int(size[1]) < widest
    lines = boxes(svg)
    assert len(lines) > 40
    crossing = [
        (one, other)
        for place, one in enumerate(lines)
        for other in lines[place + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3]
        if other[1] < one[3]
    ]
    assert len(crossing) <= len(lines) // 50, crossing
