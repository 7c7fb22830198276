"""The training step as an expert writes it by hand, with nothing but NumPy.

The yardstick for emitted programs. What is done to be fast, and why it helps:

- Activations are stored transposed, (units, batch). Every product then reads and writes
  whole rows, and the softmax reduces over its first axis, where NumPy's loops are
  vectorised.
- All memory is allocated once. Parameters, gradients and the optimizer's state are
  views of one flat array each, so that an update is a handful of calls.
- `np.dot` instead of `np.matmul`, and sums as products with ones: less time is spent
  before the work begins. Numbers are arrays without axes, which ufuncs take without the
  conversion that a Python float needs.
- The gradient is scaled where it is smallest, at the logits: by one over the batch, and
  for SGD by the step size, too. What arrives at the parameters is then the update.
- `np.maximum` is fast for two arrays and slow for an array and a number, and selecting
  by a mask slow against multiplying by it.
- A batch of one row uses vectors, and an outer product for the gradient.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.arrays import aligned_zeros, number

from .flat import Flat
from .network import Data, Training

Array = np.ndarray[Any, Any]

# Numbers of an update that are worked on before the next ones, so that all five arrays
# stay in a cache of 512 KiB or, on a busy one, little beyond.
TILE = 32768

# A function that overwrites weighted sums with activations, and one of an error and the
# activation that overwrites the error with that of the sums, and may spoil the other.
Activation = tuple[Callable[[Array], None], Callable[[Array, Array], None]]

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


def sigmoid(shape: tuple[int, ...]) -> Activation:
    """The logistic function, by an exponential that does not overflow."""

    def forward(z: Array) -> None:
        np.negative(z, z)
        np.minimum(z, EXP_LIMIT, out=z)
        np.exp(z, z)
        np.add(z, ONE, z)
        np.reciprocal(z, z)

    def backward(d: Array, a: Array) -> None:
        np.multiply(d, a, d)
        np.subtract(ONE, a, a)
        np.multiply(d, a, d)

    return forward, backward


def tanh(shape: tuple[int, ...]) -> Activation:
    """The hyperbolic tangent."""

    def forward(z: Array) -> None:
        np.tanh(z, z)

    def backward(d: Array, a: Array) -> None:
        np.multiply(a, a, a)
        np.subtract(ONE, a, a)
        np.multiply(d, a, d)

    return forward, backward


def relu(shape: tuple[int, ...]) -> Activation:
    """The positive part."""
    zeros, mask = aligned_zeros(shape), np.empty(shape, np.bool_)

    def forward(z: Array) -> None:
        np.maximum(z, zeros, out=z)

    def backward(d: Array, a: Array) -> None:
        np.greater(a, ZERO, mask)
        np.copyto(a, mask)
        np.multiply(d, a, d)

    return forward, backward


ACTIVATIONS = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}


def batch_gradients(
    network: Training, parameters: Flat, gradients: Flat, scale: float
) -> Callable[[Array, Array], float]:
    """A function of a batch: it writes scaled gradients and returns the loss."""
    batch, classes = network.batch, network.sizes[-1]
    forward, backward = [], []
    below = None
    for position, units in enumerate(network.sizes[1:-1]):
        value, error = aligned_zeros((units, batch)), aligned_zeros((units, batch))
        activate, activate_backward = ACTIVATIONS[network.activation](value.shape)
        w, b = parameters.weights[position], parameters.biases[position][:, None]
        d_w, d_b = gradients.weights[position], gradients.biases[position]
        w_above = parameters.weights[position + 1].T
        forward.append((w, b, activate, value))
        backward.append((w_above, activate_backward, value, error, below, d_w, d_b))
        below = value.T
    backward.reverse()
    weight, bias = parameters.weights[-1], parameters.biases[-1][:, None]
    d_weight, d_bias = gradients.weights[-1], gradients.biases[-1]
    logits, d_logits = aligned_zeros((classes, batch)), aligned_zeros((classes, batch))
    largest, total, picked = (aligned_zeros(batch) for _ in range(3))
    flat_logits, flat_d_logits = logits.reshape(-1), d_logits.reshape(-1)
    label_positions, columns = aligned_zeros(batch, np.int64), np.arange(batch)
    ones, class_ones = np.ones(batch, np.float32), np.ones(classes, np.float32)
    row_length, scale_by_batch = np.array(batch), number(scale / batch)
    dot, add, subtract, multiply = np.dot, np.add, np.subtract, np.multiply

    def run(x: Array, y: Array) -> float:
        below = x.T
        for w, b, activate, value in forward:
            dot(w, below, value)
            add(value, b, value)
            activate(value)
            below = value
        dot(weight, below, logits)
        add(logits, bias, logits)

        # Cross-entropy
        np.maximum.reduce(logits, 0, None, largest)
        subtract(logits, largest, logits)
        np.exp(logits, d_logits)
        dot(class_ones, d_logits, total)
        multiply(y, row_length, label_positions)
        add(label_positions, columns, label_positions)
        flat_logits.take(label_positions, None, picked, "clip")
        np.divide(scale_by_batch, total, largest)
        multiply(d_logits, largest, d_logits)
        flat_d_logits[label_positions] -= scale_by_batch
        np.log(total, total)
        subtract(total, picked, total)

        # Backward
        dot(d_logits, below.T, d_weight)
        dot(d_logits, ones, d_bias)
        d_above = d_logits
        for w_above, activate_backward, value, error, below, d_w, d_b in backward:
            dot(w_above, d_above, error)
            activate_backward(error, value)
            dot(error, x if below is None else below, d_w)
            dot(error, ones, d_b)
            d_above = error
        return float(dot(ones, total)) / batch

    return run


def vector_gradients(
    network: Training, parameters: Flat, gradients: Flat, scale: float
) -> Callable[[Array, Array], float]:
    """The same for a batch of one row, whose errors are the gradients of the biases."""
    forward, backward = [], []
    below = None
    for position, units in enumerate(network.sizes[1:-1]):
        value = aligned_zeros(units)
        activate, activate_backward = ACTIVATIONS[network.activation](value.shape)
        w, b = parameters.weights[position], parameters.biases[position]
        d_w, d_b = gradients.weights[position], gradients.biases[position]
        w_above, column = parameters.weights[position + 1].T, d_b[:, None]
        forward.append((w, b, activate, value))
        backward.append(
            (w_above, activate_backward, value, d_b, column, below, d_w),
        )
        below = value[None]
    backward.reverse()
    weight, bias = parameters.weights[-1], parameters.biases[-1]
    d_weight, d_logits = gradients.weights[-1], gradients.biases[-1]
    d_column = d_logits[:, None]
    logits = aligned_zeros(network.sizes[-1])
    ones = np.ones(network.sizes[-1], np.float32)
    largest, factor = number(0), number(0)
    dot, add, multiply = np.dot, np.add, np.multiply

    def run(x: Array, y: Array) -> float:
        below = x[0]
        for w, b, activate, value in forward:
            dot(w, below, value)
            add(value, b, value)
            activate(value)
            below = value
        dot(weight, below, logits)
        add(logits, bias, logits)

        # Cross-entropy
        label = y.item()
        largest[...] = logits[logits.argmax()]
        np.subtract(logits, largest, logits)
        np.exp(logits, d_logits)
        total = dot(ones, d_logits)
        factor[...] = scale / total
        multiply(d_logits, factor, d_logits)
        d_logits[label] -= scale
        loss = math.log(total) - logits.item(label)

        # Backward
        dot(d_column, below[None], d_weight)
        d_above = d_logits
        for w_above, activate_backward, value, error, column, below, d_w in backward:
            dot(w_above, d_above, error)
            activate_backward(error, value)
            dot(column, x if below is None else below, d_w)
            d_above = error
        return loss

    return run


class SGD:
    """torch.optim.SGD for all parameters at once."""

    def __init__(self, network: Training, parameters: Flat, gradients: Flat) -> None:
        self.state: list[Array] = []
        values, update = parameters.values, gradients.values
        # With gradients times the step size, so is the velocity.
        self.gradient_scale = network.lr
        if not network.momentum:
            self.step = lambda: np.subtract(values, update, values)
            return
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
        first, second = aligned_zeros(size), aligned_zeros(size)
        self.state = [first, second]
        self._count = 0
        self._lr = network.lr
        count = -(-size // TILE)
        edges = [size * i // count for i in range(count + 1)]
        scratch = aligned_zeros(TILE)
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
