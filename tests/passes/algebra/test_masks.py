"""Choices as products: only where what is not chosen is surely a number."""

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node
from graphc.passes.algebra.masks import is_finite, is_number
from graphc.passes.pipeline import optimize

from ..helpers import evaluate, ops


def flow(x: Node) -> Node:
    """What flows back from a linear layer."""
    return gc.input("a", (*x.shape, 4)) @ gc.parameter("b", (4,), gc.init.ones())


FINITE: dict[str, Callable[[Node], Node]] = {
    "matrix product": flow,
    "sum of products": lambda x: flow(x) * gc.tanh(flow(x)) + flow(x),
    "product of features": lambda x: gc.sin(flow(x)[:, None]) @ flow(x)[None],
    "choice": lambda x: gc.where(x > 0, flow(x), 0.5),
    "mask": lambda x: (x > 0).astype("float32") * flow(x),
    "logistic": lambda x: flow(x) * gc.exp(gc.minimum(flow(x), 50.0)),
    "mean": lambda x: gc.mean(flow(x)),
    "over a deviation": lambda x: flow(x) / gc.sqrt(gc.square(flow(x)) + 1e-5),
    "over a count": lambda x: flow(x) / gc.constant(3.0, "float32"),
}


def data(x: Node) -> Node:
    """A product with values that may be missing."""
    return gc.input("weights", (*x.shape, 4)) @ gc.input("values", (4,))


NOT_FINITE: dict[str, Callable[[Node], Node]] = {
    "input": lambda x: x,
    "quotient": lambda x: flow(x) / gc.tanh(x),
    "root": lambda x: gc.sqrt(flow(x)),
    "logarithm": lambda x: gc.log(flow(x)),
    "exponential": lambda x: gc.exp(flow(x)),
    "exponential of a large bound": lambda x: gc.exp(gc.minimum(x, 100.0)),
    "product with an input": lambda x: flow(x) * x,
    "infinity": lambda x: flow(x) + np.inf,
    "function of an input": gc.tanh,
    "periodic function of an input": gc.sin,
    "sign of an input": gc.sign,
    "bounded exponential": lambda x: gc.exp(gc.minimum(x, 50.0)),
    "product of inputs": data,
    "divisor that may be missing": lambda x: flow(x) / (gc.square(x) + 1.0),
    "over 0": lambda x: flow(x) / gc.constant(0.0, "float32"),
    "over a square": lambda x: flow(x) / gc.square(flow(x)),
    "over what may be 0": lambda x: flow(x) / (gc.square(flow(x)) + 0.0),
}


@pytest.mark.parametrize("name", FINITE)
def test_what_is_finite(name: str) -> None:
    assert is_finite(FINITE[name](gc.input("x", (6,))))


@pytest.mark.parametrize("name", NOT_FINITE)
def test_what_may_be_infinite_or_nan(name: str) -> None:
    assert not is_finite(NOT_FINITE[name](gc.input("x", (6,))))


def test_what_is_a_number_whatever_comes_in() -> None:
    x = gc.input("x", (6,))
    chosen = gc.where(x > 0, 2.0, gc.constant(np.arange(6.0, dtype="f4")))
    for node in (gc.ones((6,)), chosen, gc.clip(-chosen, 0.0, 1.0)):
        assert is_number(node)
    for node in (x, flow(x), chosen * 3.0, chosen + np.inf, gc.parameter("p", (6,), 0)):
        assert not is_number(node)


def network(activation: Callable[[Node], Node]) -> Graph:
    """A loss with the gradient by a layer before the activation."""
    x, t = gc.input("x", ("batch", 5)), gc.input("t", ("batch", 3))
    hidden = gc.nn.Linear(5, 7, name="hidden")(x)
    y = gc.nn.Linear(7, 3, name="output")(activation(hidden))
    return Graph((gc.grad(gc.nn.mse_loss(y, t), hidden),))


