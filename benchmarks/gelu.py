"""GELU in its tanh form, and the gradient of its sum, both returned as arrays.

`gelu(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3)))`: a chain of elementwise
operations, whose time is that of its passes over memory.

Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units (GELUs)".
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import aligned, aligned_zeros, number
from .by_hand import library
from .environment import cores
from .functions import Calls, check_arrays
from .harness import Unavailable

Array = np.ndarray[Any, Any]
Ring = list[tuple[Array]]

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "expert": "expert",
    "as-written": "as_written",
    "c": "c_by_hand",
    "floor": "floor",
    "torch": "torch_eager",
    "torch-compile": "torch_compile",
    "jax": "jax_jit",
    "numba": "numba_loop",
    "pytensor": "pytensor_numba",
    "casadi": "casadi_function",
    "autograd": "hips_autograd",
}

SCALE = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(frozen=True)
class Gelu:
    """GELU forward and backward on so many float32 numbers."""

    name: str
    size: int

    @property
    def title(self) -> str:
        """The size, for a reader."""
        return f"GELU forward and backward, {self.size:,} numbers"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    def data(self, seed: int = 0) -> Ring:
        """Normal numbers with a standard deviation of two."""
        rng = np.random.default_rng(seed)
        count = 2 if self.size > 10**6 else 4
        return [
            (aligned(2 * rng.standard_normal(self.size), np.float32),)
            for _ in range(count)
        ]

    def check(self, peer: Calls, data: Ring) -> None:
        """Hold value and gradient against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        x = data[0][0].astype(np.float64)
        inner = np.tanh(SCALE * (x + CUBIC * x**3))
        slope = (1 - inner**2) * SCALE * (1 + 3 * CUBIC * x**2)
        right = [x / 2 * (1 + inner), (1 + inner) / 2 + x / 2 * slope]
        check_arrays(peer.arrays(), right, ("the value", "the gradient"), 1e-5)


def graphc_native(workload: Gelu, data: Ring) -> Calls:
    """graphc's compiled function, called by its public name."""
    return _graphc(data, "native")


def graphc_fast(workload: Gelu, data: Ring) -> Calls:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(data, "fast")


def graphc_readable(workload: Gelu, data: Ring) -> Calls:
    """The same in the textbook style."""
    return _graphc(data, "readable")


def _graphc(data: Ring, style: str) -> Calls:
    import graphc as gc

    x = gc.input("x", ("n",))
    value = 0.5 * x * (1 + gc.tanh(SCALE * (x + CUBIC * x**3)))
    function = gc.compile((value, gc.grad(gc.sum(value), x)), style=style)
    return Calls(lambda x: function(x=x), data)


