"""A small trainer, its data, and files of them, for tests of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc

OPTIONS: dict[str, Any] = {"epochs": 2, "verbose": False}


def make(dtype: str = "float32", shape: tuple[int, ...] = (6,)) -> gc.Trainer:
    x = gc.input("x", ("batch", *shape), dtype)
    y = gc.input("y", ("batch",), "int64")
    flat = gc.reshape(x, (-1, 6)) if len(shape) > 1 else x
    logits = gc.nn.Linear(6, 3, name="output")(flat)
    metrics = {"accuracy": gc.metrics.accuracy(logits, y)}
    return gc.Trainer(gc.nn.cross_entropy(logits, y), gc.optim.SGD(0.1), metrics)


def rows(count: int = 23, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "x": rng.integers(0, 5, (count, 6)).astype("u1"),
        "y": rng.integers(0, 3, count).astype("u1"),
    }


def same(a: Any, b: Any) -> bool:
    return list(a) == list(b) and all(a[n].tobytes() == b[n].tobytes() for n in a)


@pytest.fixture(scope="module")
def expected() -> gc.Trainer:
    trainer = make()
    trainer.fit(rows(), rows(9, 1), batch_size=4, **OPTIONS)
    return trainer


def stop(record: Any) -> None:
    if record["epoch"] == 2:
        raise gc.StopTraining
