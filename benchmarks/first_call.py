"""How long the first call takes: trace, optimise, compile and run a long chain.

Each chain is measured in a process of its own, which has imported the peer and compiled
something small before, so that neither imports nor a compiler's own start are counted;
nothing is cached on disk from an earlier run.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np

PEERS = (
    "graphc-native",
    "graphc-fast",
    "graphc-readable",
    "jax",
    "torch-compile",
    "pytensor",
    "casadi",
)
LENGTHS = (10, 100, 1_000, 10_000)
SIZE = 1_000
# Seconds after which a chain is not repeated.
PATIENCE = 10.0

Array = np.ndarray[Any, Any]
Factors = list[float]


def chain(value: Any, x: Any, factors: Sequence[Any], functions: Any) -> Any:
    """As many operations as there are factors, none of which simplifies away.

    Args:
        value: to start from.
        x: numbers between -1 and 1, which keep the value between bounds.
        factors: one for each operation; every fourth is used.
        functions: a module that has `tanh` and `sin`.
    """
    for position, factor in enumerate(factors):
        match position % 4:
            case 0:
                value = value * factor
            case 1:
                value = functions.tanh(value)
            case 2:
                value = value + x
            case _:
                value = functions.sin(value)
    return value


def graphc_call(factors: Factors, style: str) -> Callable[[Array], Array]:
    """A function that declares, compiles and runs the chain."""
    import graphc as gc

    def run(array: Array) -> Array:
        x = gc.input("x", (SIZE,))
        return gc.compile(chain(x, x, factors, gc), style=style)(x=array)

    return run


def jax_call(factors: Factors) -> Callable[[Array], Array]:
    """A new jitted function, called."""
    import jax
    import jax.numpy as jnp

    return lambda array: np.asarray(jax.jit(lambda x: chain(x, x, factors, jnp))(array))


def torch_call(factors: Factors) -> Callable[[Array], Array]:
    """A new compiled function, called."""
    import torch

    torch._dynamo.reset()
    function = torch.compile(lambda x: chain(x, x, factors, torch))
    return lambda array: function(torch.from_numpy(array)).numpy()


def pytensor_call(factors: Factors) -> Callable[[Array], Array]:
    """A new function in PyTensor's default mode, called."""
    import pytensor
    import pytensor.tensor as pt

    def run(array: Array) -> Array:
        x = pt.vector("x", dtype="float32", shape=(SIZE,))
        value = chain(x, x, [np.float32(factor) for factor in factors], pt)
        return pytensor.function([x], value)(array)

    return run


def casadi_call(factors: Factors) -> Callable[[Array], Array]:
    """A new function for CasADi's virtual machine, called."""
    import casadi

    def run(array: Array) -> Array:
        x = casadi.MX.sym("x", SIZE)
        function = casadi.Function("chain", [x], [chain(x, x, factors, casadi)])
        return np.asarray(function(array))[:, 0]

    return run


CALLS: dict[str, Callable[[Factors], Callable[[Array], Array]]] = {
    "graphc-native": lambda factors: graphc_call(factors, "native"),
    "graphc-fast": lambda factors: graphc_call(factors, "fast"),
    "graphc-readable": lambda factors: graphc_call(factors, "readable"),
    "jax": jax_call,
    "torch-compile": torch_call,
    "pytensor": pytensor_call,
    "casadi": casadi_call,
}


def measure(peer: str, length: int, repeats: int) -> float:
    """The median time of the first calls of so many chains, in seconds.

    There are fewer where they take long.

    Raises:
        ValueError: a result is wrong.
    """
    sys.setrecursionlimit(100_000)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, SIZE).astype(np.float32)
    CALLS[peer](rng.uniform(0.5, 1.5, 3).tolist())(x)
    seconds = []
    for _ in range(repeats):
        factors = rng.uniform(0.5, 1.5, length).tolist()
        call = CALLS[peer](factors)
        start = time.perf_counter()
        found = call(x)
        seconds.append(time.perf_counter() - start)
        right = chain(x.astype(np.float64), x.astype(np.float64), factors, np)
        # Rounding is damped by tanh and sin, and stays small however long the chain.
        if not np.allclose(found, right, atol=1e-4):
            raise ValueError(f"off by {np.abs(found - right).max():.1e}")
        if sum(seconds) > PATIENCE:
            break
    return statistics.median(seconds)


@click.command()
@click.argument("peer", type=click.Choice(PEERS))
@click.argument("length", type=int)
@click.option("--repeats", type=int, default=3)
def main(peer: str, length: int, repeats: int) -> None:
    """Measure the first call and print seconds as JSON."""
    print(json.dumps(measure(peer, length, repeats)))


if __name__ == "__main__":
    main()
