"""The step along the gradient: Armijo's rule, and the minimum of a line."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import graphc as gc
from graphc.fullbatch.flat_loss import FlatLoss
from graphc.fullbatch.minimize import Minimum, minimize
from tests.fullbatch.support import beale, rosenbrock

CURVATURES = np.array([1.0, 10.0, 100.0])


def quadratic() -> tuple[Any, Any, Any]:
    """`0.5 w.H w - b.w` of condition 100, with `H` and `b`."""
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    hessian = (rotation * CURVATURES) @ rotation.T
    hessian = (hessian + hessian.T) / 2
    b = np.array([1.0, -2.0, 3.0])
    w = gc.parameter("w", (3,), [3.0, -1.0, 2.0], "float64")
    return 0.5 * gc.sum(w * (w @ hessian)) - gc.sum(w * b), hessian, b


def run_path(loss: Any, **options: Any) -> tuple[Minimum, np.ndarray]:
    """The result, and all places that `w` was at."""
    path: list[np.ndarray] = []
    result = minimize(
        loss,
        method="gradient-descent",
        callback=lambda _, parameters: path.append(parameters["w"]),
        **options,
    )
    return result, np.array(path)


# Gradient descent.
@pytest.mark.parametrize("loss", [rosenbrock, beale])
@pytest.mark.parametrize(("c1", "rho"), [(1e-4, 0.5), (0.3, 0.8)])
def test_every_step_of_backtracking_satisfies_armijos_condition(
    loss: Any, c1: float, rho: float
) -> None:
    result, path = run_path(loss(), c1=c1, rho=rho, max_iterations=300)
    flat = FlatLoss(loss())
    for old, new, x, x_new in zip(
        result.history, result.history[1:], path, path[1:], strict=False
    ):
        gradient = flat.at(x).gradient
        assert new.loss <= old.loss - c1 * new.step * old.gradient_norm**2
        np.testing.assert_allclose(x_new, x - new.step * gradient, rtol=1e-14)
        # The step is the first power of rho that satisfies it: the one before fails.
        power = math.log(new.step) / math.log(rho)
        assert power == pytest.approx(round(power), abs=1e-9)
        if round(power):
            longer = new.step / rho
            trial = flat.at(x - longer * gradient)
            assert trial.loss > old.loss - c1 * longer * (gradient @ gradient)


def test_backtracking_reaches_a_minimum() -> None:
    result = minimize(beale(), method="Gradient-Descent", max_iterations=3000)
    assert result.converged
    assert result.gradient_norm <= 1e-6
    assert result.message == "the gradient norm is no larger than 1e-06"
    np.testing.assert_allclose(result.parameters["w"], [3.0, 0.5], atol=1e-4)


def test_exact_line_search_on_a_quadratic() -> None:
    """Successive gradients are orthogonal, steps by formula, the rate Kantorovich's."""
    loss, hessian, b = quadratic()
    result, path = run_path(loss, line_search="exact", tolerance=1e-6)
    assert result.converged
    solution = np.linalg.solve(hessian, b)
    np.testing.assert_allclose(result.parameters["w"], solution, atol=1e-6)
    gradients = path @ hessian - b
    for old, new, row in zip(
        gradients, gradients[1:], result.history[1:], strict=False
    ):
        cosine = (old @ new) / np.linalg.norm(old) / np.linalg.norm(new)
        assert abs(cosine) < 1e-7
        assert row.step == pytest.approx((old @ old) / (old @ hessian @ old), rel=1e-7)
    # One evaluation and one product with the Hessian for each step, as far as
    # gradients are not all rounding.
    assert result.hessian_products == result.iterations
    early = [row for row in result.history if row.gradient_norm > 1e-3]
    assert len(early) > 100
    assert all(row.evaluations == row.iteration + 1 for row in early)
    least = float(gc.evaluate(loss, {"w": solution}))
    excess = np.array([row.loss - least for row in result.history[:100]])
    rate = ((CURVATURES[-1] - CURVATURES[0]) / (CURVATURES[-1] + CURVATURES[0])) ** 2
    assert (excess[1:] <= rate * excess[:-1] * (1 + 1e-6)).all()


def test_exact_line_search_of_a_ball_needs_one_step() -> None:
    w = gc.parameter("w", (4,), np.arange(4.0), "float64")
    result = minimize(
        gc.sum((w - 1.5) ** 2), method="gradient-descent", line_search="exact"
    )
    assert result.iterations == 1
    np.testing.assert_allclose(result.parameters["w"], 1.5, rtol=1e-15)


@pytest.mark.parametrize("loss", [rosenbrock, beale])
def test_exact_line_search_elsewhere_stops_where_the_slope_is_zero(loss: Any) -> None:
    result, path = run_path(loss(), line_search="exact", max_iterations=100)
    flat = FlatLoss(loss())
    gradients = [flat.at(x).gradient for x in path]
    for old, new in itertools.pairwise(gradients):
        assert abs(old @ new) <= 1e-8 * (old @ old)
    losses = [row.loss for row in result.history]
    assert all(b < a for a, b in itertools.pairwise(losses))
    reference = optimize.minimize_scalar(
        lambda t: flat.at(path[0] - t * gradients[0]).loss,
        bounds=(0.0, 2.0 * result.history[1].step),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert result.history[1].step == pytest.approx(reference.x, rel=1e-5)


def test_exact_line_search_asks_no_more_than_float32_can_give() -> None:
    rng = np.random.default_rng(3)
    x = gc.input("x", ("n", 4))
    w = gc.parameter("w", (4,), np.ones(4), "float32")
    loss = gc.mean(gc.log(1 + gc.exp(x @ w))) + 0.05 * gc.sum(w * w)
    data = rng.normal(size=(50, 4)).astype(np.float32)
    options: Any = {"line_search": "exact", "tolerance": 1e-4}
    result = minimize(loss, {"x": data}, "gradient-descent", **options)
    assert result.converged
    assert result.evaluations < 12 * result.iterations


def test_exact_line_search_where_the_curvature_is_negative() -> None:
    w = gc.parameter("w", (), 0.1, "float64")
    result = minimize(gc.cos(w), method="gradient-descent", line_search="exact")
    assert result.converged
    np.testing.assert_allclose(result.parameters["w"], math.pi, rtol=1e-6)


def test_exact_line_search_passes_over_no_hump_and_no_gap() -> None:
    """A trial that is higher, or no number, is the far end of where to look."""
    w = gc.parameter("w", (), 1e-3, "float64")
    barrier = w - 1e-2 * gc.log(1 - w) - gc.log(w)
    result = minimize(barrier, method="gradient-descent", line_search="exact")
    assert result.converged
    assert 0 < result.parameters["w"] < 1
    slope = gc.evaluate(gc.grad(barrier, w), {w: result.parameters["w"]})
    assert abs(slope) < 1e-6
    backtracked = minimize(barrier, method="gradient-descent")
    np.testing.assert_allclose(
        backtracked.parameters["w"], result.parameters["w"], rtol=1e-5
    )
