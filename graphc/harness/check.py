"""Gradients held against differences of the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .data import random_data, take_rows
from .files import Array, Arrays
from .model import LOSSES, UNCHECKED, init_parameters, loss_and_gradients
from .positions import DataError
from .short_data import check_data

# --- imports above, copied into emitted programs below ---

# Gradient check -----------------------------------------------------------------------


# if check
def check_gradients(
    parameters: Arrays | None = None,
    data: Mapping[str, Any] | None = None,
    *,
    rows: int = 8,
    directions: int = 3,
    seed: int = 0,
) -> dict[str, tuple[float, bool]]:
    """Hold gradients against differences of the loss.

    # if native
    All is computed in the dtypes that the model declares, which code in C has.
    # end
    By default near the start and on random data. Each parameter moves at random, and
    where its gradient is largest. Returns the largest relative errors, and verdicts.
    """
    data = random_data(rows, seed) if data is None else check_data(data)
    # if native
    batch = take_rows(data, slice(rows))
    # else
    batch = [widen(array) for array in take_rows(data, slice(rows))]
    # end
    rng = np.random.default_rng(seed)
    point: Arrays = {}
    for name, start in (parameters or init_parameters(seed)).items():
        # Moved a little, because relu and the like have no derivative at exactly 0.
        moves = parameters is None and start.dtype.kind == "f"
        point[name] = widen(start) + (rng.normal(0, 0.01, start.shape) if moves else 0)
        # if native
        point[name] = point[name].astype(start.dtype)
        # end
    loss, gradients = loss_at(point, batch, seed)
    if not np.isfinite(loss):
        raise DataError(f"the loss of the data to check gradients on is {loss}")
    dtypes = [np.asarray(loss).dtype, *(g.dtype for g in gradients.values())]
    precision = max(float(np.finfo(dtype).eps) for dtype in dtypes)
    tolerance, step = (1e-5, 1e-3) if precision < 1e-12 else (3e-2, 1e-1)
    # A smaller change of the loss is nothing but rounding.
    least = 20 * precision * max(1.0, abs(float(loss))) / tolerance
    results: dict[str, tuple[float, bool]] = {}
    # Copies, because the program may use the same memory for its next gradients.
    for name, gradient in {n: np.array(g, float) for n, g in gradients.items()}.items():
        # if unchecked
        if name in UNCHECKED:
            continue
        # end
        if not gradient.size:
            results[name] = 0.0, True
            continue
        draws = [rng.standard_normal(gradient.shape) for _ in range(directions)]
        places = np.arange(gradient.size).reshape(gradient.shape)
        draws.append(places == np.argmax(np.abs(gradient)))
        # Relative to the size of the parameter, so that its unit does not matter.
        reach = step * max(1.0, float(np.linalg.norm(point[name])))
        errors = [0.0]
        for draw in draws:
            path = draw * (reach / np.linalg.norm(draw))
            errors.append(path_error(point, name, path, batch, seed, least, tolerance))
        results[name] = max(errors), max(errors) <= tolerance
    return results


def widen(array: Array) -> Array:
    """Floating numbers as float64; others as they are."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def loss_at(parameters: Arrays, batch: list[Array], seed: int) -> tuple[Any, Arrays]:
    """Loss and gradients, with the same draws of dropout at every call."""
    with np.errstate(all="ignore"):
        # if whole or streams
        return loss_and_gradients(parameters, *batch, rng=np.random.default_rng(seed))
        # else
        return loss_and_gradients(parameters, *batch)
        # end


# if steps
def own_loss_at(
    parameters: Arrays, batch: list[Array], seed: int, name: str
) -> tuple[Any, Arrays]:
    """The loss that trains a parameter, with draws as in `loss_at`, and gradients."""
    loss: Any = 0.0
    gradients: Arrays = {}
    with np.errstate(all="ignore"):
        draws: dict[str, Any] = {}
        # if whole or streams
        draws = {"rng": np.random.default_rng(seed)}
        # end
        for differentiate in LOSSES.values():
            if name not in gradients:
                loss, gradients, *_ = differentiate(parameters, *batch, **draws)
    return loss, gradients


# end
def path_error(
    parameters: Arrays,
    name: str,
    path: Array,
    batch: list[Array],
    seed: int,
    least: float,
    tolerance: float,
) -> float:
    """Difference between the loss and the integral of its gradient, relative to either.

    One parameter moves from `- path` to `+ path`, or by a part of that if the loss then
    changes by much more than `least`. The piece that differs most is halved again and
    again, which closes in on corners of relu, but makes no wrong gradient fit.
    """

    def look(place: float) -> tuple[float, float]:
        """The loss there, and its gradient along the path."""
        moved = {**parameters, name: parameters[name] + place * path}
        # if native
        moved[name] = moved[name].astype(parameters[name].dtype)
        # end
        # if steps
        loss, gradients = own_loss_at(moved, batch, seed, name)
        # else
        loss, gradients = loss_at(moved, batch, seed)
        # end
        return float(loss), float(np.sum(gradients[name] * path, dtype=float))

    def measure(start: float, stop: float) -> tuple[float, float, float, float]:
        """The difference in a piece, its place, and the integral over it."""
        nodes = (stop + start) / 2 + (stop - start) / 2 * places
        slopes = [look(float(node))[1] for node in nodes]
        integral = (stop - start) / 2 * float(np.dot(weights, slopes))
        change = look(stop)[0] - look(start)[0]
        return abs(change - integral), start, stop, integral

    places, weights = np.polynomial.legendre.leggauss(4)
    change, reach, error = 0.0, 0.0, math.inf
    for reach in (0.01, 0.1, 1.0):
        change = look(reach)[0] - look(-reach)[0]
        if abs(change) > 100 * least:
            break
    pieces = [measure(-reach, reach)]
    for _ in range(100):
        integral = sum(piece[3] for piece in pieces)
        error = abs(change - integral) / max(abs(change), abs(integral), least)
        if error < tolerance / 10 or not math.isfinite(error):
            break
        _, start, stop, _ = pieces.pop(pieces.index(max(pieces)))
        middle = (start + stop) / 2
        pieces += [measure(start, middle), measure(middle, stop)]
    return error if math.isfinite(error) else math.inf


def run_check(parameters: Arrays | None, data: Any, seed: int) -> int:
    """Check the gradients and print a line for each parameter."""
    results = check_gradients(parameters, data, seed=seed)
    # if unchecked
    for name, reason in UNCHECKED.items():
        print(f"{name}  not checked, because of {reason}")
    if not results:
        return 0
    # end
    width = max(len(name) for name in results)
    for name, (error, passed) in results.items():
        verdict = "ok" if passed else "WRONG"
        print(f"{name:{width}}  relative error {error:.1e}  {verdict}")
    worst = max(results, key=lambda name: results[name][0])
    passed = all(passed for _, passed in results.values())
    outcome = "all gradients agree with" if passed else "some gradients differ from"
    # if unchecked
    outcome = outcome.replace("all gradients", "all others")
    # end
    print(f"{outcome} finite differences; the worst is that of {worst}")
    return 0 if passed else 1


# end
