"""Contractions, attention and rows of tables, forward and backward.

The gradients are those of a sum weighted by random numbers, by all inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import aligned, aligned_zeros
from .functions import Calls, check_arrays

Array = np.ndarray[Any, Any]
Ring = list[tuple[Array, ...]]

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "expert": "expert",
    "torch": "torch_eager",
}
LETTERS = {"rows": "ij->i", "diagonal": "ii->i", "chain": "ij,jk,kl->il"}
"""The equation of each form that is an einsum."""


@dataclass(frozen=True)
class Product:
    """A function of arrays, each of which has a gradient."""

    name: str
    form: str
    shapes: tuple[tuple[int, ...], ...]
    rows: int = 0
    """The number of positions in an embedding's table."""

    @property
    def title(self) -> str:
        """The form and the sizes, for a reader."""
        sizes = ", ".join("x".join(map(str, shape)) for shape in self.shapes)
        equation = LETTERS.get(self.form)
        what = self.form.capitalize() if equation is None else f"Einsum {equation}"
        return f"{what} of {sizes}"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    def data(self, seed: int = 0) -> Ring:
        """The inputs, the positions if there are any, and the cotangent."""
        rng = np.random.default_rng(seed)
        ring: Ring = []
        for _ in range(2):
            arrays = [
                aligned(rng.standard_normal(shape), np.float32) for shape in self.shapes
            ]
            if self.form == "embedding":
                count = self.shapes[0][0]
                arrays.append(rng.integers(0, count, self.rows))
            y = FORWARD[self.form](*arrays)
            arrays.append(aligned(rng.standard_normal(y.shape), np.float32))
            ring.append(tuple(arrays))
        return ring

    def check(self, peer: Calls, data: Ring) -> None:
        """Hold output and gradients against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        wide = [a.astype(float) if a.dtype.kind == "f" else a for a in data[0]]
        right = [FORWARD[self.form](*wide[:-1]), *GRADIENTS[self.form](*wide)]
        names = ["the output", *(f"gradient {k}" for k in range(len(self.shapes)))]
        check_arrays(peer.arrays(), right, names, 1e-5)


def _attention(q: Array, k: Array, v: Array) -> Array:
    return _weights(q, k) @ v


def _weights(q: Array, k: Array) -> Array:
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _attention_gradients(q: Array, k: Array, v: Array, g: Array) -> list[Array]:
    weights = _weights(q, k)
    flow = g @ v.swapaxes(-1, -2)
    flow = weights * (flow - (weights * flow).sum(axis=-1, keepdims=True))
    flow = flow / math.sqrt(q.shape[-1])
    return [flow @ k, flow.swapaxes(-1, -2) @ q, weights.swapaxes(-1, -2) @ g]


def _table_gradient(table: Array, index: Array, g: Array) -> list[Array]:
    """Sums of rows of one position, which sorting brings together."""
    order = np.argsort(index, kind="stable")
    sorted_index = index[order]
    starts = np.flatnonzero(np.diff(sorted_index, prepend=-1))
    d_table = np.zeros(table.shape, g.dtype)
    d_table[sorted_index[starts]] = np.add.reduceat(g[order], starts, axis=0)
    return [d_table]


def _diagonal_gradient(x: Array, g: Array) -> list[Array]:
    d_x = np.zeros(x.shape, g.dtype)
    d_x.ravel()[:: len(x) + 1] = g
    return [d_x]


FORWARD: dict[str, Callable[..., Array]] = {
    "rows": lambda x: x.sum(axis=1),
    "diagonal": lambda x: x.diagonal().copy(),
    "chain": lambda x, y, z: x @ (y @ z),
    "attention": _attention,
    "embedding": lambda table, index: table[index],
}
"""The best that NumPy has for each form."""

GRADIENTS: dict[str, Callable[..., list[Array]]] = {
    "rows": lambda x, g: [np.broadcast_to(g[:, None], x.shape).copy()],
    "diagonal": _diagonal_gradient,
    "chain": lambda x, y, z, g: [
        g @ (y @ z).T,
        x.T @ (g @ z.T),
        (x @ y).T @ g,
    ],
    "attention": _attention_gradients,
    "embedding": _table_gradient,
}


def _build(form: str, module: Any, arrays: list[Any]) -> Any:
    """The form by functions that have the same names in graphc and in PyTorch."""
    if form in LETTERS:
        return module["einsum"](LETTERS[form], *arrays)
    if form == "attention":
        return module["attention"](*arrays)
    return module["embedding"](arrays[1], arrays[0])


def graphc_native(workload: Product, data: Ring) -> Calls:
    """graphc's compiled function, called by its public name."""
    return _graphc(workload, data, "native")


def graphc_fast(workload: Product, data: Ring) -> Calls:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(workload, data, "fast")


def graphc_readable(workload: Product, data: Ring) -> Calls:
    """The same in the textbook style."""
    return _graphc(workload, data, "readable")


def _graphc(workload: Product, data: Ring, style: str) -> Calls:
    import graphc as gc

    nodes = [
        gc.input(f"x{k}", array.shape, array.dtype) for k, array in enumerate(data[0])
    ]
    functions = {
        "einsum": gc.einsum,
        "attention": gc.nn.scaled_dot_product_attention,
        "embedding": gc.nn.embedding,
    }
    y = _build(workload.form, functions, nodes[:-1])
    wanted = nodes[: len(workload.shapes)]
    outputs = [y, *gc.vjp(y, wanted, nodes[-1])]
    return Calls(gc.compile(outputs, inputs=nodes, style=style), data)


def expert(workload: Product, data: Ring) -> Calls:
    """NumPy by hand; what is quick for attention is its textbook."""
    forward, gradients = FORWARD[workload.form], GRADIENTS[workload.form]
    if workload.form == "chain":
        return Calls(_chain(data), data)
    return Calls(lambda *arrays: [forward(*arrays[:-1]), *gradients(*arrays)], data)


def _chain(data: Ring) -> Callable[..., list[Array]]:
    """Products of three matrices, of which two are computed once, into arrays kept."""
    x, y, z, g = data[0]
    pairs = aligned_zeros((len(y), z.shape[1])), aligned_zeros((len(x), y.shape[1]))
    results = [aligned_zeros(array.shape) for array in (g, x, y, z)]

    def run(x: Array, y: Array, z: Array, g: Array) -> list[Array]:
        right, left = pairs
        np.dot(y, z, out=right)
        np.dot(x, right, out=results[0])
        np.dot(g, right.T, out=results[1])
        np.dot(x.T, g, out=right)
        np.dot(right, z.T, out=results[2])
        np.dot(x, y, out=left)
        np.dot(left.T, g, out=results[3])
        return results

    return run


def torch_eager(workload: Product, data: Ring) -> Calls:
    """PyTorch's own functions, and its autograd."""
    import torch

    functions = {
        "einsum": torch.einsum,
        "attention": torch.nn.functional.scaled_dot_product_attention,
        "embedding": torch.nn.functional.embedding,
    }

    def run(*arrays: Any) -> list[Any]:
        y = _build(workload.form, functions, list(arrays[:-1]))
        wanted = arrays[: len(workload.shapes)]
        return [y.detach(), *torch.autograd.grad(y, wanted, arrays[-1])]

    ring = [
        tuple(
            torch.from_numpy(array).requires_grad_(k < len(workload.shapes))
            for k, array in enumerate(arrays)
        )
        for arrays in data
    ]
    return Calls(run, ring, lambda results: [array.numpy() for array in results])
