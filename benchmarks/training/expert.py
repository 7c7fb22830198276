"""The training step as an expert writes it by hand, with nothing but NumPy.

The yardstick for emitted programs. What is done to be fast, and why it helps:

- Activations are stored transposed, (units, batch). Every product then reads and writes
  whole rows, and the softmax reduces over its first axis, where NumPy's loops are
  vectorised.
- All memory is allocated once. Parameters, gradients and the optimizer's state are views
  of one flat array each, so that an update is a handful of calls for all parameters.
- `np.dot` instead of `np.matmul`, and sums as products with ones: less time is spent
  before the work begins. Numbers are arrays without axes, which ufuncs take without the
  conversion that a Python float needs.
- The gradient of the loss by the logits is scaled, where it is smallest: by one over the
  batch, and for plain SGD by the step size, too. What arrives at the parameters is then
  the update itself.
- `np.maximum` is fast for two arrays and slow for an array and a number, and selecting
  by a mask slow against multiplying by it.
- A batch of one row uses vectors, and an outer product for the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .flat import Flat
from .network import Data, Training

Array = np.ndarray[Any, Any]

# Numbers of an update that are worked on before the next ones: what the update reads and
# writes then stays in a cache of 512 KiB.
TILE = 32768


def number(value: float) -> Array:
    """A float32 array without axes."""
    return np.array(value, np.float32)


ZERO, ONE, EXP_LIMIT = number(0), number(1), number(80)


class Expert:
    """A network's training step in careful NumPy."""

    def __init__(self, network: Training, data: Data) -> None:
        self._initial = data
        self._parameters = Flat(network.sizes)
        self._gradients = Flat(network.sizes)
        if network.optimizer == "Adam":
            self._update = Adam(network, self._parameters, self._gradients)
        else:
            self._update = SGD(network, self._parameters, self._gradients)
        gradients = (vector_gradients if network.batch == 1 else batch_gradients)(
            network, self._parameters, self._gradients, self._update.gradient_scale
        )
        batches, update = data.batches, self._update.step

        def step(index: int) -> float:
            loss = gradients(*batches[index % len(batches)])
            update()
            return loss

        self.step = step
        self.reset()

    def reset(self) -> None:
        self._parameters.assign(self._initial.weights, self._initial.biases)
        self._update.reset()

    def parameters(self) -> list[Array]:
        return self._parameters.arrays()

    def kept(self) -> list[Array]:
        return [self._parameters.values, self._gradients.values, *self._update.state]


# Activations, in place, and derivatives, which overwrite the activation.


def sigmoid(z: Array, zeros: Array) -> None:
    np.negative(z, z)
    np.minimum(z, EXP_LIMIT, out=z)
    np.exp(z, z)
    np.add(z, ONE, z)
    np.reciprocal(z, z)


def sigmoid_backward(d: Array, a: Array, zeros: Array, mask: Array) -> None:
    np.multiply(d, a, d)
    np.subtract(ONE, a, a)
    np.multiply(d, a, d)


def tanh(z: Array, zeros: Array) -> None:
    np.tanh(z, z)


def tanh_backward(d: Array, a: Array, zeros: Array, mask: Array) -> None:
    np.multiply(a, a, a)
    np.subtract(ONE, a, a)
    np.multiply(d, a, d)


def relu(z: Array, zeros: Array) -> None:
    np.maximum(z, zeros, out=z)


def relu_backward(d: Array, a: Array, zeros: Array, mask: Array) -> None:
    np.greater(a, ZERO, mask)
    np.copyto(a, mask)
    np.multiply(d, a, d)


ACTIVATIONS = {
    "sigmoid": (sigmoid, sigmoid_backward),
    "tanh": (tanh, tanh_backward),
    "relu": (relu, relu_backward),
}


