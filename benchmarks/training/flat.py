"""One flat array for all weights and biases, as hand-written NumPy keeps them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.arrays import aligned_zeros

Array = np.ndarray[Any, Any]


class Flat:
    """Zeros, and views of them: weight and bias of each layer.

    Attributes:
        values: all numbers, float32.
        weights: of each layer, (outputs, inputs).
        biases: of each layer, (outputs,).
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        pairs = list(itertools.pairwise(sizes))
        self.values = aligned_zeros(sum((i + 1) * o for i, o in pairs))
        self.weights: list[Array] = []
        self.biases: list[Array] = []
        start = 0
        for fan_in, fan_out in pairs:
            end = start + fan_in * fan_out
            self.weights.append(self.values[start:end].reshape(fan_out, fan_in))
            self.biases.append(self.values[end : end + fan_out])
            start = end + fan_out

    def assign(self, weights: list[Array], biases: list[Array]) -> None:
        """Copy values into the views."""
        views = [*self.weights, *self.biases]
        for view, value in zip(views, [*weights, *biases], strict=True):
            view[...] = value

    def arrays(self) -> list[Array]:
        """Weight and bias of each layer in turn."""
        pairs = zip(self.weights, self.biases, strict=True)
        return [array for pair in pairs for array in pair]
