"""Losses and gradients that are not finite: no step is taken, and the row is found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .data import BATCH_DIMENSION, count_rows, take_rows
from .files import Array, Arrays
from .model import INPUTS, loss_and_gradients, loss_weight

# --- imports above, copied into emitted programs below ---

# Training -----------------------------------------------------------------------------


# if whole
class NonFiniteError(FloatingPointError):
    """A loss or a gradient that is not finite: what `parameters` and `batch` give."""

    def __init__(self, message: str, parameters: Arrays, batch: list[Array]) -> None:
        super().__init__(message)
        self.parameters = {name: array.copy() for name, array in parameters.items()}
        self.batch = batch


# end
def check_finite(gradients: Arrays) -> None:
    """Raise `FloatingPointError` at the first gradient that is not finite."""
    for name, gradient in gradients.items():
        # if whole or arrays
        # The product is quick and allocates nothing, but may overflow.
        if math.isfinite(np.vdot(gradient, gradient)):
            continue
        # end
        bad = gradient[~np.isfinite(gradient)]
        if bad.size:
            raise FloatingPointError(f"the gradient of {name!r} became {bad.flat[0]}")


# if buffers
def assign(parameters: Arrays, values: dict[str, Any]) -> None:
    """Write values into parameters, all or, where one is not finite, none."""
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise FloatingPointError(f"the new value of {name!r} became {value}")
    for name, value in values.items():
        parameters[name][...] = value


# end
# if whole
def find_row(parameters: Arrays, batch: list[Array]) -> int | None:
    """The first row of a batch whose own loss or gradients are not finite, or None."""
    data = dict(zip(INPUTS, batch, strict=True))
    first, last = 0, count_rows(data) if isinstance(BATCH_DIMENSION, str) else 0
    while last - first > 1:
        middle = (first + last) // 2
        if is_finite(parameters, take_rows(data, slice(first, middle))):
            first = middle
        else:
            last = middle
    alone = take_rows(data, slice(first, last))
    return None if last == 0 or is_finite(parameters, alone) else first


def is_finite(parameters: Arrays, batch: list[Any]) -> bool:
    """True if the loss and the gradients of a batch are finite."""
    # if weights
    if not loss_weight(parameters, *batch):
        return True
    # end
    rng = np.random.default_rng(0)
    loss, gradients = loss_and_gradients(parameters, *batch, rng=rng)
    return all(np.isfinite(each).all() for each in (loss, *gradients.values()))


# end
