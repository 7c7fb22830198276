"""The training step in float64, as in a textbook: what all peers must compute."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ACTIVATIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
}
# Derivatives, as functions of the activation's value.
DERIVATIVES = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
    "relu": lambda a: a > 0,
}


def loss_and_gradients(
    activation: str, parameters: list[Array], x: Array, y: Array
) -> tuple[float, list[Array]]:
    """The mean cross-entropy of a batch and its gradient by each parameter.

    Args:
        activation: of the hidden layers.
        parameters: weight (outputs, inputs) and bias of each layer in turn.
        x: (batch, inputs).
        y: labels (batch,).
    """
    weights, biases = parameters[::2], parameters[1::2]
    values = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        values.append(ACTIVATIONS[activation](values[-1] @ weight.T + bias))
    logits = values[-1] @ weights[-1].T + biases[-1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    loss = -log_probabilities[rows, y].mean()

    error = np.exp(log_probabilities)
    error[rows, y] -= 1
    error /= len(y)
    gradients: list[Array] = []
    for layer in reversed(range(len(weights))):
        gradients[:0] = [error.T @ values[layer], error.sum(axis=0)]
        if layer:
            error = (error @ weights[layer]) * DERIVATIVES[activation](values[layer])
    return float(loss), gradients


def reference_run(network: Any, data: Any, steps: int) -> tuple[Array, list[Array]]:
    """The losses of the first steps, and the parameters after them.

    The updates are those of torch.optim.SGD and torch.optim.Adam with their defaults.

    Args:
        network: a `Training`.
        data: its `Data`.
        steps: how many.
    """
    pairs = zip(data.weights, data.biases, strict=True)
    parameters = [array.astype(np.float64) for pair in pairs for array in pair]
    first = [np.zeros_like(array) for array in parameters]
    second = [np.zeros_like(array) for array in parameters]
    losses = []
    for step in range(1, steps + 1):
        x, y = data.batches[(step - 1) % len(data.batches)]
        loss, gradients = loss_and_gradients(
            network.activation, parameters, x.astype(np.float64), y
        )
        losses.append(loss)
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            if network.optimizer == "SGD":
                m[...] = network.momentum * m + g
                p -= network.lr * m
            else:
                m[...] = 0.9 * m + 0.1 * g
                v[...] = 0.999 * v + 0.001 * g**2
                m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
                p -= network.lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return np.array(losses), parameters
