"""The length of a step along the negative gradient: two searches of a first course.

They know nothing of graphs: an objective is a function of one flat array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import NonFiniteError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Point:
    """A place, with the loss and the gradient there."""

    x: Array
    loss: float
    gradient: Array

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of the gradient."""
        return float(np.linalg.norm(self.gradient))

    @property
    def is_finite(self) -> bool:
        """True if loss and gradient are finite."""
        return math.isfinite(self.loss) and bool(np.isfinite(self.gradient).all())


class Objective(Protocol):
    """A function to be minimised."""

    def at(self, x: Array) -> Point:
        """Loss and gradient at a place."""
        ...


class Smooth(Objective, Protocol):
    """A function that also has second derivatives."""

    @property
    def resolution(self) -> float:
        """The relative rounding error of its numbers: `eps` of its dtype."""
        ...

    def hessian_product(self, x: Array, direction: Array) -> Array:
        """The Hessian at a place times a direction."""
        ...


class LineSearch(Protocol):
    """A rule for the length of a step of gradient descent."""

    def search(self, objective: Smooth, start: Point) -> tuple[float, Point] | None:
        """The step and where it leads, or None if no step decreases the loss."""
        ...


@dataclass(frozen=True)
class Backtracking:
    """Armijo's rule: the first of `step`, `rho * step`, `rho**2 * step`, ... with

        f(x - t g) <= f(x) - c1 * t * |g|**2

    where `g` is the gradient at `x`. A place where the loss is not a number
    is not a decrease.

    Source: Armijo 1966, "Minimization of functions having Lipschitz continuous first
    partial derivatives"; Nocedal and Wright 2006, algorithm 3.1.
    """

    step: float = 1.0
    c1: float = 1e-4
    rho: float = 0.5

    def search(self, objective: Smooth, start: Point) -> tuple[float, Point] | None:
        """See `LineSearch.search`."""
        step = self.step
        decrease = self.c1 * start.gradient_norm**2
        while True:
            x = start.x - step * start.gradient
            if np.array_equal(x, start.x):
                return None
            trial = objective.at(x)
            if trial.is_finite and trial.loss <= start.loss - step * decrease:
                return step, trial
            step *= self.rho


@dataclass(frozen=True)
class Exact:
    """A minimum of `phi(t) = f(x - t g)`, to rounding, and no higher than `phi(0)`.

    The first trial is Newton's on the line, `t = g.g / g.(H g)`, which is exact where
    `f` is quadratic. Where `phi'(t) = -g(x - t g).g` is not yet 0 there, the minimum
    is bracketed by doubling and then found as the root of `phi'` by regula falsi in
    the Illinois form, or by bisection where an end has no slope to use.

    Args:
        step: the first trial where the curvature along the line is not positive.
        tolerance: the largest `phi'(t)` to accept, as a fraction of `phi'(0)`, as far
            as the objective's resolution allows.

    Source: Nocedal and Wright 2006, "Numerical optimization", equation 3.26 for
    quadratics; Hager and Zhang 2005, "A new conjugate gradient method with guaranteed
    descent and an efficient line search", section 4 for the bracket; Dowell and Jarratt
    1971 for the Illinois form.
    """

    step: float = 1.0
    tolerance: float = 1e-10

    def search(self, objective: Smooth, start: Point) -> tuple[float, Point] | None:
        """See `LineSearch.search`."""
        g = start.gradient
        square = float(g @ g)
        curvature = float(g @ objective.hessian_product(start.x, g))
        step = square / curvature if curvature > 0.0 else self.step
        # Close to the minimum rounding hides which of two losses is the lower one, but
        # not the sign of the slope.
        eps = objective.resolution
        highest = start.loss + max(1e-10, 4.0 * eps) * abs(start.loss)
        flat = max(self.tolerance, 10.0 * eps) * square
        low, low_step, low_weight = start, 0.0, square
        high_step, high_weight = math.inf, 0.0
        replaced = ""
        for _ in range(200):
            trial = objective.at(start.x - step * g)
            slope = -float(trial.gradient @ g) if trial.is_finite else 0.0
            is_low = trial.is_finite and trial.loss <= highest
            if is_low and abs(slope) <= flat:
                return step, trial
            if is_low and slope < 0.0:
                # Illinois: an end that stays twice loses half of its weight.
                high_weight *= 0.5 if replaced == "low" else 1.0
                low, low_step, low_weight, replaced = trial, step, -slope, "low"
            else:
                low_weight *= 0.5 if replaced == "high" else 1.0
                high_step, high_weight, replaced = step, max(slope, 0.0), "high"
            if math.isinf(high_step):
                step *= 2.0
                continue
            width = high_step - low_step
            if width <= 40.0 * eps * high_step:
                break
            share = low_weight / (low_weight + high_weight) if high_weight else 0.5
            step = low_step + width * min(max(share, 1e-3), 0.999)
        if math.isinf(high_step):
            raise NonFiniteError(
                "the loss falls without end along its negative gradient: after "
                f"{low_step:.3g} times the gradient it is {low.loss:.6g}",
                hint="a loss that has a minimum",
            )
        return (low_step, low) if low_step > 0.0 else None
