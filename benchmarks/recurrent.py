"""A training step of a long short-term memory: mean square of its outputs, and Adam.

Source: Hochreiter and Schmidhuber 1997, "Long short-term memory", in torch's layout of
the weights.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .arrays import aligned
from .functions import check_arrays

Array = np.ndarray[Any, Any]
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
RATE = 1e-3
STEPS = 5
"""So many steps are taken before parameters are compared."""

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "torch": "torch_eager",
    "jax": "jax_jit",
}


@dataclass(frozen=True)
class Data:
    """Initial parameters, by torch's names, and a ring of batches, in float32."""

    parameters: dict[str, Array]
    batches: list[Array]


@dataclass(frozen=True)
class Recurrent:
    """A layer of so many units along sequences of as many features."""

    name: str
    length: int
    batch: int
    units: int

    @property
    def title(self) -> str:
        """The sizes, for a reader."""
        return f"LSTM of {self.units} units, length {self.length}, batch {self.batch}"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    def data(self, seed: int = 0) -> Data:
        """Parameters as torch starts them, and normal sequences."""
        rng = np.random.default_rng(seed)
        rows = 4 * self.units
        shapes = ((rows, self.units), (rows, self.units), (rows,), (rows,))
        bound = 1 / np.sqrt(self.units)
        starts = [rng.uniform(-bound, bound, shape) for shape in shapes]
        sizes = (16, self.length, self.batch, self.units)
        batches = [aligned(array, np.float32) for array in rng.normal(size=sizes)]
        arrays = [aligned(start, np.float32) for start in starts]
        return Data(dict(zip(NAMES, arrays, strict=True)), batches)

    def check(self, peer: Peer, data: Data) -> None:
        """Hold the parameters after some steps against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        peer.reset()
        for index in range(STEPS):
            peer.step(index)
        check_arrays(peer.parameters(), textbook(data), NAMES, 1e-4)


class Peer:
    """A peer of three functions."""

    def __init__(
        self,
        reset: Callable[[], None],
        step: Callable[[Array], Any],
        parameters: Callable[[], list[Array]],
        batches: list[Any],
    ) -> None:
        self.reset, self.parameters = reset, parameters
        self._step, self._batches = step, batches
        reset()

    def step(self, index: int) -> Any:
        return self._step(self._batches[index % len(self._batches)])


# The reference ------------------------------------------------------------------------


def gradients(parameters: list[Array], x: Array) -> list[Array]:
    """Gradients of the mean square of the outputs, step by step."""
    w, u, b, c = parameters
    steps, batch, units = len(x), x.shape[1], u.shape[1]
    hidden = cell = np.zeros((batch, units))
    kept = []
    for x_t in x:
        parts = np.split(x_t @ w.T + hidden @ u.T + b + c, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-parts[place])) for place in (0, 1, 3))
        g = np.tanh(parts[2])
        kept.append((hidden, cell, i, f, g, o))
        cell = f * cell + i * g
        hidden = o * np.tanh(cell)
        kept[-1] += (cell, hidden)
    d_w, d_u, d_b = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    d_hidden = d_cell = np.zeros((batch, units))
    for x_t, (h, c_before, i, f, g, o, c_after, out) in zip(
        x[::-1], kept[::-1], strict=True
    ):
        d_hidden = d_hidden + 2 * out / (steps * batch * units)
        tanh = np.tanh(c_after)
        d_cell = d_cell + d_hidden * o * (1 - tanh**2)
        parts = (
            d_cell * g * i * (1 - i),
            d_cell * c_before * f * (1 - f),
            d_cell * i * (1 - g**2),
            d_hidden * tanh * o * (1 - o),
        )
        d_gates = np.concatenate(parts, axis=1)
        d_w += d_gates.T @ x_t
        d_u += d_gates.T @ h
        d_b += d_gates.sum(0)
        d_hidden, d_cell = d_gates @ u, d_cell * f
    return [d_w, d_u, d_b, d_b]


def textbook(data: Data) -> list[Array]:
    """The parameters after some steps of Adam, in float64."""
    parameters = [array.astype(np.float64) for array in data.parameters.values()]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    for step in range(1, STEPS + 1):
        slopes = gradients(parameters, data.batches[step - 1].astype(np.float64))
        for p, m, v, g in zip(parameters, first, second, slopes, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            root = np.sqrt(v / (1 - 0.999**step))
            p -= RATE * m / (1 - 0.9**step) / (root + 1e-8)
    return parameters


# Peers --------------------------------------------------------------------------------


def graphc_native(workload: Recurrent, data: Data) -> Peer:
    """The training step of an emitted program."""
    return _graphc(workload, data, "native")


def graphc_fast(workload: Recurrent, data: Data) -> Peer:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(workload, data, "fast")


def graphc_readable(workload: Recurrent, data: Data) -> Peer:
    """The same in the textbook style."""
    return _graphc(workload, data, "readable")


def emitted_program(trainer: Any, style: str) -> ModuleType:
    """The training program that a `Trainer` emits, imported."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"emitted_{style}.py"
        trainer.emit(path, style=style)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def _graphc(workload: Recurrent, data: Data, style: str) -> Peer:
    import graphc as gc

    x = gc.input("x", (workload.length, workload.batch, workload.units))
    output, _ = gc.nn.LSTM(workload.units, workload.units, name="lstm")(x)
    trainer = gc.Trainer(gc.mean(output**2), gc.optim.Adam(RATE), style=style)
    module = emitted_program(trainer, style)
    parameters = module.init_parameters(seed=0)
    state: list[Any] = [None]

    def reset() -> None:
        for name, array in data.parameters.items():
            parameters[f"lstm.{name}"][...] = array
        state[0] = module.init_state(parameters)

    return Peer(
        reset,
        lambda x: module.train_step(parameters, state[0], x),
        lambda: [parameters[f"lstm.{name}"] for name in NAMES],
        data.batches,
    )


