"""Functions of `gc.nn` against torch over tables of arguments: values and gradients."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph

torch = pytest.importorskip("torch")
functional = pytest.importorskip("torch.nn.functional")

pytestmark = pytest.mark.peer

Row = tuple[list[Any], dict[str, Any]]


def _close(name: str, note: Any, value: Any, expected: Any) -> None:
    expected = expected.detach().numpy()
    assert value.shape == expected.shape, (name, note)
    np.testing.assert_allclose(
        value, expected, rtol=1e-10, atol=1e-10, err_msg=f"{name} {note}"
    )


def compare(name: str, row: Row, theirs: Callable[..., Any] | None = None) -> None:
    """The value, and gradients by all floating arrays, in float64.

    Arrays among options are arrays in both, too; those of integers and booleans have no
    gradient.
    """
    theirs = theirs or getattr(functional, name, None) or getattr(torch, name)
    arrays, options = row
    given = dict(enumerate(arrays)) | options
    nodes: dict[Any, Any] = dict(given)
    tensors: dict[Any, Any] = dict(given)
    feeds = {}
    for key, array in given.items():
        if isinstance(array, np.ndarray):
            feeds[f"x_{key}"] = array
            nodes[key] = gc.input(f"x_{key}", array.shape, array.dtype)
            is_floating = array.dtype.kind == "f" and (name, key) not in NOT_MOVED
            tensors[key] = torch.tensor(array, requires_grad=is_floating)
    positional = range(len(arrays))
    mine = getattr(gc.nn, name)(
        *(nodes[i] for i in positional), **{k: nodes[k] for k in options}
    )
    # Names of parts are hints, so that a function may be used twice.
    again = getattr(gc.nn, name)(
        *(nodes[i] for i in positional), **{k: nodes[k] for k in options}
    )
    Graph((mine, again)).check_names()
    expected = theirs(
        *(tensors[i] for i in positional), **{k: tensors[k] for k in options}
    )
    moving = [k for k in given if getattr(tensors[k], "requires_grad", False)]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    cotangent = rng.normal(size=tuple(expected.shape))
    gradients = torch.autograd.grad(
        expected,
        [tensors[k] for k in moving],
        torch.tensor(cotangent),
        allow_unused=True,
    )
    pulled = gc.vjp(mine, [nodes[k] for k in moving], cotangent, unused="zeros")
    needed = {node.name for node in Graph((mine,)).inputs}
    used = {key: array for key, array in feeds.items() if key in needed}
    value, slopes = gc.evaluate([mine, pulled], used)
    note = {k: v for k, v in options.items() if not isinstance(v, np.ndarray)}
    _close(name, note, value, expected)
    for key, slope, gradient in zip(moving, slopes, gradients, strict=True):
        if gradient is None:
            assert not slope.any()
        else:
            _close(name, {**note, "by": key}, slope, gradient)


NOT_MOVED = {(name, key) for name in ("batch_norm", "instance_norm") for key in (1, 2)}
"""Arrays that torch has no derivative by."""


def _drawn(*shape: int) -> Any:
    return np.random.default_rng(sum(shape) + len(shape)).normal(size=shape)


def _positive(*shape: int) -> Any:
    return np.abs(_drawn(*shape)) + 0.5


def _indices(below: int, *shape: int) -> Any:
    return np.random.default_rng(below).integers(0, below, shape)


X = _drawn(3, 4, 5)
CHANNELS = {"weight": _drawn(4), "bias": _drawn(4) + 1.0}
RUNNING = [_drawn(4) + 2.0, _positive(4)]

TABLE: dict[str, list[Row]] = {
    "batch_norm": [
        ([X, *RUNNING], {}),
        ([X, *RUNNING], {**CHANNELS, "eps": 0.1}),
        ([X, None, None], {"training": True}),
        ([X, *RUNNING], {**CHANNELS, "training": True, "momentum": 0.3}),
        ([_drawn(6, 4), None, None, _drawn(4)], {"training": True}),
        ([_drawn(3, 4, 2, 2), *RUNNING], {"weight": _drawn(4)}),
    ],
    "layer_norm": [
        ([X, (4, 5)], {}),
        ([X, [5]], {"weight": _drawn(5)}),
        ([X, (5,)], {"bias": _drawn(5), "eps": 0.1}),
    ],
    "rms_norm": [
        ([X, (4, 5)], {}),
        ([X, (5,)], {"weight": _drawn(5)}),
        ([X, (5,)], {"eps": 0.1}),
    ],
    "group_norm": [
        ([X, 2], {}),
        ([X, 4], CHANNELS),
        ([_drawn(3, 4), 1], {"weight": _drawn(4), "eps": 0.1}),
        ([_drawn(3, 4, 2, 2), 2], {}),
    ],
    "instance_norm": [
        ([X], {}),
        ([X], {**CHANNELS, "eps": 0.1}),
        ([X, *RUNNING], {**CHANNELS, "use_input_stats": False}),
        ([_drawn(3, 4, 2, 2)], {"weight": _drawn(4), "bias": _drawn(4)}),
    ],
    "local_response_norm": [
        ([X, 2], {}),
        ([X, 3], {"alpha": 0.5, "beta": 0.3, "k": 2.0}),
        ([_drawn(2, 6, 2, 2), 9], {"alpha": 0.5}),
    ],
    "normalize": [
        ([X], {}),
        ([X], {"dim": -1, "p": 1.0}),
        ([X], {"dim": 0, "p": 3.0}),
        ([X], {"dim": 2, "p": float("inf")}),
        ([X * 1e-14], {"eps": 1e-3}),
        ([np.zeros((2, 3))], {}),
    ],
    "cosine_similarity": [
        ([X, X[::-1].copy()], {}),
        ([X, _drawn(4, 5)], {"dim": -1}),
        ([X, _drawn(5)], {"dim": 2, "eps": 1e-3}),
        ([_drawn(4, 5), X], {"dim": 0}),
        ([X, _drawn(3, 1, 5)], {}),
    ],
    "pairwise_distance": [
        ([X, _drawn(4, 5)], {}),
        ([X, X[::-1].copy()], {"p": 1.0, "keepdim": True}),
        ([X, _drawn(5)], {"p": 3.5, "eps": 0.1}),
        ([X, _drawn(5)], {"p": float("inf")}),
        ([X, X.copy()], {"eps": 0.0}),
    ],
    "cdist": [
        ([_drawn(4, 5), _drawn(3, 5)], {"p": p})
        for p in (0.0, 0.5, 1.0, 1.5, 2.0, 4.0, float("inf"))
    ]
    + [([X, _drawn(2, 5)], {}), ([_drawn(3, 5), _drawn(3, 5)], {})],
    "pdist": [([_drawn(4, 5)], {}), ([_drawn(4, 5)], {"p": 1.0}), ([_drawn(1, 5)], {})],
    "embedding": [
        ([_indices(6, 3, 4), _drawn(6, 5)], {}),
        ([_indices(6, 3, 4), _drawn(6, 5)], {"padding_idx": 2}),
        ([_indices(6, 9), _drawn(6, 5)], {"padding_idx": -3, "sparse": False}),
        ([_indices(6), _drawn(6, 5)], {}),
    ],
    "embedding_bag": [
        ([_indices(6, 3, 4), _drawn(6, 5)], {"mode": mode, "padding_idx": padding})
        for mode in ("sum", "mean", "max")
        for padding in (None, 2)
    ]
    + [
        ([_indices(6, 7), _drawn(6, 5), np.array([0, 2, 2, 6])], {"mode": mode, **more})
        for mode in ("sum", "mean", "max")
        for more in ({}, {"padding_idx": 2}, {"include_last_offset": True})
        if mode != "max" or not more
    ]
    + [
        (
            [_indices(6, 3, 4), _drawn(6, 5)],
            {"mode": "sum", "per_sample_weights": _drawn(3, 4)},
        )
    ],
    "bilinear": [
        ([_drawn(3, 4), _drawn(3, 5), _drawn(2, 4, 5)], {}),
        ([_drawn(2, 3, 4), _drawn(2, 3, 5), _drawn(2, 4, 5), _drawn(2)], {}),
    ],
    "softmin": [([X], {"dim": 1})],
    "scaled_dot_product_attention": [
        ([_drawn(2, 3, 4, 5), _drawn(2, 3, 6, 5), _drawn(2, 3, 6, 2)], {}),
        ([_drawn(4, 5), _drawn(6, 5), _drawn(6, 2)], {"scale": 0.3}),
        ([_drawn(2, 4, 5), _drawn(2, 6, 5), _drawn(2, 6, 2)], {"is_causal": True}),
        (
            [_drawn(2, 4, 5), _drawn(2, 6, 5), _drawn(2, 6, 2)],
            {"attn_mask": _drawn(4, 6)},
        ),
        (
            [_drawn(2, 4, 5), _drawn(2, 6, 5), _drawn(2, 6, 2)],
            {"attn_mask": (_drawn(4, 6) > 0.0) & (np.arange(4) != 2)[:, None]},
        ),
        (
            [_drawn(2, 6, 4, 5), _drawn(2, 3, 6, 5), _drawn(2, 3, 6, 2)],
            {"enable_gqa": True, "attn_mask": _drawn(2, 6, 4, 6)},
        ),
        (
            [_drawn(2, 6, 4, 5), _drawn(2, 2, 4, 5), _drawn(2, 2, 4, 5)],
            {"enable_gqa": True, "is_causal": True},
        ),
    ],
}


SIGNS = np.sign(_drawn(3, 4))
PAIR = [_drawn(3, 4), _drawn(4, 3).T + 0.1]
SHARES = np.abs(_drawn(3, 4)) / 5.0
REDUCTIONS = ("mean", "sum", "none")

LOSSES: dict[str, list[Row]] = {
    "mse_loss": [(PAIR, {"weight": _positive(3, 4)})],
    "l1_loss": [(PAIR, {"weight": _positive(3, 4)})],
    "huber_loss": [(PAIR, {"weight": _positive(3, 4), "delta": 0.5})],
    "kl_div": [
        ([_drawn(3, 4), SHARES], {}),
        ([_drawn(3, 4), np.log(SHARES)], {"log_target": True}),
    ],
    "poisson_nll_loss": [
        ([_drawn(3, 4), 4.0 * SHARES], {}),
        ([_drawn(3, 4), 4.0 * SHARES], {"full": True}),
        ([_positive(3, 4), 4.0 * SHARES], {"log_input": False, "eps": 0.1}),
    ],
    "gaussian_nll_loss": [
        ([*PAIR, _positive(3, 4)], {}),
        ([*PAIR, _positive(3)], {"full": True}),
        ([*PAIR, _positive(3, 1)], {"eps": 0.1}),
        ([*PAIR, 0.5], {}),
    ],
    "hinge_embedding_loss": [
        ([_drawn(3, 4), SIGNS], {}),
        ([_drawn(3, 4), SIGNS.astype("int64")], {"margin": 0.3}),
    ],
    "margin_ranking_loss": [
        ([*PAIR, SIGNS], {}),
        ([*PAIR, SIGNS], {"margin": 0.5}),
    ],
    "soft_margin_loss": [([50.0 * _drawn(3, 4), SIGNS], {})],
    "multi_margin_loss": [
        ([_drawn(3, 4), _indices(4, 3)], {}),
        ([_drawn(4), _indices(4)], {"p": 2, "margin": 0.5}),
        ([_drawn(3, 4), _indices(4, 3)], {"weight": _positive(4)}),
    ],
    "multilabel_margin_loss": [
        ([_drawn(3, 4), np.array([[3, 0, -1, 1], [-1, 2, 2, 2], [0, 1, 2, 3]])], {}),
        ([_drawn(4), np.array([2, 1, -1, -1])], {}),
    ],
    "multilabel_soft_margin_loss": [
        ([_drawn(3, 4), SHARES], {}),
        ([_drawn(3, 4), SHARES], {"weight": _positive(4)}),
    ],
    "cosine_embedding_loss": [
        ([*PAIR, np.array([1.0, -1.0, -1.0])], {}),
        ([*PAIR, np.array([1, -1, -1])], {"margin": 0.3}),
        ([_drawn(4), _drawn(2, 2).ravel(), np.array(1.0)], {}),
    ],
    "triplet_margin_loss": [
        ([*PAIR, _drawn(3, 4) + 1.0], {}),
        ([*PAIR, _drawn(3, 4) + 1.0], {"p": 1.0, "swap": True, "margin": 3.0}),
        ([*PAIR, _drawn(3, 4) + 1.0], {"p": 3.0, "eps": 0.1}),
    ],
    "triplet_margin_with_distance_loss": [
        ([*PAIR, _drawn(3, 4) + 1.0], {"swap": True, "margin": 2.0})
    ],
}

NOT_MOVED |= {
    *((name, "weight") for name in LOSSES if name.startswith("multi")),
    *((name, 1) for name in LOSSES if "hinge" in name or "soft_margin" in name),
    *((name, 2) for name in ("margin_ranking_loss", "cosine_embedding_loss")),
}


@pytest.mark.parametrize("name", TABLE)
def test_values_and_gradients(name: str) -> None:
    for row in TABLE[name]:
        compare(name, row)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    for arrays, options in LOSSES[name]:
        for reduction in REDUCTIONS:
            compare(name, (arrays, {**options, "reduction": reduction}))


def test_mean_of_kl_div_over_the_batch() -> None:
    compare("kl_div", ([_drawn(3, 4), SHARES], {"reduction": "batchmean"}))
