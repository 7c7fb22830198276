"""Gradients held against finite differences of the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .data import BATCH_DIMENSION, check_data, random_data, take_rows
from .files import Array, Arrays
from .loop import check_whole_number
from .model import LOSSES, UNCHECKED, init_parameters, loss_and_gradients
from .positions import DataError

# --- imports above, copied into emitted programs below ---

# Gradient check -----------------------------------------------------------------------


def check_gradients(
    parameters: Arrays | None = None,
    data: Mapping[str, Any] | None = None,
    *,
    rows: int = 8,
    directions: int = 3,
    elements: int = 3,
    seed: int = 0,
) -> dict[str, tuple[float, bool]]:
    """Compare each gradient with differences of the loss.

    Between the ends of a short path, p - h v and p + h v, the loss must differ by the
    integral of the gradient along it, in float64: rounding and corners of relu do not
    matter. Directions v are random, and along single elements, the one of the largest
    gradient among them.

    Args:
        parameters: where to differentiate; by default near where training starts.
        data: arrays by input name; only the first `rows` are used. By default random.
        directions, elements: how many of each for a parameter.
        seed: of all that is random, dropout included.

    Returns:
        For each parameter the largest relative error, and whether it is small enough.
    """
    check_whole_number("rows", rows, 1)
    data = random_data(rows, seed) if data is None else check_data(data)
    if isinstance(BATCH_DIMENSION, int):
        rows = BATCH_DIMENSION
    batch = [widen(array) for array in take_rows(data, slice(rows))]
    rng = np.random.default_rng(seed)
    if parameters is None:
        # Moved a little, because relu and the like have no derivative at exactly 0.
        starts = init_parameters(seed)
        parameters = {
            name: start + rng.normal(0, 0.01, start.shape)
            for name, start in starts.items()
            if start.dtype.kind == "f"
        }
        parameters = starts | parameters
    point = {name: widen(array) for name, array in parameters.items()}
    loss, gradients = loss_at(point, batch, seed)
    if not np.isfinite(loss):
        raise DataError(f"the loss of the data to check gradients on is {loss}")
    computed = (np.asarray(loss), *gradients.values())
    precision = max(float(np.finfo(array.dtype).eps) for array in computed)
    # A copy, because the program may use the same memory for its next gradients.
    gradients = {name: np.array(array, float) for name, array in gradients.items()}
    tolerance, step = (1e-5, 1e-3) if precision < 1e-12 else (3e-2, 1e-1)
    # A smaller change of the loss is nothing but rounding.
    noise = 20 * precision * max(1.0, abs(float(loss)))
    results: dict[str, tuple[float, bool]] = {}
    for name, gradient in gradients.items():
        # if unchecked
        if name in UNCHECKED:
            continue
        # end
        worst = 0.0
        for direction in choose_directions(gradient, directions, elements, rng):
            # Relative to the size of the parameter, so that its unit does not matter.
            path = direction * step * max(1.0, float(np.linalg.norm(point[name])))
            error = path_error(point, name, path, batch, seed, noise, tolerance)
            worst = max(worst, error)
            if worst > tolerance:
                break
        results[name] = (worst, worst <= tolerance)
    return results


def widen(array: Array) -> Array:
    """Floating numbers as float64; others as they are."""
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def loss_at(parameters: Arrays, batch: list[Array], seed: int) -> tuple[Any, Arrays]:
    """Loss and gradients, with the same draws of dropout at every call."""
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        return loss_and_gradients(parameters, *batch, rng=rng)


# if steps
def own_loss_at(
    parameters: Arrays, batch: list[Array], seed: int, name: str
) -> tuple[Any, Arrays]:
    """The loss that trains a parameter, with draws as in `loss_at`, and gradients."""
    rng = np.random.default_rng(seed)
    loss: Any = 0.0
    gradients: Arrays = {}
    with np.errstate(all="ignore"):
        for differentiate in LOSSES.values():
            if name not in gradients:
                loss, gradients, *_ = differentiate(parameters, *batch, rng=rng)
    return loss, gradients


# end
def choose_directions(
    gradient: Array, directions: int, elements: int, rng: np.random.Generator
) -> list[Array]:
    """Arrays of length 1 and of the shape of the gradient."""
    if gradient.size == 0:
        return []
    chosen: list[Array] = []
    for _ in range(directions):
        draw: Array = np.asarray(rng.standard_normal(gradient.shape), float)
        chosen.append(draw / np.linalg.norm(draw))
    places = [int(np.argmax(np.abs(gradient)))]
    places += rng.integers(gradient.size, size=elements - 1).tolist()
    for place in places:
        direction = np.zeros(gradient.shape)
        direction.flat[place] = 1.0
        chosen.append(direction)
    return chosen


def path_error(
    parameters: Arrays,
    name: str,
    path: Array,
    batch: list[Array],
    seed: int,
    noise: float,
    tolerance: float,
) -> float:
    """Difference between the loss and the integral of its gradient, relative to either.

    One parameter moves from `- path` to `+ path` of where it is, or by a part of that
    if the loss then already changes by much more than rounding: on a shorter way there
    are fewer corners of relu. The piece that differs most is halved again and again,
    which closes in on corners, but never makes a wrong gradient fit.
    """

    def look(place: float) -> tuple[float, float]:
        """The loss there, and its gradient along the path."""
        moved = {**parameters, name: parameters[name] + place * path}
        # if steps
        loss, gradients = own_loss_at(moved, batch, seed, name)
        # else
        loss, gradients = loss_at(moved, batch, seed)
        # end
        return float(loss), float(np.sum(gradients[name] * path, dtype=float))

    def measure(start: float, stop: float) -> tuple[float, float, float, float]:
        """The difference in a piece, its place, and the integral over it."""
        half, middle = (stop - start) / 2, (stop + start) / 2
        integral = half * sum(
            float(weight) * look(middle + half * float(place))[1]
            for place, weight in gauss
        )
        change = look(stop)[0] - look(start)[0]
        return abs(change - integral), start, stop, integral

    gauss = list(zip(*np.polynomial.legendre.leggauss(4), strict=True))
    change, reach = 0.0, 0.0
    for reach in (0.01, 0.1, 1.0):
        change = look(reach)[0] - look(-reach)[0]
        if abs(change) > 100 * noise / tolerance:
            break
    pieces = [measure(-reach, reach)]
    error = math.inf
    for _ in range(100):
        integral = sum(piece[3] for piece in pieces)
        size = max(abs(change), abs(integral), noise / tolerance)
        error = abs(change - integral) / size
        if error < tolerance / 10 or not math.isfinite(error):
            break
        _, start, stop, _ = pieces.pop(pieces.index(max(pieces)))
        middle = (start + stop) / 2
        pieces += [measure(start, middle), measure(middle, stop)]
    return error if math.isfinite(error) else math.inf
