"""Processes that `mpiexec` starts together, and the models that they train."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gc

ROOT = Path(__file__).parent.parent.parent


@functools.cache
def mpiexec() -> str | None:
    """The launcher beside this Python, or that of the system."""
    here = str(Path(sys.executable).parent)
    return shutil.which("mpiexec", path=here + os.pathsep + os.environ["PATH"])


@functools.cache
def missing() -> str:
    """The reason why nothing can be started here; empty if it can."""
    launcher = mpiexec()
    if launcher is None:
        return "there is no mpiexec here"
    code = "from mpi4py import MPI; assert MPI.COMM_WORLD.size == 2"
    done = subprocess.run(command(2, "-c", code), capture_output=True, text=True)
    return "" if done.returncode == 0 else f"mpi4py does not run: {done.stderr[-200:]}"


def command(count: int, *arguments: object, python: str = sys.executable) -> list[str]:
    """The command that starts so many processes."""
    launcher = str(mpiexec())
    options: list[str] = []
    told = subprocess.run([launcher, "--version"], capture_output=True, text=True)
    if "Open MPI" in told.stdout:
        options = ["--oversubscribe", "--allow-run-as-root"]
    return [launcher, *options, "-n", str(count), python, *map(str, arguments)]


def run(count: int, *arguments: object, cwd: Path | None = None, **environ: str) -> Any:
    """Start processes together and wait; returns what they said, and the status."""
    # With fewer cores than ranks, one that waits should let others compute.
    quiet = {"OPENBLAS_NUM_THREADS": "1", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}
    environ = {**os.environ, **quiet, **environ}
    environ["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        command(count, *arguments),
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
    )


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 8))
    y = np.argmax(x[:, :3] + 0.5 * x[:, 3:6], axis=1)
    y[::5] = -100
    return {"x": x, "y": y}


TRAIN, DEV = rows(101), rows(37, 1)
"""In batches of 20 and of 3 rows, and of a last one; some without a label."""


def model(style: Any = "fast", **options: Any) -> gc.Trainer:
    """Dropout, labels that are ignored, a penalty, and a step that looks at all."""
    x = gc.input("x", ("batch", 8), "float64")
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(8, 6, name="hidden", dtype="float64")
    hidden = gc.nn.dropout(gc.tanh(hidden(x)), 0.2)
    output = gc.nn.Linear(6, 3, name="output", dtype="float64")
    logits = output(hidden + 0.1 * gc.random.normal(size=(6,), dtype="float64"))
    loss = gc.nn.cross_entropy(logits, y, ignore_index=-100)
    loss = (loss + 1e-3 * gc.sum(output.parameters[0] ** 2)).named("loss")
    known = gc.mean(gc.max(logits, axis=1))
    optimizer = gc.optim.ClipByGlobalNorm(gc.optim.AdamW(0.02), 0.5)
    metrics = {
        "largest": known,
        "f1": gc.metrics.f1_score(logits, y * (y >= 0), average="macro"),
    }
    return gc.Trainer(loss, optimizer, metrics, style=style, **options)


def trained(style: Any = "fast", batch_size: int = 20, **options: Any) -> Any:
    """The parameters after some epochs, and the last record."""
    trainer = model(style, **options)
    history = trainer.fit(TRAIN, DEV, epochs=2, batch_size=batch_size, verbose=False)
    record = {k: v for k, v in history[-1].items() if k != "seconds"}
    return {name: np.array(a) for name, a in trainer.parameters.items()}, record
