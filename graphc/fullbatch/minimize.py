"""Full-batch training: the whole data set in every step, to a minimum.

Where all data fit in one batch and nothing is random, methods that look at curvature
need far fewer steps than stochastic ones. The classic ones are SciPy's; here they get
the loss and gradient of a compiled program as a function of one flat float64 array.
Gradient descent with a line search, which SciPy lacks, is written here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np

from ..arguments import Count, Seed, Within, public
from ..errors import FeedError, NonFiniteError, OptionError
from ..extras import import_extra
from ..ir.node import Node
from ..program.plan import RunStyle
from ..runtime.styles import style_here
from .flat_loss import FlatLoss
from .line_search import Backtracking, Exact, LineSearch, Point

Array = np.ndarray[Any, Any]

GRADIENT_DESCENT = "gradient-descent"

# Of SciPy's methods, those that use gradients, and whether they use Hessian products.
_SCIPY_METHODS = {
    "L-BFGS-B": False,
    "BFGS": False,
    "CG": False,
    "TNC": False,
    "SLSQP": False,
    "Newton-CG": True,
    "trust-ncg": True,
    "trust-krylov": True,
    "trust-constr": True,
}


@dataclass(frozen=True)
class Iteration:
    """One row of a history: the state after an iteration, or before the first."""

    iteration: int
    """Counting from 1; 0 is the start."""
    loss: float
    gradient_norm: float
    """Euclidean, of all parameters together."""
    step: float | None
    """Of gradient descent, the `t` of `x - t g`; None for other methods."""
    evaluations: int
    """Of loss and gradient, so far."""


@dataclass(frozen=True, repr=False)
class Minimum:
    """The point at which a method stopped, and the way to it."""

    parameters: Mapping[str, Array]
    """By name, in the dtypes that they were declared with."""
    loss: float
    gradient_norm: float
    """Euclidean, of all parameters together."""
    iterations: int
    evaluations: int
    """Of loss and gradient."""
    hessian_products: int
    converged: bool
    """True if the method met its own test, not a limit."""
    message: str
    """The reason why the method stopped, in its words."""
    method: str
    history: tuple[Iteration, ...]

    def assign(self, target: Any) -> None:
        """Copy the parameters into a `Trainer`, a compiled function, or live arrays.

        Args:
            target: anything with `parameters` by name, or a mapping of arrays.

        Raises:
            FeedError: the target lacks a parameter, or has it in another shape.
        """
        arrays: Any = target.parameters if hasattr(target, "parameters") else target
        for name, value in self.parameters.items():
            shape = np.shape(arrays[name]) if name in arrays else None
            if shape != value.shape:
                has = "none of that name" if shape is None else f"{shape}"
                raise FeedError(
                    f"parameter {name!r} of shape {value.shape} does not fit the "
                    f"target, which has {has}"
                )
        for name, value in self.parameters.items():
            arrays[name][...] = value

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return (
            f"<minimum of {self.method}: loss {self.loss:.6g}, gradient norm "
            f"{self.gradient_norm:.3g}, {self.iterations} iterations, {state}>"
        )


@dataclass
class _Recorder:
    """The history of a run, and the user's own function that is told of each row."""

    problem: FlatLoss
    callback: Callable[[Iteration, dict[str, Array]], object] | None
    rows: list[Iteration] = field(default_factory=list[Iteration])

    def add(self, point: Point, step: float | None = None) -> None:
        """Note the place that an iteration has reached."""
        row = Iteration(
            iteration=len(self.rows),
            loss=point.loss,
            gradient_norm=point.gradient_norm,
            step=step,
            evaluations=self.problem.evaluations,
        )
        self.rows.append(row)
        if self.callback is not None:
            self.callback(row, self.problem.arrays(point.x))


