"""The product of the Hessian of a network's loss with a vector, by all parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import aligned_zeros, number
from .functions import Calls, check_arrays
from .training.flat import Flat
from .training.network import Data, Training
from .training.reference import loss_and_gradients

Array = np.ndarray[Any, Any]
# A batch and a vector: x, y, and an array for each parameter.
Arguments = tuple[Array, Array, list[Array]]

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "expert": "expert",
    "floor": "floor",
    "torch": "torch_eager",
    "torch-compile": "torch_compile",
    "jax": "jax_jit",
    "pytensor": "pytensor_numba",
    "casadi": "casadi_function",
    "autograd": "hips_autograd",
}


@dataclass(frozen=True)
class Inputs:
    """What all peers are given.

    Attributes:
        parameters: weight and bias of each layer in turn.
        ring: arguments of one call after the other.
    """

    parameters: list[Array]
    ring: list[Arguments]


@dataclass(frozen=True)
class HessianVector:
    """Hessian-vector products of a network with one hidden layer of sigmoids."""

    name: str
    sizes: tuple[int, int, int]
    batch: int

    @property
    def title(self) -> str:
        """Sizes and batch, for a reader."""
        sizes = "-".join(map(str, self.sizes))
        return f"Hessian-vector product of {sizes} sigmoid, batch {self.batch}"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    def data(self, seed: int = 0) -> Inputs:
        """The batches of a training workload, and normal vectors."""
        data: Data = Training(self.name, self.sizes, self.batch).data(seed)
        rng = np.random.default_rng(seed + 1)
        pairs = zip(data.weights, data.biases, strict=True)
        parameters = [array for pair in pairs for array in pair]
        ring = [
            (x, y, [rng.standard_normal(p.shape, np.float32) for p in parameters])
            for x, y in data.batches
        ]
        return Inputs(parameters, ring)

    def check(self, peer: Calls, data: Inputs) -> None:
        """Hold the product against a central difference of gradients in float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        x, y, vector = data.ring[0]
        step = 1e-5

        def gradients_at(distance: float) -> list[Array]:
            moved = [
                p.astype(np.float64) + distance * v.astype(np.float64)
                for p, v in zip(data.parameters, vector, strict=True)
            ]
            return loss_and_gradients("sigmoid", moved, x.astype(np.float64), y)[1]

        pairs = zip(gradients_at(step), gradients_at(-step), strict=True)
        right = [(above - below) / (2 * step) for above, below in pairs]
        names = [
            f"the {kind} of layer {layer}"
            for layer in (1, 2)
            for kind in ("weight", "bias")
        ]
        check_arrays(peer.arrays(), right, names, 1e-4)


def graphc_native(workload: HessianVector, data: Inputs) -> Calls:
    """graphc's compiled function, called by its public name."""
    return _graphc(workload, data, "native")


def graphc_fast(workload: HessianVector, data: Inputs) -> Calls:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(workload, data, "fast")


def graphc_readable(workload: HessianVector, data: Inputs) -> Calls:
    """The same in the textbook style."""
    return _graphc(workload, data, "readable")


def _graphc(workload: HessianVector, data: Inputs, style: str) -> Calls:
    import graphc as gc

    inputs, hidden, classes = workload.sizes
    x = gc.input("x", ("batch", inputs))
    y = gc.input("y", ("batch",), dtype="int64")
    shapes = [(hidden, inputs), (hidden,), (classes, hidden), (classes,)]
    parameters = [gc.parameter(f"p{i}", shape) for i, shape in enumerate(shapes)]
    vector = [gc.input(f"v{i}", shape) for i, shape in enumerate(shapes)]
    w1, b1, w2, b2 = parameters
    value = gc.nn.sigmoid(gc.nn.linear(x, w1, b1))
    loss = gc.nn.cross_entropy(gc.nn.linear(value, w2, b2), y)
    function = gc.compile(gc.hvp(loss, parameters, vector), style=style)
    for position, array in enumerate(data.parameters):
        function.parameters[f"p{position}"][...] = array

    def run(x: Array, y: Array, vector: list[Array]) -> list[Array]:
        v0, v1, v2, v3 = vector
        return function(x=x, y=y, v0=v0, v1=v1, v2=v2, v3=v3)

    return Calls(run, data.ring)


