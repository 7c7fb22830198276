"""A convolution of images with its bias, forward and backward.

The gradients are those of a sum weighted by random numbers: by the weight and bias, and
by the input where the layer is not the first one.

Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", of
whose network the first two workloads are the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .arrays import aligned, aligned_zeros
from .functions import Calls, check_arrays

Array = np.ndarray[Any, Any]
Ring = list[tuple[Array, Array, Array, Array]]

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "expert": "expert",
    "as-written": "as_written",
    "floor": "floor",
    "torch": "torch_eager",
    "torch-compile": "torch_compile",
    "jax": "jax_jit",
}


@dataclass(frozen=True)
class Convolution:
    """A convolution without padding, of square images and kernels."""

    name: str
    batch: int
    channels: int
    size: int
    outputs: int
    kernel: int
    is_first: bool = False
    """True for no gradient by the input."""

    @property
    def title(self) -> str:
        """The sizes, for a reader."""
        return (
            f"Convolution of {self.batch}x{self.channels}x{self.size}x{self.size}, "
            f"{self.kernel}x{self.kernel}, to {self.outputs} channels"
        )

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    @property
    def result(self) -> int:
        """Height and width of the output."""
        return self.size - self.kernel + 1

    def data(self, seed: int = 0) -> Ring:
        """Images, weight, bias and the cotangent of the output."""
        rng = np.random.default_rng(seed)
        shapes = (
            (self.batch, self.channels, self.size, self.size),
            (self.outputs, self.channels, self.kernel, self.kernel),
            (self.outputs,),
            (self.batch, self.outputs, self.result, self.result),
        )
        parts = [rng.standard_normal((2, *shape)) for shape in shapes]
        return [
            (
                aligned(parts[0][i], np.float32),
                aligned(parts[1][i], np.float32),
                aligned(parts[2][i], np.float32),
                aligned(parts[3][i], np.float32),
            )
            for i in range(2)
        ]

    def check(self, peer: Calls, data: Ring) -> None:
        """Hold output and gradients against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        right = textbook(*(array.astype(np.float64) for array in data[0]), self)
        names = ("the output", "the weight", "the bias", "the input")
        check_arrays(peer.arrays(), right, names[: len(right)], 1e-5)