def minimize(
    loss: Node,
    feeds: Mapping[Any, Any] | None = None,
    method: str = "L-BFGS-B",
    *,
    parameters: Mapping[Any, Any] | None = None,
    seed: Seed = 0,
    tolerance: Annotated[float, Within(above=0.0)] | None = None,
    max_iterations: Count | None = None,
    line_search: Literal["backtracking", "exact"] | None = None,
    step: Annotated[float, Within(above=0.0)] = 1.0,
    c1: Annotated[float, Within(above=0.0, below=1.0)] = 1e-4,
    rho: Annotated[float, Within(above=0.0, below=1.0)] = 0.5,
    options: Mapping[str, Any] | None = None,
    callback: Callable[[Iteration, dict[str, Array]], object] | None = None,
    style: RunStyle = "fast",
) -> Minimum:
    """Minimise a loss over all its parameters, with all data in each step.

    `method="gradient-descent"` goes `x <- x - t g` with the gradient `g` and a step `t`
    found anew each time, and needs NumPy alone. `line_search="backtracking"` takes the
    first `t` of `step, rho * step, rho**2 * step, ...` that satisfies Armijo's
    `f(x - t g) <= f(x) - c1 * t * |g|**2`. `line_search="exact"` minimises over `t`:
    on a quadratic with Hessian `H` by `t = g.g / g.(H g)`, elsewhere from there on by
    a root of the slope.

    The other methods are those of `scipy.optimize.minimize` that use gradients:
    L-BFGS-B, BFGS, CG, TNC and SLSQP, and with products of the Hessian, at the cost of
    a few gradients each, Newton-CG, trust-ncg, trust-krylov and trust-constr.

    The program computes in the dtypes that were declared: from float32 parameters
    expect a loss of about 6 digits and a tolerance of 1e-3, from float64 all of it.

    Args:
        loss: a floating scalar without randomness.
        feeds: arrays by input node or name, the whole data set.
        method: `"gradient-descent"` or one of SciPy's.
        parameters: values to start from, by node or name; others start from `init`.
        seed: for parameters that start at random.
        tolerance: gradient descent stops when the gradient norm is no larger, 1e-6 by
            default; for SciPy's methods it is their `tol`.
        max_iterations: at least 1; 1000 by default for gradient descent, else SciPy's.
            TNC, which has no such limit, takes it for the number of evaluations.
        line_search: of gradient descent: `"backtracking"`, the default, or `"exact"`.
        step: the first step that backtracking tries in each iteration; that of exact
            search where the loss is not convex.
        c1: Armijo's constant, between 0 and 1.
        rho: the factor by which backtracking shortens a step, between 0 and 1.
        options: of the SciPy method, as in `scipy.optimize.minimize`.
        callback: called with an `Iteration` and the parameters by name at the start
            and after each iteration.
        style: of the program that runs, as in `gc.compile`.

    Returns:
        A `Minimum`: `parameters`, `loss`, `gradient_norm`, `converged`, `history`, and
        more; `assign` copies the parameters into a `Trainer`.

    Raises:
        DifferentiationError: the loss is not a floating scalar or has no parameters.
        FeedError: feeds or start values that don't fit.
        MissingExtraError: one of SciPy's methods, and SciPy is not installed.
        NonFiniteError: the loss or its gradient is not finite at the start or at the
            end, or falls without end.
        OptionError: an unknown method, an option out of range, or a random loss.

    >>> import graphc as gc
    >>> from graphc import minimize
    >>> w = gc.parameter("w", (2,), [-1.2, 1.0], "float64")
    >>> rosenbrock = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    >>> result = minimize(rosenbrock, method="trust-ncg", tolerance=1e-9)
    >>> result.converged, result.parameters["w"].round(6)
    (True, array([1., 1.]))
    >>> bowl = gc.sum(w * w * [1.0, 3.0])
    >>> minimize(bowl, method="gradient-descent", line_search="exact")
    <minimum of gradient-descent: loss ..., converged>

    Source: Nocedal and Wright 2006, "Numerical optimization", chapters 3, 6 and 7.
    """
    chosen = _method(method, line_search, options)
    exact = line_search == "exact"
    search = Exact(step) if exact else Backtracking(step, c1, rho)
    problem = FlatLoss(loss, feeds, parameters, seed, style_here(style))
    start = problem.at(problem.start)
    if not start.is_finite:
        raise _not_finite(loss, start, "at the start", "other start values")
    recorder = _Recorder(problem, callback)
    recorder.add(start)
    if chosen == GRADIENT_DESCENT:
        limit = 1000 if max_iterations is None else int(max_iterations)
        goal = 1e-6 if tolerance is None else tolerance
        with np.errstate(all="ignore"):
            end, message = _descend(problem, search, start, goal, limit, recorder)
        converged = end.gradient_norm <= goal
    else:
        outcome = _scipy(chosen, problem, recorder, tolerance, max_iterations, options)
        end = problem.at(np.asarray(outcome.x, np.float64))
        message, converged = str(outcome.message), bool(outcome.success)
        if not end.is_finite:
            raise _not_finite(loss, end, f"where {chosen} ended", "gradient-descent")
    return Minimum(
        parameters=problem.arrays(end.x),
        loss=end.loss,
        gradient_norm=end.gradient_norm,
        iterations=len(recorder.rows) - 1,
        evaluations=problem.evaluations,
        hessian_products=problem.hessian_products,
        converged=converged,
        message=message,
        method=chosen,
        history=tuple(recorder.rows),
    )


