"""Explanations of memory: bytes by hand, and as Python's allocator sees them."""

from __future__ import annotations

import gc as garbage
import tracemalloc
from collections.abc import Mapping

import numpy as np
import pytest

import graphc as gc
from graphc.explanation.memory import LayerMemory, Peak, find_peak
from graphc.ir import Dim, Graph, Node
from graphc.ir.evaluate import evaluate_node


def test_bytes_are_those_by_hand() -> None:
    x = gc.input("x", ("n", 4))
    hidden, out = gc.nn.Linear(4, 3, name="hidden"), gc.nn.Linear(3, 1, name="out")
    h = gc.tanh(hidden(x))
    loss = gc.mean(gc.exp(out(h)))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    told = gc.explain(trainer)
    layers = {each.name: each for each in told if isinstance(each, LayerMemory)}
    n = Dim("n")
    assert layers["hidden"].parameters == 4 * (4 * 3 + 3)
    assert layers["out"].parameters == 4 * (3 + 1)
    # The derivatives of tanh and exp are formulas of their results; the product with
    # the second weight needs what the first layer gave, and the products' own results
    # are of no use.
    assert layers["h"].kept == 12 * n
    assert layers["exp"].kept == 4 * n
    assert layers["hidden"].kept == layers["out"].kept == 0
    assert "in all" in str(told)
    assert f"allocates, once: {trainer.footprint.total({})} bytes" in str(told)


def test_the_peak() -> None:
    x = gc.input("x", (100,))
    small = gc.sum(x)
    e = gc.exp(x)
    t = gc.tanh(e)
    s = gc.sin(t)
    value, slope = e * s, gc.grad(small**3, x)
    (peak,) = [each for each in gc.explain([value, slope]) if isinstance(each, Peak)]
    # e and t are in use while s is computed; then t is no more, and e * s is.
    assert peak.node.op is s.op
    assert peak.bytes == 3 * 400 + 4


class Block(gc.nn.Layer):
    """A layer of layers."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.a = gc.nn.Linear(4, 8)
        self.b = gc.nn.Linear(8, 4)

    def forward(self, x: Node) -> Node:
        return x + self.b(gc.tanh(self.a(x)))


def test_layers_of_layers_are_counted_with_their_parts() -> None:
    x = gc.input("x", ("n", 4))
    trainer = gc.Trainer(gc.mean(Block("second")(Block("first")(x))), gc.optim.SGD(0.1))
    told = gc.explain(trainer, n=10, rules="none")
    rows = {each.name: each for each in told if isinstance(each, LayerMemory)}
    assert [(name, each.level) for name, each in rows.items()] == [
        *(
            (f"{block}{part}", bool(part))
            for block in ("first", "second")
            for part in ("", ".a", ".tanh", ".b")
        ),
        ("mean", 0),
    ]
    # The weight of the second block's first layer needs what the first block gave.
    for block, more in (("first", 160), ("second", 0)):
        parts = [rows[f"{block}.{part}"] for part in ("a", "b", "tanh")]
        assert rows[block].parameters == 4 * (4 * 8 + 8 + 8 * 4 + 4)
        assert rows[f"{block}.tanh"].kept == 10 * 8 * 4
        assert rows[block].kept == 10 * 8 * 4 + more
        assert rows[block].values == sum(int(each.values) for each in parts) + 160
    whole = str(told).partition("  in all")[2].splitlines()[0].split()
    assert (
        whole[0]
        == f"{sum(each.parameters for each in rows.values() if not each.level):,}"
    )
    short = gc.explain(trainer, n=10, depth=1)
    assert [each.name for each in short if isinstance(each, LayerMemory)] == [
        "first",
        "second",
        "mean",
    ]


def measured(
    graph: Graph, values: dict[Node, np.ndarray], sizes: Mapping[str, int]
) -> int:
    """The most bytes that NumPy holds at once, where values are dropped once read."""
    given, last = {*values}, dict[Node, int]()
    for place, node in enumerate(graph.nodes):
        last |= dict.fromkeys(node.inputs, place)
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    garbage.collect()
    tracemalloc.start()
    for place, node in enumerate(graph.nodes):
        if node not in given:
            inputs = [values[each] for each in node.inputs]
            values[node] = evaluate_node(node, inputs, sizes)
            del inputs
            for each in node.inputs:
                if last[each] == place and each not in given:
                    values.pop(each, None)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_the_peak_is_what_numpy_allocates() -> None:
    rng = np.random.default_rng(0)
    x, y = gc.input("x", ("n", 8, 32)), gc.input("y", ("n",), "int64")
    feeds = {"x": rng.normal(size=(64, 8, 32)), "y": rng.integers(0, 10, 64)}
    sequences, _ = gc.nn.LSTM(32, 64, batch_first=True, name="lstm")(x)
    flat = gc.nn.Linear(32 * 8, 512, name="hidden")(x.reshape(-1, 32 * 8))
    models = {"loop": (sequences[:, -1], 64), "network": (gc.nn.relu(flat), 512)}
    for name, (values, width) in models.items():
        scores = gc.nn.Linear(width, 10, name="head")(values)
        trainer = gc.Trainer(gc.nn.cross_entropy(scores, y), gc.optim.SGD(0.1))
        *_, stage = trainer.optimizations()[""].stages()
        graph = stage.after
        arrays = {**feeds, **trainer.parameters}
        known = (*graph.inputs, *graph.parameters)
        given = {n: np.asarray(arrays[str(n.name)], n.dtype) for n in known}
        peak = find_peak(graph, {"n": 64})
        assert peak is not None
        assert peak.bytes == pytest.approx(
            measured(graph, given, {"n": 64}), rel=0.2
        ), name


def test_arithmetic_is_that_by_hand() -> None:
    n, heads, length, width = 5, 2, 6, 4
    x, w = gc.input("x", (n, 8)), gc.parameter("w", (3, 8), 0.0)
    image, kernel = gc.input("i", (n, 2, 9, 9)), gc.parameter("k", (4, 2, 3, 3), 0.0)
    q = gc.input("q", (n, heads, length, width))
    products = {
        gc.nn.linear(x, w): n * 8 * 3,
        gc.nn.conv2d(image, kernel): n * 4 * 7 * 7 * 2 * 3 * 3,
        # Scores and the weighted sum; besides, scale, and the five ops of a softmax:
        # maximum, difference, exponential, sum and quotient.
        gc.nn.scaled_dot_product_attention(q, q, q): n
        * heads
        * length
        * length
        * 2
        * width,
    }
    extra = [0, 0, n * heads * length * (length * 5)]
    for (node, count), more in zip(products.items(), extra, strict=True):
        (line, *_) = gc.explain(node, rules="none").sections[0].rows
        told = int(line[2].replace(",", ""))
        assert count + more <= told <= count + more + n * heads * length * width + 1, (
            node
        )