def torch_eager(workload: Recurrent, data: Data) -> Peer:
    """PyTorch's own layer and optimizer."""
    import torch

    layer = torch.nn.LSTM(workload.units, workload.units)
    optimizer: list[Any] = [None]

    def reset() -> None:
        with torch.no_grad():
            for name, array in data.parameters.items():
                getattr(layer, name).copy_(torch.from_numpy(array))
        optimizer[0] = torch.optim.Adam(layer.parameters(), RATE)

    def step(x: Any) -> Any:
        optimizer[0].zero_grad()
        loss = (layer(x)[0] ** 2).mean()
        loss.backward()
        optimizer[0].step()
        return loss.detach()

    def parameters() -> list[Array]:
        return [getattr(layer, name).detach().numpy() for name in NAMES]

    return Peer(reset, step, parameters, [*map(torch.from_numpy, data.batches)])


def jax_jit(workload: Recurrent, data: Data) -> Peer:
    """A step in one jitted function, with `lax.scan`."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)

    def loss_of(parameters: Any, x: Any) -> Any:
        w, u, b, c = parameters

        def cell(state: Any, projected: Any) -> Any:
            hidden, cell = state
            i, f, g, o = jnp.split(projected + hidden @ u.T, 4, axis=1)
            sigmoid = jax.nn.sigmoid
            cell = sigmoid(f) * cell + sigmoid(i) * jnp.tanh(g)
            hidden = sigmoid(o) * jnp.tanh(cell)
            return (hidden, cell), hidden

        zeros = jnp.zeros((x.shape[1], u.shape[1]), x.dtype)
        _, outputs = jax.lax.scan(cell, (zeros, zeros), x @ w.T + (b + c))
        return jnp.mean(outputs**2)

    @jax.jit
    def train_step(state: Any, x: Any) -> Any:
        parameters, first, second, step = state
        loss, slopes = jax.value_and_grad(loss_of)(parameters, x)
        step += 1
        first = [0.9 * m + 0.1 * g for m, g in zip(first, slopes, strict=True)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(second, slopes, strict=True)]
        roots = [jnp.sqrt(v / (1 - 0.999**step)) + 1e-8 for v in second]
        moved = zip(parameters, first, roots, strict=True)
        rate = RATE / (1 - 0.9**step)
        return (
            [p - rate * m / root for p, m, root in moved],
            first,
            second,
            step,
        ), loss

    state: list[Any] = [None]

    def reset() -> None:
        start = [jnp.asarray(array) for array in data.parameters.values()]
        zeros = [jnp.zeros_like(array) for array in start]
        state[0] = (start, zeros, zeros, jnp.zeros((), jnp.float32))

    def step(x: Any) -> Any:
        state[0], loss = train_step(state[0], x)
        return jax.block_until_ready(loss)

    def parameters() -> list[Array]:
        return [np.asarray(array) for array in state[0][0]]

    return Peer(reset, step, parameters, [*map(jnp.asarray, data.batches)])
