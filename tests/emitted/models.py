"""Eighteen kinds of models, small, each written as a user would write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gc

MODELS: dict[str, Callable[..., gc.Trainer]] = {}
"""A function that declares each model, by its name."""


def model(function: Callable[..., gc.Trainer]) -> Callable[[], gc.Trainer]:
    """Add a model to the table."""
    MODELS[function.__name__] = function
    return function


@model
def logistic_regression(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 8))
    y = gc.input("y", ("batch",))
    weights = gc.parameter("weights", (8,), gc.init.zeros())
    bias = gc.parameter("bias", (), gc.init.zeros())
    logits = x @ weights + bias
    loss = gc.nn.binary_cross_entropy_with_logits(logits, y)
    accuracy = gc.mean((logits > 0) == (y > 0.5))
    return gc.Trainer(
        loss,
        gc.optim.SGD(lr=0.1),
        metrics={"accuracy": accuracy},
        outputs=logits,
        **options,
    )


@model
def mlp(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 64))
    y = gc.input("y", ("batch",), "int64")
    network = gc.nn.Sequential(
        gc.nn.Linear(64, 32, name="hidden"),
        gc.nn.GELU(),
        gc.nn.Dropout(0.2),
        gc.nn.Linear(32, 10, name="output"),
    )
    logits = network(x)
    loss = gc.nn.cross_entropy(logits, y)
    optimizer = gc.optim.AdamW(lr=0.003, weight_decay=0.01)
    return gc.Trainer(loss, optimizer, outputs=logits, **options)


@model
def matrix_factorisation(**options: Any) -> gc.Trainer:
    user = gc.input("user", ("batch",), "int64")
    item = gc.input("item", ("batch",), "int64")
    rating = gc.input("rating", ("batch",))
    users = gc.parameter("users", (100, 8), gc.init.normal(0.1))
    items = gc.parameter("items", (50, 8), gc.init.normal(0.1))
    user_bias = gc.parameter("user_bias", (100,), gc.init.zeros())
    item_bias = gc.parameter("item_bias", (50,), gc.init.zeros())
    u, v = users[user], items[item]
    predicted = gc.sum(u * v, axis=1) + user_bias[user] + item_bias[item]
    error = predicted - rating
    penalty = gc.mean(gc.sum(u**2, axis=1) + gc.sum(v**2, axis=1))
    loss = gc.mean(error**2) + 0.02 * penalty
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=predicted, **options)


@model
def skip_gram(**options: Any) -> gc.Trainer:
    center = gc.input("center", ("batch",), "int64")
    context = gc.input("context", ("batch",), "int64")
    negatives = gc.input("negatives", ("batch", 5), "int64")
    vectors = gc.parameter("vectors", (200, 16), gc.init.uniform(-0.03, 0.03))
    contexts = gc.parameter("contexts", (200, 16), gc.init.zeros())
    v = vectors[center]
    positive = gc.sum(v * contexts[context], axis=1)
    scores = gc.einsum("bd,bnd->bn", v, contexts[negatives])
    likelihood = gc.nn.logsigmoid(positive) + gc.sum(gc.nn.logsigmoid(-scores), axis=1)
    return gc.Trainer(-gc.mean(likelihood), gc.optim.SGD(lr=0.5), **options)


@model
def autoencoder(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 64))
    encoder = gc.nn.Linear(64, 16, name="encoder")
    decoder = gc.nn.Linear(16, 64, name="decoder")
    code = gc.nn.relu(encoder(x))
    reconstruction = gc.nn.sigmoid(decoder(code))
    loss = gc.nn.mse_loss(reconstruction, x)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.001), outputs=reconstruction, **options)


@model
def vae(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 64))
    hidden = gc.nn.relu(gc.nn.Linear(64, 32, name="encoder")(x))
    mean = gc.nn.Linear(32, 4, name="to_mean")(hidden)
    log_variance = gc.nn.Linear(32, 4, name="to_log_variance")(hidden)
    noise = gc.random.normal(size=mean.shape)
    z = mean + gc.exp(0.5 * log_variance) * noise
    decoded = gc.nn.relu(gc.nn.Linear(4, 32, name="decoder")(z))
    logits = gc.nn.Linear(32, 64, name="output")(decoded)
    bits = gc.nn.binary_cross_entropy_with_logits(logits, x, reduction="none")
    reconstruction = gc.mean(gc.sum(bits, axis=1))
    terms = 1 + log_variance - mean**2 - gc.exp(log_variance)
    divergence = -0.5 * gc.mean(gc.sum(terms, axis=1))
    loss = reconstruction + divergence
    metrics = {"reconstruction": reconstruction, "divergence": divergence}
    return gc.Trainer(loss, gc.optim.Adam(lr=0.001), metrics=metrics, **options)


@model
def lenet(**options: Any) -> gc.Trainer:
    images = gc.input("images", ("batch", 1, 28, 28))
    labels = gc.input("labels", ("batch",), "int64")
    network = gc.nn.Sequential(
        gc.nn.Conv2d(1, 6, 5, padding=2, name="conv1"),
        gc.nn.Tanh(),
        gc.nn.AvgPool2d(2),
        gc.nn.Conv2d(6, 16, 5, name="conv2"),
        gc.nn.Tanh(),
        gc.nn.AvgPool2d(2),
        gc.nn.Flatten(),
        gc.nn.Linear(400, 120, name="fc1"),
        gc.nn.Tanh(),
        gc.nn.Linear(120, 84, name="fc2"),
        gc.nn.Tanh(),
        gc.nn.Linear(84, 10, name="fc3"),
    )
    logits = network(images)
    loss = gc.nn.cross_entropy(logits, labels)
    return gc.Trainer(
        loss, gc.optim.SGD(lr=0.05, momentum=0.9), outputs=logits, **options
    )


@model
def lstm(**options: Any) -> gc.Trainer:
    tokens = gc.input("tokens", ("batch", 12), "int64")
    labels = gc.input("labels", ("batch",), "int64")
    embedded = gc.nn.Embedding(30, 8, name="embedding")(tokens)
    states, _ = gc.nn.LSTM(8, 16, batch_first=True, name="lstm")(embedded)
    logits = gc.nn.Linear(16, 2, name="output")(states[:, -1])
    loss = gc.nn.cross_entropy(logits, labels)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=logits, **options)


@model
def gru(**options: Any) -> gc.Trainer:
    series = gc.input("series", (20, "batch", 3))
    target = gc.input("target", ("batch",))
    _, final = gc.nn.GRU(3, 16, name="gru")(series)
    predicted = gc.nn.Linear(16, 1, name="output")(final[0])[:, 0]
    loss = gc.nn.huber_loss(predicted, target)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=predicted, **options)


class Block(gc.nn.Layer):
    """A layer of a transformer."""

    def __init__(self, size: int, heads: int, name: str | None = None) -> None:
        super().__init__(name)
        self.heads = heads
        self.norm1 = gc.nn.LayerNorm(size)
        self.qkv = gc.nn.Linear(size, 3 * size)
        self.proj = gc.nn.Linear(size, size)
        self.norm2 = gc.nn.LayerNorm(size)
        self.fc1 = gc.nn.Linear(size, 4 * size)
        self.fc2 = gc.nn.Linear(4 * size, size)

    def forward(self, x: gc.Node) -> gc.Node:
        batch, length, size = x.shape
        qkv = self.qkv(self.norm1(x))
        q, k, v = gc.split(qkv, 3, axis=-1)
        split = (batch, length, self.heads, size // self.heads)
        q, k, v = (each.reshape(split).swapaxes(1, 2) for each in (q, k, v))
        attended = gc.nn.scaled_dot_product_attention(q, k, v, is_causal=True)
        joined = attended.swapaxes(1, 2).reshape((batch, length, size))
        x = x + self.proj(joined)
        hidden = gc.nn.gelu(self.fc1(self.norm2(x)))
        return x + self.fc2(hidden)


@model
def transformer(**options: Any) -> gc.Trainer:
    tokens = gc.input("tokens", ("batch", 16), "int64")
    targets = gc.input("targets", ("batch", 16), "int64")
    positions = gc.parameter("positions", (16, 32), gc.init.normal(0.02))
    x = gc.nn.Embedding(50, 32, name="embedding")(tokens) + positions
    for number in (1, 2):
        x = Block(32, 4, name=f"block{number}")(x)
    normalised = gc.nn.LayerNorm(32, name="final_norm")(x)
    logits = gc.nn.Linear(32, 50, name="head")(normalised)
    loss = gc.nn.cross_entropy(logits.reshape((-1, 50)), targets.reshape((-1,)))
    schedule = gc.optim.CosineAnnealingLR(0.001, T_max=20)
    optimizer = gc.optim.AdamW(schedule, weight_decay=0.1)
    return gc.Trainer(loss, optimizer, outputs=logits, **options)


@model
def pinn(**options: Any) -> gc.Trainer:
    t = gc.input("t", ("batch", 1))
    network = gc.nn.Sequential(
        gc.nn.Linear(1, 16, name="first"),
        gc.nn.Tanh(),
        gc.nn.Linear(16, 1, name="second"),
    )
    u = 1 + t**2 * network(t)
    velocity = gc.grad(gc.sum(u), t)
    acceleration = gc.grad(gc.sum(velocity), t)
    residual = acceleration + 0.4 * velocity + 9.0 * u
    loss = gc.mean(residual**2)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=u, **options)


@model
def siamese(**options: Any) -> gc.Trainer:
    left = gc.input("left", ("batch", 16))
    right = gc.input("right", ("batch", 16))
    same = gc.input("same", ("batch",))
    hidden = gc.nn.Linear(16, 32, name="hidden")
    embedding = gc.nn.Linear(32, 8, name="embedding")

    def embed(x: gc.Node) -> gc.Node:
        return embedding(gc.nn.relu(hidden(x)))

    difference = embed(left) - embed(right)
    distance = gc.sqrt(gc.sum(difference**2, axis=1) + 1e-6)
    margin = gc.maximum(1.0 - distance, 0.0)
    loss = gc.mean(same * distance**2 + (1 - same) * margin**2)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.001), outputs=distance, **options)


@model
def neural_ode(**options: Any) -> gc.Trainer:
    start = gc.input("start", ("batch", 2))
    end = gc.input("end", ("batch", 2))
    w1 = gc.parameter("w1", (2, 16), gc.init.normal(0.1))
    w2 = gc.parameter("w2", (16, 2), gc.init.normal(0.1))
    step = 0.1

    def slope(y: gc.Node) -> gc.Node:
        return gc.tanh(y @ w1) @ w2

    def advance(y: gc.Node, _: None) -> tuple[gc.Node, None]:
        k1 = slope(y)
        k2 = slope(y + 0.5 * step * k1)
        k3 = slope(y + 0.5 * step * k2)
        k4 = slope(y + step * k3)
        return y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    reached, _ = gc.scan(advance, start, None, length=10)
    loss = gc.mean((reached - end) ** 2)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=reached, **options)


@model
def quantile_regression(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 5))
    y = gc.input("y", ("batch",))
    levels = gc.constant(np.array([0.1, 0.5, 0.9], np.float32))
    quantiles = gc.nn.Linear(5, 3, name="quantiles")(x)
    error = y[:, None] - quantiles
    loss = gc.mean(gc.maximum(levels * error, (levels - 1) * error))
    return gc.Trainer(loss, gc.optim.Adam(lr=0.01), outputs=quantiles, **options)


@model
def multi_task(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 10))
    age = gc.input("age", ("batch",))
    kind = gc.input("kind", ("batch",), "int64")
    log_variances = gc.parameter("log_variances", (2,), gc.init.zeros())
    shared = gc.nn.relu(gc.nn.Linear(10, 16, name="shared")(x))
    age_head = gc.nn.Linear(16, 1, name="age_head")(shared)[:, 0]
    kind_head = gc.nn.Linear(16, 4, name="kind_head")(shared)
    age_loss = gc.nn.mse_loss(age_head, age)
    kind_loss = gc.nn.cross_entropy(kind_head, kind)
    losses = gc.stack([age_loss, kind_loss])
    loss = gc.sum(gc.exp(-log_variances) * losses + log_variances)
    return gc.Trainer(loss, gc.optim.Adam(lr=0.001), outputs=kind_head, **options)


@model
def gan(**options: Any) -> gc.Trainer:
    real = gc.input("real", ("batch", 2))
    generator = gc.nn.Sequential(
        gc.nn.Linear(4, 16), gc.nn.ReLU(), gc.nn.Linear(16, 2), name="generator"
    )
    discriminator = gc.nn.Sequential(
        gc.nn.Linear(2, 16), gc.nn.LeakyReLU(0.2), gc.nn.Linear(16, 1), name="critic"
    )
    noise = gc.random.normal(size=("batch", 4))
    fake = generator(noise)
    on_real, on_fake = discriminator(real), discriminator(fake)
    critic_loss = gc.mean(gc.nn.softplus(-on_real) + gc.nn.softplus(on_fake))
    generator_loss = gc.mean(gc.nn.softplus(-on_fake))
    return gc.Trainer(
        {"critic": critic_loss, "generator": generator_loss},
        {
            "critic": gc.optim.Adam(lr=0.001),
            "generator": gc.optim.Adam(lr=0.001),
        },
        parameters={
            "critic": discriminator.parameters(),
            "generator": generator.parameters(),
        },
        **options,
    )


@model
def batch_norm(**options: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 12))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(12, 24, name="hidden")
    norm = gc.nn.BatchNorm1d(24, name="norm")
    logits = gc.nn.Linear(24, 3, name="output")(gc.nn.relu(norm(hidden(x))))
    loss = gc.nn.cross_entropy(logits, y)
    return gc.Trainer(loss, gc.optim.SGD(lr=0.1), outputs=logits, **options)


@model
def gradient_penalty(**options: Any) -> gc.Trainer:
    real = gc.input("real", ("batch", 6))
    fake = gc.input("fake", ("batch", 6))
    critic = gc.nn.Sequential(
        gc.nn.Linear(6, 16, name="hidden"),
        gc.nn.Softplus(),
        gc.nn.Linear(16, 1, name="score"),
    )
    mix = gc.random.uniform(size=("batch", 1))
    between = mix * real + (1 - mix) * fake
    slope = gc.grad(gc.sum(critic(between)), between)
    norm = gc.sqrt(gc.sum(slope**2, axis=1) + 1e-12)
    penalty = gc.mean((norm - 1) ** 2)
    loss = gc.mean(critic(fake)) - gc.mean(critic(real)) + 10.0 * penalty
    return gc.Trainer(loss, gc.optim.Adam(lr=0.0001, betas=(0.5, 0.9)), **options)
