"""Losses of margins and likelihoods: errors, and values at special points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError


def test_no_target_of_a_divergence_makes_nan() -> None:
    logs = gc.input("logs", (3,), "float64")
    share = gc.input("share", (3,), "float64")
    loss = gc.nn.kl_div(logs, share, reduction="sum")
    feeds = {"logs": np.log([0.2, 0.3, 0.5]), "share": np.array([0.0, 0.0, 1.0])}
    value, *slopes = gc.evaluate([loss, *gc.grad(loss, [logs, share])], feeds)
    np.testing.assert_allclose(value, np.log(2.0), rtol=1e-14)
    assert np.isfinite(slopes).all()


def test_labels_of_a_row_end_at_the_first_negative_one() -> None:
    scores = gc.input("scores", (4,), "float64")
    labels = gc.input("labels", (4,), "int64")
    loss = gc.nn.multilabel_margin_loss(scores, labels)
    for given in ([-1, 0, 1, 2], [-1] * 4):
        value = gc.evaluate(loss, {"scores": np.arange(4.0), "labels": given})
        assert value == 0.0


def test_a_label_out_of_range_is_an_error() -> None:
    scores = gc.input("scores", (2, 4), "float64")
    labels = gc.input("labels", (2,), "int64")
    loss = gc.nn.multi_margin_loss(scores, labels)
    with pytest.raises(ValueError, match="from 0 to 3"):
        gc.evaluate(loss, {"scores": np.zeros((2, 4)), "labels": [0, 4]})


def test_a_distance_of_the_users_own() -> None:
    loss = gc.nn.triplet_margin_with_distance_loss(
        *([[1.0, 2.0]], [[1.0, 4.0]], [[2.0, 2.0]]),
        distance_function=lambda a, b: gc.max(abs(a - b), axis=-1),
        margin=0.5,
    )
    assert gc.evaluate(loss, {}) == 1.5


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x, k: gc.nn.kl_div(x, x, "batch"), OptionError, "reduction must be"),
        (lambda x, k: gc.nn.kl_div(x[0, 0], 1.0, "batchmean"), OptionError, "an axis"),
        (lambda x, k: gc.nn.kl_div(x, x[:2]), ShapeError, "target of the shape"),
        (lambda x, k: gc.nn.poisson_nll_loss(k, k), DTypeError, "floating"),
        (
            lambda x, k: gc.nn.gaussian_nll_loss(x, x, np.ones(2)),
            ShapeError,
            "requires var of the shape",
        ),
        (lambda x, k: gc.nn.mse_loss(x, x, weight=x[0]), ShapeError, "a weight of"),
        (lambda x, k: gc.nn.huber_loss(x, x, weight=x[0]), ShapeError, "a weight of"),
        (lambda x, k: gc.nn.hinge_embedding_loss(x, x[0:1, :2]), ShapeError, "target"),
        (lambda x, k: gc.nn.margin_ranking_loss(x, x[:2], 1), ShapeError, "broadcast"),
        (lambda x, k: gc.nn.soft_margin_loss(x, x, "all"), OptionError, "reduction"),
        (lambda x, k: gc.nn.multi_margin_loss(x, k, 3), OptionError, "p must be 1 or"),
        (lambda x, k: gc.nn.multi_margin_loss(x, x), DTypeError, "integer dtype"),
        (lambda x, k: gc.nn.multi_margin_loss(x, k[:2]), ShapeError, "one label"),
        (lambda x, k: gc.nn.multilabel_margin_loss(x, k), ShapeError, "-1 after"),
        (
            lambda x, k: gc.nn.multilabel_soft_margin_loss(x, x[:2]),
            ShapeError,
            "target of the shape",
        ),
        (
            lambda x, k: gc.nn.cosine_embedding_loss(x, x[0], k),
            ShapeError,
            "input1 and input2 of one shape",
        ),
        (
            lambda x, k: gc.nn.cosine_embedding_loss(x, x, x),
            ShapeError,
            "target of shape (3,)",
        ),
        (
            lambda x, k: gc.nn.triplet_margin_loss(x, x, x, reduction="all"),
            OptionError,
            "reduction must be",
        ),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        call(gc.input("x", (3, 4)), gc.input("k", (3,), "int64"))
    assert says in str(caught.value)
    assert __file__ in str(caught.value)
