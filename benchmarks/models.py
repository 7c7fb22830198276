"""Training steps of models of many kinds of layers: LeNet-5 and a transformer.

The reference is PyTorch in float64: nothing else is as short, and nobody would check a
longer one.

Sources: LeCun et al. 1998, "Gradient-based learning applied to document recognition";
Vaswani et al. 2017, "Attention is all you need".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import aligned
from .functions import check_arrays
from .recurrent import Peer, emitted_program

Array = np.ndarray[Any, Any]
RATE = 1e-3
STEPS = 5
"""So many steps are taken before parameters are compared."""
WIDTH, HEADS, LAYERS, CLASSES = 64, 4, 2, 10

PEERS = {
    "graphc-native": "graphc_native",
    "graphc-fast": "graphc_fast",
    "graphc-readable": "graphc_readable",
    "torch": "torch_eager",
    "torch-fused": "torch_fused",
    "torch-compile": "torch_compile",
    "jax": "jax_jit",
}


@dataclass(frozen=True)
class Data:
    """Initial parameters, by torch's names, and a ring of batches, in float32."""

    parameters: dict[str, Array]
    batches: list[tuple[Array, Array]]


@dataclass(frozen=True)
class Model:
    """A training step of a model: cross-entropy, and Adam or AdamW."""

    name: str
    batch: int
    length: int = 0
    """That of sequences for the transformer; 0 for LeNet-5 on images of 28 x 28."""

    @property
    def title(self) -> str:
        """The model and its sizes, for a reader."""
        if self.length:
            return (
                f"transformer of {LAYERS} layers, width {WIDTH}, {HEADS} heads, "
                f"length {self.length}, batch {self.batch}, AdamW"
            )
        return f"LeNet-5, batch {self.batch}, Adam"

    @property
    def peers(self) -> Mapping[str, str]:
        """The builder of each peer."""
        return {peer: f"{__name__}:{name}" for peer, name in PEERS.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """That of an input, without the batch."""
        return (self.length, WIDTH) if self.length else (1, 28, 28)

    def data(self, seed: int = 0) -> Data:
        """Parameters as torch starts them; normal inputs with labels by chance."""
        rng = np.random.default_rng(seed)
        module = torch_module(self, seed)
        start = {name: aligned(p, "f") for name, p in parameters_of(module).items()}
        batches = [
            (
                aligned(rng.standard_normal((self.batch, *self.shape)), np.float32),
                aligned(rng.integers(0, CLASSES, self.batch), np.int64),
            )
            for _ in range(8)
        ]
        return Data(start, batches)

    def check(self, peer: Peer, data: Data) -> None:
        """Hold the change of each parameter in some steps against float64.

        Raises:
            WrongResult: they differ by more than rounding explains.
        """
        reference = _torch(self, data, double=True)
        for each in (peer, reference):
            each.reset()
            for index in range(STEPS):
                each.step(index)
        pairs = zip(peer.parameters(), reference.parameters(), strict=True)
        starts = data.parameters.values()
        # Adam makes steps of one size of gradients that are zero but for rounding.
        found = [(p - s, r - s) for (p, r), s in zip(pairs, starts, strict=True)]
        lengths = [[np.linalg.norm(a - b), np.linalg.norm(b)] for a, b in found]
        errors = [np.asarray(error / (length or 1)) for error, length in lengths]
        zeros = [np.zeros(()) for _ in errors]
        shifted = [1 + error for error in errors]
        names = list(data.parameters)
        check_arrays(shifted, [1 + zero for zero in zeros], names, 5e-2)


# graphc -------------------------------------------------------------------------------


def graphc_native(workload: Model, data: Data) -> Peer:
    """The training step of an emitted program."""
    return _graphc(workload, data, "native")


def graphc_fast(workload: Model, data: Data) -> Peer:
    """The same with NumPy, in arrays that are allocated once."""
    return _graphc(workload, data, "fast")


def graphc_readable(workload: Model, data: Data) -> Peer:
    """The same in the textbook style."""
    return _graphc(workload, data, "readable")


def graphc_model(workload: Model) -> Any:
    """A `Trainer` of the model."""
    import graphc as gc

    nn = gc.nn
    x = gc.input("x", ("batch", *workload.shape))
    y = gc.input("y", ("batch",), dtype="int64")
    if workload.length:
        layers = [
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 4 * WIDTH, dropout=0.0, batch_first=True, name=f"layer{n}"
            )
            for n in range(LAYERS)
        ]
        value = x
        for layer in layers:
            value = layer(value)
        value = nn.Linear(WIDTH, CLASSES, name="head")(gc.mean(value, axis=1))
        optimizer = gc.optim.AdamW(RATE)
    else:
        value = nn.relu(nn.Conv2d(1, 6, 5, padding=2, name="conv1")(x))
        value = nn.Conv2d(6, 16, 5, name="conv2")(nn.max_pool2d(value, 2))
        value = nn.max_pool2d(nn.relu(value), 2).reshape(("batch", 400))
        value = nn.relu(nn.Linear(400, 120, name="fc1")(value))
        value = nn.relu(nn.Linear(120, 84, name="fc2")(value))
        value = nn.Linear(84, CLASSES, name="fc3")(value)
        optimizer = gc.optim.Adam(RATE)
    return lambda style: gc.Trainer(nn.cross_entropy(value, y), optimizer, style=style)


