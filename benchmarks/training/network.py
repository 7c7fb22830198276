"""What the training workloads share: networks, their data, and the check of peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from benchmarks.arrays import aligned
from benchmarks.harness import WrongResult

from .reference import reference_run

Array = np.ndarray[Any, Any]

HERE = "benchmarks.training"
PEERS = {
    "graphc-native": f"{HERE}.graphc_peers:native",
    "graphc-fast": f"{HERE}.graphc_peers:fast",
    "graphc-readable": f"{HERE}.graphc_peers:readable",
    "expert": f"{HERE}.expert:Expert",
    "c": f"{HERE}.c_peer:ByHand",
    "floor": f"{HERE}.floor:Floor",
    "torch": f"{HERE}.torch_peers:Eager",
    "torch-fused": f"{HERE}.torch_peers:Fused",
    "torch-compile-loss": f"{HERE}.torch_peers:CompiledLoss",
    "torch-compile-step": f"{HERE}.torch_peers:CompiledStep",
    "jax": f"{HERE}.jax_peer:Jax",
    "numba": f"{HERE}.numba_peer:Numba",
    "pytensor": f"{HERE}.pytensor_peer:PyTensor",
    "autograd": f"{HERE}.autograd_peer:Autograd",
}

# How far a peer in float32 may be from the reference in float64 after CHECKED_STEPS.
CHECKED_STEPS = 20
LOSS_TOLERANCE = 1e-5
# A weighted sum that is zero but for rounding may count as positive for one and not for
# the other, and Adam's first steps make much of that.
UPDATE_TOLERANCE = {"sigmoid": 1e-3, "tanh": 1e-3, "relu": 5e-2}


@dataclass(frozen=True)
class Data:
    """Initial values and a ring of batches, in float32.

    Attributes:
        weights: of each layer, (outputs, inputs).
        biases: of each layer, (outputs,).
        batches: pairs of inputs (batch, inputs) and labels int64 (batch,).
    """

    weights: list[Array]
    biases: list[Array]
    batches: list[tuple[Array, Array]]


class TrainingPeer(Protocol):
    """A `Peer` that trains; a step returns the loss before it."""

    def reset(self) -> None:
        """Go back to the initial parameters and a fresh optimizer."""

    def step(self, index: int) -> Any:
        """Take one training step on batch `index` of the ring."""

    def parameters(self) -> list[Array]:
        """The parameters: weight and bias of each layer, shaped as in `Data`."""


@dataclass(frozen=True)
class Training:
    """One training step, cross-entropy of logits, mean over the batch.

    Attributes:
        name: for the command line.
        sizes: inputs, hidden units, ..., classes.
        activation: of the hidden layers.
        optimizer: its class in torch.optim, with defaults but for what follows.
        lr: step size.
        momentum: of SGD.
        batch: rows of a batch.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    activation: Literal["sigmoid", "tanh", "relu"] = "relu"
    optimizer: Literal["SGD", "Adam"] = "SGD"
    lr: float = 0.1
    momentum: float = 0.0

    @property
    def title(self) -> str:
        """Sizes, activation, optimizer and batch, for a reader."""
        sizes = "-".join(map(str, self.sizes))
        activation = f" {self.activation}" if len(self.sizes) > 2 else ""
        momentum = f" with momentum {self.momentum:g}" if self.momentum else ""
        return f"{sizes}{activation}, {self.optimizer}{momentum}, batch {self.batch}"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return PEERS

    def data(self, seed: int = 0) -> Data:
        """Draw initial values, and images like MNIST's: a fifth is not black.

        The labels come from a random linear teacher, one in ten replaced by chance, so
        that the loss falls slowly and stays away from zero.
        """
        rng = np.random.default_rng(seed)
        inputs, classes = self.sizes[0], self.sizes[-1]
        weights, biases = [], []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            bound = 1 / np.sqrt(fan_in)
            weights.append(rng.uniform(-bound, bound, (fan_out, fan_in)))
            biases.append(rng.uniform(-bound, bound, fan_out))
        teacher = rng.normal(size=(inputs, classes))
        batches = []
        for _ in range(self.ring):
            x = rng.random((self.batch, inputs))
            x *= rng.random((self.batch, inputs)) < 0.2
            y = np.argmax((x - 0.1) @ teacher, axis=1)
            by_chance = rng.random(self.batch) < 0.1
            y = np.where(by_chance, rng.integers(0, classes, self.batch), y)
            batches.append((aligned(x, np.float32), aligned(y, np.int64)))
        return Data(
            [weight.astype(np.float32) for weight in weights],
            [bias.astype(np.float32) for bias in biases],
            batches,
        )

    @property
    def ring(self) -> int:
        """How many batches there are: thousands of rows, for nobody to learn by heart.

        Few rows in a batch need more batches.
        """
        return min(max(64, 2048 // self.batch), max(16, 8192 // self.batch))

    def check(self, peer: TrainingPeer, data: Data) -> None:
        """Hold losses and parameters of the first steps against the reference's.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        losses, parameters = reference_run(self, data, CHECKED_STEPS)
        peer.reset()
        found = np.array([float(peer.step(i)) for i in range(CHECKED_STEPS)])
        error = np.abs(found / losses - 1)
        if not (error < LOSS_TOLERANCE).all():
            index = int(np.argmax(~(error < LOSS_TOLERANCE)))
            raise WrongResult(
                f"the loss of step {index + 1} is {found[index]:.7g}, "
                f"the reference's {losses[index]:.7g}"
            )
        bound = UPDATE_TOLERANCE[self.activation]
        pairs = zip(data.weights, data.biases, strict=True)
        initial = [array for pair in pairs for array in pair]
        for position, (start, new, right) in enumerate(
            zip(initial, peer.parameters(), parameters, strict=True)
        ):
            error = np.linalg.norm(new - right) / np.linalg.norm(right - start)
            if not error < bound:
                kind = "bias" if position % 2 else "weight"
                raise WrongResult(
                    f"the {kind} of layer {position // 2 + 1} is off by {error:.1%} "
                    f"of its change in {CHECKED_STEPS} steps"
                )
