"""A Kalman filter whose noise is learnt from the likelihood of what was measured.

    python examples/kalman_filter.py

A body moves along a line, pushed at random, and its place is measured with an error.
The filter is a scan: it predicts each measurement from those before, and corrects. The
loss is the negative log likelihood of 500 measurements, and its parameters are the
deviations of pushes and of errors, found from 1 for both by L-BFGS. Sources: Kalman
1960, "A new approach to linear filtering and prediction problems"; Schweppe 1965,
"Evaluation of likelihood functions for Gaussian signals".
"""

import math

import numpy as np

import graphc as gc

PUSH, ERROR, STEPS = 0.1, 2.0, 500
# Place and velocity after one unit of time, and the share of a push in both.
MOTION = np.array([[1.0, 1.0], [0.0, 1.0]])
SHARE = np.array([0.5, 1.0])

measured = gc.input("measured", ("time",), dtype="float64")
log_push = gc.parameter("log_push", (), init=gc.init.zeros(), dtype="float64")
log_error = gc.parameter("log_error", (), init=gc.init.zeros(), dtype="float64")

push_covariance = gc.exp(2 * log_push) * np.outer(SHARE, SHARE)
error_variance = gc.exp(2 * log_error)


def step(belief: dict[str, gc.Node], place: gc.Node) -> tuple:
    """Predict a measurement, and correct by what it was."""
    mean = MOTION @ belief["mean"]
    covariance = MOTION @ belief["covariance"] @ MOTION.T + push_covariance
    surprise = place - mean[0]
    variance = covariance[0, 0] + error_variance
    gain = covariance[:, 0] / variance
    corrected = {
        "mean": mean + gain * surprise,
        "covariance": covariance - gc.outer(gain, covariance[0]),
    }
    likelihood = -0.5 * (surprise**2 / variance + gc.log(2 * math.pi * variance))
    return corrected, (likelihood, corrected["mean"][0])


# Little is known before the first measurement.
start = {"mean": np.zeros(2), "covariance": 100.0 * np.eye(2)}
_, (likelihoods, places) = gc.scan(step, start, measured)
loss = -gc.sum(likelihoods)


def make_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True places, and measured ones."""
    rng = np.random.default_rng(seed)
    state, true = np.zeros(2), np.empty(STEPS)
    for time in range(STEPS):
        state = MOTION @ state + SHARE * rng.normal(0.0, PUSH)
        true[time] = state[0]
    return true, true + rng.normal(0.0, ERROR, STEPS)


def main() -> None:
    true, data = make_data(seed=0)
    found = gc.minimize(loss, {"measured": data})
    assert found.converged, found.message
    for name, value in (("push", PUSH), ("error", ERROR)):
        print(f"{name:5} {np.exp(found.parameters[f'log_{name}']):.3f}  true {value}")
    follow = gc.compile(places)
    found.assign(follow)
    error = np.sqrt(np.mean((follow(measured=data) - true) ** 2))
    print(f"error of the measurements {np.sqrt(np.mean((data - true) ** 2)):.3f}")
    print(f"error of the filter {error:.3f}")
    assert error <= 0.6 * ERROR, "the filter follows no better than that"


if __name__ == "__main__":
    main()