def _graphc(workload: Model, data: Data, style: str) -> Peer:
    trainer = graphc_model(workload)(style)
    module = emitted_program(trainer, style)
    parameters = module.init_parameters(seed=0)
    state: list[Any] = [None]

    def reset() -> None:
        for name, array in data.parameters.items():
            parameters[name][...] = array
        state[0] = module.init_state(parameters)

    return Peer(
        reset,
        lambda batch: module.train_step(parameters, state[0], *batch),
        lambda: [parameters[name] for name in data.parameters],
        data.batches,
    )


# PyTorch ------------------------------------------------------------------------------


def torch_eager(workload: Model, data: Data) -> Peer:
    """PyTorch's own layers and optimizer."""
    return _torch(workload, data)


def torch_fused(workload: Model, data: Data) -> Peer:
    """The same with the optimizer in one kernel."""
    return _torch(workload, data, fused=True)


def torch_compile(workload: Model, data: Data) -> Peer:
    """The model compiled, with the optimizer in one kernel."""
    return _torch(workload, data, fused=True, compiled=True)


def torch_module(workload: Model, seed: int = 0) -> Any:
    """The model, with initial values by a seed."""
    import torch

    nn = torch.nn
    torch.manual_seed(seed)
    if not workload.length:
        relu, pool = nn.ReLU, nn.MaxPool2d
        layers = [
            *(("conv1", nn.Conv2d(1, 6, 5, padding=2)), ("relu1", relu())),
            *(("pool1", pool(2)), ("conv2", nn.Conv2d(6, 16, 5)), ("relu2", relu())),
            *(("pool2", pool(2)), ("flat", nn.Flatten())),
            *(("fc1", nn.Linear(400, 120)), ("relu3", relu())),
            *(("fc2", nn.Linear(120, 84)), ("relu4", relu())),
            ("fc3", nn.Linear(84, CLASSES)),
        ]
        return nn.Sequential(OrderedDict(layers))

    class Classifier(nn.Sequential):
        """The layers, then the mean of positions."""

        def forward(self, x: Any) -> Any:
            *layers, head = self
            for layer in layers:
                x = layer(x)
            return head(x.mean(1))

    sizes = (WIDTH, HEADS, 4 * WIDTH, 0.0)
    encoder = [
        (f"layer{n}", nn.TransformerEncoderLayer(*sizes, batch_first=True))
        for n in range(LAYERS)
    ]
    return Classifier(OrderedDict([*encoder, ("head", nn.Linear(WIDTH, CLASSES))]))


def parameters_of(module: Any) -> dict[str, Array]:
    """The parameters of a module of torch, by name."""
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


def _torch(
    workload: Model,
    data: Data,
    *,
    double: bool = False,
    fused: bool = False,
    compiled: bool = False,
) -> Peer:
    import torch

    dtype = torch.float64 if double else torch.float32
    module = torch_module(workload).to(dtype)
    model: Callable[[Any], Any] = torch.compile(module) if compiled else module
    kind = torch.optim.AdamW if workload.length else torch.optim.Adam
    optimizer: list[Any] = [None]

    def reset() -> None:
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(torch.from_numpy(data.parameters[name]))
        optimizer[0] = kind(module.parameters(), RATE, fused=fused or None)

    def step(batch: Any) -> Any:
        x, y = batch
        optimizer[0].zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer[0].step()
        return loss.detach()

    batches = [
        (torch.from_numpy(x).to(dtype), torch.from_numpy(y)) for x, y in data.batches
    ]
    return Peer(reset, step, lambda: [*parameters_of(module).values()], batches)


