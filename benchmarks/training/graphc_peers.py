"""graphc: the emitted program, as anyone would import it.

It is written by another process, so that what is measured runs without graphc.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .network import Data, Training


def emit(network: Training, style: str, path: Path, *, mpi: bool = False) -> None:
    """Declare the workload as a graphc model, and write its training program."""
    import graphc as gc

    x = gc.input("x", ("batch", network.sizes[0]))
    y = gc.input("y", ("batch",), dtype="int64")
    value = x
    pairs = list(zip(network.sizes, network.sizes[1:], strict=False))
    for number, (fan_in, fan_out) in enumerate(pairs, start=1):
        value = gc.nn.Linear(fan_in, fan_out, name=f"layer{number}")(value)
        if number < len(pairs):
            value = getattr(gc.nn, network.activation)(value)
    loss = gc.nn.cross_entropy(value, y)
    if network.optimizer == "SGD":
        optimizer = gc.optim.SGD(lr=network.lr, momentum=network.momentum)
    else:
        optimizer = gc.optim.Adam(lr=network.lr)
    parts = {"include": ["checkpoint", "mpi"]} if mpi else {}
    gc.Trainer(loss, optimizer).emit(path, style=style, **parts)


@cache
def emitted_module(network: Training, style: str) -> ModuleType:
    """The training program of a workload, written to a file and imported."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "emitted.py"
        with ProcessPoolExecutor(1, mp_context=spawn) as other:
            other.submit(emit, network, style, path).result()
        spec = importlib.util.spec_from_file_location(f"emitted_{style}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


class Graphc:
    """A training program that graphc wrote."""

    def __init__(self, network: Training, data: Data, style: str) -> None:
        self._module = emitted_module(network, style)
        self._batches = data.batches
        self._initial = {}
        for number, (w, b) in enumerate(zip(data.weights, data.biases, strict=True), 1):
            self._initial[f"layer{number}.weight"] = w
            self._initial[f"layer{number}.bias"] = b
        self._parameters = self._module.init_parameters(seed=0)
        self.reset()

    def reset(self) -> None:
        for name, value in self._initial.items():
            self._parameters[name][...] = value
        self._state = self._module.init_state(self._parameters)

    def step(self, index: int) -> float:
        x, y = self._batches[index % len(self._batches)]
        return self._module.train_step(self._parameters, self._state, x, y)

    def parameters(self) -> list[Any]:
        return [self._parameters[name] for name in self._initial]

    def kept(self) -> list[Any]:
        return [*self.parameters(), *self._state["slots"].values()]


def native(network: Training, data: Data) -> Graphc:
    """The style that computes in C."""
    return Graphc(network, data, "native")


def fast(network: Training, data: Data) -> Graphc:
    """The style that allocates once and writes with `out=`."""
    return Graphc(network, data, "fast")


def readable(network: Training, data: Data) -> Graphc:
    """The style that reads like a textbook."""
    return Graphc(network, data, "readable")
