"""Drawings: every node and edge is there, says what it is, and is always the same."""

from __future__ import annotations

from collections import Counter

import pytest

import graphc as gc
from graphc.errors import DifferentiationError, OptionError
from graphc.ir import OPS, Graph, Op
from graphc.ir.dims import format_shape
from graphc.ir.graph import expand
from graphc.ir.walk import ancestors
from graphc.viz.drawing import render
from graphc.viz.notation import scalar_text


def drawn(nodes):
    return [node for node in nodes if scalar_text(node) is None]


def drawn_edges(nodes):
    return Counter(
        format_shape(parent.shape)
        for node in nodes
        for parent in node.inputs
        if scalar_text(parent) is None
    )


def shapes(picture, name="forward"):
    labels = (label for _, _, label in picture.kind(name))
    return Counter(label[label.index("(") :].split("\n")[0] for label in labels)


@pytest.mark.parametrize("level", ["block", "primitive"])
def test_every_node_and_edge_is_drawn(read, model, level):
    graph = Graph((model.loss,))
    if level == "primitive":
        graph = expand(graph)
    picture = read(render(model.loss, level=level))
    assert len(picture.vertices) == len(drawn(graph.nodes)) + 1
    assert shapes(picture) == drawn_edges(graph.nodes) + Counter(["()"])
    assert set(picture.vertices) == {
        "out0",
        *(f"n{i}" for i in range(len(drawn(graph.nodes)))),
    }
    for tail, head, _ in picture.edges:
        assert {tail, head} <= set(picture.vertices)


def test_what_a_block_drawing_says(read, model):
    picture = read(render(model.loss))
    weight = picture.find("hidden.weight", "(32, 64)", "2,048 values")
    image = picture.find("image", "(batch, 64)")
    hidden = picture.find("hidden", "linear")
    relu = picture.find("relu")
    assert picture.find("labels", "int64 (batch,)")
    edges = picture.kind("forward")
    assert (image, hidden, "(batch, 64)") in edges
    assert (weight, hidden, "(32, 64)") in edges
    assert (hidden, relu, "(batch, 32)") in edges
    assert (picture.find("loss", "cross_entropy"), picture.find("loss"), "()") in edges
    assert picture.vertices[hidden]["tooltip"].splitlines()[1].startswith("conftest.py")


def test_roles_differ_in_shape_and_colour_and_border(read, model):
    x = gc.input("x", (3,))
    everything = [
        model.loss,
        gc.sum(x * gc.constant([1.0, 2.0, 3.0], "float32")),
        gc.grad(gc.mean(x * x), x),
    ]
    picture = read(render(everything))
    backward = read(render(model.loss, backward="graph"))
    looks = {}
    colours = {}
    for vertex in [*picture.vertices.values(), *backward.vertices.values()]:
        look = (vertex["shape"], vertex["style"], vertex.get("peripheries"))
        looks.setdefault(vertex["class"], set()).add(look)
        colours.setdefault(vertex["class"], set()).add(vertex["fillcolor"])
    expected = {
        "block",
        "constant",
        "gradient",
        "gradient-block",
        "gradient-output",
        "input",
        "op",
        "output",
        "parameter",
        "value",
    }
    assert set(looks) == expected
    assert len({look for group in looks.values() for look in group}) == len(expected)
    plain = expected - {"gradient-block"}
    assert len({colour for role in plain for colour in colours[role]}) == len(plain)


def test_scalars_are_folded_into_the_op(read):
    x = gc.input("x", ("batch", 3))
    picture = read(render(1.0 - (x * 0.5).named("half") / x.shape[0]))
    assert picture.find("half", "x * 0.5")
    assert picture.find("half / batch")
    assert picture.find("1 - …")
    assert picture.roles() == ["input", "op", "op", "op", "output"]


def test_a_scalar_alone_is_drawn(read):
    picture = read(render(gc.constant(2.0)))
    assert picture.find("2.0")
    assert picture.roles() == ["constant", "output"]


def test_a_value_used_twice_has_two_edges(read):
    x = gc.input("x", (3,))
    picture = read(render((x * x).named("y")))
    x_key, y_key = picture.find("x", "(3,)"), picture.find("y", "*")
    assert picture.kind("forward").count((x_key, y_key, "(3,)")) == 2


