"""The training step in C by hand, with the BLAS of NumPy."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from benchmarks.arrays import aligned_zeros
from benchmarks.by_hand import library
from benchmarks.harness import Unavailable
from graphc.harness.native import blas_functions

from .flat import Flat
from .network import Data, Training

MOST_LAYERS = 8
Floats = ctypes.c_void_p * MOST_LAYERS


class Network(ctypes.Structure):
    """The arrays and sizes that the step works with, as in C."""

    _fields_ = (
        ("layers", ctypes.c_int64),
        ("sizes", ctypes.c_int64 * (MOST_LAYERS + 1)),
        ("weights", Floats),
        ("biases", Floats),
        ("values", Floats),
        ("errors", Floats),
        ("count", ctypes.c_int64),
        *((n, ctypes.c_void_p) for n in ("parameters", "gradients", "first", "second")),
        ("d_weights", Floats),
        ("d_biases", Floats),
        ("rate", ctypes.c_float),
        ("steps", ctypes.c_int64),
    )


class ByHand:
    """A network's training step, of which Python passes the addresses of a batch."""

    def __init__(self, network: Training, data: Data) -> None:
        found = blas_functions("sgemm")
        if not found:
            raise Unavailable("the BLAS of NumPy is not found")
        # The exponentials of a loop are computed together, less exactly.
        options = ["-ffast-math", f"-D{network.activation.upper()}"]
        if network.optimizer == "Adam":
            options.append("-DADAM")
        elif network.momentum:
            options.append(f"-DMOMENTUM={network.momentum}f")
        compiled = library("training", *options)
        compiled.use_blas(ctypes.c_void_p(found[0]))
        self._step = compiled.train_step
        self._step.restype = ctypes.c_float
        self._step.argtypes = (ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 2)
        self._initial = data
        self._flats = [Flat(network.sizes) for _ in range(4)]
        self._parameters, gradients, first, second = self._flats
        units = network.sizes[1:]
        rows = [aligned_zeros((network.batch, size)) for size in units]
        errors = [aligned_zeros((network.batch, size)) for size in units]
        self._kept = (rows, errors)

        def addresses(arrays: list[Any]) -> Any:
            return Floats(*(array.ctypes.data for array in arrays))

        self._network = Network(
            layers=len(units),
            sizes=(ctypes.c_int64 * (MOST_LAYERS + 1))(*network.sizes),
            weights=addresses(self._parameters.weights),
            biases=addresses(self._parameters.biases),
            values=addresses(rows),
            errors=addresses(errors),
            count=self._parameters.values.size,
            parameters=self._parameters.values.ctypes.data,
            gradients=gradients.values.ctypes.data,
            first=first.values.ctypes.data,
            second=second.values.ctypes.data,
            d_weights=addresses(gradients.weights),
            d_biases=addresses(gradients.biases),
            rate=network.lr,
        )
        start = ctypes.addressof(self._network)
        self._calls = [
            (start, len(x), x.ctypes.data, y.ctypes.data) for x, y in data.batches
        ]
        self.reset()

    def reset(self) -> None:
        for flat in self._flats:
            flat.values[...] = 0
        self._parameters.assign(self._initial.weights, self._initial.biases)
        self._network.steps = 0

    def step(self, index: int) -> float:
        return self._step(*self._calls[index % len(self._calls)])

    def parameters(self) -> list[np.ndarray[Any, Any]]:
        return self._parameters.arrays()

    def kept(self) -> list[np.ndarray[Any, Any]]:
        return [flat.values for flat in self._flats]
