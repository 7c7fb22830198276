"""Layers: names, parameters, sharing, and torch's starts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, NamingError, OptionError, ShapeError
from graphc.ir import Graph, Node
from graphc.nn.evaluation import evaluation_mode

X = np.random.default_rng(3).normal(size=(5, 8)).astype("float32")


def _names(layer: gc.nn.Layer) -> list[str | None]:
    return [parameter.name for parameter in layer.parameters]


def _x(features: int = 8) -> Node:
    return gc.input("x", ("batch", features))


def _check_names(*outputs: Node) -> None:
    Graph(outputs).check_names()


# Linear


def test_linear_is_the_affine_map_of_its_parameters() -> None:
    layer = gc.nn.Linear(8, 3, name="hidden")
    y = layer(_x())
    assert repr(y) == "<linear 'y' float32 (batch, 3)>"
    assert _names(layer) == ["hidden.weight", "hidden.bias"]
    assert layer.parameters[0] is layer.weight
    assert layer.parameters[1] is layer.bias
    value, weight, bias = gc.evaluate([y, layer.weight, layer.bias], {"x": X})
    np.testing.assert_allclose(value, X @ weight.T + bias, rtol=1e-6)


def test_linear_starts_as_in_torch() -> None:
    layer = gc.nn.Linear(100, 300, name="hidden")
    weight, bias = gc.evaluate(layer.parameters, {})
    for start in (weight, bias):
        assert start.dtype == np.float32
        assert np.abs(start).max() <= 0.1
        assert abs(start.mean()) < 0.02
        np.testing.assert_allclose(start.std(), 0.1 / np.sqrt(3), rtol=0.15)
    assert weight.shape == (300, 100)
    assert bias.shape == (300,)


def test_linear_without_bias_and_in_float64() -> None:
    layer = gc.nn.Linear(8, 3, bias=False, name="hidden", dtype="float64")
    assert layer.bias is None
    assert _names(layer) == ["hidden.weight"]
    assert layer.weight.dtype == np.float64


def test_linear_with_starts_of_the_users() -> None:
    weight = np.arange(6.0).reshape(2, 3)
    layer = gc.nn.Linear(
        3, 2, weight_init=weight, bias_init=gc.init.constant(0.5), name="hidden"
    )
    values = gc.evaluate(layer.parameters, {})
    np.testing.assert_array_equal(values[0], weight.astype("float32"))
    np.testing.assert_array_equal(values[1], [0.5, 0.5])


def test_initialisers_by_fans_are_told_the_layout() -> None:
    layer = gc.nn.Linear(400, 50, weight_init=gc.init.he_normal(), name="hidden")
    weight = gc.evaluate(layer.weight, {})
    np.testing.assert_allclose(weight.std(), np.sqrt(2 / 400), rtol=0.05)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: gc.nn.Linear(0, 3), OptionError, "in_features must be a positive"),
        (lambda: gc.nn.Linear(3, 2.0), OptionError, "out_features must be an"),
        (lambda: gc.nn.Linear(3, True), OptionError, "out_features must be an"),
        (lambda: gc.nn.Linear(3, 2, name="a b"), NamingError, "'a b'"),
        (lambda: gc.nn.Linear(3, 2, name="class"), NamingError, "keyword"),
        (lambda: gc.nn.Linear(3, 2, name=7), NamingError, "must be a string"),
        (lambda: gc.nn.ReLU(name="x'); evil("), NamingError, "not a Python identifier"),
        (
            lambda: gc.nn.Linear(3, 2, weight_init=np.ones((3, 2))),
            ShapeError,
            "init has shape (3, 2)",
        ),
        (
            lambda: gc.nn.Linear(3, 2, bias=False, bias_init=0.0),
            OptionError,
            "bias_init was given",
        ),
        (lambda: gc.nn.Linear(3, 2, name="a")(_x(4)), ShapeError, "the 3 features"),
        (lambda: gc.nn.Linear(3, 8, name="a")(_x(8)), ShapeError, "weight.T"),
        (
            lambda: gc.nn.Linear(3, 2)(gc.input("k", ("n", 3), "int64")),
            DTypeError,
            "floating",
        ),
        (lambda: gc.nn.Sequential([gc.nn.ReLU()]), OptionError, "not a list"),
        (lambda: gc.nn.Flatten(2)(_x()), IndexError, "start_dim 2"),
        (lambda: gc.nn.Flatten(1, 0)(_x()), OptionError, "is after end_dim"),
        (lambda: gc.nn.LayerNorm(7)(_x()), ShapeError, "last axes are (7,)"),
        (lambda: gc.nn.LayerNorm((2, 0)), OptionError, "normalized_shape"),
    ],
)
def test_errors_say_what_and_where(build: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        build()
    assert says in str(caught.value)
    assert f"{__file__}:" in str(caught.value)


# Names


def test_later_calls_share_parameters_and_number_their_outputs() -> None:
    layer = gc.nn.Linear(8, 8, name="hidden")
    first = layer(_x())
    second = layer(first)
    third = layer(second)
    assert [y.name for y in (first, second, third)] == [
        "hidden",
        "hidden_2",
        "hidden_3",
    ]
    assert len(Graph((third,)).parameters) == 2
    _check_names(third)


def test_lone_layers_take_their_kind_and_clash_openly() -> None:
    x = _x()
    first, second = gc.nn.Linear(8, 8), gc.nn.Linear(8, 8)
    assert _names(first) == ["linear.weight", "linear.bias"]
    y = first(x)
    assert y.name == "linear"
    _check_names(y)
    with pytest.raises(NamingError, match=r"'linear(\.weight)?'"):
        _check_names(second(y))


def test_activations_without_a_name_stay_unnamed() -> None:
    relu = gc.nn.ReLU()
    y = relu(relu(_x()))
    assert y.name is None
    _check_names(y)
    assert gc.nn.ReLU(name="active")(_x()).name == "active"


def test_sequential_numbers_its_children_by_kind() -> None:
    model = gc.nn.Sequential(
        gc.nn.Linear(8, 4), gc.nn.ReLU(), gc.nn.Linear(4, 4), gc.nn.ReLU()
    )
    assert [layer.name for layer in model] == [
        "linear_1",
        "relu_1",
        "linear_2",
        "relu_2",
    ]
    assert _names(model)[:2] == ["linear_1.weight", "linear_1.bias"]
    y = model(_x())
    assert {node.name for node in Graph((y,))} == {
        "x",
        *("linear_1", "linear_1.weight", "linear_1.bias", "relu_1"),
        *("linear_2", "linear_2.weight", "linear_2.bias", "relu_2"),
    }
    _check_names(y)


def test_given_names_stay_and_are_stepped_over() -> None:
    model = gc.nn.Sequential(
        gc.nn.Linear(8, 8, name="linear_1"),
        gc.nn.Linear(8, 8),
        gc.nn.Linear(8, 8, name="output"),
        name="encoder",
    )
    assert [layer.name for layer in model] == [
        "linear_1",
        "encoder.linear_1",
        "output",
    ]
    plain = gc.nn.Sequential(gc.nn.Linear(8, 8), gc.nn.Linear(8, 8, name="linear_1"))
    assert [layer.name for layer in plain] == ["linear_2", "linear_1"]


def test_nested_sequentials_nest_their_names() -> None:
    def part() -> gc.nn.Sequential:
        return gc.nn.Sequential(gc.nn.Linear(8, 8), gc.nn.Tanh())

    model = gc.nn.Sequential(part(), part(), gc.nn.Linear(8, 2), name="net")
    y = model(_x())
    _check_names(y)
    assert _names(model) == [
        "net.sequential_1.linear_1.weight",
        "net.sequential_1.linear_1.bias",
        "net.sequential_2.linear_1.weight",
        "net.sequential_2.linear_1.bias",
        "net.linear_1.weight",
        "net.linear_1.bias",
    ]
    assert y.name == "net.linear_1"


def test_a_name_that_was_seen_is_kept() -> None:
    """A node that the user already holds must stay the parameter of its layer."""
    layer = gc.nn.Linear(8, 8)
    weight = layer.weight
    model = gc.nn.Sequential(layer)
    assert model.parameters[0] is weight
    assert weight.name == "linear.weight"


def test_a_slice_keeps_the_names_of_its_layers() -> None:
    model = gc.nn.Sequential(gc.nn.Linear(8, 8), gc.nn.ReLU(), gc.nn.Linear(8, 8))
    tail = model[1:]
    assert len(model) == 3
    assert len(tail) == 2
    assert tail[1] is model[2] is model[-1]
    assert model[2].name == "linear_2"
    with pytest.raises(IndexError):
        model[3]


def test_a_layer_twice_in_a_sequential_is_shared() -> None:
    layer = gc.nn.Linear(8, 8)
    model = gc.nn.Sequential(layer, gc.nn.ReLU(), layer)
    assert len(model.parameters) == 2
    y = model(_x())
    assert y.name == "linear_1_2"
    _check_names(y)


def test_sequential_takes_functions() -> None:
    model = gc.nn.Sequential(gc.nn.relu, lambda x: x * 2)
    np.testing.assert_array_equal(
        gc.evaluate(model(_x()), {"x": X}), np.maximum(X, 0) * 2
    )


def test_an_empty_sequential_is_the_identity() -> None:
    x = _x()
    assert gc.nn.Sequential()(x) is x


def test_what_is_passed_through_keeps_its_name() -> None:
    x = _x()
    for layer in (
        gc.nn.Identity(54, unused=0.1, name="same"),
        gc.nn.Dropout(0.0, name="drop"),
        gc.nn.Flatten(name="flat"),
    ):
        assert layer(x) is x


def test_names_do_not_depend_on_what_was_declared_before() -> None:
    declare = (
        "import graphc as gc\n"
        "make = lambda: gc.nn.Sequential(gc.nn.Linear(2, 2), gc.nn.Linear(2, 2))\n"
        "models = [make() for _ in range({count})]\n"
        "print([p.name for p in models[-1].parameters])\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", declare.format(count=count)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in (1, 3)
    ]
    assert outputs[0] == outputs[1]


# The other layers


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (gc.nn.ReLU(), gc.nn.relu),
        (gc.nn.Sigmoid(), gc.nn.sigmoid),
        (gc.nn.Tanh(), gc.nn.tanh),
        (gc.nn.GELU(), gc.nn.gelu),
        (gc.nn.GELU("tanh"), lambda x: gc.nn.gelu(x, approximate="tanh")),
        (gc.nn.SiLU(), gc.nn.silu),
        (gc.nn.LeakyReLU(0.2), lambda x: gc.nn.leaky_relu(x, 0.2)),
        (gc.nn.ELU(2.0), lambda x: gc.nn.elu(x, 2.0)),
        (gc.nn.Softplus(2.0, 1.0), lambda x: gc.nn.softplus(x, 2.0, 1.0)),
        (gc.nn.Softmax(1), lambda x: gc.nn.softmax(x, 1)),
        (gc.nn.LogSoftmax(dim=-1), lambda x: gc.nn.log_softmax(x, -1)),
        (gc.nn.LayerNorm(8), lambda x: gc.nn.layer_norm(x, 8)),
        (gc.nn.Identity(), lambda x: x),
    ],
    ids=lambda value: repr(value) if isinstance(value, gc.nn.Layer) else "",
)
def test_layers_are_their_functions(layer: gc.nn.Layer, function: Any) -> None:
    x = _x()
    values = gc.evaluate([layer(x), function(x)], {"x": X})
    np.testing.assert_array_equal(values[0], values[1])


def test_dropout_layer_drops() -> None:
    x = _x()
    y = gc.nn.Sequential(gc.nn.Dropout(0.5), gc.nn.Dropout(0.5, name="second"))(x)
    assert y.name == "second"
    assert (gc.evaluate(y, {"x": X}) == 0).any()
    evaluated = evaluation_mode(Graph((y,))).outputs[0]
    assert evaluated is x


def test_flatten_joins_axes() -> None:
    x = gc.input("x", ("batch", 3, 4, 5))
    assert gc.nn.Flatten()(x).shape == ("batch", 60)
    assert gc.nn.Flatten(1, 2)(x).shape == ("batch", 12, 5)
    assert str(gc.nn.Flatten(0)(x).shape) == "(60*batch,)"


def test_layer_norm_has_torchs_parameters() -> None:
    layer = gc.nn.LayerNorm((3, 4), name="norm")
    assert _names(layer) == ["norm.weight", "norm.bias"]
    weight, bias = gc.evaluate(layer.parameters, {})
    np.testing.assert_array_equal(weight, np.ones((3, 4)))
    np.testing.assert_array_equal(bias, np.zeros((3, 4)))
    assert _names(gc.nn.LayerNorm(3, bias=False)) == ["layer_norm.weight"]
    assert _names(gc.nn.LayerNorm(3, elementwise_affine=False)) == []


def test_layer_norm_brings_examples_to_mean_0_and_variance_1() -> None:
    x = gc.input("x", ("batch", 8), "float64")
    points = np.random.default_rng(0).normal(3.0, 5.0, size=(6, 8))
    y = gc.evaluate(gc.nn.layer_norm(x, (8,), eps=0.0), {"x": points})
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-12)


def test_representations_show_the_arguments() -> None:
    model = gc.nn.Sequential(gc.nn.Linear(8, 4), gc.nn.LeakyReLU(), gc.nn.Dropout(0.1))
    assert repr(model) == (
        "Sequential(Linear(in_features=8, out_features=4, bias=True), "
        "LeakyReLU(negative_slope=0.01), Dropout(p=0.1))"
    )


def test_a_model_learns() -> None:
    """A few steps of plain gradient descent on the XOR of two signs."""
    model = gc.nn.Sequential(gc.nn.Linear(2, 16), gc.nn.Tanh(), gc.nn.Linear(16, 2))
    x = gc.input("x", ("batch", 2))
    y = gc.input("y", ("batch",), "int64")
    loss = gc.nn.cross_entropy(model(x), y)
    slopes = gc.grad(loss, model.parameters)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(128, 2)).astype("float32")
    labels = (points[:, 0] * points[:, 1] > 0).astype("int64")
    values = gc.evaluate(model.parameters, {})
    names = _names(model)
    losses = []
    for _ in range(60):
        feeds = {"x": points, "y": labels, **dict(zip(names, values, strict=True))}
        found, steps = gc.evaluate([loss, slopes], feeds)
        losses.append(float(found))
        values = [v - 2.0 * s for v, s in zip(values, steps, strict=True)]
    assert losses[-1] < 0.25 * losses[0]


def test_a_parameter_of_a_bad_shape_is_reported_at_the_users_line() -> None:
    for shape in ((-1, 2), 2.5, (2, "batch")):
        with pytest.raises(ShapeError) as caught:
            gc.parameter("w", shape)
        assert f"{__file__}:" in str(caught.value)
