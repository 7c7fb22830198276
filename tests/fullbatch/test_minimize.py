"""Minimisation with all data in each step, by gradient descent and SciPy's methods."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import LogisticRegression

import graphc as gc
from graphc.errors import (
    DifferentiationError,
    FeedError,
    MissingExtraError,
    NonFiniteError,
    OptionError,
)
from graphc.fullbatch.flat_loss import FlatLoss
from graphc.fullbatch.line_search import Exact
from graphc.fullbatch.minimize import Iteration, minimize
from tests.fullbatch.support import beale, rosenbrock

SCIPY = [
    "L-BFGS-B",
    "BFGS",
    "CG",
    "TNC",
    "SLSQP",
    "Newton-CG",
    "trust-ncg",
    "trust-krylov",
    "trust-constr",
]


# SciPy's methods.
@pytest.mark.parametrize("method", SCIPY)
@pytest.mark.parametrize(
    ("loss", "where"), [(rosenbrock, [1.0, 1.0]), (beale, [3.0, 0.5])]
)
def test_known_minima_are_found(method: str, loss: Any, where: Any) -> None:
    # TNC stops by the change of the loss, not by the gradient.
    tolerance = 1e-12 if method == "TNC" else 1e-8
    result = minimize(loss(), None, method, tolerance=tolerance, max_iterations=500)
    assert result.converged, result.message
    np.testing.assert_allclose(result.parameters["w"], where, atol=1e-4)
    assert result.loss < 1e-8
    assert result.method == method
    uses_hessian = method in ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
    assert (result.hessian_products > 0) == uses_hessian
    rows = result.history
    assert [row.iteration for row in rows] == list(range(result.iterations + 1))
    assert rows[0].loss == pytest.approx(float(gc.evaluate(loss())))
    assert rows[-1].loss == pytest.approx(result.loss)
    assert rows[-1].evaluations <= result.evaluations
    assert "converged" in repr(result)


def test_it_takes_the_steps_that_scipy_takes_with_derivatives_by_hand() -> None:
    ours = minimize(rosenbrock(), method="Newton-CG")
    theirs = optimize.minimize(
        optimize.rosen,
        [-1.2, 1.0],
        method="Newton-CG",
        jac=optimize.rosen_der,
        hessp=optimize.rosen_hess_prod,
    )
    assert ours.iterations == theirs.nit
    assert ours.evaluations == theirs.nfev
    assert ours.hessian_products == theirs.nhev
    np.testing.assert_allclose(ours.parameters["w"], theirs.x, rtol=1e-9)


def test_several_parameters_are_one_flat_array() -> None:
    rng = np.random.default_rng(0)
    w = gc.parameter("w", (3, 2), rng.normal(size=(3, 2)), "float64")
    scale = gc.parameter("scale", (), 2.0, "float64")
    b = gc.parameter("layer.b", (2,), [1.0, -1.0], "float64")
    x = gc.input("x", ("n", 3), "float64")
    loss = gc.mean(gc.tanh(x @ w) ** 2) * scale**2 + gc.sum(b)
    data = rng.normal(size=(5, 3))
    flat = FlatLoss(loss, {x: data})
    assert flat.start.shape == (9,)
    assert flat.start.dtype == np.float64
    arrays = flat.arrays(flat.start)
    assert {name: a.shape for name, a in arrays.items()} == {
        "w": (3, 2),
        "scale": (),
        "layer.b": (2,),
    }
    point = flat.at(flat.start)
    direction = rng.normal(size=9)
    step = 1e-6
    ahead = flat.at(flat.start + step * direction)
    behind = flat.at(flat.start - step * direction)
    slope = (ahead.loss - behind.loss) / (2 * step)
    assert point.gradient @ direction == pytest.approx(slope, rel=1e-7)
    curved = (ahead.gradient - behind.gradient) / (2 * step)
    product = flat.hessian_product(flat.start, direction)
    np.testing.assert_allclose(product, curved, atol=1e-7)
    # What enters linearly has no second derivative, and still its place.
    np.testing.assert_array_equal(product[-2:], 0.0)
    count = flat.evaluations
    flat.at(flat.start)
    assert flat.evaluations == count, "a place just seen is not computed again"


def test_linear_regression_has_the_analytic_solution() -> None:
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(60, 4)), rng.normal(size=(60,))
    x, y = gc.input("x", ("n", 4), "float64"), gc.input("y", ("n",), "float64")
    w = gc.parameter("w", (4,), gc.init.zeros(), "float64")
    loss = gc.mean((x @ w - y) ** 2)
    expected, *_ = np.linalg.lstsq(features, targets, rcond=None)
    feeds = {"x": features, y: targets}
    for method, search in (
        ("trust-krylov", None),
        ("gradient-descent", "backtracking"),
        ("gradient-descent", "exact"),
    ):
        result = minimize(loss, feeds, method, line_search=search, tolerance=1e-8)
        assert result.converged, result.message
        np.testing.assert_allclose(result.parameters["w"], expected, rtol=1e-6)


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(200, 5))
    scores = features @ rng.normal(size=(5, 3)) + rng.gumbel(size=(200, 3))
    labels = scores.argmax(axis=1)
    x = gc.input("x", ("n", 5), "float64")
    y = gc.input("y", ("n",), "int64")
    w = gc.parameter("w", (5, 3), gc.init.zeros(), "float64")
    b = gc.parameter("b", (3,), gc.init.zeros(), "float64")
    entropy = gc.nn.cross_entropy(x @ w + b, y, reduction="sum")
    loss = entropy + 0.5 * gc.sum(w * w)
    theirs = LogisticRegression(C=1.0, tol=1e-12, max_iter=2000).fit(features, labels)
    for method in ("L-BFGS-B", "Newton-CG", "gradient-descent"):
        result = minimize(loss, {"x": features, "y": labels}, method, tolerance=1e-9)
        # A bias common to all classes is free.
        bias = result.parameters["b"] - result.parameters["b"].mean()
        bias_there = theirs.intercept_ - theirs.intercept_.mean()
        np.testing.assert_allclose(result.parameters["w"].T, theirs.coef_, atol=1e-4)
        np.testing.assert_allclose(bias, bias_there, atol=1e-4)
    with pytest.raises(FeedError, match="labels from 0 to 2"):
        minimize(loss, {"x": features, "y": labels + 1})


def test_a_limit_and_rounding_are_no_convergence() -> None:
    limited = minimize(rosenbrock(), method="gradient-descent", max_iterations=3)
    assert not limited.converged
    assert limited.iterations == 3
    assert limited.message == "the limit of 3 iterations was reached"
    assert "not converged" in repr(limited)
    w = gc.parameter("w", (3,), [1.0, 2.0, 3.0], "float32")
    loss = gc.sum(gc.exp(w) - 0.7 * w)
    rounded = minimize(loss, method="gradient-descent", tolerance=1e-12)
    assert rounded.message.startswith("no step along the gradient decreases the loss")
    assert rounded.parameters["w"].dtype == "float32"
    np.testing.assert_allclose(rounded.parameters["w"], math.log(0.7), atol=1e-3)


def test_a_start_at_the_minimum_needs_no_step() -> None:
    for method in ("gradient-descent", "L-BFGS-B"):
        result = minimize(rosenbrock([1.0, 1.0]), method=method)
        assert result.converged
        assert result.iterations == 0
        assert result.evaluations == 1


# What goes in and what comes out.
def test_start_values_may_be_given_by_node_or_name() -> None:
    w = gc.parameter("w", (2,), gc.init.normal(), "float64")
    v = gc.parameter("v", (2,), gc.init.normal(), "float64")
    loss = gc.sum((w - v) ** 2)
    drawn = minimize(loss, seed=7, method="gradient-descent")
    start = gc.evaluate({"w": w, "v": v}, {}, seed=7)
    assert drawn.history[0].loss == pytest.approx(
        ((start["w"] - start["v"]) ** 2).sum()
    )
    given = minimize(loss, parameters={w: [1.0, 2.0], "v": np.array([3.0, 2.0])})
    assert given.history[0].loss == 4.0


def test_the_result_goes_into_whatever_has_parameters() -> None:
    loss = rosenbrock()
    result = minimize(loss)
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    compiled = gc.compile(loss)
    arrays = {"w": np.zeros(2), "other": np.zeros(3)}
    for target in (trainer, trainer.parameters, compiled, arrays):
        result.assign(target)
    expected = result.parameters["w"]
    for target in (trainer.parameters, compiled.parameters, arrays):
        np.testing.assert_array_equal(target["w"], expected)
    assert float(compiled()) == result.loss
    with pytest.raises(FeedError, match="none of that name"):
        result.assign({"v": np.zeros(2)})
    with pytest.raises(FeedError, match=r"has \(3,\)"):
        result.assign({"w": np.zeros(3)})


def test_the_callback_sees_each_iteration() -> None:
    seen: list[tuple[Iteration, Any]] = []
    for method in ("L-BFGS-B", "trust-constr", "gradient-descent"):
        seen.clear()
        result = minimize(
            beale(),
            method=method,
            max_iterations=5,
            callback=lambda *row: seen.append(row),
        )
        assert tuple(row for row, _ in seen) == result.history
        np.testing.assert_array_equal(seen[0][1]["w"], [1.0, 1.0])
        assert len(seen) == 6


def test_the_limit_of_tnc_is_its_number_of_evaluations() -> None:
    result = minimize(rosenbrock(), method="TNC", max_iterations=10)
    assert not result.converged
    assert result.evaluations <= 11


def test_options_reach_scipy() -> None:
    result = minimize(rosenbrock(), options={"maxiter": 2})
    assert result.iterations == 2
    assert not result.converged


def test_runs_repeat_bit_for_bit() -> None:
    first, second = (minimize(beale()) for _ in range(2))
    assert first.history == second.history
    readable = minimize(beale(), style="readable")
    assert readable.loss == pytest.approx(first.loss, abs=1e-12)


# What is refused.
def test_a_random_loss_is_refused() -> None:
    x = gc.input("x", ("n", 2))
    layer = gc.nn.Linear(2, 1, name="layer")
    loss = gc.mean(gc.nn.dropout(layer(x), 0.5))
    with pytest.raises(OptionError, match="draws anew") as caught:
        minimize(loss, {"x": np.ones((3, 2), np.float32)})
    assert "test_minimize.py:" in str(caught.value)
    assert "training=False" in str(caught.value)


def test_a_loss_that_is_no_number_at_the_start() -> None:
    w = gc.parameter("w", (), -1.0, "float64")
    for method in ("L-BFGS-B", "gradient-descent"):
        with pytest.raises(NonFiniteError, match="the loss is nan at the start"):
            minimize(gc.log(w), method=method)
    v = gc.parameter("v", (), 0.0, "float64")
    with pytest.raises(NonFiniteError, match="the gradient is not finite"):
        minimize(gc.sqrt(v))


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "trust-ncg"])
def test_places_without_a_value_on_the_way_are_avoided(method: str) -> None:
    w = gc.parameter("w", (2,), [0.01, 5.0], "float64")
    result = minimize(gc.sum(w - gc.log(w)), method=method)
    np.testing.assert_allclose(result.parameters["w"], 1.0, atol=1e-3)


def test_a_loss_without_a_minimum() -> None:
    w = gc.parameter("w", (), 1.0, "float64")
    with pytest.raises(NonFiniteError, match="falls without end"):
        minimize(-w, method="gradient-descent", line_search="exact")
    point = FlatLoss(-w)
    with pytest.raises(NonFiniteError):
        Exact().search(point, point.at(point.start))


def test_wrong_arguments_are_errors_at_the_users_line() -> None:
    loss = rosenbrock()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"method": "Adam"}, "method must be one of gradient-descent, L-BFGS-B"),
        ({"method": "L-BFGS-B", "line_search": "exact"}, "a line search of its own"),
        ({"method": "gradient-descent", "options": {"a": 1}}, "for SciPy's methods"),
        ({"method": "gradient-descent", "line_search": "wolfe"}, "line_search must be"),
        ({"step": 0.0}, "step must be a number > 0"),
        ({"c1": 1.0}, "c1 must be a number > 0 and < 1"),
        ({"rho": math.nan}, "rho must be a number > 0 and < 1"),
        ({"rho": "half"}, "rho must be a number"),
        ({"tolerance": -1e-3}, "tolerance must be a number > 0"),
        ({"max_iterations": 0}, "max_iterations must be an integer >= 1"),
    ]
    for arguments, message in wrong:
        with pytest.raises(OptionError, match=message) as caught:
            minimize(loss, **arguments)
        assert "test_minimize.py:" in str(caught.value)
    for parameters, message in (
        ({"v": 1.0}, "'v' is not a parameter of the loss; they are w"),
        ({"w": [1.0, 2.0, 3.0]}, "requires shape"),
        ({"w": np.array([1j, 2])}, "requires dtype float64"),
    ):
        with pytest.raises(FeedError, match=message):
            minimize(loss, parameters=parameters)
    x = gc.input("x", ("n",), "float64")
    w = gc.parameter("w", (), 1.0, "float64")
    for feeds, message in (
        ({}, "was not fed"),
        ({"x": [1.0], "y": [1.0]}, "not an input of this program"),
        ({"x": [[1.0]]}, "requires shape"),
    ):
        with pytest.raises(FeedError, match=message):
            minimize(gc.sum(w * x), feeds)
    with pytest.raises(DifferentiationError, match="no parameter"):
        minimize(gc.sum(x), {"x": [1.0]})
    with pytest.raises(DifferentiationError, match="scalar"):
        minimize(w * x, {"x": [1.0]})


def test_without_scipy_gradient_descent_works_and_the_rest_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match="L-BFGS-B is SciPy's") as caught:
        minimize(beale())
    assert "pip install scipy" in str(caught.value)
    result = minimize(beale(), method="gradient-descent", max_iterations=2)
    assert result.iterations == 2


@pytest.mark.parametrize("method", ["gradient-descent", "L-BFGS-B", "trust-ncg"])
def test_data_that_the_loss_was_declared_from_may_be_fed(method: str) -> None:
    x = gc.input("x", ("n", 2), "float64")
    w = gc.parameter("w", (2,), [1.0, -2.0], "float64")
    b = gc.parameter("b", (), 0.5, "float64")
    # The slope of a line needs no data, and the sum of slopes only their number.
    slopes = gc.grad(gc.sum(3 * (x @ w) + b), x)
    loss = gc.sum(slopes**2) / 72 + gc.sum((w - 1) ** 2) + (b - 1) ** 2
    found = minimize(loss, {"x": np.ones((4, 2))}, method)
    # 4 * 9 * |w|^2 / 72 = |w|^2 / 2, so that w = 2/3.
    np.testing.assert_allclose(found.parameters["w"], [2 / 3, 2 / 3], atol=1e-5)
    np.testing.assert_allclose(found.parameters["b"], 1.0, atol=1e-5)
    with pytest.raises(FeedError, match="'z' is not an input of this program"):
        minimize(loss, {"x": np.ones((4, 2)), "z": 1.0}, method)
