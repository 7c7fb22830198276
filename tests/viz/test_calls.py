"""Drawings and reports of calls: one vertex, or a frame around what is inside."""

from __future__ import annotations

from typing import Any

import pytest

import graphc as gc
from graphc.ir import Node
from graphc.ops.control import call
from graphc.viz.costs import multiply_adds
from graphc.viz.drawing import render
from graphc.viz.report import report


def model() -> Node:
    x = gc.input("x", ("n", 3))
    w = gc.parameter("w", (3, 3))

    def layer(x: Node) -> tuple[Node, Node]:
        hidden = gc.tanh(x @ w)
        return hidden, gc.sum(hidden)

    hidden, total = call(layer, x)
    return (gc.mean(call(layer, hidden)[0]) * total).named("loss")


def test_a_call_is_one_vertex(read: Any) -> None:
    picture = read(render(model()))
    labels = [vertex["label"] for vertex in picture.vertices.values()]
    assert labels.count("layer\ncall") == 2
    assert labels.count("[0]") == 2
    assert labels.count("[1]") == 1
    assert picture.roles().count("block") == 2
    # The function is drawn once, beside what calls it.
    ((frame, (_, title)),) = picture.clusters.items()
    assert title == "layer, called 2 times"
    inside = [k for k, each in picture.cluster_of.items() if each == frame]
    labels = [picture.vertices[key]["label"] for key in inside]
    assert labels.count("hidden\ntanh") == 1


def test_loops_and_branches_are_frames_with_their_bodies(read: Any) -> None:
    x, w = gc.input("x", (32, 3)), gc.parameter("w", (3, 3))

    def cell(h: Node, x: Node) -> tuple[Node, Node]:
        h = gc.cond(gc.sum(x) > 0, lambda h: gc.exp(h @ w), gc.tanh, h + x)
        return h, h

    last, _ = gc.scan(cell, gc.zeros((3,)), x)
    last = gc.while_loop(lambda r: gc.sum(r) > 1, lambda r: r / 2, last)
    picture = read(render(last))
    titles = {title: parent for parent, title in picture.clusters.values()}
    frames = {title: key for key, (_, title) in picture.clusters.items()}
    assert list(titles) == [
        "cell, scan, 32 steps",
        "cond",
        "when true",
        "when false",
        "while_loop",
        "test",
        "body",
    ]
    assert titles["cond"] == frames["cell, scan, 32 steps"]
    assert titles["when true"] == titles["when false"] == frames["cond"]
    labels = {
        title: {
            picture.vertices[key]["label"].split("\n")[0]
            for key, each in picture.cluster_of.items()
            if each == frame
        }
        for title, frame in frames.items()
    }
    # What the body uses from outside is passed to it as the rest is.
    assert {"h", "x_t", "w", "next h"} <= labels["cell, scan, 32 steps"]
    assert {"w", "@", "exp"} <= labels["when true"]
    assert "goes on" in labels["test"]
    passed = [label for _, _, label in picture.kind("forward")]
    assert {"carry (3,)", "item (3,)"} <= set(passed)


def test_a_large_body_and_many_parameters_are_counted(read: Any) -> None:
    x = gc.input("x", (4,))

    def deep(x: Node) -> Node:
        for number in range(12):
            w, b = (gc.parameter(f"deep.{n}{number}", (4,)) for n in "wb")
            x = gc.nn.relu(x * w + b) + gc.sin(x) * gc.cos(x)
        return x

    picture = read(render(gc.function(deep)(x)))
    assert not picture.clusters
    labels = [vertex["label"] for vertex in picture.vertices.values()]
    assert "deep\n24 parameters\n96 values" in labels
    assert any("nodes inside" in label for label in labels)


@pytest.mark.parametrize("backward", [False, "graph", "overlay"])
def test_the_only_result_of_a_call_is_the_call(read: Any, backward: Any) -> None:
    x = gc.input("x", ("n", 3))

    def layer(x: Node) -> Node:
        return gc.tanh(x)

    loss = gc.mean(call(layer, call(layer, x))).named("loss")
    picture = read(render(loss, backward=backward))
    labels = [vertex["label"] for vertex in picture.vertices.values()]
    calls = {
        False: ["layer\ncall"] * 2,
        "graph": ["layer_backward\ncall"] * 2,
        "overlay": ["layer\ncall", "layer_2\ncall"],
    }
    assert sorted(each for each in labels if "call" in each) == calls[backward]
    assert not any(each in ("[0]", "result") for each in labels)
    flowing = [edge for _, _, edge in picture.kind("gradient")]
    assert len(flowing) == (4 if backward == "overlay" else 0)


def test_the_only_result_of_a_call_is_one_row_of_a_report() -> None:
    x = gc.input("x", ("n", 3))
    whole = report(call(gc.tanh, x).named("y"))
    (row,) = [row for row in whole.rows if row.op == "call"]
    assert (row.name, str(row.shape), row.dtype) == ("y", "(n, 3)", "float32")
    assert str(row.multiply_adds) == "3*n"


def test_a_body_is_a_frame_for_each_call(read: Any) -> None:
    picture = read(render(model(), level="primitive"))
    titles = [label for _, label in picture.clusters.values()]
    assert titles == ["call · layer"] * 2
    framed = [
        picture.vertices[key]["label"]
        for key, cluster in picture.cluster_of.items()
        if cluster is not None
    ]
    ops = sorted(label.split("\n")[-1] for label in framed)
    assert ops == ["@", "@", "sum", "tanh", "tanh"]


@pytest.mark.parametrize("level", ["block", "primitive"])
@pytest.mark.parametrize("backward", ["graph", "overlay"])
def test_gradients_of_calls_are_drawn(read: Any, backward: Any, level: Any) -> None:
    picture = read(render(model(), backward=backward, level=level))
    if backward == "graph":
        assert picture.vertices["out0"]["label"] == "d_w"
        titles = [label for _, label in picture.clusters.values()]
        calls = [v for v in picture.vertices.values() if v["class"] == "gradient-block"]
        if level == "block":
            assert [v["label"] for v in calls] == ["layer_backward\ncall"] * 2
        else:
            assert titles
    else:
        heads = [
            picture.vertices[head]["label"] for _, head, _ in picture.kind("gradient")
        ]
        reached = sum(label.startswith("w\n") for label in heads)
        assert reached == 2


def test_a_call_costs_what_its_body_does() -> None:
    loss = model()
    whole, inside = report(loss), report(loss, level="primitive")
    # The second call computes a sum, too, which nothing reads.
    assert str(whole.multiply_adds - inside.multiply_adds) == "3*n"
    (first, second) = [r for r in whole.rows if r.op == "call"]
    assert (first.name, second.name) == ("layer", "layer")
    # 9 n of the product, and 3 n each of tanh and the sum.
    assert str(first.multiply_adds) == "15*n"


def test_multiply_adds_see_into_bodies_of_bodies() -> None:
    x = gc.input("x", (5,))
    y = call(lambda x: call(lambda x: gc.nn.softplus(x) + 1.0, x), x)
    alone = multiply_adds(gc.nn.softplus(x))
    assert multiply_adds(y.inputs[0]) == alone + 5