def test_operands_that_could_be_exchanged_are_told_apart(read):
    a, b = gc.input("a", (3,)), gc.input("b", (3,))
    picture = read(render(a - b))
    minus = picture.find("-")
    edges = picture.kind("forward")
    assert (picture.find("a", "(3,)"), minus, "left (3,)") in edges
    assert (picture.find("b", "(3,)"), minus, "right (3,)") in edges


def test_clusters_nest_as_blocks_do(read, model):
    gated = gc.mean(gc.nn.silu(model.logits)) + model.loss
    picture = read(render(gated, level="primitive"))
    labels = {name: label for name, (_, label) in picture.clusters.items()}
    assert Counter(labels.values()) >= Counter(
        ["linear · hidden", "linear · logits", "relu", "cross_entropy · loss"]
    )
    nodes = drawn(expand(Graph((gated,))).nodes)
    chains = Counter()
    for node in nodes:
        chain = []
        block = node.origin.block
        while block is not None:
            chain.append(block.op.name)
            block = block.origin.block
        chains[tuple(chain)] += 1
    seen = Counter()
    for key in picture.vertices:
        chain = []
        cluster = picture.cluster_of[key]
        while cluster is not None:
            parent, label = picture.clusters[cluster]
            chain.append(label.split(" ·")[0].split("(")[0])
            cluster = parent
        seen[tuple(chain)] += 1
    seen[()] -= 1
    assert seen == chains
    assert max(len(chain) for chain in chains) >= 2
    assert not read(render(model.loss)).clusters


def test_the_backward_graph_is_what_grad_derives(read, model):
    picture = read(render(model.loss, backward="graph"))
    derived = gc.grad(model.loss, model.parameters)
    forward = set(
        ancestors(
            [model.loss],
            lambda n: (*n.inputs, n.expansion) if n.op.is_block else n.inputs,
        )
    )
    nodes = ancestors(derived, lambda n: () if n in forward else n.inputs)
    # The seed stands alone in a drawing, where it is folded otherwise.
    assert len(picture.vertices) == len(drawn(nodes)) + 1 + len(derived)
    results = Counter(format_shape(node.shape) for node in derived)
    inner = [node for node in nodes if node not in forward]
    seed_edges = sum(
        1
        for node in inner
        for parent in node.inputs
        if parent not in forward
        and parent.op.name == "constant"
        and not parent.origin.rules
        and not parent.shape
    )
    expected = drawn_edges(inner) + results + Counter({"()": seed_edges})
    assert shapes(picture) == expected
    for parameter in model.parameters:
        key = picture.find(f"d_{parameter.name}")
        assert picture.vertices[key]["class"] == "gradient-output"
        assert (format_shape(parameter.shape)) in [
            label for _, head, label in picture.kind("forward") if head == key
        ]
    assert picture.vertices[picture.find("d_loss = 1")]["class"] == "gradient-output"


def test_forward_values_are_leaves_of_the_backward_graph(read, model):
    picture = read(render(model.loss, backward="graph"))
    heads = {head for _, head, _ in picture.edges}
    leaves = [k for k, v in picture.vertices.items() if v["class"] == "value"]
    assert picture.find("relu", "forward value") in leaves
    assert not heads & set(leaves)
    assert all(
        vertex["class"] != "op" and vertex["class"] != "block"
        for vertex in picture.vertices.values()
    )


def test_the_backward_graph_of_primitives_has_no_blocks(read, model):
    picture = read(render(model.loss, backward="graph", level="primitive"))
    assert "gradient-block" not in picture.roles()
    assert any("softmax" in label for _, label in picture.clusters.values())


@pytest.fixture
def transparent():
    """A block without a derivative of its own, that uses its input twice."""
    op = Op(
        name="twice_used",
        inputs=("x", "y"),
        infer=lambda x, y: x,
        expand=lambda x, y: gc.tanh(x) * x + y,
    )
    yield op
    del OPS[op.name]


