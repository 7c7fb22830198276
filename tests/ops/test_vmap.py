"""`gc.vmap`: structures, sizes, draws, stable formulas; against JAX."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    DTypeError,
    FeedError,
    GraphError,
    IndexRangeError,
    OptionError,
    ShapeError,
    UnsupportedError,
)
from graphc.ir import Graph, Node
from graphc.nn.evaluation import evaluation_mode

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(4, 3))
MATRIX = RNG.normal(size=(3, 2))


def _rows(*shape: Any) -> Node:
    return gc.input("x", shape or ("batch", 3), "float64")


# Structures ---------------------------------------------------------------------------


def test_axes_are_prefixes_of_structures() -> None:
    """As in JAX: one axis for a whole structure, or one for each part of it."""
    x, w, b = gc.constant(ROWS), gc.constant(MATRIX), gc.constant(ROWS[:, 0])

    def function(data: Any, parameters: Any, *, offset: Any, scale: float = 1.0) -> Any:
        row, (bias,) = data["row"], data["rest"]
        found = (row @ parameters["w"] + bias) * scale
        return {"found": [found, found * 2.0], "row": row + offset}

    mapped = gc.vmap(
        function,
        in_axes=({"row": 1, "rest": -1}, None),
        out_axes={"found": [0, -1], "row": 1},
    )
    data = {"row": x.T, "rest": (b,)}
    found = mapped(data, {"w": w}, offset=x)
    results = gc.evaluate(found, {})
    expected = ROWS @ MATRIX + ROWS[:, :1]
    np.testing.assert_allclose(results["found"][0], expected)
    np.testing.assert_allclose(results["found"][1], 2.0 * expected.T)
    np.testing.assert_allclose(results["row"], 2.0 * ROWS.T)


def test_numbers_stay_numbers_where_they_are_not_mapped() -> None:
    x = gc.input("x", (4, 3), "float32")
    found = gc.vmap(lambda row, power: row**power, (0, None))(x, 2.0)
    assert found.dtype == np.float32


def test_what_is_the_same_for_all_is_computed_once() -> None:
    x, w = _rows(), gc.constant(MATRIX)
    shared: list[Node] = []

    def function(row: Node) -> tuple[Node, Node]:
        shared.append(gc.exp(w))
        return row @ shared[0], shared[0]

    found, same = gc.vmap(function, out_axes=(0, None))(x)
    assert same is shared[0]
    assert found.op.name == "matmul"
    assert found.inputs == (x, shared[0])
    repeated = gc.vmap(function)(x)[1]
    assert repeated.shape == ("batch", 3, 2)


@pytest.mark.parametrize(
    ("function", "shape", "op"),
    [
        (gc.nn.Linear(3, 2), (3,), "linear"),
        (gc.nn.LayerNorm(3), (3,), "layer_norm"),
        (gc.nn.Conv1d(3, 2, 2), (3, 4), "conv1d"),
        (gc.nn.Conv1d(3, 2, 2), (5, 3, 4), "conv1d"),
        (gc.nn.MaxPool2d(2), (3, 4, 4), "max_pool2d"),
        (lambda x: gc.nn.softmax(x, 0), (3, 2), "softmax"),
        (lambda x: gc.nn.cross_entropy(x, gc.argmax(x)), (3,), "cross_entropy"),
        (
            lambda x: gc.nn.scaled_dot_product_attention(x, x, x),
            (2, 5, 3),
            "scaled_dot_product_attention",
        ),
        (lambda x: gc.einsum("i,j->ij", x, x), (3,), "einsum"),
    ],
)
def test_blocks_stay_blocks(function: Any, shape: Any, op: str) -> None:
    found = gc.vmap(function)(gc.input("x", ("batch", *shape)))
    assert op in {node.op.name for node in Graph((found,)).nodes}


def test_names_and_lines_are_those_of_the_function() -> None:
    def function(row: Node) -> Node:
        hidden = gc.tanh(row).named("hidden")
        return gc.sum(hidden)

    found = gc.vmap(function)(_rows())
    (hidden,) = (n for n in Graph((found,)).nodes if n.name == "hidden")
    assert hidden.shape == ("batch", 3)
    location = hidden.origin.location
    assert location is not None
    assert location.line == function.__code__.co_firstlineno + 1


def test_nested() -> None:
    a, b = ROWS[:, 0], ROWS[0]
    found = gc.vmap(gc.vmap(gc.multiply, (None, 0)), (0, None))(
        gc.constant(a), gc.constant(b)
    )
    np.testing.assert_allclose(gc.evaluate(found, {}), np.outer(a, b))
    distances = gc.vmap(
        lambda p: gc.vmap(lambda q: gc.sum(gc.square(p - q)))(gc.constant(ROWS))
    )(gc.constant(ROWS))
    expected = np.square(ROWS[:, None] - ROWS).sum(-1)
    np.testing.assert_allclose(gc.evaluate(distances, {}), expected)


def test_inputs_that_only_a_derivative_forgets_are_known() -> None:
    x, y = _rows(), gc.input("y", ("batch",), "float64")
    found = gc.vmap(lambda row, target: gc.grad(row.sum() - target, row))(x, y)
    function = gc.compile(found)
    np.testing.assert_array_equal(function(x=ROWS, y=ROWS[:, 0]), np.ones((4, 3)))


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "error", "text"),
    [
        (
            lambda x: gc.vmap(lambda a, b: a + b)(x, gc.zeros((5, 3))),
            ShapeError,
            "got batch of axis 0 of a, 5 of axis 0 of b",
        ),
        (
            lambda x: gc.vmap(lambda p: p["a"])({"a": x, "b": [x[0]]}),
            ShapeError,
            r"got batch of axis 0 of p\['a'\], 3 of axis 0 of p\['b'\]\[0\]",
        ),
        (
            lambda x: gc.vmap(lambda a: a, axis_size=3)(x),
            ShapeError,
            "got 3 of axis_size, batch of axis 0 of a",
        ),
        (lambda x: gc.vmap(lambda a: a)(2.0), ShapeError, "an axis to map, got a of"),
        (
            lambda x: gc.vmap(lambda a: a, -3)(x),
            IndexRangeError,
            r"in_axes for a: -3 is out of range for shape \(batch, 3\)",
        ),
        (
            lambda x: gc.vmap(lambda a: a, out_axes=2)(x),
            IndexRangeError,
            "out_axes for the result: 2 is out of range",
        ),
        (
            lambda x: gc.vmap(lambda a: a, ({"k": 0},))({"j": x}),
            OptionError,
            r"the keys of a, \['j'\], got \['k'\]",
        ),
        (
            lambda x: gc.vmap(lambda a: a[0], ([0, 0],))([x]),
            OptionError,
            "for each of the 1 parts of a, got",
        ),
        (
            lambda x: gc.vmap(lambda a: a, ((0,),))(x),
            OptionError,
            "for a, which is an array",
        ),
        (
            lambda x: gc.vmap(lambda a: a, True)(x),
            OptionError,
            "in_axes must be an integer, None, or a tuple",
        ),
        (
            lambda x: gc.vmap(lambda a: a, out_axes=(0, 0))(x),
            OptionError,
            "for the result, which is an array",
        ),
        (
            lambda x: gc.vmap(lambda a: {"k": a}, out_axes=None)(x),
            OptionError,
            r"the result\['k'\] depends on a mapped argument",
        ),
        (
            lambda x: gc.vmap(lambda a: (a, "b"))(x),
            DTypeError,
            "the results of <lambda> must be nodes, got str 'b'",
        ),
        (
            lambda x: gc.vmap(gc.nn.BatchNorm1d(1))(gc.expand_dims(x, 2)),
            UnsupportedError,
            "would assign a value of each example to a buffer",
        ),
        (
            lambda x: gc.vmap(lambda a: gc.convolve(a, gc.input("v", ("k",))))(x),
            UnsupportedError,
            "a vector of known size",
        ),
    ],
)
def test_mistakes(mistake: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        mistake(_rows())


def test_nodes_of_the_function_mean_nothing_outside() -> None:
    kept: list[Node] = []

    def function(row: Node) -> Node:
        kept.append(row)
        return row

    gc.vmap(function)(_rows())
    with pytest.raises(GraphError, match="is an argument"):
        gc.evaluate(kept[0] * 2.0, {})


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_positions_are_checked_and_named(style: Any) -> None:
    x, y = _rows(), gc.input("y", ("batch",), "int64")
    losses = gc.vmap(gc.nn.cross_entropy)(x, y)
    function = gc.compile(losses, style=style)
    with pytest.raises(FeedError, match=r"'y' requires .* got 3 at \(2,\)"):
        function(x=ROWS, y=[0, 1, 3, 2])
    with pytest.raises(FeedError, match=r"'y' requires .* got 3 at \(2,\)"):
        gc.evaluate(losses, {"x": ROWS, "y": [0, 1, 3, 2]})


# Draws --------------------------------------------------------------------------------


def test_each_example_draws_its_own_and_shares_what_is_outside() -> None:
    x, outside = _rows(4, 3), gc.random.normal(size=(3,), dtype="float64")
    own = gc.vmap(lambda row: row + gc.random.normal(size=(3,), dtype="float64"))(x)
    shared = gc.vmap(lambda row: row + outside)(x)
    values = [each - ROWS for each in gc.evaluate([own, shared], {"x": ROWS})]
    assert len(np.unique(values[0].round(9))) == 12
    np.testing.assert_allclose(values[1], values[1][[0, 0, 0, 0]])
    alone = gc.vmap(lambda: gc.random.uniform(size=(2,)), axis_size=3)()
    assert alone.shape == (3, 2)
    assert len(np.unique(gc.evaluate(alone, {}))) == 6


def test_a_dropout_in_the_function_has_a_mask_for_each_example() -> None:
    dropout = gc.nn.Dropout(0.5)
    found = gc.vmap(dropout)(gc.ones((64, 3), "float64"))
    values = gc.evaluate(found, {})
    assert {*np.unique(values)} == {0.0, 2.0}
    assert len(np.unique(values, axis=0)) > 1


def test_evaluation_mode_drops_no_example() -> None:
    """Nor the gradient of one: it is derived again of what has taken its place."""
    w = gc.parameter("w", (3,), gc.init.ones(), "float64")
    layers = [gc.nn.Dropout(0.5), gc.nn.AlphaDropout(0.5), gc.nn.RReLU()]

    def function(row: Node) -> list[Node]:
        for layer in layers:
            row = layer(row)
        value = gc.sum(row * w)
        return [value, gc.grad(gc.square(value), w)]

    x = _rows()
    graph = evaluation_mode(Graph(tuple(gc.vmap(function)(x))))
    assert not graph.draws
    rows = np.abs(ROWS)
    values, gradients = gc.evaluate([*graph.outputs], {"x": rows, "w": np.ones(3)})
    np.testing.assert_allclose(values, rows.sum(1))
    np.testing.assert_allclose(gradients, 2.0 * values[:, None] * rows)


# Stable formulas ----------------------------------------------------------------------


@pytest.mark.parametrize("is_read_back", [False, True])
def test_derivatives_of_each_example_are_those_of_stable_formulas(
    is_read_back: bool,
) -> None:
    x = gc.input("x", ("batch",), "float64")
    w = gc.parameter("w", (), gc.init.ones(), "float64")

    def function(row: Node) -> list[Node]:
        naive = gc.log(1.0 + gc.exp(row * w))
        return [naive, *gc.grad(naive, [row, w]), gc.jvp(naive, row, 1.0)]

    found = gc.vmap(function)(x)
    graph = Graph((*found, gc.vmap(lambda row: gc.jacobian(function(row)[0], row))(x)))
    if is_read_back:
        graph = pickle.loads(pickle.dumps(graph))
    values = gc.compile([*graph.outputs])(x=[0.0, 1e3])
    slopes = np.array([0.5, 1.0])
    expected = [[np.log(2.0), 1e3], slopes, [0.0, 1e3], slopes, slopes]
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-14)


# Against JAX --------------------------------------------------------------------------


@pytest.mark.peer
def test_per_example_gradients_are_those_of_jax() -> None:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        shapes = {"w": (3, 5), "b": (5,), "v": (5, 2), "scale": (3,)}
        weights = {name: RNG.normal(size=shape) for name, shape in shapes.items()}
        labels = np.array([0, 1, 1, 0])

        def jax_loss(p: Any, x: Any, y: Any) -> Any:
            mean, variance = x.mean(), x.var()
            normal = (x - mean) / jnp.sqrt(variance + 1e-5) * p["scale"]
            logits = jnp.tanh(normal @ p["w"] + p["b"]) @ p["v"]
            return -jax.nn.log_softmax(logits)[y] + jnp.sum(jnp.sort(logits)[:1])

        def loss(p: Any, x: Node, y: Node) -> Node:
            normal = gc.nn.layer_norm(x, (3,), weight=p["scale"])
            logits = gc.tanh(normal @ p["w"] + p["b"]) @ p["v"]
            return gc.nn.cross_entropy(logits, y) + gc.sum(gc.sort(logits)[:1])

        expected = jax.vmap(jax.grad(jax_loss), (None, 0, 0))(weights, ROWS, labels)
        parameters = {
            name: gc.parameter(name, value.shape, value, "float64")
            for name, value in weights.items()
        }
        x, y = _rows(), gc.input("y", ("batch",), "int64")
        found = gc.vmap(lambda x, y: gc.grad(loss(parameters, x, y), parameters))(x, y)
        for style in ("readable", "fast"):
            function = gc.compile(found, style=style)
            for rows in (4, 1):
                got = function(x=ROWS[:rows], y=labels[:rows])
                for name, value in got.items():
                    np.testing.assert_allclose(
                        value, expected[name][:rows], rtol=1e-9, atol=1e-12
                    )
        hessians = gc.vmap(
            lambda x, y: gc.hessian(loss(parameters, x, y), parameters["b"])
        )(x, y)
        by_b = jax.vmap(
            jax.hessian(lambda b, x, y: jax_loss({**weights, "b": b}, x, y)),
            (None, 0, 0),
        )
        np.testing.assert_allclose(
            gc.evaluate(
                hessians, {"x": ROWS, "y": labels, **{k: weights[k] for k in weights}}
            ),
            by_b(weights["b"], ROWS, labels),
            rtol=1e-9,
            atol=1e-12,
        )
