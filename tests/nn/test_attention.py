"""Attention: masks, dropout, memory, errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DTypeError, OptionError, ShapeError
from graphc.ir import Graph
from graphc.nn.evaluation import evaluation_mode

attention = gc.nn.scaled_dot_product_attention
RNG = np.random.default_rng(0)


def _inputs(*shape: Any) -> list[gc.Node]:
    return [gc.input(name, shape, "float64") for name in "qkv"]


def test_a_query_that_may_attend_to_nothing_gets_zeros() -> None:
    q, k, v = _inputs(3, 4)
    feeds = {name: RNG.normal(size=(3, 4)) for name in "qkv"}
    masks = [np.array([[True] * 3, [False] * 3, [True, False, True]])]
    masks.append(np.where(masks[0], 0.0, -np.inf))
    for mask in masks:
        y = attention(q, k, v, mask)
        slopes = gc.grad(gc.sum(y * y), [q, k, v])
        for run in (gc.evaluate, lambda nodes, given: gc.compile(nodes)(**given)):
            value, *found = run([y, *slopes], feeds)
            np.testing.assert_array_equal(value[1], 0.0)
            assert np.isfinite(found).all()
            assert not found[0][1].any()


def test_the_scores_are_kept_in_two_arrays() -> None:
    """Softmax is computed in place, and so is its derivative."""
    q, k, v = _inputs("batch", 8, 64, 16)
    y = attention(q, k, v, is_causal=True)
    source = gc.compile([y, *gc.grad(gc.sum(y), [q, k, v])]).source
    made = re.findall(r"empty_aligned\(\(batch, 8, 64, 64\)", source)
    assert len(made) <= 2


def test_dropout_is_of_training_only() -> None:
    q, k, v = _inputs(3, 4)
    y = attention(q, k, v, dropout_p=0.5)
    feeds = {name: np.ones((3, 4)) for name in "qkv"}
    assert len(np.unique(gc.evaluate(y, feeds, seed=1))) > 1
    (evaluated,) = evaluation_mode(Graph((y,))).outputs
    np.testing.assert_allclose(gc.evaluate(evaluated, feeds), 1.0, rtol=1e-14)


def test_options_of_a_layer_may_be_given_by_position() -> None:
    x = gc.input("x", ("n", 3, 4))
    layer = gc.nn.MultiheadAttention(4, 2, batch_first=True, name="heads")
    output, weights = layer(x, x, x, None, False)
    assert (output.name, weights) == ("heads", None)
    output, weights = layer(x, x, x)
    assert (output.name, weights.shape) == ("heads_2", ("n", 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda x: attention(x, x[:, :3], x), ShapeError, "one number of features"),
        (lambda x: attention(x, x, x[:2]), ShapeError, "a value for each key"),
        (lambda x: attention(x[0], x, x), ShapeError, "query of shape (..., length"),
        (lambda x: attention(x, x, x, np.ones((2, 3))), ShapeError, "attn_mask that"),
        (lambda x: attention(x, x, x, np.ones((3, 3), "i4")), DTypeError, "booleans"),
        (
            lambda x: attention(x, x, x, np.ones((3, 3)), is_causal=True),
            OptionError,
            "not both",
        ),
        (lambda x: attention(x, x, x, dropout_p=1.5), OptionError, "p must be"),
        (lambda x: attention(x, x, x, enable_gqa=True), ShapeError, "numbers of heads"),
        (lambda x: attention(x > 0, x, x), DTypeError, "floating"),
    ],
)
def test_errors_say_what_and_where(call: Any, error: Any, says: str) -> None:
    with pytest.raises(error) as caught:
        call(gc.input("x", (3, 4)))
    assert says in str(caught.value)
    assert __file__ in str(caught.value)
