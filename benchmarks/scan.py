"""A scan of many scalar steps and its gradient: what a step costs beside its numbers.

`s' = s + h (u_t - s^3)`, a forced relaxation by Euler's method; the value is the last
`s`, the gradients are those by the first one and by `h`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import aligned
from .by_hand import library
from .functions import Calls, check_arrays

Array = np.ndarray[Any, Any]
Ring = list[tuple[Array, Array, Array]]

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "c": "c_by_hand",
    "numba": "numba_loops",
    "torch": "torch_eager",
    "jax": "jax_jit",
}
RATE = 0.01


@dataclass(frozen=True)
class Scan:
    """A scan over so many numbers."""

    name: str
    length: int

    @property
    def title(self) -> str:
        """The length, for a reader."""
        return f"scan of {self.length:,} scalar steps, value and gradient"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    def data(self, seed: int = 0) -> Ring:
        """Normal forces."""
        rng = np.random.default_rng(seed)
        first, rate = aligned(np.array(0.5), np.float32), aligned(np.array(RATE), "f")
        forces = [rng.standard_normal(self.length) for _ in range(4)]
        return [(aligned(u, np.float32), first, rate) for u in forces]

    def check(self, peer: Calls, data: Ring) -> None:
        """Hold the value and both gradients against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        u, first, rate = (array.astype(np.float64) for array in data[0])
        s, kept = float(first), list[float]()
        for force in u:
            kept.append(s)
            s += rate * (force - s**3)
        d, d_rate = 1.0, 0.0
        for force, x in zip(u[::-1], kept[::-1], strict=True):
            d_rate += d * (force - x**3)
            d -= d * rate * 3 * x**2
        right = [np.asarray(value) for value in (s, d_rate)]
        # The gradient by the first number is too small to have a relative error.
        found = [np.asarray(value) for value in peer.arrays()]
        check_arrays([found[0], found[2]], right, ("the value", "the slope"), 1e-4)


def graphc_native(workload: Scan, data: Ring) -> Calls:
    """graphc's compiled function, called by its public name."""
    return _graphc(data, "native")


def graphc_fast(workload: Scan, data: Ring) -> Calls:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(data, "fast")


def _graphc(data: Ring, style: str) -> Calls:
    import graphc as gc

    u = gc.input("u", ("length",))
    first, rate = gc.input("first", ()), gc.input("rate", ())
    last, _ = gc.scan(lambda s, force: (s + rate * (force - s**3), None), first, u)
    outputs = [last, *gc.grad(last, [first, rate])]
    function = gc.compile(outputs, inputs=[u, first, rate], style=style)
    return Calls(function, data)


def c_by_hand(workload: Scan, data: Ring) -> Calls:
    """Two loops."""
    function = library("scan").scan
    pointer, number = ctypes.c_void_p, ctypes.c_float
    function.argtypes = (ctypes.c_int, pointer, number, number, pointer, pointer)
    kept = np.empty(workload.length, np.float32)
    results = np.empty(3, np.float32)
    work = (kept.ctypes.data, results.ctypes.data)
    ring = [(len(u), u.ctypes.data, float(s), float(h), *work) for u, s, h in data]

    def run(*arguments: Any) -> list[Array]:
        function(*arguments)
        # The addresses are those of these arrays.
        assert len(kept)
        return [results[0], results[1], results[2]]

    return Calls(run, ring)


def numba_loops(workload: Scan, data: Ring) -> Calls:
    """The same loops, compiled by Numba."""
    import numba

    three = np.float32(3)
    kept = np.empty(workload.length, np.float32)

    @numba.njit
    def scan(u: Any, s: Any, h: Any, kept: Any) -> Any:
        for t in range(u.size):
            kept[t] = s
            s = s + h * (u[t] - s * s * s)
        d, d_h = np.float32(1), np.float32(0)
        for t in range(u.size - 1, -1, -1):
            x = kept[t]
            d_h += d * (u[t] - x * x * x)
            d -= d * h * three * (x * x)
        return s, d, d_h

    ring = [(u, np.float32(s), np.float32(h), kept) for u, s, h in data]
    return Calls(scan, ring)


def torch_eager(workload: Scan, data: Ring) -> Calls:
    """One operation after another."""
    import torch

    def run(u: Any, first: Any, rate: Any) -> list[Any]:
        s = first
        for force in u:
            s = s + rate * (force - s**3)
        return [s, *torch.autograd.grad(s, [first, rate])]

    ring = [
        tuple(
            torch.from_numpy(array).requires_grad_(position > 0)
            for position, array in enumerate(arrays)
        )
        for arrays in data
    ]
    return Calls(run, ring, lambda found: [each.detach().numpy() for each in found])


def jax_jit(workload: Scan, data: Ring) -> Calls:
    """`lax.scan` in a jitted function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)

    def value(first: Any, rate: Any, u: Any) -> Any:
        def step(s: Any, force: Any) -> Any:
            return s + rate * (force - s**3), None

        return jax.lax.scan(step, first, u)[0]

    both = jax.jit(jax.value_and_grad(value, (0, 1)))

    def run(u: Any, first: Any, rate: Any) -> list[Any]:
        last, slopes = jax.block_until_ready(both(first, rate, u))
        return [last, *slopes]

    ring = [tuple(map(jnp.asarray, arrays)) for arrays in data]
    return Calls(run, ring, lambda found: [np.asarray(each) for each in found])
