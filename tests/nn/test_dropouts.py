"""Dropout of channels and for selu, random slopes, and samples of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, IndexRangeError, OptionError, ShapeError
from graphc.ir import Graph
from graphc.nn.evaluation import evaluation_mode


def _evaluated(*nodes: gc.Node) -> list[gc.Node]:
    return list(evaluation_mode(Graph(nodes)).outputs)


@pytest.mark.parametrize(
    ("function", "shape", "kept"),
    [
        (gc.nn.dropout1d, (40, 50, 3), (40, 50)),
        (gc.nn.dropout1d, (50, 3), (50,)),
        (gc.nn.dropout2d, (40, 50, 3, 2), (40, 50)),
        (gc.nn.dropout2d, (40, 50, 3), (40, 50)),
        (gc.nn.dropout3d, (40, 50, 3, 2, 2), (40, 50)),
        (gc.nn.dropout3d, (50, 3, 2, 2), (50,)),
    ],
)
def test_channels_are_dropped_as_a_whole(
    function: Any, shape: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    x = gc.input("x", shape)
    y = function(x, 0.25)
    value, slope = gc.evaluate([y, gc.grad(gc.sum(y), x)], {"x": np.ones(shape, "f4")})
    flat = value.reshape(*kept, -1)
    assert set(np.unique(value)) <= {np.float32(0.0), np.float32(4 / 3)}
    assert (flat == flat[..., :1]).all()
    np.testing.assert_array_equal(slope, value)
    assert function(x, 0.0) is function(x, training=False) is x
    assert _evaluated(y) == [x]


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    points = np.random.default_rng(0).normal(size=(300, 300))
    x = gc.input("x", ("n", 300), "float64")
    for p in (0.1, 0.5):
        y = gc.nn.alpha_dropout(x, p, training=True)
        value = gc.evaluate(y, {"x": points})
        np.testing.assert_allclose([value.mean(), value.std()], [0.0, 1.0], atol=0.03)
        (value,) = np.unique(gc.evaluate(gc.grad(gc.sum(y), x), {"x": points}))[1:]
        assert value > 0.0
    assert gc.nn.alpha_dropout(x) is x


def test_alpha_dropout_of_features_and_evaluation() -> None:
    points = np.random.default_rng(0).normal(size=(20, 30, 4))
    x = gc.input("x", points.shape, "float64")
    y = gc.nn.feature_alpha_dropout(x, 0.5, training=True)
    value = gc.evaluate(y, {"x": points})
    same = (value == value[:, :, :1]).all(axis=2)
    assert 0.3 < same.mean() < 0.7
    slope = gc.grad(gc.sum(y * y), x)
    passed, evaluated = _evaluated(y, slope)
    assert passed is x
    np.testing.assert_allclose(gc.evaluate(evaluated, {"x": points}), 2.0 * points)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_are_drawn_in_training_and_the_mean_in_evaluation(dtype: str) -> None:
    x = gc.input("x", (50, 60), dtype)
    y = gc.nn.rrelu(x, 0.1, 0.5, training=True)
    slope = gc.grad(gc.sum(y), x)
    points = np.where(np.arange(60) < 30, -2.0, 3.0) * np.ones((50, 1))
    feeds = {"x": points.astype(dtype)}
    for run in (gc.evaluate, lambda nodes, given: gc.compile(nodes)(**given)):
        value, found = run([y, slope], feeds)
        np.testing.assert_allclose(value, found * points, rtol=1e-6)
        np.testing.assert_array_equal(found[:, 30:], 1.0)
        drawn = found[:, :30]
        assert ((drawn >= 0.1) & (drawn < 0.5)).all()
        assert abs(drawn.mean() - 0.3) < 0.02
    values = gc.evaluate(_evaluated(y, slope), feeds)
    np.testing.assert_allclose(values[1][:, :30], 0.3, rtol=1e-6)
    np.testing.assert_allclose(values[0], values[1] * points, rtol=1e-6)


def test_samples_of_classes_have_their_probabilities() -> None:
    logits = gc.input("logits", ("n", 3), "float64")
    odds = np.array([0.2, 0.3, 0.5])
    feeds = {"logits": np.tile(np.log(odds), (20000, 1))}
    soft = gc.nn.gumbel_softmax(logits, tau=0.5)
    hard = gc.nn.gumbel_softmax(logits, hard=True)
    values, samples = gc.evaluate([soft, hard], feeds)
    np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(samples.mean(axis=0), odds, atol=0.02)
    np.testing.assert_allclose(samples.max(axis=1), 1.0, rtol=1e-12)
    slope = gc.evaluate(gc.grad(gc.sum(hard[:, 0]), logits), feeds)
    assert np.isfinite(slope).all()
    assert slope.any()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x: gc.nn.dropout1d(x[0, 0]), ShapeError, "with 2 or 3 axes, got (5,)"),
        (lambda x: gc.nn.dropout2d(x[0]), ShapeError, "with 3 or 4 axes"),
        (lambda x: gc.nn.dropout3d(x), ShapeError, "with 4 or 5 axes"),
        (lambda x: gc.nn.dropout2d(x, 1.5), OptionError, "p must be a probability"),
        (lambda x: gc.nn.alpha_dropout(x > 0, training=True), DTypeError, "floating"),
        (lambda x: gc.nn.alpha_dropout(x, -1.0), OptionError, "p must be"),
        (lambda x: gc.nn.feature_alpha_dropout(x[0, 0]), ShapeError, "2 or 3 or 4"),
        (lambda x: gc.nn.gumbel_softmax(x, 0.0), OptionError, "tau must be positive"),
        (lambda x: gc.nn.gumbel_softmax(x, dim=3), IndexRangeError, "dim 3"),
        (lambda x: gc.nn.MultiheadAttention(5, 2), OptionError, "divides embed_dim"),
        (
            lambda x: gc.nn.MultiheadAttention(6, 2)(x, x, x),
            ShapeError,
            "the 6 features",
        ),
        (
            lambda x: gc.nn.MultiheadAttention(5, 1)(x[0, 0], x, x),
            ShapeError,
            "with three axes each",
        ),
        (
            lambda x: gc.nn.MultiheadAttention(5, 1)(x, x, x, attn_mask=[[1, 0]]),
            DTypeError,
            "masks of booleans",
        ),
        (
            lambda x: gc.nn.TransformerEncoderLayer(5, 1, activation="tanh"),
            OptionError,
            '"relu", "gelu" or a function',
        ),
        (lambda x: gc.nn.bilinear(x, x[0], np.ones((2, 5, 5))), ShapeError, "alike"),
        (lambda x: gc.nn.Bilinear(3, 0, 2), OptionError, "in2_features"),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        call(gc.input("x", (3, 4, 5)))
    assert says in str(caught.value)
    assert __file__ in str(caught.value)
