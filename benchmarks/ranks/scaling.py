"""Steps by one process and by several of this machine, beside PyTorch's.

*Strong*: ranks share the rows of a batch. *Weak*: each rank has as many rows.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.environment import cores
from benchmarks.harness import Unavailable
from benchmarks.training.graphc_peers import emit
from benchmarks.training.network import Training
from benchmarks.workloads import TIMED

WARM_UP = 20
STEPS = 100
WORKLOADS = ("relu-256", "relu-1024")
PEERS = ("graphc-native", "graphc-fast", "torch-fused")
ROOT = Path(__file__).parents[2]

Seconds = dict[str, list[float]]


def network_of(workload: Any, batch: int) -> Training:
    """The network of a workload with another batch."""
    if not isinstance(workload, Training):
        raise TypeError(f"{workload} is not a training workload")
    return replace(workload, batch=batch)


def command(
    peer: str, name: str, batch: int, ranks: int, folder: Path
) -> Sequence[str | Path]:
    """The shell's words that start so many ranks of a peer."""
    if peer.startswith("torch"):
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        return [
            *launcher,
            f"--nproc-per-node={ranks}",
            "-m",
            "benchmarks.ranks.ddp",
            name,
            str(batch),
        ]
    beside = Path(sys.executable).parent
    mpiexec = shutil.which("mpiexec", path=f"{beside}:{os.environ['PATH']}")
    if mpiexec is None:
        raise Unavailable("there is no mpiexec: pip install mpi4py mpich")
    words = [sys.executable, "-m", "benchmarks.ranks.emitted", name, str(batch)]
    return [mpiexec, "-n", str(ranks), *words, folder, peer.replace("-", "_")]


def step_seconds(peer: str, name: str, batch: int, ranks: int, folder: Path) -> float:
    """The median seconds of a step of so many ranks with one thread each.

    Raises:
        Unavailable: the peer is not installed.
        RuntimeError: it failed.
    """
    run = subprocess.run(
        command(peer, name, batch, ranks, folder),
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["it failed without a word"])[-1]
        if "ModuleNotFoundError" in run.stderr:
            raise Unavailable(last)
        raise RuntimeError(f"{peer} on {ranks} ranks: {last}\n{run.stderr}")
    return statistics.median(json.loads(run.stdout.strip().splitlines()[-1]))


def measure(
    name: str, peers: Sequence[str], rounds: int
) -> tuple[Mapping[str, Seconds], dict[str, str]]:
    """Seconds of a step in each round, by peer, and why others were not measured.

    The keys of a peer are `1` for one rank, `strong` for a rank on each core with the
    same batch, and `weak` with a batch for each.
    """
    workload, ranks = TIMED[name], cores()
    assert isinstance(workload, Training)
    batch = workload.batch
    settings = {
        "1": (batch, 1),
        "strong": (batch, ranks),
        "weak": (batch * ranks, ranks),
    }
    seconds: dict[str, Seconds] = {peer: {} for peer in peers}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for peer in peers:
            if peer.startswith("graphc"):
                path = Path(folder) / f"{peer.replace('-', '_')}.py"
                style = peer.removeprefix("graphc-")
                emit(network_of(TIMED[name], batch), style, path, mpi=True)
        for _ in range(rounds):
            for key, setting in settings.items():
                for peer in (peer for peer in peers if peer not in notes):
                    try:
                        found = step_seconds(peer, name, *setting, Path(folder))
                    except Unavailable as why:
                        notes[peer] = str(why)
                    else:
                        seconds[peer].setdefault(key, []).append(found)
    return {peer: found for peer, found in seconds.items() if found}, notes