ONE, EXP_LIMIT = number(1), number(80)


def expert(workload: HessianVector, data: Inputs) -> Calls:
    """By hand: forward over reverse, with activations stored (units, batch).

    r_<name> is the derivative of a value along the vector. Source: Pearlmutter 1994,
    "Fast exact multiplication by the Hessian".
    """
    w1, b1, w2, b2 = data.parameters
    _inputs, hidden, classes = workload.sizes
    batch = workload.batch
    result = Flat(workload.sizes)
    (h1, h2), (hb1, hb2) = result.weights, result.biases
    b1, b2 = b1[:, None], b2[:, None]
    value, r_value, slope, error, r_error, work = (
        aligned_zeros((hidden, batch)) for _ in range(6)
    )
    logits, r_logits, d, r_d = (aligned_zeros((classes, batch)) for _ in range(4))
    largest, total = (aligned_zeros(batch) for _ in range(2))
    work2 = np.empty((classes, hidden), np.float32)
    flat_d, positions = d.reshape(-1), np.empty(batch, np.int64)
    row_length, columns = np.array(batch), np.arange(batch)
    ones, class_ones = np.ones(batch, np.float32), np.ones(classes, np.float32)
    scale = number(1 / batch)
    dot, add, subtract, multiply = np.dot, np.add, np.subtract, np.multiply

    def run(x: Array, y: Array, vector: list[Array]) -> list[Array]:
        v1, vb1, v2, vb2 = vector
        # Forward
        dot(w1, x.T, value)
        add(value, b1, value)
        np.negative(value, value)
        np.minimum(value, EXP_LIMIT, out=value)
        np.exp(value, value)
        add(value, ONE, value)
        np.reciprocal(value, value)
        dot(w2, value, logits)
        add(logits, b2, logits)
        # Forward along the vector
        subtract(ONE, value, slope)
        multiply(slope, value, slope)
        dot(v1, x.T, r_value)
        add(r_value, vb1[:, None], r_value)
        multiply(r_value, slope, r_value)
        dot(v2, value, r_logits)
        dot(w2, r_value, d)
        add(r_logits, d, r_logits)
        add(r_logits, vb2[:, None], r_logits)
        # The gradient by the logits, and its derivative
        np.maximum.reduce(logits, 0, None, largest)
        subtract(logits, largest, logits)
        np.exp(logits, d)
        dot(class_ones, d, total)
        np.divide(scale, total, total)
        multiply(d, total, d)
        multiply(d, r_logits, r_d)
        dot(class_ones, r_d, largest)
        np.divide(largest, scale, largest)
        multiply(d, largest, r_logits)
        subtract(r_d, r_logits, r_d)
        multiply(y, row_length, positions)
        add(positions, columns, positions)
        flat_d[positions] -= scale
        # Backward
        dot(r_d, value.T, h2)
        dot(d, r_value.T, work2)
        add(h2, work2, h2)
        dot(r_d, ones, hb2)
        dot(w2.T, d, error)
        dot(w2.T, r_d, r_error)
        dot(v2.T, d, work)
        add(r_error, work, r_error)
        # The slope's derivative is (1 - 2 value) r_value.
        multiply(r_error, slope, r_error)
        multiply(error, r_value, error)
        add(r_error, error, r_error)
        multiply(error, value, error)
        subtract(r_error, error, r_error)
        subtract(r_error, error, r_error)
        dot(r_error, x, h1)
        dot(r_error, ones, hb1)
        return [h1, hb1, h2, hb2]

    return Calls(run, data.ring)