def _descend(
    problem: FlatLoss,
    search: LineSearch,
    point: Point,
    tolerance: float,
    limit: int,
    recorder: _Recorder,
) -> tuple[Point, str]:
    """Gradient descent: its last point, and why it ended there."""
    for _ in range(limit):
        if point.gradient_norm <= tolerance:
            break
        found = search.search(problem, point)
        if found is None:
            return point, "no step along the gradient decreases the loss any more"
        step, point = found
        recorder.add(point, step)
    if point.gradient_norm <= tolerance:
        return point, f"the gradient norm is no larger than {tolerance:g}"
    return point, f"the limit of {limit} iterations was reached"


def _scipy(
    method: str,
    problem: FlatLoss,
    recorder: _Recorder,
    tolerance: float | None,
    max_iterations: int | None,
    options: Mapping[str, Any] | None,
) -> Any:
    """The result of `scipy.optimize.minimize`."""
    library = import_extra(
        "scipy.optimize",
        f"{method} is SciPy's",
        f"`pip install scipy`, or method={GRADIENT_DESCENT!r}",
    )
    seen: list[float] = []

    def value(x: Array) -> tuple[float, Array]:
        point = problem.at(x)
        if point.is_finite:
            seen[:] = [min([*seen, point.loss]), max([*seen, point.loss])]
            return point.loss, point.gradient
        # SciPy's line searches interpolate losses, so that NaN and inf mislead them. A
        # loss above all others, and flat, makes them shorten the step.
        return 2.0 * seen[1] - seen[0], np.zeros_like(point.gradient)

    def record(x: Array, *_: Any) -> None:
        recorder.add(problem.at(np.asarray(x)))

    limit: dict[str, Any] = {}
    if max_iterations is not None:
        # TNC counts nothing else.
        limit["maxfun" if method == "TNC" else "maxiter"] = int(max_iterations)
    with np.errstate(all="ignore"):
        return library.minimize(
            value,
            problem.start,
            method=method,
            jac=True,
            hessp=problem.hessian_product if _SCIPY_METHODS[method] else None,
            tol=tolerance,
            callback=record,
            options=limit | dict(options or {}),
        )


def _method(
    method: str, line_search: str | None, options: Mapping[str, Any] | None
) -> str:
    """The method's name as it is written, if it is one that knows the options."""
    names = (GRADIENT_DESCENT, *_SCIPY_METHODS)
    chosen = {name.lower(): name for name in names}.get(str(method).lower())
    if chosen is None:
        raise OptionError(f"method must be one of {', '.join(names)}, got {method!r}")
    if chosen == GRADIENT_DESCENT and options:
        raise OptionError(
            f"options are for SciPy's methods, got {dict(options)} for {chosen}",
            hint="line_search, step, c1, rho, tolerance, max_iterations",
        )
    if chosen != GRADIENT_DESCENT and line_search is not None:
        raise OptionError(
            f"{chosen} has a line search of its own, got line_search={line_search!r}",
            hint=f"method={GRADIENT_DESCENT!r}",
        )
    return chosen


def _not_finite(loss: Node, point: Point, where: str, hint: str) -> NonFiniteError:
    what = (
        f"the loss is {point.loss}"
        if not math.isfinite(point.loss)
        else "the gradient is not finite"
    )
    return NonFiniteError(
        f"{what} {where}",
        at=loss,
        hint=f"{hint}; gc.interpret(..., check_finite=True) finds the node",
    )


public(globals(), ["minimize"])
