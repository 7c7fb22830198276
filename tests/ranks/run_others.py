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


def later(style: Any, **options: Any) -> gc.Trainer:
    """Draws whose rows are along the second axis, in evaluation, too, and in blocks."""
    y = gc.input("y", ("batch",), "int64")
    x = gc.input("x", ("time", "batch", 8), "float64")
    h = nn.LSTM(8, 6, 2, dropout=0.3, name="memory", dtype="float64")(x)[0]
    h = h + 0.1 * gc.random.normal(size=h.shape, dtype="float64", name="noise")
    flat = nn.dropout(h.transpose((1, 0, 2)).reshape((-1, 6)), 0.2)
    h = flat.reshape((x.shape[1], -1, 6)).mean(axis=1)
    h = nn.Linear(6, 3, name="o", dtype="float64")(h)
    loss, metrics = nn.cross_entropy(h, y), {"h": h.mean()}
    return gc.Trainer(loss, gc.optim.Adam(0.02), metrics, style=style, **options)


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
    """Parameters, and what all records tell."""
    train, dev = ({**rows(n, n), "y": np.arange(n) % 3} for n in (96, 37))
    options: dict[str, Any] = {"epochs": 4, "patience": 2, "verbose": False}
    found: dict[str, Any] = {}

    def keep(name: str, trainer: gc.Trainer) -> None:
        told = [{**record, "seconds": 0} for record in trainer.history]
        found[name] = {n: np.array(a) for n, a in trainer.parameters.items()}, told

    trainer = accumulated(style)
    trainer.fit(train, dev, batch_size=8, evaluations_per_epoch=2, **options)
    keep("accumulated", trainer)
    trainer = several(style)
    only = {"x": train["x"]}
    trainer.fit(only, {"x": dev["x"]}, batch_size=20, **options)
    keep("several", trainer)
    for again in (False, True):
        trainer = later(style, reproducible=again)
        sequences = {"x": np.stack([train["x"], train["x"][::-1]]), "y": train["y"]}
        once: dict[str, Any] = {"epochs": 2, "batch_size": 19, "verbose": False}
        trainer.fit(sequences, sequences, **once)
        keep("again" if again else "later", trainer)
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