def batch_gradients(
    network: Training, parameters: Flat, gradients: Flat, scale: float
) -> Callable[[Array, Array], float]:
    """A function of a batch: it writes scaled gradients and returns the loss."""
    batch, classes = network.batch, network.sizes[-1]
    activate, activate_backward = ACTIVATIONS[network.activation]
    hidden = []
    for position, units in enumerate(network.sizes[1:-1]):
        value, error, zeros = np.zeros((3, units, batch), np.float32)
        hidden.append(
            (
                parameters.weights[position],
                parameters.biases[position][:, None],
                value,
                error,
                zeros,
                np.empty((units, batch), np.bool_),
                parameters.weights[position + 1].T,
                gradients.weights[position],
                gradients.biases[position],
            )
        )
    backward = hidden[::-1]
    weight, bias = parameters.weights[-1], parameters.biases[-1][:, None]
    d_weight, d_bias = gradients.weights[-1], gradients.biases[-1]
    logits, error = np.empty((2, classes, batch), np.float32)
    largest, total, picked = np.empty((3, batch), np.float32)
    flat_logits, flat_error = logits.reshape(-1), error.reshape(-1)
    label_positions, columns = np.empty(batch, np.int64), np.arange(batch)
    ones, class_ones = np.ones(batch, np.float32), np.ones(classes, np.float32)
    row_length, scale_by_batch = np.array(batch), number(scale / batch)
    dot, add, subtract, multiply = np.dot, np.add, np.subtract, np.multiply
    largest_of = np.maximum.reduce

    def run(x: Array, y: Array) -> float:
        value = x.T
        for w, b, out, _, zeros, _, _, _, _ in hidden:
            dot(w, value, out)
            add(out, b, out)
            activate(out, zeros)
            value = out
        dot(weight, value, logits)
        add(logits, bias, logits)

        # Cross-entropy
        largest_of(logits, 0, None, largest)
        subtract(logits, largest, logits)
        np.exp(logits, error)
        dot(class_ones, error, total)
        multiply(y, row_length, label_positions)
        add(label_positions, columns, label_positions)
        flat_logits.take(label_positions, None, picked, "clip")
        np.divide(scale_by_batch, total, largest)
        multiply(error, largest, error)
        flat_error[label_positions] -= scale_by_batch
        np.log(total, total)
        subtract(total, picked, total)

        # Backward
        d = error
        dot(d, value.T, d_weight)
        dot(d, ones, d_bias)
        for position, (_, _, a, d_a, zeros, mask, next_w_t, d_w, d_b) in enumerate(
            backward, start=2
        ):
            dot(next_w_t, d, d_a)
            activate_backward(d_a, a, zeros, mask)
            d = d_a
            below = backward[position - 1][2].T if position <= len(backward) else x
            dot(d, below, d_w)
            dot(d, ones, d_b)
        return float(dot(ones, total)) / batch

    return run


