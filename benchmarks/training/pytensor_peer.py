"""PyTensor: a compiled function that returns the loss and updates shared variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from .network import Data, Training

Array = np.ndarray[Any, Any]

ACTIVATIONS = {
    "sigmoid": pt.sigmoid,
    "tanh": pt.tanh,
    "relu": lambda z: pt.maximum(z, np.float32(0)),
}
# Without it, Python's numbers would turn float32 into float64.
f32 = np.float32


class PyTensor:
    """A training step compiled by Numba, the faster of PyTensor's two backends here."""

    def __init__(self, network: Training, data: Data) -> None:
        pairs = zip(data.weights, data.biases, strict=True)
        self._initial = [array for pair in pairs for array in pair]
        self._parameters = [pytensor.shared(array.copy()) for array in self._initial]
        self._state: list[Any] = []
        self._batches = data.batches

        x = pt.matrix("x", dtype="float32", shape=(network.batch, network.sizes[0]))
        y = pt.vector("y", dtype="int64", shape=(network.batch,))
        weights, biases = self._parameters[::2], self._parameters[1::2]
        value = x
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            value = ACTIVATIONS[network.activation](value @ weight.T + bias)
        logits = value @ weights[-1].T + biases[-1]
        log_probabilities = pt.special.log_softmax(logits, axis=1)
        loss = -pt.mean(log_probabilities[pt.arange(network.batch), y])
        gradients = pt.grad(loss, self._parameters)
        update = self._adam if network.optimizer == "Adam" else self._sgd
        self._train_step = pytensor.function(
            [x, y], loss, updates=update(network, gradients), mode="NUMBA"
        )
        self._train_step.trust_input = True

    def _zeros(self, like: Any) -> Any:
        """A shared variable that belongs to the optimizer."""
        self._state.append(pytensor.shared(np.zeros_like(like.get_value())))
        return self._state[-1]

    def _sgd(self, network: Training, gradients: list[Any]) -> list[tuple[Any, Any]]:
        updates = []
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            if network.momentum:
                velocity = self._zeros(parameter)
                gradient = f32(network.momentum) * velocity + gradient
                updates.append((velocity, gradient))
            updates.append((parameter, parameter - f32(network.lr) * gradient))
        return updates

    def _adam(self, network: Training, gradients: list[Any]) -> list[tuple[Any, Any]]:
        count = pytensor.shared(f32(0))
        self._state.append(count)
        step = count + f32(1)
        # 1 - beta**step, without the digits that float32 would lose.
        rate = f32(network.lr) / -pt.expm1(step * f32(math.log(0.9)))
        correction = pt.sqrt(-pt.expm1(step * f32(math.log(0.999))))
        updates = [(count, step)]
        for parameter, gradient in zip(self._parameters, gradients, strict=True):
            first, second = self._zeros(parameter), self._zeros(parameter)
            m = f32(0.9) * first + f32(0.1) * gradient
            v = f32(0.999) * second + f32(0.001) * gradient**2
            change = rate * m / (pt.sqrt(v) / correction + f32(1e-8))
            updates += [(first, m), (second, v), (parameter, parameter - change)]
        return updates

    def reset(self) -> None:
        for variable, value in zip(self._parameters, self._initial, strict=True):
            variable.set_value(value)
        for variable in self._state:
            variable.set_value(np.zeros_like(variable.get_value()))

    def step(self, index: int) -> Any:
        return self._train_step(*self._batches[index % len(self._batches)])

    def parameters(self) -> list[Array]:
        return [variable.get_value() for variable in self._parameters]
