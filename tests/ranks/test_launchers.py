"""The number of ranks, by what launchers leave in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from graphc.harness import ranks
from tests.ranks import support
from tests.ranks.test_ranks import needs_ranks

ENVIRONMENTS: dict[str, tuple[tuple[int, int], dict[str, int]]] = {
    "none": ((1, 0), {}),
    "Hydra": ((4, 2), {"PMI_SIZE": 4, "PMI_RANK": 2}),
    "Open MPI": (
        (4, 2),
        {"OMPI_COMM_WORLD_SIZE": 4, "OMPI_COMM_WORLD_RANK": 2, "PMIX_RANK": 2},
    ),
    "MVAPICH": ((4, 2), {"MV2_COMM_WORLD_SIZE": 4, "MV2_COMM_WORLD_RANK": 2}),
    "a script of Slurm": ((1, 0), {"SLURM_NTASKS": 4, "SLURM_PROCID": 0}),
    "srun without MPI": (
        (1, 0),
        {"SLURM_NTASKS": 4, "SLURM_STEP_NUM_TASKS": 4, "SLURM_PROCID": 2},
    ),
    "srun with PMI-2": (
        (4, 2),
        {"SLURM_STEP_NUM_TASKS": 4, "SLURM_PROCID": 2, "PMI_SIZE": 4, "PMI_RANK": 2},
    ),
    "srun with PMIx": (
        (4, 2),
        {"SLURM_STEP_NUM_TASKS": 4, "SLURM_PROCID": 2, "PMIX_RANK": 2},
    ),
    "Hydra by srun, a process for each node": (
        (4, 2),
        {"PMI_SIZE": 4, "PMI_RANK": 2, "SLURM_STEP_NUM_TASKS": 4, "PMIX_RANK": 3},
    ),
    "mpiexec in a shell of srun": (
        (4, 2),
        {
            "PMI_SIZE": 1,
            "PMI_RANK": 0,
            "OMPI_COMM_WORLD_SIZE": 4,
            "OMPI_COMM_WORLD_RANK": 2,
        },
    ),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_launchers_tell_how_many_they_started(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, environment = ENVIRONMENTS[name]
    for pair in ranks.LAUNCHERS.items():
        for variable in pair:
            monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, str(value))
    assert ranks.launched() == expected
    assert ranks.is_first_rank() == (expected[1] == 0)


@pytest.mark.slow
@pytest.mark.mpi
def test_the_launcher_of_another_mpi_is_told(tmp_path: Path) -> None:
    needs_ranks()
    support.model().emit(tmp_path / "train.py", include=["mpi"])
    environ = {**os.environ, "PMI_SIZE": "5", "PMI_RANK": "0"}
    done = subprocess.run(
        [sys.executable, "train.py", "--data", "train.npz"],
        cwd=tmp_path,
        env={**support.environment(), **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "5 processes were started together" in done.stderr
    assert "sees 1: start them with the mpiexec" in done.stderr


def test_a_launcher_has_time_to_read_what_a_rank_tells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, told, ends = [0.0], list[float](), list[float]()

    def sleep(seconds: float) -> None:
        if "wrong" in capsys.readouterr().err:
            told.append(clock[0])
        clock[0] += seconds

    def abort(status: int) -> None:
        ends.append(clock[0])
        raise SystemExit(status)

    arrival = SimpleNamespace(Test=lambda: False)
    world = SimpleNamespace(Ibarrier=lambda: arrival, Abort=abort)
    mpi = SimpleNamespace(COMM_WORLD=world)
    time = SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
    monkeypatch.setattr(ranks, "time", time)
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    for rank in (1, 2):
        clock[0] = 0.0
        monkeypatch.setattr(ranks, "launched", lambda rank=rank: (4, rank))
        with pytest.raises(SystemExit, match="3"):
            ranks.end_if_alone("wrong", 3)
    # One that fails at the same time would tell after that.
    assert told[0] < ends[0] < told[1] < ends[1]
