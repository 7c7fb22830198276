"""PyTorch: eager with its default optimizer, with the fused one, and torch.compile.

Of the ways to use torch.compile, two are kept, each the fastest somewhere: the loss
compiled and a fused optimizer; and a step without autograd's engine and torch.optim,
loss, gradients and update as one compiled function.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from .network import Data, Training

Array = np.ndarray[Any, Any]

ACTIVATIONS = {
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
}


def model_of(network: Training) -> torch.nn.Sequential:
    """The network as layers."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in zip(network.sizes, network.sizes[1:], strict=False):
        layers += [torch.nn.Linear(fan_in, fan_out), ACTIVATIONS[network.activation]()]
    return torch.nn.Sequential(*layers[:-1])


class Eager:
    """The training loop of PyTorch's tutorials."""

    optimizer_options: ClassVar[dict[str, Any]] = {}

    def __init__(self, network: Training, data: Data) -> None:
        self._network, self._initial = network, data
        self._batches = [
            (torch.from_numpy(x), torch.from_numpy(y)) for x, y in data.batches
        ]
        self._model = model_of(network)
        self._linear = self._model[::2]
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            pairs = zip(self._initial.weights, self._initial.biases, strict=True)
            for layer, (weight, bias) in zip(self._linear, pairs, strict=True):
                layer.weight.copy_(torch.from_numpy(weight))
                layer.bias.copy_(torch.from_numpy(bias))
        options = {"lr": self._network.lr, **self.optimizer_options}
        if self._network.optimizer == "SGD":
            options["momentum"] = self._network.momentum
        optimizer = getattr(torch.optim, self._network.optimizer)
        self._optimizer = optimizer(self._model.parameters(), **options)

    def step(self, index: int) -> torch.Tensor:
        x, y = self._batches[index % len(self._batches)]
        self._optimizer.zero_grad()
        loss = F.cross_entropy(self._model(x), y)
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def parameters(self) -> list[Array]:
        return [p.detach().numpy() for p in self._model.parameters()]


class Fused(Eager):
    """The same with the optimizer that updates all parameters in one call."""

    optimizer_options: ClassVar = {"fused": True}


class CompiledLoss(Fused):
    """`torch.compile` for the loss and its gradients."""

    def __init__(self, network: Training, data: Data) -> None:
        super().__init__(network, data)
        model = self._model
        self._loss = torch.compile(lambda x, y: F.cross_entropy(model(x), y))

    def step(self, index: int) -> torch.Tensor:
        x, y = self._batches[index % len(self._batches)]
        self._optimizer.zero_grad()
        loss = self._loss(x, y)
        loss.backward()
        self._optimizer.step()
        return loss.detach()


class CompiledStep(Eager):
    """`torch.compile` for a whole step written with `torch.func`."""

    def __init__(self, network: Training, data: Data) -> None:
        super().__init__(network, data)
        self._train_step = torch.compile(train_step_of(network), fullgraph=True)

    def reset(self) -> None:
        super().reset()
        self._parameters = [p.detach().clone() for p in self._model.parameters()]
        self._first = [torch.zeros_like(p) for p in self._parameters]
        self._second = [torch.zeros_like(p) for p in self._parameters]
        self._count = torch.zeros(())

    def step(self, index: int) -> torch.Tensor:
        batch = self._batches[index % len(self._batches)]
        with torch.no_grad():
            return self._train_step(
                self._parameters, self._first, self._second, self._count, *batch
            )

    def parameters(self) -> list[Array]:
        return [p.numpy() for p in self._parameters]


def train_step_of(network: Training) -> Any:
    """A function that updates its arguments in place and returns the loss."""
    activate = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}[
        network.activation
    ]

    def loss_of(
        parameters: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor
    ) -> Any:
        value = x
        for position in range(0, len(parameters) - 2, 2):
            value = activate(F.linear(value, *parameters[position : position + 2]))
        return F.cross_entropy(F.linear(value, *parameters[-2:]), y)

    gradients_and_loss = torch.func.grad_and_value(loss_of)

    def train_step(
        parameters: Any, first: Any, second: Any, count: Any, *batch: Any
    ) -> Any:
        gradients, loss = gradients_and_loss(parameters, *batch)
        count += 1
        # 1 - beta**count, without the digits that float32 would lose.
        rate = network.lr / -torch.expm1(count * math.log(0.9))
        correction = torch.sqrt(-torch.expm1(count * math.log(0.999)))
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            if network.optimizer == "Adam":
                m.lerp_(g, 0.1)
                v.mul_(0.999).addcmul_(g, g, value=0.001)
                p.sub_(rate * m / (v.sqrt() / correction + 1e-8))
            elif network.momentum:
                m.mul_(network.momentum).add_(g)
                p.sub_(m, alpha=network.lr)
            else:
                p.sub_(g, alpha=network.lr)
        return loss

    return train_step
