"""Gaussian process regression, whose kernel is found by maximum likelihood.

    python examples/gaussian_process.py

200 points are drawn from a Gaussian process of known length scale, amplitude and noise.
These three are the parameters of the model. Its loss is the negative log likelihood of
all points, by a Cholesky factor of their covariance; L-BFGS minimises it, from 1 for
each. Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning",
sections 2.2 and 5.4.
"""

import math

import numpy as np

import graphc as gc

ROWS = 200
LENGTH_SCALE, AMPLITUDE, NOISE = 0.7, 1.5, 0.2

x = gc.input("x", (ROWS,), dtype="float64")
y = gc.input("y", (ROWS,), dtype="float64")
new_x = gc.input("new_x", ("points",), dtype="float64")

# Logarithms, so that every value of a parameter is a valid one.
log_length = gc.parameter("log_length", (), init=gc.init.zeros(), dtype="float64")
log_amplitude = gc.parameter("log_amplitude", (), init=gc.init.zeros(), dtype="float64")
log_noise = gc.parameter("log_noise", (), init=gc.init.zeros(), dtype="float64")


def kernel(first: gc.Node, second: gc.Node) -> gc.Node:
    """Covariances of the function at two lists of points: the squared exponential."""
    scaled = (first[:, None] - second) / gc.exp(log_length)
    return gc.exp(2 * log_amplitude - scaled**2 / 2)


covariance = kernel(x, x) + gc.exp(2 * log_noise) * gc.eye(ROWS, dtype="float64")
factor = gc.linalg.cholesky(covariance)
# With L the factor of K, y' K⁻¹ y is |L⁻¹ y|², and log det K twice the sum of the
# logarithms of L's diagonal.
white = gc.linalg.solve_triangular(factor, y, lower=True)
loss = (
    gc.sum(white**2) / 2
    + gc.sum(gc.log(gc.diagonal(factor)))
    + ROWS / 2 * math.log(2 * math.pi)
)

# The prediction at other points, and its standard deviation.
across = gc.linalg.solve_triangular(factor, kernel(x, new_x), lower=True)
mean = white @ across
deviation = gc.sqrt(gc.exp(2 * log_amplitude) - gc.sum(across**2, axis=0))


def make_data(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Noisy values of one random function, and its true values elsewhere."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.0, 20.0, 2 * ROWS)
    scaled = (points[:, None] - points) / LENGTH_SCALE
    covariance = AMPLITUDE**2 * np.exp(-(scaled**2) / 2)
    # Added to the diagonal, lest rounding make the matrix indefinite.
    factor = np.linalg.cholesky(covariance + 1e-8 * np.eye(2 * ROWS))
    values = factor @ rng.standard_normal(2 * ROWS)
    noisy = values[:ROWS] + rng.normal(0.0, NOISE, ROWS)
    return {"x": points[:ROWS], "y": noisy}, {"x": points[ROWS:], "y": values[ROWS:]}


def main() -> None:
    data, test = make_data(seed=0)
    found = gc.minimize(loss, data)
    assert found.converged, found.message
    for name, true in (
        ("length", LENGTH_SCALE),
        ("amplitude", AMPLITUDE),
        ("noise", NOISE),
    ):
        print(f"{name:9} {np.exp(found.parameters[f'log_{name}']):.3f}  true {true}")

    predict = gc.compile([mean, deviation])
    found.assign(predict)
    predicted, spread = predict(**data, new_x=test["x"])
    error = predicted - test["y"]
    inside = np.mean(np.abs(error) <= 2 * spread)
    print(f"test values within two standard deviations {inside:.3f}")
    size = np.sqrt(np.mean(error**2))
    print(f"root mean square error in test {size:.3f}")
    assert size <= 0.5 * NOISE, "the mean is no smoother than the data"


if __name__ == "__main__":
    main()