def floor(workload: HessianVector, data: Inputs) -> Calls:
    """The eleven products; the vector is read and the result written by them."""
    w1, _, w2, _ = data.parameters
    _, hidden, classes = workload.sizes
    shape = (workload.batch,)
    value, r_value, error, work = np.ones((4, hidden, *shape), np.float32)
    logits, r_logits, d = np.ones((3, classes, *shape), np.float32)
    result = Flat(workload.sizes)
    (h1, h2), (hb1, hb2) = result.weights, result.biases
    dot = np.dot

    def run(x: Array, y: Array, vector: list[Array]) -> list[Array]:
        v1, _, v2, _ = vector
        dot(w1, x.T, work)
        dot(v1, x.T, work)
        dot(w2, value, logits)
        dot(v2, value, logits)
        dot(w2, r_value, r_logits)
        dot(d, value.T, h2)
        dot(d, r_value.T, h2)
        dot(w2.T, d, work)
        dot(w2.T, d, work)
        dot(v2.T, d, work)
        dot(error, x, h1)
        return [h1, hb1, h2, hb2]

    return Calls(run, data.ring)


def torch_eager(workload: HessianVector, data: Inputs) -> Calls:
    """PyTorch: the gradient of the product of gradient and vector."""
    import torch
    import torch.nn.functional as F

    parameters = [torch.from_numpy(p).requires_grad_() for p in data.parameters]
    w1, b1, w2, b2 = parameters

    def run(x: Any, y: Any, vector: list[Any]) -> Any:
        logits = F.linear(torch.sigmoid(F.linear(x, w1, b1)), w2, b2)
        loss = F.cross_entropy(logits, y)
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.autograd.grad(gradients, parameters, vector)

    return Calls(run, _torch_ring(data), lambda found: [a.numpy() for a in found])


