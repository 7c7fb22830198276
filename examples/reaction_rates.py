"""Rates of a chain of reactions, found from what there is of each substance at the end.

    python examples/reaction_rates.py

Each substance arises from the one before, `y_i' = x_i y_{i-1}`, and the first from a
supply, `y_0' = x_0`. From nothing, `y_i(t) = x_0 ... x_i t**(i + 1) / (i + 1)!`. A scan
integrates this by the classical Runge-Kutta method, whose error is rounding alone for
four substances, so that the gradient is known exactly, too: `y_i / x_j`. Source: Bell,
cmpad, "an_ode"; in GradBench it is `ode`.
"""

import math

import numpy as np

import graphc as gc

SUBSTANCES, TIME, STEPS = 4, 2.0, 100
STEP = TIME / STEPS
RATES = np.array([1.5, 0.8, 2.0, 0.5])

measured = gc.input("measured", (SUBSTANCES,), dtype="float64")
x = gc.parameter("x", (SUBSTANCES,), init=gc.init.ones(), dtype="float64")


def velocity(y: gc.Node) -> gc.Node:
    """What arises of each substance in a unit of time."""
    return x * gc.concatenate([np.ones(1), y[:-1]])


def runge_kutta(y: gc.Node, _: None) -> tuple[gc.Node, None]:
    """One step of fourth order."""
    k1 = velocity(y)
    k2 = velocity(y + STEP / 2 * k1)
    k3 = velocity(y + STEP / 2 * k2)
    k4 = velocity(y + STEP * k3)
    return y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None


end, _ = gc.scan(runge_kutta, np.zeros(SUBSTANCES), length=STEPS)
loss = gc.sum((end - measured) ** 2)


def exact(rates: np.ndarray) -> np.ndarray:
    """What there is of each substance at the end."""
    orders = np.arange(1, SUBSTANCES + 1)
    factorials = np.array([math.factorial(order) for order in orders])
    return np.cumprod(rates) * TIME**orders / factorials


def main() -> None:
    program = gc.compile([end, gc.grad(end[-1], x)])
    program.parameters["x"] = RATES
    value, slope = program()
    known = exact(RATES)
    print(f"error of the values {np.max(np.abs(value - known)):.1e}")
    print(f"error of the gradient {np.max(np.abs(slope - known[-1] / RATES)):.1e}")
    found = gc.minimize(loss, {"measured": known}, "BFGS", tolerance=1e-10)
    error = np.max(np.abs(found.parameters["x"] - RATES))
    print(f"rates {found.parameters['x'].round(4)}  error {error:.1e}")


if __name__ == "__main__":
    main()