def test_a_block_without_a_rule_is_seen_through(read, transparent):
    x, w = gc.input("x", (3,)), gc.parameter("w", (3,))
    block = transparent.build((x * w, w), {}, name="mixed")
    loss = gc.sum(block).named("loss")
    picture = read(render(loss, backward="overlay"))
    gradients = picture.kind("gradient")
    mixed, product = picture.find("mixed", "twice_used"), picture.find("multiply", "*")
    weight = picture.find("w", "(3,)", "3 values", "d_w")
    assert (
        mixed,
        product,
        "d_multiply (3,)\n+= d ⊙ tanh(x) + d ⊙ x ⊙ (1 - tanh(x)^2)\nx = multiply",
    ) in gradients
    assert (mixed, weight, "d_w (3,)\n+= d") in gradients
    assert (product, weight, "d_w (3,)\n+= x ⊙ d") in gradients
    assert len(gradients) == 5
    backward = read(render(loss, backward="graph", level="primitive"))
    labels = {label for _, label in backward.clusters.values()}
    assert labels == {"backward of twice_used · mixed"}
    assert backward.find("tanh in mixed", "forward value")


def test_without_parameters_gradients_are_those_of_the_inputs(read):
    x = gc.input("x", (3,))
    picture = read(render(gc.sum(gc.exp(x)).named("y"), backward="graph"))
    assert picture.find("d_x")
    assert picture.find("exp", "forward value")


def test_gradient_nodes_are_drawn_as_what_they_are(read):
    x = gc.input("x", (3,))
    gradient = gc.grad(gc.sum(gc.exp(x)), x)
    picture = read(render(gradient))
    derived = drawn(n for n in Graph((gradient,)).nodes if n.origin.rules)
    assert Counter(picture.roles()) == Counter(
        {"gradient": len(derived), "gradient-output": 1, "input": 1, "op": 1}
    )
    assert picture.find("gradient")


def overlay_pairs(picture):
    return [(tail, head) for tail, head, _ in picture.kind("gradient")]


def test_an_overlay_has_a_gradient_for_each_differentiable_edge(read, model):
    plain = read(render(model.loss))
    picture = read(render(model.loss, backward="overlay"))
    assert picture.kind("forward") == plain.kind("forward")
    gradients = {(tail, head): label for tail, head, label in picture.kind("gradient")}
    weight = picture.find(
        "hidden.weight", "(32, 64)", "2,048 values", "d_hidden.weight"
    )
    hidden, relu = picture.find("hidden", "linear"), picture.find("relu")
    logits = picture.find("logits", "linear")
    loss = picture.find("loss", "cross_entropy")
    assert gradients[picture.find("loss"), loss] == "d_loss = 1"
    assert gradients[loss, logits] == (
        "d_logits (batch, 10)\n= (1/batch) (p - onehot(labels))\np = softmax(logits)"
    )
    assert gradients[logits, relu] == ("d_relu (batch, 32)\n= W_logits^T d")
    assert gradients[relu, hidden].splitlines()[0] == "d_hidden (batch, 32)"
    assert gradients[hidden, weight] == ("d_hidden.weight (32, 64)\n= Σ_rows d image^T")
    flowing = {
        (head, tail)
        for tail, head, _ in picture.kind("forward")
        if picture.vertices[tail]["class"] != "input"
    }
    assert set(gradients) == flowing
    assert len(picture.kind("gradient")) == len(flowing)
    for _, _, attributes in picture.edges:
        is_gradient = attributes["class"] == "gradient"
        assert (attributes.get("style") == "dashed") == is_gradient
        assert (attributes.get("constraint") == "false") == is_gradient


def test_an_overlay_of_primitives_reverses_each_differentiable_edge(read):
    x, w = gc.input("x", ("n", 3)), gc.parameter("w", (3, 2))
    y = gc.nn.softmax(x @ w, dim=1)
    loss = gc.mean(y * gc.stop_gradient(y)).named("loss")
    picture = read(render(loss, backward="overlay", level="primitive"))
    stop = picture.find("stop_gradient")
    inputs = [k for k, v in picture.vertices.items() if v["class"] == "input"]
    expected = Counter(
        (head, tail)
        for tail, head, _ in picture.kind("forward")
        if tail not in inputs and head != stop
    )
    multiply = picture.find("multiply", "*")
    expected[multiply, stop] = 0
    assert Counter(overlay_pairs(picture)) == +expected


def test_contributions_to_a_value_used_twice_are_added(read):
    x = gc.parameter("x", (3,))
    picture = read(render(gc.sum(x * gc.tanh(x)), backward="overlay"))
    labels = [label for _, _, label in picture.kind("gradient")]
    assert "d_x (3,)\n+= tanh ⊙ d" in labels
    assert "d_x (3,)\n+= diag(1 - tanh^2) d" in labels
    assert "d_tanh (3,)\n= x ⊙ d" in labels


