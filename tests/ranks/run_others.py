"""Parameters of several losses, of accumulated steps and of streams: for `mpiexec`."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gc
from graphc.harness.ranks import is_first_rank
from tests.ranks.support import rows

nn = gc.nn


def linear(size: int, name: str) -> nn.Linear:
    return nn.Linear(8, size, name=name, dtype="float64")


def accumulated(style: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 8), "float64")
    y = gc.input("y", ("batch",), "int64")
    loss = nn.cross_entropy(linear(3, "o")(nn.dropout(x, 0.3)), y)
    rule = gc.optim.GradientAccumulation(gc.optim.SGD(0.5, momentum=0.9), 2)
    plateau = gc.optim.ReduceLROnPlateau(patience=0)
    return gc.Trainer(loss, rule, plateau=plateau, style=style)


def several(style: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 8), "float64")
    made, judge = linear(8, "g"), linear(1, "d")
    fake = made(nn.dropout(x, 0.2))
    seen = gc.mean(gc.square(judge(nn.dropout(fake, 0.1))))
    losses = {
        "judging": gc.mean(gc.square(judge(x) - 1.0)) + seen,
        "making": gc.mean(gc.square(judge(fake) - 1.0)),
    }
    rules = {"judging": gc.optim.Adam(0.01), "making": gc.optim.Adam(0.02)}
    trained = {"judging": judge, "making": made}
    return gc.Trainer(losses, rules, parameters=trained, style=style)


def results(style: Any) -> dict[str, Any]:
    """Parameters, and the step sizes of all records."""
    train, dev = ({**rows(n, n), "y": np.arange(n) % 3} for n in (96, 37))
    options: dict[str, Any] = {"epochs": 4, "patience": 2, "verbose": False}
    found: dict[str, Any] = {}

    def keep(name: str, trainer: gc.Trainer) -> None:
        sizes = [record["step_size"] for record in trainer.history]
        found[name] = {n: np.array(a) for n, a in trainer.parameters.items()}, sizes

    trainer = accumulated(style)
    trainer.fit(train, dev, batch_size=8, evaluations_per_epoch=2, **options)
    keep("accumulated", trainer)
    trainer = several(style)
    only = {"x": train["x"]}
    trainer.fit(only, {"x": dev["x"]}, batch_size=20, **options)
    keep("several", trainer)
    trainer = accumulated(style)
    starts = range(0, 96, 12)
    trainer.fit(
        lambda: [{n: a[i : i + 12] for n, a in train.items()} for i in starts],
        epochs=2,
        verbose=False,
    )
    keep("stream", trainer)
    return found


if __name__ == "__main__":
    found = {style: results(style) for style in sys.argv[2:]}
    if is_first_rank():
        Path(sys.argv[1]).write_bytes(pickle.dumps(found))