@pytest.mark.parametrize(
    "activation",
    [
        gc.nn.relu,
        gc.nn.hardtanh,
        gc.nn.relu6,
        lambda x: gc.clip(x, -1.0, 1.0),
        lambda x: gc.maximum(x, 0.25),
    ],
)
def test_networks_choose_by_multiplying(activation: Callable[[Node], Node]) -> None:
    graph = network(activation)
    assert ops(optimize(graph, simplify=False))["where"] > 0
    result = optimize(graph, verify_each=True)
    chosen = [n for n in result.nodes if n.op.name == "where"]
    # What the second rule leaves is not in the derivative.
    assert all(n.origin.gradient_of is None and not n.origin.rules for n in chosen)
    rng = np.random.default_rng(0)
    feeds = {"x": rng.normal(size=(6, 5)), "t": rng.normal(size=(6, 3))}
    for parameter in graph.parameters:
        feeds[str(parameter.name)] = rng.normal(size=parameter.shape)
    feeds = {name: value.astype("f4") for name, value in feeds.items()}
    for a, b in zip(evaluate(graph, feeds), evaluate(result, feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize(
    ("build", "slope"),
    [
        # The derivative of the root is infinite where the rectifier is flat.
        (lambda x: gc.sqrt(gc.nn.relu(x)), [0.0, 0.0, 0.25]),
        (lambda x: gc.nn.relu(x) ** 0.5, [0.0, 0.0, 0.25]),
        (lambda x: gc.log(gc.clip(x, 0.0, 9.0)), [0.0, np.inf, 0.25]),
        (lambda x: gc.sqrt(gc.where(x > 0, x, 0.0)), [0.0, 0.0, 0.25]),
    ],
)
def test_infinities_behind_a_mask_stay_behind_it(
    build: Callable[[Node], Node], slope: list[float], style: str
) -> None:
    x = gc.input("x", (3,))
    compiled = gc.compile(gc.grad(gc.sum(build(x)), x), style=style)
    with np.errstate(all="ignore"):
        found = compiled(x=np.array([-1.0, 0.0, 4.0], "f4"))
    np.testing.assert_array_equal(found, slope)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_missing_values_stay_out(style: str) -> None:
    """A choice of the user's that is there to be rid of NaN."""
    x = gc.input("x", ("n", 2))
    w = gc.parameter("w", (2,), np.array([1.0, 2.0]))
    clean = gc.where(gc.isnan(x), 0.0, x)
    loss = gc.sum(gc.square(clean @ w))
    compiled = gc.compile([loss, gc.grad(loss, w)], style=style)
    value, slope = compiled(x=np.array([[1.0, np.nan], [np.nan, 3.0]], "f4"))
    assert value == 37.0
    np.testing.assert_array_equal(slope, [2.0, 36.0])


def attention(x: Node, a: Node) -> tuple[Node, Node]:
    """Weights of what is there, and their product with what may be missing."""
    weights = gc.where(gc.isfinite(x), gc.exp(a), 0.0)
    return weights, weights / gc.sum(weights) * gc.tanh(x)


CHOICES: dict[str, Callable[[Node, Node], Node]] = {
    "tanh": lambda x, a: gc.sum(gc.where(gc.isfinite(x), a, 0.0) * gc.tanh(x)),
    "sine": lambda x, a: gc.sum(gc.sin(x) * gc.where(x == x, gc.exp(a), 0.0)),
    "sign": lambda x, a: gc.sum(gc.sign(x) * gc.where(gc.isnan(x), 0.0, a)),
    "product": lambda x, a: gc.sum(gc.where(gc.isfinite(x), a, 0.0) @ x[:, None]),
    "attention": lambda x, a: gc.sum(attention(x, a)[1]),
}


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("name", CHOICES)
def test_gradients_of_what_is_not_chosen_are_0(name: str, style: str) -> None:
    """Whatever is multiplied with it: the derivative of a choice chooses, too."""
    x, a = gc.input("x", (3,)), gc.input("a", (3,))
    loss = CHOICES[name](x, a)
    outputs = [loss, gc.grad(loss, a)]
    feeds = {"x": np.array([0.5, np.nan, 2.0], "f4"), "a": np.array([1, 2, 3], "f4")}
    _, found = gc.compile(outputs, style=style)(**feeds)
    if name != "attention":
        assert found[1] == 0.0
        assert np.isfinite(found).all()
    np.testing.assert_array_equal(
        np.isfinite(found), np.isfinite(gc.evaluate(outputs, feeds)[1])
    )


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_overflow_in_half_precision_stays_behind_a_rectifier(style: str) -> None:
    x = gc.input("x", (1, 2), "float16")
    w = gc.parameter("w", (2, 1), np.array([[300.0], [1.0]]), "float16")
    y = gc.sum((gc.nn.relu(x) @ w) * np.float16(300.0))
    compiled = gc.compile(gc.grad(y, x), style=style)
    found = compiled(x=np.array([[-1.0, 1.0]], "f2"))
    # The first product is 90,000, which half precision does not have.
    np.testing.assert_array_equal(found, [[0.0, 300.0]])


@pytest.mark.parametrize(
    ("one", "other"), [(-0.0, 0.0), (0.0, -0.0), (-0.0, 1.0), (1.0, -0.0), (-2.0, 0.0)]
)
def test_choices_between_zeros_keep_their_signs(one: float, other: float) -> None:
    x = gc.input("x", (2,))
    compiled = gc.compile(1.0 / gc.where(x > 0, one, other))
    with np.errstate(divide="ignore"):
        found = compiled(x=np.array([1.0, -1.0], "f4"))
        np.testing.assert_array_equal(found, 1.0 / np.array([one, other]))


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_rectifiers_choose_where_missing_rows_are_left_out(style: str) -> None:
    """What flows back to them is NaN in those rows: 0 times NaN."""
    x, missing = gc.input("x", ("rows", 2)), gc.input("missing", ("rows", 1))
    bias = gc.parameter("bias", (3,), gc.init.zeros())
    first = gc.parameter("first", (2, 3), np.array([[1.0, -1.0, 1.0], [1, -1, -1]]))
    second = gc.parameter("second", (3, 2), np.arange(6.0).reshape(3, 2) / 9)
    hidden = gc.nn.relu(x @ first + bias)
    loss = gc.sum(gc.tanh((hidden + missing) @ second), axis=1)
    kept = gc.sum(gc.where(gc.isfinite(loss), loss, 0.0))
    compiled = gc.compile([kept, gc.grad(kept, bias)], style=style)
    rows = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.1]], "f4")
    there = np.array([[0.1], [np.nan], [0.2]], "f4")
    value, slope = compiled(x=rows, missing=there)
    # The second unit is active in no row, so nothing depends on its bias.
    assert np.isfinite(value)
    assert slope[1] == 0.0
