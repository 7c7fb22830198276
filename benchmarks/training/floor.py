"""The floor of a training step: what no program that calls this BLAS can go below.

It runs the matrix products of the step, and moves each array that an update must move
once: parameters are read and written, gradients read (the products have written them),
each array of the optimizer's state read and written. Nothing else is computed: it does
not train, and its values mean nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .flat import Flat
from .network import Data, Training

Array = np.ndarray[Any, Any]

STATE_ARRAYS = {"SGD": 0, "Adam": 2}


class Floor:
    """The products and the traffic of a training step.

    The products are laid out as BLAS is fastest on this kind of processor: of all
    orders tried, W @ x.T for values and d @ x for gradients, with units first.
    """

    def __init__(self, network: Training, data: Data) -> None:
        self._initial = data
        self._parameters = Flat(network.sizes)
        gradients = Flat(network.sizes)
        count = STATE_ARRAYS[network.optimizer] + bool(network.momentum)
        state = [np.ones_like(self._parameters.values) for _ in range(count)]
        vector = network.batch == 1
        # Values and errors of each layer, which the products of the layers share.
        values, errors = [], []
        for units in network.sizes[1:]:
            shape = units if vector else (units, network.batch)
            values.append(np.full(shape, 0.1, np.float32))
            errors.append(np.full(shape, 1e-9, np.float32))
        weights, batches = self._parameters.weights, data.batches
        products = (_vector_products if vector else _batch_products)(
            weights, gradients.weights, values, errors
        )
        parameters, update = self._parameters.values, gradients.values

        def step(index: int) -> None:
            x, _ = batches[index % len(batches)]
            for left, right, out in products(x):
                np.dot(left, right, out)
            np.subtract(parameters, update, parameters)
            for array in state:
                np.negative(array, array)

        self.step = step
        self.reset()

    def reset(self) -> None:
        self._parameters.assign(self._initial.weights, self._initial.biases)


def _batch_products(
    weights: list[Array],
    d_weights: list[Array],
    values: list[Array],
    errors: list[Array],
) -> Any:
    """The operands of each product of a batch (rows, inputs)."""
    scratch = [np.empty_like(value) for value in values]
    inner = [
        product
        for layer in range(1, len(weights))
        for product in (
            (weights[layer], values[layer - 1], scratch[layer]),
            (errors[layer], values[layer - 1].T, d_weights[layer]),
            (weights[layer].T, errors[layer], scratch[layer - 1]),
        )
    ]

    def products(x: Array) -> list[tuple[Array, Array, Array]]:
        first, last = (weights[0], x.T, scratch[0]), (errors[0], x, d_weights[0])
        return [first, *inner, last]

    return products


def _vector_products(
    weights: list[Array],
    d_weights: list[Array],
    values: list[Array],
    errors: list[Array],
) -> Any:
    """The same for one row: products with vectors, and outer products."""
    scratch = [np.empty_like(value) for value in values]
    inner = [
        product
        for layer in range(1, len(weights))
        for product in (
            (weights[layer], values[layer - 1], scratch[layer]),
            (errors[layer][:, None], values[layer - 1][None], d_weights[layer]),
            (weights[layer].T, errors[layer], scratch[layer - 1]),
        )
    ]
    column = errors[0][:, None]

    def products(x: Array) -> list[tuple[Array, Array, Array]]:
        return [(weights[0], x[0], scratch[0]), *inner, (column, x, d_weights[0])]

    return products