def test_a_trainer_is_drawn_with_its_metrics(read, model):
    trainer = gc.Trainer(model.loss, gc.optim.SGD(), metrics=model.metric_nodes)
    picture = read(render(trainer, backward="overlay"))
    assert picture.find("accuracy")
    heads = {head for _, head, label in picture.kind("gradient") if "= 1" in label}
    assert heads == {picture.find("loss", "cross_entropy")}


def test_a_metric_with_gradients_is_not_what_is_trained(read):
    w = gc.parameter("w", (3,))
    outputs = {"loss": gc.mean(w * w), "size": gc.sum(gc.abs(w))}
    picture = read(render(outputs, backward="overlay"))
    assert picture.kind("gradient")[0][2] == "d_loss = 1"
    with pytest.raises(DifferentiationError, match="one scalar, got a and b"):
        render({"a": outputs["loss"], "b": outputs["size"]}, backward="graph")


def test_what_can_be_drawn(read):
    x = gc.input("x", (3,))
    y, z = gc.exp(x), gc.log(x)
    names = ["y", "z"]
    for target in ([y, z], (y, z), Graph((y, z)), gc.compile([y, z])):
        picture = read(render(target))
        assert [picture.vertices[f"out{i}"]["label"] for i in (0, 1)] == names
    picture = read(render({"first": y, "second": z}))
    assert picture.find("first")
    assert picture.find("second")


@pytest.mark.parametrize("target", [None, 3.0, [], {}, [1.0], {"a": None}, object()])
def test_what_can_not_be_drawn_is_refused(target):
    with pytest.raises(OptionError, match="render takes a node"):
        render(target)


def test_unknown_options_are_refused():
    x = gc.input("x", ())
    with pytest.raises(OptionError, match="backward must be"):
        render(x, backward=True)
    with pytest.raises(OptionError, match="level must be"):
        render(x, level="blocks")


@pytest.mark.parametrize("backward", ["graph", "overlay"])
def test_gradients_need_a_scalar_that_depends_on_something(backward):
    x = gc.input("x", (3,))
    labels = gc.input("labels", (), "int64")
    with pytest.raises(DifferentiationError, match=r"floating scalar, got output: fl"):
        render(gc.exp(x), backward=backward)
    with pytest.raises(DifferentiationError, match="depends on no parameter"):
        render(labels.astype("float32"), backward=backward)


def test_the_gradients_of_a_trainer_are_those_that_it_computes() -> None:
    x = gc.input("x", ("n",))
    a, b, c = (gc.parameter(name, (), 1.0) for name in "abc")
    low, high = gc.mean((a * b * x) ** 2), gc.mean(b * c * x)
    trainer = gc.Trainer(low, gc.optim.SGD(0.1), parameters=[a])
    for backward in ("graph", "overlay"):
        text = gc.render(trainer, backward=backward).source
        assert "d_a" in text
        assert "d_b" not in text
    both = gc.Trainer(
        {"low": low, "high": high},
        gc.optim.SGD(0.1),
        parameters={"low": [a], "high": [b, c]},
    )
    assert both.trained == {"low": (a,), "high": (b, c)}
    text = gc.render(both, backward="graph").source
    assert all(f"d_{name}" in text for name in ("a", "b", "c", "low = 1", "high = 1"))
    text = gc.render(both, backward="overlay", level="primitive").source
    assert "low: d_a" in text
    assert "high: d_b" in text
    assert "low: d_b" not in text
    assert "high: d_a" not in text


def test_the_update_of_an_optimizer_is_drawn(read):
    picture = read(render(gc.optim.SGD(0.1, momentum=0.9, nesterov=True)))
    for name in ("theta", "gradient", "momentum_buffer"):
        assert picture.find(name, "float64 (n,)")
    assert picture.find("new theta")
    assert picture.find("new momentum_buffer")
    assert picture.find("step_size", "0.1 * scale")
    averaged = read(render(gc.optim.AdamW(0.1)))
    assert averaged.find("new exp_avg_sq")


def test_what_a_loop_runs_is_drawn_alone(read):
    x = gc.input("x", ("time", 3))
    total, _ = gc.scan(lambda c, t: (c + t, c), gc.zeros(3), x)
    picture = read(render(total.inputs[0].bodies[0]))
    assert picture.roles() == ["input", "input", "op", "output", "output"]
