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


MPI_HOME = os.environ.get("MPI_HOME") and os.path.abspath(os.environ["MPI_HOME"])
"""The folder of the MPI that is tested; else that of this Python, or of the system."""


@functools.cache
def mpiexec() -> str | None:
    """The launcher of the MPI that is tested."""
    here = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    return shutil.which("mpiexec", path=f"{MPI_HOME}/bin" if MPI_HOME else here)


@functools.cache
def missing() -> str:
    """The reason why nothing can be started here; empty if it can."""
    if mpiexec() is None:
        return f"there is no mpiexec in {MPI_HOME or 'the path'}"
    code = "from mpi4py import MPI; assert MPI.COMM_WORLD.size == 2"
    done = run(2, "-c", code)
    return "" if done.returncode == 0 else f"mpi4py does not run: {done.stderr[-200:]}"


@functools.cache
def options() -> list[str]:
    """What a launcher has to be told to start more processes than there are cores."""
    told = subprocess.run([str(mpiexec()), "--version"], capture_output=True, text=True)
    is_open = "Open MPI" in told.stdout
    return ["--oversubscribe", "--allow-run-as-root"] if is_open else []


def command(count: int, *arguments: object) -> list[str]:
    """The command that starts so many processes."""
    told = [str(mpiexec()), *options(), "-n", str(count)]
    return [*told, sys.executable, *map(str, arguments)]


def started(folder: Path, count: int, *arguments: object) -> subprocess.Popen[str]:
    """Processes that go on, in a folder, with pipes to read what they print."""
    return subprocess.Popen(
        command(count, *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(**environ: str) -> dict[str, str]:
    """The variables of processes that are started together."""
    # With fewer cores than ranks, one that waits should let others compute.
    environ = {
        "OPENBLAS_NUM_THREADS": "1",
        "MPIR_CVAR_POLLS_BEFORE_YIELD": "1",
        **environ,
    }
    environ |= {"OMPI_MCA_mpi_yield_when_idle": "1", "PYTHONPATH": str(ROOT)}
    if MPI_HOME:
        # In a wheel, the one without a number is an empty file instead of a link.
        found = sorted(map(str, Path(MPI_HOME).glob("lib/libmpi.*")), reverse=True)
        environ["MPI4PY_LIBMPI"] = os.pathsep.join(found)
    return {**os.environ, **environ}


def run(count: int, *arguments: object, cwd: Path | None = None, **environ: str) -> Any:
    """Start processes together and wait; returns what they said, and the status."""
    return subprocess.run(
        command(count, *arguments),
        cwd=cwd,
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=300,
    )


Arrays = dict[str, np.ndarray[Any, Any]]


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


def wide(style: Any) -> Arrays:
    """The parameters of layers that take longer to add up than a few numbers do."""
    x = gc.input("x", ("batch", 8), "float64")
    hidden = gc.tanh(gc.nn.Linear(8, 400, name="first", dtype="float64")(x))
    hidden = gc.tanh(gc.nn.Linear(400, 800, name="second", dtype="float64")(hidden))
    loss = gc.mean(gc.square(gc.nn.Linear(800, 1, name="o", dtype="float64")(hidden)))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1), style=style)
    for start in range(0, 40, 10):
        trainer.step(x=TRAIN["x"][start : start + 10])
    return {name: np.array(array) for name, array in trainer.parameters.items()}


def trained(style: Any = "fast", batch_size: int = 20, **options: Any) -> Any:
    """The parameters after some epochs, and the last record."""
    trainer = model(style, **options)
    history = trainer.fit(TRAIN, DEV, epochs=2, batch_size=batch_size, verbose=False)
    record = {k: v for k, v in history[-1].items() if k != "seconds"}
    return {name: np.array(a) for name, a in trainer.parameters.items()}, record
