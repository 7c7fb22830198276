"""A wrong name of an argument is told the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import graphc as gc
from graphc.arguments.synonyms import name_here
from graphc.errors import ArgumentError, GraphcError

X = gc.input("x", ("n", 3))
LABELS = gc.input("labels", ("n",), "int64")


def _trainer() -> gc.Trainer:
    return gc.Trainer(gc.mean(X @ gc.parameter("w", (3,))), gc.optim.SGD(0.1))


CALLS: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: gc.sum(X, dim=0), "gc.sum has no argument 'dim'", "axis="),
    (
        lambda: gc.mean(X, keepdim=True),
        "gc.mean has no argument 'keepdim'",
        "keepdims=",
    ),
    (lambda: gc.var(X, unbiased=True), "gc.var", "ddof="),
    (lambda: X.sum(dim=0), "gc.Node.sum has no argument 'dim'", "axis="),
    (lambda: X.max(dim=0), "gc.Node.max", "axis="),
    (lambda: gc.concatenate([X, X], dim=1), "gc.concatenate", "axis="),
    (lambda: gc.transpose(X, perm=(1, 0)), "gc.transpose", "axes="),
    (lambda: gc.flip(X, dims=(1,)), "gc.flip has no argument 'dims'", "axis="),
    (lambda: gc.roll(X, shifts=1), "gc.roll has no argument 'shifts'", "shift="),
    (lambda: gc.split(X, sections=3), "gc.split", "indices_or_sections="),
    (lambda: gc.stack([X, X], dim=1), "gc.stack has no argument 'dim'", "axis="),
    (lambda: gc.chunk(X, 3, axis=1), "gc.chunk has no argument 'axis'", "dim="),
    (lambda: gc.pad(X, padding=1), "gc.pad has no argument 'padding'", "pad_width="),
    (lambda: gc.tril(X, diagonal=1), "gc.tril has no argument", "k="),
    (lambda: gc.nn.softmax(X, axis=1), "gc.nn.softmax has no argument 'axis'", "dim="),
    (lambda: gc.nn.ReLU(inplace=True), "gc.nn.ReLU has no argument", "leave it out"),
    (lambda: gc.nn.MSELoss(size_average=True), "gc.nn.MSELoss", "reduction="),
    (lambda: gc.optim.SGD([X], lr=0.1), "multiple values", "gc.Trainer("),
    (lambda: gc.nn.Softmax(axis=1), "gc.nn.Softmax", "dim="),
    (lambda: gc.nn.cross_entropy(X, labels=LABELS), "cross_entropy", "target="),
    (lambda: gc.nn.dropout(X, rate=0.1), "gc.nn.dropout", "p="),
    (lambda: gc.nn.Dropout(rate=0.1), "gc.nn.Dropout", "p="),
    (lambda: gc.nn.leaky_relu(X, slope=0.1), "gc.nn.leaky_relu", "negative_slope="),
    (lambda: gc.nn.Linear(3, units=4), "gc.nn.Linear", "out_features="),
    (lambda: gc.nn.Linear(3, 4, use_bias=True), "gc.nn.Linear", "bias="),
    (lambda: gc.nn.LayerNorm(3, epsilon=1e-6), "gc.nn.LayerNorm", "eps="),
    (lambda: gc.nn.one_hot(LABELS, depth=3), "gc.nn.one_hot", "num_classes="),
    (lambda: gc.optim.Adam(learning_rate=0.1), "has no argument", "lr="),
    (lambda: gc.optim.Adam(0.1, beta1=0.9), "has no argument 'beta1'", "betas="),
    (lambda: gc.optim.Adam(0.1, epsilon=1e-8), "has no argument 'epsilon'", "eps="),
    (lambda: gc.optim.SGD(0.1, mu=0.9), "has no argument 'mu'", "momentum="),
    (lambda: gc.optim.StepLR(0.1, period=3), "has no argument", "step_size="),
    (lambda: gc.optim.CosineAnnealingLR(0.1, decay_steps=3), "no argument", "T_max="),
    (lambda: gc.parameter("w", (3,), initializer=0), "gc.parameter", "init="),
    (lambda: gc.compile(X, optimize=False), "gc.compile", "simplify="),
    (lambda: gc.evaluate(X, feed_dict={}), "gc.evaluate", "feeds="),
    (lambda: gc.grad(gc.sum(X), variables=X), "gc.grad", "wrt="),
    (lambda: _trainer().fit({}, batchsize=3), "gc.Trainer.fit", "batch_size="),
    (lambda: _trainer().fit({}, validation_data={}), "gc.Trainer.fit", "dev="),
    (lambda: _trainer().fit({}, num_epochs=3), "gc.Trainer.fit", "epochs="),
    (lambda: gc.nn.mse_loss(X, X, reductoin="sum"), "gc.nn.mse_loss", "reduction="),
]


@pytest.mark.parametrize(("call", "message", "hint"), CALLS)
def test_it_is_told(call: Callable[[], Any], message: str, hint: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        call()
    assert isinstance(caught.value, GraphcError | TypeError)
    assert str(caught.value.hint).startswith(hint)
    assert __file__ in str(caught.value.location)


def test_a_name_of_nothing_is_told_all_names() -> None:
    with pytest.raises(
        ArgumentError, match="it takes a, axis, dtype, keepdims"
    ) as caught:
        gc.sum(X, colour=3)  # type: ignore[call-arg]
    assert caught.value.hint is None


def test_the_nearest_name_is_meant() -> None:
    assert name_here("axes", ["a", "axis"]) == "axis"
    assert name_here("dim", ["input", "start_dim", "end_dim"]) is not None
    assert name_here("dim", ["a", "keepdims"]) is None
    assert name_here("lr", ["learning_rate"]) is None
