"""Distributions: moments and support of many draws, gradients, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError
from graphc.ir import Node

COUNT = 40000
EULER = 0.5772156649015329

# Draws, their mean and deviation, and the bounds of their support.
DISTRIBUTIONS: dict[str, tuple[Callable[..., Node], float, float, float, float]] = {
    "random": (gc.random.random, 0.5, 12**-0.5, 0, 1),
    "uniform": (lambda size: gc.random.uniform(-1, 3, size), 1, 4 * 12**-0.5, -1, 3),
    "standard_normal": (gc.random.standard_normal, 0, 1, -9, 9),
    "normal": (lambda size: gc.random.normal(2, 0.5, size), 2, 0.5, -3, 7),
    "standard_exponential": (gc.random.standard_exponential, 1, 1, 0, 40),
    "exponential": (lambda size: gc.random.exponential(2, size), 2, 2, 0, 80),
    "laplace": (lambda size: gc.random.laplace(1, 2, size), 1, 8**0.5, -99, 99),
    "logistic": (
        *(lambda size: gc.random.logistic(1, 2, size), 1, 2 * np.pi / 3**0.5),
        *(-99, 99),
    ),
    "gumbel": (
        *(lambda size: gc.random.gumbel(1, 2, size), 1 + 2 * EULER),
        *(2 * np.pi / 6**0.5, -20, 99),
    ),
    "lognormal": (
        *(lambda size: gc.random.lognormal(0, 0.5, size), np.exp(0.125)),
        *(np.sqrt((np.exp(0.25) - 1) * np.exp(0.25)), 0, 99),
    ),
    # SciPy 1.14, truncnorm.stats(-1, 2).
    "truncated_normal": (
        lambda size: gc.random.truncated_normal(-1, 2, size),
        *(0.2296378, 0.7210126, -1, 2),
    ),
    "standard_gamma": (
        *(lambda size: gc.random.standard_gamma(2, size), 2, 2**0.5, 0, 99),
    ),
    "gamma": (lambda size: gc.random.gamma(0.5, 3, size), 1.5, 4.5**0.5, 0, 99),
    "chisquare": (lambda size: gc.random.chisquare(3, size), 3, 6**0.5, 0, 99),
    "standard_t": (
        *(lambda size: gc.random.standard_t(9, size), 0, (9 / 7) ** 0.5, -99, 99),
    ),
    "beta": (lambda size: gc.random.beta(2, 3, size), 0.4, 0.2, 0, 1),
    "rayleigh": (
        *(lambda size: gc.random.rayleigh(2, size), (2 * np.pi) ** 0.5),
        *((8 - 2 * np.pi) ** 0.5, 0, 99),
    ),
    "weibull": (lambda size: gc.random.weibull(1, size), 1, 1, 0, 99),
    "pareto": (lambda size: gc.random.pareto(9, size), 1 / 8, (9 / 448) ** 0.5, 0, 99),
    "power": (lambda size: gc.random.power(2, size), 2 / 3, 18**-0.5, 0, 1),
    "geometric": (lambda size: gc.random.geometric(0.2, size), 5, 20**0.5, 1, 999),
    "bernoulli": (lambda size: gc.random.bernoulli(0.3, size), 0.3, 0.21**0.5, 0, 1),
    "bernoulli of an array": (
        lambda size: gc.random.bernoulli(gc.constant([0.3]), size),
        *(0.3, 0.21**0.5, 0, 1),
    ),
    "integers": (lambda size: gc.random.integers(-2, 3, size), 0, 2**0.5, -2, 2),
    "integers with end": (
        lambda size: gc.random.integers(4, size=size, endpoint=True),
        *(2, 2**0.5, 0, 4),
    ),
    "categorical": (
        lambda size: gc.random.categorical(gc.log(gc.constant([0.2, 0.8])), size=size),
        *(0.8, 0.4, 0, 1),
    ),
    "choice": (lambda size: gc.random.choice(5, size), 2, 2**0.5, 0, 4),
    "choice by weights": (
        lambda size: gc.random.choice(2, size, p=[1.0, 4.0]),
        *(0.8, 0.4, 0, 1),
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_moments_and_support(name: str) -> None:
    draw, mean, deviation, low, high = DISTRIBUTIONS[name]
    node = draw(size=(COUNT // 4, "four"))
    x = gc.input("x", ("four",))
    found = gc.evaluate([node, x], {"x": np.zeros(4)}, seed=3)[0]
    assert found.dtype == node.dtype
    assert found.shape == (COUNT // 4, 4)
    numbers = found.astype(float)
    assert low <= numbers.min() <= numbers.max() <= high
    assert abs(numbers.mean() - mean) < 6 * deviation / COUNT**0.5
    assert abs(numbers.std() / deviation - 1) < 0.05


def test_gamma_draws_have_gradients_by_their_shape() -> None:
    """The mean of draws grows with the shape as the mean itself does."""
    shape = gc.parameter("shape", (3,), [0.5, 2.0, 30.0], "float64")
    draws = gc.random.gamma(shape, 2.0, (COUNT // 4, 3))
    slope = gc.grad(gc.sum(gc.mean(draws, axis=0)), shape)
    np.testing.assert_allclose(gc.evaluate(slope, {}, seed=5), 2.0, rtol=0.1)
    vectors = gc.random.dirichlet(shape, 5)
    found = gc.evaluate(vectors, {}, seed=5)
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    cauchy = gc.evaluate(gc.random.standard_cauchy(COUNT), {}, seed=1)
    assert abs(np.median(cauchy)) < 0.05
    assert abs(np.mean(np.abs(cauchy) < 1.0) - 0.5) < 0.02


@pytest.mark.parametrize(
    "call",
    [
        lambda: gc.random.gamma(0.0),
        lambda: gc.random.gamma(1.0, -1.0),
        lambda: gc.random.beta(1.0, 0),
        lambda: gc.random.chisquare(-1),
        lambda: gc.random.standard_t(0),
        lambda: gc.random.weibull(0),
        lambda: gc.random.geometric(1.5),
    ],
)
def test_parameters_are_positive(call: Callable[[], Node]) -> None:
    with pytest.raises(OptionError, match="requires"):
        call()


@pytest.mark.peer
@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (gc.random.normal(2.0, 0.5, COUNT), "norm(2, 0.5)"),
        (gc.random.uniform(-1.0, 3.0, COUNT), "uniform(-1, 4)"),
        (gc.random.exponential(2.0, COUNT), "expon(0, 2)"),
        (gc.random.laplace(1.0, 2.0, COUNT), "laplace(1, 2)"),
        (gc.random.logistic(1.0, 2.0, COUNT), "logistic(1, 2)"),
        (gc.random.gumbel(1.0, 2.0, COUNT), "gumbel_r(1, 2)"),
        (gc.random.lognormal(0.0, 0.5, COUNT), "lognorm(0.5)"),
        (gc.random.truncated_normal(-1.0, 2.0, COUNT), "truncnorm(-1, 2)"),
    ],
    ids=str,
)
def test_distribution_functions_are_scipys(draw: Node, distribution: str) -> None:
    from scipy import stats

    frozen = eval(f"stats.{distribution}", {"stats": stats})
    found = gc.evaluate(draw.astype("float64"), {}, seed=5)
    assert stats.kstest(found, frozen.cdf).pvalue > 1e-4


def test_categories_come_as_softmax_says_for_each_row_and_axis() -> None:
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    for axis, given in ((-1, logits), (0, logits.T)):
        node = gc.random.categorical(gc.constant(given), axis, (9000, 2))
        found = gc.evaluate(node, {}, seed=1)
        for row in range(2):
            shares = np.bincount(found[:, row], minlength=3) / 9000
            np.testing.assert_allclose(shares, np.exp(logits[row]), atol=0.03)
    never = gc.random.categorical(gc.constant([0.0, -np.inf]), size=500)
    assert not gc.evaluate(never, {}).any()


def test_without_replacement_nothing_is_chosen_twice() -> None:
    x = gc.constant(np.arange(12.0).reshape(6, 2))
    rows = gc.random.choice(x, (2, 3), replace=False)
    weighted = gc.random.choice(6, 4, replace=False, p=[1.0, 2.0, 3.0, 4.0, 5.0, 0.0])
    order = gc.random.permutation(x, axis=1)
    for seed in range(20):
        found, chosen, columns = gc.evaluate([rows, weighted, order], {}, seed=seed)
        assert len(np.unique(found[..., 0])) == 6
        assert len({*chosen} - {5}) == 4
        assert (np.sort(columns, axis=1) == np.arange(12.0).reshape(6, 2)).all()
    firsts = [gc.evaluate(weighted, {}, seed=seed)[0] for seed in range(600)]
    np.testing.assert_allclose(
        np.bincount(firsts, minlength=6) / 600, np.arange(1, 7) % 6 / 15, atol=0.07
    )


def test_vectors_have_the_mean_and_covariance_asked_for() -> None:
    cov = np.array([[2.0, -0.6], [-0.6, 0.5]])
    draw = gc.random.multivariate_normal([1.0, -1.0], cov, COUNT)
    found = gc.evaluate(draw, {}, seed=2)
    np.testing.assert_allclose(found.mean(0), [1.0, -1.0], atol=0.05)
    np.testing.assert_allclose(np.cov(found.T), cov, atol=0.06)


def test_samples_have_gradients_by_their_parameters() -> None:
    """The slope by the place is 1, and by the scale the draw itself, at any order."""
    loc = gc.parameter("loc", (3,), [0.1, 0.2, 0.3], "float64")
    scale = gc.parameter("scale", (3,), [1.0, 2.0, 3.0], "float64")
    draws = {
        kind: getattr(gc.random, kind)(loc, scale)
        for kind in ("normal", "laplace", "logistic", "gumbel")
    }
    for kind, node in draws.items():
        value, by_loc, by_scale = gc.evaluate(
            [node, *gc.grad(gc.sum(node), [loc, scale])], {}, seed=4
        )
        np.testing.assert_array_equal(by_loc, np.ones(3), err_msg=kind)
        standard = (value - [0.1, 0.2, 0.3]) / [1.0, 2.0, 3.0]
        np.testing.assert_allclose(by_scale, standard, rtol=1e-9)
    drawn = gc.random.uniform(loc, scale, (2, 3))
    value, by_low, by_high = gc.evaluate(
        [drawn, *gc.grad(gc.sum(drawn), [loc, scale])], {}, seed=4
    )
    share = (value - [0.1, 0.2, 0.3]) / [0.9, 1.8, 2.7]
    np.testing.assert_allclose(by_high, share.sum(0), rtol=1e-9)
    np.testing.assert_allclose(by_low, (1 - share).sum(0), rtol=1e-9)
    vector = gc.random.multivariate_normal(loc, gc.diag(scale), 5)
    assert gc.check_gradients(gc.sum(vector**2)).passed


def test_shapes_and_dtypes_follow_parameters() -> None:
    mean = gc.input("mean", ("batch", 4), "float64")
    assert gc.random.normal(mean, 0.5).type == mean.type
    assert gc.random.normal(mean[0], size=("batch", 4)).type == mean.type
    assert gc.random.bernoulli(mean).shape == mean.shape
    half = gc.input("half", (3,), "float16")
    assert gc.random.normal(half, 1).dtype == np.float16
    assert gc.random.normal(size=()).shape == gc.random.normal().shape == ()
    assert gc.random.normal(size="batch").dtype == np.float32
    assert gc.random.integers(3, size=2, dtype="uint8").dtype == np.uint8
    assert gc.random.permutation(mean).shape == mean.shape


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: r.normal(0, -1.0, 3), OptionError, "scale >= 0"),
        (lambda r: r.normal(shape=3), TypeError, "size="),
        (lambda r: r.normal(mean=3), TypeError, "loc="),
        (lambda r: r.uniform(1.0, 0.0, 3), OptionError, "high - low >= 0"),
        (lambda r: r.normal([1.0, 2.0], 1.0, 3), ShapeError, "broadcast"),
        (lambda r: r.normal([1.0, 2.0], 1.0, (1,)), ShapeError, "size"),
        (lambda r: r.normal(size=3, dtype="int64"), DTypeError, "float32 or float64"),
        (lambda r: r.normal(gc.constant([True])), DTypeError, "numbers"),
        (lambda r: r.bernoulli(1.5, 3), OptionError, "probability"),
        (lambda r: r.integers(3, 3), OptionError, "low < high"),
        (lambda r: r.integers(300, dtype="uint8"), DTypeError, "uint8"),
        (lambda r: r.integers(3, dtype="float32"), DTypeError, "integers"),
        (lambda r: r.integers(2.5), DTypeError, "integers or sizes"),
        (lambda r: r.categorical([[1.0, 2.0]], size=(3,)), ShapeError, "ends with"),
        (lambda r: r.categorical([1, 2]), DTypeError, "floating"),
        (lambda r: r.choice(3, 4, replace=False), OptionError, "4 of 3"),
        (lambda r: r.choice(0, 4), OptionError, "4 of 0"),
        (lambda r: r.choice(3, p=[0.5, 0.5]), ShapeError, "p of shape"),
        (lambda r: r.choice(2, p=[1, 2]), DTypeError, "floating"),
        (lambda r: r.truncated_normal(1, 1), OptionError, "lower < upper"),
        (lambda r: r.multivariate_normal([0.0], [1.0]), ShapeError, "covariance"),
    ],
)
def test_what_is_refused(
    call: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(gc.random)
