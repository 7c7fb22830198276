"""JAX: the whole training step in one jitted function that may reuse its arguments."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .network import Data, Training

Array = np.ndarray[Any, Any]

# A step ends when its results are there, and no other thread has to be waited for.
jax.config.update("jax_cpu_enable_async_dispatch", False)

ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu}


def train_step_of(network: Training) -> Any:
    """The jitted `(parameters, state, x, y) -> (parameters, state, loss)`."""
    activate = ACTIVATIONS[network.activation]

    def loss_of(parameters: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        value = x
        for weight, bias in parameters[:-1]:
            value = activate(value @ weight.T + bias)
        weight, bias = parameters[-1]
        log_probabilities = jax.nn.log_softmax(value @ weight.T + bias)
        return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def train_step(parameters: Any, state: Any, x: jax.Array, y: jax.Array) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        if network.optimizer == "SGD":
            if network.momentum:
                state = jax.tree.map(
                    lambda v, g: network.momentum * v + g, state, gradients
                )
                gradients = state
            parameters = jax.tree.map(
                lambda p, g: p - network.lr * g, parameters, gradients
            )
            return parameters, state, loss
        step, first, second = state
        step += 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, gradients)
        # 1 - beta**step, without the digits that float32 would lose.
        rate = network.lr / -jnp.expm1(step * math.log(0.9))
        correction = jnp.sqrt(-jnp.expm1(step * math.log(0.999)))
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) / correction + 1e-8),
            parameters,
            first,
            second,
        )
        return parameters, (step, first, second), loss

    return train_step


class Jax:
    """A training step under `jax.jit`."""

    def __init__(self, network: Training, data: Data) -> None:
        self._network, self._initial = network, data
        self._batches = [
            (jnp.asarray(x), jnp.asarray(y.astype(np.int32))) for x, y in data.batches
        ]
        self._train_step = train_step_of(network)
        self.reset()

    def reset(self) -> None:
        def zeros() -> Any:
            return jax.tree.map(jnp.zeros_like, self._parameters)

        pairs = zip(self._initial.weights, self._initial.biases, strict=True)
        self._parameters = [
            (jnp.array(weight), jnp.array(bias)) for weight, bias in pairs
        ]
        if self._network.optimizer == "Adam":
            self._state: Any = (jnp.zeros(()), zeros(), zeros())
        else:
            self._state = zeros() if self._network.momentum else ()

    def step(self, index: int) -> jax.Array:
        x, y = self._batches[index % len(self._batches)]
        self._parameters, self._state, loss = self._train_step(
            self._parameters, self._state, x, y
        )
        return loss.block_until_ready()

    def parameters(self) -> list[Array]:
        return [np.asarray(array) for pair in self._parameters for array in pair]
