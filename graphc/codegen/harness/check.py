"""Gradients held against finite differences of the loss."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .data import BATCH_DIMENSION, check_data, random_data, take_rows
from .files import Array, Arrays
from .loop import check_whole_number
from .model import init_parameters, loss_and_gradients

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
    """Compare each gradient with central differences of the loss.

    For a direction v, (loss(p + h v) - loss(p - h v)) / 2h must be the product of v and
    the gradient. Directions are random, and along single elements, the one of the
    largest gradient among them. Parameters and data are made float64, so that
    differences are exact enough where the program computes in what it is given; where
    it rounds to float32, steps are longer and less is asked.

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
        parameters = {n: a + rng.normal(0, 0.01, a.shape) for n, a in starts.items()}
    point = {name: widen(array) for name, array in parameters.items()}
    loss, gradients = loss_at(point, batch, seed)
    # A copy, because the program may use the same memory for its next gradients.
    gradients = {name: np.array(array, float) for name, array in gradients.items()}
    precision = np.finfo(np.asarray(loss).dtype)
    wide = precision.bits > 32
    tolerance = 1e-5 if wide else 3e-2
    steps = (1e-3, 1e-4, 1e-5) if wide else (1e-1, 3e-2, 1e-2)
    rounding = 20 * float(precision.eps) * max(1.0, abs(float(loss)))
    results: dict[str, tuple[float, bool]] = {}
    for name, gradient in gradients.items():
        worst = 0.0
        for direction in choose_directions(gradient, directions, elements, rng):
            # Relative to the size of the parameter, so that its unit does not matter.
            scaled = direction * max(1.0, float(np.linalg.norm(point[name])))
            expected = float(np.sum(gradient * scaled))
            errors: list[float] = []
            for step in steps:
                measured = slope(point, name, scaled, step, batch, seed)
                # Below this, a difference is nothing but rounding.
                floor = rounding / step / tolerance
                size = max(abs(expected), abs(measured), floor)
                errors.append(abs(expected - measured) / size)
            # A NaN compares as false everywhere, so it must not pass for small.
            error = min(errors) if np.isfinite(errors).all() else float("inf")
            worst = max(worst, error)
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


def slope(
    parameters: Arrays,
    name: str,
    direction: Array,
    step: float,
    batch: list[Array],
    seed: int,
) -> float:
    """The central difference of the loss as one parameter moves along `direction`."""
    there = {**parameters, name: parameters[name] + step * direction}
    back = {**parameters, name: parameters[name] - step * direction}
    # Each a number before the next call, which may write to the same memory.
    ahead = float(loss_at(there, batch, seed)[0])
    behind = float(loss_at(back, batch, seed)[0])
    return (ahead - behind) / (2 * step)
