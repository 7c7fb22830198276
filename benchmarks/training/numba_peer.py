"""The training step as loops that Numba compiles, with products by BLAS."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from benchmarks.arrays import aligned_zeros

from .flat import Flat
from .network import Data, Training

Array = np.ndarray[Any, Any]
ONE = np.float32(1)
compiled = numba.njit(fastmath=True)

ACTIVATIONS = {
    "sigmoid": (lambda x: ONE / (ONE + math.exp(-x)), lambda v: v * (ONE - v)),
    "tanh": (lambda x: math.tanh(x), lambda v: ONE - v * v),
    "relu": (lambda x: max(x, np.float32(0)), lambda v: np.float32(v > 0)),
}


def gradients_of(network: Training) -> Any:
    """A function that overwrites gradients, and returns the loss."""
    forward, slope = map(compiled, ACTIVATIONS[network.activation])

    @compiled
    def gradients(
        x: Any,
        y: Any,
        weights: Any,
        biases: Any,
        d_weights: Any,
        d_biases: Any,
        values: Any,
        errors: Any,
    ) -> Any:
        batch, last = x.shape[0], len(weights) - 1
        below = x
        for layer in range(last + 1):
            value = values[layer]
            np.dot(below, weights[layer].T, value)
            for i in range(batch):
                for j in range(value.shape[1]):
                    value[i, j] += biases[layer][j]
                    if layer < last:
                        value[i, j] = forward(value[i, j])
            below = value
        d = values[last]
        loss = 0.0
        for i in range(batch):
            row = d[i]
            largest = row.max()
            loss += largest - row[y[i]]
            total = np.float32(0)
            for j in range(row.size):
                row[j] = math.exp(row[j] - largest)
                total += row[j]
            loss += math.log(total)
            for j in range(row.size):
                row[j] /= total * np.float32(batch)
            row[y[i]] -= ONE / np.float32(batch)
        for layer in range(last, -1, -1):
            below = values[layer - 1] if layer else x
            np.dot(d.T, below, d_weights[layer])
            d_bias = d_biases[layer]
            d_bias[:] = 0
            for i in range(batch):
                for j in range(d_bias.size):
                    d_bias[j] += d[i, j]
            if layer:
                error = errors[layer - 1]
                np.dot(d, weights[layer], error)
                for i in range(batch):
                    for j in range(error.shape[1]):
                        error[i, j] *= slope(below[i, j])
                d = error
        return loss / batch

    return gradients


@compiled
def sgd(p: Any, g: Any, velocity: Any, lr: Any, momentum: Any) -> None:
    """Stochastic gradient descent, with or without momentum."""
    for i in range(p.size):
        if momentum:
            velocity[i] = momentum * velocity[i] + g[i]
            p[i] -= lr * velocity[i]
        else:
            p[i] -= lr * g[i]


@compiled
def adam(p: Any, g: Any, m: Any, v: Any, rate: Any, correction: Any) -> None:
    """Adam, with bias corrections that are passed."""
    keep, add = np.float32(0.9), np.float32(0.1)
    keep_square, add_square = np.float32(0.999), np.float32(0.001)
    for i in range(p.size):
        m[i] = keep * m[i] + add * g[i]
        v[i] = keep_square * v[i] + add_square * (g[i] * g[i])
        p[i] -= rate * m[i] / (math.sqrt(v[i]) * correction + np.float32(1e-8))


class Numba:
    """A network's training step, one compiled function for all of it."""

    def __init__(self, network: Training, data: Data) -> None:
        self._initial, self._batches = data, data.batches
        self._flats = [Flat(network.sizes) for _ in range(4)]
        self._parameters, slopes = self._flats[:2]
        units = network.sizes[1:]
        arrays = (
            *map(tuple, (self._parameters.weights, self._parameters.biases)),
            *map(tuple, (slopes.weights, slopes.biases)),
            tuple(aligned_zeros((network.batch, size)) for size in units),
            tuple(aligned_zeros((network.batch, size)) for size in units),
        )
        gradients, lr = gradients_of(network), np.float32(network.lr)
        flats = tuple(flat.values for flat in self._flats)
        is_adam, momentum = network.optimizer == "Adam", np.float32(network.momentum)

        @compiled
        def step(x: Any, y: Any, arrays: Any, flats: Any, rates: Any) -> Any:
            loss = gradients(x, y, *arrays)
            p, g, m, v = flats
            if is_adam:
                adam(p, g, m, v, rates[0], rates[1])
            else:
                sgd(p, g, m, lr, momentum)
            return loss

        def rates(count: int) -> tuple[Any, Any]:
            rate = network.lr / (1 - 0.9**count)
            return np.float32(rate), np.float32(1 / math.sqrt(1 - 0.999**count))

        def run(x: Array, y: Array, count: int) -> float:
            return step(x, y, arrays, flats, rates(count) if is_adam else (lr, lr))

        self._run = run
        self.reset()

    def reset(self) -> None:
        for flat in self._flats:
            flat.values[...] = 0
        self._parameters.assign(self._initial.weights, self._initial.biases)
        self._count = 0

    def step(self, index: int) -> float:
        self._count += 1
        return self._run(*self._batches[index % len(self._batches)], self._count)

    def parameters(self) -> list[Array]:
        return self._parameters.arrays()
