"""A trainer with everything that a training loop knows."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gc


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 8)).astype(np.float32)
    noise = rng.standard_normal((count, 3)).astype("f")
    return {"x": x, "y": np.argmax(x[:, :3] + 0.5 * x[:, 3:6] + 0.5 * noise, axis=1)}


def make(**options: Any) -> gc.Trainer:
    """A network with all that changes in training: dropout, schedule, plateau, F1."""
    x = gc.input("x", ("batch", 8))
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.relu(gc.nn.Linear(8, 16, name="hidden")(x))
    logits = gc.nn.Linear(16, 3, name="output")(gc.nn.dropout(hidden, 0.2))
    settings: dict[str, Any] = {
        "plateau": gc.optim.ReduceLROnPlateau(factor=0.5, patience=0, threshold=0.05),
        **options,
    }
    lr = settings.pop("lr", gc.optim.ExponentialLR(0.05, gamma=0.9))
    return gc.Trainer(
        gc.nn.cross_entropy(logits, y),
        settings.pop("optimizer", gc.optim.Adam)(lr),
        {
            "accuracy": gc.metrics.accuracy(logits, y),
            "f1": gc.metrics.f1_score(logits, y, average="macro"),
        },
        outputs={"logits": logits},
        **settings,
    )


TRAIN, DEV = rows(90), rows(40, 1)


OPTIONS: dict[str, Any] = {"batch_size": 8, "verbose": False}