def expert(workload: Gelu, data: Ring) -> Calls:
    """Tiles that stay in the cache, and as few passes over each as possible.

    `(1 + tanh(u)) / 2` is `1 / (1 + exp(-2u))`, and NumPy's `exp` takes not much more
    than half the time of its `tanh`. Results go into the same two arrays at each call.
    """
    size = workload.size
    value, gradient = aligned_zeros(size), aligned_zeros(size)
    count = cores() if size >= 4 * TILE else 1
    pool = ThreadPoolExecutor(count)
    bounds = [size * i // count for i in range(count + 1)]
    parts = [
        (slice(start, end), aligned_zeros((2, TILE)))
        for start, end in itertools.pairwise(bounds)
    ]

    def run(x: Array) -> tuple[Array, Array]:
        tasks = [
            pool.submit(_expert_part, x[part], value[part], gradient[part], scratch)
            for part, scratch in parts[1:]
        ]
        part, scratch = parts[0]
        _expert_part(x[part], value[part], gradient[part], scratch)
        for task in tasks:
            task.result()
        return value, gradient

    return Calls(run, data)


# Numbers in a tile. Five arrays of this size fit into a second-level cache of 512 KiB.
TILE = 16384


ONE = number(1)
# -2u is x (LINEAR + SQUARE x**2).
LINEAR, SQUARE = number(-2 * SCALE), number(-2 * SCALE * CUBIC)
# The derivative of 2u is SLOPE + SLOPE_SQUARE x**2.
SLOPE, SLOPE_SQUARE = number(2 * SCALE), number(6 * SCALE * CUBIC)


def _expert_part(x: Array, value: Array, gradient: Array, scratch: Array) -> None:
    add, multiply = np.add, np.multiply
    # exp(-2u) is infinite for x below -13, and its reciprocal then 0, as it should be.
    with np.errstate(over="ignore"):
        for start in range(0, x.size, TILE):
            a, v, p = (array[start : start + TILE] for array in (x, value, gradient))
            square, work = scratch[:, : a.size]
            multiply(a, a, square)
            multiply(square, SQUARE, work)
            add(work, LINEAR, work)
            multiply(work, a, work)
            np.exp(work, work)
            add(work, ONE, work)
            np.reciprocal(work, p)
            multiply(a, p, v)
            # p + x p (1 - p) (2u)'
            multiply(square, SLOPE_SQUARE, square)
            add(square, SLOPE, square)
            np.subtract(ONE, p, work)
            multiply(work, v, work)
            multiply(work, square, work)
            add(p, work, p)


def c_by_hand(workload: Gelu, data: Ring) -> Calls:
    """One loop, into the same two arrays at each call."""
    function = library("gelu", "-ffast-math").gelu
    pointer = ctypes.c_void_p
    function.argtypes = (ctypes.c_int64, pointer, pointer, pointer)
    value, gradient = aligned_zeros(workload.size), aligned_zeros(workload.size)
    results = (value.ctypes.data, gradient.ctypes.data)

    def run(count: int, x: int) -> tuple[Array, Array]:
        function(count, x, *results)
        return value, gradient

    return Calls(run, [(x.size, x.ctypes.data) for (x,) in data])


def numba_loop(workload: Gelu, data: Ring) -> Calls:
    """One loop, compiled by Numba, into the same two arrays at each call."""
    import numba

    f32 = np.float32
    one, linear, cubic = f32(1), f32(2 * SCALE), f32(2 * SCALE * CUBIC)
    value, gradient = aligned_zeros(workload.size), aligned_zeros(workload.size)

    @numba.njit(fastmath=True)
    def gelu(x: Any, value: Any, gradient: Any) -> None:
        for i in range(x.size):
            square = x[i] * x[i]
            p = one / (one + math.exp(-x[i] * (linear + cubic * square)))
            value[i] = x[i] * p
            slope = linear + f32(3) * cubic * square
            gradient[i] = p + value[i] * (one - p) * slope

    def run(x: Array) -> tuple[Array, Array]:
        gelu(x, value, gradient)
        return value, gradient

    return Calls(run, data)


def as_written(workload: Gelu, data: Ring) -> Calls:
    """The formulas as a textbook has them, one array after the other."""

    def run(x: Array) -> tuple[Array, Array]:
        scale, cubic = np.float32(SCALE), np.float32(CUBIC)
        inner = np.tanh(scale * (x + cubic * x**3))
        slope = (1 - inner**2) * scale * (1 + 3 * cubic * x**2)
        return 0.5 * x * (1 + inner), 0.5 * (1 + inner) + 0.5 * x * slope

    return Calls(run, data)


def floor(workload: Gelu, data: Ring) -> Calls:
    """One read of the input and one write of each result."""
    value, gradient = aligned_zeros(workload.size), aligned_zeros(workload.size)

    def run(x: Array) -> tuple[Array, Array]:
        for start in range(0, x.size, TILE):
            tile = x[start : start + TILE]
            np.copyto(value[start : start + TILE], tile)
            np.copyto(gradient[start : start + TILE], tile)
        return value, gradient

    return Calls(run, data)


def torch_eager(workload: Gelu, data: Ring) -> Calls:
    """PyTorch's autograd, and the formula in its operations."""
    return _torch(data, lambda function: function)


def torch_compile(workload: Gelu, data: Ring) -> Calls:
    """The same, compiled."""
    import torch

    return _torch(data, torch.compile)


def _torch(data: Ring, transform: Callable[[Any], Any]) -> Calls:
    import torch

    @transform
    def gelu(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1 + torch.tanh(SCALE * (x + CUBIC * x**3)))

    def run(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        value = gelu(x)
        (gradient,) = torch.autograd.grad(value, x, ones)
        return value.detach(), gradient

    ring = [(torch.from_numpy(x).requires_grad_(),) for (x,) in data]
    ones = torch.ones_like(ring[0][0])
    return Calls(run, ring, lambda results: [array.numpy() for array in results])


def jax_jit(workload: Gelu, data: Ring) -> Calls:
    """Value and gradient in one jitted function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)

    def gelu(x: jax.Array) -> jax.Array:
        return 0.5 * x * (1 + jnp.tanh(SCALE * (x + CUBIC * x**3)))

    @jax.jit
    def value_and_gradient(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, backward = jax.vjp(gelu, x)
        return value, backward(jnp.ones_like(value))[0]

    def run(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.block_until_ready(value_and_gradient(x))

    ring = [(jnp.asarray(x),) for (x,) in data]
    return Calls(run, ring, lambda results: [np.asarray(array) for array in results])


def pytensor_numba(workload: Gelu, data: Ring) -> Calls:
    """One function compiled by Numba."""
    import pytensor
    import pytensor.tensor as pt

    f32 = np.float32
    x = pt.vector("x", dtype="float32")
    value = f32(0.5) * x * (f32(1) + pt.tanh(f32(SCALE) * (x + f32(CUBIC) * x**3)))
    gradient = pt.grad(value.sum(), x)
    function = pytensor.function([x], [value, gradient], mode="NUMBA")
    function.trust_input = True
    return Calls(function, data)


def casadi_function(workload: Gelu, data: Ring) -> Calls:
    """CasADi's virtual machine, mapped over the numbers; in float64, all it has."""
    if workload.size > 10**5:
        raise Unavailable("not run on more than 100,000 numbers, which take long")
    import casadi

    x = casadi.SX.sym("x")
    value = 0.5 * x * (1 + casadi.tanh(SCALE * (x + CUBIC * x**3)))
    each = casadi.Function("gelu", [x], [value, casadi.gradient(value, x)])
    function = each.map(workload.size)
    ring = [(casadi.DM(x.astype(np.float64)).T,) for (x,) in data]
    return Calls(
        function, ring, lambda results: [np.asarray(array)[0] for array in results]
    )


def hips_autograd(workload: Gelu, data: Ring) -> Calls:
    """autograd over NumPy."""
    import autograd.numpy as anp
    from autograd import make_vjp

    scale, cubic, half = np.float32(SCALE), np.float32(CUBIC), np.float32(0.5)

    def gelu(x: Any) -> Any:
        return half * x * (1 + anp.tanh(scale * (x + cubic * x**3)))

    ones = np.ones(workload.size, np.float32)
    vjp_of = make_vjp(gelu)

    def run(x: Array) -> tuple[Array, Array]:
        backward, value = vjp_of(x)
        return value, backward(ones)

    return Calls(run, data)
