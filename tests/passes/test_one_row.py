"""What a graph is at one row: rules of axes and arithmetic, and what is left of it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Graph, Node
from graphc.ops.random import standard_normal
from graphc.ops.source import arange
from graphc.passes.one_row import for_one_row, one_row
from graphc.passes.pipeline import optimize
from tests.styles import assert_styles_agree

from .helpers import evaluate, ops
from .rows import BATCH, REDUCTIONS, Build, derivative, draws, fed, same

# At one row, arrays that pair every row with every other one are one row, too.
pytestmark = pytest.mark.filterwarnings("ignore::graphc.errors.BroadcastWarning")

SHAPES: list[Any] = [
    *(("batch",), ("batch", 3), (3, "batch"), ("batch", 1, 3), (3, "batch", 4)),
    *(("batch", 3, 4), (1, "batch"), ("batch", 0, 3), ("batch", "batch"), ("batch", 0)),
]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reductions_over_any_axes(shape: tuple[Any, ...], dtype: str) -> None:
    x = gc.input("x", shape, dtype)
    outputs: list[Node] = []
    for count in range(x.ndim + 1):
        for axis in itertools.combinations(range(x.ndim), count):
            for function, keepdims in itertools.product(REDUCTIONS, (False, True)):
                empty = any(x.shape[a] == 0 for a in axis)
                if not empty or function in (gc.sum, gc.prod):
                    outputs.append(function(x, axis, keepdims=keepdims))
    fed(*outputs)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("inner", [0, 1, 7])
def test_products_of_any_ranks(inner: int, transposed: bool) -> None:
    ends: list[tuple[Any, ...]] = [(), (1,), (3,), ("batch",)]
    stacks: list[tuple[Any, ...]] = [(), ("batch",), (2,), (2, "batch"), ("batch", 1)]
    lefts = [
        (*stack, *end, inner) for stack in stacks for end in ends if end or not stack
    ]
    rights = [
        (*stack, inner, *end) for stack in stacks for end in ends if end or not stack
    ]
    outputs: list[Node] = []
    for number, (left, right) in enumerate(itertools.product(lefts, rights)):
        x1 = gc.input(f"x{number}", left)
        x2 = gc.input(f"y{number}", right if not transposed else right[::-1])
        try:
            outputs.append(x1 @ (x2.T if transposed else x2))
        except GraphcError:
            continue
    assert len(outputs) > 100
    fed(*outputs)


def test_sums_of_products_along_the_last_axis() -> None:
    op = OPS["vecdot"]
    shapes: list[Any] = [("batch", 5), (5,), (1, 5), (3, "batch", 5), (3, 1, 5)]
    inputs = [gc.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    single = [gc.input("y0", ("batch", 1)), gc.input("y1", (3, "batch", 1))]
    pairs = [*itertools.product(inputs, inputs), *itertools.product(single, single)]
    fed(*(op(x, y) for x, y in pairs))


def test_indices() -> None:
    x, u = gc.input("x", ("batch", 5, 4)), gc.input("u", (5, "batch", 4))
    w = gc.input("w", (5, 6, 4))
    y, z = gc.input("y", ("batch",), "int64"), gc.input("z", ("batch", 2), "int64")
    column, square = gc.input("c", (3, 1), "int64"), gc.input("s", (3, 3), "int64")
    rows, number = arange(BATCH), gc.input("n", (), "int64")
    every = slice(None)
    outputs = [
        *(x[rows], x[rows, y], x[rows, :, y], x[rows, y, y], x[rows, 1:3, y]),
        *(x[0], x[-1], x[0, y], x[0, :, y], x[0, ::2, z], x[:, ::2, z], x[:, z, ::2]),
        *(x[rows, z[:, 0]], x[rows[:, None], z], x[:, 2:3], x[None, :, None, 1, -1]),
        *(x[:, number], x[rows, :, number], x[::-1], x[1:], x[:, :, [0, 2]], x[y]),
        *(
            u[y],
            u[y, rows],
            u[:, rows, y],
            u[1, 0],
            u[z, :, 1],
            u[:, [0]],
            u[z, rows[0]],
        ),
        *(w[y], w[:, y], w[y, :, y], w[column, square], w[square, :, column]),
        *(w[column, 0, square], w[z, y[:, None]], w[0, column, :], w[0, :, column]),
        *(w[every, every, z], w[None, z], w[z, None, z], w[1, None, z]),
    ]
    for seed in range(3):
        fed(*outputs, seed=seed)
    adjoints = [derivative(node, [x, u, w]) for node in outputs]
    fed(*(node for graph in adjoints if graph for node in graph.outputs), signs=False)


@pytest.mark.parametrize("reduce", [gc.sum, gc.mean])
def test_a_sum_over_rows_is_never_minus_zero(reduce: Build) -> None:
    x, s = gc.input("x", ("batch", 2)), gc.input("s", ("batch",))
    total = reduce(x, 0)
    outputs = [
        1 / total,
        1 / reduce(x, (0,), keepdims=True),
        1 / reduce(s),
        1 / reduce(x, ()),
    ]
    feeds = {"x": np.array([[-0.0, 0.0]], "f4"), "s": np.array([-0.0], "f4")}
    same(Graph((*outputs, total)), feeds)


def test_what_is_scattered_in_memory_is_added_up() -> None:
    """NumPy and BLAS may add it up in another order than what is not."""
    x, v = gc.input("x", ("batch", 402)), gc.input("v", (201,))
    cube = gc.input("cube", ("batch", 201, 3))
    y, rows = gc.input("y", ("batch",), "int64"), arange(BATCH)
    other = x[:, ::2]
    flat = gc.broadcast_to(gc.input("k", ("batch", 1)), ("batch", 201))
    vectors = [
        *(gc.sum(other, 0), gc.mean(other, 0), gc.max(other, 0), gc.prod(other, 0)),
        *(other / x.shape[0], other * x.shape[0], gc.max(flat, 0), gc.mean(flat, 0)),
        *(cube[rows, :, y], cube[0, :, y], cube[:, :, 1], x[rows, 201:], x[:, 201:]),
    ]
    for seed in range(5):
        fed(*(vector @ v for vector in vectors), seed=seed)


@pytest.mark.parametrize("exponent", [2.0, 0.5, -1.0, 3.0, 1.0, 0.0, 1.7])
def test_powers(exponent: float) -> None:
    """NumPy computes some otherwise if the exponent is no array."""
    x, s = (
        gc.input("x", ("batch", 2000), "float64"),
        gc.input("s", ("batch",), "float64"),
    )
    shapes: list[Any] = [("batch",), ("batch", 1), (1,), ()]
    powers = [gc.input(f"y{i}", shape, "float64") for i, shape in enumerate(shapes)]
    feeds = {f"y{i}": np.full((1,) * y.ndim, exponent) for i, y in enumerate(powers)}
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, -2.0, 1e-310]
    values = [*special, *np.random.default_rng(0).uniform(0.1, 5, 1993)]
    rows = [gc.power(x, y) for y in (*powers[1:], exponent)]
    same(Graph(tuple(rows)), {"x": np.array([values]), **feeds})
    graph = Graph(tuple(gc.power(s, y) for y in (*powers, exponent)))
    same(graph, *({"s": np.array([value]), **feeds} for value in values[:400]))


def test_a_size_of_1_is_no_operand() -> None:
    x, n = gc.input("x", ("batch", 3)), gc.input("n", ("batch", 3), "int64")
    one, rows = gc.ones((1,)), x.shape[0]
    outputs = [x / rows, rows * x, x * one, x / gc.ones(("batch", 3)), rows / (1 + x)]
    counts = {"getitem": 1, "expand_dims": 2, "add": 1, "divide": 1}
    assert ops(fed(*outputs)) == counts
    fed(n / rows, n * rows, n * one, gc.sum(x) * gc.ones((3,)), one * rows / x)
    powers = fed(gc.power(gc.absolute(x), 1.7) @ gc.input("v", (3,)))
    assert not ops(powers)["squeeze"]


def test_static_axes_of_size_1_and_other_names() -> None:
    x = gc.input("x", ("batch", 1, "time", 3))
    w = gc.parameter("w", (1, 3, 1), gc.init.normal(0, 1))
    b = gc.parameter("b", (1,), gc.init.normal(0, 1))
    c = gc.constant(np.arange(3.0, dtype="float32").reshape(1, 1, 3))
    h = gc.tanh(x * c + b) @ w
    slopes = gc.grad(gc.sum(gc.sin(h * x.shape[2])), [w, b])
    short = fed(h, gc.sum(h, axis=2), x.T, c + w, h.reshape(-1), *slopes, signs=False)
    assert [node.shape for node in slopes] == [(1, 3, 1), (1,)]
    assert short.symbols == ("batch", "time")


def test_random_draws_are_the_same() -> None:
    rows = gc.sum(gc.input("rows", ("batch",)))
    kept = gc.bernoulli(0.5, ("batch", 9)).named("kept")
    shapes: list[Any] = [("batch",), (3, "batch", 2), (2,)]
    noise = [standard_normal(shape) for shape in shapes]
    outputs = [*noise, kept, gc.bernoulli(0.5, ("batch",))]
    short = fed(*outputs, *(gc.sum(node.astype("float64")) for node in outputs), rows)
    drawn = [node for node in short.nodes if not node.op.pure]
    assert [node.shape for node in drawn] == [(9,), (1,), (3, 2), (2,), (1,)]
    assert drawn[0].name == "kept"


# Shape of the result ------------------------------------------------------------------


def network(*sizes: int) -> tuple[Node, list[Node]]:
    x, y = gc.input("x", ("batch", sizes[0])), gc.input("y", ("batch",), "int64")
    h, parameters = x, []
    for number, (n, m) in enumerate(itertools.pairwise(sizes)):
        layer = gc.nn.Linear(n, m, name=f"layer_{number}")
        h = layer(gc.nn.sigmoid(h) if number else h)
        parameters += [layer.weight, layer.bias]
    return gc.nn.cross_entropy(h, y), parameters


def test_a_network_is_computed_on_vectors() -> None:
    loss, parameters = network(6, 5, 4, 3)
    graph = optimize(Graph((loss, *gc.grad(loss, parameters))))
    short = same(graph, draws([*graph.inputs, *parameters]), signs=False)
    found = [node for node in short.nodes if 1 in node.shape or "batch" in node.shape]
    kinds = [node.op.name for node in found]
    assert sorted(kinds) == ["expand_dims"] * 6 + ["input"] * 2
    users = {user.op.name for node in found[2:] for user in short.users[node]}
    assert users <= {"matmul"}
    counts = ops(short)
    assert counts["matmul"] == ops(graph)["matmul"]
    assert (counts["divide"], counts["transpose"]) == (ops(graph)["divide"] - 1, 0)
    assert not counts["arange"] + counts["mean"] + counts["squeeze"]
    assert counts["add"] == ops(graph)["add"]


def test_what_needs_all_axes_gets_them_once() -> None:
    x = gc.input("x", ("batch", 3))
    twice = gc.concatenate([x, x], axis=1)
    short = fed(gc.tanh(gc.concatenate([twice, x, twice], axis=1)))
    counts = {"concatenate": 2, "expand_dims": 2, "getitem": 1, "squeeze": 1, "tanh": 1}
    assert ops(short) == counts


def test_names_lines_and_derivatives_are_those_of_the_nodes() -> None:
    loss, parameters = network(4, 3, 2)
    graph = optimize(Graph((loss.named("error"), *gc.grad(loss, parameters))))
    short = one_row(graph, "batch")
    assert short is not None
    assert {"x_row", "y_row", "layer_0", "error"} <= {node.name for node in short.nodes}
    loss, *slopes = short.outputs
    assert loss.origin.location == graph.outputs[0].origin.location
    # What it is the derivative of tells the name: d_layer_0_weight.
    wrt = [node.origin.gradient_of for node in slopes]
    assert wrt[::2] == parameters[::2]


def test_bodies_are_computed_on_vectors() -> None:
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3, 3), gc.init.eye())

    @gc.function
    def layer(x: Node) -> Node:
        return gc.tanh(x @ w)

    def step(h: Node, n: Node) -> tuple[Node, Node]:
        h = gc.sin(h @ w) + n
        return h, gc.sum(h, axis=1)

    last, sums = gc.scan(step, x, gc.arange(4.0))
    grown = gc.while_loop(lambda v: gc.sum(v * v) < 9.0, lambda v: 1.5 * v + 0.1, x)
    chosen = gc.cond(gc.sum(x) > 0.0, gc.exp, lambda x: x @ w, x)
    outputs = [layer(layer(x)), last, sums, grown, chosen]
    losses = [gc.sum(value) for value in (outputs[0], sums, chosen)]
    slopes = [slope for loss in losses for slope in gc.grad(loss, [x, w])]
    graph = optimize(Graph((*outputs, *slopes)))
    feeds = [{"x": np.full((1, 3), value, np.float32)} for value in (0.5, -0.25)]
    short = same(graph, *feeds)
    bodies = [each for each in short.nested if each is not short]
    assert bodies
    assert not any("batch" in each.symbols for each in bodies)
    compute = gc.compile([*outputs, *slopes])
    assert "def layer_for_one_row(" in compute.source
    for each in feeds:
        assert_styles_agree(compute(**each), evaluate(graph, each))
    one_item, _ = gc.scan(step, x, gc.arange(1.0))
    assert one_row(Graph((one_item,)), "batch") is None


def test_where_there_is_no_such_graph() -> None:
    x, twice = gc.input("x", ("batch", 3)), gc.input("twice", (2 * BATCH, 3))
    without = [
        (gc.sum(x) + gc.sum(twice), "batch"),
        (gc.sum(x), "time"),
        (gc.sum(gc.ones((2, 3))), "batch"),
        (gc.sum(gc.max(x[1:], axis=0)), "batch"),
        (gc.sum(x[2:]), "batch"),
        (gc.sum(x[: BATCH - 2]), "batch"),
        (gc.sum(x[1:][0]), "batch"),
        (gc.sum(gc.reshape(x, (BATCH.divide_exactly(2), 6))), "batch"),
    ]
    for output, size in without:
        assert one_row(Graph((output,)), size) is None
    several = gc.concatenate([x, x[::-1], x[1:]])
    assert several.shape == (3 * BATCH - 1, 3)
    fed(
        several * several.shape[0], several[0], several[:BATCH], several[1:] @ several.T
    )


def test_for_which_data_a_graph_of_one_row_is_made() -> None:
    loss, _ = network(4, 3, 2)
    graph = optimize(Graph((loss,)))
    found = for_one_row(graph, graph.inputs)
    assert found is not None
    assert found.dimension == "batch"
    late = gc.input("late", (3, "batch"))
    assert for_one_row(graph, [late]) is None
    scaled = gc.sum(gc.input("x", ("batch", 3)) * 2.0)
    assert for_one_row(Graph((scaled,)), graph.inputs) is None
    large = gc.sum(gc.input("x", ("batch", 1024)) @ gc.parameter("w", (1024, 1025)))
    assert for_one_row(Graph((large,)), Graph((large,)).inputs) is None
