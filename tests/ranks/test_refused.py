"""Losses that ranks can't share are refused at the user's line, others are not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import graphc as gc
from graphc.errors import OptionError
from graphc.harness import ranks
from tests.targets.support import OURS, assert_clean

nn = gc.nn
x = gc.input("x", ("batch", 6))
y = gc.input("y", ("batch",), "int64")
target = gc.input("target", ("batch", 3))
weights = gc.input("weights", ("batch",))
image = gc.input("image", ("batch", 1, 8, 8))
sequence = gc.input("sequence", ("batch", "time", 6))
later = gc.input("later", ("time", "batch", 6))


def flat(z: gc.Node) -> gc.Node:
    """Each step of each sequence with noise of its own, in one row after another."""
    noise = gc.random.normal(size=(z.shape[0] * z.shape[1], 6))
    return z + noise.reshape(z.shape)


def output(h: gc.Node, size: int = 6) -> gc.Node:
    return nn.Linear(size, 3, name="output")(h)


def image_loss() -> gc.Node:
    hidden = nn.relu(nn.Conv2d(1, 4, 3, name="c")(image)).mean(axis=(2, 3))
    return nn.cross_entropy(output(hidden, 4), y)


def recurrent_loss() -> gc.Node:
    found = nn.LSTM(6, 5, name="r")(later)
    return nn.cross_entropy(output(found[0][-1], 5), y)


def attention_loss() -> gc.Node:
    query = nn.Linear(6, 6, name="q")(sequence)
    found = nn.scaled_dot_product_attention(query, sequence, sequence)
    return nn.mse_loss(output(found.mean(axis=1)), target)


def weighted_loss() -> gc.Node:
    losses = nn.cross_entropy(output(x), y, reduction="none")
    return gc.sum(losses * weights) / gc.sum(weights)


def penalised_loss() -> gc.Node:
    layer = nn.Linear(6, 3, name="output")
    return nn.cross_entropy(layer(x), y) + 1e-3 * gc.sum(layer.parameters[0] ** 2)


SHARED: list[Callable[[], gc.Node]] = [
    image_loss,
    recurrent_loss,
    attention_loss,
    weighted_loss,
    penalised_loss,
    lambda: nn.cross_entropy(output(x), y, ignore_index=-100),
    lambda: gc.mean(gc.log(x[:, 0]) * output(x)[:, 0]),
    lambda: nn.mse_loss(output(nn.LayerNorm(6, name="norm")(x)), target),
    lambda: gc.sum(gc.square(output(x) - target)) / x.shape[0],
    lambda: nn.kl_div(output(x), target, reduction="batchmean"),
    lambda: nn.mse_loss(output(x + gc.random.normal(size=(6,))), target),
    lambda: nn.mse_loss(output(nn.dropout(later, 0.5).mean(axis=0)), target),
    lambda: nn.mse_loss(output(nn.dropout(flat(sequence), 0.5).mean(axis=1)), target),
]


@pytest.mark.parametrize("loss", SHARED)
def test_means_over_rows_are_shared(loss: Callable[[], gc.Node]) -> None:
    gc.Trainer(loss(), gc.optim.SGD(0.1), reproducible=True)


def centred(z: gc.Node) -> gc.Node:
    return z - z.mean(axis=0)


def compared(z: gc.Node) -> gc.Node:
    return gc.mean(gc.square(z @ z.T))


def with_a_little(z: gc.Node) -> gc.Node:
    return nn.mse_loss(z, target) + 1e-7 * compared(z)


zeros = gc.parameter("zeros", (6, 3), gc.init.zeros())
REFUSED: dict[str, Callable[[], gc.Node]] = {
    "assigns to the buffer 'norm.running_mean'": lambda: nn.mse_loss(
        output(nn.BatchNorm1d(6, name="norm")(x)), target
    ),
    "depend on other rows": lambda: compared(output(x)),
    "values of a row depend": lambda: nn.mse_loss(centred(x @ zeros), target),
    "in matmul: float32": lambda: with_a_little(output(x)),
    "several means": lambda: gc.sqrt(nn.mse_loss(output(x), target)),
    "not a mean over rows; of 5 rows it": lambda: (
        gc.sum(gc.square(output(x) - target)) / (x.shape[0] + 1)
    ),
    "not a mean over rows; of 5 rows": lambda: gc.sum(gc.square(output(x) - target)),
    "of two parts of them is": lambda: gc.max(gc.square(output(x) - target)),
    "permutation: int64 .batch,. does not draw as many": lambda: nn.mse_loss(
        output(x + gc.random.permutation(x.shape[0])[:, None].astype("f4")), target
    ),
    "normal: float32 .batch \\+ 1, 6. does not draw": lambda: nn.mse_loss(
        output(x + gc.random.normal(size=(x.shape[0] + 1, 6))[1:]), target
    ),
    "values of a row depend on other rows": lambda: nn.mse_loss(
        output(gc.mean(later + flat(later), axis=0)), target
    ),
    "number of rows must have a name": lambda: gc.mean(
        gc.square(output(gc.input("fixed", (8, 6))))
    ),
}


@pytest.mark.parametrize("told", REFUSED)
def test_others_are_refused(told: str, tmp_path: object) -> None:
    loss = REFUSED[told]()
    build = functools.partial(gc.Trainer, loss, gc.optim.SGD(0.1))
    with pytest.raises(OptionError, match=told) as caught:
        build(reproducible=True)
    assert "test_refused.py" in str(caught.value)
    with pytest.raises(OptionError, match=told):
        build().emitted("fast", "program", ["mpi"])
    build().emitted("fast", "program", [])


def test_more_ranks_than_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "ranks", lambda: SimpleNamespace(size=13))
    monkeypatch.setattr(ranks, "REPRODUCIBLE", True)
    with pytest.raises(ranks.RankError, match="12 ranks at most, not 13"):
        ranks.check_ranks({})


@pytest.mark.parametrize("include", [["mpi"], ["checkpoint", "csv", "mpi"], ["all"]])
@pytest.mark.parametrize("style", ["readable", "fast", "native"])
def test_programs_for_ranks_are_clean(
    style: Any, include: list[Any], tmp_path: Path
) -> None:
    hidden = nn.dropout(nn.Linear(6, 8, name="hidden")(x), 0.2)
    trainer = gc.Trainer(nn.cross_entropy(output(hidden, 8), y), gc.optim.Adam())
    trainer.emit(tmp_path / "train.py", style, include=include)
    assert_clean(tmp_path)
    assert_clean(tmp_path, *OURS)