def vector_gradients(
    network: Training, parameters: Flat, gradients: Flat, scale: float
) -> Callable[[Array, Array], float]:
    """The same for a batch of one row, whose errors are the gradients of the biases."""
    activate, activate_backward = ACTIVATIONS[network.activation]
    hidden = []
    for position, units in enumerate(network.sizes[1:-1]):
        hidden.append(
            (
                parameters.weights[position],
                parameters.biases[position],
                np.empty(units, np.float32),
                np.zeros(units, np.float32),
                np.empty(units, np.bool_),
                parameters.weights[position + 1].T,
                gradients.weights[position],
                gradients.biases[position],
                gradients.biases[position][:, None],
            )
        )
    backward = hidden[::-1]
    weight, bias = parameters.weights[-1], parameters.biases[-1]
    d_weight, d_bias, d_column = (
        gradients.weights[-1],
        gradients.biases[-1],
        gradients.biases[-1][:, None],
    )
    logits = np.empty(network.sizes[-1], np.float32)
    ones = np.ones(network.sizes[-1], np.float32)
    largest, total, factor, scale_number = (number(scale) for _ in range(4))
    dot, add, subtract, multiply = np.dot, np.add, np.subtract, np.multiply

    def run(x: Array, y: Array) -> float:
        x = x[0]
        value = x
        for w, b, out, zeros, _, _, _, _, _ in hidden:
            dot(w, value, out)
            add(out, b, out)
            activate(out, zeros)
            value = out
        dot(weight, value, logits)
        add(logits, bias, logits)

        # Cross-entropy
        label = y.item()
        largest[...] = logits[logits.argmax()]
        subtract(logits, largest, logits)
        np.exp(logits, d_bias)
        total[...] = dot(ones, d_bias)
        np.divide(scale_number, total, factor)
        multiply(d_bias, factor, d_bias)
        d_bias[label] -= scale
        loss = float(np.log(total)) - logits.item(label)

        # Backward
        dot(d_column, value[None], d_weight)
        d = d_bias
        for position, (_, _, a, zeros, mask, next_w_t, d_w, d_b, column) in enumerate(
            backward, start=2
        ):
            dot(next_w_t, d, d_b)
            activate_backward(d_b, a, zeros, mask)
            d = d_b
            below = backward[position - 1][2] if position <= len(backward) else x
            dot(column, below[None], d_w)
        return loss

    return run


class SGD:
    """torch.optim.SGD for all parameters at once.

    Without momentum, gradients arrive multiplied by the step size.
    """

    def __init__(self, network: Training, parameters: Flat, gradients: Flat) -> None:
        self.state: list[Array] = []
        values, update = parameters.values, gradients.values
        if not network.momentum:
            self.gradient_scale = network.lr
            self.step = lambda: np.subtract(values, update, values)
            return
        # With gradients times the step size, so is the velocity.
        self.gradient_scale = network.lr
        velocity = np.zeros_like(values)
        self.state = [velocity]
        momentum = number(network.momentum)

        def step() -> None:
            np.multiply(velocity, momentum, velocity)
            np.add(velocity, update, velocity)
            np.subtract(values, velocity, values)

        self.step = step

    def reset(self) -> None:
        for array in self.state:
            array[...] = 0


class Adam:
    """torch.optim.Adam with its defaults, for all parameters at once, tile by tile.

    The moments are kept without their factors (1 - beta), which go into the two numbers
    of the step with the bias corrections: two passes less.
    """

    gradient_scale = 1.0

    def __init__(self, network: Training, parameters: Flat, gradients: Flat) -> None:
        size = parameters.values.size
        first, second = np.zeros((2, size), np.float32)
        self.state = [first, second]
        self._count = 0
        self._lr = network.lr
        count = -(-size // TILE)
        edges = [size * i // count for i in range(count + 1)]
        scratch = np.empty(TILE, np.float32)
        arrays = (parameters.values, gradients.values, first, second)
        self._tiles = [
            (*(array[start:end] for array in arrays), scratch[: end - start])
            for start, end in itertools.pairwise(edges)
        ]

    def reset(self) -> None:
        self._count = 0
        for array in self.state:
            array[...] = 0

    def step(self) -> None:
        self._count += 1
        first_correction = (1 - 0.9**self._count) / (1 - 0.9)
        second_correction = ((1 - 0.999**self._count) / (1 - 0.999)) ** 0.5
        rate = number(self._lr * second_correction / first_correction)
        epsilon = number(1e-8 * second_correction)
        beta1, beta2 = number(0.9), number(0.999)
        add, multiply = np.add, np.multiply
        for p, g, m, v, scratch in self._tiles:
            multiply(m, beta1, m)
            add(m, g, m)
            multiply(v, beta2, v)
            multiply(g, g, g)
            add(v, g, v)
            np.sqrt(v, scratch)
            add(scratch, epsilon, scratch)
            np.divide(m, scratch, scratch)
            multiply(scratch, rate, scratch)
            np.subtract(p, scratch, p)
