"""How long imports take, each in a new process that has imported nothing before."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .training.graphc_peers import emit
from .training.network import Training

MODULES = {
    "numpy": "numpy",
    "emitted": "emitted",
    "graphc": "graphc",
    "jax": "jax",
    "torch": "torch",
    "pytensor": "pytensor",
    "casadi": "casadi",
    "autograd": "autograd",
}

PROGRAM = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def measure(rounds: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The seconds of each import in each round, and why others were not measured.

    The first round, which may have to compile bytecode and read from the disk, does not
    count. `emitted` is the training program of a small network.
    """
    seconds: dict[str, list[float]] = {name: [] for name in MODULES}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        emit(
            Training("emitted", (784, 30, 10), 32), "fast", Path(folder) / "emitted.py"
        )
        for round_number in range(rounds + 1):
            for name, module in MODULES.items():
                if name in notes:
                    continue
                run = subprocess.run(
                    [
                        sys.executable,
                        "-W",
                        "ignore",
                        "-c",
                        PROGRAM.format(module=module),
                    ],
                    # For `emitted`, and to find graphc where it is not installed.
                    cwd=folder,
                    # Users have bytecode, whatever this process has been told.
                    env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if run.returncode:
                    notes[name] = run.stderr.strip().splitlines()[-1]
                elif round_number:
                    seconds[name].append(float(run.stdout))
    return {name: values for name, values in seconds.items() if values}, notes