# JAX ----------------------------------------------------------------------------------


def jax_jit(workload: Model, data: Data) -> Peer:
    """A step in one jitted function."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_cpu_enable_async_dispatch", False)
    forward = _jax_transformer if workload.length else _jax_lenet
    decay = 0.01 if workload.length else 0.0

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        scores = jax.nn.log_softmax(forward(parameters, x))
        return -jnp.mean(scores[jnp.arange(len(y)), y])

    def train_step(state: Any, batch: Any) -> Any:
        parameters, first, second, step = state
        loss, slopes = jax.value_and_grad(loss_of)(parameters, *batch)
        step += 1
        moved, firsts, seconds = {}, {}, {}
        for name, g in slopes.items():
            firsts[name] = m = 0.9 * first[name] + 0.1 * g
            seconds[name] = v = 0.999 * second[name] + 0.001 * g**2
            root = jnp.sqrt(v / (1 - 0.999**step)) + 1e-8
            kept = parameters[name] * (1 - RATE * decay)
            moved[name] = kept - RATE * m / (1 - 0.9**step) / root
        return (moved, firsts, seconds, step), loss

    train_step = jax.jit(train_step, donate_argnums=0)
    state: list[Any] = [None]

    def reset() -> None:
        start = {name: jnp.array(array) for name, array in data.parameters.items()}
        zeros = [{n: jnp.zeros_like(a) for n, a in start.items()} for _ in range(2)]
        state[0] = (start, *zeros, jnp.zeros((), jnp.float32))

    def step(batch: Any) -> Any:
        state[0], loss = train_step(state[0], batch)
        return jax.block_until_ready(loss)

    def parameters() -> list[Array]:
        return [np.asarray(state[0][0][name]) for name in data.parameters]

    batches = [(jnp.asarray(x), jnp.asarray(y)) for x, y in data.batches]
    return Peer(reset, step, parameters, batches)


def _jax_lenet(p: Mapping[str, Any], x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def convolved(x: Any, name: str, padding: int) -> Any:
        borders = [(padding, padding)] * 2
        weight = p[f"{name}.weight"]
        value = jax.lax.conv_general_dilated(x, weight, (1, 1), borders)
        value = jax.nn.relu(value + p[f"{name}.bias"][:, None, None])
        window = (1, 1, 2, 2)
        return jax.lax.reduce_window(
            value, -jnp.inf, jax.lax.max, window, window, "VALID"
        )

    value = convolved(convolved(x, "conv1", 2), "conv2", 0).reshape(len(x), -1)
    for name in ("fc1", "fc2"):
        value = jax.nn.relu(value @ p[f"{name}.weight"].T + p[f"{name}.bias"])
    return value @ p["fc3.weight"].T + p["fc3.bias"]


def _jax_transformer(p: Mapping[str, Any], x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def linear(x: Any, name: str) -> Any:
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def normed(x: Any, name: str) -> Any:
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-5)
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    batch, length, _ = x.shape
    for layer in range(LAYERS):
        own = f"layer{layer}"
        attention = f"{own}.self_attn"
        parts = x @ p[f"{attention}.in_proj_weight"].T + p[f"{attention}.in_proj_bias"]
        parts = parts.reshape(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = jnp.moveaxis(parts, (2, 3), (0, 2))
        scores = q @ jnp.swapaxes(k, -1, -2) / np.float32((WIDTH // HEADS) ** 0.5)
        mixed = jnp.swapaxes(jax.nn.softmax(scores) @ v, 1, 2)
        mixed = mixed.reshape(batch, length, WIDTH)
        x = normed(x + linear(mixed, f"{attention}.out_proj"), f"{own}.norm1")
        hidden = jax.nn.relu(linear(x, f"{own}.linear1"))
        x = normed(x + linear(hidden, f"{own}.linear2"), f"{own}.norm2")
    return linear(x.mean(1), "head")
