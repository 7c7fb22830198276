"""Errors of losses, and the warning of probabilities in the place of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, GraphcError, OptionError, ShapeError


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda x, k: gc.nn.cross_entropy(x, k[:, None]),
            ShapeError,
            ["shape (batch,)", "got (batch, 1)", "gc.squeeze(target, axis=1)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.nn.one_hot(k, 4)),
            ShapeError,
            ["got (batch, 4)", "gc.argmax(target, axis=1)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k.astype("float32")),
            ShapeError,
            ["class probabilities", "got (batch,)", 'target.astype("int64")'],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.input("q", ("batch", 5))),
            ShapeError,
            ["(batch, 4)", "got (batch, 5)", "integer labels of shape (batch,)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, gc.input("m", (32,), "int64")),
            ShapeError,
            ["shape (batch,)", "got (32,)"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k > 0),
            DTypeError,
            ["labels of an integer dtype", "bool (batch,)"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k.astype("float32")),
            DTypeError,
            ["labels of an integer dtype", "float32"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(k[:, None], k),
            DTypeError,
            ["requires input of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x.sum(), 0),
            ShapeError,
            ["requires input of shape (classes,)", "got ()"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, np.ones(3)),
            ShapeError,
            ["weight for each class, of shape (4,)", "got (3,)"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k, np.ones(4, "int64")),
            DTypeError,
            ["weight of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, reduction="average"),
            OptionError,
            ['"none", "mean" or "sum"', "'average'"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, label_smoothing=1.5),
            OptionError,
            ["label_smoothing must be in [0, 1]"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, label_smoothing=None),
            OptionError,
            ["label_smoothing must be a number"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, k, ignore_index=0.5),
            OptionError,
            ["ignore_index must be an integer"],
        ),
        (
            lambda x, k: gc.nn.nll_loss(x, k.astype("uint8"), ignore_index=-1),
            OptionError,
            ["ignore_index -1 is no value of uint8"],
        ),
        (
            lambda x, k: gc.nn.cross_entropy(x, x, ignore_index=0),
            OptionError,
            ["ignore_index is a label", "probabilities"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(x[:, :1], x[:, 0]),
            ShapeError,
            ["shape of input (batch, 1)", "got (batch,)"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(x, x[:, :3]),
            ShapeError,
            ["(batch, 4)", "(batch, 3)"],
        ),
        (
            lambda x, k: gc.nn.mse_loss(k, x[:, 0]),
            DTypeError,
            ["input of a floating dtype"],
        ),
        (
            lambda x, k: gc.nn.l1_loss(x, x, reduction=None),
            OptionError,
            ["reduction must be"],
        ),
        (
            lambda x, k: gc.nn.huber_loss(x, x, delta=0),
            OptionError,
            ["positive", "l1_loss"],
        ),
        (
            lambda x, k: gc.nn.binary_cross_entropy(x, x, np.ones(3)),
            ShapeError,
            ["requires weight of the shape of input"],
        ),
        (
            lambda x, k: gc.nn.binary_cross_entropy_with_logits(
                x, x, pos_weight=np.ones((2, 1, 1))
            ),
            ShapeError,
            ["requires pos_weight of the shape of input"],
        ),
        (lambda x, k: gc.nn.one_hot(x, 4), DTypeError, ["labels of an integer dtype"]),
        (lambda x, k: gc.nn.one_hot(k), GraphcError, ["requires num_classes"]),
        (lambda x, k: gc.nn.one_hot(k, 0), OptionError, ["must be positive"]),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: list[str]) -> None:
    x = gc.input("x", ("batch", 4))
    k = gc.input("k", ("batch",), "int64")
    with pytest.raises(error) as caught:
        call(x, k)
    for part in says:
        assert part in str(caught.value)
    assert f"{__file__}:" in str(caught.value)
    assert caught.value.node


def test_probabilities_in_the_place_of_logits_are_said() -> None:
    x = gc.input("x", ("batch", 4))
    y = gc.input("y", ("batch",), "int64")
    t = gc.input("t", ("batch", 4))
    probabilities = gc.nn.softmax(x, dim=1)
    for input, loss, target in (
        (probabilities, gc.nn.cross_entropy, y),
        (probabilities, gc.nn.cross_entropy, t),
        (gc.squeeze(probabilities[:, :, None], 2), gc.nn.cross_entropy, y),
        (probabilities.astype("float64"), gc.nn.cross_entropy, y),
        (probabilities, gc.nn.nll_loss, y),
        (gc.nn.sigmoid(x), gc.nn.binary_cross_entropy_with_logits, t),
    ):
        with pytest.warns(gc.errors.LogitsWarning, match="takes lo") as said:
            loss(input, target)
        assert len(said) == 1
        assert said[0].filename == __file__
    # Warnings are errors here.
    gc.nn.cross_entropy(x, y)
    gc.nn.cross_entropy(2.0 * probabilities, y)
    gc.nn.nll_loss(gc.nn.log_softmax(x, dim=1), y)
    gc.nn.nll_loss(gc.log(probabilities), y)
    gc.nn.binary_cross_entropy(gc.nn.sigmoid(x), t)
