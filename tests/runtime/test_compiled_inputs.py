"""Inputs of compiled functions: by position, by name, and those that are not needed."""

from __future__ import annotations

import copy
import inspect
import pydoc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphError, OptionError

STYLES = [
    (style, simplify) for style in ("fast", "readable") for simplify in (True, False)
]
RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 2)).astype("float32")
T = (RNG.random(6) < 0.5).astype("float32")

Run = Callable[..., Any]


def _runs(outputs: Any, **options: Any) -> list[Run]:
    """The function in both styles, and the interpreter."""
    compiled: list[Run] = [
        gc.compile(outputs, style=style, simplify=simplify, **options)
        for style, simplify in STYLES
    ]
    return [*compiled, lambda **feeds: gc.evaluate(outputs, feeds)]


@pytest.fixture
def model() -> dict[str, gc.Node]:
    x, t = gc.input("x", ("n", 2)), gc.input("t", ("n",))
    w = gc.parameter("w", (2,), np.array([0.5, -1.0]))
    return {"x": x, "t": t, "w": w, "scores": x @ w}


def test_a_compiled_function_tells_its_inputs(model: dict[str, gc.Node]) -> None:
    loss = gc.mean((model["scores"] - model["t"]) ** 2).named("loss")
    compiled = gc.compile(loss)
    signature = inspect.signature(compiled)
    assert str(signature) == (
        "(x: 'float32 (n, 2)', t: 'float32 (n,)') -> 'float32 ()'"
    )
    assert inspect.signature(copy.copy(compiled)) == signature
    assert repr(compiled) == (
        "<compiled function of (x: float32 (n, 2), t: float32 (n,)) "
        "that returns (loss: float32 ()), with 2 parameters>"
    )
    assert "&lt;compiled function of (x" in compiled._repr_html_()
    told = pydoc.render_doc(compiled, renderer=pydoc.plaintext)
    for line in ("x: float32 (n, 2)", "Returns:\n    ", "w: float32 (2,)"):
        assert line in told
    derivative = gc.compile({"g": gc.grad(gc.sum(3 * model["t"]), model["t"])})
    assert str(inspect.signature(derivative)).endswith("-> {'g': 'float32 (n,)'}")


def test_the_gradient_of_a_linear_function_is_fed_with_its_input() -> None:
    for shape, value in (((3,), [1, 2, 3]), (("n",), [1, 2, 3, 4]), ((), 2.0)):
        x = gc.input("x", shape)
        for run in _runs(gc.grad(gc.sum(3 * x), x)):
            given = np.array(value, "float32")
            np.testing.assert_array_equal(run(x=given), np.full_like(given, 3))


def test_the_hessian_of_a_likelihood_is_fed_with_all_data(
    model: dict[str, Any],
) -> None:
    """It does not depend on the labels: it is `X' diag(p (1 - p)) X`."""
    loss = gc.nn.binary_cross_entropy_with_logits(
        model["scores"], model["t"], reduction="sum"
    )
    p = 1 / (1 + np.exp(-(X.astype("float64") @ [0.5, -1.0])))
    expected = (X.T * (p * (1 - p))) @ X
    for run in _runs(gc.hessian(loss, model["w"])):
        np.testing.assert_allclose(run(x=X, t=T), expected, rtol=1e-5)
    for run in _runs(gc.hvp(loss, model["w"], [1.0, 0.0])):
        np.testing.assert_allclose(run(x=X, t=T), expected[0], rtol=1e-5)


def test_the_hessian_of_squares_needs_no_targets(model: dict[str, Any]) -> None:
    hessian = gc.hessian(gc.sum((model["scores"] - model["t"]) ** 2), model["w"])
    for run in _runs({"h": hessian, "again": [hessian]}):
        for feeds in ({"x": X, "t": T}, {"x": X}):
            np.testing.assert_allclose(run(**feeds)["h"], 2 * X.T @ X, rtol=1e-5)


def test_jacobians_and_tangents_of_linear_functions() -> None:
    x, y = gc.input("x", (2,)), gc.input("y", (2,))
    for outputs, expected in (
        (gc.jacobian(3 * x + y, x), 3 * np.eye(2)),
        (gc.jvp(3 * x + y, x, [1.0, 2.0]), [3.0, 6.0]),
        (gc.vjp(3 * x + y, x, [1.0, 2.0]), [3.0, 6.0]),
        (gc.grad(gc.sum(y), x, unused="zeros"), [0.0, 0.0]),
        (gc.jvp(gc.sum(y), x, [1.0, 2.0]), 0.0),
        (gc.jacobian(gc.zeros((0,)) * y[0], x), np.zeros((0, 2))),
        (gc.value_and_grad(gc.sum(x) + y[0], x)[1], [1.0, 1.0]),
    ):
        for run in _runs(outputs):
            given = run(x=np.ones(2, "float32"), y=np.ones(2, "float32"))
            np.testing.assert_array_equal(given, expected)


def test_what_is_shaped_like_an_input_is_fed_with_it() -> None:
    x = gc.input("x", ("n", 2))
    for run in _runs(gc.zeros_like(x) + 1) + _runs(gc.ones_like(x)):
        np.testing.assert_array_equal(run(x=X), np.ones_like(X))


def test_sizes_come_from_any_input_that_is_known() -> None:
    x, y = gc.input("x", ("n",)), gc.input("y", ("n",))
    slope = gc.grad(gc.sum(3 * x) + gc.sum(y), x)
    one = np.ones(4, "float32")
    for run in _runs(slope):
        for feeds in ({"x": one}, {"y": one}, {"x": one, "y": one}):
            np.testing.assert_array_equal(run(**feeds), [3, 3, 3, 3])
        with pytest.raises(
            FeedError, match="'y' has n = 2, but 'x' was fed with n = 4"
        ):
            run(x=one, y=one[:2])
    with pytest.raises(FeedError, match="'x' was not fed, and no other array tells"):
        gc.compile(slope)()