def torch_compile(workload: HessianVector, data: Inputs) -> Calls:
    """torch.compile of forward over reverse."""
    import torch
    import torch.nn.functional as F

    parameters = [torch.from_numpy(p) for p in data.parameters]

    @torch.compile(fullgraph=True)
    def product(parameters: Any, x: Any, y: Any, vector: Any) -> Any:
        def loss_of(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
            logits = F.linear(torch.sigmoid(F.linear(x, w1, b1)), w2, b2)
            return F.cross_entropy(logits, y)

        gradient = torch.func.grad(loss_of, argnums=(0, 1, 2, 3))
        return torch.func.jvp(gradient, tuple(parameters), tuple(vector))[1]

    def run(x: Any, y: Any, vector: list[Any]) -> Any:
        return product(parameters, x, y, vector)

    return Calls(run, _torch_ring(data), lambda found: [a.numpy() for a in found])


def _torch_ring(data: Inputs) -> list[tuple[Any, ...]]:
    import torch

    return [
        (
            torch.from_numpy(x),
            torch.from_numpy(y),
            [torch.from_numpy(v) for v in vector],
        )
        for x, y, vector in data.ring
    ]


def jax_jit(workload: HessianVector, data: Inputs) -> Calls:
    """Forward over reverse in one jitted function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)

    @jax.jit
    def product(parameters: Any, x: Any, y: Any, vector: Any) -> Any:
        def loss_of(parameters: Any) -> Any:
            w1, b1, w2, b2 = parameters
            logits = jax.nn.sigmoid(x @ w1.T + b1) @ w2.T + b2
            log_probabilities = jax.nn.log_softmax(logits)
            return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()

        return jax.jvp(jax.grad(loss_of), (parameters,), (vector,))[1]

    parameters = [jnp.asarray(p) for p in data.parameters]
    ring = [
        (jnp.asarray(x), jnp.asarray(y.astype(np.int32)), [jnp.asarray(a) for a in v])
        for x, y, v in data.ring
    ]

    def run(x: Any, y: Any, vector: Any) -> Any:
        return jax.block_until_ready(product(parameters, x, y, vector))

    return Calls(run, ring, lambda found: [np.asarray(array) for array in found])


def pytensor_numba(workload: HessianVector, data: Inputs) -> Calls:
    """One function compiled by Numba: the gradient of gradient times vector."""
    import pytensor
    import pytensor.tensor as pt

    parameters = [pytensor.shared(p.copy()) for p in data.parameters]
    w1, b1, w2, b2 = parameters
    x = pt.matrix("x", dtype="float32", shape=(workload.batch, workload.sizes[0]))
    y = pt.vector("y", dtype="int64", shape=(workload.batch,))
    vector = [
        pt.tensor(f"v{i}", dtype="float32", shape=p.shape)
        for i, p in enumerate(data.parameters)
    ]
    logits = pt.sigmoid(x @ w1.T + b1) @ w2.T + b2
    log_probabilities = pt.special.log_softmax(logits, axis=1)
    loss = -pt.mean(log_probabilities[pt.arange(workload.batch), y])
    gradients = pt.grad(loss, parameters)
    product = sum((g * v).sum() for g, v in zip(gradients, vector, strict=True))
    function = pytensor.function(
        [x, y, *vector], pt.grad(product, parameters), mode="NUMBA"
    )
    function.trust_input = True
    ring = [(x, y, *vector) for x, y, vector in data.ring]
    return Calls(function, ring)


def casadi_function(workload: HessianVector, data: Inputs) -> Calls:
    """CasADi's matrix expressions; in float64, all it has."""
    import casadi

    shapes = [p.shape if p.ndim == 2 else (len(p), 1) for p in data.parameters]
    sizes = [rows * columns for rows, columns in shapes]
    flat = casadi.MX.sym("p", sum(sizes))
    vector = casadi.MX.sym("v", sum(sizes))
    parts = casadi.vertsplit(flat, np.cumsum([0, *sizes]).tolist())
    w1, b1, w2, b2 = (
        casadi.reshape(part, *shape) for part, shape in zip(parts, shapes, strict=True)
    )
    inputs, _, classes = workload.sizes
    x = casadi.MX.sym("x", inputs, workload.batch)
    one_hot = casadi.MX.sym("y", classes, workload.batch)
    hidden = 1 / (1 + casadi.exp(-(w1 @ x + casadi.repmat(b1, 1, workload.batch))))
    logits = w2 @ hidden + casadi.repmat(b2, 1, workload.batch)
    # Logits of this size need no shift before exp.
    totals = casadi.log(casadi.sum1(casadi.exp(logits)))
    loss = (casadi.sum2(totals) - casadi.dot(one_hot, logits)) / workload.batch
    product = casadi.jtimes(casadi.gradient(loss, flat), flat, vector)
    function = casadi.Function("product", [flat, vector, x, one_hot], [product])
    constant = casadi.DM(_columns_first(data.parameters))
    ring = [
        (
            casadi.DM(_columns_first(vector)),
            casadi.DM(x.T.astype(np.float64)),
            casadi.DM(np.eye(classes)[y].T),
        )
        for x, y, vector in data.ring
    ]

    def to_arrays(found: Any) -> list[Array]:
        pieces = np.split(np.asarray(found)[:, 0], np.cumsum(sizes)[:-1])
        return [
            piece.reshape(p.shape, order="F")
            for piece, p in zip(pieces, data.parameters, strict=True)
        ]

    return Calls(lambda *arguments: function(constant, *arguments), ring, to_arrays)


def _columns_first(arrays: list[Array]) -> Array:
    """All numbers in CasADi's order."""
    return np.concatenate([a.ravel(order="F") for a in arrays]).astype(np.float64)


def hips_autograd(workload: HessianVector, data: Inputs) -> Calls:
    """autograd over NumPy: the gradient of gradient times vector."""
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    rows = np.arange(workload.batch)

    def loss_of(parameters: Any, x: Array, y: Array) -> Any:
        w1, b1, w2, b2 = parameters
        hidden = 0.5 * (anp.tanh(0.5 * (anp.dot(x, w1.T) + b1)) + 1)
        logits = anp.dot(hidden, w2.T) + b2
        return anp.mean(logsumexp(logits, axis=1) - logits[rows, y])

    gradient_of = autograd.grad(loss_of)

    def along(parameters: Any, x: Array, y: Array, vector: list[Array]) -> Any:
        gradients = gradient_of(parameters, x, y)
        return sum(anp.sum(g * v) for g, v in zip(gradients, vector, strict=True))

    product = autograd.grad(along)
    return Calls(lambda x, y, vector: product(data.parameters, x, y, vector), data.ring)
