"""Embeddings: rows that get no gradient, and positions that don't exist."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError, UnsupportedError

TABLE = np.arange(12.0).reshape(4, 3)


def test_a_padding_row_gets_no_gradient() -> None:
    tokens = gc.input("tokens", ("n",), "int64")
    table = gc.parameter("table", (4, 3), TABLE, "float64")
    y = gc.nn.embedding(tokens, table, padding_idx=-3)
    slope = gc.grad(gc.sum(y), table)
    value, found = gc.evaluate([y, slope], {"tokens": [1, 2, 2, 0]})
    np.testing.assert_array_equal(value, TABLE[[1, 2, 2, 0]])
    np.testing.assert_array_equal(found[:, 0], [1.0, 0.0, 2.0, 0.0])


@pytest.mark.parametrize("bad", [-1, 4])
def test_a_position_out_of_range_is_an_error(bad: int) -> None:
    tokens = gc.input("tokens", ("n",), "int64")
    y = gc.nn.embedding(tokens, TABLE)
    for run in (
        lambda: gc.evaluate(y, {"tokens": [0, bad]}),
        lambda: gc.compile(y)(tokens=[0, bad]),
    ):
        with pytest.raises(ValueError, match=f"{bad}.* (in row |at .)1"):
            run()


def test_a_bag_without_rows_is_zero() -> None:
    offsets = np.array([0, 2, 2])
    for mode in ("sum", "mean", "max"):
        y = gc.nn.embedding_bag(np.array([1, 3, 2]), TABLE, offsets, mode=mode)
        value = gc.evaluate(y, {})
        np.testing.assert_array_equal(value[1], 0.0)
        np.testing.assert_array_equal(value[2], TABLE[2])


def test_a_layer_starts_normal_with_its_padding_row_at_0() -> None:
    layer = gc.nn.Embedding(2000, 8, padding_idx=-1, name="words")
    assert repr(layer) == "Embedding(2000, 8, padding_idx=1999)"
    start = gc.evaluate(layer.weight, {})
    assert start.dtype == np.float32
    assert not start[-1].any()
    assert abs(start[:-1].mean()) < 0.03
    assert abs(start[:-1].std() - 1.0) < 0.03


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda t: gc.nn.embedding(TABLE, t), DTypeError, "second argument"),
        (lambda t: gc.nn.embedding(t, TABLE[0]), ShapeError, "(rows, features)"),
        (lambda t: gc.nn.embedding(t, TABLE, 4), IndexError, "padding_idx 4"),
        (lambda t: gc.nn.embedding(t, TABLE, max_norm=1.0), UnsupportedError, "norm"),
        (
            lambda t: gc.nn.embedding(t, TABLE, scale_grad_by_freq=True),
            UnsupportedError,
            "scale_grad_by_freq",
        ),
        (lambda t: gc.nn.embedding_bag(t, TABLE), ShapeError, "(bags, length)"),
        (
            lambda t: gc.nn.embedding_bag(t, TABLE, [0], mode="median"),
            OptionError,
            '"sum", "mean" or "max"',
        ),
        (
            lambda t: gc.nn.embedding_bag(t, TABLE, [0], per_sample_weights=[1.0]),
            OptionError,
            'need mode="sum"',
        ),
        (lambda t: gc.nn.Embedding(0, 3), OptionError, "num_embeddings"),
        (lambda t: gc.nn.Embedding(3, 3, padding_idx=3), IndexError, "3 rows"),
        (lambda t: gc.nn.EmbeddingBag(3, 0), OptionError, "embedding_dim"),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        call(gc.input("tokens", (3,), "int64"))
    assert says in str(caught.value)
    assert __file__ in str(caught.value)
