"""Models for the tests of one row: layers, losses, axes and dtypes of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gc
from graphc import optim
from graphc.ir import Graph, Node

NORMAL = gc.init.normal(0, 0.5)


def weights(name: str, *shape: int, dtype: str = "float32") -> Node:
    return gc.parameter(name, shape, NORMAL, dtype)


def features(width: int = 7) -> Node:
    return gc.input("x", ("batch", width))


def labels() -> Node:
    return gc.input("y", ("batch",), "int64")


def numbers() -> Node:
    return gc.input("t", ("batch",))


def network(*layers: Any, inputs: int = 7, classes: int = 3) -> Node:
    """Logits of two layers with some in between."""
    first = gc.nn.Linear(inputs, 6, name="hidden")
    last = gc.nn.Linear(6, classes, name="out")
    return gc.nn.Sequential(first, *layers, last)(features(inputs))


def of_activation(layer: Any) -> Callable[[], Node]:
    return lambda: gc.nn.cross_entropy(network(layer), labels())


def of_loss(name: str, **options: Any) -> Callable[[], Node]:
    """A loss of `gc.nn` on the target that it takes."""

    def loss() -> Node:
        function, output = getattr(gc.nn, name), network(gc.nn.Tanh())
        if name in ("cross_entropy", "nll_loss"):
            logs = name == "nll_loss"
            scores = gc.nn.log_softmax(output, dim=1) if logs else output
            return function(scores, labels(), **options)
        target = gc.input("target", ("batch", 3))
        if name == "binary_cross_entropy":
            output = gc.nn.sigmoid(output)
        if name.startswith("binary"):
            target = gc.nn.sigmoid(target)
        return function(output, target, **options)

    return loss


def squares(output: Node) -> Node:
    return gc.mean(gc.square(output - 0.3))


def attention(heads: int) -> Node:
    tokens, table = gc.input("tokens", ("batch", 4), "int64"), weights("table", 5, 6)
    h = table[tokens] + weights("places", 4, 6)
    query, key = h @ weights("query", 6, 6), h @ weights("key", 6, 6)
    if heads > 1:
        query, key = (
            gc.transpose(gc.reshape(z, ("batch", 4, heads, -1)), (0, 2, 1, 3))
            for z in (query, key)
        )
        h = gc.expand_dims(h, 1)
    shares = gc.nn.softmax(query @ gc.swapaxes(key, -1, -2) / 2.0, dim=-1)
    read = gc.reshape(gc.mean(shares @ h, axis=-2), ("batch", -1))
    return gc.nn.cross_entropy(read @ weights("last", heads * 6, 3), labels())


def bag_of_words() -> Node:
    """The embedding is the last layer, too."""
    tokens, table = gc.input("tokens", ("batch", 4), "int64"), weights("table", 5, 6)
    mean = gc.mean(gc.take(table, tokens, axis=0), axis=1)
    return gc.nn.cross_entropy(mean @ table.T, labels())


def columns() -> Node:
    """What a label reads is scattered in memory."""
    h, y = gc.tanh(features() @ weights("w", 7, 40)), labels()
    cube = gc.swapaxes(weights("cube", 5, 6, 40), 1, 2)
    read = [
        gc.take(weights("u", 40, 6), y, axis=1),
        weights("v", 40, 6).T[y].T,
        cube[y, :, y].T,
    ]
    return squares(gc.concatenate([gc.sum(h @ column, axis=0) for column in read]))


def views() -> Node:
    """Products of parts of arrays and of one number many times."""
    x = features(40)
    cut = x[:, ::2] @ weights("w", 20, 9) + x[:, ::-1] @ weights("v", 80, 9)[1::2]
    mean = gc.mean(x[:, ::2], axis=0) @ weights("u", 20)
    scaled = (x[:, 20:] / x.shape[0]) @ weights("s", 20, 9)[:, :5]
    return (
        squares(cut) + squares(scaled) + gc.square(mean) + gc.mean(x @ weights("z", 40))
    )


def masked() -> Node:
    """A mean over what a mask keeps, with a penalty."""
    x, w, v = features(), weights("w", 7, 4), weights("v", 4)
    kept = (gc.input("seen", ("batch", 4)) > 0).astype("float32")
    total = gc.sum(gc.where(kept > 0, gc.tanh(x @ w), 0.0) * kept @ v)
    penalties = optim.l2([w], 0.01) + optim.l1([v], 0.01)
    return gc.square(total / (gc.sum(kept) + 1)) + penalties


def normalised() -> Node:
    """By the rows themselves: zero at one row, but for what is added."""
    x = features()
    h = (x - gc.mean(x, axis=0)) / gc.sqrt(gc.var(x, axis=0) + 0.1)
    return gc.nn.cross_entropy(h @ weights("w", 7, 3) + weights("b", 3), labels())


def penalised_slope() -> Node:
    logits = network(gc.nn.Tanh())
    (x,) = (node for node in Graph((logits,)).inputs if node.name == "x")
    slope = gc.grad(gc.sum(gc.square(logits)), x)
    return gc.mean(gc.sum(gc.square(slope), axis=1)) + squares(logits)


def scalars_of_rows() -> Node:
    """Scalars at one row: powers, choices and integers among them."""
    x, y, t = features(), labels(), numbers()
    s = x @ weights("w", 7) * weights("scale") + weights("b", 1)
    powers = gc.power(gc.absolute(s) + 0.2, gc.absolute(t)) + gc.power(1.5, s)
    hashed = (y * np.int64(2**62 + 12345)) % 7
    chosen = gc.where(y > 1, powers, hashed.astype("float32") / 7)
    return gc.mean(gc.clip(chosen, -2.0, 5.0)) + gc.mean(gc.floor(t) * s)


def with_axes_of_size_1() -> Node:
    x, one = gc.input("x", ("batch", 1)), gc.input("one", (1, "batch"))
    h = gc.tanh(x @ weights("w", 1, 5) + weights("b", 1, 5))
    out = h @ weights("v", 5, 1) + weights("c", 1, 1)
    return squares(out) + squares(one @ (x @ weights("k", 1, 1)))


def of_other_sizes() -> Node:
    """Sizes that are computed from the rows, and another name."""
    x, seen = features(), gc.input("seen", ("batch", "time", 3))
    both = gc.concatenate([x, gc.tanh(x), x[1:]])
    states = gc.tanh(seen @ weights("u", 3, 4)) @ weights("v", 4)
    pairs = gc.tanh(x @ weights("w", 7, 3))
    gram = gc.reshape(pairs @ pairs.T, -1)
    return squares(both @ weights("z", 7, 2)) + squares(states) + gc.mean(gram)


def of_wide_dtypes() -> Node:
    x = gc.input("x", ("batch", 7), "float64") @ weights("w", 7, 3, dtype="float64")
    small = gc.input("small", ("batch", 3), "int8").astype("float32")
    flags = gc.input("flags", ("batch", 3), "bool")
    return squares(gc.where(flags, x, small @ weights("v", 3, 3)))


MODELS: dict[str, Callable[[], Node]] = {
    **{
        layer: of_activation(getattr(gc.nn, layer)())
        for layer in ("ELU", "GELU", "LeakyReLU", "ReLU", "Sigmoid", "SiLU")
    },
    "Softplus": of_activation(gc.nn.Softplus()),
    "Tanh": of_activation(gc.nn.Tanh()),
    "Softmax": of_activation(gc.nn.Softmax(dim=1)),
    "LogSoftmax": of_activation(gc.nn.LogSoftmax(dim=1)),
    "GELU, tanh": of_activation(gc.nn.GELU(approximate="tanh")),
    "Dropout": of_activation(gc.nn.Dropout(0.4)),
    "LayerNorm": of_activation(gc.nn.LayerNorm(6, name="norm")),
    "noise": lambda: squares(gc.nn.gaussian_noise(network(), 0.5)),
    "relu6": lambda: squares(gc.nn.relu6(network() * 3)),
    "hardtanh": lambda: squares(gc.nn.hardtanh(network())),
    "logsigmoid": lambda: squares(gc.nn.logsigmoid(network())),
    **{
        name: of_loss(name)
        for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "nll_loss")
    },
    "sum of losses": of_loss("cross_entropy", reduction="sum"),
    "smoothed labels": of_loss("cross_entropy", label_smoothing=0.1),
    "binary": of_loss("binary_cross_entropy"),
    "binary, logits": of_loss("binary_cross_entropy_with_logits"),
    "regression": lambda: squares(features() @ weights("w", 7) - numbers()),
    "attention": lambda: attention(1),
    "attention, heads": lambda: attention(2),
    "bag of words": bag_of_words,
    "columns": columns,
    "views": views,
    "masked": masked,
    "normalised": normalised,
    "penalised slope": penalised_slope,
    "scalars of rows": scalars_of_rows,
    "axes of size 1": with_axes_of_size_1,
    "other sizes": of_other_sizes,
    "dtypes": of_wide_dtypes,
}