def test_inputs_that_are_listed_tell_sizes() -> None:
    x = gc.input("x", ("n", "m"))
    zeros = gc.zeros((x.shape[0], 4)) + gc.constant(x.shape[1], "float32")
    for style, simplify in STYLES:
        f = gc.compile(zeros, inputs=[x], style=style, simplify=simplify)
        np.testing.assert_array_equal(f(X), np.full((6, 4), 2))
    np.testing.assert_array_equal(gc.evaluate(zeros, {x: X}), np.full((6, 4), 2))
    with pytest.raises(GraphError, match=r"no input tells the size '[nm]'"):
        gc.compile(zeros)


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_arrays_by_position(style: str) -> None:
    b, a = gc.input("b", ("n",)), gc.input("a", ("n",))
    difference = a - b
    one, two = np.ones(3, "float32"), np.full(3, 2, "float32")
    f = gc.compile(difference, style=style)
    for result in (f(one, two), f(one, a=two), f(a=two, b=one)):
        np.testing.assert_array_equal(result, [1, 1, 1])
    for inputs in ([a, b], ["a", "b"], (a, "b")):
        g = gc.compile(difference, inputs=inputs, style=style)
        np.testing.assert_array_equal(g(two, one), [1, 1, 1])
        np.testing.assert_array_equal(g([2, 2, 2], b=one), [1, 1, 1])
    c = gc.input("c", (), "int64")
    h = gc.compile(difference, inputs=[c, a, b], style=style)
    for result in (h(3, two, one), h(a=two, b=one), h(3, b=one, a=two)):
        np.testing.assert_array_equal(result, [1, 1, 1])
    with pytest.raises(FeedError, match="input 'c' requires dtype int64"):
        h(0.5, two, one)


def test_arrays_by_position_that_do_not_fit() -> None:
    x, y = gc.input("x", (2,)), gc.input("y", (3,))
    f = gc.compile(gc.sum(x) + gc.sum(y))
    two, three = np.ones(2, "float32"), np.ones(3, "float32")
    for call, message in (
        (
            lambda: f(two, three, three),
            "3 arrays were fed to a program that takes x, y",
        ),
        (
            lambda: f(two, three, x=two),
            "'x' was fed twice, by position and by its name",
        ),
        (lambda: f(three, two), r"input 'x' requires shape \(2,\)"),
        (lambda: f(two), "input 'y' was not fed"),
        (lambda: f(two, three, z=three), "'z' is not an input of this program"),
        (lambda: gc.compile(gc.ones((2,)))(two), "takes no inputs"),
    ):
        with pytest.raises(FeedError, match=message) as caught:
            call()
        assert __file__ in str(caught.value.location)


def test_inputs_that_are_none() -> None:
    x, y = gc.input("x", (2,)), gc.input("y", (2,))
    w = gc.parameter("w", (2,))
    with pytest.raises(GraphError, match="depend on the input 'y', which inputs lacks"):
        gc.compile(x + y, inputs=[x])
    for bad in (w, "z", x + 1):
        with pytest.raises(OptionError, match="must be placeholders or their names"):
            gc.compile(x + w, inputs=[x, bad])  # type: ignore[list-item]


def test_a_name_means_the_input_that_is_needed() -> None:
    """Another input of that name may be what was differentiated."""
    x, other = gc.input("x", (2,)), gc.input("x", (3,))
    slope = gc.grad(gc.sum(3 * other), other)
    total = gc.sum(slope) + gc.sum(x)
    for run in _runs(total):
        np.testing.assert_array_equal(run(x=np.ones(2, "float32")), 11.0)


def test_feeds_that_nothing_was_declared_from_are_refused() -> None:
    x, z = gc.input("x", (2,)), gc.input("z", (2,))
    one = np.ones(2, "float32")
    for run in _runs(gc.grad(gc.sum(3 * x), x)):
        with pytest.raises(FeedError, match="'z' is not an input of this program"):
            run(x=one, z=one)
    for key in (z, 3, None, ("x",)):
        with pytest.raises(FeedError, match="is not an input of this program"):
            gc.evaluate(2 * x, {"x": one, key: one})


def test_trainers_take_arrays_by_position(model: dict[str, Any]) -> None:
    loss = gc.nn.mse_loss(model["scores"], model["t"])
    one, two = (gc.Trainer(loss, gc.optim.SGD(0.1)) for _ in range(2))
    assert one.step(X, T) == two.step(x=X, t=T) == one.restarted().step(X, t=T)
    np.testing.assert_array_equal(one.parameters["w"], two.parameters["w"])
    np.testing.assert_array_equal(
        one.gradients(X, T)["w"], two.gradients(x=X, t=T)["w"]
    )
    expected = X @ one.parameters["w"]
    for given in (one.predict(X), one.predict(x=X), one.predict(X, t=T)):
        np.testing.assert_allclose(given, expected, rtol=1e-6)
    with pytest.raises(FeedError, match="3 arrays were fed"):
        one.step(X, T, T)
    with pytest.raises(FeedError, match="'z' is not an input"):
        one.predict(X, z=T)


def test_predict_takes_the_inputs_of_its_outputs_first() -> None:
    """Also where the targets were declared before them."""
    t, x = gc.input("t", ("n",)), gc.input("x", ("n", 2))
    scores = x @ gc.parameter("w", (2,), np.ones(2))
    trainer = gc.Trainer(gc.nn.mse_loss(scores, t), gc.optim.SGD(0.1))
    np.testing.assert_allclose(trainer.predict(X), X.sum(axis=1), rtol=1e-6)
