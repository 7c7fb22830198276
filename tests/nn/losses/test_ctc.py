"""Connectionist temporal classification against torch, and by counting paths."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import (
    FeedError,
    GraphcError,
    IndexRangeError,
    OptionError,
    ShapeError,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(7, 4, 5))
TARGETS = np.array([[1, 2, 3], [2, 2, 4], [1, -1, -1], [3, 3, 3]])
STEPS = np.array([7, 6, 3, 4])
COUNTS = np.array([3, 3, 1, 3])
"""The last example has too few steps for its labels; the third one is short."""


@pytest.mark.peer
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses_and_gradients_are_torchs(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    x = gc.input("x", ("steps", "batch", 5), "float64")
    names = ("targets", "runs", "ends")
    shapes: Any = (("batch", 3), ("batch",), ("batch",))
    given = [
        gc.input(n, shape, "int64") for n, shape in zip(names, shapes, strict=True)
    ]
    feeds = dict(zip(("x", *names), (LOGITS, TARGETS, STEPS, COUNTS), strict=True))
    for blank, drops in ((0, True), (0, False), (4, True)):
        options: Any = {"blank": blank, "reduction": reduction, "zero_infinity": drops}
        logits = torch.tensor(LOGITS, requires_grad=True)
        log_probs = logits.log_softmax(-1)
        # The blank is not a label.
        labels = np.where(blank == TARGETS, 0, TARGETS) if blank else TARGETS
        feeds["targets"] = labels
        tensors = map(torch.tensor, (labels % 5, STEPS, COUNTS))
        expected = torch.nn.functional.ctc_loss(log_probs, *tensors, **options)
        loss = gc.nn.ctc_loss(gc.nn.log_softmax(x, -1), *given, **options)
        (slope,) = torch.autograd.grad(expected.sum(), [logits])
        found = gc.compile([loss, gc.grad(gc.sum(loss), x)], inputs=[x, *given])
        value, gradient = found(**feeds)
        close = {"rtol": 1e-10, "atol": 1e-10}
        np.testing.assert_allclose(value, expected.detach().numpy(), **close)
        if drops:
            np.testing.assert_allclose(gradient, slope.numpy(), **close)


def test_a_probability_is_the_sum_over_all_paths() -> None:
    steps, labels = 4, [1, 1]
    log_probs = np.log(RNG.dirichlet(np.ones(3), size=steps))
    total = 0.0
    for path in itertools.product(range(3), repeat=steps):
        shown = [label for label, _ in itertools.groupby(path) if label]
        if shown == labels:
            total += np.exp(sum(log_probs[t, label] for t, label in enumerate(path)))
    layer = gc.nn.CTCLoss(reduction="sum")
    loss = layer(log_probs, gc.constant(labels), gc.constant(steps), gc.constant(2))
    np.testing.assert_allclose(gc.evaluate(loss), -np.log(total))


WRONG: dict[str, tuple[Any, type[GraphcError], str]] = {
    "shapes": (
        ((TARGETS[0], STEPS, COUNTS), {}),
        ShapeError,
        r"targets of shape \(batch, labels\)",
    ),
    "steps": (
        ((TARGETS, STEPS + 1, COUNTS), {}),
        IndexRangeError,
        "input_lengths from",
    ),
    "labels": (((TARGETS, STEPS, COUNTS + 1), {}), IndexRangeError, "target_lengths"),
    "blank": (
        ((TARGETS, STEPS, COUNTS), {"blank": 5}),
        OptionError,
        "of the 5 classes",
    ),
    "reduction": (
        ((TARGETS, STEPS, COUNTS), {"reduction": "all"}),
        OptionError,
        '"none", "mean" or "sum"',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_the_users_line(name: str) -> None:
    (arrays, options), error, message = WRONG[name]
    with pytest.raises(error, match=message) as caught:
        gc.nn.ctc_loss(LOGITS, *arrays, **options)
    assert "test_ctc.py" in str(caught.value)


def test_labels_and_lengths_are_checked_where_they_are_fed() -> None:
    ends = gc.input("ends", (4,), "int64")
    run = gc.compile(gc.nn.ctc_loss(LOGITS, TARGETS, STEPS, ends), style="readable")
    with pytest.raises(FeedError, match="ends"):
        run(ends=[3, 3, 4, 3])
