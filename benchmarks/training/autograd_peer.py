"""HIPS autograd: gradients of NumPy code, and an update in place."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import logsumexp

from .network import Data, Training

Array = np.ndarray[Any, Any]

ACTIVATIONS = {
    "sigmoid": lambda z: 0.5 * (anp.tanh(0.5 * z) + 1),
    "tanh": anp.tanh,
    "relu": lambda z: anp.maximum(z, 0),
}


class Autograd:
    """A training step with `autograd.value_and_grad`."""

    def __init__(self, network: Training, data: Data) -> None:
        pairs = zip(data.weights, data.biases, strict=True)
        self._initial = [array for pair in pairs for array in pair]
        self._network, self._batches = network, data.batches
        activate = ACTIVATIONS[network.activation]
        rows = np.arange(network.batch)

        def loss_of(parameters: list[Any], x: Array, y: Array) -> Any:
            value = x
            for position in range(0, len(parameters) - 2, 2):
                weight, bias = parameters[position : position + 2]
                value = activate(anp.dot(value, weight.T) + bias)
            logits = anp.dot(value, parameters[-2].T) + parameters[-1]
            return anp.mean(logsumexp(logits, axis=1) - logits[rows, y])

        self._loss_and_gradients = autograd.value_and_grad(loss_of)
        self.reset()

    def reset(self) -> None:
        self._parameters = [array.copy() for array in self._initial]
        self._first = [np.zeros_like(array) for array in self._initial]
        self._second = [np.zeros_like(array) for array in self._initial]
        self._count = 0

    def step(self, index: int) -> Any:
        network = self._network
        loss, gradients = self._loss_and_gradients(
            self._parameters, *self._batches[index % len(self._batches)]
        )
        self._count += 1
        rate = network.lr / (1 - 0.9**self._count)
        correction = (1 - 0.999**self._count) ** 0.5
        for p, g, m, v in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            if network.optimizer == "Adam":
                m *= 0.9
                m += 0.1 * g
                v *= 0.999
                v += 0.001 * g**2
                p -= rate * m / (np.sqrt(v) / correction + 1e-8)
            elif network.momentum:
                m *= network.momentum
                m += g
                p -= network.lr * m
            else:
                p -= network.lr * g
        return loss

    def parameters(self) -> list[Array]:
        return self._parameters