def textbook(
    x: Array, weight: Array, bias: Array, g: Array, workload: Convolution
) -> list[Array]:
    """The output and the gradients as sums over windows."""
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    y = np.tensordot(windows, weight, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    d_weight = np.tensordot(g, windows, ((0, 2, 3), (0, 2, 3)))
    results = [y + bias[:, None, None], d_weight, g.sum((0, 2, 3))]
    if not workload.is_first:
        border = workload.kernel - 1
        widths = ((0, 0), (0, 0), (border, border), (border, border))
        windows = sliding_window_view(np.pad(g, widths), weight.shape[2:], axis=(2, 3))
        flipped = weight[:, :, ::-1, ::-1]
        d_x = np.tensordot(windows, flipped, ((1, 4, 5), (0, 2, 3)))
        results.append(d_x.transpose(0, 3, 1, 2))
    return results


def graphc_native(workload: Convolution, data: Ring) -> Calls:
    """graphc's compiled function, called by its public name."""
    return _graphc(workload, data, "native")


def graphc_fast(workload: Convolution, data: Ring) -> Calls:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(workload, data, "fast")


def graphc_readable(workload: Convolution, data: Ring) -> Calls:
    """The same in the textbook style."""
    return _graphc(workload, data, "readable")


def _graphc(workload: Convolution, data: Ring, style: str) -> Calls:
    import graphc as gc

    names = ("x", "weight", "bias", "g")
    shapes = [array.shape for array in data[0]]
    nodes = [gc.input(n, shape) for n, shape in zip(names, shapes, strict=True)]
    x, weight, bias, g = nodes
    y = gc.nn.conv2d(x, weight, bias)
    wanted = [weight, bias] if workload.is_first else [weight, bias, x]
    function = gc.compile([y, *gc.vjp(y, wanted, g)], inputs=nodes, style=style)
    return Calls(function, data)


def expert(workload: Convolution, data: Ring) -> Calls:
    """Windows of each image as columns, one product an image, and arrays kept."""
    x, weight, *_ = data[0]
    batch, side, kernel = workload.batch, workload.result, workload.kernel
    terms, places = weight[0].size, side * side
    columns = aligned_zeros((batch, terms, places))
    parts = columns.reshape(batch, workload.channels, kernel, kernel, side, side)
    y = aligned_zeros((batch, workload.outputs, places))
    products = aligned_zeros((batch, workload.outputs, terms))
    d_x = aligned_zeros(x.shape)

    def run(x: Array, weight: Array, bias: Array, g: Array) -> list[Array]:
        windows = sliding_window_view(x, (kernel, kernel), axis=(2, 3))
        np.copyto(parts, windows.transpose(0, 1, 4, 5, 2, 3))
        matrix = weight.reshape(len(weight), terms)
        np.matmul(matrix, columns, out=y)
        np.add(y, bias[:, None], out=y)
        rows = g.reshape(batch, len(weight), places)
        np.matmul(rows, columns.transpose(0, 2, 1), out=products)
        d_weight = np.add.reduce(products, axis=0).reshape(weight.shape)
        results = [y.reshape(g.shape), d_weight, np.add.reduce(g, axis=(0, 2, 3))]
        if not workload.is_first:
            np.matmul(matrix.T, rows, out=columns)
            d_x.fill(0)
            for i in range(kernel):
                for j in range(kernel):
                    d_x[:, :, i : i + side, j : j + side] += parts[:, :, i, j]
            results.append(d_x)
        return results

    return Calls(run, data)


def as_written(workload: Convolution, data: Ring) -> Calls:
    """Sums over windows, as a textbook has them."""
    return Calls(lambda *arrays: textbook(*arrays, workload), data)


def floor(workload: Convolution, data: Ring) -> Calls:
    """The products of matrices alone."""
    terms = workload.channels * workload.kernel**2
    columns = aligned_zeros((terms, workload.batch * workload.result**2))
    y = aligned_zeros((workload.outputs, columns.shape[1]))
    d_weight = aligned_zeros((workload.outputs, terms))

    def run(x: Array, weight: Array, bias: Array, g: Array) -> list[Array]:
        matrix = weight.reshape(len(weight), terms)
        np.dot(matrix, columns, out=y)
        np.dot(y, columns.T, out=d_weight)
        if not workload.is_first:
            np.dot(matrix.T, y, out=columns)
        return [y, d_weight]

    return Calls(run, data)


def torch_eager(workload: Convolution, data: Ring) -> Calls:
    """PyTorch's own convolution, and its autograd."""
    return _torch(workload, data, compiled=False)


def torch_compile(workload: Convolution, data: Ring) -> Calls:
    """The same, compiled."""
    return _torch(workload, data, compiled=True)


def _torch(workload: Convolution, data: Ring, *, compiled: bool) -> Calls:
    import torch

    conv2d = torch.nn.functional.conv2d
    function = torch.compile(conv2d) if compiled else conv2d

    def run(x: Any, weight: Any, bias: Any, g: Any) -> list[Any]:
        y = function(x, weight, bias)
        wanted = [weight, bias] if workload.is_first else [weight, bias, x]
        return [y.detach(), *torch.autograd.grad(y, wanted, g)]

    ring: list[tuple[Any, ...]] = []
    for arrays in data:
        x, weight, bias, g = map(torch.from_numpy, arrays)
        x.requires_grad_(not workload.is_first)
        ring.append((x, weight.requires_grad_(), bias.requires_grad_(), g))
    return Calls(run, ring, lambda results: [array.numpy() for array in results])


def jax_jit(workload: Convolution, data: Ring) -> Calls:
    """Output and gradients in one jitted function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)

    @jax.jit
    def both(x: Any, weight: Any, bias: Any, g: Any) -> list[Any]:
        def convolved(weight: Any, bias: Any, x: Any) -> Any:
            y = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID")
            return y + bias[:, None, None]

        if workload.is_first:
            y, backward = jax.vjp(lambda w, b: convolved(w, b, x), weight, bias)
        else:
            y, backward = jax.vjp(convolved, weight, bias, x)
        return [y, *backward(g)]

    ring = [tuple(map(jnp.asarray, arrays)) for arrays in data]
    return Calls(
        lambda *arrays: jax.block_until_ready(both(*arrays)),
        ring,
        lambda results: [np.asarray(array) for array in results],
    )
